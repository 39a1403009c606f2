"""The logistic function, its integral, and sums of numbers that are known by their logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.scalar.basic import switch
from tcore.scalar.bitwise import and_
from tcore.scalar.comparison import eq, isinf
from tcore.scalar.exponential import FloatFunction
from tcore.scalar.op import number
from tcore.scalar.preferences import upgrade_to_float_no_complex

__all__ = ["LogAddExp", "ScalarSigmoid", "ScalarSoftplus", "logaddexp", "scalar_sigmoid", "scalar_softplus"]


class ScalarSigmoid(FloatFunction):
    """1 / (1 + exp(-x))."""

    loop_name = "sigmoid"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def impl(self, x: Any) -> Any:
        return 1 / (1 + np.exp(-np.float64(x)))

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        # negating small unsigned integers would wrap, so the conversion comes first; exp overflows to inf, 1 / inf is 0
        x = inputs[0].astype(dtypes[0], copy=False)
        work = np.asarray(np.negative(x)) if out[0] is None else np.negative(x, out=out[0])
        np.exp(work, out=work)
        np.add(work, 1, out=work)
        return [np.reciprocal(work, out=work)]

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * out * (1 - out)


class ScalarSoftplus(FloatFunction):
    """log(1 + exp(x)), without overflow."""

    loop_name = "softplus"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def impl(self, x: Any) -> Any:
        return np.logaddexp(0.0, np.float64(x))

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        zero = np.zeros((), dtypes[0])
        return [np.asarray(np.logaddexp(inputs[0], zero, out=out[0], dtype=dtypes[0], casting="unsafe"))]

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * scalar_sigmoid(x)


class LogAddExp(FloatFunction):
    """log(exp(x) + exp(y)), without overflow."""

    nin = 2
    commutative = True
    numpy = np.logaddexp
    loop_name = "logaddexp"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        # the same infinity twice is as far from itself as 0
        distance = switch(and_(isinf(x), eq(x, y)), number(0, out), x - y)
        return g * scalar_sigmoid(distance), g * scalar_sigmoid(-distance)


scalar_sigmoid = ScalarSigmoid(name="scalar_sigmoid")
scalar_softplus = ScalarSoftplus(name="scalar_softplus")
logaddexp = LogAddExp(name="logaddexp")
