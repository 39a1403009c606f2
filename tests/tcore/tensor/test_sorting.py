"""Sorting, and elements by index along an axis."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(22)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("kind", ["quicksort", "mergesort", "heapsort", "stable"])
def test_values_L20623(axis, kind, evaluate):
    """As NumPy's, NaN last, as functions and as methods."""
    a = rng.permutation(12).astype("float64").reshape(3, 4)
    a[0, 1] = np.nan
    x = T.dmatrix()
    np.testing.assert_array_equal(evaluate(T.sort(x, axis, kind), {x: a}), np.sort(a, axis))
    np.testing.assert_array_equal(evaluate(x.sort(axis, kind), {x: a}), np.sort(a, axis))
    found = evaluate(x.argsort(axis, kind), {x: a})
    assert found.dtype == "int64"
    np.testing.assert_array_equal(found, np.argsort(a, axis))
    np.testing.assert_array_equal(evaluate(T.argsort(x, axis, kind), {x: a}), found)


def test_stable_order(evaluate):
    """Equal elements stay in their order, where a stable method is asked for."""
    x = T.lvector()
    a = rng.integers(0, 3, size=50)
    np.testing.assert_array_equal(evaluate(T.argsort(x, kind="stable"), {x: a}), np.argsort(a, kind="stable"))


def test_derivatives(check_grad, evaluate):
    """Gradients go back to where an element was; indices have none."""
    a = rng.permutation(12).astype("float64").reshape(3, 4)
    for axis in (None, 0, 1):
        check_grad(lambda x, axis=axis: T.sort(x, axis), a)
        check_grad(lambda x, axis=axis: T.sort(x, axis) * T.argsort(x, axis), a)
    x, v = T.dmatrix(), T.dmatrix()
    d = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(evaluate(T.Rop(T.sort(x, 1), x, v), {x: a, v: d}), np.take_along_axis(d, np.argsort(a, 1), 1))
    n = T.lvector()
    np.testing.assert_array_equal(evaluate(T.grad(T.sort(n).sum().astype("float64"), n), {n: [3, 1]}), [0, 0])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_take_along_axis(axis, evaluate, check_grad):
    """As NumPy's; an index outside raises."""
    a = rng.normal(size=(3, 4))
    index = rng.integers(0, 3, size=(12,) if axis is None else (3, 4))
    x, i = T.dmatrix(), T.TensorType("int64", (False,) * index.ndim)()
    wanted = np.take_along_axis(a, index, axis)
    np.testing.assert_array_equal(evaluate(T.take_along_axis(x, i, axis), {x: a, i: index}), wanted)
    check_grad(lambda v: T.take_along_axis(v, T.constant(index), axis), a)
    with pytest.raises(IndexError):
        evaluate(T.take_along_axis(x, i, axis), {x: a, i: index + 99})


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_compiled():
    """Within a function, with a gradient."""
    x = T.dmatrix()
    f = tcore.function([x], [T.sort(x, 0), T.grad((T.sort(x, 1)[:, -1] ** 2).sum(), x)])
    a = rng.permutation(12).astype("float64").reshape(3, 4)
    ordered, gradient = f(a)
    np.testing.assert_array_equal(ordered, np.sort(a, 0))
    np.testing.assert_array_equal(gradient, np.where(a == a.max(1, keepdims=True), 2 * a, 0))


def test_refusals():
    """Axes, methods and fields that are none; indices that do not fit."""
    x = T.dmatrix()
    with pytest.raises(ValueError, match="sort: axis 2 does not exist"):
        T.sort(x, 2)
    with pytest.raises(ValueError, match="'kind' must be in"):
        T.sort(x, kind="bubble")
    with pytest.raises(ValueError, match="order names fields of structured arrays"):
        x.argsort(order="name")
    with pytest.raises(TypeError, match="integer indices of 2 dimensions"):
        T.take_along_axis(x, T.lvector(), 0)
    with pytest.raises(TypeError, match="integer indices of 2 dimensions"):
        T.take_along_axis(x, x, 0)
