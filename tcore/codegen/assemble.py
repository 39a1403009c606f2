"""From the members of a group to its kernel: substitution, phases, scratch.

Grouping has decided which Applies belong together and which axes are one; here their stages become one
list over shared axes, with Maps substituted into what reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from tcore.codegen.expr import Axis, Buffer, Expr, Extent, Load, index_const
from tcore.codegen.facts import NodeFacts, is_unit, map_region, reads_elements, region_axes
from tcore.codegen.kernel import Check, Kernel, Requirement
from tcore.codegen.lowering import axis_name
from tcore.codegen.scratch import place_scratch
from tcore.codegen.stages import Demand, Map, Prefix, Reduce, Regions, Scatter, Stage
from tcore.codegen.walks import flatten, substitute
from tcore.records import frozen

__all__ = ["Group", "assemble"]


@frozen(eq=False)
class Group:
    """Applies that run as one kernel.

    Attributes
    ----------
    kernel : Kernel
    nodes : tuple of Apply
        In graph order.
    inputs, outputs : tuple of Variable
        Parallel to the kernel's buffers of these names.
    shapes : tuple
        For each output, its lengths in terms of ``Extent(buffer, axis)`` of inputs, where the lowering
        says so; else of the output itself (the graph's ``infer_shape`` knows).
    inplace : dict
        Position of an output to that of the input whose memory it takes over.
    checks : tuple of Check
        Which lengths of operands must be equal, before the kernel runs.
    requirements : tuple of Requirement
        What else the member Applies demand, in order; conditions may read elements of ``inputs``.
    """

    kernel: Kernel
    nodes: tuple[Any, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    shapes: tuple[tuple[Expr, ...], ...]
    inplace: dict[int, int]
    checks: tuple[Check, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    def __repr__(self) -> str:
        return f"Group({', '.join(str(node.op) for node in self.nodes)})"


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
        self.made = {v for f in self.facts for v in f.node.outputs}
        self.buffers: dict[Any, Buffer] = {}  # operands and stored arrays, by Variable
        self.inputs: dict[Any, Buffer] = {}
        # What a variable or a lowering's own scratch is: (axes, value) of a Map, or a buffer.
        self.values: dict[Any, tuple[tuple[Axis | None, ...], Expr]] = {}
        self.shapes: dict[Any, tuple[Expr, ...]] = {}
        self.lengths: dict[Axis, list[Expr]] = {}
        self.canonical: dict[Axis, Axis] = {}
        self.reduces: list[Reduce] = []
        self.borders: list[Stage] = []
        self.maps: list[tuple[Buffer, tuple[Axis, ...], Expr]] = []
        self.checks: list[Check] = []
        self.requirements: list[Requirement] = []
        self.inplace_inputs: dict[Any, Any] = {}

    # -- names

    def operand(self, variable: Any) -> Buffer:
        """The kernel's buffer for a variable from outside."""
        found = self.inputs.get(variable)
        if found is None:
            flags = tuple(getattr(variable.type, "broadcastable", ()))
            found = self.inputs[variable] = Buffer(f"x{len(self.inputs)}", variable.type.dtype, flags)
        return found

    def target(self, variable: Any) -> Buffer:
        """The kernel's buffer for a variable that it stores."""
        found = self.buffers.get(variable)
        if found is None:
            flags = tuple(getattr(variable.type, "broadcastable", ()))
            name = f"z{self.stored.index(variable)}" if variable in self.stored else f"t{len(self.buffers)}"
            found = self.buffers[variable] = Buffer(name, variable.type.dtype, flags)
        return found

    # -- axes and lengths

    def name_axes(self) -> None:
        """Give each class of equal axes one axis, whose length is known from outside the kernel."""
        roots = {*self.roots_outer, *self.roots_inner}
        for facts in self.facts:
            if facts.node in self.inlined:
                continue
            for stage in facts.stages:
                for axis in stage.loops:
                    # a length that elements decide is that of the stored result
                    if not is_unit(axis) and not reads_elements(axis.extent) and (root := self.find(axis)) in roots:
                        self.lengths.setdefault(root, []).append(axis.extent)
            for position, indices in facts.loads.items():
                variable = facts.node.inputs[position]
                if variable in self.made:
                    continue
                for index in indices:
                    for k, item in enumerate(index):
                        if isinstance(item, Axis) and runs_along(item) and (root := self.find(item)) in roots:
                            self.lengths.setdefault(root, []).insert(0, Extent(self.operand(variable), k))
            for position, axes in facts.produced.items():
                variable = facts.node.outputs[position]
                if variable in self.stored:
                    for k, made in enumerate(axes):
                        if made is not None and (root := self.find(made)) in roots:
                            self.lengths.setdefault(root, []).append(Extent(self.target(variable), k))
        for number, root in enumerate((*self.roots_outer, *self.roots_inner)):
            self.canonical[root] = Axis.fresh(axis_name(number), self.lengths[root][0])

    def settle(self) -> None:
        """Replace lengths that are stated in terms of vanished arrays."""
        for root, axis in list(self.canonical.items()):
            known = [self.extent_rule([length]) for length in self.lengths[root]]
            best = next((k[0] for k in known if not self.vanished(k[0])), known[0][0])
            if best is not axis.extent:
                self.canonical[root] = Axis.fresh(axis.name, best)

    def vanished(self, length: Expr) -> bool:
        """Whether a length refers to an array that is neither operand nor stored."""
        alive = {*self.inputs.values(), *self.buffers.values()}
        return any(isinstance(e, Extent) and e.buffer not in alive for e in flatten([length]))

    def extent_rule(self, exprs: list[Expr]) -> list[Expr]:
        """Rewrite lengths of node operands to lengths of kernel operands."""
        for _ in range(len(self.facts) + 1):
            new = substitute(exprs, self.extents)
            if all(a is b for a, b in zip(new, exprs, strict=True)):
                break
            exprs = new
        return exprs

    @property
    def extents(self) -> dict[Expr, Expr]:
        return self._extents

    def collect_extents(self) -> None:
        """What the length of each array of each node is in terms of the kernel's arrays."""
        self._extents: dict[Expr, Expr] = {}
        shape_of: dict[Any, tuple[Expr, ...]] = {}
        for facts in self.facts:
            lowered = facts.lowered
            for operand, variable in zip(lowered.inputs, facts.node.inputs, strict=True):
                if operand.buffer is None:
                    continue
                for k in range(operand.buffer.ndim):
                    mine = Extent(operand.buffer, k)
                    if variable in shape_of:
                        self._extents[mine] = shape_of[variable][k]
                    elif variable in self.inputs or not operand.buffer.broadcastable[k]:
                        self._extents[mine] = Extent(self.operand_name(variable), k)
            own = dict(zip(lowered.outputs, facts.node.outputs, strict=True))
            for stage in facts.stages:
                if isinstance(stage, (Map, Reduce)):
                    for buffer in stage.outputs:
                        if buffer in own and not any(reads_elements(a.extent) for a in stage.axes):
                            lengths = substitute([a.extent for a in stage.axes], self._extents)
                            shape_of[own[buffer]] = tuple(lengths)
            for buffer, variable in own.items():
                if variable in self.stored:
                    for k in range(buffer.ndim):
                        self._extents[Extent(buffer, k)] = Extent(self.target(variable), k)
                    shape_of.setdefault(variable, tuple(Extent(self.target(variable), k) for k in range(buffer.ndim)))
        self.shapes = shape_of

    def operand_name(self, variable: Any) -> Buffer:
        return self.operand(variable)

    # -- expressions

    def build(self, nodes: tuple[Any, ...]) -> Group:
        """The group."""
        self.collect_extents()
        self.name_axes()
        self.settle()
        for facts in self.facts:
            self.add(facts)
        kernel = self.kernel()
        used = set(kernel.inputs)
        inputs = {b: v for v, b in self.inputs.items() if b in used}
        outputs = tuple(self.stored)
        shapes = tuple(tuple(self.extent_rule(list(self.shapes.get(v, ())))) for v in outputs)
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
            if node.inputs[shown[0]] not in self.made:
                self.inplace_inputs[node.outputs[out]] = node.inputs[shown[0]]
        self.demand(facts)
        inside = node not in self.inlined
        names: dict[Axis, Axis | Expr] = {}

        def rule(expr: Expr) -> Expr | None:
            if isinstance(expr, Axis):
                return names.get(expr)
            if isinstance(expr, Extent):
                return self.extent_rule([expr])[0]
            if isinstance(expr, Load):
                return self.element(sources.get(expr.buffer, results.get(expr.buffer, expr.buffer)), expr.index)
            return None

        for stage in facts.stages:
            for axis in region_axes(stage):
                if axis in names:
                    continue
                if is_unit(axis):
                    names[axis] = index_const(0)
                elif inside and self.find(axis) in self.canonical:
                    names[axis] = self.canonical[self.find(axis)]
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
                    expected = self.canonical[root].extent if root in self.canonical else item.extent
                    actual, expected = self.extent_rule([Extent(operand.buffer, k), expected])
                    if actual is not expected and not self.vanished(actual) and not self.vanished(expected):
                        self.checks.append(Check(facts.node, position, k, actual, expected))

    def element(self, source: Any, index: tuple[Expr, ...]) -> Expr:
        """What reading ``source`` (a Variable, or scratch of a lowering) at ``index`` gives in the kernel."""
        if source in self.values:
            axes, value = self.values[source]
            moved: dict[Expr, Expr] = {axis: item for axis, item in zip(axes, index, strict=True) if axis is not None and axis is not item}
            return substitute([value], moved)[0] if moved else value
        if source in self.buffers:
            return Load(self.buffers[source], index)
        if isinstance(source, Buffer):
            return Load(source, index)
        return Load(self.operand(source), index)

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
                    self.maps.append((self.target(key), tuple(a for a in axes if a is not None), value))
        elif isinstance(stage, Reduce):
            kept = tuple(new for a in stage.axes if isinstance(new := names[a], Axis))
            reduced = tuple(new for a in stage.reduced if isinstance(new := names[a], Axis))
            outputs = tuple(self.reduce_target(buffer, results.get(buffer, buffer)) for buffer in stage.outputs)
            self.reduces.append(evolve(stage, axes=kept, reduced=reduced, outputs=outputs))
        else:
            self.borders.append(self.border(stage, names, results, sources))

    def reduce_target(self, buffer: Buffer, key: Any) -> Buffer:
        """Where a reduction leaves its result: an output of the kernel, or scratch."""
        if key not in self.buffers:
            if key in self.stored:
                return self.target(key)
            self.buffers[key] = Buffer(f"t{len(self.buffers)}", buffer.dtype, buffer.broadcastable)
        return self.buffers[key]

    def border(
        self, stage: Stage, names: dict[Axis, Any], results: dict[Buffer, Any], sources: dict[Buffer, Any]
    ) -> Stage:
        """A border stage over the kernel's arrays and axes."""

        def array(buffer: Buffer) -> Buffer:
            if buffer in results:
                return self.target(results[buffer])
            return self.operand(sources[buffer])

        axes = {a: new for a, new in names.items() if isinstance(new, Axis)}
        if isinstance(stage, Regions):
            base = array(stage.base) if stage.base is not None else None
            regions = tuple(map_region(region, axes) for region in stage.regions)
            regions = tuple(evolve(r, axes=tuple(a for a in r.axes if not is_unit(a))) for r in regions)
            return evolve(stage, output=array(stage.output), base=base, regions=regions)
        if isinstance(stage, Scatter):
            base = array(stage.base) if stage.base is not None else None
            checked = tuple((k, self.extent_rule([length])[0]) for k, length in stage.checked)
            kept = tuple(axes[a] for a in stage.axes if a in axes)
            return evolve(stage, output=array(stage.output), axes=kept, base=base, checked=checked)
        assert isinstance(stage, Prefix)
        moved = tuple(axes.get(a, a) for a in stage.axes)
        return evolve(stage, outputs=tuple(map(array, stage.outputs)), axes=moved, ordered=axes.get(stage.ordered, stage.ordered))

    # -- the kernel

    def kernel(self) -> Kernel:
        """Stages in order, values shared between phases in scratch."""
        outer = tuple(self.canonical[a] for a in self.roots_outer)
        inner = tuple(self.canonical[a] for a in self.roots_inner)
        outputs = tuple(self.target(v) for v in self.stored)
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
        order = [b for b in self.inputs.values() if b in read or b in measured]
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
        roots += [e for v in self.stored for e in self.extent_rule(list(self.shapes.get(v, ())))]
        return {e.buffer for e in flatten(roots) if isinstance(e, Extent)}


def runs_along(axis: Axis) -> bool:
    """Whether operands that are read at ``axis`` itself have its length: not where a lowering computes another one."""
    return isinstance(axis.extent, Extent)


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
