"""Python on tensor variables: operators, attributes, methods, and what is refused."""

import math
import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import scalar

rng = np.random.default_rng(17)


@pytest.mark.parametrize(
    "expression",
    [
        lambda a: a + 3,
        lambda a: 3 - a,
        lambda a: a * 3.5,
        lambda a: 2.2 / a,
        lambda a: 2.2 // a,
        lambda a: 2.2**a,
        lambda a: 7 % a,
        lambda a: -a + abs(a),
        lambda a: divmod(a, 2)[1],
        lambda a: np.float64(2) * a,
        lambda a: np.arange(3.0) * a,
        lambda a: np.arange(3.0)[:, None] - a,
        lambda a: (a > 1) & (a < 2) | ~(a >= 2) ^ (a <= 1),
        lambda a: a[0],
        lambda a: a[::-1],
        lambda a: a.sum() + a.mean() * a.max() - a.min() / a.prod(),
        lambda a: a.var() + a.std(),
        lambda a: a.clip(1, 2).round(),
        lambda a: a.conj().real + a.imag,
        lambda a: a.reshape((3, 1)) @ a.reshape((1, 3)),
        lambda a: a.astype("int32").T,
        lambda a: a.repeat(2),
        lambda a: a.reshape((3, 1)).repeat(3, 1).diagonal() * a.reshape((3, 1)).repeat(3, axis=1).trace(),
        lambda a: a.take(np.array([2, 0, -1])),
    ],
)
def test_as_numpy(expression, evaluate):
    """Expressions mean what they mean in NumPy."""
    a = rng.uniform(0.5, 3, size=3)
    x = T.dvector("x")
    result = evaluate(expression(x), {x: a})
    expected = expression(a)
    assert result.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(result, expected, rtol=1e-13)


@pytest.mark.parametrize("digits", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "float32", "float64"])
def test_builtin_round(dtype, digits, evaluate):
    """``round(x)`` and ``round(x, digits)`` are NumPy's: halves go to even numbers, the dtype stays."""
    a = np.array([0, 0.125, 1.25, 2.5, 15, 25, 35, 101.45, 9]).astype(dtype)
    x = T.TensorType(dtype, (False,))("x")
    result, expected = evaluate(round(x) if digits is None else round(x, digits), {x: a}), np.round(a, digits or 0)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == expected.dtype


def test_builtin_round_refuses():
    """Digits are a whole number, known when the graph is built."""
    with pytest.raises(TypeError, match="float"):
        round(T.dvector(), 1.5)


def test_like(evaluate):
    """Arrays shaped like others."""
    x = T.imatrix("x")
    a = np.ones((2, 3), "int32")
    for out, expected in [
        (x.zeros_like(), np.zeros_like(a)),
        (x.ones_like(dtype="float32"), np.ones_like(a, "float32")),
        (x.fill(7), np.full_like(a, 7)),
        (x.copy(), a),
        (x.flatten(), a.ravel()),
        (x.ravel(), a.ravel()),
        (x.shape, [2, 3]),
        (x.size, 6),
    ]:
        np.testing.assert_array_equal(evaluate(out, {x: a}), expected)
    assert x.copy("y").name == "y"


def test_norm(evaluate):
    """Norms agree with NumPy's."""
    x = T.dmatrix("x")
    a = rng.normal(size=(3, 4))
    for order in (1, 2, 3, np.inf, -np.inf, 0):
        np.testing.assert_allclose(evaluate(x.norm(order, axis=1), {x: a}), np.linalg.norm(a, order, axis=1))
    np.testing.assert_allclose(evaluate(x.norm(2), {x: a}), np.linalg.norm(a))


def test_identity_and_truth():
    """== compares identity; an ordering has no truth value, other variables are true."""
    x, y = T.dscalars("x", "y")
    assert x == x
    assert x != y
    assert {x: 1}[x] == 1
    assert bool(x)
    assert bool(T.eq(x, y))
    for comparison in (x < y, x <= y, x > y, x >= y):
        with pytest.raises(TypeError, match="truth"):
            bool(comparison)


def test_refused():
    """What Python asks and a graph cannot answer is a TypeError that says what to do."""
    v = T.dvector("v")
    for ask, text in [
        (lambda: len(v), "shape"),
        (lambda: iter(v), "scan"),
        (lambda: int(T.dscalar()), "eval"),
        (lambda: float(T.dscalar()), "eval"),
        (lambda: range(T.iscalar()), "eval"),
        (lambda: v.__setitem__(0, 1), "set_subtensor"),
    ]:
        with pytest.raises(TypeError, match=text):
            ask()


def test_iteration():
    """Iteration works where the length is known."""
    a, b = T.stack([T.dscalar("a"), T.dscalar("b")])
    assert a.ndim == b.ndim == 0
    assert len(list(T.constant([1, 2, 3]))) == 3


def test_unknown_operands():
    """An operand of a class of its own may answer."""

    class Other:
        def __radd__(self, other):
            return "mine"

    assert T.dvector() + Other() == "mine"
    with pytest.raises(TypeError):
        T.dvector() + "text"


def test_texts():
    """Names, types and computed variables."""
    x = T.dmatrix("x")
    assert str(x) == repr(x) == "x"
    assert str(T.dmatrix()) == "<TensorType(float64, matrix)>"
    assert str(x + 1) == "Elemwise{add,no_inplace}.0"
    assert str((x + x).owner) == "Elemwise{add,no_inplace}(x, x)"
    assert str(T.max_and_argmax(x)[1].owner.outputs[0].clone()) == "max"


def test_class_and_pickle():
    """The documented home of the class; leaves survive a pickle."""
    x = T.dmatrix("x")
    assert str(type(x)) == "<class 'tcore.tensor.var.TensorVariable'>"
    copy = pickle.loads(pickle.dumps(x))
    assert (copy.name, copy.type) == ("x", x.type)
    c = pickle.loads(pickle.dumps(T.constant([1, 2])))
    np.testing.assert_array_equal(c.data, [1, 2])
    x.note = "kept"
    assert x.note == "kept"


@pytest.mark.parametrize(
    "expression",
    [
        lambda k: 6 & k,
        lambda k: 6 | k,
        lambda k: 6 ^ k,
        lambda k: divmod(7, k)[0] + divmod(7, k)[1],
        lambda k: +k,
        lambda k: k.ptp() if hasattr(k, "owner") else np.ptp(k),
        lambda k: np.ones((2, 3), "int64") @ k,
    ],
)
def test_integers_as_in_numpy(expression, evaluate):
    """From the right as from the left."""
    k = np.array([5, 3, 12])
    x = T.lvector("k")
    np.testing.assert_array_equal(evaluate(expression(x), {x: k}), expression(k))


def test_rounding_functions_of_python(evaluate):
    """``math.ceil`` and its kin make expressions."""
    x = T.dscalar("x")
    for function in (math.ceil, math.floor, math.trunc):
        assert evaluate(function(x), {x: np.array(-1.5)}) == function(-1.5)


def test_scalars_of_tensors():
    """A 0-d tensor stands for a scalar in scalar graphs."""
    total = scalar.add(T.lscalar("x"), 1)
    assert total.type == scalar.int64
    assert str(total.owner.inputs[0].owner.op) == "ScalarFromTensor"


def test_iteration_over_rows(evaluate):
    """Where the number of rows is known; else the message says what to do."""
    x = T.dmatrix("x")
    rows = list(T.specify_shape(x, (2, 3)))
    assert len(rows) == 2
    np.testing.assert_array_equal(evaluate(rows[1], {x: np.arange(6.0).reshape(2, 3)}), [3, 4, 5])
    assert len(list(T.drow("row"))) == 1
    with pytest.raises(TypeError, match="cannot iterate over m: its length is not known while the graph is built; use scan, or index it"):
        iter(T.dmatrix("m"))
