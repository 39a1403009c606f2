"""The Type of arrays: an element type and, for each axis, whether its length is known to be 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from attrs import field, frozen

from tcore.configuration import config
from tcore.graph.trace import is_paused
from tcore.graph.type import Type
from tcore.graph.variable import Variable
from tcore.scalar.dtypes import complex_dtypes, dtype_name
from tcore.scalar.type import Scalar, get_scalar_type
from tcore.tensor.type_c import TensorTypeC
from tcore.tensor.upcasts import report_float64
from tcore.tensor.values import refuse_masked, values_eq, values_eq_approx

__all__ = ["TensorType"]

_PATTERN_NAMES = {
    (): "scalar",
    (False,): "vector",
    (True, False): "row",
    (False, True): "col",
    (False, False): "matrix",
}


def _flags(broadcastable: Iterable[Any]) -> tuple[bool, ...]:
    return tuple(map(bool, broadcastable))


@frozen(slots=False, init=False, repr=False, str=False)
class TensorType(TensorTypeC, Type):
    """NumPy arrays of one dtype and number of axes.

    Parameters
    ----------
    dtype : str
        Name of the element type; ``"floatX"`` stands for ``config.floatX``.
    broadcastable : sequence of bool
        One flag per axis: True says that its length is 1, so that it broadcasts.
    name : str, optional
        How the type prints.
    sparse_grad : bool
        Whether gradients of indexing should be sparse.
    shape : sequence of int or None, optional
        Lengths known when the graph was made: a hint that does not take part in comparisons.
    """

    dtype: str = field(converter=dtype_name)
    broadcastable: tuple[bool, ...] = field(converter=_flags)
    name: str | None = field(default=None, eq=False)
    sparse_grad: bool = field(default=False, eq=False)
    shape: tuple[int | None, ...] | None = field(default=None, eq=False)

    def __init__(
        self,
        dtype: Any,
        broadcastable: Iterable[Any],
        name: str | None = None,
        sparse_grad: bool = False,
        *,
        shape: Sequence[int | None] | None = None,
    ) -> None:
        flags = _flags(broadcastable)
        if shape is not None and len(shape) != len(flags):
            raise ValueError(f"shape {tuple(shape)} has {len(shape)} entries for {len(flags)} axes")
        self.__attrs_init__(dtype, flags, name or None, sparse_grad, None if shape is None else tuple(shape))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.broadcastable)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The NumPy dtype object."""
        return np.dtype(self.dtype)

    def clone(self, dtype: Any = None, broadcastable: Iterable[Any] | None = None) -> TensorType:
        """The same type with the given fields changed."""
        return type(self)(
            self.dtype if dtype is None else dtype,
            self.broadcastable if broadcastable is None else broadcastable,
            name=self.name,
            sparse_grad=self.sparse_grad,
        )

    def to_scalar_type(self) -> Scalar:
        """The type of one element."""
        return get_scalar_type(self.dtype)

    def make_variable(self, name: str | None = None) -> Any:
        """A new variable of this type; of a float64 one, ``config.warn_float64`` may say something."""
        if self.dtype == "float64" and config.warn_float64 != "ignore" and not is_paused():
            report_float64(self)
        return super().make_variable(name)

    def dtype_specs(self) -> tuple[Any, str, str]:
        """(NumPy scalar class, C type, C type number) of the elements."""
        return self.numpy_dtype.type, self.c_element_type(), f"NPY_{self.dtype.upper()}"

    # ------------------------------------------------------------ values

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> np.ndarray:
        """``value`` as an array of this type: itself where it is one, else a converted copy.

        Raises
        ------
        TypeError
            If the number of axes differs, a broadcastable axis is not of length 1, or a conversion would lose something
            (``allow_downcast=True`` permits that; None permits it for Python floats where this is 0-d ``config.floatX``).
        ValueError
            If ``value`` is a text or a masked array.
        """
        # names take microseconds, and tell of dtypes in another byte order only
        if type(value) is np.ndarray and (value.dtype == self.numpy_dtype or value.dtype.name == self.dtype):
            array = value
        else:
            refuse_masked(value)
            array = self._strict(value) if strict else self._converted(value, allow_downcast)
        if array.ndim != len(self.broadcastable):
            raise TypeError(f"wrong number of dimensions: expected {self.ndim} for {self}, got {array.ndim} with shape {array.shape}")
        if not array.flags.aligned:
            array = array.copy(order="K")
        if not array.dtype.isnative:  # C code reads bytes as they lie
            array = array.astype(self.numpy_dtype)
        for axis, (flag, length) in enumerate(zip(self.broadcastable, array.shape, strict=True)):
            if flag and length != 1:
                raise TypeError(f"axis {axis} of {self} is broadcastable, so its length is 1: got shape {array.shape}")
        return array

    def _strict(self, value: Any) -> np.ndarray:
        if isinstance(value, np.ndarray) and value.dtype.name == self.dtype:  # a memmap, for instance
            return value
        what = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{self} strictly takes arrays of {self.dtype}, got {what}: convert it with numpy.asarray first")

    def _converted(self, value: Any, allow_downcast: bool | None) -> np.ndarray:
        if isinstance(value, Variable):
            raise TypeError(f"expected an array for {self}, got the symbolic variable {value}: compute it first")
        wanted = self.numpy_dtype
        if isinstance(value, (np.ndarray, np.generic)):
            if value.dtype == wanted:
                return np.asarray(value) if not isinstance(value, np.memmap) else value
            if allow_downcast or np.can_cast(value.dtype, wanted, "safe") or _widens(value.dtype, wanted):
                return np.asarray(value).astype(wanted)
            raise TypeError(
                f"{self} cannot store an array of {value.dtype} without a loss: convert it with astype({self.dtype!r}), "
                "or pass allow_input_downcast=True to function"
            )
        if isinstance(value, (str, bytes)):
            raise ValueError(f"{self} takes numbers, got {value!r}")  # noqa: TRY004 - documented for texts
        given = np.asarray(value)
        if given.dtype.kind not in "biufc":
            raise TypeError(f"{self} takes numbers, got {value!r} of {type(value).__name__}")
        if given.dtype.kind == "c" and wanted.kind != "c":
            raise TypeError(f"{self} takes real numbers, got {_short(value)}")
        with np.errstate(all="ignore"):
            array = given.astype(wanted)
        if allow_downcast or given.dtype == wanted:
            return array
        if allow_downcast is None and type(value) is float and self.dtype == config.floatX and self.ndim == 0:
            return array
        if np.array_equal(array, given, equal_nan=given.dtype.kind in "fc"):
            return array
        raise TypeError(f"{self} cannot hold {_short(value)} exactly: pass allow_input_downcast=True to accept {_short(array)}")

    def convert_variable(self, var: Variable) -> Variable | None:
        """``var`` with the flags of this type, where it has the dtype and number of axes and no flag is dropped wrongly.

        An array that lives elsewhere, as on a device, is fetched if its type is the same but for the place.
        """
        if not isinstance(var.type, TensorType):
            fetch = getattr(var, "_as_TensorVariable", None)
            like = getattr(var.type, "dtype", None), getattr(var.type, "broadcastable", None)
            return fetch() if fetch is not None and like == (self.dtype, self.broadcastable) else None
        if var.type == self:
            return var
        if not self.is_super(var.type):
            return None
        from tcore.tensor.rebroadcast import patternbroadcast  # whose outputs have this type

        return patternbroadcast(var, self.broadcastable)

    def is_super(self, other: object) -> bool:
        """Whether every value of ``other`` is one of this type: the same, but for flags that ``other`` has in addition."""
        return (
            isinstance(other, TensorType)
            and other.dtype == self.dtype
            and other.ndim == self.ndim
            and all(theirs or not ours for ours, theirs in zip(self.broadcastable, other.broadcastable, strict=True))
        )

    def values_eq(self, a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Whether two arrays have equal elements; NaN equals NaN."""
        return values_eq(a, b, force_same_dtype)

    def values_eq_approx(
        self,
        a: Any,
        b: Any,
        allow_remove_inf: bool = False,
        allow_remove_nan: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> bool:
        """Whether two arrays are equal up to rounding: by default 1e-5 relative, 1e-8 absolute (1e-5 for float32)."""
        return values_eq_approx(a, b, allow_remove_inf, allow_remove_nan, rtol, atol)

    def constant_signature(self, data: Any) -> Any:
        """Type, shape and bytes for small arrays; the object for large ones. Tells 0.0 from -0.0, and NaN equals itself."""
        if data.nbytes <= _SMALL:
            return (self, data.shape, data.tobytes())
        return _ContentKey(self, data)

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether two arrays may overlap."""
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)

    def get_shape_info(self, obj: Any) -> tuple[int, ...]:
        """The shape."""
        return tuple(obj.shape)

    def get_size(self, shape_info: Sequence[int]) -> int:
        """Bytes of the elements."""
        return int(np.prod(shape_info, dtype="int64")) * self.numpy_dtype.itemsize

    def __str__(self) -> str:
        if self.name:
            return self.name
        flags = self.broadcastable
        named = _PATTERN_NAMES.get(flags) or (f"{len(flags)}D" if not any(flags) else str(flags))
        return f"TensorType({self.dtype}, {named})"

    def __repr__(self) -> str:
        return str(self)


_SMALL = 256


@lru_cache(maxsize=1024)
def tensor_type(dtype: str, broadcastable: tuple[bool, ...]) -> TensorType:
    """The TensorType without hints: one object per dtype and pattern, which ops give to their outputs."""
    return TensorType(dtype, broadcastable)


def _widens(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """int into complex of the same precision counts as lossy in NumPy only where it is."""
    return given.kind == "b" and wanted.name not in complex_dtypes


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"


class _ContentKey:
    """A large constant in comparisons: hashed by a few properties and compared element by element."""

    __slots__ = ("_hash", "data", "type")

    def __init__(self, type: TensorType, data: np.ndarray) -> None:
        self.type = type
        self.data = data
        sample = data[tuple(slice(None, None, max(1, n // 4)) for n in data.shape)]
        self._hash = hash((type, data.shape, sample.tobytes()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _ContentKey):
            return False
        return self.data is other.data or (
            self._hash == other._hash and self.type == other.type and self.data.shape == other.data.shape and self.data.tobytes() == other.data.tobytes()
        )

    def __hash__(self) -> int:
        return self._hash
