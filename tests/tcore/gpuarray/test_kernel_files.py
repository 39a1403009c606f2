"""Ops whose kernels and C code are in files."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
from tcore import config, tensor
from tcore.gpuarray.basic_ops import CGpuKernelBase
from tcore.gpuarray.contexts import get_context
from tcore.gpuarray.transfer import host_from_gpu
from tcore.gpuarray.type import GpuArrayType, gpu_context_type
from tcore.gpuarray.typecodes import SIZE, dtype_to_typecode
from tcore.graph import Apply, Op, ParamsType
from tcore.scalar import int32 as int_t

NAME = "opencl0:0"


class GpuEye(CGpuKernelBase, Op):
    """The documentation's listing."""

    __props__ = ("dtype", "context_name")
    params_type = ParamsType(typecode=int_t, context=gpu_context_type)

    def __init__(self, dtype=None, context_name=NAME, file="c_code/tstgpueye.c"):
        if dtype is None:
            dtype = config.floatX
        self.dtype = dtype
        self.context_name = context_name
        CGpuKernelBase.__init__(self, [file], "APPLY_SPECIFIC(tstgpueye)")

    def get_params(self, node):
        return self.params_type.get_params(typecode=dtype_to_typecode(self.dtype), context=get_context(self.context_name))

    def c_headers(self):
        return ["<gpuarray/types.h>", "<gpuarray/kernel.h>"]

    def make_node(self, n, m):
        n, m = tensor.as_tensor_variable(n), tensor.as_tensor_variable(m)
        otype = GpuArrayType(dtype=self.dtype, broadcastable=(False, False), context_name=self.context_name)
        return Apply(self, [n, m], [otype()])


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("dtype", [None, "float32"])
def test_gpu_eye_L10015(dtype):
    """The same as numpy's, by the kernel in the file."""
    n, m = tensor.lscalars("nm")
    f = tcore.function([n, m], host_from_gpu(GpuEye(dtype)(n, m)))
    for shape in ((4, 5), (3, 3), (5, 2)):
        result = f(*shape)
        np.testing.assert_array_equal(result, np.eye(*shape))
        assert result.dtype == np.dtype(dtype or config.floatX)


def test_directives_L9760(tmp_path):
    """Several kernels; blanks anywhere; flags; and lines that are no directive."""
    file = tmp_path / "kernels.c"
    file.write_text("#section kernels\n#kernel one:*,size , float64:GA_USE_DOUBLE | GA_USE_SMALL\nKERNEL one\n#kernel two : * :\nKERNEL two\n")
    node = GpuEye("float64", file=file).make_node(2, 3)
    one, two = node.op.gpu_kernels(node, "n")
    assert (one.name, one.params[1:], one.c_flags()) == ("one", [SIZE, "float64"], "GA_USE_DOUBLE|GA_USE_SMALL")
    assert one.c_param_types() == ["GA_BUFFER", "GA_SIZE", "GA_DOUBLE"]
    assert "KERNEL one" in one.code
    assert "KERNEL two" not in one.code
    assert "#define DTYPE_OUTPUT_0 ga_double" in two.code
    assert (two.objvar, two.fname, two.sname) == ("k_two", "two_call", "two_scall")
    file.write_text("#section kernels\n#kernel one\n")
    node = GpuEye("float64", file=file).make_node(2, 3)
    with pytest.raises(ValueError, match="not of the form '#kernel name : params : flags'"):
        node.op.gpu_kernels(node, "n")
