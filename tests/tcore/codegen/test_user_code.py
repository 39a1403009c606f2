"""A user's scalar op with only ``c_code``: an opaque expression that fuses like any other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tcore.tensor as T
from tcore import scalar
from tcore.codegen.schedule_gpu import schedule
from tcore.scalar.op import ScalarOp
from tcore.tensor.elemwise import Elemwise

_spec = importlib.util.spec_from_file_location("codegen_graphs", Path(__file__).parent / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)


class Poly(ScalarOp):
    """x * y + 1, in C alone (and for checking in Python)."""

    nin = 2

    def output_types(self, types: Any) -> Any:
        return [types[0]]

    def impl(self, x: Any, y: Any) -> Any:
        return x * y + 1

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        (x, y), (z,) = inputs, outputs
        return f"npy_float64 product = {x} * {y}; {z} = product + 1;"


class Failing(Poly):
    """C code that can raise."""

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        return f"if ({inputs[0]} < 0) {{ {sub['fail']} }} {outputs[0]} = {inputs[1]};"


class WithHeader(Poly):
    """C code that needs a header."""

    def c_headers(self, **kwargs: Any) -> list[str]:
        return ["<cmath>"]


def with_hook(hook: str, content: Any) -> ScalarOp:
    """Poly with one more method."""
    return type("With" + hook, (Poly,), {hook: lambda self, *args: content})()


HOOKS = ["c_libraries", "c_compile_args", "c_init_code", "c_init_code_apply", "c_init_code_struct", "c_support_code_struct", "c_cleanup_code_struct", "c_code_cleanup"]


class Both(Poly):
    """Sum and difference, from one text."""

    nout = 2

    def output_types(self, types: Any) -> Any:
        return [types[0], types[0]]

    def impl(self, x: Any, y: Any) -> Any:
        return x + y, x - y

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        (x, y), (z, w) = inputs, outputs
        return f"{z} = {x} + {y}; {w} = {x} - {y};"


X = np.linspace(-2, 2, 9)


def _group(op: ScalarOp) -> Any:
    x, y = T.dvector(), T.dvector()
    return graphs.grouped([x, y], [T.exp(Elemwise(op)(x, y)) * 2])


def test_fuses() -> None:
    """One kernel with the ops around it."""
    _, grouping = _group(Poly())
    (group,) = graphs.kernels(grouping)
    assert len(group.nodes) == 3


def test_runs_on_opencl() -> None:
    """The text runs on a device."""
    pytest.importorskip("pyopencl")
    fgraph, grouping = _group(Poly())
    graphs.BACKEND = "opencl"
    try:
        shapes = graphs.reference(fgraph, [X, X[::-1]])
        (found,) = graphs.run_grouped(fgraph, grouping, [X, X[::-1].copy()], shapes)
    finally:
        graphs.BACKEND = "numpy"
    np.testing.assert_allclose(found, np.exp(X * X[::-1] + 1) * 2, rtol=1e-14)


def test_several_outputs_on_opencl() -> None:
    """Each output is a function of its own, printed once."""
    pytest.importorskip("pyopencl")
    x, y = T.dvector(), T.dvector()
    total, difference = Elemwise(Both())(x, y)
    fgraph, grouping = graphs.grouped([x, y], [total * difference])
    (group,) = graphs.kernels(grouping)
    graphs.BACKEND = "opencl"
    try:
        (found,) = graphs.run_grouped(fgraph, grouping, [X, X[::-1].copy() + 1], graphs.reference(fgraph, [X, X[::-1] + 1]))
    finally:
        graphs.BACKEND = "numpy"
    np.testing.assert_allclose(found, X**2 - (X[::-1] + 1) ** 2, rtol=1e-13, atol=1e-14)


def test_compiles_for_cuda() -> None:
    """The same text is CUDA C++."""
    compiler = pytest.importorskip("tcore_cuda.compiler")
    _, grouping = _group(Poly())
    (group,) = graphs.kernels(grouping)
    program, cubin = compiler.compile_group_for_cuda(group, "sm_80")
    assert "npy_float64 product = tc_x0 * tc_x1" in program.source
    assert cubin.startswith(b"\x7fELF")


@pytest.mark.parametrize("op", [Failing(), WithHeader(), *(with_hook(hook, ["x"] if hook[-1] == "s" else "x;") for hook in HOOKS)], ids=str)
def test_code_that_needs_the_host_is_a_step_of_its_own(op: ScalarOp) -> None:
    """``fail`` and headers have no place in a kernel; the reason is given."""
    _, grouping = _group(op)
    (reason,) = grouping.reasons.values()
    assert "step of its own" in reason


def test_op_without_any_form() -> None:
    """No loop form, no C code: the op runs by perform."""

    class Bare(Poly):
        c_code = ScalarOp.c_code

    _, grouping = _group(Bare())
    (reason,) = grouping.reasons.values()
    assert "no c_code" in reason


def test_composite_is_unfolded() -> None:
    """A Composite prints as its inner ops."""
    x, y = scalar.float64("x"), scalar.float64("y")
    composite = scalar.Composite([x, y], [scalar.exp(scalar.add(x, y)), scalar.mul(x, y)])
    a, b = T.dvector(), T.dvector()
    outs = Elemwise(composite)(a, b)
    grouping = graphs.check([a, b], list(outs), [X, X[::-1].copy()])
    (group,) = graphs.kernels(grouping)
    printer = pytest.importorskip("tcore_opencl.printer", reason="tcore-opencl is not installed")
    assert "exp(v" in schedule(group.kernel, printer.OpenCLDialect()).source
