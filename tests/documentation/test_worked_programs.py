"""What the documentation's worked programs rely on: dtypes, updates, logistic regression, tables of rows, memory that nobody filled; its lines in the names."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config, function, shared
from tcore.compile import Mode
from tcore.gradient import DisconnectedInputError

FAST = "FAST_COMPILE"


# ------------------------------------------------------------ dtypes


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32"])
def test_wide_integers_widen_L4534(dtype):
    """With float32 they give float64, since float32 does not hold them."""
    assert (T.vector(dtype=dtype) * T.fvector()).dtype == "float64"
    assert (T.fvector() + T.vector(dtype=dtype)).dtype == "float64"


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "uint16"])
def test_small_integers_do_not_L4535(dtype):
    """The advised way round, besides a cast."""
    assert (T.vector(dtype=dtype) * T.fvector()).dtype == "float32"
    assert (T.cast(T.ivector(), "float32") * T.fvector()).dtype == "float32"


def test_mean_of_float32_L4536():
    """A length is int64; a mean of float32 stays float32, a quotient by a length needs a cast."""
    f, i = T.fvector("f"), T.ivector("i")
    assert f.shape[0].dtype == "int64"
    assert (f.sum() / f.shape[0]).dtype == "float64"
    assert T.cast(f.sum() / f.shape[0], "float32").dtype == "float32"
    assert f.mean().dtype == "float32"
    assert i.mean().dtype == "float64"
    assert function([f], f.mean(), mode=FAST)(np.float32([1, 2])) == 1.5


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_types_that_follow_floatX_L5058_L4533(floatX):
    """Those without a letter; a shared variable has the dtype of its value, so that this is cast before."""
    with config.change_flags(floatX=floatX):
        assert {T.matrix().dtype, T.vector().dtype, T.scalar().dtype} == {floatX}
        assert {T.dmatrix().dtype, T.dvector().dtype} == {"float64"}
        value = np.random.default_rng(1).normal(size=3)
        assert shared(value).dtype == "float64"
        assert shared(value.astype(config.floatX)).dtype == floatX
        assert (shared(value.astype(floatX)) * T.vector()).dtype == floatX


# ------------------------------------------------------------ functions


def test_names_of_shared_variables_L4482_L4870_L5794():
    """By keyword, or second."""
    assert shared(np.zeros(2), name="w").name == "w"
    assert shared(np.zeros(2), "w").name == "w"
    assert shared(np.zeros(2)).name is None
    value = np.zeros(2)
    kept, borrowed = shared(value, "kept"), shared(value, "borrowed", borrow=True)
    value += 1
    assert (kept.get_value()[0], borrowed.get_value()[0]) == (0, 1)


@pytest.mark.parametrize("pair", [tuple, list])
def test_pairs_of_updates_L4501_L4676(pair):
    """Tuples or lists."""
    w, b = shared(1.0, "w"), shared(10.0, "b")
    f = function([], w + b, updates=[pair((w, w + 1)), pair((b, w * 2))], mode=FAST)
    assert f() == 11
    assert (w.get_value(), b.get_value()) == (2, 2)


def test_outputs_and_name_L4495_L4675_L5313():
    """One variable gives one value, a list a list, also of one; the name is the function's."""
    x = T.dscalar("x")
    assert function([x], x * 2, mode=FAST)(3.0) == 6
    assert function(inputs=[x], outputs=[x * 2], mode=FAST)(3.0) == [6]
    assert function(inputs=[x], outputs=[x, x * 2], mode=FAST)(3.0) == [3, 6]
    assert function([x], x, name="train", mode=FAST).name == "train"


def test_nodes_of_a_function_L4506_L5562():
    """Sorted, each with its op."""
    x = T.dvector("x")
    f = function([x], T.exp(x).sum(), mode=Mode("py", "fast_run"))
    nodes = f.maker.fgraph.toposort()
    assert isinstance(nodes, list)
    assert [type(node.op).__name__ for node in nodes] == ["Elemwise", "Sum"]


def test_lists_of_gradients_L4492_L4673():
    """A list in, a list out, in the same order; one variable, one gradient."""
    w, b = T.dvector("w"), T.dscalar("b")
    found = T.grad((w * b).sum(), [b, w])
    assert isinstance(found, list)
    assert [each.ndim for each in found] == [0, 1]
    values = function([w, b], found, mode=FAST)([1.0, 2.0], 3.0)
    assert values[0] == 3
    assert values[1].tolist() == [3, 3]
    assert T.grad((w * b).sum(), b).ndim == 0


def test_chained_methods_L4881():
    """Axes in another order, all but the first merged, transposed."""
    value = np.arange(24.0).reshape(2, 3, 4)
    w = shared(value)
    found = function([], w.dimshuffle(2, 0, 1).flatten(2).T, mode=FAST)()
    np.testing.assert_array_equal(found, value.transpose(2, 0, 1).reshape(4, 6).T)


def test_comparison_L4489_L4699():
    """An elementwise ``gt``."""
    p = T.dvector("p")
    assert str((p > 0.5).owner.op) == "Elemwise{gt,no_inplace}"
    assert function([p], p > 0.5, mode=FAST)([0.2, 0.7]).tolist() == [False, True]


# ------------------------------------------------------------ logistic regression

N, FEATS = 400, 784


def logistic_regression(steps, l2=0.01):
    """The documentation's program; gives the two functions and the data."""
    rng = np.random.RandomState(1234)
    data = (rng.randn(N, FEATS).astype(config.floatX), rng.randint(size=N, low=0, high=2).astype(config.floatX))
    x, y = T.matrix("x"), T.vector("y")
    w = shared(rng.randn(FEATS).astype(config.floatX), name="w")
    b = shared(np.asarray(0.0, dtype=config.floatX), name="b")
    x.tag.test_value, y.tag.test_value = data
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    prediction = p_1 > 0.5
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + l2 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = function(inputs=[x, y], outputs=[prediction, xent], updates=[(w, w - 0.01 * gw), (b, b - 0.01 * gb)], name="train")
    predict = function(inputs=[x], outputs=prediction, name="predict")
    for _ in range(steps):
        train(*data)
    return train, predict, data, (w, b)


def by_hand(steps, data, w, b, l2=0.01):
    """The same steps in NumPy."""
    x, y = (np.asarray(each, "float64") for each in data)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(x @ w) - b))
        w, b = w - 0.01 * (x.T @ (p - y) / len(y) + 2 * l2 * w), b - 0.01 * (p - y).mean()
    return w, b


@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_logistic_regression_L4463_L4526(floatX, backend):
    """It runs in either precision, takes the steps that mathematics says, and learns its targets; BLAS does the products."""
    with config.change_flags(floatX=floatX):
        _, _, data, (w, b) = logistic_regression(0)
        w0, b0 = w.get_value().astype("float64"), float(b.get_value())
        train, predict, data, (w, b) = logistic_regression(50)
        expected_w, expected_b = by_hand(50, data, w0, b0)
        tolerance = 1e-3 if floatX == "float32" else 1e-9
        np.testing.assert_allclose(w.get_value(), expected_w, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(b.get_value(), expected_b, rtol=tolerance, atol=tolerance)
        for _ in range(1500):
            train(*data)
        assert (predict(data[0]) == data[1]).mean() > 0.8


def test_kind_of_product_L4506():
    """At least one op of BLAS, by the class names that the documentation asks for."""
    train, *_ = logistic_regression(0)
    assert any(node.op.__class__.__name__ in ["Gemv", "CGemv", "Gemm", "CGemm"] for node in train.maker.fgraph.toposort())


def test_no_float64_is_left_L4526():
    """With the advised casts nothing of the graph of ``train`` is float64."""
    with config.change_flags(floatX="float32"):
        train, *_ = logistic_regression(0)
    graph = train.maker.fgraph
    wide = [v for node in graph.toposort() for v in (*node.inputs, *node.outputs) if getattr(v, "dtype", "") == "float64"]
    assert not wide


# ------------------------------------------------------------ rows of a table

TABLE = np.arange(15.0).reshape(5, 3)
ROWS = np.array([0, 2])


@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("form", ["inc_L6373", "set_L6381"])
def test_update_of_rows_L6346_L6358_L6387(form, backend):
    """Only the chosen rows move, by the step; both forms store the same."""
    table, i = shared(TABLE.copy()), T.lvector("i")
    subset = table[i]
    g = tcore.grad((subset**2).sum(), subset)
    lr = 0.1
    updated = T.inc_subtensor(subset, -g * lr) if form.startswith("inc") else T.set_subtensor(subset, subset - g * lr)
    function([i], [], updates=[(table, updated)])(ROWS)
    expected = TABLE.copy()
    expected[ROWS] -= lr * 2 * TABLE[ROWS]
    np.testing.assert_allclose(table.get_value(), expected)
    np.testing.assert_array_equal(table.get_value()[[1, 3, 4]], TABLE[[1, 3, 4]])


def test_gradient_of_rows_L6364_L6393():
    """By the rows it is theirs alone, and needs the very variable; by the table it is zero in all other rows."""
    table, i = T.dmatrix("table"), T.lvector("i")
    subset = table[i]
    cost = (subset**2).sum()
    by_rows, by_table = function([table, i], tcore.grad(cost, [subset, table]), mode=FAST)(TABLE, ROWS)
    np.testing.assert_array_equal(by_rows, 2 * TABLE[ROWS])
    expected = np.zeros((5, 3))
    expected[ROWS] = 2 * TABLE[ROWS]
    np.testing.assert_array_equal(by_table, expected)
    assert table[i] is not subset
    with pytest.raises(DisconnectedInputError):
        tcore.grad(cost, table[i])


def test_one_form_for_another_L6373():
    """Some increments become assignments: those into zeros, which nobody has to read."""
    v, y = T.dvector("v"), T.dvector("y")
    f = function([v, y], T.inc_subtensor(T.zeros_like(v)[1:], y), mode=Mode("py", "fast_run"))
    ops = [node.op for node in f.maker.fgraph.toposort() if hasattr(node.op, "set_instead_of_inc")]
    assert [op.set_instead_of_inc for op in ops] == [True]
    np.testing.assert_array_equal(f(np.ones(3), [5.0, 6.0]), [0, 5, 6])
    f = function([v, y], T.inc_subtensor(v[1:], y), mode=Mode("py", "fast_run"))
    assert [node.op.set_instead_of_inc for node in f.maker.fgraph.toposort() if hasattr(node.op, "set_instead_of_inc")] == [False]


# ------------------------------------------------------------ memory that nobody filled


def test_memory_to_be_overwritten_L5284():
    """The shape and dtype are given, the values are not; nothing folds it to a constant."""
    rows = T.lscalar("rows")
    empty = T.AllocEmpty("float32")(rows, 3)
    assert (empty.dtype, empty.ndim) == ("float32", 2)
    f = function([rows], T.set_subtensor(empty[:], np.float32(2)), mode=FAST)
    np.testing.assert_array_equal(f(2), np.full((2, 3), 2.0))


@pytest.mark.backends("numpy", "cpu")
def test_old_contents_are_ignored_L5284_L4728(backend):
    """0 * NaN is NaN: with a factor of 0 BLAS ignores what was in the memory."""
    m, v = T.dmatrix("m"), T.dvector("v")
    rows = T.lscalar("rows")
    dirty = T.alloc(np.float64(np.nan), rows)
    out = T.blas.gemv_no_inplace(dirty, T.constant(np.float64(1)), m, v, T.constant(np.float64(0)))
    wide = T.blas.gemm_no_inplace(T.alloc(np.float64(np.nan), rows, rows), T.constant(np.float64(1)), m, m.T, T.constant(np.float64(0)))
    value = np.arange(6.0).reshape(2, 3)
    found = function([m, v, rows], [out, wide, T.dot(m, v)])(value, np.ones(3), 2)
    np.testing.assert_allclose(found[0], value.sum(axis=1))
    np.testing.assert_allclose(found[1], value @ value.T)
    np.testing.assert_allclose(found[2], value.sum(axis=1))


def test_alloc_empty_to_zeros_L5286():
    """Off by default; included by name, AllocEmpty is an Alloc of 0."""
    rows = T.lscalar("rows")

    def ops(mode):
        return [str(node.op) for node in function([rows], T.AllocEmpty("float64")(rows), mode=mode).maker.fgraph.toposort()]

    plain = Mode("py", "fast_run")
    assert any("AllocEmpty" in op for op in ops(plain))
    found = ops(plain.including("alloc_empty_to_zeros"))
    assert "Alloc" in found
    assert not any("AllocEmpty" in op for op in found)


def test_alloc_empty_to_zeros_by_flag_L5286():
    """The same for a whole program, by ``optimizer_including``."""
    program = (
        "import tcore, tcore.tensor as T; n = T.lscalar(); f = tcore.function([n], T.AllocEmpty('float64')(n)); "
        "print([str(node.op) for node in f.maker.fgraph.toposort()], f(2))"
    )
    env = {**os.environ, "TCORE_FLAGS": "optimizer_including=alloc_empty_to_zeros,linker=py"}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert "'Alloc'" in run.stdout
    assert "AllocEmpty" not in run.stdout
    assert run.stdout.strip().endswith("[0. 0.]")
