"""Computing while building."""

import pytest

from tcore.configuration import config
from tcore.graph import get_test_value
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
