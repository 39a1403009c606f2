"""Places as one number and as several."""

import numpy as np
import pytest

import tcore.tensor as T

rng = np.random.default_rng(24)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_places_and_back_L24800(order, shape, evaluate):
    """As NumPy's, there and back."""
    dims = (3, 4, 5)
    flat = rng.integers(0, 60, size=shape)
    x = T.TensorType("int64", (False,) * len(shape))()
    index = T.unravel_index(x, dims, order)
    assert isinstance(index, tuple)
    for got, want in zip(evaluate(list(index), {x: flat}), np.unravel_index(flat, dims, order), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index(index, dims, order=order), {x: flat}), flat)


def test_lengths_in_the_graph(evaluate):
    """Lengths may be variables, each or all together."""
    x, n, d = T.lvector(), T.lscalar(), T.lvector()
    np.testing.assert_array_equal(evaluate(list(T.unravel_index(x, (n, 4))), {x: [5, 6], n: 3}), np.unravel_index([5, 6], (3, 4)))
    np.testing.assert_array_equal(evaluate(list(T.unravel_index(x, d, ndim=2)), {x: [5, 6], d: [3, 4]}), np.unravel_index([5, 6], (3, 4)))
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index((x, x), d), {x: [1, 2], d: [3, 4]}), [5, 10])
    with pytest.raises(ValueError, match="give the number of axes as ndim"):
        T.unravel_index(x, d)
    with pytest.raises(ValueError, match="was told ndim=3, dims has 2 lengths"):
        evaluate(list(T.unravel_index(x, d, ndim=3)), {x: [5], d: [3, 4]})


@pytest.mark.parametrize("mode", ["wrap", "clip", ("clip", "wrap")])
def test_modes_of_places(mode, evaluate):
    """Indices outside, by mode, one for all or one for each axis."""
    x, y = T.lvector(), T.lvector()
    a, b = rng.integers(-9, 9, size=(2, 10))
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index((x, y), (3, 4), mode), {x: a, y: b}), np.ravel_multi_index((a, b), (3, 4), mode))


def test_what_places_refuse(evaluate):
    """Places outside, floats, unknown modes and orders."""
    x = T.lvector()
    with pytest.raises(ValueError):
        evaluate(T.ravel_multi_index((x, x), (3, 4)), {x: [3]})
    with pytest.raises(ValueError):
        evaluate(list(T.unravel_index(x, (3, 4))), {x: [12]})
    with pytest.raises(TypeError, match="takes integers"):
        T.ravel_multi_index((T.dvector(),), (3,))
    with pytest.raises(ValueError, match="a mode is one of raise, wrap, clip, got 'loop'"):
        T.ravel_multi_index((x,), (3,), mode="loop")
    with pytest.raises(ValueError, match="2 modes for 1 axes"):
        T.ravel_multi_index((x,), (3,), mode=("wrap", "clip"))
    with pytest.raises(ValueError, match="'order' must be in"):
        T.unravel_index(x, (3,), order="K")


@pytest.mark.parametrize("dims", [(3.5, 4), 3.0, (T.lscalar("n"), 4.5), ("3", 4)])
def test_lengths_that_are_no_integers(dims):
    """Refused, not cut off."""
    with pytest.raises(TypeError):
        T.unravel_index(5, dims)
    with pytest.raises(TypeError):
        T.ravel_multi_index([1, 2], dims)


def test_unsigned_numbers_of_64_bits(evaluate):
    """As NumPy takes them: what lies beyond int64 lies outside."""
    x = T.TensorType("uint64", (False,))("x")
    places = np.array([3, 11, 0], "uint64")
    for got, wanted in zip(evaluate(list(T.unravel_index(x, (3, 4))), {x: places}), np.unravel_index(places, (3, 4)), strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index((x, x), (12, 12)), {x: places}), np.ravel_multi_index((places, places), (12, 12)))
    with pytest.raises(ValueError):
        evaluate(T.ravel_multi_index((x, x), (12, 12)), {x: np.array([2**63 + 1], "uint64")})
