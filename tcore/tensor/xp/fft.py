"""Fourier transforms: the extension ``fft`` of the standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import along, checked_axis
from tcore.tensor.assertion import Assert
from tcore.tensor.fft import OPPOSITE, Norm
from tcore.tensor.fft_axes import FFT, HalfFFT, InverseHalfFFT
from tcore.tensor.xp.dtypes import dtype_name, on_device
from tcore.tensor.xp.scalars import whole_number

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft", "rfftfreq", "rfftn",
]  # fmt: skip


def _checked(name: str, norm: Any) -> Norm:
    if norm not in OPPOSITE:
        raise ValueError(f"{name}: norm is 'backward', 'ortho' or 'forward', got {norm!r}")
    return norm  # type: ignore[no-any-return]


def _at_least_one(name: str, n: Any) -> Any:
    """The length ``n``; there is an error where it is less than 1, of a symbolic one when it is computed."""
    problem = f"{name}: the length of a transform is 1 or more"
    if isinstance(n, Variable):
        return Assert(problem)(n, T.ge(n, 1))
    if not isinstance(n, (int, np.integer)):
        raise TypeError(f"{problem}, an integer, got {n!r}")
    if n < 1:
        raise ValueError(f"{problem}, got {n}")
    return n


def _of_length(x: Any, axis: int, n: Any) -> Any:
    """``x`` with what is beyond ``n`` cut off, or with zeros after its end."""
    if n is None:
        return x
    lacking = T.maximum(n - x.shape[axis], 0)
    zeros = T.alloc(np.zeros((), x.type.dtype), *(lacking if other == axis else x.shape[other] for other in range(x.type.ndim)))
    return T.concatenate([x[along(axis, slice(n))], zeros], axis=axis)


def _axes(name: str, x: Any, s: Sequence[Any] | None, axes: Sequence[int] | None) -> tuple[tuple[int, ...], Sequence[Any]]:
    """The axes to transform, and a length or None for each."""
    if axes is None:
        axes = range(x.type.ndim - (x.type.ndim if s is None else len(s)), x.type.ndim)
    places = tuple(checked_axis(name, axis, x) for axis in axes)
    if len(set(places)) < len(places):
        raise ValueError(f"{name}: an axis is named twice in {tuple(axes)}")
    lengths = [None] * len(places) if s is None else s
    if len(lengths) != len(places):
        raise ValueError(f"{name}: {len(places)} axes, but {len(lengths)} lengths in s")
    return places, [None if n is None else _at_least_one(name, n) for n in lengths]


def _some_axes(name: str, x: Any, s: Sequence[Any] | None, axes: Sequence[int] | None) -> tuple[tuple[int, ...], Sequence[Any]]:
    """The same where half of the last axis stands for it all."""
    places, lengths = _axes(name, x, s, axes)
    if not places:
        raise ValueError(f"{name} transforms one axis or more of {x}, got none")
    return places, lengths


def _transform(name: str, x: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    x, norm = T.as_tensor_variable(x), _checked(name, norm)
    places, lengths = _some_axes(name, x, s, axes)
    for place, length in zip(places, lengths, strict=True):
        x = _of_length(x, place, length)
    return FFT(places, norm, inverse)(x)


def _real(name: str, x: Any) -> Any:
    x = T.as_tensor_variable(x)
    if x.type.dtype.startswith("complex"):
        raise TypeError(f"{name} takes real numbers, got {x} of dtype {x.type.dtype}")
    return T.cast(x, config.floatX) if x.type.dtype in discrete_dtypes else x


def fft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform along ``axis``, of its first ``n`` elements or with zeros up to ``n``."""
    return _transform("fft", x, None if n is None else (n,), (axis,), norm, inverse=False)


def ifft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of :func:`fft`."""
    return _transform("ifft", x, None if n is None else (n,), (axis,), norm, inverse=True)


def fftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The transform along ``axes``, all of them if there are neither lengths ``s`` nor axes."""
    return _transform("fftn", x, s, axes, norm, inverse=False)


def ifftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of :func:`fftn`."""
    return _transform("ifftn", x, s, axes, norm, inverse=True)


def rfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The half of the transform of a real tensor that determines it: ``n // 2 + 1`` numbers along ``axis``."""
    return _half("rfft", x, None if n is None else (n,), (axis,), norm)


def rfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """As :func:`fftn` of a real tensor; half of the last of ``axes`` is kept."""
    return _half("rfftn", x, s, axes, norm)


def _half(name: str, x: Any, s: Any, axes: Any, norm: Any) -> Any:
    x, norm = _real(name, x), _checked(name, norm)
    places, lengths = _some_axes(name, x, s, axes)
    for place, length in zip(places, lengths, strict=True):
        x = _of_length(x, place, length)
    return HalfFFT(places, norm)(x)


def irfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real tensor with this half of a transform: of length ``n`` along ``axis``, of twice the length less one if it is left out."""
    return _whole("irfft", x, None if n is None else (n,), (axis,), norm)


def irfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of :func:`rfftn`."""
    return _whole("irfftn", x, s, axes, norm)


def _whole(name: str, x: Any, s: Any, axes: Any, norm: Any) -> Any:
    x, norm = T.as_tensor_variable(x), _checked(name, norm)
    places, lengths = _some_axes(name, x, s, axes)
    *others, last = places
    n = _at_least_one(name, 2 * (x.shape[last] - 1)) if lengths[-1] is None else lengths[-1]
    for place, length in zip(others, lengths, strict=False):
        x = _of_length(x, place, length)
    return InverseHalfFFT(places, norm)(_of_length(x, last, n // 2 + 1), n)


def hfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform, which is real, of the numbers whose first half is ``x`` and whose second half are the conjugates of it."""
    return _whole("hfft", T.conj(x), None if n is None else (n,), (axis,), OPPOSITE[_checked("hfft", norm)])


def ihfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of :func:`hfft`."""
    return T.conj(_half("ihfft", x, None if n is None else (n,), (axis,), OPPOSITE[_checked("ihfft", norm)]))


def fftfreq(n: Any, /, *, d: Any = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the transform of ``n`` numbers at distances ``d``: first those from 0 on, then the negative ones."""
    n = whole_number("fftfreq", "n", n, 1)
    places = T.arange(n)
    return _frequencies(T.switch(T.lt(places, (n + 1) // 2), places, places - n), n, d, dtype, device)


def rfftfreq(n: Any, /, *, d: Any = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies from 0 on, of a half."""
    n = whole_number("rfftfreq", "n", n, 1)
    return _frequencies(T.arange(n // 2 + 1), n, d, dtype, device)


def _frequencies(whole: Any, n: Any, d: Any, dtype: Any, device: Any) -> Any:
    found = T.cast(whole, "float64") / (T.cast(n, "float64") * d)
    return on_device(T.cast(found, config.floatX if dtype is None else dtype_name(dtype)), device)


def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    """``x`` with the frequency 0 in the middle of ``axes``, all of them for None."""
    return _shifted("fftshift", x, axes, lambda length: length // 2)


def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The inverse of :func:`fftshift`."""
    return _shifted("ifftshift", x, axes, lambda length: -(length // 2))


def _shifted(name: str, x: Any, axes: Any, shift: Any) -> Any:
    x = T.as_tensor_variable(x)
    for axis in range(x.type.ndim) if axes is None else (axes,) if isinstance(axes, (int, np.integer)) else axes:
        place = checked_axis(name, axis, x)
        x = T.roll(x, shift(x.shape[place]), axis=place)
    return x
