"""Programs of ops that move elements: views, joins, fills and ranges, reads and writes through indices."""

from __future__ import annotations

import functools

from conformance_programs import Program, tensor

import tcore.tensor as T
from tcore import scalar
from tcore.compile.copy_ops import DeepCopyOp, ViewOp
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor, AdvancedSubtensor1
from tcore.tensor.alloc import Alloc, AllocEmpty, Eye
from tcore.tensor.assertion import Assert
from tcore.tensor.diagonals import AllocDiag, ExtractDiag
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.index_tricks import RavelMultiIndex, UnravelIndex
from tcore.tensor.indexing import MaskIndices
from tcore.tensor.join import Join, MakeVector, Split
from tcore.tensor.manipulation import CpuContiguous, Repeat
from tcore.tensor.ranges import ARange
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.reshape import Reshape
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
from tcore.tensor.searching import BinCount, SearchsortedOp, Unique
from tcore.tensor.shape import Shape, Shape_i, SpecifyShape
from tcore.tensor.sorting import ArgSortOp, SortOp

__all__ = ["advanced", "checks", "counts", "diagonals", "fills", "joins", "numbered", "places", "ranges", "searches", "vectors", "views", "writes"]


def _used(view):
    """A kernel that reads the view: its index arithmetic."""
    return Elemwise(scalar.Cast(scalar.float64))(view) if view.type.dtype not in ("complex64", "complex128") else Elemwise(scalar.neg)(view)


@functools.cache
def views(dtype, ndim, flags=()):
    """Turned, cut, reshaped, marked; each as a result, and as what a kernel reads. ``i`` and ``j`` may be anything."""
    flags = flags or (False,) * ndim
    x, i, j = tensor(dtype, flags), tensor("int64"), tensor("int8")
    program = Program([x, i, j]).add(Shape()(x), *(Shape_i(axis)(x) for axis in range(ndim)), DeepCopyOp()(x), ViewOp()(x), CpuContiguous()(x))
    order = tuple(range(ndim))
    made = [DimShuffle(flags, order[::-1])(x), DimShuffle(flags, ("x", *order[1:], *order[:1], "x"))(x)]
    made.append(DimShuffle(flags, tuple(axis for axis in order if not flags[axis]))(x))
    made += [T.flatten(x), Reshape(2)(x, T.stack([Shape()(x)[0] if ndim else T.constant(1), T.constant(-1)]))]
    if ndim:
        middle, end, start = (slice(None),) * (ndim // 2), slice(None, None, -1), slice(None, T.as_tensor_variable(i))
        made += [x[middle + (each,)] for each in (slice(1, None), slice(-3, 5), end, slice(7, 1, -2), slice(None, None, 3), slice(9, 4), start)]
        made += [x[middle + (slice(i, j),)], x[middle + (slice(j, i, -1),)], x[(end,) * ndim], x[tuple(slice(i, None) for _ in order)]]
        made.append(Rebroadcast(*((axis, False) for axis in order))(x))
    else:
        made.append(TensorFromScalar()(ScalarFromTensor()(x)))
    return program.add(*made, *map(_used, made))


@functools.cache
def numbered(dtype, ndim):
    """Elements at positions that may be out of range."""
    x, i, j = tensor(dtype, ndim), tensor("int64"), tensor("int8")
    made = [x[(slice(None),) * (ndim - 1) + (i,)], x[j], x[(i,) * ndim]]
    return Program([x, i, j]).add(*made, *map(_used, made))


@functools.cache
def checks(dtype):
    """Values that are handed on where a condition holds, or their shape is the promised one."""
    x, shape, fine = tensor(dtype, 2), tensor("int64", 1), tensor("bool")
    return Program([x, shape, fine]).add(Assert("not so", ValueError)(x, fine), SpecifyShape()(x, T.stack([shape[0], shape[1]])))


@functools.cache
def joins(dtype, ndim, axis, other):
    """Arrays end to end, of another dtype among them; and cut."""
    x, y, lengths = tensor(dtype, ndim), tensor(other, ndim), tensor("int64", 1)
    program = Program([x, y, lengths])
    joined = Join()(axis, x, y, x)
    pieces = Split(3)(x, axis, lengths)
    return program.add(joined, _used(joined), *pieces, *map(_used, pieces))


@functools.cache
def vectors(dtype, other):
    """Numbers as vectors."""
    x, y = tensor(dtype), tensor(other)
    ints = [MakeVector()(y, x)] if {dtype, other} <= {"int8", "int64"} else []
    return Program([x, y]).add(MakeVector(dtype)(x), _used(MakeVector(dtype)(x, x, x)), *ints)


@functools.cache
def fills(dtype, ndim):
    """Arrays full of a value, unit matrices, new memory."""
    x, n, k = tensor(dtype, ndim), tensor("int64"), tensor("int64")
    lengths = [Shape_i(axis)(x) for axis in range(ndim)]
    filled = [Alloc()(x, *lengths), Alloc()(x, n, *lengths), Alloc()(x, 3, n, *lengths)]
    program = Program([x, n, k]).add(*filled, *map(_used, filled), Eye(dtype)(n, n + 2, k), Eye(dtype)(4, n, k), Eye(dtype)(3, 3, 1))
    return program.add(Shape()(AllocEmpty(dtype)(n, *lengths)))


@functools.cache
def ranges(dtype, numbers="int64"):
    """Numbers at equal distances."""
    start, stop, step = (tensor(numbers) for _ in range(3))
    return Program([start, stop, step]).add(ARange(dtype)(start, stop, step))


@functools.cache
def advanced(dtype, ndim, index):
    """Reads through arrays of positions, which may be out of range."""
    x, i, j = tensor(dtype, ndim), tensor(index, 1), tensor("int64", 1)
    made = [AdvancedSubtensor1()(x, i), AdvancedSubtensor()(x, i)]
    if ndim > 1:
        whole = T.as_tensor_variable
        made += [AdvancedSubtensor()(x, slice(None), i), AdvancedSubtensor()(x, i, j), AdvancedSubtensor()(x, slice(1, None), i)]
        made.append(AdvancedSubtensor()(x, DimShuffle((False,), (0, "x"))(whole(i)), j))
    if ndim > 2:
        made += [AdvancedSubtensor()(x, i, slice(None, None, -1), j), AdvancedSubtensor()(x, slice(None), i, j)]
    return Program([x, i, j]).add(*made, *map(_used, made))


@functools.cache
def writes(dtype, ndim, index, value):
    """Writes and additions through slices and arrays of positions, which may be out of range; the last of several wins."""
    x, i, j, k = tensor(dtype, ndim), tensor(index, 1), tensor("int64", 1), tensor("int64")
    y = tensor(value)
    program = Program([x, i, j, k, y])
    rows = tensor(value, ndim)
    program.inputs.append(rows)  # as many as there are positions
    for put in (False, True):
        program.add(AdvancedIncSubtensor1(set_instead_of_inc=put)(x, rows, i), AdvancedIncSubtensor1(set_instead_of_inc=put)(x, y, i))
        write = T.set_subtensor if put else T.inc_subtensor
        parts = [x[1:], x[::-2], x[k:], x[:k], x[(slice(None),) * (ndim - 1) + (slice(-1, None, -1),)]]
        program.add(*(write(part, y) for part in parts))
        op = AdvancedIncSubtensor(set_instead_of_inc=put)
        program.add(op(x, rows, i))
        if ndim > 1:
            program.add(op(x, y, slice(None), j), op(x, y, i, j), op(x, y, slice(None, None, -1), j))
        if ndim > 2:
            program.add(op(x, y, j, slice(1, None), i))
    return program


@functools.cache
def diagonals(dtype, offset):
    """Diagonals shown and filled, alone and as what a kernel reads; one number of copies for all."""
    x, v, n = tensor(dtype, 3), tensor(dtype, 1), tensor("int64", (True,))
    made = [ExtractDiag(offset, 0, 2)(x), ExtractDiag(offset, 2, 1)(x), AllocDiag(offset)(v), Repeat(1)(x, n)]
    return Program([x, v, n]).add(*made, *map(_used, made))


@functools.cache
def searches(dtype, searched):
    """Where values stand in a vector that is sorted, or in the order of another."""
    x, v, order = tensor(searched, 1), tensor(dtype, 2), tensor("int32", 1)
    return Program([x, v, order]).add(SearchsortedOp("left")(x, v), SearchsortedOp("right")(x, v), SearchsortedOp("left")(x, v, order))


@functools.cache
def places(dtype, order):
    """Places as one number and as several; outside of the array they are refused."""
    i, j, dims = tensor("int64", 2), tensor("int64", 2), tensor(dtype, 1)
    program = Program([i, j, dims]).add(*UnravelIndex(2, order)(i, dims, return_list=True), *UnravelIndex(3, order)(j, (2, 3, 4), return_list=True))
    modes = [("wrap",), ("clip",), ("wrap", "clip")]
    return program.add(*(RavelMultiIndex(mode, order)(i, j, dims) for mode in modes), RavelMultiIndex(("raise",), order)(i, j, (9, 9)))


@functools.cache
def counts(dtype):
    """Sorting, and results whose length depends on the data."""
    x, n = tensor(dtype, 2), tensor("int16", 1)
    program = Program([x, n]).add(*(op(axis)(x) for axis in (0, 1) for op in (SortOp, ArgSortOp)), Unique()(x), *Unique(True, True, True)(x, return_list=True))
    return program.add(*MaskIndices(2)(x, return_list=True), BinCount()(n, None, 3), Repeat(0)(x, n))
