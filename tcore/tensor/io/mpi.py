"""Arrays sent to other processes and received from them by MPI, through ``mpi4py``.

A transfer is two nodes, its start and the wait for its end, so that other work can be done meanwhile. :func:`mpi_schedule`
is an order of work that starts transfers as early and waits as late as it can; give it to the linker::

    mode = Mode(linker=VMLinker(schedule=mpi_schedule))

A node is a transfer of its own, however equal it looks to another one: rewrites never merge two.
"""

from __future__ import annotations

import heapq
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.graph import Apply, Op, Variable, generic
from tcore.graph.null_type import grad_undefined
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.fgraph import FunctionGraph

__all__ = [
    "MPIRecv",
    "MPIRecvWait",
    "MPISend",
    "MPISendWait",
    "irecv",
    "isend",
    "mpi_schedule",
    "mpi_send_wait_key",
    "mpi_tag_key",
    "recv",
    "send",
]


def communicator() -> Any:
    """The communicator of all processes of the program.

    Raises
    ------
    ImportError
        Without ``mpi4py``.
    """
    try:
        return import_module("mpi4py.MPI").COMM_WORLD
    except ImportError as error:
        raise ImportError(f"sending and receiving arrays needs an MPI library and mpi4py (pip install mpi4py): {error}") from error


class _Transfer(Op):
    """What the four ops share: they act, so that a node is neither computed beforehand nor merged with another."""

    tag: int

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: it is the act that counts."""
        return False

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """None: the other process is not part of the graph."""
        return [grad_undefined(self, place, x, "what other processes compute is not known here") for place, x in enumerate(inputs)]


@frozen(eq=False)
class MPISend(_Transfer):
    """Starts to send an array: data -> (request, the same data, to be left alone until :class:`MPISendWait`)."""

    dest: int = field(converter=int)
    tag: int = field(converter=int)
    view_map: ClassVar[dict[int, list[int]]] = {1: [0]}

    def make_node(self, data: Any) -> Apply:
        data = as_tensor_variable(data)
        return Apply(self, [data], [generic(), data.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (data,) = inputs
        output_storage[0][0] = communicator().Isend(np.ascontiguousarray(data), self.dest, self.tag)
        output_storage[1][0] = data

    def __str__(self) -> str:
        return f"MPISend{{dest: {self.dest}, tag: {self.tag}}}"


@frozen(eq=False)
class MPISendWait(_Transfer):
    """Waits until an array has been sent: (request, data) -> True."""

    tag: int = field(converter=int)

    def make_node(self, request: Any, data: Any) -> Apply:
        return Apply(self, [_request(request), as_tensor_variable(data)], [generic()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        inputs[0].wait()
        output_storage[0][0] = True

    def __str__(self) -> str:
        return f"MPISendWait{{tag: {self.tag}}}"


@frozen(eq=False)
class MPIRecv(_Transfer):
    """Starts to receive an array of a known shape: -> (request, data, to be read only after :class:`MPIRecvWait`)."""

    source: int = field(converter=int)
    tag: int = field(converter=int)
    shape: tuple[int, ...] = field(converter=lambda shape: tuple(int(length) for length in shape))
    dtype: str = field(converter=lambda dtype: np.dtype(dtype).name)

    def make_node(self) -> Apply:
        return Apply(self, [], [generic(), TensorType(self.dtype, tuple(length == 1 for length in self.shape))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        data = np.zeros(self.shape, self.dtype)
        output_storage[0][0] = communicator().Irecv(data, self.source, self.tag)
        output_storage[1][0] = data

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [None, self.shape]

    def __str__(self) -> str:
        return f"MPIRecv{{source: {self.source}, tag: {self.tag}, shape: {self.shape}, dtype: {self.dtype}}}"


@frozen(eq=False)
class MPIRecvWait(_Transfer):
    """Waits until an array is there: (request, data) -> data."""

    tag: int = field(converter=int)
    view_map: ClassVar[dict[int, list[int]]] = {0: [1]}

    def make_node(self, request: Any, data: Any) -> Apply:
        data = as_tensor_variable(data)
        return Apply(self, [_request(request), data], [data.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        request, data = inputs
        request.wait()
        output_storage[0][0] = data

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[1]]

    def __str__(self) -> str:
        return f"MPIRecvWait{{tag: {self.tag}}}"


def _request(variable: Any) -> Variable:
    if not isinstance(variable, Variable) or variable.type != generic:
        raise TypeError(f"a request is what isend and irecv give first, got {variable!r}")
    return variable


def isend(var: Any, dest: int, tag: int) -> list[Variable]:
    """Start to send ``var`` to the process ``dest``: ``[request, data]``, for :class:`MPISendWait`."""
    return MPISend(dest, tag).make_node(var).outputs


def send(var: Any, dest: int, tag: int) -> Variable:
    """Send ``var`` to the process ``dest``; the result, True, must be asked for, as an output of the function."""
    return MPISendWait(tag)(*isend(var, dest, tag))  # type: ignore[return-value]


def irecv(shape: Sequence[int], dtype: Any, source: int, tag: int) -> list[Variable]:
    """Start to receive an array from the process ``source``: ``[request, data]``, for :class:`MPIRecvWait`."""
    return MPIRecv(source, tag, shape, dtype).make_node().outputs


def recv(shape: Sequence[int], dtype: Any, source: int, tag: int) -> Variable:
    """The array that the process ``source`` sends under ``tag``."""
    return MPIRecvWait(tag)(*irecv(shape, dtype, source, tag))  # type: ignore[return-value]


def mpi_send_wait_key(a: Apply) -> int:
    """Sorting key of nodes: transfers start first, and are waited for last."""
    if isinstance(a.op, (MPISendWait, MPIRecvWait)):
        return 1
    return -1 if isinstance(a.op, (MPISend, MPIRecv)) else 0


def mpi_tag_key(a: Apply) -> int:
    """Sorting key of nodes of equal rank: lower tags first."""
    return a.op.tag if isinstance(a.op, _Transfer) else 0


def mpi_schedule(fgraph: FunctionGraph) -> list[Apply]:
    """All nodes, each after what it needs, by :func:`mpi_send_wait_key`, then :func:`mpi_tag_key`, then as the graph has them."""
    order = fgraph.toposort()
    place = {node: position for position, node in enumerate(order)}
    needed: dict[Apply, set[Apply]] = {node: {v.owner for v in node.inputs if v.owner is not None} for node in order}
    for node, others in fgraph.orderings().items():
        needed[node].update(others)
    users: dict[Apply, list[Apply]] = {node: [] for node in order}
    for node, earlier in needed.items():
        for each in earlier:
            users[each].append(node)

    def rank(node: Apply) -> tuple[int, int, int]:
        return mpi_send_wait_key(node), mpi_tag_key(node), place[node]

    ready = [rank(node) for node in order if not needed[node]]
    heapq.heapify(ready)
    result = []
    while ready:
        node = order[heapq.heappop(ready)[2]]
        result.append(node)
        for user in users[node]:
            needed[user].discard(node)
            if not needed[user]:
                heapq.heappush(ready, rank(user))
    return result
