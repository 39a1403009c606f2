"""Float64 where none was wanted: the option ``warn_float64``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.graph.op import Op
from tcore.graph.trace import user_trace

if TYPE_CHECKING:
    from types import FrameType

    from tcore.graph import Type

__all__ = ["Float64Error", "report_float64"]


class Float64Error(Exception):
    """A float64 variable was made, and ``warn_float64`` is ``raise``."""


def report_float64(kind: Type) -> None:
    """Do what ``config.warn_float64`` says about a variable of this type that is being made.

    The report names the op that makes it and what that op is given: the first report is about the node that widened to float64.

    Raises
    ------
    Float64Error
        For ``raise``.
    """
    action = config.warn_float64
    where = "".join(f": {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}" for frame in user_trace(1))
    text = f"a variable of type {kind} is made{_maker()} (warn_float64={action}){where}"
    react(action, Float64Error(text), stacklevel=2)


def _maker() -> str:
    """Which op is being applied, and to what; empty for a variable that the user makes.

    The calling frames know it: the variable is made before its node. They are looked at only where there is something to report.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not Op.__call__.__code__:
        frame = frame.f_back
    if frame is None:
        return ""
    op, inputs = frame.f_locals["self"], frame.f_locals["inputs"]
    dtypes = [_dtype_of(value) for value in inputs]
    operands = ", ".join(f"{value} ({dtype})" if dtype else str(value) for value, dtype in zip(inputs, dtypes, strict=True))
    if "float64" in dtypes or "complex128" in dtypes:
        return f" by {op} of {operands}, which has float64 among them already"
    return f" by {op}, which widens {operands} to float64"


def _dtype_of(value: Any) -> str | None:
    dtype = getattr(getattr(value, "type", value), "dtype", None)
    return None if dtype is None else str(dtype)
