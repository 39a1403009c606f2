"""Plugins: what a plugin author needs (:func:`hookimpl` and the declarations), and the manager behind it.

>>> from tcore.plugins import OpSpec, hookimpl
>>> @hookimpl
... def tcore_ops():
...     return [OpSpec("my_package.ops:Median")]

:mod:`tcore.hookspecs` describes the ten hooks. Importing this package imports neither pluggy nor the manager.
"""

from typing import TYPE_CHECKING

from tcore.plugins.markers import hookimpl

if TYPE_CHECKING:
    from typing import Any

    from tcore.configuration.option import Computed, Option
    from tcore.plugins.core import Manager
    from tcore.plugins.declarations import (
        BackendSpec,
        CommandSpec,
        ConverterSpec,
        DeviceSpec,
        LoweringGroup,
        Observer,
        OpSpec,
        ReportLine,
        RewriteGroup,
        SharedSpec,
        TransferSpec,
        TypeSpec,
    )
    from tcore.plugins.errors import (
        DuplicateNameError,
        PluginError,
        PluginLoadError,
        PluginWarning,
        UnknownNameError,
    )
    from tcore.plugins.process import active_plugins_for, load, manager

__all__ = [
    "BackendSpec",
    "CommandSpec",
    "Computed",
    "ConverterSpec",
    "DeviceSpec",
    "DuplicateNameError",
    "LoweringGroup",
    "Manager",
    "Observer",
    "OpSpec",
    "Option",
    "PluginError",
    "PluginLoadError",
    "PluginWarning",
    "ReportLine",
    "RewriteGroup",
    "SharedSpec",
    "TransferSpec",
    "TypeSpec",
    "UnknownNameError",
    "active_plugins_for",
    "hookimpl",
    "load",
    "manager",
]

_HOMES = {
    "Computed": "tcore.configuration.option",
    "Option": "tcore.configuration.option",
    "DuplicateNameError": "tcore.plugins.errors",
    "Manager": "tcore.plugins.core",
    "PluginError": "tcore.plugins.errors",
    "PluginLoadError": "tcore.plugins.errors",
    "PluginWarning": "tcore.plugins.errors",
    "UnknownNameError": "tcore.plugins.errors",
    "active_plugins_for": "tcore.plugins.process",
    "load": "tcore.plugins.process",
    "manager": "tcore.plugins.process",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> "Any":
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(_HOMES.get(name, "tcore.plugins.declarations")), name)
        globals()[name] = value
        return value
