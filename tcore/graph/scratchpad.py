"""The ``tag`` of a node: a place for notes that are no part of the graph's meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.configuration import config

__all__ = ["Scratchpad"]


class Scratchpad:
    """An object with whatever attributes its users set: ``tag.test_value``, ``tag.trace``, …

    Names that start with an underscore are for this process: they are neither pickled nor handed on to copies. Test values
    are pickled where the option ``pickle_test_value`` says so, as it does by default.
    """

    def clear(self) -> None:
        """Forget everything."""
        self.__dict__.clear()

    def update(self, other: Scratchpad) -> None:
        """Take over every note of ``other``."""
        self.__dict__.update(other._notes())

    def _notes(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __getstate__(self) -> dict[str, Any]:
        notes = self._notes()
        if not config.pickle_test_value:
            notes.pop("test_value", None)
        return notes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __getattr__(self, name: str) -> Any:  # only for names that are not set: tells type checkers that any may be
        raise AttributeError(f"the tag has no {name!r}; it has {sorted(self.__dict__) or 'nothing'}")

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __repr__(self) -> str:
        return f"Scratchpad({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"
