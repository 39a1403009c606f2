"""Matrix products on devices: the forms of Dot22, Gemm, Gemv, Ger and BatchedDot, on the kernel of :mod:`tcore.gpuarray.gemm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore.gpuarray import array
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.gemm import batched_gemm, gemm
from tcore.gpuarray.lowered import GpuOp, stays_on_host
from tcore.graph import Apply, Op
from tcore.tensor.blas import Dot22, Dot22Scalar, Gemm, Gemv, Ger
from tcore.tensor.dot import BatchedDot, Dot

__all__ = ["GpuBatchedDot", "GpuDot22", "GpuGemm", "GpuGemv", "GpuGer", "GpuProduct", "multiplied_ops", "product_form", "takes"]


class GpuProduct(GpuOp):
    """A product that runs by a kernel of its own: ``perform`` launches it and returns without waiting."""

    def make_thunk(self, node: Apply, storage_map: Any, compute_map: Any, no_recycling: Any, impl: str | None = None) -> Any:
        """A thunk on :meth:`perform`."""
        return self.make_py_thunk(node, storage_map, compute_map, no_recycling)

    def _accumulator(self, y: GpuArray) -> GpuArray:
        """Where to add: ``y`` itself for ops that destroy it, else a copy."""
        return y if self.destroy_map else y.copy()


class GpuDot22(GpuProduct):
    """Matrix times matrix, vector times matrix, matrix times vector or vector times vector."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """One product; the inner lengths must agree."""
        x, y = inputs
        left = x.reshape((1, -1)) if x.ndim == 1 else x
        right = y.reshape((-1, 1)) if y.ndim == 1 else y
        if left.shape[1] != right.shape[0]:
            raise ValueError(f"shapes {x.shape} and {y.shape} cannot be multiplied: inner lengths {left.shape[1]} and {right.shape[0]}")
        result = array.empty((left.shape[0], right.shape[1]), x.dtype, context=x.context)
        gemm(1, left, right, 0, result)
        output_storage[0][0] = result.reshape(x.shape[:-1] + y.shape[1:])


class GpuBatchedDot(GpuProduct):
    """Products of the items of two batches, of matrices or vectors."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """All products by one launch; numbers of items and inner lengths must agree."""
        x, y = inputs
        if x.shape[0] != y.shape[0]:
            raise TypeError(f"batched_dot needs batches of equal length, got shapes {x.shape} and {y.shape}")
        if x.shape[-1] != y.shape[1]:
            raise ValueError(f"batched_dot: inner lengths differ, got shapes {x.shape} and {y.shape}")
        left = _with_axis(x, 1) if x.ndim == 2 else x
        right = _with_axis(y, 2) if y.ndim == 2 else y
        result = array.empty((x.shape[0], left.shape[1], right.shape[2]), x.dtype, context=x.context)
        batched_gemm(left, right, result)
        output_storage[0][0] = result.reshape((x.shape[0], *x.shape[1:-1], *y.shape[2:]))


class GpuDot22Scalar(GpuProduct):
    """``scalar * (x · y)``; inputs x, y, scalar (on the host)."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """One product."""
        x, y, scalar = inputs
        result = array.empty((x.shape[0], y.shape[1]), x.dtype, context=x.context)
        gemm(scalar, x, y, 0, result)
        output_storage[0][0] = result


class GpuGemm(GpuProduct):
    """``beta * z + alpha * (x · y)``; inputs z, alpha, x, y, beta, the two numbers on the host."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """One product, into z for the in-place form."""
        z, alpha, x, y, beta = inputs
        result = self._accumulator(z)
        gemm(alpha, x, y, beta, result)
        output_storage[0][0] = result


class GpuGemv(GpuProduct):
    """``beta * y + alpha * (A · x)``; inputs y, alpha, A, x, beta, the two numbers on the host."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """A product with one column."""
        y, alpha, matrix, x, beta = inputs
        result = self._accumulator(y)
        gemm(alpha, matrix, _column(x), beta, _column(result))
        output_storage[0][0] = result


class GpuGer(GpuProduct):
    """``A + alpha * outer(x, y)``; inputs A, alpha, x, y, alpha on the host."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """A product over an inner axis of length 1."""
        matrix, alpha, x, y = inputs
        result = self._accumulator(matrix)
        gemm(alpha, _column(x), _column(y).T, 1, result)
        output_storage[0][0] = result


def _column(vector: GpuArray) -> GpuArray:
    return _with_axis(vector, 1)


def _with_axis(x: GpuArray, place: int) -> GpuArray:
    """A view with one more axis, of length 1."""
    shape, strides = list(x.shape), list(x.strides)
    shape.insert(place, 1)
    strides.insert(place, x.dtype.itemsize)
    return x.view(tuple(shape), tuple(strides), x.offset)


@stays_on_host(Dot22Scalar)
def _scalar(op: Op, count: int) -> Sequence[int]:
    return (2,)


@stays_on_host(Gemm, Gemv)
def _alpha_and_beta(op: Op, count: int) -> Sequence[int]:
    return (1, 4)


@stays_on_host(Ger)
def _alpha(op: Op, count: int) -> Sequence[int]:
    return (1,)


_PRODUCTS: dict[type[Op], Callable[..., GpuProduct]] = {
    BatchedDot: GpuBatchedDot, Dot: GpuDot22, Dot22: GpuDot22, Dot22Scalar: GpuDot22Scalar, Gemm: GpuGemm, Gemv: GpuGemv, Ger: GpuGer,
}  # fmt: skip


def product_form(op: Op) -> GpuProduct | None:
    """The device's form of a product op, or None for other ops."""
    for cls in type(op).__mro__:
        if cls in _PRODUCTS:
            return _PRODUCTS[cls](op)
    return None


def multiplied_ops() -> tuple[type[Op], ...]:
    """The ops of the host that have a product as their form on devices."""
    return tuple(_PRODUCTS)


def takes(dtypes: Sequence[str]) -> bool:
    """Whether the kernel multiplies these dtypes: one floating dtype of 4 or 8 bytes throughout."""
    return len(set(dtypes)) == 1 and np.dtype(dtypes[0]).name in ("float32", "float64")
