"""Creation traces through optimizations: an error in an optimized graph still names the user's line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.features import Feature
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.observers import nodes_constructed
from tcore.graph.trace import Frame, copy_trace
from tcore.graph.traversal import io_toposort
from tcore.optimizer.base import Optimizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["CheckStackTrace", "CheckStackTraceFeature", "check_stack_trace", "copy_stack_trace", "inherit", "inherit_stack_trace", "trace_back"]



def copy_stack_trace(from_var: Any, to_var: Any) -> Any:
    """Give ``to_var`` (a variable or a list) the creation trace of ``from_var`` (or all of theirs), where it has none.

    Returns ``to_var``.
    """
    for target in to_var if isinstance(to_var, (list, tuple)) else [to_var]:
        copy_trace(from_var, target)
    return to_var


@contextmanager
def inherit_stack_trace(from_var: Any) -> Iterator[None]:
    """A context in which every new variable without a trace, as all are in an optimization, gets that of ``from_var``."""
    with nodes_constructed() as made:
        yield
    for variable in made:
        copy_trace(from_var, variable)


def inherit(old: Variable, new: Variable) -> None:
    """Hand on from ``old`` to ``new`` what belongs to the place in the graph: creation trace, origins, checks switched off, name.

    Nodes between ``new`` and what is in a graph already were made by the same rule: they get the trace, too.
    """
    if new.name is None and old.name is not None and new.owner is not None and new.fgraph is None:
        new.name = old.name
    if not old.has_tag():
        return
    notes = vars(old.tag)
    if "origins" in notes and not (new.has_tag() and "origins" in vars(new.tag)):
        new.tag.origins = notes["origins"]
    if "nan_guard_mode_check" in notes and not (new.has_tag() and "nan_guard_mode_check" in vars(new.tag)):
        new.tag.nan_guard_mode_check = notes["nan_guard_mode_check"]
    trace_back(old, new)


def trace_back(old: Variable, new: Variable) -> None:
    """Give ``new``, and what was made with it, the creation trace of ``old``: all up to what is in a graph or has a trace."""
    trace = vars(old.tag).get("trace") if old.has_tag() else None
    if not trace:
        return
    stack = [new]
    while stack:
        variable = stack.pop()
        if variable.fgraph is not None or (variable.has_tag() and vars(variable.tag).get("trace")):
            continue
        variable.tag.trace = trace
        if variable.owner is not None:
            for output in variable.owner.outputs:
                copy_trace(variable, output)
            stack.extend(variable.owner.inputs)


def check_stack_trace(f_or_fgraph: Any, ops_to_check: Any = "last", bug_print: str = "raise") -> bool:
    """Whether the nodes of a compiled function, or of a FunctionGraph, have a creation trace.

    Parameters
    ----------
    f_or_fgraph : function or FunctionGraph
    ops_to_check : "last", "all", an Op, an Op class, a string in an op's text, or a list of these
    bug_print : {"raise", "warn", "ignore"}
    """
    fgraph = f_or_fgraph if isinstance(f_or_fgraph, FunctionGraph) else f_or_fgraph.maker.fgraph
    nodes = fgraph.toposort()
    if ops_to_check == "last":
        nodes = [output.owner for output in fgraph.outputs if output.owner is not None]
    elif ops_to_check != "all":
        wanted = ops_to_check if isinstance(ops_to_check, (list, tuple)) else [ops_to_check]
        nodes = [node for node in nodes if any(_matches(node, each) for each in wanted)]
    for node in nodes:
        for output in node.outputs:
            if not (output.has_tag() and getattr(output.tag, "trace", None)):
                message = f"{output} of {node} has no creation trace"
                if bug_print == "raise":
                    raise ValueError(message)
                if bug_print == "warn":
                    _log(message)
                return False
    return True


def _log(message: str, warning: bool = True) -> None:
    import logging  # only what goes wrong is told

    logging.getLogger("tcore.optimizer").log(logging.WARNING if warning else logging.INFO, message)


def _matches(node: Apply, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return wanted in str(node.op)
    if isinstance(wanted, type):
        return isinstance(node.op, wanted)
    return bool(node.op == wanted)


class CheckStackTraceFeature(Feature):
    """Acts on variables without a trace as ``config.check_stack_trace`` says: ``log``, ``warn`` or ``raise``."""

    def on_attach(self, fgraph: FunctionGraph) -> None:
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_import(fgraph, node, "on_attach")

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        action = config.check_stack_trace
        if action == "off":
            return
        for output in node.outputs:
            if output.has_tag() and getattr(output.tag, "trace", None):
                continue
            message = f"{reason} made {output} of {node} without a creation trace"
            if action == "raise":
                raise AssertionError(message)
            output.tag.trace = (Frame(f"<{reason}>", 0, str(reason)),)
            if action == "warn":
                _log(message)
            else:
                _log(message, warning=False)


class CheckStackTrace(Optimizer):
    """graph -> the same, where variables without a creation trace are told as ``config.check_stack_trace`` says."""

    name = "CheckStackTrace"

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Nothing else to do."""

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach the feature."""
        if config.check_stack_trace != "off":
            fgraph.attach_feature(CheckStackTraceFeature())
