"""What cannot be computed is refused alike on every backend of the host, with the shapes that do not fit and the line that built it; NaN is where NumPy has it."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import linalg

pytestmark = pytest.mark.backends("numpy", "cpu")

M, N, T3, V, I = (T.TensorType(dtype, (False,) * ndim)(name) for dtype, ndim, name in (("float64", 2, "m"), ("float64", 2, "n"), ("float64", 3, "t"), ("float64", 1, "v"), ("int64", 1, "i")))
ONES = np.ones

#: family -> inputs, expression, arguments, error, text at its beginning, and the shapes that the report must show
MISFITS = {
    "elementwise": ([M, N], lambda: M + N, [ONES((2, 3)), ONES((2, 4))], ValueError, "Input dimension mis-match", ["(2, 3)", "(2, 4)"]),
    "elementwise, a vector": ([M, V], lambda: M * V, [ONES((2, 3)), ONES(4)], ValueError, "Input dimension mis-match", ["(2, 3)", "(4,)"]),
    "switch": ([M, N], lambda: T.switch(M > 0, M, N), [ONES((2, 3)), ONES((5, 3))], ValueError, "Input dimension mis-match", ["(2, 3)", "(5, 3)"]),
    "clip": ([M, V], lambda: T.clip(M, V, 2.0), [ONES((2, 3)), ONES(4)], ValueError, "Input dimension mis-match", ["(2, 3)", "(4,)"]),
    "dot": ([M, N], lambda: T.dot(M, N), [ONES((2, 3)), ONES((2, 4))], ValueError, "Shape mismatch: x has 3 cols", ["(2, 3)", "(2, 4)"]),
    "dot, a vector": ([M, V], lambda: T.dot(M, V), [ONES((2, 3)), ONES(4)], ValueError, "Shape mismatch: x has 3 cols", ["(2, 3)", "(4,)"]),
    "batched dot": ([T3], lambda: T.batched_dot(T3, T3), [ONES((2, 3, 4))], ValueError, "batched_dot: inner lengths differ", ["(2, 3, 4)"]),
    "einsum": ([M, N], lambda: T.einsum("ij,jk->ik", M, N), [ONES((2, 3)), ONES((2, 4))], ValueError, "Shape mismatch", ["(2, 3)", "(2, 4)"]),
    "join": ([M, N], lambda: T.concatenate([M, N]), [ONES((2, 3)), ONES((2, 4))], ValueError, "join along axis 0 needs equal lengths", ["(2, 3)", "(2, 4)"]),
    "set": ([M, V], lambda: T.set_subtensor(M[0], V), [ONES((2, 3)), ONES(4)], ValueError, "cannot set a value of shape (4,)", ["(4,)", "(3,)"]),
    "increment at places": ([M, N], lambda: T.inc_subtensor(M[[0, 1]], N), [ONES((2, 3)), ONES((2, 4))], ValueError, "", ["(2, 3)", "(2, 4)"]),
    "pairs of places": ([M, I], lambda: M[I, I[1:]], [ONES((5, 5)), [0, 1, 2, 3]], IndexError, "shape mismatch", ["(4,)", "(3,)"]),
    "mask": ([M, V], lambda: M[V > 0], [ONES((2, 3)), ONES(4)], IndexError, "a boolean mask must have the shape", ["length 2", "the mask 4"]),
    "reshape": ([M], lambda: M.reshape((4, 2)), [ONES((2, 3))], ValueError, "cannot reshape an array of shape (2, 3)", ["(2, 3)", "(4, 2)"]),
    "alloc": ([V], lambda: T.alloc(V, 2, 3), [ONES(4)], ValueError, "alloc cannot broadcast a value of shape (4,)", ["(4,)", "(2, 3)"]),
    "split": ([V], lambda: T.split(V, [1, 1], 2), [ONES(4)], ValueError, "split: the lengths [1 1] make 2", ["length 4"]),
    "repeat": ([M, I], lambda: T.repeat(M, I, 0), [ONES((2, 3)), [1, 2, 3]], ValueError, "repeat: axis 0 has length 2, there are 3 counts", []),
    "weights": ([I, V], lambda: T.bincount(I, V), [[1, 2], ONES(3)], ValueError, "bincount: 2 numbers, but 3 weights", []),
    "solve": ([M, V], lambda: linalg.solve(M, V), [np.eye(3), ONES(4)], ValueError, "solve: 3 equations, but 4 rows", ["(3, 3)", "(4,)"]),
    "a place beyond the end": ([M, I], lambda: M[I[0]], [ONES((2, 3)), [2]], IndexError, "", ["(2, 3)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_do_not_fit(backend, name):
    """Both shapes, or lengths, and the line of the user."""
    inputs, build, values, error, text, shapes = MISFITS[name]
    f = tcore.function(inputs, build())
    with pytest.raises(error) as caught:
        f(*values)
    report = str(caught.value)
    assert report.startswith(text)
    assert [shape for shape in shapes if shape not in report] == []
    assert "test_bad_input.py" in report


ONE_AXIS = {
    "cumsum": T.cumsum, "cumprod": T.cumprod, "sort": T.sort, "argsort": T.argsort, "diff": lambda x, axis: T.diff(x, axis=axis), "repeat": lambda x, axis: T.repeat(x, 2, axis),
    "roll": lambda x, axis: T.roll(x, 1, axis), "take": lambda x, axis: T.take(x, [0], axis), "concatenate": lambda x, axis: T.concatenate([x, x], axis),
    "stack": lambda x, axis: T.stack([x, x], axis=axis), "split": lambda x, axis: T.split(x, [1, 1], 2, axis), "swapaxes": lambda x, axis: T.swapaxes(x, axis, 0),
    "moveaxis": lambda x, axis: T.moveaxis(x, axis, 0), "take_along_axis": lambda x, axis: T.take_along_axis(x, T.argsort(x), axis),
}  # fmt: skip
SEVERAL_AXES = ("sum", "prod", "max", "min", "argmax", "argmin", "any", "all", "mean", "var", "std", "ptp", "logsumexp", "max_and_argmax")


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("axis", [5, -4])
@pytest.mark.parametrize("name", [*ONE_AXIS, *SEVERAL_AXES])
def test_axis_out_of_range(backend, name, axis):
    """When the graph is built; the message has the axis."""
    build = ONE_AXIS.get(name) or getattr(T, name)
    with pytest.raises((ValueError, IndexError), match=rf"axis {axis}\b"):
        build(M, axis=axis)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("axis", [(0, 0), (1, -1)])
@pytest.mark.parametrize("name", [*ONE_AXIS, *SEVERAL_AXES])
def test_axis_named_twice(backend, name, axis):
    """Or where one axis is all that there may be."""
    build = ONE_AXIS.get(name) or getattr(T, name)
    with pytest.raises((ValueError, TypeError, IndexError), match=r"twice|an axis is an int|axis of .* must be an integer|different destinations|axis \(.*\) is out of range"):
        build(M, axis=axis)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "ptp"])
def test_nothing_to_reduce(backend, name):
    """What has no value of nothing is an error, over all axes and over an empty one; over the other there is nothing to compute."""
    for axis in (None, 0):
        f = tcore.function([M], getattr(T, name)(M, axis=axis))
        with pytest.raises(ValueError, match="zero-size array to reduction|of an empty axis"):
            f(ONES((0, 3)))
    assert tcore.function([M], getattr(T, name)(M, axis=1))(ONES((0, 3))).shape == (0,)


@pytest.mark.parametrize(("name", "value"), [("sum", 0), ("prod", 1), ("any", False), ("all", True)])
def test_reductions_of_nothing_that_have_a_value(backend, name, value):
    assert tcore.function([M], getattr(T, name)(M))(ONES((0, 3))) == value
    assert tcore.function([M], getattr(T, name)(M, axis=0))(ONES((0, 3))).tolist() == [value] * 3


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_mean_of_nothing(backend, name):
    """Not a number, as in NumPy."""
    assert np.isnan(tcore.function([M], getattr(T, name)(M, axis=0))(ONES((0, 3)))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan(backend, dtype):
    """Last in a sorted array; the largest and the smallest; the first one is found."""
    x = T.TensorType(dtype, (False, False))("x")
    value = np.array([[2.0, np.nan, -np.inf, np.nan], [np.inf, 1.0, -1.0, 0.5], [np.nan] * 4], dtype)
    outputs = [T.sort(x), T.argsort(x, kind="stable"), T.argmax(x, axis=1), T.argmin(x, axis=1), T.max(x, axis=1), T.min(x, axis=0), T.ptp(x, axis=1), T.argmax(x), T.maximum(x, 0), T.searchsorted(x[1, 1:].sort(), x[0])]
    wanted = [np.sort(value), np.argsort(value, kind="stable"), value.argmax(1), value.argmin(1), value.max(1), value.min(0), np.ptp(value, 1), value.argmax(), np.maximum(value, 0),
              np.searchsorted(np.sort(value[1, 1:]), value[0])]  # fmt: skip
    for got, expected in zip(tcore.function([x], outputs)(value), wanted, strict=True):
        np.testing.assert_array_equal(got, expected)
