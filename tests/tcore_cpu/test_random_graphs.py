"""Graphs made by chance give on the CPU backend, with all optimizations, what they give node by node without any."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile.mode import Mode

LENGTHS = (0, 1, 2, 3, 7, 8, 17, 33, 130)
UNARY = (tt.exp, tt.tanh, tt.sqr, tt.sin, abs, lambda x: 1 - x, lambda x: tt.log(tt.sqr(x) + 1), lambda x: tt.clip(x, -1, 1))
BINARY = (
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x / (tt.sqr(y) + 1),
    tt.maximum,
    lambda x, y: tt.switch(x > y, x, y),
)
ALONG = (
    lambda x, k: x.sum(axis=k, keepdims=True),
    lambda x, k: x.max(axis=k, keepdims=True),
    lambda x, k: x - x.mean(axis=k, keepdims=True),
    lambda x, k: tt.cast(tt.argmax(x, axis=k, keepdims=True), x.dtype),
    lambda x, k: tt.exp(x - x.max(axis=k, keepdims=True)) / tt.exp(x - x.max(axis=k, keepdims=True)).sum(axis=k, keepdims=True),
    lambda x, k: x / (1 + abs(x).sum(axis=k, keepdims=True)),
)
WRITES = (
    lambda x: tt.set_subtensor(x[1:], x[:-1] * 2),
    lambda x: tt.inc_subtensor(x[::-1], x),
    lambda x: tt.inc_subtensor(x[:, ::2], x[:, ::2]),
    lambda x: tt.set_subtensor(x[:1], 0),
)


def graph(seed):
    """Inputs and their values, shared variables, outputs and updates."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    rows, columns, dtype = chance.choice(LENGTHS), chance.choice(LENGTHS), chance.choice(["float32", "float64"])

    def value(*shape):
        array = np.round(numbers.uniform(-2, 2, shape), 2).astype(dtype)
        return chance.choice([array, np.asfortranarray(array), array[::-1], np.repeat(array, 2, 0)[::2]])

    full, row = (tt.tensor(dtype, pattern) for pattern in ((False, False), (True, False)))
    state = tcore.shared(value(rows, columns).copy())
    pool = [full, state, row + full]
    for _ in range(chance.randint(4, 14)):
        x, y, kind = chance.choice(pool[-5:]), chance.choice(pool), chance.random()
        if kind < 0.3:
            pool.append(chance.choice(UNARY)(x))
        elif kind < 0.55:
            pool.append(chance.choice(BINARY)(x, y))
        elif kind < 0.85 and rows and columns:
            pool.append(chance.choice(BINARY)(chance.choice(ALONG)(x, chance.choice([0, 1, (0, 1)])) if chance.random() < 0.8 else x, y))
        elif x.broadcastable == (False, False):
            pool.append(chance.choice(WRITES)(x))
        else:
            pool.append(x.T.T * 2)
    wide = [v for v in pool if v.broadcastable == (False, False)]
    outputs = [chance.choice(pool[-4:]), chance.choice(pool), wide[-1].sum(axis=chance.choice([0, 1, None]))]
    return [full, row], [value(rows, columns), value(1, columns)], state, outputs, chance.choice(wide[1:])


def results(built, mode, **options):
    """What two calls return, and the state after each."""
    inputs, values, state, outputs, update = built
    before = state.get_value()
    f = tcore.function(
        [tcore.In(v, **options) for v in inputs], outputs, updates=[(state, update)], mode=mode, on_unused_input="ignore"
    )
    found = [[*f(*(v.copy(order="K") for v in values)), state.get_value()] for _ in range(2)]
    state.set_value(before)
    return found


@pytest.mark.parametrize("seed", range(24))
def test_like_node_by_node(seed) -> None:
    """Values, shapes and dtypes, also where the function may overwrite its arguments, in calls one after the other."""
    built = graph(seed)
    with np.errstate(all="ignore"):
        wanted = results(built, Mode("py", None))
    for options in ({}, {"mutable": True}):
        for expected, found in zip(wanted, results(built, Mode("cvm"), **options), strict=True):
            for one, other in zip(expected, found, strict=True):
                assert (one.shape, one.dtype) == (other.shape, other.dtype)
                if np.isfinite(one).all():
                    tolerance = 1e-3 if one.dtype == "float32" else 1e-8
                    scale = max(1.0, float(abs(one).max(initial=0)))
                    np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance * scale)
