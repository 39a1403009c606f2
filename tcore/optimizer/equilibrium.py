"""EquilibriumOptimizer: many rules, applied until none has anything to do."""

from __future__ import annotations

import sys
from collections import deque
from itertools import zip_longest
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

from attrs import field

from tcore.configuration import config
from tcore.optimizer.base import LocalOptimizer
from tcore.optimizer.failures import one_optimization, report_local_failure
from tcore.optimizer.navigators import ChangeTracker, NavigatorOptimizer
from tcore.optimizer.oscillation import Watch
from tcore.optimizer.replacing import apply_rule, first_change
from tcore.optimizer.rules import RuleIndex
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["EquilibriumOptimizer"]

# how many levels of users are asked again when a node changes: rules look at the owners of their inputs, and at theirs
_DEPTH = 3


@define
class _Pass:
    """What one pass did."""

    seconds: float = 0.0
    seconds_global: float = 0.0
    seconds_sort: float = 0.0
    nodes: int = 0
    applied: dict[Any, int] = field(factory=dict)

    def plus(self, other: _Pass) -> _Pass:
        """The sum of two."""
        return _Pass(
            self.seconds + other.seconds,
            self.seconds_global + other.seconds_global,
            self.seconds_sort + other.seconds_sort,
            self.nodes + other.nodes,
            _sums(self.applied, other.applied),
        )


@define
class _Record:
    """What one call of ``apply`` did."""

    optimizer: Any
    nodes_start: int
    nodes_end: int = 0
    nodes_max: int = 0
    seconds: float = 0.0
    passes: list[_Pass] = field(factory=list)
    rule_seconds: dict[Any, float] = field(factory=dict)
    rule_applied: dict[Any, int] = field(factory=dict)
    rule_created: dict[Any, int] = field(factory=dict)

    def plus(self, other: _Record) -> _Record:
        """The sum of two, with as many passes as the longer one has."""
        pairs = zip_longest(self.passes, other.passes, fillvalue=_Pass())
        return _Record(
            self.optimizer,
            self.nodes_start + other.nodes_start,
            self.nodes_end + other.nodes_end,
            self.nodes_max + other.nodes_max,
            self.seconds + other.seconds,
            [first.plus(second) for first, second in pairs],
            _sums(self.rule_seconds, other.rule_seconds),
            _sums(self.rule_applied, other.rule_applied),
            _sums(self.rule_created, other.rule_created),
        )


def _sums(first: dict[Any, Any], second: dict[Any, Any]) -> dict[Any, Any]:
    return {each: first.get(each, 0) + second.get(each, 0) for each in {**first, **second}}


class EquilibriumOptimizer(NavigatorOptimizer):
    """Applies rules and optimizers until a pass over the whole graph changes nothing.

    Nodes wait in a queue. A change puts in what it made, and the users of what it changed; all other nodes are left alone
    until the queue is empty. One look at every node then proves the equilibrium.

    Parameters
    ----------
    optimizers : iterable of LocalOptimizer and Optimizer
    failure_callback : callable, optional
        See :class:`NavigatorOptimizer`.
    ignore_newtrees : bool
        Accepted for the documented interface; new nodes are visited at once.
    tracks_on_change_inputs : bool
        Accepted for the documented interface; nodes with changed inputs are visited again.
    max_use_ratio : float, optional
        No rule is applied more often than this times the largest number of nodes; by default
        ``config.optdb.max_use_ratio``. Rules that undo each other are reported, and one of them is off from then on: see
        :mod:`tcore.optimizer.oscillation`.
    final_optimizers, cleanup_optimizers : iterables of Optimizer, optional
        Applied after each pass.
    """

    def __init__(
        self,
        optimizers: Iterable[Any],
        failure_callback: Any = None,
        ignore_newtrees: bool = True,
        tracks_on_change_inputs: bool = False,
        max_use_ratio: float | None = None,
        final_optimizers: Iterable[Any] | None = None,
        cleanup_optimizers: Iterable[Any] | None = None,
        name: str | None = None,
    ) -> None:
        members = list(optimizers)
        self.local_optimizers: list[Any] = [each for each in members if isinstance(each, LocalOptimizer)]
        self.global_optimizers: list[Any] = [each for each in members if not isinstance(each, LocalOptimizer)]
        self.final_optimizers = list(final_optimizers or ())
        self.cleanup_optimizers = list(cleanup_optimizers or ())
        self.tracks_on_change_inputs = tracks_on_change_inputs
        self.max_use_ratio = max_use_ratio
        self.ignore_newtrees = ignore_newtrees
        self.failure_callback = failure_callback
        self.name = name
        self._index = RuleIndex(self.local_optimizers)

    def get_local_optimizers(self) -> Sequence[Any]:
        """The rules, in the order in which they are tried."""
        return tuple(self.local_optimizers)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Those of all members."""
        for member in (
            *self.local_optimizers,
            *self.global_optimizers,
            *self.final_optimizers,
            *self.cleanup_optimizers,
        ):
            member.add_requirements(fgraph)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> _Record:
        """Run to equilibrium; gives a record for :meth:`print_profile`."""
        with one_optimization() as off:
            run = _Run(self, fgraph, off)
            fgraph.attach_feature(run.tracker)
            try:
                run.to_equilibrium()
            finally:
                fgraph.remove_feature(run.tracker)
        return run.record

    def __str__(self) -> str:
        return self.name or type(self).__name__

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print the members, too."""
        stream = stream or sys.stdout
        print(f"{' ' * level}EquilibriumOptimizer {self.name or ''}".rstrip(), file=stream)
        if depth != 0:
            for member in (
                *self.local_optimizers,
                *self.global_optimizers,
                *self.final_optimizers,
                *self.cleanup_optimizers,
            ):
                member.print_summary(stream, level=level + 2, depth=depth - 1)

    @staticmethod
    def merge_profile(prof1: _Record, prof2: _Record) -> _Record:
        """The passes by their number, the rules each by itself."""
        return prof1.plus(prof2)

    @staticmethod
    def print_profile(stream: TextIO, prof: Any, level: int = 0) -> None:
        """Print passes, rules by time, and rules that did nothing."""
        blanc = "    " * level
        print(f"{blanc}EquilibriumOptimizer {prof.optimizer.name or ''}", file=stream)
        print(f"{blanc}  time {prof.seconds:.3f}s for {len(prof.passes)} passes", file=stream)
        print(f"{blanc}  nb nodes (start, end,  max) {prof.nodes_start} {prof.nodes_end} {prof.nodes_max}", file=stream)
        print(f"{blanc}  time io_toposort {sum(p.seconds_sort for p in prof.passes):.3f}s", file=stream)
        in_rules = sum(seconds for rule, seconds in prof.rule_seconds.items() if isinstance(rule, LocalOptimizer))
        print(f"{blanc}  time in local optimizers {in_rules:.3f}s", file=stream)
        print(f"{blanc}  time in global optimizers {sum(p.seconds_global for p in prof.passes):.3f}s", file=stream)
        for number, each in enumerate(prof.passes):
            counts = sorted(((str(rule), n) for rule, n in each.applied.items()), key=lambda item: (-item[1], item[0]))
            shown = " ".join(str(item) for item in counts[:5]) + (" ..." if len(counts) > 5 else "")
            print(
                f"{blanc}  {number:2d} - {each.seconds:.3f}s {sum(each.applied.values())} ({each.seconds_global:.3f}s in global "
                f"opts, {each.seconds_sort:.3f}s io_toposort) - {each.nodes} nodes - {shown}".rstrip(),
                file=stream,
            )
        used = [rule for rule in prof.rule_seconds if prof.rule_applied.get(rule)]
        unused = [rule for rule in prof.rule_seconds if not prof.rule_applied.get(rule)]
        print(f"{blanc}  times - times applied - nb node created - name:", file=stream)
        for rule in sorted(used, key=lambda rule: -prof.rule_seconds[rule]):
            print(
                f"{blanc}  {prof.rule_seconds[rule]:.3f}s - {prof.rule_applied[rule]} - "
                f"{prof.rule_created.get(rule, 0)} - {rule}",
                file=stream,
            )
        print(
            f"{blanc}  {sum(prof.rule_seconds[rule] for rule in unused):.3f}s - in {len(unused)} optimization that where not "
            "used (display only those with a runtime > 0)",
            file=stream,
        )
        for rule in sorted(unused, key=lambda rule: -prof.rule_seconds[rule]):
            if prof.rule_seconds[rule] > 0:
                print(f"{blanc}    {prof.rule_seconds[rule]:.3f}s - {rule}", file=stream)


class _Run:
    """One application of an EquilibriumOptimizer to one graph."""

    def __init__(self, optimizer: EquilibriumOptimizer, fgraph: FunctionGraph, off: set[Any]) -> None:
        self.optimizer = optimizer
        self.fgraph = fgraph
        self.tracker = ChangeTracker()
        nodes = len(fgraph.apply_nodes)
        self.record = _Record(optimizer, nodes, nodes_max=nodes)
        self.off = off
        self.watch = Watch(optimizer, nodes, optimizer.max_use_ratio)
        self.profiled = bool(config.profile and config.profile_optimizer)

    def to_equilibrium(self) -> None:
        start = perf_counter()
        # the first pass looks at everything; so does the last, which changes nothing
        while self.one_pass():
            pass
        self.record.seconds = perf_counter() - start
        self.record.nodes_end = len(self.fgraph.apply_nodes)

    def one_pass(self) -> bool:
        """Whether anything changed; what was tried, refused and taken back is no change."""
        fgraph, optimizer, tracker = self.fgraph, self.optimizer, self.tracker
        this = _Pass()
        self.record.passes.append(this)
        start = perf_counter()
        for member in optimizer.global_optimizers:
            self._apply_global(member, this)
        tracker.clear()
        began = perf_counter()
        queue = deque(fgraph.toposort())
        this.seconds_sort = perf_counter() - began
        self._work_off(queue, this)
        for member in (*optimizer.final_optimizers, *optimizer.cleanup_optimizers):
            self._apply_global(member, this)
        this.seconds = perf_counter() - start
        this.nodes = len(fgraph.apply_nodes)
        return bool(this.applied)

    def _apply_global(self, member: Any, this: _Pass) -> None:
        if self.off and member in self.off:
            return
        began = perf_counter()
        count = self.tracker.count
        nodes = len(self.tracker.imported)
        member.apply(self.fgraph)
        seconds = perf_counter() - began
        this.seconds_global += seconds
        self.record.rule_seconds[member] = self.record.rule_seconds.get(member, 0.0) + seconds
        if self.tracker.count != count:
            self._note(member, this, None, self.tracker.imported[nodes:])

    def _note(self, rule: Any, this: _Pass, node: Apply | None, made: Sequence[Apply]) -> None:
        record = self.record
        this.applied[rule] = this.applied.get(rule, 0) + 1
        record.rule_applied[rule] = record.rule_applied.get(rule, 0) + 1
        record.rule_created[rule] = record.rule_created.get(rule, 0) + len(made)
        record.nodes_max = max(record.nodes_max, len(self.fgraph.apply_nodes))
        self.watch.note(rule, node, made, record.nodes_max)

    def _work_off(self, queue: deque[Apply], this: _Pass) -> None:
        fgraph, tracker, rules_for = self.fgraph, self.tracker, self.optimizer._index.rules_for
        waiting = set(queue)
        on_error = self._failed
        off = self.off
        attempt = self._timed_change if self.profiled else first_change
        seen = tracker.count
        while queue:
            node = queue.popleft()
            waiting.discard(node)
            if node.fgraph is not fgraph:
                continue
            rules = rules_for(node.op)
            if off:
                rules = [rule for rule in rules if rule not in off]
            rule = attempt(fgraph, node, rules, on_error) if rules else None
            if rule is not None:
                self._note(rule, this, node, tracker.imported)
                self._enqueue(queue, waiting, node)
            if tracker.count != seen:
                # what a refused replacement brought in and took out again is no news
                tracker.clear()
                seen = tracker.count

    def _timed_change(self, fgraph: FunctionGraph, node: Apply, rules: Sequence[Any], on_error: Any) -> Any:
        """As :func:`first_change`, with the time that each rule takes."""
        seconds = self.record.rule_seconds
        for rule in rules:
            began = perf_counter()
            changed = apply_rule(fgraph, node, rule, on_error)
            seconds[rule] = seconds.get(rule, 0.0) + perf_counter() - began
            if changed:
                return rule
        return None

    def _enqueue(self, queue: deque[Apply], waiting: set[Apply], node: Apply) -> None:
        """Put in line what the last change concerns: what it made first, in order; then users, then producers."""
        fgraph, tracker = self.fgraph, self.tracker
        first = [new for new in tracker.imported if new.fgraph is fgraph and new not in waiting]
        if node.fgraph is fgraph and node not in waiting and node not in first:
            first.append(node)
        queue.extendleft(reversed(first))
        waiting.update(first)
        layer = dict.fromkeys(tracker.changed)
        for level in range(1, _DEPTH + 1):
            users: dict[Apply, None] = {}
            for changed in layer:
                if changed.fgraph is not fgraph:
                    continue
                if changed not in waiting:
                    waiting.add(changed)
                    queue.append(changed)
                if level == _DEPTH:
                    continue
                for output in changed.outputs:
                    clients = fgraph._clients[output]
                    if len(clients) <= 8:  # a value that everybody uses: the last pass sees to far users
                        for user, _ in clients:
                            if not isinstance(user, str):
                                users[user] = None
            layer = users
        self._enqueue_producers(queue, waiting)

    def _enqueue_producers(self, queue: deque[Apply], waiting: set[Apply]) -> None:
        """Put in line what is used by fewer or by others now: rules look at the users, too."""
        fgraph, tracker = self.fgraph, self.tracker
        if not tracker.pruned:
            return
        # an op in the place of an equal one, with as many inputs, makes no difference to what both use
        gained: dict[tuple[Any, int, int], int] = {}
        for new in tracker.imported:
            for variable in new.inputs:
                use = (variable, id(new.op), len(new.inputs))
                gained[use] = gained.get(use, 0) + 1
        for old in tracker.pruned:
            for variable in old.inputs:
                producer = variable.owner
                if producer is None or producer.fgraph is not fgraph or producer in waiting:
                    continue
                use = (variable, id(old.op), len(old.inputs))
                if gained.get(use):
                    gained[use] -= 1
                else:
                    waiting.add(producer)
                    queue.append(producer)

    def _failed(self, rule: Any, node: Apply, error: Exception) -> None:
        callback = self.optimizer.failure_callback
        if callback is None:
            report_local_failure(rule, node, error)
        else:
            self.off.add(rule)
            callback(error, self.optimizer, [], rule, node)
