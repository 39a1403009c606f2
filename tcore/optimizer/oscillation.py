"""Rules that never come to rest: noticed, told with the rules that take part, and stopped.

Two signs are looked for at each change of a graph. A *circle*: changes that lead, each at what the one before made, back to a
computation that stood there already. And a rule that is applied far more often than the graph has nodes
(``config.optdb.max_use_ratio``), which catches rules that make a graph grow, or undo each other at a distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.variable import Constant
from tcore.optimizer.failures import report_oscillation, title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["OscillationError", "Watch"]

#: how often a computation must come back before it counts as a circle: rules may look at more than the node
_RETURNS = 3
#: a chain of changes that is longer is no circle of a few rules
_LONGEST = 200
#: how deep new nodes are compared by what they compute
_DEPTH = 3
#: growth of a graph that is not held against rules: this many times its nodes, and some more for small ones
_GROWTH, _SPARE = 10, 250


class OscillationError(RuntimeError):
    """Rules undo each other, or one is never done. Raised where ``on_opt_error`` is ``raise``, reported elsewhere.

    Attributes
    ----------
    rules : dict
        Rule -> how often it was applied.
    """

    def __init__(self, message: str, rules: dict[Any, int]) -> None:
        super().__init__(message)
        self.rules = rules


class Watch:
    """Counts the changes of one run of an optimizer.

    Parameters
    ----------
    optimizer
        What is running, for the report.
    nodes : int
        Nodes of the graph at the start.
    ratio : float, optional
        No rule is applied more often than this times the number of nodes; ``config.optdb.max_use_ratio`` unless given.
    limit : int, optional
        No rule is applied more often than this, whatever the number of nodes.
    """

    def __init__(self, optimizer: Any, nodes: int = 0, ratio: float | None = None, limit: int | None = None) -> None:
        self.optimizer = optimizer
        self.limit = limit
        self.ratio = config.optdb.max_use_ratio if ratio is None else ratio
        self.applied: dict[Any, int] = {}
        self._most = _GROWTH * nodes + _SPARE
        self._made: set[Apply] = set()  # by the last change
        self._forget()

    def _forget(self) -> None:
        self._chain: list[tuple[Any, Apply]] = []  # rules, and the nodes at which they were applied
        self._first: tuple[Any, Apply, list[Variable]] | None = None  # the step that began the chain, while it is the only one
        self._fresh: set[Apply] = set()  # nodes that the chain made
        self._visits: dict[Any, list[int]] = {}  # computation -> its places in the chain

    def note(self, rule: Any, node: Apply | None, made: Iterable[Apply], nodes: int = 0) -> bool:
        """Count that ``rule`` changed the graph at ``node``; whether it is off from now on.

        Parameters
        ----------
        made : nodes that came into the graph
        nodes : int
            The largest number of nodes so far.
        """
        total = self.applied[rule] = self.applied.get(rule, 0) + 1
        if node is not None:
            circle = self._step(rule, node)
            self._made = set(made)
            self._fresh.update(self._made)
            if circle:
                self._tell_circle(circle)
                return True
        if total > (self.ratio * min(nodes, self._most) if self.limit is None else self.limit):
            self._tell_excess(rule, node)
            return True
        return False

    def _step(self, rule: Any, node: Apply) -> list[tuple[Any, Apply]]:
        """Add to the chain, or begin another one; the steps of a circle that is closed."""
        if node not in self._made or len(self._chain) >= _LONGEST:
            self._forget()
        place = len(self._chain)
        self._chain.append((rule, node))
        if not place:  # most chains have one step, which is looked at when there is another
            self._first = (rule, node, list(node.inputs))
            return []
        if self._first is not None:
            fresh, self._fresh = self._fresh, set()  # there was nothing that the chain had made
            self._visits[self._computation(*self._first)] = [0]
            self._first, self._fresh = None, fresh
        visits = self._visits.setdefault(self._computation(rule, node, node.inputs), [])
        visits.append(place)
        if len(visits) < _RETURNS:
            return []
        circle = self._chain[visits[-2] : visits[-1]]
        self._forget()
        return circle

    def _computation(self, rule: Any, node: Apply, inputs: list[Variable]) -> Any:
        key = (rule, node.op, *(self._value(variable, _DEPTH) for variable in inputs))
        try:
            hash(key)
        except TypeError:  # an op that cannot be hashed is equal to itself only
            return (rule, id(node.op), *inputs)
        return key

    def _value(self, variable: Variable, depth: int) -> Any:
        if isinstance(variable, Constant):
            return (variable.type, variable.signature())
        node = variable.owner
        if node is None or node not in self._fresh or depth == 0:
            return variable
        return (node.op, node.outputs.index(variable), *(self._value(each, depth - 1) for each in node.inputs))

    def _tell_circle(self, circle: list[tuple[Any, Apply]]) -> None:
        rules = {rule: self.applied[rule] for rule, _ in circle}
        steps = ", ".join(f"'{rule}' at {node}" for rule, node in circle)
        what = "undo each other" if len(rules) > 1 else "undoes itself"
        message = f"{title(self.optimizer)}: {_listed(rules)} {what}, again and again: {steps}"
        report_oscillation(OscillationError(message, rules), circle[-1][0], circle[-1][1])

    def _tell_excess(self, rule: Any, node: Apply | None) -> None:
        chain = {other: self.applied[other] for other, _ in self._chain[-50:]}
        rules = {rule: self.applied[rule], **chain}
        enough = f"{self.ratio:g} times the number of nodes (optdb.max_use_ratio)" if self.limit is None else f"{self.limit} times at one node"
        message = f"{title(self.optimizer)}: '{rule}' was applied more than {enough} and is not done; the last changes were by {_listed(rules)}"
        report_oscillation(OscillationError(message, rules), rule, node)


def _listed(rules: dict[Any, int]) -> str:
    return " and ".join(f"'{rule}' (applied {count} times)" for rule, count in rules.items())
