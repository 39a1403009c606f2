"""Which lowerings take part: those of the core and of the plugins that belong to a graph."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from tcore.codegen.lowering import LoweringTable
from tcore.plugins.process import active_plugins_for, manager
from tcore.plugins.references import resolve

__all__ = ["lowering_table"]


def lowering_table(
    nodes: Iterable[Any], variables: Iterable[Any] = (), *, backends: Iterable[str] = (), devices: Iterable[str] = ()
) -> LoweringTable:
    """The table for work on ``nodes`` and ``variables`` (inputs that no node reads have Types, too).

    Depends on the ops and types of the graph and on the names of backends and devices only, never on what else was imported.
    """
    return _table(active_plugins_for(nodes, variables, backends, devices))


@functools.lru_cache(maxsize=64)
def _table(active: tuple[str, ...]) -> LoweringTable:
    groups = manager().lowering_groups(active)
    return LoweringTable.of(lowering for _, group in groups for lowering in resolve(group.load))
