"""Reductions: agreement with NumPy, gradients, dtypes, shapes, texts."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.configuration import config
from tcore.graph import MethodNotDefined
from tcore.tensor.careduce import CAReduce, CAReduceDtype, Sum
from tcore.tensor.products import Prod, ProdWithoutZeros

rng = np.random.default_rng(5)

FUNCTIONS = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "all": np.all,
    "any": np.any,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "ptp": np.ptp,
}


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name, axis, evaluate):
    """Each reduction gives NumPy's values and shape."""
    x = T.dtensor3("x")
    a = rng.normal(size=(2, 3, 4))
    out = getattr(T, name)(x, axis=axis)
    np.testing.assert_allclose(evaluate(out, {x: a}), FUNCTIONS[name](a, axis=axis), rtol=1e-12)
    if name != "ptp":
        kept = getattr(x, name)(axis=axis, keepdims=True)
        expected = np.expand_dims(FUNCTIONS[name](a, axis=axis), (0, 1, 2) if axis is None else axis)
        np.testing.assert_allclose(evaluate(kept, {x: a}), expected, rtol=1e-12)
        assert kept.broadcastable == tuple(n == 1 for n in expected.shape)


@pytest.mark.parametrize("axis", [(0, 1), [0, 2], (1, -1), (0, 1, 2)])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "all", "any"])
def test_several_axes(name, axis, evaluate):
    """Several axes reduce at once."""
    x = T.dtensor3("x")
    a = rng.normal(size=(2, 3, 4))
    out = getattr(T, name)(x, axis=axis)
    np.testing.assert_allclose(evaluate(out, {x: a}), FUNCTIONS[name](a, axis=tuple({i % 3 for i in axis})), rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, (0, 1), -1])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "ptp"])
def test_gradients(name, axis, check_grad):
    """Each reduction differentiates as finite differences say, with and without kept axes."""
    a = rng.normal(size=(2, 3, 2))
    check_grad(lambda x: getattr(T, name)(x, axis=axis), a)
    if name != "ptp":
        check_grad(lambda x: getattr(T, name)(x, axis=axis, keepdims=True) * x, a)


def test_gradient_over_broadcastable_axes(check_grad):
    """Reducing an axis that is known to have length 1 keeps the pattern of the gradient."""
    for name in ("sum", "prod", "max", "mean"):
        check_grad(lambda x, name=name: getattr(T, name)(x, axis=0), rng.normal(size=(1, 3)), flags=[(True, False)])


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_prod_gradient_with_zeros(zeros, check_grad):
    """The gradient of a product is right with no, one or several zeros in a group."""
    a = rng.uniform(0.5, 2, size=(2, 4))
    a[0, :zeros] = 0
    check_grad(lambda x: T.prod(x, axis=1), a)
    if not zeros:
        check_grad(lambda x: T.prod(x, axis=1, no_zeros_in_input=True), a)


def test_prod_without_zeros(evaluate, check_grad):
    """Zeros are left out; their gradient is 0."""
    a = np.array([[1.0, 0, 3], [0, 0, 0]])
    x = T.dmatrix("x")
    np.testing.assert_array_equal(evaluate(ProdWithoutZeros(axis=1)(x), {x: a}), [3, 1])
    check_grad(ProdWithoutZeros(axis=0), rng.uniform(1, 2, size=(3, 2)))


@pytest.mark.parametrize(
    ("dtype", "total", "mean"),
    [
        ("bool", "int64", "float64"),
        ("int8", "int64", "float64"),
        ("int32", "int64", "float64"),
        ("uint16", "uint64", "float64"),
        ("int64", "int64", "float64"),
        ("float16", "float16", "float16"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("complex64", "complex64", "complex64"),
    ],
)
def test_dtypes(dtype, total, mean, evaluate):
    """Integers sum in 64 bits; floats keep their dtype; means of integers are float64 whatever floatX is."""
    for floatX in ("float32", "float64"):
        with config.change_flags(floatX=floatX):
            x = T.vector("x", dtype=dtype)
            value = np.ones(3, dtype)
            assert x.sum().dtype == x.prod().dtype == total
            assert x.mean().dtype == mean
            assert evaluate(x.sum(), {x: value}) == 3
            assert evaluate(x.mean(), {x: value}) == 1


def test_accumulators(evaluate):
    """float32 sums are accumulated in float64 and half means in float32; the accumulator can be chosen."""
    x = T.fvector("x")
    assert x.sum().owner.op.acc_dtype == "float64"
    assert x.sum(acc_dtype="float32").owner.op.acc_dtype == "float32"
    assert T.ivector().sum(dtype="float32").dtype == "float32"
    value = np.full(2_000_000, 0.1, "float32")
    assert abs(float(evaluate(x.sum(), {x: value})) - value.astype("float64").sum()) < 0.01
    h = T.TensorType("float16", (False,))("h")
    assert evaluate(h.mean(), {h: np.full(1000, 100.0, "float16")}) == 100
    with pytest.raises(TypeError, match="accumulate"):
        T.zvector().sum(acc_dtype="float64")
    with pytest.raises(TypeError, match="accumulate"):
        x.sum(acc_dtype="int64")


def test_nan_and_empty(evaluate):
    """NaN wins in extremes, empty sums are 0, and extremes of nothing are an error."""
    x = T.dmatrix("x")
    a = np.array([[1, np.nan, 3], [4, 5, 6]])
    for name in ("max", "min", "sum", "argmax", "argmin"):
        np.testing.assert_array_equal(evaluate(getattr(x, name)(axis=1), {x: a}), FUNCTIONS[name](a, axis=1))
    empty = np.zeros((0, 3))
    np.testing.assert_array_equal(evaluate(x.sum(axis=0), {x: empty}), np.zeros(3))
    np.testing.assert_array_equal(evaluate(x.prod(axis=0), {x: empty}), np.ones(3))
    np.testing.assert_array_equal(evaluate(x.max(axis=1), {x: empty}), np.zeros(0))
    assert evaluate(x.all(), {x: empty})
    assert not evaluate(x.any(), {x: empty})
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(ValueError):
            evaluate(getattr(x, name)(axis=0), {x: empty})


def test_zero_dimensional(evaluate):
    """A scalar reduces to itself."""
    x = T.dscalar("x")
    a = np.array(2.5)
    for name in ("sum", "prod", "max", "min", "mean"):
        assert evaluate(getattr(x, name)(), {x: a}) == 2.5
    assert evaluate(x.argmax(), {x: a}) == 0
    with pytest.raises(ValueError, match="axis 0"):
        x.sum(axis=0)


def test_axis_errors():
    """Axes out of range and axes that are no integers are refused where they are written."""
    x = T.dmatrix("x")
    for axis in (2, -3, (0, 5)):
        with pytest.raises(ValueError, match="2 axes"):
            x.sum(axis=axis)
    for axis in (0.5, "0", (0.5,), True, T.iscalar()):
        with pytest.raises(TypeError):
            x.sum(axis=axis)
    assert x.sum(axis=np.int64(1)).owner.op.axis == (1,)
    assert x.sum(axis=T.constant(1)).owner.op.axis == (1,)


def test_var_options(evaluate):
    """ddof changes the divisor, and the correction removes what rounding leaves of the mean."""
    x = T.dmatrix("x")
    a = rng.normal(size=(5, 3)) + 1e6
    np.testing.assert_allclose(evaluate(x.var(axis=0, ddof=1), {x: a}), a.var(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(evaluate(x.std(axis=0, corrected=True), {x: a}), a.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(evaluate(x.var(ddof=2, corrected=True), {x: a}), a.var(ddof=2), rtol=1e-9)


def test_argmax_of_equal_elements(evaluate):
    """The first of equal elements counts; over all axes the index is that of the flattened array."""
    x = T.imatrix("x")
    a = np.array([[1, 3, 3], [3, 0, 0]], "int32")
    np.testing.assert_array_equal(evaluate(x.argmax(axis=1), {x: a}), [1, 0])
    assert evaluate(x.argmax(), {x: a}) == 1
    assert evaluate(x.argmin(), {x: a}) == 4
    values, places = T.max_and_argmax(x, axis=0)
    np.testing.assert_array_equal(evaluate(values, {x: a}), [3, 3, 3])
    np.testing.assert_array_equal(evaluate(places, {x: a}), [1, 0, 0])
    assert places.dtype == "int64"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda x: x.sum(), "Sum{acc_dtype=float64}"),
        (lambda x: x.sum(axis=0), "Sum{axis=[0], acc_dtype=float64}"),
        (lambda x: x.sum(axis=(0, 1)), "Sum{axis=[0, 1], acc_dtype=float64}"),
        (lambda x: x.prod(), "Prod{axis=None, dtype='float64', acc_dtype='float64'}"),
        (lambda x: x.max(axis=1), "MaxAndArgmax{axis=(1,)}"),
        (lambda x: x.max(), "MaxAndArgmax{axis=(0, 1)}"),
        (CAReduce(scalar.maximum, 1), "Reduce{maximum}{1}"),
        (CAReduce(scalar.maximum, (0, 1)), "Reduce{maximum}{0, 1}"),
        (T.Argmax((1,)), "Argmax{axis=(1,)}"),
        (T.all, "All"),
        (lambda x: T.any(x, axis=0), "Any{0}"),
    ],
)
def test_texts(make, text):
    """Ops print as documented, and pickle and compare by content."""
    op = make(T.dmatrix("x")).owner.op
    assert str(op) == text
    copy = pickle.loads(pickle.dumps(op))
    assert copy == op
    assert hash(copy) == hash(op)


def test_names():
    """Results are called after what they are."""
    x = T.dmatrix("x")
    assert [v.name for v in (x.mean(), x.var(), x.std(), x.max(), x.argmax())] == ["mean", "var", "std", "max", "argmax"]


def test_equality():
    """Reductions that do different things differ."""
    assert Sum(0) == Sum([0])
    assert len({Sum(0), Sum(1), Sum(None), Prod(0), Sum(0, dtype="float32"), Prod(0, no_zeros_in_input=True)}) == 6


@pytest.mark.parametrize("op", [Sum(axis=(0,)), CAReduce(scalar.minimum, (1,)), T.MaxAndArgmax((0, 2)), T.Argmin((1,))])
def test_infer_shape(op, check_shape):
    """Shapes are inferred from that of the input."""
    x = T.dtensor3("x")
    check_shape(op(x, return_list=True)[0], {x: np.ones((2, 3, 4))})


def test_general_reductions(evaluate):
    """Any associative scalar op reduces, also one that NumPy does not know."""

    class Hypotenuse(scalar.BinaryScalarOp):
        commutative = True
        associative = True

        def impl(self, x, y):
            return (x * x + y * y) ** 0.5

    x = T.dmatrix("x")
    op = CAReduce(Hypotenuse(scalar.upcast_out), 1)
    np.testing.assert_allclose(evaluate(op(x), {x: np.array([[3.0, 4.0], [6.0, 8.0]])}), [5, 10])
    b = T.TensorType("int32", (False,))("b")
    assert evaluate(CAReduce(scalar.xor)(b), {b: np.array([5, 3, 1], "int32")}) == 7


class Larger(scalar.BinaryScalarOp):
    """The larger of two, which NumPy does not know by this name."""

    commutative = True
    associative = True

    def impl(self, x, y):
        return max(x, y)


def test_general_reductions_of_nothing(evaluate):
    """Without a neutral element there is no result; with one it is that."""
    x = T.dmatrix("x")
    op = Larger(scalar.upcast_out)
    nothing = {x: np.zeros((0, 3))}
    with pytest.raises(ValueError, match="cannot reduce an empty array by .*, which has no neutral element"):
        evaluate(CAReduce(op, 0)(x), nothing)
    op.identity = -np.inf
    np.testing.assert_array_equal(evaluate(CAReduce(op, 0)(x), nothing), [-np.inf] * 3)
    accumulating = CAReduceDtype(op, 0, acc_dtype="float64")
    assert accumulating.clone(axis=(1,)).axis == (1,)
    np.testing.assert_array_equal(evaluate(accumulating(x), {x: np.array([[1.0, 5.0], [2.0, 3.0]])}), [2, 5])


def test_gradients_of_general_reductions():
    """Only those that are known have one; those of whole numbers are zero."""
    x, k = T.dmatrix("x"), T.lmatrix("k")
    node = CAReduce(Larger(scalar.upcast_out), 0)(x).owner
    with pytest.raises(MethodNotDefined):
        node.op.L_op(node.inputs, node.outputs, [T.dvector()])
    for reduced in (CAReduce(scalar.maximum, 0)(k), k.sum(axis=0), k.prod(axis=0), ProdWithoutZeros((0,))(k), T.all(k, axis=0)):
        node = reduced.owner
        (gradient,) = node.op.L_op(node.inputs, node.outputs, [T.dvector()])
        values = {each: np.ones((2, 3), each.dtype) for each in node.inputs}
        result = tcore.function(list(values), gradient, mode="FAST_COMPILE", on_unused_input="ignore")(*values.values())
        np.testing.assert_array_equal(result, np.zeros((2, 3)))
        assert gradient.dtype == tcore.config.floatX


def test_forms_of_axes(evaluate):
    """Counted from the end, as an array of one number, from a constant variable; none twice."""
    x = T.dtensor3("x")
    value = np.arange(24.0).reshape(2, 3, 4)
    for axis in (-1, np.array(2), np.int8(2), T.constant(2), (2,), [-1], (-1,)):
        np.testing.assert_array_equal(evaluate(T.sum(x, axis=axis) if not isinstance(axis, tuple) else Sum(axis)(x), {x: value}), value.sum(axis=2))
    for build in (lambda: T.sum(x, axis=(2, -1)), lambda: T.max(x, axis=[0, 0]), lambda: T.argmax(x, axis=(1, 1)), lambda: Sum((2, 2)), lambda: Sum((2, -1))(x)):
        with pytest.raises(ValueError, match="names an axis twice"):
            build()
    assert Sum((-1, 0))(x).owner.op.axis == (0, 2)
    assert CAReduce(scalar.maximum, (-1,))(x).owner.op == CAReduce(scalar.maximum, (2,))
    assert T.all(x, axis=-1).owner.op.clone(axis=(0,)).axis == (0,)
    kept = T.makeKeepDims(x, x.sum(axis=1), 1)
    assert kept.type.broadcastable == (False, True, False)
    np.testing.assert_array_equal(evaluate(kept, {x: value}), value.sum(axis=1, keepdims=True))


def test_variance_of_too_few_elements(evaluate):
    """Where ``ddof`` leaves none, or less: infinite, NaN of one element; never negative."""
    x = T.dmatrix()
    a = np.array([[1.0, 2.0], [1.0, 4.0]])
    for corrected in (False, True):
        found = evaluate([T.var(x, 0, 2, corrected=corrected), T.var(x, 0, 3, corrected=corrected), T.var(x, (), 1)], {x: a})
        np.testing.assert_array_equal(found[0], [np.nan, np.inf])
        np.testing.assert_array_equal(found[1], [np.nan, np.inf])
        assert np.isnan(found[2]).all()
