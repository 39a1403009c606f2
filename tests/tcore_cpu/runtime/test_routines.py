"""Routines of the runtime against NumPy: lengths around those at which the method changes, special values, strides."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.codegen.half import HALF_HELPERS
from tcore.tensor.random.from_uniform import choice_from_uniform
from tcore.tensor.searching import Unique
from tcore_cpu.native.build import FOLDER

RNG = np.random.default_rng(8)
DTYPES = ["bool", "int8", "uint16", "int32", "uint64", "int64", "float16", "float32", "float64", "complex64", "complex128"]
LENGTHS = (0, 1, 127, 129, 383, 385, 3000)


def is_native(f) -> bool:
    return not f.maker.linker.reasons


def values(dtype, n):
    """Few different values; for floats with NaN of both signs, infinity and both zeros."""
    if dtype.startswith("complex"):
        part = f"float{int(dtype[7:]) // 2}"
        return np.stack([values(part, n), RNG.permutation(values(part, n))], axis=1).view(dtype).reshape(n)
    if dtype.startswith("float"):
        return np.resize(np.array([np.nan, -0.0, 0.0, np.inf, -np.nan, 3.5, -2.0, *RNG.normal(size=30)], dtype), n)
    return RNG.integers(0, 2 if dtype == "bool" else 90, n).astype(dtype) if dtype[0] in "bu" else RNG.integers(-90, 90, n).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_orders(dtype) -> None:
    """Sorted values, the places in a stable order, the different elements, the places that are not zero."""
    x = T.TensorType(dtype, (False,))()
    outputs = [T.sort(x), T.argsort(x), *Unique(True, True, True)(x, return_list=True), T.nonzero(x)[0]]
    made = tcore.function([x], outputs)
    assert is_native(made)
    for n in LENGTHS:
        for given in (values(dtype, n), values(dtype, 2 * n)[::-2]):
            wanted = [np.sort(given), np.argsort(given, kind="stable"), *np.unique(given, True, True, True), np.nonzero(given)[0]]
            for found, expected in zip(made(given), wanted, strict=True):
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtypes", [("float64", "float64"), ("float32", "float64"), ("float64", "float32"), ("float16", "float16")])
def test_choices_without_replacement(native, reference, dtypes) -> None:
    """Those of perform: rows without chances, with NaN, with uniform numbers of 0 and 1, of every layout; too many draws are refused."""
    p, u = (T.TensorType(dtype, (False, False))() for dtype in dtypes)
    made, wanted = (compile_([p, u], choice_from_uniform(p, u)) for compile_ in (native, reference))
    assert "Python" not in {report.runs_on for report in made.explain().nodes}
    for rows, outcomes, draws in ((0, 3, 2), (5, 1, 1), (4, 7, 0), (3, 6, 6), (900, 11, 4)):
        chances = RNG.random((rows, outcomes)) * (RNG.random((rows, outcomes)) > 0.3)
        chances[:1] = 0
        chances[1:2, -1:] = np.nan
        numbers = RNG.random((draws, rows))
        numbers[:1, ::2] = 1
        numbers[1:2, ::3] = 0
        chances, numbers = chances.astype(dtypes[0]), numbers.astype(dtypes[1])
        for given in ((chances, numbers), (np.asfortranarray(chances)[::-1], numbers[::-1, ::-1])):
            np.testing.assert_array_equal(made(*given), wanted(*given))
    with pytest.raises(ValueError, match="cannot choose 3 of 2 outcomes"):
        made(np.ones((4, 2), dtypes[0]), np.ones((3, 4), dtypes[1]))
    with pytest.raises(ValueError, match="4 rows, there are uniform numbers for 5"):
        made(np.ones((4, 2), dtypes[0]), np.ones((2, 5), dtypes[1]))


def test_weights_of_half_precision() -> None:
    """All of them, and sums that are rounded once, to the nearest one, of two to the even one, subnormal and infinite ones among them."""
    x, w = T.lvector(), T.TensorType("float16", (False,))()
    made = tcore.function([x, w], T.bincount(x, w))
    assert is_native(made)
    every = np.arange(2**16, dtype="uint16").view("float16")
    np.testing.assert_array_equal(made(np.arange(2**16), every), every)
    places = RNG.integers(0, 3000, 2**16)
    for weights in (every[np.isfinite(every)], every[:0x800], (RNG.normal(size=2**16) * 2.0 ** RNG.integers(-24, 15, 2**16)).astype("float16")[::-1]):
        wanted = np.bincount(places[: len(weights)], weights)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(made(places[: len(weights)], weights), wanted.astype("float16"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_halves_are_rounded_by_the_text_of_kernels(dtype):
    """A rule that changes in one place changes in the other."""
    assert HALF_HELPERS["to_f16", dtype] in (FOLDER / "native" / "halves.h").read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", [(4, 3, 5), (8, 9, 7), (20, 30, 40), (2, 3, 1), (0, 3, 2), (3, 0, 4), (70, 2, 33)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batched_products(dtype, shape) -> None:
    """Small and large ones, of rows, of columns, and with turned operands."""
    x, y = T.TensorType(dtype, (False,) * 3)(), T.TensorType(dtype, (False,) * 3)()
    made = tcore.function([x, y], T.batched_dot(x, y))
    assert is_native(made)
    m, k, n = shape
    left, right = RNG.normal(size=(6, m, k)).astype(dtype), RNG.normal(size=(6, k, n)).astype(dtype)
    for a, b in [(left, right), (left[::-1, :, ::-1], right[:, :, ::-1]), (np.asfortranarray(left), np.asfortranarray(right))]:
        np.testing.assert_allclose(made(a, b), a @ b, rtol=1e-3 if dtype == "float32" else 1e-10, atol=1e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["int16", "float32", "complex64", "complex128"])
def test_copies(dtype) -> None:
    """Elements and pieces, each as often as one number says or an array."""
    x, counts, number = T.TensorType(dtype, (False,) * 2)(), T.lvector(), T.lscalar()
    made = tcore.function([x, counts, number], [T.repeat(x, counts, axis=0), T.repeat(x, counts, axis=1), T.repeat(x, number), T.repeat(x, 3, axis=0)])
    assert is_native(made)
    given, often = values(dtype, 6 * 6).reshape(6, 6), np.array([0, 1, 7, 2, 0, 4])
    for each in (given, given.T, given[::-1, ::-1]):
        wanted = [np.repeat(each, often, axis=0), np.repeat(each, often, axis=1), np.repeat(each, 2), np.repeat(each, 3, axis=0)]
        for found, expected in zip(made(each, often, 2), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)


def searches(given):
    x, v, i, j, n = given
    return {
        "searchsorted": [T.searchsorted(x, v), T.searchsorted(x, v, side="right")],
        "unravel_index": [*T.unravel_index(i, (7, 9))],
        "ravel_multi_index": [T.ravel_multi_index((i % 7, j % 9), (7, 9))],
        "bincount": [T.bincount(i), T.bincount(i, v, minlength=n)],
        "diagonals": [T.diag(x), T.diagonal(T.outer(x, v), offset=1)],
    }


@pytest.mark.parametrize("name", ["searchsorted", "unravel_index", "ravel_multi_index", "bincount", "diagonals"])
def test_no_step_is_python(name) -> None:
    """What has a routine or a loop runs as one."""
    given = [T.dvector(), T.dvector(), T.lvector(), T.lvector(), T.lscalar()]
    assert is_native(tcore.function(given, searches(given)[name], on_unused_input="ignore"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_repeats(dtype) -> None:
    """Elements and pieces of rows, each as often as its number says; elements of every size in native code."""
    x, counts = T.TensorType(dtype, (False, False))(), T.lvector()
    axes = (0, 1, None)
    made = tcore.function([x, counts], [T.repeat(x, counts[: x.shape[axis] if axis is not None else x.size], axis=axis) for axis in axes])
    assert "runs in Python" not in str(made.explain())
    given, numbers = RNG.normal(size=(3, 4)).astype(dtype), RNG.integers(0, 7, 12)
    for found, axis in zip(made(given[:, ::-1], numbers), axes, strict=True):
        np.testing.assert_array_equal(found, np.repeat(given[:, ::-1], numbers[: given.size if axis is None else given.shape[axis]], axis))
