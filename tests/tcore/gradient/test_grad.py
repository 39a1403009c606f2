"""grad and its relatives: forms, errors, connection, long graphs."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import as_op, function
from tcore.gradient import (
    DisconnectedInputError,
    DisconnectedType,
    Lop,
    NullType,
    NullTypeGradError,
    Rop,
    consider_constant,
    disconnected_grad,
    format_as,
    grad,
    grad_clip,
    grad_not_implemented,
    subgraph_grad,
    undefined_grad,
    zero_grad,
)
from tcore.graph import Apply, Op

x, y = T.dscalar("x"), T.dscalar("y")
v, w = T.dvector("v"), T.dvector("w")
A = T.dmatrix("A")


def value(expression, **given):
    names = {"x": x, "y": y, "v": v, "w": w, "A": A}
    return function([names[n] for n in given], expression, on_unused_input="ignore")(*given.values())


class TestForms:
    def test_one_list_tuple(self):
        cost = x * y
        assert not isinstance(grad(cost, x), (list, tuple))
        assert isinstance(grad(cost, [x, y]), list)
        assert isinstance(grad(cost, (x, y)), tuple)
        assert [float(g) for g in value(grad(cost, [x, y]), x=2.0, y=3.0)] == [3.0, 2.0]

    def test_names(self):
        cost = x * y
        assert grad(cost, x).name is None
        cost.name = "cost"
        assert grad(cost, x).name == "(dcost/dx)"
        assert grad(cost, x, add_names=False).name is None

    def test_format_as(self):
        assert format_as(True, False, 1) == [1]
        assert format_as(False, True, [1]) == (1,)
        assert format_as(False, False, [1]) == 1

    def test_twice(self):
        assert value(grad(grad(x**3, x), x), x=2.0) == 12.0

    def test_wrt_an_intermediate(self):
        middle = T.exp(x)
        assert value(grad(middle**2, middle), x=0.0) == 2.0

    def test_float32_stays(self):
        f = T.fvector("f")
        assert grad((f * np.float32(2)).sum(), f).dtype == "float32"


class TestErrors:
    def test_no_scalar(self):
        with pytest.raises(TypeError, match=r"must be a scalar .*got v of type TensorType\(float64, vector\)") as info:
            grad(v, v)
        assert "test_grad.py" in str(info.value)

    def test_no_variable(self):
        with pytest.raises(TypeError, match=r"must be variables, got 3"):
            grad(x, 3)

    def test_disconnected(self):
        with pytest.raises(DisconnectedInputError, match=r"does not depend on y") as info:
            grad(x**2, y)
        assert isinstance(info.value, ValueError)
        assert "disconnected_inputs='ignore'" in str(info.value)
        assert value(grad(x**2, y, disconnected_inputs="ignore"), y=1.0) == 0.0
        with pytest.warns(UserWarning, match=r"does not depend on y"):
            grad(x**2, y, disconnected_inputs="warn")

    def test_return_disconnected(self):
        options = {"disconnected_inputs": "ignore"}
        assert grad(x**2, y, return_disconnected="None", **options) is None
        assert isinstance(grad(x**2, y, return_disconnected="Disconnected", **options).type, DisconnectedType)

    @pytest.mark.parametrize("option", ["disconnected_inputs", "return_disconnected", "null_gradients"])
    def test_options(self, option):
        with pytest.raises(ValueError, match=rf"{option} is one of"):
            grad(x**2, x, **{option: "perhaps"})

    def test_nothing_to_differentiate(self):
        with pytest.raises(AssertionError):
            grad(None, x)

    def test_undefined(self):
        with pytest.raises(NullTypeGradError, match=r"undefined.*\n.*node:.*\n.*created:.*test_grad.py") as info:
            grad(undefined_grad(x) * y, x)
        assert "disconnected_grad" in str(info.value)
        assert isinstance(info.value, TypeError)
        found = grad(undefined_grad(x) * y, x, null_gradients="return")
        assert isinstance(found.type, NullType)

    def test_op_without_gradient(self):
        """A Python function has none, and the message names the op."""

        @as_op([T.dscalar], [T.dscalar])
        def double(a):
            return a * 2

        with pytest.raises(NullTypeGradError, match=r"FromFunctionOp\{double\}.*not implemented"):
            grad(double(x), x)

    def test_integer_gradient(self):
        """An op that returns one is named, with the place."""

        class Wrong(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def grad(self, inputs, output_grads):
                return [T.cast(output_grads[0], "int64")]

        with pytest.raises(TypeError, match=r"Wrong.L_op returned a gradient of the integer dtype int64 for input 0"):
            grad(Wrong()(x), x)

    def test_wrong_number_of_gradients(self):
        class Wrong(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def grad(self, inputs, output_grads):
                return [output_grads[0]] * 2

        with pytest.raises(ValueError, match=r"returned 2 gradients for 1 inputs"):
            grad(Wrong()(x), x)

    def test_not_implemented_where_nobody_asks(self):
        """Only a gradient that is wanted must exist."""

        class Half(Op):
            __props__ = ()

            def make_node(self, a, b):
                return Apply(self, [a, b], [a.type()])

            def perform(self, node, inputs, output_storage, params=None):
                output_storage[0][0] = np.asarray(inputs[0] * 3)

            def grad(self, inputs, output_grads):
                return [output_grads[0] * 3, grad_not_implemented(self, 1, inputs[1], "too hard")]

        z = Half()(x, y)
        assert value(grad(z, x), x=1.0, y=1.0) == 3.0
        with pytest.raises(NullTypeGradError, match=r"too hard"):
            grad(z, y)


class TestPaths:
    def test_consider_constant(self):
        middle = x**2
        cost = middle * x
        assert value(grad(cost, x, consider_constant=[middle]), x=3.0) == 9.0

    def test_known_grads(self):
        """The gradient of an intermediate variable can be given."""
        middle = T.exp(x)
        assert value(grad(None, x, known_grads={middle: T.constant(2.0)}), x=0.0) == 2.0
        assert value(grad(middle**2, x, known_grads={middle: T.constant(2.0)}), x=0.0) == 2.0

    def test_identities(self):
        assert value(grad(zero_grad(x) * x, x), x=3.0) == 3.0
        assert value(grad(disconnected_grad(x) * x, x), x=3.0) == 3.0
        with pytest.raises(DisconnectedInputError):
            grad(disconnected_grad(x), x)
        assert value(grad(zero_grad(x), x), x=3.0) == 0.0
        with pytest.warns(DeprecationWarning, match="zero_grad"):
            assert value(grad(consider_constant(x) * x, x), x=3.0) == 3.0

    @pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
    def test_identities_cost_nothing(self, mode):
        """They are not in the compiled graph."""
        f = function([v], T.exp(grad_clip(disconnected_grad(zero_grad(v)), -1, 1)), mode=mode)
        assert len(f.maker.fgraph.toposort()) == 1

    def test_integer_cost(self):
        assert value(grad(T.cast(x, "int32"), x), x=3.4) == 0.0

    def test_subgraph_details(self):
        a = x**2
        cost = a * y
        grads, ends, from_start, from_cost = subgraph_grad([y], [a], start={cost: T.constant(1.0)}, cost=cost, details=True)
        got = value([*grads, *ends, *from_start, *from_cost], x=2.0, y=3.0)
        assert [float(g) for g in got] == [8.0, 6.0, 4.0, 4.0]

    def test_shape_is_no_path(self):
        cost = T.sum(T.ones_like(v) * v.shape[0])
        with pytest.raises(DisconnectedInputError):
            grad(cost, v)


def test_long_chain():
    """A chain of 20,000 nodes is differentiated within the default recursion limit."""
    z = x
    for _ in range(20_000):
        z = z + 1.0
    gradient = grad(z, x)
    assert gradient.owner is not None


class TwoOutputs(Op):
    """(a², n) with the integer n = ⌊a⌋; the gradient that ``L_op`` gives is what the test says."""

    __props__ = ()
    gives = None

    def make_node(self, a):
        return Apply(self, [a], [a.type(), T.lscalar()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = np.asarray(inputs[0] ** 2)
        output_storage[1][0] = np.asarray(np.int64(np.floor(inputs[0])))

    def L_op(self, inputs, outputs, output_grads):
        return self.gives(inputs[0], output_grads)

    def R_op(self, inputs, eval_points):
        return [2 * inputs[0] * eval_points[0]]


class TestOpsThatBreakTheContract:
    """The error names the op and what it should have returned."""

    @pytest.mark.parametrize(
        ("gives", "error", "message"),
        [
            (lambda a, g: None, TypeError, "TwoOutputs.L_op must return a list with one gradient for each input, got None"),
            (lambda a, g: [None], TypeError, "TwoOutputs.L_op returned None for input 0"),
            (lambda a, g: [g[0], g[0]], ValueError, "TwoOutputs.L_op returned 2 gradients for 1 inputs"),
        ],
    )
    def test_gradients(self, gives, error, message):
        op = TwoOutputs()
        op.gives = gives
        with pytest.raises(error, match=message):
            grad(op(x)[0], x)

    def test_constants_are_gradients(self):
        """A number in place of a variable."""
        op = TwoOutputs()
        op.gives = lambda a, g: [7.0]
        assert value(grad(op(x)[0], x), x=3.0) == 7.0

    def test_number_of_directional_derivatives(self):
        with pytest.raises(ValueError, match="returned 1 derivatives for 2 outputs"):
            Rop(TwoOutputs()(x)[0], x, y)


class TestArguments:
    """What is given is checked where it is given."""

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: grad(3.0, x), TypeError, "the cost is a variable, got 3.0, of float"),
            (lambda: grad(None, x, known_grads={"x": x}), TypeError, "keys of known_grads are variables, got 'x'"),
            (lambda: grad(None, x, known_grads={x * 2: v}), TypeError, "has 1 dimensions, .* has 0: they must agree"),
            (lambda: grad(None, x, known_grads={x * 2: 3}), TypeError, "integer dtype int8; gradients are floating"),
            (lambda: Rop(v, v, w, disconnected_outputs="no"), ValueError, "ignore, warn, raise, got 'no'"),
            (lambda: Rop(v, v, w, return_disconnected="no"), ValueError, "zero, None, Disconnected, got 'no'"),
            (lambda: Rop(v, [v, w], [w]), ValueError, "one evaluation point for each of 2 variables, got 1"),
            (lambda: Lop([v, w], v, [w]), ValueError, "one evaluation point for each of 2 functions, got 1"),
            (lambda: subgraph_grad([x], [y]), AssertionError, "needs a cost or start gradients"),
            (lambda: subgraph_grad(x, [y], cost=x * y), TypeError, "wrt and end are lists"),
        ],
    )
    def test_refused(self, call, error, message):
        with pytest.raises(error, match=message):
            call()

    def test_undefined_cost(self):
        """The gradient of an undefined gradient says why that one is undefined."""
        with pytest.raises(NullTypeGradError, match="the cost is an undefined gradient: no idea how"):
            grad(NullType("no idea how")(), x)

    def test_numbers_as_points(self):
        """Arrays and numbers serve as evaluation points; integers become floating."""
        np.testing.assert_array_equal(value(Rop(v**2, v, np.array([1, 2])), v=[3.0, 4.0]), [6.0, 16.0])
        np.testing.assert_array_equal(value(Lop(v**2, v, np.array([1, 2])), v=[3.0, 4.0]), [6.0, 16.0])
        # one function twice: the points add up
        np.testing.assert_array_equal(value(Lop([cube, cube], v, [v, w]), v=[1.0, 2.0], w=[3.0, 4.0]), [12.0, 72.0])


cube = v**3


class TestWhatIsDisconnected:
    """Warned of, told, or a value that says so."""

    def test_rop(self):
        with pytest.warns(UserWarning, match="does not depend differentiably"):
            zero = Rop(w, v, v, disconnected_outputs="warn")
        np.testing.assert_array_equal(value(zero, w=[1.0, 2.0]), [0.0, 0.0])
        assert isinstance(Rop(w, v, v, disconnected_outputs="ignore", return_disconnected="Disconnected").type, DisconnectedType)
        # integers are constant almost everywhere, shapes always
        for out in (T.cast(v, "int64"), v.shape):
            assert Rop(out, v, w, disconnected_outputs="ignore", return_disconnected="None") is None

    def test_grad(self):
        with pytest.warns(UserWarning, match="does not depend on w"):
            zero = grad(v.sum(), w, disconnected_inputs="warn")
        np.testing.assert_array_equal(value(zero, w=[1.0, 2.0]), [0.0, 0.0])


class Stuck(Op):
    """Differentiable in the first input; undefined in the second."""

    __props__ = ()

    def make_node(self, a, b):
        return Apply(self, [a, b], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = np.asarray(inputs[0] * inputs[1])

    def L_op(self, inputs, outputs, output_grads):
        return [inputs[1] * output_grads[0], grad_not_implemented(self, 1, inputs[1], "not yet")]


def test_forward_through_undefined_gradients():
    """Along the defined input it can be computed; along the other the error says why not."""
    assert Rop(Stuck()(x, y), x, x).eval({x: 3.0, y: 2.0}) == 6.0
    with pytest.raises(ValueError, match=r"in a direction cannot be computed: .*not yet"):
        Rop(Stuck()(x, y), y, y)


def test_undefined_terms_spread_only_where_they_flow():
    """An undefined output gradient makes those inputs undefined that it reaches; others are computed."""

    class Pair(Op):
        """(a, b), each connected with its own input alone."""

        __props__ = ()

        def make_node(self, a, b):
            return Apply(self, [a, b], [a.type(), b.type()])

        def perform(self, node, inputs, output_storage, params=None):
            for cell, given in zip(output_storage, inputs, strict=True):
                cell[0] = np.asarray(given)

        def connection_pattern(self, node):
            return [[True, False], [False, True]]

        def L_op(self, inputs, outputs, output_grads):
            return list(output_grads)

    first, second = Pair()(x, y)
    cost = Stuck()(first, second)
    assert value(grad(cost, x), x=3.0, y=2.0) == 2.0
    with pytest.raises(NullTypeGradError, match="not yet"):
        grad(cost, y)


class Pair(Op):
    """``(2 a, 3 b)``, and one more way to be told what comes back."""

    __props__ = ("pattern", "gradients")

    def __init__(self, pattern=None, gradients=None):
        self.pattern, self.gradients = pattern, gradients
        if pattern is not None:
            self.connection_pattern = lambda node: pattern

    def make_node(self, a, b):
        return Apply(self, [a, b], [a.type(), b.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0], output_storage[1][0] = 2 * inputs[0], 3 * inputs[1]

    def L_op(self, inputs, outputs, output_grads):
        if self.gradients is not None:
            return self.gradients(inputs, output_grads)
        return [factor * g if hasattr(g.type, "dtype") else g for factor, g in zip((2, 3), output_grads, strict=True)]


def test_undefined_for_one_output_only():
    """An input that the undefined gradient does not reach keeps its own."""
    apart = Pair(pattern=[[True, False], [False, True]])
    first, second = apart(x, y)
    got = grad(undefined_grad(first) * 0 + second**2, y)
    assert got.eval({x: 1.0, y: 2.0}) == 36  # 2 * 3y * 3
    nothing, got = grad(undefined_grad(first) * 0 + second**2, [x, y], null_gradients="return")
    assert isinstance(nothing.type, NullType)
    assert got.eval({x: 1.0, y: 2.0}) == 36
    with pytest.raises(NullTypeGradError, match=r"(?s)undefined_grad stands in the path.*node: .*created: .*test_grad.py"):
        grad(undefined_grad(first) * 0 + second**2, x)


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        ("yes", TypeError, "must give a list, one entry for each input, got str"),
        ([[True, True]], ValueError, "must have one row for each of 2 inputs, with one entry for each of 2 outputs"),
        ([[True], [True]], ValueError, "must have one row for each of 2 inputs"),
    ],
)
def test_connection_patterns_that_are_none(pattern, error, message):
    """Named with the op."""
    first, _ = Pair(pattern=pattern)(x, y)
    with pytest.raises(error, match=message):
        grad(first, x)


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        (lambda inputs, g: 3, TypeError, "Pair.L_op must return a list with one gradient for each input, got 3"),
        (lambda inputs, g: [inputs[0]], ValueError, "Pair.L_op returned 1 gradients for 2 inputs"),
        (lambda inputs, g: [T.dvector(), inputs[1]], ValueError, "returned a gradient with 1 dimensions for input 0"),
    ],
)
def test_gradients_that_are_none(gradients, error, message):
    """What an op returns is looked at where it comes back."""
    first, _ = Pair(gradients=gradients)(x, y)
    with pytest.raises(error, match=message):
        grad(first, x)


def test_forms_of_results():
    """A list, a tuple, or one; never both, never several as one."""
    assert format_as(True, False, x) == [x]
    assert format_as(False, True, [x, y]) == (x, y)
    assert format_as(False, False, [x]) is x
    with pytest.raises(AssertionError, match="either a list or a tuple is asked for, not both"):
        format_as(True, True, x)
    with pytest.raises(AssertionError, match="one output is asked for, got 2"):
        format_as(False, False, [x, y])


def test_complex_gradients_of_real_parts():
    """What is real stays real on the way back, what is complex complex."""
    z = T.zvector("z")
    cost = (T.real(z) ** 2).sum() + (T.imag(z) * 3).sum()
    gradient = grad(cost, z)
    assert gradient.dtype == "complex128"
    np.testing.assert_allclose(gradient.eval({z: np.array([1 + 2j, 3 - 1j])}), [2 + 3j, 6 + 3j])
