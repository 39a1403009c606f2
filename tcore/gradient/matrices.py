"""Whole matrices of derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.gradient.connection import as_list, checked_variables, format_as
from tcore.gradient.reverse import grad
from tcore.gradient.rows import map_rows
from tcore.graph.testvalues import computed_afterwards
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Variable

__all__ = ["hessian", "jacobian"]


def jacobian(
    expression: Variable, wrt: Any, consider_constant: Sequence[Variable] | None = None, disconnected_inputs: str = "raise"
) -> Any:
    """The derivatives of each element of a vector.

    Parameters
    ----------
    expression : 1-d variable, length n (a 0-d one gives its gradient)
    wrt : Variable, or list or tuple of them
    consider_constant, disconnected_inputs
        As for :func:`~tcore.gradient.grad`.

    Returns
    -------
    Variable of shape ``(n, *wrt.shape)``, or a list or tuple of them
        Row by row: what does not depend on the row is computed once.

    Raises
    ------
    AssertionError
        If ``expression`` has more than one dimension.
    """
    targets = checked_variables(as_list(wrt), "the variables to differentiate with respect to")
    ndim = getattr(expression.type, "ndim", None)
    if ndim not in (0, 1):
        raise AssertionError(
            f"jacobian takes a vector, got {expression} of type {expression.type}: flatten it, or take the rows one by one"
        )
    options: dict[str, Any] = {"consider_constant": consider_constant, "disconnected_inputs": disconnected_inputs}
    if ndim == 0:
        return grad(expression, wrt, **options)
    index = TensorType("int64", ())("i")

    def build() -> list[Variable]:
        rows = grad(expression[index], targets, add_names=False, **options)  # type: ignore[index]
        return map_rows(expression.shape[0], index, rows, targets)  # type: ignore[attr-defined]

    stacked = computed_afterwards(build, (), lambda found: found)
    return format_as(isinstance(wrt, list), isinstance(wrt, tuple), stacked)


def hessian(
    cost: Variable, wrt: Any, consider_constant: Sequence[Variable] | None = None, disconnected_inputs: str = "raise"
) -> Any:
    """The second derivatives of a scalar with respect to vectors.

    Parameters
    ----------
    cost : 0-d variable
    wrt : 1-d variable, length n, or list or tuple of them
    consider_constant, disconnected_inputs
        As for :func:`~tcore.gradient.grad`.

    Returns
    -------
    Variable of shape (n, n), or a list or tuple of them
        One for each of ``wrt``; mixed derivatives between them are not in it.

    Raises
    ------
    AssertionError
        If ``cost`` is no 0-d variable, or a member of ``wrt`` no vector.
    """
    targets = checked_variables(as_list(wrt), "the variables to differentiate with respect to")
    if getattr(cost.type, "ndim", None) != 0:
        raise AssertionError(f"hessian takes a scalar cost, got {cost} of type {cost.type}")
    for target in targets:
        if getattr(target.type, "ndim", None) != 1:
            raise AssertionError(f"hessian is with respect to vectors, got {target} of type {target.type}")
    options: dict[str, Any] = {"consider_constant": consider_constant, "disconnected_inputs": disconnected_inputs}
    found = []
    for target in targets:
        gradient = grad(cost, target, add_names=False, **options)
        # a gradient that does not depend on the variable any more (of a linear cost) has zeros for derivatives
        second = {**options, "disconnected_inputs": "ignore"}
        found.append(jacobian(gradient, target, **second))
    return format_as(isinstance(wrt, list), isinstance(wrt, tuple), found)
