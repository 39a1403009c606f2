"""ProfileStats: what profiled functions collect, node by node, while they are compiled and called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

from attrs import field

from tcore.compile.profiling.at_exit import print_at_exit
from tcore.compile.profiling.report import print_profile
from tcore.configuration import config
from tcore.link.stopwatch import GRADIENTS
from tcore.records import define

if TYPE_CHECKING:
    from tcore.graph import Apply, FunctionGraph, Variable

__all__ = ["NodeRecord", "ProfileStats"]


@define(eq=False)
class NodeRecord:
    """One node of one profiled function.

    Attributes
    ----------
    node : Apply
    position : int
        In the order of the graph.
    native : bool
        Whether compiled code ran, not ``perform``.
    calls : int
    seconds : float
    flops : float
        Floating point operations of all calls, where the op tells them and ``config.profile_memory`` is on.
    """

    node: Apply
    position: int
    native: bool = False
    calls: int = 0
    seconds: float = 0.0
    flops: float = 0.0


@define(eq=False)
class ProfileStats:
    """Times of one function, or of several that share it as their argument ``profile``; all in seconds.

    Parameters
    ----------
    atexit_print : bool
        Print :meth:`summary` when the program ends.
    message : str, optional
        The title; the name of the function where there is none.

    Attributes
    ----------
    fct_callcount, fct_call_time : int, float
        Calls, and time spent in them.
    vm_call_time : float
        Part of it spent in the compiled graphs.
    compile_time : float
        All of making the functions; ``optimizer_time`` (of which ``validate_time``) and ``linker_time`` (of which
        ``import_time``) are parts of it.
    nb_nodes : int
        Nodes of the optimized graphs.
    records : dict from Apply to NodeRecord
    sizes : dict from Variable to (shape, bytes)
        What nodes made last; kept where ``config.profile_memory`` is on.
    graphs : list of FunctionGraph
    optimizer_profiles : list of (Optimizer, its profile)
    """

    atexit_print: bool = True
    message: str | None = None
    fct_callcount: int = field(default=0, init=False)
    fct_call_time: float = field(default=0.0, init=False)
    vm_call_time: float = field(default=0.0, init=False)
    compile_time: float = field(default=0.0, init=False)
    optimizer_time: float = field(default=0.0, init=False)
    validate_time: float = field(default=0.0, init=False)
    linker_time: float = field(default=0.0, init=False)
    import_time: float = field(default=0.0, init=False)
    nb_nodes: int = field(default=0, init=False)
    records: dict[Apply, NodeRecord] = field(factory=dict, init=False)
    sizes: dict[Variable, tuple[tuple[int, ...], int]] = field(factory=dict, init=False)
    graphs: list[FunctionGraph] = field(factory=list, init=False)
    optimizer_profiles: list[tuple[Any, Any]] = field(factory=list, init=False)
    _lock: Any = field(factory=threading.Lock, init=False)
    _here: threading.local = field(factory=threading.local, init=False)

    def __attrs_post_init__(self) -> None:
        if self.atexit_print:
            print_at_exit(self)

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("a profile belongs to its process: pickle the function without it, or print it with summary()")

    # ------------------------------------------------------------ compilation

    def add_optimization(self, fgraph: FunctionGraph, seconds: float, optimizer: Any = None, profile: Any = None) -> None:
        """Count one optimized graph, with what its optimizer says of itself."""
        self.optimizer_time += seconds
        self.validate_time += getattr(fgraph, "validate_time", 0.0)
        self.nb_nodes += len(fgraph.apply_nodes)
        self.graphs.append(fgraph)
        if profile is not None:
            self.optimizer_profiles.append((optimizer, profile))

    def add_linking(self, seconds: float, importing: float = 0.0) -> None:
        """Count one linked graph."""
        self.linker_time += seconds
        self.import_time += importing

    # ------------------------------------------------------------ calls

    def add_call(self, seconds: float, in_graph: float) -> None:
        """Count one call."""
        if self._unobserved():
            return
        with self._lock:
            self.fct_callcount += 1
            self.fct_call_time += seconds
            self.vm_call_time += in_graph

    @contextmanager
    def ignored(self) -> Iterator[None]:
        """A context whose calls, in this thread, are left out."""
        self._here.ignored = True
        try:
            yield
        finally:
            self._here.ignored = False

    def _unobserved(self) -> bool:
        return getattr(self._here, "ignored", False)

    def timed(self, node: Apply, thunk: Callable[[], Any], position: int) -> Callable[[], Any]:
        """``thunk``, which computes ``node``, with its calls counted here; work on a device is waited for."""
        record = self.records.setdefault(node, NodeRecord(node, position, bool(getattr(thunk, "native", False))))
        inputs, outputs = list(getattr(thunk, "inputs", ())), list(getattr(thunk, "outputs", ()))
        variables = node.outputs
        flops = getattr(node.op, "flops", None)

        def run() -> Any:
            given = _shapes(inputs) if flops is not None and config.profile_memory else None
            start = perf_counter()
            result = thunk()
            values = [cell[0] for cell in outputs]
            for value in values:
                wait = getattr(value, "sync", None)
                if wait is not None:
                    wait()
            passed = perf_counter() - start
            if not self._unobserved():
                made = _shapes(outputs) if given is not None else None
                work = 0 if flops is None or given is None or made is None else flops(given, made)
                with self._lock:
                    record.calls += 1
                    record.seconds += passed
                    record.flops += work
                    if config.profile_memory:
                        self.sizes.update((v, (value.shape, value.nbytes)) for v, value in zip(variables, values, strict=True) if hasattr(value, "nbytes"))
            return result

        run.__dict__.update(getattr(thunk, "__dict__", {}))
        for name in ("inputs", "outputs", "lazy", "native"):
            if hasattr(thunk, name):
                setattr(run, name, getattr(thunk, name))
        return run

    # ------------------------------------------------------------ results

    @property
    def apply_time(self) -> dict[Apply, float]:
        """Node -> seconds, in all calls."""
        return {node: record.seconds for node, record in self.records.items()}

    @property
    def thunk_time(self) -> float:
        """Time spent in nodes."""
        return sum(record.seconds for record in self.records.values())

    @property
    def grad_time(self) -> float:
        """Time spent in all calls of ``grad`` of the process."""
        return GRADIENTS.seconds

    @classmethod
    def sum_of(cls, profiles: Iterable[ProfileStats], message: str) -> ProfileStats:
        """One profile with the numbers of all."""
        total = cls(atexit_print=False, message=message)
        for each in profiles:
            for name in (
                "fct_callcount", "fct_call_time", "vm_call_time", "compile_time", "optimizer_time", "validate_time", "linker_time",
                "import_time", "nb_nodes",
            ):  # fmt: skip
                setattr(total, name, getattr(total, name) + getattr(each, name))
            total.records.update(each.records)
            total.sizes.update(each.sizes)
            total.graphs.extend(each.graphs)
            total.optimizer_profiles = _merged(total.optimizer_profiles, each.optimizer_profiles)
        return total

    def summary(self, file: TextIO | None = None, n_ops_to_print: int | None = None, n_apply_to_print: int | None = None) -> None:
        """Print it, to stderr by default; numbers of rows as ``config.profiling`` says unless they are given."""
        print_profile(self, file, n_ops_to_print, n_apply_to_print)


def _shapes(cells: Iterable[list[Any]]) -> list[tuple[int, ...]] | None:
    """The shapes of the values in the cells; None where one has none, as before a lazy node has all of its inputs."""
    shapes = [getattr(cell[0], "shape", None) for cell in cells]
    return None if None in shapes else shapes  # type: ignore[return-value]


def _merged(first: list[tuple[Any, Any]], second: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Pairs (optimizer, profile), where optimizers of one class and name count together."""
    merged: dict[Any, tuple[Any, Any]] = {}
    for optimizer, profile in (*first, *second):
        # any object with a method `optimize` serves as an optimizer: what cannot be added up stays apart
        adds = hasattr(optimizer, "merge_profile")
        key = (type(optimizer), getattr(optimizer, "name", None)) if adds else len(merged)
        before = merged.get(key)
        merged[key] = (optimizer, profile) if before is None else (before[0], optimizer.merge_profile(before[1], profile))
    return list(merged.values())
