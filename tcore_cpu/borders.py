"""Border stages as kernels of their own: boxes of an output, scatters, ordered axes."""

from __future__ import annotations

from tcore.codegen.expr import Axis, Buffer, Expr, Fn, Load, Param, cast
from tcore.codegen.kernel import affine, cost
from tcore.codegen.stages import Prefix, Region, Scatter
from tcore_cpu.nests import Builder, is_zero
from tcore_cpu.passes import Pass, guarded_loads
from tcore_cpu.plans import KernelPlan, NotScheduled, Phase, Stride, Term
from tcore_cpu.runtime_abi import RefKind

__all__ = ["BorderBuilder"]


class BorderBuilder(Builder):
    """The kernel of one border stage."""

    def region(self, output: Buffer, region: Region) -> KernelPlan:
        """Stores to one box."""
        terms: list[Term] = []
        for k, index in enumerate(region.index):
            parts = affine(index)
            if parts is None:
                raise NotScheduled("a region whose index is not affine")
            if not is_zero(parts[0]):
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
        guarded = guarded_loads([*stage.index, value])
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
        guarded = guarded_loads(stage.step)
        inside += self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)
        # all of the new state is made of the old one
        inside += [
            f"const {self.printer.type(c.dtype)} new_{state} = {names[value]};"
            for c, state, value in zip(stage.carried, states, stage.step, strict=True)
        ]
        inside += [f"{state} = new_{state};" for state in states]
        stores: list[str] = []
        for buffer, state in zip(stage.outputs, states, strict=False):
            base = current.ref(RefKind.BASE, self.operand(buffer, (), True), buffer.dtype, 2)
            offsets = [
                f"{self._axis_text(current, axis)} * q->ints[{self.int_argument(Stride(buffer, k))}]"
                for k, axis in enumerate(stage.axes)
            ]
            stores.append(f"TC_AT({self.printer.type(buffer.dtype)}, {base}, {' + '.join(offsets) or '0'}) = {state};")
        every, last = (stores, []) if stage.ordered in stage.axes else ([], stores)
        length = f"q->ints[{self.int_argument(stage.ordered.extent)}]"
        lines += [f"for (tc_i64 t = 0; t < {length}; t++) {{", *(f"    {line}" for line in inside + every), "}", *last]
        body = self.printer.body(current.pointers, lines, lanes=False, simd=False)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(100 * (1 + cost(stage.step)), reduced=False)

    def _axis_text(self, current: Pass, axis: Axis) -> str:
        return current.leaf(axis, frozenset(), {}) or ""
