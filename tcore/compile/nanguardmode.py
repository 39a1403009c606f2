"""NanGuardMode: stops at the first node that reads or makes an abnormal value."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tcore.compile.basemode import Mode
from tcore.compile.monitormode import node_linker
from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.graph import Apply, Variable
from tcore.graph.debugprint import debugprint
from tcore.link import WrapLinker
from tcore.link.program import run_until_done

__all__ = ["NanGuardMode", "contains_inf", "contains_nan"]

_BIG = 1e10


def _checkable(value: Any, variable: Variable | None) -> bool:
    if variable is not None and variable.has_tag():
        if getattr(variable.tag, "nan_guard_mode_check", True) is False or getattr(variable.tag, "is_rng", False):
            return False
    return isinstance(value, (np.ndarray, np.generic, float, complex)) and np.asarray(value).size > 0


def contains_nan(arr: Any, node: Apply | None = None, var: Variable | None = None) -> bool:
    """Whether a floating array holds a NaN."""
    if not _checkable(arr, var) or np.asarray(arr).dtype.kind not in "fc":
        return False
    return bool(np.isnan(arr).any())


def contains_inf(arr: Any, node: Apply | None = None, var: Variable | None = None) -> bool:
    """Whether a floating array holds an infinity."""
    if not _checkable(arr, var) or np.asarray(arr).dtype.kind not in "fc":
        return False
    return bool(np.isinf(arr).any())


def _contains_big(arr: Any, var: Variable | None) -> bool:
    if not _checkable(arr, var) or np.asarray(arr).dtype.kind not in "iufc":
        return False
    with np.errstate(all="ignore"):
        return bool((np.abs(np.asarray(arr, "complex128" if np.iscomplexobj(arr) else "float64")) > _BIG).any())


class NanGuardMode(Mode):
    """As the default mode, with every value checked that a node reads or makes.

    Parameters
    ----------
    nan_is_error, inf_is_error, big_is_error : bool, optional
        What to stop at; big means an absolute value above 1e10. None follows ``config.NanGuardMode``.
    optimizer : as for :class:`Mode`
    linker : ignored

    Raises
    ------
    AssertionError
        From calls of functions, naming the node; from here if nothing is to be checked.
    """

    def __init__(
        self,
        nan_is_error: bool | None = None,
        inf_is_error: bool | None = None,
        big_is_error: bool | None = None,
        optimizer: Any = "default",
        linker: Any = None,
    ) -> None:
        flags = config.NanGuardMode
        self.nan_is_error = flags.nan_is_error if nan_is_error is None else nan_is_error
        self.inf_is_error = flags.inf_is_error if inf_is_error is None else inf_is_error
        self.big_is_error = flags.big_is_error if big_is_error is None else big_is_error
        if not (self.nan_is_error or self.inf_is_error or self.big_is_error):
            raise AssertionError("NanGuardMode with nothing to look for: set one of nan_is_error, inf_is_error, big_is_error")
        super().__init__(WrapLinker([node_linker(None)], self._at_node), optimizer)  # type: ignore[list-item]

    def _variant(self, linker: Any, optimizer: Any) -> Self:
        return type(self)(self.nan_is_error, self.inf_is_error, self.big_is_error, optimizer)

    def _at_node(self, i: int, node: Apply, *thunks: Any) -> None:
        (thunk,) = thunks
        for variable, cell in zip(node.inputs, thunk.inputs, strict=True):
            self._check(cell[0], variable, node, "an input")
        run_until_done(thunk)
        for variable, cell in zip(node.outputs, thunk.outputs, strict=True):
            self._check(cell[0], variable, node, "an output")

    def _check(self, value: Any, variable: Variable, node: Apply, what: str) -> None:
        found = None
        if self.nan_is_error and contains_nan(value, node, variable):
            found = "NaN detected"
        elif self.inf_is_error and contains_inf(value, node, variable):
            found = "Inf detected"
        elif self.big_is_error and _contains_big(value, variable):
            found = "Big value detected"
        if found is None:
            return
        text = f"{found} in {what}, {variable}, of a node:\n{debugprint(node, file='str')}"
        react(config.NanGuardMode.action, AssertionError(text), stacklevel=2)
