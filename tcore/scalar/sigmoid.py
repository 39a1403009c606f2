"""The logistic function and its integral."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.scalar.exponential import FloatFunction
from tcore.scalar.preferences import upgrade_to_float_no_complex

__all__ = ["ScalarSigmoid", "ScalarSoftplus", "scalar_sigmoid", "scalar_softplus"]


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


scalar_sigmoid = ScalarSigmoid(name="scalar_sigmoid")
scalar_softplus = ScalarSoftplus(name="scalar_softplus")
