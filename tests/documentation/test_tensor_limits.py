"""What the documentation admits of tensors, their derivatives and their rewriting, and how it is here; its lines in the names.

What it admits of C code is in ``test_c_limits.py``.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
import scipy.stats

import tcore
import tcore.tensor as T
from tcore import Mode, function, shared
from tcore.compile.archive import dump, load
from tcore.gof import FunctionGraph, MergeOptimizer
from tcore.graph import Variable
from tcore.sandbox.linalg.ops import Hint, psd, spectral_radius_bound
from tcore.tensor import extra_ops, nlinalg
from tcore.tensor.opt import ShapeFeature
from tcore.tensor.utils import shape_of_variables
from tcore.tests.breakpoint import PdbBreakpoint

rng = np.random.default_rng(11)


def ops(f):
    """The names of the ops of a function, in the order of execution."""
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


# ---------------------------------------------------------------------------------------------------------- derivatives


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_jacobian_times_a_vector_L2242_L2326():
    """From either side, without the matrix: the operators say so in one word, and what they compute is what the whole matrix gives."""
    x, v, w = T.dvector("x"), T.dvector("v"), T.dmatrix("w")
    y = T.tanh(T.dot(w, x))
    whole = tcore.gradient.jacobian(y, x)
    matrix, point, direction = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    right = function([w, x, v], T.Rop(y, x, v))
    left = function([w, x, v], T.Lop(y, x, v))
    jacobian = function([w, x], whole)(matrix, point)
    np.testing.assert_allclose(right(matrix, point, direction), jacobian @ direction)
    np.testing.assert_allclose(left(matrix, point, direction[:3]), direction[:3] @ jacobian)
    for f in (right, left):
        assert "Rows" not in ops(f)
        assert not any(v.type.ndim == 2 for node in f.maker.fgraph.apply_nodes if not node.op.view_map for v in node.outputs)
    second = function([w, x, v], T.Rop(T.grad(y.sum(), x), x, v))
    hessian = function([w, x], tcore.gradient.hessian(y.sum(), x))(matrix, point)
    np.testing.assert_allclose(second(matrix, point, direction), hessian @ direction)


# ------------------------------------------------------------------------------------------------------- shared variables


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_borrowed_memory_is_the_hosts_L5827():
    """On the host an array that was lent without a copy is the value itself; what every place promises is ``set_value`` of a changed ``get_value``."""
    array = np.zeros(3)
    s = shared(array, borrow=True)
    f = function([], s * 2)
    array += 1
    assert f().tolist() == [2, 2, 2]
    own = shared(array)
    array += 1
    assert own.get_value().tolist() == [1, 1, 1]
    changed = own.get_value(borrow=True)
    changed *= 10
    own.set_value(changed, borrow=True)
    assert function([], own * 2)().tolist() == [20, 20, 20]


# --------------------------------------------------------------------------------------------------------------- rewriting


def test_equal_expressions_that_are_two_L10290():
    """A graph keeps what a program wrote twice until it is merged; functions are merged first, so that the rule meets its pattern."""
    x, y, z = T.dmatrices("x", "y", "z")
    quotient = T.true_div(T.mul(T.add(y, z), x), T.add(y, z))
    graph = FunctionGraph([x, y, z], [quotient], clone=True)
    product, divisor = graph.outputs[0].owner.inputs
    assert product.owner.inputs[0] is not divisor
    assert tcore.gof.graph.is_same_graph(product.owner.inputs[0], divisor)
    MergeOptimizer().optimize(graph)
    assert product.owner.inputs[0] is graph.outputs[0].owner.inputs[1]
    f = function([x, y, z], quotient, on_unused_input="ignore", mode=Mode("py", "fast_run"))
    assert ops(f) == ["DeepCopyOp"]


def test_dot_of_three_axes_L11242():
    """``dot`` is NumPy's for any number of axes; the op between matrices takes matrices only."""
    a, b = T.dtensor3("a"), T.dmatrix("b")
    left, right = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5))
    np.testing.assert_allclose(function([a, b], T.dot(a, b), mode="FAST_COMPILE")(left, right), np.dot(left, right))
    with pytest.raises(TypeError, match="3"):
        tcore.tensor.Dot()(a, b)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_work_taken_out_of_a_loop_L11510_L11514():
    """A product of a sequence is one product before the loop, and its result as large as the sequence; the flag leaves it inside, with the same numbers."""
    xs, w = T.dmatrix("xs"), T.dmatrix("w")
    states, _ = tcore.scan(lambda x, h, w: T.tanh(h + T.dot(x, w)), sequences=xs, outputs_info=T.zeros_like(w[0]), non_sequences=w)
    values = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    out = function([xs, w], states[-1])
    kept = function([xs, w], states[-1], mode=tcore.compile.get_default_mode().excluding("scanOp_pushout_seqs_ops"))
    assert "Dot22" in ops(out)
    assert "Dot22" not in ops(kept)
    state = np.zeros(3)
    for x in values[0]:
        state = np.tanh(state + x @ values[1])
    np.testing.assert_allclose(out(*values), state)
    np.testing.assert_allclose(kept(*values), state)


def test_one_kernel_for_several_results_L3567():
    """Elementwise work is one node for each result, and all of them are one loop, which reads what they share once."""
    x, y = T.dvector("x"), T.dvector("y")
    with tcore.config.change_flags(backend="cpu"):
        f = function([x, y], [T.exp(x) * y + 1, T.exp(x) - y])
    text = str(f.explain())
    assert "kernel 0" in text
    assert "kernel 1" not in text
    a, b = rng.normal(size=3), rng.normal(size=3)
    for found, wanted in zip(f(a, b), (np.exp(a) * b + 1, np.exp(a) - b), strict=True):
        np.testing.assert_allclose(found, wanted)


# ------------------------------------------------------------------------------------------------------------------- hints


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "FAST_RUN", "DebugMode"])
def test_hints_are_taken_on_trust_L18618(mode):
    """A wrong one is the user's: no mode checks it, and where nothing makes use of it, nothing changes."""
    a = T.dmatrix("a")
    value = np.array([[1.0, 2.0], [2.0, -3.0]])
    for hinted in (psd(a), Hint(diagonal=True)(a)):
        np.testing.assert_allclose(function([a], T.exp(hinted), mode=mode)(value), np.exp(value))


def test_bound_of_a_spectral_radius_L18634():
    """By squaring, as documented: with every power the bound comes closer to the largest eigenvalue, and never below it."""
    a = T.dmatrix("a")
    value = rng.normal(size=(6, 6))
    value = value @ value.T
    largest = np.linalg.eigvalsh(value).max()
    bounds = [float(function([a], spectral_radius_bound(a, power), mode="FAST_COMPILE")(value)) for power in range(1, 6)]
    assert bounds == sorted(bounds, reverse=True)
    assert largest <= bounds[-1] <= largest * 6 ** (1 / 2**5) * (1 + 1e-9)


# ---------------------------------------------------------------------------------------------------------- loops, functions


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("of_function", [True, False])
@pytest.mark.parametrize("of_loop", [True, False, None])
def test_who_frees_the_memory_of_a_loop_L19435_L19251(of_function, of_loop):
    """The loop's own flag keeps or drops what steps compute, the function's what is left of the call; the numbers are the same, call after call."""
    xs, w = T.dmatrix("xs"), T.dmatrix("w")
    states, _ = tcore.scan(lambda x, h, w: T.tanh(T.dot(h, w)) + x, sequences=xs, outputs_info=T.zeros_like(w[0]), non_sequences=w, allow_gc=of_loop)
    with tcore.config.change_flags(allow_gc=of_function, scan__allow_gc=False):
        f = function([xs, w], states[-1])
    assert f.maker.linker.allow_gc is of_function
    matrix = rng.normal(size=(3, 3))
    for steps in (4, 2, 6):
        values = rng.normal(size=(steps, 3))
        state = np.zeros(3)
        for x in values:
            state = np.tanh(state @ matrix) + x
        np.testing.assert_allclose(f(values, matrix), state)


def test_a_loop_beside_python_L2410_L19241():
    """All steps of a loop are one native call, which is what a call of a function for each step gives."""
    with tcore.config.change_flags(backend="cpu"):
        n, h = T.lscalar("n"), T.dvector("h")
        states, _ = tcore.scan(lambda s: T.tanh(s) + 1, outputs_info=h, n_steps=n)
        loop, step = function([n, h], states[-1]), function([h], T.tanh(h) + 1)
    assert "Python" not in str(loop.explain())
    start = np.array([0.1, 0.2])
    state = start
    for _ in range(2000):
        state = step(state)
    np.testing.assert_allclose(loop(2000, start), state)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_survival_function_of_chi_squared_L21901():
    """In C without any other package; on every backend the same numbers."""
    x, df = T.dvector("x"), T.dscalar("df")
    points = np.array([0.0, 0.5, 3.0, 80.0])
    np.testing.assert_allclose(function([x, df], T.chi2sf(x, df))(points, 3.0), scipy.stats.chi2.sf(points, 3.0), rtol=1e-11)


# ------------------------------------------------------------------------------------------------------------------ shapes


def test_the_graph_whose_shapes_were_asked_L24383():
    """It has a ShapeFeature from then on, and nothing else about it changes: it can be asked again, and compiled."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    graph = FunctionGraph([x, y], [T.dot(x, y)[1:]], clone=False)
    before = graph.toposort()
    for rows in (3, 7):
        assert [int(n) for n in shape_of_variables(graph, {x: (rows, 2), y: (2, 4)})[graph.outputs[0]]] == [rows - 1, 4]
    assert isinstance(graph.shape_feature, ShapeFeature)
    assert graph.toposort() == before


def test_lengths_are_ints_or_variables_L25275():
    """In ``shape_of``, a length that is known is a Python int or a constant, one that is not is an int64 scalar; ``get_shape`` gives a variable for either."""
    x = T.dmatrix("x")
    row = T.drow("row")
    graph = FunctionGraph([x, row], [T.exp(x), T.alloc(0.0, 3, 4), x + row], clone=False)
    graph.attach_feature(ShapeFeature())
    feature = graph.shape_feature
    for variable in (*graph.inputs, *graph.outputs):
        for axis, length in enumerate(feature.shape_of[variable]):
            assert isinstance(length, int) or length.type == T.lscalar or (length.type.ndim == 0 and length.type.dtype.startswith("int"))
            assert isinstance(feature.get_shape(variable, axis), Variable)
    assert feature.shape_of[row][0] == 1
    assert int(feature.get_shape(graph.outputs[1], 1).eval()) == 4


def test_lengths_follow_rewrites_L25289():
    """What a rewrite replaced does not come back by way of a length that was inferred before."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    hidden = T.exp(x)
    graph = FunctionGraph([x, y], [T.concatenate([hidden, y])], clone=False)
    graph.attach_feature(ShapeFeature())
    feature = graph.shape_feature
    before = feature.get_shape(graph.outputs[0], 0)
    graph.replace(hidden, x)
    after = feature.get_shape(graph.outputs[0], 0)
    assert hidden not in tcore.gof.graph.ancestors([after])
    for length in (before, after):
        assert int(length.eval({x: np.ones((2, 3)), y: np.ones((4, 3))})) == 6


# --------------------------------------------------------------------------------------------------------------- other ops


def test_ops_without_a_kernel_for_devices_L24656_L24861_L25722_L25735_L25752():
    """They run on the host inside of a function for a device, and the function says so."""
    pytest.importorskip("pyopencl", reason="pyopencl is not installed")
    a, b = T.dmatrix("a"), T.dvector("b")
    matrix, vector = rng.normal(size=(4, 4)) + 4 * np.eye(4), np.array([2.0, 1.0, 2.0, 0.5])
    outputs = [
        extra_ops.Unique()(T.exp(b)), T.searchsorted(T.exp(b), b), nlinalg.svd(T.exp(a))[1], nlinalg.tensorinv(a.reshape((2, 2, 4)), ind=2), nlinalg.tensorsolve(a, T.exp(b)),
    ]  # fmt: skip
    wanted = [
        np.unique(np.exp(vector)), np.searchsorted(np.exp(vector), vector), np.linalg.svd(np.exp(matrix))[1],
        np.linalg.tensorinv(matrix.reshape(2, 2, 4)), np.linalg.solve(matrix, np.exp(vector)),
    ]  # fmt: skip
    with tcore.config.change_flags(backend="opencl"):
        f = function([a, b], outputs)
    for found, expected in zip(f(matrix, vector), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    text = str(f.explain())
    for name in ("Unique", "SVD"):
        assert f"runs on the host: {name} has no lowering" in text


def test_work_around_a_breakpoint_L25979(numpy_backend):
    """The op stands between what it watches and what uses it; what lies before and behind is optimized all the same."""
    x, stop = T.dvector("x"), T.lscalar("stop")
    watched = PdbBreakpoint("watched")(stop, T.log(1 + x))
    f = function([x, stop], T.exp(watched) * 1 + 0)
    texts = [str(node.op) for node in f.maker.fgraph.toposort()]
    assert texts[0].startswith("Elemwise{log1p")
    assert any("PdbBreakpoint" in text for text in texts)
    assert not any("mul" in text.lower() or "add" in text.lower() for text in texts)
    np.testing.assert_allclose(f([1e-20, 1.0], 0), [1.0, 2.0])


@pytest.mark.parametrize("full", [True, False])
def test_outputs_of_svd_L25729(full):
    """U, the singular values, and V transposed, in this order, as NumPy's."""
    a = T.dmatrix("a")
    value = rng.normal(size=(3, 5))
    u, s, vt = function([a], nlinalg.svd(a, full_matrices=full), mode="FAST_COMPILE")(value)
    assert [part.shape for part in (u, s, vt)] == [part.shape for part in np.linalg.svd(value, full_matrices=full)]
    np.testing.assert_allclose((u * s) @ vt[:3], value)


# --------------------------------------------------------------------------------------------------- memory of models in files


def test_arrays_of_models_are_stored_as_arrays_L6189_L6291(tmp_path):
    """A file of a model has its arrays one by one, each readable without the rest, and no larger than they are."""
    path = tmp_path / "model.zip"
    values = {"w": rng.normal(size=(200, 50)), "b": np.arange(50.0)}
    with path.open("wb") as file:
        dump({name: shared(value, name=name) for name, value in values.items()}, file)
    assert path.stat().st_size < 1.2 * sum(value.nbytes for value in values.values()) + 4096
    with path.open("rb") as file:
        back = load(file)
    for name, value in values.items():
        np.testing.assert_array_equal(back[name].get_value(), value)
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["w"], values["w"])


def test_many_graphs_leave_nothing_L6085():
    """Nodes that nobody holds are freed at once or by one collection, however many there were."""
    gc.collect()
    before = sum(1 for thing in gc.get_objects() if isinstance(thing, Variable))
    for _ in range(20):
        x = T.dvector("x")
        function([x], T.tanh(x) + 1, mode="FAST_COMPILE")([1.0])
    del x
    gc.collect()
    after = sum(1 for thing in gc.get_objects() if isinstance(thing, Variable))
    assert after - before < 20
