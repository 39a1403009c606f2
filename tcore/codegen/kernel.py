"""Kernels: what one generated function computes, and analyses of it.

A kernel iterates over ``outer`` axes and, where it reduces, over ``inner`` axes inside them.  Its stages
share those very axes and run in order, phase by phase: each stage is either at the *outer* level (once
per index of the outer axes) or at the *full* level (once per index of all axes); a Reduce turns the full
level into the outer one.  Values that several stages use live in scratch: one element per outer index
(outer scratch), or a whole row of the inner axes (row scratch).

A backend prints a stage from :func:`body`, the flat list in which every value stands once, after its
operands; analyses are loops over that list.
"""

from __future__ import annotations

from collections.abc import Iterable

from tcore.codegen.expr import Axis, Buffer, Cast, Const, Expr, Extent, Fn, Load, Select
from tcore.codegen.functions import FUNCTIONS, is_integer_cast
from tcore.codegen.opaque import Opaque
from tcore.codegen.stages import Map, Reduce, Regions, Scatter, Stage
from tcore.codegen.walks import flatten, substitute
from tcore.records import frozen

__all__ = ["Binding", "Check", "Kernel", "Requirement", "affine", "body", "cost", "expression_cost", "extents_of", "inline_scratch", "transcendentals"]

_COMPARISONS = frozenset(["lt", "gt", "le", "ge", "eq", "ne", "isnan", "isinf"])


@frozen(eq=False)
class Kernel:
    """One generated function.

    Attributes
    ----------
    outer, inner : tuple of Axis
        The iteration axes; ``inner`` is empty without reductions.  Border kernels (Regions, Scatter,
        Prefix) bring axes of their own in their stages, and have none here.
    stages : tuple of Stage
        In order.
    inputs, outputs : tuple of Buffer
        Operands read and arrays written, in argument order.
    outer_scratch, row_scratch : tuple of Buffer
        Values kept between stages, indexed by the outer axes, or by outer and inner axes.
    """

    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    stages: tuple[Stage, ...]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    outer_scratch: tuple[Buffer, ...] = ()
    row_scratch: tuple[Buffer, ...] = ()

    def level(self, stage: Stage) -> str:
        """``"full"`` or ``"outer"``: how often the stage's expressions are evaluated."""
        if isinstance(stage, Map) and self.inner and len(stage.axes) == len(self.outer):
            return "outer"
        return "full"

    @property
    def border(self) -> bool:
        """Whether it is no plain nest of Maps and Reduces."""
        return not all(isinstance(stage, (Map, Reduce)) for stage in self.stages)

    def __str__(self) -> str:
        lines = [f"kernel({', '.join(map(_declare, self.inputs))}) -> {', '.join(map(_declare, self.outputs))}"]
        lines += [f"  outer {axis} < {axis.extent}" for axis in self.outer]
        lines += [f"  inner {axis} < {axis.extent}" for axis in self.inner]
        for stage in self.stages:
            lines += _describe(stage)
        return "\n".join(lines)


def _declare(buffer: Buffer) -> str:
    axes = ", ".join("1" if flag else "?" for flag in buffer.broadcastable)
    return f"{buffer}: {buffer.dtype}[{axes}]"


def _describe(stage: Stage) -> list[str]:
    if isinstance(stage, Map):
        return [
            f"  map {buffer}[{', '.join(map(repr, stage.axes))}] = {value}"
            for buffer, value in zip(stage.outputs, stage.values, strict=True)
        ]
    if isinstance(stage, Reduce):
        outputs = ", ".join(f"{b}[{', '.join(map(repr, stage.axes))}]" for b in stage.outputs)
        over = ", ".join(map(repr, stage.reduced))
        return [f"  {stage.reduction.name}[{over}] {outputs} = {stage.elements[0]}"]
    if isinstance(stage, Regions):
        return [
            f"  region {stage.output}[{', '.join(map(repr, r.index))}] {'+=' if r.accumulate else '='} {r.value}"
            for r in stage.regions
        ]
    if isinstance(stage, Scatter):
        return [f"  scatter {stage.combine} {stage.output}[{', '.join(map(repr, stage.index))}] = {stage.value}"]
    return [f"  {type(stage).__name__.lower()} {', '.join(map(repr, stage.outputs))}"]


@frozen(eq=False)
class Binding:
    """One value of a body: ``name`` is unique in it; ``level`` is the set of axes it depends on."""

    name: str
    expr: Expr

    @property
    def level(self) -> frozenset[Axis]:
        """The axes that the value depends on."""
        return self.expr.axes


def body(roots: Iterable[Expr], prefix: str = "v") -> dict[Expr, Binding]:
    """The flat body of some results: bindings in order, operands before users.

    Index expressions of loads stay inside their Load (a printer writes them in place); everything that
    is computed from elements gets a binding, also inside an index (a gather).
    """
    bindings: dict[Expr, Binding] = {}
    plain = set()
    for expr in flatten(roots):
        if isinstance(expr, (Axis, Const, Extent)) or (
            isinstance(expr, Fn)
            and expr.dtype == "int64"
            and expr.name != "bounded"
            and all(arg in plain for arg in expr.args)
        ):
            plain.add(expr)
    for expr in flatten(roots):
        if expr not in plain and not isinstance(expr, Const):
            bindings[expr] = Binding(f"{prefix}{len(bindings)}", expr)
    return bindings


def expression_cost(expr: Expr) -> int:
    """Cost of one operation alone, in additions."""
    if isinstance(expr, Fn):
        return FUNCTIONS[expr.name].cost
    if isinstance(expr, Opaque):
        return 10
    return 1 if isinstance(expr, (Cast, Select)) else 0


def cost(roots: Iterable[Expr]) -> int:
    """Cost of all operations below ``roots``, each once, in additions; index arithmetic included."""
    return sum(expression_cost(expr) for expr in flatten(roots))


def transcendentals(roots: Iterable[Expr]) -> int:
    """Number of transcendental calls below ``roots``."""
    return sum(expression_cost(expr) >= 8 for expr in flatten(roots))


def decides(roots: Iterable[Expr]) -> set[Expr]:
    """Transcendental values that a comparison, an integer cast or an index also uses.

    Two computations of one of them could differ in the last bit and contradict each other, so it must
    be computed once.
    """
    flat = flatten(roots)
    deciding: set[Expr] = set()
    for expr in reversed(flat):
        if expr in deciding or is_integer_cast(expr) or (isinstance(expr, Fn) and expr.name in _COMPARISONS):
            deciding.update(expr.args)
        elif isinstance(expr, Load):
            deciding.update(expr.index)
    return {expr for expr in deciding if expression_cost(expr) >= 8}


def affine(index: Expr) -> tuple[Expr, dict[Axis, Expr]] | None:
    """``index`` as (constant, {axis: coefficient}), or None where it is not affine in the axes."""
    terms: dict[Expr, tuple[Expr, dict[Axis, Expr]] | None] = {}
    for expr in flatten([index]):
        terms[expr] = _affine_term(expr, terms)
    return terms[index]


def _affine_term(
    expr: Expr, terms: dict[Expr, tuple[Expr, dict[Axis, Expr]] | None]
) -> tuple[Expr, dict[Axis, Expr]] | None:
    if isinstance(expr, Axis):
        return Const(0, "int64"), {expr: Const(1, "int64")}
    if not expr.axes:
        return expr, {}
    if not (isinstance(expr, Fn) and expr.name in ("add", "sub", "mul") and expr.dtype == "int64"):
        return None
    left, right = terms[expr.args[0]], terms[expr.args[1]]
    if left is None or right is None:
        return None
    if expr.name == "mul":
        if left[1] and right[1]:
            return None
        (scale, _), (constant, parts) = (right, left) if left[1] else (left, right)
        return constant * scale, {axis: part * scale for axis, part in parts.items()}
    sign = 1 if expr.name == "add" else -1
    parts = dict(left[1])
    for axis, part in right[1].items():
        parts[axis] = parts[axis] + part * sign if axis in parts else part * sign
    return left[0] + right[0] * sign, parts


def extents_of(kernel: Kernel) -> tuple[Extent, ...]:
    """The lengths of arrays that a kernel reads, in a fixed order."""
    found: dict[Extent, None] = {}
    roots: list[Expr] = [axis.extent for axis in (*kernel.outer, *kernel.inner)]
    for stage in kernel.stages:
        roots += [axis.extent for axis in stage.loops]
        roots += stage.exprs
        if isinstance(stage, Regions):
            roots += [axis.extent for region in stage.regions for axis in region.axes]
        if isinstance(stage, Scatter):
            roots += [length for _, length in stage.checked]
    for expr in flatten(roots):
        if isinstance(expr, Extent):
            found[expr] = None
    return tuple(found)


def inline_scratch(kernel: Kernel) -> Kernel:
    """The kernel without row scratch: values are computed again where they are read.

    For schedules that have no memory as long as a row.  Bits do not change: the same operations on the
    same operands by the same routines.
    """
    scratch = set(kernel.row_scratch)
    if not scratch:
        return kernel
    values: dict[Expr, Expr] = {}
    stages: list[Stage] = []
    for stage in kernel.stages:
        new = stage.rewrite(lambda exprs: substitute(exprs, values))
        if isinstance(new, Map):
            keep = []
            for buffer, value in zip(new.outputs, new.values, strict=True):
                if buffer in scratch:
                    values[Load(buffer, new.axes)] = value
                else:
                    keep.append((buffer, value))
            if not keep:
                continue
            new = Map(tuple(b for b, _ in keep), new.axes, tuple(v for _, v in keep))
        stages.append(new)
    return Kernel(kernel.outer, kernel.inner, tuple(stages), kernel.inputs, kernel.outputs, kernel.outer_scratch)


@frozen(eq=False)
class Check:
    """A demand on lengths that one Apply makes: ``actual`` (of input ``operand``, axis ``axis``) is ``expected``."""

    node: object
    operand: int
    axis: int
    actual: Expr
    expected: Expr


@frozen(eq=False)
class Requirement:
    """A condition, in terms of the kernel's arrays, that one Apply makes on lengths and integers before the kernel runs; ``doubtful`` as in Demand."""

    node: object
    condition: Expr
    doubtful: bool = False
