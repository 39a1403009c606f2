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
from tcore.graph import FunctionGraph
from tcore_cpu.compiling.compiler import SEMANTIC_FLAGS
from tcore_cpu.kernels.mathematics import OWN
from tcore_cpu.kernels.printer import CDialect
from tcore_cpu.linkers.cvm import CvmLinker

#: smallest and largest argument whose exponential is neither 0 nor infinite
RANGE = {"float64": (-745.1, 709.78), "float32": (-103.9, 88.72)}


def exact_tanh(x):
    """The hyperbolic tangent; near 0 by its series, where the difference of exponentials cancels."""
    if abs(x) < Decimal("1e-8"):
        return x * (1 - x * x / 3 + 2 * x**4 / 15)
    small = (-2 * abs(x)).exp()
    return ((1 - small) / (1 + small)).copy_sign(x)


#: by function: exact values to some forty digits, and units in the last place from which an error is one, with fused products and without
EXACT = {"exp": Decimal.exp, "tanh": exact_tanh}
ALLOWED = {("exp", "float64"): (1, 1), ("exp", "float32"): (1, 1), ("tanh", "float64"): (1.1, 1.25), ("tanh", "float32"): (1.25, 1.5)}


def errors(results, values, name="exp"):
    """Errors in units in the last place; below the normal numbers in the smallest of all numbers."""
    with localcontext() as context:
        context.prec = 50
        pairs = [(Decimal(float(result)), EXACT[name](Decimal(float(value)))) for result, value in zip(results, values, strict=True)]
        return [abs(float((result - true) / Decimal(float(np.spacing(abs(results.dtype.type(true))))))) for result, true in pairs]


def arguments(dtype, rng):
    """All magnitudes: the whole range, near 0, where k changes, where results leave the normal numbers."""
    low, high = RANGE[dtype]
    changes = (np.arange(-149, 128) + 0.5) * np.log(2)
    smallest = np.log(np.finfo(dtype).tiny)
    parts = [rng.uniform(low, high, 1500), rng.normal(size=500), rng.normal(size=200) * 1e-5, changes, rng.uniform(low, smallest + 1, 300), [low, high, 0.0]]
    return np.concatenate(parts).astype(dtype)


def arguments_of_tanh(dtype, rng):
    """Where the form changes, on both sides of it, as far as results are not 1, and small numbers of all magnitudes."""
    sizes = 10.0 ** rng.uniform(np.log10(np.finfo(dtype).tiny), 0, 300)
    parts = [rng.uniform(-1.4, 1.4, 1500), rng.uniform(-20, 20, 600), sizes, -sizes, [1, -1, np.nextafter(1, 0), 9.9, 19.9]]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_tanh_is_right_to_about_the_last_place(native, rng, dtype):
    """Not much more than one unit in the last place away from the exact value, on both sides of where the form changes."""
    x = tt.TensorType(dtype, (False,))("x")
    values = arguments_of_tanh(dtype, rng)
    assert max(errors(native([x], tt.tanh(x))(values), values, "tanh")) < ALLOWED["tanh", dtype][1]


@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_tanh_of_special_values(native, dtype):
    """NaN, infinities, zeros with their signs, numbers that are smaller than normal ones, and those whose tangent is 1."""
    x = tt.TensorType(dtype, (False,))("x")
    info = np.finfo(dtype)
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, info.smallest_subnormal, -info.tiny / 2, 25, -25, info.max, -info.max], dtype)
    results = native([x], tt.tanh(x))(values)
    np.testing.assert_array_equal(results, [np.nan, 1, -1, 0, 0, *values[5:7], 1, -1, 1, -1])
    np.testing.assert_array_equal(np.signbit(results[1:]), np.signbit(values[1:]))


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


@pytest.mark.parametrize(("function", "values_of"), [(tt.exp, arguments), (tt.tanh, arguments_of_tanh)], ids=["exp", "tanh"])
@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_one_value_and_many(native, rng, dtype, function, values_of):
    """A single number has the bits that it has in a vector."""
    x, s = tt.TensorType(dtype, (False,))("x"), tt.TensorType(dtype, ())("s")
    many, one = native([x], function(x)), native([s], function(s))
    values = values_of(dtype, rng)[::10]
    np.testing.assert_array_equal([one(value) for value in values], many(values))


MACHINES = ["x86-64", "x86-64-v3", "native"] if platform.machine() == "x86_64" else ["native"]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("compiler", [name for name in ("gcc", "clang") if shutil.which(name)])
@pytest.mark.parametrize("name", ["exp", "tanh"])
@pytest.mark.parametrize("dtype", sorted(RANGE))
def test_lesser_machines(tmp_path, rng, dtype, name, compiler, machine):
    """Without wide vectors, and without a fused product and sum, the errors stay small."""
    if machine == "x86-64-v3" and " fma " not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        machine = "native"
    kind, number = ("f64", ctypes.c_double) if dtype == "float64" else ("f32", ctypes.c_float)
    source = f"""{CDialect.preamble}{OWN[name, dtype]}
__attribute__((visibility("default"))) void all(tc_{kind} *to, const tc_{kind} *from, tc_i64 n) {{
    _Pragma("omp simd")
    for (tc_i64 i = 0; i < n; i++) to[i] = tc_{name}_{kind}(from[i]);
}}
"""
    (tmp_path / "own.c").write_text(source, encoding="utf-8")
    flags = ["-O2", "-ftree-vectorize", "-fopenmp-simd", *SEMANTIC_FLAGS, "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-march={machine}", "-fPIC", "-shared"]
    subprocess.run([compiler, *flags, str(tmp_path / "own.c"), "-o", str(tmp_path / "own.so")], check=True)
    values = (arguments if name == "exp" else arguments_of_tanh)(dtype, rng)[::3].copy()
    results = np.empty_like(values)
    pointer = ctypes.POINTER(number)
    ctypes.CDLL(str(tmp_path / "own.so")).all(results.ctypes.data_as(pointer), values.ctypes.data_as(pointer), ctypes.c_int64(len(values)))
    assert max(errors(results, values, name)) < ALLOWED[name, dtype][machine == "x86-64"]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_every_loop_has_its_own(name, compiler):
    """A loop with a call in it is no loop of vectors, and compilers call what many loops of one unit use."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    x, scale = tt.dvectors("x", "scale")
    y = x
    for _ in range(12):
        y = getattr(tt, name)(y * scale - y.mean())
    fgraph = FunctionGraph([x, scale], [y], clone=True)
    linker = CvmLinker().accept(fgraph)
    (unit,) = linker._draft(fgraph, linker.order(), fgraph.outputs)[1]
    assert unit.source.count(f"tc_{name}_f64(") > 3
    command = [compiler, "-std=gnu11", "-O2", "-march=native", "-ftree-vectorize", "-fopenmp-simd", *SEMANTIC_FLAGS, "-S", "-x", "c", "-", "-o", "-"]
    text = subprocess.run(command, input=unit.source, capture_output=True, text=True, check=True).stdout
    assert f"tc_{name}_f64" not in text
