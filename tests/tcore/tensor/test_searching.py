"""Where values stand, and how often."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import DisconnectedInputError
from tcore.tensor.searching import Unique

rng = np.random.default_rng(23)


def test_searchsorted_L24865(evaluate):
    """The documentation's examples."""
    x = T.dvector()
    assert evaluate(x.searchsorted(3), {x: [1, 2, 3, 4, 5]}) == 2
    assert evaluate(T.searchsorted([1, 2, 3, 4, 5], 3)) == 2
    assert evaluate(T.searchsorted([1, 2, 3, 4, 5], 3, side="right")) == 3
    np.testing.assert_array_equal(evaluate(T.searchsorted([1, 2, 3, 4, 5], [-10, 10, 2, 3])), [0, 5, 1, 2])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("shape", [(), (0,), (4,), (2, 3)])
def test_searchsorted_values(side, shape, evaluate):
    """As NumPy's, also in the order of a sorter."""
    a, v = rng.integers(0, 9, size=7), rng.integers(-1, 11, size=shape)
    x, y, s = T.lvector(), T.TensorType("int64", (False,) * len(shape))(), T.lvector()
    found = evaluate(T.searchsorted(x, y, side, sorter=s), {x: a, y: v, s: np.argsort(a)})
    assert found.dtype == "int64"
    np.testing.assert_array_equal(found, np.searchsorted(a, v, side, np.argsort(a)))


def test_searchsorted_refuses(evaluate):
    """What is no vector, no side, no sorter; its gradient is zero."""
    x = T.dvector()
    with pytest.raises(TypeError, match="a vector to search in"):
        T.searchsorted(T.dmatrix(), 1)
    with pytest.raises(ValueError, match="'side' must be in"):
        T.searchsorted(x, 1, side="middle")
    with pytest.raises(TypeError, match="sorter is an integer vector"):
        T.searchsorted(x, 1, sorter=x)
    np.testing.assert_array_equal(evaluate(T.grad(T.searchsorted(x, x).sum().astype("float64"), x), {x: [1.0, 2.0]}), [0, 0])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_unique_L24665():
    """The documentation's examples, of a vector and of a matrix."""
    x, y = T.dvector(), T.dmatrix()
    f = tcore.function([x], Unique(True, True, False)(x))
    for got, want in zip(f([1, 2.0, 3, 4, 3, 2, 1.0]), ([1, 2, 3, 4], [0, 1, 2, 3], [0, 1, 2, 3, 2, 1, 0]), strict=True):
        np.testing.assert_array_equal(got, want)
    g = tcore.function([y], Unique(True, True, False)(y))
    for got, want in zip(g([[1, 1, 1.0], (2, 3, 3.0)]), ([1, 2, 3], [0, 3, 4], [0, 0, 0, 1, 2, 2]), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("flags", [(False,) * 3, (True, False, False), (False, True, False), (False, False, True), (True, True, True)])
def test_unique_values(flags, evaluate):
    """All combinations, in the documented order."""
    a = rng.integers(0, 4, size=(3, 4))
    x = T.lmatrix()
    found = T.unique(x, *flags)
    wanted = np.unique(a, *flags)
    pairs = zip(evaluate(found, {x: a}), wanted, strict=True) if any(flags) else [(evaluate(found, {x: a}), wanted)]
    for got, want in pairs:
        np.testing.assert_array_equal(got, want.reshape(-1))


def test_derivatives_of_unique(check_grad, evaluate):
    """Of the values, where no two are equal."""
    a = rng.permutation(6).astype("float64").reshape(2, 3)
    check_grad(T.unique, a)
    x, v = T.dmatrix(), T.dmatrix()
    d = rng.normal(size=(2, 3))
    np.testing.assert_array_equal(evaluate(T.Rop(T.unique(x), x, v), {x: a, v: d}), d.ravel()[np.argsort(a.ravel())])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_bincount_L24691():
    """Counts and weighted sums, with a least length, of empty vectors too."""
    x, w = T.lvector(), T.dvector()
    f = tcore.function([x, w], [T.bincount(x), T.bincount(x, minlength=9), T.bincount(x, w), T.bincount(x, w, minlength=9, assert_nonneg=True)])
    for a in (rng.integers(0, 6, size=20), np.zeros(0, "int64")):
        weights = rng.normal(size=len(a))
        for got, want in zip(f(a, weights), (np.bincount(a), np.bincount(a, minlength=9), np.bincount(a, weights), np.bincount(a, weights, 9)), strict=True):
            np.testing.assert_allclose(got, want)
    assert [each.dtype.name for each in f(a, weights)] == ["int64", "int64", "float64", "float64"]
    with pytest.raises((ValueError, AssertionError), match="from 0 on, got -3|negative values"):
        f(np.array([1, -3]), np.ones(2))


def test_bincount_details(evaluate, check_grad):
    """dtypes, gradients of weights, and what is refused."""
    x = T.lvector()
    assert T.bincount(x, T.fvector()).dtype == "float32"
    assert T.bincount(x, T.lvector()).dtype == "float64"
    assert T.bincount(x).dtype == "int64"
    flags = T.TensorType("bool", (False,))()
    np.testing.assert_array_equal(evaluate(T.bincount(flags), {flags: [True, False, True]}), [1, 2])
    check_grad(lambda w: T.bincount(T.constant([0, 2, 2, 1]), w), rng.normal(size=4))
    with pytest.raises(DisconnectedInputError):
        T.grad(T.bincount(x).sum().astype("float64"), x)
    with pytest.raises(TypeError, match="takes an integer vector"):
        T.bincount(T.dvector())
    with pytest.raises(TypeError, match="uint64 cannot be counted"):
        T.bincount(T.TensorType("uint64", (False,))())
    with pytest.raises(TypeError, match="weights are a vector of real numbers"):
        T.bincount(x, T.zvector())
    with pytest.raises(ValueError, match="2 numbers, but 3 weights"):
        evaluate(T.bincount(x, T.constant(np.ones(3))), {x: [1, 1]})
    with pytest.raises(ValueError, match="minlength is not negative"):
        evaluate(T.bincount(x, minlength=-1), {x: [1]})


def test_bincount_gradient_of_integer_weights() -> None:
    """Integers have no gradient: zeros of a floating dtype."""
    x, w = T.lvector(), T.lvector()
    made = tcore.function([x, w], tcore.grad(T.bincount(x, w).sum(), w), mode="FAST_COMPILE", on_unused_input="ignore")
    found = made([0, 2, 2], [1, 5, 7])
    assert found.dtype.kind == "f"
    np.testing.assert_array_equal(found, [0, 0, 0])
