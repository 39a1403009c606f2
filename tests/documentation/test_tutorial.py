"""The tutorial's first chapters as programs: symbols, functions, state, broadcasting, shapes; its lines in the names.

Its examples of functions and of state are in ``test_functions.py``.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, function, pp, shared
from tcore.compile.copy_ops import DeepCopyOp
from tcore.printing import debugprint
from tcore.tensor import TensorType

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

# ------------------------------------------------------------------------------------------------------------- symbols


def test_symbols_have_types_L1490_L1495_L1505():
    """A type is an object, which makes variables, and keeps being that of the variable; common ranks print as words."""
    x = T.dscalar("x")
    assert str(type(x)) == "<class 'tcore.tensor.var.TensorVariable'>"
    assert x.type is T.dscalar  # L1497
    assert x.name == "x"
    assert repr(T.dscalar) == repr(x.type) == "TensorType(float64, scalar)"
    assert repr(T.fvector) == "TensorType(float32, vector)"
    assert T.dscalar().name is None


def test_array_convention_L1413_L1417():
    """Rows are examples."""
    a = np.asarray([[1.0, 2], [3, 4], [5, 6]])
    x = T.dmatrix()
    shape, element = function([x], [x.shape, x[2, 0]])(a)
    assert shape.tolist() == [3, 2]
    assert element == 5.0
    inputs, weights = T.dmatrix(), T.dmatrix()
    hidden = function([inputs, weights], T.dot(inputs, weights))(np.ones((10, 5)), np.ones((5, 3)))
    assert hidden.shape == (10, 3)


def test_functions_of_the_tutorial_L1646_L2160():
    """Elementwise, with conditions and casts; sums and means."""
    x = T.dvector("x")
    a = np.array([0.5, 1.0, 2.0])
    for build, plain in (
        (T.exp, np.exp), (T.tanh, np.tanh), (T.log, np.log), (T.sqrt, np.sqrt), (lambda v: T.lt(v, 1), lambda v: v < 1), (T.ones_like, np.ones_like),
        (lambda v: T.switch(T.lt(v, 1), v, -v), lambda v: np.where(v < 1, v, -v)), (lambda v: T.cast(v, "float32"), lambda v: v.astype("float32")),
        (T.sum, np.sum), (T.mean, np.mean),
    ):  # fmt: skip
        found, wanted = function([x], build(x), mode="FAST_COMPILE")(a), plain(a)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted)


def test_ranges_and_joins_L2199_L2891():
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


def test_text_of_an_expression_L1517_L1521():
    """One line."""
    x, y = T.dscalars("x", "y")
    assert pp(x + y) == "(x + y)"


def test_optimized_derivative_L2139_L2143():
    """One node is left."""
    x = T.dscalar("x")
    f = function([x], T.grad(x**2, x), mode=Mode("py", "fast_run"))
    assert pp(f.maker.fgraph.outputs[0]) == "(TensorConstant{2.0} * x)"  # as L18408 prints it
    assert len(f.maker.fgraph.apply_nodes) == 1


def test_fill_in_texts_L2137():
    """The derivative as it is built: ones of the shape of what is differentiated."""
    x = T.dscalar("x")
    assert pp(T.grad(x**2, x)).startswith("((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * ")
    m, value = T.dmatrix("m"), T.dscalar("value")
    assert pp(T.fill(m, value)) == "fill(m, value)"
    assert function([m, value], T.fill(m, value))([[1, 2]], 7).tolist() == [[7, 7]]


def test_printed_functions_L2872_L2918_L2957():
    """Op, label, name, position; bars for depth; leaves without position and quotes; a label again where a node comes again."""
    x, y = T.matrix("x"), T.matrix("y")
    mode = Mode("py", "fast_run")
    assert debugprint(function([x], (x**2).shape, mode=mode), file="str") == (
        "MakeVector{dtype='int64'} [id A] ''   2\n"
        " |Shape_i{0} [id B] ''   1\n"
        " | |x [id C]\n"
        " |Shape_i{1} [id D] ''   0\n"
        "   |x [id C]\n"
    )
    assert debugprint(function([x, y], T.join(0, x, y), mode=mode), file="str") == (
        "Join [id A] ''   0\n |TensorConstant{0} [id B]\n |x [id C]\n |y [id D]\n"
    )
    promised = T.specify_shape(x, (2, 2))
    assert debugprint(function([x], (promised**2).shape, mode=mode), file="str") == "DeepCopyOp [id A] ''   0\n |TensorConstant{(2,) of 2} [id B]\n"


def test_text_of_a_node_L3232():
    """The types of inputs without a name; outputs of other nodes by op and position."""
    x = T.dvector()
    y = T.exp(x)
    assert str(y.owner) == "Elemwise{exp,no_inplace}(<TensorType(float64, vector)>)"
    assert str(T.tanh(y).owner) == "Elemwise{tanh,no_inplace}(Elemwise{exp,no_inplace}.0)"


def test_eval_L1540_L1551(monkeypatch):
    """Without a function of one's own; it is kept on the variable for the next time."""
    x, y = T.dscalars("x", "y")
    z = x + y
    assert np.allclose(z.eval({x: 16.3, y: 12.1}), 28.4)
    monkeypatch.setattr(importlib.import_module("tcore.compile.evaluate"), "function", None)  # nothing is compiled again
    assert np.allclose(z.eval({x: 1.0, y: 2.0}), 3.0)
    with pytest.raises(TypeError):
        (x * y).eval({x: 1.0, y: 2.0})


# ----------------------------------------------------------------------------------------------------------- functions


def test_square_of_a_sum_L1617():
    """The exercise."""
    a, b = T.vector("a"), T.vector("b")
    np.testing.assert_allclose(function([a, b], a**2 + b**2 + 2 * a * b)([1, 2], [3, 5]), [16, 49])


def test_forms_of_outputs_L1678_L1892():
    """One, a list, none; no inputs."""
    x = T.dscalar()
    assert function([x], [x])(1.0) == [1.0]
    assert function([x], [], on_unused_input="ignore")(1.0) == []
    assert function([], T.constant(2.0) * 3)() == 6


def test_what_inputs_accept_L1471_L1472():
    """Numbers, nested lists, ranges, arrays of a dtype that fits; a number comes back as a 0-d array."""
    s, v, m = T.dscalar(), T.dvector(), T.dmatrix()
    for given in (2, 2.0, np.int8(2), np.float32(2), np.array(2)):
        found = function([s], s * 1, mode="FAST_COMPILE")(given)
        assert isinstance(found, np.ndarray)
        assert (found.shape, found.dtype, found) == ((), "float64", 2)
    for given in (range(10), [*range(10)], np.arange(10), np.arange(10, dtype="float32"), np.arange(10, dtype="uint8")):
        assert function([v], v * 1, mode="FAST_COMPILE")(given).tolist() == [*range(10)]
    assert function([m], m * 1, mode="FAST_COMPILE")([[1, 2], (3, 4)]).tolist() == [[1, 2], [3, 4]]


def test_compiled_when_it_is_made_L1481_L2353_L3213():
    """``function`` does all the work, in the mode that is given; the nodes are there in order, each with its op."""
    x = T.dvector("x")
    f = function([x], T.exp(x) + T.dot(x, x), mode=Mode(linker="vm"))
    nodes = f.maker.fgraph.toposort()
    assert all(node.op is not None for node in nodes)
    assert [node.outputs[0] for node in nodes][-1] is f.maker.fgraph.outputs[0]
    assert f.maker.mode.provided_linker == "vm"
    np.testing.assert_allclose(f([0.0, 1.0]), np.exp([0, 1]) + 1)


def test_wide_values_into_narrow_inputs_L2691():
    """Only where it is allowed."""
    x = T.fvector()
    assert function([x], x, allow_input_downcast=True)(np.array([0.1])).dtype == "float32"
    with pytest.raises(TypeError):
        function([x], x)(np.array([0.1]))
    assert function([x], x, name="train").name == "train"  # L3381


# --------------------------------------------------------------------------------------------------------------- state


def test_several_functions_update_one_value_L1779():
    state, x = shared(np.zeros(2)), T.dvector()
    up, down, double = (function([x], [], updates=[(state, new)], on_unused_input="ignore") for new in (state + x, state - x, state * 2))
    for f in (up, up, down, double):
        f([1.0, 2.0])
    assert state.get_value().tolist() == [2, 4]


def test_updates_in_place_L1789():
    """A low-rank change of a large matrix writes into its memory, without a copy of it."""
    big = shared(np.zeros((50, 40)), borrow=True)
    u, v = T.dvector(), T.dvector()
    f = function([u, v], [], updates=[(big, big + T.outer(u, v))])
    assert any(node.op.destroy_map for node in f.maker.fgraph.apply_nodes)
    memory = big.get_value(borrow=True)
    f(np.ones(50), np.ones(40))
    assert np.shares_memory(memory, big.get_value(borrow=True))
    assert (memory == 1).all()


def test_forms_of_updates_L1752():
    """Pairs in a list, in a tuple, a dict."""
    state = shared(0)
    for updates in ([(state, state + 1)], ((state, state + 1),), {state: state + 1}):
        function([], [], updates=updates)()
    assert state.get_value() == 3


def test_reading_and_setting_L1750_L1772_L1926():
    """With a copy, or without one where that is asked for."""
    s = shared(np.zeros(3))
    s.get_value()[:] = 5
    assert s.get_value().tolist() == [0, 0, 0]
    s.get_value(borrow=True)[:] = 5
    assert s.get_value().tolist() == [5, 5, 5]
    mine = np.ones(3)
    s.set_value(mine)
    mine[:] = 7
    assert s.get_value().tolist() == [1, 1, 1]
    s.set_value(mine, borrow=True)
    mine[:] = 8
    assert s.get_value().tolist() == [8, 8, 8]


@pytest.mark.parametrize("what", ["shared", "constant", "expression"])
def test_givens_replace_anything_L1791_L1808(what):
    """In this function only."""
    s, x, y = shared(np.ones(2)), T.dvector("x"), T.dvector("y")
    c = T.constant(np.array([10.0, 20.0]))
    middle = x + s
    z = middle * c
    old = {"shared": s, "constant": c, "expression": middle}[what]
    wanted = {"shared": [(1 + 5) * 10, (2 + 6) * 20], "constant": [2 * 5, 3 * 6], "expression": [50, 120]}[what]
    f = function([x, y], z, givens=[(old, y)], on_unused_input="ignore")
    assert f([1.0, 2.0], [5.0, 6.0]).tolist() == wanted
    assert function([x], z)([1.0, 2.0]).tolist() == [20, 60]


def test_givens_have_the_type_of_what_they_replace_L1795():
    state = shared(0)
    with pytest.raises(TypeError, match="cannot stand for"):
        function([], state * 2, givens=[(state, T.constant(1.5))])
    with pytest.raises(TypeError):
        function([], state * 2, givens=[(state, T.lvector())])
    assert function([], state * 2, givens=[(state, T.constant(np.int64(4)))])() == 8


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


def test_rows_and_columns_L2982_L2985_L2988_L3005():
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


def test_patterns_are_static_L2977():
    """An array of length 1 does not broadcast where its type does not say so."""
    a, b = T.dmatrix(), T.dmatrix()
    f = function([a, b], a + b)
    assert not any((a + b).broadcastable)
    with pytest.raises(ValueError):
        f(np.ones((2, 3)), np.ones((1, 3)))
    assert function([a, b], a + T.addbroadcast(b, 0))(np.ones((2, 3)), np.ones((1, 3))).tolist() == [[2] * 3] * 2


def test_array_times_number_L1441():
    v, s = T.dvector(), T.dscalar()
    assert function([v, s], v * s)([1.0, 2.0, 3.0], 2.0).tolist() == [2, 4, 6]
    assert function([v], v * 2.0)([1.0, 2.0, 3.0]).tolist() == [2, 4, 6]


def test_missing_axes_L2975_L1439():
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


def test_shapes_are_those_of_the_call_L2858():
    """Nothing is known of them while the graph is built; what does not fit is an error of the call."""
    x, y = T.dmatrix(), T.dmatrix()
    f = function([x, y], [T.dot(x, y), T.dot(x, y).shape])
    for shapes in (((2, 3), (3, 4)), ((1, 1), (1, 5))):
        product, shape = f(np.ones(shapes[0]), np.ones(shapes[1]))
        assert tuple(shape) == product.shape == (shapes[0][0], shapes[1][1])
    with pytest.raises(ValueError):
        f(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize(("build", "wrong"), [(lambda x, y: x + y, ((2, 3), (2, 4))), (T.dot, ((2, 3), (4, 5)))], ids=["elemwise", "dot"])
def test_shapes_of_other_wrong_programs_L2934(build, wrong):
    """A shape is computed as if the program were right; the value is an error."""
    x, y = T.dmatrix(), T.dmatrix()
    z = build(x, y)
    a, b = (np.ones(shape) for shape in wrong)
    assert function([x, y], z.shape)(a, b)[0] == 2
    with pytest.raises(ValueError):
        function([x, y], z)(a, b)


def test_shape_without_values_L2864_L2868():
    """Of a square, no square is computed."""
    x = T.matrix()
    f = function([x], (x**2).shape)
    assert sorted(names(f)) == ["MakeVector{dtype='int64'}", "Shape_i{0}", "Shape_i{1}"]
    assert f(np.ones((2, 3), tcore.config.floatX)).tolist() == [2, 3]


def test_shape_of_what_would_fail_L2886_L2914():
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


def test_specified_shapes_L2950_L2956():
    """They fold to a constant, of which the caller gets a copy; the input stays an argument."""
    x = T.matrix()
    x_specify_shape = T.specify_shape(x, (2, 2))
    f = function([x], (x_specify_shape**2).shape)
    (node,) = f.maker.fgraph.apply_nodes
    assert isinstance(node.op, DeepCopyOp)
    assert str(node.inputs[0]) == "TensorConstant{(2,) of 2}"
    f(np.ones((2, 2), tcore.config.floatX))[:] = 9
    assert f(np.ones((2, 2), tcore.config.floatX)).tolist() == [2, 2]
    assert isinstance(x_specify_shape.type, TensorType)


# ------------------------------------------------------------------------------------- names that other programs rely on


def test_names_of_the_loop_examples_L18831_L19005_L19038_L19205():
    """The top-level dot; keyword forms; a list of outputs gives a list; constants; counters that are read."""
    x, w = T.dvector("x"), T.dmatrix("w")
    k = shared(0, name="k")
    initial = T.constant(np.zeros(2))
    result = tcore.dot(x, w) + initial
    single = function(inputs=[x, w], outputs=result, updates=[(k, k + 1)])
    several = function(inputs=[x, w], outputs=[result])
    given = [1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]]
    assert single(*given).tolist() == [1, 2]
    assert [value.tolist() for value in several(*given)] == [[1, 2]]
    assert k.get_value() == 1


def test_dtype_of_ranges_L18872_L18925():
    """Known before anything runs, for a number and for a variable as the end."""
    up_to = T.iscalar("up_to")
    for end, given in ((10000, []), (up_to, [up_to])):
        seq = T.arange(end)
        assert np.asarray(0, seq.dtype).dtype == seq.dtype == "int64"
        assert function(given, seq, mode="FAST_COMPILE")(*[5 for _ in given]).dtype == "int64"


def test_text_of_dimshuffles_L19108():
    """With the order of the axes; they are views."""
    m = T.dmatrix()
    assert str(m.T.owner.op) == "InplaceDimShuffle{1,0}"
    assert str(m.dimshuffle("x", 0, 1).owner.op) == "InplaceDimShuffle{x,0,1}"
    assert m.T.owner.op.view_map == {0: [0]}


def test_graphs_of_any_objects_L20181():
    """Values of a type of one's own go through a graph as tensors do."""

    class Words(tcore.Op):
        __props__ = ()

        def make_node(self, text):
            return tcore.Apply(self, [text], [tcore.generic()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0].split()

    text = tcore.generic("text")
    assert function([text], Words()(text))("two words") == ["two", "words"]


# -------------------------------------------------------------------------------------------------------------- choices


def test_switch_L2335_L2388():
    """Element by element, by a tensor; both sides are computed, and no rewrite makes a lazy choice of it, not for one scalar either."""
    c, x, y = T.dvector("c"), T.dvector("x"), T.dvector("y")
    s = T.bscalar("s")
    f = function([c, x, y], T.switch(c, T.exp(x), T.sqrt(y)))
    np.testing.assert_allclose(f([1, 0, 2], [0.0, 0.0, 1.0], [4.0, 9.0, 16.0]), [1, 3, np.e])
    g = function([s, x, y], T.switch(s, T.dot(x, x), T.dot(y, y)))
    assert not any("if{" in name for name in names(g))
    assert [g(flag, [1.0, 2.0], [3.0]) for flag in (1, 0)] == [5, 9]
