"""Kernels compile without a warning, by every compiler that is here."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys

import pytest
from conformance_all import every_program

from tcore.graph import FunctionGraph
from tcore_cpu.compiling.compiler import SEMANTIC_FLAGS
from tcore_cpu.linkers.cvm import CvmLinker

#: -O1 for the warnings that need data flow
WARNINGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-c")
COMPILERS = {name: [name, "-march=native"] for name in ("gcc", "clang")}
if importlib.util.find_spec("ziglang"):
    COMPILERS["ziglang"] = [sys.executable, "-P", "-m", "ziglang", "cc"]
    COMPILERS["ziglang for aarch64"] = [*COMPILERS["ziglang"], "--target=aarch64-linux-gnu"]


@pytest.fixture(scope="module")
def sources():
    """The text of all units of all programs, each once; nothing is compiled for it."""
    texts = {}
    for dtype in ("float64", "float16", "int8", "uint32", "complex64"):
        for _, program in every_program(dtype):
            fgraph = FunctionGraph(program.inputs, program.outputs, clone=True)
            linker = CvmLinker().accept(fgraph)
            texts.update((unit.source, unit.cplusplus) for unit in linker._draft(fgraph, linker.order(), fgraph.outputs)[1])
    return texts


@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernels(compiler, sources, tmp_path):
    """All units of the kernels of every lowering."""
    if shutil.which(COMPILERS[compiler][0]) is None:
        pytest.skip(f"{compiler} is not installed")
    assert len(sources) > 40
    for source, cplusplus in sources.items():
        command = [
            *COMPILERS[compiler],
            "-std=gnu11",
            "-fPIC",
            "-fopenmp-simd",
            *SEMANTIC_FLAGS,
            *WARNINGS,
            "-x",
            "c++" if cplusplus else "c",
            "-",
            "-o",
            str(tmp_path / "unit.o"),
        ]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, "\n".join([*done.stderr.splitlines()[:40], " ".join(command)])
