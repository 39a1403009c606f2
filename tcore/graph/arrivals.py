"""Which nodes are in a graph and who uses which variable, in an order that comes back with what is taken back."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["ArrivalOrder", "Client"]

#: (node, index of its input) or ("output", index of the output)
Client = tuple[Any, int]


class ArrivalOrder:
    """Nodes and clients in the order in which they came, each with the number of its arrival.

    While places are kept (:meth:`keep_places`), what goes leaves its number behind and gets it again when it comes back, so
    that a change that is taken back leaves no trace in any order. The clients of a variable are an ordered set: a list would
    make the removal of one of many quadratic.
    """

    def __init__(self) -> None:
        self._nodes: dict[Apply, int] = {}
        self._clients: dict[Variable, dict[Client, int]] = {}
        self._arrivals = 0
        self._places: dict[Any, int] | None = None  # the numbers of what went, while somebody may want it back
        self._nodes_unsorted = False
        self._clients_unsorted: set[Variable] = set()

    # ------------------------------------------------------------ what is there

    def clients(self, r: Variable) -> list[Client]:
        """Every use of ``r``: pairs (node, input index), and ("output", output index)."""
        clients = self._clients[r]
        if r in self._clients_unsorted:
            self._clients_unsorted.discard(r)
            _sort(clients)
        return list(clients)

    def client_count(self, r: Variable) -> int:
        """How often ``r`` is used; the outputs of the graph count."""
        return len(self._clients[r])

    def _sorted_nodes(self) -> Iterable[Apply]:
        if self._nodes_unsorted:
            self._nodes_unsorted = False
            _sort(self._nodes)
        return self._nodes

    # ------------------------------------------------------------ coming and going

    def _number(self, what: Any) -> tuple[int, bool]:
        """The number of ``what``, which comes in, and whether it had that number before."""
        number = self._places.pop(what, None) if self._places else None
        if number is None:
            self._arrivals += 1
            return self._arrivals, False
        return number, True

    def _add_node(self, node: Apply) -> None:
        self._nodes[node], again = self._number(node)
        self._nodes_unsorted = self._nodes_unsorted or again

    def _drop_node(self, node: Apply) -> None:
        number = self._nodes.pop(node)
        if self._places is not None:
            self._places[node] = number

    def _add_client(self, variable: Variable, client: Client) -> None:
        number = self._places.pop((variable, client), None) if self._places else None
        if number is None:  # as in _number, without a call: every change of a graph comes by
            self._arrivals = number = self._arrivals + 1
        else:
            self._clients_unsorted.add(variable)
        self._clients[variable][client] = number

    def _drop_client(self, variable: Variable, client: Client) -> None:
        number = self._clients[variable].pop(client)
        if self._places is not None:
            self._places[variable, client] = number

    def _forget_arrivals(self) -> None:
        self._nodes.clear()
        self._clients.clear()
        self._clients_unsorted.clear()

    # ------------------------------------------------------------ places

    def keep_places(self, keep: bool) -> None:
        """Whether what goes from now on gets its old place when it comes back; History asks for it."""
        self._places = {} if keep else None

    def _hold_places(self) -> dict[Any, int] | None:
        """Keep places for one change that may have to be taken back; None where they are kept anyway."""
        if self._places is not None:
            return None
        mine: dict[Any, int] = {}
        self._places = mine
        return mine

    def _release_places(self, mine: dict[Any, int] | None) -> None:
        if mine is not None and self._places is mine:
            self._places = None


def _sort(numbered: dict[Any, int]) -> None:
    ordered = sorted(numbered.items(), key=itemgetter(1))
    numbered.clear()
    numbered.update(ordered)
