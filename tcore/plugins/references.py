"""References ``"package.module:attribute"`` or ``"package.module"``: following them, and leaving those of packages that are not there alone."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tcore.plugins.errors import PluginError

__all__ = ["is_module", "is_reference", "package_of", "resolve", "resolve_foreign"]


def is_module(text: str) -> bool:
    """Whether ``text`` is a dotted name, as of a module."""
    return all(map(str.isidentifier, text.split(".")))


def is_reference(text: str) -> bool:
    """Whether ``text`` reads ``package.module:attribute``."""
    module, colon, path = text.partition(":")
    return bool(colon) and is_module(module) and is_module(path)


def resolve(reference: str) -> Any:
    """The object that a reference names.

    Raises
    ------
    PluginError
        If the module cannot be imported or has no such attribute; the cause is attached.
    """
    module_name, _, path = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for attribute in filter(None, path.split(".")):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"cannot follow the reference {reference!r}: {type(error).__name__}: {error}") from error
    return found


def package_of(reference: str) -> str:
    """The top-level package of a reference."""
    return reference.partition(":")[0].partition(".")[0]


def resolve_foreign(reference: str) -> Any | None:
    """The op (or other object) of another package, or None while that package is not imported.

    Never imports the package itself: a graph that holds its op has imported it, and no other graph needs it.
    """
    return resolve(reference) if package_of(reference) in sys.modules else None
