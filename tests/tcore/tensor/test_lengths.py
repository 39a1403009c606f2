"""Shapes are known without computing what has them; values, shapes and gradients of integers and empty arrays as in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.tensor.elemwise import Elemwise

x, v, b = T.dmatrix("x"), T.dvector("v"), T.dtensor3("b")
n, m, k = T.lscalar("n"), T.lscalar("m"), T.lscalar("k")
r = T.lvector("r")
VALUES = {
    x: np.arange(12.0).reshape(3, 4), v: np.arange(4.0), b: np.arange(24.0).reshape(2, 3, 4), n: np.array(2), m: np.array(5), k: np.array(-1),
    r: np.array([2, 0, 1, 3]),
}  # fmt: skip

CASES = {
    "diagonal above": (lambda: T.diagonal(x, 1), lambda: np.diagonal(VALUES[x], 1)),
    "diagonal below": (lambda: T.diagonal(x, -2), lambda: np.diagonal(VALUES[x], -2)),
    "diagonal of three axes": (lambda: T.diagonal(b, 0, 0, 2), lambda: np.diagonal(VALUES[b], 0, 0, 2)),
    "diag": (lambda: T.diag(v, -2), lambda: np.diag(VALUES[v], -2)),
    "eye": (lambda: T.eye(n, m, 1), lambda: np.eye(2, 5, 1)),
    "identity_like": (lambda: T.identity_like(x), lambda: np.eye(3, 4)),
    "arange": (lambda: T.arange(n, m), lambda: np.arange(2, 5)),
    "arange backwards": (lambda: T.arange(m, n, -2), lambda: np.arange(5, 2, -2)),
    "arange, step known later": (lambda: T.arange(m, n, k), lambda: np.arange(5, 2, -1)),
    "arange of floats": (lambda: T.arange(v[0], v[3], 0.7), lambda: np.arange(0, 3, 0.7)),
    "join along an axis known later": (lambda: T.join(k, x, x), lambda: np.concatenate([VALUES[x]] * 2, -1)),
    "split": (lambda: T.split(v, [1, 3], 2)[1], lambda: VALUES[v][1:]),
    "split along an axis known later": (lambda: T.split(x, [1, 3], 2, k)[1], lambda: VALUES[x][:, 1:]),
    "stack": (lambda: T.stack([v[0], v[1] * 2.0, n]), lambda: np.array([0.0, 2.0, 2.0])),
    "repeat, one number": (lambda: T.repeat(x, 2, axis=1), lambda: np.repeat(VALUES[x], 2, 1)),
    "repeat, one for each": (lambda: T.repeat(x, r, axis=1), lambda: np.repeat(VALUES[x], VALUES[r], 1)),
    "tile": (lambda: T.tile(x, (n, 1, 2)), lambda: np.tile(VALUES[x], (2, 1, 2))),
    "batched dot": (lambda: T.batched_dot(b, b.dimshuffle(0, 2, 1)), lambda: VALUES[b] @ VALUES[b].transpose(0, 2, 1)),
    "batched dot of vectors": (lambda: T.batched_dot(x, x), lambda: (VALUES[x] * VALUES[x]).sum(1)),
    "rows": (lambda: x[[2, 0]], lambda: VALUES[x][[2, 0]]),
    "grid": (lambda: x[np.array([[0], [2]]), r], lambda: VALUES[x][np.array([[0], [2]]), VALUES[r]]),
    "array and slice": (lambda: b[r[1:3], ::2, n], lambda: VALUES[b][VALUES[r][1:3], ::2, 2]),
    "set": (lambda: T.set_subtensor(x[r[1:], r[1:]], 0.0), lambda: _set()),
    "alloc": (lambda: T.alloc(v, n, 4), lambda: np.tile(VALUES[v], (2, 1))),
    "softmax": (lambda: T.softmax(x), lambda: np.exp(VALUES[x]) / np.exp(VALUES[x]).sum(1, keepdims=True)),
    "specify_shape": (lambda: T.specify_shape(x, (3, 4)) + 1, lambda: VALUES[x] + 1),
    "reduction": (lambda: b.sum(axis=(0, 2)), lambda: VALUES[b].sum((0, 2))),
    "roll": (lambda: T.roll(x, n, axis=1), lambda: np.roll(VALUES[x], 2, 1)),
    "roll of all": (lambda: T.roll(x, n), lambda: np.roll(VALUES[x], 2)),
}  # fmt: skip


def _set():
    wanted = VALUES[x].copy()
    wanted[VALUES[r][1:3], VALUES[r][1:3]] = 0.0
    return wanted


CASES["set"] = (lambda: T.set_subtensor(x[r[1:3], r[1:3]], 0.0), _set)


@pytest.mark.parametrize("name", CASES)
def test_shape_and_value(name):
    """The value, and the shape without the op that makes the value."""
    build, expected = CASES[name]
    out = build()
    inputs = [variable for variable in tcore.graph.inputs([out]) if variable in VALUES]
    values = [VALUES[variable] for variable in inputs]
    with change_flags(backend="numpy"):
        value = tcore.function(inputs, out, mode="FAST_COMPILE")(*values)
        f = tcore.function(inputs, out.shape, on_unused_input="ignore", mode=tcore.Mode("py", "fast_run"))
    np.testing.assert_allclose(value, expected(), rtol=1e-12)
    assert tuple(f(*values)) == expected().shape
    if not isinstance(out.owner.op, Elemwise):
        assert out.owner.op not in [node.op for node in f.maker.fgraph.apply_nodes]


i, iv, it = T.lmatrix("i"), T.lvector("iv"), T.ltensor3("it")

INTEGERS = {
    "diagonal": lambda: T.diagonal(i), "diag": lambda: T.diag(iv), "join": lambda: T.join(0, i, i), "split": lambda: T.split(iv, [1, 1], 2)[0],
    "rows": lambda: i[[0, 1]], "grid": lambda: i[[0, 1], [1, 0]], "part": lambda: i[1:], "repeat": lambda: T.repeat(i, 2, axis=0),
    "stack": lambda: T.stack([iv[0], iv[1]]), "sum": lambda: i.sum(axis=0), "prod": lambda: i.prod(axis=0), "max": lambda: i.max(axis=0),
    "set": lambda: T.set_subtensor(i[0], 3), "increment": lambda: T.inc_subtensor(i[[0, 0]], 3), "batched dot": lambda: T.batched_dot(it, it),
    "dot": lambda: T.dot(i, i), "arange": lambda: T.arange(iv[0], iv[0] + 2), "reshape": lambda: i.reshape((4,)),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGERS)
def test_gradients_of_integers(name):
    """Integer outputs are constant almost everywhere: the gradient is zero, in floatX."""
    out = INTEGERS[name]()
    values = {i: np.array([[3, 1], [2, 4]]), iv: np.array([1, 2]), it: np.ones((2, 2, 2), "int64")}
    (given,) = [variable for variable in tcore.graph.inputs([out]) if variable in values]
    gradient = T.grad(None, given, known_grads={T.cast(out, "float64"): T.ones_like(out, dtype="float64")}, disconnected_inputs="ignore")
    assert gradient.type.dtype == tcore.config.floatX
    with change_flags(backend="numpy"):
        got = tcore.function([given], gradient, mode="FAST_COMPILE", on_unused_input="ignore")(values[given])
    np.testing.assert_array_equal(got, np.zeros(values[given].shape))
