"""Constant folding: what depends on constants alone is computed once, when the graph is optimized."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tcore.graph.c_interface import is_derived
from tcore.graph.errors import MethodNotDefined
from tcore.graph.op import Op
from tcore.graph.type import of_type
from tcore.graph.variable import Constant
from tcore.optimizer.base import local_optimizer
from tcore.optimizer.tracing import copy_stack_trace

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["constant_folding"]


@local_optimizer(None)
def constant_folding(node: Apply) -> list[Variable] | bool:
    """``op(constant, …) -> constant``, for ops that allow it (``do_constant_folding``).

    Uses ``perform``, so that no compiler starts, and C code where an op has nothing else, or answers ``python_constant_folding``
    with False. Where it fails, because nothing can run or because the values do not fit, the node stays, and the error shows
    when the function is called.
    """
    for variable in node.inputs:
        if not isinstance(variable, Constant):
            return False
    # an op without inputs may read a clock: it is a constant only where it says so itself
    if not node.inputs and type(node.op).do_constant_folding is Op.do_constant_folding:
        return False
    if not node.op.do_constant_folding(node):
        return False
    values = compute(node)
    if values is None:
        return False
    folded: list[Variable] = []
    for output, value in zip(node.outputs, values, strict=True):
        constant = of_type(output.type, "make_constant")(value)
        copy_stack_trace(output, constant)
        folded.append(constant)
    return folded


def thunk_of(node: Apply, storage: dict[Variable, list[Any]], computed: dict[Variable, list[int]]) -> Any:
    """What computes a node, by the implementation that its op prefers for this."""
    op = node.op
    in_python = getattr(op, "python_constant_folding", None)
    impl = None if in_python is None else "py" if in_python(node) else None if is_derived(op) else "c"
    try:
        return op.make_thunk(node, storage, computed, [], impl=impl)
    except NotImplementedError:
        if impl != "c":
            raise
        return op.make_thunk(node, storage, computed, [], impl="py")  # nothing here compiles it


def compute(node: Apply) -> list[Any] | None:
    """The values of a node whose inputs are constants, or None if they cannot be had."""
    op = node.op
    destroyed = {i for inputs in (getattr(op, "destroy_map", None) or {}).values() for i in inputs}
    storage: dict[Variable, list[Any]] = {}
    for position, variable in enumerate(node.inputs):
        assert isinstance(variable, Constant)
        storage[variable] = [copy.deepcopy(variable.data) if position in destroyed else variable.data]
    computed: dict[Variable, list[int]] = {variable: [True] for variable in storage}
    for output in node.outputs:
        storage[output] = [None]
        computed[output] = [False]
    try:
        required = thunk_of(node, storage, computed)()
    except (MethodNotDefined, NotImplementedError):
        return None
    except Exception as error:  # the values are the user's: the run-time error comes with all its details
        import logging

        logging.getLogger("tcore.optimizer").debug("constant folding of %s failed: %s", node, error)
        return None
    if required:
        return None
    viewed = (getattr(op, "view_map", None) or {}) and True
    # a constant must not share memory that someone else may change
    return [copy.copy(storage[output][0]) if viewed else storage[output][0] for output in node.outputs]
