"""The options of ``grad``, as the documentation describes them; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function
from tcore.gradient import DisconnectedInputError, DisconnectedType, NullTypeGradError, grad

FAST = "FAST_COMPILE"


def test_form_of_the_result_L22099():
    """That of ``wrt``: a variable, a list, a tuple."""
    x, y = T.dscalar("x"), T.dscalar("y")
    cost = x * y
    assert grad(cost, x).type == T.dscalar
    assert isinstance(grad(cost, [x, y]), list)
    assert isinstance(grad(cost, (x, y)), tuple)
    with pytest.raises(TypeError, match="must be a scalar"):
        grad(T.dvector(), x)


def test_constants_of_the_derivation_L22109():
    """Nothing flows through them."""
    x = T.dscalar()
    part = x**2
    assert function([x], grad(part * x, x, consider_constant=[part]), mode=FAST)(3.0) == 9
    assert function([x], grad(part * x, x), mode=FAST)(3.0) == 27


def test_disconnected_inputs_L22110():
    """Zeros, zeros with a warning, or an error."""
    x, y = T.dvector(), T.dvector()
    cost = x.sum()
    zeros = function([x, y], grad(cost, y, disconnected_inputs="ignore"), mode=FAST, on_unused_input="ignore")
    assert zeros([1.0], [1.0, 2.0]).tolist() == [0, 0]
    with pytest.warns(UserWarning, match=r"disconnected|does not depend"):
        grad(cost, y, disconnected_inputs="warn")
    with pytest.raises(DisconnectedInputError):
        grad(cost, y)


def test_names_L22114():
    """Where both have one."""
    x, y = T.dscalar("x"), T.dscalar()
    cost = x * y
    cost.name = "cost"
    assert grad(cost, x).name == "(dcost/dx)"
    assert grad(cost, y).name is None
    assert grad(cost, x, add_names=False).name is None


def test_known_gradients_L22107_L22116():
    """They stand for the cost, or for what the cost would give."""
    x = T.dvector()
    middle = x**2
    g = T.dvector()
    found = function([x, g], grad(None, x, known_grads={middle: g}), mode=FAST)([1.0, 2.0], [10.0, 100.0])
    np.testing.assert_allclose(found, [20, 400])
    with pytest.raises(AssertionError):
        grad(None, x)


def test_what_stands_for_no_gradient_L22117():
    """Zeros, None, or a variable of a type that says so."""
    x, y = T.dvector(), T.dvector()
    options = {"disconnected_inputs": "ignore"}
    assert grad(x.sum(), y, return_disconnected="None", **options) is None
    assert isinstance(grad(x.sum(), y, return_disconnected="Disconnected", **options).type, DisconnectedType)
    zero = grad(x.sum(), y, return_disconnected="zero", **options)
    assert function([y], zero, mode=FAST)([1.0]).tolist() == [0]


def test_undefined_gradients_L22121():
    """An error, or the variable that says why."""
    path = tcore.graph.generic()
    loaded = T.io.load(path, "float64", (False,))
    with pytest.raises(NullTypeGradError, match="a path is no number"):
        grad(loaded.sum(), path)
    returned = grad(loaded.sum(), path, null_gradients="return")
    assert "a path is no number" in returned.type.why_null


def test_no_slope_is_a_zero_L22125():
    """What is flat almost everywhere."""
    x = T.dvector()
    assert function([x], grad(T.floor(x).sum(), x), mode=FAST)([1.5, 2.5]).tolist() == [0, 0]
