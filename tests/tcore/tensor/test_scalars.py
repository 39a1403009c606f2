"""Between scalars and 0-d tensors: values, shapes, derivatives."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.tensor.scalars import scalar_from_tensor, tensor_from_scalar

pytestmark = pytest.mark.usefixtures("numpy_backend")


def test_there_and_back():
    """Going back is the variable itself; numbers become constants."""
    t, s = T.dscalar("t"), scalar.float64("s")
    assert tensor_from_scalar(scalar_from_tensor(t)) is t
    assert scalar_from_tensor(tensor_from_scalar(s)) is s
    assert scalar_from_tensor(s) is s
    assert tensor_from_scalar(2.5).eval() == 2.5
    assert str(scalar_from_tensor(t).owner.op) == "ScalarFromTensor"
    assert str(tensor_from_scalar(s).owner.op) == "TensorFromScalar"


def test_values_and_derivatives():
    """The square of a tensor computed as a scalar: d(t²) = 2t in both modes, and shape ()."""
    t, u = T.dscalar("t"), T.dscalar("u")
    square = tensor_from_scalar(scalar.sqr(scalar_from_tensor(t)))
    f = tcore.function([t, u], [square, T.grad(square, t), tcore.gradient.Rop(square, t, u), square.shape])
    value, slope, along, shape = f(3.0, 5.0)
    assert (value, slope, along, tuple(shape)) == (9.0, 6.0, 30.0, ())
    # of integers the gradient is zero
    i = scalar.int64("i")
    (zero,) = tensor_from_scalar(i).owner.op.grad([i], [T.dscalar()])
    assert zero.dtype == tcore.config.floatX


@pytest.mark.parametrize("wrong", [T.dvector("v"), 3.0, scalar.float64("s")])
def test_what_is_no_scalar_tensor(wrong):
    op = scalar_from_tensor(T.dscalar()).owner.op
    with pytest.raises(TypeError, match="takes a 0-d tensor"):
        op.make_node(wrong)


def test_what_is_no_scalar():
    op = tensor_from_scalar(scalar.float64()).owner.op
    with pytest.raises(TypeError, match="takes a scalar variable"):
        op.make_node(T.dscalar())
    np.testing.assert_array_equal(op(scalar.constant(2.0)).eval(), 2.0)
