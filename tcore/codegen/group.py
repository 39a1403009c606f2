"""Applies that run as one kernel: what grouping makes of a graph."""

from __future__ import annotations

from typing import Any

from tcore.codegen.expr import Expr
from tcore.codegen.kernel import Check, Kernel, Requirement
from tcore.records import frozen

__all__ = ["Group"]


@frozen(eq=False)
class Group:
    """Applies that run as one kernel.

    Attributes
    ----------
    kernel : Kernel
    nodes : tuple of Apply
        In graph order.
    inputs, outputs : tuple of Variable
        Parallel to the kernel's buffers of these names.
    shapes : tuple
        For each output, its lengths in terms of ``Extent(buffer, axis)`` of inputs, where the lowering
        says so; else of the output itself (the graph's ``infer_shape`` knows).
    inplace : dict
        Position of an output to that of the input whose memory it takes over.
    checks : tuple of Check
        Which lengths of operands must be equal, before the kernel runs.
    requirements : tuple of Requirement
        What else the member Applies demand, in order; conditions may read elements of ``inputs``.
    """

    kernel: Kernel
    nodes: tuple[Any, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    shapes: tuple[tuple[Expr, ...], ...]
    inplace: dict[int, int]
    checks: tuple[Check, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    def __repr__(self) -> str:
        return f"Group({', '.join(str(node.op) for node in self.nodes)})"
