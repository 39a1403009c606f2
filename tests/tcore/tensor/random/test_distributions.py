"""Distributions against numpy.random.RandomState, bit for bit; sizes, ndim, dtypes, refusals."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.configuration import config
from tcore.tensor import raw_random as rr

PLAIN = Mode("py", None)
SEED = 77


def draw(op, *args, given=(), **kwargs):
    """The numbers of one draw, in a graph without optimizations."""
    state = rr.random_state_type("state")
    _, numbers = op(state, *args, **kwargs)
    f = tcore.function([state, *(variable for variable, _ in given)], numbers, mode=PLAIN)
    value = f(np.random.RandomState(SEED), *(value for _, value in given))
    assert value.dtype == numbers.dtype
    assert all(length == 1 for length, flag in zip(value.shape, numbers.broadcastable, strict=True) if flag)
    return value


def rng():
    return np.random.RandomState(SEED)


LOW, HIGH = np.array([0, 5, -3]), np.array([10, 6, 300])


@pytest.mark.parametrize(
    ("op", "kwargs", "expected"),
    [
        (rr.uniform, {"size": (2, 3)}, lambda r: r.uniform(size=(2, 3))),
        (rr.uniform, {"size": 4, "low": -1.5, "high": 2.0}, lambda r: r.uniform(-1.5, 2.0, 4)),
        (rr.uniform, {"low": LOW.astype("float64"), "high": HIGH.astype("float64")}, lambda r: r.uniform(LOW, HIGH)),
        (rr.uniform, {"size": (2, 3), "high": HIGH.astype("float64")}, lambda r: r.uniform(0, HIGH, (2, 3))),
        (rr.uniform, {}, lambda r: np.array(r.uniform())),
        (rr.normal, {"size": (3,), "avg": 2.0, "std": 0.5}, lambda r: r.normal(2.0, 0.5, 3)),
        (rr.normal, {"avg": np.ones((2, 1)), "std": np.ones((1, 3))}, lambda r: r.normal(np.ones((2, 1)), np.ones((1, 3)))),
        (rr.binomial, {"size": (8,)}, lambda r: r.binomial(1, 0.5, 8)),
        (rr.binomial, {"size": (2,), "n": [3, 9], "p": 0.25}, lambda r: r.binomial([3, 9], 0.25, 2)),
        (rr.binomial, {"size": (4,), "prob": 0.125}, lambda r: r.binomial(1, 0.125, 4)),
        (rr.poisson, {"size": (5,)}, lambda r: r.poisson(size=5)),
        (rr.poisson, {"size": (5,), "lam": 40.0}, lambda r: r.poisson(40.0, 5)),
        (rr.random_integers, {"size": (6,)}, lambda r: r.randint(0, 2, 6)),
        (rr.random_integers, {"size": (2, 2), "low": -3, "high": 1000}, lambda r: r.randint(-3, 1001, (2, 2))),
        (rr.random_integers, {"low": LOW, "high": HIGH}, lambda r: [r.randint(low, high + 1) for low, high in zip(LOW, HIGH, strict=True)]),
        (rr.random_integers, {"size": (2,), "low": [0, 1], "high": 2**63 - 1}, lambda r: [r.randint(low, 2**63) for low in (0, 1)]),
        (rr.choice, {"size": (7,)}, lambda r: r.choice(2, 7)),
        (rr.choice, {"size": (2, 2), "a": 9, "replace": False}, lambda r: r.choice(9, (2, 2), replace=False)),
        (rr.choice, {"size": (5,), "a": [4, 9, 1], "p": [0.5, 0.25, 0.25]}, lambda r: r.choice([4, 9, 1], 5, p=[0.5, 0.25, 0.25])),
        (rr.choice, {"size": (2,), "a": [0.5, 1.5], "dtype": "float64"}, lambda r: r.choice([0.5, 1.5], 2)),
        (rr.permutation, {"n": 5}, lambda r: r.permutation(5)),
        (rr.permutation, {"size": (2,), "n": 4}, lambda r: [r.permutation(4), r.permutation(4)]),
        (rr.permutation, {"size": (2,), "n": 0}, lambda r: np.zeros((2, 0))),
        (rr.multinomial, {"size": (3,), "n": 6}, lambda r: r.multinomial(6, [0.5, 0.5], 3)),
        (rr.multinomial, {"n": 6, "pvals": [0.1, 0.2, 0.7]}, lambda r: r.multinomial(6, [0.1, 0.2, 0.7])),
        (
            rr.multinomial,
            {"size": (2,), "n": [1, 9], "pvals": [[0.25, 0.75], [0.5, 0.5]]},
            lambda r: [r.multinomial(1, [0.25, 0.75]), r.multinomial(9, [0.5, 0.5])],
        ),
        (rr.multinomial, {"n": [1, 9]}, lambda r: [r.multinomial(1, [0.5, 0.5]), r.multinomial(9, [0.5, 0.5])]),
    ],
)  # fmt: skip
def test_as_numpy(op, kwargs, expected):
    """The numbers of NumPy's method, where it takes such parameters; else those of its calls for each element in turn."""
    np.testing.assert_array_equal(draw(op, **kwargs), expected(rng()))


def test_symbolic_sizes():
    """Shapes, scalars, vectors with ndim; lengths that are 1 for sure broadcast."""
    x, n, size = tt.dmatrix("x"), tt.iscalar("n"), tt.ivector("size")
    data = np.zeros((2, 3))
    np.testing.assert_array_equal(draw(rr.uniform, x.shape, given=[(x, data)]), rng().uniform(size=(2, 3)))
    np.testing.assert_array_equal(draw(rr.uniform, x[1].shape, given=[(x, data)]), rng().uniform(size=3))
    np.testing.assert_array_equal(draw(rr.uniform, n, given=[(n, 4)]), rng().uniform(size=4))
    np.testing.assert_array_equal(draw(rr.uniform, (n, 1, 2), given=[(n, 4)]), rng().uniform(size=(4, 1, 2)))
    np.testing.assert_array_equal(draw(rr.uniform, size, ndim=2, given=[(size, [2, 3])]), rng().uniform(size=(2, 3)))
    np.testing.assert_array_equal(draw(rr.permutation, size, n=4, ndim=1, given=[(size, [2])]), [rng().permutation(4), *draw(rr.permutation, (2,), n=4)[1:]])
    np.testing.assert_array_equal(draw(rr.normal, avg=x, given=[(x, data)]), rng().normal(size=(2, 3)))
    _, numbers = rr.uniform(rr.random_state_type(), (n, 1))
    assert numbers.broadcastable == (False, True)
    _, numbers = rr.multinomial(rr.random_state_type(), size, ndim=2)
    assert numbers.ndim == 3


def test_dtypes(monkeypatch):
    """uniform and normal: what holds the parameters, at least floatX; counts: int64; dtype= converts."""
    state, x, h = rr.random_state_type(), tt.dscalar("x"), tt.fscalar("h")
    assert rr.uniform(state)[1].dtype == config.floatX
    assert rr.uniform(state, low=x)[1].dtype == "float64"
    for op in (rr.binomial, rr.poisson, rr.random_integers, rr.choice, rr.permutation, rr.multinomial):
        assert op(state)[1].dtype == "int64"
        assert op(state, dtype="int8")[1].dtype == "int8"
    monkeypatch.setattr(config, "floatX", "float32")
    assert rr.normal(state)[1].dtype == "float32"
    assert rr.normal(state, avg=h)[1].dtype == "float32"
    assert rr.normal(state, avg=x)[1].dtype == "float64"
    assert rr.binomial(state, dtype="floatX")[1].dtype == "float32"
    np.testing.assert_array_equal(draw(rr.normal, (3,)), rng().normal(size=3).astype("float32"))


def test_float32_probabilities():
    """Rounding to float32 does not make probabilities invalid."""
    pvals = (np.full(7, 1 / 7)).astype("float32")
    np.testing.assert_array_equal(draw(rr.multinomial, (3,), n=50, pvals=pvals), rng().multinomial(50, np.full(7, 1 / 7), 3))
    with pytest.raises(ValueError, match="pvals"):
        draw(rr.multinomial, (3,), pvals=np.full(3, 0.9, "float32"))


@pytest.mark.parametrize(
    ("op", "kwargs", "error", "message"),
    [
        (rr.uniform, {"size": tt.lvector("size")}, ValueError, r"length is not known when the graph is built; say how many entries it has, uniform\(…, ndim=2\)"),
        (rr.uniform, {"size": (2, 3), "ndim": 1}, ValueError, r"ndim=1, but size \(2, 3\) has 2 entries"),
        (rr.uniform, {"ndim": 1}, ValueError, "ndim=1 without a size, but the parameters broadcast to 0 axes"),
        (rr.uniform, {"size": tt.lvector("size"), "ndim": 1.5}, TypeError, "ndim is a plain integer"),
        (rr.uniform, {"size": tt.lvector("size"), "ndim": -1}, ValueError, "ndim counts the axes"),
        (rr.uniform, {"size": (2, -1)}, ValueError, r"cannot be negative, got size \(2, -1\)"),
        (rr.uniform, {"size": (2.5,)}, TypeError, "an entry of a shape is an integer"),
        (rr.uniform, {"size": tt.dvector("size"), "ndim": 1}, TypeError, "a shape is a vector of integers"),
        (rr.normal, {"size": (2,), "avg": tt.dmatrix("m")}, ValueError, r"avg = m needs 2 axes, size \(2,\) gives 1"),
        (rr.multinomial, {"size": (2,), "pvals": tt.dtensor3("m")}, ValueError, "pvals = m needs 2 axes"),
        (rr.uniform, {"dtype": "int32"}, TypeError, "uniform: the numbers are floats, of which int32 would keep but the whole part; cast them, or draw with random_integers"),
        (rr.normal, {"dtype": "bool"}, TypeError, "normal: the numbers are floats"),
        (rr.binomial, {"n": 2.5}, TypeError, "n is an integer"),
        (rr.random_integers, {"low": 2.5}, TypeError, "low is an integer"),
        (rr.permutation, {"n": [2, 3]}, TypeError, "n is one integer"),
        (rr.multinomial, {"pvals": 0.5}, TypeError, "along its last axis, got the scalar"),
        (rr.choice, {"a": 2.5}, TypeError, "a is a vector or a positive integer"),
        (rr.choice, {"a": [0.5, 1.5]}, TypeError, "float64, which int64 does not hold; give dtype='float64'"),
        (rr.choice, {"replace": [True]}, TypeError, "replace is True or False"),
        (rr.choice, {"p": 0.5}, TypeError, "p is a vector"),
    ],
)  # fmt: skip
def test_refusals(op, kwargs, error, message):
    """When the graph is built, with the argument's name."""
    with pytest.raises(error, match=message):
        op(rr.random_state_type(), **kwargs)


def test_refusals_when_drawn():
    """NumPy's own, when the function runs."""
    n = tt.lscalar("n")
    with pytest.raises(ValueError, match="permutation: n counts"):
        draw(rr.permutation, n=n, given=[(n, -1)])
    with pytest.raises(ValueError, match="p > 1"):
        draw(rr.binomial, (2,), p=1.5)
