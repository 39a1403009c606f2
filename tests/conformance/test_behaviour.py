"""What every backend promises beside numbers: errors, gradients, kernels, and order."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from conformance_cases import CASES

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.scalar import UnaryScalarOp, same_out
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
