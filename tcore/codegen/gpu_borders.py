"""Border stages on devices: boxes of an output, scatters and ordered axes, as several launches."""

from __future__ import annotations

from collections.abc import Sequence

from tcore.codegen.expr import Axis, Buffer, Expr, Extent, Fn, Load
from tcore.codegen.functions import apply_function
from tcore.codegen.gpu_text import DeviceText, full_index
from tcore.codegen.lowering import axis_name
from tcore.codegen.printer import is_data
from tcore.codegen.stages import Map, Prefix, Regions, Scatter, Stage

__all__ = ["BorderText"]


class BorderText(DeviceText):
    """A kernel with a border stage."""

    def functions(self) -> None:
        """Those of each stage, in order."""
        for stage in self.kernel.stages:
            self.border(stage)

    def border(self, stage: Stage) -> None:
        """One stage, as several launches."""
        if isinstance(stage, Regions):
            self._copy(stage)
            for number, region in enumerate(stage.regions):
                value = region.value
                if region.accumulate:
                    value = apply_function("add", (Load(stage.output, region.index), value), value.dtype)
                self._box(stage.output, region.axes, region.index, value, f"_region{number}")
        elif isinstance(stage, Scatter):
            self._check(stage)
            self._copy(stage)
            self._scatter(stage)
        elif isinstance(stage, Prefix):
            self._prefix(stage)
        else:
            assert isinstance(stage, Map)
            self.elements(stage)

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
            value = apply_function("add", (Load(stage.output, tuple(index)), value), value.dtype)
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

    def _prefix(self, stage: Prefix) -> None:
        """A thread for each index of the other axes goes along the ordered one."""
        *free, ordered = stage.loops
        names = dict(self.names)
        code = self.split("tc_t", free, names) + self.source.statements(stage.initial, names, self.load(names))
        states = [f"tc_state{k}" for k in range(len(stage.carried))]
        types = [self.dialect.type(carried.dtype) for carried in stage.carried]
        code += [f"{kind} {state} = {self.source.name_of(value, names)};" for kind, state, value in zip(types, states, stage.initial, strict=True)]
        names |= {**dict(zip(stage.carried, states, strict=True)), ordered: "tc_u"}
        inner = self.source.statements(stage.step, names, self.load(names))
        # all of the new state is made of the old one
        inner += [f"const {kind} new_{state} = {self.source.name_of(value, names)};" for kind, state, value in zip(types, states, stage.step, strict=True)]
        inner += [f"{state} = new_{state};" for state in states]
        stores = [f"{self.place(buffer, stage.axes, names)} = {state};" for buffer, state in zip(stage.outputs, states, strict=False)]
        every, last = (stores, []) if stage.ordered in stage.axes else ([], stores)
        dialect = self.dialect
        lines = [
            f"for (tc_i64 tc_t = {dialect.thread}; tc_t < {self.total(free)}; tc_t += {dialect.threads}) {{",
            *(f"    {line}" for line in code),
            f"    for (tc_i64 tc_u = 0; tc_u < {self.total([ordered])}; tc_u += 1) {{",
            *(f"        {line}" for line in inner + every),
            "    }",
            *(f"    {line}" for line in last),
            "}",
        ]
        self.function("_prefix", "thread", [axis.extent for axis in free], lines)
