"""Which of many rules want to see a node: an index by op and by op class."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tcore.optimizer.base import LocalOptimizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph.op import Op

__all__ = ["RuleIndex"]

_REMEMBERED = 4096


class RuleIndex:
    """Answers ``rules_for(op)`` in the order in which the rules were given, from their ``tracks()`` and ``concerns(op)``."""

    def __init__(self, rules: Iterable[Any]) -> None:
        self.rules = list(rules)
        self._by_class: dict[type, list[int]] = {}
        self._by_op: dict[Any, list[int]] = {}
        self._odd: list[tuple[Any, list[int]]] = []  # the same for ops that cannot be hashed
        for number, rule in enumerate(self.rules):
            tracked = rule.tracks()
            for each in (object,) if tracked is None else tracked:
                numbers = self._numbers_of(each)
                if number not in numbers:
                    numbers.append(number)
        self._tracked_classes = {type(op) for op in (*self._by_op, *(op for op, _ in self._odd))}
        #: rules that the class of an op does not satisfy
        self._choosy = [number for number, rule in enumerate(self.rules) if not _takes_all(rule)]
        self._choosy_classes = {each for each, numbers in self._by_class.items() if not set(numbers).isdisjoint(self._choosy)}
        self._found: dict[Any, list[Any]] = {}
        # by identity first: hashing an op by its content is the larger part of an answer. The op is kept with it, so that
        # its id stays its own
        self._by_identity: dict[int, tuple[Any, list[Any]]] = {}

    def _numbers_of(self, tracked: Any) -> list[int]:
        if isinstance(tracked, type):
            return self._by_class.setdefault(tracked, [])
        try:
            return self._by_op.setdefault(tracked, [])
        except TypeError:
            self._odd.append((tracked, []))
            return self._odd[-1][1]

    def rules_for(self, op: Op) -> list[Any]:
        """The rules that want to see nodes of ``op``."""
        known = self._by_identity.get(id(op))
        if known is not None:
            return known[1]
        found = self._rules_for(op)
        if len(self._by_identity) < _REMEMBERED:
            self._by_identity[id(op)] = (op, found)
        return found

    def _rules_for(self, op: Op) -> list[Any]:
        cls = type(op)
        # only where single ops of the class are tracked, or looked at, does the answer depend on more than the class
        key: Any = op if cls in self._tracked_classes or not self._choosy_classes.isdisjoint(cls.__mro__) else cls
        try:
            found = self._found.get(key)
        except TypeError:  # an op that cannot be hashed
            return self._search(op, cls)
        if found is None:
            found = self._found[key] = self._search(op, cls)
        return found

    def _search(self, op: Op, cls: type) -> list[Any]:
        numbers: set[int] = set()
        for base in cls.__mro__:
            numbers.update(self._by_class.get(base, ()))
        if cls in self._tracked_classes:
            with suppress(TypeError):
                numbers.update(self._by_op.get(op, ()))
            numbers.update(number for each, tracked in self._odd if each == op for number in tracked)
        numbers.difference_update([n for n in self._choosy if n in numbers and not self.rules[n].concerns(op)])
        return [self.rules[number] for number in sorted(numbers)]


def _takes_all(rule: Any) -> bool:
    concerns = getattr(rule, "concerns", None)
    return concerns is None or getattr(concerns, "__func__", None) is LocalOptimizer.concerns
