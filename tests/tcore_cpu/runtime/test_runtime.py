"""The runtime: its numbers, its two forms, its memory and threads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest

import tcore.tensor as tt
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.native import abi as runtime_abi
from tcore_cpu.native import build as runtime_build
from tcore_cpu.runtime import blas, lapack
from tcore_cpu.runtime.loading import runtime, runtime_kind

HEADER = (runtime_build.FOLDER / "native" / "runtime_core.h").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        ("Instruction", {f"TC_OP_{m.name}": m.value for m in runtime_abi.Instruction}),
        ("RefKind", {f"TC_REF_{m.name}": m.value for m in runtime_abi.RefKind}),
        ("ReduceOp", {f"TC_{m.name}": m.value for m in runtime_abi.ReduceOp}),
        ("Routine", {f"TC_R_{m.name}": m.value for m in runtime_abi.Routine}),
        ("LinearAlgebra", {f"TC_{m.name}": m.value for m in runtime_abi.LinearAlgebra}),
        ("Routines", {f"TC_{kind.upper()}": k for k, kind in enumerate(lapack.KINDS)} | {f"TC_{name.upper()}": k for k, name in enumerate(blas.ROUTINES)} | {"TC_LAPACK": runtime_abi.LAPACK}),
        ("Failure", {f"TC_ERROR_{m.name}": m.value for m in runtime_abi.Failure}),
    ],
)
def test_numbers_agree_with_the_header(enum, names) -> None:
    """Every number of abi.py stands in runtime_core.h."""
    for name, value in names.items():
        assert re.search(rf"\b{name} = {value}\b", HEADER), (enum, name)


@pytest.mark.parametrize(("prefix", "names"), [("TC_F_", [m.name for m in runtime_abi.IntegerFunction]), ("TC_", [n.upper() for n in runtime_abi.DTYPES])])
def test_lists_agree_with_the_header(prefix, names) -> None:
    """Functions and dtypes are in the header's order."""
    found = HEADER.index(f"{prefix}{names[0]},")
    listed = re.findall(rf"{prefix}(\w+)", HEADER[found : HEADER.index("}", found)])
    assert listed == names


def test_sizes_agree_with_the_header() -> None:
    """Limits and the ABI number, too."""
    for name, value in [("TC_ABI", runtime_abi.RUNTIME_ABI), ("TC_MAXREFS", runtime_abi.MAX_REFS), ("TC_MAXCELLS", runtime_abi.MAX_CELLS), ("TC_MAXDIM", runtime_abi.MAX_DIMS), ("TC_TILE", runtime_abi.TILE)]:
        assert re.search(rf"#define {name} {value}\b", HEADER)


@pytest.mark.skipif(runtime_kind() != "extension", reason="the extension module is not built")
def test_extension_is_of_these_sources() -> None:
    """The module tells the ABI and the hash of the sources that it was built from."""
    assert runtime().ABI == runtime_abi.RUNTIME_ABI
    assert runtime_build.source_hash() == runtime().SOURCE_HASH


@pytest.mark.parametrize("source", [runtime_build.CORE_SOURCE, runtime_build.EXTENSION_SOURCE])
@pytest.mark.parametrize("compiler", ["gcc -O1 -S", "clang -fsyntax-only"])  # of the two, only gcc has warnings that need data flow
def test_sources_draw_no_warning(compiler, source, tmp_path) -> None:
    """The runtime under -Wall -Wextra."""
    command = compiler.split()
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists() and source == runtime_build.EXTENSION_SOURCE:
        pytest.skip("no headers of Python")
    includes = [f"-I{path}" for path in (runtime_build.FOLDER, sysconfig.get_path("include"), np.get_include())]
    command += ["-std=gnu11", "-fPIC", "-Wall", "-Wextra", "-Werror", *includes, str(runtime_build.FOLDER / source), "-o", str(tmp_path / "out.s")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_malformed_programs_are_refused() -> None:
    """A description that ends early, or goes on, is an error."""
    for spec in (b"", bytes(8), np.array([0, 0, 0, 0, 1, 0, 7], "i8").tobytes()):
        with pytest.raises(ValueError, match="malformed"):
            runtime().Program(spec, (), (), (), (), (), print, ())


def test_large_results_come_from_the_cache(native) -> None:
    """Memory of a dropped result is used again, and the limit holds."""
    x = tt.dvector("x")
    f = native([x], x + 1)
    value = np.zeros(1 << 17)
    module = runtime()
    first = f(value)
    address = first.ctypes.data
    del first
    assert module.cache_held() >= value.nbytes
    second = f(value)
    assert second.ctypes.data == address
    module.cache_limit(0)
    del second
    assert module.cache_held() == 0
    module.cache_limit(1 << 28)


def test_memory_that_nobody_wants_goes_in_time(native) -> None:
    """A block that lies unused for longer than the age is not kept when the next one comes back, which is."""
    x = tt.dvector("x")
    f, module = native([x], x + 1), runtime()
    module.cache_limit(0)
    module.cache_limit(1 << 28)
    large, small = np.zeros(1 << 17), np.zeros(1 << 16)
    f(large)
    assert module.cache_held() >= large.nbytes
    module.cache_age(20_000_000)
    try:
        time.sleep(0.03)
        f(small)
        assert small.nbytes <= module.cache_held() < large.nbytes
    finally:
        module.cache_age(10_000_000_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_after_threads(native, threads) -> None:
    """A forked child has a pool of its own."""
    threads(2)
    x = tt.dvector("x")
    f = native([x], tt.exp(x))
    value = np.linspace(0, 1, 200_000)
    expected = f(value)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if np.array_equal(f(value), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


CFFI = """
import warnings
import numpy as np
import tcore.tensor as tt
from tcore.compile.function import function
from tcore.tensor.sharedvar import tensor_constructor
x, s, i = tt.dmatrix("x"), tt.dscalar("s"), tt.lvector("i")
w = tensor_constructor(np.ones(3), name="w")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    f = function([x, s, i], [tt.exp(x).sum(axis=0) * s, tt.dot(x, w), x.T, x[i]], updates=[(w, w + 1)])
    g = function([s], s + 1)
assert [c.category.__name__ for c in caught] == ["FallbackWarning"], caught
a = np.arange(12.0).reshape(4, 3)
for k in range(2):
    first, second, third, fourth = f(a, 2.0, np.array([0, -1]))
    np.testing.assert_allclose(first, np.exp(a).sum(axis=0) * 2)
    np.testing.assert_allclose(second, a @ np.full(3, k + 1.0))
    np.testing.assert_array_equal(third, a.T)
    np.testing.assert_array_equal(fourth, a[[0, -1]])
assert g(1) == 2
try:
    f(a, 2.0, np.array([4]))
except IndexError as error:
    assert "Apply node" in str(error)
from tcore_cpu.runtime.loading import runtime_kind
print(runtime_kind())
"""


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_cffi_form_has_the_same_interface() -> None:
    """Without the extension module the same programs run through cffi, after one warning."""
    command = [sys.executable, "-P", "-c", CFFI]
    found = subprocess.run(
        command, env={**os.environ, "TCORE_CPU_RUNTIME": "cffi"}, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "cffi"


def test_threads_can_be_set(threads) -> None:
    """The number is taken as given; 0 asks the machine."""
    assert runtime().set_threads(3) == 3
    assert runtime().set_threads(0) >= 1
