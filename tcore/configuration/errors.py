"""What can go wrong with an option."""

from __future__ import annotations

__all__ = ["ConfigFrozenError", "ConfigValueError", "ConfigWarning", "DuplicateOptionError", "UnknownOptionError"]


class ConfigFrozenError(Exception):
    """A flag that is fixed for the whole run was assigned another value.

    Set it before Python starts (``TCORE_FLAGS="device=cuda0"``) or in an rc file.
    """


class ConfigValueError(ValueError):
    """A value that an option does not take; the message names the option, the value and where it came from."""


class UnknownOptionError(AttributeError):
    """An option that nobody declared; the message names the nearest one."""


class DuplicateOptionError(ValueError):
    """Two declarations of one option name that differ."""


class ConfigWarning(UserWarning):
    """Something in the environment or in an rc file looks wrong."""
