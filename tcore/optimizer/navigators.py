"""Navigators: optimizers that walk a graph and apply a rule at its nodes."""

from __future__ import annotations

import sys
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TextIO

from tcore.graph.features import Feature, NodeFinder, ReplaceValidate
from tcore.optimizer.base import LocalOptimizer, Optimizer
from tcore.optimizer.failures import one_optimization, report_local_failure, rules_off
from tcore.optimizer.groups import LocalOptGroup
from tcore.optimizer.oscillation import Watch
from tcore.optimizer.replacing import apply_rule, first_change
from tcore.optimizer.rules import RuleIndex

if TYPE_CHECKING:

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["ChangeTracker", "NavigatorOptimizer", "OpKeyOptimizer", "TopoOptimizer", "in2out", "out2in"]


class ChangeTracker(Feature):
    """Collects what changes: nodes that come in, nodes whose inputs change, nodes that go out."""

    def __init__(self) -> None:
        self.imported: list[Apply] = []
        self.changed: list[Apply] = []
        self.pruned: list[Apply] = []
        self.count = 0

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        self.imported.append(node)
        self.count += 1

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        self.count += 1
        if node != "output":
            self.changed.append(node)

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        self.pruned.append(node)

    def clear(self) -> None:
        """Forget what was collected; the count stays."""
        self.imported.clear()
        self.changed.clear()
        self.pruned.clear()


class NavigatorOptimizer(Optimizer):
    """Base of navigators over one rule, which may be a group of rules.

    Parameters
    ----------
    local_opt : LocalOptimizer
    ignore_newtrees : bool or "auto"
        Whether nodes that the rule makes are left out of this walk; "auto" asks the rule (``reentrant``).
    failure_callback : callable, optional
        ``callback(exception, navigator, replacements, rule, node)`` in place of the usual report.
    """

    def __init__(
        self,
        local_opt: LocalOptimizer,
        ignore_newtrees: bool | Literal["auto"] = "auto",
        failure_callback: Any = None,
        name: str | None = None,
    ) -> None:
        self.local_opt = local_opt
        if ignore_newtrees == "auto":
            ignore_newtrees = not getattr(local_opt, "reentrant", True)
        self.ignore_newtrees = ignore_newtrees
        self.failure_callback = failure_callback
        self.name = name or getattr(local_opt, "name", None)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """What the rule needs, and replacements that can be taken back."""
        fgraph.attach_feature(ReplaceValidate())
        self.local_opt.add_requirements(fgraph)

    def process_node(self, fgraph: FunctionGraph, node: Apply, lopt: LocalOptimizer | None = None) -> bool:
        """Whether the rule changed the graph at ``node``; a rule that failed in this optimization is not tried again."""
        rule = lopt or self.local_opt
        return rule not in rules_off() and apply_rule(fgraph, node, rule, self._failed)

    def _failed(self, rule: LocalOptimizer, node: Apply, error: Exception) -> None:
        if self.failure_callback is not None:
            rules_off().add(rule)
            self.failure_callback(error, self, [], rule, node)
        else:
            report_local_failure(rule, node, error)

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print the rule, too."""
        stream = stream or sys.stdout
        print(f"{' ' * level}{type(self).__name__} {self.name or ''}".rstrip(), file=stream)
        if depth != 0:
            self.local_opt.print_summary(stream, level=level + 2, depth=depth - 1)


class TopoOptimizer(NavigatorOptimizer):
    """Applies a rule once at each node, in topological order, and at the nodes that it makes.

    Parameters
    ----------
    order : {"in_to_out", "out_to_in", "random"}
        Producers first, users first, or any: what a rule does should not depend on it, and ``"random"`` shows whether it does.
    seed : int
        Of the random order.
    """

    def __init__(
        self,
        local_opt: LocalOptimizer,
        order: Literal["in_to_out", "out_to_in", "random"] = "in_to_out",
        ignore_newtrees: bool | Literal["auto"] = False,
        failure_callback: Any = None,
        name: str | None = None,
        seed: int = 0,
    ) -> None:
        if order not in ("in_to_out", "out_to_in", "random"):
            raise ValueError(f"order is 'in_to_out', 'out_to_in' or 'random', got {order!r}")
        super().__init__(local_opt, ignore_newtrees, failure_callback, name)
        self.order = order
        self.seed = seed

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Walk; gives (self, changes, nodes at the start, nodes at the end, seconds to sort, in the loop, in callbacks)."""
        callback_start = fgraph.execute_callbacks_time
        nodes_start = len(fgraph.apply_nodes)
        start = perf_counter()
        queue = deque(fgraph.toposort())
        if self.order == "out_to_in":
            queue.reverse()
        elif self.order == "random":
            import random  # of no use to any other order, and one of the slower modules of the library

            random.Random(self.seed).shuffle(queue)  # noqa: S311 - an order, no secret
        sorted_at = perf_counter()
        tracker = ChangeTracker()
        fgraph.attach_feature(tracker)
        try:
            with one_optimization() as off:
                count = self._walk(fgraph, queue, tracker, off)
        finally:
            fgraph.remove_feature(tracker)
        return (
            self,
            count,
            nodes_start,
            len(fgraph.apply_nodes),
            sorted_at - start,
            perf_counter() - sorted_at,
            fgraph.execute_callbacks_time - callback_start if fgraph.time_callbacks else None,
        )

    def _walk(self, fgraph: FunctionGraph, queue: deque[Apply], tracker: ChangeTracker, off: set[Any]) -> int:
        """Work off the queue; the number of changes."""
        # the rules of a plain group are tried one by one, so that one that fails does not silence the others
        plain_group = isinstance(self.local_opt, LocalOptGroup) and not self.local_opt.apply_all_opts
        rules_for = RuleIndex(self.local_opt.opts if plain_group else [self.local_opt]).rules_for  # type: ignore[attr-defined]
        on_error = self._failed
        watch = Watch(self, len(queue))
        most = len(queue)
        count = seen = 0
        while queue:
            node = queue.popleft()
            if node.fgraph is not fgraph:
                continue
            rules = rules_for(node.op)
            if off:
                rules = [rule for rule in rules if rule not in off]
            rule = first_change(fgraph, node, rules, on_error) if rules else None
            if rule is not None:
                count += 1
                if not self.ignore_newtrees:
                    # new nodes are visited next: their users are still to come, or have been seen already
                    new = tracker.imported
                    queue.extendleft(reversed(new) if self.order == "in_to_out" else new)
                    most = max(most, len(fgraph.apply_nodes))
                    watch.note(rule, node, new, most)
            if tracker.count != seen:
                tracker.clear()
                seen = tracker.count
        return count

    def __str__(self) -> str:
        return self.name or f"TopoOptimizer({self.local_opt})"

    @staticmethod
    def merge_profile(prof1: Any, prof2: Any) -> Any:
        """Counts and times added up."""
        sums = [None if a is None and b is None else (a or 0) + (b or 0) for a, b in zip(prof1[1:], prof2[1:], strict=True)]
        return (prof1[0], *sums)

    @staticmethod
    def print_profile(stream: TextIO, prof: Any, level: int = 0) -> None:
        """Print counts and times."""
        blanc = "    " * level
        optimizer, count, nodes_start, nodes_end, sort_time, loop_time, callback_time = prof
        print(f"{blanc}TopoOptimizer {optimizer.name or ''}", file=stream)
        print(f"{blanc}  nb_node (start, end, changed) {(nodes_start, nodes_end, count)}", file=stream)
        print(f"{blanc}  init io_toposort {sort_time}", file=stream)
        print(f"{blanc}  loop time {loop_time}", file=stream)
        print(f"{blanc}  callback_time {callback_time}", file=stream)


class OpKeyOptimizer(NavigatorOptimizer):
    """Applies a rule at the nodes of the op, or ops, that its ``op_key()`` names."""

    def __init__(
        self,
        local_opt: LocalOptimizer,
        ignore_newtrees: bool | Literal["auto"] = False,
        failure_callback: Any = None,
        name: str | None = None,
    ) -> None:
        if not hasattr(local_opt, "op_key"):
            raise TypeError(f"{local_opt} has no op_key, by which an OpKeyOptimizer finds nodes")
        super().__init__(local_opt, ignore_newtrees, failure_callback, name)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """A NodeFinder as well."""
        super().add_requirements(fgraph)
        if not hasattr(fgraph, "get_nodes"):
            fgraph.attach_feature(NodeFinder())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Visit the nodes."""
        key = self.local_opt.op_key()  # type: ignore[attr-defined]
        queue: deque[Apply] = deque()
        for op in key if isinstance(key, (list, tuple)) else [key]:
            queue.extend(fgraph.get_nodes(op))
        index = RuleIndex([self.local_opt])
        tracker = ChangeTracker()
        watch = Watch(self, len(fgraph.apply_nodes))
        most = len(fgraph.apply_nodes)
        fgraph.attach_feature(tracker)
        try:
            with one_optimization():
                while queue:
                    node = queue.popleft()
                    if node.fgraph is fgraph and self.process_node(fgraph, node) and not self.ignore_newtrees:
                        most = max(most, len(fgraph.apply_nodes))
                        watch.note(self.local_opt, node, tracker.imported, most)
                        queue.extend(new for new in tracker.imported if index.rules_for(new.op))
                    tracker.clear()
        finally:
            fgraph.remove_feature(tracker)


def _walk(order: Literal["in_to_out", "out_to_in", "random"], local_opts: tuple[Any, ...], kwargs: dict[str, Any]) -> TopoOptimizer:
    name = kwargs.pop("name", None)
    rule = local_opts[0] if len(local_opts) == 1 else LocalOptGroup(*local_opts)
    return TopoOptimizer(
        rule, order=order, name=name or getattr(rule, "name", None) or getattr(rule, "__name__", None), **kwargs
    )


def in2out(*local_opts: Any, **kwargs: Any) -> TopoOptimizer:
    """A navigator that applies rules from the inputs of a graph to its outputs. Keywords go to :class:`TopoOptimizer`."""
    return _walk("in_to_out", local_opts, kwargs)


def out2in(*local_opts: Any, **kwargs: Any) -> TopoOptimizer:
    """A navigator that applies rules from the outputs of a graph to its inputs. Keywords go to :class:`TopoOptimizer`."""
    return _walk("out_to_in", local_opts, kwargs)
