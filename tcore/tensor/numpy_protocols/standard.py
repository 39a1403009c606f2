"""Functions of NumPy whose meaning is in our namespace of the array API standard, which is made of the other tables here: it is loaded when one is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import tcore.tensor as T

__all__ = ["FOURIER", "NEWER_LINALG", "cond", "cross", "norm", "standard"]


class standard:
    """The function of that namespace, such as ``linalg.det``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def _function(self) -> Callable[..., Any]:
        home, _, function = self.__name__.rpartition(".")
        return getattr(import_module(f"tcore.tensor.xp{home and '.'}{home}"), function)  # type: ignore[no-any-return]

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function())


# ------------------------------------------------------------------------------------------------------ linear algebra


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Of a vector or of matrices: one axis or two say which; without any, of all elements or, with ``ord``, by the number of axes."""
    x, of_vector, of_matrix = T.as_tensor_variable(x), standard("linalg.vector_norm"), standard("linalg.matrix_norm")
    if axis is None and (ord is None or x.type.ndim == 1):
        return of_vector(x, ord=2 if ord is None else ord, keepdims=keepdims)
    axes = tuple(range(x.type.ndim)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    if len(axes) == 1:
        return of_vector(x, axis=axes, ord=2 if ord is None else ord, keepdims=keepdims)
    if len(axes) != 2:
        raise ValueError(f"np.linalg.norm is of one axis or of two, got {axes}; vectors of more axes have np.linalg.vector_norm")
    found = of_matrix(T.moveaxis(x, axes, (-2, -1)), ord="fro" if ord is None else ord, keepdims=keepdims)
    return T.moveaxis(found, (-2, -1), axes) if keepdims else found


def cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        values = T.nlinalg.svd(x, False, False)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    return norm(x, p, (-2, -1)) * norm(T.nlinalg.matrix_inverse(x), p, (-2, -1))


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = T.moveaxis(a, axisa, -1), T.moveaxis(b, axisb, -1)
    return T.moveaxis(standard("linalg.cross")(a, b), -1, axisc)


#: functions of NumPy 2
NEWER_LINALG: dict[str, Callable[..., Any]] = {
    "matmul": T.matmul,
    "tensordot": lambda x1, x2, /, *, axes=2: T.tensordot(x1, x2, axes),
    "vecdot": lambda x1, x2, /, *, axis=-1: T.vecdot(x1, x2, axis),
    "matrix_transpose": lambda x, /: T.swapaxes(x, -2, -1),
    **{name: standard(f"linalg.{name}") for name in ("cross", "diagonal", "matrix_norm", "outer", "svdvals", "trace", "vector_norm")},
}


# ------------------------------------------------------------------------------------------------- Fourier transforms


def _fourier(name: str, axis: int = -1) -> Callable[..., Any]:
    def call(a: Any, n: Any = None, axis: int = axis, norm: str | None = None) -> Any:
        return standard(f"fft.{name}")(a, n=n, axis=axis, norm=norm or "backward")

    return call


def _fourier_of_axes(name: str, axes: Any = None) -> Callable[..., Any]:
    def call(a: Any, s: Any = None, axes: Any = axes, norm: str | None = None) -> Any:
        for what, given in (("s", s), ("axes", axes)):
            if not (given is None or isinstance(given, (tuple, list, np.ndarray))):
                raise TypeError(f"np.fft.{name}: {what} is a sequence with an integer for each axis, got {given!r}")
        return standard(f"fft.{name}")(a, s=s, axes=axes, norm=norm or "backward")

    return call


def _shift(name: str) -> Callable[..., Any]:
    return lambda x, axes=None: standard(f"fft.{name}")(x, axes=axes)


FOURIER: dict[Any, Callable[..., Any]] = {
    **{getattr(np.fft, name): _fourier(name) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{getattr(np.fft, name): _fourier_of_axes(name) for name in ("fftn", "ifftn", "rfftn", "irfftn")},
    **{getattr(np.fft, f"{name}2"): _fourier_of_axes(f"{name}n", (-2, -1)) for name in ("fft", "ifft", "rfft", "irfft")},
    **{getattr(np.fft, name): _shift(name) for name in ("fftshift", "ifftshift")},
}
