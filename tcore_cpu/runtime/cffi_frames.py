"""A frame of the core in Python: what its slots show, and the arrays that hold their memory.

What ``native/python_arrays.h`` is to the extension module.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore_cpu.native.abi import DTYPES

if TYPE_CHECKING:
    from tcore_cpu.runtime.cffi_programs import Program

__all__ = ["NAMES", "OBJECT", "Frame"]

#: by number of a dtype: its name
NAMES = {number: name for name, number in DTYPES.items()}
#: the number of slots that hold any object of Python
OBJECT = DTYPES["object"]
#: flag of a slot: its memory is not in C's order
_PERMUTED = 1


class Frame:
    """A frame of the core, and the arrays that hold the memory of its slots."""

    def __init__(self, program: Program) -> None:
        ffi, core = program.ffi, program.core
        frame = core.tc_frame_new(program.native)
        if frame == ffi.NULL:
            raise MemoryError("no memory for a call")
        self.core, self.ffi, self.dtypes = frame, ffi, program.dtypes
        #: whether the values of a call that succeeded are in it
        self.filled = False
        program.frames.append(frame)
        # Of a signal handler's error cffi hands over kind, error and trace, and the constructor of an exception keeps them in `args`. No
        # function in Python may do that: the handler of a second signal would raise in it, and cffi drops both errors.
        self._raised = BaseException()
        note = partial(BaseException.__init__, self._raised)
        self._poll = frame.on_poll = ffi.callback("int(void *)", _look_at_signals, error=1, onerror=note)
        self.constants = dict(zip(program.constant_slots, program.constants, strict=True))
        self.objects: dict[int, Any] = dict(self.constants)
        for slot, value in self.constants.items():
            if program.dtypes[slot] != OBJECT:
                self.bind(slot, value)

    def take_error(self) -> BaseException | None:
        """What a signal handler raised during native code; from then on forgotten."""
        args, self._raised.args = self._raised.args, ()
        return args[1] if args else None

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

    def make_array(self, slot: int) -> None:
        """Memory for a slot, whose lengths the core has set: a new array in the order of axes that it chose."""
        shape, dtype = self.shape(slot), NAMES[self.dtypes[slot]]
        if self.core.slots[slot].flags & _PERMUTED:
            order = sorted(range(len(shape)), key=lambda k: -self.strides(slot)[k])
            array = np.empty([shape[k] for k in order], dtype).transpose(np.argsort(order))
        else:
            array = np.empty(shape, dtype)
        target = self.core.slots[slot]
        target.data = self.ffi.cast("char *", array.__array_interface__["data"][0])
        for k in range(array.ndim):
            target.strides[k] = array.strides[k]
        self.objects[slot] = array

    def take_result(self, slot: int, value: Any) -> None:
        """Bind what a step of Python's returned.

        Raises
        ------
        TypeError
            If it is no array or number of the slot's dtype and number of dimensions.
        """
        if self.dtypes[slot] == OBJECT:
            self.objects[slot] = value
            return
        dtype, ndim = NAMES[self.dtypes[slot]], self.core.slots[slot].ndim
        if isinstance(value, np.ndarray):
            if value.ndim != ndim or value.dtype != dtype:
                raise TypeError(
                    f"the op made an array of {value.ndim} dimensions and {value.dtype!r} where one of {ndim} dimensions and its "
                    "output's dtype belongs"
                )
        elif ndim or not isinstance(value, (bool, int, float, complex, np.generic)):
            made = None if value is None else type(value)
            raise TypeError(f"the op made {made!r} where an array of {ndim} dimensions and its output's dtype belongs")
        self.bind(slot, np.require(value, dtype=dtype, requirements="A"))

    def value(self, slot: int) -> Any:
        """The value of a slot: the array that holds it, a view of that, or a copy."""
        if slot in self.objects:
            return self.objects[slot]
        target = self.core.slots[slot]
        owner = self.objects.get(target.owner)
        address, dtype = int(self.ffi.cast("intptr_t", target.data)), np.dtype(NAMES[self.dtypes[slot]])
        shape, strides = self.shape(slot), self.strides(slot)
        if isinstance(owner, np.ndarray):
            return _array_at(address, shape, strides, dtype, owner)
        return _array_at(address, shape, strides, dtype, self).copy()


def _look_at_signals(_: Any) -> int:
    return 0  # calling any function in Python runs the handlers of signals that came, and they may raise


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
