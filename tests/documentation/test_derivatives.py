"""The documentation's examples of gradients, Jacobians and directional derivatives; its lines in the ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function, pp
from tcore.gradient import DisconnectedInputError, DisconnectedType, Lop, Rop, grad, grad_clip, grad_scale, hessian, jacobian, subgraph_grad, verify_grad
from tcore.graph import Apply, Op
from tcore.testing.coverage import coverage

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_derivative_of_square_L2113_L2123():
    x = T.dscalar("x")
    gy = T.grad(x**2, x)
    assert pp(gy) == (
        "((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * TensorConstant{2}) * "
        "(x ** (TensorConstant{2} - TensorConstant{1})))"
    )
    f = function([x], gy)
    assert f(4) == 8.0
    close(f(94.2), 188.4)


def test_derivative_of_logistic_L2157():
    x = T.dmatrix("x")
    s = T.sum(1 / (1 + T.exp(-x)))
    close(function([x], T.grad(s, x))([[0, 1], [-1, -2]]), [[0.25, 0.19661193], [0.19661193, 0.10499359]])


def test_one_variable_or_a_list_L2176():
    """In its order; the cost must be a scalar."""
    x, y = T.dvector("x"), T.dvector("y")
    cost = (x**2 * y).sum()
    assert T.grad(cost, x).type == x.type
    gy, gx = T.grad(cost, [y, x])
    for got, want in zip(function([x, y], [gy, gx])([1.0, 2.0], [3.0, 4.0]), ([1, 4], [6, 16]), strict=True):
        close(got, want)
    with pytest.raises(TypeError, match="scalar"):
        T.grad(x * 2, x)
    with pytest.raises(TypeError, match="scalar"):
        T.grad(T.drow().sum(axis=1), x)


def test_rows_of_a_jacobian_in_a_loop_L2213_L2223():
    """Elements of y by number; an element that is a sequence's slice does not depend on x any more. The Hessian alike."""
    x = T.dvector("x")
    y = x**2
    for whole, wanted in ((y, [[8, 0], [0, 8]]), (T.grad(y.sum(), x), [[2, 0], [0, 2]])):
        rows, updates = tcore.scan(lambda i, whole, x: T.grad(whole[i], x), sequences=T.arange(whole.shape[0]), non_sequences=[whole, x])
        close(function([x], rows, updates=updates)([4, 4]), wanted)
    with pytest.raises(DisconnectedInputError):
        tcore.scan(lambda y_i, x: T.grad(y_i, x), sequences=y, non_sequences=x)


def test_jacobian_L2184():
    x = T.dvector("x")
    close(function([x], jacobian(x**2, x))([4, 4]), [[8, 0], [0, 8]])


def test_hessian_L2219():
    x = T.dvector("x")
    close(function([x], hessian(T.sum(x**2), x))([4, 4]), [[2, 0], [0, 2]])


def test_rop_L2252():
    """W does not enter the value, and is an input all the same."""
    W, V, x = T.dmatrix("W"), T.dmatrix("V"), T.dvector("x")
    JV = Rop(T.dot(x, W), W, V)
    f = function([W, V, x], JV, on_unused_input="ignore")
    close(f([[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1]), [2.0, 2.0])


def test_lop_L2269():
    W, v, x = T.dmatrix("W"), T.dvector("v"), T.dvector("x")
    VJ = Lop(T.dot(x, W), W, v)
    close(function([v, x], VJ)([2, 2], [0, 1]), [[0, 0], [2, 2]])


def test_ops_with_an_r_operator_are_listed_L2263_L2287():
    """One row for each op, in the manual and on the command line, with what is there and why something is not."""
    page = (Path(__file__).parents[2] / "docs" / "ops_coverage.md").read_text(encoding="utf-8")
    assert "- **R_op**:" in page
    assert "```{op-coverage}" in page
    rows = {row.reference: row for row in coverage()}
    assert rows["tcore.tensor.dot:Dot"].cells["R_op"]
    assert all(row.cells["R_op"] or row.reasons["R_op"] for row in rows.values())


def test_products_without_the_matrix_L2238():
    """Vector times Jacobian and Hessian times vector of 10,000 variables: no 10,000 × 10,000 numbers are made."""
    x, v = T.dvector("x"), T.dvector("v")
    n = 10_000
    a, b = np.linspace(0, 1, n), np.ones(n)
    products = [Lop(T.tanh(x), x, v), Rop(T.tanh(x), x, v), Rop(grad((x**3).sum(), x), x, v)]
    f = function([x, v], products, profile=False)
    for got, want in zip(f(a, b), (1 - np.tanh(a) ** 2, 1 - np.tanh(a) ** 2, 6 * a), strict=True):
        close(got, want)
    assert all(getattr(variable.type, "ndim", 0) <= 1 for node in f.maker.fgraph.apply_nodes for variable in node.outputs)


def test_hessian_times_vector_L2293_L2297_L2310():
    """By either order of the two derivatives."""
    x, v = T.dvector("x"), T.dvector("v")
    gy = grad(T.sum(x**2), x)
    close(function([x, v], grad(T.sum(gy * v), x), on_unused_input="ignore")([4, 4], [2, 2]), [4, 4])
    close(function([x, v], Rop(gy, x, v), on_unused_input="ignore")([4, 4], [2, 2]), [4, 4])


def test_grad_clip_L17990():
    x = T.scalar()
    z = grad(grad_clip(x, -1, 1) ** 2, x)
    z2 = grad(x**2, x)
    assert [float(value) for value in function([x], [z, z2])(2.0)] == [1.0, 4.0]


def test_grad_scale_L18024():
    x = T.fscalar()
    fx = T.sin(x)
    close(grad(fx, x).eval({x: np.float32(2)}), np.cos(np.float32(2)))
    close(grad(grad_scale(fx, -1.0), x).eval({x: np.float32(2)}), -np.cos(np.float32(2)))


def test_subgraph_grad_L18125():
    """Layer by layer gives what one pass gives."""
    from tcore import shared

    x, t = T.fvector("x"), T.fvector("t")
    rng = np.random.default_rng(1)
    w1 = shared(rng.standard_normal((3, 4)))
    w2 = shared(rng.standard_normal((4, 2)))
    a1 = T.tanh(T.dot(x, w1))
    a2 = T.tanh(T.dot(a1, w2))
    cost2 = T.sqr(a2 - t).sum() + T.sqr(w2.sum())
    cost1 = T.sqr(w1.sum())
    params, costs, grad_ends = [[w2], [w1]], [cost2, cost1], [[a1], [x]]
    next_grad, param_grads = None, []
    for i in range(2):
        param_grad, next_grad = subgraph_grad(wrt=params[i], end=grad_ends[i], start=next_grad, cost=costs[i])
        next_grad = dict(zip(grad_ends[i], next_grad, strict=True))
        param_grads.extend(param_grad)
    whole = grad(cost1 + cost2, [w2, w1])
    f = function([x, t], [*param_grads, *whole])
    got = f(np.ones(3, "float32"), np.zeros(2, "float32"))
    close(got[0], got[2])
    close(got[1], got[3])


def test_verify_grad_L18198():
    verify_grad(T.tanh, (np.asarray([[2, 3, 4], [-1, 3.3, 9.9]]),), rng=np.random.RandomState(4))


class Halved(Op):
    """Half its input; notes when its gradient is asked for."""

    __props__ = ("name", "log")

    def __init__(self, name, log):
        self.name, self.log = name, log

    def __hash__(self):
        return hash(self.name)

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] / 2

    def grad(self, inputs, output_grads):
        self.log.append(self.name)
        return [output_grads[0] / 2]


def test_chain_rule_L5591():
    """From the output to the inputs, each node's op with what came to it; sums where ways meet; nothing off the way."""
    log = []
    x, y = T.dvector("x"), T.dvector("y")
    first = Halved("first", log)(x)
    second, third = Halved("second", log)(first), Halved("third", log)(first)
    aside = Halved("aside", log)(y)
    g = grad((second + third**2).sum(), x)
    assert sorted(log) == ["first", "second", "third"]
    assert log[-1] == "first"
    close(function([x], g)([4.0, 8.0]), [0.25 + 2 * 1 * 0.25, 0.25 + 2 * 2 * 0.25])
    assert aside.owner.op.name == "aside"


def test_integer_conversion_L8394():
    """C = 0.5 * float(int(x)): 0.5 for the integer, 0 for x."""
    x = T.dscalar("x")
    y = T.cast(x, "int32")
    c = 0.5 * T.cast(y, "float64")
    gy, gx = grad(c, [y, x])
    assert function([x], gy, on_unused_input="ignore")(3.2) == 0.5
    assert function([x], gx, on_unused_input="ignore")(3.2) == 0.0


def test_dot_of_integers_L8390():
    x, y = T.imatrix("x"), T.imatrix("y")
    gx, gy = grad(T.dot(x, y).sum(), [x, y])
    f = function([x, y], [gx, gy], on_unused_input="ignore")
    a, b = np.ones((2, 3), "int32"), np.ones((3, 4), "int32")
    first, second = f(a, b)
    assert first.shape == (2, 3)
    assert second.shape == (3, 4)
    assert not first.any()
    assert not second.any()


def test_dot_with_integer_L8391():
    x, y = T.dmatrix("x"), T.imatrix("y")
    g = grad(T.dot(x, y).sum(), y)
    a, b = np.arange(6.0).reshape(2, 3), np.ones((3, 4), "int32")
    close(function([x, y], g, on_unused_input="ignore")(a, b), a.T @ np.ones((2, 4)))


class IntegerGradient(Op):
    """Returns for its gradient what ``answer`` makes of the one that comes in."""

    __props__ = ("answer",)

    def __init__(self, answer):
        self.answer = answer

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def grad(self, inputs, output_grads):
        assert output_grads[0].dtype.startswith("float")
        return [self.answer(output_grads[0])]


def test_gradients_are_never_integers_L8368():
    """An op that returns an integer dtype is refused by its name; gradients that come in are floating."""
    x = T.dscalar("x")
    with pytest.raises(TypeError, match=r"IntegerGradient.L_op returned a gradient of the integer dtype int32 for input 0, x") as info:
        grad(IntegerGradient(lambda g: T.cast(g, "int32"))(x) * 2, x)
    assert "test_derivatives.py" in str(info.value)
    with pytest.raises(TypeError, match=r"IntegerGradient.L_op returned a gradient of the integer dtype int8"):
        grad(IntegerGradient(lambda g: 3)(x), x)


class Scaled(Op):
    """``x * n`` for a floating x and an integer n, by formulas that make sense between the integers, too."""

    __props__ = ()

    def make_node(self, x, n):
        return Apply(self, [x, n], [T.dvector()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * inputs[1]

    def grad(self, inputs, output_grads):
        x, n = inputs
        (g,) = output_grads
        return [g * n, (g * x).sum()]


def test_gradient_with_respect_to_an_integer_input_L8381():
    """It is that of a floating input where the function has values between the integers."""
    x, n, k = T.dvector("x"), T.lscalar("n"), T.lvector("k")
    gx, gn = grad((Scaled()(x, n) ** 2).sum(), [x, n])
    found = function([x, n], [gx, gn])([1.0, 2.0], 3)
    close(found[0], [18.0, 36.0])
    close(found[1], 30.0)
    close(function([k], grad(T.exp(k).sum(), k))([0, 1]), np.exp([0, 1]))


def test_integer_output_has_gradient_zero_L8379():
    x, k = T.dvector("x"), T.lvector("k")
    close(function([x], grad(T.cast(T.floor(x * 3), "int64").sum(), x))([0.3, 0.9]), [0, 0])
    close(function([k], grad((k * 2).sum(), k))([1, 2]), [0, 0])


def test_argmax_L8392():
    """Zero for the values; the axis must be known, so that nothing can be differentiated along it."""
    x = T.dmatrix("x")
    close(function([x], grad(T.cast(T.argmax(x, axis=0), "float64").sum(), x))(np.eye(2)), np.zeros((2, 2)))
    with pytest.raises(TypeError, match="axis of a reduction must be known"):
        T.argmax(x, axis=T.lscalar("n"))


def test_length_is_disconnected_L8393():
    """A vector of n elements that are all x: its elements do not depend on n."""
    x, n = T.dscalar("x"), T.lscalar("n")
    cost = T.alloc(x, n).sum()
    assert function([x, n], grad(cost, x))(2.0, 5) == 5.0
    with pytest.raises(DisconnectedInputError, match="does not depend on n"):
        grad(cost, n)
    ignored = grad(cost, n, disconnected_inputs="ignore", return_disconnected="Disconnected")
    assert isinstance(ignored.type, DisconnectedType)
