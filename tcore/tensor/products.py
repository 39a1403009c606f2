"""Products over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore import scalar
from tcore.graph.variable import Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.careduce import CAReduce, NamedReduction, normal_axes, spread_over
from tcore.tensor.elemwise import elemwise_of
from tcore.tensor.gradients import zero_gradient

__all__ = ["Prod", "ProdWithoutZeros"]


@frozen(slots=False, str=False, repr=False, init=False)
class Prod(NamedReduction):
    """The product over ``axis``; of nothing 1.

    ``no_zeros_in_input=True`` promises that no element is zero: the gradient is simpler then, and wrong otherwise.
    """

    kind = scalar.mul
    no_zeros_in_input: bool = False

    def __init__(
        self,
        axis: Any = None,
        dtype: str | None = None,
        acc_dtype: str | None = None,
        no_zeros_in_input: bool = False,
    ) -> None:
        self.__attrs_init__(self.kind, axis, dtype, acc_dtype, no_zeros_in_input)

    def _made(self, axis: Any, dtype: str | None, acc_dtype: str | None) -> CAReduce:
        return type(self)(axis, dtype, acc_dtype, self.no_zeros_in_input)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.axis, self.dtype, self.acc_dtype, self.no_zeros_in_input)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """The product of all other elements, times the gradient of the product.

        In a group without zeros that is product / x. With one zero it is the product of the others at the zero and 0
        elsewhere; with more it is 0 everywhere.
        """
        (x,), (out,), (g,) = inputs, outputs, output_grads
        if out.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        axes = normal_axes(self.axis, x.type.ndim)
        ndim = x.type.ndim
        switch, eq = elemwise_of(scalar.switch), elemwise_of(scalar.eq)
        g_wide = spread_over(g, ndim, axes)
        if self.no_zeros_in_input:
            return [g_wide * spread_over(out, ndim, axes) / x]
        from tcore.tensor.factors import other_factors  # loads running products, which nothing but this gradient needs

        is_zero = eq(x, 0)
        zeros = spread_over(is_zero.sum(axis=axes), ndim, axes)
        others = spread_over(ProdWithoutZeros(axis=axes, dtype=out.type.dtype)(x), ndim, axes)
        without_zero = others / switch(is_zero, 1, x)
        one_zero = switch(is_zero, others, 0)
        return [g_wide * other_factors(x, axes, switch(eq(zeros, 0), without_zero, switch(eq(zeros, 1), one_zero, 0)))]

    def __str__(self) -> str:
        return f"Prod{{axis={self.axis}, dtype={self.dtype!r}, acc_dtype={self.acc_dtype!r}}}"

    __repr__ = __str__


class ProdWithoutZeros(NamedReduction):
    """The product over ``axis`` of the elements that are not zero; of nothing 1."""

    kind = scalar.mul

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        return np.multiply.reduce(np.where(x == 0, x.dtype.type(1), x), axis=axes, dtype=self.accumulator(x.dtype.name))

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """The product of the other elements, and 0 at zeros."""
        (x,), (out,), (g,) = inputs, outputs, output_grads
        if out.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        axes = normal_axes(self.axis, x.type.ndim)
        switch, eq = elemwise_of(scalar.switch), elemwise_of(scalar.eq)
        is_zero = eq(x, 0)
        total = spread_over(g * out, x.type.ndim, axes)
        return [switch(is_zero, 0, total / switch(is_zero, 1, x))]

    def __str__(self) -> str:
        return f"ProdWithoutZeros{{axis={self.axis}, dtype={self.dtype!r}, acc_dtype={self.acc_dtype!r}}}"

    __repr__ = __str__
