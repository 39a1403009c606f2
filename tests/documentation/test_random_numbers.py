"""The documentation on random numbers; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function
from tcore.sandbox.rng_mrg import DotModulo, MRG_RandomStreams, guess_n_streams, matVecModM, multMatVect
from tcore.tensor.shared_randomstreams import RandomStreams


@pytest.fixture
def example():
    srng = RandomStreams(seed=234)
    rv_u = srng.uniform((2, 2))
    rv_n = srng.normal((2, 2))
    f = function([], rv_u)
    g = function([], rv_n, no_default_updates=True)  # Not updating rv_n.rng
    nearly_zeros = function([], rv_u + rv_u - 2 * rv_u)
    return srng, rv_u, rv_n, f, g, nearly_zeros


def test_brief_example_L1886_L1911(example):
    _, _, _, f, g, _ = example
    f_val0, f_val1 = f(), f()
    g_val0, g_val1 = g(), g()
    assert not np.array_equal(f_val0, f_val1)
    assert not np.array_equal(g_val0, f_val0)
    assert not np.array_equal(g_val0, f_val1)
    np.testing.assert_array_equal(g_val0, g_val1)


def test_drawn_once_in_a_call_L1913(example):
    np.testing.assert_allclose(example[-1](), np.zeros((2, 2)), atol=1e-15)


def test_seeding_one_stream_L1925(example):
    rv_u, f = example[1], example[3]
    rng_val = rv_u.rng.get_value(borrow=True)  # Get the rng for rv_u
    rng_val.seed(89234)  # seeds the generator
    rv_u.rng.set_value(rng_val, borrow=True)  # Assign back seeded rng
    np.testing.assert_array_equal(f(), np.random.RandomState(89234).uniform(size=(2, 2)))


def test_seeding_all_streams_L1934(example):
    srng, _, _, f, g, _ = example
    srng.seed(902340)  # seeds rv_u and rv_n with different seeds each
    seeds = np.random.RandomState(902340)
    np.testing.assert_array_equal(f(), np.random.RandomState(int(seeds.randint(2**30))).uniform(size=(2, 2)))
    np.testing.assert_array_equal(g(), np.random.RandomState(int(seeds.randint(2**30))).normal(size=(2, 2)))


def test_streams_are_shared_by_functions_L1943_L1957(example):
    _, rv_u, _, f, _, nearly_zeros = example
    state_after_v0 = rv_u.rng.get_value().get_state()
    nearly_zeros()  # this affects rv_u's generator
    v1 = f()
    rng = rv_u.rng.get_value(borrow=True)
    rng.set_state(state_after_v0)
    rv_u.rng.set_value(rng, borrow=True)
    v2 = f()  # v2 != v1
    v3 = f()  # v3 == v1
    assert not np.array_equal(v2, v1)
    np.testing.assert_array_equal(v3, v1)


def test_copying_random_state_L1983_L2015(backend):
    class Graph:
        def __init__(self, seed=123):
            self.rng = RandomStreams(seed)
            self.y = self.rng.uniform(size=(1,))

    g1 = Graph(seed=123)
    f1 = tcore.function([], g1.y)
    g2 = Graph(seed=987)
    f2 = tcore.function([], g2.y)
    assert str(f1()) == "[0.72803009]"
    assert str(f2()) == "[0.55056769]"
    for su1, su2 in zip(g1.rng.state_updates, g2.rng.state_updates, strict=True):
        su2[0].set_value(su1[0].get_value())
    assert str(f1()) == "[0.59044123]"
    assert str(f2()) == "[0.59044123]"


def test_binomial_masks_L2740_L2754_L2780(backend):
    """The masks that the scan example prints, one a step: here one a call."""
    W = T.matrix("W")
    trng = T.shared_randomstreams.RandomStreams(1234)
    d = trng.binomial(size=W[1].shape)
    draw = tcore.function([W], d, allow_input_downcast=True)
    masks = ["".join(map(str, draw(np.ones((2, 2))))) for _ in range(10)]
    assert masks == ["10", "01", "00", "11", "10", "01", "01", "01", "00", "11"]


def test_gibbs_step_L18986_L19019():
    """Two draws with symbolic probabilities and sizes, one a floatX."""
    W = tcore.shared(np.full((3, 2), 0.5))
    trng = T.shared_randomstreams.RandomStreams(1234)
    vsample = T.vector("v")
    hmean = T.nnet.sigmoid(tcore.dot(vsample, W))
    hsample = trng.binomial(size=hmean.shape, n=1, p=hmean)
    vmean = T.nnet.sigmoid(tcore.dot(hsample, W.T))
    drawn = trng.binomial(size=vsample.shape, n=1, p=vmean, dtype=tcore.config.floatX)
    f = tcore.function([vsample], [hsample, drawn], allow_input_downcast=True)
    rngs, v = [state.get_value() for state, _ in trng.updates()], np.array([1.0, 0.0, 1.0])
    for _ in range(2):
        h = rngs[0].binomial(1, 1 / (1 + np.exp(-v @ W.get_value())))
        expected = rngs[1].binomial(1, 1 / (1 + np.exp(-h @ W.get_value().T)))
        got = f(v)
        np.testing.assert_array_equal(got[0], h)
        np.testing.assert_array_equal(got[1], expected)
        assert got[1].dtype == tcore.config.floatX


def test_inplace_random_L12197():
    """The generator of a shared variable, used once and updated, is updated in place."""
    u = RandomStreams(1).uniform((2,))
    f = tcore.function([], u, mode="FAST_RUN")
    (node,) = [node for node in f.maker.fgraph.toposort() if "RandomFunction" in str(node.op)]
    assert node.op.inplace
    before = u.rng.get_value(borrow=True)
    f()
    assert u.rng.get_value(borrow=True) is before
    assert tcore.compile.optdb.position_of("random_make_inplace") == 99
    slower = tcore.function([], u, mode=tcore.compile.Mode("py", "fast_run").excluding("inplace"))
    assert not any(getattr(node.op, "inplace", False) for node in slower.maker.fgraph.toposort())


def test_permutation_and_multinomial_shapes_L24102_L24116():
    streams = RandomStreams(2)
    permutations = streams.permutation(size=(2, 3), n=5).eval()
    assert permutations.shape == (2, 3, 5)
    assert (np.sort(permutations, axis=-1) == np.arange(5)).all()
    counts = streams.multinomial(size=(2, 3), n=7, pvals=[0.2, 0.3, 0.5]).eval()
    assert counts.shape == (2, 3, 3)
    assert (counts.sum(axis=-1) == 7).all()


@pytest.mark.parametrize("streams", [RandomStreams, MRG_RandomStreams])
def test_copying_random_state_of_both_L2001_L2003_L2007(streams):
    class Graph:
        def __init__(self, seed=123):
            self.rng = streams(seed)
            self.y = self.rng.uniform(size=(1,))

    g1, g2 = Graph(seed=123), Graph(seed=987)
    f1, f2 = tcore.function([], g1.y), tcore.function([], g2.y)
    assert f1() != f2()
    if isinstance(g1.rng, MRG_RandomStreams):
        g2.rng.rstate = g1.rng.rstate
    for su1, su2 in zip(g1.rng.state_updates, g2.rng.state_updates, strict=True):
        su2[0].set_value(su1[0].get_value())
    assert f1() == f2()
    assert f1() == f2()


def test_dot_modulo_L18654():
    """As matVecModM, twice, joined; multMatVect is that for a state."""
    A, B = np.arange(9).reshape(3, 3) + 2**30, np.arange(9).reshape(3, 3)[::-1] + 2**29
    v = np.array([2**31 - 2, 5, 7, 2**31 - 21070, 1, 2**30])
    m1, m2 = 2147483647, 2147462579
    got = DotModulo()(A, v[:3], m1, B, v[3:], m2).eval()
    np.testing.assert_array_equal(got, np.concatenate([matVecModM(A, v[:3], m1), matVecModM(B, v[3:], m2)]))
    np.testing.assert_array_equal(got, multMatVect(v, A, m1, B, m2))


def test_seed_forms_L18664():
    assert MRG_RandomStreams().rstate.tolist() == [12345] * 6
    assert MRG_RandomStreams([1, 2, 3, 4, 5, 6]).rstate.tolist() == [1, 2, 3, 4, 5, 6]
    for wrong in (2147483647, [0, 0, 0, 1, 1, 1], [1, 1, 1, 2147462579, 1, 1]):
        with pytest.raises(ValueError, match="must be at least 0, less than"):
            MRG_RandomStreams(wrong)


def test_choice_example_L18677():
    """Shapes and what is probable: fixed seeds."""
    p = [[0.98, 0.01, 0.01], [0.01, 0.49, 0.50]]
    one = MRG_RandomStreams(1).choice(size=1, p=p, replace=False).eval()
    assert one.shape == (2, 1)
    assert one[0] == 0
    two = MRG_RandomStreams(1).choice(size=2, p=p, replace=False).eval()
    assert two.shape == (2, 2)
    assert (two[:, 0] != two[:, 1]).all()
    assert two.max() <= 2
    assert MRG_RandomStreams(1).choice(size=1, p=[[-0.2, 0.2]], replace=False).eval().shape == (1, 1)


def test_multinomial_example_L18701_L18709():
    p = [[0.98, 0.01, 0.01], [0.01, 0.49, 0.50]]
    for n in (1, 2):
        counts = MRG_RandomStreams(4).multinomial(pvals=p, n=n).eval()
        assert counts.shape == (2, 3)
        assert counts.sum(axis=1).tolist() == [n, n]
        assert counts[0, 0] == n
    assert MRG_RandomStreams().multinomial(pvals=[[-0.2, 0.2]]).eval().tolist() == [[0, 0]]


def test_guess_n_streams_L18774():
    assert guess_n_streams((2, 3)) >= 1
    with pytest.warns(UserWarning, match="cannot be guessed"):
        assert guess_n_streams(T.matrix().shape, warn=True) == 60 * 256


def test_normal_truncated_L18721():
    drawn = MRG_RandomStreams(3).normal((4000,), 5.0, 2.0, truncate=True).eval()
    assert abs(drawn - 5).max() <= 4
    assert drawn.std() < 2


def test_nan_guard_does_not_look_at_states_L7005():
    """States are integers that mean no numbers."""
    f = function([], MRG_RandomStreams(3).normal((3,)), mode="NanGuardMode")
    assert not np.array_equal(f(), f())
