"""Functions: forms of results, values that live on, copies, pickles, concurrent calls."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from in_threads import together
from samples import AddInplace

import tcore.tensor as T
from tcore import In, Mode, Out, function, shared
from tcore.compile import FunctionMaker, get_mode, predefined_linkers
from tcore.configuration import change_flags
from tcore.graph import Apply, InconsistencyError, Op

x, y = T.dscalar("x"), T.dscalar("y")

pytestmark = pytest.mark.usefixtures("numpy_backend")


class View(Op):
    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0][:]


class TestForms:
    def test_none_and_empty_L12754_L12756(self):
        assert function([x], None, on_unused_input="ignore")(1) == []
        assert function([x], [], on_unused_input="ignore")(1) == []

    def test_dict_L12495(self):
        f = function([x], {"twice": 2 * x, "square": x**2})
        assert f(3) == {"twice": 6.0, "square": 9.0}
        assert f(3, output_subset=["square"]) == {"square": 9.0}

    def test_subset_L12495(self):
        s = shared(0.0)
        f = function([x], [x, 2 * x, 3 * x], updates=[(s, s + 1)])
        assert f(1, output_subset=[2, 0]) == [3.0, 1.0]
        assert s.get_value() == 1.0

    def test_name_L12411(self):
        assert function([x], x + 1, name="plus_one").name == "plus_one"
        assert function([x], x + 1).name.startswith("test_function.py:")

    def test_constant_output(self):
        """A constant that is returned cannot be changed through the result."""
        c = T.constant(np.arange(3.0))
        f = function([], c)
        f()[0] = 99
        np.testing.assert_array_equal(f(), [0, 1, 2])


class TestAliasing:
    def test_identity_is_a_copy_L12384(self):
        v = T.dvector("v")
        f = function([v], v)
        assert [str(node.op) for node in f.maker.fgraph.toposort()] == ["DeepCopyOp"]
        value = np.ones(2)
        result = f(value)
        result[0] = 5
        assert value[0] == 1

    def test_view_of_shared(self):
        s = shared(np.arange(3.0))
        f = function([], View()(s))
        f()[:] = 7
        np.testing.assert_array_equal(s.get_value(), [0, 1, 2])

    def test_same_output_twice(self):
        v = T.dvector("v")
        z = T.exp(v)
        first, second = function([v], [z, z])([0.0])
        first[0] = 3
        assert second[0] == 1.0

    def test_updates_own_their_memory(self):
        """Shared values never share memory, whatever is stored into them."""
        v = T.dvector("v")
        a, b = shared(np.zeros(2)), shared(np.zeros(2))
        f = function([v], [], updates=[(a, v), (b, v)])
        value = np.ones(2)
        f(value)
        value[:] = 9
        np.testing.assert_array_equal(a.get_value(), 1)
        a.get_value(borrow=True)[:] = 4
        np.testing.assert_array_equal(b.get_value(), 1)

    def test_swapped(self):
        a, b = shared(np.zeros(2)), shared(np.ones(2))
        function([], [], updates=[(a, b), (b, a)])()
        assert a.get_value()[0] == 1
        assert b.get_value()[0] == 0

    def test_mutable_input_of_read_only_memory(self):
        """A value that must not be written to is copied once, and explain() tells."""
        v, w = T.dvector("v"), T.dvector("w")
        f = function([In(v, mutable=True), w], AddInplace()(v, w), accept_inplace=True)
        value = np.ones(2)
        value.flags.writeable = False
        np.testing.assert_array_equal(f(value, [1.0, 1.0]), [2, 2])
        np.testing.assert_array_equal(value, 1)
        both = np.ones(2)
        np.testing.assert_array_equal(f(both, both), [2, 2])
        assert "2 values were copied" in str(f.explain())

    def test_inplace_needs_consent_L12396(self):
        v, w = T.dvector("v"), T.dvector("w")
        with pytest.raises(TypeError, match="accept_inplace=True"):
            function([In(v, mutable=True), w], AddInplace()(v, w))


    def test_inplace_must_be_possible(self):
        """What a user's in-place op would spoil is an error at once: another output, an argument, a later reader."""
        v, w = T.dvectors("v", "w")
        z = T.exp(v)
        overwritten = AddInplace()(z, w)
        for outputs in ([z, overwritten], [View()(z), overwritten], [AddInplace()(z, w), AddInplace()(z, v)], AddInplace()(v, w)):
            with pytest.raises(InconsistencyError, match="overwrite"):
                function([v, w], outputs, accept_inplace=True, on_unused_input="ignore")
        np.testing.assert_array_equal(function([v, w], [overwritten, z.sum()], accept_inplace=True)([0.0], [5.0])[0], 6)


class TestCopy:
    def test_in_place_update(self):
        """A copy of a function that works in place computes the same, and leaves shared values alone without updates."""
        s, w = shared(np.array([2.0])), T.dvector("w")
        f = function([w], s * w, updates=[(s, AddInplace()(s, T.ones_like(s)))], accept_inplace=True)
        twin = f.copy()
        np.testing.assert_array_equal(twin([10.0]), [20])
        np.testing.assert_array_equal(s.get_value(), [3])
        still = f.copy(delete_updates=True)
        np.testing.assert_array_equal(still([10.0]), [30])
        np.testing.assert_array_equal(s.get_value(), [3])
        np.testing.assert_array_equal(f([10.0]), [30])
        np.testing.assert_array_equal(s.get_value(), [4])

    def test_in_place_output_without_updates(self):
        """An in-place result that was both output and update does not change the shared value any more."""
        s = shared(np.array([2.0]))
        new = AddInplace()(s, T.ones_like(s))
        f = function([], new, updates=[(s, new)], accept_inplace=True)
        still = f.copy(delete_updates=True)
        np.testing.assert_array_equal(still(), [3])
        np.testing.assert_array_equal(still(), [3])
        np.testing.assert_array_equal(s.get_value(), [2])

    def test_form_and_name_L12501_L12510(self):
        f = function([x], x + 1, name="f")
        assert f.copy()(1) == 2.0
        assert f.copy().name == "f copy"
        assert f.copy(name="g").name == "g"
        assert function([x], {"a": x}).copy()(1) == {"a": 1.0}
        assert f.copy().maker is not f.maker

    def test_swap_errors(self):
        s, other = shared(0.0), shared(np.zeros(2))
        f = function([x], s + x)
        with pytest.raises(AssertionError):
            f.copy(swap={s: 3})
        with pytest.raises(AssertionError, match="must be the same"):
            f.copy(swap={s: other})
        with pytest.raises(ValueError, match="does not use"):
            f.copy(swap={shared(0.0): shared(1.0)})

    @pytest.mark.parametrize("together", [True, False])
    def test_share_memory_L12507(self, together):
        """Cells of intermediate values are common to both, or of each its own; those of inputs and outputs never are common."""
        f = function([x], T.exp(x) * 2, mode=Mode(linker="vm_nogc", optimizer=None))
        g = f.copy(share_memory=together)
        assert f(0.0) == g(0.0) == f(0.0) == 2.0
        between = [{id(cell) for v, cell in each.fn.storage_map.items() if v.owner is not None and "exp" in str(v)} for each in (f, g)]
        assert (between[0] == between[1]) is together
        ends = [{id(each.fn.storage_map[v]) for v in (*each.maker.fgraph.inputs, *each.maker.fgraph.outputs)} for each in (f, g)]
        assert ends[0].isdisjoint(ends[1])

    def test_state_of_inputs_L12472(self):
        """Values of inputs with updates are copied."""
        s = T.dscalar("s")
        f = function([x, In(s, value=1.0, update=s + x)], s)
        g = copy.copy(f)
        f(5)
        assert f[s] == 6.0
        assert g[s] == 1.0

    def test_deepcopy(self):
        s = shared(1.0, name="s")
        f = function([x], s + x, updates=[(s, s * 2)])
        g = copy.deepcopy(f)
        assert g(1) == 2.0
        assert s.get_value() == 1.0
        assert g(1) == 3.0
        assert f(1) == 2.0


class TestPickle:
    def test_values_and_form_L12478(self):
        s = shared(3.0, name="s")
        f = function([x, In(y, value=2.0)], [x * y + s], updates=[(s, s + 1)], name="f")
        f(1)
        g = pickle.loads(pickle.dumps(f))
        assert g.name == "f"
        assert g(1) == [6.0]
        assert g(1) == [7.0]
        assert s.get_value() == 4.0
        assert g(1, y=0) == [6.0]

    def test_off(self):
        f = function([x], x + 1)
        with change_flags(unpickle_function=False):
            assert pickle.loads(pickle.dumps(f)) is None


class TestDefaultUpdate:
    def test_applied_unless_refused_L12410_L12432(self):
        s, t = shared(0.0, name="s"), shared(10.0, name="t")
        s.default_update = s + t
        t.default_update = t + 1
        function([], s)()
        assert s.get_value() == 10.0
        assert t.get_value() == 11.0
        function([], s, no_default_updates=True)()
        assert s.get_value() == 10.0
        function([], s, no_default_updates=[s])()
        assert s.get_value() == 10.0
        assert t.get_value() == 11.0
        function([], s, updates=[(s, s * 0)])()
        assert s.get_value() == 0.0
        assert t.get_value() == 11.0


class TestConcurrency:
    def test_threads(self):
        """32 threads that call one function get the right answers."""
        v = T.dvector("v")
        f = function([v], (v * 2 + 1) * v)

        def work(k):
            value = np.full(50, float(k))
            for _ in range(50):
                np.testing.assert_array_equal(f(value), (value * 2 + 1) * value)

        together(work, 32)

    def test_updates_are_not_lost(self):
        """Each of many concurrent calls counts."""
        s = shared(0, name="s")
        f = function([], s, updates=[(s, s + 1)])
        together(lambda k: [f() for _ in range(100)], 8)
        assert s.get_value() == 800

    def test_from_within_itself(self):
        """A function that an op calls again runs in another frame."""

        class Recurse(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def perform(self, node, inputs, output_storage, params=None):
                value = float(inputs[0])
                output_storage[0][0] = np.asarray(0.0 if value <= 0 else float(f(value - 1)))

        f = function([x], Recurse()(x) + x)
        assert f(4.0) == 10.0


def test_trust_input():
    f = function([x], x + 1)
    f.trust_input = True
    assert f(np.asarray(1.0)) == 2.0


def test_finder_L12482_L12484():
    f = function([x], x + 1)
    assert f.finder[0] is f.finder[x] is f.finder["x"]
    assert f.inv_finder[f.finder[0]].variable is not None
    assert f == f
    assert f != function([x], x + 1)


def test_function_of_a_computed_variable_L12330():
    """An input may be what a node computes: the node is not used."""
    middle = T.exp(x)
    f = function([middle], middle * 2)
    assert f(3.0) == 6.0
    assert f[middle] is None


def test_free_L12517():
    f = function([x], T.exp(x) * 2, mode=Mode(linker="vm_nogc", optimizer=None))
    f(0.0)
    kept = [cell for v, cell in f.fn.storage_map.items() if v.owner is not None and v not in f.maker.fgraph.outputs]
    assert kept[0][0] is not None
    f.free()
    assert kept[0][0] is None


def test_free_within_a_call():
    """The call in progress keeps what it needs; afterwards the storage can be emptied."""

    class Frees(Op):
        __props__ = ()

        def make_node(self, a):
            return Apply(self, [a], [a.type()])

        def perform(self, node, inputs, output_storage, params=None):
            f.free()
            output_storage[0][0] = inputs[0] * 1

    early = T.exp(x)
    f = function([x], Frees()(early) + early, mode=Mode(linker="vm_nogc", optimizer=None))
    assert f(0.0) == 2.0
    cell = next(cell for v, cell in f.fn.storage_map.items() if v.owner is not None and v.owner.op == T.exp)
    assert cell[0] is not None
    f.free()
    assert cell[0] is None


def test_functions_are_keys():
    """Each is equal to itself only."""
    f, g = function([x], x), function([x], x)
    assert {f: 1, g: 2}[f] == 1


def test_maker_makes_functions_L12468():
    maker = FunctionMaker([x], Out(x * 3), mode=Mode(optimizer=None))
    assert maker.create()(2) == 6.0


def test_fifty_thousand_nodes_run():
    """A chain of 50,000 nodes compiles without optimizations and runs within the default recursion limit."""
    z = x
    for _ in range(50_000):
        z = z + 1.0
    assert function([x], z, mode=Mode(linker="vm", optimizer=None))(0.0) == 50_000.0


def test_default_mode_follows_flags_L13624_L13632():
    with change_flags(linker="py", optimizer="o1"):
        mode = get_mode(None)
    assert mode.provided_linker == "py"
    assert mode.provided_optimizer == "o1"
    assert set(predefined_linkers) >= {"py", "c", "c|py", "c|py_nogc", "vm", "cvm", "vm_nogc", "cvm_nogc"}


def test_modes_are_values():
    """including, excluding and requiring give new modes."""
    mode = Mode("py", "fast_run")
    without = mode.excluding("fusion", "inplace")
    assert without is not mode
    assert mode._query.exclude == frozenset()
    assert without._query.exclude == {"fusion", "inplace"}
    assert mode.including("a")._query.include == {"fast_run", "a"}
    assert mode.requiring("b")._query.require == {"b"}
    assert isinstance(without, Mode)
    assert without.provided_linker == "py"


def test_explain():
    f = function([x], T.exp(x) + 1, mode=Mode("py", None), name="f")
    text = str(f.explain())
    assert text.startswith("f: 2 nodes, linker PerformLinker")
    assert "Elemwise{exp,no_inplace}(x)" in text
