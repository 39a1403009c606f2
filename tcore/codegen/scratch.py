"""Levels and scratch: in which phase each value of a kernel is computed, and what is kept between phases.

A value that depends on the outer axes alone is computed once per row (outer scratch); a row of values
that cost a transcendental call and are read by several phases is kept (row scratch), or read back from
the output where it is stored anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from tcore.codegen.expr import Axis, Buffer, Expr, Load
from tcore.codegen.kernel import expression_cost
from tcore.codegen.stages import Map, Reduce, Stage
from tcore.codegen.walks import flatten, rebuilt, replace_whole
from tcore.records import frozen

__all__ = ["Plan", "place_scratch"]

Store = tuple[Buffer, tuple[Axis, ...], Expr]
"""A Map of one output: where, over which axes (of the kernel), what."""


@frozen(eq=False)
class Plan:
    """Stages in order and the scratch between them."""

    stages: tuple[Stage, ...]
    outer_scratch: tuple[Buffer, ...]
    row_scratch: tuple[Buffer, ...]


def place_scratch(
    outer: tuple[Axis, ...],
    inner: tuple[Axis, ...],
    reduces: Sequence[Reduce],
    maps: Sequence[Store],
    outputs: Sequence[Buffer],
) -> Plan:
    """Order reductions and stores by what they read, and keep what several of them share.

    Within a phase the order is: rows kept, reductions, values per outer index.  Stores that nobody reads
    back come last.
    """
    if not reduces:
        return Plan(tuple(_join_maps(maps)), (), ())
    placer = _Placer(outer, inner, list(reduces), list(maps), set(outputs))
    return placer.plan()


def _join_maps(maps: Iterable[Store]) -> list[Map]:
    """Stores over the same axes become one Map."""
    by_axes: dict[frozenset[Axis], list[Store]] = {}
    for store in maps:
        by_axes.setdefault(frozenset(store[1]), []).append(store)
    return [
        # Each output has its own order of axes; `index` of the first names the loop, others are permuted views.
        Map(tuple(b for b, _, _ in stores), stores[0][1], tuple(v for _, _, v in stores))
        for group in by_axes.values()
        for stores in _by_order(group)
    ]


def _by_order(stores: Sequence[Store]) -> list[list[Store]]:
    orders: dict[tuple[Axis, ...], list[Store]] = {}
    for store in stores:
        orders.setdefault(store[1], []).append(store)
    return list(orders.values())


class _Placer:
    def __init__(
        self,
        outer: tuple[Axis, ...],
        inner: tuple[Axis, ...],
        reduces: list[Reduce],
        maps: list[Store],
        outputs: set[Buffer],
    ) -> None:
        self.outer, self.inner, self.reduces, self.maps, self.outputs = outer, inner, reduces, maps, outputs
        self.per_row = frozenset(outer)
        self.phase_of: dict[Buffer, int] = {}
        self.outer_scratch: list[Buffer] = []
        self.row_scratch: list[Buffer] = []
        self.kept: list[Store] = []

    def plan(self) -> Plan:
        """The stages."""
        self.hoist()
        self.keep_rows()
        return self.order()

    def hoist(self) -> None:
        """Values per outer index that full-level stages read become outer scratch."""
        level = {b: self.per_row for r in self.reduces for b in r.outputs}
        roots: list[Expr] = [e for r in self.reduces for e in r.elements]
        roots += [v for _, axes, v in self.maps if len(axes) > len(self.outer)]
        moved: dict[Expr, Expr] = {}
        for expr in _maximal(roots, lambda e: e.axes <= self.per_row and expression_cost(e) > 0):
            reads = {e.buffer for e in flatten([expr]) if isinstance(e, Load)}
            if not (expr.axes or reads & level.keys()):
                continue  # the same for all elements: a compiler moves it by itself
            buffer = Buffer(f"s{len(self.outer_scratch)}", expr.dtype, (False,) * len(self.outer))
            self.outer_scratch.append(buffer)
            self.kept.append((buffer, self.outer, expr))
            moved[expr] = Load(buffer, self.outer)
        if moved:
            self.reduces = [r.rewrite(lambda exprs: replace_whole(exprs, moved)) for r in self.reduces]
            self.maps = [
                (b, axes, replace_whole([v], moved)[0] if len(axes) > len(self.outer) else v) for b, axes, v in self.maps
            ]
            self.kept = [(b, axes, v) for b, axes, v in self.kept]

    def keep_rows(self) -> None:
        """Rows that cost a call and are read in several phases; what is kept is read where another kept row needs it."""
        while shared := self.shared_rows():
            self.keep(shared)

    def keep(self, rows: Sequence[Expr]) -> None:
        """Store ``rows``, as outputs where they are some, and read them from there."""
        stored = {v: (b, axes) for b, axes, v in self.maps}
        moved: dict[Expr, Expr] = {}
        kept: list[Store] = []
        for expr in rows:
            axes: tuple[Axis, ...] = (*self.outer, *self.inner)
            if expr in stored:
                buffer, axes = stored[expr]
                self.maps = [store for store in self.maps if store[0] is not buffer]
                if any(buffer.broadcastable):
                    axes = ()
            if expr not in stored or not axes:
                if expr in stored:
                    self.maps.append((stored[expr][0], stored[expr][1], expr))
                axes = (*self.outer, *self.inner)
                buffer = Buffer(f"row{len(self.row_scratch)}", expr.dtype, (False,) * len(axes))
                self.row_scratch.append(buffer)
            kept.append((buffer, axes, expr))
            moved[expr] = Load(buffer, axes)
        self.reduces = [r.rewrite(lambda exprs: replace_whole(exprs, moved)) for r in self.reduces]
        self.maps = [(b, axes, replace_whole([v], moved)[0]) for b, axes, v in self.maps]
        self.kept = [(b, axes, replace_whole([v], moved)[0]) for b, axes, v in self.kept]
        # a row is not read to make itself
        self.kept += [(b, axes, rebuilt(v, tuple(replace_whole(v.args, moved)))) for b, axes, v in kept]

    def shared_rows(self) -> list[Expr]:
        """The topmost expressions that cost a call and are read in several phases, operands before users."""
        phases = self.phases()
        last = 1 + max(phases.values(), default=0)
        full = len(self.outer) + len(self.inner)
        stages = [(phases[r.outputs[0]], r.elements) for r in self.reduces]
        stages += [(phases[b] + 1, (v,)) for b, axes, v in self.kept if len(axes) == full]
        stages += [(last, (v,)) for _, axes, v in self.maps if len(axes) > len(self.outer)]
        users: dict[Expr, set[int]] = {}
        heavy: set[Expr] = set()
        for phase, roots in stages:
            for expr in flatten(roots):
                users.setdefault(expr, set()).add(phase)
                if expression_cost(expr) >= 8 or any(arg in heavy for arg in expr.args):
                    heavy.add(expr)
        shared = {e for e, seen in users.items() if len(seen) > 1 and e in heavy and not e.axes <= self.per_row}
        found = set(_maximal([e for _, roots in stages for e in roots], lambda e: e in shared))
        return [e for e in users if e in found]

    def phases(self) -> dict[Buffer, int]:
        """Phase after which each reduction's result and each kept value is there; what is read stands before what reads it."""
        phase: dict[Buffer, int] = {}
        producers: dict[Buffer, tuple[Expr, ...]] = {b: r.elements for r in self.reduces for b in r.outputs}
        producers |= {b: (v,) for b, _, v in self.kept}
        reduced = {b for r in self.reduces for b in r.outputs}
        for root in producers:
            stack = [root]
            while stack:
                top = stack[-1]
                reads = {e.buffer for e in flatten(producers[top]) if isinstance(e, Load) and e.buffer in producers}
                missing = [b for b in reads if b not in phase]
                if missing:
                    stack.extend(missing)
                    continue
                phase[top] = max((phase[b] for b in reads), default=0) + (top in reduced)
                stack.pop()
        return phase

    def order(self) -> Plan:
        """Stages by phase: rows kept, reductions, values per outer index; then the stores."""
        phase = self.phases()
        full = len(self.outer) + len(self.inner)
        kept_buffers = {b for b, _, _ in self.kept}
        place = {buffer: k for k, buffer in enumerate(phase)}
        steps: list[tuple[tuple[int, int, int], Stage]] = []
        for buffer, axes, value in self.kept:
            row = len(axes) == full
            steps.append(((phase[buffer] + row, 0 if row else 2, place[buffer]), Map((buffer,), axes, (value,))))
        for k, reduce in enumerate(self.reduces):
            steps.append(((phase[reduce.outputs[0]], 1, k), reduce))
        steps.sort(key=lambda step: step[0])
        stages = [stage for _, stage in _merge_scratch(steps)]
        stages += _join_maps(store for store in self.maps if store[0] not in kept_buffers)
        results = [b for r in self.reduces for b in r.outputs if b not in self.outputs]
        return Plan(tuple(stages), (*results, *self.outer_scratch), tuple(self.row_scratch))


def _merge_scratch(steps: list[tuple[tuple[int, int, int], Stage]]) -> list[tuple[tuple[int, int, int], Stage]]:
    """Neighbouring Maps over the same axes that do not read one another become one."""
    merged: list[tuple[tuple[int, int, int], Stage]] = []
    for key, stage in steps:
        if merged and isinstance(stage, Map) and isinstance(last := merged[-1][1], Map) and last.axes == stage.axes:
            reads = {e.buffer for e in flatten(stage.values) if isinstance(e, Load)}
            if not reads & set(last.outputs):
                joined = evolve(last, outputs=last.outputs + stage.outputs, values=last.values + stage.values)
                merged[-1] = (merged[-1][0], joined)
                continue
        merged.append((key, stage))
    return merged


def _maximal(roots: Sequence[Expr], wanted: object) -> list[Expr]:
    """The topmost wanted expressions below ``roots``, in order; indices of loads are not searched."""
    test = wanted if callable(wanted) else None
    assert test is not None
    found: dict[Expr, None] = {}
    seen: set[Expr] = set()
    stack = list(reversed(roots))
    while stack:
        expr = stack.pop()
        if expr in seen:
            continue
        seen.add(expr)
        if test(expr):
            found[expr] = None
        elif not isinstance(expr, Load):
            stack.extend(reversed(expr.args))
    return list(found)
