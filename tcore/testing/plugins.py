"""Plugin managers for tests: they see chosen folders only, and leave the process's own manager alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcore.plugins import Manager

__all__ = ["isolated_manager"]


def isolated_manager(*folders: str | Path, builtins: tuple[tuple[str, str], ...] = ()) -> Manager:
    """A manager over the distributions in ``folders`` (each like site-packages), with options of its own.

    Parameters
    ----------
    folders : str or Path
        Where metadata is read; importing what it names needs them on ``sys.path`` as well.
    builtins : pairs of name and module
        Built-in plugins to load first; none by default.
    """
    from tcore.configuration import Config
    from tcore.configuration.flags import CORE_OPTIONS
    from tcore.configuration.sources import read_sources
    from tcore.plugins import Manager
    from tcore.plugins.discovery import scan

    return Manager(Config(CORE_OPTIONS, read_sources()), builtins=builtins, scan=lambda: scan([str(folder) for folder in folders]))
