"""Softmax, its logarithm, and logsumexp."""

import numpy as np
import pytest
import scipy.special

import tcore.tensor as T
from tcore.compile import Mode, function
from tcore.tensor.softmax import softmax_grad

rng = np.random.default_rng(11)


def test_values(evaluate, check_shape):
    """Rows agree with SciPy; a vector counts as one row."""
    x, v = T.dmatrix("x"), T.dvector("v")
    a = rng.normal(size=(4, 5)) * 10
    np.testing.assert_allclose(evaluate(T.softmax(x), {x: a}), scipy.special.softmax(a, axis=1), rtol=1e-13)
    np.testing.assert_allclose(evaluate(T.logsoftmax(x), {x: a}), scipy.special.log_softmax(a, axis=1), rtol=1e-13)
    np.testing.assert_allclose(evaluate(T.softmax(v), {v: a[0]}), scipy.special.softmax(a[:1], axis=1), rtol=1e-13)
    assert T.softmax(v).broadcastable == (True, False)
    check_shape(T.softmax(x), {x: a})


@pytest.mark.parametrize("order", ["C", "F"])
def test_sums_of_long_rows(order):
    """However a matrix lies in memory, NumPy adds up its rows in pairs: each entry by itself would lose some twenty ulps."""
    x = T.dmatrix("x")
    a = np.array(np.random.default_rng(5).normal(size=(4, 20000)), order=order)
    e = np.exp((a - a.max(axis=1, keepdims=True)).astype(np.longdouble))
    found = function([x], T.softmax(x), mode=Mode("py", None))(a)
    np.testing.assert_allclose(found, (e / e.sum(axis=1, keepdims=True)).astype("float64"), rtol=5 * np.finfo("float64").eps)


def test_stability(evaluate):
    """Large entries do not overflow, and the logarithm keeps what the softmax rounds to 0."""
    x = T.dmatrix("x")
    a = np.array([[1000.0, 0.0], [-1000.0, -2000.0]])
    np.testing.assert_array_equal(evaluate(T.softmax(x), {x: a}), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(evaluate(T.logsoftmax(x), {x: a}), [[0, -1000], [0, -1000]])


def test_gradients(check_grad):
    """First and second derivatives."""
    a = rng.normal(size=(3, 4))
    check_grad(T.softmax, a)
    check_grad(T.logsoftmax, a)
    check_grad(T.softmax, a[0])
    check_grad(softmax_grad, a, rng.normal(size=(3, 4)))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_logsumexp(axis, evaluate, check_grad):
    """Agrees with SciPy over any axes; infinities have their limits."""
    x = T.dmatrix("x")
    a = rng.normal(size=(3, 4)) * 400
    np.testing.assert_allclose(evaluate(T.logsumexp(x, axis), {x: a}), scipy.special.logsumexp(a, axis=axis), rtol=1e-13)
    kept = evaluate(T.logsumexp(x, axis, keepdims=True), {x: a})
    np.testing.assert_allclose(kept, scipy.special.logsumexp(a, axis=axis, keepdims=True), rtol=1e-13)
    check_grad(lambda v: T.logsumexp(v, axis), a / 400)


def test_logsumexp_of_infinities(evaluate):
    """-inf of nothing but -inf, inf where there is one, NaN of NaN."""
    x = T.dmatrix("x")
    a = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [np.nan, 1.0], [-np.inf, 2.0]])
    np.testing.assert_array_equal(evaluate(T.logsumexp(x, 1), {x: a}), [-np.inf, np.inf, np.nan, 2.0])


def test_dtypes_and_errors(evaluate):
    """Floats keep their dtype, integers become floats, other ranks are refused."""
    for dtype in ("float16", "float32"):
        x = T.matrix("x", dtype=dtype)
        assert evaluate(T.softmax(x), {x: np.ones((2, 2), dtype)}).dtype == dtype
    assert T.softmax(T.imatrix()).dtype == "float64"
    with pytest.raises(ValueError, match="vector or matrix"):
        T.softmax(T.dtensor3())


def test_texts():
    """Ops print by name alone."""
    x = T.dmatrix("x")
    assert str(T.softmax(x).owner.op) == "Softmax"
    assert str(T.logsoftmax(x).owner.op) == "LogSoftmax"
