"""Documented paths that the layout does not have."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from tcore.compat.paths import PATHS


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_path_imports(path):
    """Each row of the table leads to modules that are there."""
    importlib.import_module(path)
    real = PATHS[path]
    for name in [real] if isinstance(real, str) else real:
        importlib.import_module(name)


def test_ops_of_compilation():
    """``compile.ops`` has its own ops and those that live beside tensors, under one identity."""
    from tcore.compile.ops import DeepCopyOp, Rebroadcast, Shape, Shape_i, SpecifyShape, ViewOp, as_op
    from tcore.tensor.rebroadcast import Rebroadcast as RealRebroadcast
    from tcore.tensor.shape import Shape as RealShape

    assert Shape is RealShape
    assert Rebroadcast is RealRebroadcast
    assert Shape_i.__module__ == SpecifyShape.__module__ == "tcore.tensor.shape"
    assert all(callable(what) for what in (DeepCopyOp, ViewOp, as_op))


@pytest.mark.parametrize("path", ["tcore.compile.ops.Rebroadcast", "tcore.gpuarray.blas.GpuGemm", "tcore.tensor.opt", "tcore.gof.graph.Apply"])
def test_as_attributes(path):
    """``import tcore`` alone is enough to reach them."""
    code = f"import tcore\ntry: tcore.compile.nothing\nexcept AttributeError: print({path} is not None)"
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
