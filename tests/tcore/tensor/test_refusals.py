"""Arguments of tensor functions that cannot be: refused when the graph is built, or by the value, with what was given."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.tensor.careduce import Sum

x, v, s, b = T.dmatrix("x"), T.dvector("v"), T.dscalar("s"), T.dtensor3("b")
i, n = T.lvector("i"), T.lscalar("n")
flag, mask = T.scalar("flag", dtype="bool"), T.matrix("mask", dtype="bool")

BUILT = {
    "diagonal of a vector": (lambda: T.diagonal(v), ValueError, "a diagonal needs at least two dimensions, v has 1"),
    "diagonal of one axis": (lambda: T.diagonal(x, 0, 1, -1), ValueError, "two different axes, got 1 twice"),
    "diagonal of a missing axis": (lambda: T.diagonal(x, 0, 0, 2), ValueError, "axis 2 does not exist, there are 2 dimensions"),
    "diag of a cube": (lambda: T.diag(b), ValueError, "diag takes a vector or a matrix, got b with 3 dimensions"),
    "trace of a vector": (lambda: T.trace(v), ValueError, "trace takes a matrix, got v with 1 dimensions"),
    "identity like a vector": (lambda: T.identity_like(v), ValueError, "identity_like takes a matrix, got v"),
    "arange of a vector": (lambda: T.arange(v), TypeError, "arange takes scalars, got stop = v with 1 dimensions"),
    "arange of complex": (lambda: T.arange(2j), TypeError, "arange takes real numbers"),
    "arange, step 0": (lambda: T.arange(0, 3, 0), ValueError, "step cannot be zero"),
    "grid of numbers": (lambda: T.mgrid[3], TypeError, r"mgrid\[…\] takes slices, got 3"),
    "split by floats": (lambda: T.split(v, v, 2), TypeError, "lengths of the pieces as an integer vector, got v"),
    "split of a scalar": (lambda: T.split(s, i, 2), TypeError, "split needs at least one dimension, s has none"),
    "split into another number": (lambda: T.split(v, [1, 2, 3], 2), ValueError, "needs 2 lengths, got 3"),
    "stack of nothing": (lambda: T.stack([]), ValueError, "stack needs at least one tensor"),
    "stack without arguments": (T.stack, ValueError, "stack needs at least one tensor"),
    "stack, axis outside": (lambda: T.stack([v, v], axis=2), IndexError, r"axis 2 is out of range \[-2, 2\)"),
    "stack, too much": (lambda: T.stack([v], 0, 1), TypeError, "takes a list of tensors and an axis, got 3 arguments"),
    "vertical stack of one": (lambda: T.vertical_stack(x), ValueError, "vertical_stack needs at least two matrices, got 1"),
    "horizontal stack of vectors": (lambda: T.horizontal_stack(v, v), Exception, "v"),
    "shape of floats": (lambda: T.alloc(0.0, 1.5), TypeError, "1.5"),
    "reshape to floats": (lambda: v.reshape(v), TypeError, "a shape is a vector of integers, got v"),
    "reshape to words": (lambda: v.reshape(("a",)), TypeError, "an entry of a shape is an integer or an integer scalar, got 'a'"),
    "reshape to a float scalar": (lambda: v.reshape((s,)), TypeError, "an entry of a shape is an integer scalar, got s"),
    "reshape, ndim no number": (lambda: x.reshape(2, i), ValueError, r"give the shape as one tuple, x.reshape\(\(2, 3\)\)"),
    "specify_shape, wrong number": (lambda: T.specify_shape(x, (1, 2, 3)), ValueError, "x has 2 dimensions, the shape has 3 entries"),
    "batched dot of a scalar": (lambda: T.batched_dot(s, x), ValueError, "s needs at least one dimension, the batch"),
    "tensordot over too many": (lambda: T.tensordot(x, v, axes=2), ValueError, "axes=2 needs that many dimensions"),
    "tensordot, no pair": (lambda: T.tensordot(x, x, axes=[[0], [1], [0]]), ValueError, "a number, or two lists of axes"),
    "tensordot, missing axis": (lambda: T.tensordot(x, x, axes=[[2], [0]]), ValueError, "axis 2 does not exist in x"),
    "tensordot, axis twice": (lambda: T.tensordot(x, x, axes=[[0, 0], [0, 1]]), ValueError, "an axis is given twice"),
    "roll along nothing": (lambda: T.roll(x, 1, axis=2), ValueError, "axis 2 does not exist in x with 2 dimensions"),
    "repeat by floats": (lambda: T.repeat(v, v), TypeError, "an integer or an integer vector, got v"),
    "tile to fewer axes": (lambda: T.tile(x, (2, 2), ndim=1), ValueError, "ndim=1 is less than the 2 axes of x"),
    "reduction over words": (lambda: x.sum(axis=["a"]), TypeError, "the axis of a reduction is an integer or a sequence of integers, got 'a'"),
    "reduction op over words": (lambda: Sum(axis=["a"])(x), TypeError, "axis is None, an integer or a sequence of integers"),
    "reduction over a missing axis": (lambda: x.sum(axis=2), ValueError, "2"),
    "index by floats": (lambda: x[v], TypeError, "an index array holds integers, got v of dtype float64"),
    "index by too much": (lambda: v[1, 2], IndexError, "too many indices: v has 1 dimensions, the index speaks of 2"),
    "index by a bool": (lambda: v[True], TypeError, "the bool True cannot be an index"),
    "index by a symbolic bool": (lambda: v[flag], TypeError, "a 0-d boolean cannot be an index"),
    "index by a list of bools": (lambda: v[[True, False]], TypeError, "a Python list of bools cannot be an index"),
    "nonzero of a scalar": (lambda: T.nonzero(s), ValueError, "at least one dimension"),
    "take from a missing axis": (lambda: T.take(x, i, axis=2), ValueError, "take: axis 2 does not exist in x"),
    "take in no mode": (lambda: T.take(x, i, axis=0, mode="no"), ValueError, "'raise', 'wrap' or 'clip', got 'no'"),
    "set what is no part": (lambda: T.set_subtensor(x * 2, 0), TypeError, "takes the result of indexing"),
    "set a turned whole": (lambda: T.set_subtensor((x * 2).T, 0), TypeError, "takes the result of indexing"),
    "truth of an ordering": (lambda: bool(s < 1), TypeError, "the truth of a symbolic comparison is not known"),
    "length": (lambda: len(v), TypeError, r"use x.shape\[0\]"),
    "iteration over a scalar": (lambda: iter(s), TypeError, "0-d"),
    "iteration over unknown": (lambda: iter(v), TypeError, "cannot iterate over v: its length is not known"),
    "int": (lambda: int(s), TypeError, "has no value yet"),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT)
def test_refused_when_built(name):
    build, error, message = BUILT[name]
    with pytest.raises(error, match=message):
        build()


X, V = np.ones((2, 3)), np.ones(3)
RUN = {
    "join of other lengths": ([x, b], lambda: T.join(0, x, b[0]), (X, np.ones((1, 2, 2))), ValueError, r"equal lengths in the other axes, got shapes \(2, 3\), \(2, 2\)"),
    "split into too much": ([v, i], lambda: T.split(v, i, 2), (V, [1, 1]), ValueError, "make 2, but axis 0 has length 3"),
    "split, negative": ([v, i], lambda: T.split(v, i, 2), (V, [4, -1]), ValueError, "a length is negative"),
    "split, other number": ([v, i], lambda: T.split(v, i, 2), (V, [1, 1, 1]), ValueError, "into 2 pieces needs as many lengths"),
    "arange, step 0": ([n], lambda: T.arange(0, 3, n), (0,), ValueError, "step cannot be zero"),
    "other shape than promised": ([x, i], lambda: T.specify_shape(x, i), (X, [3, 2]), AssertionError, r"the value has shape \(2, 3\), promised was \(3, 2\)"),
    "repeat, other number": ([v, i], lambda: T.repeat(v, i), (V, [1, 2]), ValueError, "has length 3, there are 2 counts"),
    "index outside": ([v, i], lambda: v[i], (V, [0, 3]), IndexError, "index 3 is out of bounds for axis 0 with size 3"),
    "mask of another shape": ([x, mask], lambda: x[mask], (X, np.ones((2, 2), bool)), IndexError, "axis 1 has length 3, the mask 2 there"),
    "batches of other lengths": ([b, x], lambda: T.batched_dot(b, x), (np.ones((3, 2, 3)), X), TypeError, "batches of equal length"),
    "batched dot, inner lengths": ([b, x], lambda: T.batched_dot(b, x), (np.ones((2, 2, 2)), X), ValueError, "inner lengths differ"),
    "maximum of nothing": ([v], lambda: v.max(), ([],), ValueError, "zero-size|empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_refused_when_run(name):
    inputs, build, values, error, message = RUN[name]
    with change_flags(backend="numpy"):
        f = tcore.function(inputs, build(), mode="FAST_COMPILE")
    with pytest.raises(error, match=message):
        f(*values)
