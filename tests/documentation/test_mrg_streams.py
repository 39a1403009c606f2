"""The documentation's page on MRG31k3p (sandbox.rng_mrg); its lines in the names."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.stats

import tcore
import tcore.tensor as T
from tcore.sandbox.rng_mrg import MRG_RandomStreams, guess_n_streams, matVecModM, multMatVect

M1, M2 = 2147483647, 2147462579
#: one step of each component: its newest number is the first of the next state
A1 = ((0, 2**22, 2**7 + 1), (1, 0, 0), (0, 1, 0))
A2 = ((2**15, 0, 2**15 + 1), (1, 0, 0), (0, 1, 0))
P = [[0.98, 0.01, 0.01], [0.01, 0.49, 0.50]]


def numbers(state, count):
    """MRG31k3p as L'Ecuyer and Touzin print it, in whole numbers: draws between 0 and 1, and the state after them."""
    (x1, x2, x3), (y1, y2, y3) = (list(map(int, half)) for half in (state[:3], state[3:]))
    drawn = []
    for _ in range(count):
        x1, x2, x3 = (2**22 * x2 + (2**7 + 1) * x3) % M1, x1, x2
        y1, y2, y3 = (2**15 * y1 + (2**15 + 1) * y3) % M2, y1, y2
        drawn.append(((x1 - y1) if x1 > y1 else x1 - y1 + M1) / 2.0**31)
    return drawn, [x1, x2, x3, y1, y2, y3]


def product(a, b, m):
    return tuple(tuple(sum(a[i][k] * b[k][j] for k in range(3)) % m for j in range(3)) for i in range(3))


def ahead(state, bits):
    """The state 2**bits steps later, by squaring."""
    first, second = A1, A2
    for _ in range(bits):
        first, second = product(first, first, M1), product(second, second, M2)
    halves = [list(map(int, half)) for half in (state[:3], state[3:])]
    return [sum(row[k] * half[k] for k in range(3)) % m for matrix, half, m in ((first, halves[0], M1), (second, halves[1], M2)) for row in matrix]


def draw(variable, given=None):
    return tcore.function(list(given or ()), variable, mode="FAST_COMPILE")(*(given or {}).values())


def test_exact_algorithm_L18642_L18652(backend):
    streams = MRG_RandomStreams([1, 2, 3, 4, 5, 6])
    f = tcore.function([], streams.uniform((7,), nstreams=1, dtype="float64"))
    wanted, state = numbers([1, 2, 3, 4, 5, 6], 7)
    np.testing.assert_array_equal(f(), wanted)
    np.testing.assert_array_equal(f(), numbers(state, 7)[0])


def test_class_with_the_interface_of_numpy_L18660_L18662():
    streams = MRG_RandomStreams(seed=12345)
    assert MRG_RandomStreams().rstate.tolist() == streams.rstate.tolist()
    for name in ("uniform", "normal", "binomial", "multinomial", "choice"):
        assert callable(getattr(streams, name))
        assert callable(getattr(np.random.RandomState, name))


def test_mat_vec_mod_m_L18656():
    matrix, vector = np.array(A1), np.array([M1 - 1, M1 - 2, 5])
    assert matVecModM(matrix, vector, M1).tolist() == [sum(int(a) * int(v) for a, v in zip(row, vector, strict=True)) % M1 for row in matrix]


def test_mult_mat_vect_with_other_moduli_L18780_L18784():
    """The moduli are told with every call; none is kept from the one before."""
    v = [7, 8, 9, 10, 11, 12]
    for m1, m2 in ((M1, M2), (13, 17), (M1, M2)):
        got = multMatVect(v, A1, m1, A2, m2)
        assert got.tolist() == [*matVecModM(A1, v[:3], m1).tolist(), *matVecModM(A2, v[3:], m2).tolist()]


def test_one_number_stands_for_six_L18664():
    np.testing.assert_array_equal(draw(MRG_RandomStreams(77).uniform((5,))), draw(MRG_RandomStreams([77] * 6).uniform((5,))))


def test_choice_signature_L18666_L18668():
    names = {name: value.default for name, value in inspect.signature(MRG_RandomStreams.choice).parameters.items() if name not in ("self", "kwargs")}
    assert names == {"size": 1, "a": None, "replace": True, "p": None, "ndim": None, "dtype": "int64", "nstreams": None}


def test_choice_size_L18672():
    size = T.lscalar("size")
    assert draw(MRG_RandomStreams(1).choice(p=P, replace=False)).shape == (2, 1)
    assert draw(MRG_RandomStreams(1).choice(size=size, p=P, replace=False), {size: 2}).shape == (2, 2)


def test_choice_a_L18673():
    with pytest.raises(TypeError, match="a must be None"):
        MRG_RandomStreams(1).choice(a=3, p=P, replace=False)


@pytest.mark.parametrize("replace", [False, True])
def test_choice_replace_L18674_L18687(replace):
    """Without replacement no outcome comes twice; with it, which goes beyond the documentation, the frequencies are the probabilities."""
    drawn = draw(MRG_RandomStreams(8).choice(size=3, p=np.tile([0.2, 0.3, 0.5], (2000, 1)), replace=replace))
    assert drawn.dtype == "int64"
    assert drawn.min() == 0
    assert drawn.max() == 2
    if replace:
        np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, [0.2, 0.3, 0.5], atol=0.03)
    else:
        assert (np.sort(drawn, axis=1) == np.arange(3)).all()
        np.testing.assert_allclose(np.bincount(drawn[:, 0]) / len(drawn), [0.2, 0.3, 0.5], atol=0.05)


def test_choice_p_symbolic_or_not_L18675():
    p = T.dmatrix("p")
    symbolic = draw(MRG_RandomStreams(2).choice(p=p, replace=False, size=2), {p: np.array(P)})
    np.testing.assert_array_equal(symbolic, draw(MRG_RandomStreams(2).choice(p=np.array(P), replace=False, size=2)))


def test_choice_and_multinomial_ndim_L18683_L18706():
    """There for the signature only: the result is a matrix."""
    for method in ("choice", "multinomial"):
        assert "ndim" in inspect.signature(getattr(MRG_RandomStreams, method)).parameters
    with pytest.raises(ValueError, match="leave out ndim"):
        MRG_RandomStreams(1).choice(p=P, ndim=2)
    with pytest.raises(ValueError, match="leave out size and ndim"):
        MRG_RandomStreams(1).multinomial(pvals=P, ndim=2)


def test_choice_checks_no_probabilities_L18685():
    assert draw(MRG_RandomStreams(1).choice(size=2, p=[[-0.2, 0.2]])).tolist() == [[0, 0]]
    assert draw(MRG_RandomStreams(1).choice(size=2, p=[[-0.2, 0.2]], replace=False)).shape == (1, 2)


def test_substreams_are_spaced_by_two_to_the_72_L18689():
    streams = MRG_RandomStreams(5)
    rows = streams.get_substream_rstates(3)
    assert rows[0].tolist() == [5] * 6
    assert rows[1].tolist() == ahead(rows[0], 72)
    assert rows[2].tolist() == ahead(rows[1], 72)


def test_inc_rstate_L18693_L18695():
    streams = MRG_RandomStreams(5)
    streams.inc_rstate()
    assert streams.rstate.tolist() == ahead([5] * 6, 134)
    streams.uniform((2,))  # each variable takes the stream that begins there
    assert streams.rstate.tolist() == ahead(ahead([5] * 6, 134), 134)


def test_multinomial_counts_L18697_L18699():
    drawn = draw(MRG_RandomStreams(3).multinomial(n=5, pvals=np.tile(P, (1000, 1))))
    assert drawn.shape == (2000, 3)
    assert drawn.dtype == "int64"
    assert (drawn.sum(axis=1) == 5).all()
    np.testing.assert_allclose(drawn[::2].mean(axis=0) / 5, P[0], atol=0.02)
    np.testing.assert_allclose(drawn[1::2].mean(axis=0) / 5, P[1], atol=0.02)
    with pytest.raises(ValueError, match="n is at least 1"):
        MRG_RandomStreams(3).multinomial(n=0, pvals=P)


def test_normal_L18711_L18719():
    """Mean and deviation may be expressions; the numbers are normal."""
    avg, std, x = T.dscalar("avg"), T.dvector("std"), T.dmatrix("x")
    drawn = draw(MRG_RandomStreams(6).normal(x.shape, avg, std), {x: np.ones((5000, 2)), avg: 3.0, std: np.array([1.0, 10.0])})
    assert scipy.stats.kstest((drawn[:, 0] - 3), "norm").pvalue > 1e-3
    assert scipy.stats.kstest((drawn[:, 1] - 3) / 10, "norm").pvalue > 1e-3


@pytest.mark.parametrize("method", ["normal", "uniform", "truncated_normal", "binomial"])
def test_ndim_for_a_vector_of_unknown_length_L18722_L18771(method):
    size = T.lvector("size")
    streams = MRG_RandomStreams(1)
    with pytest.raises(ValueError, match="say how many entries it has"):
        getattr(streams, method)(size)
    assert draw(getattr(streams, method)(size, ndim=3), {size: [2, 3, 1]}).shape == (2, 3, 1)


@pytest.mark.parametrize("method", ["normal", "uniform", "truncated_normal"])
def test_dtype_holds_the_parameters_L18723_L18769_L18772(method, monkeypatch):
    monkeypatch.setattr(tcore.config, "floatX", "float32")
    draws = getattr(MRG_RandomStreams(1), method)
    assert draws((2,)).dtype == "float32"
    assert draws((2,), np.float16(0.5)).dtype == "float32"
    assert draws((2,), T.dscalar()).dtype == "float64"
    assert draws((2,), T.dscalar(), dtype="float32").dtype == "float32"


def test_truncated_normal_L18740_L18759():
    """Symmetric, within two deviations; the same rules as normal."""
    np.testing.assert_array_equal(
        draw(MRG_RandomStreams(3).truncated_normal((50,), 5.0, 2.0)), draw(MRG_RandomStreams(3).normal((50,), 5.0, 2.0, truncate=True))
    )
    drawn = draw(MRG_RandomStreams(3).truncated_normal((5000,)))
    assert scipy.stats.kstest(drawn, scipy.stats.truncnorm(-2, 2).cdf).pvalue > 1e-3


def test_seed_L18730_L18738():
    streams = MRG_RandomStreams(9)
    a, b = streams.uniform((2,)), streams.uniform((2,))
    f = tcore.function([], [a, b], mode="FAST_COMPILE")
    first = np.array(f())
    assert not np.isin(first[0], first[1]).any()
    for seed in (2**30, 0 + 1, None):
        assert streams.seed(seed) is None
        again = np.array(f())
        assert np.array_equal(again, first) == (seed is None)


def test_uniform_bounds_L18761_L18769():
    """Both ends are excluded, of whatever bounds; a size may be the shape of another variable, or a list."""
    x = T.dmatrix("x")
    drawn = draw(MRG_RandomStreams(2).uniform(x.shape, low=-3.0, high=5.0), {x: np.ones((50, 40))})
    assert -3 < drawn.min() < -2.8
    assert 4.8 < drawn.max() < 5
    assert scipy.stats.kstest((drawn.ravel() + 3) / 8, "uniform").pvalue > 1e-3
    assert draw(MRG_RandomStreams(2).uniform([2, 3])).shape == (2, 3)


def test_nstreams_L18666_L18765():
    """Element i comes from stream i mod nstreams; None guesses."""
    drawn = draw(MRG_RandomStreams(4).uniform((6,), nstreams=2, dtype="float64"))
    first, second = numbers([4] * 6, 3)[0], numbers(ahead([4] * 6, 72), 3)[0]
    np.testing.assert_array_equal(drawn, np.ravel([first, second], order="F"))
    for size in ((1000,), (60 * 256 * 100,)):
        assert MRG_RandomStreams(4).uniform(size).rng.get_value().shape == (guess_n_streams(size), 6)


def test_guess_fallback_L18778(recwarn):
    assert guess_n_streams(T.lvector(), warn=False) == 60 * 256
    assert not recwarn


def test_drop_in_replacement_L2024_L2032():
    from tcore.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams

    srng = RandomStreams(seed=234)
    rv_u, rv_n = srng.uniform((2, 2)), srng.normal((2, 2))
    f, g = tcore.function([], rv_u, mode="FAST_COMPILE"), tcore.function([], rv_n, no_default_updates=True, mode="FAST_COMPILE")
    assert not np.array_equal(f(), f())
    np.testing.assert_array_equal(g(), g())


def test_state_updates_of_mrg_L1963_L2005():
    streams = MRG_RandomStreams(1)
    variables = [streams.uniform((2,)), streams.normal((3,))]
    assert streams.state_updates == [variable.update for variable in variables]


def test_new_distributions_of_uniform_numbers_L8833_L8834():
    """One of existing ops; one of an op that takes uniform numbers, as multinomial is."""
    streams = MRG_RandomStreams(5)
    exponential = -T.log(streams.uniform((4000,)))
    assert scipy.stats.kstest(draw(exponential), "expon").pvalue > 1e-3
    owners = {type(node.op).__name__ for node in tcore.graph.io_toposort([], [streams.multinomial(pvals=P)])}
    assert "OutcomesFromUniform" in owners


@pytest.mark.parametrize("method", ["uniform", "normal", "binomial", "multinomial", "choice"])
def test_distributions_keep_the_interface_of_numpy_L8838(method):
    """The arguments of NumPy's method that this one has are called the same, but for avg and std, documented names of loc and scale."""
    ours = [name for name in inspect.signature(getattr(MRG_RandomStreams, method)).parameters if name != "self"]
    theirs = {"uniform": ["low", "high"], "normal": ["avg", "std"], "binomial": ["n", "p"], "multinomial": ["n", "pvals"], "choice": ["a", "replace", "p"]}
    assert ours[0] == "size"
    assert [name for name in ours if name in theirs[method]] == theirs[method]
