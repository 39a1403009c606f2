"""``fn.explain()``: which node of a compiled function runs where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from tcore.compile.function_module import Function

__all__ = ["Explanation", "NodeReport", "explain"]


@frozen
class NodeReport:
    """One node: its place in the order, its text, who runs it, what it overwrites."""

    position: int
    node: str
    runs_on: str
    in_place: bool


@frozen
class Explanation:
    """What a compiled function does, as a table when printed."""

    name: str
    linker: str
    nodes: tuple[NodeReport, ...]
    updates: tuple[str, ...]
    copied_arguments: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = "1 node" if len(self.nodes) == 1 else f"{len(self.nodes)} nodes"
        lines = [f"{self.name or 'function'}: {count}, linker {self.linker}"]
        for report in self.nodes:
            mark = " (in place)" if report.in_place else ""
            lines.append(f"  {report.position:3d}  {report.runs_on:8s}  {report.node}{mark}")
        lines += [f"  updates {update}" for update in self.updates]
        if self.copied_arguments:
            lines.append(
                f"  {self.copied_arguments} values were copied before calls that overwrite them: they shared memory with another "
                "value, were read-only or were default values"
            )
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def explain(function: Function) -> Explanation:
    """See :meth:`Function.explain`; a linker may say more by a method ``explain_node(node)`` and ``explain_notes()``."""
    maker = function.maker
    linker: Any = maker.linker
    where = getattr(linker, "explain_node", None)
    reports = []
    for position, node in enumerate(maker.fgraph.toposort()):
        runs_on = where(node) if where is not None else "Python"
        reports.append(NodeReport(position, str(node), runs_on, any(node.op.destroy_map.values())))
    updates = tuple(str(maker.inputs[position].origin) for position in maker.updated_inputs)
    notes = tuple(getattr(linker, "explain_notes", tuple)())
    return Explanation(
        function.name or "", type(linker).__name__, tuple(reports), updates, function._copied_arguments, notes
    )
