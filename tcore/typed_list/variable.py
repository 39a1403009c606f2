"""Variables and constants that are typed lists, and what Python writes on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

from tcore.graph import Constant, Variable
from tcore.typed_list.type import TypedListType

__all__ = ["TypedListConstant", "TypedListVariable"]


def _ops() -> Any:
    # the ops make variables of these classes, so that their module imports this one
    return import_module("tcore.typed_list.basic")


class _ListOperators:
    """Items and the methods of Python's lists, each of which gives a new list; ``len`` is :func:`~tcore.typed_list.length`."""

    __slots__ = ()
    type: Any

    @property
    def ttype(self) -> Any:
        """The Type of the elements."""
        return self.type.ttype

    def __getitem__(self, index: Any) -> Any:
        return _ops().getitem(self, index)

    def __len__(self) -> NoReturn:
        raise TypeError(f"the length of {self} is not known while the graph is built: typed_list.length gives it as a variable")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"cannot iterate over {self}: its length is not known while the graph is built; use scan over tensor.arange(typed_list.length(x))")

    def __contains__(self, value: object) -> NoReturn:
        raise TypeError(f"whether a value is in {self} is not known while the graph is built: typed_list.count(x, value) > 0 is symbolic")

    def __bool__(self) -> bool:
        return True

    def append(self, element: Any) -> Any:
        """See :class:`~tcore.typed_list.Append`."""
        return _ops().append(self, element)

    def extend(self, elements: Any) -> Any:
        """See :class:`~tcore.typed_list.Extend`."""
        return _ops().extend(self, elements)

    def insert(self, index: Any, element: Any) -> Any:
        """See :class:`~tcore.typed_list.Insert`."""
        return _ops().insert(self, index, element)

    def remove(self, element: Any) -> Any:
        """See :class:`~tcore.typed_list.Remove`."""
        return _ops().remove(self, element)

    def reverse(self) -> Any:
        """See :class:`~tcore.typed_list.Reverse`."""
        return _ops().reverse(self)

    def count(self, element: Any) -> Any:
        """See :class:`~tcore.typed_list.Count`."""
        return _ops().count(self, element)


class TypedListVariable(_ListOperators, Variable):
    """A typed list in a graph."""

    __slots__ = ()


class TypedListConstant(_ListOperators, Constant):
    """A fixed typed list."""

    __slots__ = ()


TypedListType.Variable = TypedListVariable
TypedListType.Constant = TypedListConstant
