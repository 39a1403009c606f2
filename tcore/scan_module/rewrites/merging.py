"""Loops side by side as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import equal_computations
from tcore.graph.features import ReplaceValidate
from tcore.graph.traversal import is_in_ancestors
from tcore.optimizer.base import Optimizer
from tcore.scan_module.parts import Nitsot
from tcore.scan_module.rewrites.cleaning import merge_equal_records
from tcore.scan_module.rewrites.common import Opened, is_loop, opened

if TYPE_CHECKING:
    from tcore.graph import Apply, FunctionGraph, Variable

__all__ = ["ScanMerge"]


class ScanMerge(Optimizer):
    """scan(f, x), scan(g, y) of the same number of steps -> one scan of both, which computes once what they have in common.

    Loops that may stop early are joined where they stop for the same reason.
    """

    name = "scan_merge"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Validated replacements."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Join pairs until none is left."""
        groups: dict[Any, list[Apply]] = {}
        for node in fgraph.toposort():
            if is_loop(node):
                groups.setdefault(_joinable_with(node), []).append(node)
        for group in groups.values():
            while group:
                group = self._joined_with_first(fgraph, group)

    def _joined_with_first(self, fgraph: FunctionGraph, group: list[Apply]) -> list[Apply]:
        """Join the first loop with all that it can be joined with; those that are left over."""
        first, *others = group
        left = []
        for other in others:
            if is_in_ancestors(other, first) or is_in_ancestors(first, other):
                left.append(other)
                continue
            replacements = _both(opened(first), opened(other))
            if replacements is None:
                left.append(other)
                continue
            fgraph.replace_all_validate(list(replacements.items()), reason=self.name)  # type: ignore[attr-defined]
            first = next(iter(replacements.values())).owner  # type: ignore[assignment]
        return left


def _joinable_with(node: Apply) -> Any:
    """What loops that can be one have in common. Profiles are of one loop each."""
    op: Any = node.op
    options = op.options
    return (node.inputs[0], op.layout.until, options.mode, options.function_mode, options.profile or None, options.allow_gc, options.truncate_gradient)


def _both(a: Opened, b: Opened) -> dict[Variable, Variable] | None:
    """Old outputs -> those of one loop that does the work of both."""
    joined = Opened(a.parts, {**a.output_of, **b.output_of}, a.steps)
    parts, other = a.parts, b.parts
    condition = other.until
    for name in ("seqs", "mitmots", "states", "nitsots", "shareds", "non_seqs"):
        setattr(parts, name, getattr(parts, name) + getattr(other, name))
    if condition is not None:
        carrier = Nitsot(condition)  # goes through the merging as an output, to be compared with the condition that stays
        parts.nitsots.append(carrier)
    twins = merge_equal_records(joined)
    if condition is not None:
        stays = twins.get(carrier)
        parts.nitsots = [record for record in parts.nitsots if record is not carrier]
        same = equal_computations([parts.until], [stays.out if stays is not None else carrier.out])
        if not same:
            return None
    found = joined.rebuilt()
    for record, kept in twins.items():
        if record in joined.output_of:
            found[joined.output_of[record]] = found[joined.output_of[kept]]
    if b.steps is not None and a.steps is not None:
        found[b.steps] = found[a.steps]
    return found

