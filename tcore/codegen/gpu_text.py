"""Device functions as text: what Maps, reductions and borders have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from tcore.codegen.expr import Axis, Buffer, Cast, Expr, Extent, Load, Select, index_const
from tcore.codegen.facts import region_axes
from tcore.codegen.gpu_program import ArgumentBlock, GpuDialect, GpuProgram, Launch, known_to_host
from tcore.codegen.kernel import Kernel, extents_of, inline_scratch
from tcore.codegen.printer import Source, address, is_data
from tcore.codegen.stages import Map, Regions, Scatter
from tcore.codegen.walks import flatten

__all__ = ["DeviceText", "full_index"]


class DeviceText:
    """The device functions of one kernel in the making; as it is, those of a kernel of Maps.

    Parameters
    ----------
    kernel : Kernel
    dialect : GpuDialect
    name : str
        That of the first function.
    """

    def __init__(self, kernel: Kernel, dialect: GpuDialect, name: str) -> None:
        self.original = kernel
        # no memory of a device is as long as a row
        kernel = inline_scratch(kernel)
        self.kernel, self.dialect, self.name = kernel, dialect, name
        self.source = Source(dialect)
        self.arrays = (*kernel.outputs, *kernel.inputs)
        self.number = {buffer: k for k, buffer in enumerate(self.arrays)}
        # Every length has its place in the argument block before the first function is printed.
        self.lengths = tuple(dict.fromkeys((*extents_of(kernel), *_copied_lengths(kernel))))
        self.names: dict[Expr, str] = {}
        for extent in self.lengths:
            self.names[extent] = f"{extent.buffer}_n{extent.axis}"
        # Lengths that depend on numbers of the graph are worked out by the host.
        self.computed = _computed_lengths(kernel)
        for k, length in enumerate(self.computed):
            self.names[length] = f"tc_n{k}"
        self.registers = {buffer: f"{buffer}" for buffer in kernel.outer_scratch}
        self.launches: list[Launch] = []
        self.checks = False

    def program(self) -> GpuProgram:
        """All launches."""
        self.functions()
        block = ArgumentBlock(
            tuple((self.number[e.buffer], e.axis) for e in self.lengths), tuple(b.ndim for b in self.arrays), self.computed
        )
        size = max(1, len(block.lengths) + len(block.computed) + sum(1 + n for n in block.ndims))
        self.source.kernels.insert(0, f"typedef struct {{ tc_i64 v[{size}]; }} tc_arguments;")
        return GpuProgram(self.original, self.source.text(), tuple(self.launches), block, self.checks)

    def functions(self) -> None:
        """Print the kernel's functions."""
        for stage in self.kernel.stages:
            assert isinstance(stage, Map)
            self.elements(stage)

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
            known_to_host(extent)
        self.launches.append(Launch(name, mode, tuple(work)))

    def _block_names(self) -> list[str]:
        texts = [self.names[extent] for extent in (*self.lengths, *self.computed)]
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
                return f"({outside}) ? {self.dialect.zero(expr.dtype)} : {place}"
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


def _computed_lengths(kernel: Kernel) -> tuple[Expr, ...]:
    """Lengths of axes that are no arithmetic of lengths of arrays alone."""
    axes = [*kernel.outer, *kernel.inner, *(axis for stage in kernel.stages for axis in region_axes(stage))]
    lengths = dict.fromkeys(axis.extent for axis in axes)
    return tuple(length for length in lengths if any(isinstance(e, (Cast, Load, Select)) for e in flatten([length])))


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


