"""Where values stand, and how often: ``searchsorted``, ``unique``, ``bincount``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.graph.null_type import DisconnectedType, disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.tensor._lengths import product
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.assertion import Assert
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.indexing import inc_subtensor
from tcore.tensor.math import cast, ge
from tcore.tensor.reductions import all as all_true
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import NoneConst

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BinCount", "SearchsortedOp", "Unique", "bincount", "searchsorted", "unique"]


def _are_countable(x: Any) -> bool:
    return x.type.dtype in discrete_dtypes and x.type.dtype != "uint64"


@frozen
class SearchsortedOp(Op):
    """Where values belong in a sorted vector: before equal ones (``left``), or after (``right``)."""

    side: Literal["left", "right"] = field(default="left", validator=in_(("left", "right")))

    def make_node(self, x: Any, v: Any, sorter: Any = None) -> Apply:
        x, v = as_tensor_variable(x), as_tensor_variable(v)
        if x.type.ndim != 1:
            raise TypeError(f"searchsorted takes a vector to search in, got {x} with {x.type.ndim} dimensions")
        if sorter is None or sorter is NoneConst:
            sorter = NoneConst
        else:
            sorter = as_tensor_variable(sorter)
            if sorter.type.ndim != 1 or not _are_countable(sorter):
                raise TypeError(f"searchsorted: sorter is an integer vector, got {sorter} of type {sorter.type}")
        return Apply(self, [x, v, sorter], [TensorType("int64", v.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, v, sorter = inputs
        output_storage[0][0] = np.asarray(np.searchsorted(x, v, self.side, sorter), "int64")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[1]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The order in which a vector is sorted is no value."""
        return [[True], [True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Zero: small changes of the values change no index."""
        return [*(zero_gradient(x) for x in inputs[:2]), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None]

    def __str__(self) -> str:
        return f"SearchsortedOp{{{self.side}}}"


def searchsorted(x: Any, v: Any, side: Literal["left", "right"] = "left", sorter: Any = None) -> Variable:
    """The indices in a sorted vector before which values would have to be put, to keep it sorted.

    Parameters
    ----------
    x : vector
        Ascending, or in the order that ``sorter`` gives.
    v : tensor
    side : 'left' or 'right'
        Before the first element that is not less, or after the last that is not larger.
    sorter : integer vector, optional
        Indices that sort ``x``, as :func:`~tcore.tensor.argsort` gives them.

    Returns
    -------
    int64 tensor of the shape of ``v``, from 0 to the length of ``x``
    """
    return SearchsortedOp(side)(x, v, sorter)  # type: ignore[return-value]


@frozen
class Unique(Op):
    """The different elements of a tensor, ascending, as a vector; after it, if asked for:

    the index of the first of each, for each element of the flattened tensor which of them it is, how often each occurs. ``equal_nan`` takes all NaN for one, otherwise each is an element of its own.
    """

    return_index: bool = field(default=False, converter=bool)
    return_inverse: bool = field(default=False, converter=bool)
    return_counts: bool = field(default=False, converter=bool)
    equal_nan: bool = field(default=True, converter=bool)

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        extra = self.return_index + self.return_inverse + self.return_counts
        return Apply(self, [x], [TensorType(x.type.dtype, (False,))(), *(TensorType("int64", (False,))() for _ in range(extra))])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        # asked for the index, NumPy sorts in one order that holds on every backend: this tells which NaN is which
        with_index = self.return_index or self.return_inverse
        found: Any = np.unique(inputs[0], with_index, self.return_inverse, self.return_counts, equal_nan=self.equal_nan)  # type: ignore[call-overload]
        values = list(found) if with_index or self.return_counts else [found]
        if with_index and not self.return_index:
            del values[1]
        for cell, output, value in zip(output_storage, node.outputs, values, strict=True):
            cell[0] = np.asarray(value, output.type.dtype).reshape(-1)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """Known for the inverse only."""
        lengths: list[Any] = [None] * len(node.outputs)
        if self.return_inverse:
            lengths[1 + self.return_index] = (product(shapes[0]),)
        return lengths

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient of each value goes to the first place where it stands."""
        x: Any = inputs[0]
        if x.type.dtype in discrete_dtypes or isinstance(output_grads[0].type, DisconnectedType):
            return [zero_gradient(x)]
        first = Unique(return_index=True, equal_nan=self.equal_nan)(x)[1]  # type: ignore[index]
        return [inc_subtensor(x.flatten().zeros_like()[first], output_grads[0]).reshape(x.shape, ndim=x.type.ndim)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        rest: list[Variable | None] = [None] * (self.return_index + self.return_inverse + self.return_counts)
        if eval_points[0] is None:
            return [None, *rest]
        first = Unique(return_index=True, equal_nan=self.equal_nan)(inputs[0])[1]  # type: ignore[index]
        return [eval_points[0].flatten()[first], *rest]  # type: ignore[attr-defined]

    def __str__(self) -> str:
        flags = f"return_index={self.return_index}, return_inverse={self.return_inverse}, return_counts={self.return_counts}"
        return f"Unique{{{flags}}}" if self.equal_nan else f"Unique{{{flags}, equal_nan=False}}"


def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, equal_nan: bool = True) -> Any:
    """The different elements of ``ar``, ascending; see :class:`Unique` for what the flags add, in this order."""
    return Unique(return_index, return_inverse, return_counts, equal_nan)(ar)


class BinCount(FieldlessOp):
    """How often each number occurs in a vector of integers that are not negative, or the sums of their weights.

    Inputs: the vector, weights or None, the least length of the result.
    """

    def make_node(self, x: Any, weights: Any, minlength: Any) -> Apply:
        x = as_tensor_variable(x)
        if x.type.ndim != 1 or not _are_countable(x):
            raise TypeError(f"bincount takes an integer vector (uint64 cannot be counted), got {x} of type {x.type}")
        dtype = "int64"
        if weights is None or weights is NoneConst:
            weights = NoneConst
        else:
            weights = as_tensor_variable(weights)
            if weights.type.ndim != 1 or weights.type.dtype in complex_dtypes:
                raise TypeError(f"bincount: weights are a vector of real numbers, got {weights} of type {weights.type}")
            dtype = weights.type.dtype if weights.type.dtype not in discrete_dtypes else "float64"
        return Apply(self, [x, weights, integer_scalar(minlength, "minlength of bincount")], [TensorType(dtype, (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, weights, minlength = inputs
        if minlength < 0:
            raise ValueError(f"bincount: minlength is not negative, got {int(minlength)}")
        if x.size and x.min() < 0:
            raise ValueError(f"bincount counts numbers from 0 on, got {int(x.min())} among them")
        if weights is not None and weights.shape != x.shape:
            raise ValueError(f"bincount: {x.shape[0]} numbers, but {weights.shape[0]} weights")
        output_storage[0][0] = np.bincount(x, weights, int(minlength)).astype(node.outputs[0].type.dtype, copy=False)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only weights are values."""
        return [[False], [node.inputs[1] is not NoneConst], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Each weight has the gradient of its bin; weights that are integers have none."""
        x, weights, _ = inputs
        gradient: Variable
        if weights is NoneConst:
            gradient = disconnected_type()
        elif weights.type.dtype in discrete_dtypes:  # type: ignore[attr-defined]
            gradient = zero_gradient(weights)
        else:
            gradient = output_grads[0][x]  # type: ignore[index]
        return [disconnected_type(), gradient, disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None if eval_points[1] is None else self(inputs[0], eval_points[1], inputs[2])]  # type: ignore[list-item]

    def __str__(self) -> str:
        return "BinCount"


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Variable:
    """How often each number occurs.

    Parameters
    ----------
    x : vector of integers
        Negative ones are refused when the function runs.
    weights : vector, optional
        Of the length of ``x``: what is summed in the place of ones.
    minlength : integer or integer scalar, optional
        The least length of the result, which is one more than the largest number otherwise.
    assert_nonneg : bool
        Check beforehand that no number is negative, with an Assert of its own.

    Returns
    -------
    vector, int64, or of the dtype of floating ``weights``, else float64
        Also where there are no weights in the vector: NumPy then counts in int64, but a graph has one dtype whatever the values.
    """
    x = as_tensor_variable(x)
    if assert_nonneg:
        x = Assert("bincount: the input has negative values")(x, all_true(ge(x, 0)))
    if getattr(x.type, "dtype", None) == "bool":
        x = cast(x, "int8")
    return BinCount()(x, weights, 0 if minlength is None else minlength)  # type: ignore[return-value]
