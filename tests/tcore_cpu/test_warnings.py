"""Kernels compile without a warning, by every compiler that is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

import tcore
import tcore.tensor as T
from tcore_cpu.compiler import SEMANTIC_FLAGS

#: -O1 for the warnings that need data flow
WARNINGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-S", "-o", "-")
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]

if not COMPILERS:
    pytest.skip("neither gcc nor clang is installed", allow_module_level=True)


def compiles(command, source):
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "\n".join([*done.stderr.splitlines()[:40], " ".join(command)])


def graphs():
    """A graph for each kind of kernel."""
    x, v, s, i = T.dmatrix("x"), T.dvector("v"), T.fmatrix("s"), T.ivector("i")
    yield [T.exp(x) + v, T.log1p(x), T.erf(x), T.switch(s > 0, s, 0), s**2 + T.tanh(s), T.clip(s, 0, 1)]
    yield [i // 3, i % 3, i & 3, T.cast(s, "int32"), T.cast(i, "bool"), abs(i), -i]
    yield [x.sum(0), x.sum(1), x.max(1), x.min(), T.argmax(x, 1), x.mean(), x.prod(0), T.any(x), T.all(i), x.std(1)]
    yield [T.nnet.softmax(x), T.grad(T.nnet.softmax(T.dot(x, x)).sum(), x)]
    yield [x[i], T.set_subtensor(x[i], 0.0), T.inc_subtensor(x[1:], 1.0), T.inc_subtensor(x[i], 1.0), x[::2, ::-1]]
    yield [T.concatenate([x, x]), T.arange(i[0]), T.eye(i[0]), T.alloc(v, 3, v.shape[0])]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernels(compiler):
    """All units of many kernels."""
    sources = {}
    for outputs in graphs():
        inputs = [v for v in tcore.gof.graph.inputs(outputs) if v.name]
        f = tcore.function(inputs, outputs, mode=tcore.Mode("cvm"))
        for unit in f.maker.linker._units:
            sources[unit.source] = unit.cplusplus
    assert len(sources) >= 5
    for source, cplusplus in sources.items():
        compiles([compiler, "-std=gnu11", "-fPIC", "-fopenmp-simd", *SEMANTIC_FLAGS, *WARNINGS, "-x", "c++" if cplusplus else "c", "-"], source)
