"""The manager of this process, and the questions that the rest of the core asks it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tcore.configuration import config

if TYPE_CHECKING:
    from tcore.plugins.core import Manager

__all__ = ["active_plugins_for", "converters_for", "load", "manager", "shared_constructors_for"]

_lock = threading.Lock()
_manager: Manager | None = None


def manager() -> Manager:
    """The manager that tcore uses."""
    global _manager  # noqa: PLW0603 - made on first use, once
    if _manager is None:
        # not at the top: two dozen records of declarations, which building a graph does not need. And before our lock: an import may
        # wait for another thread, whose import needs the manager
        from tcore.plugins.core import Manager

        with _lock:
            if _manager is None:
                _manager = Manager(config)
    return _manager


def load(name: str) -> None:
    """Load a plugin by its name (``tcore plugins`` lists them); raises ``PluginLoadError`` if it is off."""
    manager().load(name)


def _with_inner(op: Any) -> list[Any]:
    """``op`` and the ops that it holds, by its attribute ``inner_ops``: what is computed per element, or on a device."""
    found = [op]
    for each in found:  # grows on the way
        found.extend(getattr(each, "inner_ops", ()))
    return found


def active_plugins_for(nodes: Iterable[Any], variables: Iterable[Any] = (), backends: Iterable[str] = (), devices: Iterable[str] = ()) -> tuple[str, ...]:
    """The plugins that take part in work on a graph, in fixed order; loads those that are needed.

    Parameters
    ----------
    nodes : Apply nodes of the graph
    variables : further variables, such as inputs without any node
    backends, devices : names that the function is compiled for

    The answer depends on the graph and the names only, never on what else the program imported.
    """
    classes: set[type] = set()
    for node in nodes:
        classes.update(map(type, _with_inner(node.op)))
        for variable in node.inputs:
            classes.add(type(variable.type))
        for variable in node.outputs:
            classes.add(type(variable.type))
    classes.update(type(variable.type) for variable in variables)
    ordered = sorted(classes, key=lambda cls: (cls.__module__, cls.__qualname__))
    return manager().active_for(ordered, backends, devices)


def converters_for(value: object) -> tuple[Callable[..., Any], ...]:
    """Functions of plugins that may make a variable of ``value``; loads the plugins that list its class."""
    return manager().converters_for(value)


def shared_constructors_for(value: object) -> tuple[Callable[..., Any], ...]:
    """Functions of plugins that may make a shared variable of ``value``."""
    return manager().shared_constructors_for(value)
