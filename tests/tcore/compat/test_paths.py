"""Documented paths that the layout does not have."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap

import pytest

from tcore.compat.paths import ELSEWHERE, PATHS


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


@pytest.mark.parametrize("path", ["tcore.compile.ops.Rebroadcast", "tcore.gpuarray.blas.GpuGemm", "tcore.tensor.opt", "tcore.gof.graph.Apply", "tcore.gof.type.CDataType", "tcore.gof.utils.uniq"])
def test_as_attributes(path):
    """``import tcore`` alone is enough to reach them."""
    code = f"import tcore\ntry: tcore.compile.nothing\nexcept AttributeError: print({path} is not None)"
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("compile.function_module", "Function FunctionMaker UnusedInputError"),
        ("scalar.basic", "float32 int64 add ScalarOp Composite"),
        ("tensor.blas", "Gemm BatchedDot batched_dot"),
        ("tensor.elemwise", "Elemwise DimShuffle CAReduce Sum Prod All"),
        ("tensor.subtensor", "Subtensor IncSubtensor AdvancedSubtensor1 AdvancedIncSubtensor1 set_subtensor"),
    ],
)
def test_names_of_shared_paths(module, names):
    """Modules whose path is ours and the documentation's have all documented names, each the one object there is."""
    found = importlib.import_module(f"tcore.{module}")
    for name in names.split():
        there = getattr(found, name)
        assert getattr(importlib.import_module(there.__module__), name, there) is there
    with pytest.raises(AttributeError, match=f"module 'tcore.{module}' has no attribute 'nothing'"):
        _ = found.nothing


def test_table_of_shared_paths():
    """Each row leads to modules that are there."""
    for module, homes in ELSEWHERE.items():
        for home in (module, *homes):
            path, _, own_name = home.rpartition("=")[2].partition(":")
            found = importlib.import_module(path)
            assert not own_name or hasattr(found, own_name)


PROGRAM = """
from tcore.compat import theano as door
door.install()
import theano
import theano.tensor as T
from theano import config, function, gof, shared, tensor
from theano.compile import SharedVariable
from theano.compile.function_module import FunctionMaker
from theano.compile.mode import get_default_mode
from theano.compile.sharedvalue import shared_constructor
from theano.gof import Apply, Constant, Op, Type, Variable, local_optimizer
from theano.gof.graph import ancestors
from theano.gof.toolbox import ReplaceValidate
from theano.gradient import DisconnectedInputError, grad_clip
from theano.printing import Print, debugprint, pp
from theano.scalar import upcast
from theano.tensor.basic import as_tensor_variable
from theano.tensor.elemwise import DimShuffle
from theano.tensor.sharedvar import TensorSharedVariable
from theano.tensor.subtensor import IncSubtensor
from theano.tensor.var import TensorVariable
from theano.tests import unittest_tools
import numpy, pickle

x = T.matrix("x")
w = theano.shared(numpy.zeros((2, 3), theano.config.floatX), name="w")
loss = T.sqr(T.dot(x, w) - 1).mean()
train = theano.function([x], loss, updates=[(w, w - 0.5 * theano.grad(loss, w))])
losses = [float(train(numpy.ones((4, 2), theano.config.floatX))) for _ in range(50)]
assert losses[0] == 1 and losses[-1] < 1e-8, losses
assert theano.tensor is T and theano.gof.Op is Op
assert pickle.loads(pickle.dumps(x)).type == x.type
import tcore
assert theano is tcore and isinstance(w, tcore.tensor.sharedvar.TensorSharedVariable)
print("ran unchanged")
"""


def test_a_program_that_says_theano():
    """Imports, attributes, pickles and training as programs written against the documentation have them."""
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout == "ran unchanged\n", done.stderr


def test_the_file_of_scan_L11458():
    """It imports as documented, whatever the order, and ``scan_module.scan`` stays the function."""
    code = """
        import tcore, importlib
        import tcore.scan_module.scan
        from tcore.scan_module.scan import scan
        module = importlib.import_module("tcore.scan_module.scan")
        print(tcore.scan is tcore.scan_module.scan is scan is module.scan)
    """
    done = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
