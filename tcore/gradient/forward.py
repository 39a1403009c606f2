"""Derivatives in a direction, by going forwards through the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.configuration.reaction import react
from tcore.gradient.connection import as_list, checked_variables, connection_pattern, format_as, is_disconnected, is_discrete, is_null
from tcore.gradient.errors import DisconnectedInputError
from tcore.gradient.patterns import of_pattern
from tcore.gradient.reverse import float_zeros, graph_gradients, no_derivative
from tcore.graph import Apply, MethodNotDefined, Variable, ancestors, as_variable, clone_get_equiv, io_toposort
from tcore.graph.null_type import disconnected_type
from tcore.graph.testvalues import computed_afterwards
from tcore.graph.trace import creation_report
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast
from tcore.tensor.shape import static_length

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Rop"]


def Rop(
    f: Any, wrt: Any, eval_points: Any, disconnected_outputs: str = "raise", return_disconnected: str = "zero"
) -> Any:
    """The Jacobian times a vector: the sum over j of ``d f[i] / d wrt[j] * eval_points[j]``.

    Parameters
    ----------
    f : Variable, or list or tuple of them
    wrt : Variable, or list or tuple of them
    eval_points : one variable for each of ``wrt``, of its shape
    disconnected_outputs : {"raise", "warn", "ignore"}
        What to do about a member of ``f`` that depends on none of ``wrt``.
    return_disconnected : {"zero", "None", "Disconnected"}
        What stands for its derivative.

    Returns
    -------
    Variable, list or tuple
        In the form of ``f``.

    Notes
    -----
    Ops without ``R_op`` are taken through their ``L_op``, which is linear in the output gradients: differentiating it with
    respect to these gives the Jacobian again.
    """
    if disconnected_outputs not in ("raise", "warn", "ignore"):
        raise ValueError(f"disconnected_outputs is one of ignore, warn, raise, got {disconnected_outputs!r}")
    if return_disconnected not in ("zero", "None", "Disconnected"):
        raise ValueError(f"return_disconnected is one of zero, None, Disconnected, got {return_disconnected!r}")
    functions = checked_variables(as_list(f), "f")
    targets = checked_variables(as_list(wrt), "the variables to differentiate with respect to")
    points = [point if isinstance(point, Variable) else as_tensor_variable(point) for point in as_list(eval_points)]
    if len(points) != len(targets):
        raise ValueError(f"Rop needs one evaluation point for each of {len(targets)} variables, got {len(points)}")
    tangents: dict[Variable, Variable | None] = {}
    for target, point in zip(targets, points, strict=True):
        have, needed = getattr(point.type, "ndim", None), getattr(target.type, "ndim", None)
        if have != needed:
            raise ValueError(f"the evaluation point of {target} has {have} dimensions, {target} has {needed}: they must agree")
        tangents[target] = of_pattern(_of_dtype(point, target), target)
    # nodes above a target are not left out: a target may depend on another one
    for node in io_toposort(targets, functions):
        _through(node, tangents)
    results = []
    for function in functions:
        tangent = tangents.get(function)
        if tangent is None:
            tangent = _disconnected(function, disconnected_outputs, return_disconnected)
        results.append(tangent)
    return format_as(isinstance(f, list), isinstance(f, tuple), results)


def _through(node: Apply, tangents: dict[Variable, Variable | None]) -> None:
    points = [tangents.get(variable) for variable in node.inputs]
    if all(point is None for point in points):
        return
    pattern = connection_pattern(node)
    if pattern is not None:
        points = [p if p is not None and any(row) else None for p, row in zip(points, pattern, strict=True)]
        if all(point is None for point in points):
            return
    if all(is_discrete(output) for output in node.outputs):
        return  # constant almost everywhere
    given = [point for point in points if point is not None]
    found = computed_afterwards(lambda: _pushed_forward(node, points), [*node.inputs, *node.outputs, *given], lambda found: found)
    for output, tangent in zip(node.outputs, found, strict=True):
        if tangent is None or output in tangents:
            continue
        tangents[output] = _of_dtype(tangent, output)


def _pushed_forward(node: Apply, points: list[Variable | None]) -> list[Variable | None]:
    """The derivatives of the outputs: those of the op's R_op, or by way of its gradient."""
    try:
        return _checked(node, node.op.R_op(list(node.inputs), points))
    except (MethodNotDefined, NotImplementedError):
        return _by_reverse(node, points)


def _checked(node: Apply, found: Any) -> list[Variable | None]:
    """What ``R_op`` returned, once it may be the derivatives of the outputs: one each, of its dimensions and known lengths, real where it is.

    Raises
    ------
    TypeError, ValueError
        That name the op, the output, what was expected and what came.
    """
    name = f"{type(node.op).__name__}.R_op"
    if found is None:  # documented for an op that is not differentiable
        return [None] * len(node.outputs)
    if not isinstance(found, (list, tuple)):
        raise TypeError(f"{name} must return a list with one derivative, or None, for each output, got {found!r}{_where(node)}")
    if len(found) != len(node.outputs):
        raise ValueError(f"{name} returned {len(found)} derivatives for {len(node.outputs)} outputs of {node}{_where(node)}")
    checked: list[Variable | None] = []
    for i, (item, output) in enumerate(zip(found, node.outputs, strict=True)):
        tangent = item if item is None or isinstance(item, Variable) else as_variable(item)
        if tangent is None or is_disconnected(tangent):
            checked.append(None)
            continue
        checked.append(tangent)
        if is_null(tangent) or not hasattr(output.type, "ndim"):
            continue
        problem = _unlike(tangent, output)
        if problem:
            kind = ValueError if hasattr(tangent.type, "ndim") and "complex" not in problem else TypeError
            raise kind(f"{name} returned {problem} for output {i} of {node}: the derivative in a direction is like the output{_where(node)}")
    return checked


def _unlike(tangent: Any, output: Any) -> str:
    """What shows that ``tangent`` cannot be a derivative of ``output``, in words; empty where nothing does."""
    have, needed = getattr(tangent.type, "ndim", None), output.type.ndim
    if have is None:
        return f"a derivative of type {tangent.type}, where {output.type} is needed,"
    if have != needed:
        return f"a derivative with {have} dimensions, where {needed} are needed,"
    if str(getattr(tangent.type, "dtype", "")).startswith("complex") and not str(getattr(output.type, "dtype", "complex")).startswith("complex"):
        return f"a complex derivative, where {output.type} is needed,"
    for axis in range(needed):
        length, wanted = static_length(tangent, axis), static_length(output, axis)
        if length is not None and wanted is not None and length != wanted:
            return f"a derivative of length {length} on axis {axis}, where {wanted} is needed,"
    return ""


def _where(node: Apply) -> str:
    made = creation_report(node.outputs[0])
    return f"\n  created: {made}" if made else ""


def _by_reverse(node: Apply, points: list[Variable | None]) -> list[Variable | None]:
    """The derivative in a direction from the op's ``L_op``: u -> u.J is linear in u, and its transpose is J."""
    seeds: list[Variable | None] = [output.type() if not is_discrete(output) else None for output in node.outputs]
    given = [disconnected_type() if seed is None else seed for seed in seeds]
    backward = node.op.L_op(list(node.inputs), list(node.outputs), given)
    pairs = []
    for gradient, point in zip(backward, points, strict=True):
        if point is None or gradient is None:
            continue
        if is_null(gradient):
            raise ValueError(f"the derivative of {node} in a direction cannot be computed: {gradient.type.why_null}")
        if hasattr(gradient.type, "dtype"):
            pairs.append((gradient, _of_dtype(point, gradient)))
    wanted = [seed for seed in seeds if seed is not None]
    if not pairs or not wanted:
        return [None] * len(node.outputs)
    found = iter(_without_seeds(node, points, seeds, graph_gradients(pairs, wanted)))
    result: list[Variable | None] = []
    for seed in seeds:
        tangent = None if seed is None else next(found)
        if tangent is not None and is_null(tangent):
            raise ValueError(f"the derivative of {node} in a direction cannot be computed from its gradient: {tangent.type.why_null}")  # type: ignore[attr-defined]
        result.append(tangent if tangent is not None and hasattr(tangent.type, "dtype") else None)
    return result


def _without_seeds(node: Apply, points: Sequence[Variable | None], seeds: Sequence[Variable | None], tangents: Sequence[Variable]) -> list[Variable]:
    """The derivatives with zeros in the place of seeds that are left in them, for their shape or in what cancels: u.J is linear in u."""
    border: list[Variable] = [*node.inputs, *node.outputs, *(point for point in points if point is not None)]
    left = {variable for variable in ancestors(tangents, set(border)) if variable.owner is None}.intersection(seeds)
    if not left:
        return list(tangents)
    memo: dict[Any, Any] = {variable: variable for variable in border}
    memo.update((seed, float_zeros(output)) for seed, output in zip(seeds, node.outputs, strict=True) if seed in left)
    memo = clone_get_equiv([], tangents, copy_inputs=False, copy_orphans=False, memo=memo)
    return [memo[tangent] for tangent in tangents]


def _of_dtype(tangent: Variable, variable: Variable) -> Variable:
    have, needed = getattr(tangent.type, "dtype", None), getattr(variable.type, "dtype", None)
    if have is None or needed is None or have == needed or is_discrete(variable):
        return tangent
    if have.startswith("complex") and not needed.startswith("complex"):
        return tangent
    return cast(tangent, needed)  # type: ignore[no-any-return]


def _disconnected(function: Variable, on_disconnected: str, as_what: str) -> Any:
    made = creation_report(function)
    text = (
        f"{function}, of type {function.type}, does not depend differentiably on any of the variables: its derivative in their "
        "direction is zero. Leave it out, or give disconnected_outputs='ignore'." + (f"\n  created: {made}" if made else "")
    )
    react(on_disconnected, DisconnectedInputError(text), stacklevel=3)
    return no_derivative(function, as_what)
