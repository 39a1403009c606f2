"""Errors of differentiation."""

from __future__ import annotations

from typing import Any

__all__ = ["DisconnectedInputError", "GradUndefinedError", "GradientError", "NullTypeGradError"]


class DisconnectedInputError(ValueError):
    """A gradient is asked for with respect to something that the cost does not depend on differentiably."""


class NullTypeGradError(TypeError):
    """A gradient is asked for along a path on which it is undefined or not implemented."""


class GradUndefinedError(NullTypeGradError):
    """As :class:`NullTypeGradError`, for gradients that mathematics does not define."""


class GradientError(Exception):
    """A symbolic gradient disagrees with finite differences.

    Attributes
    ----------
    arg : int
        Position of the argument with the largest error.
    err_pos : int
        Position of the largest error in the flattened gradient.
    shape : tuple
    val1, val2 : float
        The symbolic and the numeric value there.
    abs_err, rel_err, abs_tol, rel_tol : float
    """

    def __init__(
        self, arg: int, err_pos: int, shape: Any, val1: Any, val2: Any, abs_err: Any, rel_err: Any, abs_tol: Any, rel_tol: Any
    ) -> None:
        super().__init__(arg, err_pos, shape, val1, val2, abs_err, rel_err, abs_tol, rel_tol)
        self.arg = arg
        self.err_pos = err_pos
        self.shape = shape
        self.val1 = val1
        self.val2 = val2
        self.abs_err = abs_err
        self.rel_err = rel_err
        self.abs_tol = abs_tol
        self.rel_tol = rel_tol

    def __str__(self) -> str:
        return (
            f"GradientError: the gradient with respect to argument {self.arg} is off at position {self.err_pos} of shape "
            f"{self.shape}:\n"
            f"  symbolic: {self.val1}\n  numeric:  {self.val2}\n"
            f"  absolute error {self.abs_err}, tolerance {self.abs_tol}\n"
            f"  relative error {self.rel_err}, tolerance {self.rel_tol}\n"
            f"  (fails only where both tolerances are exceeded)"
        )
