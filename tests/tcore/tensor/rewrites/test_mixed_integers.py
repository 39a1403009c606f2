"""Sums and products of floats and small integers: no part of them is computed in a dtype that it does not fit into."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.mode import FAST_RUN, Mode

a, b = T.bvectors("a", "b")
u, c = T.TensorType("uint8", (False,))("u"), T.TensorType("bool", (False,))("c")
n, x, f = T.lvector("n"), T.dvector("x"), T.fvector("f")
VALUES = {
    a: np.array([127, 100, -128, -3, 1], "int8"),
    b: np.array([127, 100, -128, 5, 1], "int8"),
    u: np.array([200, 255, 3, 128, 1], "uint8"),
    c: np.array([1, 1, 0, 1, 0], bool),
    n: np.array([2**40, 3, -7, 2**50, 5]),
    x: np.array([2.5, 0.5, 3.0, 7.0, 1.0]),
    f: np.array([2.5, 0.5, 3.0, 7.0, 1.0], "float32"),
}

A, B, U, C, N, X, F = VALUES.values()
A64, B64, U64, C64 = (value.astype("float64") for value in (A, B, U, C))

CASES = [
    (x - a - b, X - A64 - B64),
    (a - x + b, A64 - X + B64),
    (x * 0 + a + a, A64 + A64),
    (x / a / b, X / (A64 * B64)),
    (x / u / u, X / (U64 * U64)),
    ((x / a) * (x / b), X * X / (A64 * B64)),
    ((x + a) - (x + b), A64 - B64),
    (0.0 - u, -U64),
    (0.0 - c, -C64),
    (n - a - b, N - A.astype("int64") - B),
    (T.mul(T.constant(1.0), a, b), A64 * B64),
    (T.mul(T.constant(-1.0), a, b), -A64 * B64),
    (T.add(T.constant(0.0), a, b), A64 + B64),
    ((a / x + b * b) * x, A64 + (B * B) * X),
    (T.sum(T.mul(a[:1].sum(dtype="int8"), b[:1].sum(dtype="int8"), x)), 127 * 127 * X.sum()),
    (T.log(T.mul(T.constant(1.0), u, u)), np.log(U64 * U64)),
    (T.log(T.add(T.constant(1.0), u, u)), np.log1p(U64 + U64)),
    (T.log(T.constant(500.0) * 0 + 1.0 + c), np.log1p(C64)),
    (1 - T.sigmoid(u), 1 / (1 + np.exp(U64))),
    (1 - T.sigmoid(a), 1 / (1 + np.exp(A64))),
    (T.log(T.sigmoid(u)), -np.log1p(np.exp(-U64))),
    (T.log(T.sigmoid(-u)), -np.log1p(np.exp(-(-U).astype("float64")))),
    (1 / (1 + T.exp(u * f / f)), 1 / (1 + np.exp(U64))),
]


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_part_wraps_around(number, exact):
    """The values are those of float64 arithmetic, with all optimizations and with the exact ones."""
    expression, expected = CASES[number]
    mode = Mode("py", FAST_RUN.excluding("assume_finite").optimizer if exact else FAST_RUN.optimizer)
    with tcore.config.change_flags(on_opt_error="raise"):
        compiled = tcore.function(list(VALUES), expression, mode=mode, on_unused_input="ignore")
    np.testing.assert_allclose(compiled(*VALUES.values()), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_bool_is_not_negated():
    """1 - z is not taken for 1 + -z where z has no negative: no rule fails."""
    with tcore.config.change_flags(on_opt_error="raise"):
        compiled = tcore.function([c], [T.log(T.constant(1.0) - c), 1 - T.erf(c), 1 - c.astype("float64") / 2], mode=Mode("py", "fast_run"))
    log, erf, half = compiled(C)
    np.testing.assert_array_equal(log, [-np.inf, -np.inf, 0, -np.inf, 0])
    np.testing.assert_allclose(erf, np.where(C, 0.15729920705, 1), rtol=1e-5)
    np.testing.assert_array_equal(half, [0.5, 0.5, 1, 0.5, 1])
