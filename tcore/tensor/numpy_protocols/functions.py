"""What NumPy's functions mean for tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

import tcore.tensor as T
from tcore.finders import siblings
from tcore.graph import Variable
from tcore.tensor.numpy_protocols.standard import FOURIER, NEWER_LINALG, cond, cross, norm, standard

if TYPE_CHECKING:
    from tcore.tensor.numpy_protocols import calculus, shapes, statistics
else:
    calculus, shapes, statistics = siblings(__name__, "calculus", "shapes", "statistics")

__all__ = ["FUNCTIONS"]


def _dtype(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with a ``dtype`` that may be anything NumPy takes."""

    @wraps(function)
    def call(*args: Any, dtype: Any = None, **options: Any) -> Any:
        return function(*args, **options) if dtype is None else function(*args, dtype=np.dtype(dtype).name, **options)

    call.__name__ = name
    return call


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise TypeError("np.where takes a condition, or a condition and two values")
    return T.nonzero(condition) if x is None else T.switch(condition, x, y)


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError(f"np.select: {len(condlist)} conditions, but {len(choicelist)} choices")
    return reduce(lambda otherwise, pair: T.switch(*pair, otherwise), reversed(list(zip(condlist, choicelist, strict=True))), default)


def _isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether a sorted array has room for an element between two places."""
    element, known = T.as_tensor_variable(element), T.sort(T.flatten(test_elements))
    flat = T.flatten(element)
    found = T.lt(T.searchsorted(known, flat), T.searchsorted(known, flat, side="right")).reshape(element.shape, ndim=element.type.ndim)
    found = T.and_(found, T.eq(element, element))  # NaN is in nothing
    return T.invert(found) if invert else found


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    x = T.as_tensor_variable(x)
    if x.type.dtype.startswith("complex"):
        return T.complex(*(_nan_to_num(part, copy, nan, posinf, neginf) for part in (T.real(x), T.imag(x))))
    if not x.type.dtype.startswith("float"):
        return x
    ends = np.finfo(x.type.dtype)
    number, high, low = (np.asarray(given, x.type.dtype) for given in (nan, ends.max if posinf is None else posinf, ends.min if neginf is None else neginf))
    return T.switch(T.isnan(x), number, T.switch(T.eq(x, np.inf), high, T.switch(T.eq(x, -np.inf), low, x)))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    a_min, a_max = min if a_min is None else a_min, max if a_max is None else a_max
    a = a if a_min is None else T.maximum(a, a_min)
    return a if a_max is None else T.minimum(a, a_max)


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    return T.sum(T.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype and np.dtype(dtype).name)


def _cumulated(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(a: Any, axis: Any = None, dtype: Any = None) -> Any:
        return function(a if dtype is None else T.cast(a, np.dtype(dtype).name), axis)

    return call


def _linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Any:
    return standard("linspace")(start, stop, num, endpoint=endpoint)


def _transpose(a: Any, axes: Any = None) -> Any:
    return T.transpose(a, (axes,) if isinstance(axes, int) else axes)


def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    return T.nlinalg.tensorsolve(a, b, (axes,) if isinstance(axes, int) else axes)


def _angle(z: Any, deg: bool = False) -> Any:
    return T.rad2deg(T.angle(z)) if deg else T.angle(z)


def _size(a: Any, axis: int | None = None) -> Any:
    a = T.as_tensor_variable(a)
    return a.size if axis is None else a.shape[axis]


def _shape(a: Any) -> Any:
    return T.as_tensor_variable(a).shape


def _extract(condition: Any, arr: Any) -> Any:
    return T.take(T.flatten(arr), T.flatnonzero(T.flatten(condition)))


def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return T.cast(x, np.dtype(dtype).name)


def _sinc(x: Any) -> Any:
    angle = T.mul(x, np.asarray(math.pi, T.exp(x).type.dtype))
    return T.switch(T.eq(angle, 0), np.asarray(1, angle.type.dtype), T.sin(angle) / T.switch(T.eq(angle, 0), 1, angle))


def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = T.as_tensor_variable(x)
    exponents = T.arange(x.shape[0] if N is None else N)
    return T.shape_padright(x) ** (exponents if increasing else exponents[::-1]).dimshuffle("x", 0)


_STANDARD = (
    "cumulative_prod", "cumulative_sum", "matrix_transpose", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack",
)  # fmt: skip
#: functions of NumPy 2, which older ones lack
_NEWER: dict[str, Callable[..., Any]] = {"trapezoid": calculus.trapezoid, "astype": _astype, **{name: standard(name) for name in _STANDARD}}

#: function -> what it means
FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        # reductions
        np.sum: _dtype("sum", T.sum), np.prod: _dtype("prod", T.prod), np.mean: _dtype("mean", T.mean), np.var: T.var, np.std: T.std,
        np.min: T.min, np.max: T.max, np.amin: T.min, np.amax: T.max, np.argmin: T.argmin, np.argmax: T.argmax,
        np.all: T.all, np.any: T.any, np.ptp: T.ptp, np.cumsum: _cumulated(T.cumsum), np.cumprod: _cumulated(T.cumprod), np.diff: T.diff,
        np.count_nonzero: lambda a, axis=None, keepdims=False: T.sum(T.neq(a, 0), axis=axis, keepdims=keepdims),
        np.average: statistics.average, np.median: statistics.median, np.quantile: statistics.quantile, np.percentile: statistics.percentile,
        np.nansum: statistics.nansum, np.nanprod: statistics.nanprod, np.nanmax: statistics.nanmax, np.nanmin: statistics.nanmin,
        np.nanmean: statistics.nanmean, np.nanvar: statistics.nanvar, np.nanstd: statistics.nanstd, np.cov: statistics.cov, np.corrcoef: statistics.corrcoef,
        # differences and areas
        np.gradient: calculus.gradient, np.ediff1d: calculus.ediff1d, np.interp: calculus.interp,
        # products
        np.dot: T.dot, np.inner: lambda a, b: T.tensordot(a, b, [[-1], [-1]]), np.outer: T.outer, np.tensordot: T.tensordot, np.einsum: T.einsum,
        np.vdot: lambda a, b: T.dot(T.conj(T.flatten(a)), T.flatten(b)), np.cross: cross, np.kron: lambda a, b: T.slinalg.kron(a, b), np.trace: _trace,
        # forms
        np.reshape: shapes.reshape, np.ravel: lambda a: T.flatten(a), np.transpose: _transpose, np.swapaxes: T.swapaxes, np.moveaxis: T.moveaxis,
        np.squeeze: shapes.squeeze, np.expand_dims: shapes.expand_dims, np.broadcast_to: shapes.broadcast_to, np.flip: shapes.flip, np.roll: T.roll,
        np.tile: T.tile, np.repeat: T.repeat, np.concatenate: T.concatenate, np.split: shapes.split,
        np.stack: lambda arrays, axis=0: T.stack(list(arrays), axis=axis), np.hstack: shapes.hstack,
        np.vstack: lambda tup: T.concatenate([shapes.at_least(2, part) for part in tup], axis=0),
        np.atleast_1d: lambda a: shapes.at_least(1, a), np.atleast_2d: lambda a: shapes.at_least(2, a),
        np.atleast_3d: shapes.at_least_3d, np.array_split: shapes.array_split, np.hsplit: shapes.hsplit,
        np.vsplit: lambda ary, indices_or_sections: shapes.split(ary, indices_or_sections, 0),
        np.dsplit: lambda ary, indices_or_sections: shapes.split(ary, indices_or_sections, 2), np.dstack: shapes.dstack, np.column_stack: shapes.column_stack,
        np.append: shapes.append, np.rollaxis: shapes.rollaxis, np.rot90: shapes.rot90, np.pad: shapes.pad,
        np.fliplr: lambda m: shapes.flip(m, 1), np.flipud: lambda m: shapes.flip(m, 0),
        np.diagflat: lambda v, k=0: T.diag(T.flatten(v), k), np.vander: _vander, np.diag: T.diag, np.diagonal: T.diagonal, np.tril: T.tril, np.triu: T.triu,
        # choice and order
        np.where: _where, np.clip: _clip, np.take: T.take, np.take_along_axis: T.take_along_axis, np.compress: T.compress, np.choose: T.choose,
        np.nonzero: T.nonzero, np.flatnonzero: T.flatnonzero, np.sort: T.sort, np.argsort: T.argsort, np.searchsorted: T.searchsorted,
        np.unique: T.unique, np.bincount: T.bincount, np.ravel_multi_index: T.ravel_multi_index, np.unravel_index: T.unravel_index,
        np.select: _select, np.extract: _extract, np.argwhere: lambda a: T.nonzero(a, return_matrix=True).T, np.isin: _isin,
        # values
        np.nan_to_num: _nan_to_num, np.sinc: _sinc, np.i0: lambda x: T.i0(x), np.fix: T.trunc,
        np.isposinf: lambda x: T.eq(x, np.inf), np.isneginf: lambda x: T.eq(x, -np.inf),
        np.iscomplex: lambda x: T.neq(T.imag(x), 0), np.isreal: lambda x: T.eq(T.imag(x), 0),
        np.isclose: T.isclose, np.allclose: T.allclose, np.real: T.real, np.imag: T.imag, np.angle: _angle, np.round: T.around, np.around: T.around,
        np.zeros_like: _dtype("zeros_like", T.zeros_like), np.ones_like: _dtype("ones_like", T.ones_like), np.full_like: _dtype("full_like", T.full_like),
        np.empty_like: _dtype("empty_like", T.zeros_like),
        np.copy: lambda a: T.tensor_copy(a), np.shape: _shape, np.ndim: lambda a: T.as_tensor_variable(a).type.ndim, np.size: _size,
        np.iscomplexobj: lambda x: x.type.dtype.startswith("complex"), np.isrealobj: lambda x: not x.type.dtype.startswith("complex"),
        np.result_type: lambda *each: np.result_type(*(one.type.dtype if isinstance(one, Variable) else one for one in each)),
        # linear algebra
        np.linalg.norm: norm, np.linalg.cond: cond, np.linalg.multi_dot: lambda arrays: T.nlinalg.matrix_dot(*arrays),
        np.linalg.lstsq: lambda a, b, rcond=None: tuple(T.linalg.lstsq(a, b, rcond, full=True)), np.linalg.eigvals: lambda a: T.nlinalg.eig(a)[0],
        np.linalg.inv: lambda a: T.nlinalg.matrix_inverse(a), np.linalg.pinv: lambda a: T.nlinalg.pinv(a), np.linalg.det: lambda a: T.nlinalg.det(a),
        np.linalg.solve: lambda a, b: T.slinalg.solve(a, b), np.linalg.cholesky: lambda a: T.slinalg.cholesky(a),
        np.linalg.eig: lambda a: T.nlinalg.eig(a), np.linalg.eigh: lambda a, UPLO="L": T.nlinalg.eigh(a, UPLO),
        np.linalg.eigvalsh: lambda a, UPLO="L": T.slinalg.eigvalsh(a, lower=UPLO == "L"),
        np.linalg.svd: lambda a, full_matrices=True, compute_uv=True: T.nlinalg.svd(a, full_matrices, compute_uv),
        np.linalg.qr: lambda a, mode="reduced": T.nlinalg.qr(a, mode), np.linalg.matrix_power: lambda a, n: T.nlinalg.matrix_power(a, n),
        np.linalg.tensorinv: lambda a, ind=2: T.nlinalg.tensorinv(a, ind), np.linalg.tensorsolve: _tensorsolve,
        np.linalg.slogdet: standard("linalg.slogdet"), np.linalg.matrix_rank: standard("linalg.matrix_rank"),
        # of the standard
        np.meshgrid: standard("meshgrid"), np.broadcast_arrays: standard("broadcast_arrays"), np.linspace: _linspace,
        **FOURIER,
        **{getattr(np, name): meaning for name, meaning in _NEWER.items() if hasattr(np, name)},
        **{getattr(np.linalg, name): meaning for name, meaning in NEWER_LINALG.items() if hasattr(np.linalg, name)},
    }
)  # fmt: skip
