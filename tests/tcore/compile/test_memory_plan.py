"""The plan of a call's memory: what it says of a graph, and that NumPy really takes that much."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.memory_plan import MemoryPlan
from tcore.compile.ops import as_op

KIB = 1024


def compiled(inputs, outputs, *, gc=True, **options):
    """A function whose nodes are run one by one by NumPy."""
    with tcore.config.change_flags(backend="numpy", allow_gc=gc):
        return tcore.function(inputs, outputs, **options)


def products():
    x = T.dmatrix("x")
    return compiled([x], T.dot(T.dot(T.dot(x, x.T), x), x.T), name="products")


def test_lengths_stand_in_the_plan_as_texts():
    """Without arguments; lengths that a type tells are numbers."""
    plan = products().memory_plan()
    assert [value.shape for value in plan.values] == [("x.shape[0]", "x.shape[0]"), ("x.shape[0]", "x.shape[1]"), ("x.shape[0]", "x.shape[0]")]
    assert plan.peak is None
    assert plan.given is None
    assert len(plan.unknown) == 3
    assert "3 of 3 values depend on lengths that are not known" in str(plan)


def test_sizes_from_shapes_or_arguments():
    """A tuple is a shape: the plan needs no example, and computes none."""
    f = products()
    plan = f.memory_plan((30, 20))
    assert plan == f.memory_plan(np.empty((30, 20))) == f.memory_plan(x=(30, 20))
    sizes = [8 * 30 * 30, 8 * 30 * 20, 8 * 30 * 30]
    assert [value.nbytes for value in plan.values] == sizes
    assert plan.peak == 8 * 30 * 30 + 8 * 30 * 20
    assert plan.results == sizes[-1]
    assert plan.without_reuse == sum(sizes)
    assert plan.given == 8 * 30 * 20


def test_nodes_have_the_numbers_and_names_of_explain():
    f = products()
    plan, explained = f.memory_plan((4, 3)), f.explain()
    assert isinstance(plan, MemoryPlan)
    assert (plan.linker, plan.backend) == (explained.linker, explained.backend)
    assert plan.steps == tuple((report.position,) for report in explained.nodes)
    for value in plan.values:
        assert explained.nodes[value.node].node.startswith(value.value.removesuffix(".0"))
    assert [value.memory for value in plan.values] == ["array", "array", "result"]


def test_a_profile_calls_nodes_by_the_same_names():
    """What ``explain`` and the plan number is what a profile times."""
    x = T.dmatrix("x")
    profile = tcore.compile.ProfileStats(atexit_print=False)
    f = compiled([x], T.exp(T.dot(x, x.T)).sum(axis=0), profile=profile)
    f(np.ones((2, 3)))
    explained = [report.node for report in f.explain().nodes]
    assert sorted(str(record.node) for record in profile.records.values()) == sorted(explained)
    assert max(node for step in f.memory_plan().steps for node in step) == len(explained) - 1


def test_printed():
    assert str(products().memory_plan((300, 700))).splitlines() == [
        "products: linker VMLinker, backend numpy; at most 2.4 MB at once, at node 2",
        "  results 720 KB; each value in memory of its own would take 3.12 MB",
        "  before the call: arguments, shared values and constants, 1.68 MB",
        "  #  value    dtype    shape        bytes  memory  nodes  in place",
        "  1  Dot22.0  float64  300 x 300   720 KB  array   1-2",
        "  2  Dot22.0  float64  300 x 700  1.68 MB  array   2-3",
        "  3  Dot22.0  float64  300 x 300   720 KB  result  3-3",
        "  intermediate values give their memory back after the last node that reads them",
    ]


def test_chart():
    """The largest first, a column for each step."""
    assert products().memory_plan((300, 700)).chart().splitlines() == [
        "     2  array        1.68 MB  ··██",
        "     1  array         720 KB  ·██·",
        "     3  result        720 KB  ···█",
    ]


def test_without_collection_everything_stays():
    x = T.dmatrix("x")
    y = T.dot(T.dot(x, x), x)
    kept, freed = compiled([x], T.dot(y, x), gc=False), compiled([x], T.dot(y, x))
    assert kept.memory_plan((10, 10)).peak == 3 * 800
    assert freed.memory_plan((10, 10)).peak == 2 * 800
    assert "allow_gc=False: intermediate values keep their memory" in str(kept.memory_plan((10, 10)))


def test_work_in_place_and_views_take_no_memory():
    """The product is made once, then overwritten; its transpose is a view."""
    x, w = T.dmatrix("x"), tcore.shared(np.zeros((3, 3)), name="w")
    f = compiled([x], T.exp(T.dot(x, x)).T, updates=[(w, w + 1)])
    plan = f.memory_plan((3, 3))
    (product,) = plan.values
    assert plan.updated_in_place == ("w",)
    assert "updated in place: w" in str(plan)
    assert product.memory == "result"
    assert len(product.in_place) == 1
    assert plan.peak == 72


def test_lengths_from_values_of_arguments():
    """arange is as long as its argument says; a tuple would be a shape, which tells nothing of it."""
    n = T.lscalar("n")
    f = compiled([n], T.arange(n) * 2.0)
    assert f.memory_plan(1000).peak in (16_000, 8_000)  # NumPy's loop may or may not be one node
    assert f.memory_plan().peak is None


def test_values_of_unknown_length():
    """An op that does not say how long its result is; and so for what follows from it."""

    @as_op(itypes=[T.dvector], otypes=[T.dvector])
    def positive(v):
        return v[v > 0]

    x = T.dvector("x")
    plan = compiled([x], T.exp(positive(x))).memory_plan((100,))
    assert plan.peak is None
    assert {value.shape for value in plan.values} == {("?",)}


def test_nothing_to_plan():
    x = T.dmatrix("x")
    plan = compiled([tcore.In(x, borrow=True)], tcore.Out(x.T, borrow=True)).memory_plan((3, 2))
    assert (plan.peak, plan.values) == (0, ())
    assert "no value needs memory" in str(plan)
    assert compiled([], []).memory_plan().peak == 0


def test_only_the_largest_rows_are_shown():
    """At most a screen; the rest is summed up."""
    x = T.dmatrix("x")
    y = x
    for _ in range(40):
        y = T.dot(y, x)
    text = str(compiled([x], y).memory_plan((10, 10)))
    assert len(text.splitlines()) < 30
    assert "and 20 smaller values, 16 KB" in text


@pytest.mark.parametrize(
    ("arguments", "named", "error", "message"),
    [
        (((3, 2), (3, 2)), {}, TypeError, "takes 1 arguments, memory_plan got 2"),
        ((), {"z": (3, 2)}, TypeError, "has no argument 'z'; it has x"),
        (((3,),), {}, ValueError, r"the argument x has 2 dimensions, memory_plan got the shape \(3,\)"),
    ],
)
def test_wrong_arguments(arguments, named, error, message):
    with pytest.raises(error, match=message):
        products().memory_plan(*arguments, **named)


GRAPHS = {
    "products": lambda x, y: T.dot(T.dot(T.dot(x, y), x), y),
    "results": lambda x, y: [T.exp(x), T.dot(x, y)],
    "different sizes": lambda x, y: T.dot(T.tanh(T.dot(x, y)), T.dot(x, T.exp(T.dot(y, x)).sum(axis=0))),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_peak_is_what_numpy_takes(graph):
    """Measured: NumPy tells tracemalloc of its memory."""
    x, y = T.dmatrices("x", "y")
    f = compiled([x, y], GRAPHS[graph](x, y))
    arguments = np.random.default_rng(0).normal(size=(2, 150, 350))
    arguments = arguments[0], arguments[1].reshape(350, 150)
    f(*arguments)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        f(*arguments)
        most = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert most == pytest.approx(f.memory_plan(*arguments).peak, abs=10 * KIB)


@pytest.mark.backends("opencl")
def test_on_a_device(backend):
    """Arrays on the device between two steps have memory; numbers inside of a kernel have none."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.exp(T.dot(x, x)).sum(axis=0) + 1)
    plan = f.memory_plan((30, 30))
    kernels = {kernel.nodes for kernel in f.explain().kernels}
    assert kernels <= {tuple(sorted(step)) for step in plan.steps}
    inside = {node for nodes in kernels for node in nodes[:-1]}
    assert not inside & {value.node for value in plan.values}
    assert plan.peak == 2 * 8 * 30 * 30  # the argument and its product
    assert plan.results == 8 * 30
