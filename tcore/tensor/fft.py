"""Fourier transforms of real arrays, on :mod:`scipy.fft`.

A spectrum is an array of floats whose last axis holds real and imaginary parts: the transform of shape ``(m, …, n)`` has
the shape ``(m, …, n//2 + 1, 2)``. Axis 0 counts transforms; all others are transformed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.fft
from attrs import field
from attrs.validators import in_

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._lengths import divided, less, plus, times
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import as_gradient_of
from tcore.tensor.indexing import set_subtensor
from tcore.tensor.math import cast, eq, switch
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OPPOSITE", "InverseRealFFT", "Norm", "RealFFT", "irfft", "rfft", "workers"]

Norm = Literal["backward", "forward", "ortho"]

#: documented ``norm`` -> SciPy's, for the transform there and for the one back
_FORWARD: dict[Any, Norm] = {None: "backward", "ortho": "ortho", "no_norm": "backward"}
_INVERSE: dict[Any, Norm] = {None: "backward", "ortho": "ortho", "no_norm": "forward"}
#: the scale of a transform is that of the opposite transform under the other name
OPPOSITE: dict[Norm, Norm] = {"backward": "forward", "forward": "backward", "ortho": "ortho"}

#: below so many numbers one thread is faster than several
_WORTH_THREADS = 1 << 16


def workers(size: int) -> int:
    """How many threads a transform of so many numbers gets."""
    return 1 if size < _WORTH_THREADS else config.threads or -1  # SciPy takes -1 as one for each core


def _as_real(name: str, value: Any, least_ndim: int) -> Variable:
    variable = as_tensor_variable(value)
    if variable.type.dtype.startswith("complex"):
        raise TypeError(f"{name} takes real numbers, got {variable} of dtype {variable.type.dtype}")
    if variable.type.ndim < least_ndim:
        raise ValueError(f"{name} takes at least {least_ndim} dimensions, got {variable} with {variable.type.ndim}")
    if variable.type.dtype in discrete_dtypes:
        return cast(variable, config.floatX)
    return cast(variable, "float32") if variable.type.dtype == "float16" else variable


@frozen
class RealFFT(Op):
    """Real array -> the half of its spectrum that determines it, real and imaginary parts last.

    ``norm`` is SciPy's: ``backward`` does not scale, ``forward`` divides by the number of transformed elements, ``ortho`` by its root.
    """

    norm: Norm = field(default="backward", validator=in_(OPPOSITE))

    def make_node(self, x: Any) -> Apply:
        x = _as_real("rfft", x, 2)
        return Apply(self, [x], [TensorType(x.type.dtype, (*x.type.broadcastable, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        if 0 in x.shape[1:]:
            raise ValueError(f"rfft: an axis without elements has no spectrum; the shape is {x.shape}, all but axis 0 are transformed")
        spectrum = scipy.fft.rfftn(x, axes=tuple(range(1, x.ndim)), norm=self.norm, workers=workers(x.size))
        output_storage[0][0] = np.ascontiguousarray(spectrum).view(x.dtype).reshape(*spectrum.shape, 2)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (*front, length) = shapes[0]
        return [(*front, plus(divided(length, 2), 1), 2)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The transform back of the gradient; the bins that stand for two count half, because that transform doubles them."""
        (x,), (g,) = inputs, output_grads
        length = x.shape[-1]
        back = InverseRealFFT(OPPOSITE[self.norm])(_scale_paired_bins(g, length, 0.5), length)
        return [as_gradient_of(x, back)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[0] is None else self(eval_points[0])]

    def __str__(self) -> str:
        return f"RealFFT{{{self.norm}}}"


@frozen
class InverseRealFFT(Op):
    """Half a spectrum and the length of the last axis -> the real array; ``norm`` is SciPy's, as in :class:`RealFFT`."""

    norm: Norm = field(default="backward", validator=in_(OPPOSITE))

    def make_node(self, z: Any, length: Any) -> Apply:
        z = _as_real("irfft", z, 3)
        if z.type.broadcastable[-1]:
            raise ValueError(f"irfft: the last axis holds real and imaginary parts, so its length is 2; that of {z} is 1")
        return Apply(self, [z, integer_scalar(length, "the length of irfft")], [TensorType(z.type.dtype, (*z.type.broadcastable[:-2], False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        z, length = inputs[0], int(inputs[1])
        if z.shape[-1] != 2:
            raise ValueError(f"irfft: the last axis holds real and imaginary parts, so its length is 2; the shape is {z.shape}")
        if length < 1 or length // 2 + 1 != z.shape[-2] or 0 in z.shape[1:]:
            raise ValueError(f"irfft: no array of length {length} has the spectrum of shape {z.shape} (length // 2 + 1 entries in the axis before the last)")
        spectrum = np.ascontiguousarray(z).view(np.result_type(z.dtype, np.complex64))[..., 0]
        lengths = (*spectrum.shape[1:-1], length)
        output_storage[0][0] = scipy.fft.irfftn(spectrum, s=lengths, axes=tuple(range(1, spectrum.ndim)), norm=self.norm, workers=workers(z.size))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(*shapes[0][:-2], node.inputs[1])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The length says where, not what."""
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The transform of the gradient; the bins that stand for two count twice."""
        (z, length), (g,) = inputs, output_grads
        there = _scale_paired_bins(RealFFT(OPPOSITE[self.norm])(g), length, 2.0)
        return [as_gradient_of(z, there), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[0] is None else self(eval_points[0], inputs[1])]

    def __str__(self) -> str:
        return f"InverseRealFFT{{{self.norm}}}"


def _scale_paired_bins(z: Variable, length: Variable, factor: float) -> Variable:
    """Multiply the bins whose mirror image the half spectrum leaves out: all but the first, and the last of an even length."""
    end = z.shape[-2] - switch(eq(length % 2, 0), 1, 0)
    paired = z[..., 1:end, :]
    return set_subtensor(paired, paired * np.asarray(factor, z.type.dtype))


def _checked(norm: Any, known: dict[Any, Norm]) -> Norm:
    try:
        return known[norm]
    except (KeyError, TypeError):
        raise ValueError(f"norm is None, 'ortho' or 'no_norm', got {norm!r}") from None


def rfft(inp: Any, norm: str | None = None) -> Variable:
    """The Fourier transforms of a batch of real arrays.

    Parameters
    ----------
    inp : real tensor of shape (m, …, n)
        ``m`` arrays of shape ``(…, n)``. Integers are taken as ``floatX``.
    norm : None, 'ortho' or 'no_norm'
        None and 'no_norm' do not scale; 'ortho' divides by the root of the number of transformed elements.

    Returns
    -------
    tensor of shape (m, …, n//2 + 1, 2), of the dtype of ``inp``
        Real and imaginary parts in the last axis.

    Raises
    ------
    ValueError
        For less than two dimensions or an unknown ``norm``; when the function runs, for a transformed axis without elements.
    """
    return RealFFT(_checked(norm, _FORWARD))(inp)  # type: ignore[return-value]


def irfft(inp: Any, norm: str | None = None, is_odd: bool = False) -> Variable:
    """The real arrays that have these transforms: the inverse of :func:`rfft` with the same ``norm``.

    Parameters
    ----------
    inp : real tensor of shape (m, …, N, 2)
        Real and imaginary parts in the last axis. Imaginary parts that the transform of a real array cannot have are ignored.
    norm : None, 'ortho' or 'no_norm'
        None divides by the number of transformed elements, 'ortho' by its root, 'no_norm' does not scale.
    is_odd : bool
        The last axis of the result has ``(N - 1)*2`` elements, and one more if ``is_odd``.

    Returns
    -------
    tensor of shape (m, …, (N - 1)*2 + is_odd), of the dtype of ``inp``

    Raises
    ------
    ValueError
        For less than three dimensions or an unknown ``norm``; when the function runs, for shapes that no transform has.
    """
    if is_odd not in (True, False):
        raise ValueError(f"is_odd is True or False, got {is_odd!r}")
    inp = _as_real("irfft", inp, 3)
    length = plus(times(less(inp.shape[-2], 1), 2), int(is_odd))
    return InverseRealFFT(_checked(norm, _INVERSE))(inp, length)  # type: ignore[return-value]
