"""Derivatives in a direction (Rop) of tensor ops against central differences of what NumPy computes."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.gradient import Rop
from tcore.tensor import Assert

x, y, v = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v")
rng = np.random.default_rng(3)
X, Y, V = rng.uniform(1, 2, (3, 3)), rng.uniform(1, 2, (3, 3)), rng.uniform(1, 2, 4)
DX, DY, DV = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=4)
STEP = 1e-6

#: what, symbolic, NumPy; of x, of x and y, or of v
CASES = {
    "diagonal": ([x], lambda a: T.diagonal(a, 1), lambda a: np.diagonal(a, 1)),
    "diag": ([v], lambda a: T.diag(a, -1), lambda a: np.diag(a, -1)),
    "trace": ([x], T.trace, np.trace),
    "join": ([x, y], lambda a, b: T.join(1, a, b), lambda a, b: np.concatenate([a, b], 1)),
    "join with a constant": ([x], lambda a: T.join(0, a, np.ones((1, 3))), lambda a: np.concatenate([a, np.ones((1, 3))])),
    "split": ([v], lambda a: T.join(0, *T.split(a, [1, 3], 2)[::-1]), lambda a: np.concatenate([a[1:], a[:1]])),
    "stack of scalars": ([v], lambda a: T.stack([a[0], T.constant(1.0), a[3]]), lambda a: np.stack([a[0], 1.0, a[3]])),
    "arange": ([v], lambda a: T.arange(a[0], a[0] + 2.5 * a[1], a[1]), lambda a: a[0] + a[1] * np.arange(3)),
    "arange, start": ([v], lambda a: T.arange(a[0], 5.5, 1.0), lambda a: a[0] + np.arange(np.ceil(5.5 - a[0]))),
    "reshape": ([x], lambda a: a.reshape((9,)), lambda a: a.reshape(9)),
    "dimshuffle": ([x], lambda a: a.dimshuffle(1, "x", 0), lambda a: a.T[:, None, :]),
    "alloc": ([v], lambda a: T.alloc(a, 2, 4), lambda a: np.tile(a, (2, 1))),
    "specify_shape": ([v], lambda a: T.specify_shape(a, (4,)) ** 2, lambda a: a**2),
    "subtensor": ([x], lambda a: a[1:, ::-1], lambda a: a[1:, ::-1]),
    "advanced": ([x], lambda a: a[[0, 2], [1, 1]], lambda a: a[[0, 2], [1, 1]]),
    "advanced, one list": ([x], lambda a: a[[2, 0, 2]], lambda a: a[[2, 0, 2]]),
    "set": ([x, y], lambda a, b: T.set_subtensor(a[1], b[0]), lambda a, b: np.stack([a[0], b[0], a[2]])),
    "set in a constant": ([v], lambda a: T.set_subtensor(T.zeros(5)[1:], a), lambda a: np.concatenate([[0.0], a])),
    "increment": ([x, y], lambda a, b: T.inc_subtensor(a[:, 1], b[0]), lambda a, b: a + np.outer(b[0], [0, 1, 0])),
    "advanced increment": (
        [x, y], lambda a, b: T.inc_subtensor(a[[0, 0]], b[:2]), lambda a, b: a + np.outer([1, 0, 0], b[0] + b[1]),
    ),
    "sum": ([x], lambda a: a.sum(axis=0), lambda a: a.sum(axis=0)),
    "prod": ([x], lambda a: a.prod(axis=1), lambda a: a.prod(axis=1)),
    "max": ([x], lambda a: a.max(axis=1), lambda a: a.max(axis=1)),
    "dot": ([x, y], T.dot, np.dot),
    "dot, constant first": ([y], lambda b: T.dot(X, b), lambda b: X @ b),
    "batched dot": ([x], lambda a: T.batched_dot(a.dimshuffle("x", 0, 1), a.dimshuffle("x", 0, 1)), lambda a: (a @ a)[None]),
    "tensordot": ([x, y], lambda a, b: T.tensordot(a, b, axes=[[0], [1]]), lambda a, b: np.tensordot(a, b, axes=[[0], [1]])),
    "assert": ([v], lambda a: Assert("length")(a, T.eq(a.shape[0], 4)) ** 2, lambda a: a**2),
    "switch": ([x, y], lambda a, b: T.switch(T.gt(a, 1.5), a**2, b), lambda a, b: np.where(a > 1.5, a**2, b)),
    "softmax": ([x], T.softmax, lambda a: np.exp(a) / np.exp(a).sum(1, keepdims=True)),
    "log softmax": ([x], lambda a: T.log(T.softmax(a)), lambda a: a - np.log(np.exp(a).sum(1, keepdims=True))),
    "fill": ([x, v], lambda a, b: T.fill(a, b[0]), lambda a, b: np.full((3, 3), b[0])),
    "repeat": ([v], lambda a: T.repeat(a, 2), lambda a: np.repeat(a, 2)),
    "tile": ([v], lambda a: T.tile(a, (2,)), lambda a: np.tile(a, 2)),
    "rebroadcast": ([v], lambda a: T.addbroadcast(a[:1], 0) * a, lambda a: a[:1] * a),
    "real and imaginary part": (
        [x, y], lambda a, b: T.real(T.complex(a, b) ** 2) + T.imag(T.complex(a, b) ** 2), lambda a, b: a**2 - b**2 + 2 * a * b,
    ),
    "of a complex number": ([v], lambda a: T.real(T.exp(1j * a)) + T.abs_(T.exp(T.cast(a, "complex128"))), lambda a: np.cos(a) + np.exp(a)),
    "angle": ([x, y], lambda a, b: T.angle(T.complex(a, b)), lambda a, b: np.arctan2(b, a)),
    "polar": ([x, y], lambda a, b: T.imag(T.complex_from_polar(a, b)), lambda a, b: a * np.sin(b)),
    "polynomial": ([x, y], lambda a, b: a**2 * b - a / b, lambda a, b: a**2 * b - a / b),
}
VALUES, DIRECTIONS = {x: X, y: Y, v: V}, {x: DX, y: DY, v: DV}


@pytest.mark.parametrize("name", CASES)
def test_against_differences(name):
    """(f(a + h d) - f(a - h d)) / 2h."""
    inputs, symbolic, numpy = CASES[name]
    out = symbolic(*inputs)
    directions = [variable.type() for variable in inputs]
    with change_flags(backend="numpy"):
        f = tcore.function([*inputs, *directions], [out, Rop(out, inputs, directions)], mode="FAST_COMPILE", on_unused_input="ignore")
    values = [VALUES[variable] for variable in inputs]
    steps = [DIRECTIONS[variable] for variable in inputs]
    value, slope = f(*values, *steps)
    np.testing.assert_allclose(value, numpy(*values), rtol=1e-12)
    above = numpy(*[a + STEP * d for a, d in zip(values, steps, strict=True)])
    below = numpy(*[a - STEP * d for a, d in zip(values, steps, strict=True)])
    np.testing.assert_allclose(slope, (above - below) / (2 * STEP), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("out", [v.shape, v.shape[0], T.arange(v.shape[0]), T.eq(v, 1.0), T.argmax(v), T.cast(v, "int32")], ids=str)
def test_no_direction(out):
    """Shapes, counts, comparisons and integers are constant where they have a derivative."""
    assert Rop(out, v, v, disconnected_outputs="ignore", return_disconnected="None") is None
