"""The tutorial's first chapters as programs: symbols, functions, state, broadcasting, shapes; seed lines in the names.

Its examples of functions and of state are in ``test_functions.py``.
"""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, function, pp, shared
from tcore.compile.copy_ops import DeepCopyOp
from tcore.tensor import TensorType

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

# ------------------------------------------------------------------------------------------------------------- symbols


def test_symbols_have_types_L1490():
    """A type is an object, which makes variables, and keeps being that of the variable; common ranks print as words."""
    x = T.dscalar("x")
    assert str(type(x)) == "<class 'tcore.tensor.var.TensorVariable'>"
    assert x.type is T.dscalar
    assert repr(T.dscalar) == repr(x.type) == "TensorType(float64, scalar)"
    assert repr(T.fvector) == "TensorType(float32, vector)"
    assert T.dscalar().name is None


def test_array_convention_L1417():
    """Rows are examples."""
    a = np.asarray([[1.0, 2], [3, 4], [5, 6]])
    x = T.dmatrix()
    shape, element = function([x], [x.shape, x[2, 0]])(a)
    assert shape.tolist() == [3, 2]
    assert element == 5.0


def test_ranges_and_joins_L2199():
    """Of a known and of a symbolic length; concatenation."""
    y, z = T.dvector(), T.dvector()
    f = function([y, z], [T.arange(3), T.arange(y.shape[0]), T.join(0, y, z), y[::-1], T.ones_like(y)])
    for got, want in zip(f([1.0, 2.0], [3.0]), ([0, 1, 2], [0, 1], [1, 2, 3], [2, 1], [1, 1]), strict=True):
        assert got.tolist() == want


def test_dot_of_ranks_L2076():
    """Vector with matrix, matrix with vector, matrix with matrix."""
    v, m = T.dvector(), T.dmatrix()
    a, b = np.array([1.0, 2.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    for got, want in zip(function([v, m], [T.dot(v, m), T.dot(m, v), T.dot(m, m)])(a, b), (a @ b, b @ a, b @ b), strict=True):
        np.testing.assert_allclose(got, want)


def test_text_of_an_expression_L1517():
    """One line."""
    x, y = T.dscalars("x", "y")
    assert pp(x + y) == "(x + y)"


def test_optimized_derivative_L2139():
    """One node is left."""
    x = T.dscalar("x")
    f = function([x], T.grad(x**2, x), mode=Mode("py", "fast_run"))
    assert pp(f.maker.fgraph.outputs[0]) == "(TensorConstant{2.0} * x)"  # as L18408 prints it
    assert len(f.maker.fgraph.apply_nodes) == 1


def test_eval_L1540():
    """Without a function of one's own; it is kept for the next time."""
    x, y = T.dscalars("x", "y")
    z = x + y
    assert np.allclose(z.eval({x: 16.3, y: 12.1}), 28.4)
    assert np.allclose(z.eval({x: 1.0, y: 2.0}), 3.0)


# ----------------------------------------------------------------------------------------------------------- functions


def test_square_of_a_sum_L1617():
    """The exercise."""
    a, b = T.vector("a"), T.vector("b")
    np.testing.assert_allclose(function([a, b], a**2 + b**2 + 2 * a * b)([1, 2], [3, 5]), [16, 49])


def test_forms_of_outputs_L1678():
    """One, a list, none; no inputs."""
    x = T.dscalar()
    assert function([x], [x])(1.0) == [1.0]
    assert function([x], [], on_unused_input="ignore")(1.0) == []
    assert function([], T.constant(2.0) * 3)() == 6


def test_wide_values_into_narrow_inputs_L2691():
    """Only where it is allowed."""
    x = T.fvector()
    assert function([x], x, allow_input_downcast=True)(np.array([0.1])).dtype == "float32"
    with pytest.raises(TypeError):
        function([x], x)(np.array([0.1]))
    assert function([x], x, name="train").name == "train"


# --------------------------------------------------------------------------------------------------------------- state


def test_forms_of_updates_L1752():
    """Pairs in a list, in a tuple, a dict."""
    state = shared(0)
    for updates in ([(state, state + 1)], ((state, state + 1),), {state: state + 1}):
        function([], [], updates=updates)()
    assert state.get_value() == 3


def test_kinds_of_shared_values_L1814():
    """Numbers and arrays; no axis is broadcastable unless it is said; the shape may change."""
    assert shared(0.0, name="b").name == "b"
    s = shared(np.ones((1, 2)))
    assert s.broadcastable == (False, False)
    assert shared(np.ones((1, 2)), broadcastable=(True, False)).broadcastable == (True, False)
    f = function([], s.sum())
    assert f() == 2
    s.set_value(np.ones((5, 3)))
    assert f() == 15


# -------------------------------------------------------------------------------------------------------- broadcasting


def test_rows_and_columns_L2982():
    """Their patterns, and what they do with a matrix."""
    r, c, mat = T.row(), T.col(), T.matrix()
    assert r.broadcastable == (True, False)
    assert c.broadcastable == (False, True)
    assert mat.broadcastable == (False, False)
    square = np.arange(9).reshape(3, 3)
    (found,) = function([r, mat], [r + mat])(np.arange(3).reshape(1, 3), square)
    assert found.tolist() == [[0, 2, 4], [3, 5, 7], [6, 8, 10]]
    (found,) = function([c, mat], [c + mat])(np.arange(3).reshape(3, 1), square)
    assert found.tolist() == [[0, 1, 2], [4, 5, 6], [8, 9, 10]]


def test_missing_axes_L2975():
    """On the left, broadcastable; scalars meet everything."""
    v, m, s = T.dvector(), T.dmatrix(), T.dscalar()
    total = m + v
    assert total.owner.inputs[1].broadcastable == (True, False)
    f = function([v, m, s], [total, v * s, m * s])
    for got, want in zip(f([1.0, 2.0, 3.0], np.ones((2, 3)), 2.0), ([[2, 3, 4]] * 2, [2, 4, 6], [[2] * 3] * 2), strict=True):
        assert got.tolist() == want


# -------------------------------------------------------------------------------------------------------------- shapes


def names(f):
    """The ops of a function."""
    return [str(node.op) for node in f.maker.fgraph.toposort()]


def test_shape_without_values_L2868():
    """Of a square, no square is computed."""
    x = T.matrix()
    f = function([x], (x**2).shape)
    assert sorted(names(f)) == ["MakeVector{dtype='int64'}", "Shape_i{0}", "Shape_i{1}"]
    assert f(np.ones((2, 3), tcore.config.floatX)).tolist() == [2, 3]


def test_shape_of_what_would_fail_L2886():
    """A join of matrices that do not fit has a shape, computed from the first; the join itself fails."""
    x, y = T.matrix(), T.matrix()
    z = T.join(0, x, y)
    a, b = (np.ones(shape, tcore.config.floatX) for shape in ((5, 4), (3, 3)))
    f = function([x, y], z.shape)
    assert f(a, b).tolist() == [8, 4]
    assert "Join" not in names(f)
    assert names(f).count("Elemwise{Add}[(0, 0)]") == 1
    with pytest.raises(ValueError):
        function([x, y], z)(a, b)


def test_ways_to_see_the_error_L2936():
    """Without the rewrite, and in FAST_COMPILE."""
    x, y = T.matrix(), T.matrix()
    a, b = (np.ones(shape, tcore.config.floatX) for shape in ((5, 4), (3, 3)))
    for mode in (tcore.compile.get_default_mode().excluding("local_shape_to_shape_i"), "FAST_COMPILE"):
        with pytest.raises(ValueError):
            function([x, y], T.join(0, x, y).shape, mode=mode)(a, b)


def test_specified_shapes_L2950():
    """They fold to a constant, of which the caller gets a copy; the input stays an argument."""
    x = T.matrix()
    x_specify_shape = T.specify_shape(x, (2, 2))
    f = function([x], (x_specify_shape**2).shape)
    (node,) = f.maker.fgraph.apply_nodes
    assert isinstance(node.op, DeepCopyOp)
    assert str(node.inputs[0]) == "TensorConstant{(2,) of 2}"
    assert f(np.ones((2, 2), tcore.config.floatX)).tolist() == [2, 2]
    assert isinstance(x_specify_shape.type, TensorType)
