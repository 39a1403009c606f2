"""``fn.explain()``: what runs each node of a compiled function, and what its calls cost in copies.

A linker tells what it knows by methods that all are optional: ``explain_node(node)`` (a word for what runs it),
``explain_reason(node)`` (why it fell back to Python, or to the host), ``explain_backend(node)`` (whose code it is, where that is not the
linker's own backend), ``explain_kernels()`` (pairs of nodes and origin) and ``explain_copies()`` (numbers, by input of the graph).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.compile.function_module import Function

__all__ = ["CopyReport", "Explanation", "KernelReport", "NodeReport", "explain"]


@frozen
class NodeReport:
    """One node.

    Attributes
    ----------
    position : int
        Its place in the order.
    node : str
    runs_on : str
        ``Python`` (its ``perform``), or what the backend has for it: ``kernel``, ``BLAS``, ``view``, ``C``, ``native``.
    in_place : bool
        Whether it overwrites an input.
    backend : str
        ``numpy`` for Python.
    kernel : int or None
        Number of the kernel that it is part of.
    reason : str
        Why it runs in Python where the backend runs native code, or on the host where the backend is a device; empty otherwise.
    """

    position: int
    node: str
    runs_on: str
    in_place: bool
    backend: str = "numpy"
    kernel: int | None = None
    reason: str = ""


@frozen
class KernelReport:
    """A kernel: the positions of the nodes fused into it, and its origin: ``compiled`` for this function, from the ``store``, compiled
    earlier by this ``process`` for another function, or part of the ``runtime``; empty where the linker does not say.
    """

    number: int
    nodes: tuple[int, ...]
    origin: str


@frozen
class CopyReport:
    """How often the value of an input was copied before a call that overwrites it."""

    name: str
    count: int


@frozen
class Explanation:
    """What a compiled function does; a table when printed.

    Attributes
    ----------
    name, linker, backend : str
    nodes : tuple of NodeReport
    kernels : tuple of KernelReport
    updates : tuple of str
        Names of the values that calls replace.
    copies : tuple of CopyReport
        Made by the calls so far.
    plugins : tuple of str
        Whose optimizations took part.
    """

    name: str
    linker: str
    backend: str
    nodes: tuple[NodeReport, ...]
    kernels: tuple[KernelReport, ...] = ()
    updates: tuple[str, ...] = ()
    copies: tuple[CopyReport, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def copied_arguments(self) -> int:
        """How many copies all calls made together."""
        return sum(report.count for report in self.copies)

    @property
    def fallbacks(self) -> tuple[NodeReport, ...]:
        """The nodes that the backend left to Python, or to the host."""
        return tuple(report for report in self.nodes if report.reason)

    def __str__(self) -> str:
        title = f"{self.name or 'function'}: {_count(len(self.nodes), 'node')}, linker {self.linker}, backend {self.backend}"
        lines = [title]
        if self.plugins:
            lines.append(f"  plugins: {', '.join(self.plugins)}")
        lines += _table(self.nodes)
        for kernel in self.kernels:
            nodes = ", ".join(map(str, kernel.nodes))
            lines.append(f"  kernel {kernel.number}: {'nodes' if len(kernel.nodes) > 1 else 'node'} {nodes}{_origin(kernel)}")
        for report in self.fallbacks:
            lines.append(f"  {report.position} runs {'in Python' if report.runs_on == 'Python' else 'on the host'}: {report.reason}")
        lines += [f"  updates {update}" for update in self.updates]
        if self.copies:
            which = ", ".join(f"{report.name} {report.count}" for report in self.copies)
            lines.append(
                f"  {_count(self.copied_arguments, 'value')} {'was' if self.copied_arguments == 1 else 'were'} copied before calls "
                f"that overwrite them ({which}): they shared memory with another value, could not be written to where they were "
                "(read-only, repeated or unaligned elements), or were default values"
            )
        return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _origin(kernel: KernelReport) -> str:
    texts = {
        "compiled": ", compiled by this process", "store": ", from the kernel store",
        "process": ", compiled earlier by this process", "runtime": ", part of the runtime",
    }  # fmt: skip
    return texts.get(kernel.origin, "")


def _table(nodes: Iterable[NodeReport]) -> list[str]:
    rows = [("#", "backend", "runs on", "node")]
    for report in nodes:
        where = report.runs_on if report.kernel is None else f"kernel {report.kernel}"
        rows.append((str(report.position), report.backend, where, report.node + " (in place)" * report.in_place))
    if len(rows) == 1:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"  {number:>{widths[0]}}  {backend:<{widths[1]}}  {where:<{widths[2]}}  {node}" for number, backend, where, node in rows
    ]


def explain(function: Function) -> Explanation:
    """See :meth:`Function.explain`."""
    maker = function.maker
    linker: Any = maker.linker
    order = maker.fgraph.toposort()
    position = {node: k for k, node in enumerate(order)}
    kernels = tuple(
        KernelReport(number, tuple(sorted(position[node] for node in nodes if node in position)), origin)
        for number, (nodes, origin) in enumerate(getattr(linker, "explain_kernels", tuple)())
    )
    kernel_of = {k: kernel.number for kernel in kernels for k in kernel.nodes}
    where = getattr(linker, "explain_node", lambda node: "Python")
    why = getattr(linker, "explain_reason", lambda node: "")
    backend = getattr(linker, "backend_name", None) or (maker.mode.backend.name if hasattr(linker, "explain_node") else "numpy")
    on = getattr(linker, "explain_backend", lambda node: "")
    reports = []
    for k, node in enumerate(order):
        runs_on = where(node)
        reports.append(
            NodeReport(
                k, str(node), runs_on.partition(" ")[0], any(node.op.destroy_map.values()),
                "numpy" if runs_on == "Python" else on(node) or backend, kernel_of.get(k), why(node),
            )
        )  # fmt: skip
    updates = tuple(str(maker.inputs[k].origin) for k in maker.updated_inputs)
    return Explanation(
        function.name or "", type(linker).__name__, backend, tuple(reports), kernels, updates, _copies(function), maker.plugins
    )


def _copies(function: Function) -> tuple[CopyReport, ...]:
    """What the general path copied, and what the native one did."""
    counts = dict(function._copied_arguments)
    for position, count in enumerate(getattr(function.maker.linker, "explain_copies", tuple)()):
        counts[position] = counts.get(position, 0) + count
    return tuple(
        CopyReport(function._input_name(position), count) for position, count in sorted(counts.items()) if count
    )
