"""The order of steps: memory that waits for one last reader does not wait long."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.ops import as_op

pytestmark = [pytest.mark.backends("cpu"), pytest.mark.needs_compiler]


def deep(layers, width):
    """A training step of a deep linear model, and its parameters."""
    x = T.dmatrix("x")
    weights = [tcore.shared(np.random.default_rng(k).normal(size=(width, width)) / width, name=f"w{k}") for k in range(layers)]
    y = x
    for w in weights:
        y = T.tanh(T.dot(y, w))
    cost = (y**2).sum()
    return x, weights, cost, [(w, w - 0.1 * g) for w, g in zip(weights, T.grad(cost, weights), strict=True)]


def test_updates_run_as_soon_as_they_can(backend):
    """Going backward, the value of a layer and its slope go before the next slope is made: what is forward is all that grows."""
    layers, width = 5, 20
    x, _, cost, updates = deep(layers, width)
    f = tcore.function([x], cost, updates=updates)
    plan = f.memory_plan((width, width))
    assert plan.peak <= (layers + 2) * 8 * width**2
    assert plan.without_reuse > (2 * layers - 1) * 8 * width**2


def test_values_are_right_in_any_order(backend):
    """The same training in the order of the graph, by NumPy."""
    results = []
    for name in ("cpu", "numpy"):
        x, weights, cost, updates = deep(4, 7)
        with tcore.config.change_flags(backend=name):
            f = tcore.function([x], cost, updates=updates)
        costs = [float(f(np.random.default_rng(9).normal(size=(5, 7)))) for _ in range(3)]
        results.append([costs, *(w.get_value() for w in weights)])
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_nothing_is_overwritten_before_a_step_in_python(backend):
    """Updates in place do not pass a node in Python that stood before them: it may fail. Without one, they run early."""

    @as_op(itypes=[T.dmatrix], otypes=[T.dmatrix])
    def checked(v):
        return v

    early = {}
    for in_python in (False, True):
        x, weights, cost, updates = deep(4, 6)
        last = T.grad(cost, weights[0])
        f = tcore.function([x], [cost, checked(last) if in_python else last + 1], updates=updates)
        order = [node for step in f.memory_plan().steps for node in step]
        place = {node: k for k, node in enumerate(order)}
        reports = f.explain().nodes
        updating = [report.position for report in reports if report.node.startswith("Gemm{inplace}")]
        early[in_python] = [u for u in updating if any(place[u] < place[k] for k in range(u) if k not in updating)]
        assert len(updating) >= 3
        assert [report.position for report in reports if report.runs_on == "Python"] != [] if in_python else True
    assert early[False]
    assert not early[True]
