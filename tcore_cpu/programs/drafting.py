"""From a graph to its draft and its kernels: where linkers and exports start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcore_cpu.kernels.lowerings import lowerings
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.programs.native_steps import native_steps
from tcore_cpu.programs.program import build
from tcore_cpu.runtime.loading import load_blas, load_lapack
from tcore_cpu.runtime.wanted import wants_blas, wants_lapack

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore_cpu.compiling.compiler import Unit
    from tcore_cpu.programs.draft import Draft
    from tcore_cpu.programs.program import NativeStep
    from tcore_cpu.programs.regions import Region

__all__ = ["UNIT_BODIES", "draft_graph", "draft_regions", "native_forms"]

#: how many bodies one translation unit has at the most, so that compilers work side by side
UNIT_BODIES = 24


def native_forms(nodes: Sequence[Any]) -> dict[type, NativeStep]:
    """The native forms of ops without kernels in this process; loads the libraries that the nodes want."""
    return native_steps(blas=wants_blas(nodes) and load_blas(), lapack=wants_lapack(nodes) and load_lapack())


def draft_graph(
    fgraph: Any, order: Sequence[Apply], outputs: Sequence[Variable], native: Mapping[type, NativeStep], share: bool = True
) -> tuple[Draft, Sequence[Unit]]:
    """The program that computes ``outputs`` by the nodes of ``order``, and its kernels.

    ``native`` has the forms of ops without kernels; ``share`` tells whether values may take over the memory of others that nobody reads any more.
    """
    printer = UnitPrinter()
    orderings = fgraph.orderings() if hasattr(fgraph, "orderings") else {}
    draft = build(fgraph.inputs, order, outputs, lowerings(fgraph), printer, native, orderings=orderings, share=share)
    return draft, printer.units(UNIT_BODIES)


def draft_regions(
    fgraph: Any, regions: Sequence[Region], native: Mapping[type, NativeStep], *, c_code: bool = True
) -> tuple[list[Draft | None], Sequence[Unit]]:
    """The programs of a graph's regions, None for lazy nodes, and the kernels of all of them.

    ``c_code`` tells whether ops that prefer their C code to their lowering have their way.
    """
    table, printer = lowerings(fgraph), UnitPrinter()
    orderings = fgraph.orderings() if hasattr(fgraph, "orderings") else {}
    drafts = [
        None
        if region.lazy
        else build(region.inputs, region.nodes, region.outputs, table, printer, native, orderings=region.orderings(orderings), c_code=c_code)
        for region in regions
    ]
    return drafts, printer.units(UNIT_BODIES)
