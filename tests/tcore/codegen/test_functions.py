"""Results that C leaves undefined, in every language: stated in the table, computed by NumPy here, by a device there."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tcore.codegen.building import cast
from tcore.codegen.expr import Axis, Buffer, extent, load
from tcore.codegen.functions import apply_function
from tcore.codegen.interpret import run_kernel
from tcore.codegen.kernel import Kernel
from tcore.codegen.schedule_gpu import schedule
from tcore.codegen.stages import Map
from tcore.scalar.casting import converted

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9, 1e19, -1e19, 300.7, -1.5, -0.0, 4e9, 1.9e19, 9.3e18])


def _kernel(name: str, dtype: str, arity: int = 2) -> Kernel:
    operands = [Buffer(f"x{k}", dtype, (False,)) for k in range(arity)]
    axis = Axis.fresh("i", extent(operands[0], 0))
    out = Buffer("z0", dtype, (False,))
    value = apply_function(name, tuple(load(b, (axis,)) for b in operands), dtype)
    return Kernel((axis,), (), (Map((out,), (axis,), (value,)),), tuple(operands), (out,))


def _cast_kernel(source: str, target: str) -> Kernel:
    operand, out = Buffer("x0", source, (False,)), Buffer("z0", target, (False,))
    axis = Axis.fresh("i", extent(operand, 0))
    stage = Map((out,), (axis,), (cast(load(operand, (axis,)), target),))
    return Kernel((axis,), (), (stage,), (operand,), (out,))


@functools.cache
def _queue() -> Any:
    import pyopencl as cl

    context = cl.create_some_context(interactive=False)
    return context, cl.CommandQueue(context)


def _on_device(kernel: Kernel, *inputs: np.ndarray) -> np.ndarray:
    cl = pytest.importorskip("pyopencl")
    from tcore_opencl.printer import OpenCLDialect

    context, queue = _queue()
    program = schedule(kernel, OpenCLDialect())
    out = np.zeros(len(inputs[0]), kernel.outputs[0].dtype)
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
    memory = [cl.Buffer(context, flags, hostbuf=a) for a in (out, *inputs)]
    block = program.block.pack([a.shape for a in (out, *inputs)], [(1,)] * (1 + len(inputs)), [0] * (1 + len(inputs)))
    run = cl.Kernel(cl.Program(context, program.source).build(), program.launches[0].name)
    run.set_args(*memory, memory[0], block)
    cl.enqueue_nd_range_kernel(queue, run, (64,), (32,))
    cl.enqueue_copy(queue, out, memory[0])
    return out


def _edges(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    info = np.iinfo(dtype)
    values = np.array([info.min, info.max, 0, 1, 2, 7, info.max - 1, info.min + 1], dtype)
    if info.min < 0:
        values = np.concatenate([values, np.array([-1, -7], dtype)])
    left, right = np.meshgrid(values, values)
    return left.ravel().copy(), right.ravel().copy()


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["floor_div", "mod", "shift_left", "shift_right", "add", "mul"])
def test_integer_edges(name: str, dtype: str) -> None:
    """Division by zero, INT_MIN / -1, shifts by the width and more, wrap-around."""
    kernel = _kernel(name, dtype)
    left, right = _edges(dtype)
    (expected,) = run_kernel(kernel, [left, right])
    with np.errstate(all="ignore"):
        ufunc = {"floor_div": np.floor_divide, "mod": np.remainder, "shift_left": np.left_shift, "shift_right": np.right_shift}
        np.testing.assert_array_equal(expected, ufunc.get(name, getattr(np, {"mul": "multiply"}.get(name, name), None))(left, right))
    np.testing.assert_array_equal(_on_device(kernel, left, right), expected)


@pytest.mark.parametrize("target", INTEGERS)
@pytest.mark.parametrize("source", ["float32", "float64"])
def test_float_to_integer(source: str, target: str) -> None:
    """NaN and values outside of the integers have the stated results."""
    values = FLOATS.astype(source)
    kernel = _cast_kernel(source, target)
    (expected,) = run_kernel(kernel, [values])
    np.testing.assert_array_equal(expected, converted(values, target))
    np.testing.assert_array_equal(_on_device(kernel, values), expected)


def test_bool_bytes_are_normalised() -> None:
    """A bool of byte 2 is true, and stored as 1."""
    strange = np.frombuffer(b"\x00\x01\x02\xff", np.bool_).copy()
    found = _on_device(_cast_kernel("bool", "int32"), strange)
    assert found.tolist() == [0, 1, 1, 1]


def test_no_contraction() -> None:
    """sqrt(x * x - y * y) at x = y is 0: products are rounded before they are subtracted."""
    x, y = (Buffer(name, "float64", (False,)) for name in ("x0", "x1"))
    axis = Axis.fresh("i", extent(x, 0))
    a, b = load(x, (axis,)), load(y, (axis,))
    squares = [apply_function("mul", (v, v), "float64") for v in (a, b)]
    value = apply_function("sqrt", (apply_function("sub", tuple(squares), "float64"),), "float64")
    out = Buffer("z0", "float64", (False,))
    kernel = Kernel((axis,), (), (Map((out,), (axis,), (value,)),), (x, y), (out,))
    data = np.random.default_rng(0).normal(size=1000)
    assert not _on_device(kernel, data, data.copy()).any()
