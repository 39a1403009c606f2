"""Modes: what they are made of, their variants, and what the checking ones promise; its lines in the names."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import In, Mode, function
from tcore.compile import DebugMode, NanGuardMode, debugmode
from tcore.compile.debugmode import BadThunkOutput, DebugModeError, InvalidValueError, StochasticOrder
from tcore.configuration import config
from tcore.graph import Apply, Op
from tcore.link import Linker
from tcore.optimizer import Optimizer, TopoOptimizer, local_optimizer

v = T.dvector("v")

pytestmark = pytest.mark.usefixtures("numpy_backend")


def ops(mode):
    """The ops of one small function, by name."""
    f = function([v], T.exp(T.dot(T.ones((3, 3)), v)) * 2 + 1, mode=mode)
    np.testing.assert_allclose(f([0.0, 0.0, 0.0]), 3.0)
    return [str(node.op) for node in f.maker.fgraph.toposort()]


class TestMode:
    @pytest.mark.parametrize("mode", [tcore.compile.FAST_RUN, tcore.compile.FAST_COMPILE, Mode("py", "o1"), DebugMode(), NanGuardMode()], ids=type)
    def test_two_parts_L13026_L13030_L13034(self, mode):
        """An optimizer, which changes the graph, and a linker, which makes it run."""
        assert isinstance(mode, Mode)
        assert isinstance(mode.optimizer, Optimizer)
        assert isinstance(mode.linker, Linker)

    def test_excluding_L13042(self):
        """Rewrites with the tag stay away, from the new mode alone."""
        mode = Mode("py", "fast_run")
        assert any("Composite" in op for op in ops(mode))
        assert not any("Composite" in op for op in ops(mode.excluding("fusion")))
        assert not any("[(0, 0)]" in op for op in ops(mode.excluding("inplace")))
        assert any("Composite" in op for op in ops(mode))

    def test_including_L13038(self):
        mode = Mode("py", "fast_compile")
        assert not any("Composite" in op for op in ops(mode))
        assert any("Composite" in op for op in ops(mode.including("fusion")))
        assert not any("Composite" in op for op in ops(mode))

    def test_requiring_L13046(self):
        """Rewrites without the tag stay away; the mode itself is left as it was."""
        mode = Mode("py", "fast_run")
        wanted = mode.requiring("stabilize")
        assert type(wanted) is Mode
        assert wanted is not mode
        assert not any("Composite" in op for op in ops(wanted))
        assert any("Composite" in op for op in ops(mode))


class Made(Op):
    """A vector op whose Python gives ``value(x)``, and whose C, if asked for, gives the same numbers in reverse memory order."""

    __props__ = ("value", "c")

    def __init__(self, value, c=False):
        self.value, self.c = value, c

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = self.value(inputs[0])

    def c_code(self, node, name, inputs, outputs, sub):
        if not self.c:
            raise NotImplementedError
        (x,), (z,) = inputs, outputs
        return f"""
        Py_XDECREF({z});
        npy_intp count = PyArray_DIM({x}, 0), twice = 2 * count;
        PyObject *wide = PyArray_ZEROS(1, &twice, NPY_DOUBLE, 0);
        npy_intp step = 16;
        Py_INCREF(PyArray_DESCR((PyArrayObject*)wide));
        {z} = (PyArrayObject*)PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR((PyArrayObject*)wide), 1, &count, &step,
            PyArray_DATA((PyArrayObject*)wide), NPY_ARRAY_WRITEABLE, NULL);
        PyArray_SetBaseObject({z}, wide);
        for (npy_intp i = 0; i < count; ++i) *(double*)PyArray_GETPTR1({z}, i) = *(double*)PyArray_GETPTR1({x}, i);
        """

    def c_code_cache_version(self):
        return (1,)


class TestDebugMode:
    def test_arguments_L13084_L13088(self):
        """A Mode; arguments that are not None win over ``config.DebugMode``."""
        names = [
            "optimizer", "stability_patience", "check_c_code", "check_py_code", "check_isfinite", "check_preallocated_output",
            "require_matching_strides", "linker",
        ]  # fmt: skip
        found = inspect.signature(DebugMode).parameters
        assert list(found) == names
        assert [p.default for p in found.values()] == ["fast_run", *[None] * 7]
        assert tcore.compile.DebugMode is debugmode.DebugMode is DebugMode
        assert issubclass(DebugMode, Mode)

    @pytest.mark.parametrize(
        ("attribute", "flag", "default", "other"),
        [
            pytest.param("stability_patience", "patience", 10, 2, id="L13105"),
            pytest.param("check_c_code", "check_c", True, False, id="L13109"),
            pytest.param("check_py_code", "check_py", True, False, id="L13117"),
            pytest.param("check_isfinite", "check_finite", True, False, id="L13125"),
            pytest.param("require_matching_strides", "check_strides", 0, 2, id="L13133"),
            pytest.param("check_preallocated_output", "check_preallocated_output", "", "initial:strided", id="L13894"),
        ],
    )
    def test_flags_L13890(self, attribute, flag, default, other):
        """Each attribute follows its flag of the section, unless it is given."""
        assert getattr(config.DebugMode, flag) == default
        assert getattr(DebugMode(), attribute) == default
        with config.change_flags({f"DebugMode.{flag}": other}):
            assert getattr(DebugMode(), attribute) == other
            assert getattr(DebugMode(**{attribute: default}), attribute) == default

    def test_linker_is_ignored_L13149(self):
        """So that the variants of a Mode work here, too."""
        mode = DebugMode(linker="vm", check_isfinite=False)
        assert type(mode.linker) is type(DebugMode().linker)
        for variant in (mode.requiring("stabilize"), mode.including("fusion"), mode.excluding("inplace")):
            assert type(variant) is DebugMode
            assert not variant.check_isfinite

    def test_time_of_errors_L13080_L4628(self):
        """Some mistakes show when the function is made, others when it is called."""
        moods = iter([T.sin, T.cos] * 10)

        def moody(node):
            return [next(moods)(node.inputs[0])]

        mode = DebugMode(TopoOptimizer(local_optimizer([T.exp])(moody)), stability_patience=3)
        with pytest.raises(StochasticOrder):
            function([v], T.exp(v), mode=mode)
        f = function([v], Made(lambda x: np.random.default_rng().random(x.shape))(v), mode=DebugMode(stability_patience=1))
        with pytest.raises(BadThunkOutput):
            f([1.0])

    def test_common_base_L13099_L13153(self):
        """One class catches all."""
        names = "BadThunkOutput BadOptimization BadDestroyMap BadViewMap StochasticOrder InvalidValueError"
        for name in names.split():
            assert issubclass(getattr(debugmode, name), DebugModeError)
        assert issubclass(DebugModeError, Exception)

    def test_invalid_values_L13185(self):
        """Complex numbers where floats belong, and the first NaN: the op that made it is named, not the one that passed it on."""
        wrong = Made(lambda x: x + 1j)
        with pytest.raises(InvalidValueError, match="Made"):
            function([v], wrong(v) * 2, mode=DebugMode(stability_patience=1))([1.0])
        makes_nan = T.tanh(T.log(v)) * 2
        mode = DebugMode(optimizer=None, stability_patience=1)
        with pytest.raises(InvalidValueError) as caught:
            function([v], makes_nan, mode=mode)([-1.0])
        assert "log" in str(caught.value).splitlines()[0]
        with np.errstate(all="ignore"):
            mode = DebugMode(optimizer=None, stability_patience=1, check_isfinite=False)
            assert np.isnan(function([v], makes_nan, mode=mode)([-1.0])).all()

    def test_by_name_L13058_L13151(self):
        """``mode="DebugMode"`` checks everything, as the flags say."""
        assert DebugMode.__name__ == "DebugMode"
        f = function([v], Made(lambda x: np.random.default_rng().random(x.shape))(v), mode="DebugMode")
        assert type(f.maker.mode) is DebugMode
        assert f.maker.mode.stability_patience == config.DebugMode.patience == 10
        with pytest.raises(DebugModeError):
            f([1.0])
        with config.change_flags(mode="DebugMode"):
            assert type(function([v], v + 1).maker.mode) is DebugMode

    @pytest.mark.backends("cpu")
    def test_strides_L13133(self, backend):
        """0 says nothing, 1 warns, 2 raises where C gives memory of another order than Python."""
        y = Made(np.copy, c=True)(v)
        value = np.ones(3)
        with config.change_flags(backend=backend):
            quiet, loud, strict = (function([v], y, mode=DebugMode(require_matching_strides=k, stability_patience=1)) for k in (0, 1, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(quiet(value), value)
        with pytest.warns(UserWarning, match="gave strides"):
            loud(value)
        with pytest.raises(DebugModeError, match="gave strides"):
            strict(value)


class TestNanGuardMode:
    def test_arguments_L13234_L13251(self):
        """All default to None but the optimizer; a linker is taken and ignored."""
        found = inspect.signature(NanGuardMode).parameters
        assert {name: p.default for name, p in found.items()} == {
            "nan_is_error": None, "inf_is_error": None, "big_is_error": None, "optimizer": "default", "linker": None,
        }  # fmt: skip
        assert type(NanGuardMode(linker="vm").linker) is type(NanGuardMode().linker)

    @pytest.mark.parametrize(
        ("flag", "value"),
        [
            pytest.param("nan_is_error", np.nan, id="L13922_L13245"),
            pytest.param("inf_is_error", np.inf, id="L13928_L13246"),
            pytest.param("big_is_error", 1e11, id="L13934_L13247"),
        ],
    )
    def test_flags_L13224(self, flag, value):
        """Each check by itself, by argument or by flag; a call without it passes."""
        others = dict.fromkeys(("nan_is_error", "inf_is_error", "big_is_error"), False)
        assert getattr(config.NanGuardMode, flag) is True
        assert getattr(NanGuardMode(), flag) is True
        only = function([v], v * 1.0 + 0, mode=NanGuardMode(**{**others, flag: True}))
        with pytest.raises(AssertionError, match="detected"):
            only([value])
        with config.change_flags({f"NanGuardMode.{flag}": False}):
            unguarded = NanGuardMode()
            assert getattr(unguarded, flag) is False
        # an infinite value is a big one as well
        if flag != "inf_is_error":
            function([v], v * 1.0 + 0, mode=unguarded)([value])

    def test_deliberate_infinity_L13246(self):
        """A constant or a default that is infinite on purpose is found, too."""
        w = T.dvector("w")
        for graph, inputs in ((T.minimum(v, np.inf), [v]), (T.minimum(v, w), [v, In(w, value=[np.inf])])):
            with pytest.raises(AssertionError, match="^Inf detected"):
                function(inputs, graph, mode=NanGuardMode(True, True, False, optimizer=None))([1.0])

    def test_the_node_is_named_L13195(self):
        """Inputs and outputs of every node are watched; the report shows where it first went wrong."""
        f = function([v], T.tanh(T.log(v)) + 1, mode=NanGuardMode(optimizer=None))
        with np.errstate(all="ignore"), pytest.raises(AssertionError, match=r"(?s)^NaN detected.*Elemwise\{log"):
            f([-1.0])
