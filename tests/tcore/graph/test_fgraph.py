"""FunctionGraph and its features."""

import pytest

from tcore.graph import (
    AlreadyThere,
    BadOptimization,
    Bookkeeper,
    Feature,
    FunctionGraph,
    InconsistencyError,
    MissingInputError,
    NodeFinder,
    PrintListener,
    ReplaceValidate,
    is_same_graph,
)
from tcore.scalar import add, exp, float32, float64, mul, neg


class Recorder(Feature):
    """Writes down what happens."""

    def __init__(self):
        self.events = []

    def on_import(self, fgraph, node, reason):
        self.events.append(("import", str(node)))

    def on_prune(self, fgraph, node, reason):
        self.events.append(("prune", str(node)))

    def on_change_input(self, fgraph, node, i, r, new_r, reason=None):
        self.events.append(("change", str(node), i, str(r), str(new_r), reason))


class Refuser(Feature):
    """Objects to every graph that holds an op."""

    def __init__(self, op):
        self.op = op

    def validate(self, fgraph):
        if any(node.op == self.op for node in fgraph.apply_nodes):
            raise InconsistencyError(f"{self.op} is not wanted")


@pytest.fixture
def graph():
    x, y = float64("x"), float64("y")
    return FunctionGraph([x, y], [add(x, mul(x, y))])


def test_clients_are_pairs(graph):
    """(node, input index), and ("output", position); variables of the graph know them."""
    x, y = graph.inputs
    total = graph.outputs[0].owner
    product = total.inputs[1].owner
    assert graph.clients(x) == [(product, 0), (total, 0)]
    assert x.clients == graph.clients(x)
    assert graph.outputs[0].clients == [("output", 0)]
    assert graph.client_count(y) == 1
    with pytest.raises(AttributeError, match="no FunctionGraph"):
        float64("free").clients


def test_inputs_are_checked():
    """A missing input is named with its user; an input has no owner and stands once."""
    x, y = float64("x"), float64("y")
    with pytest.raises(MissingInputError, match=r"needs y.*\n.*given: x\n.*givens") as caught:
        FunctionGraph([x], [add(x, y)])
    assert caught.value.variable is y
    with pytest.raises(ValueError, match="has no owner"):
        FunctionGraph([neg(x)], [x])
    with pytest.raises(ValueError, match="twice"):
        FunctionGraph([x, x], [x])


def test_clone_argument():
    """A clone leaves the user's graph alone; without one the nodes belong to the graph until it disowns them."""
    x = float64("x")
    y = neg(x)
    assert FunctionGraph([x], [y]).outputs[0] is not y
    assert y.fgraph is None
    graph = FunctionGraph([x], [y], clone=False)
    assert y.fgraph is graph
    with pytest.raises(ValueError, match="another FunctionGraph"):
        FunctionGraph([x], [y], clone=False)
    graph.disown()
    assert y.fgraph is None
    FunctionGraph([x], [y], clone=False)


def test_replace(graph):
    """Every user changes; what nobody needs leaves."""
    x, y = graph.inputs
    product = graph.outputs[0].owner.inputs[1]
    graph.replace(product, exp(y))
    assert str(graph) == "[add(x, exp(y))]"
    graph.check_integrity()
    assert product not in graph.variables
    graph.replace(product, x)
    assert str(graph) == "[add(x, exp(y))]"


def test_replace_by_something_that_needs_it(graph):
    """``r -> f(r)``: the new use stays."""
    x, _ = graph.inputs
    graph.replace(x, neg(x))
    assert str(graph) == "[add(*1 -> neg(x), mul(*1, y))]"
    graph.check_integrity()


def test_replace_refuses_other_types_and_graphs(graph):
    """BadOptimization tells both types; a variable of another graph is an error."""
    with pytest.raises(BadOptimization, match="float64 and float32"):
        graph.replace(graph.outputs[0], float32("z"), reason="me")
    other = FunctionGraph([a := float64("a")], [neg(a)])
    with pytest.raises(ValueError, match="another FunctionGraph"):
        graph.replace(other.outputs[0], graph.inputs[0])


def test_refused_import_changes_nothing(graph):
    """A replacement that needs an unknown variable is refused as a whole."""
    before = str(graph)
    with pytest.raises(MissingInputError):
        graph.replace(graph.outputs[0], add(exp(graph.inputs[0]), float64("unknown")))
    assert str(graph) == before
    graph.check_integrity()


def test_events(graph):
    """One import and one prune per node, one change per use."""
    recorder = Recorder()
    graph.attach_feature(recorder)
    x, _ = graph.inputs
    graph.replace(graph.outputs[0].owner.inputs[1], neg(x), reason="why")
    assert recorder.events == [
        ("import", "neg(x)"),
        ("change", "add(x, neg.0)", 1, "mul.0", "neg.0", "why"),
        ("prune", "mul(x, y)"),
    ]


def test_features_attach_once(graph):
    """The same object, or one that says AlreadyThere, is silently left out; detaching undoes attaching."""
    count = len(graph.features)
    graph.attach_feature(ReplaceValidate())
    assert len(graph.features) == count

    class Shy(Feature):
        def on_attach(self, fgraph):
            raise AlreadyThere

    graph.attach_feature(Shy())
    assert len(graph.features) == count
    recorder = Recorder()
    graph.attach_feature(recorder)
    graph.attach_feature(recorder)
    assert len(graph.features) == count + 1
    graph.remove_feature(recorder)
    assert len(graph.features) == count


def test_revert(graph):
    """Back to a checkpoint, pruned nodes included."""
    reference = FunctionGraph(graph.inputs, graph.outputs)
    mark = graph.checkpoint()
    x, y = graph.inputs
    graph.replace(graph.outputs[0].owner.inputs[1], exp(y))
    graph.replace(graph.outputs[0], neg(x))
    graph.revert(mark)
    assert is_same_graph(
        graph.outputs[0], reference.outputs[0], givens=dict(zip(graph.inputs, reference.inputs, strict=True))
    )
    graph.check_integrity()


def test_replace_validate_takes_back(graph):
    """All or nothing, also where a later pair fails."""
    graph.attach_feature(Refuser(exp))
    before = str(graph)
    x, y = graph.inputs
    with pytest.raises(InconsistencyError, match="not wanted"):
        graph.replace_all_validate([(graph.outputs[0].owner.inputs[1], neg(y)), (graph.outputs[0], exp(x))])
    assert str(graph) == before
    assert graph.consistent()
    with pytest.raises(InconsistencyError, match="stays"):
        graph.replace_all_validate_remove([(graph.outputs[0], add(x, graph.outputs[0].owner.inputs[1]))], [
            graph.outputs[0].owner.inputs[1].owner
        ])
    graph.check_integrity()


def test_orderings_of_features(graph):
    """toposort puts what a feature names first; sets are refused."""
    x, _ = graph.inputs
    graph.add_output(neg(x))
    total, negated = graph.outputs[0].owner, graph.outputs[1].owner

    class Order(Feature):
        def __init__(self, value):
            self.value = value

        def orderings(self, fgraph):
            return self.value

    graph.attach_feature(Order({total.inputs[1].owner: [negated]}))
    assert graph.toposort()[0] is negated
    graph.attach_feature(Order({negated: {total}}))
    with pytest.raises(TypeError, match="set"):
        graph.toposort()


def test_bookkeeper_and_node_finder(graph):
    """Nodes that were there count as imported; nodes are found by equal op."""
    seen = []

    class Keeper(Bookkeeper):
        def on_import(self, fgraph, node, reason):
            seen.append((str(node.op), reason))

    graph.attach_feature(Keeper())
    assert seen == [("mul", "on_attach"), ("add", "on_attach")]
    finder = NodeFinder()
    graph.attach_feature(finder)
    assert graph.get_nodes(mul) == [graph.outputs[0].owner.inputs[1].owner]
    graph.replace(graph.outputs[0].owner.inputs[1], graph.inputs[0])
    assert graph.get_nodes(mul) == []


def test_print_listener(graph, capsys):
    """One line an event; silent when not active."""
    listener = PrintListener()
    graph.attach_feature(listener)
    graph.replace(graph.outputs[0], neg(graph.inputs[0]), reason="why")
    text = capsys.readouterr().out
    assert "importing: neg(x), reason: why" in text
    assert "pruning: add(x, mul.0)" in text
    listener.active = False
    graph.replace(graph.outputs[0], exp(graph.inputs[0]))
    assert capsys.readouterr().out == ""


def test_clone_get_equiv(graph):
    """A copy and the way from old to new."""
    copy, equiv = graph.clone_get_equiv()
    assert equiv[graph.outputs[0]] is copy.outputs[0]
    assert str(copy) == str(graph)
    copy.replace(copy.outputs[0], neg(copy.inputs[0]))
    assert str(copy) != str(graph)
    assert str(graph.clone()) == str(graph)


def test_large_graphs_are_cheap():
    """50,000 nodes build, sort, change and go within the default recursion limit; one variable may have many users."""
    x = float64("x")
    chain = x
    for _ in range(50_000):
        chain = add(chain, x)
    graph = FunctionGraph([x], [chain])
    for node in graph.toposort():
        graph.replace(node.outputs[0], mul(*node.inputs))
    assert all(node.op == mul for node in graph.apply_nodes)
    graph.check_integrity()
