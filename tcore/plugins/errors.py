"""What can go wrong with plugins."""

from __future__ import annotations

__all__ = ["DuplicateNameError", "PluginError", "PluginLoadError", "PluginWarning", "UnknownNameError"]


class PluginError(Exception):
    """Something is wrong with a plugin or with what was asked of one."""


class PluginLoadError(PluginError, ImportError):
    """A plugin that is needed is off: it failed, is disabled or does not speak this core's API level.

    The text gives the plugin, its distribution, the reason and what to do; ``__cause__`` is the plugin's own error.
    """


class DuplicateNameError(PluginError, ValueError):
    """Two plugins claim one name; the message names both."""


class UnknownNameError(PluginError, LookupError):
    """A backend, device or command that nobody has; the message names the package that supplies it, where one is known."""


class PluginWarning(UserWarning):
    """A plugin is off, and why; everything else works."""
