"""What every backend promises beside numbers: errors, gradients, kernels, and order."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from conformance_cases import CASES

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.scalar import Exp, UnaryScalarOp, same_out, upgrade_to_float
from tcore.tensor.elemwise import Elemwise
from tcore.testing.conformance import check_backend

STRICT = ("reductions over 1", "softmax family", "scatters", "join and split", "basic slices", "products of float64", "operators of int32")


@pytest.mark.backends("opencl")
@pytest.mark.parametrize("case", [c for c in CASES if c.name.startswith(STRICT)], ids=str)
def test_strict_queue(backend, case):
    """Under other group sizes, reversed groups and poisoned memory, the numbers are the same."""
    with change_flags(opencl__strict=True):
        check_backend(case)


def test_index_out_of_range(backend):
    """A gather and a scatter outside the array are an IndexError, and the function works afterwards."""
    rng = np.random.default_rng(5)
    x, i = T.dmatrix("x"), T.lvector("i")
    value = rng.normal(size=(4, 3))
    for output in (x[i] * 2, T.inc_subtensor(x[i], 1.0) * 2):
        f = tcore.function([x, i], output)
        for bad in (4, -5):
            with pytest.raises(IndexError):
                f(value, np.array([0, bad]))
        f(value, np.array([0, -1]))


@pytest.mark.parametrize("case", ["rows", "columns", "computed", "pairs", "summed"])
def test_index_out_of_range_of_empty_results(backend, case):
    """An index outside is refused, as by NumPy, where the result has no elements for the length of another axis; one inside is not."""
    x, i = T.dmatrix("x"), T.lvector("i")
    output, shape, axis = {
        "rows": (x[i] * 2, (3, 0), 0),
        "columns": (x[:, i], (0, 3), 1),
        "computed": ((x + 1)[i - 1], (3, 0), 0),
        "pairs": (T.tensor3("x")[:, i, i], (0, 3, 3), 1),
        "summed": (x[i].sum(axis=1), (3, 0), 0),
    }[case]
    given = next(v for v in tcore.gof.graph.inputs([output]) if v is not i and not isinstance(v, tcore.gof.Constant))
    f = tcore.function([given, i], output)
    value = np.zeros(shape, given.dtype)
    for bad in (4, -5):
        with pytest.raises(IndexError, match=f"index {bad - (case == 'computed')} is out of bounds for axis {axis} with size 3"):
            f(value, np.array([1, bad]))
    kept = {"rows": (2, 0), "columns": (0, 2), "computed": (2, 0), "pairs": (0, 2), "summed": (2,)}[case]
    assert f(value, np.array([1, 2])).shape == kept
    assert f(value, np.zeros(0, int)).size == 0


STRETCHED = {
    "vectors": ([1], [0, 2, 3]),
    "the other": ([0, 2, 1], [-1]),
    "both": ([[1], [2]], [[0, 2, 3]]),
    "three": ([[1, 1, 0]], [[0], [3]]),
    "to nothing": ([1], np.zeros(0, int)),
    "of one": ([1], [2]),
}


@pytest.mark.parametrize("use", ["taken", "computed", "set", "incremented", "gradient"])
@pytest.mark.parametrize("name", STRETCHED)
def test_stretched_index_arrays(backend, name, use):
    """Index arrays of length 1 stretch as in NumPy, with a mark in their types and without."""
    first, second = map(np.array, STRETCHED[name])
    x, i, j = T.dmatrix("x"), *(T.TensorType("int64", (False,) * index.ndim)() for index in (first, second))
    outputs = {
        "taken": lambda: x[i, j],
        "computed": lambda: T.exp(x)[i + 0, 1 * j] * 2,
        "set": lambda: T.set_subtensor(x[i, j], 7.0),
        "incremented": lambda: T.inc_subtensor(x[i, j], x[0, 0]),
        "gradient": lambda: tcore.grad(T.sqr(x[i, j]).sum(), x),
    }
    value = np.linspace(-1, 1, 12).reshape(3, 4)
    expected = value.copy() if use != "gradient" else np.zeros((3, 4))
    if use in ("taken", "computed"):
        expected = value[first, second] if use == "taken" else np.exp(value)[first, second] * 2
    elif use == "set":
        expected[first, second] = 7
    else:
        np.add.at(expected, (first, second), value[0, 0] if use == "incremented" else 2 * value[first, second])
    f = tcore.function([x, i, j], outputs[use]())
    np.testing.assert_allclose(f(value, first, second), expected, rtol=1e-12)
    with pytest.raises((IndexError, ValueError)):
        f(value, np.resize(first, (2,) * first.ndim), np.resize(second, (3,) * second.ndim))
    np.testing.assert_allclose(f(value, first, second), expected, rtol=1e-12)


@pytest.mark.parametrize("use", ["taken", "set", "incremented"])
def test_index_out_of_range_beside_an_empty_one(backend, use):
    """An index outside is refused where another index array has no elements; no loop of the result would look at it."""
    x, i, j = T.dmatrix("x"), T.lvector("i"), T.lvector("j")
    part = x[i.dimshuffle(0, "x"), j]
    f = tcore.function([x, i, j], {"taken": part, "set": T.set_subtensor(part, 1.0), "incremented": T.inc_subtensor(part, 1.0)}[use])
    value = np.ones((3, 2))
    for first, second, axis, size in (([], [5], 1, 2), ([-4], [], 0, 3)):
        with pytest.raises(IndexError, match=f"out of bounds for axis {axis} with size {size}"):
            f(value, first, second)
    empty = np.ones((0, 1)) if use == "taken" else value
    np.testing.assert_array_equal(f(value, [], [1]), empty)


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((1, 4), (3, 4))], ids=str)
def test_shape_mismatch(backend, shapes):
    """Lengths that differ are a ValueError; a length of 1 stretches only where its type says so."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = tcore.function([x, y], x + y)
    with pytest.raises(ValueError):
        f(*(np.zeros(shape) for shape in shapes))


@pytest.mark.backends("cpu", "opencl")
def test_one_kernel(backend):
    """``2*a+3*b-sqrt(c)*exp(-d)`` is one kernel."""
    rng = np.random.default_rng(5)
    a, b, c, d = T.dvectors("abcd")
    f = tcore.function([a, b, c, d], 2 * a + 3 * b - T.sqrt(c) * T.exp(-d))
    values = [rng.uniform(size=50) for _ in range(4)]
    expected = 2 * values[0] + 3 * values[1] - np.sqrt(values[2]) * np.exp(-values[3])
    np.testing.assert_allclose(f(*values), expected, rtol=1e-14, atol=1e-15)  # the terms nearly cancel in places
    kernels = f.maker.linker.kernels() if backend == "opencl" else [n for n in f.maker.fgraph.toposort() if "Composite" in str(n.op)]
    assert len(kernels) == 1


def test_mlp_gradient(backend):
    """Cost and gradients of a network with one hidden layer, against NumPy."""
    rng = np.random.default_rng(5)
    x, y, w, b, v = T.dmatrix("x"), T.lvector("y"), T.dmatrix("w"), T.dvector("b"), T.dmatrix("v")
    p = T.softmax(T.dot(T.tanh(T.dot(x, w) + b), v))
    cost = -T.log(p)[T.arange(y.shape[0]), y].mean()
    f = tcore.function([x, y, w, b, v], [cost, *tcore.grad(cost, [w, b, v])])
    xs, ws, bs, vs = (rng.normal(size=s) for s in ((6, 5), (5, 4), (4,), (4, 3)))
    ys = np.array([0, 2, 1, 1, 0, 2])
    hidden = np.tanh(xs @ ws + bs)
    log_p = scipy.special.log_softmax(hidden @ vs, axis=1)
    error = (np.exp(log_p) - np.eye(3)[ys]) / 6
    back = (error @ vs.T) * (1 - hidden**2)
    expected = [-log_p[np.arange(6), ys].mean(), xs.T @ back, back.sum(axis=0), hidden.T @ error]
    for got, wanted in zip(f(xs, ys, ws, bs, vs), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)


def test_logistic_regression_trains(backend):
    """Ten steps of gradient descent on shared values agree with NumPy."""
    rng = np.random.default_rng(5)
    xs, ys = rng.normal(size=(30, 4)), rng.integers(0, 2, 30).astype("float64")
    x, y, w, b = T.dmatrix("x"), T.dvector("y"), tcore.shared(np.zeros(4), "w"), tcore.shared(0.0, "b")
    p = 1 / (1 + T.exp(-T.dot(x, w) - b))
    cost = (-y * T.log(p) - (1 - y) * T.log(1 - p)).mean() + 0.01 * (w**2).sum()
    gw, gb = tcore.grad(cost, [w, b])
    train = tcore.function([x, y], cost, updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb)])
    weights, bias = np.zeros(4), 0.0
    for _ in range(10):
        q = scipy.special.expit(xs @ weights + bias)
        expected = -(ys * np.log(q) + (1 - ys) * np.log(1 - q)).mean() + 0.01 * (weights**2).sum()
        np.testing.assert_allclose(train(xs, ys), expected, rtol=1e-10)
        weights, bias = weights - 0.1 * (xs.T @ (q - ys) / 30 + 0.02 * weights), bias - 0.1 * (q - ys).mean()
    np.testing.assert_allclose(w.get_value(), weights, rtol=1e-9)
    np.testing.assert_allclose(b.get_value(), bias, rtol=1e-9)


class Cubed(UnaryScalarOp):
    """A user's scalar op that says what it means to Python, and to C; nothing else."""

    def impl(self, x):
        return x * x * x

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} * {inputs[0]} * {inputs[0]};"


def test_users_c_code_is_fused(backend):
    """A scalar op with only ``c_code`` computes in one kernel with its neighbours, and compiles for CUDA."""
    x = T.dvector("x")
    f = tcore.function([x], Elemwise(Cubed(same_out, name="cubed"))(x + 1) * 2)
    value = np.linspace(-2, 2, 11)
    np.testing.assert_allclose(f(value), 2 * (value + 1) ** 3, rtol=1e-14, atol=1e-15)
    if backend == "opencl":
        assert len(f.maker.linker.kernels()) == 1


class Log(UnaryScalarOp):
    """A user's function that is no logarithm."""

    def impl(self, x):
        return x + 100


class Steeper(Exp):
    """A user's function that inherits from one of the package, and computes another."""

    def impl(self, x):
        return np.exp(2 * x)


@pytest.mark.parametrize(("kind", "expected"), [(Log, lambda x: x + 100), (Steeper, lambda x: np.exp(2 * x))], ids=["name", "base"])
def test_users_functions_are_not_taken_for_others(backend, kind, expected):
    """Neither its name nor its base class make a scalar op another one."""
    x = T.dvector("x")
    f = tcore.function([x], Elemwise(kind(upgrade_to_float, name="mine"))(x) * 2)
    value = np.linspace(0.5, 2, 11)
    np.testing.assert_allclose(f(value), 2 * expected(value), rtol=1e-14)


def test_no_contraction(backend):
    """``sqrt(x*x - y*y)`` at x = y is 0: products are rounded before they are subtracted."""
    x, y = T.dvectors("x", "y")
    f = tcore.function([x, y], T.sqrt(x * x - y * y))
    value = np.random.default_rng(5).normal(size=10_000)
    np.testing.assert_array_equal(f(value, value), 0)
    u, v = T.fvectors("u", "v")
    g = tcore.function([u, v], T.sqrt(u * u - v * v))
    np.testing.assert_array_equal(g(value.astype("float32"), value.astype("float32")), 0)


def test_results_do_not_depend_on_position(backend):
    """``f(x)[i:j]`` is ``f(x[i:j])`` bit for bit, over offsets and lengths, for maps and for reductions along the other axis."""
    x, m = T.dvector("x"), T.dmatrix("m")
    f = tcore.function([x], T.exp(x) * T.sin(x) + T.log1p(abs(x)))
    g = tcore.function([m], (T.exp(m) * m).sum(axis=1))
    value = np.random.default_rng(5).normal(size=1030)
    whole = f(value)
    rows = np.random.default_rng(6).normal(size=(70, 37))
    sums = g(rows)
    for start in (0, 1, 7, 255, 513):
        for length in (1, 3, 8, 31, 64, 257, 500):
            np.testing.assert_array_equal(f(value[start : start + length]), whole[start : start + length])
        np.testing.assert_array_equal(g(rows[start % 64 :]), sums[start % 64 :])


@pytest.mark.parametrize("start", [0, 1, 3, 4, -1, -9, 9])
def test_writing_into_a_slice_with_a_computed_end(backend, start):
    """The length of what is written is known when the function is called."""
    x, n = T.dmatrix("x"), T.lscalar("n")
    value = np.arange(12.0).reshape(4, 3)
    f = tcore.function([x, n], [T.set_subtensor(x[n:], 1.7), T.inc_subtensor(x[:n], x[:n] * 2), T.set_subtensor(x[n::2, 1], T.exp(x[n::2, 0]))])
    tail, head, steps = value.copy(), value.copy(), value.copy()
    tail[start:] = 1.7
    head[:start] += value[:start] * 2
    steps[start::2, 1] = np.exp(value[start::2, 0])
    for got, expected in zip(f(value, start), (tail, head, steps), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def _of_computed_length():
    n, x = T.lscalar("n"), T.dvector("x")
    span, fill = T.arange(n), T.alloc(x[1], n)
    return n, x, {
        "max of a fill": T.max(fill * x[0]),
        "argmax of a fill": T.argmax(fill),
        "max of a range": T.max(span),
        "sum of a range": T.sum(T.exp(span / 3.0)),
        "reversed": T.max(span[::-1] * 2),
        "joined": T.concatenate([fill, x, T.exp(span * 1.0)]),
        "unit matrix": T.max(T.eye(n), axis=0),
        "outer": (span.dimshuffle(0, "x") * span).max(axis=1),
        "taken": T.exp(span * 1.0)[T.maximum(span - 1, 0)],
    }


@pytest.mark.parametrize("case", list(_of_computed_length()[2]))
def test_arrays_of_computed_length_that_nobody_keeps(backend, case):
    """Reductions, views and joins of ranges and fills, whose lengths are numbers of the program."""
    n, x, cases = _of_computed_length()
    f = tcore.function([n, x], cases[case], on_unused_input="ignore")
    plain = tcore.function([n, x], cases[case], on_unused_input="ignore", mode=tcore.compile.Mode("py", None))
    for length in (1, 5):
        np.testing.assert_allclose(f(length, np.arange(4.0)), plain(length, np.arange(4.0)))


@pytest.mark.parametrize("index", [np.s_[0], np.s_[-1, 2::-1], np.s_[1:, 0], np.s_[::-1, 1:3]], ids=str)
def test_a_part_of_computed_values(backend, index):
    """A view of values that are computed only where it shows them."""
    x = T.fmatrix("x")
    f = tcore.function([x], T.neq(T.isnan(x), x)[index])
    values = np.array([[0, 1, np.nan], [1, 0, 2]], "float32")
    np.testing.assert_array_equal(f(values), (np.isnan(values) != values)[index])


def _slices_with_computed_ends():
    x, n, m = T.dvector("x"), T.lscalar("n"), T.dmatrix("m")
    part = T.tanh(x)[n - 2 :]
    return x, n, m, {
        "of a slice": (part[::-1] * 2, lambda x, n, m: np.tanh(x)[n - 2 :][::-1] * 2),
        "summed": ((x * 2)[n:].sum() + part.max(), lambda x, n, m: (x * 2)[n:].sum() + np.tanh(x)[n - 2 :].max()),
        "spread": (m * part.dimshuffle("x", 0), lambda x, n, m: m * np.tanh(x)[n - 2 :]),
        "of a sum": ((x + T.alloc(x[0], x.shape[0]))[n - 2 :] * 2, lambda x, n, m: (x + x[0])[n - 2 :] * 2),
        "an end that elements decide": (T.exp(x)[: T.cast(x[1], "int64")] + 1, lambda x, n, m: np.exp(x)[: int(x[1])] + 1),
    }


@pytest.mark.parametrize("optimizer", [None, "fast_run"])
@pytest.mark.parametrize("case", list(_slices_with_computed_ends()[3]))
def test_slices_of_computed_values_with_computed_ends(backend, case, optimizer):
    """A length that an element decides is known to every kernel that reads along it."""
    x, n, m, cases = _slices_with_computed_ends()
    output, expected = cases[case]
    f = tcore.function([x, n, m], output, mode=tcore.compile.Mode(optimizer=optimizer), on_unused_input="ignore")
    values = np.arange(6.0)[::-1], 3, np.ones((2, 5))
    np.testing.assert_allclose(f(*values), expected(*values), rtol=1e-14)


def test_a_sum_of_negative_zeros(backend):
    """Sums begin at 0.0, so that -0.0 alone makes 0.0, also over axes of length 1 and over none; products keep the sign."""
    x, row = T.dscalar("x"), T.drow("row")
    mode = tcore.compile.get_default_mode().excluding("assume_finite")
    f = tcore.function([x, row], [x.sum(), x.dimshuffle("x").sum(), row.sum(axis=0), row.sum(), x.prod(), row.prod(axis=0)], mode=mode)
    for value in f(-0.0, [[-0.0, -0.0]])[:4]:
        assert not np.signbit(value).any()
    for value in f(-0.0, [[-0.0, -0.0]])[4:]:
        assert np.signbit(value).all()
    one, rows, *_ = f(np.nan, [[np.inf, 1.5]])
    assert np.isnan(one)
    np.testing.assert_array_equal(f(2.0, [[np.inf, 1.5]])[2], [np.inf, 1.5])
