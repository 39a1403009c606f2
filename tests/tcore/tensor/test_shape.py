"""Shapes as values, promised shapes, reshape, broadcast marks."""

import pickle

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.tensor.constants import constant_int
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.reshape import Reshape
from tcore.tensor.shape import Shape_i, SpecifyShape

A = np.arange(24.0).reshape(2, 3, 4)


def test_shape_L12848_L12857(evaluate):
    """An int64 vector; printed as Shape; disconnected from the gradient."""
    x = tt.dtensor3("x")
    found = evaluate(x.shape, {x: A})
    np.testing.assert_array_equal(found, (2, 3, 4))
    assert found.dtype == "int64"
    assert str(x.shape) == "Shape.0"
    assert x.shape.owner.op.connection_pattern(x.shape.owner) == [[False]]
    assert evaluate(Shape_i(1)(x), {x: A}) == 3
    assert str(Shape_i(1)) == "Shape_i{1}"
    with pytest.raises(TypeError, match="more than 3 dimensions"):
        Shape_i(3)(x)
    with pytest.raises(TypeError):
        Shape_i(0)(5)


def test_shape_of_scalar(evaluate):
    """The shape of a scalar is an empty vector."""
    s = tt.dscalar("s")
    assert evaluate(s.shape, {s: 2.0}).shape == (0,)


def test_specify_shape_L12866(evaluate, check_gradient):
    """The value itself where the promise holds, else an AssertionError that shows both shapes."""
    x, n = tt.dtensor3("x"), tt.lscalar("n")
    np.testing.assert_array_equal(evaluate(tt.specify_shape(x, (2, 3, 4)), {x: A}), A)
    np.testing.assert_array_equal(evaluate(tt.specify_shape(x, (2, n, 4)), {x: A, n: 3}), A)
    with pytest.raises(AssertionError, match=r"has shape \(2, 3, 4\), promised was \(2, 3, 5\)"):
        evaluate(tt.specify_shape(x, (2, 3, 5)), {x: A})
    with pytest.raises(ValueError, match="3 dimensions, the shape has 2 entries"):
        tt.specify_shape(x, (2, 3))
    check_gradient(lambda x: tt.specify_shape(x, (2, 3, 4)), A)
    node = tt.specify_shape(x, (2, 3, 4)).owner
    assert node.op.infer_shape(node, [(1, 2, 3), (3,)]) == [(2, 3, 4)]
    assert pickle.loads(pickle.dumps(SpecifyShape())) == SpecifyShape()


SHAPES = [(24,), (4, 6), (-1,), (2, -1, 2), (3, 2, 4, 1), (1, -1), (24, 1, 1), (2, 3, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reshape(evaluate, check_gradient, shape):
    """Known shapes, one entry -1; the same with symbolic entries, and as a symbolic vector with ndim."""
    x = tt.dtensor3("x")
    wanted = A.reshape(shape)
    result = x.reshape(shape)
    np.testing.assert_array_equal(evaluate(result, {x: A}), wanted)
    assert result.broadcastable == tuple(n == 1 for n in shape)
    check_gradient(lambda x: x.reshape(shape), A)
    entries = [tt.lscalar() for _ in shape]
    values = {x: A, **dict(zip(entries, shape, strict=True))}
    np.testing.assert_array_equal(evaluate(x.reshape(entries), values), wanted)
    v = tt.lvector("v")
    np.testing.assert_array_equal(evaluate(x.reshape(v, ndim=len(shape)), {x: A, v: shape}), wanted)
    np.testing.assert_array_equal(evaluate(x.reshape(tuple(x.shape)[::-1]), {x: A}), A.reshape(4, 3, 2))


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0), (-1, 4)])
def test_reshape_of_nothing(evaluate, shape):
    """Empty arrays."""
    x = tt.dmatrix("x")
    np.testing.assert_array_equal(evaluate(x.reshape(shape), {x: np.zeros((0, 4))}), np.zeros((0, 4)).reshape(shape))


def test_reshape_is_a_view(evaluate):
    """It shares memory with its input where that is possible, and says so."""
    x = tt.dtensor3("x")
    assert np.shares_memory(evaluate(x.reshape((4, 6)), {x: A}), A)
    assert Reshape(2).view_map == {0: [0]}
    assert str(Reshape(2)) == "Reshape{2}"


def test_bad_reshape(evaluate):
    """Errors at build time where that is possible, with sizes at run time."""
    x, v = tt.dtensor3("x"), tt.lvector("v")
    with pytest.raises(ValueError, match="ndim="):
        x.reshape(v)
    with pytest.raises(ValueError, match="only one entry"):
        x.reshape((-1, -1))
    with pytest.raises(ValueError, match="not negative"):
        x.reshape((-2, 3))
    with pytest.raises(TypeError, match="integer"):
        x.reshape((2.5, 3))
    with pytest.raises(ValueError, match=r"\(24 elements\) to \(5, 5\)"):
        evaluate(x.reshape((5, 5)), {x: A})


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_flatten(evaluate, check_gradient, ndim):
    """Leading axes are kept, the others collapsed."""
    x = tt.dtensor3("x")
    wanted = A.reshape((*A.shape[: ndim - 1], -1))
    np.testing.assert_array_equal(evaluate(x.flatten(ndim), {x: A}), wanted)
    check_gradient(lambda x: x.flatten(ndim), A)
    with pytest.raises(ValueError, match=r"\[1, 3\]"):
        x.flatten(4)


def test_flatten_keeps_marks(evaluate):
    """Axes of known length 1 stay marked; a scalar gets one axis."""
    x = tt.TensorType("float64", (False, True, True))("x")
    assert x.flatten(2).broadcastable == (False, True)
    assert x.flatten().broadcastable == (False,)
    s = tt.dscalar("s")
    np.testing.assert_array_equal(evaluate(s.flatten(), {s: 3.0}), [3.0])


@pytest.mark.parametrize(("axis", "form"), [(0, "x,0,1,2"), (1, "0,x,1,2"), (3, "0,1,2,x"), (-1, "0,1,2,x")])
def test_shape_padaxis(axis, form):
    """The documented printed forms."""
    x = tt.tensor3("x")
    assert str(tt.shape_padaxis(x, axis)) == f"InplaceDimShuffle{{{form}}}.0"
    with pytest.raises(IndexError):
        tt.shape_padaxis(x, 4)
    assert tt.shape_padleft(x, 2).broadcastable == (True, True, False, False, False)
    assert tt.shape_padright(x).broadcastable == (False, False, False, True)


def test_broadcast_marks_L12844_L12832(evaluate, check_gradient):
    """Marks are set, checked at run time, and cleared; nodes that change nothing are not made."""
    x = tt.dmatrix("x")
    row = tt.addbroadcast(x, 0)
    assert row.broadcastable == (True, False)
    np.testing.assert_array_equal(evaluate(row, {x: np.ones((1, 3))}), np.ones((1, 3)))
    with pytest.raises(ValueError, match="has length 2 where 1 is needed"):
        evaluate(row, {x: np.ones((2, 3))})
    assert tt.unbroadcast(row, 0) is x
    assert tt.unbroadcast(x, 1) is x
    assert tt.patternbroadcast(row, (True, False)) is row
    col = tt.patternbroadcast(row, (False, True))
    assert col.owner.inputs[0] is x
    assert str(row.owner.op) == "Rebroadcast{1}"
    assert str(Rebroadcast((0, False), (1, True))) == "Rebroadcast{0,1}"
    both = Rebroadcast((0, True), (1, False))(tt.dcol("c"))
    assert both.broadcastable == (True, False)
    check_gradient(lambda x: tt.addbroadcast(x, 0) * 2, np.ones((1, 3)))
    with pytest.raises(ValueError, match="axis 2 does not exist"):
        tt.addbroadcast(x, 2)
    with pytest.raises(ValueError, match="2 dimensions, the pattern 1"):
        tt.patternbroadcast(x, (True,))
    assert pickle.loads(pickle.dumps(row.owner.op)) == row.owner.op


def test_scalar_constants():
    """Values are found behind dimshuffle, fill, alloc, casts, constant arithmetic and indexing."""
    x = tt.dmatrix("x")
    c = tt.as_tensor_variable(3)
    found = {
        "number": 3.0, "constant": c, "fill": tt.fill(x, 3), "alloc": tt.alloc(3, x.shape[0]), "cast": tt.cast(c, "float32"),
        "sum": c + 2 - tt.constant(2), "index": tt.constant([1, 3])[1], "dimshuffle": c.dimshuffle("x", "x"),
        "vector": tt.stack([x.shape[0], c])[1], "reshape": tt.fill(x, 3).reshape((-1,)), "many": tt.constant([3, 3, 3]),
    }  # fmt: skip
    for name, variable in found.items():
        value = tt.get_scalar_constant_value(variable)
        assert value == 3, name
        assert value.shape == ()
    assert tt.get_scalar_constant_value(tt.drow("r").shape[0]) == 1
    for unknown in (x, x[0, 0], x.shape[0], tt.constant([1, 2]), None):
        with pytest.raises(tt.NotScalarConstantError):
            tt.get_scalar_constant_value(unknown)
    with pytest.raises(tt.EmptyConstantError):
        tt.get_scalar_constant_value(tt.constant(np.zeros(0)))
    with pytest.raises(tt.NotScalarConstantError):
        tt.get_scalar_constant_value(c + 1, elemwise=False)
    with pytest.raises(tt.NotScalarConstantError):
        tt.get_scalar_constant_value(tt.fill(x, 3), only_process_constants=True)
    assert constant_int(tt.constant(2.5)) is None


def test_vector_lengths():
    """Lengths of constants, shapes, stacks, joins and slices of these."""
    x = tt.dtensor3("x")
    assert tt.get_vector_length(x.shape) == 3
    assert tt.get_vector_length(x.shape[1:]) == 2
    assert tt.get_vector_length(tt.join(0, x.shape, x.shape[:1])) == 4
    assert tt.get_vector_length(tt.stack([x.shape[0], 2])) == 2
    assert tt.get_vector_length([1, 2, 3]) == 3
    assert tt.get_vector_length(tt.constant([1, 2])) == 2
    with pytest.raises(ValueError, match="not known"):
        tt.get_vector_length(tt.lvector("v"))
    deep = tt.lvector("v")
    for _ in range(3000):
        deep = deep[1:]
    with pytest.raises(ValueError, match="not known"):
        tt.get_vector_length(deep)
    with pytest.raises(ValueError, match="expected a vector"):
        tt.get_vector_length(x)


def test_forms_of_shapes(evaluate):
    """Numbers, arrays, lists of arrays, nothing, a scalar that is known later."""
    v, n = tt.dvector("v"), tt.lscalar("n")
    values = {v: np.arange(6.0), n: np.array(6)}
    for shape, expected in (
        (6, (6,)), (np.int32(6), (6,)), (np.array([2, 3]), (2, 3)), ([np.array(2), 3], (2, 3)), ((n,), (6,)), ([n // 2, np.array(2)], (3, 2)),
    ):
        assert evaluate(v.reshape(shape), values).shape == expected
    assert evaluate(v[:1].reshape(()), values).shape == ()
    assert evaluate(v[:1].reshape(np.zeros(0)), values).shape == ()
    assert evaluate(tt.zeros(n), values).shape == (6,)
    assert evaluate(tt.zeros(np.array([2, 2])), values).shape == (2, 2)
    with pytest.raises(TypeError, match="a shape is a vector of integers"):
        v.reshape(np.array([2.0, 3.0]))
