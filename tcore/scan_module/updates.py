"""New values of shared variables, as loops give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tcore.compile.sharedvalue import SharedVariable

__all__ = ["OrderedUpdates"]


class OrderedUpdates(dict[SharedVariable, Any]):
    """A dict from shared variables to their new values, for ``function(…, updates=…)``; keeps its order.

    Keys that are no shared variables are refused. ``a + b`` and ``a.update(b)`` refuse two different values for one variable.
    """

    def __init__(self, given: Any = (), /, **named: Any) -> None:
        super().__init__()
        self.update(given, **named)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            raise TypeError(f"updates store values into shared variables, got {key!r}, of {type(key).__name__}; make it with shared()")
        super().__setitem__(key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of ``key``, which is ``default`` from now on where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, given: Any = (), /, **named: Any) -> None:
        """Take over the pairs of another dict, or a list of pairs.

        Raises
        ------
        KeyError
            If both have different values for a variable.
        """
        if named:
            raise TypeError(f"updates have shared variables as keys, got the names {', '.join(named)}")
        pairs: Iterable[tuple[Any, Any]] = given.items() if isinstance(given, Mapping) or hasattr(given, "items") else given
        for key, value in pairs:
            if key in self and self[key] is not value:
                raise KeyError(f"two updates of {key} do not agree: {self[key]} and {value}")
            self[key] = value

    def copy(self) -> OrderedUpdates:
        """Another dict with the same pairs."""
        return OrderedUpdates(self)

    def __add__(self, other: Any) -> OrderedUpdates:
        both = self.copy()
        both.update(other)
        return both

    def __radd__(self, other: Any) -> OrderedUpdates:
        both = OrderedUpdates(other)
        both.update(self)
        return both

    def __or__(self, other: Any) -> OrderedUpdates:  # type: ignore[override]
        return self + other

    def __ior__(self, other: Any) -> OrderedUpdates:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"
