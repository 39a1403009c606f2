"""From the members of a group to its kernel: substitution, phases, scratch.

Grouping has decided which Applies belong together and which axes are one; here their stages become one
list over shared axes, with Maps substituted into what reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from tcore.codegen.arrays import Arrays, runs_along
from tcore.codegen.expr import Axis, Buffer, Expr, Extent, Load, index_const
from tcore.codegen.facts import NodeFacts, is_unit, map_region, region_axes
from tcore.codegen.group import Group
from tcore.codegen.kernel import Check, Kernel, Requirement
from tcore.codegen.scratch import place_scratch
from tcore.codegen.stages import Demand, Map, Prefix, Reduce, Regions, Scatter, Stage
from tcore.codegen.walks import flatten, substitute

__all__ = ["assemble"]


def assemble(
    members: Sequence[NodeFacts],
    hidden: Sequence[NodeFacts],
    outer: tuple[Axis, ...],
    inner: tuple[Axis, ...],
    inlined: set[Any],
    stored: Sequence[Any],
    find: Callable[[Axis], Axis],
) -> Group:
    """One kernel from the stages of ``members`` that stores the variables ``stored``.

    ``hidden`` are views that run outside the kernel but are also read in it; ``inlined`` the nodes whose
    values are computed at their readers' index.
    """
    builder = _Builder([*members, *hidden], outer, inner, inlined, stored, find)
    return builder.build(tuple(facts.node for facts in members))


class _Builder:
    def __init__(
        self,
        facts: Sequence[NodeFacts],
        outer: tuple[Axis, ...],
        inner: tuple[Axis, ...],
        inlined: set[Any],
        stored: Sequence[Any],
        find: Callable[[Axis], Axis],
    ) -> None:
        self.facts = _in_order(facts)
        self.inlined, self.stored, self.find = inlined, list(stored), find
        self.roots_outer = tuple(find(a) for a in outer)
        self.roots_inner = tuple(find(a) for a in inner)
        self.arrays = Arrays(self.facts, (*self.roots_outer, *self.roots_inner), inlined, stored, find)
        # What a variable or a lowering's own scratch is: (axes, value) of a Map.
        self.values: dict[Any, tuple[tuple[Axis | None, ...], Expr]] = {}
        self.reduces: list[Reduce] = []
        self.borders: list[Stage] = []
        self.maps: list[tuple[Buffer, tuple[Axis, ...], Expr]] = []
        self.checks: list[Check] = []
        self.requirements: list[Requirement] = []
        self.inplace_inputs: dict[Any, Any] = {}

    def build(self, nodes: tuple[Any, ...]) -> Group:
        """The group."""
        for facts in self.facts:
            self.add(facts)
        kernel = self.kernel()
        used = set(kernel.inputs)
        inputs = {b: v for v, b in self.arrays.inputs.items() if b in used}
        outputs = tuple(self.stored)
        shapes = tuple(tuple(self.arrays.extent_rule(list(self.arrays.shapes.get(v, ())))) for v in outputs)
        places = {v: k for k, v in enumerate(inputs.values())}
        inplace = {
            k: places[source]
            for k, v in enumerate(outputs)
            if (source := self.inplace_inputs.get(v)) is not None and source in places
        }
        return Group(kernel, nodes, tuple(inputs.values()), outputs, shapes, inplace, tuple(self.checks), tuple(self.requirements))

    def add(self, facts: NodeFacts) -> None:
        """Take in the stages of one node."""
        node, lowered = facts.node, facts.lowered
        sources = {
            operand.buffer: variable
            for operand, variable in zip(lowered.inputs, node.inputs, strict=True)
            if operand.buffer is not None
        }
        results = dict(zip(lowered.outputs, node.outputs, strict=True))
        for out, shown in (getattr(node.op, "destroy_map", None) or {}).items():
            if node.inputs[shown[0]] not in self.arrays.made:
                self.inplace_inputs[node.outputs[out]] = node.inputs[shown[0]]
        self.demand(facts)
        inside = node not in self.inlined
        names: dict[Axis, Axis | Expr] = {}

        def rule(expr: Expr) -> Expr | None:
            if isinstance(expr, Axis):
                return names.get(expr)
            if isinstance(expr, Extent):
                return self.arrays.extent_rule([expr])[0]
            if isinstance(expr, Load):
                return self.element(sources.get(expr.buffer, results.get(expr.buffer, expr.buffer)), expr.index)
            return None

        for stage in facts.stages:
            for axis in region_axes(stage):
                if axis in names:
                    continue
                if is_unit(axis):
                    names[axis] = index_const(0)
                elif inside and self.find(axis) in self.arrays.canonical:
                    names[axis] = self.arrays.canonical[self.find(axis)]
                else:
                    names[axis] = Axis.fresh(axis.name, substitute([axis.extent], rule)[0])

        for stage in facts.stages:
            rewritten = stage.rewrite(lambda exprs: substitute(exprs, rule))
            if isinstance(rewritten, Demand):
                self.requirements += [Requirement(node, condition, rewritten.doubtful) for condition in rewritten.conditions]
            else:
                self.take(rewritten, names, results, sources)

    def demand(self, facts: NodeFacts) -> None:
        """Note the lengths that the node's operands must have."""
        for position, indices in facts.loads.items():
            operand = facts.lowered.inputs[position]
            for index in indices[:1]:
                for k, item in enumerate(index):
                    if not isinstance(item, Axis) or not runs_along(item) or operand.buffer is None:
                        continue
                    root = self.find(item)
                    expected = self.arrays.canonical[root].extent if root in self.arrays.canonical else item.extent
                    actual, expected = self.arrays.extent_rule([Extent(operand.buffer, k), expected])
                    if actual is not expected and not self.arrays.vanished(actual) and not self.arrays.vanished(expected):
                        self.checks.append(Check(facts.node, position, k, actual, expected))

    def element(self, source: Any, index: tuple[Expr, ...]) -> Expr:
        """What reading ``source`` (a Variable, or scratch of a lowering) at ``index`` gives in the kernel."""
        if source in self.values:
            axes, value = self.values[source]
            moved: dict[Expr, Expr] = {axis: item for axis, item in zip(axes, index, strict=True) if axis is not None and axis is not item}
            return substitute([value], moved)[0] if moved else value
        if source in self.arrays.buffers:
            return Load(self.arrays.buffers[source], index)
        if isinstance(source, Buffer):
            return Load(source, index)
        return Load(self.arrays.operand(source), index)

    def take(
        self,
        stage: Stage,
        names: dict[Axis, Any],
        results: dict[Buffer, Any],
        sources: dict[Buffer, Any],
    ) -> None:
        """Add one stage whose expressions are rewritten already."""
        if isinstance(stage, Map):
            axes = tuple(new if isinstance(new := names[a], Axis) else None for a in stage.axes)
            for buffer, value in zip(stage.outputs, stage.values, strict=True):
                key = results.get(buffer, buffer)
                self.values[key] = (axes, value)
                if key in self.stored:
                    self.maps.append((self.arrays.target(key), tuple(a for a in axes if a is not None), value))
        elif isinstance(stage, Reduce):
            kept = tuple(new for a in stage.axes if isinstance(new := names[a], Axis))
            reduced = tuple(new for a in stage.reduced if isinstance(new := names[a], Axis))
            outputs = tuple(self.arrays.reduced(buffer, results.get(buffer, buffer)) for buffer in stage.outputs)
            self.reduces.append(evolve(stage, axes=kept, reduced=reduced, outputs=outputs))
        else:
            self.borders.append(self.border(stage, names, results, sources))

    def border(
        self, stage: Stage, names: dict[Axis, Any], results: dict[Buffer, Any], sources: dict[Buffer, Any]
    ) -> Stage:
        """A border stage over the kernel's arrays and axes."""

        def array(buffer: Buffer) -> Buffer:
            if buffer in results:
                return self.arrays.target(results[buffer])
            return self.arrays.operand(sources[buffer])

        axes = {a: new for a, new in names.items() if isinstance(new, Axis)}
        if isinstance(stage, Regions):
            base = array(stage.base) if stage.base is not None else None
            regions = tuple(map_region(region, axes) for region in stage.regions)
            regions = tuple(evolve(r, axes=tuple(a for a in r.axes if not is_unit(a))) for r in regions)
            return evolve(stage, output=array(stage.output), base=base, regions=regions)
        if isinstance(stage, Scatter):
            base = array(stage.base) if stage.base is not None else None
            checked = tuple((k, self.arrays.extent_rule([length])[0]) for k, length in stage.checked)
            kept = tuple(axes[a] for a in stage.axes if a in axes)
            return evolve(stage, output=array(stage.output), axes=kept, base=base, checked=checked)
        assert isinstance(stage, Prefix)
        moved = tuple(axes.get(a, a) for a in stage.axes)
        return evolve(stage, outputs=tuple(map(array, stage.outputs)), axes=moved, ordered=axes.get(stage.ordered, stage.ordered))

    # -- the kernel

    def kernel(self) -> Kernel:
        """Stages in order, values shared between phases in scratch."""
        outer = tuple(self.arrays.canonical[a] for a in self.roots_outer)
        inner = tuple(self.arrays.canonical[a] for a in self.roots_inner)
        outputs = tuple(self.arrays.target(v) for v in self.stored)
        plan = place_scratch(outer, inner, self.reduces, self.maps, outputs)
        stages = (*plan.stages, *self.borders)
        read: dict[Buffer, None] = {}
        for stage in stages:
            for expr in flatten([*stage.exprs, *(a.extent for a in region_axes(stage))]):
                if isinstance(expr, Load):
                    read[expr.buffer] = None
            base = getattr(stage, "base", None)
            if base is not None:
                read[base] = None
        for expr in flatten([requirement.condition for requirement in self.requirements]):
            if isinstance(expr, Load):
                read[expr.buffer] = None
        measured = self.length_sources(outer, inner, stages)
        order = [b for b in self.arrays.inputs.values() if b in read or b in measured]
        return Kernel(outer, inner, stages, tuple(order), outputs, plan.outer_scratch, plan.row_scratch)

    def length_sources(self, outer: tuple[Axis, ...], inner: tuple[Axis, ...], stages: tuple[Stage, ...]) -> set[Buffer]:
        """Operands that are there for their lengths only."""
        roots: list[Expr] = [a.extent for a in (*outer, *inner)]
        for stage in stages:
            roots += [a.extent for a in region_axes(stage)]
            roots += stage.exprs
            if isinstance(stage, Scatter):
                roots += [length for _, length in stage.checked]
        # checks run before the kernel, and arrays that are only measured are needed for them and for the outputs' shapes
        roots += [expr for check in self.checks for expr in (check.actual, check.expected)]
        roots += [requirement.condition for requirement in self.requirements]
        roots += [e for v in self.stored for e in self.arrays.extent_rule(list(self.arrays.shapes.get(v, ())))]
        return {e.buffer for e in flatten(roots) if isinstance(e, Extent)}


def _in_order(facts: Sequence[NodeFacts]) -> list[NodeFacts]:
    """Producers first (hidden views come last in the given list)."""
    made = {v: f for f in facts for v in f.node.outputs}
    done: dict[NodeFacts, None] = {}
    for root in facts:
        stack = [root]
        while stack:
            top = stack[-1]
            missing = [made[v] for v in top.node.inputs if v in made and made[v] not in done]
            if missing:
                stack.extend(missing)
            else:
                done[stack.pop()] = None
    return list(done)
