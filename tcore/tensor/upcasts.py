"""Float64 where none was wanted: the option ``warn_float64``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.graph.trace import user_trace

if TYPE_CHECKING:
    from tcore.graph import Type

__all__ = ["Float64Error", "report_float64"]


class Float64Error(Exception):
    """A float64 variable was made, and ``warn_float64`` is ``raise``."""


def report_float64(kind: Type) -> None:
    """Do what ``config.warn_float64`` says about a variable of this type that is being made.

    Raises
    ------
    Float64Error
        For ``raise``.
    """
    action = config.warn_float64
    where = "".join(f": {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}" for frame in user_trace(1))
    text = f"a variable of type {kind} is made (warn_float64={action}){where}"
    react(action, Float64Error(text), stacklevel=2)
