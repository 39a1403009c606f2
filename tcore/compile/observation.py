"""Watchers of compilations and calls, which plugins declare in ``tcore_observers``.

A function that is made while no observer is there pays nothing for them.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

from tcore.plugins import PluginError, PluginWarning, manager
from tcore.plugins.declarations import Observer
from tcore.plugins.references import resolve

__all__ = ["observers", "tell", "watched"]

#: observers that raised: they are not asked again
_silenced: set[int] = set()


def observers() -> tuple[Any, ...]:
    """The observers of all loaded plugins; one that cannot be found is warned of and left out."""
    found = []
    for plugin, record in manager().tables.of(Observer):
        try:
            found.append(resolve(record.load))
        except PluginError as error:
            warnings.warn(f"observer {record.name!r} of plugin {plugin!r}: {error}", PluginWarning, stacklevel=2)
    return tuple(found)


def tell(watchers: tuple[Any, ...], event: str, *details: Any) -> None:
    """Call the method ``event`` of each watcher that has it. One that raises is warned of once and not asked again."""
    for watcher in watchers:
        method = getattr(watcher, event, None)
        if method is None or id(watcher) in _silenced:
            continue
        try:
            method(*details)
        except Exception as error:
            _silenced.add(id(watcher))
            warnings.warn(
                f"the observer {watcher!r} raised {type(error).__name__}: {error}; it is not asked again", PluginWarning, stacklevel=2
            )


def watched(
    function: Any,
    entry: Callable[..., Any] | None,
    general: Callable[[tuple[Any, ...], dict[str, Any]], Any],
    watchers: tuple[Any, ...],
) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    """The call of ``function`` with its observers told of it.

    Parameters
    ----------
    function : Function
    entry : callable or None
        The fast path, which may decline with ``NotImplemented``.
    general : callable
        ``general(args, kwargs)``, the way for every call.
    watchers : tuple of observers
    """

    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        start = time.perf_counter()
        try:
            result = entry(*args) if entry is not None and not kwargs else NotImplemented
            if result is NotImplemented:
                result = general(args, kwargs)
        except Exception as error:
            tell(watchers, "failed", function, error)
            raise
        tell(watchers, "called", function, time.perf_counter() - start)
        return result

    return call
