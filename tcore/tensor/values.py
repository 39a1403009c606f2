"""Arrays as values of a graph: which are none, what counts as the same, and what as the same up to rounding."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["TOLERANCES", "refuse_masked", "values_eq", "values_eq_approx"]

#: dtype -> (relative, absolute) tolerance
TOLERANCES = {
    "float16": (1e-3, 1e-3),
    "float32": (1e-5, 1e-5),
    "complex64": (1e-5, 1e-5),
    "float64": (1e-5, 1e-8),
    "complex128": (1e-5, 1e-8),
}


def refuse_masked(value: Any) -> None:
    """Raise ValueError for a masked array: graphs compute all elements, so that its mask would be lost."""
    # who made a masked array has loaded the class; another thread may have loaded half of the module
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is not None and isinstance(value, masked):
        raise ValueError(
            f"masked arrays lose their mask in a graph, got one of shape {value.shape} with {np.ma.count_masked(value)} masked elements: "
            "say with value.filled(number) what stands in their places, or pass value.data to compute with what lies under the mask"
        )


def values_eq(a: Any, b: Any, force_same_dtype: bool = True) -> bool:
    """Whether two arrays have the same shape, dtype (where forced) and elements; NaN equals NaN."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or (force_same_dtype and a.dtype != b.dtype):
        return False
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc"))


def values_eq_approx(
    a: Any,
    b: Any,
    allow_remove_inf: bool = False,
    allow_remove_nan: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
) -> bool:
    """Whether two arrays have the same shape and dtype, and elements equal up to rounding.

    NaN equals NaN and infinities equal themselves. ``allow_remove_inf`` and ``allow_remove_nan`` also let one side
    have a number where the other has inf or NaN.
    """
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    relative, absolute = TOLERANCES[a.dtype.name]
    close = np.isclose(a, b, rtol=relative if rtol is None else rtol, atol=absolute if atol is None else atol, equal_nan=True)
    if allow_remove_inf:
        close |= np.isinf(a) | np.isinf(b)
    if allow_remove_nan:
        close |= np.isnan(a) | np.isnan(b)
    return bool(np.all(close))
