"""Kernels in the portable dialect as CUDA code, and what is said where there is no GPU."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

compiler = pytest.importorskip("tcore_cuda.compiler", reason="tcore-cuda is not installed")

import tcore
import tcore.tensor as T
from tcore.gpuarray.dialect import resolve
from tcore.gpuarray.eye import GpuEye
from tcore.gpuarray.gemm import gemm_source
from tcore.gpuarray.runtime import DeviceError
from tcore_cuda import runtime
from tcore_cuda.report import report

if compiler.unavailable():
    pytest.skip(f"no NVRTC: {compiler.unavailable()}", allow_module_level=True)

ELF = b"\x7fELF"


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_matrix_product_compiles(dtype, architecture):
    """The product's kernel is machine code for both generations of GPU."""
    assert compiler.compile_cubin(resolve(gemm_source(dtype), "cuda"), architecture).startswith(ELF)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64"])
def test_eye_compiles(dtype):
    """So is the worked example's, half precision included."""
    op = GpuEye(dtype, "cuda0")
    (kernel,) = op.gpu_kernels(None, "node")
    assert compiler.compile_cubin(resolve(kernel.code, "cuda"), "sm_80").startswith(ELF)


def test_refused_source_shows_the_compilers_words():
    """An error in a kernel is the compiler's message, with its line."""
    with pytest.raises(compiler.CompilerError, match="nonsense"):
        compiler.compile_cubin('extern "C" __global__ void k() { nonsense; }', "sm_80")


def test_no_contraction():
    """x * x - y * y multiplies and subtracts: no fused instruction rounds once where NumPy rounds twice."""
    source = 'extern "C" __global__ void k(double *z, const double *x) { z[0] = x[0] * x[0] - x[1] * x[1]; }'
    cubin = compiler.compile_cubin(source, "sm_80")
    fused = compiler.compile_cubin(source.replace("x[0] * x[0] - x[1] * x[1]", "fma(x[0], x[0], -(x[1] * x[1]))"), "sm_80")
    assert cubin != fused
    disassembler = shutil.which("cuobjdump")
    if disassembler is not None:
        text = subprocess.run([disassembler, "-sass", "-"], input=cubin, capture_output=True, check=False).stdout
        assert b"DFMA" not in text


def test_without_a_driver():
    """Devices are refused with the reason, the report says what is missing, and graphs still run elsewhere."""
    reason = runtime.missing()
    if reason is None:
        pytest.skip("this machine has a GPU and a driver")
    with pytest.raises(DeviceError):
        runtime.open("cuda0")
    lines = {line.topic: line for line in report()}
    assert lines["CUDA compiler"].status == "ok"
    assert lines["CUDA device"].status == "missing"
    assert lines["CUDA device"].remedy
    x = T.dvector()
    with tcore.config.change_flags(backend="cuda"), pytest.raises(Exception, match=r"(?i)cuda.*cannot run"):
        tcore.function([x], T.exp(x))
    with tcore.config.change_flags(backend="numpy"):
        np.testing.assert_allclose(tcore.function([x], T.exp(x))([0.0, 1.0]), np.exp([0.0, 1.0]))
