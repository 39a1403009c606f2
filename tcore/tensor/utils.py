"""Small tools: a hash of an array, the shapes of all variables of a graph."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.graph.cloning import clone_replace
from tcore.graph.traversal import ancestors
from tcore.tensor.alloc import alloc
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.rewrites.shape_feature import ShapeFeature
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcore.graph import Variable
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["hash_from_ndarray", "shape_of_variables"]


def hash_from_ndarray(data: np.ndarray) -> str:
    """A text that is the same for arrays of equal data, shape, strides and dtype, in every process.

    Raises
    ------
    TypeError
        For arrays of Python objects: their data are addresses.
    """
    if data.dtype.hasobject:
        raise TypeError(f"an array of dtype {data.dtype} holds Python objects, which have no hash that other processes know")
    layout = repr((data.shape, data.strides, data.dtype.str, data.dtype.descr))
    return hashlib.sha256(layout.encode() + b"\0" + np.ascontiguousarray(data).tobytes()).hexdigest()


def shape_of_variables(fgraph: FunctionGraph, input_shapes: Mapping[Variable, Sequence[int]]) -> dict[Variable, tuple[np.ndarray, ...]]:
    """The shapes that all variables of a graph have, for given shapes of its inputs.

    Parameters
    ----------
    fgraph : FunctionGraph
        Gets a :class:`ShapeFeature`, if it has none.
    input_shapes : dict from input to shape
        For every input that has a shape.

    Returns
    -------
    dict from variable to tuple of int64 scalars

    Raises
    ------
    ValueError
        If the shape of an input is missing or does not fit its type, or if a shape depends on the values of inputs.
    """
    if not hasattr(fgraph, "shape_feature"):
        fgraph.attach_feature(ShapeFeature())
    stand_ins = {x: _StandIn(x, input_shapes) for x in fgraph.inputs if hasattr(x.type, "ndim")}
    shapes = {v: fgraph.shape_feature.shape_of[v] for v in sorted(fgraph.variables, key=str) if hasattr(v.type, "ndim")}  # type: ignore[attr-defined]
    lengths = [as_tensor_variable(np.array(n) if isinstance(n, int) else n) for shape in shapes.values() for n in shape]
    outputs = clone_replace(lengths, {x: stand_in.array for x, stand_in in stand_ins.items()})
    arguments = [v for stand_in in stand_ins.values() for v in (stand_in.element, *stand_in.lengths)]
    compute = function(arguments, outputs, mode=Mode("vm", "fast_run"), on_unused_input="ignore")
    _refuse_values(compute, arguments, list(stand_ins.values()))
    found = iter(compute(*[value for stand_in in stand_ins.values() for value in (0, *stand_in.shape)]))
    return {variable: tuple(next(found) for _ in shape) for variable, shape in shapes.items()}


class _StandIn:
    """An array of the shape of an input, whose elements are not known."""

    def __init__(self, x: Any, input_shapes: Mapping[Variable, Sequence[int]]) -> None:
        if x not in input_shapes:
            raise ValueError(f"shape_of_variables: the shape of the input {x} is missing")
        self.shape = tuple(input_shapes[x])
        flags = x.type.broadcastable
        if len(self.shape) != len(flags) or any(flag and length != 1 for flag, length in zip(flags, self.shape, strict=True)):
            raise ValueError(f"shape_of_variables: {x} of type {x.type} cannot have the shape {self.shape}")
        self.input = x
        self.element: Any = TensorType(x.type.dtype, ())()
        self.lengths = [TensorType("int64", ())() for _ in flags]
        self.array = alloc(self.element, *[1 if flag else length for flag, length in zip(flags, self.lengths, strict=True)])


def _refuse_values(compute: Any, arguments: list[Any], stand_ins: list[_StandIn]) -> None:
    graph = compute.maker.fgraph
    needed = {*ancestors(graph.outputs)}
    inside = dict(zip(arguments, graph.inputs, strict=True))
    for stand_in in stand_ins:
        if inside[stand_in.element] in needed:
            raise ValueError(f"shape_of_variables: a shape depends on the values of {stand_in.input}, not only on its shape")
