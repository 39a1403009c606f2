"""Values and containers of a function's inputs, looked up by position, name or variable."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tcore.graph.type import of_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tcore.compile.io import SymbolicInput
    from tcore.graph import Type
    from tcore.link import Container

__all__ = ["AMBIGUOUS", "Values", "build_finder", "detached"]


class _Ambiguous:
    """Stands in a finder under a name that several inputs have."""

    def __repr__(self) -> str:
        return "<several inputs have this name>"


AMBIGUOUS = _Ambiguous()


def build_finder(
    entries: Sequence[SymbolicInput], containers: Sequence[Container]
) -> tuple[dict[Any, Any], dict[Container, SymbolicInput]]:
    """(dict from position, variable and name to Container, dict from Container to In)."""
    finder: dict[Any, Any] = {}
    for position, (entry, container) in enumerate(zip(entries, containers, strict=True)):
        finder[position] = container
        finder[entry.origin] = container
        finder.setdefault(entry.variable, container)
        if entry.name is not None:
            finder[entry.name] = AMBIGUOUS if entry.name in finder else container
    return finder, dict(zip(containers, entries, strict=True))


def detached(value: Any, given: Any, kind: Type) -> Any:
    """``value``, which ``given`` was converted to, or a copy if the two share memory.

    What a function keeps between calls must not change when the caller changes an array, nor the array when it is updated.
    """
    return copy.deepcopy(value) if value is given or of_type(kind, "may_share_memory")(value, given) else value


class Values:
    """``f.value`` (``values=True``) and ``f.container``."""

    def __init__(self, finder: dict[Any, Any], values: bool) -> None:
        self._finder = finder
        self._values = values

    def _find(self, key: Any) -> Container:
        try:
            container = self._finder[key]
        except KeyError:
            raise TypeError(f"Unknown input or state: {key}") from None
        if container is AMBIGUOUS:
            raise TypeError(f"Ambiguous name: {key}. Several inputs have it: use the position or the variable")
        return container  # type: ignore[no-any-return]

    def __getitem__(self, key: Any) -> Any:
        container = self._find(key)
        return container.value if self._values else container

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self._values:
            raise TypeError("containers cannot be exchanged: set the value of one with f.value[key] = …")
        container = self._find(key)
        container.lock.acquire_write()
        try:
            container.storage[0] = None if value is None else detached(container.filter(value), value, container.type)
        finally:
            container.lock.release()

    def __contains__(self, key: Any) -> bool:
        return key in self._finder

    def __len__(self) -> int:
        return len({id(container) for container in self._finder.values()})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._finder)
