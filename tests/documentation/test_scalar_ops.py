"""New scalar ops: one definition serves arrays, reductions and fused kernels (L8738)."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.gof import Apply, Op
from tcore.gradient import verify_grad
from tcore.scalar import BinaryScalarOp, UnaryScalarOp
from tcore.tensor.careduce import CAReduce
from tcore.tensor.elemwise import Elemwise


class Cube(UnaryScalarOp):
    """x ** 3, in Python and in C."""

    def impl(self, x):
        return x * x * x

    def grad(self, inputs, output_gradients):
        (x,), (g,) = inputs, output_gradients
        return [3 * x * x * g]

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} * {inputs[0]} * {inputs[0]};"


class Hypot(BinaryScalarOp):
    """sqrt(x^2 + y^2): associative and commutative, so that it can reduce."""

    associative = commutative = True
    identity = 0

    def impl(self, x, y):
        return np.hypot(x, y)

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = hypot({inputs[0]}, {inputs[1]});"


def test_symbolic_scalars_L18788():
    """The module that tensors apply element by element: types of single numbers, and the ops on them."""
    x, y = scalar.float64("x"), scalar.int8("y")
    z = scalar.mul(x, y) + scalar.exp(x)
    assert (z.type, z.owner.op, x.type.ndim) == (scalar.float64, scalar.add, 0)
    tensor = Elemwise(scalar.add)(T.dvector("a"), T.dvector("b"))
    assert tensor.owner.op.scalar_op is scalar.add
    assert tcore.function([x, y], z, mode="FAST_COMPILE")(0.5, 3) == 1.5 + np.exp(0.5)


cube = Cube(scalar.upgrade_to_float, name="cube")
hypot = Hypot(scalar.upcast_out, name="hypot")


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu", "opencl")
class TestNewScalarOp:
    def test_elemwise_L8738(self, backend):
        """On tensors of any rank, with broadcasting and gradient, fused with its neighbours."""
        x = T.dmatrix("x")
        value = np.linspace(-1, 2, 6).reshape(2, 3)
        y = T.exp(Elemwise(cube)(x)) + 1
        f = tcore.function([x], y)
        np.testing.assert_allclose(f(value), np.exp(value**3) + 1)
        if backend != "opencl":  # there kernels are joined below the graph
            assert sum(isinstance(node.op, Elemwise) for node in f.maker.fgraph.toposort()) == 1
        g = tcore.function([x], tcore.grad(Elemwise(cube)(x).sum(), x))
        np.testing.assert_allclose(g(value), 3 * value**2)

    def test_reduction_L8738(self, backend):
        """The same definition reduces over an axis."""
        x = T.dmatrix("x")
        value = np.arange(1.0, 7).reshape(2, 3)
        f = tcore.function([x], CAReduce(hypot, axis=1)(x))
        np.testing.assert_allclose(f(value), np.sqrt((value**2).sum(1)))


def test_c_code_of_elemwise_is_automatic_L8738():
    """A scalar op with C code lowers, alone and inside a Composite."""
    node = cube.make_node(scalar.float64("x"))
    assert cube.c_code(node, "n", ["a"], ["b"], {}) == "b = a * a * a;"
    assert cube(scalar.float64()).type == scalar.float64


class Guarded(BinaryScalarOp):
    """Text that no kernel can hold: headers, an error, memory of its own, state; and no form in Python."""

    def c_headers(self):
        return ["<cmath>"]

    def c_support_code_apply(self, node, name):
        return f"static double twice_{name}(double x) {{ return 2 * x; }}"

    def c_support_code_struct(self, node, name):
        return f"double offset_{name};"

    def c_init_code_struct(self, node, name, sub):
        return f"offset_{name} = 0.5;"

    def c_code(self, node, name, inputs, outputs, sub):
        (x, y), (z,) = inputs, outputs
        return f"""double* held = (double*) malloc(sizeof(double));
            if ({x} < 0) {{ PyErr_SetString(PyExc_ValueError, "negative element"); {sub["fail"]} }}
            *held = twice_{name}({x}) + std::fabs({y}) + offset_{name};
            {z} = (dtype_{z}) *held;"""

    def c_code_cleanup(self, node, name, inputs, outputs, sub):
        return "free(held);"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["cvm", "c|py", "c"])
def test_c_code_of_elemwise_with_all_methods_L8738(linker):
    """Elemwise has C code where its scalar op does, whatever that uses: strides, broadcasting, in place, errors with the node."""
    pytest.importorskip("tcore_cpu", reason="tcore-cpu is not installed")
    op = Elemwise(Guarded(scalar.upcast_out, name="guarded"))
    x, y = T.dmatrix("x"), T.fvector("y")
    f = tcore.function([x, y], [op(x, y), T.exp(op(x, y)) + 1], mode=tcore.Mode(linker=linker))
    value = np.arange(12.0).reshape(3, 4)[:, ::-2]
    expected = 2 * value + 3 + 0.5
    for _ in range(2):  # once on old results
        plain, fused = f(value, [-3, 3])
        np.testing.assert_allclose(plain, expected)
        np.testing.assert_allclose(fused, np.exp(expected) + 1)
    with pytest.raises(ValueError, match=r"negative element\nApply node that caused the error: Elemwise\{.*guarded"):
        f(-value, [1, 2])
    with pytest.raises(ValueError, match=r"mis-match. \(input\[0\].shape\[1\] = 2, input\[1\].shape\[1\] = 3\)"):
        f(value, [1, 2, 3])
    assert f(np.zeros((0, 2)), [1, 2])[0].shape == (0, 2)


class Furthest(BinaryScalarOp):
    """The one farther from 0, in C alone, with a header."""

    associative = commutative = True
    identity = None

    def c_headers(self):
        return ["<cmath>"]

    def c_code(self, node, name, inputs, outputs, sub):
        (x, y), (z,) = inputs, outputs
        return f"""if ({x} != {x} || {y} != {y}) {{ PyErr_SetString(PyExc_ValueError, "no number"); {sub["fail"]} }}
            {z} = std::fabs({x}) >= std::fabs({y}) ? {x} : {y};"""

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), ()])
def test_c_code_of_reductions_L8738(axis):
    """A reduction by an op that no kernel can hold runs its C code: all axes and strides, errors with the node."""
    pytest.importorskip("tcore_cpu", reason="tcore-cpu is not installed")
    x = T.dtensor3("x")
    f = tcore.function([x], CAReduce(Furthest(scalar.upcast_out, name="furthest"), axis=axis)(x), mode=tcore.Mode(linker="cvm"))
    value = np.random.default_rng(4).normal(size=(3, 4, 5))[:, ::-1].transpose(2, 0, 1)
    low, high = value.min(axis), value.max(axis)
    for _ in range(2):
        np.testing.assert_array_equal(f(value), np.where(-low >= high, low, high))
    if axis is None:
        with pytest.raises(ValueError, match="no neutral element\nApply node that caused the error: Reduce"):
            f(np.zeros((0, 2, 3)))
    if axis != ():
        with pytest.raises(ValueError, match="no number\nApply node that caused the error: Reduce"):
            f(value * np.nan)


class Wraps(Op):
    """An op that runs another tensor op's C text as its own."""

    __props__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    def make_node(self, *inputs):
        return Apply(self, [*inputs], [out.type() for out in self.inner.make_node(*inputs).outputs])

    def c_support_code(self):
        return self.inner.c_support_code()

    def c_code(self, node, name, inputs, outputs, sub):
        return self.inner.c_code(self.inner.make_node(*node.inputs), name, inputs, outputs, sub)

    def c_code_cache_version(self):
        return (1,)


def test_c_code_of_tensor_ops_can_be_wrapped_L8738():
    """Elemwise and reductions of built-in ops have C text, too."""
    pytest.importorskip("tcore_cpu", reason="tcore-cpu is not installed")
    x, y = T.fmatrix("x"), T.row("y", dtype="int32")
    sums = T.sum(x, axis=1).owner.op
    outs = [Wraps(Elemwise(scalar.mod))(x, y), Wraps(sums)(x), Wraps(CAReduce(scalar.maximum))(x), Wraps(T.all(x).owner.op)(x)]
    f = tcore.function([x, y], outs, mode=tcore.Mode(linker="cvm"))
    a, b = np.float32([[5, -3.5, 2], [1e8, 1, 0]]), np.int32([[3, 2, 4]])
    remainder, total, most, every = f(a, b)
    np.testing.assert_allclose(remainder, np.mod(a, b))
    np.testing.assert_array_equal(total, np.float32([3.5, 100000001]))  # in float64, as sums of float32 are made
    assert (most, every) == (1e8, False)


def test_c_code_of_elemwise_in_place_L8738():
    """An output that takes over an input writes there."""
    pytest.importorskip("tcore_cpu", reason="tcore-cpu is not installed")
    guarded = Guarded(scalar.upcast_out, name="guarded")
    s = tcore.shared(np.array([1.0, 2.0]))
    f = tcore.function([], [], updates=[(s, Elemwise(guarded)(s, T.constant([-1.0, 1.0])))], mode=tcore.Mode(linker="cvm", optimizer="fast_run"))
    assert [node.op.destroy_map for node in f.maker.fgraph.toposort()] == [{0: [0]}]
    before = s.get_value(borrow=True)
    f()
    np.testing.assert_allclose(s.get_value(borrow=True), [3.5, 5.5])
    assert np.shares_memory(s.get_value(borrow=True), before)


@pytest.mark.parametrize(("name", "values"), [("gammaln", [0.5, 3.0]), ("psi", [0.5, 3.0]), ("gamma", [0.5, 3.0])])
def test_model_examples_L8742(name, values):
    """GammaLn, Psi and Gamma, against SciPy, with gradients where there are some."""
    special = pytest.importorskip("scipy.special")
    x = T.dvector("x")
    f = tcore.function([x], getattr(T, name)(x), mode="FAST_COMPILE")
    np.testing.assert_allclose(f(values), getattr(special, name)(values))
    op = getattr(scalar, name)
    assert type(op).__name__ == {"gammaln": "GammaLn", "psi": "Psi", "gamma": "Gamma"}[name]
    assert isinstance(op, scalar.ScalarOp)


def test_gradient_of_gammaln_L8744():
    """d gammaln / dx is psi."""
    verify_grad(T.gammaln, [np.array([0.7, 2.5])], rng=np.random.default_rng(1), mode="FAST_COMPILE")
