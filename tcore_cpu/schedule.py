"""The CPU schedule: kernels of the loop IR as phases over tiles.

A kernel becomes a :class:`KernelPlan`: what the runtime's drivers need to know of its axes and operands, and for each
phase the number of a tile body. Neighbouring stages share a phase (one pass over a row) where no result of a
reduction stands between them. Border stages (regions, scatters, prefixes) become kernels and copies of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import define, field, frozen

from tcore.codegen.expr import Axis, Buffer, Const, Expr, Extent, Fn, Load, Param, Select, cast, const, flatten, select
from tcore.codegen.kernel import Kernel, affine, cost
from tcore.codegen.reductions import linear_index
from tcore.codegen.stages import Map, Prefix, Reduce, Region, Regions, Scatter, Stage
from tcore_cpu.printer import UnitPrinter
from tcore_cpu.runtime_abi import DTYPES, MAX_CELLS, MAX_REFS, ReduceOp, RefKind

__all__ = ["SITE", "CopyPlan", "KernelPlan", "NotScheduled", "Operand", "Phase", "Stride", "schedule"]

_OPS = {
    "sum": ReduceOp.SUM,
    "prod": ReduceOp.PROD,
    "min": ReduceOp.MIN,
    "max": ReduceOp.MAX,
    "any": ReduceOp.OR,
    "all": ReduceOp.AND,
    "and": ReduceOp.AND,
    "or": ReduceOp.OR,
    "xor": ReduceOp.XOR,
    "argmin": ReduceOp.ARGMIN,
    "argmax": ReduceOp.ARGMAX,
    "maxandargmax": ReduceOp.ARGMAX,
}
_INDEX = "int64"


class NotScheduled(NotImplementedError):
    """The kernel is of a kind that this schedule does not know; its Applies run as Python steps."""


@frozen
class Stride:
    """Bytes between neighbours along one axis of an array: an integer argument of a body."""

    buffer: Buffer
    axis: int


SITE = "site"
"""Integer argument of a body: one more than the number of the Apply to which a failed check belongs."""

Term = tuple[int, int, Expr]
"""(kernel axis or -1 for the offset, axis of the buffer, coefficient)."""


@frozen
class Operand:
    """An operand of a kernel: an affine walk through ``buffer``, or index values where it is None."""

    buffer: Buffer | None
    terms: tuple[Term, ...]
    itemsize: int
    written: bool


@frozen(eq=False)
class Phase:
    """One pass: the number of its body (None: reductions read operands as they are), level, references, reductions."""

    body: int | None
    level: int
    lanes: bool
    refs: tuple[tuple[int, int, int, int], ...]
    reductions: tuple[tuple[int, int, int, int, int, int], ...]


@frozen(eq=False)
class KernelPlan:
    """A kernel for the runtime.

    Attributes
    ----------
    extents : tuple of Expr
        Lengths of the axes, kept ones first.
    reduced : int
        Bit d says that axis d is reduced.
    ints : tuple of Expr or Stride
        Integer arguments of the bodies.
    row_itemsizes : tuple of int
        Scratch rows.
    cost : int
        Estimated picoseconds per element.
    """

    extents: tuple[Expr, ...]
    reduced: int
    operands: tuple[Operand, ...]
    phases: tuple[Phase, ...]
    ints: tuple[Any, ...]
    row_itemsizes: tuple[int, ...]
    cost: int
    serial: bool = False
    ordered: bool = False


@frozen(eq=False)
class CopyPlan:
    """Copy all of an array of the same shape."""

    target: Buffer
    source: Buffer


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
        return [_Builder(kernel.outer, kernel.inner, printer, known).nest(kernel)]
    plans: list[KernelPlan | CopyPlan] = []
    for stage in kernel.stages:
        plans += _border(stage, printer, known)
    return plans


def _border(stage: Stage, printer: UnitPrinter, known: frozenset[tuple[Expr, Expr]]) -> list[KernelPlan | CopyPlan]:
    plans: list[KernelPlan | CopyPlan] = []
    if isinstance(stage, (Regions, Scatter)) and stage.base is not None and not stage.inplace:
        plans.append(CopyPlan(stage.output, stage.base))
    if isinstance(stage, Map):
        plans.append(_Builder(stage.axes, (), printer, known).map(stage))
    elif isinstance(stage, Regions):
        plans += [_Builder(r.axes, (), printer, known).region(stage.output, r) for r in stage.regions]
    elif isinstance(stage, Scatter):
        if stage.checked:
            plans.insert(0, _Builder(stage.axes, (), printer, known).check(stage))
        plans.append(_Builder(stage.axes, (), printer, known).scatter(stage))
    elif isinstance(stage, Prefix):
        outer = tuple(axis for axis in stage.axes if axis is not stage.ordered)
        plans.append(_Builder(outer, (stage.ordered,), printer, known).prefix(stage))
    else:
        raise NotScheduled(f"{type(stage).__name__} stages run in no tile")
    return plans


def _size(dtype: str) -> int:
    return np.dtype(dtype).itemsize


@define(eq=False)
class _Pass:
    """A phase in the making."""

    builder: _Builder
    level: int
    roots: list[Expr] = field(factory=list)
    stores: list[tuple[str, Expr]] = field(factory=list)
    refs: list[tuple[int, int, int, int]] = field(factory=list)
    pointers: list[str] = field(factory=list)
    texts: dict[Any, str] = field(factory=dict)
    reductions: list[tuple[int, int, int, int, int, int]] = field(factory=list)
    cells: set[int] = field(factory=set)
    #: what Maps of this pass have stored: read back as values
    values: dict[Load, Expr] = field(factory=dict)
    direct: int | None = None
    simd: bool = True

    def ref(self, kind: RefKind, index: int, dtype: str, written: int = 0) -> str:
        """The text of one element (BASE: of the pointer) through a new or known reference."""
        key = (kind, index, dtype, bool(written))
        text = self.texts.get(key)
        if text is None:
            number = len(self.refs)
            self.refs.append((int(kind), index, _size(dtype), written))
            constant = "" if written else "const "
            self.pointers.append(f"{constant}{self.builder.printer.type(dtype)} *const a{number} = p[{number}];")
            single = kind is RefKind.SCALAR or (kind is RefKind.CELL and self.level == 0 and not written)
            text = self.texts[key] = f"a{number}" if kind is RefKind.BASE else f"*a{number}" if single else f"a{number}[i]"
        return text

    def number_of(self, kind: RefKind, index: int, dtype: str, written: int = 0) -> int:
        """The number of a reference."""
        self.ref(kind, index, dtype, written)
        return self.refs.index((int(kind), index, _size(dtype), written))

    # -- reading

    def children(self, expr: Expr, guarded: frozenset[Load]) -> tuple[Expr, ...]:
        """What must be computed before ``expr``: the index of a load only where the body uses it."""
        if isinstance(expr, Load):
            if self.builder.scratch_kind(expr.buffer) is not None or self.builder.walk(expr, expr in guarded) is not None:
                return ()
            return expr.index
        return expr.args

    def flat(self, guarded: frozenset[Load]) -> list[Expr]:
        """The body's expressions, operands first."""
        done: dict[Expr, None] = {}
        for root in self.roots:
            stack = [root]
            while stack:
                expr = stack[-1]
                if expr in done:
                    stack.pop()
                    continue
                missing = [arg for arg in self.children(expr, guarded) if arg not in done]
                if missing:
                    stack += missing
                else:
                    done[expr] = None
                    stack.pop()
        return list(done)

    def leaf(self, expr: Expr, guarded: frozenset[Load], names: dict[Expr, str]) -> str | None:
        """The text of a load, axis, length or parameter; None for operations."""
        builder = self.builder
        if isinstance(expr, Axis):
            if expr in builder.local_axes:
                return builder.local_axes[expr]
            return self.ref(RefKind.ARRAY, builder.iota({expr: const(1, _INDEX)}), _INDEX)
        if isinstance(expr, Extent):
            return f"q->ints[{builder.int_argument(expr)}]"
        if isinstance(expr, Param):
            return builder.params[expr.name]
        if isinstance(expr, Fn) and expr.name == "bounded":
            return f"tc_index({names[expr.args[0]]}, {names[expr.args[1]]}, {builder.site()}, q->error)"
        if not isinstance(expr, Load):
            return None
        text = self.load(expr, guarded, names)
        return f"{text} != 0" if expr.dtype == "bool" else text

    def load(self, expr: Load, guarded: frozenset[Load], names: dict[Expr, str]) -> str:
        """The text of an element."""
        builder = self.builder
        kind = builder.scratch_kind(expr.buffer)
        if kind is not None:
            return self.ref(kind[0], kind[1], expr.dtype)
        walk = builder.walk(expr, expr in guarded)
        if walk is not None:
            number = builder.operand(expr.buffer, walk, False)
            moves = any(axis >= 0 for axis, _, _ in walk)
            return self.ref(RefKind.ARRAY if moves else RefKind.SCALAR, number, expr.dtype)
        return self.indexed(expr, guarded, names)

    def indexed(self, expr: Load, guarded: frozenset[Load], names: dict[Expr, str]) -> str:
        """An element at an index that the body computes; user data is checked, guards keep loads inside."""
        builder = self.builder
        base = self.ref(RefKind.BASE, builder.operand(expr.buffer, (), False), expr.dtype)
        offsets, tests = [], []
        self.simd = False
        for k, index in enumerate(expr.index):
            if expr.buffer.broadcastable[k]:
                continue
            text = names[index]
            length = f"q->ints[{builder.int_argument(Extent(expr.buffer, k))}]"
            if expr in guarded:
                tests.append(f"(tc_u64){text} < (tc_u64){length}")
            elif isinstance(index, Fn) and index.name == "bounded":
                tests.append(f"{text} >= 0")
            elif any(isinstance(e, Load) for e in flatten([index])):
                raise NotScheduled("an index from data that nothing checks")
            offsets.append(f"{text} * q->ints[{builder.int_argument(Stride(expr.buffer, k))}]")
        element = f"TC_AT(const {builder.printer.type(expr.dtype)}, {base}, {' + '.join(offsets) or '0'})"
        return f"({' && '.join(tests)} ? {element} : 0)" if tests else element

    # -- writing

    def store(self, text: str, value: Expr) -> None:
        """Store ``value`` to the element ``text``."""
        self.roots.append(value)
        self.stores.append((text, value))

    def finish(self) -> Phase:
        """The phase, its body printed."""
        builder, printer = self.builder, self.builder.printer
        if len(self.refs) > MAX_REFS:
            raise NotScheduled(f"a pass of more than {MAX_REFS} references")
        if self.direct is not None and not self.stores:
            return Phase(None, self.level, False, tuple(self.refs), tuple(self.reductions))
        guarded = _guarded(self.roots)
        flat = self.flat(guarded)
        names: dict[Expr, str] = {}
        lines = printer.statements(flat, lambda e: self.leaf(e, guarded, names), names)
        lines += [f"{text} = {names[value]};" for text, value in self.stores]
        lanes = any(printer.has_vector_form(e) for e in flat) and any(
            kind in (RefKind.ARRAY, RefKind.ROW, RefKind.TILE, RefKind.CELL) for kind, *_ in self.refs
        )
        lanes = lanes and bool(builder.axes)
        if len(self.refs) > MAX_REFS:
            raise NotScheduled(f"a pass of more than {MAX_REFS} references")
        body = printer.body(self.pointers, lines, lanes=lanes, simd=self.simd, single=not builder.axes)
        return Phase(body, self.level, lanes, tuple(self.refs), tuple(self.reductions))


def _guarded(roots: Sequence[Expr]) -> frozenset[Load]:
    """Loads that are made on one side of a Select only."""
    free: set[Expr] = set()
    stack = list(roots)
    while stack:
        expr = stack.pop()
        if expr in free:
            continue
        free.add(expr)
        stack += expr.args[:1] if isinstance(expr, Select) else expr.args
    return frozenset(e for e in flatten(roots) if isinstance(e, Load) and e not in free)


class _Builder:
    def __init__(
        self, outer: tuple[Axis, ...], inner: tuple[Axis, ...], printer: UnitPrinter, known: frozenset[tuple[Expr, Expr]]
    ) -> None:
        self.outer, self.inner, self.printer, self.known = outer, inner, printer, known
        self.axes = (*outer, *inner)
        self.number = {axis: k for k, axis in enumerate(self.axes)}
        self.local_axes: dict[Axis, str] = {}
        self.operands: list[Operand] = []
        self.ints: list[Any] = []
        self.cells: dict[Buffer, int] = {}
        self.rows: dict[Buffer, int] = {}
        self.row_itemsizes: list[int] = []
        self.params: dict[str, str] = {}
        self.ncells = 0
        self.phases: list[Phase] = []
        self.current: _Pass | None = None

    # -- arguments

    def int_argument(self, value: Any) -> int:
        """Position of an integer argument."""
        if value not in self.ints:
            self.ints.append(value)
        return self.ints.index(value)

    def site(self) -> str:
        """The number for the error word, that says whose check failed."""
        return f"q->ints[{self.int_argument(SITE)}]"

    def scratch_kind(self, buffer: Buffer) -> tuple[RefKind, int] | None:
        """How scratch is referred to; None for arrays."""
        if buffer in self.cells:
            return RefKind.CELL, self.cells[buffer]
        if buffer in self.rows:
            return RefKind.ROW, self.rows[buffer]
        return None

    def walk(self, load: Load, guarded: bool) -> tuple[Term, ...] | None:
        """The affine walk of a load, None where the body must compute the index."""
        terms: list[Term] = []
        for k, index in enumerate(load.index):
            if load.buffer.broadcastable[k]:
                continue
            parts = affine(index)
            if parts is None or any(axis not in self.number or axis in self.local_axes for axis in parts[1]):
                return None
            if guarded and not self._inside(load.buffer, k, index):
                return None
            if not _is_zero(parts[0]):
                terms.append((-1, k, parts[0]))
            terms += [(self.number[axis], k, scale) for axis, scale in parts[1].items()]
        return tuple(terms)

    def _inside(self, buffer: Buffer, k: int, index: Expr) -> bool:
        """Whether ``index`` is an axis that is known to have the length of the buffer's."""
        if not isinstance(index, Axis):
            return False
        length = Extent(buffer, k)
        return index.extent is length or (length, index.extent) in self.known or (index.extent, length) in self.known

    def operand(self, buffer: Buffer | None, terms: tuple[Term, ...], written: bool, itemsize: int = 0) -> int:
        """Number of an operand."""
        wanted = Operand(buffer, terms, itemsize or _size(buffer.dtype if buffer else _INDEX), written)
        for number, known in enumerate(self.operands):
            if known == wanted:
                return number
        self.operands.append(wanted)
        return len(self.operands) - 1

    def iota(self, parts: dict[Axis, Expr]) -> int:
        """An operand whose elements are an affine combination of indices."""
        return self.operand(None, tuple((self.number[axis], 0, scale) for axis, scale in parts.items()), False)

    def target(self, buffer: Buffer, axes: tuple[Axis, ...]) -> int:
        """The operand of an output that is written at ``axes`` (without axes of length 1)."""
        places = list(range(buffer.ndim))
        if len(axes) != buffer.ndim:
            places = [k for k in places if not buffer.broadcastable[k]]
        if len(places) != len(axes):
            raise NotScheduled("an output has an axis of length 1 that its type does not state")
        one = const(1, _INDEX)
        return self.operand(buffer, tuple((self.number[axis], k, one) for axis, k in zip(axes, places, strict=True)), True)

    def cell(self) -> int:
        """A new cell."""
        if self.ncells == MAX_CELLS:
            raise NotScheduled(f"more than {MAX_CELLS} results of reductions")
        self.ncells += 1
        return self.ncells - 1

    # -- passes

    def at(self, level: int, roots: Sequence[Expr]) -> _Pass:
        """The pass that evaluates ``roots``: the current one unless a reduction's result stands between."""
        reads = {self.cells[e.buffer] for e in flatten(roots) if isinstance(e, Load) and e.buffer in self.cells}
        current = self.current
        stale = current is not None and any(
            isinstance(e, Load) and e not in current.values and any(e.buffer is known.buffer for known in current.values)
            for e in flatten(roots)
        )
        if current is None or current.level != level or reads & current.cells or stale:
            self.close()
            current = self.current = _Pass(self, level)
        return current

    def close(self) -> None:
        """End the current pass."""
        if self.current is not None:
            self.phases.append(self.current.finish())
            self.current = None

    def plan(self, work: int, *, reduced: bool = True, serial: bool = False) -> KernelPlan:
        """The finished kernel."""
        self.close()
        if len(self.operands) > MAX_REFS:
            raise NotScheduled(f"a kernel of more than {MAX_REFS} operands")
        kept = len(self.outer)
        axes = self.axes if reduced else self.outer
        mask = sum(1 << d for d in range(kept, len(axes)))
        return KernelPlan(
            tuple(axis.extent for axis in axes),
            mask,
            tuple(self.operands),
            tuple(self.phases),
            tuple(self.ints),
            tuple(self.row_itemsizes),
            300 + 100 * work,
            serial,
            serial,
        )

    # -- nests of Maps and Reduces

    def nest(self, kernel: Kernel) -> KernelPlan:
        """A kernel of Maps and Reduces."""
        for buffer in kernel.outer_scratch:
            self.cells[buffer] = self.cell()
        for buffer in kernel.row_scratch:
            self.rows[buffer] = len(self.rows)
            self.row_itemsizes.append(_size(buffer.dtype))
        outputs = set(kernel.outputs)
        for stage in kernel.stages:
            if isinstance(stage, Map):
                self.map_stage(stage, 1 if kernel.level(stage) == "outer" else 0)
            else:
                assert isinstance(stage, Reduce)
                self.reduce_stage(stage, outputs)
        return self.plan(cost([e for stage in kernel.stages for e in stage.exprs]))

    def map(self, stage: Map) -> KernelPlan:
        """A single Map."""
        self.map_stage(stage, 0)
        return self.plan(cost(stage.values))

    def map_stage(self, stage: Map, level: int) -> None:
        current = self.at(level, stage.values)
        for buffer, value in zip(stage.outputs, stage.values, strict=True):
            value = self.read_back(current, value)
            kind = self.scratch_kind(buffer)
            if kind is None:
                text = current.ref(RefKind.ARRAY, self.target(buffer, stage.axes), buffer.dtype, 1)
            else:
                text = current.ref(kind[0], kind[1], buffer.dtype, 1)
                if kind[0] is RefKind.CELL:
                    current.cells.add(kind[1])
            current.store(text, cast(value, buffer.dtype))
            current.values[Load(buffer, stage.axes)] = value if value.dtype == buffer.dtype else cast(value, buffer.dtype)

    def read_back(self, current: _Pass, value: Expr) -> Expr:
        """``value`` with what this pass has just stored as values; another index of it is a new pass."""
        if not current.values:
            return value
        done: dict[Expr, Expr] = {**current.values}
        for expr in flatten([value]):
            if expr not in done:
                args = tuple(done[a] for a in expr.args)
                done[expr] = expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else expr.rebuild(args)
        return done[value]

    # -- reductions

    def reduce_stage(self, stage: Reduce, outputs: set[Buffer]) -> None:
        """The pass that folds the elements, then what turns accumulators into results."""
        reduction = stage.reduction
        if reduction.name == "logsumexp":
            accumulators = self.fold_logsumexp(stage)
        elif reduction.name in _OPS:
            accumulators = self.fold(stage)
        else:
            raise NotScheduled(f"the reduction {reduction.name}")
        slots = tuple(Param(f"tc_acc{self.ncells}_{k}", dtype) for k, (_, dtype) in enumerate(accumulators))
        names: dict[Expr, tuple[int, str]] = dict(zip(slots, accumulators, strict=True))
        results = reduction.finish(slots)
        for buffer, value in zip(stage.outputs, results, strict=True):
            if isinstance(value, Param) and buffer not in outputs and value.dtype == buffer.dtype:
                self.cells[buffer] = names[value][0]
                continue
            self.finish_result(stage, buffer, value, names)

    def finish_result(self, stage: Reduce, buffer: Buffer, value: Expr, accumulators: dict[Expr, tuple[int, str]]) -> None:
        """Store one result, once per row."""
        current = self.at(1, [])
        for param, (cell, dtype) in accumulators.items():
            assert isinstance(param, Param)
            if param in flatten([value]):
                self.params[param.name] = current.ref(RefKind.CELL, cell, dtype)
        if self.scratch_kind(buffer) is not None:
            kind = self.scratch_kind(buffer)
            assert kind is not None
            text = current.ref(kind[0], kind[1], buffer.dtype, 1)
            current.cells.add(kind[1])
        else:
            text = current.ref(RefKind.ARRAY, self.target(buffer, stage.axes), buffer.dtype, 1)
        current.store(text, cast(value, buffer.dtype))

    def fold(self, stage: Reduce) -> list[tuple[int, str]]:
        """Accumulators of a plain idiom: (cell, dtype) for each slot."""
        reduction = stage.reduction
        operation = _OPS[reduction.name]
        positional = operation in (ReduceOp.ARGMIN, ReduceOp.ARGMAX)
        element = cast(stage.elements[0], reduction.dtype)
        current, value = self.tile(element)
        position = -1
        if positional:
            parts = affine(linear_index(stage.reduced))
            assert parts is not None
            position = current.number_of(RefKind.ARRAY, self.iota(parts[1]), _INDEX)
        cell = self.cell()
        where = self.cell() if positional else -1
        current.reductions.append((int(operation), _code(reduction.dtype), value, position, cell, where))
        current.cells.update((cell, where) if positional else (cell,))
        return [(cell, reduction.dtype), (where, _INDEX)] if positional else [(cell, reduction.dtype)]

    def tile(self, element: Expr) -> tuple[_Pass, int]:
        """A pass with the elements of a reduction in a tile, and the number of its reference."""
        current = self.at(0, [element])
        element = self.read_back(current, element)
        if isinstance(element, Load) and not current.stores and element.dtype != "bool":
            walk = self.walk(element, False)
            if self.scratch_kind(element.buffer) is None and walk and any(axis >= 0 for axis, _, _ in walk):
                current.direct = self.operand(element.buffer, walk, False)
                return current, current.number_of(RefKind.ARRAY, current.direct, element.dtype)
        number = len(current.refs)
        text = current.ref(RefKind.TILE, number, element.dtype, 1)
        current.store(text, element)
        return current, number

    def fold_logsumexp(self, stage: Reduce) -> list[tuple[int, str]]:
        """Maximum first, then the sum of exp(x - maximum): (maximum, sum)."""
        dtype = stage.reduction.dtype
        element = cast(stage.elements[0], dtype)
        current, value = self.tile(element)
        top, total = self.cell(), self.cell()
        current.reductions.append((int(ReduceOp.MAX), _code(dtype), value, -1, top, -1))
        current.cells.add(top)
        self.close()
        buffer = Buffer("top", dtype, (False,) * len(self.outer))
        self.cells[buffer] = top
        largest: Expr = Load(buffer, self.outer)
        # An infinite maximum is not subtracted: inf - inf would be NaN.
        infinite = Fn("isinf", (largest,), "bool")
        shift = select(infinite, const(0, dtype), largest)
        shifted = Fn("exp", (Fn("sub", (element, shift), dtype),), dtype)
        current, value = self.tile(shifted)
        current.reductions.append((int(ReduceOp.SUM), _code(dtype), value, -1, total, -1))
        current.cells.add(total)
        # finish() adds the maximum; where it was not subtracted the sum is infinite or NaN as well.
        return [(top, dtype), (total, dtype)]

    # -- border stages

    def region(self, output: Buffer, region: Region) -> KernelPlan:
        """Stores to one box."""
        terms: list[Term] = []
        for k, index in enumerate(region.index):
            parts = affine(index)
            if parts is None:
                raise NotScheduled("a region whose index is not affine")
            if not _is_zero(parts[0]):
                terms.append((-1, k, parts[0]))
            terms += [(self.number[axis], k, scale) for axis, scale in parts[1].items()]
        current = self.at(0, [region.value])
        number = self.operand(output, tuple(terms), True)
        moves = any(axis >= 0 for axis, _, _ in terms)
        text = current.ref(RefKind.ARRAY if moves else RefKind.SCALAR, number, output.dtype, 2 if region.accumulate else 1)
        value = cast(region.value, output.dtype)
        if region.accumulate:
            old = Param("tc_old", output.dtype)
            self.params["tc_old"] = text
            value = Fn("add", (old, value), output.dtype)
        current.store(text, value)
        return self.plan(cost([region.value]))

    def check(self, stage: Scatter) -> KernelPlan:
        """Looks at all user indices before the first store."""
        current = self.at(0, [])
        lines = []
        for k, length in stage.checked:
            current.roots.append(stage.index[k])
            lines.append((k, f"q->ints[{self.int_argument(length)}]"))
        guarded: frozenset[Load] = frozenset()
        names: dict[Expr, str] = {}
        text = self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)
        text += [f"tc_index({names[stage.index[k]]}, {length}, {self.site()}, q->error);" for k, length in lines]
        body = self.printer.body(current.pointers, text, lanes=False, simd=False)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(cost(stage.index))

    def scatter(self, stage: Scatter) -> KernelPlan:
        """Stores in index order, in one thread."""
        current = self.at(0, [])
        current.roots += [*stage.index, stage.value]
        output = stage.output
        base = current.ref(RefKind.BASE, self.operand(output, (), True), output.dtype, 2)
        checked = dict(stage.checked)
        value = cast(stage.value, output.dtype)
        if stage.combine == "inc":
            old = Param("tc_old", output.dtype)
            self.params["tc_old"] = "*at"
            value = Fn("add", (old, value), output.dtype)
        guarded = _guarded([*stage.index, value])
        names: dict[Expr, str] = {}
        lines = self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)
        offsets = []
        for k, index in enumerate(stage.index):
            if output.broadcastable[k]:
                continue
            text = names[index]
            if k in checked:
                length = f"q->ints[{self.int_argument(checked[k])}]"
                text = f"({text} < 0 ? {text} + {length} : {text})"
            offsets.append(f"{text} * q->ints[{self.int_argument(Stride(output, k))}]")
        c_type = self.printer.type(output.dtype)
        lines.append(f"{c_type} *const at = &TC_AT({c_type}, {base}, {' + '.join(offsets) or '0'});")
        current.roots.append(value)
        lines += self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)
        lines.append(f"*at = {names[value]};")
        body = self.printer.body(current.pointers, lines, lanes=False, simd=False)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(cost([value]), serial=True)

    def prefix(self, stage: Prefix) -> KernelPlan:
        """One element of the other axes at a time; the body walks along the ordered axis."""
        self.local_axes[stage.ordered] = "t"
        current = self.at(0, [])
        names: dict[Expr, str] = {}
        none: frozenset[Load] = frozenset()
        current.roots += stage.initial
        lines = self.printer.statements(current.flat(none), lambda e: current.leaf(e, none, names), names)
        states = [f"state{k}" for k in range(len(stage.carried))]
        lines += [
            f"{self.printer.type(c.dtype)} {name} = {names[value]};"
            for c, name, value in zip(stage.carried, states, stage.initial, strict=True)
        ]
        for param, name in zip(stage.carried, states, strict=True):
            assert isinstance(param, Param)
            self.params[param.name] = name
        inside: list[str] = []
        current.roots += stage.step
        guarded = _guarded(stage.step)
        inside += self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)
        inside += [f"{state} = {names[value]};" for state, value in zip(states, stage.step, strict=True)]
        for buffer, state in zip(stage.outputs, states, strict=True):
            base = current.ref(RefKind.BASE, self.operand(buffer, (), True), buffer.dtype, 2)
            offsets = [
                f"{self._axis_text(current, axis)} * q->ints[{self.int_argument(Stride(buffer, k))}]"
                for k, axis in enumerate(stage.axes)
            ]
            inside.append(f"TC_AT({self.printer.type(buffer.dtype)}, {base}, {' + '.join(offsets)}) = {state};")
        length = f"q->ints[{self.int_argument(stage.ordered.extent)}]"
        lines += [f"for (tc_i64 t = 0; t < {length}; t++) {{", *(f"    {line}" for line in inside), "}"]
        body = self.printer.body(current.pointers, lines, lanes=False, simd=False)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(100 * (1 + cost(stage.step)), reduced=False)

    def _axis_text(self, current: _Pass, axis: Axis) -> str:
        return current.leaf(axis, frozenset(), {}) or ""


def _code(dtype: str) -> int:
    return DTYPES[dtype]


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.key == 0
