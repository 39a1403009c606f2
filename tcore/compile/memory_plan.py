"""``fn.memory_plan()``: which values of a call have memory, how long, and how much at once.

A linker tells what it knows by methods that all are optional: ``explain_memory()`` (its steps, and the :class:`Stay` of each value
that has memory of its own), ``explain_scratch()`` (texts about the memory inside of kernels) and ``explain_kernels()``. One
that tells nothing works node by node: each node makes arrays, which are freed as ``allow_gc`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.compile.lengths import Length, Lengths
from tcore.graph.variable import Constant
from tcore.link.memory import Stay
from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.compile.function_module import Function
    from tcore.graph import Apply, FunctionGraph, Variable

__all__ = ["MemoryPlan", "ValueMemory", "memory_plan"]

#: rows of the printed table; smaller values are summed up
_ROWS = 20
_LONGEST = 44


@frozen
class ValueMemory:
    """The memory of one computed value.

    Attributes
    ----------
    node : int
        The node that makes it, by its number in ``explain()``.
    value : str
    dtype : str
    shape : tuple of int or str
        A length that is not known is a text, such as ``x.shape[0]``; ``?`` where it depends on computed values.
    nbytes : int or None
    memory : str
        ``buffer 3``, ``array``, or where it goes: ``result``, ``update``.
    first, last : int
        The steps from which through which it takes memory.
    read_until : int
        The last node that reads it.
    in_place : tuple of int
        Nodes that put their result in its memory.
    """

    node: int
    value: str
    dtype: str
    shape: tuple[Length, ...]
    nbytes: int | None
    memory: str
    first: int
    last: int
    read_until: int
    in_place: tuple[int, ...] = ()

    @property
    def leaves(self) -> bool:
        """Whether it is memory that the caller gets, or a shared variable."""
        return self.memory in ("result", "update")


@frozen
class MemoryPlan:
    """What a call allocates; a table when printed.

    Sizes are None where lengths are not known: give the plan shapes or arguments.

    Attributes
    ----------
    name, linker, backend : str
    steps : tuple of tuple of int
        The nodes of each step, by their numbers in ``explain()``; the nodes of a kernel are one step.
    values : tuple of ValueMemory
    given : int or None
        Bytes of arguments, shared values and constants: there before the call.
    updated_in_place : tuple of str
        Inputs that keep their memory for their new value.
    scratch : tuple of str
        Memory inside of kernels.
    allow_gc : bool
        Whether memory is given back during the call.
    """

    name: str
    linker: str
    backend: str
    steps: tuple[tuple[int, ...], ...]
    values: tuple[ValueMemory, ...]
    given: int | None = None
    updated_in_place: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ()
    allow_gc: bool = True

    def at(self, step: int) -> tuple[ValueMemory, ...]:
        """The values that have memory during a step."""
        return tuple(value for value in self.values if value.first <= step <= value.last)

    def bytes_at(self, step: int) -> int | None:
        """The bytes of intermediate values and results during a step."""
        return _total(self.at(step))

    @property
    def unknown(self) -> tuple[ValueMemory, ...]:
        """The values whose size is not known."""
        return tuple(value for value in self.values if value.nbytes is None)

    @property
    def peak_step(self) -> int | None:
        """The step at which most memory is in use, as far as sizes are known; None where no value has memory."""
        sizes = [sum(value.nbytes or 0 for value in self.at(step)) for step in range(len(self.steps))]
        return sizes.index(max(sizes)) if any(sizes) else None

    @property
    def peak(self) -> int | None:
        """The most bytes that intermediate values and results take at one time."""
        if self.unknown:
            return None
        return 0 if self.peak_step is None else self.bytes_at(self.peak_step)

    @property
    def results(self) -> int | None:
        """Bytes that outlive the call in memory that it allocates."""
        return _total(value for value in self.values if value.leaves)

    @property
    def without_reuse(self) -> int | None:
        """Bytes that it would take to keep every value."""
        return _total(self.values)

    def chart(self, width: int = 60) -> str:
        """One line for each value, the largest first: when it has memory."""
        rows = sorted(self.values, key=lambda value: (-(value.nbytes or 0), value.first))[:_ROWS]
        steps = max(len(self.steps), 1)
        columns = min(width, steps)
        lines = []
        for value in rows:
            begin = value.first * columns // steps
            end = max(begin, ((value.last + 1) * columns - 1) // steps)
            bar = "·" * begin + "█" * (end - begin + 1) + "·" * (columns - end - 1)
            lines.append((f"{value.node}", value.memory, _readable(value.nbytes), bar))
        return "\n".join(f"  {node:>4}  {memory:<10} {size:>9}  {bar}" for node, memory, size, bar in lines)

    def __str__(self) -> str:
        lines = [self._headline()]
        if self.values:
            lines.append(f"  results {_readable(self.results)}; each value in memory of its own would take {_readable(self.without_reuse)}")
        lines.append(f"  before the call: arguments, shared values and constants, {_readable(self.given)}")
        if self.updated_in_place:
            lines.append(f"  updated in place: {', '.join(self.updated_in_place)}")
        lines += self._table()
        lines += [f"  {text}" for text in self.scratch]
        lines.append(f"  {self._when_freed()}")
        return "\n".join(lines)

    def _headline(self) -> str:
        title = f"{self.name or 'function'}: linker {self.linker}, backend {self.backend}"
        if not self.values:
            return f"{title}; no value needs memory"
        if self.unknown:
            count = len(self.unknown)
            return f"{title}; {count} of {len(self.values)} values depend on lengths that are not known"
        nodes = self.steps[self.peak_step or 0]
        return f"{title}; at most {_readable(self.peak)} at once, at {'node' if len(nodes) == 1 else 'nodes'} {', '.join(map(str, nodes))}"

    def _when_freed(self) -> str:
        if not self.allow_gc:
            return "allow_gc=False: intermediate values keep their memory for the next call"
        return "intermediate values give their memory back after the last node that reads them"

    def _table(self) -> list[str]:
        chosen = sorted(self.values, key=lambda value: -(value.nbytes or 0))[:_ROWS]
        shown = [value for value in self.values if value in chosen]
        if not shown:
            return []
        rows = [("#", "value", "dtype", "shape", "bytes", "memory", "nodes", "in place"), *map(_row, shown)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        marks = [">" if k in (0, 4) else "<" for k in range(len(widths))]
        lines = ["  " + "  ".join(f"{cell:{m}{w}}" for cell, m, w in zip(row, marks, widths, strict=True)).rstrip() for row in rows]
        rest = [value for value in self.values if value not in chosen]
        if rest:
            lines.append(f"  and {len(rest)} smaller values, {_readable(_total(rest))}")
        return lines


def memory_plan(function: Function, arguments: Sequence[Any], named: Mapping[str, Any]) -> MemoryPlan:
    """See :meth:`Function.memory_plan`."""
    maker = function.maker
    fgraph, linker = maker.fgraph, maker.linker
    order = fgraph.toposort()
    number = {node: k for k, node in enumerate(order)}
    shapes, values, names = _known_inputs(function, arguments, named)
    lengths = Lengths(fgraph, shapes, values, names)
    steps, stays = _layout(function, linker, order)
    allow_gc = bool(getattr(linker, "allow_gc", True))
    step_of = {node: k for k, nodes in enumerate(steps) for node in nodes}
    reads = _Reads(fgraph, order, step_of)
    results = {reads.root(v): "update" for v in fgraph.outputs} | {reads.root(v): "result" for v in fgraph.outputs[: len(function.outputs)]}
    reports = []
    for stay in stays:
        variable, root = stay.variable, reads.root(stay.variable)
        last = len(steps) - 1 if stay.last is None else stay.last
        memory = results.get(root, "array") if stay.place < 0 else f"buffer {stay.place}"
        reports.append(
            ValueMemory(
                number[variable.owner], str(variable), str(getattr(variable.type, "dtype", variable.type)), lengths.of(variable),
                lengths.bytes_of(variable), memory, stay.first, last, reads.until(variable, number), reads.in_place(variable, number),
            )
        )  # fmt: skip
    backend = getattr(linker, "backend_name", None) or (maker.mode.backend.name if hasattr(linker, "explain_node") else "numpy")
    kept = [*fgraph.inputs, *{v for node in order for v in node.inputs if isinstance(v, Constant)}]
    sizes = [lengths.bytes_of(variable) for variable in kept if hasattr(variable.type, "ndim")]
    inside = tuple(names[fgraph.inputs[k]] for k in maker.updated_inputs if any(reads.root(v) is fgraph.inputs[k] for v in fgraph.outputs))
    return MemoryPlan(
        function.name or "", type(linker).__name__, backend, tuple(tuple(number[node] for node in nodes) for nodes in steps),
        tuple(sorted(reports, key=lambda report: (report.first, report.node))), None if None in sizes else sum(s for s in sizes if s is not None),
        inside, tuple(getattr(linker, "explain_scratch", tuple)()), allow_gc,
    )  # fmt: skip


def _known_inputs(
    function: Function, arguments: Sequence[Any], named: Mapping[str, Any]
) -> tuple[dict[Variable, tuple[int, ...]], dict[Variable, Any], dict[Variable, str]]:
    """Shapes and values of the inputs as far as they are given, shared variables have them, or defaults tell; and their names."""
    inputs = function.maker.fgraph.inputs
    positions = list(function._explicit)
    if len(arguments) > len(positions):
        raise TypeError(f"{function._title()} takes {len(positions)} arguments, memory_plan got {len(arguments)}")
    given = dict(zip(positions, arguments, strict=False))
    by_name = {function._input_name(position): position for position in positions}
    for name, value in named.items():
        if name not in by_name:
            raise TypeError(f"{function._title()} has no argument {name!r}; it has {', '.join(by_name) or 'none'}")
        given[by_name[name]] = value
    shapes: dict[Variable, tuple[int, ...]] = {}
    values: dict[Variable, Any] = {}
    for position, variable in enumerate(inputs):
        value = given.get(position, function.input_storage[position].storage[0])
        ndim = getattr(variable.type, "ndim", None)
        if value is None or ndim is None:
            continue
        is_shape = isinstance(value, tuple) and position in given
        shape = value if is_shape else np.shape(value)
        if len(shape) != ndim or not all(isinstance(length, (int, np.integer)) for length in shape):
            raise ValueError(f"the argument {function._input_name(position)} has {ndim} dimensions, memory_plan got the shape {shape}")
        shapes[variable] = tuple(int(length) for length in shape)
        if not is_shape:
            values[variable] = value
    return shapes, values, {variable: function._input_name(position) for position, variable in enumerate(inputs)}


def _layout(function: Function, linker: Any, order: Sequence[Apply]) -> tuple[list[tuple[Apply, ...]], list[Any]]:
    """Steps, and the values with memory of their own: as the linker tells, else node by node, kernels of several nodes as one step."""
    told = linker.explain_memory() if hasattr(linker, "explain_memory") else None
    if told is not None:
        return list(told[0]), list(told[1])
    kernel_of = {node: nodes for nodes, _ in getattr(linker, "explain_kernels", tuple)() for node in nodes}
    steps: list[tuple[Apply, ...]] = []
    for node in order:
        members = tuple(kernel_of.get(node, (node,)))
        if members not in steps[-1:] and node is members[-1]:
            steps.append(members)
    fgraph = function.maker.fgraph
    step_of = {node: k for k, nodes in enumerate(steps) for node in nodes}
    reads = _Reads(fgraph, order, step_of)
    stays = []
    for node in order:
        for variable in node.outputs:
            if reads.root(variable) is not variable or not reads.exists(variable):
                continue
            ends = not getattr(linker, "allow_gc", True) or variable in reads.returned
            stays.append(Stay(variable, -1, step_of[node], None if ends else reads.last_step(variable)))
    return steps, stays


class _Reads:
    """Who reads which memory: views and work in place go on using that of their input."""

    def __init__(self, fgraph: FunctionGraph, order: Sequence[Apply], step_of: Mapping[Apply, int]) -> None:
        self.step_of = step_of
        self._root: dict[Variable, Variable] = {}
        self._readers: dict[Variable, list[Apply]] = {}
        self._in_place: dict[Variable, list[Apply]] = {}
        self._outside: set[Variable] = set(fgraph.outputs)
        for node in order:
            for variable in node.inputs:
                self._readers.setdefault(self.root(variable), []).append(node)
                if variable.owner is not None and step_of[variable.owner] != step_of[node]:
                    self._outside.add(variable)
            destroyed = getattr(node.op, "destroy_map", None) or {}
            for place, shown in {**(getattr(node.op, "view_map", None) or {}), **destroyed}.items():
                if shown:
                    root = self._root[node.outputs[place]] = self.root(node.inputs[shown[0]])
                    if place in destroyed:
                        self._in_place.setdefault(root, []).append(node)
        self.returned = {self.root(variable) for variable in fgraph.outputs}

    def root(self, variable: Variable) -> Variable:
        """The variable whose memory this one uses."""
        return self._root.get(variable, variable)

    def exists(self, variable: Variable) -> bool:
        """Whether a value is more than a number inside of a kernel."""
        return variable in self._outside or any(self._root.get(each) is variable for each in self._outside)

    def last_step(self, variable: Variable) -> int:
        """The step after which nobody reads the memory of a variable."""
        readers = self._readers.get(self.root(variable), [])
        return max((self.step_of[node] for node in readers), default=self.step_of[variable.owner])  # type: ignore[index]

    def until(self, variable: Variable, number: Mapping[Any, int]) -> int:
        """The number of the last node that reads it, or that made it."""
        return max((number[node] for node in self._readers.get(self.root(variable), [])), default=number[variable.owner])

    def in_place(self, variable: Variable, number: Mapping[Any, int]) -> tuple[int, ...]:
        """Numbers of the nodes that work in its memory."""
        root = self.root(variable)
        return tuple(number[node] for node in self._in_place.get(root, ())) if root is variable else ()


def _total(values: Iterable[ValueMemory]) -> int | None:
    total = 0
    for value in values:
        if value.nbytes is None:
            return None
        total += value.nbytes
    return total


def _row(value: ValueMemory) -> tuple[str, ...]:
    """The cells of a value in the printed table."""
    shape = " x ".join(map(str, value.shape)) or "-"
    nodes = f"{value.node}-{value.read_until}"
    in_place = ", ".join(map(str, value.in_place))
    return str(value.node), _cut(value.value), value.dtype, shape, _readable(value.nbytes), value.memory, nodes, in_place


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 12]}...{text[-9:]}"


def _readable(size: int | None) -> str:
    """Bytes with a unit that fits."""
    if size is None:
        return "?"
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size} B"
