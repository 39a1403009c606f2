"""The memory of a program's values: who shares some with whom, until when it is read, and which buffer has it.

Values that only native steps see live in buffers of the program, which values take over from one another; what Python sees
lives in arrays of the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tcore.codegen.group import Group
from tcore.graph import Constant
from tcore.link.memory import Stay
from tcore.link.work import Work
from tcore_cpu.native.abi import Instruction
from tcore_cpu.programs.assembler import HOST
from tcore_cpu.programs.epilogues import Epilogue
from tcore_cpu.programs.timeline import Timeline

__all__ = ["Memory", "members"]


def members(step: Any) -> tuple[Any, ...]:
    """The nodes of a step."""
    return tuple(step.nodes) if isinstance(step, (Group, Epilogue)) else (step,)


def _aliases(node: Any) -> dict[int, int]:
    """Output position to the input whose memory it shows or takes over."""
    found: dict[int, int] = {}
    for name in ("view_map", "destroy_map"):
        for out, shown in (getattr(node.op, name, None) or {}).items():
            if shown:
                found[out] = shown[0]
    return found


class Memory:
    """Gives places to values while a program is made, step by step.

    Parameters
    ----------
    native : mapping from Op class
        What runs without kernels.
    emit : callable
        Takes the instructions by which memory goes back.
    share : bool
        False: every value keeps memory of its own, until the call ends.
    kept : sequence of variables
        What is read behind the last step, in whatever memory it is.
    timeline : Timeline
        Tells the moment; values are placed from it on.
    first : int
        Number of the first buffer.

    Attributes
    ----------
    destroyed : set of inputs that some step overwrites
    stays : list of Stay
        What was placed so far, from which moment through which step.
    buffers : int
        How many there are.
    """

    def __init__(
        self, nodes: Iterable[Any], inputs: Sequence[Any], outputs: Sequence[Any], native: Mapping[type, Any], emit: Callable[..., None],
        share: bool = True, *, timeline: Timeline, kept: Sequence[Any] = (), first: int = 0,
    ) -> None:  # fmt: skip
        self.native, self.emit, self.share, self.timeline = native, emit, share, timeline
        self.inputs = frozenset(inputs)
        self.destroyed: set[Any] = set()
        self.stays: list[Stay] = []
        self.buffers = first
        self._root: dict[Any, Any] = {}
        self._writes: dict[Any, int] = {}  # memory -> how often it is overwritten
        self._written: dict[Any, int] = {}  # variable -> how often it was when the variable was made
        for node in nodes:
            for out, shown in _aliases(node).items():
                self._root[node.outputs[out]] = self.root(node.inputs[shown])
            for positions in (getattr(node.op, "destroy_map", None) or {}).values():
                for root in (self.root(node.inputs[k]) for k in positions):
                    self._writes[root] = self._writes.get(root, 0) + 1
            self._written.update((v, self._writes.get(self.root(v), 0)) for v in node.outputs)
        self.destroyed = set(self.inputs & self._writes.keys())
        self.returned = {self.root(variable) for variable in outputs}
        self._host = set(self.returned)
        self._kept = [self.root(variable) for variable in kept]
        self._last: dict[Any, int] = {}
        self._free: dict[int, tuple[int, ...]] = {}  # buffers that nobody reads, and what tells their size
        self._sizes: dict[int, tuple[int, ...]] = {}
        self._first_sizes: dict[int, tuple[int, ...]] = {}
        self._dead: list[int] = []  # those of them whose memory was not given back
        self._full: set[int] = set()  # buffers with memory
        self._held: dict[Any, list[tuple[bool, int]]] = {}  # what a value has: slots of the host (True) or buffers
        self._scratch: list[int] = []  # buffers of the step at hand alone
        self._expiring: dict[int, list[Any]] = {}  # step -> whose memory is read until then

    def root(self, variable: Any) -> Any:
        """The variable whose memory this one uses."""
        return self._root.get(variable, variable)

    def follow(self, steps: Sequence[Any]) -> None:
        """Learn the order of the steps."""
        for position, step in enumerate(steps):
            for node in members(step):
                for variable in (*node.inputs, *node.outputs):
                    self._last[self.root(variable)] = position
            if not isinstance(step, (Group, Epilogue)) and self.may_be_called(step):
                self.show(step)
        self._last.update(dict.fromkeys(self._kept, len(steps)))

    def may_be_called(self, node: Any) -> bool:
        """Whether Python may run a node: its op has no native form, or one that leaves some cases to Python."""
        return getattr(self.native.get(type(node.op)), "may_call", type(node.op) not in self.native)  # type: ignore[no-any-return]

    def show(self, node: Any) -> None:
        """Let Python see what a node reads and makes."""
        self._host.update(self.root(variable) for variable in (*node.inputs, *node.outputs))

    def readable(self, variable: Any, position: int) -> bool:
        """Whether the elements of a value that was computed are still in its memory at a step."""
        root = self.root(variable)
        if isinstance(variable, Constant):
            return True
        if self._written.get(variable, 0) != self._writes.get(root, 0):
            return False
        kept = root in self.inputs or (root in self._host and self._until(root, position) is None)
        return kept or self._last.get(root, -1) >= position

    def passes(self, variable: Any, position: int) -> bool:
        """Whether nobody reads a value behind a step, in which it is made."""
        root = self.root(variable)
        return self.share and root not in self._host and self._last.get(root, -1) <= position

    # -- places

    def place(self, variable: Any, slot: int, lengths: Sequence[int], position: int) -> int:
        """The buffer in which a value is made at a step: its own while anybody reads it, or the host's.

        One of the same size is taken over as it is; before any other allocation, memory that nobody reads goes back.
        """
        root = self.root(variable)
        if root in self._host:
            self.give_back()
            self.place_array(variable, slot, position)
            return HOST
        size = (int(np.dtype(variable.type.dtype).itemsize), *sorted(lengths))
        number = next((each for each, other in reversed(self._free.items()) if other == size), None)
        if number is None:
            self.give_back()
            number = next(reversed(self._free), self.buffers)
        self._take(number, size)
        if not self.share:
            self.stays.append(Stay(variable, number, self.timeline.now, None))
            return number
        until = max(self._last.get(root, -1), position)
        self.stays.append(Stay(variable, number, self.timeline.now, until))
        self._hold(root, False, number, until)
        return number

    def scratch(self, dtype: str, lengths: Sequence[int]) -> int:
        """A buffer that one step works in: the next step may have it for something else."""
        size = (int(np.dtype(dtype).itemsize), *sorted(lengths))
        number = next((each for each, other in reversed(self._free.items()) if other == size), self.buffers)
        self._take(number, size)
        self._scratch.append(number)
        return number

    def _take(self, number: int, size: tuple[int, ...]) -> None:
        self.buffers = max(self.buffers, number + 1)
        self._free.pop(number, None)
        if number in self._dead:
            self._dead.remove(number)
        self._sizes[number] = size
        self._first_sizes.setdefault(number, size)
        self._full.add(number)

    def note_work(self, work: Work, number: int, last: int, first: int | None = None) -> None:
        """Tell of memory that nodes have beside their values from now on, or from a moment on, through a step."""
        self.stays.append(Stay(work.variable, number, self.timeline.now if first is None else first, last, work))

    def place_array(self, variable: Any, slot: int, position: int) -> None:
        """The host makes an array for a value; it forgets it where nobody reads it any more."""
        root = self.root(variable)
        if root in self.inputs or isinstance(root, Constant):
            return
        until = self._until(root, position)
        self.stays.append(Stay(variable, HOST, self.timeline.now, until))
        if until is not None:
            self._hold(root, True, slot, until)

    def _until(self, root: Any, position: int) -> int | None:
        """The step until which an array of the host is read; None for results, and for what may be lengths.

        Those may be read whenever something is computed from them.
        """
        kind = root.type
        may_be_lengths = getattr(kind, "ndim", 0) <= 1 and getattr(kind, "dtype", "").startswith(("int", "uint"))
        return None if not self.share or root in self.returned or may_be_lengths else max(self._last.get(root, -1), position)

    def _hold(self, root: Any, host: bool, place: int, until: int) -> None:
        if root not in self._held:
            self._held[root] = []
            self._expiring.setdefault(until, []).append(root)
        self._held[root].append((host, place))

    def give_back(self) -> None:
        """Memory of buffers that nobody reads any more goes back, for what is allocated next."""
        for number in self._dead:
            self.emit(Instruction.RELEASE, number)
        self._full.difference_update(self._dead)
        self._dead = []

    def end_round(self, position: int) -> list[int]:
        """Behind the steps of a round, of which there are ``position``: let the host forget what was kept until now, and give back memory that
        the next round wants in another size; the buffers that still have some."""  # fmt: skip
        for root in self._expiring.get(position, ()):
            for host, place in self._held[root]:
                if host:
                    self.emit(Instruction.FORGET, place)
        changed = [number for number in sorted(self._full) if self._sizes[number] != self._first_sizes[number]] if self.share else []
        for number in changed:
            self.emit(Instruction.RELEASE, number)
        return sorted(self._full.difference(changed))

    def end_step(self, position: int) -> None:
        """Take back the buffers that nobody reads any more, and let the host forget its arrays."""
        for place in self._scratch:
            self._free[place] = self._sizes[place]
            self._dead.append(place)
        self._scratch = []
        for root in self._expiring.pop(position, ()):
            for host, place in self._held.pop(root):
                if host:
                    self.emit(Instruction.FORGET, place)
                else:
                    self._free[place] = self._sizes[place]
                    self._dead.append(place)
