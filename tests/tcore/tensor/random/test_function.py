"""RandomFunction: what it draws, leaves alone, refuses, and how it differentiates."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.gradient import NullTypeGradError
from tcore.tensor.random import draws
from tcore.tensor.random.function import RandomFunction
from tcore.tensor.random.state import RandomStateType, random_state_type
from tcore.tensor.raw_random import normal, permutation, uniform

PLAIN = Mode("py", None)


def of_state(state, size):
    """A user's own draw."""
    return state.standard_exponential(size)


def wrong_shape(state, size):
    """One number too many."""
    return state.uniform(size=(*size, 1))


def test_own_function():
    """A function in place of a method's name; the numbers take the stated dtype."""
    op = RandomFunction(of_state, tt.TensorType("float32", (False, False)))
    state = tcore.shared(np.random.RandomState(2))
    following, numbers = op(state, (2, 3))
    f = tcore.function([], numbers, updates={state: following})
    rng = np.random.RandomState(2)
    for _ in range(2):
        got = f()
        assert got.dtype == "float32"
        np.testing.assert_array_equal(got, rng.standard_exponential((2, 3)).astype("float32"))
    assert str(op) == "RandomFunction{of_state}"
    assert pickle.loads(pickle.dumps(op)) == op


def test_draws_leave_the_state_alone(backend):
    """Without an update the given generator stays as it was; the next state is another object."""
    state = random_state_type("state")
    following, numbers = uniform(state, (3,))
    f = tcore.function([state], [following, numbers])
    given = np.random.RandomState(5)
    after, first = f(given)
    np.testing.assert_array_equal(first, f(given)[1])
    assert RandomStateType().values_eq(given, np.random.RandomState(5))
    assert after is not given
    np.testing.assert_array_equal(after.uniform(size=2), np.random.RandomState(5).uniform(size=5)[3:])


@pytest.mark.parametrize("linker", ["py", "vm", "cvm", "c|py"])
def test_in_place(linker):
    """Where the state is updated, the generator itself is drawn from: same numbers, same object."""
    value = np.random.RandomState(6)
    state = tcore.shared(value, borrow=True)
    following, numbers = normal(state, (4,))
    f = tcore.function([], numbers, updates={state: following}, mode=Mode(linker, "fast_run"))
    g = tcore.function([], numbers, mode=Mode(linker, "fast_run"))
    assert [node.op.inplace for node in f.maker.fgraph.toposort()] == [True]
    assert not any(getattr(node.op, "inplace", False) for node in g.maker.fgraph.toposort())
    expected = np.random.RandomState(6).normal(size=(2, 4))
    np.testing.assert_array_equal(g(), expected[0])
    np.testing.assert_array_equal(f(), expected[0])
    assert state.get_value(borrow=True) is value
    np.testing.assert_array_equal(f(), expected[1])


def test_two_draws_of_one_state():
    """The later draw of a chain works in place on the state that the first one made; two draws of one state cannot both."""
    state = tcore.shared(np.random.RandomState(7))
    second, a = uniform(state, (2,))
    third, b = uniform(second, (2,))
    f = tcore.function([], [a, b], updates={state: third})
    assert all(node.op.inplace for node in f.maker.fgraph.toposort() if isinstance(node.op, RandomFunction))
    np.testing.assert_array_equal(np.concatenate(f()), np.random.RandomState(7).uniform(size=4))

    state.set_value(np.random.RandomState(7))
    _, c = normal(state, (2,))
    f = tcore.function([], [a, c], updates={state: second})
    got = f()
    np.testing.assert_array_equal(got[0], np.random.RandomState(7).uniform(size=2))
    np.testing.assert_array_equal(got[1], np.random.RandomState(7).normal(size=2))
    np.testing.assert_array_equal(f()[0], np.random.RandomState(7).uniform(size=4)[2:])


def test_debugmode():
    """Nothing that DebugMode checks is violated, in place or not."""
    streams = tt.shared_randomstreams.RandomStreams(3)
    numbers = streams.normal((2, 2)) + streams.uniform((2, 2))
    mode = Mode("py", "fast_run")
    expected = tcore.function([], numbers, mode=mode, no_default_updates=True)()
    f = tcore.function([], numbers, mode="DebugMode")
    np.testing.assert_array_equal(f(), expected)
    assert not np.array_equal(f(), expected)


def test_shape_without_drawing():
    """The shape comes from size and parameters; nothing is drawn for it."""
    n, size = tt.lscalar("n"), tt.lvector("size")
    state = random_state_type("state")
    _, numbers = permutation(state, size, n=n, ndim=2)
    f = tcore.function([state, size, n], numbers.shape, on_unused_input="ignore")
    assert not any(isinstance(node.op, RandomFunction) for node in f.maker.fgraph.toposort())
    assert f(np.random.RandomState(1), [2, 3], 5).tolist() == [2, 3, 5]
    added = RandomFunction(draws.permutation, tt.TensorType("int64", (False, False)), ndim_added=1)
    assert added.infer_shape(added.make_node(random_state_type(), (2,), n), [None, (1,), ()])[1][1] is n


def test_derivatives():
    """By parameters undefined, with the remedy; by what scales the numbers as ever; sizes are disconnected."""
    avg, std, n = tt.dscalar("avg"), tt.dscalar("std"), tt.lscalar("n")
    streams = tt.shared_randomstreams.RandomStreams(3)
    with pytest.raises(NullTypeGradError, match=r"avg \+ std \* normal"):
        tcore.grad(streams.normal((3,), avg=avg).sum(), avg)
    cost = (avg + std * streams.normal((n,))).sum()
    f = tcore.function([avg, std, n], [*tcore.grad(cost, [avg, std]), cost], on_unused_input="ignore")
    d_avg, d_std, value = f(1.0, 2.0, 3)
    assert d_avg == 3
    np.testing.assert_allclose(value, 3 + 2 * d_std)
    assert tcore.grad(streams.uniform((n,)).sum(), n, disconnected_inputs="ignore").eval({n: 2}) == 0
    x = tt.dvector("x")
    moved = tcore.Rop(x * streams.uniform((2,)), x, tt.ones_like(x))
    assert tcore.function([x], moved, on_unused_input="ignore")([1.0, 2.0]).shape == (2,)
    with pytest.raises(ValueError, match="standard distribution"):
        tcore.Rop(streams.normal((3,), avg=avg), avg, tt.ones_like(avg))


def test_refusals():
    """What no draw can be made of says so."""
    state, vector = random_state_type("state"), tt.TensorType("float64", (False,))
    with pytest.raises(TypeError, match="a method of numpy.random.RandomState or by a function, got 'nothing'"):
        RandomFunction("nothing", vector)
    with pytest.raises(TypeError, match="TensorType"):
        RandomFunction("uniform", "float64")
    with pytest.raises(TypeError, match=r"RandomStateType, got 3; raw_random.random_state_type\(\) makes one"):
        uniform(3)
    for fn, size, message in (
        (wrong_shape, (2,), r"numbers of shape \(2,\), got \(2, 1\)"),
        ("uniform", (2, 2), r"numbers of 1 axes, 1 of them from size, but size is \(2, 2\)"),
    ):
        _, numbers = RandomFunction(fn, vector)(state, size)
        with pytest.raises(ValueError, match=message):
            tcore.function([state], numbers, mode=PLAIN)(np.random.RandomState(1))
    n = tt.lscalar("n")
    _, numbers = RandomFunction("uniform", tt.TensorType("float64", (True,)))(state, [n])
    f = tcore.function([state, n], numbers, mode=PLAIN)
    assert f(np.random.RandomState(1), 1).shape == (1,)
    with pytest.raises(ValueError, match="length 1 where broadcastable is True"):
        f(np.random.RandomState(1), 2)
    _, numbers = uniform(state, (2,), low=[0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="RandomFunction"):
        tcore.function([state], numbers, mode=PLAIN)(np.random.RandomState(1))
