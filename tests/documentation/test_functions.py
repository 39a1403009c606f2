"""The documentation's examples of functions, inputs, shared variables, updates, givens and copies; its lines in the ids."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import In, Out, function, pp, shared

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_add_two_scalars_L1459():
    """The result is a 0-d array."""
    x, y = T.dscalar("x"), T.dscalar("y")
    f = function([x, y], x + y)
    assert f(2, 3) == 5.0
    assert isinstance(f(2, 3), np.ndarray)  # L1472, L1479
    assert f(2, 3).shape == ()
    close(f(16.3, 12.1), 28.4)
    assert pp(x + y) == "(x + y)"


def test_eval_L1537():
    """eval compiles once and gives the value."""
    x, y = T.dscalar("x"), T.dscalar("y")
    z = x + y
    close(z.eval({x: 16.3, y: 12.1}), 28.4)
    close(z.eval({y: 2, x: 1}), 3)


def test_add_two_matrices_L1560():
    """Nested lists and integer arrays are taken."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], x + y)
    expected = [[11.0, 22.0], [33.0, 44.0]]
    close(f([[1, 2], [3, 4]], [[10, 20], [30, 40]]), expected)
    close(f(np.array([[1, 2], [3, 4]]), np.array([[10, 20], [30, 40]])), expected)


def test_vector_polynomial_L1606():
    a = T.vector()
    close(function([a], a + a**10)([0, 1, 2]), [0.0, 2.0, 1026.0])


@pytest.mark.parametrize("form", ["exp", "tanh"])
def test_logistic_L1643_L1655(form):
    x = T.dmatrix("x")
    s = 1 / (1 + T.exp(-x)) if form == "exp" else (1 + T.tanh(x / 2)) / 2
    close(function([x], s)([[0, 1], [-1, -2]]), [[0.5, 0.73105858], [0.26894142, 0.11920292]])


def test_several_outputs_L1673():
    a, b = T.dmatrices("a", "b")
    f = function([a, b], [a - b, abs(a - b), (a - b) ** 2])
    result = f([[1, 1], [1, 1]], [[0, 1], [2, 3]])
    assert isinstance(result, list)
    for got, expected in zip(result, [[[1, 0], [-1, -2]], [[1, 0], [1, 2]], [[1, 0], [1, 4]]], strict=True):
        close(got, expected)


def test_default_value_L1702():
    x, y = T.dscalars("x", "y")
    f = function([x, In(y, value=1)], x + y)
    assert f(33) == 34.0
    assert f(33, 2) == 35.0
    assert f(33) == 34.0


def test_default_values_by_name_L1711_L1714_L1731():
    x, y, w = T.dscalars("x", "y", "w")
    f = function([x, In(y, value=1), In(w, value=2, name="w_by_name")], (x + y) * w)
    assert [f(33), f(33, 2), f(33, 0, 1), f(33, w_by_name=1), f(33, w_by_name=1, y=0)] == [68, 70, 33, 34, 33]


def test_names_are_those_of_the_variables_L1731():
    """Not of Python's variables; ``In`` may give another for one function."""
    first, second = T.dscalar("one"), T.dscalar("two")
    f = function([first, In(second, name="other", value=2.0)], first - second)
    assert f(one=5) == f(5) == f(5, 2) == f(one=5, other=2) == 3
    for wrong in ({"first": 5}, {"one": 5, "two": 2}, {"one": 5, "second": 2}):
        with pytest.raises(TypeError):
            f(**wrong)
    with pytest.raises(TypeError):
        function([In(first, value=1.0), second], first - second)(1.0)


def test_accumulator_L1745():
    """Outputs see the old value; every function sees the new one."""
    state = shared(0)
    inc = T.iscalar("inc")
    accumulator = function([inc], state, updates=[(state, state + inc)])
    assert state.get_value() == 0
    assert accumulator(1) == 0
    assert state.get_value() == 1
    assert accumulator(300) == 1
    assert state.get_value() == 301
    state.set_value(-1)
    assert accumulator(3) == -1  # L1771
    assert state.get_value() == 2
    decrementor = function([inc], state, updates=[(state, state - inc)])
    assert decrementor(2) == 2  # L1782
    assert state.get_value() == 0


def test_givens_L1793():
    state = shared(0)
    inc = T.iscalar("inc")
    fn_of_state = state * 2 + inc
    foo = T.scalar(dtype=state.dtype)
    skip_shared = function([inc, foo], fn_of_state, givens=[(state, foo)])
    assert skip_shared(1, 3) == 7
    assert state.get_value() == 0


def test_copy_with_swap_L1820_L1824():
    state, inc = shared(0), T.iscalar("inc")
    accumulator = function([inc], state, updates=[(state, state + inc)])
    assert accumulator(10) == 0
    assert state.get_value() == 10
    new_state = shared(0)
    new_accumulator = accumulator.copy(swap={state: new_state})
    assert new_accumulator(100) == 0  # L1847: in the form of the source, not in a list
    assert isinstance(new_accumulator(0), np.ndarray)
    assert new_state.get_value() == 100
    assert state.get_value() == 10  # L1852
    null_accumulator = accumulator.copy(delete_updates=True)
    assert null_accumulator(9000) == 10  # L1863
    assert state.get_value() == 10


def test_worked_model_L2036():
    """The logistic regression of the documentation: the loss falls and the predictions meet the targets."""
    rng = np.random.default_rng(3)
    N, feats = 400, 784
    D = (rng.standard_normal((N, feats)), rng.integers(size=N, low=0, high=2))
    x, y = T.dmatrix("x"), T.dvector("y")
    w = shared(rng.standard_normal(feats), name="w")
    b = shared(0.0, name="b")
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    prediction = p_1 > 0.5
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = function(inputs=[x, y], outputs=[prediction, xent], updates=((w, w - 0.1 * gw), (b, b - 0.1 * gb)))
    predict = function(inputs=[x], outputs=prediction)
    assert predict(D[0]).dtype == "bool"  # L2077
    first = last = train(*D)[1].mean()
    for _ in range(300):
        last = train(D[0], D[1])[1].mean()
    assert last < first / 10
    assert (predict(D[0]) == D[1]).mean() > 0.95  # L2057: both functions have the same w and b


def test_worked_model_of_floats_L3343_L3385():
    """floatX throughout, with test values; the product is one BLAS op, which the documentation finds by the name of its class."""
    floatX = tcore.config.floatX
    rng = np.random.default_rng(5)
    D = (rng.standard_normal((40, 12)).astype(floatX), rng.integers(size=40, low=0, high=2).astype(floatX))
    x, y = T.matrix("x"), T.vector("y")
    x.tag.test_value, y.tag.test_value = D
    w = shared(rng.standard_normal(12).astype(floatX), name="w")
    b = shared(np.asarray(0.0, dtype=floatX), name="b")
    with tcore.config.change_flags(compute_test_value="raise"):
        p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
        prediction = p_1 > 0.5
        xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
        cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = function(inputs=[x, y], outputs=[prediction, xent], updates=[(w, w - 0.01 * gw), (b, b - 0.01 * gb)], name="train")
    predict = function(inputs=[x], outputs=prediction, name="predict")
    assert any(type(node.op).__name__ in ("Gemv", "CGemv", "Gemm", "CGemm") for node in train.maker.fgraph.toposort())
    assert (train.name, predict.name) == ("train", "predict")
    losses = [train(*D)[1].mean() for _ in range(20)]
    assert losses[-1] < losses[0]


def test_function_scalar_L12312():
    x = T.dscalar()
    assert function([x], 2 * x)(4) == 8.0


def test_in_with_update_L12562_L12581_L12592_L12601_L12338():
    u, x, s = T.scalars("u", "x", "s")
    inc = function([u, In(x, value=3), In(s, update=(s + x * u), value=10.0)], [])
    assert inc(5) == []
    assert inc[s] == 25.0
    assert inc(3, 4) == []
    assert inc[s] == 37.0
    assert inc[x] == 3.0
    assert inc(3, 4, 7) == []
    assert inc[s] == 19.0
    inc[s] = 10
    assert inc[s] == 10.0
    assert isinstance(inc[s], np.ndarray)


def test_shortcut_tuples_L12695_L12724_L12732_L12738_L12742():
    x, y, z, w = T.scalar(), T.scalar("y"), T.scalar("z"), T.scalar("w")
    fn = function(inputs=[x, y, In(z, value=42), ((w, w + x), 0)], outputs=x + y + z)
    with pytest.raises(TypeError, match="Missing required input: y"):
        fn(1)
    assert fn(1, 2) == 45.0
    assert fn[w] == 1
    assert fn(1, y=2) == 45.0
    assert fn[w] == 2
    with pytest.raises(TypeError, match=r"^Unknown input or state: x\. .*3 named inputs \(y, z, w\).*1 unnamed input"):
        fn(x=1, y=2)
    assert fn(1, 2, 3) == 6.0
    assert fn[w] == 3
    assert fn(1, z=3, y=2) == 6.0
    assert fn[w] == 4
    assert fn(1, 2, w=400) == 45.0
    assert fn[w] == 401
    assert fn(1, 2) == 45.0
    assert fn[w] == 402


def test_containers_L12639_L12654_L12661():
    a, b, c = T.scalars("xys")
    fn = function([a, b, ((c, c + a + b), 10.0)], [])
    assert fn["s"] is fn.value[c]
    assert fn["s"] is fn.container[c].value
    assert fn["s"] == 10.0
    assert fn(1, 2) == []
    assert fn["s"] == 13.0
    fn["s"] = 99.0
    fn(1, 0)
    assert fn["s"] == 100.0
    fn.value[c] = 99.0
    fn(1, 0)
    assert fn["s"] == fn.value[c] == fn.container[c].value == 100.0


def test_out_forms_L12772_L12792_L12800():
    x, _y, _s = T.matrices("xys")
    given = [[1, 0], [0, 1]]
    expected = [[2.0, 0.0], [0.0, 2.0]]
    first = function([x], [x + x, Out((x + x).T, borrow=True)])(given)
    assert isinstance(first, list)
    assert len(first) == 2
    close(first[0], expected)
    close(first[1], expected)
    second = function([x], [x + x])(given)
    assert isinstance(second, list)
    close(second[0], expected)
    third = function([x], outputs=x + x)(given)
    assert isinstance(third, np.ndarray)
    close(third, expected)


def test_borrowed_shared_values_L5790_L5815():
    np_array = np.ones(2, dtype="float32")
    s_default, s_false, s_true = shared(np_array), shared(np_array, borrow=False), shared(np_array, borrow=True)
    np_array += 1
    close(s_default.get_value(), [1, 1])
    close(s_false.get_value(), [1, 1])
    close(s_true.get_value(), [2, 2])


def test_get_value_is_no_alias_L5835_L5838():
    s = shared(np.ones(3))
    v = s.get_value()
    v += 1
    close(s.get_value(), 1.0)


def test_borrowed_input_and_output_L5894_L12350():
    x = T.matrix()
    f = function([In(x, borrow=True)], Out(2 * x, borrow=True))
    for factor in (1.0, 2.0, 3.0):
        close(f(np.full((2, 2), factor)), 2 * factor)


def test_results_are_not_overwritten_L5904_L5773_L5774_L5780_L12384():
    x = T.matrix()
    g = function([x], 2 * x)
    a, b = np.ones((2, 3)), np.full((2, 3), 5.0)
    first = g(a)
    g(b)
    close(first, 2.0)
    close(a, 1.0)


def test_function_dump_L12455_L5228(tmp_path):
    import pickle

    x = T.dscalar("x")
    tcore.function_dump(str(tmp_path / "func_dump.bin"), [x], x * 2)
    with (tmp_path / "func_dump.bin").open("rb") as file:
        arguments = pickle.load(file)
    assert isinstance(arguments, dict)
    assert function(**arguments)(4) == 8.0


def test_as_op_L6962_L12903():
    @tcore.as_op(itypes=[T.fmatrix, T.fmatrix], otypes=[T.fmatrix], infer_shape=lambda node, s: [s[0][:-1] + s[1][-1:]])
    def numpy_dot(a, b):
        return np.dot(a, b)

    x, y = T.fmatrix(), T.fmatrix()
    f = function([x, y], numpy_dot(x, y))
    rng = np.random.default_rng(0)
    a, b = rng.random((5, 4), dtype="float32"), rng.random((4, 7), dtype="float32")
    np.testing.assert_allclose(f(a, b), a @ b, rtol=1e-5)


def test_one_function_per_mode_L4573():
    """The same numbers whatever the optimizer and the linker."""
    x = T.vector()
    for optimizer in (None, "o1", "o2", "o3", "o4", "unsafe", "stabilize"):
        close(function([x], 10 * x, mode=tcore.Mode(optimizer=optimizer))([1, 2]), [10, 20])
    for linker in ("py", "c|py", "c|py_nogc", "vm", "cvm", "vm_nogc", "cvm_nogc"):
        close(function([x], 10 * x, mode=tcore.Mode(linker=linker))([1, 2]), [10, 20])


def test_clone_L26030():
    """``tcore.clone``: replaced parts, shared inputs or new ones, and shared values in any case."""
    x, z = T.dvector("x"), T.dvector("z")
    s = shared(np.array([1.0, 2.0]), name="s")
    y = T.exp(x) * s
    replaced = tcore.clone(y, replace={x: z + 1})
    close(function([z], replaced)([0.0, 1.0]), np.exp([1.0, 2.0]) * [1.0, 2.0])
    assert tcore.clone(y) is y or set(tcore.graph.inputs([tcore.clone(y)])) == {x, s}
    apart = tcore.clone([y], share_inputs=False)[0]
    new_x, new_s = tcore.graph.inputs([apart])
    assert {new_x, new_s}.isdisjoint({x, s})
    f = function([new_x], apart)
    s.set_value(np.array([3.0, 3.0]))
    close(f([0.0, 0.0]), [3.0, 3.0])
    with pytest.warns(DeprecationWarning, match="share_inputs"):
        assert set(tcore.graph.inputs([tcore.clone(y, copy_inputs=True)])) == {x, s}


def test_aliases_L26015_L26018_L26021_L26024():
    """What the top level has is what the packages have."""
    for name, module in (("function", "function"), ("function_dump", "function"), ("In", "function"), ("shared", "sharedvalue")):
        assert getattr(tcore, name) is getattr(importlib.import_module(f"tcore.compile.{module}"), name)
