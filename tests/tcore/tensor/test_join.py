"""Arrays put together, taken apart, repeated and moved."""

import pickle

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.tensor.join import Join, MakeVector, Split

A = np.arange(12.0).reshape(3, 4)
B = A + 100


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_concatenate(evaluate, check_gradient, axis):
    """Along every axis, known and symbolic."""
    x, y, k = tt.dmatrix("x"), tt.dmatrix("y"), tt.iscalar("k")
    wanted = np.concatenate([A, B, A], axis)
    np.testing.assert_array_equal(evaluate(tt.concatenate([x, y, x], axis), {x: A, y: B}), wanted)
    np.testing.assert_array_equal(evaluate(tt.join(k, x, y, x), {x: A, y: B, k: axis}), wanted)
    check_gradient(lambda x, y: tt.concatenate([x, y, x], axis), A, B)


def test_join_lengths_and_dtypes(evaluate):
    """Different and zero lengths; the common dtype; marks of the other axes."""
    x, y = tt.fmatrix("x"), tt.imatrix("y")
    result = tt.join(0, x, y)
    assert result.dtype == "float64"
    empty = np.zeros((0, 4), "int32")
    np.testing.assert_array_equal(evaluate(result, {x: A, y: empty}), A)
    r, m = tt.drow("r"), tt.dmatrix("m")
    assert tt.join(0, r, r).broadcastable == (False, False)
    assert tt.join(1, r, m).broadcastable == (True, False)
    assert tt.join(0, m) is m
    assert str(result.owner.op) == "Join"
    with pytest.raises(ValueError, match=r"shapes \(3, 4\), \(3, 3\)"):
        evaluate(result, {x: A, y: np.zeros((3, 3), "int32")})


def test_length_one_is_not_repeated(evaluate):
    """A tensor that is known to have length 1 on another axis joins those that turn out to have it, and no others."""
    m, c = tt.dmatrix("m"), tt.dcol("c")
    for tensors in ((m, c), (c, m), (c * 2, m + 1, m)):
        values = {m: np.ones((2, 1)), c: np.zeros((3, 1))}
        sizes = [2 if m in (t, *(t.owner.inputs if t.owner else ())) else 3 for t in tensors]
        assert evaluate(tt.join(0, *tensors), values).shape == (sum(sizes), 1)
        with pytest.raises(ValueError, match="equal lengths in the other axes"):
            evaluate(tt.join(0, *tensors), {m: np.ones((2, 600)), c: np.zeros((3, 1))})


def test_documented_concatenate():
    """A matrix, an item of a tensor3 and a vector with a new axis."""
    result = tt.concatenate([tt.fmatrix("x"), tt.ftensor3("y")[0], tt.shape_padright(tt.fvector("z"))], axis=1)
    assert result.ndim == 2


def test_bad_join():
    """No list, nothing, scalars, different numbers of axes, an axis that does not exist."""
    x = tt.dmatrix("x")
    with pytest.raises(TypeError, match="list or tuple"):
        tt.concatenate(x)
    with pytest.raises(ValueError, match="at least one"):
        tt.concatenate([])
    with pytest.raises(TypeError, match="stack"):
        tt.join(0, tt.dscalar("a"), tt.dscalar("b"))
    with pytest.raises(TypeError, match="equal numbers of dimensions"):
        tt.join(0, x, tt.dvector("v"))
    with pytest.raises(IndexError, match="axis 2"):
        tt.join(2, x, x)


def test_join_view(evaluate):
    """An op with a view returns the one tensor that is not empty."""
    op = Join(view=0)
    assert op.view_map == {0: [1]}
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    assert np.shares_memory(evaluate(op(0, x, y), {x: A, y: np.zeros((0, 4))}), A)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_stack(evaluate, check_gradient, axis):
    """A new axis at every place."""
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    np.testing.assert_array_equal(evaluate(tt.stack([x, y], axis), {x: A, y: B}), np.stack([A, B], axis))
    check_gradient(lambda x, y: tt.stack([x, y], axis=axis), A, B)


def test_stack_of_scalars(evaluate, check_gradient):
    """Scalars make a vector with the common dtype."""
    a, b = tt.lscalar("a"), tt.dscalar("b")
    result = tt.stack([a, b, 3])
    assert str(result.owner.op) == "MakeVector{dtype='float64'}"
    np.testing.assert_array_equal(evaluate(result, {a: 1, b: 2.5}), [1, 2.5, 3])
    check_gradient(lambda x, y: tt.stack([x, y, x]), 1.0, 2.0)
    with pytest.deprecated_call():
        assert tt.stack(a, b).ndim == 1
    with pytest.raises(IndexError, match=r"\[-1, 1\)"):
        tt.stack([a, b], 2)
    with pytest.raises(ValueError):
        tt.stack([])
    assert evaluate(MakeVector("int32")()).shape == (0,)
    assert pickle.loads(pickle.dumps(MakeVector("int32"))) == MakeVector("int32")


def test_stacklists(evaluate):
    """Nested lists of scalars and of matrices."""
    a, b, c, d = tt.dscalars("abcd")
    result = tt.stacklists([[a, b], [c, d]])
    np.testing.assert_array_equal(evaluate(result, {a: 1, b: 2, c: 3, d: 4}), [[1, 2], [3, 4]])
    m = tt.dmatrix("m")
    assert evaluate(tt.stacklists([[m, m], [m, m]]), {m: np.ones((4, 4))}).shape == (2, 2, 4, 4)


def test_split(evaluate, check_gradient):
    """Pieces of known and symbolic lengths, and their gradients, also where only some are used."""
    x, sizes = tt.dmatrix("x"), tt.lvector("sizes")
    for axis, lengths in ((0, [1, 2]), (1, [3, 1]), (-1, [0, 4])):
        pieces = tt.split(x, sizes, 2, axis)
        wanted = np.split(A, [lengths[0]], axis)
        for piece, part in zip(pieces, wanted, strict=True):
            np.testing.assert_array_equal(evaluate(piece, {x: A, sizes: lengths}), part)
        check_gradient(lambda x, axis=axis, lengths=lengths: tt.split(x, lengths, 2, axis)[0], A)
        check_gradient(lambda x, axis=axis, lengths=lengths: sum(p.sum() ** 2 for p in tt.split(x, lengths, 2, axis)), A)
    assert str(tt.split(x, sizes, 2)[1]) == "Split{2}.1"
    assert pickle.loads(pickle.dumps(Split(3))) == Split(3)
    with pytest.raises(ValueError, match="make 3, but axis 1 has length 4"):
        evaluate(tt.split(x, sizes, 2, 1)[0], {x: A, sizes: [1, 2]})
    with pytest.raises(ValueError, match="negative"):
        evaluate(tt.split(x, sizes, 2, 1)[0], {x: A, sizes: [5, -1]})
    with pytest.raises(ValueError, match="needs 2 lengths, got 3"):
        tt.split(x, [1, 1, 1], 2)


def test_matrix_stacks(evaluate):
    """Side by side and one below the other."""
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    np.testing.assert_array_equal(evaluate(tt.horizontal_stack(x, y), {x: A, y: B}), np.hstack([A, B]))
    np.testing.assert_array_equal(evaluate(tt.vertical_stack(x, y), {x: A, y: B}), np.vstack([A, B]))
    with pytest.raises(TypeError, match="matrices"):
        tt.horizontal_stack(x, tt.dvector("v"))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("shift", [0, 1, -1, 7, -9])
def test_roll(evaluate, check_gradient, shift, axis):
    """Both directions, further than the axis is long; known and symbolic arguments."""
    x, s, k = tt.dmatrix("x"), tt.iscalar("s"), tt.iscalar("k")
    np.testing.assert_array_equal(evaluate(tt.roll(x, shift, axis), {x: A}), np.roll(A, shift, axis))
    np.testing.assert_array_equal(evaluate(tt.roll(x, s, axis), {x: A, s: shift}), np.roll(A, shift, axis))
    if axis is not None:
        np.testing.assert_array_equal(evaluate(tt.roll(x, s, k), {x: A, s: shift, k: axis}), np.roll(A, shift, axis))
    np.testing.assert_array_equal(evaluate(tt.roll(x, s, axis), {x: A[:0], s: shift}), A[:0])
    check_gradient(lambda x: tt.roll(x, shift, axis), A)


@pytest.mark.parametrize("reps", [(2, 3), (1, 1), (2,), 3, (2, 1, 3), (0, 2)], ids=str)
def test_tile(evaluate, check_gradient, reps):
    """Fewer and more entries than axes."""
    x = tt.dmatrix("x")
    np.testing.assert_array_equal(evaluate(tt.tile(x, reps), {x: A}), np.tile(A, reps))
    if isinstance(reps, tuple):
        symbolic = [tt.lscalar() for _ in reps]
        np.testing.assert_array_equal(evaluate(tt.tile(x, symbolic), {x: A, **dict(zip(symbolic, reps, strict=True))}), np.tile(A, reps))
    check_gradient(lambda x: tt.tile(x, reps), A)
    with pytest.raises(ValueError, match="ndim=1"):
        tt.tile(x, 2, ndim=1)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_repeat(evaluate, check_gradient, axis):
    """One count for all, and one for each."""
    x, n, v = tt.dmatrix("x"), tt.lscalar("n"), tt.lvector("v")
    length = A.size if axis is None else A.shape[axis]
    counts = np.arange(length) % 3
    np.testing.assert_array_equal(evaluate(tt.repeat(x, 2, axis), {x: A}), A.repeat(2, axis))
    np.testing.assert_array_equal(evaluate(tt.repeat(x, n, axis), {x: A, n: 3}), A.repeat(3, axis))
    np.testing.assert_array_equal(evaluate(tt.repeat(x, v, axis), {x: A, v: counts}), A.repeat(counts, axis))
    check_gradient(lambda x: tt.repeat(x, 2, axis), A)
    check_gradient(lambda x: tt.repeat(x, counts, axis), A)


@pytest.mark.parametrize("offset", [-5, -1, 0, 1, 3])
def test_diagonals(evaluate, check_gradient, offset):
    """Of a matrix, of two axes of a tensor, and back into a matrix."""
    x = tt.dmatrix("x")
    np.testing.assert_array_equal(evaluate(tt.diagonal(x, offset), {x: A}), A.diagonal(offset))
    check_gradient(lambda x: tt.diagonal(x, offset), A)
    t = np.arange(24.0).reshape(2, 3, 4)
    for axes in ((0, 1), (1, 2), (2, 0), (-1, -2)):
        y = tt.dtensor3("y")
        np.testing.assert_array_equal(evaluate(tt.diagonal(y, offset, *axes), {y: t}), t.diagonal(offset, *axes))
        check_gradient(lambda y, axes=axes: tt.diagonal(y, offset, *axes), t)
    v = tt.dvector("v")
    np.testing.assert_array_equal(evaluate(tt.diag(v, offset), {v: A[0]}), np.diag(A[0], offset))
    check_gradient(lambda v: tt.diag(v, offset), A[0])
    np.testing.assert_array_equal(evaluate(tt.trace(x), {x: A}), A.trace())


def test_one_tensor(evaluate, check_gradient):
    """Joined alone it is itself, along an axis that is known later as well; a list counts as its entries."""
    x, axis = tt.dmatrix("x"), tt.lscalar("axis")
    value = np.arange(6.0).reshape(2, 3)
    for made in (tt.join(0, x), Join()(0, x), Join()(axis, x), tt.join(1, [x]), tt.concatenate([x], axis=-1)):
        np.testing.assert_array_equal(evaluate(made, {x: value, axis: np.array(1)}), value)
    assert Join()(axis, tt.drow()).type.broadcastable == (False, False)
    check_gradient(lambda a: Join()(1, a), [value])
    assert tt.stacklists(x) is x
