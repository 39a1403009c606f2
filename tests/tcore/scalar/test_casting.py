"""Conversions between all dtypes: one result for each pair, in Python, in kernels, on devices and in C code of one number."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.scalar.casting import converted

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
NUMBERS = [0.0, -0.0, 0.9, -0.9, -1.5, 127.5, 128.0, -129.0, 255.9, 300.7, -300.0, 32768.0, 65504.0, 70000.0, 2.0**31 - 1, 2.0**31, -(2.0**31), -(2.0**31) - 1, 3e9, -3e9]
NUMBERS += [2.0**32, 2.0**53 + 2, 2.0**63, -(2.0**63), -(2.0**63) * 1.5, 9.3e18, 1e19, 2.0**64, 1.9e19, -1e30, 1e30, math.inf, -math.inf, math.nan]


def stated(number: float, dtype: str) -> int:
    """In whole numbers of Python."""
    info = np.iinfo(dtype)
    bits = 32 if info.bits < 32 or dtype == "int32" else 64
    whole = math.trunc(number) if math.isfinite(number) else None
    if dtype == "uint64" and (number == math.inf or (whole or 0) >= 2**63):
        return whole if whole is not None and whole < 2**64 else 0
    if whole is None or not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
        whole = -(2 ** (bits - 1))
    low = whole % 2**info.bits
    return low - 2**info.bits if low > info.max else low


def numbers(dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array(NUMBERS).astype(dtype)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("source", FLOATS)
def test_floats_to_integers(source: str) -> None:
    """All targets, of arrays of several forms."""
    values, x = numbers(source), T.vector("x", dtype=source)
    f = tcore.function([x], [T.cast(x, target) for target in INTEGERS])
    for given in (values, np.repeat(values, 2)[::2], values[-5:]):
        for target, got in zip(INTEGERS, f(given), strict=True):
            assert got.dtype == target
            assert got.tolist() == [stated(float(number), target) for number in given], (source, target)


@pytest.mark.parametrize("source", FLOATS)
def test_in_python(source: str) -> None:
    """In place as well, and of one number."""
    values = numbers(source)
    for target in INTEGERS:
        wanted = [stated(float(number), target) for number in values]
        out = np.empty(len(values), target)
        assert converted(values, target, out) is out
        assert out.tolist() == converted(values, target).tolist() == [int(converted(number, target)) for number in values] == wanted
        op = scalar.Cast(scalar.get_scalar_type(target))
        assert [int(op.impl(number)) for number in values] == wanted
    assert converted(values[:0], "uint8").shape == (0,)


@pytest.mark.backends("numpy", "cpu", "opencl")
def test_between_integers(backend: str) -> None:
    """The low bits are kept."""
    for source in INTEGERS:
        info = np.iinfo(source)
        values = np.array([info.min, info.min + 1, 0, 1, 100, info.max - 1, info.max], source)
        x = T.vector("x", dtype=source)
        found = tcore.function([x], [T.cast(x, target) for target in (*INTEGERS, "bool", *FLOATS)])(values)
        for target, got in zip(INTEGERS, found[: len(INTEGERS)], strict=True):
            bits, top = np.iinfo(target).bits, np.iinfo(target).max
            assert got.tolist() == [low - 2**bits if low > top else low for low in (int(value) % 2**bits for value in values)]
        assert found[len(INTEGERS)].tolist() == [bool(value) for value in values]
        with np.errstate(over="ignore"):
            for target, got in zip(FLOATS, found[-3:], strict=True):
                np.testing.assert_array_equal(got, values.astype(target))
