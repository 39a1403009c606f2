"""The documentation's pages on FunctionGraph and its features; its lines in the names."""

from __future__ import annotations

import pytest
from samples import snapshot

import tcore.tensor as T
from tcore.gof import DestroyHandler, FunctionGraph, InconsistencyError
from tcore.gof.graph import is_same_graph
from tcore.gof.toolbox import (
    AlreadyThere,
    Bookkeeper,
    Feature,
    History,
    NodeFinder,
    PrintListener,
    ReplaceValidate,
    Validator,
)


class Recorder(Feature):
    """Writes down every callback with what the graph looks like at that moment."""

    def __init__(self):
        self.events = []

    def on_attach(self, function_graph):
        self.events.append(("attach", len(function_graph.apply_nodes)))

    def on_detach(self, function_graph):
        self.events.append(("detach", self in function_graph.features))

    def on_import(self, function_graph, node, reason):
        self.events.append(("import", node, reason, node in function_graph.apply_nodes, function_graph.clients(node.outputs[0])))

    def on_prune(self, function_graph, node, reason):
        self.events.append(("prune", node, reason, node in function_graph.apply_nodes, node.inputs))

    def on_change_input(self, function_graph, node, i, r, new_r, reason=None):
        group = function_graph.outputs if node == "output" else node.inputs
        self.events.append(("change", node, i, r, new_r, reason, group[i] is new_r))


class Objector(Feature):
    """Raises at one callback, for one op."""

    def __init__(self, callback, op):
        self.op = op
        setattr(self, callback, self.object)

    def object(self, function_graph, node, *args, **kwargs):
        nodes = [node, *(v.owner for v in args if getattr(v, "owner", None) is not None)]
        if any(getattr(each, "op", None) == self.op for each in nodes):
            raise RuntimeError(f"{self.op} is not wanted")


@pytest.fixture
def graph():
    x, y = T.dvectors("x", "y")
    s = x + x
    return FunctionGraph([x, y], [s * y, T.exp(s)])


def first(graph, op):
    return next(node for node in graph.apply_nodes if node.op == op).outputs[0]


# ------------------------------------------------------------ the graph


def test_replace_L14888_L14995():
    """A graph that computes x + x computes 2 * x after one replacement."""
    x = T.dscalar("x")
    graph = FunctionGraph([x], [x + x])
    (x,) = graph.inputs
    graph.replace(graph.outputs[0].owner.out, T.mul(2.0, x).owner.out)
    assert is_same_graph(graph.outputs[0], T.mul(2.0, x))
    graph.check_integrity()


def test_clients_L14939():
    """x + x uses x twice."""
    x = T.dscalar("x")
    graph = FunctionGraph([x], [x + x], clone=False)
    n = graph.outputs[0].owner
    assert graph.clients(x) == x.clients == [(n, 0), (n, 1)]


def test_clone_argument_L14907_L14898_L14967():
    """The default works on a copy; without one the given nodes themselves change."""
    x = T.dscalar("x")
    y = -x
    copied = FunctionGraph([x], [y])
    assert copied.inputs[0] is not x
    graph = FunctionGraph([x], [y], clone=False, update_mapping={0: 0})
    assert (graph.inputs, graph.outputs, graph.update_mapping) == ([x], [y], {0: 0})
    graph.replace(y, T.exp(x))
    assert graph.outputs[0].owner.op == T.exp
    graph.disown()
    assert x.fgraph is None


def test_failed_construction_takes_nothing_L14907_L14904():
    """Nodes that a graph could not be made of are free for another one."""
    x, y = T.dscalars("x", "y")
    total = x + y
    for features in (None, [Objector("on_import", T.add)]):
        with pytest.raises(Exception, match=r"needs y|not wanted"):
            FunctionGraph([x] if features is None else [x, y], [total], features=features, clone=False)
        assert x.fgraph is y.fgraph is total.fgraph is total.owner.fgraph is None
    FunctionGraph([x, y], [total], clone=False).check_integrity()


def test_change_input_L14925_L14929_L14931(graph):
    """One input, of the same type; features are told after the change."""
    x, y = graph.inputs
    node = first(graph, T.mul).owner
    recorder = Recorder()
    graph.attach_feature(recorder)
    graph.change_input(node, 1, x, reason="why")
    assert recorder.events[1:] == [("change", node, 1, y, x, "why", True)]
    with pytest.raises(TypeError, match="has type"):
        graph.change_input(node, 1, T.dscalar())
    graph.check_integrity()


def test_callbacks_by_name_L14961_L14973(graph):
    """``collect_callbacks`` hands on the arguments as they are; features without the method are left out."""

    class Answer(Feature):
        def weigh(self, number):
            return number * 2

        def note(self, function_graph, number, extra=0):
            self.noted = (function_graph, number, extra)

    answer = Answer()
    graph.attach_feature(answer)
    assert graph.collect_callbacks("weigh", 21) == {answer: 42}
    assert graph.execute_callbacks("note", 1, extra=2) is None
    assert answer.noted == (graph, 1, 2)


def test_clone_get_equiv_L14945_L14953_L14941(graph):
    """The copy has a feature of its own for each that can be copied; ``attach_feature=False`` leaves them out."""
    finder = NodeFinder()
    graph.attach_feature(finder)
    graph.attach_feature(DestroyHandler())
    copy, equiv = graph.clone_get_equiv()
    for node in graph.toposort():
        assert equiv[node].op == node.op
        assert [equiv[v] for v in node.outputs] == equiv[node].outputs
    assert copy.get_nodes(T.exp) == [equiv[first(graph, T.exp).owner]]
    assert not set(copy.features) & set(graph.features)
    copy.replace_validate(copy.outputs[1], T.sin(copy.inputs[0]))
    assert copy.get_nodes(T.exp) == []
    assert len(graph.get_nodes(T.exp)) == 1
    bare, _ = graph.clone_get_equiv(attach_feature=False)
    assert [type(feature) for feature in bare.features] == [ReplaceValidate]
    assert str(graph.clone()) == str(graph)


def test_toposort_and_orderings_L15003_L14979_L15012_L15052(graph):
    """Producers first, and what features ask for; the answers of several are joined."""

    class Order(Feature):
        def __init__(self, pairs):
            self.pairs = pairs

        def orderings(self, function_graph):
            return self.pairs

    product, power = (variable.owner for variable in graph.outputs)
    for before, after in [(product, power), (power, product)]:
        feature = Order({after: [before]})
        graph.attach_feature(feature)
        assert graph.orderings() == {after: [before]}
        order = graph.toposort()
        assert order.index(before) < order.index(after)
        assert order[0].op == T.add
        graph.remove_feature(feature)
    assert graph.orderings() == {}


# ------------------------------------------------------------ callbacks


def test_moments_of_callbacks_L15016_L15026_L15034_L14921(graph):
    """Attach after the nodes; import before use; change after it was made; prune after the node is out; detach."""
    recorder = Recorder()
    graph.attach_feature(recorder)
    x, _ = graph.inputs
    old = first(graph, T.add)
    new = T.mul(x, x)
    users = graph.clients(old)
    graph.replace(old, new, reason="why")
    graph.remove_feature(recorder)
    assert recorder.events == [
        ("attach", 3),
        ("import", new.owner, "why", True, []),
        *(("change", node, i, old, new, "why", True) for node, i in users),
        ("prune", old.owner, "why", False, [x, x]),
        ("detach", False),
    ]


def test_features_of_the_constructor_L15046_L14900():
    """They see an empty graph, then each node once; a feature that comes later sees none of them, but in on_attach."""
    x = T.dvector("x")
    early, keeper = Recorder(), NodeFinder()
    graph = FunctionGraph([x], [T.exp(-x)], features=[early, keeper])
    assert early.events[0] == ("attach", 0)
    assert [event[1].op for event in early.events[1:]] == [T.neg, T.exp]
    assert [feature for feature in graph.features if feature in (early, keeper)] == [early, keeper]
    assert len(graph.get_nodes(T.neg)) == 1
    late = Recorder()
    graph.attach_feature(late)
    assert late.events == [("attach", 2)]


def test_already_there_L15030_L15058(graph):
    """The second is left out without an error, on_attach having said so."""
    graph.attach_feature(ReplaceValidate())
    graph.attach_feature(ReplaceValidate())
    assert sum(isinstance(feature, ReplaceValidate) for feature in graph.features) == 1
    first_handler = DestroyHandler()
    graph.attach_feature(first_handler)
    graph.attach_feature(DestroyHandler())
    assert graph.destroy_handler is first_handler

    class Picky(Feature):
        def on_attach(self, function_graph):
            raise AlreadyThere("no need")

    graph.attach_feature(Picky())
    assert not any(isinstance(feature, Picky) for feature in graph.features)


def test_methods_on_the_graph_L15032_L15040_L14989(graph):
    """A feature may add methods in on_attach, and takes them away in on_detach."""
    finder = NodeFinder()
    graph.attach_feature(finder)
    assert graph.get_nodes(T.exp)
    graph.remove_feature(finder)
    assert not hasattr(graph, "get_nodes")
    graph.remove_feature(finder)  # not there: nothing happens


@pytest.mark.parametrize("callback", ["on_import", "on_change_input"])
@pytest.mark.parametrize("place", ["before others", "after others"])
def test_objection_leaves_the_graph_unchanged_L15038(callback, place):
    """A feature that raises while nodes come in or inputs change: graph and other features are as before."""
    x, y = T.dvectors("x", "y")
    s = x + x
    objector, finder = Objector(callback, T.sin), NodeFinder()
    features = [objector, finder] if place == "before others" else [finder, objector]
    graph = FunctionGraph([x, y], [s * y, T.exp(s)], features=features)
    x, y = graph.inputs
    old = first(graph, T.add)
    for attempt in (graph.replace, graph.replace_validate):
        before = snapshot(graph)
        with pytest.raises(RuntimeError, match="not wanted"):
            attempt(old, T.exp(T.sin(T.cos(x))) if callback == "on_import" else T.sin(T.cos(x)))
        assert snapshot(graph) == before
        graph.check_integrity()
        assert graph.get_nodes(T.cos) == graph.get_nodes(T.sin) == []
    graph.replace_validate(old, T.cos(x))
    assert len(graph.get_nodes(T.cos)) == 1


def test_objection_when_pruned_L15048(graph):
    """The node is out: all other features hear of it, then the error arrives; a validated replacement is taken back."""
    finder = NodeFinder()
    graph.attach_feature(Objector("on_prune", T.add))
    graph.attach_feature(finder)
    x, _ = graph.inputs
    before = snapshot(graph)
    with pytest.raises(RuntimeError, match="not wanted"):
        graph.replace_validate(first(graph, T.add), T.sin(x))
    assert snapshot(graph) == before
    assert len(graph.get_nodes(T.add)) == 1
    with pytest.raises(RuntimeError, match="not wanted"):
        graph.replace(first(graph, T.add), T.sin(x))
    assert graph.get_nodes(T.add) == []
    graph.check_integrity()


# ------------------------------------------------------------ ready-made features


def test_history_L15079(graph):
    """Two replacements and back: everything is as it was, in the same order, as often as wanted."""
    graph.attach_feature(DestroyHandler())
    reference = graph.clone()
    before = snapshot(graph)
    mark = graph.checkpoint()
    x, y = graph.inputs
    for _ in range(2):
        graph.replace(first(graph, T.add), T.sin(y))
        middle, here = graph.checkpoint(), snapshot(graph)
        graph.replace(first(graph, T.mul), T.mul(y, T.cos(x)))
        graph.revert(middle)
        assert snapshot(graph) == here
        graph.revert(mark)
        assert snapshot(graph) == before
        graph.check_integrity()
    givens = dict(zip(graph.inputs, reference.inputs, strict=True))
    assert all(is_same_graph(a, b, givens=givens) for a, b in zip(graph.outputs, reference.outputs, strict=True))


def test_replace_validate_L15090(graph):
    """Undone when a feature objects: one replacement, or all of several."""

    class NoSine(Feature):
        def validate(self, function_graph):
            if any(node.op == T.sin for node in function_graph.apply_nodes):
                raise InconsistencyError("no sine")

    graph.attach_feature(NoSine())
    x, y = graph.inputs
    before = snapshot(graph)
    with pytest.raises(InconsistencyError, match="no sine"):
        graph.replace_validate(first(graph, T.add), T.sin(x), reason="why")
    assert snapshot(graph) == before
    with pytest.raises(InconsistencyError, match="no sine"):
        graph.replace_all_validate([(first(graph, T.exp), T.cos(y)), (first(graph, T.add), T.sin(x))])
    assert snapshot(graph) == before
    assert graph.consistent()
    graph.replace_all_validate({first(graph, T.exp): T.cos(y), first(graph, T.add): T.sqr(x)})
    assert sorted(str(node.op) for node in graph.apply_nodes) == sorted(map(str, [T.cos, T.mul, T.sqr]))
    kept = first(graph, T.mul)
    before = snapshot(graph)
    with pytest.raises(InconsistencyError, match="stays"):
        graph.replace_all_validate_remove([(first(graph, T.cos), T.tanh(y))], remove=[kept.owner])
    assert snapshot(graph) == before


def test_bookkeeper_L15068(graph):
    """Nodes that are there count as imported, those that are left as pruned."""
    seen = []

    class Keeper(Bookkeeper):
        def on_import(self, function_graph, node, reason):
            seen.append(("import", node.op, reason))

        def on_prune(self, function_graph, node, reason):
            seen.append(("prune", node.op))

    keeper = Keeper()
    graph.attach_feature(keeper)
    assert [event[2] for event in seen] == ["on_attach"] * 3
    assert seen[0][1] == T.add
    graph.remove_feature(keeper)
    assert [event[1] for event in seen if event[0] == "prune"] == [event[1] for event in seen if event[0] == "import"]


def test_validator_and_history_alone_L15072_L15082_L15086(graph):
    """Every graph has both through ReplaceValidate, which can be replaced by its parts."""
    assert issubclass(ReplaceValidate, History)
    assert issubclass(ReplaceValidate, Validator)
    graph.remove_feature(next(feature for feature in graph.features if isinstance(feature, ReplaceValidate)))
    assert not hasattr(graph, "checkpoint")
    graph.attach_feature(History())
    graph.attach_feature(Validator())
    assert graph.consistent()
    before = snapshot(graph)
    mark = graph.checkpoint()
    graph.replace(first(graph, T.add), graph.inputs[1])
    graph.revert(mark)
    assert snapshot(graph) == before


def test_node_finder_L15094(graph):
    """Nodes by equal op; one graph for each finder."""
    finder = NodeFinder()
    graph.attach_feature(finder)
    graph.replace(first(graph, T.add), T.exp(graph.inputs[0]))
    assert [node.outputs[0].owner for node in graph.get_nodes(T.exp)] == [n for n in graph.apply_nodes if n.op == T.exp]
    with pytest.raises(ValueError, match="another"):
        graph.clone().attach_feature(finder)


def test_print_listener_L15098(graph, capsys):
    """A line for each event, none when not active."""
    listener = PrintListener(active=True)
    graph.attach_feature(listener)
    graph.replace(first(graph, T.exp), T.sin(graph.inputs[0]), reason="why")
    graph.remove_feature(listener)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == ["attaching", "importing", "changing", "pruning", "detaching"]
    silent = PrintListener(active=False)
    graph.attach_feature(silent)
    graph.replace(first(graph, T.sin), graph.inputs[0])
    assert capsys.readouterr().out == ""
