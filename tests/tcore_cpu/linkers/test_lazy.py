"""The linker cvm on lazy graphs: regions as programs, run natively as they are needed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from in_threads import together

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.graph import Apply, Op
from tcore.tensor.ifelse import ifelse
from tcore_cpu.linkers import lazy as lazy_linker
from tcore_cpu.linkers.lazy import LazyPrograms, MachineThunk
from tcore_cpu.programs.regions import split
from tcore_cpu.runtime.loading import runtime

pytestmark = pytest.mark.skipif(not hasattr(runtime(), "Machine"), reason="this form of the runtime has no native loop")

MODE = tcore.Mode(linker="cvm")


class Note(Op):
    """Its input times 1, noted; ``fails`` names a note at which it raises."""

    __props__ = ("name",)
    log: list[str] = []

    def __init__(self, name):
        self.name = name

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        if self.name == "fails":
            raise OSError("no such value")
        self.log.append(self.name)
        output_storage[0][0] = inputs[0] * 1


@pytest.fixture(autouse=True)
def log():
    Note.log.clear()
    return Note.log


def test_a_branch_is_one_program():
    """Fused as it would be without the choice; nothing of the other branch runs."""
    c, x, y = T.dscalar("c"), T.dvector("x"), T.dvector("y")
    z = ifelse(c > 0, (T.exp(x) / T.exp(x).sum() + 1).sum(), T.dot(x, y) * 2)
    f = tcore.function([c, x, y], z, mode=MODE)
    assert isinstance(f.fn, MachineThunk)
    regions = split(f.maker.fgraph.toposort(), f.maker.fgraph.outputs, {})
    assert [region.lazy for region in regions].count(True) == 1
    assert len(regions) == 4  # the condition, two branches, the choice
    text = str(f.explain())
    assert "kernel" in text
    np.testing.assert_allclose(f(1, [1.0, 2.0], [3.0, 4.0]), 3.0)
    np.testing.assert_allclose(f(-1, [1.0, 2.0], [3.0, 4.0]), 22.0)
    with pytest.raises(ValueError, match="[Ss]hape|mis-?match"):
        f(-1, [1.0, 2.0], [3.0])
    np.testing.assert_allclose(f(1, [1.0, 2.0], [3.0]), 3.0)  # nobody looked at y


@pytest.mark.parametrize("native", [True, False])
def test_same_as_the_loop_in_python(native, log, monkeypatch):
    """Values, laziness and the order of notes, over random choices; by programs, and node by node."""
    if not native:
        monkeypatch.setattr(LazyPrograms, "serves", classmethod(lambda cls, fgraph, order: None))
    rng = np.random.default_rng(3)
    c, x = T.dvector("c"), T.dmatrix("x")
    values = [x, T.exp(x), x.T]
    for k in range(12):
        a, b = (values[i] for i in rng.integers(len(values), size=2))
        made = ifelse(c[k] > 0, Note(f"a{k}")(a * 2 + b), Note(f"b{k}")(T.dot(a, b)))
        values.append(made / (1 + abs(made).max()))
    outputs = [values[-1], values[-2].sum()]
    f = tcore.function([c, x], outputs, mode=MODE)
    reference = tcore.function([c, x], outputs, mode=tcore.Mode(linker="vm", optimizer=None))
    for _ in range(20):
        c_, x_ = rng.normal(size=12), rng.normal(size=(3, 3))
        log.clear()
        wanted = reference(c_, x_)
        ran = set(log)
        log.clear()
        for got, value in zip(f(c_, x_), wanted, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-12)
        assert set(log) == ran
        assert len(log) == len(ran)


def test_in_place_work_of_one_branch_leaves_the_other_alone(log):
    """A value that both branches overwrite is copied; no branch runs for the sake of the order."""
    c, d, x = T.dscalar("c"), T.dscalar("d"), T.dvector("x")
    shared = T.exp(x)
    one = ifelse(c > 0, Note("one")(shared + 1), x)
    two = ifelse(d > 0, Note("two")(shared * 3), x)
    f = tcore.function([c, d, x], [one, two], mode=MODE)
    assert any(region.copied for region in f.fn._regions)
    x_ = np.array([0.0, 1.0])
    for c_, d_, ran in ((1, 1, ["one", "two"]), (1, -1, ["one"]), (-1, 1, ["two"]), (-1, -1, [])):
        log.clear()
        got = f(c_, d_, x_)
        np.testing.assert_allclose(got[0], np.exp(x_) + 1 if c_ > 0 else x_)
        np.testing.assert_allclose(got[1], np.exp(x_) * 3 if d_ > 0 else x_)
        assert sorted(log) == ran


@pytest.mark.parametrize("mode", [MODE, tcore.Mode(linker="cvm", optimizer=None)], ids=["optimized", "as given"])
def test_in_place_work_beside_what_made_the_value(mode):
    """What is read later, under a condition, is not what it was overwritten with by then."""
    c, x = T.dscalar("c"), T.dvector("x")
    shared = T.exp(x)
    changed = T.inc_subtensor(shared[:1], 100.0, inplace=mode is not MODE)
    f = tcore.function([x, c], [changed, ifelse(c, shared * 3, x), ifelse(c, x, changed * 2)], mode=mode, accept_inplace=True)
    assert isinstance(f.fn, MachineThunk)
    for condition, chosen in ((1.0, ([3.0, 3.0], [0.0, 0.0])), (0.0, ([0.0, 0.0], [202.0, 2.0]))):
        for got, wanted in zip(f([0.0, 0.0], condition), ([101.0, 1.0], *chosen), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_updates_and_shared_values():
    """A shared value that one branch overwrites in place, or keeps."""
    c, g = T.dscalar("c"), T.dvector("g")
    w = tcore.shared(np.zeros(3))
    f = tcore.function([c, g], w.sum(), updates=[(w, ifelse(c > 0, w - g, w))], mode=MODE)
    assert f(1, np.ones(3)) == 0
    assert f(0, np.ones(3)) == -3
    assert f(1, np.full(3, 2.0)) == -3
    assert w.get_value().tolist() == [-3, -3, -3]


def test_errors_name_the_node_and_the_line(log):
    """Of a branch, of the loop itself; the function works afterwards."""
    c, x, y = T.dscalar("c"), T.dvector("x"), T.dvector("y")
    f = tcore.function([c, x, y], ifelse(c > 0, Note("fails")(x), x + y), mode=MODE)
    with pytest.raises(OSError, match="no such value") as caught:
        f(1, [1.0], [2.0])
    text = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    assert "Apply node that caused the error: Note" in text
    assert "test_lazy.py" in text
    with pytest.raises(ValueError, match="mis-?match") as caught:
        f(0, [1.0, 2.0], [1.0, 2.0, 3.0])
    assert "Elemwise{add" in str(caught.value)
    np.testing.assert_array_equal(f(0, [1.0], [2.0]), [3.0])


class Odd(Op):
    """A lazy op whose thunk answers nonsense."""

    __props__ = ()
    lazy = True

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        def thunk():
            return [7]

        thunk.lazy, thunk.inputs, thunk.outputs = True, [storage_map[v] for v in node.inputs], [storage_map[v] for v in node.outputs]
        return thunk


def test_thunks_that_ask_for_what_there_is_not():
    """An error with the node, not a wrong read."""
    x = T.dvector("x")
    f = tcore.function([x], Odd()(x * 2), mode=MODE)
    with pytest.raises(IndexError, match="asked for input 7 of 1") as caught:
        f([1.0])
    assert "Apply node that caused the error: Odd" in str(caught.value)


def test_memory_is_given_back():
    """Intermediate values are dropped during the call; with allow_gc off they stay, node by node, as documented."""
    c, x = T.dscalar("c"), T.dvector("x")
    seen = []

    class Watch(Note):
        def perform(self, node, inputs, output_storage, params=None):
            seen.append(weakref.ref(inputs[0]))
            output_storage[0][0] = inputs[0] * 1

    big = Watch("big")(x * 3)
    f = tcore.function([c, x], ifelse(c > 0, big + x, x), mode=MODE)
    f(1, np.ones(5))
    assert [ref() for ref in seen] == [None]
    assert all(cell[0] is None for v, cell in f.fn.storage_map.items() if v.owner is not None and v not in f.maker.fgraph.outputs)
    kept = tcore.function([c, x], ifelse(c > 0, T.exp(x) * x.sum(), x), mode=tcore.Mode(linker="cvm_nogc"))
    assert not isinstance(kept.fn, MachineThunk)
    kept(1, np.ones(2))
    assert any(cell[0] is not None for v, cell in kept.fn.storage_map.items() if v.owner is not None and v not in kept.maker.fgraph.outputs)


def test_profile_and_subsets(log):
    """A profile sees single nodes, by the loop in Python; some outputs alone run what they need."""
    c, x = T.dscalar("c"), T.dvector("x")
    outputs = [ifelse(c > 0, Note("a")(x + 1), Note("b")(x + 2)), Note("other")(x)]
    profiled = tcore.function([c, x], outputs, mode=MODE, profile=tcore.compile.ProfileStats(atexit_print=False))
    assert not isinstance(profiled.fn, MachineThunk)
    profiled(1, [1.0])
    assert sorted(log) == ["a", "other"]
    log.clear()
    f = tcore.function([c, x], outputs, mode=MODE)
    np.testing.assert_array_equal(f(0, [1.0], output_subset=[0]), [[3.0]])
    assert log in (["b"], ["b", "other"], ["other", "b"])


def test_threads():
    """Each call in progress has cells of its own."""
    c, x = T.dscalar("c"), T.dvector("x")
    f = tcore.function([c, x], ifelse(c > 0, T.exp(x).sum(), (x * 2).sum()), mode=MODE)

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x_, c_ = rng.normal(size=20), rng.normal()
            assert np.isclose(f(c_, x_), np.exp(x_).sum() if c_ > 0 else (x_ * 2).sum())

    together(work, 8)


def test_values_in_other_forms():
    """Numbers as Scalars, lists under trust_input, arrays in foreign byte order: as in other programs."""
    c, x = T.lscalar("c"), T.dvector("x")
    f = tcore.function([c, x], ifelse(c, x[c], x[0]), mode=MODE)
    assert f(1, [5.0, 6.0]) == 6.0
    assert f(0, [5.0, 6.0]) == 5.0
    f.trust_input = True
    assert f(np.array(1), np.array([5.0, 6.0], ">f8")) == 6.0
    with pytest.raises(TypeError, match="Input x of type TensorType\\(float64, vector\\) was given ndarray of dtype float64 and shape \\(1, 1\\)"):
        f(np.array(0), np.zeros((1, 1)))


def test_no_regions_where_they_would_wait_for_each_other(monkeypatch):
    """Then the loop in Python runs the nodes."""
    monkeypatch.setattr(lazy_linker, "split", lambda *arguments: None)
    c, x = T.dscalar("c"), T.dvector("x")
    f = tcore.function([c, x], ifelse(c > 0, x + 1, x + 2), mode=MODE)
    assert not isinstance(f.fn, MachineThunk)
    with change_flags(exception_verbosity="high"):
        assert f(1, [1.0]) == [2.0]


def test_one_call_is_the_way_in():
    """Calls go through an entry of the runtime: with arrays, numbers of Python and NumPy, shared values and updates; other arguments take the general path."""
    condition, x = T.bscalar(), T.dvector()
    total = tcore.shared(np.zeros(3))
    f = tcore.function([condition, x], [ifelse(condition, x + total, x * 2), x.sum()], updates=[(total, total + 1)], mode=MODE)
    assert type(f._entry).__name__ == "CellsEntry"
    value = np.arange(3.0)
    for step, given in enumerate([1, np.int8(1), np.array(1, "int8")]):
        assert f._entry(given, value) is not NotImplemented
        total.set_value(np.full(3, step + 1.0))
        np.testing.assert_array_equal(f(given, value)[0], value + step + 1)
        np.testing.assert_array_equal(total.get_value(), np.full(3, step + 2.0))
    before = total.get_value()
    assert f._entry(300, value) is NotImplemented
    assert f._entry(1, [0.0]) is NotImplemented
    assert f._entry(1) is NotImplemented
    np.testing.assert_array_equal(total.get_value(), before)  # nothing was computed
    np.testing.assert_array_equal(f(0, [1, 2, 3])[0], [2.0, 4.0, 6.0])
    with pytest.raises(TypeError, match="300"):
        f(300, value)


def test_an_entry_keeps_nothing():
    """Neither arguments nor results stay in the cells, also after an error; and the function can be called again."""
    condition, x = T.bscalar(), T.dvector()
    state = tcore.shared(np.zeros(3))
    f = tcore.function([condition, x], ifelse(condition, Note("fails")(x), x * 2), updates=[(state, state + x)], mode=MODE)
    value = np.arange(3.0)
    argument = weakref.ref(value)
    with pytest.raises(OSError, match="no such value"):
        f(1, value)
    result = f(0, value)
    np.testing.assert_array_equal(result, [0.0, 2.0, 4.0])
    gone = weakref.ref(result)
    del value, result
    gc.collect()  # the traceback of the error
    assert argument() is None
    assert gone() is None


def test_an_entry_within_itself():
    """A call from within a call has cells of its own."""

    class Again(Op):
        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage, params=None):
            output_storage[0][0] = inputs[0] + (f(1, inputs[0] - 1) if inputs[0][0] > 0 else 0)

    condition, x = T.bscalar(), T.dvector()
    f = tcore.function([condition, x], ifelse(condition, Again()(x + 0.5), x * 2), mode=MODE)
    assert type(f._entry).__name__ == "CellsEntry"
    np.testing.assert_array_equal(f(1, np.array([1.0])), [1.5 + 1.0 + 0.5 + 0.0])
    np.testing.assert_array_equal(f(0, np.array([1.0])), [2.0])


@pytest.mark.parametrize("condition", [True, False])
def test_choices_between_several_values(condition):
    """One choice makes several results, of branches that share values, one of them a choice itself."""
    taken, x, y = T.bscalar(), T.dvector(), T.dvector()
    common = T.exp(x)
    inner = ifelse(T.lt(x.sum(), y.sum()), common, y)
    first, second = ifelse(taken, (common + inner, x), (y, common * 2))
    f = tcore.function([taken, x, y], [first, second], mode=MODE)
    a, b = np.array([0.1, 0.2]), np.array([1.0, 2.0])
    expected = (np.exp(a) * 2, a) if condition else (b, np.exp(a) * 2)
    for got, want in zip(f(np.int8(condition), a, b), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-15)
