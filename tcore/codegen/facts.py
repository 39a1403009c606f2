"""What grouping needs to know of one Apply: its stages, its iteration space, what it loads, what it costs."""

from __future__ import annotations

from typing import Any

from tcore.codegen.expr import Axis, Const, Expr, Extent, Load, index_const
from tcore.codegen.kernel import cost, transcendentals
from tcore.codegen.lowering import Lowered, LoweringTable, NotLowered
from tcore.codegen.stages import Demand, Map, Prefix, Reduce, Region, Regions, Scatter, Stage
from tcore.codegen.walks import flatten, substitute
from tcore.records import frozen

__all__ = ["NodeFacts", "is_unit", "lower_all", "map_region", "node_facts", "reads_elements", "region_axes"]


@frozen(eq=False)
class NodeFacts:
    """One node, as grouping sees it.

    ``outer`` and ``inner`` are its iteration axes without those of length 1; ``border`` says that it
    has other stages than Maps and Reduces, or several reductions over different axes.  ``loads`` gives
    every index at which each input is read.  ``produced`` gives, for each output of a Map or Reduce, its
    own axes (None for those of length 1).  ``other`` are inputs of which neither elements nor lengths occur in
    the stages: what uses them is the shape of the result.  ``own_length`` says that there is an axis whose length
    only the result itself tells, because nothing is read along it: a fill or a range of a computed length, a slice with a computed end.
    """

    node: Any
    lowered: Lowered
    stages: tuple[Stage, ...]
    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    border: bool
    loads: dict[int, list[tuple[Expr, ...]]]
    produced: dict[int, tuple[Axis | None, ...]]
    other: frozenset[int]
    own_length: bool
    view: bool
    operations: int
    calls: int


def is_unit(axis: Axis) -> bool:
    """Whether an axis has length 1."""
    return isinstance(axis.extent, Const) and axis.extent.value == 1


def _without_unit_reductions(stage: Stage) -> Stage:
    """A Reduce over axes of length 1 only is a Map; a sum of floats adds to 0 all the same, which makes 0.0 of -0.0."""
    if not isinstance(stage, Reduce) or not all(is_unit(axis) for axis in stage.reduced):
        return stage
    zero = index_const(0)
    elements = substitute(stage.elements, dict.fromkeys(stage.reduced, zero))
    reduction = stage.reduction
    element = reduction.lift(elements[0], zero)
    if reduction.name == "sum" and reduction.dtype.startswith(("float", "complex")):
        element = reduction.combine(reduction.identity(), element)
    return Map(stage.outputs, stage.axes, reduction.finish(element))


def node_facts(node: Any, table: LoweringTable) -> NodeFacts:
    """Lower one node and look at it.

    Raises
    ------
    NotLowered
        If it has no lowering.
    """
    lowered = table.lower(node)
    stages = tuple(_without_unit_reductions(stage) for stage in lowered.stages)
    border = any(isinstance(stage, (Regions, Scatter, Prefix)) for stage in stages)
    outer, inner, uniform = _space(stages)
    positions = {op.buffer: k for k, op in enumerate(lowered.inputs) if op.buffer is not None}
    loads: dict[int, list[tuple[Expr, ...]]] = {}
    roots: list[Expr] = [expr for stage in stages for expr in stage.exprs]
    for expr in flatten(roots):
        if isinstance(expr, Load) and expr.buffer in positions:
            loads.setdefault(positions[expr.buffer], []).append(expr.index)
    for stage in stages:
        if isinstance(stage, (Regions, Scatter)) and stage.base is not None:
            loads.setdefault(positions[stage.base], [])
    produced: dict[int, tuple[Axis | None, ...]] = {}
    if not border:
        number = {buffer: k for k, buffer in enumerate(lowered.outputs)}
        for stage in stages:
            if isinstance(stage, Demand):
                continue
            assert isinstance(stage, (Map, Reduce))
            for buffer in stage.outputs:
                if buffer in number:
                    produced[number[buffer]] = tuple(None if is_unit(a) else a for a in stage.axes)
    return NodeFacts(
        node,
        lowered,
        stages,
        outer,
        inner,
        border or not uniform,
        loads,
        produced,
        frozenset(range(len(node.inputs))) - loads.keys() - _lengths_used(stages, positions, roots),
        _has_own_length(lowered, outer, inner, loads),
        bool(getattr(node.op, "view_map", None)),
        cost(roots),
        transcendentals(roots),
    )


def _has_own_length(
    lowered: Lowered, outer: tuple[Axis, ...], inner: tuple[Axis, ...], loads: dict[int, list[tuple[Expr, ...]]]
) -> bool:
    """Whether an axis has the length of a result, or one that elements decide, and no operand is read along it."""
    own = set(lowered.outputs)
    read = {item for indices in loads.values() for index in indices for item in index}
    return any(
        axis not in read and (reads_elements(axis.extent) or any(isinstance(e, Extent) and e.buffer in own for e in flatten([axis.extent])))
        for axis in (*outer, *inner)
    )


def reads_elements(length: Expr) -> bool:
    """Whether a length depends on the value of an operand."""
    return any(isinstance(expr, Load) for expr in flatten([length]))


def _lengths_used(stages: tuple[Stage, ...], positions: dict[Any, int], roots: list[Expr]) -> set[int]:
    """Inputs whose lengths occur."""
    lengths = [axis.extent for stage in stages for axis in region_axes(stage)]
    return {
        positions[expr.buffer]
        for expr in flatten([*roots, *lengths])
        if isinstance(expr, Extent) and expr.buffer in positions
    }


def _space(stages: tuple[Stage, ...]) -> tuple[tuple[Axis, ...], tuple[Axis, ...], bool]:
    """Iteration axes of a node, and whether all of its stages share them."""
    outer: tuple[Axis, ...] | None = None
    inner: tuple[Axis, ...] = ()
    uniform = True
    for stage in stages:
        if isinstance(stage, Reduce):
            kept = tuple(axis for axis in stage.axes if not is_unit(axis))
            reduced = tuple(axis for axis in stage.reduced if not is_unit(axis))
            uniform = uniform and outer in (None, kept) and inner in ((), reduced)
            outer, inner = kept, reduced
    for stage in stages:
        if isinstance(stage, Map):
            axes = tuple(axis for axis in stage.axes if not is_unit(axis))
            if outer is None:
                outer = axes
            elif set(axes) not in (set(outer), {*outer, *inner}):
                uniform = False
    return outer or (), inner, uniform


def lower_all(nodes: list[Any], table: LoweringTable) -> tuple[dict[Any, NodeFacts], dict[Any, str]]:
    """Facts of the nodes that have a lowering, and the reason for each of the others."""
    facts: dict[Any, NodeFacts] = {}
    reasons: dict[Any, str] = {}
    for node in nodes:
        try:
            facts[node] = node_facts(node, table)
        except NotLowered as error:
            reasons[node] = str(error)
    return facts, reasons


def region_axes(stage: Stage) -> tuple[Axis, ...]:
    """All axes of a border stage, those of its regions too."""
    if isinstance(stage, Regions):
        return tuple(axis for region in stage.regions for axis in region.axes)
    return stage.loops


def map_region(region: Region, axes: dict[Axis, Axis]) -> Region:
    """The region over other axes (its expressions are rewritten apart)."""
    return Region(tuple(axes.get(a, a) for a in region.axes), region.index, region.value, region.accumulate)
