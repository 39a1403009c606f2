"""Drafts: programs without addresses, and their form in pickles.

A pickled function holds the draft of its program and the translation units with the bodies. The keys of the units in the kernel
store follow from their text, so that another process finds the kernels there, without optimizing, lowering or compiling;
where an entry is missing, the text is what it is compiled from.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcore.graph import Constant
from tcore.graph.traversal import io_toposort
from tcore.link.memory import Stay
from tcore.records import frozen
from tcore_cpu.compiling.compiler import Unit, platform_abi
from tcore_cpu.native.kept import RUNTIME_ABI

if TYPE_CHECKING:
    from tcore.link.rounds import Round

__all__ = ["Draft", "Fused", "PythonStep", "decode", "encode"]

_FORMAT = 6


@frozen(eq=False)
class PythonStep:
    """A node that runs in Python (or through a user's C code), and the slots that it reads and writes.

    ``key``: of the module with the user's code in the kernel store, where a pickle told it. ``spare``: the node has native code, which
    leaves some calls to Python.
    """

    node: Any
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    key: str = ""
    spare: bool = False


@frozen(eq=False)
class Fused:
    """Nodes that one kernel computes (one with border stages takes several launches), and its bodies by their numbers.

    ``tiles``: the most bytes of tiles, which a thread has for the time of a launch; ``row``: those for each element of a reduced row.
    """

    nodes: tuple[Any, ...]
    bodies: tuple[int, ...]
    tiles: int = 0
    row: int = 0


@frozen(eq=False)
class Draft:
    """A program without addresses.

    Attributes
    ----------
    code : bytes
        What the runtime reads, with 0 where addresses of bodies belong.
    bodies : tuple of pairs
        Positions in ``code``, in 8 bytes, and the number of the body whose address belongs there.
    dtypes : tuple of int
        By slot.
    inputs : tuple
        By input: slot, dtype, dimensions, mask of axes of length 1, whether it is overwritten.
    constants : tuple of pairs
        Slot and Constant.
    outputs : tuple of int
        Slots.
    steps : tuple of PythonStep
    applies : tuple of Apply
        The nodes in the order that the program was made for; error records have their numbers.
    makers : mapping
        Slot to the number of the node that makes its value, and which of its outputs that is; -1 for a copy of what it overwrites.
    buffers : int
        How many pieces of memory the program keeps for intermediate values.
    kernels : tuple of Fused
    reasons : mapping from Apply to str
        Why nodes run in Python.
    order : tuple of tuples of Apply
        The nodes of each step; those of a round of a loop are steps of the loop.
    stays : tuple of Stay
        The memory of each computed value that has some.
    """

    code: bytes
    bodies: tuple[tuple[int, int], ...]
    dtypes: tuple[int, ...]
    inputs: tuple[tuple[int, int, int, int, int], ...]
    constants: tuple[tuple[int, Any], ...]
    outputs: tuple[int, ...]
    steps: tuple[PythonStep, ...]
    applies: tuple[Any, ...]
    makers: Mapping[int, tuple[int, int]]
    buffers: int
    kernels: tuple[Fused, ...]
    reasons: Mapping[Any, str]
    order: tuple[tuple[Any, ...], ...]
    stays: tuple[Stay, ...]

    @property
    def intermediate(self) -> dict[Any, int]:
        """The slots of computed values that are no outputs, as far as they are more than numbers in a kernel."""
        outputs = set(self.outputs)
        return {self.applies[row].outputs[k]: slot for slot, (row, k) in self.makers.items() if k >= 0 and slot not in outputs}

    def linked(self, addresses: Sequence[int]) -> bytes:
        """``code`` with the addresses of the bodies."""
        code = array("q", self.code)
        for position, body in self.bodies:
            code[position] = addresses[body]
        return code.tobytes()


def _by_structure(fgraph: Any) -> list[Any]:
    """The nodes in an order that a pickle does not change: what features of the graph ask for may be told in another order there."""
    return io_toposort(fgraph.inputs, fgraph.outputs)


def _signature(fgraph: Any, order: Sequence[Any]) -> tuple[Any, ...]:
    """How the nodes hang together: equal for a graph and its pickle if both list the nodes in one order."""
    number = {node: k for k, node in enumerate(order)}
    inputs = {variable: k for k, variable in enumerate(fgraph.inputs)}

    def place(variable: Any) -> Any:
        if variable.owner is not None:
            return number[variable.owner], variable.index
        return inputs.get(variable, "constant")

    nodes = tuple((type(node.op).__qualname__, tuple(map(place, node.inputs))) for node in order)
    return nodes, tuple(map(place, fgraph.outputs))


def _constant_places(fgraph: Any, order: Sequence[Any]) -> dict[Any, tuple[int, int]]:
    """Where each constant stands: (number of a node, position among its inputs), or (-1, position among the outputs)."""
    places = {v: (-1, k) for k, v in enumerate(fgraph.outputs) if isinstance(v, Constant)}
    for number, node in enumerate(order):
        for k, variable in enumerate(node.inputs):
            if isinstance(variable, Constant):
                places.setdefault(variable, (number, k))
    return places


def encode(draft: Draft, units: Sequence[Unit], fgraph: Any, keys: Mapping[Any, str]) -> dict[str, Any]:
    """The draft and its units as plain data; ``keys`` has the module keys of nodes with users' C code."""
    order = draft.applies
    number = {node: k for k, node in enumerate(order)}
    places = _constant_places(fgraph, order)
    rounds = _rounds(draft)
    standing = {node: k for k, node in enumerate(_by_structure(fgraph))}
    return {
        "applies": [standing[node] for node in order],
        "format": (_FORMAT, RUNTIME_ABI, platform_abi()),
        "signature": _signature(fgraph, order),
        "units": [(unit.source, unit.count, unit.cplusplus) for unit in units],
        "code": draft.code,
        "bodies": draft.bodies,
        "dtypes": draft.dtypes,
        "inputs": draft.inputs,
        # those of a loop's steps stand nowhere in the graph: they come along
        "constants": [(slot, places.get(constant, constant)) for slot, constant in draft.constants],
        "outputs": draft.outputs,
        # a loop inside of a loop is no node of this graph: it comes along
        "steps": [(number.get(step.node, step.node), step.reads, step.writes, keys.get(step.node, ""), step.spare) for step in draft.steps],
        "makers": dict(draft.makers),
        "buffers": draft.buffers,
        "kernels": [([number[node] for node in kernel.nodes], kernel.bodies, kernel.tiles, kernel.row) for kernel in draft.kernels],
        "reasons": [(number[node], why) for node, why in draft.reasons.items()],
        "order": [[number[node] for node in nodes] for nodes in draft.order],
        # the graph of a round, too, is no part of this one
        "rounds": [(number.get(r.node, r.node), r.inputs, r.nodes, r.shown, None if r.around is None else rounds[r.around]) for r in rounds],
        "stays": [
            (*_place_of(stay, number), None if stay.round is None else rounds[stay.round], stay.place, stay.first, stay.last)
            for stay in draft.stays
        ],
    }


def _rounds(draft: Draft) -> dict[Round, int]:
    """The rounds that stays belong to, by number: those around others first."""
    found: dict[Round, int] = {}
    for stay in draft.stays:
        around, each = [], stay.round
        while each is not None and each not in found:
            around.append(each)
            each = each.around
        for each in reversed(around):
            found[each] = len(found)
    return found


def _place_of(stay: Stay, number: Mapping[Any, int]) -> tuple[Any, Any, tuple[Any, ...] | None]:
    """Of a value: its node and its place among the outputs; of work: its node, the place of the input or output, and the rest."""
    work = stay.work
    if work is None:
        node = stay.variable.owner
        return number.get(node, node), stay.variable.index, None
    return number.get(work.node, work.node), work.position, (work.what, work.dtype, work.ndim, work.most, work.least, work.made, work.sized)


def _stay(node: Any, k: int, told: tuple[Any, ...] | None, round_: Round | None, place: int, first: int, last: int | None) -> Stay:
    if told is None:
        return Stay(node.outputs[k], place, first, last, None, round_)
    from tcore.link.work import Work  # most programs have none, and no rounds

    what, *rest = told
    work = Work(what, node, k, *rest)
    return Stay(work.variable, place, first, last, work, round_)


def decode(data: Mapping[str, Any], fgraph: Any) -> tuple[Draft, list[Unit]] | None:
    """What :func:`encode` was given, for the unpickled graph; None where it does not fit this graph, machine or version."""
    if data["format"] != (_FORMAT, RUNTIME_ABI, platform_abi()):
        return None
    nodes = _by_structure(fgraph)
    if len(nodes) != len(data["applies"]):
        return None
    order = [nodes[k] for k in data["applies"]]
    if data["signature"] != _signature(fgraph, order):
        return None

    def constant(place: Any) -> Any:
        if isinstance(place, Constant):
            return place
        row, position = place
        return fgraph.outputs[position] if row < 0 else order[row].inputs[position]

    def node(place: Any) -> Any:
        return order[place] if isinstance(place, int) else place

    rounds: list[Round] = []
    if data["rounds"]:
        from tcore.link.rounds import Round
    for loop, inputs, nodes, shown, around in data["rounds"]:
        rounds.append(Round(node(loop), inputs, nodes, shown, None if around is None else rounds[around]))
    draft = Draft(
        data["code"],
        data["bodies"],
        data["dtypes"],
        data["inputs"],
        tuple((slot, constant(place)) for slot, place in data["constants"]),
        data["outputs"],
        tuple(PythonStep(node(row), *rest) for row, *rest in data["steps"]),
        tuple(order),
        data["makers"],
        data["buffers"],
        tuple(Fused(tuple(order[k] for k in rows), tuple(bodies), tiles, row) for rows, bodies, tiles, row in data["kernels"]),
        {order[row]: why for row, why in data["reasons"]},
        tuple(tuple(order[row] for row in rows) for rows in data["order"]),
        tuple(_stay(node(row), k, told, None if own is None else rounds[own], *rest) for row, k, told, own, *rest in data["stays"]),
    )
    return draft, [Unit(*unit) for unit in data["units"]]
