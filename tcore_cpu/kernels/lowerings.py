"""What ops are lowered to on this backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.codegen.tables import lowering_table

if TYPE_CHECKING:
    from tcore.codegen.lowering import LoweringTable

__all__ = ["lowerings"]


def lowerings(fgraph: Any) -> LoweringTable:
    """What the ops of a graph are lowered to on this backend."""
    return lowering_table(fgraph.apply_nodes, fgraph.inputs, backends=("cpu",))
