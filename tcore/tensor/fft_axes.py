"""The Fourier transform of complex arrays along any axes, on :mod:`scipy.fft`; :mod:`tcore.tensor.xp.fft` builds the others of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from attrs import field
from attrs.validators import in_

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, upcast
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.fft import OPPOSITE, Norm, workers
from tcore.tensor.math import cast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FFT"]


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
        x = as_tensor_variable(x)
        dtype = config.floatX if x.type.dtype in discrete_dtypes else x.type.dtype
        x = cast(x, upcast(dtype, "complex64"))
        if not all(0 <= axis < x.type.ndim for axis in self.axes):
            raise ValueError(f"{self}: {x} has {x.type.ndim} dimensions")
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
