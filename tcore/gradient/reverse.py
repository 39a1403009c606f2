"""Gradients by going backwards through the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.compile.copy_ops import view_op
from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.gradient.connection import (
    as_list,
    checked_variables,
    connection_pattern,
    dependents,
    format_as,
    is_disconnected,
    is_discrete,
    is_null,
)
from tcore.gradient.errors import DisconnectedInputError, NullTypeGradError
from tcore.gradient.patterns import of_pattern
from tcore.graph import Apply, MethodNotDefined, Variable, as_variable, io_toposort
from tcore.graph.null_type import disconnected_type
from tcore.graph.testvalues import computed_afterwards
from tcore.graph.trace import creation_report
from tcore.graph.undefined import grad_not_implemented
from tcore.link.stopwatch import GRADIENTS
from tcore.tensor.alloc import ones_like, zeros_like
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import add, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Lop", "float_zeros", "grad", "graph_gradients", "no_derivative", "subgraph_grad"]

_DISCONNECTED = ("ignore", "warn", "raise")
_RETURN_DISCONNECTED = ("zero", "None", "Disconnected")
_NULL = ("raise", "return")


def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Any] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """Gradients of a scalar cost.

    Parameters
    ----------
    cost : 0-d variable, or None with ``known_grads``
    wrt : Variable, or list or tuple of them
    consider_constant : list of Variable, optional
        Nothing is propagated through these.
    disconnected_inputs : {"raise", "warn", "ignore"}
        What to do about a member of ``wrt`` that the cost does not depend on.
    add_names : bool
        Name the results ``(d<cost name>/d<wrt name>)`` where both have names.
    known_grads : dict from Variable to Variable, optional
        Gradients of intermediate variables that are known already; used in place of what ``cost`` would give.
    return_disconnected : {"zero", "None", "Disconnected"}
        What stands for the gradient with respect to such a member.
    null_gradients : {"raise", "return"}
        What to do about undefined gradients.

    Returns
    -------
    Variable, list or tuple
        In the form of ``wrt``; a gradient has the shape of its variable, and a floating dtype.

    Raises
    ------
    TypeError
        If ``cost`` is no 0-d variable, or a gradient has an integer dtype.
    DisconnectedInputError
        If ``cost`` does not depend on a member of ``wrt``.
    NullTypeGradError
        If a gradient is undefined or not implemented.
    ValueError
        If an option has none of its values.
    """
    for name, value, allowed in (
        ("disconnected_inputs", disconnected_inputs, _DISCONNECTED),
        ("return_disconnected", return_disconnected, _RETURN_DISCONNECTED),
        ("null_gradients", null_gradients, _NULL),
    ):
        if value not in allowed:
            raise ValueError(f"{name} is one of {', '.join(allowed)}, got {value!r}")
    targets = checked_variables(as_list(wrt), "the variables to differentiate with respect to")
    constants = set(checked_variables(as_list(consider_constant or []), "consider_constant"))
    if cost is None and known_grads is None:
        raise AssertionError("grad needs a cost or known_grads")
    known: dict[Variable, Variable] = {}
    if cost is not None:
        cost = _checked_cost(cost)
        known[cost] = _gradient_of_cost(cost)
    for variable, value in (known_grads or {}).items():
        known[variable] = _checked_known(variable, value)

    terms = _Backward(known, targets, constants)
    with GRADIENTS:
        terms.run()
    results: list[Any] = []
    for target in targets:
        gradient = terms.total(target)
        if gradient is not None and is_null(gradient):
            if null_gradients == "raise":
                raise NullTypeGradError(terms.why_null(target, gradient))
        elif gradient is None:
            gradient = _disconnected(target, cost, disconnected_inputs, return_disconnected)
        elif add_names and cost is not None and cost.name and target.name and gradient.name is None:
            gradient.name = f"(d{cost.name}/d{target.name})"
        results.append(gradient)
    return format_as(isinstance(wrt, list), isinstance(wrt, tuple), results)


def _checked_cost(cost: Any) -> Variable:
    if not isinstance(cost, Variable):
        raise TypeError(f"the cost is a variable, got {cost!r}, of {type(cost).__name__}")
    if is_null(cost):
        raise NullTypeGradError(f"the cost is an undefined gradient: {cost.type.why_null}")
    ndim = getattr(cost.type, "ndim", None)
    if ndim != 0:
        made = creation_report(cost)
        raise TypeError(
            f"the cost must be a scalar (0-d), got {cost} of type {cost.type}: take its sum or mean, or use jacobian for the "
            "derivatives of each element" + (f"\n  created: {made}" if made else "")
        )
    return cost


def _gradient_of_cost(cost: Variable) -> Variable:
    return ones_like(cost, dtype=config.floatX) if is_discrete(cost) else ones_like(cost)


def _checked_known(variable: Any, value: Any) -> Variable:
    if not isinstance(variable, Variable):
        raise TypeError(f"the keys of known_grads are variables, got {variable!r}")
    gradient = value if isinstance(value, Variable) else as_tensor_variable(value)
    if is_disconnected(gradient) or is_null(gradient):
        return gradient
    have, needed = getattr(gradient.type, "ndim", None), getattr(variable.type, "ndim", None)
    if have != needed:
        raise TypeError(f"the known gradient of {variable} has {have} dimensions, {variable} has {needed}: they must agree")
    if is_discrete(gradient):
        raise TypeError(f"the known gradient of {variable} has the integer dtype {gradient.type.dtype}; gradients are floating")
    return of_pattern(gradient, variable)  # type: ignore[no-any-return]


def _disconnected(target: Variable, cost: Variable | None, on_disconnected: str, as_what: str) -> Any:
    made = creation_report(target)
    text = (
        f"{'the cost' if cost is None or cost.name is None else cost.name} does not depend on {target}, of type {target.type}, in "
        "a differentiable way: it is not part of the graph, or is used only by non-differentiable operations. Leave it out, or "
        "give disconnected_inputs='ignore' for a gradient of zero." + (f"\n  created: {made}" if made else "")
    )
    react(on_disconnected, DisconnectedInputError(text), stacklevel=3)
    return no_derivative(target, as_what)


def no_derivative(variable: Variable, as_what: str) -> Variable | None:
    """What stands for a derivative that there is not: ``"zero"``, ``"None"`` or ``"Disconnected"``."""
    if as_what == "None":
        return None
    if as_what == "Disconnected":
        return disconnected_type()
    return float_zeros(variable)


def float_zeros(variable: Variable) -> Variable:
    """Zeros of the shape of ``variable``, of its dtype where that is no integer one."""
    if not hasattr(variable.type, "dtype"):
        return disconnected_type()
    dtype = config.floatX if is_discrete(variable) else None
    if not hasattr(variable, "dimshuffle"):  # a value of another package, such as a sparse matrix
        return variable.zeros_like(dtype=dtype)  # type: ignore[attr-defined, no-any-return]
    return zeros_like(variable, dtype=dtype)


class _Backward:
    """One pass backwards: the terms of the gradient of each variable on the way."""

    def __init__(self, known: dict[Variable, Variable], targets: Sequence[Variable], constants: Collection[Variable]) -> None:
        self.known = known
        # what computes a constant is not entered; a constant may itself be a target
        self.order = io_toposort(list(constants), list(known))
        self.wanted = dependents(self.order, targets)
        self.terms: dict[Variable, list[Variable]] = {}
        self._totals: dict[Variable, Variable | None] = {}
        self._culprits: dict[Variable, tuple[Apply, int]] = {}

    def total(self, variable: Variable) -> Variable | None:
        """The gradient with respect to ``variable``; None where it is disconnected."""
        if variable not in self._totals:
            self._totals[variable] = self._sum(variable)
        return self._totals[variable]

    def _sum(self, variable: Variable) -> Variable | None:
        given = self.known.get(variable)
        if given is not None:
            return None if is_disconnected(given) else given
        terms = self.terms.get(variable)
        if not terms:
            return None
        for term in terms:
            if is_null(term):
                return term
        total = terms[0]
        if len(terms) > 1:
            # values of other packages, such as sparse matrices, bring their own sum
            total = add(*terms) if all(hasattr(term, "dimshuffle") for term in terms) else _sum_of(terms)
        return total

    def run(self) -> None:
        """Go from the outputs to the targets."""
        for node in reversed(self.order):
            if any(variable in self.wanted for variable in node.outputs):
                self._through(node)

    def _through(self, node: Apply) -> None:
        output_grads = [self.total(output) for output in node.outputs]
        if all(gradient is None for gradient in output_grads):
            return
        pattern = connection_pattern(node)
        connected = [
            variable in self.wanted
            and any(
                gradient is not None and (pattern is None or pattern[i][j]) for j, gradient in enumerate(output_grads)
            )
            for i, variable in enumerate(node.inputs)
        ]
        if not any(connected):
            return
        for i, gradient in enumerate(self._input_grads(node, output_grads, connected, pattern)):
            if gradient is not None and connected[i] and not is_disconnected(gradient):
                variable = node.inputs[i]
                self.terms.setdefault(variable, []).append(gradient)
                if is_null(gradient):
                    self._culprits.setdefault(variable, (node, i))

    def _input_grads(
        self, node: Apply, output_grads: list[Variable | None], connected: list[bool], pattern: list[list[bool]] | None
    ) -> list[Variable | None]:
        if all(is_discrete(output) for output in node.outputs):
            return self._through_discrete(node, output_grads, connected)
        nulls = [(j, g) for j, g in enumerate(output_grads) if g is not None and is_null(g)]
        if nulls:
            result: list[Variable | None] = []
            for i, hit in enumerate(connected):
                reason = next((g for j, g in nulls if pattern is None or pattern[i][j]), None)
                result.append(reason if hit else None)
            if any(r is None and hit for r, hit in zip(result, connected, strict=True)):
                rest = [None if g is not None and is_null(g) else g for g in output_grads]
                others = self._call(node, rest, connected)
                result = [r if r is not None else o for r, o in zip(result, others, strict=True)]
            return result
        return self._call(node, output_grads, connected)

    def _through_discrete(self, node: Apply, output_grads: list[Variable | None], connected: list[bool]) -> list[Variable | None]:
        """Zeros, since integer outputs are constant almost everywhere; undefined where the op says so (defined on integers only)."""
        given = [disconnected_type() if gradient is None else gradient for gradient in output_grads]
        try:
            found = _pulled_back(node, given)
        except (MethodNotDefined, NotImplementedError):
            found = []
        said = dict(enumerate(found))
        return [
            None if not hit else said[i] if i in said and isinstance(said[i], Variable) and is_null(said[i]) else float_zeros(variable)
            for i, (variable, hit) in enumerate(zip(node.inputs, connected, strict=True))
        ]

    def _call(self, node: Apply, output_grads: list[Variable | None], connected: list[bool]) -> list[Variable | None]:
        given = [
            disconnected_type() if gradient is None else _of_dtype(gradient, output)
            for gradient, output in zip(output_grads, node.outputs, strict=True)
        ]
        try:
            found = _pulled_back(node, given)
        except (MethodNotDefined, NotImplementedError) as error:
            if isinstance(error, NotImplementedError) and type(error) is not NotImplementedError:
                raise
            return [
                grad_not_implemented(node.op, i, v, comment=str(error)) if hit else None
                for i, (v, hit) in enumerate(zip(node.inputs, connected, strict=True))
            ]
        return self._checked(node, found, connected)

    def _checked(self, node: Apply, found: Any, connected: list[bool]) -> list[Variable | None]:
        name = f"{type(node.op).__name__}.L_op"
        if not isinstance(found, (list, tuple)):
            raise TypeError(f"{name} must return a list with one gradient for each input, got {found!r}")
        if len(found) != len(node.inputs):
            raise ValueError(f"{name} returned {len(found)} gradients for {len(node.inputs)} inputs of {node}")
        checked: list[Variable | None] = []
        for i, (gradient, variable, hit) in enumerate(zip(found, node.inputs, connected, strict=True)):
            if not hit:
                checked.append(None)
                continue
            if gradient is None:
                raise TypeError(
                    f"{name} returned None for input {i} of {node}: say why there is no gradient with disconnected_type(), "
                    "grad_undefined or grad_not_implemented, or return zeros"
                )
            if not isinstance(gradient, Variable):
                gradient = as_variable(gradient)
            if is_null(gradient) or is_disconnected(gradient):
                checked.append(gradient)
                continue
            if is_discrete(gradient):
                made = creation_report(node.outputs[0])
                raise TypeError(
                    f"{name} returned a gradient of the integer dtype {gradient.type.dtype} for input {i}, {variable}; gradients "
                    f"are floating (or undefined).\n  node:    {node}"
                    + (f"\n  created: {made}" if made else "")
                    + f"\n  try:     let {name} return floating values, or grad_undefined(...)"
                )
            have, needed = getattr(gradient.type, "ndim", None), getattr(variable.type, "ndim", None)
            if have != needed:
                raise ValueError(f"{name} returned a gradient with {have} dimensions for input {i} of {node}, which has {needed}")
            checked.append(gradient)
        return checked

    def why_null(self, target: Variable, gradient: Variable) -> str:
        """The text of the error about an undefined gradient."""
        text = f"the gradient with respect to {target} cannot be computed: {gradient.type.why_null}"  # type: ignore[attr-defined]
        node = None
        for found, _ in self._culprits.values():
            if any(term.type is gradient.type for v in found.inputs for term in self.terms.get(v, ())):
                node = found
        if node is None:
            return text
        made = creation_report(node.outputs[0])
        text += f"\n  node:    {node}"
        if made:
            text += f"\n  created: {made}"
        return text + (
            f"\n  try:     define {type(node.op).__name__}.L_op, or cut the path with gradient.disconnected_grad(x)"
        )


def _of_dtype(gradient: Variable, output: Variable) -> Variable:
    """An output gradient in the floating dtype of its output, so that float32 graphs have float32 gradients."""
    have, needed = getattr(gradient.type, "dtype", None), getattr(output.type, "dtype", None)
    if have is None or needed is None or have == needed or is_discrete(output) or is_null(gradient):
        return gradient
    if have.startswith("complex") and not needed.startswith("complex"):
        return gradient
    return cast(gradient, needed) if hasattr(gradient, "dimshuffle") else gradient


def _sum_of(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def Lop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """A row vector times the Jacobian: the sum over i of ``eval_points[i] * d f[i] / d wrt[j]``.

    Parameters
    ----------
    f : Variable, or list or tuple of them
    wrt : Variable, or list or tuple of them
    eval_points : one variable for each of ``f``, of its shape
    consider_constant, disconnected_inputs
        As for :func:`grad`.

    Returns
    -------
    Variable, list or tuple
        In the form of ``wrt``.
    """
    functions = checked_variables(as_list(f), "f")
    points = [point if isinstance(point, Variable) else as_tensor_variable(point) for point in as_list(eval_points)]
    if len(points) != len(functions):
        raise ValueError(f"Lop needs one evaluation point for each of {len(functions)} functions, got {len(points)}")
    floating = [cast(point, config.floatX) if is_discrete(point) else point for point in points]
    known = _apart(zip(functions, floating, strict=True))
    return grad(
        None, wrt, consider_constant=consider_constant, disconnected_inputs=disconnected_inputs, known_grads=known
    )


def subgraph_grad(
    wrt: Sequence[Variable],
    end: Sequence[Variable],
    start: Mapping[Variable, Any] | None = None,
    cost: Variable | None = None,
    details: bool = False,
) -> Any:
    """Gradients up to some intermediate variables, for going through a graph piece by piece.

    Parameters
    ----------
    wrt : list of Variable
    end : list of Variable
        Where to stop: what lies below is not looked at.
    start : dict from Variable to its gradient, optional
        Where to begin, as ``end`` of an earlier call gave it.
    cost : 0-d variable, optional
        A cost of this part. Should ``start`` hold gradients of this very cost, they would count twice.
    details : bool
        Also return what comes from ``start`` and what comes from ``cost``.

    Returns
    -------
    (list, list), or (list, list, list, list) with ``details``
        Gradients with respect to ``wrt`` and ``end``; from ``start`` and from ``cost`` with respect to ``wrt``.
        Disconnected ones are zeros.
    """
    if cost is None and not start:
        raise AssertionError("subgraph_grad needs a cost or start gradients")
    if not isinstance(wrt, (list, tuple)) or not isinstance(end, (list, tuple)):
        raise TypeError("wrt and end are lists of variables")
    params = [*end, *wrt]
    # where nothing is passed through, the gradient of the variable itself is still wanted
    options: dict[str, Any] = {"consider_constant": list(end), "disconnected_inputs": "ignore"}
    from_start = grad(None, params, known_grads=start, **options) if start else None
    from_cost = grad(cost, params, **options) if cost is not None else None
    if from_start is None or from_cost is None:
        total = from_start if from_cost is None else from_cost
    else:
        total = [a + b for a, b in zip(from_start, from_cost, strict=True)]
    assert total is not None
    count = len(end)
    result = (list(total[count:]), list(total[:count]))
    if not details:
        return result
    parts = [None if part is None else list(part[count:]) for part in (from_start, from_cost)]
    return (*result, *parts)


def graph_gradients(outputs: Iterable[tuple[Variable, Variable]], inputs: Sequence[Variable]) -> list[Any]:
    """Gradients for the inputs of a graph from those of its outputs, disconnected ones as such: for ops with inner graphs.

    What flows from one output to another, or to an input that is an output, counts as well.
    """
    return list(
        grad(
            None,
            list(inputs),
            known_grads=_apart(outputs),
            disconnected_inputs="ignore",
            return_disconnected="Disconnected",
            null_gradients="return",
            add_names=False,
        )
    )


def _apart(outputs: Iterable[tuple[Variable, Variable]]) -> dict[Variable, Variable]:
    """Each output behind a view of its own with its gradient: what ``known_grads`` says of a variable is all that flows there, an output has its share only."""
    return {view_op(variable): _checked_known(variable, gradient) for variable, gradient in outputs}


def _pulled_back(node: Apply, output_grads: Sequence[Variable]) -> Any:
    """What the op's L_op gives, which may be anything."""
    return computed_afterwards(
        lambda: node.op.L_op(list(node.inputs), list(node.outputs), list(output_grads)),
        [*node.inputs, *node.outputs, *output_grads],
        lambda found: found if isinstance(found, (list, tuple)) else (),
    )
