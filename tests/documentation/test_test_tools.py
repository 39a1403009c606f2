"""The book's tools for testing ops: unittest_tools, InferShapeTester, RopLop_checker, PdbBreakpoint; seed lines in the names."""

from __future__ import annotations

import sys
import types
import unittest
import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config
from tcore.gradient import GradientError
from tcore.tests import unittest_tools as utt
from tcore.tests.breakpoint import PdbBreakpoint
from tcore.tests.test_rop import RopLop_checker


class DoubleOp(tcore.Op):
    """``factor * x``, with a gradient, a shape and an R_op that a test may have spoilt."""

    __props__ = ("slope", "swapped")

    def __init__(self, slope=2, swapped=False):
        self.slope = slope
        self.swapped = swapped

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return tcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2

    def infer_shape(self, node, shapes):
        return [shapes[0][::-1]] if self.swapped else shapes

    def grad(self, inputs, output_grads):
        return [output_grads[0] * self.slope]

    def R_op(self, inputs, eval_points):
        return eval_points if eval_points[0] is None else self.grad(inputs, eval_points)


def outcome(case):
    """Run one unittest case; the text of its failure, or "" if it passed."""
    result = unittest.TestResult()
    case.run(result)
    return "\n".join(text for _, text in [*result.failures, *result.errors])


class Shapes(utt.InferShapeTester):
    op = DoubleOp()
    value = np.ones((5, 4))
    warn = True

    def test(self):
        x = T.matrix()
        self._compile_and_check([x], [type(self).op(x)], [self.value], DoubleOp, warn=self.warn)


def test_infer_shape_L6803_L6763():
    """Passes where the op goes and the shape is right."""
    assert outcome(Shapes("test")) == ""


def test_wrong_infer_shape_L6791():
    """A wrong shape, and an op that stays because it has none, fail."""

    class Wrong(Shapes):
        op = DoubleOp(swapped=True)

    assert "output 0 has shape (5, 4), infer_shape says (4, 5)" in outcome(Wrong("test"))

    class Unknown(DoubleOp):
        infer_shape = None

    class Stays(Shapes):
        op = Unknown()

        def test(self):
            x = T.matrix()
            self._compile_and_check([x], [self.op(x)], [self.value], Unknown)

    assert "the shapes of the outputs still need" in outcome(Stays("test"))


def test_square_inputs_L6793():
    """Equal lengths hide mixed-up axes: a warning, unless it is switched off."""

    class Square(Shapes):
        value = np.ones((4, 4))

    with pytest.warns(UserWarning, match="equal lengths hide"):
        assert outcome(Square("test")) == ""
    Square.warn = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(Square("test")) == ""


def test_verify_grad_L6821():
    """Passes for the right gradient; without the factor it raises."""
    value = np.random.default_rng(3).random((5, 7, 2))
    utt.verify_grad(DoubleOp(), [value])
    utt.verify_grad(DoubleOp(), [value], rng=np.random.RandomState(1))
    with pytest.raises(GradientError):
        utt.verify_grad(DoubleOp(slope=1), [value])


class Rops(RopLop_checker):
    op = DoubleOp()

    def test_double_rop(self):
        self.check_rop_lop(type(self).op(self.x), self.in_shape)

    def test_matrix(self):
        self.check_mat_rop_lop((type(self).op(self.mx) ** 2).sum(axis=0), (self.mat_in_shape[1],))

    def test_nondiff(self):
        self.check_nondiff_rop(T.vector())


@pytest.mark.parametrize("name", ["test_double_rop", "test_matrix", "test_nondiff"])
def test_rop_lop_L6835(name):
    """Rop and Lop agree with the Jacobian; a derivative that does not exist is refused."""
    assert outcome(Rops(name)) == ""


def test_wrong_rop_L6831():
    """An R_op that disagrees with the gradient fails."""

    class Wrong(Rops):
        class op(DoubleOp):
            def R_op(self, inputs, eval_points):
                return [eval_points[0] * 3]

        op = op()

    assert "the values differ" in outcome(Wrong("test_double_rop"))


def test_in_file_L6880():
    """By hand: make the object, set it up, call the method."""
    case = Rops("test_double_rop")
    case.setUp()
    case.test_double_rop()


def test_set_up_seeds_L6910():
    """``setUp`` of both bases seeds NumPy's generator."""
    draws = []
    for case in (Shapes("test"), Rops("test_matrix"), Shapes("test")):
        np.random.seed(1)
        case.setUp()
        draws.append(np.random.rand(3).tolist())
    assert draws[0] == draws[1] == draws[2]


def test_assert_allclose_L6779():
    """Within tolerance passes; the error shows where and how much; ``cmp_sloppy`` loosens."""
    utt.assert_allclose(np.ones(3), np.ones(3) + 1e-9)
    utt.assert_allclose([np.nan, 1.0], [np.nan, 1.0])
    off = np.array([[1.0, 2.0], [3.0, 4.0]]) * (1 + 5e-5)
    with pytest.raises(utt.WrongValue, match=r"4 of 4 elements are off; worst at \(1, 1\): expected 4\.0, got 4\.0002"):
        utt.assert_allclose([[1.0, 2.0], [3.0, 4.0]], off)
    with config.change_flags(**{"tensor.cmp_sloppy": 1}):
        utt.assert_allclose([[1.0, 2.0], [3.0, 4.0]], off)
    with pytest.raises(AssertionError, match=r"shape \(2,\).*\n.*shape \(3,\)"):
        utt.assert_allclose(np.ones(2), np.ones(3))
    with pytest.raises(AssertionError, match=r"expected: shape \(0,\), dtype float64, strides .*\n.*shape \(1,\)"):
        utt.assert_allclose(np.zeros(0), np.ones(1))
    with pytest.raises(AssertionError, match="NaN in 1 places"):
        utt.assert_allclose([1.0, 2.0], [np.nan, 2.0])


def test_seeds_L11278():
    """The option's seed, a given one, or a fresh one for ``random``."""

    def draw(*seed):
        utt.seed_rng(*seed)
        return np.random.rand(4).tolist()

    assert draw() == draw() == np.random.RandomState(666).rand(4).tolist()
    assert draw(234234) == np.random.RandomState(234234).rand(4).tolist()
    assert utt.fetch_seed(7) == 7
    with config.change_flags(**{"unittests.rseed": "random"}):
        assert utt.fetch_seed() is None
        assert draw() != draw()


def test_mock_random_state_L11311():
    """Draws the ends of the range."""
    assert utt.MockRandomState(0.5).rand(2, 3).tolist() == [[0.5] * 3] * 2
    assert utt.MockRandomState(0).randint(3, 9, size=2).tolist() == [3, 3]
    assert utt.MockRandomState(1).randint(3, 9, size=2).tolist() == [8, 8]
    assert utt.MockRandomState(1).randint(5).tolist() == [4]


@pytest.fixture
def debugger(monkeypatch):
    """A debugger of the first name in line, that notes where it stops."""
    stops = []

    def set_trace():
        stops.append([value.tolist() for value in sys._getframe(1).f_locals["monitored"]])

    module = types.ModuleType("pudb")
    module.set_trace = set_trace
    module.__spec__ = types.SimpleNamespace(name="pudb")
    monkeypatch.setitem(sys.modules, "pudb", module)
    return stops


@pytest.mark.backends("numpy", "cpu")
def test_breakpoint_L25983_L5246(debugger, capsys, backend):
    """Stops where the condition holds, after printing its name; hands its inputs on in any case."""
    inputs, target = T.dvector("input"), T.dvector("target")
    mse = (inputs - target) ** 2
    stop = PdbBreakpoint("MSE too high")
    condition = T.gt(mse.sum(), 100)
    mse, monitored_input, monitored_target = stop(condition, mse, inputs, target)
    f = tcore.function([inputs, target], mse)
    np.testing.assert_array_equal(f([10, 0], [10, 5]), [0, 25])
    assert debugger == []
    np.testing.assert_array_equal(f([0, 0], [10, 5]), [100, 25])
    assert debugger == [[[100.0, 25.0], [0.0, 0.0], [10.0, 5.0]]]
    assert "Conditional breakpoint 'MSE too high' activated" in capsys.readouterr().out
    gradient = tcore.function([inputs, target], tcore.grad(mse.sum(), inputs))
    np.testing.assert_array_equal(gradient([10, 0], [10, 5]), [0, -10])
    assert monitored_input.type == inputs.type
    assert monitored_target.type == target.type


def test_breakpoint_refuses_L25967():
    """A condition that is no scalar; nothing to hand on."""
    with pytest.raises(TypeError, match="is a scalar"):
        PdbBreakpoint("p")(T.dvector(), T.dvector())
    with pytest.raises(TypeError, match="at least one variable"):
        PdbBreakpoint("p")(T.bscalar())
