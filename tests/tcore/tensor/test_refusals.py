"""Arguments of tensor functions that cannot be: refused when the graph is built, or by the value, with what was given."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.configuration import change_flags
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor, AdvancedSubtensor1
from tcore.tensor.blas import Dot22
from tcore.tensor.careduce import Sum
from tcore.tensor.dot import BatchedDot
from tcore.tensor.extremes import MaxAndArgmax
from tcore.tensor.indexing import MaskIndices
from tcore.tensor.join import Join, MakeVector
from tcore.tensor.manipulation import Repeat
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.sharedvar import tensor_constructor
from tcore.tensor.softmax import SoftmaxGrad
from tcore.tensor.subtensor import Subtensor
from tcore.tensor.type_other import make_slice

x, v, s, b = T.dmatrix("x"), T.dvector("v"), T.dscalar("s"), T.dtensor3("b")
i, n = T.lvector("i"), T.lscalar("n")
c, d = T.dtensor4("c"), T.dtensor4("d")
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
    "reduction op over words": (lambda: Sum(axis=["a"])(x), TypeError, "the axis of a reduction is an integer or a sequence of integers"),
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
    "join of nothing": (lambda: Join()(0), ValueError, "join needs at least one tensor"),
    "join, axis outside": (lambda: T.join(3, x, x), IndexError, "join: axis 3 does not exist, there are 2 dimensions"),
    "vector of vectors": (lambda: MakeVector("int64")(n, i), TypeError, "takes scalars, got i with 1 dimensions: use stack"),
    "vector of too wide numbers": (lambda: MakeVector("int8")(n), TypeError, "would lose precision: its inputs have dtype int64"),
    "part of too few axes": (lambda: Subtensor((1, 2))(v), IndexError, "too many indices: v has 1 dimensions, the index has 2"),
    "part by a number of another kind": (lambda: Subtensor((scalar.int64,))(v, s), TypeError, "index"),
    "mask indices of a vector": (lambda: MaskIndices(2)(v), ValueError, "takes a mask of 2 dimensions, at least 1, got 1"),
    "rows by a matrix": (lambda: AdvancedSubtensor1()(x, T.lmatrix("k")), TypeError, "takes an index vector, got k with 2 dimensions"),
    "rows of a scalar": (lambda: AdvancedSubtensor1()(s, i), IndexError, "too many indices: s has no axis to index"),
    "places on too many axes": (lambda: AdvancedSubtensor()(v, i, i), IndexError, "too many indices: v has 1 dimensions, the index has 2"),
    "increment by a matrix": (lambda: AdvancedIncSubtensor1()(x, x, T.lmatrix("k")), TypeError, "takes an index vector, got k with 2 dimensions"),
    "increment of a scalar": (lambda: AdvancedIncSubtensor1()(s, v, i), IndexError, "too many indices: s has no axis to index"),
    "increment on too many axes": (lambda: AdvancedIncSubtensor()(v, v, i, i), IndexError, "too many indices: v has 1 dimensions, the index has 2"),
    "sparse gradient of a cube": (lambda: tcore.grad(AdvancedSubtensor1(sparse_grad=True)(b, i).sum(), b), TypeError, "a sparse gradient needs a matrix, b has 3 dimensions"),
    "batched dot of cubes on cubes": (lambda: BatchedDot()(T.dtensor4("q"), b), TypeError, r"takes batches of vectors or matrices \(2 or 3 dimensions\), got q with 4"),
    "batched tensordot over the batch": (lambda: T.batched_tensordot(b, b, [[0], [1]]), ValueError, "axis 0 is the batch, it cannot be summed over"),
    "repeat along a word": (lambda: T.repeat(x, 2, axis="a"), TypeError, "repeat: an axis is an int, got 'a'"),
    "repeat by a matrix": (lambda: Repeat(0)(v, T.lmatrix("k")), TypeError, "repeat takes an integer vector of counts, got k"),
    "repeat along nothing": (lambda: Repeat(1)(v, i), ValueError, "repeat: axis 1 does not exist in v with 1 dimensions"),
    "shape of negative rank": (lambda: T.Reshape(-1)(v, i), ValueError, "a shape has 0 or more dimensions, got -1"),
    "reshape, other number": (lambda: T.Reshape(2)(v, [1, 2, 3]), ValueError, "reshape of v to 2 dimensions needs as many entries in the shape, got 3"),
    "rebroadcast from the end": (lambda: Rebroadcast((-1, True)), ValueError, "takes axes that are not negative, got -1"),
    "rebroadcast of a missing axis": (lambda: Rebroadcast((1, True))(v), ValueError, "speaks of axis 1, but v has 1 dimensions"),
    "transpose to fewer axes": (lambda: x.transpose(0), ValueError, "transpose of 2 axes got 1 axes"),
    "moveaxis, twice the same": (lambda: T.moveaxis(b, [0, 0], [1, 2]), ValueError, "as many different destinations as sources"),
    "slice with step 0": (lambda: T.slices.get_canonical_form_slice(slice(0, 3, 0), 3), ValueError, "slice step cannot be zero"),
    "slice with an unknown step": (lambda: T.slices.get_canonical_form_slice(slice(0, 3, n), 3), ValueError, "a step whose sign is known"),
    "length of a word": (lambda: T.slices.get_canonical_form_slice("a", 3), TypeError, "a length is an integer or an integer scalar, got 'a'"),
    "matrix product of vectors": (lambda: Dot22()(v, v), TypeError, "with 2 dimensions, got v with 1"),
    "variance, ddof": (lambda: T.var(x, ddof=1.5), TypeError, "ddof is an integer, got 1.5"),
    "matrix of a diagonal matrix": (lambda: T.AllocDiag()(x), TypeError, "AllocDiag takes a vector, got x with 2 dimensions"),
    "shared list": (lambda: tensor_constructor([1.0]), TypeError, "a tensor shared variable holds an ndarray, got list"),
    "shared words": (lambda: tensor_constructor(np.array(["a"])), TypeError, "a tensor shared variable holds numbers, got an array of <U1"),
    "extreme of complex values": (lambda: T.max_and_argmax(T.zmatrix()), TypeError, "complex values have no order, got complex128"),
    "extreme along an axis from the end": (lambda: MaxAndArgmax((-1,))(x), ValueError, "takes axes counted from the front, got an input with 2 axes"),
    "grid without an end": (lambda: T.mgrid[1:], ValueError, "a grid needs the end of each of its axes"),
    "slice of a slice": (lambda: make_slice(T.slicetype()), TypeError, "a part of a slice is an integer scalar or None"),
    "stretch of what does not": (lambda: T.alloc(v, 1), TypeError, "axis 0 of v is not broadcastable, the shape has the constant 1 there; mark it with addbroadcast"),
    "alloc of too many axes": (lambda: T.alloc(x, 3), TypeError, "alloc: x has 2 dimensions, the shape only 1"),
    "axis between two": (lambda: x.sum(axis=0.5), TypeError, "the axis of a reduction is an integer or a sequence of integers, got 0.5"),
    "axis that is no number": (lambda: T.Sum(0.5), TypeError, "the axis of a reduction is an integer or a sequence of integers, got 0.5"),
    "axis that is a truth value": (lambda: T.Sum(True), TypeError, "the axis of a reduction is an integer or a sequence of integers, got True"),
    "member of a symbolic vector": (lambda: 3 in v, TypeError, r"whether a value is in v is not known while the graph is built: use any\(eq\(x, value\)\)"),
    "alloc of negative length": (lambda: T.alloc(0.0, -1), ValueError, "length 0 of an array cannot be negative, got -1"),
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
    "gradient of softmax of another shape": ([x, b], lambda: SoftmaxGrad()(x, b[0]), (X, np.ones((1, 3, 2))), ValueError, "two matrices of one shape"),
    "dropped axis that is long": ([x], lambda: T.DimShuffle((False, True), [0])(T.patternbroadcast(x, (False, True))), (X,), ValueError, "must be 1|has length 3"),
    "matmul, length 1": ([c, d], lambda: c @ d, (np.ones((2, 1, 2, 3)), np.ones((2, 3, 3, 2))), ValueError, r"differ in length.* got shapes \(2, 1, 2, 3\) and \(2, 3, 3, 2\)"),
    "matmul, inner lengths": ([c, d], lambda: c @ d, (np.ones((2, 1, 2, 3)), np.ones((2, 1, 4, 2))), ValueError, r"shapes \(2, 1, 2, 3\) and \(2, 1, 4, 2\)"),
    "matmul, stack and matrix": ([b, x], lambda: b @ x, (np.ones((2, 3, 4)), X), ValueError, r"differ in length.* got shapes \(2, 3, 4\) and \(2, 3\)"),
    "einsum, matrix and vector": ([x, v], lambda: T.einsum("ij,j->i", x, v), (X, np.ones(2)), ValueError, "x has 3 cols .* but y has 2 elements"),
    "einsum, sums of products": ([x], lambda: T.einsum("ij,ij->i", x, x.T), (X,), ValueError, r"shape\[.\] = 2.*shape\[.\] = 3|shape\[.\] = 3.*shape\[.\] = 2"),
    "tensordot, one axis": ([x, b], lambda: T.tensordot(x, b, [[1], [0]]), (X, np.ones((2, 2, 2))), ValueError, r"differ in length, got shapes \(2, 3\) and \(2, 2, 2\)"),
    "einsum, one label twice": ([x], lambda: T.einsum("ii", x), (X,), ValueError, r"two axes with the label 'i' differ in length, got shapes \(2, 3\)"),
    "tensordot, two axes": ([x, b], lambda: T.tensordot(x, b, [[0, 1], [0, 1]]), (X, np.ones((3, 2, 2))), ValueError, r"differ in length, got shapes \(2, 3\) and \(3, 2, 2\)"),
    "maximum of nothing": ([v], lambda: v.max(), ([],), ValueError, "zero-size|empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_refused_when_run(name):
    inputs, build, values, error, message = RUN[name]
    with change_flags(backend="numpy"):
        f = tcore.function(inputs, build(), mode="FAST_COMPILE")
    with pytest.raises(error, match=message) as caught:
        f(*values)
    assert "test_refusals.py" in str(caught.value), "the report ends at the user's line"
