"""Sums and products along an axis, and linear recurrences."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor.cumulative import CumOp, LinearRecurrence

rng = np.random.default_rng(21)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_values_L24723(name, axis, evaluate):
    """As NumPy's, for every axis and for the flattened tensor; as methods, too."""
    a = rng.normal(size=(2, 3, 4))
    x = T.dtensor3()
    wanted = getattr(np, name)(a, axis=axis)
    np.testing.assert_allclose(evaluate(getattr(T, name)(x, axis), {x: a}), wanted)
    np.testing.assert_allclose(evaluate(getattr(x, name)(axis), {x: a}), wanted)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float32", "complex64"])
def test_dtypes(dtype, evaluate):
    """The dtype stays; bools are counted."""
    a = np.array([1, 2, 3, 4], dtype)
    x = T.TensorType(dtype, (False,))()
    for name in ("cumsum", "cumprod"):
        found = evaluate(getattr(T, name)(x), {x: a})
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, getattr(np, name)(a, dtype=dtype))
    flags = T.TensorType("bool", (False,))()
    np.testing.assert_array_equal(evaluate(T.cumsum(flags), {flags: [True, False, True]}), [1, 1, 2])


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_gradients(axis, check_grad):
    """Of sums, and of products, whose gradient never divides."""
    a = rng.normal(size=(3, 4))
    check_grad(lambda x: T.cumsum(x, axis), a)
    check_grad(lambda x: T.cumprod(x, axis), a)
    with_zeros = a.copy()
    with_zeros[1, 1] = with_zeros[2, 1] = with_zeros[0, 3] = 0
    check_grad(lambda x: T.cumprod(x, axis), with_zeros)
    check_grad(lambda x: T.grad(T.cumprod(x, axis).sum(), x), with_zeros, rtol=1e-4, atol=1e-6)


def test_gradients_of_complex_products(check_grad):
    """By real and imaginary parts."""

    def of_parts(re, im):
        out = T.cumprod(re + np.array(1j) * im)
        return T.concatenate([out.real, out.imag])

    check_grad(of_parts, *rng.normal(size=(2, 4)))


def test_directional_derivatives(evaluate):
    """Against differences."""
    x, v = T.dvector(), T.dvector()
    a, d = rng.normal(size=(2, 5))
    for f in (T.cumsum, T.cumprod):
        up, down = (evaluate(f(x), {x: a + s * 1e-6 * d}) for s in (1, -1))
        np.testing.assert_allclose(evaluate(T.Rop(f(x), x, v), {x: a, v: d}), (up - down) / 2e-6, rtol=1e-6, atol=1e-8)
    b, e = rng.normal(size=(2, 5))
    y, w = T.dvector(), T.dvector()
    op = LinearRecurrence(0)
    up, down = (evaluate(op(x, y), {x: a + s * 1e-6 * d, y: b + s * 1e-6 * e}) for s in (1, -1))
    found = evaluate(T.Rop(op(x, y), [x, y], [v, w]), {x: a, y: b, v: d, w: e})
    np.testing.assert_allclose(found, (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


def test_recurrence(evaluate, check_grad):
    """One step after the other; the first coefficient has no effect."""
    a, b = rng.normal(size=(2, 4, 3))
    expected = np.empty_like(b)
    expected[0] = b[0]
    for i in range(1, 4):
        expected[i] = a[i] * expected[i - 1] + b[i]
    x, y = T.dmatrix(), T.dmatrix()
    np.testing.assert_allclose(evaluate(LinearRecurrence(0)(x, y), {x: a, y: b}), expected)
    check_grad(LinearRecurrence(0), a, b)
    check_grad(LinearRecurrence(1), a, b)


@pytest.mark.usefixtures("backend")
def test_on_backends():
    """Compiled, with empty, long and strided axes, in several dtypes; a recurrence of different lengths is refused."""
    x, y, z = T.dmatrix(), T.fmatrix(), T.lmatrix()
    f = tcore.function([x, y, z], [T.cumsum(x, 0), T.cumprod(x, 1), T.cumsum(y, 1), T.cumsum(z, 0), LinearRecurrence(1)(x, x * 2)])
    for shape in ((5, 7), (0, 3), (3, 0), (1, 1), (2, 1000)):
        a = rng.normal(size=shape)
        b, c = a.astype("float32"), (a * 100).astype("int64")
        for values in ((a, b, c), (a[::-1], b[:, ::-1], c[::-1])):
            first, second, third, fourth, fifth = f(*values)
            np.testing.assert_allclose(first, np.cumsum(values[0], 0))
            np.testing.assert_allclose(second, np.cumprod(values[0], 1))
            np.testing.assert_allclose(third, np.cumsum(values[1], 1), rtol=2e-4, atol=2e-4)
            np.testing.assert_array_equal(fourth, np.cumsum(values[2], 0))
            state = np.zeros(shape[0])
            for k in range(shape[1]):
                state = values[0][:, k] * state + 2 * values[0][:, k]
                np.testing.assert_allclose(fifth[:, k], state)
    g = tcore.function([x, y], LinearRecurrence(0)(x, y))
    with pytest.raises(ValueError):
        g(np.ones((2, 3)), np.ones((2, 4), "float32"))


def test_refusals():
    """Axes that are none."""
    x = T.dmatrix()
    with pytest.raises(ValueError, match="cumsum: axis 2 does not exist"):
        T.cumsum(x, 2)
    with pytest.raises(TypeError, match="cumprod: an axis is an int, got 1.0"):
        T.cumprod(x, 1.0)
    with pytest.raises(ValueError, match="axis 3 does not exist"):
        CumOp(3)(x)
    with pytest.raises(ValueError, match="takes two tensors of equal dimensions"):
        LinearRecurrence(0)(x, T.dvector())


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_an_axis_of_length_one(name, check_grad):
    """Its length is known from the type: the only element is its own sum and product."""
    check_grad(lambda x: getattr(T, name)(x, 1), np.array([[0.3], [-1.2]]), flags=[(False, True)])
