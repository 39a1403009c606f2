"""``fn.memory_plan()``: which values of a call have memory, how long, and how much at once; :mod:`tcore.compile.memory_planning` makes it."""

from __future__ import annotations

from collections.abc import Iterable

from tcore.compile.lengths import Length
from tcore.records import frozen

__all__ = ["MemoryPlan", "ValueMemory"]

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
        ``buffer 3``, ``array``, or where it goes: ``result``, ``update``; ``inside`` is what a node has for itself.
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
        The nodes of each step, by their numbers in ``explain()``; the nodes of a kernel are one step, a loop is several.
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
