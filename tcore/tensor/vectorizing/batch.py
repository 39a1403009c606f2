"""A batch of items, and the table of rules: how the node of one item becomes the node of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.graph import Apply, Variable
from tcore.records import frozen
from tcore.tensor.alloc import alloc

__all__ = ["Batch", "Item", "Rule", "rule_of", "vectorizes"]


@frozen(eq=False)
class Item:
    """What stands for a variable of the graph of one item.

    Attributes
    ----------
    variable : Variable
        If ``batched``, with the axes of the batch before its own; of length 1, and marked so, where all items share it. Else the same for all.
    batched : bool
    """

    variable: Any
    batched: bool = True


@frozen(eq=False)
class Batch:
    """The axes of the batch, which come first.

    Attributes
    ----------
    shape : tuple of int and 0-d variables
        Lengths; 1 where every operand has length 1.
    """

    shape: tuple[Any, ...]

    @property
    def ndim(self) -> int:
        """How many axes the batch has."""
        return len(self.shape)

    def own(self, item: Item) -> int:
        """How many axes one item has."""
        return int(getattr(item.variable.type, "ndim", 0)) - self.ndim * item.batched

    def spread(self, item: Item, ndim: int | None = None) -> Variable:
        """With axes of the batch, and ``ndim`` axes of its own: new ones of length 1 come before those that it has."""
        own = self.own(item)
        front: list[Any] = list(range(self.ndim)) if item.batched else ["x"] * self.ndim
        new = ["x"] * ((own if ndim is None else ndim) - own)
        start = self.ndim * item.batched
        order = [*front, *new, *range(start, start + own)]
        return item.variable if order == list(range(len(order))) else item.variable.dimshuffle(*order)  # type: ignore[no-any-return]

    def full(self, item: Item, ndim: int | None = None) -> Variable:
        """As :meth:`spread`, with the lengths of the batch where it had length 1."""
        variable: Any = self.spread(item, ndim)
        stretched = [k for k, length in enumerate(self.shape) if variable.type.broadcastable[k] and not (isinstance(length, int) and length == 1)]
        if not stretched:
            return variable  # type: ignore[no-any-return]
        lengths = [self.shape[k] if k in stretched else variable.shape[k] for k in range(self.ndim)]
        return alloc(variable, *lengths, *(1 if mark else variable.shape[k] for k, mark in enumerate(variable.type.broadcastable) if k >= self.ndim))  # type: ignore[no-any-return]


#: what a rule gives: the outputs of all items, in order; an :class:`Item` among them says for itself whether it is batched
Rule = Callable[[Any, Apply, Batch, Sequence[Item]], "Sequence[Any]"]
_rules: dict[type, Rule] = {}


def vectorizes(*classes: type) -> Callable[[Rule], Rule]:
    """Mark ``rule(op, node, batch, items)`` as that of the ops of these classes and of those derived from them.

    ``node`` is the node of one item; ``items`` stand for its inputs, one of them batched at least. The rule returns the outputs.
    """

    def mark(rule: Rule) -> Rule:
        _rules.update(dict.fromkeys(classes, rule))
        return rule

    return mark


def rule_of(op: Any) -> Rule:
    """The rule of the nearest class; that of all ops goes item by item."""
    return next(_rules[cls] for cls in type(op).__mro__ if cls in _rules)
