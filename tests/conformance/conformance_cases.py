"""Graphs, values, and what NumPy and SciPy say of them: one table for every backend.

A case holds several outputs, so that a backend compiles few functions.
"""

from __future__ import annotations

import numpy as np
import scipy.special

import tcore.tensor as T
from tcore import scalar
from tcore.tensor.elemwise import Elemwise
from tcore.testing.cases import OpCase

__all__ = ["CASES"]

RNG = np.random.default_rng(11)
CASES: list[OpCase] = []

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 1e-300, 1e300])
PAIRS = np.stack([a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL)])
MATRIX = RNG.normal(size=(6, 7))
CUBE = RNG.normal(size=(3, 4, 5))
VECTOR = RNG.normal(size=7)


def case(name, build, expected, *values, **options):
    """Add a row."""
    CASES.append(OpCase(build, values, expected=expected, name=name, **options))


def quiet(function):
    """``function`` without NumPy's warnings about NaN, overflow and division by zero."""

    def call(*values):
        with np.errstate(all="ignore"):
            return function(*values)

    return call


# --- elementwise


def arithmetic(x, y):
    """Operators that the tensor and the NumPy array share."""
    return [x + y, x - y, x * y, x / y, x // y, x % y, -x, abs(x), x < y, x <= y, x > y, x >= y]


for dtype in ("float32", "float64"):
    a, b = (v.astype(dtype) for v in quiet(lambda: PAIRS)()) if dtype == "float64" else (np.clip(PAIRS, -1e30, 1e30).astype(dtype))
    case(f"operators of {dtype} with NaN, inf and zeros", arithmetic, quiet(arithmetic), a, b, gradient=False)
    case(
        f"pairs of {dtype} with NaN, inf and zeros",
        lambda x, y: [T.maximum(x, y), T.minimum(x, y), T.eq(x, y), T.neq(x, y), T.switch(x < y, x, y), T.sgn(x), T.isnan(x), T.isinf(y)],
        quiet(
            lambda x, y: [np.maximum(x, y), np.minimum(x, y), x == y, x != y, np.where(x < y, x, y), np.sign(x), np.isnan(x), np.isinf(y)]
        ),
        a, b, gradient=False,
    )  # fmt: skip
    case(
        f"signs of zeros of {dtype}",
        lambda x: [1 / x, 1 / (-x), 1 / (x * -1), 1 / abs(x), 1 / T.ceil(x), T.sqrt(x)],
        quiet(lambda x: [1 / x, 1 / (-x), 1 / (x * -1), 1 / abs(x), 1 / np.ceil(x), np.sqrt(x)]),
        np.array([0.0, -0.0], dtype), gradient=False,
    )
    case(
        f"rounding of {dtype}",
        lambda x: [T.floor(x), T.ceil(x), T.trunc(x), T.round(x)],
        quiet(lambda x: [np.floor(x), np.ceil(x), np.trunc(x), np.round(x)]),
        np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, np.nan, np.inf, -np.inf, -0.2], dtype), gradient=False,
    )
    edge = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, 20.0, -20.0, 1e-5], dtype)
    case(
        f"exponentials and logarithms of {dtype}",
        lambda x: [T.exp(x), T.expm1(x), T.exp2(x), T.log(x), T.log1p(x), T.log2(x), T.log10(x), T.sqrt(x)],
        quiet(lambda x: [np.exp(x), np.expm1(x), np.exp2(x), np.log(x), np.log1p(x), np.log2(x), np.log10(x), np.sqrt(x)]),
        edge, gradient=False,
    )
    case(
        f"circular and hyperbolic functions of {dtype}",
        lambda x: [T.sin(x), T.cos(x), T.tan(x), T.arctan(x), T.sinh(x), T.cosh(x), T.tanh(x), T.arcsinh(x)],
        quiet(lambda x: [np.sin(x), np.cos(x), np.tan(x), np.arctan(x), np.sinh(x), np.cosh(x), np.tanh(x), np.arcsinh(x)]),
        edge, gradient=False,
    )
    case(
        f"sigmoid, softplus, erf and powers of {dtype}",
        lambda x: [T.sigmoid(x), T.softplus(x), T.erf(x), T.erfc(x), x**2, x**-1, x**0.5, T.sqr(x)],
        quiet(
            lambda x: [
                scipy.special.expit(x), np.logaddexp(x, 0).astype(x.dtype), scipy.special.erf(x), scipy.special.erfc(x),
                x**2, 1 / x, np.power(x, x.dtype.type(0.5)), x * x,
            ]
        ),
        edge,
        atol=1e-7 if dtype == "float32" else 1e-15, gradient=False,
    )


def whole_numbers(x, y):
    """Operators of integers."""
    return [x + y, x - y, x * y, x // y, x % y, -x, x & y, x | y, x ^ y, ~x, x < y, x >= y]


for dtype in ("int8", "uint8", "int16", "int32", "int64", "uint32"):
    info = np.iinfo(dtype)
    ends = np.array([info.min, info.max, 0, 1, 2, 3, 7, 100] + ([-1, -7] if info.min else []), dtype)
    a, b = (v.ravel() for v in np.meshgrid(ends, ends))
    case(f"operators of {dtype} wrap, and divide by zero as NumPy's", whole_numbers, quiet(whole_numbers), a, b)

case(
    "booleans",
    lambda x, y: [x & y, x | y, x ^ y, ~x, T.cast(x, "int32") + T.cast(y, "int32"), T.switch(x, 1.5, -1.5), T.eq(x, y)],
    lambda x, y: [x & y, x | y, x ^ y, ~x, x.astype("int32") + y, np.where(x, np.float32(1.5), np.float32(-1.5)), x == y],
    np.array([True, True, False, False]), np.array([True, False, True, False]),
)  # fmt: skip
case(
    "casts between integers wrap",
    lambda x: [T.cast(x, d) for d in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "bool")],
    lambda x: [x.astype(d) for d in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "bool")],
    np.array([0, 1, -1, 127, 128, 255, 256, 32768, 65535, 2**31, -(2**31) - 1, 2**62]),
)
case(
    "casts of floats truncate towards zero",
    lambda x: [T.cast(x, d) for d in ("int8", "int16", "int32", "int64", "float32", "bool")],
    lambda x: [x.astype(d) for d in ("int8", "int16", "int32", "int64", "float32", "bool")],
    np.array([0.0, -0.0, 1.9, -1.9, 100.5, -100.5, 127.99]), gradient=False,
)
case(
    "overflow of float32",
    lambda x: [T.cast(x, "float32"), T.cast(x, "float32") * 2],
    quiet(lambda x: [x.astype("float32"), x.astype("float32") * np.float32(2)]),
    np.array([1e39, -1e39, 3e38, 1e-50, np.nan]), gradient=False,
)
case(
    "no contraction of products and sums",
    lambda x, y: [T.sqrt(x * x - y * y), x * y - x * y, x * x - y * x],
    lambda x, y: [np.zeros_like(x)] * 3,
    MATRIX.ravel(), MATRIX.ravel(), gradient=False, atol=0.0,
)  # fmt: skip

BIG = np.array([0, 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1], "uint64")
SIGNED = np.array([0, 1, -1, 2**63 - 1, -(2**63), -2], "int64")


def comparisons(x, y):
    """Six comparisons, and the other way round."""
    return [x < y, x <= y, x > y, x >= y, T.eq(x, y), T.neq(x, y), y < x, y <= x, y > x, y >= x, T.eq(y, x), T.neq(y, x)]


def compared(x, y):
    """What NumPy says."""
    return [x < y, x <= y, x > y, x >= y, x == y, x != y, y < x, y <= x, y > x, y >= x, y == x, y != x]


for dtype in ("int64", "int8"):
    number = SIGNED if dtype == "int64" else np.array([0, 1, -1, 127, -128, -2], "int8")
    case(f"comparisons of {dtype} and uint64 are exact", comparisons, compared, *(v.ravel() for v in np.meshgrid(number, BIG)))
case(
    "large whole constants",
    lambda x, u: [x + np.int64(-(2**63)), x - (2**40), x + (2**31 - 1), x * -(2**31), u + np.uint64(2**64 - 1), u // np.uint64(2**63)],
    lambda x, u: [x + np.int64(-(2**63)), x - (2**40), x + (2**31 - 1), x * -(2**31), u + np.uint64(2**64 - 1), u // np.uint64(2**63)],
    np.array([0, 1, 5]), BIG[:3],
)  # fmt: skip
for dtype in ("float32", "float64"):
    a, b = (v.astype(dtype) for v in np.clip(PAIRS, -1e30, 1e30))
    case(f"powers of {dtype}", lambda x, y: x**y, quiet(lambda x, y: x**y), a, b, gradient=False)
case(
    "whole powers",
    lambda x, u: [x**0, x**1, x**2, x**7, x**13, u ** np.uint8(3), u ** np.uint8(64), T.cast(x, "int32") ** 5],
    lambda x, u: [x**0, x**1, x**2, x**7, x**13, u ** np.uint8(3), u ** np.uint8(64), x.astype("int32") ** 5],
    np.array([0, 1, -1, 2, -3, 10]), np.array([0, 1, 2, 3, 255, 128], "uint8"), gradient=False,
)  # fmt: skip
case(
    "open and closed ranges",
    lambda x, y: [Elemwise(scalar.InRange(a, b))(x, y, 1.0) for a in (True, False) for b in (True, False)],
    quiet(lambda x, y: [(above(x, y) & below(x, 1.0)) for above in (np.greater, np.greater_equal) for below in (np.less, np.less_equal)]),
    *PAIRS, gradient=False,
)  # fmt: skip


def with_constants():
    """A user's Composite that holds constants, those that C has no digits for among them."""
    x = scalar.float64("x")
    held = [scalar.constant(value, dtype="float64") for value in (2.5, np.nan, np.inf, -np.inf, -0.0, 1e300)]
    return scalar.Composite([x], [scalar.add(scalar.mul(x, held[0]), held[5]), *(scalar.maximum(x, each) for each in held[1:4]), scalar.mul(x, held[4])])


case(
    "constants in a Composite",
    lambda x: list(Elemwise(with_constants())(x)),
    quiet(lambda x: [x * 2.5 + 1e300, np.maximum(x, np.nan), np.maximum(x, np.inf), np.maximum(x, -np.inf), x * -0.0]),
    SPECIAL, gradient=False,
)  # fmt: skip

# --- broadcasting and views
case(
    "broadcasting",
    lambda x, v, s: [x + v, v.dimshuffle("x", 0) * x, x[:, 0].dimshuffle(0, "x") + v, x[0].dimshuffle(0, "x") + v, x * s, v[:1].dimshuffle(0, "x") + x[:1, :1]],
    lambda x, v, s: [x + v, v[None] * x, x[:, :1] + v, x[0][:, None] + v, x * s, v[:1, None] + x[:1, :1]],
    MATRIX, VECTOR, np.array(2.5),
)  # fmt: skip
case(
    "dimshuffle and reshape",
    lambda x: [x.T * 2, x.dimshuffle(2, "x", 0, 1) + 1, x.dimshuffle(1, 0, 2).reshape((4, 15)), x.reshape((-1,)) * 3, x.flatten(2) + 1,
               x.reshape((5, 3, 4)).sum(axis=1)],
    lambda x: [x.T * 2, x.transpose(2, 0, 1)[:, None] + 1, x.transpose(1, 0, 2).reshape(4, 15), x.ravel() * 3, x.reshape(3, 20) + 1,
               x.reshape(5, 3, 4).sum(axis=1)],
    CUBE,
)  # fmt: skip


def sliced(x):
    """Basic slices, which read the same in NumPy."""
    return [x[::-1] * 1.0, x[1:5:2, ::-3] + 1, x[-2] * 2, x[:, -1] - x[:, 0], x[5:1:-2, 2:] * 3, x[3:3] + 1, x[-100:2] + 0, x[4, 5] * 1]


case("basic slices", sliced, sliced, MATRIX)
case(
    "slices at positions that are inputs",
    lambda x, i, j: [x[i:j] + 1, x[j:i:-1, ::2] + 1, x[i] * 2, x[:, -i] * 2],
    lambda x, i, j: [x[i:j] + 1, x[j:i:-1, ::2] + 1, x[i] * 2, x[:, -i] * 2],
    MATRIX, np.array(1), np.array(4),
)  # fmt: skip
case(
    "join and split",
    lambda x, y: [T.join(0, x, y), T.join(1, x, y * 2, x), T.stack([x, y]), *T.split(x, [1, 0, 5], 3, axis=0), *T.split(y, [3, 4], 2, axis=1)],
    lambda x, y: [np.concatenate([x, y]), np.concatenate([x, y * 2, x], 1), np.stack([x, y]), x[:1], x[1:1], x[1:], y[:, :3], y[:, 3:]],
    MATRIX, MATRIX[::-1] + 1,
)  # fmt: skip
case(
    "alloc, arange, eye",
    lambda x, n: [T.alloc(x[0], 3, 7), T.zeros_like(x), T.ones((n, 2)) * x[0, 0], T.arange(n) * x[0, 1], T.eye(n, 3) * x[0, 0], T.fill(x, x[0, 0])],
    lambda x, n: [np.tile(x[0], (3, 1)), np.zeros_like(x), np.ones((n, 2)) * x[0, 0], np.arange(n) * x[0, 1], np.eye(n, 3) * x[0, 0],
                  np.full_like(x, x[0, 0])],
    MATRIX, np.array(4),
)  # fmt: skip

# --- reductions
for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
    case(
        f"reductions over {axis}",
        lambda x, axis=axis: [x.sum(axis=axis), x.prod(axis=axis), x.max(axis=axis), x.min(axis=axis), x.mean(axis=axis),
                              (x > 0).any(axis=axis), (x > -9).all(axis=axis), T.cast(x * 10, "int8").sum(axis=axis)],
        lambda x, axis=axis: [x.sum(axis=axis), x.prod(axis=axis), x.max(axis=axis), x.min(axis=axis), x.mean(axis=axis),
                              (x > 0).any(axis=axis), (x > -9).all(axis=axis), (x * 10).astype("int8").sum(axis=axis, dtype="int64")],
        CUBE,
    )  # fmt: skip
case(
    "reductions of float32, kept axes and a composite",
    lambda x: [x.sum(axis=0), x.mean(axis=1), x.max(axis=0, keepdims=True), x - x.mean(axis=1, keepdims=True), x.var(axis=0), x.std(axis=1)],
    lambda x: [x.sum(0), x.mean(1), x.max(0, keepdims=True), x - x.mean(1, keepdims=True), x.var(0), x.std(1)],
    MATRIX.astype("float32"),
)
case(
    "reductions of nothing",
    lambda x: [x.sum(), x.sum(axis=0), x.sum(axis=1), x.prod(axis=1), (x > 0).any(axis=1), (x > 0).all(axis=1), x.max(axis=0), x * 2],
    lambda x: [x.sum(), x.sum(0), x.sum(1), x.prod(1), (x > 0).any(1), (x > 0).all(1), x.max(0), x * 2],
    np.zeros((3, 0)), gradient=False,
)  # fmt: skip
TIES = np.array([[1.0, 3.0, 3.0, 2.0], [np.nan, 5.0, np.nan, 7.0], [0.0, -0.0, 0.0, -1.0], [-np.inf, -np.inf, -np.inf, -np.inf]])
for axis in (0, 1, None):
    case(
        f"extremes over {axis}: NaN wins, the first of equals",
        lambda x, axis=axis: [T.argmax(x, axis=axis), T.argmin(x, axis=axis), x.max(axis=axis), x.min(axis=axis)],
        lambda x, axis=axis: [np.argmax(x, axis=axis), np.argmin(x, axis=axis), x.max(axis=axis), x.min(axis=axis)],
        TIES, gradient=False,
    )  # fmt: skip
LARGE = np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1000.0, -999.0], [0.0, 1.0, -700.0]])
case(
    "softmax family at large arguments",
    lambda x: [T.softmax(x), T.logsoftmax(x), T.logsumexp(x, axis=1), T.logsumexp(x, axis=0)],
    quiet(
        lambda x: [scipy.special.softmax(x, 1), scipy.special.log_softmax(x, 1), scipy.special.logsumexp(x, 1), scipy.special.logsumexp(x, 0)]
    ),
    LARGE[[0, 0, 2]], gradient=False,
)  # fmt: skip

# --- gathers and scatters
WHOLE = np.array([[3, -7, 3, 0], [5, 5, -7, 2], [-7, 0, 1, 1]])
case(
    "extremes of integers and truth values",
    lambda x, b: [T.argmax(x, axis=1), T.argmin(x, axis=0), *T.max_and_argmax(x, axis=1), T.argmin(x), x.max(), x.min(axis=1),
                  T.max(b, axis=0), T.min(b, axis=1), T.argmax(b, axis=0)],
    lambda x, b: [x.argmax(axis=1), x.argmin(axis=0), x.max(axis=1), x.argmax(axis=1), x.argmin(), x.max(), x.min(axis=1),
                  b.max(axis=0), b.min(axis=1), b.argmax(axis=0)],
    WHOLE, WHOLE > 2, gradient=False,
)  # fmt: skip

INDEX = np.array([1, -1, 1, 0, 5])


def added_at(x, index, value):
    """``x`` with ``value`` added at ``index``, repeatedly where it repeats."""
    out = x.copy()
    np.add.at(out, index, value)
    return out


def put_at(x, index, value):
    """``x`` with ``x[index] = value``."""
    out = x.copy()
    out[index] = value
    return out


case(
    "gathers",
    lambda x, i: [x[i], x[:, i] * 2, x[i, i], T.take(x, i, axis=1), x[i][::-1] + 1],
    lambda x, i: [x[i], x[:, i] * 2, x[i, i], np.take(x, i, axis=1), x[i][::-1] + 1],
    MATRIX, INDEX,
)  # fmt: skip
case(
    "scatters with repeated and negative indices",
    lambda x, i: [T.inc_subtensor(x[i], 1.5), T.set_subtensor(x[i], T.arange(5.0).dimshuffle(0, "x")), T.inc_subtensor(x[i, i], 2.0),
                  T.set_subtensor(x[i[:3], i[2:]], 4.0)],
    lambda x, i: [added_at(x, i, 1.5), put_at(x, i, np.arange(5.0)[:, None]), added_at(x, (i, i), 2.0), put_at(x, (i[:3], i[2:]), 4.0)],
    MATRIX, INDEX,
)  # fmt: skip
case(
    "writes through basic indices",
    lambda x: [T.set_subtensor(x[1:4, ::-2], 0.5), T.inc_subtensor(x[-1], x[0]), T.set_subtensor(x[2, 3], 9.0), T.inc_subtensor(x[::-1], x)],
    lambda x: [put_at(x, (slice(1, 4), slice(None, None, -2)), 0.5), added_at(x, -1, x[0]), put_at(x, (2, 3), 9.0), x + x[::-1]],
    MATRIX,
)

# --- products
A, B = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 6))
for dtype in ("float32", "float64"):
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {}
    case(
        f"products of {dtype}",
        lambda a, b, u, v: [T.dot(a, b), T.dot(b.T, a.T), T.dot(a, u), T.dot(v, a), T.dot(u, u), T.outer(v, u), 2 * T.dot(a, b) + 1,
                            T.dot(a[::2, ::-1], b), a + T.outer(v, u) * 3, v + T.dot(a, u)],
        lambda a, b, u, v: [a @ b, b.T @ a.T, a @ u, v @ a, u @ u, np.outer(v, u), 2 * (a @ b) + 1, a[::2, ::-1] @ b,
                            a + np.outer(v, u) * 3, v + a @ u],
        A.astype(dtype), B.astype(dtype), B[:, 0].astype(dtype), A[:, 0].astype(dtype), **tolerance,
    )  # fmt: skip
case(
    "products of nothing",
    lambda a, b: [T.dot(a, b), T.dot(a.T, a), T.dot(b.T, b), T.dot(a, a.T)],
    lambda a, b: [a @ b, a.T @ a, b.T @ b, a @ a.T],
    np.zeros((3, 0)), np.zeros((0, 2)), gradient=False,
)  # fmt: skip
