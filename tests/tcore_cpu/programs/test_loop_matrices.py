"""Matrices that steps of a loop multiply by: copied where that is worth it, whatever their layout; rows made where they stay."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt


def layouts(value):
    """The same matrix in other layouts of memory, one of them not at the beginning of a cache line."""
    shifted = np.empty(value.size + 1, value.dtype)[1:].reshape(value.shape)
    shifted[...] = value
    return [value, np.asfortranarray(value), np.ascontiguousarray(value[::-1])[::-1], np.repeat(value, 2, 1)[:, ::2], shifted]


def recurrent(dtype, left):
    """``h = tanh(x + h W)``, or ``tanh(x + W h)``; the gradient of the sum of squares of all h too."""
    x, h0, w = tt.TensorType(dtype, (False, False))("x"), tt.TensorType(dtype, (False,))("h"), tt.TensorType(dtype, (False, False))("w")
    h, _ = tcore.scan(
        lambda x_t, h, w: tt.tanh(x_t + (tt.dot(w, h) if left else tt.dot(h, w))), sequences=x, outputs_info=h0, non_sequences=w
    )  # fmt: skip
    return tcore.function([x, h0, w], [h, *tcore.grad((h**2).sum(), [x, w])])


def by_hand(x, h0, w, left):
    """The same by NumPy, in double precision: values, and gradients by backpropagation."""
    x, h0, w = (np.asarray(value, "float64") for value in (x, h0, w))
    m = w.T if left else w
    states = [h0]
    for row in x:
        states.append(np.tanh(row + states[-1] @ m))
    dx, dm, later = np.zeros_like(x), np.zeros_like(m), np.zeros_like(h0)
    for t in reversed(range(len(x))):
        dx[t] = (2 * states[t + 1] + later) * (1 - states[t + 1] ** 2)
        dm += np.outer(states[t], dx[t])
        later = m @ dx[t]
    return np.array(states[1:]), dx, dm.T if left else dm


@pytest.mark.parametrize("left", [False, True], ids=["h W", "W h"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_recurrent_networks(dtype, left):
    """Enough steps for a copy, and too few; lengths that fill no cache line; a matrix that is larger than the caches; none at all."""
    f = recurrent(dtype, left)
    assert not any(report.runs_on == "Python" for report in f.explain().nodes if "for{" in report.node)
    rng = np.random.default_rng(0)
    tolerance = {"rtol": 1e-9, "atol": 1e-11} if dtype == "float64" else {"rtol": 2e-3, "atol": 2e-5}
    for steps, n in ((40, 21), (32, 64), (5, 21), (40, 1), (33, 300), (40, 0)):
        x, h0 = rng.standard_normal((steps, n)).astype(dtype), rng.standard_normal(n).astype(dtype)
        w = (rng.standard_normal((n, n)) / max(n, 1) ** 0.5).astype(dtype)
        expected = by_hand(x, h0, w, left)
        for matrix in layouts(w) if n == 21 else [w]:
            for result, wanted in zip(f(x, h0, matrix), expected, strict=True):
                np.testing.assert_allclose(result, wanted, **tolerance)


def test_two_products_by_one_matrix():
    """A matrix that is multiplied from both sides is there as it was."""
    w, u, v = tt.dmatrix("w"), tt.dvector("u"), tt.dvector("v")
    (us, vs), _ = tcore.scan(lambda u, v, w: [tt.dot(w, v), tt.dot(u, w)], outputs_info=[u, v], non_sequences=w, n_steps=50)
    f = tcore.function([w, u, v], [us[-1], vs[-1]])
    rng = np.random.default_rng(1)
    a = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    left, right = rng.standard_normal((2, 20))
    x, y = left, right
    for _ in range(50):
        x, y = a @ y, x @ a
    for result, wanted in zip(f(a, left, right), (x, y), strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-10, atol=1e-12)


def test_state_by_work_in_place():
    """A value that takes over the memory of one before it is made in its row; the rows before it stay as they were."""
    x, h0, w = tt.dmatrix("x"), tt.dvector("h"), tt.dmatrix("w")
    h, _ = tcore.scan(lambda x_t, h, w: tt.exp(-tt.sqr(tt.dot(w, h) + x_t)), sequences=x, outputs_info=h0, non_sequences=w)
    f = tcore.function([x, h0, w], [h, h[:-1] * 2])
    rng = np.random.default_rng(2)
    values, first, matrix = rng.standard_normal((9, 4)), rng.standard_normal(4), rng.standard_normal((4, 4))
    expected = [first]
    for row in values:
        expected.append(np.exp(-((matrix @ expected[-1] + row) ** 2)))
    np.testing.assert_allclose(f(values, first, matrix)[0], expected[1:], rtol=1e-9)
    np.testing.assert_allclose(f(values, first, matrix)[1], 2 * np.array(expected[1:-1]), rtol=1e-9)
    np.testing.assert_array_equal(first, expected[0])


def test_lengths_that_differ():
    """What does not fit is refused by the loop, in the words of the product."""
    x, h0, w = tt.dmatrix("x"), tt.dvector("h"), tt.dmatrix("w")
    h, _ = tcore.scan(lambda x_t, h, w: x_t + tt.dot(h, w), sequences=x, outputs_info=h0, non_sequences=w)
    f = tcore.function([x, h0, w], h)
    with pytest.raises(ValueError, match="(?i)shape|dimension|length"):
        f(np.zeros((40, 3)), np.zeros(3), np.zeros((4, 3)))
