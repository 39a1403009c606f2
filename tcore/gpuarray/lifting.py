"""Moves the work of a graph to a device.

Floating inputs of one axis or more, and the states of generators, go to the device first; then, in one walk from inputs to outputs, a
node with a device form follows when what it needs is there. Integers, shapes and single numbers stay where they are, and so does a variable whose ``tag.target`` is
``"cpu"``. What the user gets back is moved to the host, unless it was asked for on the device.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from tcore.codegen.facts import region_axes
from tcore.codegen.gpu_program import known_to_host
from tcore.codegen.lowering import LoweringTable, NotLowered
from tcore.codegen.tables import lowering_table
from tcore.configuration import config
from tcore.gpuarray.audit import audit
from tcore.gpuarray.forms import device_form, needs_no_kernel
from tcore.gpuarray.lowered import GpuOp, host_positions
from tcore.gpuarray.products import GpuProduct, takes
from tcore.gpuarray.transfer import GpuFromHost, HostFromGpu, as_gpuarray_variable, host_from_gpu
from tcore.gpuarray.type import GpuArrayType, move_to_gpu
from tcore.graph import Apply, Constant, Op, Variable
from tcore.graph.features import ReplaceValidate
from tcore.optimizer.base import Optimizer
from tcore.optimizer.tracing import copy_stack_trace
from tcore.tensor.shape import Shape, Shape_i
from tcore.tensor.type import TensorType

__all__ = ["GpuLifting", "lifts", "why_on_host"]


class GpuLifting(Optimizer):
    """f(host_from_gpu(x)) -> host_from_gpu(gpu_f(x)); gpu_from_host(f(x)) -> gpu_f(gpu_from_host(x)).

    To the device of ``context_name``, or to ``config.device`` where that is set.

    Parameters
    ----------
    context_name : hashable
        A context, or the name of a device such as ``"opencl0:0"``.
    """

    def __init__(self, context_name: Hashable) -> None:
        self.context_name = context_name
        self.name = f"lift_to_{context_name}"

    def add_requirements(self, fgraph: Any) -> None:
        """Replacements are validated."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: Any, *args: Any, **kwargs: Any) -> int:
        """Change the graph; the number of nodes that were lifted."""
        context = None if config.device != "cpu" else self.context_name
        table = lowering_table(fgraph.apply_nodes)
        on_device: dict[Variable, Variable] = {}  # host variable -> the same value on the device
        for variable in self._sources(fgraph):
            if _moves(variable):
                on_device[variable] = GpuFromHost(_target(variable, context))(variable)
        lifted = 0
        for node in fgraph.toposort():
            if isinstance(node.op, HostFromGpu):
                on_device[node.outputs[0]] = node.inputs[0]
            elif isinstance(node.op, (Shape, Shape_i)) and node.inputs[0] in on_device and node.inputs[0].owner is not None:
                self._replace(fgraph, node, [node.op(on_device[node.inputs[0]])])
            elif (form := lifts(node, on_device, table)) is not None:
                outputs = self._lift(node, on_device, form, context)
                if outputs is not None:
                    lifted += 1
                    on_device.update(zip(node.outputs, outputs, strict=True))
        self._bring_back(fgraph, on_device)
        audit(fgraph)
        return lifted

    @staticmethod
    def _sources(fgraph: Any) -> Iterable[Variable]:
        yield from fgraph.inputs
        yield from (v for v in fgraph.variables if v.owner is None and isinstance(v, Constant))

    @staticmethod
    def _lift(
        node: Apply, on_device: dict[Variable, Variable], op: Op, context: Hashable
    ) -> list[Variable] | None:
        places = {v.type.context_name for i in node.inputs if (v := on_device.get(i)) is not None}
        if len(places) > 1:
            raise ValueError(f"the inputs of {node} live on different contexts ({sorted(map(str, places))}): move them to one")
        context = places.pop() if places else context
        host = host_positions(node.op, len(node.inputs))
        inputs = [
            variable if position in host else on_device.get(variable) or as_gpuarray_variable(variable, context)
            for position, variable in enumerate(node.inputs)
        ]
        made = op.make_node(*inputs)
        if any((m.type.dtype, m.type.broadcastable) != (o.type.dtype, o.type.broadcastable) for m, o in zip(made.outputs, node.outputs, strict=True)):
            return None
        for before, after in zip(node.outputs, made.outputs, strict=True):
            copy_stack_trace(before, after)
        return made.outputs

    @staticmethod
    def _replace(fgraph: Any, node: Apply, outputs: list[Variable]) -> None:
        fgraph.replace_all_validate(list(zip(node.outputs, outputs, strict=True)), reason="GpuLifting")

    @staticmethod
    def _bring_back(fgraph: Any, on_device: dict[Variable, Variable]) -> None:
        """Whatever of the host still reads a lifted value gets it by a transfer."""
        pairs = []
        for variable, moved in on_device.items():
            if variable.owner is None or variable not in fgraph.variables or isinstance(variable.owner.op, HostFromGpu):
                continue
            pairs.append((variable, host_from_gpu(moved)))
        fgraph.replace_all_validate(pairs, reason="GpuLifting")


def lifts(node: Apply, on_device: Any, table: LoweringTable) -> Op | None:
    """The device's form of a node that belongs there: it has one, and an array that it reads is there already. Else None."""
    form = None if isinstance(node.op, GpuOp) else device_form(node.op, None, table)
    if form is None:
        return None
    host = host_positions(node.op, len(node.inputs))
    arrays = [v for position, v in enumerate(node.inputs) if position not in host]
    if not any(v in on_device for v in arrays if not isinstance(v, Constant)):
        return None
    return None if _obstacle(node, form, arrays, table) else form


def why_on_host(node: Apply, table: LoweringTable) -> str:
    """Why a node of a graph for a device runs on the host, in words."""
    form = device_form(node.op, None, table)
    if form is None:
        return f"{type(node.op).__name__} has no lowering"
    host = host_positions(node.op, len(node.inputs))
    arrays = [v for position, v in enumerate(node.inputs) if position not in host]
    return _obstacle(node, form, arrays, table) or "no array that it reads is on the device"


def _obstacle(node: Apply, form: Op, arrays: list[Variable], table: LoweringTable) -> str:
    """What keeps ``form`` from running on a device, in words; empty where nothing does."""
    for variable in (*arrays, *node.outputs):
        if not isinstance(variable.type, TensorType) or not _possible(variable):
            return f"devices have no arrays of {variable.type}"
    if isinstance(form, GpuProduct):
        dtypes = [v.type.dtype for v in (*arrays, *node.outputs)]
        return "" if takes(dtypes) else f"devices have no product of {', '.join(dict.fromkeys(dtypes))}"
    if needs_no_kernel(form):
        return ""
    try:
        # some forms of an op lower, others do not, or to loops of a length that the host cannot work out
        for axis in (axis for stage in table.lower(node).stages for axis in region_axes(stage)):
            known_to_host(axis.extent)
    except NotLowered as reason:
        return str(reason)
    return ""


def _possible(variable: Variable) -> bool:
    return isinstance(variable.type, GpuArrayType) or variable.type.dtype not in ("complex64", "complex128")


def _moves(variable: Variable) -> bool:
    """Whether a source goes to the device: floating or the state of a generator, one axis or more, and not tagged to stay."""
    kind = variable.type
    draws = variable.has_tag() and getattr(variable.tag, "is_rng", False)
    if not isinstance(kind, TensorType) or not (kind.dtype.startswith("float") or draws) or not move_to_gpu(kind) or not _possible(variable):
        return False
    return not (variable.has_tag() and getattr(variable.tag, "target", None) == "cpu")


def _target(variable: Variable, context: Hashable) -> Hashable:
    return getattr(variable.tag, "target", context) if variable.has_tag() else context
