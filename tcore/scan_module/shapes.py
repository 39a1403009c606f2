"""Shapes of the outputs of a loop, from those of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Constant, FunctionGraph, Variable, ancestors, clone, clone_replace
from tcore.scan_module.layout import depth_of
from tcore.tensor._lengths import least, plus
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.rewrites.shape_feature import ShapeFeature
from tcore.tensor.shape import Shape_i

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply

__all__ = ["inner_lengths", "output_shapes"]


def inner_lengths(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[list[Variable], list[list[Variable]]]:
    """A copy of the inputs, and for each of ``outputs`` its lengths as int64 scalars that depend on that copy."""
    inner_inputs, inner_outputs = clone(inputs, outputs)
    fgraph = FunctionGraph(inner_inputs, inner_outputs, clone=False, features=[ShapeFeature()])
    feature: ShapeFeature = fgraph.shape_feature  # type: ignore[attr-defined]
    return inner_inputs, [[feature.get_shape(v, axis) for axis in range(v.type.ndim)] for v in fgraph.outputs]


def output_shapes(op: Any, node: Apply, shapes: Sequence[Any]) -> list[Any]:
    """As ``infer_shape`` gives them."""
    layout = op.layout
    given, outputs = layout.outer_inputs(shapes), layout.outer_outputs(node.outputs)
    outer = layout.outer_inputs(node.inputs)
    n_steps = outputs.steps[0] if outputs.steps else outer.n_steps
    keeps = iter(outer.keeps)

    def rows(depth: int) -> Any:
        total, keep = plus(depth, n_steps), next(keeps)
        return total if keep is None else least(keep, total)

    states = [(rows(depth_of(taps)), *shape[1:]) for taps, shape in zip(layout.state_taps, given.states, strict=True)]
    lengths = _row_lengths(op, node, given) if layout.n_nitsots else []
    nitsots = [(rows(0), *row) for row in lengths]
    return [*given.mitmots, *states, *nitsots, *given.shareds, *([()] if layout.until else [])]


def _row_lengths(op: Any, node: Apply, given: Any) -> list[list[Any]]:
    """For each nitsot the lengths of a row, in terms of the outer graph; read from the output where values inside decide."""
    layout = op.layout
    outer = layout.outer_inputs(node.inputs)
    inputs, lengths = inner_lengths(op.inner_inputs, layout.inner_outputs(op.inner_outputs).nitsots)
    inner = layout.inner_inputs(inputs)
    shape_of: dict[Variable, Any] = {}
    for variable, shape in zip(inner.seqs, given.seqs, strict=True):
        shape_of[variable] = None if shape is None else shape[1:]
    for group, shape in zip((*inner.mitmots, *inner.states), (*given.mitmots, *given.states), strict=True):
        shape_of.update(dict.fromkeys(group, shape[1:]))
    shape_of.update(zip((*inner.shareds, *inner.non_seqs), (*given.shareds, *given.non_seqs), strict=True))
    outside = dict(zip(inner.non_seqs, outer.non_seqs, strict=True))
    own = set(inputs)

    def in_outer_terms(length: Variable) -> Any:
        replace: dict[Variable, Variable] = {}
        for variable in ancestors([length]):
            made = variable.owner
            if made is not None and isinstance(made.op, Shape_i) and made.inputs[0] in own and shape_of[made.inputs[0]] is not None:
                known = shape_of[made.inputs[0]][made.op.i]
                replace[variable] = as_tensor_variable(np.array(known, "int64")) if isinstance(known, int) else known
        result = clone_replace(length, {**replace, **outside})
        left = [v for v in ancestors([result], [*replace.values(), *outer.non_seqs]) if v in own]
        return None if left else result

    found = []
    for output, row in zip(layout.outer_outputs(node.outputs).nitsots, lengths, strict=True):
        of_row = [length.data.item() if isinstance(length, Constant) else in_outer_terms(length) for length in row]
        found.append([Shape_i(axis + 1)(output) if length is None else length for axis, length in enumerate(of_row)])
    return found
