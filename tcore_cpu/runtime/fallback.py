"""The native runtime through cffi, for installations without the extension module: same interface, slower calls.

The core is compiled once, without Python's headers, into the kernel store; this module does in Python what
``runtime_python.c`` does in C.
"""

from __future__ import annotations

import math
import re
import types
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import setitem
from pathlib import Path
from typing import Any

import numpy as np

from tcore.compile.overwriting import is_plain_memory
from tcore.link.program import note_written
from tcore_cpu.compiling.core_object import core_library
from tcore_cpu.native import build as runtime_build
from tcore_cpu.native.abi import DTYPES, RUNTIME_ABI, Event, Failure

__all__ = ["FallbackWarning", "load"]

_NAMES = {number: name for name, number in DTYPES.items()}
_OBJECT = DTYPES["object"]
_PERMUTED, _FOREIGN, _TAKEN = 1, 2, 8


class FallbackWarning(RuntimeWarning):
    """The extension module was not built: calls go through cffi and cost more."""


def _interface() -> str:
    """The declarations between the marks of the core's header, which cffi reads as they stand."""
    text = (runtime_build.FOLDER / "native" / "runtime_core.h").read_text(encoding="utf-8")
    found = re.search(r"/\* TC_INTERFACE begin \*/(.*)/\* TC_INTERFACE end \*/", text, re.DOTALL)
    assert found is not None
    return found[1]


def _library() -> Path:
    found = core_library()
    _kept.append(found)
    return found.path


_kept: list[Any] = []


def load() -> Any:
    """A module-like object with the interface of ``tcore_cpu._runtime``; warns once.

    Raises
    ------
    ImportError
        If cffi is missing.
    CompileError, OSError
        If the core cannot be compiled.
    """
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_interface())
    # Never unloaded: frames are freed, and threads wait in its code, until the process is gone.
    core = ffi.dlopen(str(_library()), ffi.RTLD_NOW | ffi.RTLD_NODELETE)
    warnings.warn(
        "tcore_cpu was installed without its extension module, so calls of compiled functions go through cffi and cost "
        "more; install Python's headers (Debian: apt install python3-dev) and reinstall tcore-cpu",
        FallbackWarning,
        stacklevel=2,
    )
    module = types.SimpleNamespace(__name__="tcore_cpu.runtime.fallback", ABI=RUNTIME_ABI, SOURCE_HASH=runtime_build.source_hash())
    module.Program = lambda *args: Program(ffi, core, *args)
    module.Entry = Entry
    module.set_blas = lambda routine, address: core.tc_set_blas(routine, ffi.cast("void *", address))
    module.set_blas_threads = lambda get, put: core.tc_set_blas_threads(ffi.cast("void *", get), ffi.cast("void *", put))
    module.set_grain = core.tc_set_grain
    module.set_stream = core.tc_set_stream
    module.cache_limit = core.tc_cache_limit
    module.cache_held = core.tc_cache_held
    module.memory_watch = core.tc_memory_watch
    module.memory_most = core.tc_memory_most

    def set_threads(n: int) -> int:
        core.tc_set_threads(n)
        return int(core.tc_get_threads())

    module.set_threads = set_threads
    return module


class _Frame:
    """A frame of the core, and the arrays that hold the memory of its slots."""

    def __init__(self, program: Program) -> None:
        ffi, core = program.ffi, program.core
        frame = core.tc_frame_new(program.native)
        if frame == ffi.NULL:
            raise MemoryError("no memory for a call")
        self.core = frame
        self.ffi = ffi
        #: whether the values of a call that succeeded are in it
        self.filled = False
        program.frames.append(frame)
        #: what a signal handler raised during native code
        self.raised: list[BaseException] = []
        self._poll = frame.on_poll = ffi.callback("int(void *)", _look_at_signals, error=1, onerror=_noting(self.raised))
        self.constants = dict(zip(program.constant_slots, program.constants, strict=True))
        self.objects: dict[int, Any] = dict(self.constants)
        for slot, value in self.constants.items():
            if program.dtypes[slot] != _OBJECT:
                self.bind(slot, value)

    def bind(self, slot: int, array: Any) -> None:
        """Let a slot show an array."""
        target = self.core.slots[slot]
        target.data = self.ffi.cast("char *", array.__array_interface__["data"][0])
        for k in range(array.ndim):
            target.dims[k] = array.shape[k]
            target.strides[k] = array.strides[k]
        target.owner, target.buffer, target.flags = slot, -1, 0
        self.objects[slot] = array

    def shape(self, slot: int) -> tuple[int, ...]:
        """Lengths of a slot."""
        target = self.core.slots[slot]
        return tuple(target.dims[k] for k in range(target.ndim))

    def strides(self, slot: int) -> tuple[int, ...]:
        """Strides of a slot, in bytes."""
        target = self.core.slots[slot]
        return tuple(target.strides[k] for k in range(target.ndim))


def _look_at_signals(_: Any) -> int:
    return 0  # calling any function in Python runs the handlers of signals that came, and they may raise


def _noting(raised: list[BaseException]) -> Callable[..., None]:
    def note(_kind: Any, error: BaseException, _trace: Any) -> None:
        raised.append(error)

    return note


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
        self._spare: list[_Frame] = []
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
        return self._value(frame, slot)

    def forget_values(self) -> None:
        """Drop the values that calls left."""
        for frame in self._spare:
            self._empty(frame)

    def _empty(self, frame: _Frame) -> None:
        frame.filled = False
        frame.objects = dict(frame.constants)
        self.core.tc_frame_release(frame.core)

    def _give_back(self, frame: _Frame) -> None:
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
            frame = _Frame(self)
        try:
            for value, spec in zip(values, self.inputs, strict=True):
                if not self._fill(frame, value, spec):
                    return None
            for k, (slot, dtype, *_, destroyed) in enumerate(self.inputs):
                if destroyed and dtype != _OBJECT and not self._may_write(frame, slot):
                    frame.core.slots[slot].flags |= _FOREIGN
                    self._copies[k] += 1
            frame.filled = False
            try:
                self._run(frame)
                results = [self._value(frame, slot) for slot in self.outputs]
                frame.filled = True
                return results
            except BaseException as error:
                note_written(error, self._written(frame))
                raise
        finally:
            self._give_back(frame)

    def _fill(self, frame: _Frame, value: Any, spec: tuple[int, int, int, int, int]) -> bool:
        slot, dtype, ndim, mask, _ = spec
        if dtype == _OBJECT:
            frame.objects[slot] = value
            return True
        if not isinstance(value, np.ndarray):
            if ndim or type(value) not in (float, int, np.float64) or _NAMES[dtype] not in ("float64", "int64"):
                return False
            if _NAMES[dtype] == "int64" and type(value) is not int:
                return False
            try:
                value = np.array(value, dtype=_NAMES[dtype])
            except OverflowError:
                return False
        if value.ndim != ndim or value.dtype != _NAMES[dtype] or not value.dtype.isnative or not value.flags.aligned:
            return False
        if any(mask >> k & 1 and value.shape[k] != 1 for k in range(ndim)):
            return False
        if type(value) is not np.ndarray and hasattr(value, "filled"):
            return False  # a masked array is refused where it is filtered
        frame.bind(slot, value)
        return True

    def _may_write(self, frame: _Frame, slot: int) -> bool:
        array = frame.objects[slot]
        others = [frame.objects.get(other) for other, *_ in self.inputs if other != slot]
        others += self.constants
        return is_plain_memory(array) and not any(
            isinstance(other, np.ndarray) and np.may_share_memory(array, other) for other in others
        )

    def _written(self, frame: _Frame) -> tuple[int, ...]:
        """Inputs that the call may have begun to overwrite."""
        return tuple(
            k for k, (slot, *_, destroyed) in enumerate(self.inputs) if destroyed and frame.core.slots[slot].flags & _TAKEN
        )

    def copies(self) -> tuple[int, ...]:
        """By input: how often its value was copied because it may not be overwritten."""
        return tuple(self._copies)

    def _run(self, frame: _Frame) -> None:
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
            elif frame.raised:
                raise frame.raised.pop()
            else:
                error = frame.core.error
                record = (error.code, error.apply, error.operand, error.axis, error.left, error.right)
                if error.code == Failure.MEMORY:
                    self.on_error(record, frame.shape(error.operand) if error.operand >= 0 else ())
                self.on_error(record, tuple(self._value(frame, slot) for slot, *_ in self.inputs))
                if error.code != Failure.DOUBT:
                    raise RuntimeError(f"native code failed with record {record}")

    def _allocate(self, frame: _Frame, slot: int) -> None:
        try:
            self._make_array(frame, slot)
        except MemoryError:
            record = (Failure.MEMORY, -1, slot, 0, math.prod(frame.shape(slot)) * frame.core.slots[slot].itemsize, 0)
            self.on_error(record, frame.shape(slot))

    def _make_array(self, frame: _Frame, slot: int) -> None:
        shape, dtype = frame.shape(slot), _NAMES[self.dtypes[slot]]
        if frame.core.slots[slot].flags & _PERMUTED:
            order = sorted(range(len(shape)), key=lambda k: -frame.strides(slot)[k])
            array = np.empty([shape[k] for k in order], dtype).transpose(np.argsort(order))
        else:
            array = np.empty(shape, dtype)
        target = frame.core.slots[slot]
        target.data = self.ffi.cast("char *", array.__array_interface__["data"][0])
        for k in range(array.ndim):
            target.strides[k] = array.strides[k]
        frame.objects[slot] = array

    def _step(self, frame: _Frame, step: Callable[..., Any], reads: Sequence[int], writes: Sequence[int]) -> None:
        values = tuple(self._value(frame, slot) for slot in reads)
        results = step(*values)
        try:
            if not isinstance(results, tuple) or len(results) != len(writes):
                raise TypeError(f"a step returned {results!r} instead of a tuple of {len(writes)}")
            for slot, value in zip(writes, results, strict=True):
                self._take_result(frame, slot, value)
        except TypeError as error:
            # the step knows which node it runs
            if hasattr(step, "blame"):
                step.blame(error, values)
            raise

    def _take_result(self, frame: _Frame, slot: int, value: Any) -> None:
        """Bind what a step returned."""
        if self.dtypes[slot] == _OBJECT:
            frame.objects[slot] = value
            return
        dtype, ndim = _NAMES[self.dtypes[slot]], frame.core.slots[slot].ndim
        if isinstance(value, np.ndarray):
            if value.ndim != ndim or value.dtype != dtype:
                raise TypeError(
                    f"the op made an array of {value.ndim} dimensions and {value.dtype!r} where one of {ndim} dimensions and its "
                    "output's dtype belongs"
                )
        elif ndim or not isinstance(value, (bool, int, float, complex, np.generic)):
            made = None if value is None else type(value)
            raise TypeError(f"the op made {made!r} where an array of {ndim} dimensions and its output's dtype belongs")
        frame.bind(slot, np.require(value, dtype=dtype, requirements="A"))

    def _value(self, frame: _Frame, slot: int) -> Any:
        """The value of a slot: the array that holds it, a view of that, or a copy."""
        if slot in frame.objects:
            return frame.objects[slot]
        target = frame.core.slots[slot]
        owner = frame.objects.get(target.owner)
        address, dtype = int(self.ffi.cast("intptr_t", target.data)), np.dtype(_NAMES[self.dtypes[slot]])
        shape, strides = frame.shape(slot), frame.strides(slot)
        if isinstance(owner, np.ndarray):
            return _array_at(address, shape, strides, dtype, owner)
        return _array_at(address, shape, strides, dtype, frame).copy()


class _Memory:
    """What NumPy reads to make an array over memory that another array, or a frame, keeps."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__, self.owner = interface, owner


def _array_at(address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any, owner: Any) -> Any:
    if 0 in shape:
        return np.empty(shape, dtype)
    writeable = getattr(getattr(owner, "flags", None), "writeable", True)
    # a value that each call updates in place is a view of the first one, not of the last: else all of them stay
    while isinstance(getattr(owner, "base", None), _Memory):
        owner = owner.base.owner
    interface = {"version": 3, "data": (address, not writeable), "shape": shape, "strides": strides, "typestr": dtype.str}
    return np.asarray(_Memory(interface, owner))


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
