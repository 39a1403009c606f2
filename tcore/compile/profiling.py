"""Where the time goes: :class:`ProfileStats`, filled by functions that are made with ``profile=True``."""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, Any, TextIO

from tcore.configuration import config

if TYPE_CHECKING:
    from tcore.graph import FunctionGraph

__all__ = ["ProfileStats", "profile_for"]


class ProfileStats:
    """Times of one or several functions, in seconds.

    Parameters
    ----------
    atexit_print : bool
        Print :meth:`summary` when the program ends.

    Attributes
    ----------
    fct_callcount, fct_call_time : int, float
        Calls, and time spent in them.
    vm_call_time : float
        Part of it spent in the compiled graph.
    optimizer_time, linker_time : float
        Time of compilation.
    nb_nodes : int
        Nodes of the optimized graphs.
    message : str or None
    """

    def __init__(self, atexit_print: bool = True, message: str | None = None) -> None:
        self.fct_callcount = 0
        self.fct_call_time = 0.0
        self.vm_call_time = 0.0
        self.optimizer_time = 0.0
        self.linker_time = 0.0
        self.nb_nodes = 0
        self.message = message
        if atexit_print:
            atexit.register(self._print_at_exit)

    def add_optimization(self, fgraph: FunctionGraph, seconds: float) -> None:
        """Count one optimized graph."""
        self.optimizer_time += seconds
        self.nb_nodes += len(fgraph.apply_nodes)

    def add_linking(self, seconds: float) -> None:
        """Count one linked graph."""
        self.linker_time += seconds

    def add_call(self, seconds: float, in_graph: float) -> None:
        """Count one call."""
        self.fct_callcount += 1
        self.fct_call_time += seconds
        self.vm_call_time += in_graph

    def summary(self, file: TextIO = sys.stderr) -> None:
        """Print the numbers."""
        calls = self.fct_callcount
        print("Function profiling", file=file)
        print("==================", file=file)
        if self.message:
            print(f"  Message: {self.message}", file=file)
        print(f"  Time in {calls} calls to Function.__call__: {self.fct_call_time:e}s", file=file)
        if calls:
            share = 100 * self.vm_call_time / self.fct_call_time if self.fct_call_time else 0.0
            print(f"  Time in Function.fn.__call__: {self.vm_call_time:e}s ({share:.3f}%)", file=file)
        print(f"  Total compile time: {self.optimizer_time + self.linker_time:e}s", file=file)
        print(f"    Number of Apply nodes: {self.nb_nodes}", file=file)
        print(f"    Optimizer time: {self.optimizer_time:e}s", file=file)
        print(f"    Linker time: {self.linker_time:e}s", file=file)

    def _print_at_exit(self) -> None:
        if self.fct_callcount:
            self.summary()


def profile_for(wanted: Any, mode: Any) -> ProfileStats | None:
    """What the argument ``profile`` of a function means: a new collector, the given one, or none."""
    if wanted is None:
        wanted = config.profile
    if wanted is True:
        return ProfileStats()
    if isinstance(wanted, str):
        return ProfileStats(atexit_print=False, message=wanted)
    return wanted or None
