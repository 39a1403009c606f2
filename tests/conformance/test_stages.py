"""What an author's lowering may return, beyond what the package's own ops need: it runs on every backend, or stays with ``perform``."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from attrs import frozen

import tcore
import tcore.tensor as T
from tcore.codegen import tables
from tcore.codegen.expr import Fn, Param, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import LoweringTable, NotLowered, axes_of, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Map, Prefix, Reduce, Region, Regions
from tcore.compile.backends import host_backend
from tcore.graph import Apply, Op
from tcore.tensor.lowering import LOWERINGS


class _OfArray(Op):
    """An op of one array; it counts how often Python runs it."""

    ran = 0

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return Apply(self, [x], self.types(x))

    def perform(self, node, inputs, output_storage):
        type(self).ran += 1
        for cell, value in zip(output_storage, self.values(*inputs), strict=True):
            cell[0] = np.asarray(value)


@frozen
class RunningSum(_OfArray):
    """Sums and products of all elements up to each, along the first axis."""

    def types(self, x):
        return [x.type(), x.type()]

    def values(self, x):
        return np.cumsum(x, axis=0, dtype=x.dtype), np.cumprod(x, axis=0, dtype=x.dtype)

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[0]]


@lowers(RunningSum)
def lower_running_sum(op, out, x):
    total, product = out
    axes = total.over(x.shape)
    carried = Param("total", x.dtype), Param("product", x.dtype)
    element = x[axes]
    step = apply_function("add", (carried[0], element), x.dtype), apply_function("mul", (carried[1], element), x.dtype)
    return Prefix((total.buffer, product.buffer), axes, axes[0], carried, (const(0, x.dtype), const(1, x.dtype)), step)


@frozen
class Fibonacci(_OfArray):
    """``out[i] = out[i - 1] + out[i - 2] + x[i]``, of a vector."""

    def types(self, x):
        return [x.type()]

    def values(self, x):
        last, before, found = 0.0, 0.0, []
        for item in x:
            last, before = last + before + item, last
            found.append(last)
        return (np.array(found, x.dtype),)

    def infer_shape(self, node, shapes):
        return shapes


@lowers(Fibonacci)
def lower_fibonacci(op, out, x):
    (axis,) = out.over(x.shape)
    last, before = Param("last", x.dtype), Param("before", x.dtype)
    total = apply_function("add", (apply_function("add", (last, before), x.dtype), x[axis]), x.dtype)
    return Prefix((out.buffer,), (axis,), axis, (last, before), (const(0, x.dtype), const(0, x.dtype)), (total, last))


@frozen
class LogSumExp(_OfArray):
    """The logarithm of the sum of exponentials over the last axis."""

    def types(self, x):
        return [T.TensorType(x.dtype, x.broadcastable[:-1])()]

    def values(self, x):
        with np.errstate(all="ignore"):
            return (scipy.special.logsumexp(x, axis=-1),)

    def infer_shape(self, node, shapes):
        return [shapes[0][:-1]]


@lowers(LogSumExp)
def lower_logsumexp(op, out, x):
    kept, reduced = out.over(x.shape[:-1]), axes_of(x, x.ndim - 1)
    return Reduce((out.buffer,), kept, reduced, Reduction("logsumexp", x.dtype, (x.dtype,)), (x[(*kept, *reduced)],))


@frozen
class Padded(_OfArray):
    """A vector between two zeros, and its squares: a border stage and a Map in one op."""

    def types(self, x):
        return [x.type(), x.type()]

    def values(self, x):
        return np.pad(x, 1), x * x

    def infer_shape(self, node, shapes):
        return [(shapes[0][0] + 2,), shapes[0]]


@lowers(Padded)
def lower_padded(op, out, x):
    wide, squares = out
    (inside,), (i,) = axes_of(x), squares.over(x.shape)
    ends = [Region((), (place,), const(0, x.dtype)) for place in (index_const(0), x.shape[0] + 1)]
    square = apply_function("mul", (x[i], x[i]), x.dtype)
    return [Regions(wide.buffer, (Region((inside,), (inside + 1,), x[inside]), *ends)), Map((squares.buffer,), (i,), (square,))]


@frozen
class Unlucky(_OfArray):
    """An op whose lowering gives up."""

    def types(self, x):
        return [x.type()]

    def values(self, x):
        return (x[::-1],)

    def infer_shape(self, node, shapes):
        return shapes


@lowers(Unlucky)
def lower_unlucky(op, out, x):
    raise NotLowered("it is Tuesday")


@pytest.fixture(autouse=True)
def lowerings(monkeypatch):
    """The lowerings above take part."""
    table = LoweringTable.of([*LOWERINGS, lower_running_sum, lower_fibonacci, lower_logsumexp, lower_padded, lower_unlucky])
    monkeypatch.setattr(tables, "_table", lambda active: table)


def run(op, x, outputs, *values):
    """The results for each of the values, compared with those of ``perform``; True where kernels computed them."""
    plain, f = tcore.function([x], outputs, mode=tcore.Mode("py", None)), tcore.function([x], outputs)
    ran = 0
    for value in values:
        expected, type(op).ran = plain(value), 0
        for got, wanted in zip(f(value), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
            assert got.dtype == wanted.dtype
        ran += type(op).ran
    return ran == 0


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_ordered_axes(backend, dtype):
    """Values that are carried along an axis, for each index of the others."""
    op, x = RunningSum(), T.matrix("x", dtype=dtype)
    values = [(np.arange(float(np.prod(shape))).reshape(shape) - 3).astype(dtype)[::-1] for shape in ((5, 3), (1, 4), (0, 3), (3, 0))]
    native = run(op, x, [*(v * 2 for v in op(x + 1)), *op(x.T)], *values)
    # integers stay on the host, which may have native code, too
    assert native == (backend == "cpu" or (backend == "opencl" and (dtype == "float64" or host_backend() is not None)))


def test_state_that_no_output_shows(backend):
    """Each step reads the state of the last one, whatever the order in which it is stated."""
    op, x = Fibonacci(), T.dvector("x")
    assert run(op, x, [op(x + 1) * 2], np.arange(7.0), np.arange(1.0), np.zeros(0)) == (backend in ("cpu", "opencl"))


def test_running_logarithm_of_a_sum_of_exponentials(backend):
    """No overflow, and infinities as SciPy has them."""
    op, x = LogSumExp(), T.dmatrix("x")
    value = np.array([[1000.0, 1001.0], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 2.0], [np.nan, 1.0], [-2000.0, -2000.5]])
    wide = np.random.default_rng(3).normal(size=(3, 700)) * 300
    assert run(op, x, [op(x), op(x.T * 0.5) + 1], value, wide) == (backend in ("cpu", "opencl"))


def test_an_op_with_stages_of_both_kinds(backend):
    """Boxes of one output, and another output elementwise."""
    op, x = Padded(), T.dvector("x")
    assert run(op, x, [v + 1 for v in op(x * 2)], np.arange(4.0), np.ones(1), np.zeros(0)) == (backend in ("cpu", "opencl"))


def test_lowerings_that_give_up(backend):
    """The op runs in Python, and the explanation has the reason."""
    op, x = Unlucky(), T.dvector("x")
    assert not run(op, x, [op(x * 2) + 1], np.arange(4.0))
    if backend == "cpu":
        assert "it is Tuesday" in str(tcore.function([x], op(x)).explain())


def test_two_lowerings_of_one_op():
    """The message names both."""
    other = lowers(Unlucky)(lambda op, out, x: Map((out.buffer,), out.axes, (Fn("neg", (x[out.axes],), x.dtype),)))
    with pytest.raises(ValueError, match=r"has two lowerings: .*test_stages\.lower_unlucky and .*<lambda>; disable one of the plugins"):
        LoweringTable.of([lower_unlucky, other])
    assert LoweringTable.of([lower_unlucky, lower_unlucky]).find(Unlucky()) is lower_unlucky
