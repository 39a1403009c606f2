"""GpuArrayType: arrays in the memory of a device, and the variables of that type."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.gpuarray.array import GpuArray, asarray
from tcore.gpuarray.contexts import get_context, list_contexts, reg_context
from tcore.gpuarray.runtime import GpuContext
from tcore.gpuarray.type_c import GpuArrayTypeC, GpuContextTypeC
from tcore.gpuarray.typecodes import TYPECODES, device_ctype
from tcore.graph import Constant, Type, Variable
from tcore.records import define
from tcore.tensor.operators import _tensor_py_operators
from tcore.tensor.type import TensorType

__all__ = [
    "GpuArrayConstant",
    "GpuArraySharedVariable",
    "GpuArrayType",
    "GpuArrayVariable",
    "GpuContextType",
    "get_context",
    "gpu_context_type",
    "gpu_supported",
    "gpuarray_shared_constructor",
    "list_contexts",
    "move_to_gpu",
    "reg_context",
]


def gpu_supported(data: Any) -> bool:
    """Whether an array or variable (anything with a dtype) can live on a device: all but complex ones."""
    return str(data.dtype) not in ("complex64", "complex128")


def move_to_gpu(data: Any) -> bool:
    """Whether moving is worth it: not for complex values, nor for 0-d ones."""
    return gpu_supported(data) and data.ndim != 0


class GpuArrayType(GpuArrayTypeC, Type):
    """Arrays of one dtype and broadcast pattern on the device of one context.

    Parameters
    ----------
    dtype : str
        NumPy name of the element type.
    broadcastable : sequence of bool
        For each axis, whether it always has length 1.
    context_name : hashable, optional
        Name of the owning context; None is that of ``config.device``.
    name : str, optional
        For printing.

    Notes
    -----
    ``context_name`` is what graphs speak of; ``context`` is the object that drives the device. They never stand for one another.
    """

    Variable: ClassVar[type[Variable]]
    Constant: ClassVar[type[Constant]]
    SharedVariable: ClassVar[type[SharedVariable]]

    def __init__(self, dtype: Any, broadcastable: Any, context_name: Hashable = None, name: str | None = None) -> None:
        self.dtype = str(np.dtype(config_float(dtype)))
        if not gpu_supported(self):
            raise TypeError(f"{self.dtype} cannot live on a device: leave complex arrays on the host")
        self.broadcastable = tuple(bool(b) for b in broadcastable)
        self.context_name = context_name
        self.name = name

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key == other._key  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return (self.dtype, self.broadcastable, self.context_name)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.broadcastable)

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype as NumPy's object."""
        return np.dtype(self.dtype)

    @property
    def typecode(self) -> int:
        """The dtype as the number that C code uses."""
        return TYPECODES[self.dtype]

    @property
    def context(self) -> GpuContext:
        """The object that drives the device; opens it on first use."""
        return get_context(self.context_name)

    def clone(self, dtype: Any = None, broadcastable: Any = None) -> GpuArrayType:
        """This type with another dtype or broadcast pattern."""
        return type(self)(
            self.dtype if dtype is None else dtype,
            self.broadcastable if broadcastable is None else broadcastable,
            self.context_name,
        )

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> GpuArray:
        """``value`` as an array on this context; host arrays are checked as ``TensorType`` checks them, then copied."""
        if isinstance(value, GpuArray):
            problem = self._problem(value)
            if problem:
                raise TypeError(f"{self} needs {problem}")
            return value
        if strict:
            raise TypeError(f"{self} needs an array on a device, got {type(value).__name__}")
        host = TensorType(self.dtype, self.broadcastable).filter(value, allow_downcast=allow_downcast)
        return asarray(host, context=self.context)

    def _problem(self, value: GpuArray) -> str:
        if value.context is not self.context:
            return f"an array on context {self.context_name!r} ({self.context.device_name}), got one on {value.context.device_name}"
        if str(value.dtype) != self.dtype:
            return f"dtype {self.dtype}, got {value.dtype}"
        if value.ndim != self.ndim:
            return f"{self.ndim} axes, got shape {value.shape}"
        wrong = [axis for axis, b in enumerate(self.broadcastable) if b and value.shape[axis] != 1]
        return f"length 1 on axes {wrong}, got shape {value.shape}" if wrong else ""

    def convert_variable(self, var: Any) -> Any:
        """``var`` itself if it is on this context already or moved to it from a host tensor of this dtype and pattern."""
        from tcore.gpuarray.transfer import GpuFromHost, GpuToGpu  # whose outputs have this Type

        other = var.type
        if isinstance(other, GpuArrayType):
            if (other.dtype, other.broadcastable) == (self.dtype, self.broadcastable):
                return var if other.context_name == self.context_name else GpuToGpu(self.context_name)(var)
        elif isinstance(other, TensorType) and (other.dtype, other.broadcastable) == (self.dtype, self.broadcastable):
            return GpuFromHost(self.context_name)(var)
        return None

    @staticmethod
    def values_eq(a: Any, b: Any) -> bool:
        """Whether all elements are the same."""
        return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(np.asarray(a), np.asarray(b)))

    def values_eq_approx(self, a: Any, b: Any, **options: Any) -> bool:
        """As the host's tensors: up to rounding, NaN equal to NaN."""
        return TensorType(self.dtype, self.broadcastable).values_eq_approx(np.asarray(a), np.asarray(b), **options)

    def constant_signature(self, data: GpuArray) -> Any:
        """The content on the host, with type and context."""
        host = np.asarray(data)
        return (self, host.shape, host.tobytes())

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether two arrays lie in one block of memory and their byte ranges overlap."""
        if not (isinstance(a, GpuArray) and isinstance(b, GpuArray)) or a.data is not b.data or not (a.size and b.size):
            return False
        (a_low, a_high), (b_low, b_high) = a._extent(), b._extent()
        return a_low < b_high and b_low < a_high

    def dtype_specs(self) -> tuple[type, str, int]:
        """Python scalar type, C type on the device, NumPy type number."""
        return (self.numpy_dtype.type, device_ctype(self.dtype), self.numpy_dtype.num)

    def get_shape_info(self, obj: GpuArray) -> tuple[int, ...]:
        """The shape."""
        return obj.shape

    def get_size(self, shape_info: tuple[int, ...]) -> int:
        """Bytes of the elements."""
        return int(np.prod(shape_info, dtype=np.int64)) * self.numpy_dtype.itemsize

    def __str__(self) -> str:
        if self.name:
            return self.name
        pattern = str(TensorType(self.dtype, self.broadcastable)).removeprefix("TensorType(")
        return f"GpuArrayType<{self.context_name}>({pattern}"

    def __repr__(self) -> str:
        return str(self)


def config_float(dtype: Any) -> Any:
    """``"floatX"`` as the dtype it stands for."""
    return config.floatX if dtype == "floatX" else dtype


@define(eq=False, repr=False, slots=True)
class GpuArrayVariable(_tensor_py_operators, Variable):
    """A symbolic array on a device; takes part in expressions as a tensor does."""

    def _as_TensorVariable(self) -> Any:
        from tcore.gpuarray.transfer import host_from_gpu  # as above

        return host_from_gpu(self)


class GpuArrayConstant(_tensor_py_operators, Constant):
    """A constant on a device."""

    def __str__(self) -> str:
        return self.name or f"GpuArrayConstant{{{np.asarray(self.data)}}}"

    _as_TensorVariable = GpuArrayVariable._as_TensorVariable


class GpuArraySharedVariable(_tensor_py_operators, SharedVariable):
    """A shared variable whose value lives on a device.

    Attributes
    ----------
    gives_device_arrays : bool
        Whether ``get_value`` gives arrays on the device by default: as it got one when it was made.
    lent : GpuArray or None
        The caller's array that was stored without a copy (``borrow=True``): its memory is not overwritten.
    """

    _as_TensorVariable = GpuArrayVariable._as_TensorVariable
    gives_device_arrays = False
    lent: GpuArray | None = None

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """The value: a host copy, or the device's own array (a copy unless ``borrow``) for ``return_internal_type`` and where the first value was one."""
        lock = self.container.lock
        lock.acquire_read()
        try:
            value = self.container.value
            if return_internal_type or self.gives_device_arrays:
                return value if borrow else value.copy()
            return np.asarray(value)
        finally:
            lock.release()

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """A new value from the host or the device.

        Values from the host are copied into the memory that is there, where they have its shape: the device needs no second block. Arrays on the device are copied
        unless ``borrow``.
        """
        container = self.container
        if isinstance(value, GpuArray):
            lent = value if borrow else None
            new: Any = value if borrow else value.copy()
        else:
            lent = None
            new = value if container.strict else TensorType(self.dtype, self.broadcastable).filter(value, allow_downcast=container.allow_downcast)
        container.lock.acquire_write()
        try:
            if isinstance(new, np.ndarray) and not container.readonly and self._owns(container.value, new.shape):
                container.value.write(new)
            else:
                container.value = new
                self.lent = lent
        finally:
            container.lock.release()

    def _owns(self, held: Any, shape: tuple[int, ...]) -> bool:
        """Whether ``held`` is an array of this shape that no caller lent and that views no other one."""
        return isinstance(held, GpuArray) and held is not self.lent and held.base is None and held.shape == shape and held.is_c_contiguous()

    def clone(self) -> GpuArraySharedVariable:
        """Another variable with the same container."""
        twin: Any = super().clone()
        twin.gives_device_arrays, twin.lent = self.gives_device_arrays, self.lent
        return twin  # type: ignore[no-any-return]


GpuArrayType.Variable = GpuArrayVariable
GpuArrayType.Constant = GpuArrayConstant
GpuArrayType.SharedVariable = GpuArraySharedVariable

_NOT_SET = object()


def gpuarray_shared_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Any = None,
    target: Any = _NOT_SET,
) -> GpuArraySharedVariable:
    """A shared variable on a device, from a host or device array.

    ``target`` names the context; left out, arrays on a device keep theirs and host arrays go to the default one, if there is one.

    Raises
    ------
    TypeError
        If the value is no array, is 0-d or complex without an explicit target, or there is no such context.
    """
    if target in ("gpu", "cpu"):
        raise TypeError(f"target {target!r} names no context")
    if not isinstance(value, (np.ndarray, GpuArray)):
        raise TypeError("an ndarray or a GpuArray is needed")
    if target is _NOT_SET:
        target = None
        if not isinstance(value, GpuArray) and not move_to_gpu(value):
            raise TypeError("0-d and complex values stay on the host unless a target is named")
    context = get_context(target)
    pattern = (False,) * value.ndim if broadcastable is None else broadcastable
    kind = GpuArrayType(value.dtype, pattern, context_name=target)
    stored = asarray(value, context=context)
    if stored is value and not borrow:
        stored = value.copy()
    variable = GpuArraySharedVariable(type=kind, value=stored, name=name, strict=strict, allow_downcast=allow_downcast)
    variable.gives_device_arrays = isinstance(value, GpuArray)
    variable.lent = value if stored is value else None
    return variable


class GpuContextType(GpuContextTypeC, Type):
    """Contexts as parameters of ops: hands the context object to C code, and is of no other use in graphs."""

    __props__ = ()

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> GpuContext:
        """``value``, which must be a context."""
        if not isinstance(value, GpuContext):
            raise TypeError(f"a GpuContext is needed, got {type(value).__name__}")
        return value

    @staticmethod
    def values_eq(a: Any, b: Any) -> bool:
        """Whether both are one context."""
        return a is b


gpu_context_type = GpuContextType()
