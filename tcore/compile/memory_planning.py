"""The plan of a call's memory, worked out from a graph and what its linker tells.

A linker tells what it knows by methods that all are optional: ``explain_memory()`` (its steps, and the :class:`Stay` of each value
that has memory of its own), ``lengths_of_work()`` (how large memory is whose size is its own affair), ``explain_scratch()`` (texts about
the memory inside of kernels) and ``explain_kernels()``. One that tells nothing works node by node: each node makes arrays, which are
freed as ``allow_gc`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.compile.lengths import Length, Lengths
from tcore.compile.memory_plan import MemoryPlan, ValueMemory
from tcore.graph.variable import Constant
from tcore.link.memory import Stay

if TYPE_CHECKING:
    from tcore.compile.function_module import Function
    from tcore.graph import Apply, FunctionGraph, Variable
    from tcore.link.rounds import Round
    from tcore.link.work import Work

__all__ = ["memory_plan"]


def memory_plan(function: Function, arguments: Sequence[Any], named: Mapping[str, Any]) -> MemoryPlan:
    """See :meth:`Function.memory_plan`."""
    maker = function.maker
    fgraph, linker = maker.fgraph, maker.linker
    order = fgraph.toposort()
    number = {node: k for k, node in enumerate(order)}
    shapes, values, names = _known_inputs(function, arguments, named)
    lengths = Lengths(fgraph.inputs, order, shapes, values, names)
    inside = _Inside(lengths, getattr(linker, "lengths_of_work", None))
    steps, stays = _layout(function, linker, order)
    allow_gc = bool(getattr(linker, "allow_gc", True))
    step_of = {node: k for k, nodes in enumerate(steps) for node in nodes}
    reads = _Reads(fgraph, order, step_of)
    results = {reads.root(v): "update" for v in fgraph.outputs} | {reads.root(v): "result" for v in fgraph.outputs[: len(function.outputs)]}
    placed = {stay.variable for stay in stays if stay.work is None and stay.round is None}
    reports = []
    for stay in stays:
        if stay.work is not None or stay.round is not None:
            reports += inside.reports(stay, number, steps)
            continue
        variable, root = stay.variable, reads.root(stay.variable)
        if root is not variable and root in placed:
            continue  # made in the memory of another value
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
    updated = tuple(names[fgraph.inputs[k]] for k in maker.updated_inputs if any(reads.root(v) is fgraph.inputs[k] for v in fgraph.outputs))
    return MemoryPlan(
        function.name or "", type(linker).__name__, backend, tuple(tuple(number[node] for node in nodes) for nodes in steps),
        tuple(sorted(reports, key=lambda report: (report.first, report.node))), None if None in sizes else sum(s for s in sizes if s is not None),
        updated, tuple(getattr(linker, "explain_scratch", tuple)()), allow_gc,
    )  # fmt: skip


class _Inside:
    """Memory that no value of the graph has: what nodes work in, and values of a loop's rounds.

    Parameters
    ----------
    lengths : Lengths
        Of the graph.
    own : callable or None
        The linker's ``lengths_of_work``.
    """

    def __init__(self, lengths: Lengths, own: Callable[[Work, Callable[[Variable], tuple[Length, ...]]], tuple[Length, ...] | None] | None) -> None:
        self._own = own
        self._lengths: dict[Round | None, Lengths] = {None: lengths}

    def reports(self, stay: Stay, number: Mapping[Apply, int], steps: Sequence[Sequence[Apply]]) -> list[ValueMemory]:
        """One, or none where there is no such memory."""
        work, last = stay.work, len(steps) - 1 if stay.last is None else stay.last
        lengths, variable = self._of(stay.round), stay.variable
        what, dtype = (f"{work.what} of {variable}", work.dtype) if work is not None else (str(variable), variable.type.dtype)
        shape = lengths.of(variable) if work is None else self._of_work(work, lengths)
        if shape is None:
            return []
        known = [length for length in shape if isinstance(length, int)]
        nbytes = prod(known) * np.dtype(dtype).itemsize if len(known) == len(shape) else None
        if work is not None and work.most is not None and (nbytes or 0) > work.most:
            return []
        if stay.round is not None:
            node, what = number[stay.round.outermost], f"a step's {what}"
        else:
            assert work is not None
            node = number[work.node]
        place = f"buffer {stay.place}" if stay.place >= 0 else "array" if work is None else "inside"
        return [ValueMemory(node, what, dtype, shape, nbytes, place, stay.first, last, max(number[each] for each in steps[last]))]

    def _of_work(self, work: Work, lengths: Lengths) -> tuple[Length, ...] | None:
        if work.sized and self._own is not None:
            return self._own(work, lengths.of)
        shape = lengths.of(work.variable)[: work.ndim]
        first = shape[0] if shape else 0
        return (max(first, work.least), *shape[1:]) if isinstance(first, int) and shape else shape

    def _of(self, wanted: Round | None) -> Lengths:
        """The lengths of the graph of a round, which follow from those around."""
        around: list[Round] = []
        each = wanted
        while each is not None and each not in self._lengths:
            around.append(each)
            each = each.around
        for each in reversed(around):
            outer, shapes, values = self._lengths[each.around], {}, {}
            for variable, (position, is_row) in zip(each.inputs, each.shown, strict=True):
                given = each.node.inputs[position]
                shapes[variable] = outer.of(given)[is_row:]
                value = None if is_row else outer.value_of(given)
                if value is not None:
                    values[variable] = value
            self._lengths[each] = Lengths(each.inputs, each.nodes, shapes, values, {})
        return self._lengths[wanted]


def _known_inputs(
    function: Function, arguments: Sequence[Any], named: Mapping[str, Any]
) -> tuple[dict[Variable, tuple[int, ...]], dict[Variable, Any], dict[Variable, str]]:
    """Shapes and values of the inputs as far as they are given, shared variables have them, or defaults tell; and their names."""
    inputs = function.maker.fgraph.inputs
    positions = list(function._plan.explicit)
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
