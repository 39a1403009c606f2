"""Marks on hook functions, as pluggy reads them, made without importing pluggy.

A mark is an attribute with a dict, ``tcore_impl`` on implementations and ``tcore_spec`` on specifications: pluggy's public
format. A plugin module can so be imported by anything, at no cost, and changes nothing by being imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "tcore"

F = TypeVar("F", bound=Callable[..., object])


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(*, optionalhook: bool = False, specname: str | None = None) -> Callable[[F], F]: ...
def hookimpl(function: F | None = None, *, optionalhook: bool = False, specname: str | None = None) -> F | Callable[[F], F]:
    """Mark a function (or a method of a plugin object) as the implementation of the hook that has its name.

    Parameters
    ----------
    optionalhook : bool
        True for a hook that this version of tcore may not know; otherwise an unknown hook refuses the whole plugin.
    specname : str, optional
        Name of the hook, where the function has another.
    """

    def mark(function: F) -> F:
        function.tcore_impl = {  # type: ignore[attr-defined]
            "wrapper": False,
            "hookwrapper": False,
            "optionalhook": optionalhook,
            "tryfirst": False,
            "trylast": False,
            "specname": specname,
        }
        return function

    return mark if function is None else mark(function)


def hookspec(function: F) -> F:
    """Mark a function of :mod:`tcore.hookspecs` as the specification of a hook."""
    function.tcore_spec = {  # type: ignore[attr-defined]
        "firstresult": False,
        "historic": False,
        "warn_on_impl": None,
        "warn_on_impl_args": None,
    }
    return function
