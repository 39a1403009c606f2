"""MonitorMode: calls functions of the user before and after each node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from tcore.compile.basemode import Mode
from tcore.graph import Apply
from tcore.graph.debugprint import debugprint
from tcore.link import Linker, PerformLinker, VMLinker, WrapLinker
from tcore.link.program import run_until_done

__all__ = ["MonitorMode", "detect_nan", "node_linker"]

Callback = Callable[[int, Apply, Any], Any]


class MonitorMode(Mode):
    """Runs node by node and shows each to callbacks.

    Parameters
    ----------
    pre_func, post_func : callable, optional
        Called as ``func(i, node, fn)`` before and after node ``i``; ``fn.inputs`` and ``fn.outputs`` are the cells that the
        node really reads and writes. With garbage collection, inputs may be gone for ``post_func``.
    linker : LocalLinker, optional
        What runs the nodes.
    optimizer : as for :class:`Mode`
    """

    def __init__(
        self,
        pre_func: Callback | None = None,
        post_func: Callback | None = None,
        linker: Any = None,
        optimizer: Any = "default",
    ) -> None:
        self.pre_func = pre_func
        self.post_func = post_func
        inner: Sequence[Any] = [node_linker(linker)]
        super().__init__(WrapLinker(inner, self._at_node), optimizer)

    def _at_node(self, i: int, node: Apply, *thunks: Any) -> None:
        for thunk in thunks:
            if self.pre_func is not None:
                self.pre_func(i, node, thunk)
            run_until_done(thunk)
            if self.post_func is not None:
                self.post_func(i, node, thunk)

    def _variant(self, linker: Any, optimizer: Any) -> Self:
        inner = linker.linkers[0] if isinstance(linker, WrapLinker) else linker
        return type(self)(self.pre_func, self.post_func, inner, optimizer)


def node_linker(linker: Any) -> Linker:
    """A linker that makes one thunk per node; ``perform`` unless told otherwise, and C for ops that have nothing else."""
    if linker is None:
        return VMLinker(lazy=False)
    if linker == "py":
        return PerformLinker()
    if isinstance(linker, str):
        return VMLinker(allow_gc=not linker.endswith("_nogc"), lazy=False)
    return linker  # type: ignore[no-any-return]


def detect_nan(i: int, node: Apply, fn: Any) -> None:
    """A ``post_func`` that prints the first output with a NaN of each node."""
    for cell in fn.outputs:
        value = cell[0]
        if np.asarray(value).dtype.kind in "fc" and np.isnan(value).any():
            print("*** NaN detected ***")
            debugprint(node)
            print(f"Inputs : {[input_cell[0] for input_cell in fn.inputs]}")
            print(f"Outputs: {[output_cell[0] for output_cell in fn.outputs]}")
            return
