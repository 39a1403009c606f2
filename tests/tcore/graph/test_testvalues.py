"""Computing while building."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import Apply, Op, clone_replace, get_test_value
from tcore.graph.testvalues import compute_test_value
from tcore.scalar import add, float64


@pytest.fixture
def x():
    variable = float64("x")
    variable.tag.test_value = 42
    return variable


def test_values_follow(x):
    """Every derived variable gets a value, constants have their own."""
    with config.change_flags(compute_test_value="raise"):
        total = add(add(x, 1.0), x)
    assert total.tag.test_value == 85.0
    assert get_test_value(total) == 85.0


@pytest.mark.parametrize("mode", ["off", "ignore", "warn", "raise"])
def test_missing_values(mode, x):
    """An error, a warning, or nothing."""
    y = float64("y")
    with config.change_flags(compute_test_value=mode):
        if mode == "raise":
            with pytest.raises(AttributeError, match=r"input 1, y has no test value, created: .*test_testvalues.py"):
                add(x, y)
        elif mode == "warn":
            with pytest.warns(UserWarning, match="input 1, y"):
                add(x, y)
        else:
            assert not hasattr(add(x, y).tag, "test_value")


def test_repr_shows_values(x):
    """With ``print_test_value``, on a line of its own and as the type wants it."""
    assert repr(x) == "x"
    with config.change_flags(print_test_value=True):
        assert repr(x).startswith("x\n")
        assert "42.0" in repr(x)
        assert repr(float64("y")) == "y"


def test_values_of_plain_things(x):
    """A number is a constant; a type that a value does not fit refuses it."""
    assert get_test_value(3.5) == 3.5
    x.tag.test_value = "text"
    with pytest.raises(TypeError):
        get_test_value(x)


def test_the_mode_may_be_given(x):
    """``off`` computes nothing, whatever the option says."""
    node = add(x, 1.0).owner
    compute_test_value(node, "off")
    assert not hasattr(node.outputs[0].tag, "test_value")
    compute_test_value(node, "raise")
    assert node.outputs[0].tag.test_value == 43.0


def test_a_variable_of_unknown_origin():
    """Is named without the line that made it."""
    y = float64("y")
    y.tag.clear()
    with pytest.raises(AttributeError, match="^y has no test value$"):
        get_test_value(y)


class Idle(Op):
    """Nothing computes it."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


def test_what_nothing_computes(x):
    """As a missing value: an error, a warning, or nothing."""
    with config.change_flags(compute_test_value="ignore"):
        assert not hasattr(Idle()(x).tag, "test_value")
    with config.change_flags(compute_test_value="warn"), pytest.warns(UserWarning, match="test value of Idle: Idle defines no perform"):
        Idle()(x)
    with config.change_flags(compute_test_value="raise"), pytest.raises(AttributeError, match="Idle defines no perform, nor has it C code"):
        Idle()(x)


class Square(Op):
    """Its gradient goes by a graph beside the user's, whose variable has no value."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] ** 2

    def L_op(self, inputs, outputs, output_grads):
        inner = inputs[0].type("inner")
        return [clone_replace(inner * 2.0, {inner: inputs[0]}) * output_grads[0]]

    def R_op(self, inputs, eval_points):
        return [self.L_op(inputs, [], eval_points)[0]]


class TestDerivatives:
    """They have values, though parts of them are built from variables without."""

    @pytest.fixture
    def v(self):
        variable = T.dvector("v")
        variable.tag.test_value = np.array([1.0, 2.0, 3.0])
        return variable

    @pytest.fixture(autouse=True)
    def values_are_needed(self):
        with config.change_flags(compute_test_value="raise", backend="numpy"):
            yield

    def test_of_elementwise_ops(self, v):
        slope = tcore.grad((T.exp(v) / (1 + v)).sum(), v)
        np.testing.assert_allclose(slope.tag.test_value, np.exp([1, 2, 3]) * np.array([1, 2, 3]) / np.array([2.0, 3, 4]) ** 2)

    def test_in_directions(self, v):
        np.testing.assert_allclose(tcore.Rop(v**3, v, T.ones_like(v)).tag.test_value, [3, 12, 27])
        np.testing.assert_allclose(tcore.Rop(Square()(v), v, T.ones_like(v)).tag.test_value, [2, 4, 6])

    def test_of_ops_with_graphs_beside(self, v):
        np.testing.assert_allclose(tcore.grad(Square()(v).sum(), v).tag.test_value, [2, 4, 6])

    def test_matrices(self, v):
        np.testing.assert_allclose(tcore.gradient.jacobian(v**2, v).tag.test_value, np.diag([2.0, 4, 6]))
        np.testing.assert_allclose(tcore.gradient.hessian((v**3).sum(), v).tag.test_value, np.diag([6.0, 12, 18]))

    def test_through_items(self, v):
        centred = T.vectorize(lambda row: row - row.mean(), "(n)->(n)")(T.outer(v, v))
        np.testing.assert_allclose(centred.tag.test_value, np.outer([1, 2, 3], [-1, 0, 1]))

    def test_checked_numerically(self):
        tcore.gradient.verify_grad(lambda x: T.exp(x) * x, [np.array([0.5, 1.0])], rng=np.random.default_rng(0))

    def test_mistakes_still_show(self, v):
        """Where a derivative fails on the values, the line that asked for it does."""

        class Wrong(Square):
            def L_op(self, inputs, outputs, output_grads):
                return [T.dot(inputs[0], T.ones((4, 3))) * output_grads[0]]

        with pytest.raises(ValueError, match=r"shape|align|mismatch"):
            tcore.grad(Wrong()(v).sum(), v)
