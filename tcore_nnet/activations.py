"""Activation functions that are expressions of elementwise ops, so that they fuse with what surrounds them."""

from __future__ import annotations

from typing import Any

from tcore import tensor as T

__all__ = ["elu", "relu", "selu", "softsign"]


def relu(x: Any, alpha: Any = 0) -> Any:
    """``x`` where x > 0, else ``alpha * x``.

    Parameters
    ----------
    x : tensor, any shape
    alpha : number or tensor, optional
        Slope for negative input: 0 is the standard rectifier, 1 the identity, values between make it leaky. A tensor broadcasts against
        ``x`` and receives a gradient, so that the slope can be learned.

    Returns
    -------
    tensor, shape of ``x``

    Notes
    -----
    Computed as 0.5 (1 + alpha) x + 0.5 (1 − alpha) |x|: no branch, and the derivative at 0 is the mean of the two slopes.
    """
    x = T.as_tensor_variable(x)
    if isinstance(alpha, (int, float)) and alpha == 0:
        return 0.5 * (x + abs(x))
    alpha = T.as_tensor_variable(alpha)
    return 0.5 * (1 + alpha) * x + 0.5 * (1 - alpha) * abs(x)


def elu(x: Any, alpha: Any = 1) -> Any:
    """``x`` where x > 0, else ``alpha * (exp(x) - 1)``. Clevert, Unterthiner and Hochreiter 2015, arXiv:1511.07289."""
    x = T.as_tensor_variable(x)
    return T.switch(x > 0, x, alpha * T.expm1(x))


def selu(x: Any) -> Any:
    """``scale * elu(x, alpha)`` with the constants that keep mean 0 and variance 1. Klambauer et al. 2017, arXiv:1706.02515."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``, between −1 and 1."""
    x = T.as_tensor_variable(x)
    return x / (1 + abs(x))
