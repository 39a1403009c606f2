"""A place out of range is an IndexError that names the index, the axis and its size, in NumPy's words, on every backend of the host."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

pytestmark = pytest.mark.backends("numpy", "cpu")

X, T3, I, K, J = T.dmatrix("x"), T.dtensor3("t"), T.lscalar("i"), T.lvector("k"), T.TensorType("int8", (False,))("j")
ONES, ONES3 = np.ones((2, 3)), np.ones((2, 3, 4))

#: how the place is used -> inputs, expression, arguments, and index, axis and size
CASES = {
    "row, counted from the end": ([X, I], lambda: X[I] + 1, [ONES, -3], (-3, 0, 2)),
    "column": ([X, I], lambda: T.exp(X[:, I]), [ONES, 3], (3, 1, 3)),
    "element": ([X, I], lambda: X[0, I], [ONES, -4], (-4, 1, 3)),
    "constant": ([X], lambda: X[5].sum(), [ONES], (5, 0, 2)),
    "of nothing": ([X, I], lambda: X[:0][I], [ONES, 0], (0, 0, 0)),
    "rows": ([X, J], lambda: X[J].sum(), [ONES, np.int8([0, -3])], (-3, 0, 2)),
    "columns": ([X, K], lambda: T.exp(X)[:, K], [ONES, [0, -4]], (-4, 1, 3)),
    "pairs": ([X, K], lambda: X[0 * K, K], [ONES, [0, 3]], (3, 1, 3)),
    "pairs around a slice": ([T3, K], lambda: T3[K, :, K], [ONES3, [0, 3]], (3, 0, 2)),
    "along an axis": ([X, K], lambda: T.take_along_axis(X, K.dimshuffle(0, "x"), 1), [ONES, [1, 3]], (3, 1, 3)),
    "written row": ([X, I], lambda: T.set_subtensor(X[I], 1.0), [ONES, 2], (2, 0, 2)),
    "incremented column": ([X, I], lambda: T.inc_subtensor(X[:, I], 1.0), [ONES, 3], (3, 1, 3)),
    "incremented rows": ([X, K], lambda: T.inc_subtensor(X[K], X), [ONES, [1, -3]], (-3, 0, 2)),
    "written columns": ([X, K], lambda: T.set_subtensor(X[:, K], 1.0), [ONES, [1, 3]], (3, 1, 3)),
    "incremented pairs": ([X, K], lambda: T.inc_subtensor(X[0 * K, K], 1.0), [ONES, [1, 3]], (3, 1, 3)),
    "gradient": ([X, K], lambda: T.grad(T.sqr(X[K]).sum(), X), [ONES, [1, 2]], (2, 0, 2)),
    "shared value": ([I], lambda: tcore.shared(np.arange(4.0))[I], [4], (4, 0, 4)),
    "in a loop": ([X, K], lambda: tcore.scan(lambda q: X[q], sequences=K)[0], [ONES, [1, 2]], (2, 0, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message(backend, name):
    """And the line that built it; the function works afterwards."""
    inputs, build, values, (index, axis, size) = CASES[name]
    f = tcore.function(inputs, build())
    with pytest.raises(IndexError, match=f"index {index} is out of bounds for axis {axis} with size {size}") as caught:
        f(*values)
    assert "test_places_out_of_range.py" in str(caught.value)
    if size and name != "constant":
        right = [value if np.ndim(value) > 1 else np.zeros_like(value) for value in values]
        assert np.isfinite(f(*right)).all()
