"""A context among other parameters of an op with kernels of its own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
from tcore.gpuarray.contexts import get_context
from tcore.gpuarray.eye import GpuEye
from tcore.gpuarray.transfer import host_from_gpu
from tcore.gpuarray.type import gpu_context_type
from tcore.graph import EnumList, ParamsType

NAME = "opencl0:0"


class ShiftedEye(GpuEye):
    """Eye on the diagonal that its parameters say, below or above."""

    __props__ = ("dtype", "context_name", "shift", "side")
    params_type = ParamsType(context=gpu_context_type, shift=tcore.scalar.Scalar("int16"), side=EnumList("BELOW", "ABOVE"))

    def __init__(self, shift, side):
        super().__init__("float32", NAME)
        self.shift, self.side = shift, side

    def get_params(self, node):
        return self.params_type.get_params(self, context=get_context(self.context_name))

    def perform(self, node, inputs, output_storage, params=None):
        raise AssertionError("the kernel was expected to run")

    def c_code(self, node, name, inputs, outputs, sub):
        params = sub["params"]
        text = super().c_code(node, name, inputs, outputs, {**sub, "params": f"{params}->context"})
        start = text.index("k = (ssize_t)")
        end = text.index(";", start)
        return f"{text[:start]}k = {params}->side == ABOVE ? {params}->shift : -{params}->shift{text[end:]}"


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(("side", "k"), [("ABOVE", 2), ("BELOW", -2)])
def test_context_in_a_params_type(side, k):
    """sub["params"]->context is the context, beside a number and an enumeration."""
    n, m = tcore.tensor.lscalars("nm")
    f = tcore.function([n, m], host_from_gpu(ShiftedEye(2, side)(n, m)))
    assert np.array_equal(f(4, 5), np.eye(4, 5, k))
