"""Device ops that only look at memory in another way: no kernel, a new array over the same block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tcore.gpuarray.array import GpuArray
from tcore.graph import Apply
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.reshape import Reshape
from tcore.tensor.subtensor import Subtensor, run_time_index

__all__ = ["view_thunk"]


def view_thunk(node: Apply, storage_map: Any, compute_map: Any) -> Any:
    """A thunk that makes the view.

    Raises
    ------
    NotImplementedError
        If the op makes no view that is known here.
    """
    make: Callable[..., GpuArray]
    op = node.op.host_op  # type: ignore[attr-defined]
    cells = [storage_map[variable] for variable in node.inputs]
    (target,) = [storage_map[variable] for variable in node.outputs]
    flags = [] if compute_map is None else [compute_map[variable] for variable in node.outputs]
    if isinstance(op, DimShuffle):
        make = _dimshuffle
    elif isinstance(op, Subtensor):
        make = _subtensor
    elif isinstance(op, Reshape):
        make = _reshape
    elif isinstance(op, Rebroadcast):
        make = _rebroadcast
    elif isinstance(op, ExtractDiag):
        make = _diagonal
    else:
        raise NotImplementedError(f"{node.op} makes no view that devices know")

    def thunk() -> None:
        target[0] = make(op, *[cell[0] for cell in cells])
        for flag in flags:
            flag[0] = True

    thunk.inputs = cells  # type: ignore[attr-defined]
    thunk.outputs = [target]  # type: ignore[attr-defined]
    thunk.lazy = False  # type: ignore[attr-defined]
    return thunk


def _rebroadcast(op: Any, x: GpuArray) -> GpuArray:
    """The whole array: what adds a mark, which would have to be checked, has no lowering and stays on the host."""
    return x.view(x.shape, x.strides, x.offset)


def _dimshuffle(op: Any, x: GpuArray) -> GpuArray:
    kept = [axis for axis in op.new_order if axis != "x"]
    dropped = [axis for axis in range(x.ndim) if axis not in kept]
    wrong = [axis for axis in dropped if x.shape[axis] != 1]
    if wrong:
        raise ValueError(f"{op} drops axes {wrong} of an array of shape {x.shape}: their length must be 1")
    shape = [1 if axis == "x" else x.shape[axis] for axis in op.new_order]
    strides = [x.dtype.itemsize if axis == "x" else x.strides[axis] for axis in op.new_order]
    return x.view(shape, strides, x.offset)


def _diagonal(op: Any, x: GpuArray) -> GpuArray:
    first, second = op.axis1 % x.ndim, op.axis2 % x.ndim
    above, left = max(-op.offset, 0), max(op.offset, 0)
    length = max(min(x.shape[first] - above, x.shape[second] - left), 0)
    kept = [axis for axis in range(x.ndim) if axis not in (first, second)]
    shape = [*(x.shape[axis] for axis in kept), length]
    strides = [*(x.strides[axis] for axis in kept), x.strides[first] + x.strides[second]]
    return x.view(shape, strides, x.offset + (above * x.strides[first] + left * x.strides[second] if length else 0))


def _subtensor(op: Any, x: GpuArray, *numbers: Any) -> GpuArray:
    return x[run_time_index(op.idx_list, [int(number) for number in numbers])]


def _reshape(op: Any, x: GpuArray, shape: Any) -> GpuArray:
    if len(shape) != op.ndim:
        raise ValueError(f"reshape to {op.ndim} dimensions needs as many entries in the shape, got {shape}")
    return x.reshape([int(length) for length in np.asarray(shape)])
