"""DebugMode, NanGuardMode and MonitorMode."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import tcore.tensor as T
from tcore import Mode, function, shared
from tcore.compile import DebugMode, MonitorMode, NanGuardMode
from tcore.compile.debugmode import BadDestroyMap, BadThunkOutput, BadViewMap, DebugModeError, InvalidValueError
from tcore.compile.monitormode import detect_nan
from tcore.configuration import change_flags
from tcore.graph import Apply, Op
from tcore.link import PerformLinker

x = T.dscalar("x")
v = T.dvector("v")

pytestmark = pytest.mark.usefixtures("numpy_backend")


class Wrong(Op):
    """An op whose perform is given."""

    __props__ = ()

    def __init__(self, fn):
        self.fn = fn

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = self.fn(inputs[0])

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def add_in_place(a):
    a += 1
    return a.copy()


class TestDebugMode:
    def test_correct_graph_L13060(self):
        f = function([x], 10 * x, mode="DebugMode")
        assert [f(5), f(0), f(7)] == [50, 0, 70]

    def test_without_c_L13076(self, backend):
        """C is left alone: what it computes wrongly is not found."""
        with change_flags(backend=backend):
            f = function([x], 10 * x, mode=DebugMode(check_c_code=False))
        assert f(5) == 50
        assert len(f.maker.linker.linkers) == 1

    @pytest.mark.parametrize(
        ("fn", "error"),
        [
            (add_in_place, BadDestroyMap),
            (lambda a: a[:], BadViewMap),
            (lambda a: np.random.default_rng().random(a.shape), BadThunkOutput),
            (lambda a: a.astype("float32"), InvalidValueError),
            (lambda a: a * np.nan, InvalidValueError),
        ],
    )
    def test_wrong_ops_L13096_L13097_L13167_L13173_L13153(self, fn, error):
        f = function([v], Wrong(fn)(v), mode=DebugMode(stability_patience=2))
        assert issubclass(error, DebugModeError)
        with pytest.raises(error):
            f([1.0, 2.0])

    def test_destroyer_under_a_rewrite(self):
        """The comparison of replaced expressions runs the op as well: what it destroys there is a copy."""
        given = np.array([1.0, 2.0])
        f = function([v], Wrong(add_in_place)(v) + 1 + 1, mode=DebugMode(stability_patience=1))
        with pytest.raises(BadDestroyMap, match="from \\[1. 2.\\] to \\[2. 3.\\]"):
            f(given)

    def test_infinities_allowed_L13125(self):
        f = function([v], Wrong(lambda a: a * np.nan)(v), mode=DebugMode(check_isfinite=False, stability_patience=1))
        assert np.isnan(f([1.0])).all()

    def test_variants_L13149(self):
        mode = DebugMode(check_c_code=False).excluding("fusion")
        assert isinstance(mode, DebugMode)
        assert mode.check_c_code is False
        with pytest.raises(ValueError, match=r"at least one"):
            DebugMode(check_c_code=False, check_py_code=False)


class TestNanGuardMode:
    def test_inf_L13197(self):
        """EXAMPLE: 05 L13197."""
        m = T.matrix()
        w = shared(np.random.default_rng(0).standard_normal((5, 7)))
        fun = function([m], T.dot(m, w), mode=NanGuardMode(nan_is_error=True, inf_is_error=True, big_is_error=True))
        with pytest.raises(AssertionError, match=r"^Inf detected"):
            fun(np.full((3, 5), np.inf))

    @pytest.mark.parametrize(("value", "text"), [(np.nan, "NaN"), (np.inf, "Inf"), (1e11, "Big value"), (-1e11, "Big value")])
    def test_what_is_found_L13195_L13245_L13246_L13247(self, value, text):
        f = function([v], v + 1, mode=NanGuardMode(True, True, True))
        np.testing.assert_allclose(f([1.0]), [2])
        with pytest.raises(AssertionError, match=rf"^{text} detected"):
            f([value])

    def test_off_by_tag(self):
        w = T.dvector("w")
        w.tag.nan_guard_mode_check = False
        z = w * 1.0
        z.tag.nan_guard_mode_check = False
        f = function([w], z, mode=NanGuardMode(True, True, True, optimizer=None))
        assert np.isnan(f([np.nan])).all()

    def test_nothing_to_check(self):
        with pytest.raises(AssertionError, match=r"nothing to look for"):
            NanGuardMode(False, False, False)

    def test_by_name_L13007_L13224(self):
        with pytest.raises(AssertionError):
            function([v], v + 1, mode="NanGuardMode")([np.nan])


class TestMonitorMode:
    def test_values_L5078(self, capsys):
        """EXAMPLE: 02 L5078, without the fold of a constant."""

        def inspect_inputs(i, node, fn):
            print(i, node.op, "input(s) value(s):", [float(cell[0]) for cell in fn.inputs], end=" ")

        def inspect_outputs(i, node, fn):
            print("output(s) value(s):", [float(cell[0]) for cell in fn.outputs])

        mode = MonitorMode(pre_func=inspect_inputs, post_func=inspect_outputs, optimizer=None)
        function([x], [x * 5.0], mode=mode)(3)
        assert capsys.readouterr().out == (
            "0 Elemwise{mul,no_inplace} input(s) value(s): [3.0, 5.0] output(s) value(s): [15.0]\n"
        )

    def test_unchecked_in_place_L7007(self):
        """A variable that is not to be checked is not when an op in place makes it."""
        x = T.dvector("x")
        z = T.log(-T.exp(x))
        z.tag.nan_guard_mode_check = False
        f = function([x], z, mode=NanGuardMode().excluding("fusion", "local_elemwise_fusion"))
        assert any(node.op.destroy_map for node in f.maker.fgraph.apply_nodes)
        with np.errstate(invalid="ignore"):
            assert np.isnan(f([1.0])).all()

    def test_detect_nan_L5110(self, capsys):
        mode = MonitorMode(post_func=detect_nan, optimizer=None).excluding("local_elemwise_fusion", "inplace")
        assert isinstance(mode, MonitorMode)
        function([x], [T.log(x) * x], mode=mode)(0)
        text = capsys.readouterr().out
        assert text.startswith("*** NaN detected ***\nElemwise{mul")
        assert "Outputs: [array(nan)]" in text


    @pytest.mark.parametrize("linker", ["py", "vm", "cvm_nogc", PerformLinker()])
    def test_linkers(self, linker, capsys):
        """By name or as objects; the callbacks see each node once, and values that are no numbers hold no NaN."""
        seen = []
        mode = MonitorMode(lambda i, node, fn: seen.append(i), detect_nan, linker, None)
        assert function([x], T.exp(x) + x, mode=mode)(0) == 1.0
        assert seen == [0, 1]
        detect_nan(0, None, SimpleNamespace(outputs=[[np.random.RandomState(1)], [None], [np.arange(3)]]))
        assert capsys.readouterr().out == ""


class Asks(Op):
    """Adds 1, and is lazy: asks for its input before it computes, whether or not that is there already."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        (given,), (result,) = ([storage_map[variable] for variable in group] for group in (node.inputs, node.outputs))
        asked = []

        def thunk():
            if not asked:
                asked.append(True)
                return [0]
            asked.clear()
            result[0] = np.asarray(given[0] + 1)
            compute_map[node.outputs[0]][0] = True
            return None

        thunk.inputs, thunk.outputs, thunk.lazy = [given], [result], True
        return thunk


@pytest.mark.parametrize(
    "mode",
    [
        *(Mode(name, None) for name in ("py", "vm", "vm_nogc", "c|py")),
        MonitorMode(optimizer=None), NanGuardMode(True, True, True, None), DebugMode(None, 1), DebugMode("fast_run", 1),
    ],
    ids=lambda mode: f"{type(mode).__name__}-{mode.provided_linker if type(mode) is Mode else mode.provided_optimizer}",
)  # fmt: skip
def test_ops_that_ask_for_inputs(mode):
    """Every linker and every mode that checks runs a lazy op until it has its result."""
    f = function([x], T.log(Asks()(T.exp(x)) * 1), mode=mode)
    for value in (0.0, 1.0):
        np.testing.assert_allclose(f(value), np.log(np.exp(value) + 1))


def test_mode_of_given_linker():
    assert function([x], x + 1, mode=Mode("py", None))(1) == 2.0
