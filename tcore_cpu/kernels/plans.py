"""What a schedule is made of: kernels, phases and operands as the runtime's drivers know them."""

from __future__ import annotations

from typing import Any

from tcore.codegen.expr import Buffer, Expr
from tcore.records import frozen
from tcore_cpu.native.abi import TILE, KernelOrder, RefKind

__all__ = ["SITE", "CopyPlan", "KernelPlan", "NotScheduled", "Operand", "Phase", "Stride", "Term"]


class NotScheduled(NotImplementedError):
    """The kernel is of a kind that this schedule does not know; its Applies run as Python steps."""


@frozen
class Stride:
    """Bytes between neighbours along one axis of an array: an integer argument of a body."""

    buffer: Buffer
    axis: int


SITE = "site"
"""Integer argument of a body: one more than the number of the Apply to which a failed check belongs."""

Term = tuple[int, int, Expr]
"""(kernel axis or -1 for the offset, axis of the buffer, coefficient)."""


@frozen
class Operand:
    """An operand of a kernel: an affine walk through ``buffer``, or index values where it is None."""

    buffer: Buffer | None
    terms: tuple[Term, ...]
    itemsize: int
    written: bool


@frozen(eq=False)
class Phase:
    """One pass: the number of its body (None: reductions read operands as they are), level, references, reductions.

    ``lanes``: the body takes whole vectors only; ``by_lane``: it has a form for tiles of rows side by side, which read a cell for each element.
    """

    body: int | None
    level: int
    lanes: bool
    refs: tuple[tuple[int, int, int, int], ...]
    reductions: tuple[tuple[int, int, int, int, int, int, int], ...]
    by_lane: bool = False

    @property
    def tile_bytes(self) -> int:
        """Scratch of one thread for tiles: what is packed, and what only reductions read."""
        return TILE * sum(itemsize for kind, _, itemsize, _ in self.refs if kind in (RefKind.ARRAY, RefKind.TILE, RefKind.SPREAD, RefKind.PLACE, RefKind.LINE))


@frozen(eq=False)
class KernelPlan:
    """A kernel for the runtime.

    Attributes
    ----------
    extents : tuple of Expr
        Lengths of the axes, kept ones first.
    reduced : int
        Bit d says that axis d is reduced.
    ints : tuple of Expr or Stride
        Integer arguments of the bodies.
    row_itemsizes : tuple of int
        Scratch rows.
    cost : int
        Estimated picoseconds per element.
    order : KernelOrder
        Whether the drivers may take elements in any order.
    """

    extents: tuple[Expr, ...]
    reduced: int
    operands: tuple[Operand, ...]
    phases: tuple[Phase, ...]
    ints: tuple[Any, ...]
    row_itemsizes: tuple[int, ...]
    cost: int
    order: KernelOrder = KernelOrder.ANY


@frozen(eq=False)
class CopyPlan:
    """Copy all of an array of the same shape."""

    target: Buffer
    source: Buffer
