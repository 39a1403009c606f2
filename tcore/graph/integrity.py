"""Whether a FunctionGraph has all that it needs, and what it knows about itself is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.graph.errors import MissingInputError
from tcore.graph.trace import creation_report
from tcore.graph.traversal import io_toposort
from tcore.graph.variable import Constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.arrivals import Client
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["check_complete", "check_integrity", "missing_input"]


def check_integrity(fgraph: FunctionGraph) -> None:
    """Raise RuntimeError with the first difference between a graph and what it knows about itself."""
    nodes = io_toposort(fgraph.inputs, fgraph.outputs)
    if set(nodes) != set(fgraph._nodes):
        odd = sorted(map(str, set(nodes) ^ set(fgraph._nodes)))
        raise RuntimeError(f"the nodes of the graph and those that its outputs need differ: {', '.join(odd[:5])}")
    expected: dict[Variable, set[Client]] = {variable: set() for variable in fgraph.inputs}
    for node in nodes:
        if node.fgraph is not fgraph:
            raise RuntimeError(f"{node} does not know that it belongs to this graph")
        for i, variable in enumerate(node.inputs):
            expected.setdefault(variable, set()).add((node, i))
        for i, output in enumerate(node.outputs):
            expected.setdefault(output, set())
            if output.owner is not node or output.index != i:
                raise RuntimeError(f"output {i} of {node} says that it is output {output.index} of {output.owner}")
    for i, variable in enumerate(fgraph.outputs):
        expected.setdefault(variable, set()).add(("output", i))
    for variable, clients in expected.items():
        if variable.owner is None and variable not in fgraph.inputs and not isinstance(variable, Constant):
            raise RuntimeError(f"{variable} is neither an input nor a constant nor computed")
        if variable.fgraph is not fgraph:
            raise RuntimeError(f"{variable} does not know that it belongs to this graph")
        if set(fgraph._clients.get(variable, {})) != clients:
            raise RuntimeError(
                f"{variable} is used by {sorted(map(str, clients))}, "
                f"but the graph knows of {sorted(map(str, fgraph._clients.get(variable, {})))}"
            )
    odd_variables = set(fgraph._clients) - set(expected)
    if odd_variables:
        raise RuntimeError(f"variables that nobody needs are in the graph: {', '.join(map(str, odd_variables))}")


def check_complete(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
    """Raise MissingInputError if ``outputs`` need a variable that is neither in ``inputs`` nor a constant."""
    given = set(inputs)
    nodes = io_toposort(inputs, outputs)
    for variable in [*(v for node in nodes for v in node.inputs), *outputs]:
        if variable.owner is None and variable not in given and not isinstance(variable, Constant):
            raise MissingInputError(missing_input(variable, nodes, inputs), variable=variable)


def missing_input(variable: Variable, nodes: Iterable[Apply], inputs: Sequence[Variable]) -> str:
    """What to say about a missing ``variable``: who uses it, what was given, where it was made, what to do."""
    user = next((node for node in nodes if variable in node.inputs), None)
    if user is None:
        where = "is an output itself"
    else:
        where = f"is input {user.inputs.index(variable)} of {user}"
    message = (
        f"the graph needs {variable}, of type {variable.type}, which is not given: it {where}\n"
        f"  given: {', '.join(map(str, inputs)) or 'no inputs'}\n"
        f"  try:   add {variable} to the inputs, or replace it with givens"
    )
    created = creation_report(variable)
    return f"{message}\n  created: {created}" if created else message
