"""Nodes that need no kernel, most of them views. Products of matrices stand in :mod:`tcore_cpu.programs.product_steps`, routines in
:mod:`tcore_cpu.programs.routine_steps`.

Each function emits the instructions of one node, or raises :class:`NotScheduled` before it has emitted an allocation,
for a form that it does not know.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tcore.graph import Constant
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.native.abi import Failure, Instruction, IntegerFunction

if TYPE_CHECKING:
    from tcore_cpu.programs.program import NativeStep, ProgramBuilder

__all__ = ["native_steps"]



def native_steps(*, blas: bool, lapack: bool = False) -> dict[type, NativeStep]:
    """The functions by Op class; those of BLAS and LAPACK only where they are there, and wanted."""
    from tcore.compile.copy_ops import DeepCopyOp, ViewOp
    from tcore.tensor.alloc import AllocEmpty
    from tcore.tensor.assertion import Assert
    from tcore.tensor.dimshuffle import DimShuffle
    from tcore.tensor.join import MakeVector
    from tcore.tensor.manipulation import CpuContiguous
    from tcore.tensor.rebroadcast import Rebroadcast
    from tcore.tensor.reshape import Reshape
    from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
    from tcore.tensor.shape import Shape, Shape_i, SpecifyShape
    from tcore.tensor.subtensor import Subtensor
    from tcore_cpu.programs.product_steps import BLAS_PRODUCTS, OWN_PRODUCTS
    from tcore_cpu.programs.routine_steps import ROUTINES

    steps: dict[type, NativeStep] = {
        AllocEmpty: _alloc_empty,
        Assert: _assert,
        CpuContiguous: _contiguous,
        DeepCopyOp: _copy,
        DimShuffle: _dimshuffle,
        MakeVector: _make_vector,
        Rebroadcast: _rebroadcast,
        Reshape: _reshape,
        ScalarFromTensor: _copy,  # no view: what overwrites the tensor in place must not change the scalar
        Shape: _shape,
        Shape_i: _shape_i,
        SpecifyShape: _specify_shape,
        Subtensor: _subtensor,
        TensorFromScalar: _copy,
        ViewOp: _whole,
        **ROUTINES,
        **OWN_PRODUCTS,
    }
    if "tcore.scan_module.op" in sys.modules:
        from tcore.scan_module.op import Scan
        from tcore_cpu.programs.loops import loop_step  # what lowers and prints, once more

        steps[Scan] = loop_step
    if blas:
        steps |= BLAS_PRODUCTS
    if lapack:
        # linear algebra is loaded by the graphs that have some
        from tcore_cpu.programs.linalg_steps import linalg_steps

        steps |= linalg_steps()
    return steps


# -- views


def _whole(builder: ProgramBuilder, node: Any) -> None:
    source, assembler = builder.array_slot(node.inputs[0]), builder.assembler
    axes = [(assembler.length(source, k), k, -1) for k in range(assembler.ndims[source])]
    assembler.view(builder.array_slot(node.outputs[0]), source, axes)


def _require(builder: ProgramBuilder, node: Any, condition: int) -> None:
    """A register must not be 0; else ``perform`` says what is wrong."""
    builder.assembler.emit(Instruction.REQUIRE, Failure.DEMAND, builder.number[node], condition, condition, condition)


def _assert(builder: ProgramBuilder, node: Any) -> None:
    conditions = node.op.conditions(node)
    if not all(v.type.dtype.startswith(("bool", "int", "uint")) for v in conditions):
        raise NotScheduled("conditions that are no integers")
    builder.array_slot(node.inputs[0])
    for condition in conditions:
        _require(builder, node, builder.integer(condition))
    _whole(builder, node)


def _specify_shape(builder: ProgramBuilder, node: Any) -> None:
    (value, shape), assembler = node.inputs, builder.assembler
    slot, ndim = builder.array_slot(value), value.type.ndim
    if isinstance(shape, Constant):
        wanted = [assembler.constant(int(length)) for length in shape.data]
    else:
        vector = builder.array_slot(shape)
        _require(builder, node, assembler.arith(IntegerFunction.EQ, assembler.length(vector, 0), assembler.constant(ndim)))
        wanted = [assembler.element(vector, [assembler.constant(axis)]) for axis in range(ndim)]
    for axis, length in enumerate(wanted):
        _require(builder, node, assembler.arith(IntegerFunction.EQ, assembler.length(slot, axis), length))
    _whole(builder, node)


def _copy(builder: ProgramBuilder, node: Any) -> None:
    builder.array_slot(node.outputs[0])
    source, assembler = builder.array_slot(node.inputs[0]), builder.assembler
    lengths = [assembler.length(source, k) for k in range(assembler.ndims[source])]
    slot = builder.new(node.outputs[0], lengths, [source])
    assembler.emit(Instruction.COPY, slot, source)


def _contiguous(builder: ProgramBuilder, node: Any) -> None:
    """The view or the copy that a reshape to the same lengths makes."""
    (x,), (out,), assembler = node.inputs, node.outputs, builder.assembler
    source = builder.array_slot(x)
    lengths = [assembler.length(source, axis) for axis in range(x.type.ndim)]
    assembler.emit(Instruction.RESHAPE, builder.array_slot(out), source, builder.buffer(out), builder.number[node], len(lengths), *lengths)


def _alloc_empty(builder: ProgramBuilder, node: Any) -> None:
    builder.array_slot(node.outputs[0])
    builder.new(node.outputs[0], [builder.integer(v) for v in node.inputs])


def _dimshuffle(builder: ProgramBuilder, node: Any) -> None:
    source, slot = builder.array_slot(node.inputs[0]), builder.array_slot(node.outputs[0])
    one = builder.assembler.constant(1)
    axes = [
        (one, -1, -1) if entry == "x" else (builder.assembler.length(source, entry), entry, -1)
        for entry in node.op.new_order
    ]
    builder.assembler.view(slot, source, axes)


def _rebroadcast(builder: ProgramBuilder, node: Any) -> None:
    source, assembler = builder.array_slot(node.inputs[0]), builder.assembler
    one = assembler.constant(1)
    for axis, mark in node.op.axis:
        if mark:
            builder.check(node, 0, axis, assembler.length(source, axis), one)
    ndim = node.outputs[0].type.ndim
    assembler.view(
        builder.array_slot(node.outputs[0]), source, [(assembler.length(source, k), k, -1) for k in range(ndim)]
    )


def _shape(builder: ProgramBuilder, node: Any) -> None:
    assembler = builder.assembler
    source = builder.array_slot(node.inputs[0])
    lengths = [assembler.length(source, k) for k in range(assembler.ndims[source])]
    slot = builder.new(node.outputs[0], [assembler.constant(len(lengths))])
    assembler.emit(Instruction.STORE, slot, len(lengths), *lengths)


def _shape_i(builder: ProgramBuilder, node: Any) -> None:
    source, i = builder.array_slot(node.inputs[0]), node.op.i
    if i >= builder.assembler.ndims[source]:
        raise NotScheduled("an axis that the array does not have")
    slot = builder.new(node.outputs[0], [])
    builder.assembler.emit(Instruction.STORE, slot, 1, builder.assembler.length(source, i))


def _make_vector(builder: ProgramBuilder, node: Any) -> None:
    (out,), assembler = node.outputs, builder.assembler
    if out.type.dtype != "int64" or any(v.type.dtype != "int64" and not isinstance(v, Constant) for v in node.inputs):
        raise NotScheduled("a vector of other than int64")
    values = [builder.integer(v) for v in node.inputs]
    slot = builder.new(out, [assembler.constant(len(values))])
    assembler.emit(Instruction.STORE, slot, len(values), *values)


def _shape_registers(builder: ProgramBuilder, shape: Any, ndim: int) -> list[int]:
    """Registers with the entries of a shape vector."""
    assembler = builder.assembler
    if isinstance(shape, Constant):
        return [assembler.constant(int(entry)) for entry in shape.data]
    owner = shape.owner
    if owner is not None and type(owner.op).__name__ == "MakeVector" and all(map(builder.readable, owner.inputs)):
        return [builder.integer(entry) for entry in owner.inputs]
    slot = builder.array_slot(shape)
    return [assembler.element(slot, [assembler.constant(k)]) for k in range(ndim)]


def _reshape(builder: ProgramBuilder, node: Any) -> None:
    x, shape = node.inputs
    (out,) = node.outputs
    source = builder.array_slot(x)
    if not isinstance(shape, Constant) and shape.type.dtype.startswith("float"):
        raise NotScheduled("a shape that is no integer vector")
    ndim = out.type.ndim
    if not isinstance(shape, Constant) and not (shape.owner and type(shape.owner.op).__name__ == "MakeVector"):
        slot = builder.array_slot(shape)
        length = builder.assembler.length(slot, 0)
        builder.assembler.emit(
            Instruction.CHECK, Failure.RESHAPE, builder.number[node], 1, 0, length, builder.assembler.constant(ndim)
        )
    registers = _shape_registers(builder, shape, ndim)
    builder.assembler.emit(
        Instruction.RESHAPE,
        builder.array_slot(out),
        source,
        builder.buffer(out),
        builder.number[node],
        ndim,
        *registers,
    )


def _subtensor(builder: ProgramBuilder, node: Any) -> None:
    from tcore.tensor.subtensor import fill_index

    assembler = builder.assembler
    x = node.inputs[0]
    source = builder.array_slot(x)
    entries = list(fill_index(node.op.idx_list, node.inputs[1:]))
    for entry in entries:
        if isinstance(entry, slice) and entry.step is not None and not _is_constant(entry.step):
            raise NotScheduled("a slice whose step is not known")
    axes: list[tuple[int, int, int]] = []
    start: list[tuple[int, int]] = []
    for axis in range(x.type.ndim):
        length = assembler.length(source, axis)
        entry = entries[axis] if axis < len(entries) else slice(None)
        if not isinstance(entry, slice):
            start.append((axis, _point(builder, node, entry, length)))
        elif entry.start is None and entry.stop is None and entry.step is None:
            axes.append((length, axis, -1))
        else:
            first, count, step = _slice(builder, entry, length)
            start.append((axis, first))
            axes.append((count, axis, step))
    assembler.view(builder.array_slot(node.outputs[0]), source, axes, start)


def _is_constant(value: Any) -> bool:
    return isinstance(value, (int, Constant))


def _register(builder: ProgramBuilder, value: Any) -> int:
    return builder.assembler.constant(value) if isinstance(value, int) else builder.integer(value)


def _point(builder: ProgramBuilder, node: Any, entry: Any, length: int) -> int:
    """A register with an index, counted from the start and checked."""
    builder.assembler.site = builder.number[node]
    return builder.assembler.bounded(_register(builder, entry), length)


def _slice(builder: ProgramBuilder, entry: slice, length: int) -> tuple[int, int, int]:
    """Registers with the first index, the count and the step (-1 for 1) of a slice."""
    assembler = builder.assembler
    step = 1 if entry.step is None else int(getattr(entry.step, "data", entry.step))
    zero, one = assembler.constant(0), assembler.constant(1)
    if step == 0:
        raise NotScheduled("a step of zero")

    def bound(value: Any, low: int, high: int) -> int:
        register = _register(builder, value)
        negative = assembler.arith(IntegerFunction.LT, register, zero)
        shifted = assembler.select(negative, assembler.arith(IntegerFunction.ADD, register, length), register)
        return assembler.arith(IntegerFunction.MIN, assembler.arith(IntegerFunction.MAX, shifted, low), high)

    if step > 0:
        first = zero if entry.start is None else bound(entry.start, zero, length)
        end = length if entry.stop is None else bound(entry.stop, zero, length)
        span = assembler.arith(IntegerFunction.SUB, end, first)
    else:
        minus = assembler.constant(-1)
        last = assembler.arith(IntegerFunction.SUB, length, one)
        first = last if entry.start is None else bound(entry.start, minus, last)
        end = minus if entry.stop is None else bound(entry.stop, minus, last)
        span = assembler.arith(IntegerFunction.SUB, first, end)
    magnitude = abs(step)
    if magnitude != 1:
        rounded = assembler.arith(IntegerFunction.ADD, span, assembler.constant(magnitude - 1))
        span = assembler.arith(IntegerFunction.FLOORDIV, rounded, assembler.constant(magnitude))
    count = assembler.arith(IntegerFunction.MAX, span, zero)
    return first, count, -1 if step == 1 else assembler.constant(step)
