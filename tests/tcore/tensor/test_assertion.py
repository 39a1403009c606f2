"""Assert: hands a value on while conditions hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile.mode import Mode
from tcore.gradient import DisconnectedInputError
from tcore.tensor import Assert, assert_op


def ops_of(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


def test_passes_and_fails(backend):
    """The value goes through; a false condition raises, and names the message."""
    x = tt.dvector("x")
    f = tcore.function([x], Assert("too long")(x, x.size < 3, x[0] > 0) * 2)
    np.testing.assert_array_equal(f([1.0, 2.0]), [2.0, 4.0])
    for wrong in ([1.0, 2.0, 3.0], [-1.0, 2.0]):
        with pytest.raises(AssertionError, match="too long"):
            f(wrong)
    np.testing.assert_array_equal(f([1.0]), [2.0])


def test_error_class():
    """Another class of exceptions may be asked for; anything else is refused."""
    x = tt.dvector("x")
    f = tcore.function([x], Assert("no", ValueError)(x, tt.eq(x.size, 1)), mode="FAST_COMPILE")
    with pytest.raises(ValueError, match="no"):
        f([1.0, 2.0])
    with pytest.raises(TypeError, match="class of exceptions"):
        Assert("no", "ValueError")


def test_refuses_conditions_that_are_no_scalars():
    """The message says what to do."""
    x = tt.dvector("x")
    with pytest.raises(TypeError, match=r"reduce it with all\(\)"):
        assert_op(x, x > 0)


def test_value_equality():
    """Equal by message and class; survives a pickle; prints its message."""
    assert Assert("m") == Assert("m") != Assert("n")
    assert Assert("m") != Assert("m", ValueError)
    assert pickle.loads(pickle.dumps(Assert("m"))) == Assert("m")
    assert str(Assert("m")) == "Assert{msg='m'}"


def test_gradient_and_shape():
    """The gradient goes through the value alone, and the shape needs no check."""
    x, y = tt.dvector("x"), tt.dscalar("y")
    out = assert_op(x**2, y > 0)
    np.testing.assert_array_equal(tcore.function([x, y], tcore.grad(out.sum(), x))([3.0], 1.0), [6.0])
    with pytest.raises(DisconnectedInputError):
        tcore.grad(out.sum(), y)
    assert "Assert" not in ops_of(tcore.function([x, y], out.shape, on_unused_input="ignore"))


def test_true_conditions_go():
    """What is known to hold is not checked; what is known to fail stays, and fails when called."""
    x, y = tt.dvector("x"), tt.dscalar("y")
    assert "Assert" not in ops_of(tcore.function([x], assert_op(x, True, 1) + 1))
    f = tcore.function([x, y], assert_op(x, y > 0, True, y > 0) + 1)
    (node,) = [node for node in f.maker.fgraph.toposort() if isinstance(node.op, Assert)]
    assert len(node.inputs) == 2
    failing = tcore.function([x], assert_op(x, np.bool_(False)) + 1)
    with pytest.raises(AssertionError):
        failing([1.0])


def test_removed_where_asked_for():
    """Level ``unsafe``, or the rule by its name, removes assertions; no other level does."""
    x = tt.dvector("x")
    checked = assert_op(x, x.sum() > 0) + 1
    assert "Assert" in ops_of(tcore.function([x], checked))
    assert "Assert" in ops_of(tcore.function([x], checked, mode="FAST_COMPILE"))
    for mode in (Mode(linker="py", optimizer="unsafe"), Mode(linker="py").including("local_remove_all_assert")):
        f = tcore.function([x], checked, mode=mode)
        assert "Assert" not in ops_of(f)
        np.testing.assert_array_equal(f([-1.0]), [0.0])
