"""Ops made of graphs; its lines in the names."""

import copy
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, OpFromGraph, function, shared
from tcore.gradient import DisconnectedInputError, verify_grad
from tcore.graph import Apply, Op

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]
INLINE = pytest.mark.parametrize("inline", [False, True])


def kinds(f):
    """The classes of the ops of a function."""
    return {type(node.op) for node in f.maker.fgraph.apply_nodes}


@INLINE
def test_one_op_in_several_places_L318_L14257(inline):
    """The sigmoid of the documentation's example, applied to other variables in another order; inlined it is gone before anything else is optimized."""
    x, y, z = T.scalars("xyz")
    op = OpFromGraph([x, y, z], [1 / (1 + T.exp(-((x + 2 * y + 3 * z) ** 2)))], inline=inline)
    f = function([x, y, z], op(x, y, z) + op(z, y, x))
    wanted = sum(1 / (1 + np.exp(-(p**2))) for p in (0.1 + 0.4 + 0.9, 0.3 + 0.4 + 0.3))
    np.testing.assert_allclose(f(0.1, 0.2, 0.3), wanted, rtol=1e-6)
    assert (OpFromGraph in kinds(f)) is not inline
    assert str(op) == f"OpFromGraph{{inline={inline}}}"


@INLINE
def test_ops_in_ops_L14276(inline):
    x, y, z = T.scalars("xyz")
    product = OpFromGraph([x, y], [x * y], inline=inline)
    sum_of = OpFromGraph([x, y, z], [product(x, y) + z], inline=inline, name="sum")
    f = function([x, y, z], sum_of(x, y, z) + z)
    assert f(2.0, 3.0, 4.0) == 14
    assert str(sum_of) == f"sum{{inline={inline}}}"


@INLINE
def test_shared_values(inline):
    """Found by themselves, read at each call, with a gradient."""
    x, w = T.dvector("x"), shared(np.array([1.0, 2.0]), name="w")
    op = OpFromGraph([x], [(x * w).sum(), x], inline=inline)
    total, same = op(x)
    f = function([x], [total, same, T.grad(total, w)], updates=[(w, w + 1)])
    given = np.array([3.0, 4.0])
    first, same, gradient = f(given)
    assert (first, gradient.tolist()) == (11, [3, 4])
    assert not np.shares_memory(same, given)
    assert f(given)[0] == 18


@INLINE
def test_derivatives(inline):
    """First, second, and in a direction; each as an op of the same kind."""
    x, y, v = T.dvector("x"), T.dvector("y"), T.dvector("v")
    op = OpFromGraph([x, y], [T.tanh(x) * y, T.exp(x)], inline=inline)
    a, b = np.array([0.1, 0.5]), np.array([2.0, -1.0])
    for k in (0, 1):
        verify_grad(lambda p, q, k=k: op(p, q)[k], [a, b], rng=np.random.RandomState(3))
    slope = T.grad(op(x, y)[0].sum(), x)
    curvature = function([x, y], T.grad(slope.sum(), x))(a, b)
    np.testing.assert_allclose(curvature, -2 * np.tanh(a) * (1 - np.tanh(a) ** 2) * b)
    f = function([x, y, v], T.Rop(op(x, y)[0], x, v))
    np.testing.assert_allclose(f(a, b, [1.0, 3.0]), (1 - np.tanh(a) ** 2) * b * [1, 3])
    assert OpFromGraph in {type(node.op) for node in tcore.graph.io_toposort([x, y], [slope])}
    with pytest.raises(DisconnectedInputError):
        T.grad(op(x, y)[1].sum(), y)


@INLINE
@pytest.mark.parametrize("kind", ["lop", "grad"])
@pytest.mark.parametrize("form", ["all", "each"])
def test_gradients_of_ones_own_L318(inline, kind, form):
    """For all inputs at once, or for some: the others have that of the graph, or none."""
    x, y, z = T.dscalar("x"), T.dscalar("y"), T.dscalar("z")

    def ten(inputs, *rest):
        assert len(inputs) == 3
        return rest[-1][0] * 10

    override = (lambda *given: [ten(*given)] * 3) if form == "all" else ["default", ten, None]
    op = OpFromGraph([x, y, z], [x * y + z], inline=inline, **{f"{kind}_overrides": override})
    gradients = T.grad(op(x, y, z), [x, y, z], disconnected_inputs="ignore")
    found = function([x, y, z], gradients, on_unused_input="ignore")(2.0, 3.0, 4.0)
    assert [float(g) for g in found] == ([10, 10, 10] if form == "all" else [3, 10, 0])
    if form == "each":
        with pytest.raises(DisconnectedInputError):
            T.grad(op(x, y, z), z)


@INLINE
def test_directions_of_ones_own(inline):
    x, v = T.dscalar("x"), T.dscalar("v")
    for override, wanted in ((lambda inputs, points: [points[0] * 7, points[0]], [14, 2]), (["default", lambda inputs, points: points[0] * 5], [8, 10])):
        op = OpFromGraph([x], [x**2, x**3], inline=inline, rop_overrides=override)
        assert [float(t) for t in function([x, v], T.Rop(op(x), x, v), on_unused_input="ignore")(2.0, 2.0)] == wanted


def test_shapes_without_values():
    """The graph is not computed for its shape."""
    x = T.dmatrix("x")
    op = OpFromGraph([x], [T.dot(T.exp(x), x.T), x.sum()])
    f = function([x], [op(x)[0].shape, op(x)[1].shape], mode=Mode("py", "fast_run"))
    assert [found.tolist() for found in f(np.ones((3, 2)))] == [[3, 3], []]
    assert OpFromGraph not in kinds(f)


def test_compiled_with_what_is_around_it():
    """Not at the first call; once for all nodes; in the mode that is asked for."""
    x = T.dvector("x")
    op = OpFromGraph([x], [T.exp(x)], mode="FAST_COMPILE")
    f = function([x], op(op(x)))
    fn = op.fn
    assert fn.maker.mode is tcore.compile.FAST_COMPILE
    np.testing.assert_allclose(f([0.0]), np.e)
    assert op.fn is fn


@pytest.mark.parametrize("mode", ["DebugMode", "NanGuardMode", "FAST_COMPILE"])
def test_modes(mode):
    x = T.dvector("x")
    op = OpFromGraph([x], [T.exp(x) - x, x])
    f = function([x], [*op(x), T.grad(op(x)[0].sum(), x)], mode=mode)
    for got, want in zip(f([0.0, 1.0]), ([1, np.e - 1], [0, 1], [0, np.e - 1]), strict=True):
        np.testing.assert_allclose(got, want)


@INLINE
def test_copies_and_pickles(inline):
    """Of the op, and of functions that use it."""
    x, w = T.dvector("x"), shared(np.array([2.0]))
    op = OpFromGraph([x], [x * w], inline=inline)
    f = function([x], op(x + 1))
    for twin in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f), f.copy()):
        assert twin([1.0]).tolist() == [4]
    other = pickle.loads(pickle.dumps(op))
    assert other != op
    assert function([x], other(x))([3.0]).tolist() == [6]


def test_equal_nodes_are_merged():
    """An op is equal to itself; on the same inputs it is computed once."""
    x = T.dvector("x")
    op = OpFromGraph([x], [T.exp(x)])
    f = function([x], op(x) + op(x) * 2, mode=Mode("py", "fast_run"))
    assert sum(isinstance(node.op, OpFromGraph) for node in f.maker.fgraph.apply_nodes) == 1


def test_connection_pattern():
    """That of the graph, or what is said."""
    x, y = T.dvector("x"), T.dvector("y")
    op = OpFromGraph([x, y], [x * 2, x + y])
    assert op.connection_pattern(op(x, y)[0].owner) == [[True, True], [False, True]]
    told = OpFromGraph([x, y], [x * 2, x + y], connection_pattern=[[True, False], [False, True]])
    assert told.connection_pattern(told(x, y)[0].owner) == [[True, False], [False, True]]


def test_other_types():
    """Values of any Type, and conversions as for every op."""

    class Words(Op):
        __props__ = ()

        def make_node(self, text):
            return Apply(self, [text], [tcore.generic()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0].split()

    text = tcore.generic("text")
    op = OpFromGraph([text], [Words()(text)])
    assert function([text], op(text))("two words") == ["two", "words"]
    m = T.dmatrix("m")
    row = T.drow("r")
    assert function([row], OpFromGraph([m], [m * 2])(row))([[1.0]]).tolist() == [[2]]
    assert OpFromGraph([m], [m * 2])([[1.0, 2.0]]).eval().tolist() == [[2, 4]]


def test_refusals():
    """What happened, and what to do."""
    x, y, w = T.dvector("x"), T.dvector("y"), shared(1.0, name="w")
    with pytest.raises(ValueError, match="needs y of type .*vector.*, which is not among its inputs"):
        OpFromGraph([x], [x + y])
    with pytest.raises(TypeError, match="cannot be a constant or a shared variable, got w"):
        OpFromGraph([x, w], [x + w])
    with pytest.raises(TypeError, match="takes lists of variables"):
        OpFromGraph(x, [x])
    with pytest.raises(TypeError, match="as inputs and outputs, got 3"):
        OpFromGraph([x], [3])
    for key in ("updates", "givens"):
        with pytest.raises(TypeError, match=f"takes no {key}"):
            OpFromGraph([x], [x], **{key: []})
    with pytest.raises(ValueError, match="not both"):
        OpFromGraph([x], [x], lop_overrides=lambda i, o, g: g, grad_overrides=lambda i, g: g)
    op = OpFromGraph([x, y], [x + y])
    with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
        op(x)
    with pytest.raises(TypeError, match="cannot be applied"):
        op(x, T.dmatrix())
    short = OpFromGraph([x, y], [(x + y).sum()], grad_overrides=lambda inputs, grads: [grads[0]])
    with pytest.raises(ValueError, match="a gradient for each input: 2, got"):
        T.grad(short(x, y), x)
