"""What tests of exported functions share: programs that call them, in C and in a Python that cannot import tcore, and a function to export."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import tcore
import tcore.tensor as tt
from tcore.compile.io import In
from tcore.compile.mode import Mode
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.linkers.cvm import CvmLinker

X = np.linspace(-1, 1, 12).reshape(4, 3)

PROLOGUE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const tcore_array *a)
{
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++)
        n *= a->dims[d];
    printf("%d:", a->ndim);
    for (int d = 0; d < a->ndim; d++)
        printf(" %lld", (long long)a->dims[d]);
    for (int64_t i = 0; i < n; i++)
        printf(" %.17g", ((double *)a->data)[i]);
    printf("\n");
}

static double values[12];

static tcore_array matrix(int64_t rows, int64_t columns)
{
    tcore_array a = {values, TCORE_FLOAT64, 2, {rows, columns}, NULL};
    for (int i = 0; i < 12; i++)
        values[i] = -1 + i * (2.0 / 11);
    return a;
}
"""


def shown(line: str) -> np.ndarray:
    """The array that ``show`` printed."""
    ndim, _, rest = line.partition(":")
    numbers = rest.split()
    shape = tuple(map(int, numbers[: int(ndim)]))
    return np.array(list(map(float, numbers[int(ndim) :]))).reshape(shape)


def run_c(tmp_path: Path, files: list[Path], body: str, *flags: str, before: str = "") -> list[str]:
    """Compile a main function against an exported function, and run it: the lines that it prints."""
    library, header, _ = files
    source = tmp_path / "program.c"
    source.write_text(f'#include "{header.name}"\n{PROLOGUE}\n{before}\nint main(void)\n{{\n{body}\n    return 0;\n}}\n', encoding="utf-8")
    command = [
        *find_compiler().command, "-std=c99", "-Wall", "-Wno-unused-function", "-Werror", f"-I{header.parent}", str(source),
        f"-L{library.parent}", f"-l{header.stem}", f"-Wl,-rpath,{library.parent}", *flags, "-o", str(tmp_path / "program"),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return subprocess.run([str(tmp_path / "program")], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


LOADER = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tcore", "tcore_cpu"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
sys.path[:0] = [{folder!r}, {packages!r}]
import numpy as np
{body}
"""


def run_python(folder: Path, body: str) -> list[str]:
    """Run a program in a Python that cannot import tcore."""
    program = LOADER.format(folder=str(folder), packages=str(Path(np.__file__).parents[1]), body=body)
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compile_(inputs, outputs, **options):
    return tcore.function(inputs, outputs, mode=Mode(linker=CvmLinker()), **options)


def layer():
    """Elementwise work, a reduction, softmax, a state with an update, an optional input."""
    x, scale = tt.dmatrix("x"), tt.dscalar("scale")
    w = tensor_constructor(np.arange(3.0), name="w")
    products = tt.exp(x) * w * scale
    outputs = {"products": products, "softmax": tt.softmax(x), "totals": products.sum(axis=0)}
    return compile_([x, In(scale, value=2.0)], outputs, updates=[(w, w + x.sum(axis=0))]), w
