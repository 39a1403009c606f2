"""The linker of device backends: device work in grouped kernels, host work by the host's backend, else by ``perform``.

Nothing waits between launches: the order of work follows from the buffers that it shares, and the host waits where a value is
moved to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from tcore.codegen.group import Group
from tcore.codegen.grouping import Grouping, group
from tcore.codegen.tables import lowering_table
from tcore.compile.backends import host_backend
from tcore.gpuarray.array import GpuArray, asarray
from tcore.gpuarray.kernel import GpuKernelBase
from tcore.gpuarray.launching import GroupLauncher, group_thunk
from tcore.gpuarray.lifting import why_on_host
from tcore.gpuarray.lowered import GpuOp
from tcore.gpuarray.products import GpuProduct
from tcore.gpuarray.transfer import GpuFromHost, GpuToGpu, HostFromGpu
from tcore.gpuarray.type import GpuArrayType
from tcore.gpuarray.views import view_thunk
from tcore.graph import Apply, Constant
from tcore.link.linker import LocalLinker

if TYPE_CHECKING:
    from tcore.link.container import Cell, Container, StorageMap

__all__ = ["DeviceLinker"]


class DeviceLinker(LocalLinker):
    """Kernels for groups of device nodes, thunks for the rest.

    Parameters
    ----------
    allow_gc : bool, optional
        Drop intermediate values during the call.
    granularity : {"segment", "node"}
        ``"node"`` makes one kernel for each node, so that every value can be looked at.
    """

    granularity: ClassVar[str] = "segment"

    def __init__(
        self,
        allow_gc: bool | None = None,
        schedule: Callable[[Any], list[Apply]] | None = None,
        granularity: Literal["segment", "node"] = "segment",
    ) -> None:
        super().__init__(allow_gc, schedule)
        self.grain: Literal["segment", "node"] = granularity
        self._grouping: Grouping | None = None
        self._group_of: dict[Apply, Group] = {}
        self._c_nodes: set[Apply] = set()
        #: where the kernel of each group came from
        self._origins: dict[Group, str] = {}
        #: native code of the host for its nodes; None before they are known, and where there is no backend of the host
        self._host: Any = None

    def clone(self, allow_gc: bool | None = None) -> Self:
        twin = super().clone(allow_gc)
        twin._forget()
        return twin

    def _forget(self) -> None:
        self._grouping, self._group_of, self._c_nodes, self._origins, self._host = None, {}, set(), {}, None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "_grouping": None, "_group_of": {}, "_c_nodes": set(), "_origins": {}, "_host": None}

    def make_all(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container], list[Any], list[Apply]]:
        if self._host is None and (backend := host_backend()) is not None and hasattr(backend, "host_nodes"):
            nodes = [node for node in self.order() if self._is_host_work(node)]
            if nodes:
                self._host = backend.host_nodes(self._accepted(), nodes, self.no_recycling)
        return super().make_all(input_storage, output_storage, storage_map)

    def _is_host_work(self, node: Apply) -> bool:
        """Whether a node reads and makes values of the host alone."""
        on_device = any(isinstance(v.type, GpuArrayType) for v in (*node.inputs, *node.outputs))
        return not on_device and node not in self._group_of and not isinstance(node.op, (GpuOp, GpuKernelBase))

    def order(self) -> list[Apply]:
        """The nodes with those of one kernel next to each other."""
        fgraph = self._accepted()
        nodes = super().order()
        found = group(
            nodes,
            fgraph.outputs,
            lowering_table(nodes),
            granularity=self.grain,
            orderings=fgraph.orderings(),
            keep=lambda node: not isinstance(node.op, GpuOp) or isinstance(node.op, GpuProduct),
        )
        self._grouping, self._group_of = found, {}
        order: list[Apply] = []
        for step in found.steps:
            members = step.nodes if isinstance(step, Group) else (step,)
            order.extend(members)
            if isinstance(step, Group):
                self._group_of.update(dict.fromkeys(members, step))
        return order

    def _make_node_thunk(self, node: Apply, storage_map: Any, compute_map: Any) -> Callable[[], Any]:
        """The first node of a kernel launches it; the others have nothing left to do."""
        step = self._group_of.get(node)
        if step is None:
            if isinstance(node.op, GpuOp) and node.op.view_map:
                return view_thunk(node, storage_map, compute_map)
            return (
                self._moved_once(node, storage_map, compute_map)
                or self._own_c_code(node, storage_map, compute_map)
                or (None if self._host is None else self._host.native_thunk(node, storage_map, compute_map))
                or super()._make_node_thunk(node, storage_map, compute_map)
            )
        if step.nodes[0] is node:
            launcher = GroupLauncher(step, node.outputs[0].type.context)
            self._origins.setdefault(step, launcher.program.origin)
            return group_thunk(launcher, storage_map, compute_map)

        def nothing() -> None:
            """Computed with the first node of its kernel."""

        nothing.inputs = [storage_map[v] for v in node.inputs]  # type: ignore[attr-defined]
        nothing.outputs = [storage_map[v] for v in node.outputs]  # type: ignore[attr-defined]
        nothing.lazy = False  # type: ignore[attr-defined]
        return nothing

    def _moved_once(self, node: Apply, storage_map: Any, compute_map: Any) -> Callable[[], Any] | None:
        """A thunk that moves a constant to the device with the first call, where kernels alone read it there and none overwrites it."""
        (result,) = node.outputs[:1]
        clients = self._accepted().clients(result)
        if not isinstance(node.op, GpuFromHost) or not isinstance(node.inputs[0], Constant):
            return None
        if not all(isinstance(reader, Apply) and self._group_of.get(reader) and not reader.op.view_map and not reader.op.destroy_map for reader, _ in clients):
            return None
        constant, target, flag = node.inputs[0].data, storage_map[result], compute_map[result]
        moved: list[GpuArray] = []

        def thunk() -> None:
            if not moved:
                moved.append(asarray(constant, context=result.type.context))
            target[0] = moved[0]
            flag[0] = True

        thunk.inputs = [storage_map[node.inputs[0]]]  # type: ignore[attr-defined]
        thunk.outputs = [target]  # type: ignore[attr-defined]
        thunk.lazy = False  # type: ignore[attr-defined]
        return thunk

    def _own_c_code(self, node: Apply, storage_map: Any, compute_map: Any) -> Callable[[], Any] | None:
        """A thunk on the C code of an op that launches kernels of its own, where a backend of the host can compile it."""
        if not isinstance(node.op, GpuKernelBase):
            return None
        thunk: Callable[[], Any] | None = node.op.make_c_thunk(node, storage_map, compute_map, ())
        if thunk is not None:
            self._c_nodes.add(node)
        return thunk

    def explain_node(self, node: Apply) -> str:
        """``kernel 3`` for a device node, ``C`` for an op's own code, ``view``, ``device``, ``transfer``, or what runs it on the host."""
        step = self._group_of.get(node)
        if step is not None:
            return f"kernel {self.kernels().index(step)}"
        if node in self._c_nodes:
            return "C"
        if isinstance(node.op, (GpuFromHost, HostFromGpu, GpuToGpu)):
            return "transfer"
        if isinstance(node.op, GpuOp):
            return "view" if node.op.view_map else "device"
        return str(self._host.explain_node(node)) if self._served(node) else "Python"

    def _served(self, node: Apply) -> bool:
        """Whether the host's backend was asked for this node."""
        return self._host is not None and self._is_host_work(node)

    def explain_backend(self, node: Apply) -> str:
        """The host's backend, for a node that it was asked for; empty for those of the device."""
        return str(self._host.backend_name) if self._served(node) else ""

    def explain_reason(self, node: Apply) -> str:
        """Why a node runs on the host; empty where it does not."""
        on_host = self._is_host_work(node) and node not in self._c_nodes and not isinstance(node.op, (GpuFromHost, HostFromGpu, GpuToGpu))
        return why_on_host(node, lowering_table([node])) if on_host or self.explain_node(node) == "Python" else ""

    def explain_kernels(self) -> list[tuple[tuple[Apply, ...], str]]:
        """The nodes of each kernel and where its code came from: those of the device, then those of the host."""
        found = [(step.nodes, self._origins.get(step, "")) for step in self.kernels()]
        return found if self._host is None else [*found, *self._host.explain_kernels()]

    def kernels(self) -> list[Group]:
        """The kernels of the accepted graph, in order; for ``explain`` and for tests."""
        return [step for step in (self._grouping.steps if self._grouping else ()) if isinstance(step, Group)]
