"""Storage for the variables of a graph: cells, when they may be emptied, and which must not be written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.graph import Constant, Variable
from tcore.link.container import Cell, Container, StorageMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.graph import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["gc_schedule", "infer_reuse_pattern", "map_storage", "written_inputs"]


def map_storage(
    fgraph: FunctionGraph,
    order: Sequence[Apply],
    input_storage: Sequence[Cell | Container] | None,
    output_storage: Sequence[Cell | Container] | None,
    storage_map: StorageMap | None = None,
) -> tuple[list[Cell], list[Cell], StorageMap]:
    """Give each variable of a graph a cell.

    Parameters
    ----------
    fgraph : FunctionGraph
    order : list of Apply
        Its nodes.
    input_storage, output_storage : list of cells or Containers, or None
        Cells to use for the inputs and outputs; new ones where None.
    storage_map : dict, optional
        Cells of further variables (those that functions share); the caller's dict is filled up and returned.

    Returns
    -------
    input_storage, output_storage, storage_map
    """
    storage_map = {} if storage_map is None else storage_map

    def bind(variables: Sequence[Variable], cells: Sequence[Cell | Container] | None, what: str) -> list[Cell]:
        if cells is None:
            return [storage_map.setdefault(variable, [None]) for variable in variables]
        if len(cells) != len(variables):
            raise ValueError(f"got {len(cells)} {what} cells for {len(variables)} {what}s")
        bound = [cell.storage if isinstance(cell, Container) else cell for cell in cells]
        for variable, cell in zip(variables, bound, strict=True):
            storage_map.setdefault(variable, cell)
        return bound

    inputs = bind(fgraph.inputs, input_storage, "input")
    for node in order:
        for variable in node.inputs:
            if variable not in storage_map:
                storage_map[variable] = [variable.data] if isinstance(variable, Constant) else [None]
    for variable in fgraph.outputs:
        if isinstance(variable, Constant):
            storage_map.setdefault(variable, [variable.data])
    outputs = bind(fgraph.outputs, output_storage, "output")
    for node in order:
        for variable in node.outputs:
            storage_map.setdefault(variable, [None])
    # an output that is an input, a constant or listed twice has its first cell; hand that one out
    outputs = [storage_map[variable] for variable in fgraph.outputs] if output_storage is None else outputs
    return inputs, outputs, storage_map


def gc_schedule(fgraph: FunctionGraph, order: Sequence[Apply], storage_map: StorageMap) -> list[list[Cell]]:
    """For each node of ``order`` the cells that nobody reads after it.

    Inputs, outputs and constants of the graph are never among them.
    """
    kept: set[Variable] = {*fgraph.inputs, *fgraph.outputs}
    last: dict[Variable, int] = {}
    for position, node in enumerate(order):
        for variable in node.outputs:  # an output without readers dies at once
            last[variable] = position
        for variable in node.inputs:
            if not isinstance(variable, Constant):
                last[variable] = position
    schedule: list[list[Cell]] = [[] for _ in order]
    for variable, position in last.items():
        if variable not in kept:
            schedule[position].append(storage_map[variable])
    return schedule


def _aliased_inputs(node: Apply, index: int) -> Iterable[Variable]:
    for table in (node.op.view_map, node.op.destroy_map):
        for position in table.get(index, ()):
            yield node.inputs[position]


def infer_reuse_pattern(fgraph: FunctionGraph, outputs_to_disown: Iterable[Variable]) -> list[Variable]:
    """Variables whose memory may reach a caller through ``outputs_to_disown``: their old values must not be reused.

    Walks from the outputs along ``view_map`` and ``destroy_map``.
    """
    found: dict[Variable, None] = {}
    stack: list[Variable] = list(outputs_to_disown)
    while stack:
        variable = stack.pop()
        if variable in found:
            continue
        found[variable] = None
        if variable.owner is not None and variable.index is not None:
            stack.extend(_aliased_inputs(variable.owner, variable.index))
    return [variable for variable in found if variable.owner is not None]


def written_inputs(fgraph: FunctionGraph, nodes: Iterable[Apply]) -> tuple[int, ...]:
    """Positions of the inputs of ``fgraph`` whose memory some of ``nodes`` overwrite."""
    stack = [node.inputs[k] for node in nodes for shown in node.op.destroy_map.values() for k in shown]
    seen: set[Variable] = set()
    while stack:
        variable = stack.pop()
        if variable not in seen:
            seen.add(variable)
            if variable.owner is not None and variable.index is not None:
                stack.extend(_aliased_inputs(variable.owner, variable.index))
    return tuple(position for position, variable in enumerate(fgraph.inputs) if variable in seen)
