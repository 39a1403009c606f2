"""The documentation on raw_random, shared_randomstreams, and what the tutorial says of streams; its lines in the names."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import raw_random
from tcore.tensor.raw_random import RandomFunction, RandomStateType, RandomStreamsBase
from tcore.tensor.shared_randomstreams import RandomStreams

#: method -> documented arguments after the size, and draws of NumPy's that must come out for some of them
METHODS = {
    "binomial": ({"n": 1, "p": 0.5, "ndim": None}, {"n": 5, "p": 0.25}, lambda r, s: r.binomial(5, 0.25, s)),
    "uniform": ({"low": 0.0, "high": 1.0, "ndim": None}, {"low": -1.0, "high": 2.0}, lambda r, s: r.uniform(-1, 2, s)),
    "normal": ({"avg": 0.0, "std": 1.0, "ndim": None}, {"avg": 3.0, "std": 2.0}, lambda r, s: r.normal(3, 2, s)),
    "random_integers": ({"low": 0, "high": 1, "ndim": None}, {"low": -2, "high": 3}, lambda r, s: r.randint(-2, 4, s)),
    "choice": ({"a": 2, "replace": True, "p": None, "ndim": None, "dtype": "int64"}, {"a": 9, "p": np.arange(9) / 36}, lambda r, s: r.choice(9, s, p=np.arange(9) / 36)),
    "poisson": ({"lam": None, "ndim": None, "dtype": "int64"}, {"lam": 2.5}, lambda r, s: r.poisson(2.5, s)),
    "permutation": ({"n": 1, "ndim": None}, {"n": 4}, lambda r, s: np.array([r.permutation(4) for _ in range(np.prod(s))]).reshape(*s, 4)),
    "multinomial": ({"n": 1, "pvals": None, "ndim": None}, {"n": 6, "pvals": [0.2, 0.8]}, lambda r, s: r.multinomial(6, [0.2, 0.8], s)),
}  # fmt: skip
LINES = {
    "binomial": "L24050_L24154", "uniform": "L24058_L24146", "normal": "L24066_L24162", "random_integers": "L24074_L24170", "choice": "L24082", "poisson": "L24090",
    "permutation": "L24100_L24178", "multinomial": "L24114_L24195",
}  # fmt: skip


def draw(variable, given=None, **options):
    return tcore.function(list(given or ()), variable, mode="FAST_COMPILE", **options)(*(given or {}).values())


def seeded(seed):
    """The generator of the first variable of RandomStreams(seed)."""
    return np.random.RandomState(int(np.random.RandomState(seed).randint(2**30)))


@pytest.mark.parametrize("method", METHODS, ids=[f"{name}_{lines}" for name, lines in LINES.items()])
def test_methods_and_functions(method):
    """The documented arguments and defaults; NumPy's numbers; the low level function gives the next state and the same ones."""
    documented, given, expected = METHODS[method]
    parameters = inspect.signature(getattr(RandomStreamsBase, method)).parameters
    assert next(iter(parameters.values())).name == "self"
    assert parameters["size"].default == ()
    assert {name: parameters[name].default for name in documented} == documented
    numbers = draw(getattr(RandomStreams(11), method)(size=(2, 3), **given))
    np.testing.assert_array_equal(numbers, expected(seeded(11), (2, 3)))
    state = raw_random.random_state_type()
    pair = getattr(raw_random, method)(state, size=(2, 3), **given)
    assert isinstance(pair[0].type, RandomStateType)
    following, again = draw(list(pair), {state: seeded(11)})
    np.testing.assert_array_equal(again, numbers)
    reference = seeded(11)
    expected(reference, (2, 3))
    assert following.uniform() == reference.uniform()


def test_base_needs_gen_L24040_L24048():
    """Any class of streams has the methods, once it says where a generator comes from."""
    with pytest.raises(NotImplementedError, match="define gen"):
        RandomStreamsBase().uniform((2,))

    class Fixed(RandomStreamsBase):
        def gen(self, op, *args, **kwargs):
            return op(tcore.shared(np.random.RandomState(3)), *args, **kwargs)[1]

    np.testing.assert_array_equal(draw(Fixed().normal((4,))), np.random.RandomState(3).normal(size=4))
    assert issubclass(RandomStreams, RandomStreamsBase)


def test_integers_and_counts_as_tensors_L24076_L24116():
    low, n, pvals = T.lvector("low"), T.lvector("n"), T.dmatrix("pvals")
    drawn = draw(RandomStreams(2).random_integers(low.shape, low, low + 1, ndim=1), {low: [0, 10, 20]})
    np.testing.assert_array_equal(drawn, seeded(2).randint([0, 10, 20], [2, 12, 22]))
    counts = draw(RandomStreams(2).multinomial(n=n, pvals=pvals), {n: [4, 9], pvals: np.array([[0.5, 0.5], [0.1, 0.9]])})
    assert counts.sum(axis=1).tolist() == [4, 9]


def test_choice_of_a_vector_L24082_L24088():
    a = np.array([10, 30, 50, 70])
    np.testing.assert_array_equal(draw(RandomStreams(3).choice((3,), a=a, replace=False)), seeded(3).choice(a, 3, replace=False))


def test_shuffle_row_elements_L24128():
    rows = np.arange(12.0).reshape(3, 4)
    x = T.dmatrix("x")
    shuffled = RandomStreams(5).shuffle_row_elements(x)
    got, order = draw([shuffled, shuffled.permutation], {x: rows})
    np.testing.assert_array_equal(got, np.take_along_axis(rows, order, 1))
    assert (np.sort(got, axis=1) == rows).all()
    assert not np.array_equal(got, rows)


@pytest.mark.parametrize("method", METHODS)
def test_ndim_rule_L24054_L24104_L24182_L24201(method):
    """A vector of unknown length needs ndim, the length of size; permutations and multinomials have an axis more."""
    size = T.lvector("size")
    with pytest.raises(ValueError, match="say how many entries it has"):
        getattr(RandomStreams(1), method)(size)
    drawn = getattr(RandomStreams(1), method)(size, ndim=2)
    more = int(method in ("permutation", "multinomial"))
    assert drawn.ndim == 2 + more
    assert draw(drawn, {size: [2, 3]}).shape[:2] == (2, 3)


def test_state_type_L24134_L24140():
    state = raw_random.random_state_type("rng")
    assert state.name == "rng"
    assert isinstance(state.type, RandomStateType)
    assert state.type.is_valid_value(np.random.RandomState(1))
    assert not state.type.is_valid_value(np.random.default_rng(1))
    with pytest.raises(TypeError, match=r"expected a numpy\.random\.RandomState"):
        state.type.filter(5)


def test_random_function_L24142_L8832():
    """The wrapper takes any distribution of NumPy's by its name, and so extends to those that the documentation does not list."""
    state = raw_random.random_state_type()
    following, numbers = RandomFunction("gamma", T.dvector)(state, (5,), 2.0, 3.0)
    got = draw([following, numbers], {state: np.random.RandomState(1)})
    np.testing.assert_array_equal(got[1], np.random.RandomState(1).gamma(2.0, 3.0, 5))
    streams = RandomStreams(4)
    gamma = streams.gen(lambda rng, size, shape: RandomFunction("gamma", T.dvector)(rng, size, shape), (3,), 2.0)
    np.testing.assert_array_equal(draw(gamma), seeded(4).gamma(2.0, size=3))


def test_purely_functional_L24152_L24215():
    """The state that goes in stays as it is."""
    state = raw_random.random_state_type()
    rng = np.random.RandomState(8)
    f = tcore.function([state], raw_random.uniform(state, (3,))[1])
    np.testing.assert_array_equal(f(rng), f(rng))
    assert rng.uniform() == np.random.RandomState(8).uniform()


def test_updates_L24227():
    """For a function that was asked not to update by default."""
    streams = RandomStreams(6)
    a, b = streams.uniform((2,)), streams.normal((2,))
    assert streams.updates() == streams.state_updates == [a.update, b.update]
    f = tcore.function([], [a, b], updates=streams.updates(), no_default_updates=True, mode="FAST_COMPILE")
    first = np.array(f())
    assert not np.isin(f(), first).any()


def test_seed_L24233():
    """A generator with the seed gives each variable made so far its own."""
    streams = RandomStreams(6)
    a, b = streams.uniform((2,)), streams.uniform((2,))
    f = tcore.function([], [a, b], mode="FAST_COMPILE")
    f()
    assert streams.seed(99) is None
    seeds = np.random.RandomState(99)
    wanted = [np.random.RandomState(int(seeds.randint(2**30))).uniform(size=2) for _ in range(2)]
    np.testing.assert_array_equal(f(), wanted)


def test_gen_L24239_L24251_L24255():
    """Attributes ``rng`` and ``update``; the variable is recorded for ``seed``; without its update the same numbers come again."""
    streams = RandomStreams(6)
    drawn = streams.gen(raw_random.uniform, (2,), 5.0, 6.0)
    assert isinstance(drawn.rng.get_value(), np.random.RandomState)
    state, following = drawn.update
    assert state is drawn.rng
    assert isinstance(following.type, RandomStateType)
    assert streams.state_updates == [drawn.update]
    f = tcore.function([], drawn, no_default_updates=True, mode="FAST_COMPILE")
    g = tcore.function([], drawn, no_default_updates=True, updates=[drawn.update], mode="FAST_COMPILE")
    first = f()
    np.testing.assert_array_equal(f(), first)
    np.testing.assert_array_equal(g(), first)
    assert not np.array_equal(g(), first)


def test_stand_in_for_a_generator_L24211_L24225():
    """Every variable has a generator object of its own."""
    streams = RandomStreams(seed=6)
    assert streams.uniform((2,)).rng.get_value(borrow=True) is not streams.uniform((2,)).rng.get_value(borrow=True)


def test_all_distributions_are_inherited_L24245_L1880_L2020():
    for method in METHODS:
        assert getattr(RandomStreams, method) is getattr(RandomStreamsBase, method)
        assert callable(getattr(raw_random, method))


def test_defaults_and_seed_by_position_L1889_L1979_L1890():
    """uniform on [0, 1), binomial of one trial with an even chance; the size by position or by name."""
    np.testing.assert_array_equal(draw(RandomStreams(234).uniform((2, 2))), draw(RandomStreams(seed=234).uniform(size=(2, 2))))
    np.testing.assert_array_equal(draw(RandomStreams(234).uniform((2, 2))), seeded(234).uniform(size=(2, 2)))
    np.testing.assert_array_equal(draw(RandomStreams(234).binomial((9,))), seeded(234).binomial(1, 0.5, 9))
    assert T.shared_randomstreams.RandomStreams is RandomStreams


def test_default_updates_L1899(backend):
    """Every call draws anew, on any backend; NumPy's generator itself stays with the host (L1897)."""
    f = tcore.function([], RandomStreams(1).uniform((3,)))
    reference = seeded(1)
    for _ in range(3):
        np.testing.assert_array_equal(f(), reference.uniform(size=3))


def test_generator_methods_L1923_L1928_L1944_L1951():
    rng = RandomStreams(1).uniform((2,)).rng.get_value(borrow=True)
    state = rng.get_state()
    rng.seed(5)
    assert rng.uniform() == np.random.RandomState(5).uniform()
    rng.set_state(state)
    assert rng.uniform() == seeded(1).uniform()


def test_functions_share_generators_L1939():
    drawn = RandomStreams(1).uniform((2,))
    f, g = tcore.function([], drawn, mode="FAST_COMPILE"), tcore.function([], drawn * 1, mode="FAST_COMPILE")
    reference = seeded(1)
    for call in (f, g, g, f):
        np.testing.assert_array_equal(call(), reference.uniform(size=2))


def test_state_updates_name_the_draw_L1963():
    """The documented text of the pair."""
    streams = RandomStreams(1)
    streams.uniform((2,))
    ((state, following),) = streams.state_updates
    assert isinstance(state.get_value(), np.random.RandomState)
    assert str(following) == "RandomFunction{uniform}.0"


def test_nearly_zeros_L1894_L1945():
    """One variable is drawn once in a call, however often it is used."""
    rv_u = RandomStreams(234).uniform((2, 2))
    np.testing.assert_allclose(draw(rv_u + rv_u - 2 * rv_u), np.zeros((2, 2)), atol=1e-15)
