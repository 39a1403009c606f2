"""The Type of one number, and its variables' base."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from attrs import field, frozen

from tcore.configuration import config
from tcore.graph.type import Type
from tcore.scalar.dtypes import dtype_name
from tcore.scalar.type_c import ScalarC

__all__ = ["Scalar", "get_scalar_type"]


@frozen(slots=False, repr=False)
class Scalar(ScalarC, Type):
    """One number: its values are NumPy scalars of ``dtype``.

    Graphs of scalar variables say what an elementwise operation does to each element; values that users see are
    0-d tensors.
    """

    dtype: str = field(converter=dtype_name)

    @property
    def ndim(self) -> int:
        """0, as for a 0-d tensor."""
        return 0

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """(), as for a 0-d tensor."""
        return ()

    def clone(self, dtype: str | None = None) -> Scalar:
        """The same type, or that of ``dtype``."""
        return self if dtype is None else get_scalar_type(dtype)

    def dtype_specs(self) -> tuple[Any, str, str]:
        """(NumPy scalar class, C type, C suffix) of ``dtype``."""
        return np.dtype(self.dtype).type, self.c_element_type(), self.dtype

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """``value`` as a NumPy scalar of this dtype.

        A conversion must keep the value; ``allow_downcast=True`` lifts that, None lifts it for Python floats where
        this dtype is ``config.floatX``.
        """
        wanted = np.dtype(self.dtype).type
        if isinstance(value, wanted):
            return value
        if strict:
            raise TypeError(f"{self} strictly takes {wanted.__name__}, got {value!r} of {type(value).__name__}")
        if isinstance(value, (str, bytes)):
            raise TypeError(f"{self} takes numbers, got {value!r}")
        given = np.asarray(value)
        if given.dtype.kind not in "biufc" or given.ndim:
            raise TypeError(f"{self} takes one number, got {value!r} of {type(value).__name__}")
        if given.dtype.kind == "c" and "complex" not in self.dtype:
            raise TypeError(f"{self} takes real numbers, got {value!r}")
        with np.errstate(all="ignore"):
            converted = given.astype(wanted)[()]
        lossless = (
            allow_downcast
            or (allow_downcast is None and type(value) is float and self.dtype == config.floatX)
            # as arrays: a Python number would be rounded before the comparison
            or np.array_equal(np.asarray(converted), given, equal_nan=given.dtype.kind in "fc")
        )
        if not lossless:
            raise TypeError(f"{self} cannot hold {value!r} exactly: it would become {converted!r}; pass allow_downcast=True")
        return converted

    def values_eq(self, a: Any, b: Any) -> bool:
        """Equality, where NaN equals NaN."""
        return bool(a == b) or bool(np.isnan(a) and np.isnan(b))

    def values_eq_approx(self, a: Any, b: Any, tolerance: float = 1e-4) -> bool:
        """Equality up to a relative difference of ``tolerance``."""
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True))

    def constant_signature(self, data: Any) -> Any:
        """Type and bytes: tells 0.0 from -0.0 and makes NaN equal to itself."""
        return (self, data.tobytes())

    def __str__(self) -> str:
        return self.dtype

    def __repr__(self) -> str:
        return f"Scalar({self.dtype})"


@lru_cache(maxsize=64)
def get_scalar_type(dtype: str) -> Scalar:
    """The Scalar of ``dtype``: one object per dtype."""
    return Scalar(dtype)
