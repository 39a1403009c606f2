"""FunctionGraph and its features."""

import pytest

from tcore.configuration import config
from tcore.graph import (
    AlreadyThere,
    Apply,
    BadOptimization,
    Bookkeeper,
    Constant,
    Feature,
    FunctionGraph,
    InconsistencyError,
    MissingInputError,
    NodeFinder,
    Op,
    PrintListener,
    ReplaceValidate,
    is_same_graph,
)
from tcore.graph.features import History, Validator
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
    """20,000 nodes build, sort, change and go within the default recursion limit; one variable may have many users."""
    x = float64("x")
    chain = x
    for _ in range(20_000):
        chain = add(chain, x)
    graph = FunctionGraph([x], [chain])
    for node in graph.toposort():
        graph.replace(node.outputs[0], mul(*node.inputs))
    assert all(node.op == mul for node in graph.apply_nodes)
    graph.check_integrity()


class Objecting(Feature):
    """Objects to one event, when it has come ``after`` times."""

    def __init__(self, event, after=0, error=InconsistencyError):
        self.count = 0

        def object_(*args, **kwargs):
            self.count += 1
            if self.count == after + 1:
                raise error("no")

        setattr(self, event, object_)


@pytest.mark.parametrize("whole", [False, True])
def test_objection_to_a_later_use(whole):
    """The users that had changed change back, in a replacement alone and in one of many, and stand in the order of before."""
    x, y = float64("x"), float64("y")
    graph = FunctionGraph([x, y], [exp(x), neg(x), mul(x, y), x], clone=False)
    before, users = str(graph), graph.clients(x)
    recorder = Recorder()
    graph.attach_feature(recorder)
    graph.attach_feature(Objecting("on_change_input", after=2))
    with pytest.raises(InconsistencyError, match="no"):
        graph.replace_all_validate([(x, exp(y))]) if whole else graph.replace(x, exp(y))
    assert str(graph) == before
    assert graph.clients(x) == users
    graph.check_integrity()
    mark = graph.checkpoint()
    graph.revert(mark)
    assert str(graph) == before
    changes = [event for event in recorder.events if event[0] == "change"]
    assert [event[3:5] for event in changes] == [("x", "exp.0")] * 3 + [("exp.0", "x")] * 3


def test_history_forgets_what_was_taken_back(graph):
    """A change that another feature refused is no step of the way back."""
    x, y = graph.inputs
    mark = graph.checkpoint()
    objecting = Objecting("on_change_input")
    graph.attach_feature(objecting)
    with pytest.raises(InconsistencyError):
        graph.replace(x, y)
    graph.remove_feature(objecting)
    graph.replace(graph.outputs[0], exp(y))
    graph.revert(mark)
    assert str(graph) == "[add(x, mul(x, y))]"


@pytest.mark.parametrize("feature", [History, Validator, ReplaceValidate])
def test_every_graph_can_replace_and_validate(feature):
    """Whatever is attached: a History or a Validator alone adds nothing to what the graph has."""
    x = float64("x")
    graph = FunctionGraph([x], [neg(x)], features=[feature()])
    graph.replace_all_validate([(graph.outputs[0], exp(graph.inputs[0]))])
    assert str(graph) == "[exp(x)]"
    assert len(graph.features) == 1


def test_a_history_serves_one_graph(graph):
    """And forgets its marks when it is taken out."""
    history = graph.features[0]
    other = FunctionGraph([float64("x")], [])
    other.remove_feature(other.features[0])
    with pytest.raises(ValueError, match="a ReplaceValidate serves one graph, and is attached to another already"):
        other.attach_feature(history)
    other.remove_feature(history)
    mark = graph.checkpoint()
    nested = graph.checkpoint()
    history.release(nested)
    graph.replace(graph.outputs[0], exp(graph.inputs[0]))
    graph.remove_feature(history)
    assert not hasattr(graph, "revert")
    history.release(mark)
    other.attach_feature(history)
    other.add_output(other.inputs[0])
    mark = other.checkpoint()
    other.replace(other.outputs[0], exp(other.inputs[0]))
    other.revert(mark)
    assert str(other) == "[x]"


def test_constants_of_another_graph_come_in_as_copies(graph):
    """One copy for all users, also of those that a new node brings along; the other graph keeps its own."""
    x, _ = graph.inputs
    other = FunctionGraph([z := float64("z")], [add(z, Constant(float64, 2.0))], clone=False)
    two = other.outputs[0].owner.inputs[1]
    graph.replace(x, two)
    (mine,) = {node.inputs[0] for node in graph.apply_nodes}
    assert mine is not two
    assert (mine.data, mine.fgraph, two.fgraph) == (2.0, graph, other)
    product = mul(graph.inputs[1], two)
    graph.replace(graph.outputs[0], product)
    assert product.owner.inputs[1].fgraph is graph
    graph.check_integrity()
    other.check_integrity()


def test_refused_constants_of_another_graph_stay_there(graph):
    """A node that a feature refuses is as before: it has the other graph's constant, and belongs to nobody."""
    other = FunctionGraph([z := float64("z")], [add(z, Constant(float64, 2.0))], clone=False)
    two = other.outputs[0].owner.inputs[1]
    heard = Recorder()
    graph.attach_feature(heard)
    graph.attach_feature(Objecting("on_import", after=1))
    inner = exp(two)
    outer = neg(inner)
    before = str(graph)
    with pytest.raises(InconsistencyError):
        graph.replace(graph.outputs[0], outer)
    assert str(graph) == before
    assert inner.owner.inputs[0] is two
    assert inner.fgraph is outer.fgraph is None
    assert [kind for kind, *_ in heard.events] == ["import", "import", "prune", "prune"]
    graph.check_integrity()
    other.check_integrity()


def test_a_listener_without_the_other_ear(graph):
    """What a feature cannot hear is not told to it when an import is taken back."""
    heard = []

    class Half(Feature):
        def on_import(self, fgraph, node, reason):
            heard.append(str(node))

    graph.attach_feature(Half())
    graph.attach_feature(Objecting("on_import"))
    with pytest.raises(InconsistencyError):
        graph.replace(graph.outputs[0], exp(graph.inputs[1]))
    assert heard == ["exp(y)"]
    graph.check_integrity()


def test_a_refused_change_keeps_what_others_use(graph):
    """A replacement of output 1 that a feature refuses does not remove the node that output 2 has brought in."""
    x, y = graph.inputs
    graph.add_output(neg(y))
    graph.add_output(neg(y))
    graph.attach_feature(Objecting("on_change_input", after=1))
    new = exp(y)
    with pytest.raises(InconsistencyError):
        graph.replace_all([(graph.outputs[1], new), (graph.outputs[2], new)])
    assert str(graph) == "[add(x, mul(x, y)), exp(y), neg(y)]"
    graph.check_integrity()


def test_nothing_happens_for_nothing(graph):
    """A variable in its own place is no event."""
    recorder = Recorder()
    graph.attach_feature(recorder)
    x = graph.inputs[0]
    graph.replace(x, x)
    graph.change_input(graph.outputs[0].owner, 0, x)
    assert recorder.events == []


def test_verbose_replacements(graph, capsys):
    """Printed when asked for, or with the flag."""
    x, y = graph.inputs
    graph.replace(graph.outputs[0], exp(y), reason="why", verbose=True)
    assert capsys.readouterr().out == "why add.0 exp.0\n"
    graph.replace(graph.outputs[0], neg(x), reason="why")
    with config.change_flags(optimizer_verbose=True):
        graph.replace(graph.outputs[0], exp(x), reason="again")
        graph.replace(graph.outputs[0], neg(y), reason="again", verbose=False)
    assert capsys.readouterr().out == "again neg.0 exp.0\n"


def test_nodes_of_another_graph_are_refused(graph):
    """As replacements, with nothing changed."""
    other = FunctionGraph([z := float64("z")], [exp(z)], clone=False)
    before = str(graph)
    with pytest.raises(ValueError, match=r"exp\(z\) belongs to another FunctionGraph already: clone one of the two"):
        graph.replace(graph.outputs[0], neg(other.outputs[0]))
    assert str(graph) == before
    graph.check_integrity()


def test_features_of_any_class():
    """No base class is needed, and no method: a graph that is disowned or forgets a feature asks for none."""

    class Plain:
        def on_prune(self, fgraph, node, reason):
            seen.append(str(node))

    seen = []
    plain = Plain()
    graph = FunctionGraph([x := float64("x")], [neg(x)], features=[plain], clone=False)
    graph.replace(graph.outputs[0], exp(x))
    copy, _ = graph.clone_get_equiv(check_integrity=False)
    assert copy.features[-1] is plain
    graph.remove_feature(plain)
    copy.disown()
    assert seen == ["neg(x)"]
    assert Feature().orderings(graph) == {}


def test_views_are_sets(graph):
    """``apply_nodes`` and ``variables`` are compared and joined like sets, and print in order."""
    nodes = graph.apply_nodes
    assert nodes & {graph.outputs[0].owner} == {graph.outputs[0].owner}
    assert (nodes | {3}) - {3} == set(graph.toposort())
    assert repr(nodes) == "{mul(x, y), add(x, mul.0)}"


def test_ops_that_cannot_be_hashed_are_found(graph):
    """Among the others, by equality; they leave as they came."""
    finder = NodeFinder()
    graph.attach_feature(finder)
    one, same, other = Unhashable(1), Unhashable(1), Unhashable(2)
    first, second, third = one(graph.inputs[0]), same(graph.inputs[1]), other(graph.inputs[1])
    graph.add_output(add(first, second))
    graph.add_output(third)
    assert graph.get_nodes(Unhashable(1)) == [first.owner, second.owner]
    assert graph.get_nodes(add) == [graph.outputs[0].owner, graph.outputs[1].owner]
    graph.replace(first, exp(graph.inputs[0]))
    assert graph.get_nodes(Unhashable(1)) == [second.owner]


class Unhashable(Op):  # noqa: PLW1641 - that is the point
    """Equal by content, without a hash, as Python makes a class that writes ``__eq__`` alone."""

    def __init__(self, tag):
        self.tag = tag

    def __eq__(self, other):
        return type(self) is type(other) and self.tag == other.tag

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


def test_print_listener_says_goodbye(graph, capsys):
    """When it is active."""
    listener = PrintListener()
    graph.attach_feature(listener)
    graph.remove_feature(listener)
    listener.active = False
    graph.attach_feature(listener)
    graph.remove_feature(listener)
    assert capsys.readouterr().out.splitlines() == [
        "-- attaching to: [add(x, mul(x, y))]", "-- detaching from: [add(x, mul(x, y))]"
    ]  # fmt: skip
