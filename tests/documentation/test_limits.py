"""What the documentation admits of the old system, or leaves open, and how it is here; for C code in ``test_c_limits.py``."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import tcore
import tcore.tensor as T
from tcore import config, gof, sparse
from tcore.compile.debugmode import BadDestroyMap
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Apply, Op, Type
from tcore.tensor.random import MRG_RandomStreams
from tcore.tensor.shared_randomstreams import RandomStreams

DOCS = Path(__file__).parents[2] / "docs"


def given(variable, value):
    variable.tag.test_value = value
    return variable


@pytest.mark.usefixtures("numpy_backend")
class TestTestValues:
    """Of loops, and of ops without ``perform``. (L4986)"""

    @pytest.fixture(autouse=True)
    def needed(self):
        with config.change_flags(compute_test_value="raise"):
            yield

    def test_loops_have_them_L4986(self):
        """Inside a step, which sees its first, and outside, with their gradients."""
        x, w = given(T.dvector("x"), np.arange(3.0)), given(T.dscalar("w"), 2.0)
        seen = []

        def step(element, total, w):
            seen.append([v.tag.test_value for v in (element, total, w)])
            return total + element * w

        sums, _ = tcore.scan(step, sequences=x, outputs_info=T.constant(np.float64(1.0)), non_sequences=w)
        assert seen == [[0.0, 1.0, 2.0]]
        np.testing.assert_array_equal(sums.tag.test_value, [1, 3, 7])
        assert tcore.grad(sums[-1], w).tag.test_value == 3

    def test_mistakes_in_a_step_show_at_its_line_L4986(self):
        x = given(T.dmatrix("x"), np.ones((2, 3)))
        with pytest.raises(ValueError, match="mismatch"):
            tcore.map(lambda row: T.dot(row, T.ones(4)), x)

    def test_ops_with_thunks_of_their_own_L4986(self):
        class Tripled(Op):
            __props__ = ()

            def make_node(self, x):
                return Apply(self, [x], [x.type()])

            def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
                (x,), (y,) = ([storage_map[v] for v in each] for each in (node.inputs, node.outputs))

                def thunk():
                    y[0] = x[0] * 3
                    compute_map[node.outputs[0]][0] = True

                return thunk

        x = given(T.dvector("x"), np.arange(3.0))
        np.testing.assert_array_equal(Tripled()(x).tag.test_value, [0, 3, 6])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_kernels_with_several_results_L6906():
    """What works on the same elements and builds on one another is one loop, however many results it has."""
    x, y = T.dvectors("x", "y")
    shared = T.exp(x)
    f = tcore.function([x, y], [shared * y, shared + y, (shared - y).sum()], mode="FAST_RUN")
    assert {f.maker.linker.explain_node(node) for node in f.maker.fgraph.apply_nodes} == {"kernel"}
    assert f.maker.linker.kernels == 1
    a, b = np.random.default_rng(0).normal(size=(2, 100))
    for found, wanted in zip(f(a, b), (np.exp(a) * b, np.exp(a) + b, (np.exp(a) - b).sum()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def public(cls):
    """Names and functions or properties of a class that users may call."""
    for name, member in inspect.getmembers(cls):
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
            yield name, member


@pytest.mark.parametrize("cls", [gof.FunctionGraph, gof.Apply, gof.Variable, gof.Constant, gof.Op, gof.Type, gof.toolbox.Feature, gof.CLinkerType])
def test_what_graphs_tell_is_documented_L5541_L14394_L14880_L15063_L15105_L14499(cls):
    """Every method and property says what it is, the class what it stands for."""
    assert inspect.getdoc(cls)
    assert [name for name, member in public(cls) if not inspect.getdoc(member)] == []


@pytest.mark.parametrize(
    ("page", "chapter", "shows"),
    [
        pytest.param("graph.md", "An op of your own", "make_node", id="ops_L14394"),
        pytest.param("graph.md", "Changing a graph", "FunctionGraph", id="FunctionGraph_L14880"),
        pytest.param("graph.md", "Changing a graph", "Feature|feature", id="features_L15063"),
        pytest.param("ops_and_types.md", "A Type of your own", "def filter", id="a guide on Types_L15688_L15105"),
        pytest.param("ops_and_types.md", "Any object", "generic", id="what Generic is for_L15448"),
        pytest.param("compiling.md", "Modes", "including|excluding", id="finer control_L13012"),
    ],
)
def test_chapters_that_were_to_be_written(page, chapter, shows):
    """Their programs run with the manual's other ones."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(chapter)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert re.search(shows, found[1])


def test_constants_are_what_their_type_makes_of_them_L14499_L15471():
    """Filtered once, and fixed from then on."""
    c = gof.Constant(T.dvector, [1, 2], name="c")
    assert (c.data.dtype, c.data.tolist(), c.name) == ("float64", [1, 2], "c")
    with pytest.raises(AttributeError, match="keeps its data"):
        c.data = np.zeros(2)
    with pytest.raises(TypeError):
        gof.Constant(T.dvector, [[1.0]])


def test_equality_up_to_rounding_is_exact_by_default_L15661():
    """A Type that says nothing else compares exactly; those of tensors say something else."""

    class Number(Type):
        __props__ = ()

        def filter(self, value, strict=False, allow_downcast=None):
            return float(value)

    assert Number().values_eq_approx(1.0, 1.0)
    assert not Number().values_eq_approx(1.0, 1.0 + 1e-15)
    assert T.dscalar.values_eq_approx(np.float64(1.0), np.float64(1.0 + 1e-15))


@pytest.mark.usefixtures("numpy_backend")
def test_values_eq_is_used_L8080():
    """DebugMode compares an input before and after a node with it, exactly: a change that rounding would hide is found."""
    asked = []

    class Numbers(Type):
        __props__ = ()

        def filter(self, value, strict=False, allow_downcast=None):
            return value

        def values_eq(self, a, b):
            asked.append((list(a), list(b)))
            return a == b

        def values_eq_approx(self, a, b):
            return True

    class Nudges(Op):
        """Adds next to nothing to its input, without saying so."""

        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            inputs[0][0] += 1e-12
            output_storage[0][0] = list(inputs[0])

    x = Numbers()("x")
    with pytest.raises(BadDestroyMap):
        tcore.function([x], Nudges()(x), mode="DebugMode")([1.0])
    assert ([1.0], [1.0 + 1e-12]) in asked


class Buffer(Type):
    """Bytes that can be changed."""

    __props__ = ()

    def filter(self, value, strict=False, allow_downcast=None):
        if not isinstance(value, bytearray):
            raise TypeError(f"expected a bytearray, got {value!r}")
        return value


class Same(Op):
    """A view: the object itself."""

    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]


class Raised(Op):
    """One more in the first byte, in new memory or in place."""

    __props__ = ("inplace",)

    def __init__(self, inplace=False):
        self.inplace = inplace
        self.destroy_map = {0: [0]} if inplace else {}

    make_node = Same.make_node

    def perform(self, node, inputs, output_storage):
        value = inputs[0] if self.inplace else bytearray(inputs[0])
        value[0] += 1
        output_storage[0][0] = value


@pytest.mark.usefixtures("numpy_backend")
@pytest.mark.parametrize("mode", ["FAST_COMPILE", "FAST_RUN", "DebugMode"])
def test_views_and_work_in_place_on_own_types_L8613(mode):
    """Python's floats are immutable, so nothing can work in place on them; values of a Type of one's own may be, and nobody's are spoilt."""
    x = Buffer()("x")
    f = tcore.function([x], [Same()(x), Raised()(Same()(x))], mode=mode)
    given = bytearray(b"abc")
    same, raised = f(given)
    assert (same, raised, given) == (b"abc", b"bbc", b"abc")
    assert same is not given
    if mode != "DebugMode":
        f = tcore.function([tcore.In(x, mutable=True)], [Raised(inplace=True)(x), Raised()(x), Raised()(Same()(x))], accept_inplace=True, mode=mode)
        assert f(bytearray(b"abc")) == [b"bbc"] * 3
        with pytest.raises(gof.InconsistencyError, match=r"overwrites Same\.0, an output"):
            tcore.function([tcore.In(x, mutable=True)], [Raised(inplace=True)(x), Same()(x)], accept_inplace=True, mode=mode)
    f = tcore.function([tcore.In(x, mutable=True, borrow=True)], Raised(inplace=True)(x), accept_inplace=True, mode="FAST_COMPILE")
    assert f(given) == b"bbc"
    assert given == b"bbc"


@pytest.mark.usefixtures("numpy_backend")
@pytest.mark.parametrize("kept", [False, True])
def test_no_recycling_of_make_thunk_L8277(kept):
    """The outputs whose old value must not be reused: their cells are empty when ``perform`` runs, others hold what it left there."""
    found = []

    class Looks(Op):
        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            found.append(output_storage[0][0])
            output_storage[0][0] = inputs[0] + 1

    node = Looks()(T.dscalar("x")).owner
    storage = {node.inputs[0]: [np.array(1.0)], node.outputs[0]: [None]}
    computed = {variable: [0] for variable in storage}
    thunk = node.op.make_thunk(node, storage, computed, [] if kept else node.outputs, impl="py")
    thunk()
    thunk()
    assert [value is None for value in found] == [True, not kept]
    assert storage[node.outputs[0]][0] == 2
    assert computed[node.outputs[0]] == [1]


@pytest.mark.usefixtures("numpy_backend")
def test_old_memory_of_shared_variables_L7929():
    """``filter_inplace`` is asked wherever a value takes the place of another, on the host as well."""

    class Reused(Type):
        __props__ = ()

        def filter(self, value, strict=False, allow_downcast=None):
            return np.array(value, "float64")

        def filter_inplace(self, value, storage, strict=False, allow_downcast=None):
            if storage is None or storage.shape != np.shape(value):
                return self.filter(value)
            storage[...] = value
            return storage

    shared = SharedVariable(type=Reused(), value=[1.0, 2.0], name="s", strict=False)
    memory = shared.get_value(borrow=True)
    shared.set_value([3.0, 4.0])
    assert shared.get_value(borrow=True) is memory
    assert memory.tolist() == [3, 4]


@pytest.mark.usefixtures("numpy_backend")
class TestSparse:
    """Matrices in two formats; here arithmetic with dense operands broadcasts. (L8780, L8782)"""

    def test_formats_L8780_L8782(self):
        for name in ("csc", "csr"):
            x = sparse.SparseType(name, "float64")("x")
            assert (x.format, x.ndim, x.type.broadcastable) == (name, 2, (False, False))
        with pytest.raises(NotImplementedError, match="sparse format 'coo': there are csc, csr"):
            sparse.SparseType("coo", "float64")
        with pytest.raises(TypeError, match="takes matrices of numbers, got 3 dimensions"):
            sparse.SparseType("csr", "float64").filter(np.zeros((2, 2, 2)))

    @pytest.mark.parametrize("format", ["csc", "csr"])
    def test_dense_rows_broadcast_L8780(self, format):
        x, row = sparse.SparseType(format, "float64")("x"), T.drow("row")
        value = np.array([[1.0, 0, 2], [0, 3, 0]])
        f = tcore.function([x, row], [x * row, x + row])
        product, total = f(scipy.sparse.csr_matrix(value).asformat(format), [[1.0, 2.0, 3.0]])
        np.testing.assert_array_equal(product.toarray(), value * [1, 2, 3])
        np.testing.assert_array_equal(np.asarray(total), value + [1, 2, 3])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu", "opencl")
def test_one_generator_for_every_device_L8824_L8822(backend):
    """No generator is bound to one kind of device: MRG has all distributions, and draws the same numbers everywhere."""

    def draws():
        random = MRG_RandomStreams(7)
        outputs = [random.uniform((3, 2)), random.normal((4,)), random.binomial((5,), n=3, p=0.4), random.multinomial(pvals=[[0.2, 0.3, 0.5]] * 3)]
        return tcore.function([], [*outputs, random.choice(2, replace=False, p=[[0.1, 0.5, 0.4]])])()

    found = draws()
    with config.change_flags(backend="numpy"):
        for one, other in zip(found, draws(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_random_variables_L14541_L15502():
    """A draw knows the generator that it is made from, and what its state becomes."""
    draw = RandomStreams(3).normal((2,))
    state, following = draw.update
    assert state is draw.rng
    assert following.type == state.type


# ------------------------------------------------------------ options


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_finer_control_of_modes_L13012():
    """Which rewrites: tags of the mode; what runs: its linker. A mode is a value, from which others are made."""
    x = T.dvector("x")
    expression = T.exp(x) * 2 + 1
    plain = tcore.function([x], expression, mode=tcore.Mode("vm", "fast_run").excluding("fusion", "inplace"))
    fused = tcore.function([x], expression, mode=tcore.Mode("cvm", "fast_run"))
    assert len(plain.maker.fgraph.apply_nodes) == 3
    assert len(fused.maker.fgraph.apply_nodes) == 1
    only = tcore.Mode("vm", gof.Query(include=["canonicalize"], exclude=["local_add_canonizer"]))
    for f in (plain, fused, tcore.function([x], expression, mode=only)):
        np.testing.assert_allclose(f([1.0]), [np.e * 2 + 1])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_half_precision_L13363():
    """As ``floatX`` it is the dtype of constructors, results and gradients, and kernels compute it."""
    with config.change_flags(floatX="float16"):
        v, w = T.vector("v"), tcore.shared(np.eye(3, dtype="float16"), name="w")
        out = T.nnet.softmax(T.dot(v, w) * 2)
        gradient = T.grad(T.log(out)[0, 0], v)
        assert (v.dtype, out.dtype, gradient.dtype) == ("float16",) * 3
        value, slope = tcore.function([v], [out, gradient])(np.array([0.5, 0.0, -0.5], "float16"))
    e = np.exp([1.0, 0.0, -1.0])
    assert (value.dtype, slope.dtype) == ("float16", "float16")
    np.testing.assert_allclose(value[0], e / e.sum(), rtol=2e-3)
    np.testing.assert_allclose(slope, 2 * (np.array([1, 0, 0]) - e / e.sum()), rtol=4e-3)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_memory_with_either_search_for_cycles_L13433():
    """What a function takes at most need not be found out by trying: it tells before it runs."""
    x = T.dmatrix("x")
    y = T.specify_shape(x, (64, 64))
    peaks = []
    for search in ("regular", "fast"):
        with config.change_flags(cycle_detection=search):
            f = tcore.function([x], T.exp(T.dot(y, y) + 1) * T.dot(y, y.T) - 2)
        peaks.append(f.memory_plan().peak)
        value = np.random.default_rng(0).normal(size=(64, 64)) / 64
        np.testing.assert_allclose(f(value), np.exp(value @ value + 1) * (value @ value.T) - 2, rtol=1e-12)
    assert all(peak is not None and peak >= 64 * 64 * 8 for peak in peaks)


def test_division_of_integers_L13474():
    """``/`` is Python's under every setting but the one that refuses it; ``//`` stays."""
    i, j = T.iscalars("i", "j")
    for policy in ("int", "floatX"):
        with config.change_flags(int_division=policy, backend="numpy"):
            assert tcore.function([i, j], [i / j, i // j], mode="FAST_COMPILE")(7, 2) == [3.5, 3]
    with config.change_flags(int_division="raise"):
        assert (i // j).dtype == "int32"
        with pytest.raises(TypeError, match=r"i / j divides integers.*use //"):
            i / j


class Crooked(Op):
    """Its shape inference is broken."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.repeat(inputs[0], 2)

    def infer_shape(self, node, shapes):
        raise RuntimeError("no idea")


@pytest.mark.usefixtures("numpy_backend")
def test_shapes_after_a_failed_inference_L13664():
    """Nothing is assumed in its place: the shape is that of the value. The warning names the node and the user's line."""
    x = T.dvector("x")
    with pytest.warns(UserWarning, match=r"(?s)infer_shape of Crooked\(x\) failed.*no idea.*test_limits\.py"):
        f = tcore.function([x], Crooked()(x).shape)
    assert f([1.0, 2.0]).tolist() == [4]
    with config.change_flags(on_shape_error="raise"), pytest.raises(RuntimeError, match="no idea"):
        tcore.function([x], Crooked()(x).shape)


@pytest.mark.usefixtures("numpy_backend")
def test_failing_rewrites_that_are_not_mentioned_L13646():
    """``on_opt_error=ignore`` skips the rewrite; the graph stays right."""

    @gof.local_optimizer([T.exp])
    def fails(node):
        raise RuntimeError("no")

    x = T.dvector("x")
    mode = tcore.Mode("py", gof.opt.TopoOptimizer(fails))
    with config.change_flags(on_opt_error="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(tcore.function([x], T.exp(x), mode=mode)([1.0]), [np.e])


def test_old_bugs_L13672():
    """There is none to warn of: a graph that exposed one in old versions compiles without a word, whatever the flag says."""
    x = T.dvector("x")
    with config.change_flags({"warn.subtensor_merge_bug": True, "backend": "numpy"}), warnings.catch_warnings():
        warnings.simplefilter("error")
        f = tcore.function([x], x[1:][-3:], mode="FAST_RUN")
    np.testing.assert_array_equal(f(np.arange(3.0)), np.arange(3.0)[1:][-3:])
