"""Means, medians, quantiles and covariances of tensors, and reductions that leave NaN out, as NumPy has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor.reductions import checked_axes

__all__ = ["average", "corrcoef", "cov", "median", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "percentile", "quantile"]


def average(a: Any, axis: int | None = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean, of elements that count as often as ``weights`` say: of the shape of ``a``, or a vector for one axis."""
    a = T.as_tensor_variable(a)
    if weights is None:
        mean = T.mean(a, axis, keepdims=keepdims)
        total = T.second(mean, T.cast(T.true_div(a.size, T.maximum(mean.size, 1)), mean.type.dtype))
        return (mean, total) if returned else mean
    weights = T.as_tensor_variable(weights)
    if weights.type.ndim != a.type.ndim:
        if weights.type.ndim != 1 or axis is None:
            raise TypeError(f"np.average: weights of {weights.type.ndim} dimensions for {a.type.ndim}; they have the shape of a, or are a vector for one axis")
        (place,) = checked_axes(axis, a.type.ndim)
        weights = weights.dimshuffle(*[0 if other == place else "x" for other in range(a.type.ndim)])
    weights = T.second(a, weights)
    total = T.sum(weights, axis, keepdims=keepdims)
    mean = T.sum(a * weights, axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


# ------------------------------------------------------------------------------------------------------- without NaN


def _without(a: Any, replacement: float) -> tuple[Any, Any]:
    """``a`` with another number for NaN, and where it had none."""
    a = T.as_tensor_variable(a)
    if a.type.dtype[0] not in "fc":
        return a, T.ones_like(a, dtype="bool")
    lacking = T.isnan(a)
    return T.switch(lacking, np.asarray(replacement, a.type.dtype), a), T.invert(lacking)


def nansum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
    return T.sum(_without(a, 0)[0], axis, dtype=dtype and np.dtype(dtype).name, keepdims=keepdims)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
    return T.prod(_without(a, 1)[0], axis, dtype=dtype and np.dtype(dtype).name, keepdims=keepdims)


def _nanextreme(reduction: Callable[..., Any], least: float) -> Callable[..., Any]:
    def call(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        a = T.as_tensor_variable(a)
        if a.type.dtype[0] != "f":
            return reduction(a, axis, keepdims=keepdims)
        kept, there = _without(a, least)
        return T.switch(T.any(there, axis, keepdims=keepdims), reduction(kept, axis, keepdims=keepdims), np.asarray(np.nan, a.type.dtype))

    return call


nanmax = _nanextreme(T.max, -np.inf)
nanmin = _nanextreme(T.min, np.inf)


def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    kept, there = _without(a, 0)
    found = T.sum(kept, axis, keepdims=keepdims) / T.sum(there, axis, keepdims=keepdims)
    return T.cast(found, T.mean(kept).type.dtype)


def nanvar(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """NaN where not more than ``ddof`` numbers are left."""
    mean, (kept, there) = nanmean(a, axis, keepdims=True), _without(a, 0)
    off = T.switch(there, kept - mean, np.asarray(0, mean.type.dtype))
    count = T.sum(there, axis, keepdims=keepdims) - ddof
    found = T.sum(T.sqr(abs(off)), axis, keepdims=keepdims) / T.switch(T.gt(count, 0), count, np.nan)
    return T.cast(found, abs(mean).type.dtype)


def nanstd(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return T.sqrt(nanvar(a, axis, ddof=ddof, keepdims=keepdims))


# ---------------------------------------------------------------------------------------------------------- by order


def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return quantile(a, 0.5, axis, keepdims=keepdims)


def percentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile(a, T.true_div(q, 100), axis, method=method, keepdims=keepdims)


def quantile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """Between the two nearest elements, by ``method``: "linear", "lower", "higher" or "midpoint"; NaN where one of them is NaN. Axes of ``q`` come first."""
    a, q = T.as_tensor_variable(a), T.as_tensor_variable(q)
    axes = checked_axes(axis, a.type.ndim)
    others = [place for place in range(a.type.ndim) if place not in axes]
    lined = a.dimshuffle(*others, *axes).flatten(len(others) + 1) if axes else T.shape_padright(a)
    lined = T.sort(lined if lined.type.dtype.startswith("float") else T.cast(lined, "float64"), axis=-1)
    last = lined.shape[-1] - 1
    place = T.cast(q, "float64") * last
    below = T.cast(T.floor(place), "int64")
    low, high = (T.take(lined, index, axis=-1) for index in (below, T.cast(T.ceil(place), "int64")))
    found = _between(low, high, T.cast(place - below, lined.type.dtype), method)
    found = T.switch(T.shape_padright(T.isnan(lined[..., -1]), q.type.ndim), np.asarray(np.nan, lined.type.dtype), found)
    kept = [others.index(place) if place in others else "x" for place in range(a.type.ndim)] if keepdims else range(len(others))
    return found.dimshuffle(*range(len(others), len(others) + q.type.ndim), *kept)


def _between(low: Any, high: Any, share: Any, method: str) -> Any:
    if method == "linear":
        # not of infinities that are equal, or of which nothing is taken
        return T.switch(T.or_(T.eq(share, 0), T.eq(low, high)), low, low + (high - low) * share)
    if method not in ("lower", "higher", "midpoint"):
        raise TypeError(f"np.quantile of a tensor of a graph takes the methods 'linear', 'lower', 'higher' and 'midpoint', got {method!r}")
    return {"lower": low, "higher": high}.get(method, (low + high) * np.asarray(0.5, low.type.dtype))


# -------------------------------------------------------------------------------------------------------- covariance


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """Of the rows, or columns, as variables."""
    m = _variables(m, rowvar)
    if y is not None:
        m = T.concatenate([m, _variables(y, rowvar)], axis=0)
    count = m.shape[1] - (int(not bias) if ddof is None else ddof)
    off = m - T.mean(m, axis=1, keepdims=True)
    found = T.dot(off, T.conj(off).T)
    return T.squeeze(found / T.cast(count, abs(found).type.dtype)) if y is None and m.type.broadcastable[0] else found / T.cast(count, abs(found).type.dtype)


def _variables(m: Any, rowvar: bool) -> Any:
    m = T.as_tensor_variable(m)
    if m.type.ndim > 2:
        raise ValueError(f"np.cov takes vectors and matrices, got {m} with {m.type.ndim} dimensions")
    m = m if m.type.dtype[0] in "fc" else T.cast(m, "float64")
    return T.shape_padleft(m, 2 - m.type.ndim) if m.type.ndim < 2 else m if rowvar else m.T


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    found = cov(x, y, rowvar)
    if found.type.ndim == 0:
        return found / found
    scale = T.sqrt(T.real(T.diagonal(found)))
    return found / scale.dimshuffle(0, "x") / scale.dimshuffle("x", 0)
