"""Nodes that routines of the runtime compute: sorting, counting, and results whose length depends on the data.

Where it does, one routine finds the length, and a second one fills the memory that is allocated then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.indexing import MaskIndices
from tcore.tensor.manipulation import Repeat
from tcore.tensor.random.from_uniform import ChoiceFromUniform
from tcore.tensor.searching import BinCount, Unique
from tcore.tensor.sorting import ArgSortOp, SortOp
from tcore.tensor.type_other import NoneConst
from tcore_cpu.native.abi import Failure, Instruction, IntegerFunction, Routine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore_cpu.programs.program import NativeStep, ProgramBuilder

__all__ = ["ROUTINES"]

#: elements of a mask that are counted together: ``TC_MASK_PART``
_MASK_PART = 16384
_NONE = -1


def _run(builder: ProgramBuilder, node: Any, routine: Routine, slots: Sequence[int], *arguments: int) -> None:
    builder.assembler.emit(Instruction.ROUTINE, routine, builder.number[node], len(slots), len(arguments), *slots, *arguments)


def _require(builder: ProgramBuilder, node: Any, condition: int) -> None:
    """Let ``perform`` say what is wrong, unless the register is true."""
    builder.assembler.emit(Instruction.REQUIRE, Failure.DEMAND, builder.number[node], condition, condition, condition)


def _lengths(builder: ProgramBuilder, slot: int) -> list[int]:
    return [builder.assembler.length(slot, axis) for axis in range(builder.assembler.ndims[slot])]


def _flat(builder: ProgramBuilder, node: Any, variable: Any) -> int:
    """A slot with all elements of an array as a vector without gaps: its own memory where that has none."""
    assembler, source = builder.assembler, builder.array_slot(variable)
    slot = assembler.slot(1, variable.type.dtype)
    buffer = builder.memory.scratch(variable.type.dtype, _lengths(builder, source))
    assembler.emit(Instruction.RESHAPE, slot, source, buffer, builder.number[node], 1, assembler.constant(-1))
    return slot


def _scratch(builder: ProgramBuilder, dtype: str, length: int) -> int:
    """A slot with memory for a vector, until the step ends."""
    slot = builder.assembler.slot(1, dtype)
    builder.assembler.allocate(slot, builder.memory.scratch(dtype, [length]), [length])
    return slot


# -- sorting


def _ordering(builder: ProgramBuilder, node: Any) -> None:
    (x,), (out,) = node.inputs, node.outputs
    source = builder.array_slot(x)
    slot = builder.new(out, _lengths(builder, source), [source])
    routine = Routine.SORT if isinstance(node.op, SortOp) else Routine.ARGSORT
    _run(builder, node, routine, [slot, source], node.op.axis)


def _unique(builder: ProgramBuilder, node: Any) -> None:
    op, (x,), assembler = node.op, node.inputs, builder.assembler
    flat, order = _flat(builder, node, x), _NONE
    length = assembler.length(flat, 0)
    if op.return_index or op.return_inverse:
        order = _scratch(builder, "int64", length)
        _run(builder, node, Routine.ARGSORT, [order, flat], 0)
    else:
        ordered = _scratch(builder, x.type.dtype, length)
        _run(builder, node, Routine.SORT, [ordered, flat], 0)
        flat = ordered
    count, apart = assembler.register(), int(not op.equal_nan)
    _run(builder, node, Routine.DIFFERENT, [flat, order], count, apart)
    outputs = iter(node.outputs)
    values = builder.new(next(outputs), [count])
    index = builder.new(next(outputs), [count]) if op.return_index else _NONE
    inverse = builder.new(next(outputs), [length]) if op.return_inverse else _NONE
    counts = builder.new(next(outputs), [count]) if op.return_counts else _NONE
    _run(builder, node, Routine.UNIQUE, [flat, order, values, index, inverse, counts], apart)


# -- counting


def _bincount(builder: ProgramBuilder, node: Any) -> None:
    (x, weights, minlength), (out,), assembler = node.inputs, node.outputs, builder.assembler
    weighted = weights is not NoneConst and not (isinstance(weights, Constant) and weights.data is None)
    source, weight = builder.array_slot(x), builder.array_slot(weights) if weighted else _NONE
    if weighted:
        builder.check(node, 1, 0, assembler.length(weight, 0), assembler.length(source, 0))
    least, zero = builder.integer(minlength), assembler.constant(0)
    low, high = assembler.register(), assembler.register()
    _run(builder, node, Routine.RANGE, [source], low, high)
    _require(builder, node, assembler.arith(IntegerFunction.GE, assembler.arith(IntegerFunction.MIN, low, least), zero))
    length = assembler.arith(IntegerFunction.ADD, high, assembler.constant(1))
    slot = builder.new(out, [assembler.arith(IntegerFunction.MAX, length, least)])
    _run(builder, node, Routine.BINCOUNT, [slot, source, weight])


def _repeat(builder: ProgramBuilder, node: Any) -> None:
    (x, repeats), (out,), axis, assembler = node.inputs, node.outputs, node.op.axis, builder.assembler
    source, counts = builder.array_slot(x), builder.array_slot(repeats)
    lengths = _lengths(builder, source)
    length, given = lengths[axis], assembler.length(counts, 0)
    single = assembler.arith(IntegerFunction.EQ, given, assembler.constant(1))
    fits = assembler.arith(IntegerFunction.EQ, given, length)
    _require(builder, node, assembler.arith(IntegerFunction.OR, single, fits))
    total = assembler.register()
    _run(builder, node, Routine.TOTAL, [counts], total)
    _require(builder, node, assembler.arith(IntegerFunction.GE, total, assembler.constant(0)))
    many = assembler.arith(IntegerFunction.MUL, total, length)
    made = assembler.select(single, many, total)
    flat = _flat(builder, node, x)
    slot = builder.new(out, [*lengths[:axis], made, *lengths[axis + 1 :]])
    inner = assembler.constant(1)
    for other in lengths[axis + 1 :]:
        inner = assembler.arith(IntegerFunction.MUL, inner, other)
    _run(builder, node, Routine.REPEAT, [slot, flat, counts], length, inner)


def _mask_indices(builder: ProgramBuilder, node: Any) -> None:
    mask, assembler = node.inputs[0], builder.assembler
    source = builder.array_slot(mask)
    lengths = _lengths(builder, source)
    if len(node.inputs) == 2:
        wanted = builder.array_slot(node.inputs[1])
        builder.check(node, 1, 0, assembler.length(wanted, 0), assembler.constant(node.op.ndim))
        for axis, length in enumerate(lengths):
            builder.check(node, 0, axis, length, assembler.element(wanted, [assembler.constant(axis)]))
    flat = _flat(builder, node, mask)
    parts = assembler.arith(IntegerFunction.FLOORDIV, assembler.length(flat, 0), assembler.constant(_MASK_PART))
    starts = _scratch(builder, "int64", assembler.arith(IntegerFunction.ADD, parts, assembler.constant(2)))
    count = assembler.register()
    _run(builder, node, Routine.COUNT_PLACES, [starts, flat], count)
    places = [builder.new(out, [count]) for out in node.outputs]
    _run(builder, node, Routine.LIST_PLACES, [starts, flat, *places], *lengths)


# -- random choices


def _choice(builder: ProgramBuilder, node: Any) -> None:
    (chances, numbers), (out,), assembler = node.inputs, node.outputs, builder.assembler
    source, uniform = builder.array_slot(chances), builder.array_slot(numbers)
    rows, draws = assembler.length(source, 0), assembler.length(uniform, 0)
    builder.check(node, 1, 1, assembler.length(uniform, 1), rows)
    _require(builder, node, assembler.arith(IntegerFunction.GE, assembler.length(source, 1), draws))
    _run(builder, node, Routine.CHOOSE, [builder.new(out, [rows, draws]), source, uniform])


# -- views


def _extract_diag(builder: ProgramBuilder, node: Any) -> None:
    source, op = builder.array_slot(node.inputs[0]), node.op
    ndim = builder.assembler.ndims[source]
    slot = builder.array_slot(node.outputs[0])
    _run(builder, node, Routine.DIAGONAL, [slot, source], op.offset, op.axis1 % ndim, op.axis2 % ndim)


ROUTINES: dict[type, NativeStep] = {
    ArgSortOp: _ordering,
    BinCount: _bincount,
    ChoiceFromUniform: _choice,
    ExtractDiag: _extract_diag,
    MaskIndices: _mask_indices,
    Repeat: _repeat,
    SortOp: _ordering,
    Unique: _unique,
}
"""The functions that emit the instructions of a node, by Op class."""
