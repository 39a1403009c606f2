"""Who may share memory with whom, for every combination of what is borrowed.

Arguments belong to the caller, results too; shared values belong to the library. Nothing of one side may be seen through
something of the other, unless ``borrow=True`` allows it.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tcore.tensor as T
from tcore import In, Mode, Out, function, shared

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

VALUE = np.arange(6.0).reshape(2, 3)
STATE = 10 * np.ones((2, 3)) + VALUE

#: name -> (outputs of argument x and shared s, update of s or None, NumPy's outputs, NumPy's new s)
CASES = {
    "identity": (lambda x, s: [x], None, lambda x, s: [x]),
    "shared_itself": (lambda x, s: [s], None, lambda x, s: [s]),
    "transposed": (lambda x, s: [x.T, s.T], None, lambda x, s: [x.T, s.T]),
    "sliced": (lambda x, s: [x[0], s[:, 1:]], None, lambda x, s: [x[0], s[:, 1:]]),
    "reshaped": (lambda x, s: [x.flatten(), s.dimshuffle(0, "x", 1)], None, lambda x, s: [x.ravel(), s[:, None]]),
    "elementwise": (lambda x, s: [x * 2 + 1, s * 3], None, lambda x, s: [x * 2 + 1, s * 3]),
    "twice": (lambda x, s: _twice(x * 2), None, lambda x, s: [x * 2, x * 2]),
    "view_of_the_other": (lambda x, s: _with_view(T.exp(x)), None, lambda x, s: [np.exp(x), np.exp(x).T]),
    "input_twice": (lambda x, s: [x, x, x[1:]], None, lambda x, s: [x, x, x[1:]]),
    "constant": (lambda x, s: [_CONSTANT, x + _CONSTANT], None, lambda x, s: [np.ones((1, 3)), x + 1]),
    "set_rows": (lambda x, s: [T.set_subtensor(x[0], 7.0)], None, lambda x, s: [_set_row(x)]),
    "old_and_new": (lambda x, s: [s, s + x], lambda x, s: s + x, lambda x, s: [s, s + x], lambda x, s: s + x),
    "view_of_old": (lambda x, s: [s.T], lambda x, s: s * 2, lambda x, s: [s.T], lambda x, s: s * 2),
    "view_of_new": (lambda x, s: [(s + x)[0]], lambda x, s: s + x, lambda x, s: [(s + x)[0]], lambda x, s: s + x),
    "argument_stored": (lambda x, s: [x], lambda x, s: x, lambda x, s: [x], lambda x, s: x),
    "rows_stored": (
        lambda x, s: [s[0]], lambda x, s: T.inc_subtensor(s[0], x[1]), lambda x, s: [s[0]], lambda x, s: _inc_row(x, s),
    ),
}  # fmt: skip

_CONSTANT = T.constant(np.ones((1, 3)))


def _twice(y):
    return [y, y]


def _with_view(y):
    return [y, y.T]


def _set_row(x):
    x = x.copy()
    x[0] = 7
    return x


def _inc_row(x, s):
    s = s.copy()
    s[0] += x[1]
    return s


MODES = {
    "FAST_COMPILE": "FAST_COMPILE",
    "FAST_RUN": "FAST_RUN",
    "no_gc": Mode("cvm_nogc", "fast_run"),
    "by_node": Mode("c|py", "fast_run"),
}


def _independent(values):
    """No two of these arrays share memory."""
    for first, second in itertools.combinations(values, 2):
        assert not np.may_share_memory(first, second)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_borrow(case, mode):
    """Right values always; and nothing shared, nothing changed that was not borrowed."""
    make, update, expected, *new_state = CASES[case]
    for given, returned, kept in itertools.product([False, True], repeat=3):
        x = T.dmatrix("x")
        initial = STATE.copy()
        s = shared(initial, borrow=kept, name="s")
        f = function(
            [In(x, borrow=given)],
            [Out(y, borrow=returned) for y in make(x, s)],
            updates=[(s, update(x, s))] if update else None,
            mode=MODES[mode],
            on_unused_input="ignore",
        )
        state, earlier = STATE.copy(), []
        for factor in (1.0, 2.0, 3.0):
            argument = VALUE * factor
            results = f(argument)
            wanted = expected(VALUE * factor, state)
            for got, value in zip(results, wanted, strict=True):
                np.testing.assert_allclose(got, value)
            if new_state:
                state = new_state[0](VALUE * factor, state)
            np.testing.assert_allclose(s.get_value(), state)
            if not given:
                np.testing.assert_array_equal(argument, VALUE * factor)
            own = s.get_value(borrow=True)
            assert not np.may_share_memory(own, argument)
            if not kept:
                assert not np.may_share_memory(own, initial)
                np.testing.assert_array_equal(initial, STATE)
            if returned:
                continue
            _independent([argument, own, *results])
            for array, value in earlier:
                np.testing.assert_array_equal(array, value)
                assert not any(np.may_share_memory(array, result) for result in results)
            for array in results:  # the caller may write into what is the caller's
                assert array.flags.writeable
                array[...] = -factor
                earlier.append((array, array.copy()))
            np.testing.assert_allclose(s.get_value(), state)
