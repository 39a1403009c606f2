"""Modes that look for trouble, as the tutorial shows them: DebugMode, MonitorMode, NanGuardMode; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function, gof
from tcore.compile import DebugMode, MonitorMode
from tcore.compile.debugmode import BadDestroyMap, BadThunkOutput, BadViewMap, DebugModeError, InvalidValueError
from tcore.compile.monitormode import detect_nan

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


class Doubled(gof.Op):
    """2 x, unless a test says something else."""

    __props__ = ()

    def make_node(self, x):
        return gof.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2


class View(Doubled):
    """Returns its input, and does not say so."""

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]


class Overwriting(Doubled):
    """Changes its input, and does not say so."""

    def perform(self, node, inputs, output_storage):
        inputs[0] *= 2
        output_storage[0][0] = inputs[0].copy()


class TestDebugMode:
    def test_first_program_L4618_L4623(self):
        """No exception, and the right values."""
        x = T.dvector("x")
        f = function([x], 10 * x, mode="DebugMode")
        assert [f([5]).tolist(), f([0]).tolist(), f([7]).tolist()] == [[50.0], [0.0], [70.0]]

    @pytest.mark.parametrize(("op", "error"), [(View(), BadViewMap), (Overwriting(), BadDestroyMap)], ids=["view", "overwrites"])
    def test_undeclared_use_of_memory_L6422_L6424_L4614(self, op, error):
        """An op that returns a view or changes its input without a word is right in one graph and wrong in another; here it is an error."""
        x = T.dvector("x")
        with pytest.raises(error) as caught:
            function([x], op(x + 1), mode="DebugMode")([1.0, 2])
        assert isinstance(caught.value, DebugModeError)
        assert type(op).__name__ in str(caught.value)

    def test_when_errors_come_L4630(self):
        """At compile time, or with the call that meets them: inputs that were not tried prove nothing."""
        x = T.dvector("x")

        class NegativeIsWrong(Doubled):
            def perform(self, node, inputs, output_storage):
                output_storage[0][0] = inputs[0] if (inputs[0] < 0).any() else inputs[0] * 2

        f = function([x], NegativeIsWrong()(x), mode="DebugMode")
        assert f([5.0]).tolist() == [10.0]
        with pytest.raises(BadViewMap):
            f([-5.0])

    def test_arguments_L4632_L4792(self):
        """The checks are arguments; the name alone is strict: values that are not finite are found where they come from."""
        x = T.dvector("x")
        strict = function([x], T.log(x) * 2, mode="DebugMode")
        with pytest.raises(InvalidValueError, match="(?s)not finite.*log"):
            strict([-1.0])
        lenient = function([x], T.log(x) * 2, mode=DebugMode(check_isfinite=False))
        with np.errstate(invalid="ignore"):
            assert np.isnan(lenient([-1.0])).all()

    @pytest.mark.backends("cpu")
    def test_without_python_L5266_L5159(self):
        """The flags ``mode=DebugMode,DebugMode.check_py=False``: the C code alone is run, and its NaN found."""
        ran = []

        class Both(Doubled):
            def perform(self, node, inputs, output_storage):
                ran.append(1)
                output_storage[0][0] = inputs[0] * 3

            def c_code(self, node, name, inputs, outputs, sub):
                (x,), (z,) = inputs, outputs
                return f"""
                Py_XDECREF({z});
                {z} = (PyArrayObject*) PyArray_NewCopy({x}, NPY_CORDER);
                if ({z} == NULL) {{ {sub["fail"]} }}
                for (npy_intp i = 0; i < PyArray_SIZE({z}); i++) ((double*) PyArray_DATA({z}))[i] *= 2;"""

            def c_code_cache_version(self):
                return (1,)

        x = T.dvector("x")
        with pytest.raises(BadThunkOutput, match="Both"):
            function([x], Both()(x), mode="DebugMode")([1.0])
        ran.clear()
        with tcore.config.change_flags({"mode": "DebugMode", "DebugMode.check_py": "False"}):
            f = function([x], Both()(x))
        assert f([1.0]).tolist() == [2.0]
        assert not ran
        with pytest.raises(InvalidValueError, match="Both"):
            f([np.nan])


class TestMonitorMode:
    def test_what_callbacks_see_L5082_L5103(self):
        """Position, node, and the thunk with its cells: the very values that perform gets, before; those it gave, after. They may choose."""
        x = T.dvector("x")
        handed = []

        class Noting(Doubled):
            def perform(self, node, inputs, output_storage):
                handed.append(inputs[0])
                output_storage[0][0] = inputs[0] * 2

        seen = []

        def before(i, node, fn):
            if isinstance(node.op, Noting):  # of one kind only
                seen.append((i, node, [cell[0] for cell in fn.inputs]))

        def after(i, node, fn):
            if isinstance(node.op, Noting):
                seen.append((i, node, [cell[0].copy() for cell in fn.outputs]))  # the next node may overwrite them

        f = function([x], T.exp(Noting()(x)), mode=MonitorMode(pre_func=before, post_func=after))
        f([1.0, 2])
        (i, node, inputs), (j, again, outputs) = seen
        assert f.maker.fgraph.toposort()[i] is node is again
        assert i == j
        assert inputs[0] is handed[0]
        np.testing.assert_array_equal(outputs[0], [2, 4])

    def test_nan_is_detected_L5126_L5128(self, capsys):
        """The node, its inputs and outputs."""
        x = T.dscalar("x")
        f = function([x], [T.log(x) * x], mode=MonitorMode(post_func=detect_nan))
        with np.errstate(all="ignore"):
            f(0)
        text = capsys.readouterr().out
        head, graph, leaf, *values = text.splitlines()
        assert head == "*** NaN detected ***"
        assert graph.startswith("Elemwise{Composite{(log(i0) * i0)}} [id A] ''")
        assert leaf.strip() == "|x [id B]"
        assert values == ["Inputs : [array(0.)]", "Outputs: [array(nan)]"]

    def test_single_steps_L5141_L5144(self, capsys):
        """Without fusion and in-place work each step is seen: the NaN comes from the product."""
        x = T.dscalar("x")
        f = function([x], [T.log(x) * x], mode=MonitorMode(post_func=detect_nan).excluding("local_elemwise_fusion", "inplace"))
        assert [str(node.op) for node in f.maker.fgraph.toposort()] == ["Elemwise{log,no_inplace}", "Elemwise{mul,no_inplace}"]
        with np.errstate(all="ignore"):
            f(0)
        assert capsys.readouterr().out.splitlines()[1].startswith("Elemwise{mul,no_inplace} [id A]")

    def test_inputs_are_there_without_collection_L5156_L5157(self):
        """With ``allow_gc=False`` every input of a node is still there afterwards."""
        x = T.dvector("x")
        kept = []

        def after(i, node, fn):
            kept.extend(cell[0] is not None for cell in fn.inputs)

        with tcore.config.change_flags(allow_gc=False):
            function([x], T.exp(Doubled()(x + 1)).sum(), mode=MonitorMode(post_func=after).excluding("fusion", "inplace"))([1.0, 2])
        assert len(kept) >= 4
        assert all(kept)


class TestNanGuardMode:
    def test_memory_that_nobody_filled_L5264_L5286_L5284(self):
        """``alloc_empty_to_zeros`` replaces AllocEmpty by zeros; the mode does not do so by itself."""
        out = T.AllocEmpty("float64")(3)
        mode = tcore.compile.get_mode("NanGuardMode")

        def names(mode):
            return [str(node.op) for node in function([], out, mode=mode).maker.fgraph.toposort()]

        assert any("AllocEmpty" in name for name in names(mode))
        assert not any("AllocEmpty" in name for name in names(mode.including("alloc_empty_to_zeros")))

    def test_every_node_is_watched_L4554_L5262(self):
        """Inputs and outputs."""
        x = T.dvector("x")
        f = function([x], T.exp(T.log(x)), mode="NanGuardMode")
        np.testing.assert_allclose(f([1.0, 2]), [1, 2])
        with pytest.raises(AssertionError, match="NaN detected"):
            f([np.nan])
        with np.errstate(all="ignore"), pytest.raises(AssertionError, match="NaN detected"):
            f([-1.0])
