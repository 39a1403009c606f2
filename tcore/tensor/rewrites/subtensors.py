"""Indexing: towards the inputs, where less is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.comparison import equal_computations
from tcore.graph.variable import Constant, Variable
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.tensor.alloc import Alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.join import MakeVector
from tcore.tensor.math import add
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.rewrites.common import fitted, only_client
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
from tcore.tensor.subtensor import Subtensor, get_idx_list

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES", "merge_two_slices"]


def _index(node: Apply) -> tuple[Any, ...]:
    """The index of a node with numbers where they are constants."""
    return tuple(_plain(entry) for entry in get_idx_list(node.inputs[1:], node.op.idx_list))  # type: ignore[attr-defined]


def _plain(entry: Any) -> Any:
    if isinstance(entry, slice):
        return slice(*(_plain(part) for part in (entry.start, entry.stop, entry.step)))
    if isinstance(entry, Constant):
        return int(entry.data)
    return entry


def _is_full(entry: Any) -> bool:
    return isinstance(entry, slice) and entry.start in (None, 0) and entry.stop is None and entry.step in (None, 1)


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_useless_slice(node: Apply) -> Any:
    """x[i, :] -> x[i]; x[0:n:1] -> x[:n]"""
    index = list(_index(node))
    simpler: list[Any] = [
        slice(None if e.start == 0 and e.step in (None, 1) else e.start, e.stop, None if e.step == 1 else e.step)
        if isinstance(e, slice)
        else e
        for e in index
    ]
    while simpler and _is_full(simpler[-1]):
        simpler.pop()
    if simpler == index or not _changed(simpler, index):
        return False
    x: Any = node.inputs[0]
    return [fitted(x[tuple(simpler)], node.outputs[0])] if simpler else [x]


def _changed(first: list[Any], other: list[Any]) -> bool:
    return len(first) != len(other) or any(
        (isinstance(a, slice) and (a.start is not b.start or a.step is not b.step))
        for a, b in zip(first, other, strict=True)
    )


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_useless_subtensor(node: Apply) -> Any:
    """x[0:length of x] -> x"""
    x: Any = node.inputs[0]
    if x.type != node.outputs[0].type:
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    for axis, entry in enumerate(_index(node)):
        if not isinstance(entry, slice) or entry.start not in (None, 0) or entry.step not in (None, 1):
            return False
        if entry.stop is None:
            continue
        if feature is None:
            return False
        length = feature.shape_of[x][axis]
        if isinstance(entry.stop, int):
            known = constant_int(length)
            if known is None or entry.stop < known:
                return False
        else:
            stop = entry.stop
            if isinstance(stop.owner, object) and stop.owner is not None and isinstance(stop.owner.op, ScalarFromTensor):
                stop = stop.owner.inputs[0]
            if isinstance(length, int) or not (stop is length or equal_computations([stop], [length])):
                return False
    return [x]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor], tags=("fast_compile",))
def local_subtensor_make_vector(node: Apply) -> Any:
    """make_vector(a, b, c)[1] -> b; make_vector(a, b, c)[1:] -> make_vector(b, c)"""
    (x, *_) = node.inputs
    if x.owner is not None and isinstance(x.owner.op, Rebroadcast):  # a vector of one entry, marked as a vector
        (x,) = x.owner.inputs
    if x.owner is None or not isinstance(x.owner.op, MakeVector):
        return False
    (entry,) = _index(node) or (slice(None),)
    entries = x.owner.inputs
    if isinstance(entry, int):
        if not -len(entries) <= entry < len(entries):
            return False
        return [fitted(entries[entry], node.outputs[0])]
    if isinstance(entry, slice) and all(part is None or isinstance(part, int) for part in (entry.start, entry.stop, entry.step)):
        chosen = x.owner.op(*entries[entry])
        return [chosen] if chosen.type == node.outputs[0].type else False
    return False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_subtensor_lift(node: Apply) -> Any:
    """f(x, y)[i] -> f(x[i], y[i]), for elementwise f whose result nobody else needs"""
    x: Any = node.inputs[0]
    inner = x.owner
    if inner is None or not isinstance(inner.op, Elemwise) or inner.op.inplace_pattern or not only_client(x):
        return False
    if len(inner.outputs) != 1 or not _index(node):
        return False
    index = get_idx_list(node.inputs[1:], node.op.idx_list)  # type: ignore[attr-defined]
    inputs = []
    for variable in inner.inputs:
        flags = variable.type.broadcastable
        if any(flag and not wide for flag, wide in zip(flags, x.type.broadcastable, strict=True)):
            if not all(flags):
                return False
            # a scalar: the same for any index, with fewer axes
            inputs.append(variable.dimshuffle())
        else:
            inputs.append(variable[index])
    result = inner.op(*inputs)
    return [fitted(result, node.outputs[0])] if result.type.ndim == node.outputs[0].type.ndim else False  # type: ignore[attr-defined]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_subtensor_of_alloc(node: Apply) -> Any:
    """alloc(v, shape)[i] -> alloc(v, shape of the part), for scalars v"""
    x: Any = node.inputs[0]
    out: Any = node.outputs[0]
    if x.owner is None or not isinstance(x.owner.op, Alloc) or x.owner.inputs[0].type.ndim:
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    if feature is None or not all(isinstance(entry, slice) for entry in _index(node)):
        return False  # an index out of range must go on being an error
    lengths = [feature.get_shape(out, axis) for axis in range(out.type.ndim)]
    return [fitted(x.owner.op(x.owner.inputs[0], *lengths), out)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_subtensor_of_dot(node: Apply) -> Any:
    """dot(x, y)[i, j] -> dot(x[i], y[:, j]), for matrices"""
    product: Any = node.inputs[0]
    if product.owner is None or not isinstance(product.owner.op, Dot) or not only_client(product):
        return False
    x, y = product.owner.inputs
    if x.type.ndim != 2 or y.type.ndim != 2:
        return False
    index = get_idx_list(node.inputs[1:], node.op.idx_list)  # type: ignore[attr-defined]
    left = x[index[0]] if index else x
    right = y[:, index[1]] if len(index) > 1 else y
    result = product.owner.op(left, right)
    return [result] if result.type == node.outputs[0].type else False


def merge_two_slices(slice1: slice, len1: Any, slice2: Any, len2: Any) -> Any:
    """One slice or index that selects what ``slice1`` and then ``slice2`` do.

    ``len1`` is the length before ``slice1``, ``len2`` the length after it. Known for slices of integers without negative
    bounds and with positive steps; None otherwise.
    """
    start, stop, step = slice1.start or 0, slice1.stop, slice1.step or 1
    if not isinstance(step, int) or step <= 0 or not isinstance(start, int) or start < 0:
        return None
    if stop is not None and (not isinstance(stop, int) or stop < 0):
        return None
    if isinstance(slice2, slice):
        start2, stop2, step2 = slice2.start or 0, slice2.stop, slice2.step or 1
        if any(not isinstance(part, int) or part < 0 for part in (start2, step2)) or step2 == 0:
            return None
        if stop2 is not None and (not isinstance(stop2, int) or stop2 < 0):
            return None
        last = None if stop2 is None else start + stop2 * step
        if stop is not None:
            last = stop if last is None else min(stop, last)
        return slice(start + start2 * step, last, step * step2)
    if isinstance(slice2, int) and slice2 >= 0:
        place = start + slice2 * step
        # beyond the end of slice1 an index must go on being an error
        return place if stop is None or place < stop else None
    return None


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_subtensor_merge(node: Apply) -> Any:
    """x[a:b][c:d] -> x[a + c:…]; x[a:b][i] -> x[a + i]"""
    inner_out: Any = node.inputs[0]
    inner = inner_out.owner
    if inner is None or not isinstance(inner.op, Subtensor):
        return False
    first, second = _index(inner), list(_index(node))
    merged: list[Any] = []
    for entry in first:
        if not isinstance(entry, slice):
            merged.append(entry)
        elif not second:
            merged.append(entry)
        else:
            other = second.pop(0)
            both = entry if _is_full(other) else other if _is_full(entry) else merge_two_slices(entry, None, other, None)
            if both is None:
                return False
            merged.append(both)
    result = inner.inputs[0][(*merged, *second)]
    return [result] if result.type == node.outputs[0].type else False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Subtensor])
def local_subtensor_inc_subtensor(node: Apply) -> Any:
    """set_subtensor(x[i], y)[i] -> y"""
    changed: Any = node.inputs[0]
    inner = changed.owner
    if inner is None or not isinstance(inner.op, IncSubtensor) or not inner.op.set_instead_of_inc:
        return False
    if inner.op.idx_list != node.op.idx_list or not _same_index(inner.inputs[2:], node.inputs[1:]):  # type: ignore[attr-defined]
        return False
    y = inner.inputs[1]
    return [fitted(y, node.outputs[0])]


def _same_index(first: list[Variable], other: list[Variable]) -> bool:
    return len(first) == len(other) and equal_computations(list(first), list(other))


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[IncSubtensor])
def local_useless_inc_subtensor(node: Apply) -> Any:
    """set_subtensor(x[:], y) -> y"""
    op: Any = node.op
    x, y = node.inputs[:2]
    if not op.set_instead_of_inc or x.type != y.type or not all(map(_is_full, _index_of_increment(node))):
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    return [y] if feature is not None and feature.same_shape(x, y) else False


def _index_of_increment(node: Apply) -> tuple[Any, ...]:
    return tuple(_plain(entry) for entry in get_idx_list(node.inputs[2:], node.op.idx_list))  # type: ignore[attr-defined]


@rewrite(tracks=[add])
def local_IncSubtensor_serialize(node: Apply) -> Any:  # noqa: N802 - the documented name
    """x + inc(a, b, i) + inc(c, d, j) -> inc(inc(x + a + c, b, i), d, j): all of them can then work in place"""
    out: Any = node.outputs[0]

    def movable(variable: Any) -> bool:
        inner = variable.owner
        return (
            inner is not None
            and isinstance(inner.op, IncSubtensor)
            and not inner.op.set_instead_of_inc
            and not inner.op.inplace
            and only_client(variable)
            and variable.type == out.type
        )

    movables = [variable for variable in node.inputs if movable(variable)]
    if not movables:
        return False
    rest = [variable for variable in node.inputs if variable not in movables]
    total: Any = add(*rest, *[v.owner.inputs[0] for v in movables])  # type: ignore[union-attr]
    if total.type != out.type:
        return False
    for variable in movables:
        assert variable.owner is not None
        total = variable.owner.op(total, *variable.owner.inputs[1:])
    return [total]


@rewrite(Stage.USELESS, Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[TensorFromScalar, ScalarFromTensor], tags=("fast_compile",))
def local_tensor_scalar_tensor(node: Apply) -> Any:
    """tensor_from_scalar(scalar_from_tensor(x)) -> x, and the other way round"""
    (x,) = node.inputs
    inner = x.owner
    if inner is None or not isinstance(inner.op, (TensorFromScalar, ScalarFromTensor)) or type(inner.op) is type(node.op):
        return False
    return [inner.inputs[0]] if inner.inputs[0].type == node.outputs[0].type else False


REWRITES: list[Rewrite | GlobalRewrite] = [
    local_useless_slice,
    local_useless_subtensor,
    local_subtensor_make_vector,
    local_subtensor_lift,
    local_subtensor_of_alloc,
    local_subtensor_of_dot,
    local_subtensor_merge,
    local_subtensor_inc_subtensor,
    local_useless_inc_subtensor,
    GlobalRewrite(
        "pre_local_IncSubtensor_serialize", in2out(local_IncSubtensor_serialize.rule), 0.99, ("fast_run",)
    ),
    local_tensor_scalar_tensor,
]
