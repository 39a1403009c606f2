"""Containers: cells that hold the value of a variable and filter what is put into them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tcore.graph import Variable
from tcore.graph.type import PureType
from tcore.link.locks import ValueLock

if TYPE_CHECKING:
    from tcore.graph import Type

__all__ = ["Cell", "Container", "StorageMap"]

#: a one-element list: what thunks read and write
Cell = list[Any]
StorageMap = dict[Variable, Cell]


class Container:
    """A value of a given type in a cell that compiled code reads and writes.

    Parameters
    ----------
    r : Variable or Type
        Of what type the value is; a variable also gives the name.
    storage : one-element list
        The cell.
    readonly : bool
        Refuse assignments.
    strict : bool
        Take only values that are of the type already: no conversion.
    allow_downcast : bool or None
        Whether conversions may lose precision; None allows it for Python floats into ``floatX`` alone.
    name : str, optional
        For error messages.
    """

    __slots__ = (
        "_reuses_memory", "allow_downcast", "implicit", "lock", "name", "provided", "readonly", "storage", "strict", "type",
    )  # fmt: skip

    def __init__(
        self,
        r: Variable | Type,
        storage: Cell,
        readonly: bool = False,
        strict: bool = False,
        allow_downcast: bool | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(storage, list) or not storage:
            raise TypeError(f"the storage of a Container is a list of one element, got {storage!r}")
        self.type: Type = r.type if isinstance(r, Variable) else r
        self.storage = storage
        self.readonly = readonly
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.name = name if name is not None else (r.name if isinstance(r, Variable) else None)
        #: set by a call while it fills its inputs: how many values this container got
        self.provided = 0
        #: whether callers may not give a value
        self.implicit = False
        self.lock = ValueLock()
        own = getattr(self.type, "filter_inplace", None)
        self._reuses_memory = own is not None and getattr(own, "__func__", own) is not PureType.filter_inplace

    @property
    def value(self) -> Any:
        """The value; assigning filters, None empties."""
        return self.storage[0]

    @value.setter
    def value(self, value: Any) -> None:
        if self.readonly:
            raise AttributeError(f"the value of {self.name or self.type} is read-only")
        self.storage[0] = None if value is None else self.filter(value)

    data = value

    def filter(self, value: Any) -> Any:
        """``value`` as this container would keep it.

        Raises
        ------
        TypeError
            If the type does not take it; the type's message, with the container's name added.
        """
        try:
            if self._reuses_memory and self.storage[0] is not None:
                return self.type.filter_inplace(
                    value, self.storage[0], strict=self.strict, allow_downcast=self.allow_downcast
                )
            if self.strict:
                return self.type.filter(value, strict=True)
            if self.allow_downcast is None:
                return self.type.filter(value)
            return self.type.filter(value, strict=False, allow_downcast=self.allow_downcast)
        except Exception as error:
            if self.name is not None:
                error.args = (*error.args, f'Container name "{self.name}"')
            raise

    def __repr__(self) -> str:
        return f"<{self.storage[0]!r}>"

    def __getstate__(self) -> dict[str, Any]:
        kept = ("type", "storage", "readonly", "strict", "allow_downcast", "name", "implicit")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["type"], state["storage"], state["readonly"], state["strict"], state["allow_downcast"])  # type: ignore[misc]
        self.name = state["name"]
        self.implicit = state["implicit"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Container:
        twin = Container(
            self.type, [copy.deepcopy(self.storage[0], memo)], self.readonly, self.strict, self.allow_downcast, self.name
        )
        twin.implicit = self.implicit
        # the cell may be shared with a thunk that is copied along
        memo[id(self.storage)] = twin.storage
        memo[id(self)] = twin
        return twin
