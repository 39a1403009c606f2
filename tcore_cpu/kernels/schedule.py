"""The CPU schedule: kernels of the loop IR as phases over tiles.

A kernel becomes a :class:`~tcore_cpu.kernels.plans.KernelPlan`: what the runtime's drivers need to know of its axes and
operands, and for each phase the number of a tile body. Neighbouring stages share a phase (one pass over a row) where no
result of a reduction stands between them. Border stages (regions, scatters, prefixes) become kernels and copies of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from tcore.codegen.expr import Expr
from tcore.codegen.kernel import Kernel
from tcore.codegen.stages import Map, Prefix, Regions, Scatter, Stage
from tcore.codegen.walks import flatten
from tcore_cpu.kernels.borders import BorderBuilder
from tcore_cpu.kernels.nests import Builder
from tcore_cpu.kernels.plans import CopyPlan, KernelPlan, NotScheduled
from tcore_cpu.kernels.printer import UnitPrinter

__all__ = ["CopyPlan", "KernelPlan", "NotScheduled", "schedule"]


def schedule(kernel: Kernel, printer: UnitPrinter, equal: Iterable[tuple[Expr, Expr]] = ()) -> list[KernelPlan | CopyPlan]:
    """What the runtime does for ``kernel``, in order; bodies go to ``printer``.

    Parameters
    ----------
    kernel : Kernel
    printer : UnitPrinter
    equal : pairs of Expr
        Lengths that are checked to be equal before the kernel runs.

    Raises
    ------
    NotScheduled
        If a stage has no place here.
    """
    known = frozenset(equal)
    if not kernel.border:
        return [Builder(kernel.outer, kernel.inner, printer, known).nest(kernel)]
    plans: list[KernelPlan | CopyPlan] = []
    for stage in kernel.stages:
        plans += _border(stage, printer, known)
    return plans


def _border(stage: Stage, printer: UnitPrinter, known: frozenset[tuple[Expr, Expr]]) -> list[KernelPlan | CopyPlan]:
    plans: list[KernelPlan | CopyPlan] = []
    if isinstance(stage, (Regions, Scatter)) and stage.base is not None and not stage.inplace:
        plans.append(CopyPlan(stage.output, stage.base))
    if isinstance(stage, Map):
        plans.append(BorderBuilder(stage.axes, (), printer, known).map(stage))
    elif isinstance(stage, Regions):
        plans += [BorderBuilder(r.axes, (), printer, known).region(stage.output, r) for r in stage.regions]
    elif isinstance(stage, Scatter):
        if stage.checked:
            # along the axes of the positions alone: they are checked where another axis is empty, too
            read = set(flatten(stage.index[k] for k, _ in stage.checked))
            plans.insert(0, BorderBuilder(tuple(axis for axis in stage.axes if axis in read), (), printer, known).check(stage))
        plans.append(BorderBuilder(stage.axes, (), printer, known).scatter(stage))
    elif isinstance(stage, Prefix):
        outer = tuple(axis for axis in stage.axes if axis is not stage.ordered)
        plans.append(BorderBuilder(outer, (stage.ordered,), printer, known).prefix(stage))
    else:
        raise NotScheduled(f"{type(stage).__name__} stages run in no tile")
    return plans
