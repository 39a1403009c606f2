"""Test values: computing a graph while it is being built, so that mistakes show at the line that makes them.

``config.compute_test_value`` is ``off``, ``ignore``, ``warn``, ``raise`` or ``pdb``: what happens where an input has no value.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.graph.errors import MethodNotDefined
from tcore.graph.trace import creation_report, is_paused
from tcore.graph.traversal import io_toposort
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph.apply import Apply

__all__ = ["MissingTestValueError", "compute_test_value", "computed_afterwards", "get_test_value"]

Built = TypeVar("Built")

#: whether a graph is being built whose nodes are computed afterwards
_later: ContextVar[bool] = ContextVar("_later", default=False)


class MissingTestValueError(AttributeError):
    """A variable has no test value: neither ``tag.test_value`` nor a value of its own."""


def get_test_value(v: Any) -> Any:
    """The test value of a variable: data of a constant, value of a shared variable, else ``tag.test_value``.

    The value is converted to the variable's type. A plain value becomes a constant first.

    Raises
    ------
    MissingTestValueError
        If there is none.
    """
    if not isinstance(v, Variable):
        from tcore.graph.conversion import as_variable

        v = as_variable(v)
    if isinstance(v, Constant):
        return v.data
    if hasattr(v, "get_value"):
        return v.get_value(borrow=True, return_internal_type=True)
    if v.has_tag() and hasattr(v.tag, "test_value"):
        return v.type.filter(v.tag.test_value)
    created = creation_report(v)
    raise MissingTestValueError(f"{v} has no test value{f', created: {created}' if created else ''}")


def compute_test_value(node: Apply, mode: str | None = None) -> None:
    """Compute ``node`` on the test values of its inputs and note the results in ``tag.test_value`` of its outputs.

    Parameters
    ----------
    node : Apply
    mode : {"off", "ignore", "warn", "raise", "pdb"}, optional
        What to do where an input has no test value, or nothing computes the op; ``config.compute_test_value`` by default.

    Raises
    ------
    MissingTestValueError
        In mode ``"raise"``, where a value or whatever computes the op is missing.
    """
    mode = config.compute_test_value if mode is None else mode
    if mode == "off" or _later.get():
        return
    storage: dict[Variable, list[Any]] = {}
    destroyed = {i for inputs in (getattr(node.op, "destroy_map", None) or {}).values() for i in inputs}
    for position, variable in enumerate(node.inputs):
        try:
            value = get_test_value(variable)
        except MissingTestValueError as error:
            message = f"cannot compute the test value of {node.op}: input {position}, {error}"
            react(mode, MissingTestValueError(message), stacklevel=3)
            return
        storage[variable] = [copy.deepcopy(value) if position in destroyed else value]
    computed: dict[Variable, list[int]] = {variable: [True] for variable in storage}
    for output in node.outputs:
        storage[output] = [None]
        computed[output] = [False]
    thunk = node.op.make_thunk(node, storage, computed, [])
    thunk.inputs = [storage[variable] for variable in node.inputs]
    thunk.outputs = [storage[variable] for variable in node.outputs]
    try:
        required = thunk()
    except MethodNotDefined as error:
        react(mode, MissingTestValueError(f"cannot compute the test value of {node.op}: {error.args[0]}, nor has it C code that runs here"), stacklevel=3)
        return
    assert not required, "a lazy op asks for inputs that are there"
    for output in node.outputs:
        output.tag.test_value = storage[output][0]


def computed_afterwards(build: Callable[[], Built], known: Iterable[Variable], results: Callable[[Built], Iterable[Any]]) -> Built:
    """What ``build()`` gives; where test values are used, those of its nodes are computed when it is done.

    For functions that build graphs beside that of the user, of one step or one element, whose inputs have no values, or that
    make nodes without calling their op.

    Parameters
    ----------
    build : callable
    known : iterable of Variable
        Where the nodes begin; what is above them is left alone.
    results : callable
        The variables among what was built; what is no variable is passed over.
    """
    mode = config.compute_test_value_opt if is_paused() else config.compute_test_value
    if mode == "off" or _later.get():
        return build()
    token = _later.set(True)
    try:
        built = build()
    finally:
        _later.reset(token)
    for node in io_toposort(list(known), [result for result in results(built) if isinstance(result, Variable)]):
        if not all(output.has_tag() and hasattr(output.tag, "test_value") for output in node.outputs):
            compute_test_value(node, mode)
    return built
