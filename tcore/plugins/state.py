"""What became of each plugin: records for listings and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.plugins.discovery import Source

__all__ = ["ACTIVE", "BROKEN", "DISABLED", "FAILED", "INCOMPATIBLE", "INSTALLED", "PluginState", "switch_off"]

INSTALLED = "installed"  # nothing has asked for it yet
ACTIVE = "loaded"
FAILED = "failed"  # raised, exited, or declared something wrong
DISABLED = "disabled"  # by an option
INCOMPATIBLE = "incompatible"  # API level
BROKEN = "broken"  # its metadata, or a name that another plugin claims as well


@frozen
class PluginState:
    """One plugin's state. ``reason`` and ``remedy`` are empty unless it is off; ``cause`` is the error itself."""

    name: str
    source: Source
    status: str
    reason: str = ""
    remedy: str = ""
    cause: BaseException | None = None

    @property
    def distribution(self) -> str:
        """Name of the distribution; reads its metadata."""
        return self.source.name

    @property
    def version(self) -> str:
        """Version of the distribution; reads its metadata."""
        return self.source.version

    @property
    def off(self) -> bool:
        """Whether the plugin cannot be used in this process."""
        return self.status not in (INSTALLED, ACTIVE)

    def message(self) -> str:
        """One line: plugin, distribution, version, reason, what to do."""
        line = f"plugin {self.name!r} ({self.source}) is off: {self.reason}"
        return f"{line}. {self.remedy[:1].upper()}{self.remedy[1:]}" if self.remedy else line


def switch_off(name: str) -> str:
    """How to get rid of the message about a plugin."""
    return f"to run without it and without this message: TCORE_FLAGS=plugins.disabled={name}"
