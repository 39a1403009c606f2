"""What a step does to one row, done to all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable
from tcore.tensor.careduce import CAReduce, normal_axes
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot, batched_dot, dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.extremes import MaxAndArgmax
from tcore.tensor.indexing import index
from tcore.tensor.subtensor import Subtensor, fill_index
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from tcore.graph import Apply

__all__ = ["batched"]


def batched(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    """All rows of the outputs of an inner node.

    Parameters
    ----------
    node : Apply
        Of the graph of a step.
    rows : dict
        Inner variable -> the outer variable whose row t is its value at step t.
    fixed : dict
        Inner variable -> the outer variable that is its value at every step.

    Returns
    -------
    list of Variable, or None
        None where there is no such form of the op, or an input is neither.
    """
    if not any(v in rows for v in node.inputs):
        return None
    if not all(v in rows or v in fixed or isinstance(v, Constant) for v in node.inputs):
        return None
    form = next((form for kind, form in _FORMS.items() if isinstance(node.op, kind)), None)
    result = None if form is None else form(node, rows, fixed)
    if result is None:
        return None
    results = result if isinstance(result, list) else [result]
    kinds: list[Any] = [output.type for output in node.outputs]
    if any(r.type.dtype != kind.dtype or r.type.broadcastable[1:] != kind.broadcastable for r, kind in zip(results, kinds, strict=True)):
        return None
    return results


def _value(variable: Variable, fixed: dict[Variable, Any]) -> Any:
    return fixed.get(variable, variable)


def _elemwise(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    op: Any = node.op
    if op.inplace_pattern or len(node.outputs) != 1:
        return None
    inputs = [rows[v] if v in rows else _value(v, fixed).dimshuffle("x", *range(v.type.ndim)) for v in node.inputs]
    return op(*inputs)


def _dimshuffle(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    op: Any = node.op
    return rows[node.inputs[0]].dimshuffle(0, *("x" if axis == "x" else axis + 1 for axis in op.new_order))


def _reduction(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    op: Any = node.op
    axes = normal_axes(op.axis, node.inputs[0].type.ndim)
    return op.clone(axis=tuple(axis + 1 for axis in axes))(rows[node.inputs[0]])


def _extreme(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    op: Any = node.op
    axes = normal_axes(op.axis, node.inputs[0].type.ndim)
    return list(type(op)(tuple(axis + 1 for axis in axes)).make_node(rows[node.inputs[0]]).outputs)


def _subtensor(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    x, *scalars = node.inputs
    if x not in rows or not all(isinstance(v, Constant) for v in scalars):
        return None
    op: Any = node.op
    numbers = [int(v.data) for v in scalars]  # type: ignore[attr-defined]
    return index(rows[x], (slice(None), *fill_index(op.idx_list, numbers)))


def _dot(node: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> Any:
    x, y = node.inputs
    ndims = (x.type.ndim, y.type.ndim)
    if x in rows and y in rows:
        a, b = rows[x], rows[y]
        if ndims == (1, 1):
            return batched_dot(a, b)
        # an outer product of each pair of rows is no product worth a call of BLAS
        inner = x.type.broadcastable[-1]
        return None if inner else batched_dot(a, b)
    if x in rows:
        a, b = rows[x], _value(y, fixed)
        if ndims[0] == 1:
            return dot(a, b)
        flat = dot(a.reshape((a.shape[0] * a.shape[1], a.shape[2])), b)
        rest = [b.shape[1]] if ndims[1] == 2 else []
        result = flat.reshape((a.shape[0], a.shape[1], *rest))
        return _marked(result, node.outputs[0])
    a, b = _value(x, fixed), rows[y]
    if ndims == (2, 1):
        return dot(b, a.T)
    return dot(b, a) if ndims == (1, 1) else None


def _marked(result: Any, inner: Any) -> Any:
    """``result``, if it has the flags that rows of ``inner`` need."""
    return result if result.type == TensorType(inner.type.dtype, (False, *inner.type.broadcastable)) else None


_FORMS: dict[type, Any] = {Elemwise: _elemwise, DimShuffle: _dimshuffle, CAReduce: _reduction, MaxAndArgmax: _extreme, Subtensor: _subtensor, Dot: _dot}
