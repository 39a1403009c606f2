"""What rewrites of loops share: a node taken apart, and put together again in another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.graph import clone_replace
from tcore.records import define
from tcore.scan_module.op import Scan
from tcore.scan_module.parts import Mitmot, Parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcore.graph import Apply, Variable

__all__ = ["Opened", "is_loop", "is_used", "opened"]


def is_loop(node: Apply) -> bool:
    """Whether a node is a loop that has not been given memory of others yet."""
    return isinstance(node.op, Scan) and not node.op.options.inplace


def is_used(variable: Variable) -> bool:
    """Whether something in the graph reads ``variable``."""
    return variable.fgraph is not None and variable.fgraph.client_count(variable) > 0


@define(eq=False)
class Opened:
    """A loop of a graph: its records, and which output of the node each has given so far."""

    parts: Parts
    #: record -> output of the node
    output_of: dict[Any, Variable] = field(factory=dict)
    #: the number of steps that were made, where the loop may stop early
    steps: Variable | None = None

    def substitute(self, replace: Mapping[Variable, Variable]) -> None:
        """Put other inner variables in the place of some, in the graph of a step."""
        if not replace:
            return
        parts = self.parts
        renamed = iter(clone_replace(parts.inner_outputs(), replace))
        for mitmot in parts.mitmots:
            mitmot.outs = [next(renamed) for _ in mitmot.outs]
        for record in (*parts.stacked(), *parts.shareds):
            record.out = next(renamed)
        parts.until = next(renamed, None)

    def rebuilt(self) -> dict[Variable, Variable]:
        """A node of the records as they are now: old output -> new one, for each record that had an output."""
        parts = self.parts
        if not (parts.mitmots or parts.states or parts.nitsots or parts.shareds or parts.until is not None):
            return {}
        built = parts.build()
        records = parts.with_output()
        values = (*built.mitmots, *built.states, *built.nitsots, *built.shareds)
        found = {self.output_of[record]: value for record, value in zip(records, values, strict=True) if record in self.output_of}
        if self.steps is not None and built.steps is not None:
            found[self.steps] = built.steps
        return found


def opened(node: Apply) -> Opened:
    """The loop of ``node``, taken apart."""
    op: Any = node.op
    parts = Parts.of(op, node.inputs)
    outputs = op.layout.outer_outputs(node.outputs)
    records = parts.with_output()
    values = (*outputs.mitmots, *outputs.states, *outputs.nitsots, *outputs.shareds)
    return Opened(parts, dict(zip(records, values, strict=True)), outputs.steps[0] if outputs.steps else None)


def outs_of(record: Any) -> list[Variable]:
    """The inner outputs of a record."""
    return record.outs if isinstance(record, Mitmot) else [record.out]


def inners_of(record: Any) -> list[Variable]:
    """The inner inputs of a record."""
    return list(getattr(record, "inners", None) or ([record.inner] if hasattr(record, "inner") else []))
