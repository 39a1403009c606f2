"""The lowerings that take part in compiling one graph."""

from __future__ import annotations

from typing import Any

from tcore.codegen.lowering import Lowering, LoweringTable
from tcore.plugins import manager
from tcore.plugins.process import active_plugins_for
from tcore.plugins.references import resolve

__all__ = ["lowering_table"]

_tables: dict[tuple[str, ...], LoweringTable] = {}


def lowering_table(fgraph: Any) -> LoweringTable:
    """The table of the plugins that are active for ``fgraph``."""
    active = active_plugins_for(fgraph.apply_nodes, fgraph.inputs, backends=("cpu",))
    table = _tables.get(active)
    if table is None:
        lowerings: list[Lowering] = []
        for _, group in manager().lowering_groups(active):
            lowerings += resolve(group.load)
        table = _tables[active] = LoweringTable.of(lowerings)
    return table
