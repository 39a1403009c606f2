"""Elemwise and DimShuffle themselves: in place, layouts, users' scalar ops, R_op, equality, pickling."""

import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import scalar
from tcore.graph import Apply
from tcore.graph.null_type import DisconnectedType
from tcore.tensor import DimShuffle, Elemwise

rng = np.random.default_rng(13)


def run(op, *values, storage=None):
    """Apply ``op`` to arrays, as a linker does."""
    variables = [T.TensorType(v.dtype.name, (False,) * v.ndim)() for v in values]
    node = op.make_node(*variables)
    cells = [[None] for _ in node.outputs] if storage is None else [[s] for s in storage]
    node.op.perform(node, list(values), cells)
    return [cell[0] for cell in cells]


def test_in_place():
    """An in-place op writes into the memory of its input, whichever that is."""
    for position in (0, 1, 2):
        op = Elemwise(scalar.add, {0: position})
        assert op.destroy_map == {0: [position]}
        values = [rng.normal(size=(3, 4)) for _ in range(3)]
        expected = sum(values)
        (result,) = run(op, *values)
        assert result is values[position]
        np.testing.assert_allclose(result, expected)


def test_in_place_texts():
    """In-place ops print the class of the scalar op and the pairs of output and input."""
    assert str(Elemwise(scalar.add, {0: 0})) == "Elemwise{Add}[(0, 0)]"
    assert str(Elemwise(scalar.mul, {0: 1})) == "Elemwise{Mul}[(0, 1)]"
    assert str(Elemwise(scalar.add)) == "Elemwise{add}"
    assert str(Elemwise(scalar.lt)) == "Elemwise{LT}"


def test_in_place_refused():
    """An output cannot take the memory of an input that is broadcast or of another dtype."""
    with pytest.raises(ValueError, match="broadcast pattern"):
        Elemwise(scalar.add, {0: 1})(T.dmatrix(), T.drow())
    with pytest.raises(TypeError, match="dtype"):
        Elemwise(scalar.add, {0: 0})(T.fvector(), T.dvector())
    with pytest.raises(ValueError, match="two outputs"):
        Elemwise(scalar.add, {0: 0, 1: 0})


def test_storage_is_reused():
    """A result of the right shape and dtype is written over; another is replaced."""
    a = rng.normal(size=(3, 4))
    old = np.empty((3, 4))
    assert run(T.exp, a, storage=[old])[0] is old
    assert run(T.exp, a, storage=[np.empty((4, 3))])[0].shape == (3, 4)
    assert run(T.exp, a, storage=[np.empty((3, 4), "float32")])[0].dtype == "float64"


def test_memory_order():
    """New results follow the memory order of their operands."""
    a = np.asfortranarray(rng.normal(size=(5, 6)))
    for op in (T.exp, T.sqr, T.sigmoid, T.neg):
        assert run(op, a)[0].flags.f_contiguous


def test_documented_broadcasting(evaluate):
    """The documented shapes of broadcast operations."""
    for op, shapes, out in [
        (Elemwise(scalar.mul), [(10, 5), (1, 5)], (10, 5)),
        (Elemwise(scalar.true_div), [(10, 5), (10, 1)], (10, 5)),
        (Elemwise(scalar.int_div), [(1, 5), (10, 1)], (10, 5)),
        (Elemwise(scalar.log), [(3, 4, 5)], (3, 4, 5)),
    ]:
        variables = [T.TensorType("float64", [n == 1 for n in s])() for s in shapes]
        values = {v: rng.uniform(1, 2, size=s) for v, s in zip(variables, shapes, strict=True)}
        assert evaluate(op(*variables), values).shape == out


def test_equality_and_pickle():
    """Equal where scalar op and in-place pattern are; the name does not count."""
    assert T.add == Elemwise(scalar.add)
    assert hash(T.add) == hash(Elemwise(scalar.add))
    assert T.add != Elemwise(scalar.add, {0: 0})
    assert T.add != T.mul
    copy = pickle.loads(pickle.dumps(T.add))
    assert copy == T.add
    assert str(copy) == str(T.add)
    assert pickle.loads(pickle.dumps(DimShuffle((False,), ("x", 0)))) == DimShuffle((False,), ("x", 0))


class Cube(scalar.UnaryScalarOp):
    """What a user writes: a name, a value, a gradient."""

    def impl(self, x):
        return x * x * x

    def grad(self, inputs, output_grads):
        (x,), (g,) = inputs, output_grads
        return [g * 3 * x * x]


def test_users_scalar_op(evaluate, check_grad):
    """A scalar op with impl and grad works on tensors, in Python."""
    cube = Elemwise(Cube(scalar.upgrade_to_float, name="cube"))
    x = T.dmatrix("x")
    a = rng.normal(size=(2, 3))
    np.testing.assert_allclose(evaluate(cube(x), {x: a}), a**3)
    assert evaluate(cube(x), {x: np.zeros((0, 3))}).shape == (0, 3)
    check_grad(cube, a)
    assert str(cube) == "Elemwise{cube}"
    assert cube(T.ivector()).dtype == "float64"


def test_class_attribute_preference():
    """The preference of output types can stand in the class."""

    class Twice(scalar.UnaryScalarOp):
        output_types_preference = scalar.same_out

        def impl(self, x):
            return 2 * x

    assert Elemwise(Twice())(T.ivector()).dtype == "int32"


def test_r_op(evaluate):
    """The directional derivative is that of finite differences."""
    x, y, v, w = T.dvectors("x", "y", "v", "w")
    node = (T.exp(x) * y).owner
    a, b, c, d = rng.normal(size=(4, 3))
    (product,) = node.op.R_op(node.inputs, [v, w])
    ea = np.exp(a)
    computed = evaluate(product, {node.inputs[0]: ea, y: b, v: c, w: d})
    np.testing.assert_allclose(computed, c * b + ea * d)
    assert node.op.R_op(node.inputs, [None, None]) == [None]
    assert T.fill(x, y).owner.op.R_op([x, y], [v, None]) == [None]


def test_fill_is_disconnected_from_its_model():
    """Only the shape of the first argument of fill counts."""
    node = T.fill(T.dvector(), T.dscalar()).owner
    assert node.op.connection_pattern(node) == [[False], [True]]
    assert T.add.connection_pattern(T.add(1.0, 2.0).owner) == [[True], [True]]


def test_gradients_of_integers():
    """The gradient with respect to an integer is floatX; through an integer result it is zero."""
    i = T.iscalar("i")
    node = (i * T.constant(2.5)).owner
    g, _ = node.op.L_op(node.inputs, node.outputs, [T.dscalar()])
    assert g.dtype.startswith("float")
    x = T.dvector("x")
    node = (x > 0).owner
    (zero, _) = node.op.L_op(node.inputs, node.outputs, [DisconnectedType()()])
    assert zero.dtype == "float64"


def test_scalar_operand_is_padded_by_dimshuffle():
    """An operand of fewer axes gets broadcastable ones on the left, by an explicit DimShuffle."""
    node = (T.dmatrix("x") + 1).owner
    assert str(node.inputs[1].owner.op) == "InplaceDimShuffle{x,x}"


def test_composite_on_arrays(evaluate, check_grad):
    """A Composite computes and differentiates as its parts do, also with several outputs and in place."""
    i0, i1 = scalar.float64("i0"), scalar.float64("i1")
    op = scalar.Composite([i0, i1], [i0 * i1 + scalar.exp(i0), i0 - 2.0])
    x, y = T.dmatrix("x"), T.drow("y")
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(1, 3))
    first, second = Elemwise(op)(x, y)
    np.testing.assert_allclose(evaluate(first, {x: a, y: b}), a * b + np.exp(a))
    np.testing.assert_allclose(evaluate(second, {x: a, y: b}), a - 2)
    check_grad(lambda v, w: Elemwise(op)(v, w)[0], a, b, flags=[(False, False), (True, False)])
    check_grad(lambda v, w: sum(Elemwise(op)(v, w)), a, b, flags=[(False, False), (True, False)])
    single = scalar.Composite([i0, i1], [i0 + i0 * i1])
    assert str(Elemwise(single)) == "Elemwise{Composite{(i0 + (i0 * i1))}}"
    assert str(Elemwise(single, {0: 0})) == "Elemwise{Composite{(i0 + (i0 * i1))}}[(0, 0)]"
    value = a.copy()
    (result,) = run(Elemwise(single, {0: 0}), value, rng.normal(size=(2, 3)))
    assert result is value


@pytest.mark.parametrize(
    ("flags", "shape", "order", "expected"),
    [
        ((), (), ("x",), (1,)),
        ((False, False), (2, 3), (0, 1), (2, 3)),
        ((False, False), (2, 3), (1, 0), (3, 2)),
        ((False,), (4,), ("x", 0), (1, 4)),
        ((False,), (4,), (0, "x"), (4, 1)),
        ((False,) * 3, (2, 3, 4), (2, 0, 1), (4, 2, 3)),
        ((False, False), (2, 3), (0, "x", 1), (2, 1, 3)),
        ((False, False), (2, 3), (1, "x", 0), (3, 1, 2)),
        ((True, False), (1, 3), (1,), (3,)),
        ((False, False), (0, 3), (1, "x", 0), (3, 1, 0)),
    ],
)
def test_dimshuffle(flags, shape, order, expected, evaluate, check_shape, check_grad):
    """Axes are permuted, added and dropped; the result is a view."""
    x = T.TensorType("float64", flags)("x")
    a = rng.normal(size=shape)
    out = x.dimshuffle(*order)
    value = evaluate(out, {x: a})
    assert value.shape == expected
    assert value.size == 0 or np.shares_memory(value, a)
    assert x.dimshuffle(list(order)).type == out.type
    check_shape(out, {x: a})
    if a.size:
        check_grad(lambda v: v.dimshuffle(*order), a, flags=[flags])


def test_dimshuffle_refused():
    """Axes that do not exist, appear twice, or are dropped without being broadcastable."""
    x = T.dmatrix("x")
    for order in [(0,), (0, 0), (0, 2), (0, 1, 1), ("y", 0, 1)]:
        with pytest.raises(ValueError):
            x.dimshuffle(*order)
    with pytest.raises(TypeError, match="broadcast pattern"):
        DimShuffle((True, False), (0, 1))(x)


def test_transpositions(evaluate):
    """The ways to permute axes."""
    x, m = T.dtensor3("x"), T.dmatrix("m")
    a = rng.normal(size=(2, 3, 4))
    for out, expected in [
        (x.T, a.T),
        (x.transpose(), a.T),
        (x.transpose(1, 0, 2), a.transpose(1, 0, 2)),
        (x.transpose((2, 1, 0)), a.T),
        (x.swapaxes(0, 2), a.swapaxes(0, 2)),
        (T.moveaxis(x, 0, -1), np.moveaxis(a, 0, -1)),
        (T.moveaxis(x, [0, 1], [2, 0]), np.moveaxis(a, [0, 1], [2, 0])),
    ]:
        np.testing.assert_array_equal(evaluate(out, {x: a}), expected)
    assert m.T.name == "m.T"
    assert str(m.T.owner.op) == "InplaceDimShuffle{1,0}"
    r = T.drow("r")
    assert r.squeeze().ndim == 1
    v = T.dvector("v")
    np.testing.assert_array_equal(evaluate(v.T, {v: a[0, 0]}), a[0, 0])


def test_broadcastable_axes_are_checked():
    """A value whose marked axis is long is refused, also where all values have one shape."""
    row = T.drow("row")
    node = T.add(row, row).owner
    with pytest.raises(ValueError, match=r"input\[0\].shape\[0\] = 2, but it is broadcastable there"):
        node.op.perform(node, [np.ones((2, 3)), np.ones((2, 3))], [[None]])


class Twice(scalar.UnaryScalarOp):
    """Makes its node by itself."""

    def make_node(self, x):
        x = scalar.as_scalar(x)
        return Apply(self, [x], [scalar.float32()])

    def impl(self, x):
        return 2 * x


def test_scalar_ops_with_make_node(evaluate):
    """The dtypes are those that it says."""
    x = T.dvector("x")
    result = evaluate(Elemwise(Twice())(x), {x: np.array([1.5])})
    assert result.dtype == "float32"
    assert result == [3]


def test_number_of_inputs():
    """Named before anything is computed."""
    with pytest.raises(TypeError, match="exp takes 1 inputs, got 2"):
        Elemwise(scalar.exp)(T.dvector(), T.dvector())
