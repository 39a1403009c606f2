"""Gradients that do not exist: what the ``L_op`` of an op returns for such an input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.graph.null_type import NullType

if TYPE_CHECKING:
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = ["grad_not_implemented", "grad_undefined"]


def grad_not_implemented(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """A gradient that nobody has written yet; any use of it is an error that names the op and the input.

    Parameters
    ----------
    op : Op
        The op whose gradient is asked for.
    x_pos : int
        Position of the input.
    x : Variable
        The input.
    comment : str
        Added to the error message.
    """
    return NullType(
        f"the gradient of {op} with respect to its input number {x_pos}, {x}, is not implemented."
        f"{' ' + comment if comment else ''}"
    )()


def grad_undefined(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """A gradient that mathematics does not define; see :func:`grad_not_implemented` for the parameters."""
    return NullType(
        f"the gradient of {op} with respect to its input number {x_pos}, {x}, is undefined.{' ' + comment if comment else ''}"
    )()
