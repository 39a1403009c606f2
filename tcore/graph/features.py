"""Features: what can be attached to a FunctionGraph to watch it, to order it and to extend it."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from tcore.graph.errors import InconsistencyError
from tcore.graph.traversal import io_toposort
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = [
    "AlreadyThere",
    "Bookkeeper",
    "Feature",
    "History",
    "NodeFinder",
    "PrintListener",
    "ReplaceValidate",
    "Revert",
    "Validator",
]


class AlreadyThere(Exception):
    """Raised by ``on_attach``: an equal feature is there, so this one is not needed. Callers never see it."""


@frozen
class Revert:
    """The reason of an event that takes back an earlier one, whose reason it holds."""

    reason: Any


class Feature:
    """Base of features; any object with some of these methods serves as well.

    A feature may give the graph further methods in :meth:`on_attach`, and takes them away in :meth:`on_detach`. Those
    given to a FunctionGraph when it is made are attached while it is empty, and see its nodes come in; all others find
    the nodes there. A graph is copied and pickled with the features that have a method ``clone()``, which gives a feature
    for the copy; one without it is attached to the copy as it is, and is left out of pickles.

    A feature may raise in any of these methods: what happened is taken back then, with the features told that know of
    it already (their events have the reason :class:`Revert`), and who asked for the change gets the error.
    """

    def on_attach(self, fgraph: FunctionGraph) -> None:
        """The feature is being attached: look at what is there; raise :class:`AlreadyThere` to stay out."""

    def on_detach(self, fgraph: FunctionGraph) -> None:
        """The feature was removed: undo what :meth:`on_attach` did to the graph."""

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        """``node`` came in, after all that it needs; nobody uses it yet."""

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        """``node``, which nobody used any more, went out; ``node.inputs`` still tell what it used."""

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        """``node.inputs[i]``, or output ``i`` where ``node`` is ``"output"``, went from ``r`` to ``new_r``."""

    def orderings(self, fgraph: FunctionGraph) -> dict[Apply, list[Apply]]:
        """Node -> nodes that must run before it."""
        return {}


def _claim(fgraph: FunctionGraph, *names: str) -> None:
    """Stay out of a graph that has the methods already."""
    if any(hasattr(fgraph, name) for name in names):
        raise AlreadyThere(f"{', '.join(names)} are provided by another feature")


class Bookkeeper(Feature):
    """Base of features that follow all nodes: those that are there count as imported, and as pruned at the end."""

    def on_attach(self, fgraph: FunctionGraph) -> None:
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_import(fgraph, node, "on_attach")

    def on_detach(self, fgraph: FunctionGraph) -> None:
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_prune(fgraph, node, "Bookkeeper.detach")


class History(Feature):
    """Remembers changes, so that they can be taken back: ``fgraph.checkpoint()``, ``fgraph.revert(checkpoint)``.

    Changes are kept only between a checkpoint and its release (:meth:`release`), so that a graph that is never
    asked to go back costs no memory.
    """

    def __init__(self) -> None:
        self._fgraph: FunctionGraph | None = None
        self._changes: list[tuple[Any, int, Variable, Any]] = []
        self._held = 0
        self._reverting = False

    def clone(self) -> Self:
        """A feature for a copy of the graph, without memory."""
        return type(self)()

    def on_attach(self, fgraph: FunctionGraph) -> None:
        _claim(fgraph, "checkpoint", "revert")
        if self._fgraph is not None:
            raise ValueError(f"a {type(self).__name__} serves one graph, and is attached to another already")
        self._fgraph = fgraph
        fgraph.checkpoint = self.checkpoint
        fgraph.revert = partial(self.revert, fgraph)

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.checkpoint, fgraph.revert
        if self._held:
            fgraph.keep_places(False)
        History.__init__(self)

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        if not self._held or self._reverting:
            return
        if isinstance(reason, Revert) and self._changes and self._changes[-1] == (node, i, new_r, reason.reason):
            del self._changes[-1]  # another feature objected, and the graph took the change back itself
        else:
            self._changes.append((node, i, r, reason))

    def checkpoint(self) -> int:
        """A mark to which :meth:`revert` can go back."""
        assert self._fgraph is not None, "this History is attached to no graph"
        if not self._held:
            self._fgraph.keep_places(True)
        self._held += 1
        return len(self._changes)

    def release(self, checkpoint: int) -> None:
        """Say that nobody will go back to ``checkpoint``: when no mark is left, the changes are forgotten."""
        if self._fgraph is None or not self._held:
            return  # detached since: nothing is remembered any more
        self._held -= 1
        if not self._held:
            self._changes.clear()
            self._fgraph.keep_places(False)

    def revert(self, fgraph: FunctionGraph, checkpoint: int) -> None:
        """Take back every change since ``checkpoint``, the latest first; the mark stays valid.

        What comes back stands where it stood: nodes and clients are in the order of before.
        """
        self._reverting = True
        try:
            while len(self._changes) > checkpoint:
                node, i, r, reason = self._changes.pop()
                fgraph.change_input(node, i, r, reason=Revert(reason))
        finally:
            self._reverting = False


class Validator(Feature):
    """Asks all features whether the graph is right: ``fgraph.validate()``, ``fgraph.consistent()``."""

    def on_attach(self, fgraph: FunctionGraph) -> None:
        _claim(fgraph, "validate", "consistent")
        fgraph.validate = partial(self.check, fgraph)
        fgraph.consistent = partial(self.consistent, fgraph)
        fgraph.validate_time = 0.0

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.validate, fgraph.consistent, fgraph.validate_time

    def check(self, fgraph: FunctionGraph) -> None:
        """Call the method ``validate(fgraph)`` of every feature.

        Raises
        ------
        InconsistencyError
            From the feature that objects.
        """
        methods = fgraph._methods("validate")
        if not methods:
            return
        start = perf_counter()
        try:
            for method in methods:
                method(fgraph)
        finally:
            fgraph.validate_time += perf_counter() - start

    def consistent(self, fgraph: FunctionGraph) -> bool:
        """Whether no feature objects."""
        try:
            self.check(fgraph)
        except InconsistencyError:
            return False
        return True


class ReplaceValidate(History, Validator):
    """Replacements that are taken back if a feature objects; attached to every FunctionGraph."""

    def on_attach(self, fgraph: FunctionGraph) -> None:
        _claim(fgraph, "replace_validate", "replace_all_validate", "replace_all_validate_remove")
        History.on_attach(self, fgraph)
        Validator.on_attach(self, fgraph)
        fgraph.replace_validate = partial(self.replace_validate, fgraph)
        fgraph.replace_all_validate = partial(self.replace_all_validate, fgraph)
        fgraph.replace_all_validate_remove = partial(self.replace_all_validate_remove, fgraph)

    def on_detach(self, fgraph: FunctionGraph) -> None:
        History.on_detach(self, fgraph)
        Validator.on_detach(self, fgraph)
        del fgraph.replace_validate
        del fgraph.replace_all_validate, fgraph.replace_all_validate_remove

    def replace_validate(self, fgraph: FunctionGraph, r: Variable, new_r: Variable, reason: Any = None) -> None:
        """Replace ``r`` by ``new_r``, or change nothing and raise."""
        self.replace_all_validate(fgraph, [(r, new_r)], reason=reason)

    def replace_all_validate(
        self,
        fgraph: FunctionGraph,
        replacements: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]],
        reason: Any = None,
        verbose: bool | None = None,
    ) -> None:
        """Do all replacements, or none.

        Raises
        ------
        InconsistencyError
            If a feature objects; the graph is as before.
        """
        self.replace_all_validate_remove(fgraph, replacements, (), reason=reason, verbose=verbose)

    def replace_all_validate_remove(
        self,
        fgraph: FunctionGraph,
        replacements: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]],
        remove: Iterable[Apply],
        reason: Any = None,
        warn: bool = True,
        verbose: bool | None = None,
    ) -> None:
        """As :meth:`replace_all_validate`, and take everything back if a node of ``remove`` is still there afterwards.

        Raises
        ------
        InconsistencyError
            If a feature objects, or a node is still used; the message of the latter names it where ``warn`` is True.
        """
        pairs = list(replacements.items() if hasattr(replacements, "items") else replacements)
        mark = self.checkpoint()
        try:
            for r, new_r in pairs:
                fgraph.replace(r, new_r, reason=reason, verbose=verbose)
            self.check(fgraph)
            for node in remove:
                if node.fgraph is fgraph:
                    detail = f": {node} is still used after {reason}" if warn else ""
                    raise InconsistencyError(f"a node that should have gone stays{detail}")
        except BaseException:
            self.revert(fgraph, mark)
            raise
        finally:
            self.release(mark)


class NodeFinder(Bookkeeper):
    """Finds nodes by op: ``fgraph.get_nodes(op)`` lists those with an equal op. Serves one graph."""

    def __init__(self) -> None:
        self.fgraph: FunctionGraph | None = None
        self._nodes: dict[Op, dict[Apply, None]] = {}

    def clone(self) -> Self:
        """A feature for a copy of the graph."""
        return type(self)()

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if self.fgraph is not None:
            raise ValueError("a NodeFinder serves one graph, and is attached to another already")
        _claim(fgraph, "get_nodes")
        self.fgraph = fgraph
        fgraph.get_nodes = partial(self.query, fgraph)
        super().on_attach(fgraph)

    def on_detach(self, fgraph: FunctionGraph) -> None:
        if self.fgraph is not fgraph:
            raise ValueError("this NodeFinder is attached to another graph")
        self.fgraph = None
        del fgraph.get_nodes
        self._nodes.clear()

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        try:
            self._nodes.setdefault(node.op, {})[node] = None
        except TypeError:  # an op that cannot be hashed is equal to no other
            return

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        try:
            nodes = self._nodes.get(node.op)
        except TypeError:
            return
        if nodes is not None:
            nodes.pop(node, None)
            if not nodes:
                del self._nodes[node.op]

    def query(self, fgraph: FunctionGraph, op: Op) -> list[Apply]:
        """The nodes whose op equals ``op``, in the order in which they came in."""
        try:
            nodes = self._nodes.get(op, {})
        except TypeError:
            return [node for node in fgraph.apply_nodes if node.op == op]
        return sorted(nodes, key=fgraph._nodes.__getitem__)


class PrintListener(Feature):
    """Prints what happens to a graph.

    Parameters
    ----------
    active : bool
        False is silent; can be changed at any time.
    """

    def __init__(self, active: bool = True) -> None:
        self.active = active

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if self.active:
            print("-- attaching to:", fgraph)

    def on_detach(self, fgraph: FunctionGraph) -> None:
        if self.active:
            print("-- detaching from:", fgraph)

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        if self.active:
            print(f"-- importing: {node}, reason: {reason}")

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        if self.active:
            print(f"-- pruning: {node}, reason: {reason}")

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        if self.active:
            print(f"-- changing ({node}.inputs[{i}]) from {r} to {new_r}, reason: {reason}")
