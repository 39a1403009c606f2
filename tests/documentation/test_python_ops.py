"""The documentation's ops written in Python: DoubleOp, AXPBOp, as_op, make_thunk; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config
from tcore.compile.mode import Mode
from tcore.compile.ops import as_op
from tcore.gradient import DisconnectedType, NullTypeGradError
from tcore.graph.null_type import NullType

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


class DoubleOp1(tcore.Op):
    __props__ = ()

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return tcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        x = inputs[0]
        z = output_storage[0]
        z[0] = x * 2

    def infer_shape(self, node, i0_shapes):
        return i0_shapes

    def grad(self, inputs, output_grads):
        return [output_grads[0] * 2]

    def R_op(self, inputs, eval_points):
        if eval_points[0] is None:
            return eval_points
        return self.grad(inputs, eval_points)


class DoubleOp2(tcore.Op):
    __props__ = ()

    itypes = [T.dmatrix]
    otypes = [T.dmatrix]

    perform = DoubleOp1.perform
    infer_shape = DoubleOp1.infer_shape
    grad = DoubleOp1.grad
    R_op = DoubleOp1.R_op


class AXPBOp(tcore.Op):
    """Takes x to a * x + b."""

    __props__ = ("a", "b")

    def __init__(self, a, b):
        self.a = a
        self.b = b
        super().__init__()

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return tcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        x = inputs[0]
        z = output_storage[0]
        z[0] = self.a * x + self.b

    def infer_shape(self, node, i0_shapes):
        return i0_shapes

    def grad(self, inputs, output_grads):
        return [self.a * output_grads[0]]


def rand(*shape):
    return np.asarray(np.random.default_rng(5).random(shape), dtype=config.floatX)


@pytest.mark.parametrize("op", [DoubleOp1(), DoubleOp2()], ids=["make_node", "itypes"])
def test_double_L6544(op):
    """Value, gradient, derivative in a direction, and shape without the op. (L6446, L6453, L6457, L6485, L6482)"""
    x, v = T.matrix("x"), T.matrix("v")
    value = rand(5, 4)
    np.testing.assert_allclose(tcore.function([x], op(x))(value), value * 2)
    np.testing.assert_allclose(tcore.function([x], tcore.grad((op(x) * x).sum(), x))(value), 4 * value)
    np.testing.assert_allclose(tcore.function([x, v], T.Rop(op(x), x, v), on_unused_input="ignore")(value, value + 1), 2 * (value + 1))
    shape = tcore.function([x], op(x).shape)
    assert shape(value).tolist() == [5, 4]
    assert not any(node.op == op for node in shape.maker.fgraph.toposort())


def test_wrong_input_types_L6522_L6493():
    """What ``itypes`` does not allow is refused when the op is applied; ``itypes`` demand their number, too."""
    with pytest.raises(TypeError, match=r"DoubleOp2.* cannot be applied: input 0 is TensorType\(float64, vector\), needed TensorType\(float64, matrix\)"):
        DoubleOp2()(T.dvector())
    with pytest.raises(ValueError, match="takes 1 inputs, got 2"):
        DoubleOp2()(T.dmatrix(), T.dmatrix())


def test_instance_is_the_op_L6621_L6436():
    """The instance is in the graph, under ``owner.op``."""
    op = DoubleOp1()
    y = op(T.vector())
    assert y.owner.op is op
    assert y.owner.inputs[0].type == y.type


def test_as_tensor_variable_L6627():
    """Variables are left alone, arrays become constants that share no memory, other variables are refused."""
    x = T.matrix()
    assert T.as_tensor_variable(x) is x
    array = np.zeros(3)
    constant = T.as_tensor_variable(array)
    array[0] = 1
    assert constant.data.tolist() == [0, 0, 0]
    with pytest.raises(TypeError):
        T.as_tensor_variable(tcore.graph.generic())


def test_props_L6690():
    """Ops with equal properties are equal, hash alike, print them, and are merged. (L6530, L6532, L6534, L6528)"""
    a, again, other = AXPBOp(4, 5), AXPBOp(4, 5), AXPBOp(2, 3)
    assert a == again
    assert hash(a) == hash(again)
    assert a != other
    assert str(a) == "AXPBOp{a=4, b=5}"
    x = T.matrix()
    value = rand(5, 4).astype("float32")
    np.testing.assert_allclose(tcore.function([x], a(x))(value), 4 * value + 5, rtol=1e-6)
    np.testing.assert_allclose(tcore.function([x], other(x))(value), 2 * value + 3, rtol=1e-6)
    f = tcore.function([x], [a(x), again(x) + 1, other(x)])
    assert sum(isinstance(node.op, AXPBOp) for node in f.maker.fgraph.toposort()) == 2
    np.testing.assert_allclose(tcore.function([x], tcore.grad(a(x).sum(), x))(value), np.full((5, 4), 4.0))


class SumAndDifference(tcore.Op):
    __props__ = ()
    itypes = [T.dmatrix, T.dmatrix]
    otypes = [T.dmatrix, T.dmatrix]

    def perform(self, node, inputs, output_storage):
        x, y = inputs
        output_storage[0][0] = x + y
        output_storage[1][0] = x - y

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[0]]

    def grad(self, inputs, output_grads):
        # the cost may depend on one of the outputs only
        total, difference = (T.zeros_like(x) if isinstance(g.type, DisconnectedType) else g for x, g in zip(inputs, output_grads, strict=True))
        return [total + difference, total - difference]


def test_two_outputs_L6896():
    """The exercise: sum and difference, their gradients and shapes."""
    x, y = T.dmatrices("x", "y")
    a, b = rand(3, 4), rand(3, 4) + 1
    total, difference = SumAndDifference()(x, y)
    for got, wanted in zip(tcore.function([x, y], [total, difference])(a, b), (a + b, a - b), strict=True):
        np.testing.assert_allclose(got, wanted)
    T.verify_grad(lambda u, v: SumAndDifference()(u, v)[0], [a, b], rng=np.random.default_rng(0))
    T.verify_grad(lambda u, v: SumAndDifference()(u, v)[1], [a, b], rng=np.random.default_rng(0))


class CountingThunk(tcore.Op):
    """Has ``make_thunk``, so that ``perform`` is ignored."""

    __props__ = ()
    itypes = [T.dvector]
    otypes = [T.dvector]

    def perform(self, node, inputs, output_storage):
        raise AssertionError("make_thunk comes first")

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        (x,), (z,) = ([storage_map[v] for v in vs] for vs in (node.inputs, node.outputs))

        def thunk():
            z[0] = x[0] + 1
            compute_map[node.outputs[0]][0] = 1

        thunk.inputs, thunk.outputs, thunk.lazy = [x], [z], False
        return thunk


def test_make_thunk_L6520():
    """The op's own thunk reads and fills the cells, and marks what it computed. (L6470, L6514, L6515, L6518)"""
    x = T.dvector("x")
    f = tcore.function([x], CountingThunk()(x) * 2)
    np.testing.assert_array_equal(f([1.0, 2.0]), [4.0, 6.0])
    np.testing.assert_array_equal(f([5.0]), [12.0])


def test_nothing_to_run_L6489():
    """An op without perform, c_code or make_thunk says so when it is to run; one without make_node and itypes, when applied."""

    class Empty(tcore.Op):
        __props__ = ()

    with pytest.raises(NotImplementedError, match="Empty defines neither make_node nor itypes and otypes"):
        Empty()(T.dvector())

    class NoPerform(tcore.Op):
        __props__ = ()
        itypes = [T.dvector]
        otypes = [T.dvector]

    x = T.dvector()
    with pytest.raises(Exception, match="NoPerform defines no perform"):
        tcore.function([x], NoPerform()(x))([1.0])


class Reusing(tcore.Op):
    """Keeps the memory of its last output where that fits."""

    __props__ = ()
    itypes = [T.dvector]
    otypes = [T.dvector]

    def perform(self, node, inputs, output_storage):
        old = output_storage[0][0]
        if old is None or old.shape != inputs[0].shape:
            output_storage[0][0] = inputs[0] + 1
        else:
            np.add(inputs[0], 1, out=old)


def test_old_output_may_be_reused_L6501_L6631():
    """Old memory changes nothing about results, nor about those returned before."""
    x = T.dvector("x")
    f = tcore.function([x], Reusing()(x))
    first = f([1.0, 2.0])
    second = f([5.0, 6.0])
    np.testing.assert_array_equal(first, [2.0, 3.0])
    np.testing.assert_array_equal(second, [6.0, 7.0])
    np.testing.assert_array_equal(f([1.0]), [2.0])


@as_op(itypes=[T.fmatrix, T.fmatrix], otypes=[T.fmatrix], infer_shape=lambda node, shapes: [shapes[0][:-1] + shapes[1][-1:]])
def numpy_dot(a, b):
    return np.dot(a, b)


def test_as_op_L6962_L12903():
    """A Python function as an op; with ``infer_shape`` the shape does not run it; there is no gradient. (L6920, L6924, L6942, L6948)"""
    x, y = T.fmatrix(), T.fmatrix()
    a, b = rand(5, 4).astype("float32"), rand(4, 7).astype("float32")
    out = tcore.function([x, y], numpy_dot(x, y))(a, b)
    assert out.shape == (5, 7)
    np.testing.assert_allclose(out, np.dot(a, b), rtol=1e-6)
    shape = tcore.function([x, y], numpy_dot(x, y).shape)
    assert not any(node.op is numpy_dot for node in shape.maker.fgraph.toposort())
    assert shape(a, b).tolist() == [5, 7]
    with pytest.raises((NotImplementedError, NullTypeGradError)):
        tcore.grad(numpy_dot(x, y).sum(), x)


@as_op(itypes=[T.fmatrix, T.fmatrix], otypes=[T.fmatrix, T.fmatrix])
def sum_and_difference(a, b):
    return a + b, a - b


def test_as_op_exercise_L6991_L6936():
    """Two outputs; without ``infer_shape`` the shape runs the function."""
    x, y = T.fmatrix(), T.fmatrix()
    a, b = rand(3, 2).astype("float32"), rand(3, 2).astype("float32")
    total, difference = tcore.function([x, y], sum_and_difference(x, y))(a, b)
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(difference, a - b)
    shape = tcore.function([x, y], sum_and_difference(x, y)[0].shape)
    assert any(node.op is sum_and_difference for node in shape.maker.fgraph.toposort())


def test_no_gradient_is_a_null_type_L6538():
    """An op may say that an input has no derivative: asking for it names the op and the reason."""

    class HalfDifferentiable(tcore.Op):
        __props__ = ()
        itypes = [T.dvector, T.dvector]
        otypes = [T.dvector]

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] * inputs[1]

        def grad(self, inputs, output_grads):
            return [output_grads[0] * inputs[1], NullType("nobody worked it out")()]

    x, y = T.dvectors("x", "y")
    cost = HalfDifferentiable()(x, y).sum()
    np.testing.assert_array_equal(tcore.function([x, y], tcore.grad(cost, x), on_unused_input="ignore")([1.0], [3.0]), [3.0])
    with pytest.raises(NullTypeGradError, match="nobody worked it out"):
        tcore.grad(cost, y)


def test_rop_with_none_L6575():
    """No differentiable path through an input comes as None; an op may answer None."""
    x, v = T.dmatrix("x"), T.dmatrix("v")
    assert DoubleOp1().R_op([x], [None]) == [None]
    two = DoubleOp1()(x) + DoubleOp1()(T.dmatrix("y"))
    rop = T.Rop(two, x, v)
    f = tcore.function([x, v], rop, on_unused_input="ignore", mode=Mode("py", "fast_compile"))
    np.testing.assert_array_equal(f([[1.0]], [[3.0]]), [[6.0]])
