"""Thunks on functions from values to values."""

from __future__ import annotations

import pytest

from tcore.graph.thunks import value_thunk


def test_results_and_flags_are_stored():
    """Each call reads the cells anew, stores all results, and then says that they are there."""
    a, b, total, product, flag = [2], [3], [None], [None], [0]
    thunk = value_thunk(lambda values: (sum(values), values[0] * values[1]), [a, b], [total, product], [flag])
    assert thunk() is None
    assert (total, product, flag) == ([5], [6], [1])
    a[0] = 4
    thunk()
    assert (total, product) == ([7], [12])
    assert (thunk.inputs, thunk.outputs, thunk.lazy) == ([a, b], [total, product], False)


def test_missing_results_are_an_error():
    """A function that gives fewer results than there are outputs leaves the flag down."""
    flag = [0]
    thunk = value_thunk(lambda values: (), [], [[None]], [flag])
    with pytest.raises(ValueError, match="shorter"):
        thunk()
    assert flag == [0]
