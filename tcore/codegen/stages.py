"""Stages: what a lowering returns, and what a kernel is made of.

A pure "value at an index" cannot say cumsum, scatter with duplicates, joins, argmax pairs, several
outputs, or a softmax row without computing it again; a list of stages can.  Map and Reduce substitute
into one another; the others are group borders that absorb Maps into their loads and stores.

A stage's ``axes`` are its outer iteration axes, outermost first; the buffers that it writes have one
axis for each of them, in that order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import evolve

from tcore.codegen.expr import Axis, Buffer, Expr
from tcore.codegen.reductions import Reduction
from tcore.records import frozen

__all__ = ["Demand", "Map", "Prefix", "Reduce", "Region", "Regions", "Scatter", "Stage"]

Rewrite = Callable[[list[Expr]], list[Expr]]
"""Rewrites expressions together, so that shared parts are visited once."""


@frozen(eq=False)
class Stage:
    """What all stages have."""

    @property
    def outputs(self) -> tuple[Buffer, ...]:  # pragma: no cover - every subclass has it
        """The buffers written."""
        raise NotImplementedError

    @property
    def exprs(self) -> tuple[Expr, ...]:  # pragma: no cover - every subclass has it
        """Every expression that the stage evaluates per element."""
        raise NotImplementedError

    @property
    def loops(self) -> tuple[Axis, ...]:
        """Every axis that the stage iterates over, outermost first."""
        return ()

    def rewrite(self, function: Rewrite) -> Stage:  # pragma: no cover - every subclass has it
        """The stage with its expressions (axes are kept) rewritten by ``function``."""
        raise NotImplementedError


@frozen(eq=False)
class Map(Stage):
    """``outputs[k][axes] = values[k]`` for all axes, in any order."""

    outputs: tuple[Buffer, ...]
    axes: tuple[Axis, ...]
    values: tuple[Expr, ...]

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return self.values

    @property
    def loops(self) -> tuple[Axis, ...]:
        return self.axes

    def rewrite(self, function: Rewrite) -> Map:
        return evolve(self, values=tuple(function(list(self.values))))


@frozen(eq=False)
class Demand(Stage):
    """What must hold before anything of the node runs: each of ``conditions`` is true, in the order given.

    Conditions are integer arithmetic on lengths and on elements at fixed indices. Where one fails, the op's ``perform`` is asked
    what is wrong: it must refuse the same inputs. An element may be read only if an earlier condition says that it is there.
    """

    conditions: tuple[Expr, ...]
    #: whether a condition that fails is no more than a reason to ask ``perform``, which may find nothing wrong
    doubtful: bool = False

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        return ()

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return self.conditions

    def rewrite(self, function: Rewrite) -> Demand:
        return evolve(self, conditions=tuple(function(list(self.conditions))))


@frozen(eq=False)
class Reduce(Stage):
    """``outputs[axes] = finish(combine(identity, elements[axes, reduced] …))`` over the reduced axes.

    ``reduction`` names one of the fixed idioms, which states identity, combine and finish; ``elements``
    are its inputs for one index.  A reduction with several results (max and argmax) writes several outputs.
    The linear index that argmin and argmax give counts the reduced axes in the order given here.
    """

    outputs: tuple[Buffer, ...]
    axes: tuple[Axis, ...]
    reduced: tuple[Axis, ...]
    reduction: Reduction
    elements: tuple[Expr, ...]

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return self.elements

    @property
    def loops(self) -> tuple[Axis, ...]:
        return self.axes + self.reduced

    def rewrite(self, function: Rewrite) -> Reduce:
        return evolve(self, elements=tuple(function(list(self.elements))))


@frozen(eq=False)
class Prefix(Stage):
    """An ordered axis with carried values (cumsum, cumprod, scans of scalars).

    For each index of ``axes`` but ``ordered``: ``state = initial``; then, in order along ``ordered``,
    ``state = step`` and ``outputs[axes] = state``.  ``carried`` are the names under which ``step`` reads the
    state before the step; there may be more of them than outputs, which get the first ones. Where ``ordered`` is not among
    ``axes``, the outputs get the last state alone (searches).
    """

    outputs: tuple[Buffer, ...]
    axes: tuple[Axis, ...]
    ordered: Axis
    carried: tuple[Expr, ...]
    initial: tuple[Expr, ...]
    step: tuple[Expr, ...]

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return self.initial + self.step

    @property
    def loops(self) -> tuple[Axis, ...]:
        return tuple(axis for axis in self.axes if axis is not self.ordered) + (self.ordered,)

    def rewrite(self, function: Rewrite) -> Prefix:
        new = tuple(function(list(self.initial + self.step)))
        split = len(self.initial)
        return evolve(self, initial=new[:split], step=new[split:])


@frozen(eq=False)
class Region:
    """One box of a Regions stage: ``output[index] = value`` (or ``+=``) over ``axes``.

    ``index`` is affine in the axes, each of them in at most one entry.
    """

    axes: tuple[Axis, ...]
    index: tuple[Expr, ...]
    value: Expr
    accumulate: bool = False


@frozen(eq=False)
class Regions(Stage):
    """Stores to boxes of one output, in the order given; values of boxes do not depend on other boxes, and the last one stays.

    ``base`` is the first buffer copied to all of the output (set/inc of a slice of an array), or None
    where the boxes cover it (joins).  ``inplace`` says that the output is the memory of ``base``, so
    that there is nothing to copy.
    """

    output: Buffer
    regions: tuple[Region, ...]
    base: Buffer | None = None
    inplace: bool = False

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        return (self.output,)

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return tuple(expr for region in self.regions for expr in (*region.index, region.value))

    def rewrite(self, function: Rewrite) -> Regions:
        new = iter(function(list(self.exprs)))
        regions = tuple(
            evolve(region, index=tuple(next(new) for _ in region.index), value=next(new))
            for region in self.regions
        )
        return evolve(self, regions=regions)


@frozen(eq=False)
class Scatter(Stage):
    """Push ``value`` to ``output[index]`` for every index of ``axes``.

    ``combine`` is ``"set"`` (the last in index order wins) or ``"inc"`` (sum, in index order on the
    host).  Entries of ``index`` named in ``checked`` are user data: ``(position, length)`` pairs whose
    index counts from the end when negative and is an IndexError when outside; the whole index array is
    checked before the first store.  ``base`` and ``inplace`` as in :class:`Regions`.
    """

    output: Buffer
    axes: tuple[Axis, ...]
    index: tuple[Expr, ...]
    value: Expr
    combine: Literal["set", "inc"]
    checked: tuple[tuple[int, Expr], ...] = ()
    base: Buffer | None = None
    inplace: bool = False

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        return (self.output,)

    @property
    def exprs(self) -> tuple[Expr, ...]:
        return (*self.index, self.value)

    @property
    def loops(self) -> tuple[Axis, ...]:
        return self.axes

    def rewrite(self, function: Rewrite) -> Scatter:
        *index, value = function(list(self.exprs))
        return evolve(self, index=tuple(index), value=value)
