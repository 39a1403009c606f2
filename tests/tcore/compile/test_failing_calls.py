"""Calls that fail: no half-stored update, and what is lost is named."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from samples import AddInplace

import tcore.tensor as T
from tcore import Mode, function, shared
from tcore.configuration import change_flags
from tcore.graph import Apply, Op

x = T.dvector("x")


class Trouble(Op):
    """A copy of its input; raises when the first element is negative, in the shape of its argument ``error``."""

    __props__ = ("error",)

    def __init__(self, error=ArithmeticError):
        self.error = error

    def make_node(self, value, *after):
        return Apply(self, [value, *after], [value.type()])

    def perform(self, node, inputs, output_storage, params=None):
        if inputs[0][0] < 0:
            raise self.error("trouble")
        output_storage[0][0] = np.array(inputs[0])


def notes(error):
    return " ".join(getattr(error, "__notes__", ()))


GOOD, BAD = np.ones(2), -np.ones(2)


@pytest.mark.parametrize("error", [ArithmeticError, MemoryError, KeyboardInterrupt])
def test_updates_are_stored_together_or_not_at_all(host, error):
    """The last of three updates fails, whatever the error: all three values stay."""
    a, b, c = (shared(np.zeros(2), name=name) for name in "abc")
    mode = Mode("cvm", None)
    f = function([x], [], updates=[(a, a + x), (b, b + x), (c, Trouble(error)(x, a + x, b + x))], mode=mode)
    f(GOOD)
    with pytest.raises(error, match="trouble") as info:
        f(BAD)
    for value, expected in ((a, 1), (b, 1), (c, 1)):
        np.testing.assert_array_equal(value.get_value(), expected)
    assert "unspecified" not in notes(info.value)
    f(GOOD)  # the function and its locks are as usable as before
    np.testing.assert_array_equal(a.get_value(), 2)


def in_place_function(first, second, **options):
    """``first`` is overwritten before a node that can fail, ``second`` after it."""
    add = AddInplace()
    changed = add(first, x)
    checked = Trouble()(x, changed)
    return function(
        [x], [], updates=[(first, changed), (second, add(second, checked))],
        mode=Mode("cvm", None), accept_inplace=True, name="step", **options,
    )  # fmt: skip


def test_the_value_that_is_lost_is_named(host):
    """Only the one whose update in place had begun."""
    first, second = shared(np.zeros(2), name="first"), shared(np.zeros(2), name="second")
    f = in_place_function(first, second)
    f(GOOD)
    with pytest.raises(ArithmeticError) as info:
        f(BAD)
    text = notes(info.value)
    assert 'the function "step" overwrites first in place' in text
    assert "unspecified" in text
    assert "updates_transactional=True" in text
    assert "second" not in text
    np.testing.assert_array_equal(second.get_value(), 1)


def test_an_update_that_had_not_begun_is_not_named(host):
    """What fails is a node before the one that overwrites."""
    y = T.dvector("y")
    w = shared(np.zeros(2), name="w")
    f = function([x, y], [], updates=[(w, AddInplace()(w, x + y))], mode=Mode("cvm", None), accept_inplace=True)
    with pytest.raises(ValueError, match="mis-match") as info:
        f(np.ones(3), GOOD)
    assert "overwrites" not in notes(info.value)
    np.testing.assert_array_equal(w.get_value(), 0)


def test_both_are_named_when_both_had_begun(host):
    first, second = shared(np.zeros(2), name="first"), shared(np.zeros(2), name="second")
    add = AddInplace()
    one = add(first, x)
    two = add(second, one)
    f = function([x], Trouble()(x, two), updates=[(first, one), (second, two)], mode=Mode("cvm", None), accept_inplace=True)
    with pytest.raises(ArithmeticError) as info:
        f(BAD)
    assert "overwrites first, second in place" in notes(info.value)


@pytest.mark.parametrize("how", ["argument", "flag", "pickle"])
def test_transactional_updates(host, how):
    """Nothing is overwritten, even by ops that users put in place themselves: a failing call changes nothing."""
    first, second = shared(np.zeros(2), name="first"), shared(np.zeros(2), name="second")
    if how == "flag":
        with change_flags(updates_transactional=True):
            f = in_place_function(first, second)
    else:
        f = in_place_function(first, second, updates_transactional=True)
    if how == "pickle":
        f = pickle.loads(pickle.dumps(f))
        first, second = f.get_shared()
    memory = first.get_value(borrow=True)
    f(GOOD)
    with pytest.raises(ArithmeticError) as info:
        f(BAD)
    assert "unspecified" not in notes(info.value)
    np.testing.assert_array_equal(first.get_value(), 1)
    np.testing.assert_array_equal(second.get_value(), 1)
    np.testing.assert_array_equal(memory, 0)


def test_transactional_against_the_optimizer(host):
    """Optimizations put updates of shared values in place by themselves, and do not where they must not."""
    w = shared(np.zeros(3), name="w")
    y = T.dvector("y")
    usual = function([y], [], updates=[(w, w - 0.5 * y)])
    careful = function([y], [], updates=[(w, w - 0.5 * y)], updates_transactional=True)
    assert usual._plan.destroyed
    assert not careful._plan.destroyed
    memory = w.get_value(borrow=True)
    careful(np.ones(3))
    np.testing.assert_array_equal(memory, 0)
    np.testing.assert_array_equal(w.get_value(), -0.5)


def test_wrong_arguments_touch_nothing(host):
    """Checks of arguments and of lengths that do not depend on computed values come before the first write."""
    w = shared(np.zeros(2), name="w")
    y = T.dvector("y")
    f = function([y], [], updates=[(w, w + y)])
    for bad in ("text", [[1.0]], np.ones(3)):
        with pytest.raises((TypeError, ValueError)):
            f(bad)
        np.testing.assert_array_equal(w.get_value(), 0)
    f(np.ones(2))
    np.testing.assert_array_equal(w.get_value(), 1)


def test_lengths_are_checked_before_the_first_write(host):
    """Of two updates in place the second cannot work: native code finds that out before the first one; the core's linkers, which
    learn of it from the node itself, name the value that they overwrote.
    """
    one, two = shared(np.zeros(2), name="one"), shared(np.zeros(2), name="two")
    y, z = T.dvector("y"), T.dvector("z")
    f = function([y, z], [], updates=[(one, one + y), (two, two * z + T.exp(z).sum())])
    with pytest.raises(ValueError) as info:
        f(np.ones(2), np.ones(3))
    np.testing.assert_array_equal(two.get_value(), 0)
    if host == "cpu":
        np.testing.assert_array_equal(one.get_value(), 0)
        assert "unspecified" not in notes(info.value)
    else:
        assert one.get_value()[0] == 0 or "overwrites one" in notes(info.value)
    f(np.ones(2), np.ones(2))
    np.testing.assert_array_equal(one.get_value() != 0, True)


def test_the_error_of_a_nested_call_names_its_own_values(host):
    """An outer function without in-place updates adds nothing to the note of the inner one."""
    first, second = shared(np.zeros(2), name="first"), shared(np.zeros(2), name="second")
    inner = in_place_function(first, second)

    class Call(Op):
        __props__ = ()

        def make_node(self, value):
            return Apply(self, [value], [value.type()])

        def perform(self, node, inputs, output_storage, params=None):
            inner(inputs[0])
            output_storage[0][0] = inputs[0]

    outer_value = shared(np.zeros(2), name="outer")
    f = function([x], [], updates=[(outer_value, Call()(x))])
    with pytest.raises(ArithmeticError) as info:
        f(BAD)
    assert notes(info.value).count("unspecified") == 1
    np.testing.assert_array_equal(outer_value.get_value(), 0)
