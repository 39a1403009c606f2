"""Reductions on devices: one block, or one thread, for each outer index, with an order of combination that depends on lengths alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.expr import Buffer, Expr, Load, index_const
from tcore.codegen.gpu_text import DeviceText, full_index
from tcore.codegen.reductions import linear_index
from tcore.codegen.stages import Map, Reduce
from tcore.codegen.walks import flatten

__all__ = ["LANES", "ReductionText"]

LANES = 256
"""Accumulators of a block reduction; a power of two."""


class ReductionText(DeviceText):
    """A kernel with reductions: one function for all of its stages."""

    def functions(self) -> None:
        """One block, or one thread, per outer index."""
        kernel, dialect = self.kernel, self.dialect
        block = self._fastest_is_reduced()
        names = dict(self.names)
        self.registers = {b: f"{b}_r" for b in self._results()}
        lines = self.split("tc_t", kernel.outer, names)
        lines += [f"{dialect.type(b.dtype)} {text};" for b, text in self.registers.items()]
        shared: dict[str, str] = {}
        for number, stage in enumerate(kernel.stages):
            if isinstance(stage, Reduce):
                lines += self._reduce(stage, names, number, shared if block else None)
            elif kernel.level(stage) == "outer":
                assert isinstance(stage, Map)
                lines += self._outer(stage, names, block)
            else:
                assert isinstance(stage, Map)
                lines += self._rows(stage, names, block)
        start, step = (dialect.block, dialect.blocks) if block else (dialect.thread, dialect.threads)
        declared = [f"{dialect.shared} {dtype} {name}[{LANES}];" for name, dtype in shared.items()]
        lines = [
            *declared,
            f"for (tc_i64 tc_t = {start}; tc_t < {self.total(kernel.outer)}; tc_t += {step}) {{",
            *(f"    {line}" for line in lines),
            "}",
        ]
        self.function("", "block" if block else "thread", [axis.extent for axis in kernel.outer], lines)

    def _results(self) -> list[Buffer]:
        kernel = self.kernel
        reduced = [b for stage in kernel.stages if isinstance(stage, Reduce) for b in stage.outputs]
        return list(dict.fromkeys([*reduced, *kernel.outer_scratch]))

    def _fastest_is_reduced(self) -> bool:
        """Whether neighbours along the last axis of the first operand are reduced together."""
        if not self.kernel.outer:
            return True
        inner = set(self.kernel.inner)
        for stage in self.kernel.stages:
            for expr in flatten(stage.exprs):
                if isinstance(expr, Load) and expr.index and expr.axes & inner and expr.buffer not in self.registers:
                    return bool(expr.index[-1].axes & inner)
        return True

    def _inner_loop(self, lines: list[str], block: bool, linear: str, names: dict[Expr, str]) -> list[str]:
        """A loop over the inner axes around ``lines``; names of the axes are given in ``names``."""
        start, step = (self.dialect.lane, self.dialect.lanes) if block else ("0", "1")
        return [
            f"for (tc_i64 {linear} = {start}; {linear} < {self.total(self.kernel.inner)}; {linear} += {step}) {{",
            *(f"    {line}" for line in lines),
            "}",
        ]

    def _reduce(
        self, stage: Reduce, names: dict[Expr, str], number: int, shared: dict[str, str] | None
    ) -> list[str]:
        source, dialect, reduction = self.source, self.dialect, stage.reduction
        left, right = reduction.symbols(f"tc_a{number}_"), reduction.symbols(f"tc_b{number}_")
        inside = dict(names)
        code = self.split("tc_u", stage.reduced, inside, "tc_w")
        position: Expr = linear_index(stage.reduced) if reduction.positional else index_const(0)
        lifted = reduction.lift(stage.elements[0], position)
        code += source.statements(lifted, inside, self.load(inside))
        code += [
            f"const {dialect.type(b.dtype)} {b} = {source.name_of(value, inside)};"
            for b, value in zip(right, lifted, strict=True)
        ]
        code += self._combine(reduction, left, right, prefix="c")
        start = [
            f"{dialect.type(a.dtype)} {a} = {source.name_of(value, names)};"
            for a, value in zip(left, reduction.identity(), strict=True)
        ]
        if shared is None:
            lines = start + self._inner_loop(code, False, "tc_u", inside)
        else:
            lines = self._block_tree(reduction, left, right, number, shared, start, code)
        finish_names: dict[Expr, str] = {a: f"{a}" for a in left}
        results = reduction.finish(left)
        text = source.statements(results, finish_names, self.load(finish_names), prefix=f"f{number}_")
        lines += text
        for buffer, value in zip(stage.outputs, results, strict=True):
            lines.append(f"{self.registers[buffer]} = {source.name_of(value, finish_names)};")
            if buffer in self.kernel.outputs:
                place = self.place(buffer, full_index(buffer, stage.axes), names)
                guard = f"if ({dialect.lane} == 0) " if shared is not None else ""
                lines.append(f"{guard}{place} = {self.registers[buffer]};")
        return lines

    def _combine(self, reduction: Any, left: Sequence[Expr], right: Sequence[Expr], prefix: str) -> list[str]:
        """``left = combine(left, right)``, in a block of its own."""
        names: dict[Expr, str] = {symbol: f"{symbol}" for symbol in (*left, *right)}
        combined = reduction.combine(tuple(left), tuple(right))
        code = self.source.statements(combined, names, self.load(names), prefix=prefix)
        return ["{", *(f"    {line}" for line in code)] + [
            f"    {a} = {self.source.name_of(value, names)};" for a, value in zip(left, combined, strict=True)
        ] + ["}"]

    def _block_tree(
        self,
        reduction: Any,
        left: Sequence[Expr],
        right: Sequence[Expr],
        number: int,
        shared: dict[str, str],
        start: list[str],
        code: list[str],
    ) -> list[str]:
        """Accumulate in lanes, then combine the lanes pairwise; every thread ends with the result."""
        dialect = self.dialect
        memory = [f"tc_m{number}_{k}" for k in range(len(left))]
        shared |= {name: dialect.type(a.dtype) for name, a in zip(memory, left, strict=True)}
        lane_loop = f"for (tc_i64 tc_l = {dialect.lane}; tc_l < {LANES}; tc_l += {dialect.lanes}) {{"
        total = self.total(self.kernel.inner)
        lines = [lane_loop, *(f"    {line}" for line in start)]
        lines += [f"    for (tc_i64 tc_u = tc_l; tc_u < {total}; tc_u += {LANES}) {{"]
        lines += [*(f"        {line}" for line in code), "    }"]
        lines += [f"    {name}[tc_l] = {a};" for name, a in zip(memory, left, strict=True)]
        lines += ["}", dialect.barrier]
        lines += [
            f"for (tc_i64 tc_h = {LANES // 2}; tc_h > 0; tc_h /= 2) {{",
            f"    for (tc_i64 tc_l = {dialect.lane}; tc_l < tc_h; tc_l += {dialect.lanes}) {{",
        ]
        for name, a, b in zip(memory, left, right, strict=True):
            lines.append(f"        {dialect.type(a.dtype)} {a} = {name}[tc_l];")
            lines.append(f"        const {dialect.type(b.dtype)} {b} = {name}[tc_l + tc_h];")
        lines += [f"        {line}" for line in self._combine(reduction, left, right, prefix="c")]
        lines += [f"        {name}[tc_l] = {a};" for name, a in zip(memory, left, strict=True)]
        lines += ["    }", f"    {dialect.barrier}", "}"]
        lines += [f"const {dialect.type(a.dtype)} {a} = {name}[0];" for name, a in zip(memory, left, strict=True)]
        return [*lines, dialect.barrier]

    def _outer(self, stage: Map, names: dict[Expr, str], block: bool) -> list[str]:
        """Values per outer index: every thread of a block has them, the first one stores."""
        inside = dict(names)
        lines = self.source.statements(stage.values, inside, self.load(inside))
        for buffer, value in zip(stage.outputs, stage.values, strict=True):
            text = self.source.name_of(value, inside)
            if buffer in self.registers:
                lines.append(f"{self.registers[buffer]} = {text};")
            if buffer in self.kernel.outputs:
                guard = f"if ({self.dialect.lane} == 0) " if block else ""
                lines.append(f"{guard}{self.place(buffer, full_index(buffer, stage.axes), inside)} = {text};")
        return ["{", *(f"    {line}" for line in lines), "}"]

    def _rows(self, stage: Map, names: dict[Expr, str], block: bool) -> list[str]:
        """Values per index of all axes."""
        inside = dict(names)
        code = self.split("tc_u", self.kernel.inner, inside, "tc_w") + self.store(stage, inside)
        lines = self._inner_loop(code, block, "tc_u", inside)
        # What a thread stores here another one may read in a later phase.
        return [*lines, self.dialect.barrier] if block else lines
