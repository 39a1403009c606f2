"""Rewrites of indexing: parts of parts, parts of what is computed, and increments that need not copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore import scalar
from tcore.graph.comparison import equal_computations
from tcore.graph.variable import Constant
from tcore.optimizer.base import FromFunctionLocalOptimizer
from tcore.optimizer.navigators import TopoOptimizer
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, Rewrite, Stage, rewrite
from tcore.tensor._lengths import as_length, greatest, plus, times
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.alloc import Alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.indexing import index
from tcore.tensor.join import MakeVector
from tcore.tensor.math import add, eq, ge, lt, or_, switch
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.rewrites.common import has_value, is_discrete, only_client
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar, tensor_from_scalar
from tcore.tensor.slices import get_canonical_form_slice, slice_length
from tcore.tensor.subtensor import Subtensor, fill_index, index_list

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "merge_two_slices"]

_ALWAYS = (Stage.USELESS, Stage.CANONICALIZE, Stage.SPECIALIZE)
_BOTH = (Stage.CANONICALIZE, Stage.SPECIALIZE)


def _entries(node: Apply, skip: int = 1) -> list[Any]:
    """The index of a node, with known numbers as Python integers and others as scalar variables."""

    def known(value: Any) -> Any:
        number = None if value is None else constant_int(value)
        return value if number is None else number

    op: Any = node.op
    entries = fill_index(op.idx_list, node.inputs[skip:])
    return [slice(known(e.start), known(e.stop), known(e.step)) if isinstance(e, slice) else known(e) for e in entries]


def _is_full(entry: Any, length: Any = None) -> bool:
    """Whether a slice takes the whole axis in order; ``length`` is what is known about the axis."""
    if not isinstance(entry, slice) or entry.start not in (None, 0) or entry.step not in (None, 1):
        return False
    if entry.stop is None:
        return True
    if isinstance(entry.stop, int):
        known = None if length is None else constant_int(length)
        return known is not None and entry.stop >= known
    stop = entry.stop
    if stop.owner is not None and isinstance(stop.owner.op, ScalarFromTensor):
        stop = stop.owner.inputs[0]
    return stop is length or (length is not None and not isinstance(length, int) and equal_computations([stop], [length]))


def _length_of(x: Variable, axis: int) -> Any:
    """What the ShapeFeature of the graph knows about a length, or None."""
    if x.type.broadcastable[axis]:
        return 1
    feature = getattr(x.fgraph, "shape_feature", None)
    return None if feature is None else feature.get_shape(x, axis)


def _indexed(x: Variable, entries: list[Any], old: Variable) -> Variable | None:
    """``x[entries]`` without full slices at the end, if it has the type of ``old``."""
    while entries and isinstance(entries[-1], slice) and entries[-1] == slice(None):
        entries = entries[:-1]
    kept, scalars = index_list(entries)
    result = Subtensor(kept)(x, *scalars) if entries else x
    return result if result.type == old.type else None


@rewrite(*_ALWAYS, tracks=[Subtensor], tags=("fast_compile",))
def local_useless_subtensor(node: Apply) -> Any:
    """x[:, 0:n] -> x, where n is the length of that axis"""
    x = node.inputs[0]
    entries = _entries(node)
    if all(_is_full(entry, _length_of(x, axis)) for axis, entry in enumerate(entries)):
        return [x] if x.type == node.outputs[0].type else False
    return False


@rewrite(*_BOTH, tracks=[Subtensor])
def local_useless_slice(node: Apply) -> Any:
    """x[i, :] -> x[i]; x[0:n:1] -> x[:n]"""
    old = _entries(node)
    new = [_simpler(entry) for entry in old]
    while new and _is_full(new[-1]):
        new.pop()
    if not new or (len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))):
        return False
    result = _indexed(node.inputs[0], new, node.outputs[0])
    return False if result is None else [result]


def _simpler(entry: Any) -> Any:
    """The slice without parts that say nothing; the entry itself where there are none."""
    if not isinstance(entry, slice):
        return entry
    step = None if entry.step == 1 else entry.step
    start = None if entry.start == 0 and step is None else entry.start
    return entry if start is entry.start and step is entry.step else slice(start, entry.stop, step)


def _merged_entry(first: Any, second: Any) -> Any:
    """One index equal to ``first`` (a slice) and then ``second`` on the same axis, for every length; None if none is known."""
    if isinstance(second, slice) and second == slice(None):
        return first
    if first == slice(None):
        return second
    start = 0 if first.start is None else first.start
    if not isinstance(start, int) or start < 0 or first.step not in (None, 1):
        return None
    if not isinstance(second, slice):
        # an index outside the slice must stay an error, so its upper bound must be that of the axis
        return start + second if first.stop is None and isinstance(second, int) and second >= 0 else None
    low = 0 if second.start is None else second.start
    if not isinstance(low, int) or low < 0:
        return None
    step = 1 if second.step is None else second.step
    if not isinstance(step, int) or step < 1:
        return None
    outer, inner = first.stop, second.stop
    if not (outer is None or isinstance(outer, int)) or not (inner is None or isinstance(inner, int)):
        return None
    if inner is None:
        high = outer
    elif outer is None:
        # a negative stop counts from the end, which is that of the axis
        high = inner if inner < 0 else start + inner
    elif outer >= 0 and inner >= 0:
        high = min(outer, start + inner)
    else:
        return None
    return slice(start + low, high, None if step == 1 else step)


@rewrite(*_BOTH, tracks=[Subtensor], tags=("fast_compile",))
def local_subtensor_merge(node: Apply) -> Any:
    """x[a][b] -> x[c], where one index does the same whatever the lengths are"""
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Subtensor):
        return False
    first, second = _entries(inner), _entries(node)
    merged = []
    remaining = list(second)
    for entry in first:
        if not isinstance(entry, slice) or not remaining:
            merged.append(entry)
            continue
        both = _merged_entry(entry, remaining.pop(0))
        if both is None:
            return False
        merged.append(both)
    result = _indexed(inner.inputs[0], merged + remaining, node.outputs[0])
    return False if result is None else [result]


def merge_two_slices(slice1: slice, len1: Any, slice2: Any, len2: Any) -> Any:
    """One slice, or index, equal to two on the same axis.

    Parameters
    ----------
    slice1 : slice
    len1 : int or integer scalar
        Length of the axis before ``slice1``.
    slice2 : slice or int or integer scalar
    len2 : int or integer scalar
        Length of the axis after ``slice1``.

    Returns
    -------
    slice or index
        Not in canonical form. A ``slice2`` outside the axis gives an index outside it.
    """
    if not isinstance(slice1, slice):
        raise TypeError(f"merge_two_slices: slice1 is a slice, got {slice1!r}")
    len1, len2 = as_length(len1), as_length(len2)
    lower, direction = get_canonical_form_slice(slice1, len1)
    step1 = as_length(lower.step if lower.step is not None else 1)
    # place p of the first result is place `base + p * stride` of the axis
    if direction == 1:
        base, stride = as_length(lower.start), step1
    else:
        stride = times(step1, -1)
        base = plus(as_length(lower.start), times(plus(len2, -1), step1))
    if not isinstance(slice2, slice):
        place = as_length(slice2)
        if isinstance(place, int) and isinstance(len2, int):
            if not -len2 <= place < len2:
                return len1
            return plus(base, times(place % len2, stride))
        forward = switch(lt(place, 0), place + len2, place)
        return switch(or_(lt(forward, 0), ge(forward, len2)), len1, plus(base, times(forward, stride)))
    upper, direction2 = get_canonical_form_slice(slice2, len2)
    count = slice_length(slice2, len2)
    step2 = as_length(upper.step if upper.step is not None else 1)
    low2 = as_length(upper.start)
    if direction2 == -1:
        low2 = plus(low2, times(greatest(plus(count, -1), 0), step2))
        step2 = times(step2, -1)
    step = times(stride, step2)
    start = plus(base, times(low2, stride))
    stop = plus(start, times(count, step))
    if isinstance(count, int) and count == 0:
        return slice(0, 0, 1)
    if isinstance(step, int) and isinstance(stop, int) and isinstance(count, int):
        return slice(start, None if stop < 0 else stop, step)
    # a stop below 0 would count from the end: say "before the first element" in a way that no length changes
    before = plus(times(len1, -1), -1)
    stop = switch(lt(stop, 0), before, stop)
    empty = eq(count, 0)
    return slice(switch(empty, 0, start), switch(empty, 0, stop), step)


@rewrite(*_BOTH, tracks=[Subtensor])
def local_subtensor_lift(node: Apply) -> Any:
    """f(x)[i] -> f(x[i]), for elementwise f whose other inputs are the same everywhere, when nothing else uses f(x)"""
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Elemwise) or inner.op.inplace_pattern or len(inner.outputs) != 1:
        return False
    if not only_client(node.inputs[0]):
        return False
    wide = [x for x in inner.inputs if not all(x.type.broadcastable)]
    if len(wide) > 1 or (not wide and len(inner.inputs) != 1):
        return False
    part = wide[0] if wide else inner.inputs[0]
    if part.type.broadcastable != inner.outputs[0].type.broadcastable:
        return False
    taken = node.op(part, *node.inputs[1:])
    ndim = taken.type.ndim
    others = []
    for x in inner.inputs:
        if x is part:
            others.append(taken)
        else:
            # broadcastable everywhere: any of its axes may go
            others.append(x.dimshuffle(*range(x.type.ndim - ndim, x.type.ndim)) if x.type.ndim != ndim else x)
    result = inner.op(*others)
    return [result] if result.type == node.outputs[0].type else False


@rewrite(*_ALWAYS, tracks=[Subtensor], tags=("fast_compile",))
def local_subtensor_make_vector(node: Apply) -> Any:
    """MakeVector(a, b, c)[1] -> b; MakeVector(a, b, c)[1:] -> MakeVector(b, c)"""
    op: Any = node.op
    maker = node.inputs[0].owner
    if maker is not None and isinstance(maker.op, Rebroadcast):
        maker = maker.inputs[0].owner  # a vector of one element without its mark
    if maker is None or not isinstance(maker.op, MakeVector) or len(op.idx_list) != 1:
        return False
    (entry,) = _entries(node)
    if isinstance(entry, int):
        if not -len(maker.inputs) <= entry < len(maker.inputs):
            return False  # it raises when it runs
        chosen = maker.inputs[entry]
        return [chosen] if chosen.type == node.outputs[0].type else False
    if not isinstance(entry, slice) or any(p is not None and not isinstance(p, int) for p in (entry.start, entry.stop, entry.step)):
        return False
    result = maker.op(*maker.inputs[entry])
    return [result] if result.type == node.outputs[0].type else False


@rewrite(*_BOTH, tracks=[Subtensor])
def local_subtensor_of_alloc(node: Apply) -> Any:
    """alloc(v, n, m)[i:j] -> alloc(v[i:j], j - i, m), with v indexed only where it is not broadcastable"""
    maker = node.inputs[0].owner
    if maker is None or not isinstance(maker.op, Alloc):
        return False
    value, *lengths = maker.inputs
    offset = len(lengths) - value.type.ndim
    entries = _entries(node)
    entries += [slice(None)] * (len(lengths) - len(entries))
    value_entries: list[Any] = []
    new_lengths: list[Any] = []
    for axis, (entry, length) in enumerate(zip(entries, lengths, strict=True)):
        known = constant_int(length)
        if isinstance(entry, slice):
            if entry.step == 0:
                return False
            parts = [tensor_from_scalar(p) if p is not None and not isinstance(p, int) else p for p in (entry.start, entry.stop, entry.step)]
            new_lengths.append(length if entry == slice(None) else slice_length(slice(*parts), length))
        elif not (isinstance(entry, int) and known is not None and -known <= entry < known):
            return False  # whether the index is valid is not known: that check must stay
        if axis >= offset:
            if not value.type.broadcastable[axis - offset]:
                value_entries.append(entry)
            else:
                value_entries.append(slice(None) if isinstance(entry, slice) else 0)
    if all(isinstance(entry, slice) and entry == slice(None) for entry in value_entries):
        part = value
    else:
        kept, scalars = index_list(value_entries)
        part = Subtensor(kept)(value, *scalars)
    if any(constant_int(n) == 1 and not flag for n, flag in zip(new_lengths[::-1], part.type.broadcastable[::-1], strict=False)):
        return False  # one element is left, which no type says, neither that of the part nor that of the node
    result = maker.op(part, *new_lengths)
    return [result] if result.type == node.outputs[0].type else False


@rewrite(*_BOTH, tracks=[Subtensor])
def local_subtensor_of_dot(node: Apply) -> Any:
    """dot(a, b)[i, j] -> dot(a[i], b[:, j]), when nothing else uses the product"""
    op: Any = node.op
    product = node.inputs[0].owner
    if product is None or not isinstance(product.op, Dot) or not only_client(node.inputs[0]):
        return False
    a, b = product.inputs
    entries = fill_index(op.idx_list, node.inputs[1:])
    kept = a.type.ndim - 1
    left = index(a, tuple(entries[:kept])) if entries[:kept] else a
    right = index(b, (slice(None), *entries[kept:])) if entries[kept:] else b
    result = product.op(left, right)
    return [result] if result.type == node.outputs[0].type else False


def _same_scalar(a: Any, b: Any) -> bool:
    """Whether two index scalars are surely equal, also before duplicates are merged."""
    if a is b or (isinstance(a, Constant) and a.equals(b)):
        return True
    if a.owner is None or b.owner is None:
        return False
    return isinstance(a.owner.op, ScalarFromTensor) and a.owner.op == b.owner.op and a.owner.inputs[0] is b.owner.inputs[0]


@rewrite(*_BOTH, tracks=[Subtensor])
def local_subtensor_inc_subtensor(node: Apply) -> Any:
    """set_subtensor(x[i], y)[i] -> y, where y has the shape of that part"""
    op: Any = node.op
    writer = node.inputs[0].owner
    if writer is None or not isinstance(writer.op, IncSubtensor) or not writer.op.set_instead_of_inc:
        return False
    if writer.op.idx_list != op.idx_list or len(writer.inputs) != len(node.inputs) + 1:
        return False
    for mine, theirs in zip(node.inputs[1:], writer.inputs[2:], strict=True):
        if not _same_scalar(mine, theirs):
            return False
    y, out = writer.inputs[1], node.outputs[0]
    if y.type != out.type:
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    # a value of length 1 without a mark is broadcast when it runs
    return [y] if out.type.ndim == 0 or (feature is not None and feature.same_shape(y, out)) else False


def _sets_or_is_discrete(node: Apply) -> bool:
    return node.op.set_instead_of_inc or is_discrete(node)  # type: ignore[attr-defined]


@rewrite(*_BOTH, tracks=[IncSubtensor], tags=(ASSUME_FINITE,), exact=_sets_or_is_discrete)
def local_useless_inc_subtensor(node: Apply) -> Any:
    """set_subtensor(x[:], y) -> y, and inc_subtensor of zeros as well, where y has the shape of x"""
    op: Any = node.op
    x, y = node.inputs[:2]
    if y.type != node.outputs[0].type:
        return False
    if not op.set_instead_of_inc and not has_value(x, 0):
        return False
    if not all(_is_full(entry, _length_of(x, axis)) for axis, entry in enumerate(_entries(node, skip=2))):
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    return [y] if feature is not None and feature.same_shape(x, y) else False


# 0.0 + -0.0 is 0.0
@rewrite(*_BOTH, tracks=[IncSubtensor], tags=(ASSUME_FINITE,), exact=is_discrete)
def local_incsubtensor_of_zeros_to_setsubtensor(node: Apply) -> Any:
    """inc_subtensor(zeros[i], y) -> set_subtensor(zeros[i], y)"""
    op: Any = node.op
    if op.set_instead_of_inc or op.inplace or not has_value(node.inputs[0], 0):
        return False
    return [evolve(op, set_instead_of_inc=True)(*node.inputs)]


@rewrite(*_ALWAYS, tracks=[TensorFromScalar], tags=("fast_compile",))
def local_tensor_scalar_tensor(node: Apply) -> Any:
    """TensorFromScalar(ScalarFromTensor(x)) -> x"""
    inner = node.inputs[0].owner
    return [inner.inputs[0]] if inner is not None and isinstance(inner.op, ScalarFromTensor) else False


@rewrite(*_ALWAYS, tracks=[ScalarFromTensor], tags=("fast_compile",))
def local_scalar_tensor_scalar(node: Apply) -> Any:
    """ScalarFromTensor(TensorFromScalar(s)) -> s"""
    inner = node.inputs[0].owner
    return [inner.inputs[0]] if inner is not None and isinstance(inner.op, TensorFromScalar) else False


_INCREMENTS = (IncSubtensor, AdvancedIncSubtensor1, AdvancedIncSubtensor)


def _increment_serialize(node: Apply) -> Any:
    """add(x, inc(a, b, i), inc(c, d, j)) -> inc(inc(add(x, a, c), b, i), d, j), so that the increments can work in place"""
    op: Any = node.op
    out = node.outputs[0]
    if not isinstance(op.scalar_op, scalar.Add) or op.inplace_pattern:
        return False

    def movable(x: Variable) -> bool:
        return (
            x.owner is not None
            and isinstance(x.owner.op, _INCREMENTS)
            and not x.owner.op.set_instead_of_inc
            and not x.owner.op.inplace
            and x.type == out.type
            and only_client(x)
        )

    moved = [x for x in node.inputs if movable(x)]
    rest = [x for x in node.inputs if not movable(x)]
    if not moved or (len(moved) == 1 and not rest):
        return False
    bases = rest + [x.owner.inputs[0] for x in moved]
    result = add(*bases)
    if result.type != out.type:
        return False
    for x in moved:
        result = x.owner.op(result, *x.owner.inputs[1:])
    return [result]


def _discrete_increment_serialize(node: Apply) -> Any:
    return _increment_serialize(node) if is_discrete(node) else False


local_IncSubtensor_serialize = FromFunctionLocalOptimizer(_increment_serialize, [Elemwise], name="local_IncSubtensor_serialize")
_exact_serialize = FromFunctionLocalOptimizer(_discrete_increment_serialize, [Elemwise], name="local_IncSubtensor_serialize")


REWRITES: tuple[Rewrite | GlobalRewrite, ...] = (
    local_useless_subtensor,
    local_useless_slice,
    local_subtensor_merge,
    local_subtensor_lift,
    local_subtensor_make_vector,
    local_subtensor_of_alloc,
    local_subtensor_of_dot,
    local_subtensor_inc_subtensor,
    local_useless_inc_subtensor,
    local_incsubtensor_of_zeros_to_setsubtensor,
    local_tensor_scalar_tensor,
    local_scalar_tensor_scalar,
    GlobalRewrite(
        "pre_local_IncSubtensor_serialize",
        TopoOptimizer(local_IncSubtensor_serialize),
        0.99,
        ("fast_run", "local_IncSubtensor_serialize", ASSUME_FINITE),  # the name by which the documentation excludes it
        exact=TopoOptimizer(_exact_serialize),
    ),
)
