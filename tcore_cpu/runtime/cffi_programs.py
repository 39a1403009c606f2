"""The types Program and Entry through cffi: calls of the core, frame by frame.

What ``native/python_calls.h``, ``python_programs.h`` and ``python_entries.h`` are to the extension module.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import setitem
from typing import Any

import numpy as np

from tcore.compile.overwriting import is_plain_memory
from tcore.link.program import note_written
from tcore_cpu.native.abi import Event, Failure
from tcore_cpu.runtime.cffi_frames import NAMES, OBJECT, Frame

__all__ = ["Entry", "Program"]

#: flags of a slot: its memory may not be overwritten; it is being overwritten
_FOREIGN, _TAKEN = 2, 8


def _free(core: Any, native: Any, frames: list[Any]) -> None:
    for frame in frames:
        core.tc_frame_free(frame)
    core.tc_program_free(native)


class Program:
    """A compiled graph: called with the values of all inputs, returns the list of all outputs."""

    def __init__(
        self,
        ffi: Any,
        core: Any,
        spec: bytes,
        inputs: Sequence[tuple[int, int, int, int, int]],
        constant_slots: Sequence[int],
        constants: Sequence[Any],
        outputs: Sequence[int],
        steps: Sequence[tuple[Callable[..., Any], Sequence[int], Sequence[int]]],
        on_error: Callable[..., Any],
        keep: Any,
    ) -> None:
        self.ffi, self.core = ffi, core
        native = core.tc_program_new(ffi.cast("int64_t *", ffi.from_buffer(spec)), len(spec) // 8)
        if native == ffi.NULL:
            raise ValueError("malformed program")
        self.native = native
        #: every frame that was ever made; freed with the program, before it
        self.frames: list[Any] = []
        weakref.finalize(self, _free, core, native, self.frames).atexit = False
        count = native.nslots
        self.dtypes = [native.slot_dtypes[k] for k in range(count)]
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.constant_slots, self.constants = tuple(constant_slots), tuple(constants)
        self.steps, self.on_error, self.keep = tuple(steps), on_error, keep
        self._spare: list[Frame] = []
        self._copies = [0] * len(self.inputs)
        self._keeps = False

    def keep_values(self) -> None:
        """From now on intermediate values stay until the next call."""
        self._keeps = True

    def kept_value(self, slot: int) -> Any:
        """A copy of the intermediate value that the last call left in a slot, or None."""
        frame = self._spare[-1] if self._spare else None
        if frame is None or not frame.filled or (slot not in frame.objects and frame.core.slots[slot].buffer < 0):
            return None
        return frame.value(slot)

    def forget_values(self) -> None:
        """Drop the values that calls left."""
        for frame in self._spare:
            self._empty(frame)

    def _empty(self, frame: Frame) -> None:
        frame.filled = False
        frame.objects = dict(frame.constants)
        self.core.tc_frame_release(frame.core)

    def _give_back(self, frame: Frame) -> None:
        if self._keeps and frame.filled:
            for slot in (*(slot for slot, *_ in self.inputs), *self.outputs):
                if slot not in frame.constants:
                    frame.objects.pop(slot, None)
        else:
            self._empty(frame)
        self._spare.append(frame)

    def __call__(self, *values: Any) -> list[Any]:
        if len(values) != len(self.inputs):
            raise TypeError(f"program takes {len(self.inputs)} values, got {len(values)}")
        results = self.execute(values)
        if results is None:
            raise TypeError("a value has not the dtype, dimensions or memory layout of its input")
        return results

    def execute(self, values: Sequence[Any]) -> list[Any] | None:
        """All outputs; None, without any effect, where an argument needs the general path."""
        try:
            frame = self._spare.pop()
        except IndexError:
            frame = Frame(self)
        try:
            for value, spec in zip(values, self.inputs, strict=True):
                if not self._fill(frame, value, spec):
                    return None
            for k, (slot, dtype, *_, destroyed) in enumerate(self.inputs):
                if destroyed and dtype != OBJECT and not self._may_write(frame, slot):
                    frame.core.slots[slot].flags |= _FOREIGN
                    self._copies[k] += 1
            frame.filled = False
            try:
                self._run(frame)
                results = [frame.value(slot) for slot in self.outputs]
                frame.filled = True
                return results
            except BaseException as error:
                if first := frame.take_error():  # a second signal came before it was raised
                    error.__context__ = first
                note_written(error, self._written(frame))
                raise
        finally:
            self._give_back(frame)

    def _fill(self, frame: Frame, value: Any, spec: tuple[int, int, int, int, int]) -> bool:
        slot, dtype, ndim, mask, _ = spec
        if dtype == OBJECT:
            frame.objects[slot] = value
            return True
        if not isinstance(value, np.ndarray):
            if ndim or type(value) not in (float, int, np.float64) or NAMES[dtype] not in ("float64", "int64"):
                return False
            if NAMES[dtype] == "int64" and type(value) is not int:
                return False
            try:
                value = np.array(value, dtype=NAMES[dtype])
            except OverflowError:
                return False
        if value.ndim != ndim or value.dtype != NAMES[dtype] or not value.dtype.isnative or not value.flags.aligned:
            return False
        if any(mask >> k & 1 and value.shape[k] != 1 for k in range(ndim)):
            return False
        if type(value) is not np.ndarray and hasattr(value, "filled"):
            return False  # a masked array is refused where it is filtered
        frame.bind(slot, value)
        return True

    def _may_write(self, frame: Frame, slot: int) -> bool:
        array = frame.objects[slot]
        others = [frame.objects.get(other) for other, *_ in self.inputs if other != slot]
        others += self.constants
        return is_plain_memory(array) and not any(
            isinstance(other, np.ndarray) and np.may_share_memory(array, other) for other in others
        )

    def _written(self, frame: Frame) -> tuple[int, ...]:
        """Inputs that the call may have begun to overwrite."""
        return tuple(
            k for k, (slot, *_, destroyed) in enumerate(self.inputs) if destroyed and frame.core.slots[slot].flags & _TAKEN
        )

    def copies(self) -> tuple[int, ...]:
        """By input: how often its value was copied because it may not be overwritten."""
        return tuple(self._copies)

    def _run(self, frame: Frame) -> None:
        core = self.core
        core.tc_frame_start(frame.core)
        while True:
            event = core.tc_frame_run(frame.core)
            if event == Event.DONE:
                return
            if event == Event.ALLOC:
                self._allocate(frame, frame.core.event_arg)
            elif event == Event.FORGET:
                frame.objects.pop(frame.core.event_arg, None)
            elif event == Event.CALL:
                self._step(frame, *self.steps[frame.core.event_arg])
            elif raised := frame.take_error():
                raise raised
            else:
                error = frame.core.error
                record = (error.code, error.apply, error.operand, error.axis, error.left, error.right)
                if error.code == Failure.MEMORY:
                    self.on_error(record, frame.shape(error.operand) if error.operand >= 0 else ())
                self.on_error(record, tuple(frame.value(slot) for slot, *_ in self.inputs))
                if error.code != Failure.DOUBT:
                    raise RuntimeError(f"native code failed with record {record}")

    def _allocate(self, frame: Frame, slot: int) -> None:
        try:
            frame.make_array(slot)
        except MemoryError:
            record = (Failure.MEMORY, -1, slot, 0, math.prod(frame.shape(slot)) * frame.core.slots[slot].itemsize, 0)
            self.on_error(record, frame.shape(slot))

    def _step(self, frame: Frame, step: Callable[..., Any], reads: Sequence[int], writes: Sequence[int]) -> None:
        values = tuple(frame.value(slot) for slot in reads)
        results = step(*values)
        try:
            if not isinstance(results, tuple) or len(results) != len(writes):
                raise TypeError(f"a step returned {results!r} instead of a tuple of {len(writes)}")
            for slot, value in zip(writes, results, strict=True):
                frame.take_result(slot, value)
        except TypeError as error:
            # the step knows which node it runs
            if hasattr(step, "blame"):
                step.blame(error, values)
            raise


class Entry:
    """A function's fast way in: returns NotImplemented, before any effect, where an argument needs the general path."""

    def __init__(
        self,
        program: Program,
        positions: Sequence[int],
        cells: Sequence[list[Any]],
        updates: Sequence[int],
        update_cells: Sequence[list[Any]],
        results: Sequence[int],
        unpack: bool,
        plan: Sequence[Any],
        hold: Callable[..., Any],
        release: Callable[..., Any],
    ) -> None:
        self.program, self.positions, self.cells = program, tuple(positions), tuple(cells)
        self.updates = tuple(zip(updates, update_cells, strict=True))
        self.cells_of_updates = tuple(update_cells)
        self.results, self.unpack = tuple(results), unpack
        self.plan, self.hold, self.release = tuple(plan), hold, release

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != len(self.positions) - len(self.cells):
            return NotImplemented
        held = self.hold(self.plan) if self.plan else ()
        try:
            values: list[Any] = [None] * len(self.positions)
            for position, value in zip(self.positions, (*args, *(cell[0] for cell in self.cells)), strict=True):
                values[position] = value
            results = self.program.execute(values)
            if results is None:
                return NotImplemented
            # one call without Python code in it: Ctrl-C finds all updates stored, or none
            stored = [results[output] for output, _ in self.updates]
            deque(map(setitem, self.cells_of_updates, repeat(0), stored), maxlen=0)
            if self.unpack:
                return results[self.results[0]]
            return [results[k] for k in self.results]
        finally:
            if held:
                try:
                    self.release(held)
                finally:
                    if held:  # Ctrl-C came before its first statement
                        self.release(held)
