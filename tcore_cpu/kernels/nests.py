"""Nests of Maps and Reduces as kernels: operands, scratch, and which stages share a pass over a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.building import cast, select
from tcore.codegen.expr import Axis, Buffer, Const, Expr, Extent, Fn, Load, Param, const
from tcore.codegen.half import HALF, WIDE
from tcore.codegen.kernel import Kernel, affine, cost
from tcore.codegen.reductions import linear_index
from tcore.codegen.stages import Map, Reduce
from tcore.codegen.walks import flatten, replace_whole
from tcore_cpu.kernels.passes import INDEX, Pass, size_of
from tcore_cpu.kernels.plans import SITE, KernelPlan, NotScheduled, Operand, Phase, Term
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.native.abi import DTYPES, MAX_CELLS, MAX_REFS, KernelOrder, ReduceOp, RefKind

__all__ = ["Builder", "is_zero"]

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
#: (elements, accumulator) of sums that the runtime makes without a copy of the elements
_WIDENED = frozenset(
    [("float32", "float64"), ("complex64", "complex128")]
    + [(f"{kind}{bits}", f"{kind}64") for kind in ("int", "uint") for bits in (8, 16, 32)]
)
#: reductions of bool for which every byte but 0 is true
_RAW = frozenset([ReduceOp.AND, ReduceOp.OR, ReduceOp.MIN, ReduceOp.MAX])


class Builder:
    """One kernel in the making, over ``outer`` and ``inner`` axes; ``known`` are lengths that are checked to be equal."""

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
        self.current: Pass | None = None
        #: whether elements of one row are likely to be farther apart than rows: then a tile is one of rows
        self.lanes = False

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
            if any(isinstance(e, Param) for e in flatten([parts[0]])):
                return None  # a state that changes from step to step
            if guarded and not self.inside(load.buffer, k, index):
                return None
            if not is_zero(parts[0]):
                terms.append((-1, k, parts[0]))
            terms += [(self.number[axis], k, scale) for axis, scale in parts[1].items()]
        return tuple(terms)

    def inside(self, buffer: Buffer, k: int, index: Expr) -> bool:
        """Whether ``index`` is an axis that is known to have the length of the buffer's."""
        if not isinstance(index, Axis):
            return False
        length = Extent(buffer, k)
        return index.extent is length or (length, index.extent) in self.known or (index.extent, length) in self.known

    def operand(self, buffer: Buffer | None, terms: tuple[Term, ...], written: bool, itemsize: int = 0) -> int:
        """Number of an operand."""
        wanted = Operand(buffer, terms, itemsize or size_of(buffer.dtype if buffer else INDEX), written)
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
        one = const(1, INDEX)
        return self.operand(buffer, tuple((self.number[axis], k, one) for axis, k in zip(axes, places, strict=True)), True)

    def cell(self) -> int:
        """A new cell."""
        if self.ncells == MAX_CELLS:
            raise NotScheduled(f"more than {MAX_CELLS} results of reductions")
        self.ncells += 1
        return self.ncells - 1

    # -- passes

    def at(self, level: int, roots: Sequence[Expr]) -> Pass:
        """The pass that evaluates ``roots``: the current one unless a reduction's result stands between."""
        reads = {self.cells[e.buffer] for e in flatten(roots) if isinstance(e, Load) and e.buffer in self.cells}
        current = self.current
        stale = current is not None and any(
            isinstance(e, Load) and e not in current.values and any(e.buffer is known.buffer for known in current.values)
            for e in flatten(roots)
        )
        if current is None or current.level != level or reads & current.cells or stale:
            self.close()
            current = self.current = Pass(self, level)
        return current

    def close(self) -> None:
        """End the current pass."""
        if self.current is not None:
            self.phases.append(self.current.finish())
            self.current = None

    def plan(self, work: int, *, order: KernelOrder = KernelOrder.ANY) -> KernelPlan:
        """The finished kernel."""
        self.close()
        if len(self.operands) > MAX_REFS:
            raise NotScheduled(f"a kernel of more than {MAX_REFS} operands")
        kept = len(self.outer)
        mask = sum(1 << d for d in range(kept, len(self.axes)))
        return KernelPlan(
            tuple(axis.extent for axis in self.axes),
            mask,
            tuple(self.operands),
            tuple(self.phases),
            tuple(self.ints),
            tuple(self.row_itemsizes),
            300 + 100 * work,
            order,
        )

    # -- nests of Maps and Reduces

    def nest(self, kernel: Kernel) -> KernelPlan:
        """A kernel of Maps and Reduces."""
        for buffer in kernel.outer_scratch:
            self.cells[buffer] = self.cell()
        for buffer in kernel.row_scratch:
            self.rows[buffer] = len(self.rows)
            self.row_itemsizes.append(size_of(buffer.dtype))
        outputs = set(kernel.outputs)
        self.lanes = not kernel.row_scratch and self.inner_is_outside(kernel)
        for stage in kernel.stages:
            if isinstance(stage, Map):
                self.map_stage(stage, 1 if kernel.level(stage) == "outer" else 0)
            else:
                assert isinstance(stage, Reduce)
                self.reduce_stage(stage, outputs)
        return self.plan(cost([e for stage in kernel.stages for e in stage.exprs]))

    def inner_is_outside(self, kernel: Kernel) -> bool:
        """Whether in C order the axis along which neighbours lie is always one that is kept."""
        reduced, last = set(self.inner), set()
        for expr in flatten([e for stage in kernel.stages for e in stage.exprs]):
            if isinstance(expr, Load) and expr.index and reduced & set(flatten(expr.index)):
                last.add(expr.index[-1])
        return bool(last) and not reduced & set(flatten(last))

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

    def read_back(self, current: Pass, value: Expr) -> Expr:
        """``value`` with what this pass has just stored as values; another index of it is a new pass."""
        return replace_whole([value], current.values)[0] if current.values else value

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
        # a Map of this pass must not load the array: a body stores after it has computed everything
        current.values[Load(buffer, stage.axes)] = cast(value, buffer.dtype)

    def fold(self, stage: Reduce) -> list[tuple[int, str]]:
        """Accumulators of a plain idiom: (cell, dtype) for each slot."""
        reduction = stage.reduction
        operation = _OPS[reduction.name]
        positional = operation in (ReduceOp.ARGMIN, ReduceOp.ARGMAX)
        element = stage.elements[0]
        if operation is not ReduceOp.SUM or (element.dtype, reduction.dtype) not in _WIDENED or not isinstance(element, Load):
            element = cast(element, reduction.dtype)
        tiled = reduction.dtype
        if operation is ReduceOp.SUM and tiled == "float64" and stage.elements[0].dtype == HALF:
            element, tiled = cast(stage.elements[0], WIDE), WIDE  # which the runtime widens
        current, value, source = self.tile(element, tiled, raw=operation in _RAW)
        position = -1
        if positional:
            parts = affine(linear_index(stage.reduced))
            assert parts is not None
            position = current.number_of(RefKind.ARRAY, self.iota(parts[1]), INDEX)
        cell = self.cell()
        where = self.cell() if positional else -1
        current.reductions.append((int(operation), _code(reduction.dtype), value, position, cell, where, _code(source)))
        current.cells.update((cell, where) if positional else (cell,))
        return [(cell, reduction.dtype), (where, INDEX)] if positional else [(cell, reduction.dtype)]

    def tile(self, element: Expr, dtype: str, *, raw: bool = False) -> tuple[Pass, int, str]:
        """A pass with the elements of a reduction in ``dtype``, the number of their reference, and their dtype.

        Elements that lie in memory are read there, as they are; others come in a tile. Bytes of bool other than 0 and 1 are
        read as they are where the reduction is one that takes them (``raw``).
        """
        current = self.at(0, [element])
        if isinstance(element, Load) and element.buffer in self.rows and element.dtype == dtype and element in current.values:
            return current, current.number_of(RefKind.ROW, self.rows[element.buffer], dtype, 1), dtype  # this pass has just kept it
        element = self.read_back(current, element)
        if isinstance(element, Load) and not current.stores and (element.dtype != "bool" or raw):
            walk = self.walk(element, False)
            if self.scratch_kind(element.buffer) is None and walk and any(axis >= 0 for axis, _, _ in walk):
                current.direct = self.operand(element.buffer, walk, False)
                return current, current.number_of(RefKind.ARRAY, current.direct, element.dtype), element.dtype
        number = len(current.refs)
        text = current.ref(RefKind.TILE, number, dtype, 1)
        current.store(text, cast(element, dtype))
        return current, number, dtype

    def fold_logsumexp(self, stage: Reduce) -> list[tuple[int, str]]:
        """Maximum first, then the sum of exp(x - maximum): (maximum, sum)."""
        dtype = stage.reduction.dtype
        element = cast(stage.elements[0], dtype)
        current, value, _ = self.tile(element, dtype)
        top, total = self.cell(), self.cell()
        current.reductions.append((int(ReduceOp.MAX), _code(dtype), value, -1, top, -1, _code(dtype)))
        current.cells.add(top)
        self.close()
        buffer = Buffer("top", dtype, (False,) * len(self.outer))
        self.cells[buffer] = top
        largest: Expr = Load(buffer, self.outer)
        # An infinite maximum is not subtracted: inf - inf would be NaN.
        infinite = Fn("isinf", (largest,), "bool")
        shift = select(infinite, const(0, dtype), largest)
        shifted = Fn("exp", (Fn("sub", (element, shift), dtype),), dtype)
        current, value, _ = self.tile(shifted, dtype)
        current.reductions.append((int(ReduceOp.SUM), _code(dtype), value, -1, total, -1, _code(dtype)))
        current.cells.add(total)
        # finish() adds the maximum; where it was not subtracted the sum is infinite or NaN as well.
        return [(top, dtype), (total, dtype)]


def _code(dtype: str) -> int:
    return DTYPES[dtype]


def is_zero(expr: Expr) -> bool:
    """Whether an index expression is the literal 0."""
    return isinstance(expr, Const) and expr.key == 0
