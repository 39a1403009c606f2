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


@as_op(itypes=[T.dmatrix], otypes=[T.dmatrix], infer_shape=lambda fgraph, shapes: [shapes[0]])
def in_order(v):
    return np.sort(v, axis=1)


OPERATIONS = [
    lambda a, b: T.tanh(a), lambda a, b: a * b, lambda a, b: T.dot(a, b) / 4, lambda a, b: a.T, lambda a, b: T.softmax(a),
    lambda a, b: a - b.sum(axis=0), lambda a, b: T.set_subtensor(a[1:3], b[0:2]), lambda a, b: T.inc_subtensor(a[:, 0], b[1]),
    lambda a, b: a[::-1], lambda a, b: in_order(a), lambda a, b: a + T.dot(b.T, a) / 9,
]  # fmt: skip


def random_graph(seed):
    """Matrices from one another, with nodes in Python, views, work in place, and updates that read what others overwrite."""
    rng = np.random.default_rng(seed)
    shared = [tcore.shared(rng.normal(size=(4, 4)) / 3, name=f"s{k}") for k in range(3)]
    x = T.dmatrix("x")
    pool = [x, *shared]

    def some():
        return pool[rng.integers(len(pool))]

    for _ in range(rng.integers(8, 25)):
        pool.append(OPERATIONS[rng.integers(len(OPERATIONS))](some(), some()))
    updates = [(s, T.tanh(some()) - 0.1 * s) if rng.random() < 0.5 else (s, s - 0.1 * T.tanh(T.dot(some(), some()))) for s in shared]
    return x, [some(), some()], updates, shared


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs(seed, backend):
    """With memory that is taken over and without, results and updates are those of NumPy; every size is planned."""
    found = []
    for name, collect in (("cpu", True), ("cpu", False), ("numpy", True)):
        x, outputs, updates, shared = random_graph(seed)
        with tcore.config.change_flags(backend=name, allow_gc=collect):
            f = tcore.function([x], outputs, updates=updates, on_unused_input="ignore")
        results = [value for k in range(2) for value in f(np.random.default_rng(k).normal(size=(4, 4)))]
        assert f.memory_plan((4, 4)).peak is not None
        found.append([*results, *(s.get_value() for s in shared)])
    for one, other, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(one, other)
