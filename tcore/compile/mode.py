"""Modes by name: which optimizations are applied to a graph, and which linker runs it."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tcore.compile.backends import predefined_linkers, register_linker
from tcore.compile.basemode import Mode
from tcore.configuration import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcore.compile.optimizations import AddDestroyHandler, optdb, predefined_optimizers, register_optimizer
else:

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        if name not in ("AddDestroyHandler", "optdb", "predefined_optimizers", "register_optimizer"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tcore.compile import optimizations  # and with it all of the optimizer, which not every program needs

        return getattr(optimizations, name)

__all__ = [
    "FAST_COMPILE",
    "FAST_RUN",
    "AddDestroyHandler",
    "Mode",
    "get_default_mode",
    "get_mode",
    "mode_in_use",
    "optdb",
    "predefined_linkers",
    "predefined_modes",
    "predefined_optimizers",
    "register_linker",
    "register_mode",
    "register_optimizer",
    "using_mode",
]


FAST_COMPILE = Mode("vm", "fast_compile")
FAST_RUN = Mode("cvm", "fast_run")


def _debug_mode() -> Mode:
    from tcore.compile.debugmode import DebugMode  # a machinery of its own, which few programs need

    return DebugMode()


def _nan_guard_mode() -> Mode:
    from tcore.compile.nanguardmode import NanGuardMode

    return NanGuardMode(True, True, True)


#: modes that read options when they are made
_LATE_MODES: dict[str, Callable[[], Mode]] = {"DebugMode": _debug_mode, "DEBUG_MODE": _debug_mode, "NanGuardMode": _nan_guard_mode}


class _Modes(dict[str, Any]):
    """The documented ``predefined_modes``: name -> Mode; those that read options are made anew each time they are asked for."""

    def __missing__(self, name: str) -> Mode:
        return _LATE_MODES[name]()


predefined_modes = _Modes(FAST_COMPILE=FAST_COMPILE, FAST_RUN=FAST_RUN)


def register_mode(name: str, mode: Mode) -> None:
    """Let ``mode`` be known by ``name``.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if name in predefined_modes or name in _LATE_MODES or name == "Mode":
        raise ValueError(f"there is a mode named {name!r} already")
    predefined_modes[name] = mode


def get_mode(orig_string: Mode | str | None) -> Mode:
    """The mode that an argument ``mode`` means.

    Parameters
    ----------
    orig_string : Mode, str or None
        None follows ``config.mode``. ``"Mode"`` is built from ``config.linker`` and ``config.optimizer``.

    Raises
    ------
    ValueError
        If there is no mode of this name.
    """
    wanted = config.mode if orig_string is None else orig_string
    if isinstance(wanted, Mode):
        return wanted
    if not isinstance(wanted, str):
        raise TypeError(f"a mode is a Mode, a name or None, got {wanted!r}")
    default = orig_string is None
    if wanted == "Mode":
        mode: Mode = Mode(config.linker, config.optimizer)
    else:
        try:
            mode = predefined_modes[wanted]
        except KeyError:
            known = ", ".join(("Mode", *sorted({*predefined_modes, *_LATE_MODES})))
            raise ValueError(f"there is no mode {wanted!r}; there are {known}") from None
    return _with_flags(mode) if default and mode.provided_optimizer is not None else mode


def _with_flags(mode: Mode) -> Mode:
    """``mode`` with ``optimizer_including``, ``optimizer_excluding`` and ``optimizer_requiring``."""
    for flag, change in (
        (config.optimizer_including, Mode.including),
        (config.optimizer_excluding, Mode.excluding),
        (config.optimizer_requiring, Mode.requiring),
    ):
        tags = [tag for tag in flag.split(":") if tag] if isinstance(flag, str) else list(flag)
        if tags:
            mode = change(mode, *tags)
    return mode


def get_default_mode() -> Mode:
    """The mode of functions that are made without one."""
    return get_mode(None)


_in_use: ContextVar[Mode | None] = ContextVar("mode of the function whose graph is being optimized", default=None)


def mode_in_use() -> Mode | None:
    """The mode of the function whose graph this thread is optimizing: for ops that compile functions of their own; None elsewhere."""
    return _in_use.get()


@contextlib.contextmanager
def using_mode(mode: Mode) -> Iterator[None]:
    """A context in which a graph is optimized for a function of ``mode``."""
    token = _in_use.set(mode)
    try:
        yield
    finally:
        _in_use.reset(token)
