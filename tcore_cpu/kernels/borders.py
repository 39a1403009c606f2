"""Border stages as kernels of their own: boxes of an output, scatters, ordered axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tcore.codegen.building import cast
from tcore.codegen.expr import Axis, Buffer, Expr, Load, Param
from tcore.codegen.functions import apply_function
from tcore.codegen.kernel import affine, cost
from tcore.codegen.stages import Prefix, Region, Scatter
from tcore.codegen.walks import flatten
from tcore.records import frozen
from tcore_cpu.kernels.nests import Builder, is_zero
from tcore_cpu.kernels.passes import Pass, guarded_loads
from tcore_cpu.kernels.plans import KernelPlan, NotScheduled, Phase, Stride, Term
from tcore_cpu.kernels.printer import read_by
from tcore_cpu.native.abi import KernelOrder, RefKind

__all__ = ["BorderBuilder"]

#: what a store to a place that nothing foresees costs, in additions
SCATTERED = 30


@frozen
class _Destination:
    """Texts of where an element of a scatter goes.

    Attributes
    ----------
    shared : bool
        Whether threads may share the work: each takes some lines of an axis.
    share : str
        The statement that says which lines are this thread's.
    line : str
        The line of an element.
    far, near : str
        Its offset in bytes; the second where neighbours along the last axis have no gaps.
    is_near : str
        Whether that is so.
    """

    shared: bool
    share: str
    line: str
    far: str
    near: str
    is_near: str


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
            value = apply_function("add", (old, value), output.dtype)
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
        outside = [f"(tc_u64)({names[stage.index[k]]} + (({names[stage.index[k]]} >> 63) & {length})) >= (tc_u64){length}" for k, length in lines]
        noted = [f"tc_index({names[stage.index[k]]}, {length}, {self.site()}, q->error);" for k, length in lines]
        loop = "for (tc_i64 i = 0; i < n; i++) {"
        # which one it is matters only where one is outside: the first loop is one of vectors
        all_inside = ["tc_i64 bad = 0;", loop, *text, f"bad |= {' | '.join(f'({test})' for test in outside)};", "}"]
        body = self.printer.written_body(current.pointers, [*all_inside, "if (!bad) return;", loop, *text, *noted, "}"])
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(cost(stage.index))

    def scatter(self, stage: Scatter) -> KernelPlan:
        """Stores in index order, each thread those to its part of one axis of the output.

        Where the tile is a run of neighbours, as in rows that are added to rows, one look at its place is enough.
        """
        current = self.at(0, [])
        output = stage.output
        base = current.ref(RefKind.BASE, self.operand(output, (), True), output.dtype, 2)
        c_type = self.printer.type(output.dtype)
        value = cast(stage.value, output.dtype)
        if stage.combine == "inc":
            value = apply_function("add", (Param("tc_old", output.dtype), value), output.dtype)
        guarded = guarded_loads([*stage.index, value])

        def statements(roots: Sequence[Expr], names: dict[Expr, str]) -> list[str]:
            current.roots[:] = roots
            return self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)

        names: dict[Expr, str] = {}
        index = statements(stage.index, names)
        goes = self._destination(stage, names, c_type)
        far = f"const tc_i64 offset = {goes.far};"
        line = f"const tc_i64 line = {goes.line};"

        def stores(old: str) -> list[str]:
            self.params["tc_old"] = old
            names: dict[Expr, str] = {}
            return ["{", *statements([value], names), f"{old} = {names[value]};", "}"]

        store = stores(f"TC_AT({c_type}, {base}, offset)")
        lines = [
            goes.share,
            *self._run(stage, current, [*index, line, far], stores, c_type, base),
            *self._one_by_one(goes, [*read_by(line, index), line], [*index, f"const tc_i64 offset = {goes.near};", *store], [*index, far, *store]),
        ]
        body = self.printer.written_body(current.pointers, lines)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))
        return self.plan(SCATTERED + cost([value]), order=KernelOrder.PARTS if goes.shared else KernelOrder.SERIAL)

    def _one_by_one(self, goes: _Destination, line: list[str], near: list[str], far: list[str]) -> list[str]:
        """The form for elements that go anywhere: ``near`` stores one where neighbours have no gaps, ``far`` where they may.

        A loop of vectors first notes, as bits of one number, which elements of a block are of this thread's part. Those of others cost next to
        nothing, however many threads there are. What is left for each own one must be short: so many as a processor holds at once are the
        places that it waits for at once. To keep the places from the first loop is slower.
        """

        def noted(count: str) -> list[str]:
            return [
                f"for (tc_i64 k = 0; k < {count}; k++) {{",
                "const tc_i64 i = first + k;",
                *line,
                "mine |= (tc_u64)((tc_u64)(line - low) < (tc_u64)(high - low)) << k;",
                "}",
            ]

        def each(stores: list[str]) -> list[str]:
            return ["for (; mine; mine &= mine - 1) {", "const tc_i64 i = first + __builtin_ctzll(mine);", "(void)i;", *stores, "}"]

        choice = [
            "if (q->parts > 1) {",
            "mine = 0;",
            "if (block == 64) {",
            *noted("64"),  # of a length that they know, compilers make vectors
            "} else {",
            *noted("block"),
            "}",
            "}",
        ]
        return [
            "for (tc_i64 first = 0; first < n; first += 64) {",
            "const tc_i64 block = n - first < 64 ? n - first : 64;",
            "tc_u64 mine = ~(tc_u64)0 >> (64 - block);",
            *(choice if goes.shared else []),
            f"if ({goes.is_near}) {{",
            *each(near),
            "} else {",
            *each(far),
            "}",
            "}",
        ]

    def _destination(self, stage: Scatter, names: dict[Expr, str], c_type: str) -> _Destination:
        """C texts of where an element goes, whose index is ``names``."""
        output, checked = stage.output, dict(stage.checked)
        counted = {k: names[stage.index[k]] for k in range(output.ndim) if not output.broadcastable[k]}
        for k in checked.keys() & counted.keys():
            counted[k] = f"({counted[k]} + (({counted[k]} >> 63) & q->ints[{self.int_argument(checked[k])}]))"
        strides = {k: f"q->ints[{self.int_argument(Stride(output, k))}]" for k in counted}
        unit = f"(tc_i64)sizeof({c_type})"

        def offset(strides: dict[int, str]) -> str:
            return " + ".join(f"{counted[k]} * {strides[k]}" for k in counted) or "0"

        last = max(counted, default=None)
        near = offset({**strides, last: unit}) if last is not None else "0"
        is_near = f"{strides[last]} == {unit}" if last is not None else "1"
        # parts are of an axis that users' positions lead to: they are likely to be spread over it
        divided = next((k for k in counted if k in checked), None)
        share, line = "const tc_i64 low = 0, high = 1;", "0"
        if divided is not None:
            length, line = f"q->ints[{self.int_argument(checked[divided])}]", counted[divided]
            share = f"const tc_i64 low = {length} * q->part / q->parts, high = {length} * (q->part + 1) / q->parts;"
        return _Destination(divided is not None, share, line, offset(strides), near, is_near)

    def _run(self, stage: Scatter, current: Pass, place: list[str], stores: Callable[[str], list[str]], c_type: str, base: str) -> list[str]:
        """The form for a tile of neighbours: the last axis of the stage is that of the output, and the tile does not cross its ends."""
        last = stage.axes[-1] if stage.axes else None
        others = stage.index[:-1] if stage.index else ()
        if last is None or not stage.index or stage.index[-1] is not last or last in set(flatten(others)):
            return []
        if any(map(self.printer.has_vector_form, flatten([stage.value]))):
            return []  # its values would depend on the form that the tile happens to have
        stride = f"q->ints[{self.int_argument(Stride(stage.output, stage.output.ndim - 1))}]"
        if not current.mark_places(last, place, stores("at[i]")):
            return []

        def loop(old: str) -> list[str]:
            return ["for (tc_i64 i = 0; i < n; i++) {", *stores(old), "}"]

        return [
            "if (q->run) {",
            "enum { i = 0 };",
            *place,
            "if (line < low || line >= high) return;",
            f"{c_type} *const at = &TC_AT({c_type}, {base}, offset);",
            f"if ({stride} == (tc_i64)sizeof({c_type})) {{",
            '_Pragma("omp simd")',
            *loop("at[i]"),
            "} else {",
            *loop(f"TC_AT({c_type}, at, i * {stride})"),
            "}",
            "return;",
            "}",
        ]

    def prefix(self, stage: Prefix) -> KernelPlan:
        """A step for a tile of the other axes, and a walk along the ordered axis: the driver takes what suits the memory."""
        # functions that round differently in vectors would show which one it was
        if not any(map(self.printer.has_vector_form, flatten([*stage.initial, *stage.step]))):
            self._across(stage)
        self._along(stage)
        return self.plan(cost(stage.step), order=KernelOrder.PREFIX)

    def _across(self, stage: Prefix) -> None:
        """One step, the state in a tile that stays from step to step."""
        current = self.at(0, [])
        names: dict[Expr, str] = {}
        guarded = guarded_loads([*stage.initial, *stage.step])

        def statements(roots: Sequence[Expr]) -> list[str]:
            current.roots[:] = roots
            return self.printer.statements(current.flat(guarded), lambda e: current.leaf(e, guarded, names), names)

        lines = statements(stage.initial)
        first = f"{self._axis_text(current, stage.ordered)} == 0"
        states = [current.ref(RefKind.TILE, k, param.dtype, 2) for k, param in enumerate(stage.carried)]
        read = set(flatten(stage.step))
        for k, (param, initial, state) in enumerate(zip(stage.carried, stage.initial, states, strict=True)):
            if param not in read:
                continue
            assert isinstance(param, Param)
            self.params[param.name] = f"state{k}"
            lines.append(f"const {self.printer.type(param.dtype)} state{k} = {first} ? {names[initial]} : {state};")
        lines += statements(stage.step)
        lines += [f"{state} = {names[value]};" for state, value in zip(states, stage.step, strict=True)]
        for buffer, value in zip(stage.outputs, stage.step, strict=False):
            lines.append(f"{current.ref(RefKind.ARRAY, self.target(buffer, stage.axes), buffer.dtype, 1)} = {names[value]};")
        body = self.printer.body(current.pointers, lines, simd=current.simd)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))

    def _along(self, stage: Prefix) -> None:
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
        body = self.printer.body(current.pointers, lines, simd=False)
        self.current = None
        self.phases.append(Phase(body, 0, False, tuple(current.refs), ()))

    def _axis_text(self, current: Pass, axis: Axis) -> str:
        return current.leaf(axis, frozenset(), {}) or ""
