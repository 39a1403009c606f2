"""Fourier transforms along any axes, on :mod:`scipy.fft`: of complex arrays, and of real ones, of whose transforms half is kept; :mod:`tcore.tensor.xp.fft` uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from attrs import field
from attrs.validators import in_

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, real_of, upcast
from tcore.tensor._axes import along
from tcore.tensor._lengths import divided, plus
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.fft import OPPOSITE, Norm, workers
from tcore.tensor.indexing import set_subtensor
from tcore.tensor.math import cast, eq, switch
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FFT", "HalfFFT", "InverseHalfFFT"]


def _as_complex(x: Any) -> Variable:
    x = as_tensor_variable(x)
    dtype = config.floatX if x.type.dtype in discrete_dtypes else x.type.dtype
    return cast(x, upcast(dtype, "complex64"))


def _check_axes(op: Op, axes: tuple[int, ...], x: Variable) -> None:
    if not all(0 <= axis < x.type.ndim for axis in axes):
        raise ValueError(f"{op}: {x} has {x.type.ndim} dimensions")


@frozen
class FFT(Op):
    """A complex array -> its transform, of the same shape; real arrays are taken as complex ones.

    Attributes
    ----------
    axes : tuple of int
        The transformed axes, counted from the first.
    norm : {'backward', 'forward', 'ortho'}
        As SciPy has it: which of the transform and its inverse divides by the number of transformed elements; both, by its root.
    inverse : bool
    """

    axes: tuple[int, ...]
    norm: Norm = field(default="backward", validator=in_(OPPOSITE))
    inverse: bool = False

    def make_node(self, x: Any) -> Apply:
        x = _as_complex(x)
        _check_axes(self, self.axes, x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        transform = scipy.fft.ifftn if self.inverse else scipy.fft.fftn
        output_storage[0][0] = np.asarray(transform(x, axes=self.axes, norm=self.norm, workers=workers(x.size)))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The opposite transform, scaled as this one is: the conjugate transpose."""
        return [FFT(self.axes, OPPOSITE[self.norm], not self.inverse)(output_grads[0])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[0] is None else self(eval_points[0])]

    def __str__(self) -> str:
        return f"{'Inverse' if self.inverse else ''}FFT{{axes={self.axes}, {self.norm}}}"


def _some(op: Any, attribute: Any, axes: tuple[int, ...]) -> None:
    if not axes:
        raise ValueError(f"{type(op).__name__} transforms one axis or more")


def _of_any_length(type: Any, axis: int) -> tuple[bool, ...]:
    """The broadcast pattern where nothing is known of the length of ``axis``."""
    return tuple(known and place != axis for place, known in enumerate(type.broadcastable))


@frozen
class HalfFFT(Op):
    """A real array -> the half of its transform that determines it: of the last of ``axes`` the first ``n // 2 + 1`` elements.

    ``norm`` is SciPy's, as in :class:`FFT`.
    """

    axes: tuple[int, ...] = field(validator=_some)
    norm: Norm = field(default="backward", validator=in_(OPPOSITE))

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if x.type.dtype.startswith("complex"):
            raise TypeError(f"{self} takes real numbers, got {x} of dtype {x.type.dtype}")
        x = cast(x, config.floatX if x.type.dtype in discrete_dtypes else upcast(x.type.dtype, "float32"))
        _check_axes(self, self.axes, x)
        return Apply(self, [x], [TensorType(upcast(x.type.dtype, "complex64"), _of_any_length(x.type, self.axes[-1]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        output_storage[0][0] = np.asarray(scipy.fft.rfftn(x, axes=self.axes, norm=self.norm, workers=workers(x.size)))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        last = self.axes[-1]
        return [tuple(plus(divided(length, 2), 1) if axis == last else length for axis, length in enumerate(shapes[0]))]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The transform back of the gradient; the elements that stand for two count half, because that transform doubles them."""
        (x,), (g,) = inputs, output_grads
        length = x.shape[self.axes[-1]]
        return [InverseHalfFFT(self.axes, OPPOSITE[self.norm])(_scale_paired(g, self.axes[-1], length, 0.5), length)]  # type: ignore[list-item]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[0] is None else self(eval_points[0])]

    def __str__(self) -> str:
        return f"HalfFFT{{axes={self.axes}, {self.norm}}}"


@frozen
class InverseHalfFFT(Op):
    """Half a transform and the length of the last of ``axes`` -> the real array that has it; ``norm`` is SciPy's, of the inverse transform."""

    axes: tuple[int, ...] = field(validator=_some)
    norm: Norm = field(default="backward", validator=in_(OPPOSITE))

    def make_node(self, z: Any, length: Any) -> Apply:
        z = _as_complex(z)
        _check_axes(self, self.axes, z)
        return Apply(self, [z, integer_scalar(length, f"the length of {self}")], [TensorType(real_of(z.type.dtype), _of_any_length(z.type, self.axes[-1]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        z, length = inputs[0], int(inputs[1])
        *others, last = self.axes
        if length < 1 or z.shape[last] != length // 2 + 1:
            raise ValueError(f"{self}: an array of length {length} has {length // 2 + 1} elements in half its transform; the shape of that is {z.shape}")
        lengths = [*(z.shape[axis] for axis in others), length]
        output_storage[0][0] = np.asarray(scipy.fft.irfftn(z, s=lengths, axes=self.axes, norm=self.norm, workers=workers(z.size)))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(node.inputs[1] if axis == self.axes[-1] else length for axis, length in enumerate(shapes[0]))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The length says where, not what."""
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The transform of the gradient; the elements that stand for two count twice."""
        there = HalfFFT(self.axes, OPPOSITE[self.norm])(output_grads[0])
        return [_scale_paired(there, self.axes[-1], inputs[1], 2.0), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[0] is None else self(eval_points[0], inputs[1])]

    def __str__(self) -> str:
        return f"InverseHalfFFT{{axes={self.axes}, {self.norm}}}"


def _scale_paired(z: Any, axis: int, length: Any, factor: float) -> Variable:
    """Multiply the elements whose mirror image the half leaves out: all but the first, and the last of an even length."""
    end = z.shape[axis] - switch(eq(length % 2, 0), 1, 0)
    paired = z[along(axis, slice(1, end))]
    return set_subtensor(paired, paired * np.asarray(factor, real_of(z.type.dtype)))
