"""Values on a device: :class:`GpuArray`, the value class of ``GpuArrayType`` on every device family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.gpuarray.contexts import get_context, open_device
from tcore.gpuarray.copying import copy_strided
from tcore.gpuarray.runtime import Buffer, GpuContext
from tcore.records import define

__all__ = ["GpuArray", "asarray", "empty", "zeros"]


def _c_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    strides = []
    step = itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


@define(eq=False, repr=False, slots=True)
class GpuArray:
    """An n-dimensional array in the memory of one device.

    Attributes
    ----------
    data : Buffer
        The block of memory; several arrays may view one block.
    offset : int
        Bytes from the start of the block to the first element.
    shape : tuple of int
    strides : tuple of int
        Bytes from one element to the next along each axis; may be negative or zero.
    dtype : numpy.dtype
    context : GpuContext
    base : GpuArray or None
        The array that this one views.
    """

    data: Buffer
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype
    context: GpuContext
    base: GpuArray | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def gpudata(self) -> int:
        """The driver's name for the memory block: a device pointer (CUDA) or a ``cl_mem`` (OpenCL)."""
        return self.data.handle

    @property
    def flags(self) -> dict[str, bool]:
        """As NumPy's: ``C_CONTIGUOUS``, ``F_CONTIGUOUS`` (also with ``IS_`` in front), ``OWNDATA``, ``ALIGNED``, ``WRITEABLE``."""
        c, f = self.is_c_contiguous(), self.is_f_contiguous()
        return {
            "C_CONTIGUOUS": c, "IS_C_CONTIGUOUS": c, "F_CONTIGUOUS": f, "IS_F_CONTIGUOUS": f,
            "OWNDATA": self.base is None, "ALIGNED": True, "WRITEABLE": True,
        }  # fmt: skip

    def is_c_contiguous(self) -> bool:
        """Whether the elements follow one another, last axis fastest."""
        return self._is_packed(self.shape, self.strides)

    def is_f_contiguous(self) -> bool:
        """Whether the elements follow one another, first axis fastest."""
        return self._is_packed(self.shape[::-1], self.strides[::-1])

    def _is_packed(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
        if 0 in shape:
            return True
        step = self.dtype.itemsize
        for length, stride in zip(reversed(shape), reversed(strides), strict=True):
            if length != 1:
                if stride != step:
                    return False
                step *= length
        return True

    # ------------------------------------------------------------ host

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """A copy on the host; waits for the work that computes it."""
        if copy is False:
            raise ValueError("an array on a device cannot be shared with the host: it is copied")
        host = self._read()
        return host if dtype is None else host.astype(dtype, copy=False)

    def _read(self) -> np.ndarray:
        if self.size == 0:
            return np.empty(self.shape, self.dtype)
        low, high = self._extent()
        block = np.empty(high - low, np.uint8)
        self.context.read(self.data, low, block)
        view = np.ndarray(self.shape, self.dtype, block, self.offset - low, self.strides)
        return view if view.flags.c_contiguous and view.nbytes == block.nbytes else view.copy()

    def _extent(self) -> tuple[int, int]:
        """First byte and one past the last byte, within the block, that any element touches."""
        low = high = self.offset
        for length, stride in zip(self.shape, self.strides, strict=True):
            low += min(0, stride * (length - 1))
            high += max(0, stride * (length - 1))
        return low, high + self.dtype.itemsize

    def write(self, value: Any) -> None:
        """Overwrite with values from the host (broadcast and cast to the same kind, as assignment does in NumPy)."""
        host = np.empty(self.shape, self.dtype)
        host[...] = value
        if self.is_c_contiguous():
            self.context.write(self.data, self.offset, host)
        elif self.size:
            low, high = self._extent()
            block = np.empty(high - low, np.uint8)
            self.context.read(self.data, low, block)  # keeps what lies between the elements
            np.ndarray(self.shape, self.dtype, block, self.offset - low, self.strides)[...] = host
            self.context.write(self.data, low, block)

    def sync(self) -> None:
        """Wait for the work on this array."""
        self.context.synchronize()

    # ------------------------------------------------------------ views and copies

    def view(self, shape: Sequence[int], strides: Sequence[int], offset: int) -> GpuArray:
        """Other axes over the same memory; ``offset`` in bytes from the start of the block."""
        return GpuArray(self.data, offset, tuple(shape), tuple(strides), self.dtype, self.context, self.base or self)

    def __getitem__(self, index: Any) -> GpuArray:
        """A view, for integers, slices, ``None`` and ``...``."""
        entries = index if isinstance(index, tuple) else (index,)
        if any(not (i is None or i is Ellipsis or isinstance(i, (slice, int, np.integer))) for i in entries):
            raise IndexError("an array on a device takes integers, slices, None and ... as index; use the ops for others")
        # NumPy works out the view on memory that basic indexing never touches; the Ellipsis keeps scalars views
        model = np.lib.stride_tricks.as_strided(np.empty(1, self.dtype), self.shape, self.strides)
        part = model[entries if any(i is Ellipsis for i in entries) else (*entries, ...)]
        moved = part.__array_interface__["data"][0] - model.__array_interface__["data"][0] if part.size else 0
        return self.view(part.shape, part.strides, self.offset + moved)

    def transpose(self, *axes: int) -> GpuArray:
        """Axes in another order (reversed by default)."""
        order = axes or tuple(reversed(range(self.ndim)))
        return self.view([self.shape[a] for a in order], [self.strides[a] for a in order], self.offset)

    @property
    def T(self) -> GpuArray:
        """Axes reversed."""
        return self.transpose()

    def copy(self) -> GpuArray:
        """A C-contiguous copy on the same device."""
        result = empty(self.shape, self.dtype, context=self.context)
        if self.is_c_contiguous():
            self.context.copy(result.data, 0, self.data, self.offset, self.nbytes)
        else:
            copy_strided(self, result, self.context)
        return result

    def reshape(self, shape: Sequence[int]) -> GpuArray:
        """The same elements in C order under another shape: a view of contiguous data, else of a copy. One -1 is worked out."""
        target = tuple(shape)
        if target.count(-1) == 1:
            others = -math.prod(target)
            target = tuple(self.size // others if others and length == -1 else length for length in target)
        if min(target, default=0) < 0 or math.prod(target) != self.size:
            raise ValueError(f"cannot reshape an array of shape {self.shape} ({self.size} elements) to {tuple(shape)}")
        source = self if self.is_c_contiguous() else self.copy()
        return source.view(target, _c_strides(target, self.dtype.itemsize), source.offset)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"GpuArray({np.asarray(self)!r}, context={self.context.device_name})"

    def __reduce__(self) -> Any:
        return asarray, (np.asarray(self), None, self.context.device_name)

    def __copy__(self) -> GpuArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> GpuArray:
        return self.copy()


def empty(shape: Sequence[int], dtype: Any = "float32", *, context: GpuContext) -> GpuArray:
    """A new C-contiguous array with unspecified content."""
    dtype = np.dtype(dtype)
    shape = tuple(int(length) for length in shape)
    if min(shape, default=0) < 0:
        raise ValueError(f"negative dimensions are not allowed: shape {shape}")
    nbytes = math.prod(shape) * dtype.itemsize
    return GpuArray(context.allocate(nbytes), 0, shape, _c_strides(shape, dtype.itemsize), dtype, context)


def zeros(shape: Sequence[int], dtype: Any = "float32", *, context: GpuContext) -> GpuArray:
    """A new C-contiguous array of zeros."""
    array = empty(shape, dtype, context=context)
    context.fill(array.data, 0, array.nbytes, 0)
    return array


def asarray(value: Any, dtype: Any = None, context: GpuContext | str | None = None) -> GpuArray:
    """``value`` on a device: itself if it lives there already, else a C-contiguous copy.

    Parameters
    ----------
    value : GpuArray or array_like
    dtype : dtype, optional
    context : GpuContext, name of a context or device, or None for the default context
    """
    if context is None or isinstance(context, str):
        context = open_device(context) if context else get_context(None)
    if isinstance(value, GpuArray) and value.context is context and (dtype is None or value.dtype == dtype):
        return value
    host = np.asarray(value, dtype=dtype, order="C")
    if not host.dtype.isnative:  # devices read the bytes as they are
        host = host.astype(host.dtype.newbyteorder("="))
    return GpuArray(context.upload(host), 0, host.shape, _c_strides(host.shape, host.itemsize), host.dtype, context)
