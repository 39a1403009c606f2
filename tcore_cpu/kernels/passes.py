"""Passes: the phase of a kernel in the making, which loads become which pointers, and the text of its body."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.codegen.expr import Axis, Cast, Expr, Extent, Fn, Load, Param, Select, const
from tcore.codegen.half import HALF
from tcore.codegen.walks import flatten
from tcore.records import define
from tcore_cpu.kernels.half_tiles import HalfTiles
from tcore_cpu.kernels.plans import NotScheduled, Phase, Stride
from tcore_cpu.native.abi import MAX_REFS, RefKind

if TYPE_CHECKING:
    from tcore_cpu.kernels.nests import Builder

__all__ = ["INDEX", "Pass", "guarded_loads", "size_of"]

INDEX = "int64"
"""dtype of indices."""


def size_of(dtype: str) -> int:
    """Bytes of an element."""
    return np.dtype(dtype).itemsize


@define(eq=False)
class Pass:
    """A phase in the making."""

    builder: Builder
    level: int
    roots: list[Expr] = field(factory=list)
    stores: list[tuple[str, Expr]] = field(factory=list)
    refs: list[tuple[int, int, int, int]] = field(factory=list)
    pointers: list[str] = field(factory=list)
    texts: dict[Any, str] = field(factory=dict)
    reductions: list[tuple[int, int, int, int, int, int, int]] = field(factory=list)
    cells: set[int] = field(factory=set)
    #: what Maps of this pass have stored: read back as values
    values: dict[Load, Expr] = field(factory=dict)
    direct: int | None = None
    simd: bool = True

    def ref(self, kind: RefKind, index: int, dtype: str, written: int = 0) -> str:
        """The text of one element (BASE: of the pointer) through a new or known reference."""
        if kind is RefKind.CELL and self.level == 0 and not written and self.builder.lanes:
            kind = RefKind.SPREAD
        key = (kind, index, dtype, bool(written))
        text = self.texts.get(key)
        if text is None:
            number = len(self.refs)
            self.refs.append((int(kind), index, size_of(dtype), written))
            constant = "" if written else "const "
            pointer = f"{constant}{self.builder.printer.type(dtype)} *"
            # with users' code in it, the unit is C++, which converts no pointers by itself
            self.pointers.append(f"{pointer}const a{number} = ({pointer})p[{number}];")
            single = kind is RefKind.SCALAR or (kind is RefKind.CELL and self.level == 0 and not written)
            text = self.texts[key] = f"a{number}" if kind is RefKind.BASE else f"*a{number}" if single else f"a{number}[i]"
        return text

    def number_of(self, kind: RefKind, index: int, dtype: str, written: int = 0) -> int:
        """The number of a reference."""
        self.ref(kind, index, dtype, written)
        return self.refs.index((int(kind), index, size_of(dtype), written))

    # -- reading

    def children(self, expr: Expr, guarded: frozenset[Load]) -> tuple[Expr, ...]:
        """What must be computed before ``expr``: the index of a load only where the body uses it."""
        if isinstance(expr, Load):
            if self.builder.scratch_kind(expr.buffer) is not None or self.builder.walk(expr, expr in guarded) is not None:
                return ()
            return expr.index
        return expr.args

    def flat(self, guarded: frozenset[Load], known: Collection[Expr] = ()) -> list[Expr]:
        """The body's expressions, operands first; what ``known`` loads are made of is left out."""
        done: dict[Expr, None] = {}
        for root in self.roots:
            stack = [root]
            while stack:
                expr = stack[-1]
                if expr in done:
                    stack.pop()
                    continue
                missing = [] if expr in known else [arg for arg in self.children(expr, guarded) if arg not in done]
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
            return self.ref(RefKind.ARRAY, builder.iota({expr: const(1, INDEX)}), INDEX)
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
        tests, element = self.place(expr, guarded, names)
        return f"({' && '.join(tests)} ? {element} : {self.builder.printer.source.dialect.zero(expr.dtype)})" if tests else element

    def place(self, expr: Load, guarded: frozenset[Load], names: dict[Expr, str]) -> tuple[list[str], str]:
        """What must hold for such an element to be there, and the text of it."""
        builder = self.builder
        base = self.ref(RefKind.BASE, builder.operand(expr.buffer, (), False), expr.dtype)
        offsets, tests = [], []
        self.simd = False
        for k, index in enumerate(expr.index):
            if expr.buffer.broadcastable[k]:
                continue
            text = names[index]
            length = f"q->ints[{builder.int_argument(Extent(expr.buffer, k))}]"
            if expr in guarded and not builder.inside(expr.buffer, k, index):
                tests.append(f"(tc_u64){text} < (tc_u64){length}")
            elif isinstance(index, Fn) and index.name == "bounded":
                tests.append(f"{text} >= 0")
            elif any(isinstance(e, Load) for e in flatten([index])):
                raise NotScheduled("an index from data that nothing checks")
            offsets.append(f"{text} * q->ints[{builder.int_argument(Stride(expr.buffer, k))}]")
        return tests, f"TC_AT(const {builder.printer.type(expr.dtype)}, {base}, {' + '.join(offsets) or '0'})"

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
        guarded = guarded_loads(self.roots)
        flat = self.flat(guarded)
        names: dict[Expr, str] = {}
        lines, blocks = self.lines(flat, guarded, names)
        lanes = any(printer.has_vector_form(e) for e in flat) and any(
            kind in (RefKind.ARRAY, RefKind.ROW, RefKind.TILE, RefKind.CELL, RefKind.SPREAD) for kind, *_ in self.refs
        )
        lanes = lanes and bool(builder.axes)
        if len(self.refs) > MAX_REFS:
            raise NotScheduled(f"a pass of more than {MAX_REFS} references")
        run = [] if lanes or self.simd else self.run_of_gathers(guarded)
        if run:
            body = printer.written_body(self.pointers, [*run, "for (tc_i64 i = 0; i < n; i++) {", *self.lines(flat, guarded, {}, blocks=False)[0], "}"])
        else:
            loop = self.loop(lines, blocks)
            one_each = self.level == 0 and self.gives_each_lane_its_cells()
            if one_each:
                loop = ["if (q->lanes) {", *self.loop(*self.lines(flat, guarded, {})), "} else {", *loop, "}"]
            whole = ["n &= ~(tc_i64)63;"] if lanes else []
            body = printer.written_body(self.pointers, [*whole, *loop])
            return Phase(body, self.level, lanes, tuple(self.refs), tuple(self.reductions), one_each)
        return Phase(body, self.level, lanes, tuple(self.refs), tuple(self.reductions))

    def loop(self, lines: Sequence[str], blocks: HalfTiles | None) -> list[str]:
        """The loop of a body around the statements for one element."""
        printer = self.builder.printer
        return blocks.loop(lines, printer.source, simd=self.simd) if blocks else printer.loop(lines, simd=self.simd, single=not self.builder.axes)

    def gives_each_lane_its_cells(self) -> bool:
        """Texts of cells become those of elements, as where a tile has rows side by side; whether there are any."""
        cells = {key: text for key, text in self.texts.items() if key[0] is RefKind.CELL and text.startswith("*")}
        self.texts |= {key: f"{text[1:]}[i]" for key, text in cells.items()}
        return bool(cells)

    def lines(self, flat: list[Expr], guarded: frozenset[Load], names: dict[Expr, str], *, blocks: bool = True) -> tuple[list[str], HalfTiles | None]:
        """Statements for one element, and the operands of half precision that they want converted by blocks, where there are some."""
        halves, stores = HalfTiles(), self.stores
        if blocks and self.builder.axes and any(e.dtype == HALF for e in flat):
            flat, stores = halves.taken(flat, stores)
        printed = set(flat)

        def widened(expr: Expr) -> bool:
            """Whether it is what the block of a load that is not printed has."""
            return isinstance(expr, Cast) and expr.operand not in printed and isinstance(expr.operand, Load) and expr.operand.dtype == HALF

        for text, value in stores:
            uses = sum(value in expr.args for expr in flat) + sum(value is other for _, other in stores)
            alone = uses == 1 and widened(value) and not self.children(value.args[0], guarded)
            if alone and halves.copy(text, self.load(value.args[0], guarded, names)):  # type: ignore[arg-type]
                stores = [store for store in stores if store[1] is not value]
                flat = [expr for expr in flat if expr is not value]

        def leaf(expr: Expr) -> str | None:
            if widened(expr):
                text = self.load(expr.args[0], guarded, names)  # type: ignore[arg-type]
                return halves.element(text) or self.builder.printer.source.cast(text, HALF, expr.dtype)
            return self.leaf(expr, guarded, names)

        lines = self.builder.printer.statements(flat, leaf, names)
        lines += [f"{text} = {names[value]};" for text, value in stores]
        return lines, halves if halves.some else None

    # -- runs: tiles of neighbours along the last axis

    def run_of_gathers(self, guarded: frozenset[Load]) -> list[str]:
        """The form for tiles of rows that index arrays pick: their place is computed once. Empty where there is no such form."""
        builder = self.builder
        if self.level or builder.inner or not builder.outer or self.reductions:
            return []
        last = builder.outer[-1]
        gathers = [e for e in self.flat(guarded) if isinstance(e, Load) and builder.scratch_kind(e.buffer) is None and builder.walk(e, e in guarded) is None]
        for load in gathers:
            if load in guarded or not load.index or load.index[-1] is not last or load.buffer.broadcastable[-1] or last in set(flatten(load.index[:-1])):
                return []
        values = self.roots
        self.roots = [index for load in gathers for index in load.index]
        names: dict[Expr, str] = {}
        place = builder.printer.statements(self.flat(guarded), lambda e: self.leaf(e, guarded, names), names)
        near: dict[Expr, str] = {}
        far: dict[Expr, str] = {}
        units, tests, rows = [], [], []
        for k, load in enumerate(gathers):
            conditions, element = self.place(load, frozenset(), names)
            tests += conditions
            c_type, stride = builder.printer.type(load.dtype), f"q->ints[{builder.int_argument(Stride(load.buffer, load.buffer.ndim - 1))}]"
            units.append(f"{stride} == (tc_i64)sizeof({c_type})")
            rows.append(f"const {c_type} *const row{k} = &{element};")
            true = " != 0" if load.dtype == "bool" else ""
            near[load], far[load] = f"row{k}[i]{true}", f"TC_AT(const {c_type}, row{k}, i * {stride}){true}"
        self.roots = values

        def loop(elements: dict[Expr, str]) -> list[str]:
            names: dict[Expr, str] = {}
            lines = builder.printer.statements(self.flat(guarded, elements), lambda e: elements.get(e) or self.leaf(e, guarded, names), names)
            return ["for (tc_i64 i = 0; i < n; i++) {", *lines, *(f"{text} = {names[value]};" for text, value in self.stores), "}"]

        if not self.mark_places(last, [*place, *rows, *tests], loop(near)):
            return []
        # an index outside has been noted: there will be no results
        checks = [f"if (!({' && '.join(tests)})) return;"] if tests else []
        head = ["if (q->run) {", "enum { i = 0 };", *place, *checks, *rows]
        return [*head, f"if ({' && '.join(units)}) {{", '_Pragma("omp simd")', *loop(near), "} else {", *loop(far), "}", "return;", "}"]

    def mark_places(self, last: Axis, place: Sequence[str], each: Sequence[str]) -> bool:
        """Says of references that only the place of a run needs that one element of them is enough; whether there is a form for runs."""
        line = self.leaf(last, frozenset(), {}) or ""
        if not line.startswith("a") or line in "\n".join(each):
            return False
        for number, (kind, index, size, written) in enumerate(self.refs):
            text = f"a{number}[i]"
            if kind == RefKind.ARRAY and not written and text in "\n".join(place) and text not in "\n".join(each):
                self.refs[number] = int(RefKind.LINE if text == line else RefKind.PLACE), index, size, written
        return True


def guarded_loads(roots: Sequence[Expr]) -> frozenset[Load]:
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
