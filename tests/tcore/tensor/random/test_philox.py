"""Philox streams: places, seeds, jumps; the op by the kit."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.scalar.philox import philox
from tcore.tensor.random.philox import PhiloxRandomStreams, PhiloxUniform
from tcore.testing import OpCase, check_op

PLAIN = Mode("py", "fast_run")
SEED = 2**63 + 5


def fractions(words, bits):
    return ((words >> np.uint64(64 - bits)) * 2.0 + 1) * 2.0 ** -(bits + 1)


@pytest.mark.parametrize(("dtype", "bits"), [("float64", 52), ("float32", 23), ("float16", 10)])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4), (0, 3)])
def test_numbers(backend, dtype, bits, shape):
    """The first bits of each place, in row order, a 1 behind them; near the end of the key's and the stream's words."""
    state = np.array([SEED, 2**40 + 1, 2**32 - 3], "uint64")
    places = np.uint64(2**32 - 3) + np.arange(np.prod(shape, dtype=int)).astype("uint64")
    expected = fractions(philox(SEED, 2**40 + 1, places), bits).astype(dtype).reshape(shape)
    check_op(OpCase(lambda s: PhiloxUniform(dtype)(s, *shape), [state], expected=lambda _: expected, rtol=0, atol=0, gradient=False))


def test_streams():
    """Each variable has a stream; each number takes a place; seeds and jumps set places."""
    streams = PhiloxRandomStreams(SEED)
    u, v = streams.uniform((2, 2)), streams.uniform((3,))
    f = tcore.function([], [u, v], mode=PLAIN)
    f()
    assert [state.get_value().tolist() for state, _ in streams.updates()] == [[SEED, 0, 4], [SEED, 1, 3]]
    second = f()
    streams.advance(-4)
    assert u.rng.get_value().tolist() == [SEED, 0, 4]
    np.testing.assert_array_equal(f()[0], second[0])
    streams.advance(2**63)
    assert v.rng.get_value().tolist() == [SEED, 1, 5 + 2**63]
    streams.seed(9)
    assert v.rng.get_value().tolist() == [9, 1, 0]
    assert streams.uniform((2,)).rng.get_value().tolist() == [9, 2, 0]


def test_places_do_not_depend_on_shapes():
    """Two draws of 3 are one of 6."""
    a, b = PhiloxRandomStreams(1).uniform((3,)), PhiloxRandomStreams(1).uniform((2, 3))
    f = tcore.function([], a, mode=PLAIN)
    np.testing.assert_array_equal([f(), f()], tcore.function([], b, mode=PLAIN)())


def test_natively():
    """Known or not, sizes are drawn without Python on the CPU backend."""
    x = tt.dmatrix("x")
    f = tcore.function([x], PhiloxRandomStreams(1).normal(x.shape))
    assert "runs in Python" not in str(f.explain())
    assert f(np.ones((3, 4))).shape == (3, 4)


def test_refusals():
    """Seeds, states, lengths."""
    for seed, error, message in ((-1, ValueError, "at least 0"), (2**64, ValueError, "less than 2"), (1.5, TypeError, "an integer"), (True, TypeError, "an integer")):
        with pytest.raises(error, match=message):
            PhiloxRandomStreams(seed)
    with pytest.raises(TypeError, match="three uint64"):
        PhiloxUniform("float64")(tt.lvector(), 3)
    with pytest.raises(TypeError, match="makes floats"):
        PhiloxUniform("int64")
    state, n = tt.TensorType("uint64", (False,))("state"), tt.lscalar("n")
    for mode in (Mode("py", None), Mode("cvm", "fast_run")):
        f = tcore.function([state, n], PhiloxUniform("float64")(state, n), mode=mode)
        with pytest.raises(ValueError, match=r"\(key, stream, place\), got 2"):
            f(np.zeros(2, "uint64"), 3)
        with pytest.raises(ValueError, match="negative|cannot have the shape"):
            f(np.zeros(3, "uint64"), -1)
    assert PhiloxRandomStreams().key != PhiloxRandomStreams().key
