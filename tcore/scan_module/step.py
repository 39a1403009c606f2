"""What one step returns, and what else its graph needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.compile.rebuild import as_pairs
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, MissingInputError, Variable, io_toposort, nodes_constructed
from tcore.graph.trace import creation_report
from tcore.records import define
from tcore.scan_module.until import until
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Step", "called", "captured", "refuse_captured_shared"]


@define
class Step:
    """Outputs, updates of shared variables, and the stop condition, if any; ``made`` are the shared variables that were made in the step."""

    outputs: list[Variable]
    updates: dict[SharedVariable, Variable]
    condition: Variable | None
    made: list[SharedVariable] = field(factory=list)


def called(fn: Callable[..., Any], arguments: Sequence[tuple[str, Variable]]) -> Step:
    """What ``fn`` returns for ``arguments``, pairs of what each is, for errors, and the variable."""
    if not callable(fn):
        raise TypeError(f"scan: fn is a function that builds one step, got {fn!r}")
    made: list[Variable] = []
    try:
        with nodes_constructed() as made:
            returned = fn(*(variable for _, variable in arguments))
    except TypeError as error:
        listed = ", ".join(text for text, _ in arguments) or "no arguments"
        error.add_note(f"scan called fn with {len(arguments)} arguments: {listed} (slices of sequences, then of earlier outputs, then non_sequences)")
        raise
    step = parsed(returned)
    step.made = [variable for variable in made if isinstance(variable, SharedVariable)]
    return step


def parsed(returned: Any) -> Step:
    """The forms that a step may return: outputs, updates, or both in either order, then ``until``."""
    condition = None
    if isinstance(returned, until):
        returned, condition = [], returned.condition
    elif isinstance(returned, (list, tuple)) and any(isinstance(each, until) for each in returned):
        if any(isinstance(each, until) for each in returned[:-1]):
            raise ValueError("scan: until must be the last thing that fn returns: return outputs, updates, until(condition)")
        condition = returned[-1].condition
        returned = returned[0] if len(returned) == 2 else returned[:-1]
    outputs, updates = _outputs_and_updates(returned)
    pairs = as_pairs(updates, "scan: the updates that fn returns")
    collected: dict[SharedVariable, Variable] = {}
    for target, value in pairs:
        if not isinstance(target, SharedVariable):
            raise TypeError(f"scan: fn returns an update for {target!r}, of {type(target).__name__}: only shared variables can be updated")
        if target in collected:
            raise ValueError(f"scan: fn returns two updates for {target}: {collected[target]} and {value}")
        collected[target] = _fitting(target, value)
    return Step([_output(k, value) for k, value in enumerate(outputs)], collected, condition)


def _is_updates(given: Any) -> bool:
    if isinstance(given, dict):
        return True
    pairs = isinstance(given, (list, tuple)) and len(given) > 0
    return pairs and all(isinstance(each, (list, tuple)) and len(each) == 2 and isinstance(each[0], SharedVariable) for each in given)


def _outputs_and_updates(returned: Any) -> tuple[list[Any], Any]:
    if returned is None:
        return [], {}
    if _is_updates(returned):
        return [], returned
    if not isinstance(returned, (list, tuple)):
        return [returned], {}
    with_updates = [k for k, each in enumerate(returned) if _is_updates(each)]
    nested = any(isinstance(each, (list, tuple, dict)) for each in returned)
    if not with_updates and not nested:
        return list(returned), {}
    if len(returned) == 2 and len(with_updates) <= 1:
        updates = returned[with_updates[0]] if with_updates else returned[1]
        outputs = returned[1 - with_updates[0]] if with_updates else returned[0]
        if with_updates or not updates:
            return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs], updates
    raise ValueError(
        "scan: fn returns outputs (a variable, or a list of them), updates of shared variables (a dict, or a list of pairs), or these two in either "
        f"order, and after them until(condition), where the loop may stop early; got {returned!r}"
    )


def _output(position: int, value: Any) -> Variable:
    try:
        variable = as_tensor_variable(value)
    except Exception as error:
        raise TypeError(f"scan: output {position} of fn must be a tensor variable, got {value!r}, of {type(value).__name__}") from error
    if not isinstance(variable.type, TensorType):
        raise TypeError(f"scan: output {position} of fn must be a tensor, since the outputs of all steps are stacked, got {variable} of type {variable.type}")
    return variable


def _fitting(target: SharedVariable, value: Any) -> Variable:
    try:
        return target.filter_update(value)
    except TypeError as error:
        made = creation_report(value) if isinstance(value, Variable) else ""
        raise TypeError(
            f"scan: the update of {target} has type {getattr(value, 'type', type(value).__name__)}, but {target} is {target.type}: convert it, for "
            f"instance with astype ({error})" + (f"\n  created: {made}" if made else "")
        ) from error


def captured(step: Step, given: Iterable[Variable]) -> tuple[list[Variable], dict[SharedVariable, Variable]]:
    """What the graph of a step needs beside ``given``: leaves, and the updates of those that bring one along.

    Returns
    -------
    (list of Variable, dict)
        Leaves without update, in order of first use; all updates, the default ones of shared variables among the leaves included.
    """
    stop = set(given)
    updates = dict(step.updates)
    roots = [*step.outputs, *updates.values(), *([] if step.condition is None else [step.condition])]
    leaves: dict[Variable, None] = {}
    while roots:
        for variable in _leaves(roots, stop):
            leaves[variable] = None
        roots = []
        for variable in leaves:
            if isinstance(variable, SharedVariable) and variable not in updates and variable.default_update is not None:
                updates[variable] = variable.filter_update(variable.default_update)
                roots.append(updates[variable])
    for variable in step.made:
        # a generator of the step's own: its next state is an update of the loop, and means nothing outside of it
        if variable in updates and variable not in step.updates:
            variable.default_update = None
    return [variable for variable in leaves if variable not in updates], updates


def _leaves(roots: Sequence[Variable], stop: set[Variable]) -> list[Variable]:
    found: dict[Variable, None] = dict.fromkeys(v for v in roots if v.owner is None)
    for node in io_toposort(stop, roots):
        found.update(dict.fromkeys(v for v in node.inputs if v.owner is None))
    return [v for v in found if v not in stop and not isinstance(v, Constant)]


def refuse_captured_shared(leaves: Iterable[Variable], roots: Sequence[Variable]) -> None:
    """With ``strict``: shared variables that are used and not given are an error."""
    for leaf in leaves:
        if not isinstance(leaf, SharedVariable):
            continue
        user = next((node for node in io_toposort([], list(roots)) if leaf in node.inputs), None)
        use = f", used to compute {user}," if user is not None else ""
        made = creation_report(leaf)
        raise MissingInputError(
            f"An input of the graph{use} was not provided and not given a value: with strict=True, scan takes the shared variable {leaf}, of type "
            f"{leaf.type}, only from its arguments. Pass it in non_sequences. Use the flag exception_verbosity='high' for more information on this error."
            + (f"\n  created: {made}" if made else ""),
            variable=leaf,
        )
