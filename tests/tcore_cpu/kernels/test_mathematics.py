"""Our own mathematics in kernels: errors against exact values, special values, and the same text on lesser machines."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

import tcore.tensor as tt
from tcore_cpu.compiling.compiler import SEMANTIC_FLAGS
from tcore_cpu.kernels.mathematics import OWN
from tcore_cpu.kernels.printer import CDialect

#: smallest and largest argument whose exponential is neither 0 nor infinite
RANGE = {"float64": (-745.1, 709.78), "float32": (-103.9, 88.72)}


def exact(values):
    """Exponentials in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        return [Decimal(float(value)).exp() for value in values]


def errors(results, values):
    """Errors in units in the last place; below the normal numbers in the smallest of all numbers."""
    with localcontext() as context:
        context.prec = 40
        return [
            abs(float((Decimal(float(result)) - true) / Decimal(float(np.spacing(results.dtype.type(true))))))
            for result, true in zip(results, exact(values), strict=True)
        ]


def arguments(dtype, rng):
    """All magnitudes: the whole range, near 0, where k changes, where results leave the normal numbers."""
    low, high = RANGE[dtype]
    changes = (np.arange(-149, 128) + 0.5) * np.log(2)
    smallest = np.log(np.finfo(dtype).tiny)
    parts = [rng.uniform(low, high, 1500), rng.normal(size=500), rng.normal(size=200) * 1e-5, changes, rng.uniform(low, smallest + 1, 300), [low, high, 0.0]]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_exp_is_right_to_the_last_place(native, rng, dtype):
    """Less than one unit in the last place away from the exact value, also where results are no normal numbers."""
    x = tt.TensorType(dtype, (False,))("x")
    values = arguments(dtype, rng)
    assert max(errors(native([x], tt.exp(x))(values), values)) < 1


@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_exp_of_special_values(native, dtype):
    """NaN, infinities, zeros, and arguments just inside and outside of what has a finite exponential."""
    x = tt.TensorType(dtype, (False,))("x")
    low, high = RANGE[dtype]
    largest = np.finfo(dtype).max
    f = native([x], tt.exp(x))
    np.testing.assert_array_equal(f(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, largest, -largest], dtype)), [np.nan, np.inf, 0, 1, 1, np.inf, 0])
    over, under = f(np.array([high + 0.01, high + 0.5, high + 1, 10 * high], dtype)), f(np.array([low - 1, low - 2, 10 * low], dtype))
    assert np.isinf(over).all()
    assert not under.any()


@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_one_value_and_many(native, rng, dtype):
    """A single number has the bits that it has in a vector."""
    x, s = tt.TensorType(dtype, (False,))("x"), tt.TensorType(dtype, ())("s")
    many, one = native([x], tt.exp(x)), native([s], tt.exp(s))
    values = arguments(dtype, rng)[::10]
    np.testing.assert_array_equal([one(value) for value in values], many(values))


MACHINES = ["x86-64", "x86-64-v3", "native"] if platform.machine() == "x86_64" else ["native"]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("compiler", [name for name in ("gcc", "clang") if shutil.which(name)])
@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_lesser_machines(tmp_path, rng, dtype, compiler, machine):
    """Without wide vectors, and without a fused product and sum, the errors stay below one unit."""
    if machine == "x86-64-v3" and " fma " not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        machine = "native"
    kind, number = ("f64", ctypes.c_double) if dtype == "float64" else ("f32", ctypes.c_float)
    source = f"""{CDialect.preamble}{OWN["exp", dtype]}
__attribute__((visibility("default"))) void all(tc_{kind} *to, const tc_{kind} *from, tc_i64 n) {{
    _Pragma("omp simd")
    for (tc_i64 i = 0; i < n; i++) to[i] = tc_exp_{kind}(from[i]);
}}
"""
    (tmp_path / "own.c").write_text(source, encoding="utf-8")
    flags = ["-O2", "-ftree-vectorize", "-fopenmp-simd", *SEMANTIC_FLAGS, "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-march={machine}", "-fPIC", "-shared"]
    subprocess.run([compiler, *flags, str(tmp_path / "own.c"), "-o", str(tmp_path / "own.so")], check=True)
    values = arguments(dtype, rng)[::3].copy()
    results = np.empty_like(values)
    pointer = ctypes.POINTER(number)
    ctypes.CDLL(str(tmp_path / "own.so")).all(results.ctypes.data_as(pointer), values.ctypes.data_as(pointer), ctypes.c_int64(len(values)))
    assert max(errors(results, values)) < 1
