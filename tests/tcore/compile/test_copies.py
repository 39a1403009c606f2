"""Copies of functions compute what the source computes, on values of their own or others."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import In, Mode, function, shared
from tcore.compile import ProfileStats
from tcore.configuration import change_flags
from tcore.link import Container

x = T.dvector("x")


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("linker", ["cvm", "cvm_nogc", "c|py", "vm"])
def test_in_place_function_L12509(linker):
    """A function whose optimized graph overwrites s after it was read: s=2, output s*x, update s+1."""
    s, other = shared(np.array([2.0]), name="s"), shared(np.array([7.0]), name="other")
    f = function([x], s * x, updates=[(s, s + 1)], mode=Mode(linker, "fast_run"))
    same, still = f.copy(), f.copy(delete_updates=True)
    assert same([10.0]) == [20]
    assert s.get_value() == [3]
    assert still([10.0]) == [30]
    assert still([10.0]) == [30]
    assert s.get_value() == [3]
    assert f([10.0]) == [30]
    assert s.get_value() == [4]
    swapped = f.copy(swap={s: other})
    assert swapped([10.0]) == [70]
    assert (other.get_value(), s.get_value()) == ([8], [4])
    assert f.copy(share_memory=True)([10.0]) == [40]
    assert swapped.copy(delete_updates=True)([1.0]) == [8]
    assert swapped.copy(swap={other: s})([1.0]) == [5]
    assert s.get_value() == [6]


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestSwap:
    def test_for_one_that_is_used(self):
        """The replacement may be read by the function already: it is read before it is overwritten."""
        a, b = shared(np.array([1.0]), name="a"), shared(np.array([10.0]), name="b")
        f = function([], a + b, updates=[(a, a + 1)])
        g = f.copy(swap={a: b})
        assert (g(), b.get_value()) == ([20], [11])
        assert (g(), b.get_value(), a.get_value()) == ([22], [12], [1])
        h = f.copy(swap={a: b, b: a})
        assert (h(), b.get_value(), a.get_value()) == ([13], [13], [1])

    def test_two_updates_of_one(self):
        a, b = shared(1.0, name="a"), shared(2.0, name="b")
        f = function([], a + b, updates=[(a, a + 1), (b, b * 2)])
        with pytest.raises(ValueError, match="update b twice"):
            f.copy(swap={a: b})
        assert f.copy(swap={a: b}, delete_updates=True)() == 4

    def test_names_and_keys_L12508(self):
        """Users know the input by its new variable; the source and the user's graph stay as they were."""
        a, b = shared(1.0, name="a"), shared(2.0, name="b")
        y = a * 3
        f = function([], y)
        g = f.copy(swap={a: b})
        assert g[b] == g["b"] == 2.0
        assert g.get_shared() == [b]
        assert f.get_shared() == [a]
        assert y.owner.inputs[0] is a
        with pytest.raises(TypeError, match="Unknown input"):
            g[a]

    def test_pickle_leaves_the_other_value_out(self):
        """A copy with a small value does not drag the large one along."""
        large, small = shared(np.zeros(100_000), name="large"), shared(np.zeros(2), name="small")
        g = function([], large * 2).copy(swap={large: small})
        data = pickle.dumps(g, -1)
        assert len(data) < 100_000
        np.testing.assert_array_equal(pickle.loads(data)(), [0, 0])


@pytest.fixture
def numpy():
    with change_flags(backend="numpy"):
        yield


@pytest.mark.usefixtures("numpy")
class TestState:
    def test_names_profiles_and_flags_L12511_L12507(self):
        f = function([x], {"y": x * 2}, name="f")
        f.trust_input = True
        g = f.copy(profile=ProfileStats(atexit_print=False))
        assert g.name == "f copy"
        assert g.profile is not None
        assert f.profile is None
        assert g.trust_input
        assert g.maker is not f.maker
        assert g.maker.fgraph is not f.maker.fgraph
        np.testing.assert_array_equal(g(np.ones(1))["y"], 2)

    def test_values(self):
        """Values of inputs are copied, containers of shared variables and containers given by users are shared."""
        s, k, kept = T.dvector("s"), T.dvector("k"), shared(np.zeros(1))
        f = function([x, In(s, value=[1.0], update=s + x), In(k, value=kept.container, update=k + 1, implicit=False)], s + k)
        g = copy.copy(f)
        f([5.0])
        assert (f[s], g[s]) == ([6], [1])
        assert f.container[k] is g.container[k] is kept.container
        g([1.0])
        assert kept.get_value() == [2]

    def test_deepcopy_of_a_container(self):
        """A value that functions share through a container is one value in the copies, too, and another than before."""
        k, kept = T.dvector("k"), Container(T.dvector, [np.zeros(1)])
        f, g = (function([In(k, value=kept, update=k + 1)], k) for _ in range(2))
        f2, g2, kept2 = copy.deepcopy((f, g, kept))
        assert f2.container[k] is g2.container[k] is kept2
        assert [f2(), g2()] == [[0], [1]]
        assert (kept2.value, kept.value) == ([2], [0])

    def test_deepcopies_share_among_themselves(self):
        """What is copied along has the copied shared variables, in any order."""
        a = shared(np.array([1.0]), name="a")
        f, g = function([], a, updates=[(a, a + 1)]), function([], a * 10)
        f.trust_input = True
        for f2, g2, a2 in (copy.deepcopy((f, g, a)), copy.deepcopy([a, g, f])[::-1]):
            assert f2.get_shared() == g2.get_shared() == [a2]
            assert f2() == [1]
            assert g2() == [20]
            assert a2.get_value() == f2[a2] == [2]
            assert f2.trust_input
        assert a.get_value() == [1]
