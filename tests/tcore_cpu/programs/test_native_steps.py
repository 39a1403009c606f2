"""Nodes without a kernel that check something: native while it holds, errors of ``perform`` where it does not."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.configuration import config
from tcore.tensor.assertion import Assert
from tcore_cpu.compiling.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def in_python(f):
    """The nodes of a function that run in Python."""
    return [report.node for report in f.explain().nodes if report.runs_on == "Python"]


def test_assert(native) -> None:
    """The value itself while all conditions hold, for booleans and integers; else the error and the text of the op."""
    x, n = tt.dvector("x"), tt.lscalar("n")
    checked = Assert("n items, all positive", ValueError)(x, tt.all(x > 0), tt.eq(x.shape[0], n), n)
    f = native([x, n], [2 * checked, checked])
    assert not in_python(f)
    value = np.array([1.0, 2.0])
    np.testing.assert_array_equal(f(value, 2)[0], [2, 4])
    assert f(value, 2)[1] is not value
    for wrong in ((value, 3), (-value, 2), (value[:0], 0), (np.array([np.nan]), 1)):
        with pytest.raises(ValueError, match=r"n items, all positive[\s\S]*Apply node that caused the error: Assert"):
            f(*wrong)
    np.testing.assert_array_equal(f(value, 2)[0], [2, 4])


def test_assert_of_other_numbers_runs_in_python(native) -> None:
    """0.5 is true, and no integer."""
    x, condition = tt.dvector("x"), tt.dscalar("condition")
    f = native([x, condition], Assert("zero")(x, condition) * 2)
    (node,) = in_python(f)
    assert node.startswith("Assert")
    np.testing.assert_array_equal(f(np.ones(2), 0.5), [2, 2])
    with pytest.raises(AssertionError, match="zero"):
        f(np.ones(2), 0.0)


def test_assert_whose_operands_are_gone() -> None:
    """The text of the op, also where an update in place has changed what the condition was computed from."""
    x, w = tt.dvector("x"), tcore.shared(np.ones(3), name="w")
    checked = Assert("spent")(w.sum() + x[0], tt.gt(w.sum(), 0))
    f = tcore.function([x], checked, updates=[(w, w - 2)], mode="FAST_RUN")
    assert not in_python(f)
    assert f([1.0]) == 4
    with pytest.raises(AssertionError, match="spent"):
        f([1.0])


def test_refusal_where_perform_finds_nothing(native, monkeypatch) -> None:
    """What ``perform`` sees when it is asked may be other values than those that native code saw."""
    x = tt.dscalar("x")
    f = native([x], Assert("as it was")(x, tt.gt(x, 0)) * 2)
    monkeypatch.setattr(Assert, "perform", lambda *_: None)
    with pytest.raises(AssertionError, match="as it was"):
        f(-1.0)


@pytest.mark.parametrize("shape", ["int8", "uint64", None])
def test_specify_shape(native, shape) -> None:
    """The value itself where it has the lengths, given as constants or numbers of any integer type."""
    x = tt.dmatrix("x")
    lengths = tt.TensorType(shape, (False,))("lengths") if shape else np.array([2, 3])
    f = native([x, lengths] if shape else [x], tt.specify_shape(x, lengths) + 1)
    assert not in_python(f)
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(f(value, [2, 3]) if shape else f(value), value + 1)
    cases = [(value, [3, 2]), (value, [2]), (value, [2, 3, 1]), (value, []), (value, [2, 0])] if shape else [(value.T,), (value[:0],)]
    for wrong in cases:
        with pytest.raises(AssertionError, match=r"promised was \("):
            f(wrong[0], *(np.array(each, shape) for each in wrong[1:]))


def test_checks_within_a_loop() -> None:
    """A loop whose steps check something is part of the program; the error is that of the step."""
    x = tt.dvector("x")
    with config.change_flags(compute_test_value="off"):
        sums, _ = tcore.scan(lambda v, s: Assert("too much")(s + v, tt.lt(s, 10)) * tt.ones((2,)).sum(), sequences=x, outputs_info=np.float64(0))
    f = tcore.function([x], sums, mode="FAST_RUN")
    assert not in_python(f)
    np.testing.assert_array_equal(f([1.0, 2.0]), [2, 8])
    with pytest.raises(AssertionError, match="too much"):
        f([1.0, 2.0, 3.0, 4.0])
