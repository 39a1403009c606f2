"""From a plugin's module to its declarations. Nothing here touches a table: the result is a value."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from tcore import hookspecs
from tcore.configuration.option import Option
from tcore.plugins.declarations import BackendSpec, CommandSpec, ConverterSpec, DeviceSpec, SharedSpec
from tcore.plugins.discovery import Candidate
from tcore.plugins.errors import PluginError
from tcore.plugins.markers import PROJECT
from tcore.plugins.tables import HOOK_RECORDS, Declared

__all__ = ["collect", "import_plugin", "new_pluggy_manager", "report_hook"]


def new_pluggy_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows tcore's hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def import_plugin(candidate: Candidate) -> Any:
    """The module (or object) with the hooks."""
    module_name, _, path = candidate.target.partition(":")
    plugin: Any = importlib.import_module(module_name)
    for attribute in filter(None, path.split(".")):
        plugin = getattr(plugin, attribute)
    return plugin


def collect(candidate: Candidate, plugin: Any) -> Declared:
    """Everything that ``plugin`` declares, checked.

    Raises
    ------
    PluginError
        If a hook is unknown, unmarked, takes arguments or returns something else than declarations, or if names that
        users may ask for stand in the metadata or in the declarations only.
    """
    hooks = _hooks(candidate, plugin)
    options: tuple[Option, ...] = ()
    records: list[Any] = []
    for name, kinds in HOOK_RECORDS.items():
        for function in hooks.get(name, ()):
            declared = _checked(name, kinds, function())
            if name == "tcore_config":
                options += declared
            else:
                records.extend(declared)
    _compare_with_metadata(candidate, records)
    return Declared(candidate, options, tuple(records))


def report_hook(candidate: Candidate, plugin: Any) -> Sequence[Callable[[], Any]]:
    """The implementations of ``tcore_report``."""
    return _hooks(candidate, plugin).get("tcore_report", ())


def _hooks(candidate: Candidate, plugin: Any) -> dict[str, tuple[Callable[[], Any], ...]]:
    """The hook functions of a plugin, by name, as pluggy finds them in a manager of their own."""
    manager = new_pluggy_manager()
    known = sorted(manager.hook.__dict__)
    for name in known:
        function = getattr(plugin, name, None)
        if callable(function) and not hasattr(function, f"{PROJECT}_impl"):
            raise PluginError(f"{name} is not marked with @hookimpl of tcore.plugins")
    try:
        manager.register(plugin, name=candidate.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(_explained(manager, plugin, known, error)) from error
    hooks: dict[str, tuple[Callable[[], Any], ...]] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        implementations = caller.get_hookimpls()
        if any(implementation.wrapper or implementation.hookwrapper for implementation in implementations):
            raise PluginError(f"{caller.name} is a wrapper; tcore's hooks return declarations and have none")
        hooks[caller.name] = tuple(implementation.function for implementation in implementations)
    return hooks


def _explained(manager: pluggy.PluginManager, plugin: Any, known: list[str], error: Exception) -> str:
    """Which hook is wrong, in our words: pluggy's text runs over several lines."""
    import difflib  # only for this message

    for caller in manager.get_hookcallers(plugin) or ():
        if caller.name not in known:
            near = difflib.get_close_matches(caller.name, known, n=1)
            hint = f": did you mean {near[0]}?" if near else f"; tcore has {', '.join(known)}"
            return f"unknown hook {caller.name}{hint}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)


def _checked(hook: str, kinds: tuple[type, ...], result: Any) -> tuple[Any, ...]:
    wanted = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(result, list | tuple):
        raise PluginError(f"{hook} must return a list of {wanted}, got {result!r:.200}")
    for item in result:
        if not isinstance(item, kinds):
            raise PluginError(f"{hook} must return a list of {wanted}, got one that holds {item!r:.200}")
    return tuple(result)


def _compare_with_metadata(candidate: Candidate, records: Sequence[Any]) -> None:
    """Names that can be asked for before the plugin is loaded stand in both places."""
    declared = {
        "backends": {record.name for record in records if isinstance(record, BackendSpec)},
        "devices": {record.family for record in records if isinstance(record, DeviceSpec)},
        "commands": {record.name for record in records if isinstance(record, CommandSpec)},
        "values": {record.values for record in records if isinstance(record, ConverterSpec | SharedSpec)},
    }
    if candidate.builtin:
        return
    for group, names in declared.items():
        hook = "tcore_types" if group == "values" else f"tcore_{group}"
        claimed = candidate.names(group)
        for name in sorted(names - claimed):
            raise PluginError(f"{hook} declares {name!r}, which the metadata (group tcore.{group}) lacks")
        for name in sorted(claimed - names):
            raise PluginError(f"the metadata (group tcore.{group}) claims {name!r}, which {hook} does not declare")
