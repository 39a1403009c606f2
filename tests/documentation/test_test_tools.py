"""The documentation's tools for testing ops: unittest_tools, InferShapeTester, RopLop_checker, PdbBreakpoint; its lines in the names."""

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
from tcore.tensor.tests.test_basic import makeBroadcastTester, makeTester
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


def test_infer_shape_L6803_L6763_L8765():
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


def test_verify_grad_L6821_L11337():
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


def test_assert_allclose_L6779_L6783():
    """Within tolerance passes; the error shows where and how much; ``cmp_sloppy`` loosens."""
    utt.assert_allclose(np.ones(3), np.ones(3) + 1e-9)
    utt.assert_allclose([np.nan, 1.0], [np.nan, 1.0])
    off = np.array([[1.0, 2.0], [3.0, 4.0]]) * (1 + 5e-5)
    with pytest.raises(utt.WrongValue, match=r"4 of 4 elements are off; worst at \(1, 1\): expected 4\.0, got 4\.0002"):
        utt.assert_allclose([[1.0, 2.0], [3.0, 4.0]], off)
    assert config.tensor.cmp_sloppy == 0
    with config.change_flags(**{"tensor.cmp_sloppy": 1}):
        utt.assert_allclose([[1.0, 2.0], [3.0, 4.0]], off)
        with pytest.raises(utt.WrongValue):
            utt.assert_allclose(np.ones(2), np.ones(2) * (1 + 5e-4))
    with config.change_flags(**{"tensor.cmp_sloppy": 2}):
        utt.assert_allclose(np.ones(2), np.ones(2) * (1 + 5e-4))
    with pytest.raises(AssertionError, match=r"shape \(2,\).*\n.*shape \(3,\)"):
        utt.assert_allclose(np.ones(2), np.ones(3))
    with pytest.raises(AssertionError, match=r"expected: shape \(0,\), dtype float64, strides .*\n.*shape \(1,\)"):
        utt.assert_allclose(np.zeros(0), np.ones(1))
    with pytest.raises(AssertionError, match="NaN in 1 places"):
        utt.assert_allclose([1.0, 2.0], [np.nan, 2.0])


def test_seeds_L11278_L11281_L11291_L11298():
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
def test_breakpoint_L25983_L25985_L25967_L25975_L5246(debugger, capsys, backend):
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


# ------------------------------------------------------------ verify_grad


def expression(x, y, z):
    return (x + T.cos(y)) / (4 * z) ** 2


POINTS = [np.asarray([[1], [1.1], [1.2]]), np.asarray([0.1, 0.2]), np.asarray(2.0)]


def test_verify_grad_of_an_expression_L11351_L11341_L11342_L11349():
    """A function of variables that broadcast against each other, and of a number; it may fix some of its inputs. ``pt`` is a list of arrays."""
    with pytest.raises(TypeError):
        T.verify_grad(T.tanh, POINTS[1], rng=np.random.RandomState(42))
    T.verify_grad(expression, POINTS, rng=np.random.RandomState(42))
    T.verify_grad(lambda x: expression(x, POINTS[1], 2), POINTS[:1], rng=np.random.RandomState(42))


def test_verify_grad_of_an_op_L11366_L11341():
    """An op with one output is such a function; ``Flatten()`` needs no argument."""
    value = np.asarray([[0, 1, 2], [3, 4, 5]], dtype="float64")
    T.verify_grad(T.Flatten(), [value], rng=np.random.RandomState(42))
    T.verify_grad(T.tanh, [value], rng=np.random.RandomState(42))
    x = T.dtensor3("x")
    cube = np.arange(24.0).reshape(2, 3, 4)
    for ndim in (1, 2, 3):
        found = tcore.function([x], T.Flatten(ndim)(x), mode="FAST_COMPILE")(cube)
        np.testing.assert_array_equal(found, cube.reshape((*cube.shape[: ndim - 1], -1)))
    with pytest.raises(ValueError, match=r"ndim must lie in \[1, 3\]"):
        T.Flatten(4)(x)
    assert T.Flatten(2) == T.Flatten(2)


def test_discrete_inputs_L11375_L11383():
    """Integers have no finite differences: a wrapper fixes them, and returns one of several outputs."""
    value = np.array([[1.0, 5.0], [7.0, 3.0]])
    with pytest.raises(TypeError, match="argument 2 has dtype int64"):
        T.verify_grad(expression, [*POINTS[:2], np.asarray(2)], rng=np.random.RandomState(42))
    with pytest.raises(NotImplementedError, match="one output"):
        T.verify_grad(lambda x: T.max_and_argmax(x, axis=1), [value], rng=np.random.RandomState(42))
    T.verify_grad(lambda x: T.max_and_argmax(x, axis=1)[0], [value], rng=np.random.RandomState(42))
    T.verify_grad(lambda x: x[np.array([1, 0])], [value], rng=np.random.RandomState(42))


def wrong_by(factor):
    """``2 x`` that says its slope is ``2 factor``."""
    return DoubleOp(slope=2 * factor)


def test_both_tolerances_L11337_L11345():
    """Only what exceeds the absolute and the relative tolerance fails."""
    value, rng = np.array([[0.5, 1.5]]), np.random.RandomState(42)
    with pytest.raises(GradientError):
        T.verify_grad(wrong_by(1.01), [value], rng=rng)
    T.verify_grad(wrong_by(1.01), [value], rng=rng, rel_tol=0.1)
    T.verify_grad(wrong_by(1.01), [value], rng=rng, abs_tol=1.0)
    # a step as large as the curve bends gives wrong differences
    with pytest.raises(GradientError):
        T.verify_grad(T.exp, [value], rng=rng, eps=1.0)


def test_projections_L11343_L11344():
    """Each test draws new weights from the generator; without one there is nothing to draw from."""

    class Counting(np.random.RandomState):
        draws = 0

        def random_sample(self, *size):
            self.draws += 1
            return super().random_sample(*size)

    counts = []
    for tests in (1, 5):
        rng = Counting(42)
        T.verify_grad(T.exp, [np.ones(3)], n_tests=tests, rng=rng)
        counts.append(rng.draws)
    assert counts[1] - counts[0] == 4
    with pytest.raises(TypeError, match="verify_grad needs rng"):
        T.verify_grad(T.exp, [np.ones(3)])


def test_arguments_of_verify_grad_L11317_L11394():
    """The documentation's two signatures are one: its values are what None stands for with float64. ``unittest_tools`` brings the generator."""
    value = np.ones((2, 3))
    T.verify_grad(T.exp, [value], 2, np.random.RandomState(1), 1.0e-7, abs_tol=0.0001, rel_tol=0.0001)
    assert tcore.tensor.basic.verify_grad is T.verify_grad
    utt.verify_grad(T.exp, [value])
    with config.change_flags(**{"unittests.rseed": "5"}):
        utt.verify_grad(T.exp, [value], n_tests=1)


def test_any_seed_L11294_L11309():
    """The seed comes from outside: the same test draws other numbers, and passes."""
    drawn = []
    for seed in ("666", "1234"):
        with config.change_flags(**{"unittests.rseed": seed}):
            utt.seed_rng()
            value = np.random.rand(3)
            drawn.append(value.tolist())
            assert np.random.RandomState(utt.fetch_seed()).rand(3).tolist() == value.tolist()
            utt.verify_grad(T.sqr, [value])
    assert drawn[0] != drawn[1]


# ------------------------------------------------------------ makeTester


def outcomes(cls):
    """test -> text of its failure, or ""."""
    return {name: outcome(cls(name)) for name in unittest.TestLoader().getTestCaseNames(cls)}


def rand(*shape):
    return np.random.default_rng(sum(shape)).random(shape)


def dot_tester(**changed):
    fields = {
        "name": "DotTester", "op": T.dot, "expected": lambda x, y: np.dot(x, y), "checks": {},
        "good": {"correct1": (rand(5, 7), rand(7, 5)), "correct2": (rand(5, 7), rand(7, 9)), "correct3": (rand(5, 7), rand(7))},
        "bad_build": {}, "bad_runtime": {"bad1": (rand(5, 7), rand(5, 7)), "bad2": (rand(5, 7), rand(8, 3))}, "grad": {},
    }  # fmt: skip
    return makeTester(**{**fields, **changed})


def test_make_tester_L11402_L11396_L11408_L11424_L11426():
    """The documentation's DotTester: products of three kinds of shapes are right, those that do not fit fail when they run."""
    tester = dot_tester()
    assert tester.__name__ == "DotTester"
    assert issubclass(tester, unittest.TestCase)
    found = outcomes(tester)
    assert set(found) == {"test_good", "test_bad_build", "test_bad_runtime", "test_grad"}
    assert set(found.values()) == {""}


@pytest.mark.parametrize(
    ("changed", "test", "said"),
    [
        ({"expected": lambda x, y: np.dot(x, y) + 1}, "test_good", "the values differ"),
        ({"expected": lambda x, y: [np.dot(x, y)] * 2}, "test_good", "1 outputs, 2 are expected"),
        ({"checks": {"no output is positive": lambda inputs, outputs: bool((outputs[0] <= 0).all())}}, "test_good", "failed check: no output is positive"),
        ({"bad_build": {"fits": (rand(5, 7), rand(7, 5))}}, "test_bad_build", "Exception not raised"),
        ({"bad_runtime": {"fits": (rand(5, 7), rand(7, 5))}}, "test_bad_runtime", "Exception not raised"),
        ({"op": DoubleOp(slope=1), "grad": {"spoilt": (rand(2, 3),)}}, "test_grad", "GradientError"),
    ],
    ids=["expected_L11421", "outputs", "checks_L11423", "bad_build_L11425", "bad_runtime_L11426", "grad_L11427"],
)
def test_make_tester_finds(changed, test, said):
    """Each field is checked, and only its own test fails."""
    assert said in outcome(dot_tester(**changed)(test))
    assert outcome(dot_tester()(test)) == ""


def test_make_tester_passes_L11423_L11425_L11427():
    """Checks that hold, a graph that cannot be built, a right gradient."""
    held = []
    tester = dot_tester(
        checks={"every output is finite": lambda inputs, outputs: held.append(len(inputs)) or bool(np.isfinite(outputs[0]).all())},
        bad_build={"axes": (rand(2, 3), rand(2, 3, 4, 5))},
        op=lambda x, y: T.Dot()(x, y),
        grad={"matrices": (rand(2, 3), rand(3, 2))},
    )
    assert set(outcomes(tester).values()) == {""}
    assert held == [2, 2, 2]


def test_make_broadcast_tester_L11429():
    """``inplace=True`` adds the check that the op worked in the memory of an input."""
    cases = {"good": {"same": (rand(2, 3) + 1, rand(2, 3) + 3), "row": (rand(2, 3) + 1, rand(1, 3) + 3)}, "grad": {"row": (rand(2, 3), rand(1, 3))}}
    tester = makeBroadcastTester(T.add, lambda x, y: x + y, **cases)
    assert tester.__name__.endswith("Tester")
    assert tester.checks == {}
    assert set(outcomes(tester).values()) == {""}
    in_place = T.Elemwise(tcore.scalar.add, {0: 0})
    assert set(outcomes(makeBroadcastTester(in_place, lambda x, y: x + y, name="AddInplaceTester", inplace=True, good=cases["good"])).values()) == {""}
    spared = makeBroadcastTester(T.add, lambda x, y: x + y, inplace=True, good=cases["good"])
    assert "worked in its memory" in outcome(spared("test_good"))
