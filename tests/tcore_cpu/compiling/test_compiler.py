"""The commands that make libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore_cpu.compiling.compiler import Compiler, Unit, compile_command, find_compiler, libraries_of

SOURCE, TARGET = Path("source.c"), Path("target.so")
GCC = find_compiler()
plain_gcc = pytest.mark.skipif(
    GCC is None or len(GCC.command) > 1 or "gcc" not in Path(GCC.path).resolve().name or libraries_of(GCC)[-2:] != ("-lmvec", "-lm"),
    reason="no gcc with glibc",
)


@plain_gcc
def test_what_kernels_are_linked_with() -> None:
    """Kernels of gcc: mathematics and helpers of the compiler; users' C++, and a compiler with flags of its own: all that it links by itself."""
    kernel = Unit("text", 1)

    def ends(compiler: Compiler, unit: Unit) -> list[str]:
        command = compile_command(compiler, unit, SOURCE, TARGET)
        return command[command.index(str(TARGET)) + 1 :]

    assert ends(GCC, kernel) == ["-nostdlib", "-Wl,--as-needed", "-lmvec", "-lm", "-lgcc"]
    assert ends(GCC, evolve(kernel, cplusplus=True)) == ["-lmvec", "-lm"]
    assert ends(evolve(GCC, command=(GCC.path, "-fsanitize=undefined")), kernel) == ["-lmvec", "-lm"]
    with config.change_flags({"lib.amdlibm": True}):
        assert ends(GCC, kernel)[0] == "-lamdlibm"


def test_kernels_find_the_functions_that_they_call() -> None:
    """Of the C library, of mathematics for one number and for vectors, and of the compiler: blocks that are copied, remainders, float16."""
    x, h = T.dvector("x"), T.TensorType("float16", (False,))("h")
    f = tcore.function([x, h], [T.sin(x), x**2.5, x % 0.7, T.zeros_like(x), T.concatenate([x, x]), h * h], mode=tcore.Mode("cvm", None))
    values = np.linspace(0.5, 3, 100)
    halves = values.astype("float16")
    expected = [np.sin(values), values**2.5, values % 0.7, 0 * values, np.tile(values, 2), halves * halves]
    for value, wanted in zip(f(values, halves), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-15)
