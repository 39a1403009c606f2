"""Random graphs of the core's vocabulary: the whole of FAST_RUN against node-by-node NumPy.

With ``assume_finite`` excluded every NaN, infinity and sign of a zero stays; with it, finite numbers do.
``--hypothesis-profile=thorough`` draws many more graphs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tcore
import tcore.tensor as T
from tcore.compile.mode import FAST_RUN
from tcore.graph import Constant

_spec = importlib.util.spec_from_file_location("rewrites_drawing", Path(__file__).parent / "drawing.py")
drawing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawing)

EXAMPLES = settings().max_examples // 4

UNARY = (T.neg, T.neg, T.abs_, T.sqr, T.inv, T.sqrt, T.exp, T.log, T.log1p, T.tanh, T.sigmoid, T.softplus, T.erf, T.erfc, T.sin)
BINARY = (T.add, T.add, T.sub, T.sub, T.mul, T.mul, T.true_div, T.maximum, T.minimum)
EXPONENTS = (0, 1, 2, 3, -1, 0.5, -0.5, -2)


class Vocabulary:
    """Draws expressions, all of one float dtype, out of a growing pool."""

    def __init__(self, d):
        self.d = d
        self.dtype = d.dtype("float")
        self.pool = [d.x(self.dtype) for _ in range(2)] + [d.full(self.dtype)]

    def any(self):
        return self.d.choice(self.pool)

    def constant(self):
        return self.d.const(self.d.choice((0, 1, -1, 2, 0.5)), self.pool[0])

    def operand(self):
        return self.constant() if self.d.rng.random() < 0.3 else self.any()

    def wide(self):
        """An expression of the common shape."""
        return T.add(self.pool[2], self.any()) if self.d.rng.random() < 0.5 else self.pool[2]

    def step(self):
        d = self.d
        kind = d.choice(("unary", "unary", "binary", "binary", "binary", "many", "power", "switch", "reduce", "shuffle", "index", "increment", "fill", "dot", "stable"))
        getattr(self, f"_{kind}")()

    def keep(self, x):
        if x.dtype == self.dtype and x.ndim <= len(self.d.shape):
            self.pool.append(x)

    def _unary(self):
        self.keep(self.d.choice(UNARY)(self.any()))

    def _binary(self):
        self.keep(self.d.choice(BINARY)(self.operand(), self.operand()))

    def _many(self):
        self.keep(self.d.choice((T.add, T.mul))(self.operand(), self.operand(), self.operand()))

    def _power(self):
        x = self.any()
        self.keep(T.pow(x, self.d.const(self.d.choice(EXPONENTS), x)))

    def _switch(self):
        condition = T.gt(self.any(), self.operand())
        self.keep(T.switch(condition, self.operand(), self.operand()))

    def _reduce(self):
        x = self.wide()
        # which of 0.0 and -0.0 is the maximum is NumPy's secret
        reductions = (T.sum, T.sum, T.max) if self.d.values == "tame" else (T.sum, T.prod)
        self.keep(self.d.choice(reductions)(x, axis=self.d.axes() if x.ndim else None, keepdims=True) if x.ndim and all(self.d.shape) else T.sum(x))

    def _shuffle(self):
        x = self.wide()
        order = range(x.ndim)[::-1]
        self.keep(self.d.choice((T.abs_, T.neg))(x.dimshuffle(*order)).dimshuffle(*order))

    def _index(self):
        x = self.wide()
        self.keep(x[::-1][:] if x.ndim and not x.broadcastable[0] else x)

    def _increment(self):
        x = self.wide()
        if x.ndim and not x.broadcastable[0]:
            part = self.d.choice((slice(1, None), slice(None, None, 2), slice(0, 1)))
            value = self.d.scalar(self.dtype)
            base = T.zeros_like(x) if self.d.rng.random() < 0.5 else x
            self.keep(self.d.choice((T.set_subtensor, T.inc_subtensor))(base[part], value))

    def _fill(self):
        self.keep(T.fill(self.wide(), self.d.choice(self.pool)) if self.d.rng.random() < 0.5 else T.zeros_like(self.wide()))

    def _dot(self):
        x = self.wide()
        if x.ndim == 2 and not any(x.broadcastable):
            self.keep(T.add(x, T.dot(T.dot(x, x.T), self.wide())))

    def _stable(self):
        x = self.any()
        self.keep(self.d.choice((lambda: T.log(1 + T.exp(x)), lambda: T.log(T.sigmoid(x)), lambda: 1 - T.sigmoid(x), lambda: x / T.abs_(x)))())


def random_graph(seed, values):
    """A Drawing and one or two outputs."""
    d = drawing.Drawing(seed, values, max_ndim=2)
    words = Vocabulary(d)
    for _ in range(int(d.rng.integers(3, 9))):
        words.step()
    outputs = words.pool[-1:] if d.rng.random() < 0.6 else words.pool[-2:]
    return d, [x for x in outputs if x not in d.inputs] or [T.neg(outputs[-1])]


def all_finite(graph, data):
    """Whether every value on the way is finite."""
    probe = drawing.graph_of(graph.inputs, [v for node in graph.toposort() for v in node.outputs])
    return all(np.isfinite(value).all() for value in drawing.compute(probe, data) if value.dtype.kind == "f")


def check(seed, values, exact, evaluate):
    """Compare, but for elements in which rounding decides: those that a change of the inputs in the last digits moves."""
    d, outputs = random_graph(seed, values)
    before = drawing.graph_of(d.inputs, outputs)
    precision = drawing.precision_of(before)
    eps = float(np.finfo(precision).eps)
    wanted = drawing.compute(before, d.data)
    moved = drawing.compute(before, [x * (1 + 64 * eps) if x.dtype.kind == "f" else x for x in d.data])
    if not exact and not all_finite(before, d.data):
        return False
    for found, reference, other in zip(evaluate(d, outputs), wanted, moved, strict=True):
        assert found.dtype == reference.dtype
        assert found.shape == reference.shape
        with np.errstate(all="ignore"):
            steady = np.abs(reference - other) <= 1e4 * eps * np.abs(reference)
            steady |= (np.isnan(reference) & np.isnan(other)) | (reference == other)
        try:
            drawing.assert_same(found[steady], reference[steady], exact, precision, loose=not exact)
        except AssertionError as error:
            error.add_note(f"{[tcore.pp(x) for x in outputs]}\n{dict(zip(d.inputs, d.data, strict=True))}\nfound {found}\nwanted {reference}")
            raise
    return True


def optimized(mode):
    """A function that computes outputs after the optimizations of a mode, node by node."""

    def evaluate(d, outputs):
        graph = drawing.graph_of(d.inputs, outputs)
        with tcore.config.change_flags(on_opt_error="raise"):
            mode.optimizer_for(graph).optimize(graph)
        for variable in graph.outputs:
            assert variable.owner is not None or isinstance(variable, Constant) or variable in graph.inputs
        return drawing.compute(graph, d.data)

    return evaluate


EXACT = FAST_RUN.excluding("assume_finite")


def drawn(count):
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@drawn(EXAMPLES)
@given(st.integers(0, 2**32))
def test_exact(seed):
    """Without assume_finite the values are NumPy's, special ones included."""
    check(seed, "special", True, optimized(EXACT))


def test_finite():
    """Where all is finite the values stay."""
    checked = []

    @drawn(EXAMPLES * 2)
    @given(st.integers(0, 2**32))
    def run(seed):
        checked.append(check(seed, "tame", False, optimized(FAST_RUN)))

    run()
    assert sum(checked) > len(checked) // 4


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "finite"])
@pytest.mark.backends("numpy", "cpu")
def test_compiled(backend, exact):
    """The same for compiled functions, which several rules are made for."""

    @drawn(max(3, EXAMPLES // 8))
    @given(st.integers(0, 2**32))
    def run(seed):
        def evaluate(d, outputs):
            function = tcore.function(d.inputs, outputs, mode=EXACT if exact else FAST_RUN, on_unused_input="ignore")
            return function(*d.data)

        check(seed, "special" if exact else "tame", exact, evaluate)

    run()


def test_a_replacement_that_is_refused_is_not_tried_for_ever():
    """``m * 1`` cannot become ``m``, which would be overwritten: the optimizer comes to rest all the same."""
    m = T.dmatrix("m")
    f = tcore.function([m], T.inc_subtensor((m * 1)[1:], 1.0, inplace=True), accept_inplace=True, mode=tcore.Mode("py", "fast_run"))
    start = np.zeros((2, 2))
    np.testing.assert_array_equal(f(start), [[0, 0], [1, 1]])
    assert not start.any()
