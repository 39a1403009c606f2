"""Pickles of functions: what comes back, what stays together, what the options change."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import In, Mode, function, function_dump, shared
from tcore.compile import AliasedMemoryError, MonitorMode
from tcore.configuration import change_flags
from tcore.link import Container

x, y = T.dvectors("x", "y")


def again(what, protocol=-1):
    return pickle.loads(pickle.dumps(what, protocol))


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestFunctions:
    def test_state_L12478(self):
        """Values, defaults, the form of the result, name and trust_input."""
        s = T.dvector("s")
        f = function([x, In(s, value=[1.0, 2.0], update=s + x), In(y, value=[3.0, 3.0])], {"r": s * y}, name="f")
        f([1.0, 1.0])
        f.trust_input = True
        g = again(f)
        assert (g.name, g.trust_input) == ("f", True)
        np.testing.assert_array_equal(g[s.name], [2, 3])
        np.testing.assert_array_equal(g(np.ones(2))["r"], [6, 9])
        np.testing.assert_array_equal(g["y"], 3)
        np.testing.assert_array_equal(f[s], [2, 3])

    def test_in_place_graph_of_several_nodes(self):
        """The order of readers and overwriters is the source's."""
        s = shared(np.array([2.0]))
        g = again(function([x, y], [x.sum() + y.sum(), s * 3], updates=[(s, s + 1)]))
        assert [g([1.0], [2.0])[0], *g([1.0], [2.0])[1]] == [3, 9]

    @pytest.mark.parametrize("protocol", [2, 5])
    def test_sharing(self, protocol):
        """Functions and shared variables pickled together have one value; the originals keep theirs."""
        a = shared(np.array([1.0]), name="a")
        f, g = function([], a, updates=[(a, a + 1)]), function([], a * 10)
        f2, g2, a2 = again((f, g, a), protocol)
        assert f2.get_shared() == g2.get_shared() == [a2]
        assert f2() == [1]
        assert g2() == [20]
        a2.set_value([7.0])
        assert f2() == [7]
        assert a.get_value() == [1]

    def test_container_of_the_user(self):
        """Pickled beside the function it is the function's in the pickle, too."""
        k, kept = T.dvector("k"), Container(T.dvector, [np.zeros(1)])
        f2, kept2 = again((function([In(k, value=kept, update=k + 1)], k), kept))
        assert f2() == [0]
        assert (kept2.value, kept.value) == ([1], [0])
        assert f2.copy()() == [1]
        assert kept2.value == [2]

    def test_computed_input(self):
        """What computed the variable that is an input here does not come along."""
        g = again(function([middle := T.exp(x)], middle * 2))
        np.testing.assert_array_equal(g([3.0]), [6.0])
        assert g.maker.inputs[0].origin.owner is None

    @pytest.mark.parametrize("mode", ["FAST_COMPILE", "FAST_RUN", "DebugMode", "NanGuardMode", MonitorMode()], ids=lambda mode: mode if isinstance(mode, str) else type(mode).__name__)
    def test_modes(self, mode):
        np.testing.assert_allclose(again(function([x], T.exp(x) * 2, mode=mode))([0.0]), [2])

    def test_optimized_again_L14026(self):
        """reoptimize_unpickled_function starts from the graph as it was given, with the optimizations of now."""
        s, other = shared(np.array([2.0]), name="s"), shared(np.array([5.0]), name="other")
        f = function([x], T.log(1 + T.exp(x)) * s, updates=[(s, s + 1)], mode=Mode("vm", "fast_run"))
        swapped = f.copy(swap={s: other})
        data, swapped_data, still_data = pickle.dumps(f), pickle.dumps(swapped), pickle.dumps(f.copy(delete_updates=True))
        with change_flags(reoptimize_unpickled_function=True):
            g, h, still = pickle.loads(data), pickle.loads(swapped_data), pickle.loads(still_data)
        for function_, first, second in ((g, 2, 3), (h, 5, 6), (still, 2, 2)):
            np.testing.assert_allclose(function_([0.0]), np.log(2) * first)
            np.testing.assert_allclose(function_([0.0]), np.log(2) * second)
        assert s.get_value() == [2]


@pytest.fixture
def numpy():
    with change_flags(backend="numpy"):
        yield


@pytest.mark.usefixtures("numpy")
class TestOptions:
    def test_5000_nodes(self):
        """Pickling and copying are iterative."""
        z = x
        for _ in range(5000):
            z = z + x
        f = function([x], z, mode=Mode("vm", None))
        assert copy.deepcopy(again(f))([1.0]) == [5001]

    def test_reoptimizing_uses_the_given_graph_L14026(self):
        """A graph optimized for speed is taken apart again where the mode's optimizations are other ones by then."""
        f = function([x], T.exp(x) * 2 + 1, mode=Mode("vm", "fast_run"))
        assert len(f.maker.fgraph.apply_nodes) == 1
        with change_flags(reoptimize_unpickled_function=True):
            g = again(f)
        assert len(g.maker.fgraph.apply_nodes) == 1
        g.maker.mode = Mode("vm", None)
        with change_flags(reoptimize_unpickled_function=True):
            h = again(g)
        given = function([x], T.exp(x) * 2 + 1, mode=Mode("vm", None))
        assert len(h.maker.fgraph.apply_nodes) == len(given.maker.fgraph.apply_nodes) > 1
        np.testing.assert_allclose(h([0.0]), [3])

    def test_unpickle_function_off(self):
        data = pickle.dumps([function([x], x + 1), 5])
        with change_flags(unpickle_function=False):
            assert pickle.loads(data) == [None, 5]

    @pytest.fixture
    def aliased(self):
        """Two values of inputs that overlap, put into the containers by hand."""
        f = function([In(x, value=np.ones(2), update=x + 1), In(y, value=np.ones(2), update=y + 1)], x.sum() + y.sum())
        memory = np.ones(3)
        f.container[x].value, f.container[y].value = memory[:2], memory[1:]
        return f

    def test_aliased_memory(self, aliased, caplog):
        """warn (the default) logs, ignore does not, raise refuses; what is loaded shares nothing."""
        with caplog.at_level(logging.WARNING, "tcore"):
            g = again(aliased)
        assert "the values of x and y share memory" in caplog.text
        assert not np.may_share_memory(g.value[0], g.value[1])
        caplog.clear()
        with change_flags(pickle_aliased_memory_strategy="ignore"), caplog.at_level(logging.WARNING, "tcore"):
            assert again(aliased)() == 4
        assert not caplog.text
        with change_flags(pickle_aliased_memory_strategy="raise"), pytest.raises(AliasedMemoryError):
            pickle.dumps(aliased)

    def test_one_container_twice_is_no_alias(self, caplog):
        a, b = shared(np.ones(1), name="a"), shared(np.ones(1), name="b")
        f = function([], a + b).copy(swap={a: b})
        with caplog.at_level(logging.WARNING, "tcore"):
            assert again(f)() == [2]
        assert not caplog.text


@pytest.mark.usefixtures("numpy")
class TestDump:
    def test_arguments_L12436_L12451(self, tmp_path):
        """All arguments come back, with the values of shared variables; nothing is compiled."""
        file, s = tmp_path / "dump.bin", shared(np.array([3.0]), name="s")
        function_dump(
            str(file), [In(x, name="first")], {"out": x * s}, mode="FAST_COMPILE", updates={s: s + 1}, givens=None, name="dumped",
            allow_input_downcast=True, on_unused_input="ignore",
        )  # fmt: skip
        with file.open("rb") as stream:
            arguments = pickle.load(stream)
        f = function(**arguments)
        np.testing.assert_array_equal(f(first=[2.0])["out"], [6])
        np.testing.assert_array_equal(f([1.0])["out"], [4])
        assert f.name == "dumped"
        assert s.get_value() == [3]

    def test_tags_L12464(self, tmp_path):
        """Traces and test values stay out, and what extra_tag_to_remove names."""
        file, v = tmp_path / "dump.bin", T.dvector("v")
        v.tag.test_value, v.tag.roles, v.tag.kept = np.ones(2), "weights", 1
        function_dump(str(file), [v], v * 2, extra_tag_to_remove=["annotations", "roles"])
        with file.open("rb") as stream:
            loaded = pickle.load(stream)["inputs"][0]
        assert loaded.tag.kept == 1
        assert not any(hasattr(loaded.tag, name) for name in ("roles", "test_value", "trace"))


def test_several_objects_in_one_file_L5672(tmp_path):
    """One after another, in binary mode with the highest protocol, and back in the same order."""
    objects = [shared(np.ones(2), name="w"), x * 2, tcore.Mode("vm", "o1")]
    with (tmp_path / "objects.save").open("wb") as file:
        for each in objects:
            pickle.dump(each, file, protocol=pickle.HIGHEST_PROTOCOL)
    with (tmp_path / "objects.save").open("rb") as file:
        loaded = [pickle.load(file) for _ in objects]
    assert loaded[0].name == "w"
    assert loaded[1].owner.op == objects[1].owner.op
    assert loaded[2].provided_optimizer == "o1"
