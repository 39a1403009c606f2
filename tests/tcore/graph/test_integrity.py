"""What a damaged graph says: ``check_integrity`` names the first thing that is not as the graph believes."""

import pytest

from tcore.graph import FunctionGraph
from tcore.scalar import add, exp, float64, mul, neg


@pytest.fixture
def graph():
    x, y = float64("x"), float64("y")
    return FunctionGraph([x, y], [add(x, mul(x, y))])


def foreign_node(graph):
    graph.outputs[0].owner.fgraph = None


def unknown_node(graph):
    graph.outputs[0].owner.inputs[1] = neg(graph.inputs[0])


def wrong_index(graph):
    graph.outputs[0].index = 1


def wrong_owner(graph):
    graph.outputs[0].owner.outputs[0] = exp(graph.inputs[0])


def foreign_variable(graph):
    graph.inputs[0].fgraph = None


def forgotten_client(graph):
    graph._clients[graph.inputs[1]].clear()


def left_over(graph):
    graph._clients[float64("old")] = {}


def lost_input(graph):
    graph.inputs.pop()


DAMAGES = [
    (foreign_node, r"add\(x, mul.0\) does not know that it belongs to this graph"),
    (unknown_node, r"those that its outputs need differ: mul\(x, y\), neg\(x\)"),
    (wrong_index, r"output 0 of add\(x, mul.0\) says that it is output 1 of add\(x, mul.0\)"),
    (wrong_owner, r"output 0 of add\(x, mul.0\) says that it is output 0 of exp\(x\)"),
    (foreign_variable, "x does not know that it belongs to this graph"),
    (forgotten_client, r"y is used by .*mul.*but the graph knows of \[\]"),
    (left_over, "variables that nobody needs are in the graph: old"),
    (lost_input, "y is neither an input nor a constant nor computed"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
def test_damage_is_named(damage, message, graph):
    """Each with the node or variable concerned."""
    graph.check_integrity()
    damage(graph)
    with pytest.raises(RuntimeError, match=message):
        graph.check_integrity()


def test_a_damaged_graph_is_not_sorted(graph):
    """Nodes that the sort does not meet would silently not run."""
    graph.outputs[0] = graph.inputs[0]
    graph._order = None
    with pytest.raises(RuntimeError, match="2 nodes are in the graph, 0 were sorted: it is damaged"):
        graph.toposort()
