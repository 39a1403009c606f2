"""Places in an array as one number and as several: ``ravel_multi_index``, ``unravel_index``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import Unconnected
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.constants import get_vector_length
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.join import stack
from tcore.tensor.math import cast
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RavelMultiIndex", "UnravelIndex", "ravel_multi_index", "unravel_index"]

_MODES = ("raise", "wrap", "clip")
_Order = Literal["C", "F"]


def _integers(name: str, x: Any) -> Any:
    x = as_tensor_variable(x)
    if x.type.dtype not in discrete_dtypes or x.type.dtype == "bool":
        raise TypeError(f"{name} takes integers, got {x} of dtype {x.type.dtype}")
    return cast(x, "int64")


def _lengths(name: str, dims: Any) -> Any:
    if isinstance(dims, (list, tuple)) and any(isinstance(length, Variable) for length in dims):
        dims = stack([_integers(name, length) for length in dims])
    if not isinstance(dims, Variable):
        dims = np.atleast_1d(np.asarray(dims) if np.size(dims) else np.zeros(0, "int64"))
    dims = _integers(name, dims)
    if dims.type.ndim != 1:
        raise TypeError(f"{name}: dims is a vector of lengths, got {dims} with {dims.type.ndim} dimensions")
    return dims


def _modes(value: Any) -> tuple[str, ...]:
    modes = (value,) if isinstance(value, str) else tuple(value)
    if not modes or any(mode not in _MODES for mode in modes):
        raise ValueError(f"ravel_multi_index: a mode is one of {', '.join(_MODES)}, got {value!r}")
    return modes


@frozen
class RavelMultiIndex(Unconnected, Op):
    """Index arrays, one for each axis, and the lengths of the axes -> places in the flattened array."""

    mode: tuple[str, ...] = field(default=("raise",), converter=_modes)
    order: _Order = field(default="C", validator=in_(("C", "F")))

    def make_node(self, *inputs: Any) -> Apply:
        *index, dims = inputs
        if not index:
            raise TypeError("ravel_multi_index takes one index array for each axis, got none")
        index = [_integers("ravel_multi_index", each) for each in index]
        if len({each.type.ndim for each in index}) > 1:
            raise TypeError(f"ravel_multi_index: index arrays have one number of dimensions, got {[each.type.ndim for each in index]}")
        if len(self.mode) not in (1, len(index)):
            raise ValueError(f"ravel_multi_index: {len(self.mode)} modes for {len(index)} axes")
        dims = _lengths("ravel_multi_index", dims)
        marks = [all(flags) for flags in zip(*[each.type.broadcastable for each in index], strict=True)]
        return Apply(self, [*index, dims], [TensorType("int64", marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        *index, dims = inputs
        mode: Any = self.mode[0] if len(self.mode) == 1 else self.mode
        place = np.ravel_multi_index(tuple(index), tuple(dims.tolist()), mode, self.order)
        output_storage[0][0] = np.asarray(place, "int64")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        *index, _ = node.inputs
        axes = range(index[0].type.ndim)  # type: ignore[attr-defined]
        firsts = [next((k for k, each in enumerate(index) if not each.type.broadcastable[axis]), 0) for axis in axes]  # type: ignore[attr-defined]
        return [tuple(shapes[k][axis] for axis, k in zip(axes, firsts, strict=True))]

    def __str__(self) -> str:
        return f"RavelMultiIndex{{mode={self.mode}, order={self.order}}}"


@frozen
class UnravelIndex(Unconnected, Op):
    """Places in the flattened array, and the lengths of ``ndim`` axes -> index arrays, one for each axis."""

    ndim: int = field(converter=int)
    order: _Order = field(default="C", validator=in_(("C", "F")))

    def make_node(self, indices: Any, dims: Any) -> Apply:
        indices, dims = _integers("unravel_index", indices), _lengths("unravel_index", dims)
        return Apply(self, [indices, dims], [TensorType("int64", indices.type.broadcastable)() for _ in range(self.ndim)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        indices, dims = inputs
        if len(dims) != self.ndim:
            raise ValueError(f"unravel_index was told ndim={self.ndim}, dims has {len(dims)} lengths")
        for cell, index in zip(output_storage, np.unravel_index(indices, tuple(dims.tolist()), self.order), strict=True):
            cell[0] = np.array(index, "int64")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]] * self.ndim

    def __str__(self) -> str:
        return f"UnravelIndex{{ndim={self.ndim}, order={self.order}}}"


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: _Order = "C") -> Variable:
    """The places in the flattened array that index arrays, one for each axis, mean.

    Parameters
    ----------
    multi_index : sequence of integer tensors
        Of one number of dimensions; they broadcast.
    dims : sequence of integers and integer scalars, or integer vector
        The shape of the array.
    mode : 'raise', 'wrap' or 'clip', or a tuple with one for each axis
        What indices outside of an axis do: ValueError when the function runs, count modulo its length, or mean the nearest, 0 for
        negative ones.
    order : 'C' or 'F'
        Whether the last axis runs fastest, or the first.

    Returns
    -------
    int64 tensor
    """
    if isinstance(multi_index, Variable):
        multi_index = [multi_index[axis] for axis in range(get_vector_length(dims))]  # type: ignore[index]
    return RavelMultiIndex(mode, order)(*multi_index, dims)  # type: ignore[return-value]


def unravel_index(indices: Any, dims: Any, order: _Order = "C", ndim: int | None = None) -> tuple[Variable, ...]:
    """The index arrays, one for each axis, of places in the flattened array: the inverse of :func:`ravel_multi_index`.

    Parameters
    ----------
    indices : integer tensor
        A place outside of the array raises ValueError when the function runs.
    dims : sequence of integers and integer scalars, or integer vector
        The shape of the array.
    order : 'C' or 'F'
    ndim : int, optional
        The number of axes, where the length of ``dims`` is not known.

    Returns
    -------
    tuple of int64 tensors, each of the shape of ``indices``
    """
    lengths = _lengths("unravel_index", dims)
    if ndim is None:
        try:
            ndim = get_vector_length(lengths)
        except ValueError:
            raise ValueError("unravel_index: the length of dims is not known; give the number of axes as ndim") from None
    return tuple(UnravelIndex(ndim, order)(indices, lengths, return_list=True))  # type: ignore[call-arg]
