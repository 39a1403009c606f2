"""Arrays from shapes: zeros, ones, alloc, eye, arange and grids."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.configuration import config
from tcore.tensor.alloc import Alloc, AllocEmpty, Eye
from tcore.tensor.ranges import ARange


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3), (1, 2, 3)])
def test_zeros_ones_full(evaluate, shape):
    """Known and symbolic shapes; floatX by default."""
    for make, wanted in ((tt.zeros, np.zeros), (tt.ones, np.ones)):
        result = make(shape)
        assert result.dtype == config.floatX
        assert result.broadcastable == tuple(n == 1 for n in shape)
        np.testing.assert_array_equal(evaluate(result), wanted(shape))
        lengths = [tt.iscalar() for _ in shape]
        np.testing.assert_array_equal(evaluate(make(lengths, dtype="int8"), dict(zip(lengths, shape, strict=True))), wanted(shape))
    assert evaluate(tt.full(shape, 7, "int32")).dtype == "int32"


def test_shape_forms(evaluate):
    """A number, a scalar, a vector of known length."""
    n, x = tt.lscalar("n"), tt.dmatrix("x")
    assert evaluate(tt.zeros(3)).shape == (3,)
    assert evaluate(tt.zeros(n), {n: 2}).shape == (2,)
    assert evaluate(tt.zeros(x.shape), {x: np.ones((2, 3))}).shape == (2, 3)
    with pytest.raises(ValueError, match="cannot be negative"):
        tt.zeros((-1,))
    with pytest.raises(ValueError, match="is negative"):
        evaluate(tt.zeros((n,)), {n: -1})
    with pytest.raises(TypeError, match="integer"):
        tt.zeros((2.5,))


def test_like(evaluate):
    """Zeros and ones in the shape and dtype of a model: a fill."""
    x = tt.fmatrix("x")
    data = np.ones((2, 3), "float32")
    for result, value in ((tt.zeros_like(x), 0), (tt.ones_like(x), 1), (tt.full_like(x, 5), 5)):
        assert result.dtype == "float32"
        assert str(result.owner.op) == "Elemwise{second,no_inplace}"
        np.testing.assert_array_equal(evaluate(result, {x: data}), np.full((2, 3), value))
    assert tt.zeros_like(x, dtype="int64").dtype == "int64"
    np.testing.assert_array_equal(evaluate(tt.identity_like(x), {x: data}), np.eye(2, 3))


@pytest.mark.parametrize("value", [np.array(2.0), np.arange(3.0), np.arange(2.0)[:, None], np.ones((2, 3))], ids=str)
def test_alloc(evaluate, check_gradient, value):
    """The value is broadcast; its gradient is the sum over what was repeated."""
    flags = tuple(n == 1 for n in value.shape)
    x, n = tt.TensorType("float64", flags)("x"), tt.lscalar("n")
    np.testing.assert_array_equal(evaluate(tt.alloc(x, n, 3), {x: value, n: 2}), np.broadcast_to(value, (2, 3)))
    check_gradient(lambda x: tt.alloc(x, 4, 2, 3), value, broadcastable=[flags])


def test_bad_alloc(evaluate):
    """More axes than the shape has; a length that does not fit."""
    with pytest.raises(TypeError, match="2 dimensions, the shape only 1"):
        tt.alloc(tt.dmatrix("x"), 2)
    with pytest.raises(TypeError, match="addbroadcast"):
        tt.alloc(tt.dvector("x"), 1)
    x = tt.dvector("x")
    with pytest.raises(ValueError, match=r"shape \(2,\) to \(3,\)"):
        evaluate(tt.alloc(x, 3), {x: np.ones(2)})


def test_reduced_alloc(evaluate):
    """A row that is computed, repeated and summed up, with one literal length and a computed one, is one kernel."""
    x = tt.dvector("x")
    repeated = tt.alloc(x.dimshuffle("x", 0) * 2, 4, x.shape[0])
    np.testing.assert_allclose(evaluate(repeated.sum(axis=1), {x: np.arange(3.0)}), np.full(4, 6.0))


def test_alloc_reuses_storage():
    """An old value of the right shape gives its memory."""
    node = Alloc()(2.0, 3).owner
    old = np.zeros(3)
    storage = [[old]]
    node.op.perform(node, [np.array(2.0), np.array(3)], storage)
    assert storage[0][0] is old
    np.testing.assert_array_equal(old, [2, 2, 2])


def test_alloc_empty(evaluate):
    """Shape and dtype; no values are promised."""
    result = AllocEmpty("float32")(2, 3)
    assert str(result.owner.op) == "AllocEmpty{dtype='float32'}"
    value = evaluate(result)
    assert (value.shape, value.dtype) == ((2, 3), "float32")
    assert not result.owner.op.do_constant_folding(result.owner)


@pytest.mark.parametrize("k", [-4, -1, 0, 2, 5])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 1), (0, 3)])
def test_eye(evaluate, shape, k):
    """Diagonals above and below; symbolic arguments."""
    np.testing.assert_array_equal(evaluate(tt.eye(*shape, k)), np.eye(*shape, k))
    n, m, d = tt.lscalars("n", "m", "d")
    result = tt.eye(n, m, d, dtype="int32")
    value = evaluate(result, {n: shape[0], m: shape[1], d: k})
    np.testing.assert_array_equal(value, np.eye(*shape, k))
    assert value.dtype == "int32"
    assert str(result.owner.op) == "Eye{dtype='int32'}"
    assert pickle.loads(pickle.dumps(Eye("int8"))) == Eye("int8")
    np.testing.assert_array_equal(evaluate(tt.eye(3)), np.eye(3))


@pytest.mark.parametrize("args", [(5,), (0,), (-3,), (2, 7), (7, 2), (2, 9, 3), (9, 2, -3), (9, 2, 3), (0, 10, 4), (1, 1, 1)])
def test_arange(evaluate, args):
    """Integers of both directions, known and symbolic."""
    np.testing.assert_array_equal(evaluate(tt.arange(*args)), np.arange(*args))
    scalars = [tt.iscalar() for _ in args]
    result = tt.arange(*scalars)
    assert result.dtype == "int64"
    np.testing.assert_array_equal(evaluate(result, dict(zip(scalars, args, strict=True))), np.arange(*args))


@pytest.mark.parametrize("args", [(0.0, 1.0, 0.1), (1.0, 0.0, -0.25), (2.5,), (0.5, 3.0, 1.0)])
def test_arange_of_floats(evaluate, args):
    """Floats: the dtype is the common one."""
    scalars = [tt.dscalar() for _ in args]
    result = tt.arange(*scalars)
    assert result.dtype == "float64"
    np.testing.assert_array_equal(evaluate(result, dict(zip(scalars, args, strict=True))), np.arange(*args))


def test_arange_gradient(check_gradient):
    """With respect to the start and the step; the end only counts."""
    check_gradient(lambda a, s: tt.arange(a, 4.05, s), 0.5, 1.0)
    node = tt.arange(tt.dscalar("a"), tt.dscalar("b"), 1.0).owner
    assert node.op.connection_pattern(node) == [[True], [False], [True]]
    assert str(ARange("int64")) == "ARange{dtype='int64'}"


def test_bad_arange(evaluate):
    """A step of zero; vectors."""
    with pytest.raises(ValueError, match="zero"):
        tt.arange(1, 2, 0)
    with pytest.raises(TypeError, match="scalars"):
        tt.arange(tt.lvector("v"))


def test_grids(evaluate):
    """mgrid and ogrid, with numbers of points as complex steps."""
    for key in ((slice(0, 5), slice(0, 3)), (slice(1, 9, 2), slice(0, 1, 5j)), (slice(3),)):
        for mine, theirs in ((tt.mgrid, np.mgrid), (tt.ogrid, np.ogrid)):
            for found, wanted in zip(mine[key], theirs[key], strict=True):
                np.testing.assert_allclose(evaluate(found), wanted)
    np.testing.assert_array_equal(evaluate(tt.mgrid[2:5]), np.mgrid[2:5])


ALLOCATED = {
    "sum": lambda v, n: (tt.alloc(v, n, 3) * 2.0).sum(axis=0),
    "sum of all": lambda v, n: tt.exp(tt.alloc(v, n, 3)).sum(),
    "maximum": lambda v, n: tt.alloc(v, n, 3).max(axis=0),
    "along the known axis": lambda v, n: tt.exp(tt.alloc(v, n, 3)).sum(axis=1),
    "repeated": lambda v, n: tt.repeat(v, n).sum(),
}


@pytest.mark.parametrize("name", ALLOCATED)
def test_reductions_along_an_axis_whose_length_is_an_input(name, backend):
    """The array vanishes into the reduction's kernel only where its lengths are known without it."""
    v, n = tt.dvector("v"), tt.lscalar("n")
    f = tcore.function([v, n], ALLOCATED[name](v, n))
    plain = tcore.function([v, n], ALLOCATED[name](v, n), mode=tcore.Mode("py", None))
    for count in (4, 1):
        np.testing.assert_allclose(f([1.0, 2.0, 3.0], count), plain([1.0, 2.0, 3.0], count), rtol=1e-13)
    whole = np.tile([1.0, 2.0, 3.0], (4, 1))
    expected = {"sum": whole.sum(0) * 2, "sum of all": np.exp(whole).sum(), "maximum": whole.max(0), "along the known axis": np.exp(whole).sum(1), "repeated": 24.0}
    np.testing.assert_allclose(f([1.0, 2.0, 3.0], 4), expected[name], rtol=1e-13)


def test_full_like(evaluate):
    """Of a number and of an expression, in the model's dtype or another."""
    x, s = tt.fmatrix("x"), tt.dscalar("s")
    values = {x: np.ones((2, 3), "float32"), s: np.array(2.5)}
    for made, dtype in ((tt.full_like(x, s), "float32"), (tt.full_like(x, 2.5), "float32"), (tt.full_like(x, s, "float64"), "float64"), (tt.full((2, 3), s, "float32"), "float32")):
        result = evaluate(made, values)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, np.full((2, 3), 2.5))


def test_numbers_instead_of_fills():
    """``opt=True`` gives a 0-d constant where nothing has to be filled."""
    s = tt.fscalar("s")
    assert tt.zeros_like(s, opt=True).data == 0
    assert tt.ones_like(s, opt=True).data == 1
    assert tt.ones_like(s, opt=True).dtype == "float32"
    assert tt.ones_like(s, "int8", opt=True).dtype == "int8"
    assert tt.zeros_like(tt.fvector(), opt=True).owner is not None


def test_empty_memory_is_used_again():
    """A second call writes into the array of the first, where the shape is the same."""
    node = AllocEmpty("float64")(tt.lscalar(), 2).owner
    storage = [[None]]
    node.op.perform(node, [np.array(3), np.array(2)], storage)
    first = storage[0][0]
    node.op.perform(node, [np.array(3), np.array(2)], storage)
    assert storage[0][0] is first
    node.op.perform(node, [np.array(1), np.array(2)], storage)
    assert storage[0][0].shape == (1, 2)
