"""Streams whose generators live in shared variables: seeds, updates, pickles, shuffled rows."""

import copy
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.tensor.random.function import RandomFunction
from tcore.tensor.random.streams_base import RandomStreamsBase
from tcore.tensor.raw_random import uniform
from tcore.tensor.shared_randomstreams import RandomStreams, RandomVariable

PLAIN = Mode("py", "fast_run")


def generators(seed):
    """The generators that a RandomStreams made with ``seed`` gives its variables, one after another."""
    seeds = np.random.RandomState(seed)
    while True:
        yield np.random.RandomState(int(seeds.randint(2**30)))


@pytest.mark.parametrize(
    ("method", "args", "expected"),
    [
        ("uniform", ((2, 2),), lambda r: r.uniform(size=(2, 2))),
        ("uniform", (), lambda r: r.uniform()),
        ("normal", ((3,), 1.0, 2.0), lambda r: r.normal(1.0, 2.0, 3)),
        ("binomial", ((9,), 4, 0.25), lambda r: r.binomial(4, 0.25, 9)),
        ("random_integers", ((4,), 2, 5), lambda r: r.randint(2, 6, 4)),
        ("choice", ((4,), 5, False), lambda r: r.choice(5, 4, replace=False)),
        ("poisson", ((4,), 3.0), lambda r: r.poisson(3.0, 4)),
        ("permutation", ((2,), 3), lambda r: [r.permutation(3) for _ in range(2)]),
        ("multinomial", ((2,), 3, [0.5, 0.5]), lambda r: r.multinomial(3, [0.5, 0.5], 2)),
    ],
)
def test_methods(method, args, expected):
    """Each has the generator that the rule of seeds gives it, and goes on with it call by call."""
    numbers = getattr(RandomStreams(17), method)(*args)
    f = tcore.function([], numbers, mode=PLAIN)
    rng = next(generators(17))
    for _ in range(2):
        np.testing.assert_array_equal(f(), expected(rng))


def test_attributes():
    """rng, update, updates, state_updates, default_update."""
    streams = RandomStreams(3)
    u, v = streams.uniform((2,)), streams.normal((2,))
    assert isinstance(u, RandomVariable)
    assert not isinstance(u.rng, RandomVariable)
    assert streams.updates() == streams.state_updates == [u.update, v.update]
    assert u.update == (u.rng, u.owner.outputs[0])
    assert u.rng.default_update is u.update[1]
    assert isinstance(u.owner.op, RandomFunction)
    assert str(u.update[1]) == "RandomFunction{uniform}.0"
    streams.updates().clear()
    assert len(streams.state_updates) == 2


def test_updates():
    """Given outright, they do what the default does; without any, the numbers repeat."""
    streams = RandomStreams(4)
    u = streams.uniform((2,))
    fixed = tcore.function([], u, no_default_updates=True, mode=PLAIN)
    moving = tcore.function([], u, updates=streams.updates(), no_default_updates=True, mode=PLAIN)
    expected = next(generators(4)).uniform(size=(2, 2))
    np.testing.assert_array_equal(fixed(), expected[0])
    np.testing.assert_array_equal(moving(), expected[0])
    np.testing.assert_array_equal(fixed(), expected[1])
    np.testing.assert_array_equal(fixed(), expected[1])


def test_seed():
    """Later seeds reach the variables that are there, in order; None is the first seed again; new variables are not concerned."""
    streams = RandomStreams(5)
    variables = [streams.uniform((2,)), streams.uniform((2,))]
    f = tcore.function([], variables, mode=PLAIN)
    first = f()
    f()
    assert streams.seed(99) is None
    for got, rng in zip(f(), generators(99), strict=False):
        np.testing.assert_array_equal(got, rng.uniform(size=2))
    streams.seed()
    np.testing.assert_array_equal(f(), first)
    third = list(zip(range(3), generators(5), strict=False))[2][1]
    np.testing.assert_array_equal(streams.uniform((2,)).eval(), third.uniform(size=2))


def test_no_seed():
    """Without a seed, two objects differ."""
    a, b = (RandomStreams().uniform((4,)).eval() for _ in range(2))
    assert not np.array_equal(a, b)


def test_gen():
    """Any function that gives (next state, numbers)."""
    streams = RandomStreams(6)

    def twice(state, size):
        following, numbers = uniform(state, size)
        return following, 2 * numbers

    numbers = streams.gen(twice, (3,))
    np.testing.assert_array_equal(numbers.eval(), 2 * next(generators(6)).uniform(size=3))
    with pytest.raises(NotImplementedError, match="define gen"):
        RandomStreamsBase().uniform()


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 1, 4), (0, 3)])
def test_shuffle_row_elements(shape):
    """Each row in an order of its own, which is the attribute permutation."""
    x = tt.TensorType("float64", (False,) * len(shape))("x")
    shuffled = RandomStreams(7).shuffle_row_elements(x)
    f = tcore.function([x], [shuffled, shuffled.permutation], mode=PLAIN)
    data = np.arange(float(np.prod(shape))).reshape(shape)
    rows, order = f(data)
    rng = next(generators(7))
    expected = np.empty(shape, "int64")
    for place in np.ndindex(*shape[:-1]):
        expected[place] = rng.permutation(shape[-1])
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(rows, np.take_along_axis(data, order, -1))
    with pytest.raises(TypeError, match="the scalar"):
        RandomStreams(7).shuffle_row_elements(tt.dscalar())


def test_pickled():
    """Streams and variables stay connected; a pickled function goes on where it was."""
    streams = RandomStreams(8)
    u = streams.uniform((2,))
    for again, v in (pickle.loads(pickle.dumps((streams, u))), copy.deepcopy((streams, u))):
        assert again.state_updates[0] == v.update
        assert v.rng is v.owner.inputs[0]
        np.testing.assert_array_equal(v.eval(), next(generators(8)).uniform(size=2))
        w = again.normal((2,))
        np.testing.assert_array_equal(w.eval(), list(zip(range(2), generators(8), strict=False))[1][1].normal(size=2))
    f = tcore.function([], u, mode=PLAIN)
    f()
    twin = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(twin(), f())


def test_nanguardmode():
    """Generators are no numbers to look for NaN in."""
    f = tcore.function([], RandomStreams(9).normal((2,)), mode="NanGuardMode")
    np.testing.assert_array_equal(f(), next(generators(9)).normal(size=2))
