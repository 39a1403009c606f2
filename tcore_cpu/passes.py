"""Passes: the phase of a kernel in the making, which loads become which pointers, and the text of its body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.codegen.expr import Axis, Expr, Extent, Fn, Load, Param, Select, const
from tcore.codegen.walks import flatten
from tcore.records import define
from tcore_cpu.plans import NotScheduled, Phase, Stride
from tcore_cpu.runtime_abi import MAX_REFS, RefKind

if TYPE_CHECKING:
    from tcore_cpu.nests import Builder

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
        guarded = guarded_loads(self.roots)
        flat = self.flat(guarded)
        names: dict[Expr, str] = {}
        lines = printer.statements(flat, lambda e: self.leaf(e, guarded, names), names)
        lines += [f"{text} = {names[value]};" for text, value in self.stores]
        lanes = any(printer.has_vector_form(e) for e in flat) and any(
            kind in (RefKind.ARRAY, RefKind.ROW, RefKind.TILE, RefKind.CELL, RefKind.SPREAD) for kind, *_ in self.refs
        )
        lanes = lanes and bool(builder.axes)
        if len(self.refs) > MAX_REFS:
            raise NotScheduled(f"a pass of more than {MAX_REFS} references")
        body = printer.body(self.pointers, lines, lanes=lanes, simd=self.simd, single=not builder.axes)
        return Phase(body, self.level, lanes, tuple(self.refs), tuple(self.reductions))


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
