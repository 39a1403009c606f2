"""The memory profile: what nodes make, and how much of it lives at once."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TextIO

from tcore.configuration import config
from tcore.graph.variable import Constant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcore.compile.profiling.stats import ProfileStats
    from tcore.graph import Apply, FunctionGraph, Variable

__all__ = ["least_peak", "peak", "print_memory"]

#: sets of computed nodes that the search for the best order looks at before it gives up
_STATES = 20_000


class _Buffers:
    """Which variables have memory of their own, how large it is, and who reads it."""

    def __init__(self, fgraph: FunctionGraph, sizes: Mapping[Variable, int]) -> None:
        self.nodes = fgraph.toposort()
        self.owner: dict[Variable, Variable] = {}
        self.readers: dict[Variable, set[Apply]] = {}
        kept = {*fgraph.inputs, *fgraph.outputs}
        self.kept: set[Variable] = set()
        self.size: dict[Variable, int] = {}
        for node in self.nodes:
            reused = {**getattr(node.op, "view_map", {}), **getattr(node.op, "destroy_map", {})}
            for variable in node.inputs:
                if not isinstance(variable, Constant):
                    self.readers.setdefault(self.root(variable), set()).add(node)
            for position, variable in enumerate(node.outputs):
                if reused.get(position):
                    self.owner[variable] = self.root(node.inputs[reused[position][0]])
                else:
                    self.size[variable] = sizes.get(variable, 0)
        for variable in kept:
            self.kept.add(self.root(variable))

    def root(self, variable: Variable) -> Variable:
        """The variable whose memory this one uses: by views and by work in place."""
        return self.owner.get(variable, variable)

    def made_by(self, node: Apply) -> int:
        """Bytes that a node allocates."""
        return sum(self.size.get(variable, 0) for variable in node.outputs)

    def freed_after(self, node: Apply, done: frozenset[Apply]) -> int:
        """Bytes that nothing needs once ``node`` has run in addition to ``done``."""
        roots = {self.root(variable) for variable in (*node.inputs, *node.outputs)}
        return sum(
            self.size.get(root, 0)
            for root in roots
            if root not in self.kept and all(reader is node or reader in done for reader in self.readers.get(root, ()))
        )


def peak(fgraph: FunctionGraph, sizes: Mapping[Variable, int], collect: bool, order: Sequence[Apply] | None = None) -> int:
    """The most bytes that intermediate values and outputs take at one time.

    Parameters
    ----------
    fgraph : FunctionGraph
    sizes : dict from Variable to int
        Bytes of each computed variable.
    collect : bool
        Whether memory is freed as soon as nothing needs it (``allow_gc``).
    order : sequence of Apply, optional
        Another order than that of the graph.
    """
    buffers = _Buffers(fgraph, sizes)
    now = most = 0
    done: frozenset[Apply] = frozenset()
    for node in order or buffers.nodes:
        now += buffers.made_by(node)
        most = max(most, now)
        if collect:
            now -= buffers.freed_after(node, done)
            done = done | {node}
    return most


def least_peak(fgraph: FunctionGraph, sizes: Mapping[Variable, int]) -> tuple[int, bool]:
    """The smallest :func:`peak` over the orders of the nodes, and whether it is proven: large graphs end the search early.

    Best first over sets of computed nodes: what is in memory after a set does not depend on how it was reached.
    """
    buffers = _Buffers(fgraph, sizes)
    after = fgraph.orderings() if hasattr(fgraph, "orderings") else {}
    needs = {node: {v.owner for v in node.inputs if v.owner is not None} | set(after.get(node, ())) for node in buffers.nodes}
    everything = frozenset(buffers.nodes)
    best: dict[frozenset[Apply], int] = {}
    queue: list[tuple[int, int, frozenset[Apply], int]] = [(0, 0, frozenset(), 0)]
    count = 0
    while queue and len(best) < _STATES:
        most, _, done, now = heapq.heappop(queue)
        if done in best:
            continue
        best[done] = most
        if done == everything:
            return most, True
        for node in buffers.nodes:
            if node in done or not needs[node] <= done:
                continue
            top = now + buffers.made_by(node)
            count += 1
            heapq.heappush(queue, (max(most, top), count, done | {node}, top - buffers.freed_after(node, done)))
    return peak(fgraph, sizes, collect=True), False


def print_memory(profile: ProfileStats, file: TextIO, limit: int) -> None:
    """Peaks of each graph, then the largest results with how they came to their memory."""
    print("Memory Profile", file=file)
    print("--------------", file=file)
    for fgraph in profile.graphs:
        _print_peaks(fgraph, {variable: size for variable, (_, size) in profile.sizes.items()}, file)
    least = config.profiling.min_memory_size
    rows = []
    for record in profile.records.values():
        shown = [profile.sizes[v] for v in record.node.outputs if v in profile.sizes]
        rows.append((sum(size for _, size in shown), [shape for shape, _ in shown], record))
    rows.sort(key=lambda row: -row[0])
    large = [row for row in rows if row[0] >= least]
    print("<Sum apply outputs (bytes)> <Apply outputs shape> <created/inplace/view> <Apply node>", file=file)
    for size, shapes, record in large[:limit]:
        print(f"  {size:12d}B  {shapes}  {' '.join(map(_kind, *_columns(record.node)))}  {record.node}", file=file)
    rest = sum(row[0] for row in rows) - sum(row[0] for row in large[:limit])
    print(f"   ... (remaining {len(rows) - len(large[:limit])} Apply account for {rest}B; rows below {least}B are not shown)", file=file)
    _print_flops(profile, file, limit)
    print(file=file)


def _print_flops(profile: ProfileStats, file: TextIO, limit: int) -> None:
    """The speed of the nodes whose op tells how much work it is (``Op.flops``), the most work first."""
    rows = sorted((record for record in profile.records.values() if record.flops), key=lambda record: -record.flops)
    if not rows:
        return
    print("<MFlops per call> <MFlops/s> <GFlops/s> <Apply node>", file=file)
    for record in rows[:limit]:
        speed = record.flops / record.seconds / 1e6 if record.seconds else 0.0
        print(f"  {record.flops / record.calls / 1e6:14.6g}  {speed:10.1f}  {speed / 1e3:10.3f}  {record.node}", file=file)
    if rows[limit:]:
        print(f"   ... (remaining {len(rows[limit:])} Apply account for {sum(record.flops for record in rows[limit:]) / 1e6:g} MFlops)", file=file)


def _columns(node: Apply) -> tuple[list[bool], list[bool]]:
    places = range(len(node.outputs))
    return [bool(node.op.destroy_map.get(place)) for place in places], [bool(node.op.view_map.get(place)) for place in places]


def _kind(in_place: bool, view: bool) -> str:
    return "i" if in_place else "v" if view else "c"


def _print_peaks(fgraph: FunctionGraph, sizes: Mapping[Variable, int], file: TextIO) -> None:
    known = {v: size for v, size in sizes.items() if v.fgraph is fgraph}
    if not known:
        return
    print(f"  Peak with allow_gc=True: {peak(fgraph, known, True)}B, with allow_gc=False: {peak(fgraph, known, False)}B", file=file)
    if config.profiling.min_peak_memory:
        smallest, proven = least_peak(fgraph, known)
        print(f"  Smallest peak over all orders: {'' if proven else 'at most '}{smallest}B", file=file)
