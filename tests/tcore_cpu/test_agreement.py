"""Native programs give what ``perform`` gives, whatever the layout of the operands."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as tt

LAYOUTS = {
    "c": lambda x: x,
    "fortran": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1],
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "empty rows": lambda x: x[:0],
    "empty columns": lambda x: x[:, :0],
    "one": lambda x: x[:1, :1],
    "narrow": lambda x: x[:, :3],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
}
EXPRESSIONS = {
    "chain": lambda x, v: tt.exp(-x) * 2 + v - tt.sqrt(abs(x)),
    "column": lambda x, v: x + x.sum(axis=1).dimshuffle(0, "x"),
    "row": lambda x, v: x - x.mean(axis=0),
    "softmax": lambda x, v: tt.exp(x) / tt.exp(x).sum(axis=1, keepdims=True),
    "transpose": lambda x, v: x.T * 2 + 1,
    "sum": lambda x, v: x.sum(),
    "sum 0": lambda x, v: (x * x).sum(axis=0),
    "sum 1": lambda x, v: (x * x).sum(axis=1),
    "prod": lambda x, v: (1 + x / 100).prod(axis=0),
    "any": lambda x, v: (x > 1).any(axis=1),
    "all": lambda x, v: (x > -9).all(),
    "slices": lambda x, v: x[::-2, :-1] + 1,
    "switch": lambda x, v: tt.switch(x > v, x, tt.log(abs(x))),
    "join": lambda x, v: tt.join(1, x * 2, x + v),
    "reshape": lambda x, v: (x.T.reshape((-1,)) * 2).sum(),
    "integers": lambda x, v: tt.cast(x * 100, "int32") // 7 + tt.cast(x * 100, "int32") % 5,
    "comparison": lambda x, v: [x < v, tt.eq(x, x), tt.isnan(x)],
    "set": lambda x, v: tt.set_subtensor(x[1:], 0.0),
    "inc": lambda x, v: tt.inc_subtensor(x[:, 1:], 1.0),
}


def _agree(ours, theirs) -> None:
    if not isinstance(ours, list):
        ours, theirs = [ours], [theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_layouts(native, reference, rng, name) -> None:
    """One compiled function serves operands of every layout."""
    x, v = tt.dmatrix("x"), tt.dvector("v")
    outputs = EXPRESSIONS[name](x, v)
    f, g = native([x, v], outputs), reference([x, v], outputs)
    for change in LAYOUTS.values():
        value = change(rng.standard_normal((37, 70)))
        _agree(f(value, np.linspace(0, 1, value.shape[1])), g(value, np.linspace(0, 1, value.shape[1])))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("layout", ["c", "fortran", "reversed", "strided", "narrow"])
def test_extremes(native, rng, axis, layout) -> None:
    """max, min, argmax and argmin as NumPy's, NaN and ties included."""
    x = tt.dmatrix("x")
    f = native([x], [x.max(axis=axis), x.min(axis=axis), tt.argmax(x, axis=axis), tt.argmin(x, axis=axis)])
    plain = np.round(rng.standard_normal((41, 70)), 1)
    for value in (plain, np.where(plain > 1.5, np.nan, plain)):
        value = LAYOUTS[layout](value)
        highest, lowest, first_high, first_low = f(value)
        np.testing.assert_array_equal(highest, value.max(axis=axis))
        np.testing.assert_array_equal(lowest, value.min(axis=axis))
        np.testing.assert_array_equal(first_high, value.argmax(axis=axis))
        np.testing.assert_array_equal(first_low, value.argmin(axis=axis))


@pytest.mark.parametrize("axis", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_three_axes(native, rng, axis) -> None:
    """Sums over any axes of a 3-d array, kept ones between them too."""
    x = tt.dtensor3("x")
    f = native([x], [x.sum(axis=axis), (x * x).max(axis=axis)])
    for value in (rng.standard_normal((5, 6, 70)), rng.standard_normal((5, 6, 70)).transpose(2, 0, 1)):
        total, highest = f(value)
        np.testing.assert_allclose(total, value.sum(axis=axis), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(highest, (value * value).max(axis=axis))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "float32"])
def test_dtypes(native, reference, dtype) -> None:
    """Arithmetic and sums of the other dtypes wrap and round as NumPy's."""
    x, y = tt.TensorType(dtype, (False,))("x"), tt.TensorType(dtype, (False,))("y")
    outputs = [x + y, x * y, x.sum(), x.max(), x // y, x % y, tt.cast(x, "float64") / 3]
    f, g = native([x, y], outputs), reference([x, y], outputs)
    a, b = np.arange(100, 170).astype(dtype), np.arange(1, 71).astype(dtype)
    for ours, theirs in zip(f(a, b), g(a, b), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("shapes", [((30, 70), (70, 20)), ((1, 5), (5, 1)), ((0, 3), (3, 4)), ((3, 0), (0, 4))])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_matrix_products(native, rng, shapes, dtype) -> None:
    """BLAS takes transposes and slices as they are; nothing summed is zero."""
    x, y = tt.TensorType(dtype, (False, False))("x"), tt.TensorType(dtype, (False, False))("y")
    f = native([x, y], tt.dot(x, y))
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    rtol = 1e-12 if dtype == "float64" else 1e-4
    for left in (a, np.asfortranarray(a), np.repeat(a, 2, 1)[:, ::2], a[::-1]):
        for right in (b, np.asfortranarray(b), np.repeat(b, 2, 0)[::2]):
            np.testing.assert_allclose(f(left, right), left @ right, rtol=rtol, atol=rtol)


def test_vector_products(native, rng) -> None:
    """Matrix times vector, vector times matrix, vector times vector, strides and all."""
    x, v, w = tt.dmatrix("x"), tt.dvector("v"), tt.dvector("w")
    f = native([x, v, w], [tt.dot(x, v), tt.dot(w, x), tt.dot(v, v)])
    for a in (rng.standard_normal((20, 30)), rng.standard_normal((30, 20)).T, rng.standard_normal((40, 60))[::2, ::-2]):
        left, right = rng.standard_normal(60)[::-2], rng.standard_normal(20)
        for ours, theirs in zip(f(a, left, right), (a @ left, right @ a, left @ left), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gather_and_scatter(native, rng) -> None:
    """Integer-array indices count from the end when negative; duplicates add up in inc, the last wins in set."""
    x, i = tt.dmatrix("x"), tt.lvector("i")
    f = native([x, i], [x[i], tt.inc_subtensor(x[i], 1.0), tt.set_subtensor(x[i], tt.arange(4.0).dimshuffle(0, "x"))])
    value, index = rng.standard_normal((6, 5)), np.array([1, -1, 1, 0])
    taken, added, put = f(value, index)
    np.testing.assert_array_equal(taken, value[index])
    expected = value.copy()
    np.add.at(expected, index, 1.0)
    np.testing.assert_array_equal(added, expected)
    expected = value.copy()
    expected[index] = np.arange(4.0)[:, None]
    np.testing.assert_array_equal(put, expected)


def test_outputs_keep_the_order_of_their_operands(native, rng) -> None:
    """An elementwise result of Fortran-ordered operands is Fortran-ordered, as with NumPy."""
    x = tt.dmatrix("x")
    f = native([x], x * 2)
    assert f(np.asfortranarray(rng.standard_normal((4, 5)))).flags.f_contiguous
    assert f(rng.standard_normal((4, 5))).flags.c_contiguous
