"""Loops that keep no more rows than are used, and that work in memory which nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from tcore.compile.mode import mode_in_use
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.errors import InconsistencyError
from tcore.graph.features import ReplaceValidate
from tcore.optimizer import rewrite
from tcore.optimizer.base import Optimizer
from tcore.optimizer.tracing import inherit
from tcore.scan_module.layout import depth_of
from tcore.scan_module.op import Scan
from tcore.scan_module.parts import State
from tcore.scan_module.rewrites.common import is_loop, opened
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import maximum
from tcore.tensor.subtensor import Subtensor, fill_index

if TYPE_CHECKING:
    from tcore.graph import Apply, FunctionGraph, Variable

__all__ = ["ScanInplaceOptimizer", "ScanSaveMem", "scan_mode_of_function"]


def _first_entry(node: Any) -> Any:
    """The index of a node along the first axis: an int, a slice of ints and None; None where it is not known."""
    if node == "output" or not isinstance(node.op, Subtensor) or not node.op.idx_list:
        return None
    entry = fill_index(node.op.idx_list, node.inputs[1:])[0]
    if not isinstance(entry, slice):
        return constant_int(entry)
    parts = [None if part is None else constant_int(part) for part in (entry.start, entry.stop, entry.step)]
    given = (entry.start, entry.stop, entry.step)
    return None if any(have is None and part is not None for have, part in zip(parts, given, strict=True)) else slice(*parts)


def _rows_from_end(entry: Any) -> int | None:
    """How many of the last rows an index reads, whatever their number; None where it may be all."""
    if isinstance(entry, int):
        return -entry if entry < 0 else None
    if isinstance(entry, slice) and entry.start is not None and entry.start < 0 and entry.step in (None, 1):
        return -entry.start if entry.stop is None or entry.stop < 0 else None
    return None


def _wanted(output: Variable) -> tuple[int, list[tuple[Any, int]]] | None:
    """How many last rows of an output are read, and the slices ``output[s:]`` that are read from the end; None where all may be."""
    most, slices = 0, []
    for client, position in output.clients:
        entry = _first_entry(client) if position == 0 else None
        direct = _rows_from_end(entry)
        if direct is not None:
            most = max(most, direct)
            continue
        if not isinstance(entry, slice) or entry.start is None or entry.start < 0 or entry.stop is not None or entry.step not in (None, 1):
            return None
        if len(client.op.idx_list) != 1:
            return None
        for user, place in client.outputs[0].clients:
            further = _rows_from_end(_first_entry(user)) if place == 0 else None
            if further is None:
                return None
            most = max(most, further)
        slices.append((client, entry.start))
    return most, slices


@rewrite(tracks=[Scan], name="scanOp_save_mem")
def ScanSaveMem(node: Apply) -> Any:
    """scan(f, x)[-1] -> the same of a scan that keeps no more than its last rows"""
    if not is_loop(node):
        return False
    loop = opened(node)
    parts = loop.parts
    known_steps = constant_int(parts.n_steps)
    cut: dict[Any, list[tuple[Any, int]]] = {}
    for record in parts.stacked():
        found = _wanted(loop.output_of[record]) if record.keep is None else None
        if found is None:
            continue
        keep, slices = found
        depth = depth_of(record.taps) if isinstance(record, State) else 0
        if known_steps is not None and keep >= depth + known_steps:
            continue
        record.keep = as_tensor_variable(np.array(keep, "int64"))
        cut[record] = slices
    if not cut:
        return False
    replacements: dict[Any, Any] = dict(loop.rebuilt())
    n_steps = replacements[loop.steps] if loop.steps is not None else parts.n_steps
    for record, slices in cut.items():
        depth = depth_of(record.taps) if isinstance(record, State) else 0
        new: Any = replacements[loop.output_of[record]]
        # what went away stood before the rows that stay: it counts in the bounds of slices
        dropped = maximum(depth + n_steps - record.keep, 0)
        for client, start in slices:
            replacements[client.outputs[0]] = new[maximum(start - dropped, 0) :]
    return replacements


class ScanInplaceOptimizer(Optimizer):
    """scan(f, s) -> the same in the memory of the first rows s, where nothing else needs them and no more rows are kept."""

    name = "scanOp_make_inplace"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Validation of in-place ops."""
        fgraph.attach_feature(ReplaceValidate())
        fgraph.attach_feature(DestroyHandler())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Try each output of each loop."""
        for node in fgraph.toposort():
            if is_loop(node):
                self._visit(fgraph, node)

    def _visit(self, fgraph: FunctionGraph, node: Apply) -> None:
        op: Any = node.op
        layout = op.layout
        keeps = layout.outer_inputs(node.inputs).keeps
        candidates = list(range(layout.n_mitmots))
        for k, taps in enumerate(layout.state_taps):
            keep = None if keeps[k] is None else constant_int(keeps[k])
            if keep is not None and keep <= depth_of(taps):
                candidates.append(layout.n_mitmots + k)
        done: tuple[int, ...] = ()
        current = node
        for trial in ([candidates] if len(candidates) > 1 else []) + [[each] for each in candidates]:
            places = tuple(sorted({*done, *trial}))
            if places == done:
                continue
            new = Scan(op.fgraph, layout, evolve(op.options, inplace=places)).make_node(*current.inputs)
            for old_output, new_output in zip(current.outputs, new.outputs, strict=True):
                inherit(old_output, new_output)
            try:
                fgraph.replace_all_validate(list(zip(current.outputs, new.outputs, strict=True)), reason=self.name)  # type: ignore[attr-defined]
            except InconsistencyError:
                continue
            current, done = new, places


@rewrite(tracks=[Scan], name="scan_mode_of_function")
def scan_mode_of_function(node: Apply) -> Any:
    """scan(f) -> the same that knows the mode of the function around it"""
    op: Any = node.op
    mode = mode_in_use()
    if op.options.function_mode is mode:
        return False
    return Scan(op.fgraph, op.layout, evolve(op.options, function_mode=mode)).make_node(*node.inputs).outputs
