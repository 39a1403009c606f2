"""Kernels behind products: where both can go by blocks of the product's rows, so that the kernel reads what the cache still has.

A product that nothing else reads needs no more memory than the blocks at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.codegen.expr import Const, Expr, Load
from tcore.codegen.group import Group
from tcore.codegen.lowering import NotLowered
from tcore.codegen.walks import flatten
from tcore.link.work import Work
from tcore.records import define, frozen
from tcore.tensor.blas import Dot22, Dot22Scalar, Gemm, blas_dtypes
from tcore.tensor.dot import Dot
from tcore_cpu.kernels.plans import KernelPlan, NotScheduled, Stride
from tcore_cpu.native.abi import KernelOrder, RefKind

if TYPE_CHECKING:
    from tcore_cpu.kernels.plans import Operand
    from tcore_cpu.programs.program import ProgramBuilder

__all__ = ["Epilogue", "Held", "lengths_of_blocks", "rows_of_block", "with_epilogues"]

_BLOCKS_FROM = _BLOCK_BYTES = 2 << 20
_LARGEST_BLOCK = 8 << 20
_ROWS_FOR_TERM, _LEAST_ROWS, _LEAST_BLOCKS = 4, 128, 8


def rows_of_block(rows: int, bytes_of_row: int, terms: int) -> int:
    """The rows that are made at once of a product, whose sums have so many terms: ``tc_rows_of_block`` of the runtime."""
    if rows * bytes_of_row < _BLOCKS_FROM:
        return rows
    share = -(-rows // _LEAST_BLOCKS)
    block = min(_ROWS_FOR_TERM * terms, _LARGEST_BLOCK // bytes_of_row)
    return min(max(min(max(block, _BLOCK_BYTES // bytes_of_row), share) // 16 * 16, _LEAST_ROWS), rows)


def lengths_of_blocks(work: Work, lengths_of: Callable[[Any], Sequence[int | str]], threads: int) -> tuple[int | str, ...] | None:
    """The lengths of what :attr:`Epilogue.works` tells; None where there is no such memory."""
    rows, columns = lengths_of(work.variable)
    terms = lengths_of(work.node.inputs[0])[1]
    if isinstance(rows, str) or isinstance(columns, str) or isinstance(terms, str):
        return (rows, columns) if work.what == "rows" else None
    block = rows_of_block(rows, columns * np.dtype(work.dtype).itemsize, terms)
    if work.what == "rows":
        return (rows, columns) if block == rows else None
    return None if block == rows else (min(threads, -(-rows // block)), block, columns)


@frozen(eq=False)
class Epilogue:
    """A step: a product, and the kernel that reads it, whose ``axis`` are the product's rows."""

    product: Any
    group: Group
    axis: int

    @property
    def nodes(self) -> tuple[Any, ...]:
        """All nodes of the step."""
        return (self.product, *self.group.nodes)

    @property
    def variable(self) -> Any:
        """What the product is called in the graph."""
        return self.product.outputs[0]

    @property
    def works(self) -> tuple[Work, ...]:
        """The memory of a product that passes: all its rows, or blocks of a large one."""
        dtype = self.variable.type.dtype
        return tuple(Work(what, self.product, 0, dtype, made=True, sized=True) for what in ("rows", "blocks"))

    @property
    def passes(self) -> bool:
        """Whether the product lies in no other value's memory, and no other value in its."""
        place = self.group.inputs.index(self.variable)
        return not isinstance(self.product.op, Gemm) and place not in self.group.inplace.values()


@define(eq=False)
class Held:
    """The product of the step at hand, until its kernel is emitted, too.

    ``buffer`` is the one that serves where all rows are one block; -1 where the product has memory as other values do, which outlives the step.
    """

    step: Epilogue
    buffer: int = -1
    operands: tuple[int, ...] = ()


def with_epilogues(builder: ProgramBuilder, steps: Sequence[Any]) -> list[Any]:
    """The steps, where a product and the kernel right behind it are one if they may be."""
    found: list[Any] = []
    for step in steps:
        last = found[-1] if found else None
        axis = _rows(builder, last, step) if isinstance(step, Group) and _is_product(builder, last) else None
        if axis is None:
            found.append(step)
        else:
            found[-1] = Epilogue(last, step, axis)
    return found


def _is_product(builder: ProgramBuilder, step: Any) -> bool:
    op = getattr(step, "op", None)
    if not isinstance(op, (Dot, Dot22, Dot22Scalar, Gemm)) or type(op) not in builder.native:
        return False
    dtype = step.outputs[0].type.dtype
    return dtype in blas_dtypes and all(v.type.dtype == dtype for v in step.inputs) and all(v.type.ndim in (0, 2) for v in step.inputs)


def _rows(builder: ProgramBuilder, product: Any, group: Group) -> int | None:
    """The axis of a group's kernel along which the rows of a product lie; None if it has none, or may not run block by block."""
    variable, memory = product.outputs[0], builder.memory
    if variable not in group.inputs:
        return None
    shown = [v for v in group.inputs if v is not variable and memory.root(v) is memory.root(variable)]
    factors = {memory.root(v) for v in product.inputs if v is not product.inputs[0] or not isinstance(product.op, Gemm)}
    if shown or any(memory.root(group.inputs[k]) in factors for k in group.inplace.values()):
        return None  # read in another order, or a block's kernel would overwrite what the next block is a product of
    try:
        plans = builder.kernels.plans(group)
    except (NotScheduled, NotLowered):
        return None
    if len(plans) != 1 or not isinstance(plans[0], KernelPlan) or plans[0].order is not KernelOrder.ANY:
        return None
    return _axis_of_rows(group, plans[0], group.inputs.index(variable))


def _expressions(group: Group, plan: KernelPlan) -> Iterator[Expr]:
    """What is read before the kernel runs."""
    yield from (e for e in plan.ints if isinstance(e, Expr))
    yield from plan.extents
    yield from (coefficient for operand in plan.operands for _, _, coefficient in operand.terms)
    yield from (side for check in group.checks for side in (check.actual, check.expected))
    yield from (requirement.condition for requirement in group.requirements)
    yield from (length for lengths in group.shapes for length in lengths)


def _axis_of_rows(group: Group, plan: KernelPlan, place: int) -> int | None:
    """The axis, where every operand is read and written as blocks of rows allow; ``place`` is that of the product among the inputs."""
    kernel, product = group.kernel, group.kernel.inputs[place]
    early = {e.buffer for e in flatten(list(_expressions(group, plan))) if isinstance(e, Load)} | {e.buffer for e in plan.ints if isinstance(e, Stride)}
    if kernel.border or product in early:
        return None
    rows = [operand for operand in plan.operands if operand.buffer is product]
    rows += [operand for operand in plan.operands if any(operand.buffer is kernel.outputs[k] for k, taken in group.inplace.items() if taken == place)]
    axis = _row_axis(rows[0]) if rows else None
    if axis is None or plan.reduced >> axis & 1 or any(_row_axis(operand) != axis for operand in rows):
        return None
    bases = {number for phase in plan.phases for kind, number, *_ in phase.refs if kind == RefKind.BASE}
    for number, operand in enumerate(plan.operands):
        moves = sum(own == axis for own, _, _ in operand.terms)
        if (operand.written and moves != 1) or (number in bases and (moves or operand.written)):
            return None
    return axis


def _row_axis(operand: Operand) -> int | None:
    """The axis of the kernel along which an operand goes from row to row, and that alone."""
    along = [(axis, coefficient) for axis, own, coefficient in operand.terms if own == 0]
    if len(along) != 1:
        return None
    axis, coefficient = along[0]
    return axis if axis >= 0 and isinstance(coefficient, Const) and coefficient.value == 1 else None
