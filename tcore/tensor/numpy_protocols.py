"""NumPy's functions on symbolic tensors: ``np.exp(x)`` and ``np.concatenate([x, y])`` build graphs.

NumPy hands a call over to an operand that has ``__array_ufunc__`` or ``__array_function__``. Here is what each of its functions
means for tensors; one that is not here is refused by name. Work of NumPy's that needs values (``out=``, ``where=``) is refused, too.
"""

from __future__ import annotations

import math as python_math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.graph import Variable
from tcore.tensor._axes import checked_axis

__all__ = ["FUNCTIONS", "UFUNCS", "call_function", "call_ufunc"]

# ------------------------------------------------------------------------------------------------------------- ufuncs


def _of_later_numpy(meanings: Mapping[str, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """Those of functions that this NumPy has: they are younger than the oldest one that serves."""
    found = {}
    for name, meaning in meanings.items():
        home, _, own = name.rpartition(".")
        function = getattr(np.linalg if home else np, own, None)
        if function is not None:
            found[function] = meaning
    return found


def _truth(x: Any) -> Any:
    return T.neq(x, 0)


def _logaddexp(x: Any, y: Any) -> Any:
    distance = T.switch(T.eq(x, y), 0, T.sub(x, y))  # infinities of one sign differ by NaN
    return T.maximum(x, y) + T.log1p(T.exp(-abs(distance)))


def _hypot(x: Any, y: Any) -> Any:
    """Scaled by the larger one, so that no square overflows."""
    x, y = abs(T.as_tensor_variable(x)), abs(T.as_tensor_variable(y))
    large, small = T.maximum(x, y), T.minimum(x, y)
    ratio = small / T.switch(T.eq(large, 0), 1, large)
    return T.switch(T.isinf(large), large, large * T.sqrt(1 + ratio * ratio))


def _sign(x: Any) -> Any:
    x = T.as_tensor_variable(x)
    if not x.type.dtype.startswith("complex"):
        return T.sgn(x)
    size = abs(x)
    return T.switch(T.eq(size, 0), x, x / T.switch(T.eq(size, 0), 1, size))


def _signbit(x: Any) -> Any:
    """Zeros have a sign, which their reciprocal shows. NaN counts as positive."""
    x = T.as_tensor_variable(x)
    if not x.type.dtype.startswith("float"):
        return T.lt(x, 0)
    return T.switch(T.eq(x, 0), T.lt(T.inv(x), 0), T.lt(x, 0))


#: ufunc -> function of its operands
UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        # arithmetic
        np.add: T.add, np.subtract: T.sub, np.multiply: T.mul, np.divide: T.true_div, np.floor_divide: T.int_div, np.remainder: T.mod,
        np.power: T.pow, np.float_power: lambda x, y: T.pow(T.cast(x, "float64"), y), np.divmod: T.divmod, np.matmul: T.matmul,
        **_of_later_numpy({"vecdot": T.vecdot}),
        np.negative: T.neg, np.positive: T.tensor_copy, np.absolute: T.abs_, np.fabs: T.abs_, np.sign: _sign, np.signbit: _signbit, np.reciprocal: T.inv,
        np.square: T.sqr, np.sqrt: T.sqrt, np.cbrt: lambda x: T.sgn(x) * abs(x) ** (1 / 3), np.conjugate: T.conj,
        np.copysign: lambda x, y: T.switch(_signbit(y), -abs(T.as_tensor_variable(x)), abs(T.as_tensor_variable(x))),
        np.maximum: T.maximum, np.minimum: T.minimum,
        np.fmax: lambda x, y: T.switch(T.isnan(x), y, T.switch(T.isnan(y), x, T.maximum(x, y))),
        np.fmin: lambda x, y: T.switch(T.isnan(x), y, T.switch(T.isnan(y), x, T.minimum(x, y))),
        # exponentials and logarithms
        np.exp: T.exp, np.exp2: T.exp2, np.expm1: T.expm1, np.log: T.log, np.log2: T.log2, np.log10: T.log10, np.log1p: T.log1p,
        np.logaddexp: _logaddexp, np.logaddexp2: lambda x, y: _logaddexp(x * python_math.log(2), y * python_math.log(2)) / python_math.log(2),
        # angles
        np.sin: T.sin, np.cos: T.cos, np.tan: T.tan, np.arcsin: T.arcsin, np.arccos: T.arccos, np.arctan: T.arctan, np.arctan2: T.arctan2,
        np.sinh: T.sinh, np.cosh: T.cosh, np.tanh: T.tanh, np.arcsinh: T.arcsinh, np.arccosh: T.arccosh, np.arctanh: T.arctanh,
        np.hypot: _hypot, np.deg2rad: T.deg2rad, np.radians: T.deg2rad, np.rad2deg: T.rad2deg, np.degrees: T.rad2deg,
        # comparison and truth
        np.equal: T.eq, np.not_equal: T.neq, np.less: T.lt, np.less_equal: T.le, np.greater: T.gt, np.greater_equal: T.ge,
        np.isnan: T.isnan, np.isinf: T.isinf, np.isfinite: lambda x: T.invert(T.or_(T.isnan(x), T.isinf(x))),
        np.logical_and: lambda x, y: T.and_(_truth(x), _truth(y)), np.logical_or: lambda x, y: T.or_(_truth(x), _truth(y)),
        np.logical_xor: lambda x, y: T.xor(_truth(x), _truth(y)), np.logical_not: lambda x: T.eq(x, 0),
        # bits
        np.bitwise_and: T.and_, np.bitwise_or: T.or_, np.bitwise_xor: T.xor, np.invert: T.invert, np.left_shift: T.left_shift, np.right_shift: T.right_shift,
        # whole numbers
        np.floor: T.floor, np.ceil: T.ceil, np.trunc: T.trunc, np.nextafter: T.nextafter, np.rint: T.round_half_to_even,
    }
)  # fmt: skip

_REDUCE: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {np.add: T.sum, np.multiply: T.prod, np.maximum: T.max, np.minimum: T.min, np.logical_and: T.all, np.logical_or: T.any}
)
_ACCUMULATE: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType({np.add: T.cumsum, np.multiply: T.cumprod})


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """What ``ufunc.method(*inputs, **options)`` means where an input is a tensor of a graph.

    Raises
    ------
    TypeError
        For a ufunc without meaning here, or options that need values.
    """
    if any(getattr(each, "__array_ufunc__", call_ufunc) is None for each in inputs):
        return NotImplemented
    out = options.pop("out", None)
    # `array += x` is allowed, and makes a variable of the name; nothing can be written into an array while a graph is built
    if out is not None and not (len(out) == 1 and out[0] is inputs[0] and method == "__call__"):
        raise TypeError(f"np.{ufunc.__name__}: out= cannot be an array or a variable, a graph has no values yet; take the result")
    if method == "__call__" and ufunc in UFUNCS and not options:
        return UFUNCS[ufunc](*inputs)
    if method == "reduce" and ufunc in _REDUCE:
        return _REDUCE[ufunc](inputs[0], **{"axis": 0, **_known(ufunc, options, ("axis", "dtype", "keepdims"))})
    if method == "accumulate" and ufunc in _ACCUMULATE:
        return _ACCUMULATE[ufunc](inputs[0], **{"axis": 0, **_known(ufunc, options, ("axis",))})
    if method == "outer" and ufunc in UFUNCS and not options:
        left, right = map(T.as_tensor_variable, inputs)
        return UFUNCS[ufunc](left.dimshuffle(*range(left.type.ndim), *["x"] * right.type.ndim), right)
    call = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    with_options = f" with {', '.join(options)}" if options else ""
    raise TypeError(f"{call}{with_options} has no meaning for tensors of a graph; what there is, is in tcore.tensor")


def _known(ufunc: np.ufunc, options: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if not set(given) <= set(names):
        raise TypeError(f"np.{ufunc.__name__} takes no {', '.join(sorted(set(given) - set(names)))} with tensors of a graph")
    if "dtype" in given:
        given["dtype"] = np.dtype(given["dtype"]).name
    return {**given, **({"axis": None} if "axis" in options and options["axis"] is None else {})}


# ---------------------------------------------------------------------------------------------------------- functions


def _dtype(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with a ``dtype`` that may be anything NumPy takes."""

    def call(*args: Any, dtype: Any = None, **options: Any) -> Any:
        return function(*args, **options) if dtype is None else function(*args, dtype=np.dtype(dtype).name, **options)

    call.__name__ = name
    return call


def _reshape(a: Any, shape: Any, order: str = "C") -> Any:
    if order != "C":
        raise TypeError(f"np.reshape of a tensor of a graph is in row-major order, got order={order!r}")
    return T.reshape(a, shape if isinstance(shape, (tuple, list, Variable)) else (shape,))


def _expand_dims(a: Any, axis: Any) -> Any:
    a = T.as_tensor_variable(a)
    new = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    ndim = a.type.ndim + len(new)
    places = {int(place) % ndim for place in new if -ndim <= place < ndim}
    if len(places) != len(new):
        raise ValueError(f"np.expand_dims: axes {new} for a tensor of {a.type.ndim} dimensions")
    own = iter(range(a.type.ndim))
    return a.dimshuffle(*["x" if place in places else next(own) for place in range(ndim)])


def _broadcast_to(array: Any, shape: Any) -> Any:
    return T.alloc(array, *(shape if isinstance(shape, (tuple, list)) else (shape,)))


def _axes(name: str, axis: Any, x: Any) -> set[int]:
    """One axis or several, counted from the front; without any, all of them."""
    axes = range(x.type.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    return {checked_axis(name, each, x) for each in axes}


def _flip(m: Any, axis: Any = None) -> Any:
    m = T.as_tensor_variable(m)
    turned = _axes("np.flip", axis, m)
    return m[tuple(slice(None, None, -1) if place in turned else slice(None) for place in range(m.type.ndim))]


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise TypeError("np.where takes a condition, or a condition and two values")
    return T.nonzero(condition) if x is None else T.switch(condition, x, y)


def _at_least(ndim: int, tensor: Any) -> Any:
    tensor = T.as_tensor_variable(tensor)
    return T.shape_padleft(tensor, ndim - tensor.type.ndim) if tensor.type.ndim < ndim else tensor


def _hstack(tup: Sequence[Any]) -> Any:
    parts = [_at_least(1, part) for part in tup]
    return T.concatenate(parts, axis=0 if parts[0].type.ndim == 1 else 1)


def _squeeze(a: Any, axis: Any = None) -> Any:
    a = T.as_tensor_variable(a)
    if axis is None:
        return T.squeeze(a)
    axes = _axes("np.squeeze", axis, a)
    return T.addbroadcast(a, *axes).dimshuffle(*[place for place in range(a.type.ndim) if place not in axes])


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else T.maximum(a, a_min)
    return a if a_max is None else T.minimum(a, a_max)


def _shape(a: Any) -> Any:
    return T.as_tensor_variable(a).shape


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, (int, np.integer)):
        count = int(indices_or_sections)
        length = T.as_tensor_variable(ary).shape[axis]
        checked = T.Assert(f"np.split: the axis has no {count} equal parts", ValueError)(length, T.eq(length % count, 0))
        return list(T.split(ary, [checked // count] * count, count, axis))
    bounds = [0, *indices_or_sections]
    index: list[Any] = [slice(None)] * T.as_tensor_variable(ary).type.ndim
    parts = []
    for start, stop in zip(bounds, [*bounds[1:], None], strict=True):
        index[axis] = slice(start, stop)
        parts.append(ary[tuple(index)])
    return parts


def _standard(name: str) -> Callable[..., Any]:
    """A function that NumPy has from the array API standard: its meaning is in our namespace of that, which is made of the tables here."""

    def call(*args: Any, **options: Any) -> Any:
        home, _, function = name.rpartition(".")
        return getattr(import_module(f"tcore.tensor.xp{home and '.'}{home}"), function)(*args, **options)

    call.__name__ = name
    return call


_LATER = (
    "linalg.svdvals", "linalg.vector_norm", "linalg.matrix_norm", "linalg.cross", "linalg.outer", "linalg.diagonal", "linalg.trace", "matrix_transpose",
    "cumulative_sum", "unstack", "unique_all", "unique_counts", "unique_inverse", "unique_values",
)  # fmt: skip

#: function -> what it means
FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        # reductions
        np.sum: _dtype("sum", T.sum), np.prod: _dtype("prod", T.prod), np.mean: _dtype("mean", T.mean), np.var: T.var, np.std: T.std,
        np.min: T.min, np.max: T.max, np.amin: T.min, np.amax: T.max, np.argmin: T.argmin, np.argmax: T.argmax,
        np.all: T.all, np.any: T.any, np.ptp: T.ptp, np.cumsum: T.cumsum, np.cumprod: T.cumprod, np.diff: T.diff,
        np.count_nonzero: lambda a, axis=None, keepdims=False: T.sum(T.neq(a, 0), axis=axis, keepdims=keepdims),
        # products
        np.dot: T.dot, np.inner: lambda a, b: T.tensordot(a, b, [[-1], [-1]]), np.outer: T.outer, np.tensordot: T.tensordot, np.einsum: T.einsum,
        np.kron: lambda a, b: T.slinalg.kron(a, b), np.trace: T.trace,
        # forms
        np.reshape: _reshape, np.ravel: lambda a: T.flatten(a), np.transpose: T.transpose, np.swapaxes: T.swapaxes, np.moveaxis: T.moveaxis,
        np.squeeze: _squeeze, np.expand_dims: _expand_dims, np.broadcast_to: _broadcast_to, np.flip: _flip, np.roll: T.roll,
        np.tile: T.tile, np.repeat: T.repeat, np.concatenate: T.concatenate, np.split: _split,
        np.stack: lambda arrays, axis=0: T.stack(list(arrays), axis=axis), np.hstack: _hstack,
        np.vstack: lambda tup: T.concatenate([_at_least(2, part) for part in tup], axis=0),
        np.atleast_1d: lambda a: _at_least(1, a), np.atleast_2d: lambda a: _at_least(2, a),
        np.diag: T.diag, np.diagonal: T.diagonal, np.tril: T.tril, np.triu: T.triu,
        # choice and order
        np.where: _where, np.clip: _clip, np.take: T.take, np.take_along_axis: T.take_along_axis, np.compress: T.compress, np.choose: T.choose,
        np.nonzero: T.nonzero, np.flatnonzero: T.flatnonzero, np.sort: T.sort, np.argsort: T.argsort, np.searchsorted: T.searchsorted,
        np.unique: T.unique, np.bincount: T.bincount, np.ravel_multi_index: T.ravel_multi_index, np.unravel_index: T.unravel_index,
        # values
        np.isclose: T.isclose, np.allclose: T.allclose, np.real: T.real, np.imag: T.imag, np.angle: T.angle, np.round: T.around,
        np.zeros_like: _dtype("zeros_like", T.zeros_like), np.ones_like: _dtype("ones_like", T.ones_like), np.full_like: _dtype("full_like", T.full_like),
        np.copy: T.tensor_copy, np.shape: _shape, np.ndim: lambda a: T.as_tensor_variable(a).type.ndim, np.size: lambda a: T.as_tensor_variable(a).size,
        np.iscomplexobj: lambda x: x.type.dtype.startswith("complex"), np.isrealobj: lambda x: not x.type.dtype.startswith("complex"),
        # linear algebra
        np.linalg.inv: lambda a: T.nlinalg.matrix_inverse(a), np.linalg.pinv: lambda a: T.nlinalg.pinv(a), np.linalg.det: lambda a: T.nlinalg.det(a),
        np.linalg.solve: lambda a, b: T.slinalg.solve(a, b), np.linalg.cholesky: lambda a: T.slinalg.cholesky(a),
        np.linalg.eig: lambda a: T.nlinalg.eig(a), np.linalg.eigh: lambda a, UPLO="L": T.nlinalg.eigh(a, UPLO),
        np.linalg.eigvalsh: lambda a, UPLO="L": T.slinalg.eigvalsh(a, lower=UPLO == "L"),
        np.linalg.svd: lambda a, full_matrices=True, compute_uv=True: T.nlinalg.svd(a, full_matrices, compute_uv),
        np.linalg.qr: lambda a, mode="reduced": T.nlinalg.qr(a, mode), np.linalg.matrix_power: lambda a, n: T.nlinalg.matrix_power(a, n),
        np.linalg.tensorinv: lambda a, ind=2: T.nlinalg.tensorinv(a, ind), np.linalg.tensorsolve: lambda a, b, axes=None: T.nlinalg.tensorsolve(a, b, axes),
        np.linalg.slogdet: _standard("linalg.slogdet"), np.linalg.matrix_rank: _standard("linalg.matrix_rank"),
        # of the standard
        np.meshgrid: _standard("meshgrid"), np.broadcast_arrays: _standard("broadcast_arrays"), np.linspace: _standard("linspace"),
        **_of_later_numpy({name: _standard(name) for name in _LATER}),
    }
)  # fmt: skip


def call_function(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What ``function(*args, **options)`` means where an argument is a tensor of a graph.

    Raises
    ------
    TypeError
        For a function without meaning here, or arguments that it does not take here.
    """
    meaning = FUNCTIONS.get(function)
    name = f"{getattr(function, '__module__', 'numpy').replace('numpy', 'np')}.{getattr(function, '__name__', function)}"
    if meaning is None:
        raise TypeError(f"{name} has no meaning for tensors of a graph; what there is, is in tcore.tensor")
    return meaning(*args, **options)
