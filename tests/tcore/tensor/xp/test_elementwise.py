"""Functions of each element compute what NumPy's compute."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import SIGNED, A, B, C, N, check, computed

import tcore
import tcore.tensor as T
from tcore.tensor import xp
from tcore.testing import OpCase, check_op

ONE = "abs acos asin asinh atan atanh ceil conj cos cosh exp expm1 floor isfinite isinf isnan log log1p log2 log10 logical_not negative positive real round "
ONE += "sign sin sinh square sqrt tan tanh trunc"
TWO = "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum "
TWO += "multiply nextafter not_equal pow remainder subtract"


@pytest.mark.parametrize("name", ONE.split())
def test_elementwise_of_one(name):
    """Of reals."""
    check(lambda np, x: getattr(np, name)(x), A)


def test_elementwise_of_one_elsewhere():
    """Functions that need other values: large ones, complex ones, signs, integers."""
    check(lambda np, x: np.acosh(x), B)
    for name in ("abs", "conj", "real", "imag", "sign", "exp", "sqrt", "square", "positive", "negative"):
        check(lambda np, x, name=name: getattr(np, name)(x), C)
    check(lambda np, x: [np.signbit(x), np.sign(x), np.isfinite(x), np.isinf(x), np.trunc(x), np.round(x)], SIGNED)
    check(lambda np, n: [np.abs(n), np.sign(n), np.square(n), np.negative(n), np.positive(n), np.isfinite(n), np.isnan(n), np.signbit(n)], N - 3, dtype=False)
    check(lambda np, n: [np.floor(n), np.ceil(n), np.trunc(n), np.round(n)], N - 3, dtype=False)
    check(lambda np, x: np.clip(x, 0.3, 0.6), A)
    check(lambda np, x: [np.clip(x, max=0.6), np.clip(x, min=0.6)], A)
    assert xp.clip(T.fvector(), 0, 0.1).dtype == "float32"


@pytest.mark.parametrize("name", TWO.split())
def test_elementwise_of_two(name):
    """Of two matrices, and of a row and a matrix."""
    check(lambda np, x, y: getattr(np, name)(x, y), A, B)
    check(lambda np, x, y: getattr(np, name)(x, y), A[:1], B)


def test_special_values_of_two():
    """Signed zeros and infinities."""
    check(lambda np, x, y: [np.copysign(x, y), np.logical_and(x, y), np.maximum(x, y), np.equal(x, y), np.atan2(x, y)], SIGNED, SIGNED[::-1].copy())


def test_bits(backend):
    """Shifts by zero up to more than the width, of negative numbers as well; of every width, on every backend."""
    calls = [
        lambda np, x, n: np.bitwise_left_shift(x, n), lambda np, x, n: np.bitwise_right_shift(x, n), lambda np, x, n: np.bitwise_and(x, n),
        lambda np, x, n: np.bitwise_or(x, n), lambda np, x, n: np.bitwise_xor(x, n), lambda np, x, n: np.bitwise_invert(x), lambda np, x, n: (x << n) ^ (x >> n),
    ]  # fmt: skip
    variables, values, results, wanted = [], [], [], []
    dtypes = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    for dtype in dtypes if backend in ("numpy", "cpu") else dtypes[::3]:
        x = np.array([[5, 100, 1, 77, 120]], dtype) * np.array([[1]] if dtype[0] == "u" else [[1], [-1]], dtype)
        n = np.broadcast_to(np.array([0, 1, np.iinfo(dtype).bits - 1, np.iinfo(dtype).bits, 99], dtype), x.shape).copy()
        a, b = T.matrix(dtype=dtype), T.matrix(dtype=dtype)
        variables += [a, b]
        values += [x, n]
        results += [call(xp, a, b) for call in calls]
        wanted += [call(np, x, n) for call in calls]
    for got, want in zip(tcore.function(variables, results)(*values), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype


def test_shifts_by_the_kit(backend):
    """The ops agree with ``perform`` on each backend, have shapes, and can be pickled."""
    x, n = np.array([[3, -5], [7, 100]], "int32"), np.array([[1, 2]], "int32")
    for op in (T.left_shift, T.right_shift):
        check_op(OpCase(op, [x, n], gradient=False))


def test_bits_of_bools_and_refusals():
    """Bools have logical operations, and no shifts; floats have none of them."""
    check(lambda np, x, y: [np.bitwise_and(x, y), np.bitwise_or(x, y), np.bitwise_xor(x, y), np.bitwise_invert(x)], A > 0.5, B > 1.5)
    with pytest.raises(TypeError, match="a shift moves the bits of integers"):
        xp.bitwise_left_shift(T.bvector() > 0, T.bvector() > 0)
    with pytest.raises(TypeError):
        xp.bitwise_left_shift(T.dvector(), 1)
    n = T.lvector()
    np.testing.assert_array_equal(computed(1 << n, (n, N[0])), 1 << N[0])
    np.testing.assert_array_equal(computed(64 >> n, (n, N[0])), 64 >> N[0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_neighbours(dtype, backend):
    """At zeros, at the ends of the numbers, at powers of two, of NaN; integers are taken as floats."""
    info = np.finfo(dtype)
    ends = np.array([0.0, -0.0, 1.0, -1.0, info.tiny, info.smallest_subnormal, info.max, np.inf, -np.inf, np.nan], dtype)
    a, b = (np.ravel(each) for each in np.meshgrid(ends, ends))
    x, y = T.vector(dtype=dtype), T.vector(dtype=dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(tcore.function([x, y], T.nextafter(x, y))(a, b), np.nextafter(a, b))
    assert T.nextafter(T.lvector(), 1).dtype == "float64"
    assert tcore.grad(T.nextafter(y, x).sum(), [x, y], disconnected_inputs="ignore")[1].eval({y: b[:3], x: a[:3]}).tolist() == [1, 1, 1]


REALS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
#: dtypes -> functions of these whose result has the dtype of NumPy's
KEPT = {
    REALS: "abs ceil floor isfinite isinf isnan negative positive round sign square trunc",
    ("float32", "float64"): "signbit",
    ("float32", "float64", "complex64", "complex128"): "acos acosh asin asinh atan atanh conj cos cosh exp expm1 log log1p log2 log10 real reciprocal sin sinh sqrt tan tanh",
    ("complex64", "complex128"): "abs imag isfinite isinf isnan negative positive round sign square",
}


@pytest.mark.parametrize("dtypes", KEPT, ids=" ".join)
def test_dtypes_and_special_values(dtypes):
    """Ends of integers, signed zeros, infinities, NaN."""
    for dtype in dtypes:
        if dtype.startswith("float"):
            values = np.array([0.0, -0.0, 1.5, -2.5, 0.5, np.inf, -np.inf, np.nan], dtype)
        elif dtype.startswith("complex"):
            values = np.array([0, 1 + 2j, -1.5 + 0.5j, -2.5 - 1j, 3j, complex(np.inf, 0), complex(0, -np.inf), complex(np.nan, 1)], dtype)
        else:
            values = np.array([0, 1, 2, 7, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)
        tolerance = 1e-5 if dtype in ("float32", "complex64") else 1e-12
        x = T.vector(dtype=dtype)
        names = KEPT[dtypes].split()
        with np.errstate(all="ignore"):
            for name, found in zip(names, computed([getattr(xp, name)(x) for name in names], (x, values)), strict=True):
                wanted = getattr(np, name)(values)
                assert found.dtype == wanted.dtype, name
                np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_signs_of_complex_numbers(dtype):
    """Where a part is infinite, and where the size overflows or is as good as lost."""
    info = np.finfo(dtype)
    z = np.array([complex(np.inf, 3), complex(-np.inf, 0), complex(2, -np.inf), complex(np.inf, np.inf), complex(np.inf, np.nan)], dtype)
    x = T.vector(dtype=dtype)
    np.testing.assert_array_equal(computed(xp.sign(x), (x, z)), [1, -1, -1j, np.nan, np.nan])
    z = np.array([complex(info.max, info.max), complex(-3 * info.tiny, 4 * info.tiny), 5 * info.smallest_subnormal, 0], dtype)
    np.testing.assert_allclose(computed(xp.sign(x), (x, z)), [(1 + 1j) / 2**0.5, -0.6 + 0.8j, 1, 0], rtol=4 * info.eps)


def test_clip_by_what_the_dtype_lacks():
    """Limits beyond the ends of an integer dtype are no limits; large integers stay exact."""
    ends = np.array([0, 5, 2**64 - 1, 2**63 + 1], "uint64")
    for limits in ((1, 2**64 - 2), (-5, 2**80), (None, 7), (2**70, None)):
        wanted = np.array([min(max(int(each), 0 if limits[0] is None else min(limits[0], 2**64 - 1)), 2**64 if limits[1] is None else limits[1]) for each in ends], "uint64")
        np.testing.assert_array_equal(computed(xp.clip(T.constant(ends), *limits)), wanted)
