"""MRG_RandomStreams: states, streams, seeds, guesses; the recurrence draw by draw."""

import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.tensor.random.mrg31k3p import mat_vec_mod, substreams
from tcore.tensor.random.mrg_streams import MRG_RandomStreams, guess_n_streams

PLAIN = Mode("py", "fast_run")


def test_states():
    """rstate begins at the seed; each variable takes a stream, whose substreams are the rows of its state."""
    streams = MRG_RandomStreams()
    assert streams.rstate.tolist() == [12345] * 6
    u = streams.uniform((2, 3), nstreams=4)
    np.testing.assert_array_equal(u.rng.get_value(), substreams([12345] * 6, 4))
    np.testing.assert_array_equal(streams.rstate, mat_vec_mod(np.full(6, 12345), 134))
    before = streams.rstate
    rows = streams.get_substream_rstates(3, inc_rstate=False)
    np.testing.assert_array_equal(streams.rstate, before)
    np.testing.assert_array_equal(rows, substreams(before, 3))
    streams.inc_rstate()
    np.testing.assert_array_equal(streams.rstate, mat_vec_mod(before, 134))


def test_numbers(steps):
    """Element i of a draw is the next number of substream i mod n, draw after draw."""
    u = MRG_RandomStreams(3).uniform((2, 3), nstreams=4)
    f = tcore.function([], u, mode=PLAIN)
    states = substreams([3] * 6, 4)
    gave = [[] for _ in range(4)]
    for _ in range(3):
        for i, number in enumerate(f().ravel()):
            gave[i % 4].append(number)
    for state, numbers in zip(states, gave, strict=True):
        assert numbers == [z * 2.0**-31 for z in steps(state, len(numbers))[0]]


def test_symbolic_sizes_move_few_streams():
    """As many streams as a known size of so many numbers would have; the others stay."""
    x = tt.dmatrix("x")
    u, known = MRG_RandomStreams(3).uniform(x.shape), MRG_RandomStreams(3).uniform((10, 20))
    f = tcore.function([x], u, mode=PLAIN)
    np.testing.assert_array_equal(f(np.ones((10, 20))), tcore.function([], known, mode=PLAIN)())
    after = u.rng.get_value()
    np.testing.assert_array_equal(after[:6], known.rng.get_value())
    np.testing.assert_array_equal(after[6:], substreams([3] * 6, len(after))[6:])


def test_seed():
    """Streams in order from the seed on; set_rstate alone leaves variables alone."""
    streams = MRG_RandomStreams(5)
    a, b = streams.uniform((2,)), streams.uniform((100,))
    streams.seed([1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(a.rng.get_value(), [[1, 2, 3, 4, 5, 6]])
    np.testing.assert_array_equal(b.rng.get_value(), substreams(mat_vec_mod(np.arange(1, 7), 134), 3))
    streams.set_rstate(9)
    np.testing.assert_array_equal(a.rng.get_value(), [[1, 2, 3, 4, 5, 6]])
    assert streams.rstate.tolist() == [9] * 6


def test_advance():
    """What five draws of a number from each substream do, at once."""
    streams = MRG_RandomStreams(5)
    u = streams.uniform((4,), nstreams=4)
    f = tcore.function([], u, mode=PLAIN)
    for _ in range(5):
        f()
    sixth = f()
    streams.seed()
    streams.advance(5)
    np.testing.assert_array_equal(f(), sixth)
    streams.advance(2**100)
    assert u.rng.get_value().dtype == "int32"
    with pytest.raises(ValueError, match="forward only"):
        streams.advance(-1)


def test_guess_n_streams():
    """One for every 32 numbers, at most 60 * 256, which is the answer where nothing is known."""
    assert [guess_n_streams(size) for size in ((), (5,), (8, 8), (320,), [10**4, 10**4])] == [1, 1, 2, 10, 15360]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert guess_n_streams(tt.lvector("size")) == 15360
        assert guess_n_streams([2, tt.lscalar("n")]) == 15360
    with pytest.warns(UserWarning, match="cannot be guessed from the size .*n.* 15360 are used"):
        assert guess_n_streams([2, tt.lscalar("n")], warn=True) == 15360


def test_refusals():
    """Seeds and numbers of streams."""
    with pytest.raises(ValueError, match="not all 0"):
        MRG_RandomStreams(0)
    with pytest.raises(ValueError, match="at least one stream"):
        MRG_RandomStreams().uniform((2,), nstreams=0)
    with pytest.raises(TypeError, match="a plain integer"):
        MRG_RandomStreams().uniform((2,), nstreams=tt.lscalar())
