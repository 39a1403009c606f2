"""What every backend refuses, in the words of NumPy or of the op, with the node and the user's line."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

HERE = "test_refusals.py"
X = np.arange(12.0).reshape(4, 3)


def refused(function, values, *texts):
    """The call is a ValueError whose message has ``texts``, names a node and this file; the function works afterwards."""
    with pytest.raises(ValueError) as caught:
        function(*values)
    message = str(caught.value)
    for text in (*texts, "Apply node that caused the error", HERE):
        assert text in message, f"{text!r} is not in\n{message}"


BAD_LENGTHS = [
    ([2, 3], "the lengths [2 3] make 5, but axis 0 has length 4"),
    ([1, 1], "the lengths [1 1] make 2, but axis 0 has length 4"),
    ([-1, 5], "a length is negative in [-1  5]"),
]


@pytest.mark.parametrize(("lengths", "text"), BAD_LENGTHS, ids=str)
@pytest.mark.parametrize("form", ["pieces", "one piece", "fused"])
def test_split_lengths(backend, lengths, text, form):
    """Lengths that do not make the axis, constant and computed: the same message, and nothing is read beyond the array."""
    x, n = T.dmatrix("x"), T.lvector("n")
    forms = {"pieces": lambda parts: parts, "one piece": lambda parts: parts[1], "fused": lambda parts: [(p * 2 + 1).sum() for p in parts]}
    constant = tcore.function([x], forms[form](T.split(x, lengths, 2, 0)))
    refused(constant, (X,), text, "Split{2}")
    computed = tcore.function([x, n], forms[form](T.split(x, n + 1, 2, 0)))
    refused(computed, (X, np.array(lengths) - 1), text, "Split{2}")
    found = computed(X, np.array([0, 2]))
    wanted = forms[form](np.split(X, [1]))
    for got, expected in zip(found if isinstance(found, list) else [found], wanted if isinstance(found, list) else [wanted], strict=True):
        np.testing.assert_allclose(got, expected)


def test_split_number_of_lengths(backend):
    """A vector of lengths that has not one for each piece; it may be shorter than the kernel would read."""
    x, n = T.dmatrix("x"), T.lvector("n")
    f = tcore.function([x, n], T.split(x, n, 2, 0))
    for lengths in ([4], [1, 2, 1], []):
        refused(f, (X, np.array(lengths, "int64")), "split into 2 pieces needs as many lengths")
    for got, expected in zip(f(X, np.array([3, 1])), np.split(X, [3]), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_join_lengths(backend):
    """Joined matrices whose other axes differ."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = tcore.function([x, y], T.concatenate([x, y * 2], axis=0))
    refused(f, (X, X[:, :2]), "(4, 3), (4, 2)", "Join")
    np.testing.assert_array_equal(f(X, X[:0]), X)


EXTREMES = ["max", "min", "argmax", "argmin"]


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_of_nothing(backend, name):
    """An empty axis has no extreme, also where no result would be stored; an axis that is not empty has, also where none is."""
    x = T.dmatrix("x")
    for axis in (None, 0, 1):
        f = tcore.function([x], getattr(T, name)(x * 2, axis=axis))
        for shape in ((0, 0), (0, 3), (3, 0), (3, 2)):
            value = np.zeros(shape)
            try:
                expected = getattr(np, name)(value, axis=axis)
            except ValueError:
                refused(f, (value,), "of an empty axis" if name.startswith("arg") else "zero-size array to reduction operation")
            else:
                np.testing.assert_array_equal(f(value), expected)


def test_extremes_over_two_axes(backend):
    """One empty axis among those reduced is enough; a kept one is not."""
    x = T.dtensor3("x")
    f = tcore.function([x], [T.max(x, axis=(0, 2)), T.min(x, axis=(1, 2))])
    refused(f, (np.zeros((2, 3, 0)),), "zero-size array to reduction operation")
    refused(f, (np.zeros((0, 3, 2)),), "zero-size array to reduction operation")
    g = tcore.function([x], T.max(x, axis=(1, 2)))
    assert g(np.zeros((0, 3, 2))).shape == (0,)


def test_max_and_argmax_of_nothing(backend):
    """Both at once, from one pass."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.max_and_argmax(x, axis=0))
    refused(f, (np.zeros((0, 3)),), "of an empty axis: the array has shape (0, 3)")
    assert [value.shape for value in f(np.zeros((3, 0)))] == [(0,), (0,)]


def test_negative_length(backend):
    """An array of negative length cannot be made."""
    n, x = T.lscalar("n"), T.dvector("x")
    f = tcore.function([n, x], T.alloc(x[0] + 1, n, 2))
    refused(f, (-1, X[0]), "a length is negative")
    assert f(3, X[0]).shape == (3, 2)


def test_range_with_a_step_of_zero(backend):
    """It never ends."""
    n, x = T.lscalar("n"), T.dvector("x")
    f = tcore.function([n, x], T.arange(0, x.shape[0] * n, n) * x[0])
    refused(f, (0, X[0]), "arange: step cannot be zero")
    np.testing.assert_array_equal(f(2, X[1]), [0, 6, 12])


def test_operands_that_do_not_match(backend):
    """The report names the node that minds, not the first of its kernel."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = tcore.function([x, y], T.exp(x) * 2 + y)
    refused(f, (X, X[:, :2]))


X4 = np.arange(4.0)


def _of_other_lengths():
    """name -> (inputs, expression, fitting arguments, arguments that do not fit, what the message says)"""
    n, x, y = T.lscalar("n"), T.dvector("x"), T.dvector("y")
    mismatch, part, fill = "Input dimension mis-match", "in a part of shape", "alloc cannot broadcast a value of shape (4,)"
    return {
        "range": ([n, x], T.arange(n) + x, (4, X4), [(5, X4), (3, X4)], mismatch),
        "range of floats, summed": ([n, x], T.exp(T.arange(n) / 3.0).dot(T.ones_like(x)) + (T.arange(n) + x).sum(), (4, X4), [(5, X4)], ""),
        "unit matrix": ([n, x], (T.eye(n) * x).sum(axis=0), (4, X4), [(5, X4), (3, X4)], mismatch),
        "fill": ([n, x], T.alloc(x, n), (4, X4), [(5, X4), (3, X4)], fill),
        "fill, one element": ([n, x], T.alloc(x, n), (4, X4), [(5, X4[:1])], "broadcast a value of shape (1,) to (5,): lengths must be equal, or 1 by the value's type"),
        "fill of computed values": ([n, x], T.alloc(T.exp(x), 2, n).sum(axis=0), (4, X4), [(5, X4), (3, X4)], fill),
        "set": ([x, y], T.set_subtensor(x[1:], y), (X4, X4[:3]), [(X4, X4[:k]) for k in (0, 1, 2, 4)], part),
        "increment": ([x, y], T.inc_subtensor(x[::-2], y * 2), (X4, X4[:2]), [(X4, X4[:k]) for k in (0, 1, 3, 4)], part),
        "set a computed slice": ([n, x, y], T.set_subtensor(x[n:], y), (2, X4, X4[:2]), [(3, X4, X4[:2]), (1, X4, X4[:2])], part),
        "set to a range": ([n, x], T.set_subtensor(x[:n], T.arange(4.0)), (4, X4), [(3, X4)], part),
    }


@pytest.mark.parametrize("case", list(_of_other_lengths()))
def test_lengths_that_nothing_is_read_along(backend, case):
    """Ranges, fills and parts of arrays have lengths of their own: operands of others are refused, never read beyond their end."""
    inputs, expression, fitting, others, text = _of_other_lengths()[case]
    f = tcore.function(inputs, expression)
    expected = tcore.function(inputs, expression, mode=tcore.compile.Mode("py", None))
    np.testing.assert_allclose(f(*fitting), expected(*fitting))
    for values in others:
        refused(f, values, text)


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_negative_powers_of_integers(backend, mode):
    """NumPy refuses them for every base, 1 and True included."""
    one, k = T.constant(np.int64(1)), T.lvector("k")
    f = tcore.function([k], one**k, mode=mode)
    refused(f, (np.array([2, -1]),), "Integers to negative integer powers are not allowed")
    np.testing.assert_array_equal(f(np.array([0, 3])), [1, 1])
    g = tcore.function([], T.constant(np.True_) ** np.int8(-1), mode=mode)
    refused(g, (), "Integers to negative integer powers are not allowed")


MASKED = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_masked_arrays(backend, mode):
    """An argument is not taken without its mask, whatever its dtype; its filled form is."""
    x, y = T.dvector("x"), T.dvector("y")
    f = tcore.function([x, tcore.In(y, strict=True)], x * 2 + y, mode=mode)
    text = r"masked arrays lose their mask.*1 masked elements.*value\.filled"
    for values in ((MASKED, np.ones(3)), (MASKED.astype("float32"), np.ones(3)), (np.ones(3), MASKED)):
        with pytest.raises(ValueError, match=f"(?s)index {0 if values[0].__class__ is not np.ndarray else 1}.*{text}"):
            f(*values)
    np.testing.assert_array_equal(f(MASKED.filled(0), MASKED.data), [3, 2, 9])
    mapped = np.ones(3).view(np.memmap)  # other kinds of arrays are arrays
    np.testing.assert_array_equal(f(mapped, mapped), [3, 3, 3])
