"""Streams of uniform numbers, MRG31k3p and Philox: the same distributions, attributes, sizes and refusals."""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.configuration import config
from tcore.scalar.normal_quantile import normal_quantile
from tcore.tensor.random import MRG_RandomStreams, PhiloxRandomStreams, RandomVariable

PLAIN = Mode("py", "fast_run")
MANY = 20_000
STREAMS = [MRG_RandomStreams, PhiloxRandomStreams]


@pytest.fixture(params=STREAMS, ids=["mrg", "philox"])
def make(request):
    return request.param


def values(variable):
    return tcore.function([], variable, mode=PLAIN)()


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda s: s.uniform((MANY,)), stats.uniform()),
        (lambda s: s.uniform((100, MANY // 100), -1.0, 3.0), stats.uniform(-1, 4)),
        (lambda s: s.normal((MANY,)), stats.norm()),
        (lambda s: s.normal((MANY,), 2.0, 3.0), stats.norm(2, 3)),
        (lambda s: s.truncated_normal((MANY,)), stats.truncnorm(-2, 2)),
        (lambda s: s.normal((MANY,), 1.0, 0.5, truncate=True), stats.truncnorm(-2, 2, 1, 0.5)),
    ],
)
def test_continuous(make, draw, distribution):
    """By the test of Kolmogorov and Smirnov; fixed seeds, so the outcome is."""
    assert stats.kstest(values(draw(make(11))).ravel(), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("draw", "n", "p"),
    [
        (lambda s: s.binomial((MANY,)), 1, 0.5),
        (lambda s: s.binomial((MANY,), n=5, p=0.25), 5, 0.25),
        (lambda s: s.binomial((MANY,), n=tt.constant(np.int64(3)) + 1, prob=0.9), 4, 0.9),
        (lambda s: s.binomial((MANY, 2), n=[3, 8], p=0.3)[:, 1], 8, 0.3),
    ],
)
def test_binomial(make, draw, n, p):
    """Counts against the probabilities, by chi square."""
    drawn = values(draw(make(12)))
    assert drawn.dtype == "int64"
    expected = stats.binom(n, p).pmf(np.arange(n + 1)) * MANY
    assert stats.chisquare(np.bincount(drawn, minlength=n + 1), expected).pvalue > 1e-3


def test_multinomial(make):
    """Counts by row, which add up to n."""
    pvals = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]])
    drawn = values(make(13).multinomial(pvals=pvals, n=MANY))
    assert (drawn.sum(axis=1) == MANY).all()
    for row, chances in zip(drawn, pvals, strict=True):
        assert stats.chisquare(row, chances * MANY).pvalue > 1e-3
    p, n = tt.fmatrix("p"), tt.lscalar("n")
    f = tcore.function([p, n], make(13).multinomial(pvals=p, n=n, dtype="float32"), mode=PLAIN)
    assert f(pvals.astype("float32"), 4).sum(axis=1).tolist() == [4, 4]


def test_choice(make):
    """Indices with or without replacement; without, the chances are those of drawing one after another."""
    p = np.array([[0.5, 0.3, 0.2]])
    drawn = values(make(14).choice(size=MANY, p=p))
    assert drawn.shape == (1, MANY)
    assert stats.chisquare(np.bincount(drawn[0]), p[0] * MANY).pvalue > 1e-3
    pairs = values(make(14).choice(size=2, replace=False, p=np.repeat(p, MANY, 0)))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    chances = {(a, b): p[0, a] * p[0, b] / (1 - p[0, a]) for a in range(3) for b in range(3) if a != b}
    counts = [(pairs == pair).all(axis=1).sum() for pair in chances]
    assert stats.chisquare(counts, np.array(list(chances.values())) * MANY).pvalue > 1e-3


def test_attributes(make):
    """rng, update, state_updates, default updates: as RandomStreams has them, for derived draws too."""
    streams = make(3)
    draws = [streams.uniform((2,)), streams.normal((2,), 1.0), streams.binomial((2,), n=3), streams.multinomial(pvals=[[0.5, 0.5]]), streams.choice(p=[[1.0]])]
    for draw, update in zip(draws, streams.updates(), strict=True):
        assert isinstance(draw, RandomVariable)
        assert update == draw.update == (draw.rng, draw.rng.default_update)
        assert draw.rng.tag.is_rng
    u = streams.uniform((3,))
    f, g = tcore.function([], u, mode=PLAIN), tcore.function([], u, mode=PLAIN, no_default_updates=True)
    first = g()
    np.testing.assert_array_equal(first, g())
    np.testing.assert_array_equal(first, f())
    assert not np.isin(f(), first).any()
    assert np.abs(tcore.function([], u + u - 2 * u, mode=PLAIN)()).max() < 1e-15


def test_seed_and_copies(make):
    """Seeding anew gives each variable what it had first; another seed others; pickles and copies go on."""
    streams = make(4)
    a, b = streams.uniform((3,)), streams.uniform((3,))
    f = tcore.function([], [a, b], mode=PLAIN)
    first = np.array(f())
    assert len(np.unique(first)) == 6
    assert streams.seed(4) is None
    np.testing.assert_array_equal(first, f())
    streams.seed(5)
    other = np.array(f())
    assert not np.isin(other, first).any()
    streams.seed()
    np.testing.assert_array_equal(first, f())
    for again, c in (pickle.loads(pickle.dumps((streams, a))), copy.deepcopy((streams, a))):
        assert again.state_updates[0] == c.update
        np.testing.assert_array_equal(values(c), tcore.function([], a, mode=PLAIN, no_default_updates=True)())


def test_sizes(make):
    """Shapes, scalars, vectors with ndim, nothing; lengths of 1 broadcast."""
    streams, x, n, size = make(5), tt.dmatrix("x"), tt.lscalar("n"), tt.lvector("size")
    f = tcore.function([x], streams.uniform(x.shape), mode=PLAIN)
    assert [f(np.ones(shape)).shape for shape in ((2, 3), (0, 3), (40, 50))] == [(2, 3), (0, 3), (40, 50)]
    assert tcore.function([n], streams.normal((n, 1, 2)), mode=PLAIN)(4).shape == (4, 1, 2)
    assert tcore.function([size], streams.binomial(size, ndim=2), mode=PLAIN)([2, 5]).shape == (2, 5)
    assert streams.uniform((n, 1)).broadcastable == (False, True)
    assert streams.uniform((1,)).broadcastable == (True,)
    assert values(streams.uniform((), 1.0, 2.0)).shape == ()
    assert values(streams.uniform((0,))).shape == (0,)
    assert tcore.function([x], streams.normal((), avg=x), mode=PLAIN)(np.ones((2, 3))).shape == (2, 3)


def test_dtypes(make, monkeypatch):
    """What holds the parameters, at least floatX; dtype converts the parameters."""
    streams, x = make(6), tt.dscalar("x")
    assert streams.uniform((2,)).dtype == config.floatX
    monkeypatch.setattr(config, "floatX", "float32")
    for draw in (streams.uniform, streams.normal, streams.truncated_normal):
        assert draw((2,)).dtype == "float32"
        assert draw((2,), x).dtype == "float64"
        assert draw((2,), x, dtype="float16").dtype == "float16"
        assert values(draw((50,), dtype="float16")).dtype == "float16"
    assert streams.binomial((2,), dtype="floatX").dtype == "float32"


def test_open_interval(make):
    """0 and 1 are never drawn, however few bits there are."""
    for dtype in ("float16", "float32", "float64"):
        drawn = values(make(7).uniform((MANY,), dtype=dtype))
        assert drawn.min() > 0
        assert drawn.max() < 1


def test_gradient(make):
    """Normal numbers are a function of avg and std."""
    avg, std = tt.dscalar("avg"), tt.dscalar("std")
    drawn = make(8).normal((5,), avg, std)
    f = tcore.function([avg, std], [drawn, *tcore.grad(drawn.sum(), [avg, std])], mode=PLAIN)
    numbers, by_avg, by_std = f(1.0, 2.0)
    assert by_avg == 5
    np.testing.assert_allclose(by_std, ((numbers - 1) / 2).sum())


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda s: s.uniform(tt.lvector("size")), ValueError, r"say how many entries it has, uniform\(…, ndim=2\)"),
        (lambda s: s.uniform((2,), ndim=2), ValueError, "ndim=2, but size"),
        (lambda s: s.uniform((2,), nope=1), TypeError, "uniform has no argument 'nope'"),
        (lambda s: s.uniform((2,), dtype="int64"), TypeError, "the numbers are floats, got dtype int64"),
        (lambda s: s.binomial((2,), n=1.5), TypeError, "n is an integer"),
        (lambda s: s.normal((2,), std=-1.5), ValueError, "normal: std is a standard deviation, at least 0, got -1.5"),
        (lambda s: s.truncated_normal((2,), std=[1.0, -1.0]), ValueError, "std is a standard deviation"),
        (lambda s: s.binomial((2,), p=1.5), ValueError, "binomial: p is a probability, between 0 and 1, got 1.5"),
        (lambda s: s.binomial((2,), p=[0.5, np.nan]), ValueError, "p is a probability"),
        (lambda s: s.binomial((2,), n=-1), ValueError, "n counts trials, at least 0, got -1"),
        (lambda s: s.multinomial(), TypeError, "needs pvals"),
        (lambda s: s.multinomial(pvals=[0.5, 0.5]), TypeError, "pvals is a matrix"),
        (lambda s: s.multinomial(size=3, pvals=[[0.5, 0.5]]), ValueError, "leave out size"),
        (lambda s: s.multinomial(n=0, pvals=[[0.5, 0.5]]), ValueError, "n is at least 1"),
        (lambda s: s.choice(a=3, p=[[1.0]]), TypeError, "a must be None"),
        (lambda s: s.choice(), TypeError, "needs p"),
        (lambda s: s.choice(p=[[1.0]], ndim=2), ValueError, "leave out ndim"),
        (lambda s: s.choice(p=[[1.0]], size=1.5), TypeError, "size is one integer"),
    ],
)
def test_refusals(make, draw, error, message):
    """When the graph is built."""
    with pytest.raises(error, match=message):
        draw(make(9))


def test_refusals_when_drawn(make):
    """Parameters that are no constants are looked at when the function runs; the ends of what is allowed are allowed."""
    std, p, n = tt.dscalar("std"), tt.dvector("p"), tt.lscalar("n")
    streams = make(9)
    f = tcore.function([std, p, n], [streams.normal((2,), 3.0, std), streams.binomial((2,), p=p), streams.binomial((2,), n=n)], mode=PLAIN)
    exact = f(0.0, [0.0, 1.0], 0)
    assert [value.tolist() for value in exact] == [[3.0, 3.0], [0, 1], [0, 0]]
    for arguments, message in (((-0.5, [0, 1], 1), "std"), ((1, [0, 1.01], 1), "p is"), ((1, [-0.01, 1], 1), "p is"), ((1, [0.5, np.nan], 1), "p is"), ((1, [0, 1], -1), "n counts")):
        with pytest.raises(ValueError, match=message):
            f(*arguments)


@pytest.mark.parametrize("make", STREAMS, ids=["mrg", "philox"])
def test_same_bits_everywhere(backend, make):
    """Uniform and normal numbers and counts are those of NumPy, to the last bit."""
    streams = make(10)
    draws = [streams.uniform((3, 67)), streams.uniform((130,), dtype="float32"), streams.normal((5, 5, 5)), streams.binomial((77,), n=3, p=0.3)]
    got = tcore.function([], draws)()
    streams.seed()
    for value, expected in zip(got, tcore.function([], draws, mode=PLAIN)(), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.backends("opencl")
def test_drawn_on_the_device(backend, make):
    """States go to the device, and numbers are drawn there; Philox numbers are made where the work that reads them is."""
    streams, w = make(10), tcore.shared(np.ones(40, "float32"))
    f = tcore.function([], w * streams.binomial((40,), p=0.3, dtype="float32"))
    ops = [str(node.op) for node in f.maker.fgraph.toposort()]
    assert any(op.startswith(("Gpumrg_uniform", "Gpuphilox_uniform")) for op in ops), ops
    assert not any(op.startswith(("mrg_uniform", "philox_uniform")) for op in ops), ops
    assert f().shape == (40,)


def test_normal_is_the_quantile_of_uniform(make):
    """One uniform number for each."""
    u, z = make(2).uniform((9,), dtype="float64"), make(2).normal((9,), dtype="float64")
    np.testing.assert_array_equal(values(z), normal_quantile.impl(values(u)))
