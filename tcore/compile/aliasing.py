"""Who shares memory with whom in a finished graph, and the copies that keep callers' values apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.compile.copy_ops import deep_copy_op, view_op
from tcore.graph import Constant, Feature, InconsistencyError, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.compile.io import SymbolicInput, SymbolicOutput
    from tcore.graph import Apply, DestroyHandler, FunctionGraph

__all__ = ["Supervisor", "destroyed_inputs", "insert_copies", "memory_roots", "protect_inputs", "with_protected_inputs"]


class Supervisor(Feature):
    """Refuses graphs that overwrite inputs which belong to somebody else.

    Parameters
    ----------
    protected : iterable of Variable
    """

    def __init__(self, protected: Iterable[Variable]) -> None:
        self.protected = dict.fromkeys(protected)  # in order, and quick to ask

    def clone(self) -> Supervisor:
        """A supervisor without wards: those of the copied graph are told to it by who copies."""
        return Supervisor([])

    def validate(self, fgraph: FunctionGraph) -> None:
        """Raise InconsistencyError if a protected input is overwritten."""
        handler: DestroyHandler | None = getattr(fgraph, "destroy_handler", None)
        # asked after every change, so that the smaller of the two decides what it costs
        if handler is None or self.protected.keys().isdisjoint(handler.destroyed_roots()):
            return
        variable = next(variable for variable in self.protected if variable in handler.destroyed_roots())
        node = next(iter(handler.destroyers_of(variable)))
        raise InconsistencyError(f"the input {variable} is protected, but {node} overwrites it", nodes=[node])


def _aliased(node: Apply, index: int) -> list[Variable]:
    positions = [*node.op.view_map.get(index, ()), *node.op.destroy_map.get(index, ())]
    return [node.inputs[position] for position in positions]


def memory_roots(variable: Variable) -> set[Variable]:
    """The variables whose memory ``variable`` may share, at the ends of the view and destroy chains; itself if none."""
    roots: set[Variable] = set()
    seen: set[Variable] = set()
    stack = [variable]
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        below = _aliased(current.owner, current.index) if current.owner is not None and current.index is not None else []
        if below:
            stack.extend(below)
        else:
            roots.add(current)
    return roots


def destroyed_inputs(fgraph: FunctionGraph) -> set[Variable]:
    """The inputs of the graph whose memory some node overwrites."""
    # variable -> the inputs whose memory it may share: one walk for all, since in-place chains are long
    shared: dict[Variable, frozenset[Variable]] = {variable: frozenset((variable,)) for variable in fgraph.inputs}
    destroyed: set[Variable] = set()
    for node in fgraph.toposort():
        for positions in node.op.destroy_map.values():
            for position in positions:
                destroyed.update(shared.get(node.inputs[position], ()))
        for index in dict.fromkeys([*node.op.view_map, *node.op.destroy_map]):
            found = [shared[variable] for variable in _aliased(node, index) if variable in shared]
            if found:
                shared[node.outputs[index]] = found[0] if len(found) == 1 else frozenset().union(*found)
    return destroyed


def insert_copies(
    fgraph: FunctionGraph, outputs: Sequence[SymbolicOutput], updates: dict[int, int], inputs: Sequence[SymbolicInput]
) -> None:
    """Put a DeepCopyOp before each output that would share memory with something that is not the caller's.

    Parameters
    ----------
    fgraph : FunctionGraph
        Its outputs are those of the function, then the updates.
    outputs : list of Out
        The outputs of the function.
    updates : dict
        Position of an update among the outputs of ``fgraph`` -> position of the input that it replaces.
    inputs : list of In
        The inputs of the function.
    """
    count = len(outputs)
    graph_inputs = set(fgraph.inputs)
    taken: set[Variable] = set()  # memory that an update or an earlier output has
    # a new value goes into storage that lives on: it may share memory with the value that it replaces, with nothing else
    for position in range(count, len(fgraph.outputs)):
        variable = fgraph.outputs[position]
        roots = memory_roots(variable)
        own = fgraph.inputs[updates[position]]
        foreign = (roots & graph_inputs) - {own}
        if foreign or roots & taken or any(isinstance(root, Constant) for root in roots):
            fgraph.change_input("output", position, deep_copy_op(variable), reason="insert_deepcopy")
            taken.add(fgraph.outputs[position])
        else:
            taken |= roots
    for position in range(count):
        variable = fgraph.outputs[position]
        roots = memory_roots(variable)
        shares = bool(roots & taken) or bool(roots & graph_inputs) or any(isinstance(r, Constant) for r in roots)
        if shares and not outputs[position].borrow:
            fgraph.change_input("output", position, deep_copy_op(variable), reason="insert_deepcopy")
            taken.add(fgraph.outputs[position])
            continue
        if outputs[position].borrow and variable in graph_inputs:
            # the cell of the input is emptied after the call, so the output needs one of its own
            fgraph.change_input("output", position, view_op(variable), reason="insert_deepcopy")
        taken |= roots


def protect_inputs(fgraph: FunctionGraph, variables: Iterable[Variable]) -> None:
    """Let every node that would overwrite one of the inputs ``variables`` work on a copy of it."""
    destroyed = destroyed_inputs(fgraph)
    for variable in variables:
        if variable in destroyed:
            copied = deep_copy_op(variable)
            for node, position in fgraph.clients(variable):
                fgraph.change_input(node, position, copied, reason="protect_inputs")


def with_protected_inputs(fgraph: FunctionGraph, protected: Sequence[Variable], untouched: Sequence[Variable]) -> None:
    """Guard the inputs of a copied graph: ``untouched`` ones get copies to work on."""
    protect_inputs(fgraph, untouched)
    for feature in [feature for feature in fgraph.features if isinstance(feature, Supervisor)]:
        fgraph.remove_feature(feature)
    fgraph.attach_feature(Supervisor(protected))
