"""The plan of a native program: its buffers are those that the runtime has, and no others."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.ops import as_op
from tcore.tensor import linalg
from tcore_cpu.runtime.loading import runtime, runtime_kind

pytestmark = [pytest.mark.backends("cpu"), pytest.mark.needs_compiler]


def same_shape(fgraph, shapes):
    return [shapes[0]]


@as_op(itypes=[T.dmatrix], otypes=[T.dmatrix], infer_shape=same_shape)
def in_order(v):
    return np.sort(v, axis=1)


def measured(f, *arguments):
    """Bytes that a call takes at once, in blocks of 256 KiB and more."""
    f(*arguments)
    before = runtime().memory_watch()
    f(*arguments)
    return runtime().memory_most() - before


def perceptron():
    """A training step: two layers, softmax, updates."""
    rng = np.random.default_rng(0)
    x, y = T.dmatrix("x"), T.lvector("y")
    layers = [tcore.shared(rng.normal(size=shape) / 9, name=name) for name, shape in [("a", (300, 500)), ("b", (500, 400)), ("c", (400, 10))]]
    p = T.softmax(T.dot(T.tanh(T.dot(T.tanh(T.dot(x, layers[0])), layers[1])), layers[2]))
    cost = -T.log(p[T.arange(y.shape[0]), y]).mean()
    updates = [(w, w - 0.1 * g) for w, g in zip(layers, T.grad(cost, layers), strict=True)]
    return tcore.function([x, y], cost, updates=updates), rng.normal(size=(200, 300)), rng.integers(0, 10, 200)


def two_matrices(outputs):
    x, y = T.dmatrices("x", "y")
    arguments = np.random.default_rng(0).normal(size=(2, 300, 700))
    return tcore.function([x, y], outputs(x, y)), arguments[0], arguments[1].reshape(700, 300)


def training_loop():
    """A recurrence and its gradient, which multiply by a matrix at each step."""
    x, h, w = T.dmatrix("x"), T.dvector("h"), T.dmatrix("w")
    rows, _ = tcore.scan(lambda v, h, w: T.tanh(v + T.dot(h, w)), x, h, w)
    arguments = np.ones((1000, 150)), np.ones(150), np.random.default_rng(0).normal(size=(150, 150)) / 20
    return tcore.function([x, h, w], [rows, T.grad(rows.sum(), w)]), *arguments


def memory_of_indices():
    """Rows that a vector of numbers chooses, sorted, and written to other rows."""
    x, v = T.dmatrix("x"), T.lvector("v")
    rng = np.random.default_rng(0)
    chosen = T.sort(T.exp(x)[v], axis=1)
    return tcore.function([x, v], T.inc_subtensor(T.zeros_like(x)[v], 2 * chosen)), rng.normal(size=(500, 300)), rng.permutation(500)[:300]


def loop(step, rows, columns, **options):
    """The last row of what four steps make of a matrix and another one."""
    x, w = T.dmatrices("x", "w")
    last = tcore.scan(step, outputs_info=x, non_sequences=w, n_steps=4)[0][-1]
    rng = np.random.default_rng(0)
    return tcore.function([x, w], last, **options), rng.normal(size=(rows, 300)), rng.normal(size=(300, columns)) / 30


def loop_inside(h, w):
    """The steps of a loop inside of a step."""
    return tcore.scan(lambda g, w: T.tanh(T.dot(T.exp(T.dot(g, w)), w.T)), outputs_info=h, non_sequences=w, n_steps=3)[0][-1]


GRAPHS = {
    "perceptron": perceptron,
    "matrices in a loop": lambda: loop(lambda h, w: T.tanh(T.dot(T.tanh(T.dot(h, w)), w.T) + h), 300, 200),
    "different sizes in a loop": lambda: loop(lambda h, w: T.dot(T.exp(T.dot(h, w)), w.T) - T.dot(T.dot(h, h.T), h), 400, 250),
    "loop in a loop": lambda: loop(loop_inside, 250, 400),
    "a loop's step with lengths of values": lambda: loop(lambda h, w: h + T.dot(h, T.ones((h.shape[1], 3 * w.shape[1])))[:, :300], 500, 100),
    "factors in a loop": lambda: loop(lambda h, w: linalg.solve(T.dot(w, w.T), linalg.solve(T.dot(w, w.T), h)), 300, 300),
    "products": lambda: two_matrices(lambda x, y: T.dot(T.dot(T.dot(x, y), x), y)),
    "results": lambda: two_matrices(lambda x, y: [T.exp(x), T.dot(x, y), T.dot(T.dot(y, x), y)]),
    "different sizes": lambda: two_matrices(lambda x, y: T.dot(T.tanh(T.dot(x, y)), T.dot(x, T.exp(T.dot(y, x)).sum(axis=0)))),
    "recurrence": training_loop,
    "rows by number": memory_of_indices,
    "prefixes": lambda: two_matrices(lambda x, y: T.cumsum(T.dot(x, y), axis=0) * T.cumsum(x, axis=1).sum()),
    "joined": lambda: two_matrices(lambda x, y: T.dot(T.concatenate([x, y.T], axis=0), y)),
    "sorted": lambda: two_matrices(lambda x, y: T.dot(T.sort(T.dot(x, y), axis=0), x)),
    "reductions": lambda: two_matrices(lambda x, y: T.dot(x - x.mean(axis=0), y / y.std(axis=0))),
    "gradient of softmax": lambda: two_matrices(lambda x, y: T.grad(T.log(T.softmax(T.dot(x, y))).sum(), x)),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_peak_is_what_a_call_takes(graph, backend):
    """Measured by the runtime; small buffers are no blocks, and stay from call to call."""
    f, *arguments = GRAPHS[graph]()
    plan = f.memory_plan(*arguments)
    assert str(pickle.loads(pickle.dumps(f)).memory_plan(*arguments)) == str(plan)
    assert all(value.memory.startswith("buffer") or value.memory in ("array", "result") for value in plan.values)
    small = sum(value.nbytes for value in plan.values if value.nbytes < 1 << 18)
    found = measured(f, *arguments)
    assert found - len(plan.values) <= plan.peak
    if runtime_kind() == "extension":  # else NumPy makes the results, too
        assert plan.peak <= found + small
    assert plan.peak <= plan.without_reuse


def test_factors_that_equations_share(backend):
    """The factors of a matrix are there from the first equation with it to the last, and what LAPACK works in is told beside."""
    a, b = T.dmatrices("a", "b")
    x = linalg.solve(a, b)
    f = tcore.function([a, b], [x, T.grad(T.sqr(x).sum(), b)])
    plan = f.memory_plan((40, 40), (40, 30))
    factors, pivots = [next(value for value in plan.values if value.value == f"{what} of a") for what in ("factors", "pivots")]
    numbers = [k for k, node in enumerate(f.maker.fgraph.toposort()) if isinstance(node.op, linalg.Solve)]
    assert (factors.dtype, factors.shape, factors.nbytes) == ("float64", (40, 40), 12_800)
    assert (pivots.dtype, pivots.shape, pivots.nbytes) == ("int32", (40,), 160)
    for work in (factors, pivots):
        assert [work.node, work.read_until] == [numbers[0], numbers[-1]]
    assert "LAPACK's workspace" in str(plan)
    assert str(pickle.loads(pickle.dumps(f)).memory_plan((40, 40), (40, 30))) == str(plan)
    once = tcore.function([a, b], x).memory_plan((40, 40), (40, 30))
    assert [value.memory for value in once.values] == ["result"]


@pytest.mark.parametrize(("width", "copies"), [(180, 1), (500, 0)])
def test_matrix_of_a_loop(width, copies, backend):
    """A matrix that every step multiplies by is copied for them once, unless it is too large for the nearest caches."""
    x, w = T.dvector("x"), T.dmatrix("w")
    last = tcore.scan(lambda h, w: T.tanh(T.dot(w, h)), outputs_info=x, non_sequences=w, n_steps=50)[0][-1]
    plan = tcore.function([x, w], last).memory_plan((width,), (width, width))
    assert [value.nbytes for value in plan.values if value.value == "a copy of w"] == [8 * width * width] * copies


def test_values_of_a_loops_steps(backend):
    """Each has a line, at the loop, which tells how long it is there: other steps of the program know nothing of it."""
    x, w = T.dmatrices("x", "w")
    last = tcore.scan(lambda h, w: T.tanh(T.dot(T.tanh(T.dot(h, w)), w.T)), outputs_info=x, non_sequences=w, n_steps=4)[0][-1]
    f = tcore.function([x, w], last)
    plan = f.memory_plan((30, 40), (40, 50))
    (number,) = [k for k, node in enumerate(f.maker.fgraph.toposort()) if str(node.op).startswith("for")]
    inside = [value for value in plan.values if value.value.startswith("a step's")]
    assert [value.shape for value in inside if value.dtype == "float64"] == [(30, 50), (30, 40)]
    assert {value.node for value in plan.values if value in inside or value.value.startswith("places of")} == {number}
    steps = [k for k, nodes in enumerate(plan.steps) if nodes == (number,)]
    assert all(steps[0] < value.first <= value.last < steps[-1] for value in inside)
    assert next(value.shape for value in f.memory_plan().values if value.value == inside[0].value) == ("x.shape[0]", "w.shape[1]")


@pytest.mark.parametrize("rows", [3000, 100])
def test_blocks_of_a_product(rows, backend):
    """What lies between a product and the kernel behind it is as large as the runtime makes it; a short one is one block."""
    x, w = T.dmatrices("x", "w")
    f = tcore.function([x, w], T.tanh(T.dot(x, w)).sum(axis=1))
    arguments = np.ones((rows, 40)), np.ones((40, 9000 if rows == 100 else 700))
    with tcore.config.change_flags(threads=1):
        try:
            runtime().set_threads(1)
            plan, found = f.memory_plan(*arguments), measured(f, *arguments)
        finally:
            runtime().set_threads(0)
    product = plan.values[0]
    assert product.value == ("rows of Dot22.0" if rows == 100 else "blocks of Dot22.0")
    assert found - 2 <= product.nbytes == plan.peak - 8 * rows <= found


def test_dead_arrays_of_python_steps_go(backend):
    """Five matrices one after the other: never more than two of them at once."""
    x = T.dmatrix("x")
    y = x
    for _ in range(5):
        y = in_order(T.exp(y))
    f = tcore.function([x], y)
    value = np.random.default_rng(0).normal(size=(300, 500))
    plan = f.memory_plan(value)
    assert plan.peak == 2 * value.nbytes
    kernels = measured(f, value)  # NumPy's sort makes its results by itself
    assert kernels <= value.nbytes + 1


def test_buffers_of_one_size_are_taken_over(backend):
    """A chain of products between two sizes needs no third buffer, however long."""
    x = T.dmatrix("x")
    y = x
    for _ in range(6):
        y = T.dot(T.dot(y, x.T), x)
    f = tcore.function([x], y)
    plan = f.memory_plan((50, 80))
    assert {value.memory for value in plan.values} == {"buffer 0", "buffer 1", "result"}


def test_kernels_are_one_step(backend):
    """A value inside of a kernel has no memory; the plan tells of tiles and rows instead."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.log(T.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1)))
    plan = f.memory_plan((100, 50))
    assert [value.memory for value in plan.values] == ["result"]
    assert plan.peak == 800
    kernels = [tuple(sorted(kernel.nodes)) for kernel in f.explain().kernels]
    assert set(kernels) <= {tuple(sorted(step)) for step in plan.steps}
    assert "inside of kernels: at most" in str(plan)


@pytest.mark.parametrize("linker", ["c|py", "vm"])
def test_node_by_node(linker, backend):
    """Other linkers give every node an array."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.dot(T.dot(x, x), x), mode=tcore.Mode(linker, "fast_run"))
    plan = f.memory_plan((20, 20))
    assert [value.memory for value in plan.values] == ["array", "result"]
    assert plan.peak == 2 * 3200


def test_of_a_pickled_function(backend):
    """The plan is part of the program that a pickle holds."""
    f, *arguments = perceptron()
    assert pickle.loads(pickle.dumps(f)).memory_plan(*arguments).values == f.memory_plan(*arguments).values


def kept_and_freed():
    """The same function, with and without collection: a product, a step in Python, a kernel, a result."""
    x = T.dmatrix("x")
    middle = T.dot(in_order(T.dot(x, x.T)), x)
    made = []
    for collect in (False, True):
        with tcore.config.change_flags(allow_gc=collect):
            made.append(tcore.function([x], T.exp(middle).sum(axis=0)))
    return made


def test_values_stay_without_collection(backend):
    """``allow_gc=False``: what calls computed can be looked at, is not overwritten by later values, and goes when asked to."""
    kept, freed = kept_and_freed()
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(kept(value), freed(value))
    product = value @ value.T
    ordered = np.sort(product, axis=1)
    for f, wanted in ((kept, [product, ordered]), (freed, [None] * 2)):
        cells = f.fn.storage_map
        nodes = [node for node in f.maker.fgraph.toposort() if not node.op.view_map][:2]
        for node, array in zip(nodes, wanted, strict=True):
            np.testing.assert_array_equal(cells[node.outputs[0]][0], array)
    assert not kept.fn.allow_gc
    assert "[array([[ 5., 14.]" in tcore.printing.debugprint(kept, print_storage=True, file="str")
    kept.free()
    assert "[array(" not in tcore.printing.debugprint(kept, print_storage=True, file="str")


def test_memory_stays_without_collection(backend):
    """A second call allocates results only, the plan says so, and results of earlier calls are nobody's memory."""
    kept, _ = kept_and_freed()
    value = np.random.default_rng(0).normal(size=(300, 400))
    plan = kept.memory_plan(value)
    assert plan.peak == plan.without_reuse
    assert not plan.allow_gc
    first = kept(value)
    before = first.copy()
    held = runtime().memory_watch()
    kept(2 * value)
    np.testing.assert_array_equal(first, before)
    assert runtime().memory_most() - held <= 8 * 300 * 300  # no more than the array that the step in Python reads
    kept.free()
    assert runtime().memory_watch() < held
