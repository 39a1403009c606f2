"""ifelse: one of two branches, of which the other is not computed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore.graph import Apply, Op
from tcore.tensor.ifelse import IfElse, ifelse

LINKERS = ["vm", "cvm", "py", "c|py"]


class Count(Op):
    """Its input times 1; a list keeps what was computed."""

    __props__ = ("name",)
    log: list[str] = []

    def __init__(self, name):
        self.name = name

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        self.log.append(self.name)
        output_storage[0][0] = inputs[0] * 1

    def grad(self, inputs, output_grads):
        return [Count(f"d{self.name}")(output_grads[0])]


@pytest.fixture(autouse=True)
def log():
    Count.log.clear()
    return Count.log


def mode(linker):
    return tcore.Mode(linker=linker)


@pytest.mark.parametrize("linker", LINKERS)
def test_switch_and_ifelse_L2333_L2340_L2353_L2386(linker, log):
    """The documentation's two programs agree; vm and cvm compute one mean, the others both."""
    a, b = T.scalars("a", "b")
    x, y = T.matrices("x", "y")
    mean_x, mean_y = Count("x")(T.mean(x)), Count("y")(T.mean(y))
    f_switch = tcore.function([a, b, x, y], T.switch(T.lt(a, b), mean_x, mean_y), mode=mode(linker))
    f_lazy = tcore.function([a, b, x, y], ifelse(T.lt(a, b), mean_x, mean_y), mode=mode(linker))
    assert any(isinstance(node.op, IfElse) for node in f_lazy.maker.fgraph.apply_nodes)
    assert not any(isinstance(node.op, IfElse) for node in f_switch.maker.fgraph.apply_nodes)  # L2388: no rewrite makes one of a switch
    ones = np.ones((100, 10))
    assert f_switch(0.0, 1.0, ones, 2 * ones) == 1
    assert sorted(log) == ["x", "y"]
    log.clear()
    assert f_lazy(0.0, 1.0, ones, 2 * ones) == 1
    assert sorted(log) == (["x"] if "vm" in linker else ["x", "y"])
    log.clear()
    assert f_lazy(1.0, 0.0, ones, 2 * ones) == 2
    assert sorted(log) == (["y"] if "vm" in linker else ["x", "y"])


def test_test_values_compute_both_branches_L2392(log):
    """While the graph is built with test values; the function is unaffected."""
    with tcore.change_flags(compute_test_value="raise"):
        c, x = T.dscalar("c"), T.dvector("x")
        c.tag.test_value, x.tag.test_value = 1.0, np.arange(3.0)
        z = ifelse(c, Count("x")(x), Count("y")(x * 2))
        assert sorted(log) == ["x", "y"]
        np.testing.assert_array_equal(z.tag.test_value, np.arange(3.0))
    log.clear()
    tcore.function([c, x], z, mode=mode("vm"))(0.0, np.ones(2))
    assert log == ["y"]


@pytest.mark.parametrize("linker", LINKERS)
def test_several_values(linker, log):
    """Lists of values, chosen together; dtypes and broadcast marks come to what holds both."""
    c, x, r = T.iscalar("c"), T.fmatrix("x"), T.drow("r")
    outs = ifelse(c, [Count("x")(x), 1], [Count("r")(r), x.sum()], name="both")
    assert [o.type for o in outs] == [T.dmatrix, T.dscalar if outs[1].type.dtype == "float64" else T.fscalar]
    assert str(outs[0].owner.op) == "if{both}"
    f = tcore.function([c, x, r], outs, mode=mode(linker))
    first, second = f(2, np.ones((2, 3), "float32"), np.zeros((1, 3)))
    np.testing.assert_array_equal(first, np.ones((2, 3)))
    assert second == 1
    first, second = f(0, np.ones((2, 3), "float32"), np.zeros((1, 3)))
    np.testing.assert_array_equal(first, np.zeros((1, 3)))
    assert second == 6
    if "vm" in linker:
        assert log == ["x", "r"]


@pytest.mark.parametrize("linker", LINKERS)
def test_nested(linker, log):
    """A choice inside of a branch; one whose result is a condition; nodes that both branches share run once."""
    a, b, x = T.dscalar("a"), T.dscalar("b"), T.dvector("x")
    shared = Count("shared")(T.exp(x))
    inner = ifelse(b > 0, Count("p")(shared + 1), Count("q")(x + 2))
    z = ifelse(a > 0, inner * 2, Count("r")(shared + 3))
    flag = ifelse(z[0] > 5, Count("s")(z).sum(), Count("t")(x).sum())
    f = tcore.function([a, b, x], [z, flag], mode=mode(linker))
    x_ = np.array([0.0, 1.0])
    for a_, b_, value, ran in [(1, 1, 2 * (np.exp(x_) + 1), {"shared", "p", "t"}), (1, -1, 2 * (x_ + 2), {"q", "t"}), (-1, 1, np.exp(x_) + 3, {"shared", "r", "t"})]:
        log.clear()
        got, total = f(a_, b_, x_)
        np.testing.assert_allclose(got, value)
        assert total == x_.sum()
        assert len(log) == len(set(log))
        if "vm" in linker:
            assert set(log) == ran


def test_gradient():
    """Zeros to the branch that was not taken."""
    c, x, y = T.dscalar("c"), T.dvector("x"), T.dvector("y")
    cost = ifelse(c > 0, Count("x")(x**2), Count("y")(y**3)).sum()
    f = tcore.function([c, x, y], tcore.grad(cost, [x, y]), mode=mode("cvm"))
    np.testing.assert_allclose(f(1.0, [1.0, 2.0], [3.0, 4.0]), [[2, 4], [0, 0]])
    np.testing.assert_allclose(f(-1.0, [1.0, 2.0], [3.0, 4.0]), [[0, 0], [27, 48]])
    for condition in (1.0, 0.0):
        verify_grad(lambda x, y, condition=condition: ifelse(T.constant(condition) * x.sum() > 0, x * y, x / y), [np.array([1.0, 2.0]), np.array([3.0, 0.5])], rng=np.random.RandomState(1))
    u, v = T.dvector("u"), T.dvector("v")
    push = tcore.function([c, x, y, u, v], tcore.gradient.Rop(ifelse(c > 0, x**2, y**3), [x, y], [u, v]))
    np.testing.assert_allclose(push(1, [3.0], [2.0], [1.0], [1.0]), [6.0])
    np.testing.assert_allclose(push(0, [3.0], [2.0], [1.0], [1.0]), [12.0])


def test_shapes_are_chosen_without_the_values():
    """Of a choice whose shape alone is wanted."""
    c, x, y = T.dscalar("c"), T.dmatrix("x"), T.dmatrix("y")
    f = tcore.function([c, x, y], ifelse(c > 0, T.exp(x), T.exp(y)).shape)
    assert not any("exp" in str(node.op) for node in f.maker.fgraph.apply_nodes)
    assert f(1, np.zeros((2, 3)), np.zeros((4, 5))).tolist() == [2, 3]
    assert f(0, np.zeros((2, 3)), np.zeros((4, 5))).tolist() == [4, 5]


def test_rewrites():
    """A known condition takes its branch; values that the branches share are no choice."""
    c, x, y, z = T.dscalar("c"), T.dvector("x"), T.dvector("y"), T.dvector("z")
    for condition, value in ((1, x), (0.0, y), (T.constant(3) > 2, x)):
        f = tcore.function([x, y], ifelse(condition, x * 2, y * 2), on_unused_input="ignore")
        assert not any(isinstance(node.op, IfElse) for node in f.maker.fgraph.apply_nodes)
        assert f([1.0], [5.0]) == [2.0 if value is x else 10.0]
    f = tcore.function([c, x, y, z], ifelse(c, [x + 1, y], [x + 1, z]))
    assert [node.op.n_outs for node in f.maker.fgraph.apply_nodes if isinstance(node.op, IfElse)] == [1]
    assert [v.tolist() for v in f(1, [1.0], [2.0], [3.0])] == [[2.0], [2.0]]
    same = tcore.function([c, x], ifelse(c, x + 1, x + 1), on_unused_input="ignore")
    assert not any(isinstance(node.op, IfElse) for node in same.maker.fgraph.apply_nodes)


def test_results_are_the_callers_own():
    """An input that is handed on is copied at the function's border, as by all ops."""
    c, x, y = T.dscalar("c"), T.dvector("x"), T.dvector("y")
    f = tcore.function([c, x, y], ifelse(c, x, y))
    given = np.ones(3)
    f(1, given, given)[:] = 7
    assert given.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((T.dvector("c"), 1, 2), TypeError, "one truth value, got c with 1 dimensions: switch chooses"),
        ((T.dscalar("c"), T.dvector("x"), T.dmatrix("y")), TypeError, "values of 1 and 2 dimensions: x and y"),
        ((T.dscalar("c"), [1, 2], [3]), ValueError, "as many values each, got 2 and 1"),
        ((T.dscalar("c"), T.dvector("x"), tcore.gof.generic("y")), TypeError, "do not convert into each other"),
    ],
)
def test_refusals(arguments, error, says):
    """What cannot be chosen between."""
    with pytest.raises(error, match=says):
        ifelse(*arguments)


def test_other_types_and_modes():
    """Values of any one Type; DebugMode checks it; a pickled function is lazy again."""
    c, g, h = T.dscalar("c"), tcore.gof.generic("g"), tcore.gof.generic("h")
    f = tcore.function([c, g, h], ifelse(c, g, h))
    assert f(1, {"a": 1}, "b") == {"a": 1}
    x, y = T.dvector("x"), T.dvector("y")
    checked = tcore.function([c, x, y], ifelse(c, x * 2, y + 1), mode="DebugMode")
    np.testing.assert_array_equal(checked(0, [1.0], [2.0]), [3.0])
    again = pickle.loads(pickle.dumps(tcore.function([c, x, y], ifelse(c, x * 2, y + 1), mode=mode("cvm"))))
    np.testing.assert_array_equal(again(1, [1.0], [2.0]), [2.0])
