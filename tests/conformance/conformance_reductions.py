"""Programs of reductions, row programs and products."""

from __future__ import annotations

import functools

import numpy as np
from conformance_elementwise import complex_product
from conformance_programs import Program, tensor

from tcore import scalar
from tcore.tensor.blas import Dot22, Dot22Scalar, Gemm, Gemv, Ger
from tcore.tensor.careduce import All, Any_, CAReduce, Sum, Supremum
from tcore.tensor.cumulative import CumOp, LinearRecurrence
from tcore.tensor.dot import BatchedDot, Dot
from tcore.tensor.extremes import Argmax, Argmin, MaxAndArgmax
from tcore.tensor.products import Prod, ProdWithoutZeros
from tcore.tensor.random.from_uniform import ChoiceFromUniform, OutcomesFromUniform
from tcore.tensor.random.mrg_op import MRGUniform, mrg_steps
from tcore.tensor.random.philox import PhiloxUniform
from tcore.tensor.recurrence import Recurrence
from tcore.tensor.softmax import LogSoftmax, Softmax, SoftmaxGrad
from tcore_nnet.crossentropy import CrossentropyCategorical1Hot, CrossentropyCategorical1HotGrad
from tcore_nnet.softmax_crossentropy import CrossentropySoftmax1HotWithBiasDx, CrossentropySoftmaxArgmax1HotWithBias

__all__ = ["batches", "complex_products", "crossentropies", "extremes", "ordered", "products", "randoms", "recurrences", "reductions", "rows", "some_axes", "suprema", "whole_products"]


def some_axes(ndim):
    """Axes to reduce over: one of each kind that a kernel may tell apart, all of them last."""
    groups = {(k,) for k in range(ndim)} | {(0, ndim - 1), (0, 1), tuple(range(ndim))} if ndim > 1 else {tuple(range(ndim))}
    return sorted(groups, key=lambda axes: (len(axes), axes))


def _rounding(x, axes, dtype):
    """How far two sums of the same numbers may be apart that add them in another order."""
    count = int(np.prod([x.shape[axis] for axis in axes]))
    with np.errstate(all="ignore"):
        size = np.abs(np.where(np.isfinite(x), x, 0).astype("complex128")).sum(axis=axes)
    return size * np.finfo(dtype).eps * (2 + np.log2(count + 1))


@functools.cache
def reductions(dtype, ndim, axes):
    """Sums, products and logical ones over ``axes``, in the accumulators that there are."""
    x = tensor(dtype, ndim)
    program = Program([x])
    floating = np.dtype(dtype).kind in "fc"

    def close(result):
        # -0.0 is the sum of two of them, but sums begin with 0.0 somewhere
        return {"near": lambda v: _rounding(v, axes, result), "zero_signs": False} if floating else {}

    program.add(Sum(axes)(x), **close(dtype))
    if dtype in ("float32", "float64"):
        program.add(Sum(axes, "float64", "float64")(x), Sum(axes, dtype, dtype)(x), **close(dtype))
    elif not floating:
        program.add(Sum(axes, dtype, dtype)(x), Sum(axes, "int64", "int64")(x)) if dtype not in ("bool", "uint64") else None
        program.add(Sum(axes, "float64", "float64")(x), near=lambda v: _rounding(v, axes, "float64"))
    # the factors are moderate: n of them are n roundings
    factors = {"near": 1e-30 if dtype in ("float32", "complex64") else 1e-300, "ulps": lambda v: 2.0 * v.size} if floating else {}
    if dtype != "float16" and not dtype.startswith("complex"):
        program.add(Prod(axes)(x), ProdWithoutZeros(axes)(x), **factors)
    program.try_(All(axes), x)
    program.try_(Any_(axes), x)
    for op in (scalar.and_, scalar.or_, scalar.xor):
        program.try_(CAReduce(op, axes), x)
    return program


@functools.cache
def complex_products(dtype, ndim, axes):
    """Products over ``axes``, of finite numbers: which part of one with an infinite factor is NaN depends on the order."""
    x = tensor(dtype, ndim)

    def near(v):
        return 4 * np.finfo(dtype).eps * (1 + v.size) * np.abs(np.where(v == 0, 0, v)).prod(axis=axes)

    def near_without_zeros(v):
        return 4 * np.finfo(dtype).eps * (1 + v.size) * np.abs(np.where(v == 0, 1, v)).prod(axis=axes)

    program = Program([x]).add(Prod(axes)(x), near=near, zero_signs=False)
    return program.add(ProdWithoutZeros(axes)(x), near=near_without_zeros, zero_signs=False)


@functools.cache
def extremes(dtype, ndim, axes):
    """Largest and smallest elements over ``axes``, and where they are; an error if there is none."""
    x = tensor(dtype, ndim)
    program = Program([x]).add(CAReduce(scalar.maximum, axes)(x), CAReduce(scalar.minimum, axes)(x), zero_signs=False)
    # 0.0 and -0.0 are equal, and the first of equals is the one
    return program.add(*MaxAndArgmax(axes)(x), zero_signs=False).add(Argmax(axes)(x), Argmin(axes)(x))


@functools.cache
def suprema(dtype, ndim, axes):
    """Largest elements, of none as well."""
    x = tensor(dtype, ndim)
    return Program([x]).add(Supremum(axes)(x), zero_signs=False)


@functools.cache
def rows(dtype, flags=(False, False)):
    """Softmax and its relatives: sums of exponentials, compared in units of the largest number of a row."""
    x, g = tensor(dtype, flags), tensor(dtype, flags)
    # NumPy adds the columns of what lies column by column one after the other
    close = {"ulps": 64, "near": float(np.finfo(dtype).tiny), "zero_signs": False}

    def of_logarithm(x, g):
        with np.errstate(all="ignore"):
            return 16 * np.finfo(dtype).eps * (1 + np.abs(x - np.max(x, axis=1, keepdims=True, initial=-np.inf)) + np.log1p(x.shape[1]))

    def of_gradient(x, g):
        terms = np.abs(g.astype("float64") * x)
        return 16 * np.finfo(dtype).eps * (terms + np.abs(x) * terms.sum(axis=1, keepdims=True))

    program = Program([x, g]).add(Softmax()(x), **close)
    program.add(LogSoftmax()(x), near=of_logarithm, zero_signs=False)
    return program.add(SoftmaxGrad()(g, x), near=of_gradient, zero_signs=False)


@functools.cache
def crossentropies(dtype, index="int64"):
    """Of rows against the position of the one; positions may be out of range."""
    x, b, g, y = tensor(dtype, 2), tensor(dtype, 1), tensor(dtype, 1), tensor(index, 1)

    def of_shifted(x, b, g, y):
        with np.errstate(all="ignore"):
            return 32 * np.finfo(dtype).eps * (2 + np.abs(x + b).max(axis=1, initial=0) * 2 + np.log1p(x.shape[1]))

    program = Program([x, b, g, y]).add(CrossentropyCategorical1Hot()(x, y), ulps=6)
    program.add(CrossentropyCategorical1HotGrad()(g, x, y), zero_signs=False)
    cost, softmax, place = CrossentropySoftmaxArgmax1HotWithBias()(x, b, y)
    program.add(cost, near=of_shifted, zero_signs=False).add(place)
    program.add(softmax, ulps=16, near=float(np.finfo(dtype).tiny), zero_signs=False)
    return program.add(CrossentropySoftmax1HotWithBiasDx()(g, x, y), zero_signs=False)


@functools.cache
def ordered(dtype, ndim, axis):
    """Values carried along an axis, in its order: the same roundings."""
    x, a = tensor(dtype, ndim), tensor(dtype, ndim)
    running, scaled = {}, {}
    if dtype.startswith("complex"):
        running = {"expected": lambda x, a: _step_by_step(axis, lambda state, x, a: complex_product(state, x), x, a)}
        scaled = {"expected": lambda x, a: _step_by_step(axis, lambda state, x, a: complex_product(a, state) + x, x, a)}
    program = Program([x, a]).add(CumOp(axis, "add")(x), zero_signs=False).add(CumOp(axis, "mul")(x), zero_signs=False, **running)
    return program.add(LinearRecurrence(axis)(a, x), zero_signs=False, **scaled)


def _step_by_step(axis, step, x, a):
    """What begins with the first element of x, and goes on by ``step``: products of NumPy's own may be fused."""
    x, a, found = np.moveaxis(x, axis, 0), np.moveaxis(a, axis, 0), []
    for place in range(len(x)):
        found.append(step(found[-1], x[place], a[place]) if found else x[place])
    return np.moveaxis(np.array(found, x.dtype).reshape(x.shape), 0, axis)


@functools.cache
def recurrences(dtype):
    """Numbers that each step makes of those of the one before."""
    state, row = tensor(dtype), tensor(dtype, 1)
    product = {}
    if dtype.startswith("complex"):
        product = {"expected": lambda first, row: _step_by_step(0, lambda state, x, a: complex_product(state, x), np.append(first, row), np.append(first, row))[1:]}
    return Program([state, row]).add(Recurrence(scalar.add, 1, 1)(state, row)).add(Recurrence(scalar.mul, 1, 1)(state, row), **product)


@functools.cache
def randoms(dtype):
    """Numbers that a state and a place determine."""
    key, n, p, u = tensor("uint64", 1), tensor("int64"), tensor(dtype, 2), tensor(dtype, 2)
    states, steps = tensor("int32", 2), mrg_steps(6)
    mrg = MRGUniform(tensor(dtype, 1).type)(states, steps, steps[2:6], 7, 2, 3)
    program = Program([key, n, p, u, states]).add(*mrg.owner.outputs if hasattr(mrg, "owner") else mrg)
    return program.add(PhiloxUniform(dtype)(key, n, 3), OutcomesFromUniform()(p, u), ChoiceFromUniform()(p, u))


@functools.cache
def products(dtype):
    """Products of matrices and vectors, where BLAS can, scaled and added."""
    x, y, z = (tensor(dtype, 2) for _ in "xyz")
    u, v, a, b = tensor(dtype, 1), tensor(dtype, 1), tensor(dtype), tensor(dtype)
    eps = np.finfo(dtype).eps

    def close(of):
        return {"near": lambda *values: 4 * eps * np.abs(of(*map(np.abs, values))) * (2 + values[0].shape[1]), "zero_signs": False}

    program = Program([x, y, z, u, v, a, b])
    program.add(Dot()(x, y), **close(lambda x, y, z, u, v, a, b: x @ y))
    program.add(Dot()(x, u), **close(lambda x, y, z, u, v, a, b: x @ u))
    program.add(Dot()(u, y), **close(lambda x, y, z, u, v, a, b: u @ y))
    program.add(Dot()(u, u), **close(lambda x, y, z, u, v, a, b: u @ u))
    # of dtypes that BLAS knows
    program.try_(Dot22(), x, y, **close(lambda x, y, z, u, v, a, b: x @ y))
    program.try_(Dot22Scalar(), x, y, a, **close(lambda x, y, z, u, v, a, b: a * (x @ y)))
    program.try_(Gemm(), z, a, x, y, b, **close(lambda x, y, z, u, v, a, b: b * z + a * (x @ y)))
    program.try_(Gemv(), v, a, x, u, b, **close(lambda x, y, z, u, v, a, b: b * v + a * (x @ u)))
    return program.try_(Ger(), x, a, v, u, **close(lambda x, y, z, u, v, a, b: x + a * np.outer(v, u)))


@functools.cache
def whole_products(dtype):
    """Products of numbers that BLAS does not know: bit for bit those of NumPy."""
    x, y, u = tensor(dtype, 2), tensor(dtype, 2), tensor(dtype, 1)
    three = x.dimshuffle(0, "x", 1)
    return Program([x, y, u]).add(Dot()(x, y), Dot()(x, u), Dot()(u, y), Dot()(u, u), BatchedDot()(three, x), BatchedDot()(x, x))


@functools.cache
def batches(dtype):
    """Products of the items of two batches, of matrices and of vectors."""
    x, y, v = tensor(dtype, 3), tensor(dtype, 3), tensor(dtype, 2)
    program, eps = Program([x, y, v]), np.finfo(dtype).eps

    def add(rule, first, second):
        def near(*values):
            sizes = [np.abs(values[place]).astype("float64") for place in (first, second)]
            return 4 * eps * np.einsum(rule, *sizes) * (2 + values[0].shape[2])

        program.add(BatchedDot()(program.inputs[first], program.inputs[second]), near=near, zero_signs=False)

    for rule, *pair in [("nij,njk->nik", 0, 1), ("nj,njk->nk", 2, 1), ("nij,nj->ni", 0, 2), ("nj,nj->n", 2, 2)]:
        add(rule, *pair)
    return program
