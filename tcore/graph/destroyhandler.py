"""In-place computation: which node may overwrite what, and what has to run before it does.

An op says in ``destroy_map`` which inputs an output overwrites, and in ``view_map`` which inputs an output shares memory
with. Variables that share memory form a tree of views below one *root*. A graph is consistent when

- a root is destroyed by one node at most, and is no constant;
- every other reader of the root or of a view of it can run before the destroyer, and none is an output of the graph;
- the destroyer itself reads the root through no second input, unless the op tolerates that.

:class:`DestroyHandler` keeps this up to date change by change. Each node has a *label* that is larger than the labels of
all nodes that must run before it. A new "reader before destroyer" relation is free where the labels agree with it already;
otherwise the destroyer and what follows it are raised, and meeting the reader on the way means a cycle.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.errors import InconsistencyError
from tcore.graph.features import AlreadyThere, Feature
from tcore.graph.traversal import CycleError, io_toposort
from tcore.graph.variable import Constant

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["DestroyHandler", "fast_inplace_check"]

# room between the labels of neighbours, for nodes that come in between later
_GAP = 1 << 20
# nodes that one relation may raise, by config.cycle_detection: a longer search costs more than one saved buffer, so the
# change is refused; fast takes only what needs no search
_SEARCH_LIMIT = {"regular": 200, "fast": 0}


def fast_inplace_check(inputs: list[Variable]) -> list[Variable]:
    """Those of ``inputs`` that something may be able to overwrite; cycles are not looked for.

    Parameters
    ----------
    inputs : list of Variable, not empty, of one FunctionGraph

    Returns
    -------
    list of Variable
        Without constants, outputs of the graph, protected inputs and what is destroyed already.
    """
    fgraph = inputs[0].fgraph
    if fgraph is None:
        raise ValueError(f"{inputs[0]} belongs to no FunctionGraph: only there can something be overwritten")
    # asked for each candidate: nothing here may walk over all inputs or outputs of the graph
    protected = [feature.protected for feature in fgraph.features if hasattr(feature, "protected")]
    has_destroyers = getattr(fgraph, "has_destroyers", None)
    return [
        variable
        for variable in inputs
        if not isinstance(variable, Constant)
        and not any(variable in group for group in protected)
        and not (has_destroyers is not None and has_destroyers([variable]))
        and all(client != "output" for client, _ in fgraph.clients(variable))
    ]


def _views(node: Apply) -> dict[int, list[int]]:
    """The view map of a node, without outputs that destroy what they view: those hold new values."""
    views: dict[int, list[int]] = getattr(node.op, "view_map", None) or {}
    if not views:
        return {}
    destroys = getattr(node.op, "destroy_map", None) or {}
    return {o: [i for i in viewed if i not in destroys.get(o, ())] for o, viewed in views.items()}


def _destroyed_inputs(node: Apply) -> list[int]:
    """Positions of the inputs that ``node`` overwrites."""
    destroys = getattr(node.op, "destroy_map", None)
    return list(dict.fromkeys(i for inputs in destroys.values() for i in inputs)) if destroys else []


def _rivalry(root: Variable, nodes: Sequence[Apply]) -> tuple[str, Sequence[Apply]]:
    """The message about nodes that overwrite one value, and the first two of them."""
    return f"{nodes[0]} and {nodes[1]} both overwrite {root}", nodes[:2]


class DestroyHandler(Feature):
    """Lets a graph hold in-place ops: validates them and orders their readers before them.

    Gives the graph ``destroyers(r)`` (the nodes that overwrite the memory of ``r``), ``has_destroyers(variables)`` and
    ``destroy_handler``.
    """

    def __init__(self) -> None:
        self.fgraph: FunctionGraph | None = None
        self._forget()

    def _forget(self) -> None:
        self._label: dict[Apply, int] = {}
        self._viewed: dict[Variable, list[Variable]] = {}  # view -> what it views
        self._views: dict[Variable, dict[Variable, None]] = {}  # variable -> its views
        self._roots_of: dict[Apply, list[Variable]] = {}  # destroyer -> roots that it overwrites
        self._destroyers: dict[Variable, dict[Apply, None]] = {}  # root -> destroyers
        self._direct: dict[Variable, dict[Apply, None]] = {}  # variable -> nodes that have it as destroyed input
        self._before: dict[Apply, dict[Apply, None]] = {}  # destroyer -> readers that must run first
        self._after: dict[Apply, dict[Apply, None]] = {}  # the same, from the reader's side
        # what changed since the last successful validation
        self._unchecked: dict[Apply, None] = {}
        self._unread: dict[tuple[Any, Variable], None] = {}
        #: why there is no order, and the nodes that it is about
        self._cycle: tuple[str, Sequence[Apply]] | None = None

    def clone(self) -> DestroyHandler:
        """A handler for a copy of the graph."""
        return DestroyHandler()

    # ------------------------------------------------------------ coming and going

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if hasattr(fgraph, "destroy_handler"):
            raise AlreadyThere("the graph has a DestroyHandler")
        if self.fgraph is not None:
            raise ValueError("a DestroyHandler serves one graph, and is attached to another already")
        self.fgraph = fgraph
        fgraph.destroy_handler = self
        fgraph.destroyers = self.destroyers
        fgraph.has_destroyers = self.has_destroyers
        self._rebuild()

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.destroy_handler, fgraph.destroyers, fgraph.has_destroyers
        self.fgraph = None
        self._forget()

    def _rebuild(self) -> None:
        """Start anew from the graph as it is, by one exact sort."""
        fgraph = self._graph()
        self._forget()
        # nodes that nobody uses yet count, too
        outputs = [*fgraph.outputs, *(node.outputs[0] for node in fgraph.apply_nodes)]
        try:
            nodes = io_toposort(fgraph.inputs, outputs)
        except CycleError as error:
            self._cycle = str(error), error.cycle  # of data alone: nothing can be said about views and destroyers
            return
        for node in nodes:
            self.on_import(fgraph, node, "rebuild")
        try:
            nodes = io_toposort(fgraph.inputs, outputs, self.orderings(fgraph))
        except CycleError as error:
            # each of two that overwrite one value would come before the other: say that rather than how they need one another
            rivals = next(((root, list(several)) for root, several in self._destroyers.items() if len(several) > 1), None)
            self._cycle = (str(error), error.cycle) if rivals is None else _rivalry(*rivals)
        for position, node in enumerate(nodes):
            self._label[node] = (position + 1) * _GAP

    def _graph(self) -> FunctionGraph:
        assert self.fgraph is not None, "the handler is attached to no graph"
        return self.fgraph

    # ------------------------------------------------------------ questions

    def _recover(self) -> None:
        """Events are not followed while there is a cycle: once it is gone, look at the graph anew."""
        if self._cycle is not None:
            self._rebuild()

    def roots(self, r: Variable) -> list[Variable]:
        """The variables whose memory ``r`` uses: ``[r]``, unless it is a view."""
        if r not in self._viewed:
            return [r]
        found: dict[Variable, None] = {}
        stack = [r]
        while stack:
            variable = stack.pop()
            above = self._viewed.get(variable)
            if above:
                stack.extend(above)
            else:
                found[variable] = None
        return list(found)

    def aliases(self, r: Variable) -> list[Variable]:
        """``r``, and all variables that may share memory with it."""
        found: dict[Variable, None] = {}
        stack = self.roots(r)
        while stack:
            variable = stack.pop()
            if variable not in found:
                found[variable] = None
                stack.extend(self._views.get(variable, ()))
        return list(found)

    def destroyers(self, r: Variable) -> list[Apply]:
        """The nodes that overwrite memory of ``r``."""
        self._recover()
        return list(dict.fromkeys(node for root in self.roots(r) for node in self._destroyers.get(root, ())))

    def has_destroyers(self, variables: Iterable[Variable]) -> bool:
        """Whether anything overwrites memory of one of ``variables``."""
        self._recover()
        return bool(self._destroyers) and any(
            root in self._destroyers for variable in variables for root in self.roots(variable)
        )

    def destroyed_roots(self) -> KeysView[Variable]:
        """The variables, none of them a view, whose memory some node overwrites."""
        return self._destroyers.keys()

    def destroyers_of(self, root: Variable) -> list[Apply]:
        """The nodes that overwrite the memory of a variable that is no view."""
        return list(self._destroyers.get(root, ()))

    # ------------------------------------------------------------ events

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        if self._cycle is not None:
            return
        label = self._label
        self._label[node] = 1 + max((label[v.owner] for v in node.inputs if v.owner is not None), default=0)
        for o, viewed in _views(node).items():
            self._add_view(node.outputs[o], [node.inputs[i] for i in viewed])
        destroyed = _destroyed_inputs(node)
        for i in destroyed:
            self._direct.setdefault(node.inputs[i], {})[node] = None
        if destroyed:
            self._add_destroyer(node)
        if self._destroyers:
            for variable in node.inputs:
                self._unread[node, variable] = None

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        if self._cycle is not None:
            return
        for o in _views(node):
            self._drop_view(node.outputs[o])
        for i in _destroyed_inputs(node):
            self._drop_direct(node, node.inputs[i])
        self._drop_destroyer(node)
        self._unchecked.pop(node, None)
        self._drop_reader(node)
        del self._label[node]

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        if self._cycle is not None:
            return
        self._unread[node, new_r] = None
        if node == "output":
            return
        self._drop_reader(node)
        if self._destroyers:
            for variable in node.inputs:
                self._unread[node, variable] = None
        producer = new_r.owner
        if producer is not None and self._label[producer] >= self._label[node]:
            self._raise(node, self._label[producer] + 1, producer, limit=None)
        moved = [node.outputs[o] for o, viewed in _views(node).items() if i in viewed]
        for view in moved:
            self._move_view(view)
        if i in _destroyed_inputs(node):
            if all(node.inputs[other] is not r for other in _destroyed_inputs(node)):
                self._drop_direct(node, r)
            self._direct.setdefault(new_r, {})[node] = None
            self._drop_destroyer(node)
            self._add_destroyer(node)

    # ------------------------------------------------------------ views

    def _add_view(self, view: Variable, viewed: list[Variable]) -> None:
        if viewed:
            self._viewed[view] = viewed
            for variable in viewed:
                self._views.setdefault(variable, {})[view] = None

    def _drop_view(self, view: Variable) -> None:
        for variable in self._viewed.pop(view, ()):
            views = self._views.get(variable)
            if views is not None:
                views.pop(view, None)
                if not views:
                    del self._views[variable]

    def _move_view(self, view: Variable) -> None:
        """``view`` looks at other variables now: everything below it has other roots."""
        node = view.owner
        assert node is not None
        assert view.index is not None
        self._drop_view(view)
        self._add_view(view, [node.inputs[i] for i in _views(node)[view.index]])
        clients = self._graph()._clients
        below: dict[Variable, None] = {}
        stack = [view]
        while stack:
            variable = stack.pop()
            if variable not in below:
                below[variable] = None
                stack.extend(self._views.get(variable, ()))
        for variable in below:
            for destroyer in list(self._direct.get(variable, ())):
                self._drop_destroyer(destroyer)
                self._add_destroyer(destroyer)
        if self._destroyers:
            for variable in below:
                for reader, _ in clients[variable]:
                    if reader != "output":
                        self._drop_reader(reader)
                        for argument in reader.inputs:
                            self._unread[reader, argument] = None
                    else:
                        self._unread[reader, variable] = None

    # ------------------------------------------------------------ destroyers and readers

    def _add_destroyer(self, node: Apply) -> None:
        roots = dict.fromkeys(root for i in _destroyed_inputs(node) for root in self.roots(node.inputs[i]))
        self._roots_of[node] = list(roots)
        for root in roots:
            self._destroyers.setdefault(root, {})[node] = None
        self._unchecked[node] = None

    def _drop_destroyer(self, node: Apply) -> None:
        for root in self._roots_of.pop(node, ()):
            destroyers = self._destroyers[root]
            del destroyers[node]
            if not destroyers:
                del self._destroyers[root]
        for reader in self._before.pop(node, ()):
            after = self._after[reader]
            del after[node]
            if not after:
                del self._after[reader]

    def _drop_direct(self, node: Apply, variable: Variable) -> None:
        nodes = self._direct.get(variable)
        if nodes is not None:
            nodes.pop(node, None)
            if not nodes:
                del self._direct[variable]

    def _drop_reader(self, node: Apply) -> None:
        for destroyer in self._after.pop(node, ()):
            before = self._before[destroyer]
            del before[node]
            if not before:
                del self._before[destroyer]

    # ------------------------------------------------------------ validation

    def validate(self, fgraph: FunctionGraph) -> None:
        """Check what changed since the last successful call.

        Raises
        ------
        InconsistencyError
            Says which destroyer and which reader cannot both be had.
        """
        self._recover()
        if self._cycle is not None:
            text, involved = self._cycle
            raise InconsistencyError(text, nodes=involved)
        if not self._unchecked and not self._unread:
            return
        for node in self._unchecked:
            self._check_destroyer(node)
        self._check_readers(fgraph)
        self._unchecked.clear()
        self._unread.clear()

    def _check_readers(self, fgraph: FunctionGraph) -> None:
        if not self._destroyers:
            return
        nodes, clients = fgraph.apply_nodes, fgraph._clients
        for reader, variable in self._unread:
            for root in self.roots(variable):
                for destroyer in self._destroyers.get(root, ()):
                    if destroyer in self._unchecked:
                        continue  # was checked with all its readers
                    if reader == "output":
                        if any(client[0] == "output" for client in clients.get(variable, ())):
                            raise InconsistencyError(f"{destroyer} overwrites {variable}, an output of the graph", nodes=[destroyer])
                    elif reader is destroyer:
                        self._check_destroyer(destroyer)
                    elif reader in nodes and any(argument is variable for argument in reader.inputs):
                        self._order(reader, destroyer)

    def _check_destroyer(self, node: Apply) -> None:
        clients = self._graph()._clients
        op: Any = node.op
        same = getattr(op, "destroyhandler_tolerate_same", None) or ()
        aliased = getattr(op, "destroyhandler_tolerate_aliased", None) or ()
        for i in _destroyed_inputs(node):
            variable = node.inputs[i]
            for root in self.roots(variable):
                if isinstance(root, Constant):
                    raise InconsistencyError(f"{node} overwrites the constant {root}", nodes=[node])
                others = [other for other in self._destroyers[root] if other is not node]
                if others:
                    text, rivals = _rivalry(root, [node, *others])
                    raise InconsistencyError(text, nodes=rivals)
            for alias in self.aliases(variable):
                for reader, j in clients[alias]:
                    if reader == "output":
                        raise InconsistencyError(f"{node} overwrites {alias}, an output of the graph", nodes=[node])
                    if reader is not node:
                        self._order(reader, node)
                    elif j != i:
                        tolerated = (i, j) in aliased or (alias is variable and (i, j) in same)
                        if not tolerated:
                            raise InconsistencyError(f"{node} overwrites input {i}, whose memory input {j} uses, too", nodes=[node])

    def _order(self, reader: Apply, destroyer: Apply) -> None:
        """``reader`` runs before ``destroyer`` from now on."""
        if reader in self._before.get(destroyer, ()):
            return
        if self._label[reader] >= self._label[destroyer] and not self._raise(
            destroyer, self._label[reader] + 1, reader, limit=_SEARCH_LIMIT[config.cycle_detection]
        ):
            raise InconsistencyError(f"{destroyer} overwrites what {reader} reads later", nodes=[destroyer, reader])
        self._before.setdefault(destroyer, {})[reader] = None
        self._after.setdefault(reader, {})[destroyer] = None

    def _raise(self, start: Apply, label: int, barrier: Apply, limit: int | None) -> bool:
        """Raise ``start`` to ``label`` and what follows it as needed; False, with nothing done, if ``barrier`` follows.

        Nodes are met in the order of their old labels, so that each is raised once.
        """
        labels, clients = self._label, self._graph()._clients
        wanted = {start: label}
        count = itertools.count()
        heap: list[tuple[int, int, Apply]] = [(labels[start], next(count), start)]
        raised: list[tuple[Apply, int]] = []
        while heap:
            _, _, node = heapq.heappop(heap)
            if node is barrier or (limit is not None and len(raised) >= limit):
                for changed, old in raised:
                    labels[changed] = old
                if limit is None:
                    self._cycle = f"{barrier} needs its own result", (barrier,)
                return False
            raised.append((node, labels[node]))
            new = labels[node] = wanted[node]
            followers = [client for output in node.outputs for client, _ in clients[output] if client != "output"]
            followers.extend(self._after.get(node, ()))
            for follower in followers:
                if labels[follower] <= new:
                    if follower not in wanted:
                        heapq.heappush(heap, (labels[follower], next(count), follower))
                    wanted[follower] = max(wanted.get(follower, 0), new + 1)
        return True

    def orderings(self, fgraph: FunctionGraph) -> dict[Apply, list[Apply]]:
        """Each destroyer, with the readers that must run before it, in the order in which they came into the graph."""
        self._recover()
        orderings: dict[Apply, list[Apply]] = {}
        clients = fgraph._clients
        for node in self._roots_of:
            readers: dict[Apply, None] = {}
            for i in _destroyed_inputs(node):
                for alias in self.aliases(node.inputs[i]):
                    for reader, _ in clients[alias]:
                        if reader is not node and reader != "output":
                            readers[reader] = None
            if readers:
                orderings[node] = sorted(readers, key=fgraph._nodes.__getitem__)
        return orderings
