"""Walks over graphs."""

from collections import deque

import pytest

from tcore.graph import (
    Apply,
    Op,
    ancestors,
    as_string,
    general_toposort,
    inputs,
    io_connection_pattern,
    io_toposort,
    is_in_ancestors,
    list_of_nodes,
    nodes_constructed,
    op_as_string,
    ops,
    orphans,
    stack_search,
    variables,
    variables_and_orphans,
    view_roots,
)
from tcore.scalar import add, exp, float64, mul, neg, second


@pytest.fixture
def x():
    return float64("x")


@pytest.fixture
def y():
    return float64("y")


def test_ancestors_are_left_first(x, y):
    """The variables themselves, then what they need, left before right and depth first."""
    product = mul(x, y)
    total = add(product, x)
    assert ancestors([total]) == [total, product, x, y]
    assert inputs([total]) == [x, y]


def test_ancestors_stop_at_blockers(x, y):
    """A blocker is found, what lies below it is not."""
    product = mul(x, y)
    assert ancestors([neg(product)], blockers=[product])[1:] == [product]


def test_orphans_and_variables(x, y):
    """Orphans come in depth-first order and count constants; variables are a set with both ends."""
    total = add(x, y)
    assert orphans([x], [total]) == [y]
    assert variables([x], [total]) == {x, y, total}
    both, missing = variables_and_orphans([x], [add(total, 2.0)])
    assert missing[0] is y
    assert len(missing) == 2
    assert total in both


def test_ops_are_nodes(x, y):
    """``ops`` is a set of Apply nodes; owners of the inputs do not count."""
    inner = mul(x, y)
    outer = neg(inner)
    assert ops([x, y], [outer]) == {inner.owner, outer.owner}
    assert ops([inner], [outer]) == {outer.owner}
    assert list_of_nodes([x, y], [outer]) == [outer.owner, inner.owner]


def test_stack_search_empties_start_and_finds_each_once():
    """Repeated starts count once; the deque is empty afterwards."""
    start = deque("nnm")
    assert stack_search(start, lambda _: None) == ["n", "m"]
    assert len(start) == 0


def test_stack_search_orders_and_inverse():
    """Breadth first serves the nearest, depth first the last neighbour; the inverse tells who led where."""
    edges = {"a": ["b", "c"], "b": ["d"], "c": ["d"]}
    assert stack_search(deque("a"), edges.get) == ["a", "b", "c", "d"]
    found, inverse = stack_search(deque("a"), edges.get, "dfs", build_inv=True)
    assert found == ["a", "c", "d", "b"]
    assert sorted(inverse["d"]) == ["b", "c"]
    with pytest.raises(ValueError, match="'bfs' or 'dfs'"):
        stack_search(deque("a"), edges.get, "sideways")


def test_general_toposort_asks_once_and_fills_clients():
    """Dependencies first, each asked for once."""
    edges = {"a": ["b", "c"], "b": ["c"], "c": []}
    asked = []
    clients = {}

    def deps(node):
        asked.append(node)
        return edges[node]

    order = general_toposort(["a"], deps, clients=clients)
    assert order == ["c", "b", "a"]
    assert sorted(asked) == ["a", "b", "c"]
    assert sorted(clients["c"]) == ["a", "b"]


def test_general_toposort_refuses_sets_and_cycles(capsys):
    """A set has no fixed order; a cycle is named, and both lists are printed on request."""
    with pytest.raises(TypeError, match="set"):
        general_toposort(["a"], lambda _: {"b"})
    edges = {"a": ["b"], "b": ["c"], "c": ["b"]}
    with pytest.raises(ValueError, match="b needs c needs b"):
        general_toposort(["a"], edges.get, debug_print=True)
    assert "waiting" in capsys.readouterr().out


def test_general_toposort_with_a_cache():
    """``deps`` may be None where a function fills a cache."""
    edges = {"a": ["b"], "b": []}
    cache = {}

    def compute(node):
        cache[node] = edges[node]
        return cache[node]

    assert general_toposort(["a"], None, compute_deps_cache=compute, deps_cache=cache) == ["b", "a"]
    assert cache == edges
    with pytest.raises(ValueError, match="compute_deps_cache needs a dict deps_cache, which it fills"):
        general_toposort(["a"], None, compute_deps_cache=compute)
    with pytest.raises(ValueError, match="needs deps, or compute_deps_cache"):
        general_toposort(["a"], None)


def test_general_toposort_of_what_is_needed_twice():
    """Once, before both that need it; a dict given as cache tells afterwards who needs what."""
    edges = {"a": ["b", "c"], "c": ["b"], "b": []}
    cache = {}
    assert general_toposort(["a"], edges.get, deps_cache=cache) == ["b", "c", "a"]
    assert cache == edges


def test_io_toposort_respects_orderings(x):
    """An ordering between independent nodes decides; without one the last input comes first."""
    first, last = neg(x), exp(x)
    total = add(first, last)
    assert io_toposort([x], [total]) == [last.owner, first.owner, total.owner]
    ordered = io_toposort([x], [total], orderings={last.owner: [first.owner]})
    assert ordered == [first.owner, last.owner, total.owner]
    with pytest.raises(ValueError, match="cycle"):
        io_toposort([x], [total], orderings={first.owner: [total.owner]})
    with pytest.raises(TypeError, match="set"):
        io_toposort([x], [total], orderings={last.owner: {first.owner}})


def test_is_in_ancestors(x):
    """Up from a node, not down."""
    inner = neg(x)
    outer = exp(inner)
    assert is_in_ancestors(outer.owner, inner.owner)
    assert not is_in_ancestors(inner.owner, outer.owner)
    assert not is_in_ancestors(mul(outer, neg(outer)).owner, exp(x).owner)


def test_connection_pattern_of_a_graph(x, y):
    """One list per input; an op's own pattern is respected."""
    assert io_connection_pattern([x, y], [mul(x, 2.0), add(x, y)]) == [[True, True], [False, True]]
    assert io_connection_pattern([x, y], [second(x, y)]) == [[False], [True]]


def test_view_roots_follow_view_maps_L14874(x):
    """Through views to what is viewed; a fresh value is its own root."""

    class View(type(neg)):
        view_map = {0: [0]}

    viewed = View()(View()(x))
    assert view_roots(viewed) == [x]
    total = neg(x)
    assert view_roots(total) == [total]
    assert view_roots(Both()(viewed, x)) == [x]


def test_as_string_marks_shared_parts(x, y):
    """``*1 -> text`` at the first place, ``*1`` afterwards."""
    shared = add(y, x)
    assert as_string([x, y], [mul(shared, neg(shared))]) == ["mul(*1 -> add(y, x), neg(*1))"]
    assert op_as_string([x, y], shared.owner) == "add(y, x)"
    assert as_string([x], [Pair()(x)[1]]) == ["pair(x)::1"]
    assert as_string([x], [neg(x)], leaf_formatter=lambda v: v.name.upper()) == ["neg(X)"]


def test_deep_graphs_need_no_recursion(x):
    """A chain of 20,000 nodes is walked within the default recursion limit."""
    chain = x
    for _ in range(20_000):
        chain = neg(chain)
    assert len(io_toposort([x], [chain])) == 20_000
    assert len(ancestors([chain])) == 20_001
    assert as_string([x], [chain])[0].startswith("neg(neg(")
    assert io_connection_pattern([x], [chain]) == [[True]]


def test_nodes_constructed_sees_new_variables(x):
    """Contexts may be nested, and end also with an error."""
    with nodes_constructed() as outer:
        a = neg(x)
        with nodes_constructed() as inner:
            b = neg(a)
        with pytest.raises(RuntimeError), nodes_constructed():
            raise RuntimeError
    c = neg(b)
    assert outer == [a, b]
    assert inner == [b]
    assert c not in outer


def test_apply_takes_variables_only(x):
    """Plain values are refused, and an output that has an owner."""
    with pytest.raises(TypeError, match="input 1 of neg is 3"):
        Apply(neg, [x, 3], [float64()])
    taken = neg(x)
    with pytest.raises(ValueError, match="already belongs"):
        Apply(neg, [x], [taken])
    parents = taken.owner.get_parents()
    parents.clear()
    assert taken.owner.inputs == [x]


class Pair(Op):
    """Two outputs."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])

    def __str__(self):
        return "pair"


class Both(Op):
    """Its output may use the memory of either input."""

    __props__ = ()
    view_map = {0: [0, 1]}

    def make_node(self, x, y):
        return Apply(self, [x, y], [x.type()])
