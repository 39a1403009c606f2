"""Matrices that every step of a loop multiplies a vector by: copied once, in the order in which a step reads them.

A product of a matrix and a vector waits for the loads of the matrix. Sums over its rows need no instruction more than those, where sums
along rows need the lanes of vectors added up; and a load that lies in two cache lines is two. So small matrices, which stay in
caches near the core, are laid out row by row for the sums over them, with rows that begin at cache lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.link.work import Work
from tcore.tensor.blas import Gemv
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot
from tcore_cpu.native.abi import Instruction, IntegerFunction

if TYPE_CHECKING:
    from tcore.graph import Apply, FunctionGraph
    from tcore_cpu.programs.program import ProgramBuilder

__all__ = ["as_steps_read", "multiplied_matrices"]

#: bytes of a matrix that caches near the core hold, as ``TC_NEAR``
_NEAR = 1 << 18
#: steps from which a copy, which costs about as much as some products, is worth it
_STEPS = 32
_LINE = 64


def multiplied_matrices(step: FunctionGraph) -> dict[Any, bool]:
    """The inputs of a step that are matrices in products with vectors, and whether their columns are summed over, not their rows."""
    found: dict[Any, bool] = {}
    for node in step.apply_nodes:
        if isinstance(node.op, Dot) and sorted(v.type.ndim for v in node.inputs) == [1, 2]:
            by_columns = node.inputs[0].type.ndim == 2
            matrix = node.inputs[0 if by_columns else 1]
        elif isinstance(node.op, Gemv):
            matrix, by_columns = node.inputs[2], True
        else:
            continue
        if matrix.owner is not None and isinstance(matrix.owner.op, DimShuffle) and matrix.owner.op.new_order == (1, 0):
            matrix, by_columns = matrix.owner.inputs[0], not by_columns
        if matrix.owner is None and matrix.type.dtype == node.outputs[0].type.dtype and matrix.type.dtype in ("float32", "float64"):
            found.setdefault(matrix, by_columns)
    return found


def as_steps_read(builder: ProgramBuilder, loop: Apply, position: int, n_steps: int, *, by_columns: bool) -> int:
    """A slot with a matrix, an input of ``loop``, for ``n_steps`` (a register) steps: a copy where that is worth it, else the matrix itself."""
    code, own, matrix = builder.assembler, IntegerFunction, loop.inputs[position]
    source, dtype = builder.array_slot(matrix), matrix.type.dtype
    axes = (1, 0) if by_columns else (0, 1)
    rows, columns = (code.length(source, axis) for axis in axes)
    size = np.dtype(dtype).itemsize
    line = code.constant(_LINE // size)
    lines = code.arith(own.FLOORDIV, code.arith(own.ADD, columns, code.constant(_LINE // size - 1)), line)
    width = code.arith(own.MUL, lines, line)
    small = code.arith(own.LE, code.arith(own.MUL, rows, width), code.constant(_NEAR // size))
    worth = code.arith(own.AND, small, code.arith(own.GE, n_steps, code.constant(_STEPS)))
    memory, shown = code.slot(2, dtype), code.slot(2, dtype)
    number, builder.memory.buffers = builder.memory.buffers, builder.memory.buffers + 1
    work = Work("a copy", loop, position, dtype, 2, most=_NEAR)
    builder.memory.note_work(work, number, builder.position)
    lengths = [code.length(source, 0), code.length(source, 1)]
    zero = code.constant(0)
    otherwise = code.jump_unless(worth)
    with code.optional():
        code.allocate(memory, number, [rows, width])
        code.view(shown, memory, [(lengths[axis], axes[axis], -1) for axis in (0, 1)])
        code.emit(Instruction.COPY, shown, source)
    behind = code.jump_unless(zero)
    otherwise()
    with code.optional():
        code.view(shown, source, [(lengths[axis], axis, -1) for axis in (0, 1)])
    behind()
    return shown
