"""What stayed on the host although a device was asked for: the option ``assert_no_cpu_op``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.gpuarray.type import GpuArrayType
from tcore.graph import Apply, Variable
from tcore.graph.trace import creation_report
from tcore.tensor.shape import Shape, Shape_i
from tcore.tensor.type import TensorType

__all__ = ["CpuOpError", "audit", "host_nodes"]


class CpuOpError(AssertionError):
    """A graph for a device holds an op that works on arrays of the host, and ``assert_no_cpu_op`` is ``raise``."""


def _host_array(variable: Variable) -> bool:
    kind = variable.type
    return isinstance(kind, TensorType) and kind.ndim > 0 and kind.dtype.startswith(("float", "complex"))


def host_nodes(fgraph: Any) -> Iterator[Apply]:
    """The nodes that compute with floating arrays of the host; integers, lengths and single numbers stay there by design."""
    for node in fgraph.toposort():
        if isinstance(node.op, (Shape, Shape_i)):
            continue
        variables = [*node.inputs, *node.outputs]
        if any(map(_host_array, variables)) and not any(isinstance(each.type, GpuArrayType) for each in variables):
            yield node


def audit(fgraph: Any) -> None:
    """Do what ``config.assert_no_cpu_op`` says about the first node of :func:`host_nodes`.

    Raises
    ------
    CpuOpError
        For ``raise``.
    """
    action = config.assert_no_cpu_op
    node = next(host_nodes(fgraph), None) if action != "ignore" else None
    if node is None:
        return
    made = creation_report(node.outputs[0])
    text = f"{node} runs on the CPU, in a graph for a device (assert_no_cpu_op={action})" + (f"\n  created: {made}" if made else "")
    react(action, CpuOpError(text), stacklevel=2)
