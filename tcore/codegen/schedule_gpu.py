"""The GPU schedule: a kernel as launches of device functions, in CUDA C++ or OpenCL C.

* Maps: one thread per element, with a grid-stride loop.
* Reductions: one block per outer index, whose accumulators are combined in a fixed tree of
  :data:`LANES` lanes whatever the size of the block, or, where the reduced axes are not the fastest, one
  thread per outer index.  Either way the order depends on lengths alone: results repeat bit for bit.
* Regions: one launch per box, after a copy of the base.
* Scatters: a launch that checks the whole index array, a copy of the base, then one thread per index of
  the axes that are not scattered, each going through the scattered ones in order.

Every device function takes its arrays, an error record of three int64 (code, index, length) and one
argument block of int64: lengths, then for each array its offset and strides, in elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from tcore.codegen.expr import Axis, Buffer, Expr, Extent, Fn, Load, flatten, index_const
from tcore.codegen.gpu_program import ArgumentBlock, GpuDialect, GpuProgram, Launch, evaluate_length
from tcore.codegen.kernel import Kernel, extents_of, inline_scratch
from tcore.codegen.lowering import NotLowered, axis_name
from tcore.codegen.printer import Source, address, is_data
from tcore.codegen.reductions import linear_index
from tcore.codegen.stages import Map, Reduce, Regions, Scatter, Stage

__all__ = ["LANES", "ArgumentBlock", "GpuDialect", "GpuProgram", "Launch", "evaluate_length", "schedule"]

LANES = 256
"""Accumulators of a block reduction; a power of two."""


def schedule(kernel: Kernel, dialect: GpuDialect, name: str = "tc_kernel") -> GpuProgram:
    """Print a kernel for the device.

    Raises
    ------
    NotLowered
        If the language has no form for one of its stages or functions.
    """
    return _Scheduler(inline_scratch(kernel), kernel, dialect, name).program()


class _Scheduler:
    def __init__(self, kernel: Kernel, original: Kernel, dialect: GpuDialect, name: str) -> None:
        self.kernel, self.original, self.dialect, self.name = kernel, original, dialect, name
        self.source = Source(dialect)
        self.arrays = (*kernel.outputs, *kernel.inputs)
        self.number = {buffer: k for k, buffer in enumerate(self.arrays)}
        # Every length has its place in the argument block before the first function is printed.
        self.lengths = tuple(dict.fromkeys((*extents_of(kernel), *_copied_lengths(kernel))))
        self.names: dict[Expr, str] = {}
        for extent in self.lengths:
            self.names[extent] = f"{extent.buffer}_n{extent.axis}"
        self.registers = {buffer: f"{buffer}" for buffer in kernel.outer_scratch}
        self.launches: list[Launch] = []
        self.checks = False

    def program(self) -> GpuProgram:
        """All launches."""
        kernel = self.kernel
        if kernel.border:
            for stage in kernel.stages:
                self.border(stage)
        elif any(isinstance(stage, Reduce) for stage in kernel.stages):
            self.reduction()
        else:
            for stage in kernel.stages:
                assert isinstance(stage, Map)
                self.elements(stage)
        block = ArgumentBlock(
            tuple((self.number[e.buffer], e.axis) for e in self.lengths), tuple(b.ndim for b in self.arrays)
        )
        size = max(1, len(block.lengths) + sum(1 + n for n in block.ndims))
        self.source.kernels.insert(0, f"typedef struct {{ tc_i64 v[{size}]; }} tc_arguments;")
        return GpuProgram(self.original, self.source.text(), tuple(self.launches), block, self.checks)

    # -- pieces of text

    def function(self, suffix: str, mode: Literal["thread", "block"], work: Sequence[Expr], lines: list[str]) -> None:
        """Add a device function around ``lines``."""
        dialect = self.dialect
        used = set(re.findall(r"\w+", "\n".join(lines)))
        name = f"{self.name}{suffix}"
        if any(launch.name == name for launch in self.launches):
            name += f"_{len(self.launches)}"
        pointers = [
            f"{dialect.pointer} {'' if buffer in self.kernel.outputs else 'const '}{dialect.type(buffer.dtype)} *{buffer}"
            for buffer in self.arrays
        ]
        pointers.append(f"{dialect.pointer} tc_i64 *tc_error")
        parameters = ", ".join([*(text.strip() for text in pointers), "tc_arguments tc_args"])
        unpack = [
            f"const tc_i64 {text} = tc_args.v[{k}];" for k, text in enumerate(self._block_names()) if text in used
        ]
        inner = "\n".join(f"    {line}" if line else "" for line in [*unpack, *lines])
        self.source.kernels.append(f"{dialect.kernel} void {name}({parameters}) {{\n{inner}\n}}")
        for extent in work:
            evaluate_length(extent, lambda buffer, axis: 1)  # refuses lengths that the host cannot know
        self.launches.append(Launch(name, mode, tuple(work)))

    def _block_names(self) -> list[str]:
        texts = [self.names[extent] for extent in self.lengths]
        for buffer in self.arrays:
            texts += [f"{buffer}_o", *(f"{buffer}_s{k}" for k in range(buffer.ndim))]
        return texts

    def place(self, buffer: Buffer, index: Sequence[Expr], names: dict[Expr, str]) -> str:
        """An element of an array."""
        return f"{buffer}[{address(self.source, buffer, index, names, lambda b, k: f'{b}_s{k}', f'{buffer}_o')}]"

    def load(self, names: dict[Expr, str]) -> Callable[[Load, Source], str]:
        """How loads print: registers, array elements, guarded elements of gathers."""

        def text(expr: Load, source: Source) -> str:
            if expr.buffer in self.registers:
                return self.registers[expr.buffer]
            place = self.place(expr.buffer, expr.index, names)
            if expr.dtype == "bool":
                place = f"({place} != 0)"
            data = [item for item in expr.index if is_data(item)]
            if data:
                self.checks = True
                outside = " || ".join(f"{source.index(item, names)} < 0" for item in data)
                return f"({outside}) ? 0 : {place}"
            return place

        return text

    def split(self, linear: str, axes: Sequence[Axis], names: dict[Expr, str], integer: str = "tc_q") -> list[str]:
        """Declarations of the indices of ``axes`` from their linear index, the last axis fastest."""
        if not axes:
            return []
        if len(axes) == 1:
            names[axes[0]] = f"ax_{axes[0]}"
            return [f"const tc_i64 ax_{axes[0]} = {linear};"]
        lines = [f"tc_i64 {integer} = {linear};"]
        for axis in reversed(axes[1:]):
            names[axis] = f"ax_{axis}"
            length = self.source.index(axis.extent, self.names)
            lines += [f"const tc_i64 ax_{axis} = {integer} % {length};", f"{integer} /= {length};"]
        names[axes[0]] = f"ax_{axes[0]}"
        return [*lines, f"const tc_i64 ax_{axes[0]} = {integer};"]

    def total(self, axes: Sequence[Axis]) -> str:
        """Number of indices."""
        return " * ".join(self.source.index(axis.extent, self.names) for axis in axes) or "1"

    def store(self, stage: Map, names: dict[Expr, str]) -> list[str]:
        """Values of a Map and their stores."""
        lines = self.source.statements(stage.values, names, self.load(names))
        for buffer, value in zip(stage.outputs, stage.values, strict=True):
            text = self.source.name_of(value, names)
            if buffer in self.registers:
                lines.append(f"{self.registers[buffer]} = {text};")
            else:
                lines.append(f"{self.place(buffer, full_index(buffer, stage.axes), names)} = {text};")
        return lines

    # -- Maps

    def elements(self, stage: Map, suffix: str = "") -> None:
        """One thread per element."""
        suffix = suffix or (f"_{len(self.launches)}" if self.launches else "")
        names = dict(self.names)
        dialect = self.dialect
        inner = self.split("tc_t", stage.axes, names) + self.store(stage, names)
        lines = [
            f"for (tc_i64 tc_t = {dialect.thread}; tc_t < {self.total(stage.axes)}; tc_t += {dialect.threads}) {{",
            *(f"    {line}" for line in inner),
            "}",
        ]
        self.function(suffix, "thread", [axis.extent for axis in stage.axes], lines)

    # -- reductions

    def reduction(self) -> None:
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

    # -- borders

    def border(self, stage: Stage) -> None:
        """Regions and scatters, as several launches."""
        if isinstance(stage, Regions):
            self._copy(stage)
            for number, region in enumerate(stage.regions):
                value = region.value
                if region.accumulate:
                    value = Fn("add", (Load(stage.output, region.index), value), value.dtype)
                self._box(stage.output, region.axes, region.index, value, f"_region{number}")
        elif isinstance(stage, Scatter):
            self._check(stage)
            self._copy(stage)
            self._scatter(stage)
        elif isinstance(stage, Map):
            self.elements(stage)
        else:
            raise NotLowered(f"{type(stage).__name__} stages have no GPU schedule")

    def _copy(self, stage: Regions | Scatter) -> None:
        if stage.base is None or stage.inplace:
            return
        flags = stage.output.broadcastable
        axes = tuple(
            Axis.fresh(axis_name(k), Extent(stage.output, k)) for k, flag in enumerate(flags) if not flag
        )
        self.elements(Map((stage.output,), axes, (Load(stage.base, full_index(stage.base, axes)),)), "_copy")

    def guarded(self, index: Sequence[Expr], names: dict[Expr, str]) -> str:
        """A condition in front of a store whose place comes from data: nothing is stored outside of the array."""
        data = [item for item in index if is_data(item)]
        if not data:
            return ""
        self.checks = True
        return "if (" + " && ".join(f"{self.source.index(item, names)} >= 0" for item in data) + ") "

    def _box(self, output: Buffer, axes: Sequence[Axis], index: Sequence[Expr], value: Expr, suffix: str) -> None:
        names = dict(self.names)
        code = self.split("tc_t", axes, names)
        code += self.source.statements([*(i for i in index if is_data(i)), value], names, self.load(names))
        code.append(self.guarded(index, names) + f"{self.place(output, index, names)} = {self.source.name_of(value, names)};")
        dialect = self.dialect
        lines = [
            f"for (tc_i64 tc_t = {dialect.thread}; tc_t < {self.total(axes)}; tc_t += {dialect.threads}) {{",
            *(f"    {line}" for line in code),
            "}",
        ]
        self.function(suffix, "thread", [axis.extent for axis in axes], lines)

    def _bounded(self, stage: Scatter) -> list[Expr]:
        index = list(stage.index)
        for position, length in stage.checked:
            index[position] = Fn("bounded", (index[position], length), "int64")
        return index

    def _check(self, stage: Scatter) -> None:
        """Read all of the index array before the first store."""
        if not stage.checked:
            return
        self.checks = True
        bounded = [self._bounded(stage)[position] for position, _ in stage.checked]
        needed = frozenset().union(*(i.axes for i in bounded))
        axes = [axis for axis in stage.axes if axis in needed]
        names = dict(self.names)
        code = self.split("tc_t", axes, names) + self.source.statements(bounded, names, self.load(names))
        dialect = self.dialect
        lines = [
            f"for (tc_i64 tc_t = {dialect.thread}; tc_t < {self.total(axes)}; tc_t += {dialect.threads}) {{",
            *(f"    {line}" for line in code),
            "}",
        ]
        self.function("_check", "thread", [axis.extent for axis in axes], lines)

    def _scatter(self, stage: Scatter) -> None:
        """Scattered axes in order within a thread, the others in parallel."""
        index = self._bounded(stage)
        scattered = frozenset().union(*(i.axes for i in index if is_data(i)))
        free = [axis for axis in stage.axes if axis not in scattered]
        ordered = [axis for axis in stage.axes if axis in scattered]
        names = dict(self.names)
        code = self.split("tc_t", free, names)
        inner = self.split("tc_u", ordered, names, "tc_w")
        value: Expr = stage.value
        if stage.combine == "inc":
            value = Fn("add", (Load(stage.output, tuple(index)), value), value.dtype)
        inner += self.source.statements([*(i for i in index if is_data(i)), value], names, self.load(names))
        place = self.place(stage.output, index, names)
        inner.append(self.guarded(index, names) + f"{place} = {self.source.name_of(value, names)};")
        dialect = self.dialect
        lines = [
            "if (tc_error[0] != 0) return;",
            f"for (tc_i64 tc_t = {dialect.thread}; tc_t < {self.total(free)}; tc_t += {dialect.threads}) {{",
            *(f"    {line}" for line in code),
            f"    for (tc_i64 tc_u = 0; tc_u < {self.total(ordered)}; tc_u += 1) {{",
            *(f"        {line}" for line in inner),
            "    }",
            "}",
        ]
        self.function("_scatter", "thread", [axis.extent for axis in free], lines)


def _copied_lengths(kernel: Kernel) -> list[Extent]:
    """Lengths of outputs that begin as a copy of another array."""
    return [
        Extent(stage.output, k)
        for stage in kernel.stages
        if isinstance(stage, (Regions, Scatter)) and stage.base is not None and not stage.inplace
        for k, flag in enumerate(stage.output.broadcastable)
        if not flag
    ]


def full_index(buffer: Buffer, axes: Sequence[Axis]) -> tuple[Expr, ...]:
    """The index of an array from axes that leave out those of length 1."""
    if len(axes) == buffer.ndim:
        return tuple(axes)
    left = iter(axes)
    return tuple(index_const(0) if flag else next(left) for flag in buffer.broadcastable)


