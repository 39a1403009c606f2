"""In-place ops: what is consistent, and in which order nodes run."""

import itertools
import pickle
import random

import pytest

from tcore.graph import Apply, DestroyHandler, FunctionGraph, InconsistencyError, Op, fast_inplace_check
from tcore.scalar import add, exp, float64, mul, neg


class Over(Op):
    """Overwrites its first input; the others are read."""

    __props__ = ("tag",)
    destroy_map = {0: [0]}

    def __init__(self, tag=""):
        self.tag = tag

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [float64()])

    def __str__(self):
        return f"over{self.tag}"


class View(Op):
    """The same memory."""

    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [float64()])

    def __str__(self):
        return "view"


over, view = Over(), View()


def graph_of(*outputs, inputs):
    graph = FunctionGraph(inputs, outputs)
    graph.attach_feature(DestroyHandler())
    return graph


@pytest.fixture
def x():
    return float64("x")


def test_readers_run_before_the_destroyer(x):
    """Also readers of views, and views of views."""
    graph = graph_of(over(view(x)), neg(view(view(x))), inputs=[x])
    assert graph.consistent()
    order = [str(node.op) for node in graph.toposort()]
    assert order.index("neg") < order.index("over")


def test_conflicts(x):
    """Two destroyers, a reader that needs the result, an output, a constant, a second use by the destroyer."""
    for outputs in ([over(x), Over("2")(view(x))], [add(x, over(x))], [over(x), view(x)], [over(x, view(x))]):
        graph = graph_of(*outputs, inputs=[x])
        with pytest.raises(InconsistencyError):
            graph.validate()
    constant = add(x, 1.5).owner.inputs[1]
    assert not graph_of(over(constant), inputs=[]).consistent()


def test_tolerated_aliasing(x):
    """An op may allow a second use of what it overwrites."""

    class Tolerant(Over):
        destroyhandler_tolerate_aliased = [(0, 1)]

    assert graph_of(Tolerant()(x, view(x)), inputs=[x]).consistent()


def test_refused_replacement_is_taken_back(x):
    """A replacement that would make a cycle leaves the graph as it was."""
    graph = graph_of(add(neg(x), exp(x)), inputs=[x])
    total = graph.outputs[0].owner
    graph.replace_validate(total.inputs[1], over(graph.inputs[0]))
    with pytest.raises(InconsistencyError, match="both overwrite"):
        graph.replace_validate(total.inputs[0], over(graph.inputs[0]))
    assert str(graph) == "[add(neg(x), over(x))]"
    graph.check_integrity()
    assert graph.consistent()


def test_moved_views_are_followed(x):
    """A destroyer of a view follows the view to another root."""
    y = float64("y")
    graph = graph_of(over(view(x)), neg(y), inputs=[x, y])
    new_x, new_y = graph.inputs
    viewed = graph.outputs[0].owner.inputs[0].owner
    graph.change_input(viewed, 0, new_y)
    assert graph.destroyers(new_y) == [graph.outputs[0].owner]
    assert not graph.has_destroyers([new_x])
    assert graph.consistent()
    assert [str(n.op) for n in graph.toposort()].index("neg") < 2
    graph.replace(graph.outputs[1], add(graph.outputs[0], new_y))
    assert not graph.consistent()


def test_fast_inplace_check(x):
    """No constants, outputs, protected inputs, or what is destroyed already."""
    y, z = float64("y"), float64("z")
    product = mul(x, y)
    graph = graph_of(over(product), add(product, 2.0), z, inputs=[x, y, z])
    new_x, new_y, new_z = graph.inputs

    class Guard:
        protected = [new_y]

    graph.attach_feature(Guard())
    constant = graph.outputs[1].owner.inputs[1]
    new_product = graph.outputs[0].owner.inputs[0]
    assert fast_inplace_check([new_x, new_y, new_z, constant, new_product]) == [new_x]
    with pytest.raises(ValueError, match="no FunctionGraph"):
        fast_inplace_check([float64("free")])


def test_incremental_answers_agree_with_a_new_start():
    """Random graphs and replacements: what is accepted change by change is what an exact sort accepts."""
    rng = random.Random(42)
    for _ in range(150):
        inputs = [float64(f"i{k}") for k in range(2)]
        pool = list(inputs)
        for _ in range(7):
            op = rng.choice([neg, exp, add, mul, view])
            pool.append(op(rng.choice(pool)) if op in (neg, exp, view) else op(rng.choice(pool), rng.choice(pool)))
        graph = graph_of(*rng.sample(pool[2:], 2), inputs=inputs)
        tags = itertools.count()
        for _ in range(6):
            nodes = graph.toposort()
            if not nodes:
                break
            node = rng.choice(nodes)
            arguments = list(node.inputs)
            rng.shuffle(arguments)
            if rng.random() < 0.3:
                arguments[0] = rng.choice([v for n in nodes[: nodes.index(node)] for v in n.inputs] or arguments)
            new = Over(str(next(tags)))(*arguments)
            before = str(graph)
            try:
                graph.replace_validate(node.outputs[0], new)
                accepted = True
            except InconsistencyError:
                accepted = False
                assert str(graph) == before
            graph.check_integrity()
            assert graph.consistent()
            graph.toposort()
            if not accepted:
                trial, twin = graph.clone_get_equiv(attach_feature=False)
                trial.replace(twin[node.outputs[0]], new.owner.op(*[twin[v] for v in arguments]))
                trial.attach_feature(DestroyHandler())
                assert not trial.consistent()


def test_a_handler_is_there_before_the_nodes():
    """A graph with in-place ops is made with a handler, or unpickled with it: readers still come first."""
    x = float64("x")
    y = over(add(x, x), x)
    graph = FunctionGraph([x], [y, neg(y)], features=[DestroyHandler()], clone=False)
    loaded = pickle.loads(pickle.dumps(graph))
    for each in (graph, loaded):
        assert [str(node.op) for node in each.toposort()] == ["add", "over", "neg"]
        assert each.destroyers(each.toposort()[0].outputs[0]) == [each.toposort()[1]]


class Views(Op):
    """One output that may use the memory of any input."""

    __props__ = ("overwritten",)

    def __init__(self, count, overwritten=()):
        self.overwritten = tuple(overwritten)
        self.view_map = {0: list(range(count))}
        self.destroy_map = {0: list(overwritten)} if overwritten else {}

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [float64()])

    def __str__(self):
        return "views"


class OverTwo(Over):
    """Overwrites its first two inputs."""

    destroy_map = {0: [0, 1]}
    destroyhandler_tolerate_same = [(0, 1), (1, 0)]


def test_a_handler_serves_one_graph(x):
    """Attached to two it would mix them; taken out, it is free for the other, and the first has none."""
    graph, other = graph_of(over(x), inputs=[x]), FunctionGraph([x], [over(x), view(x)])
    handler = graph.destroy_handler
    with pytest.raises(ValueError, match="a DestroyHandler serves one graph, and is attached to another already"):
        other.attach_feature(handler)
    graph.remove_feature(handler)
    assert not any(hasattr(graph, name) for name in ("destroy_handler", "destroyers", "has_destroyers"))
    other.attach_feature(handler)
    with pytest.raises(InconsistencyError, match="an output of the graph"):
        other.validate()
    assert other.destroyers(other.inputs[0]) == [other.outputs[0].owner]


def test_views_by_several_ways(x):
    """A variable that is seen twice, through one node or through two, has one root and counts once."""
    for paths in (Views(2)(x, x), Views(2)(view(x), view(x)), Views(2)(x, view(x))):
        graph = graph_of(over(paths), neg(x), inputs=[x])
        root, destroyer = graph.inputs[0], graph.outputs[0].owner
        assert graph.destroy_handler.roots(destroyer.inputs[0]) == [root]
        assert len(set(graph.destroy_handler.aliases(root))) == len(graph.destroy_handler.aliases(root))
        assert graph.destroyers(root) == [destroyer]
        assert [str(node.op) for node in graph.toposort()][-1] == "over"
        graph.replace_validate(graph.outputs[0], exp(root))
        assert graph.destroy_handler.aliases(root) == [root]


def test_a_view_with_several_ways_moves(x):
    """To another root: its readers and the destroyer below follow on every way."""
    y = float64("y")
    first = view(x)
    graph = graph_of(over(Views(2)(first, view(first))), neg(y), exp(x), inputs=[x, y])
    new_x, new_y = graph.inputs
    destroyer = graph.outputs[0].owner
    bottom = next(node for node in graph.apply_nodes if node.inputs == [new_x] and node.op == view)
    graph.change_input(bottom, 0, new_y)
    assert (graph.destroyers(new_x), graph.destroyers(new_y)) == ([], [destroyer])
    assert graph.outputs[1].owner in graph.destroy_handler.orderings(graph)[destroyer]
    assert graph.outputs[2].owner not in graph.destroy_handler.orderings(graph)[destroyer]
    graph.check_integrity()


def test_what_is_overwritten_is_no_view(x):
    """An output that destroys what it views holds new values: it has memory of its own."""
    graph = graph_of(over(Views(1, [0])(x)), inputs=[x])
    written = graph.outputs[0].owner.inputs[0]
    assert graph.destroy_handler.roots(written) == [written]
    assert graph.consistent()


def test_an_op_that_overwrites_one_variable_twice(x):
    """While one of both inputs is still the variable, the op overwrites it."""
    y = float64("y")
    graph = graph_of(OverTwo()(x, x), inputs=[x, y])
    new_x, new_y = graph.inputs
    node = graph.outputs[0].owner
    assert graph.consistent()
    graph.change_input(node, 0, new_y)
    assert (graph.destroyers(new_x), graph.destroyers(new_y)) == ([node], [node])
    graph.change_input(node, 1, new_y)
    assert (graph.destroyers(new_x), graph.destroyers(new_y)) == ([], [node])
    assert graph.consistent()


def test_an_output_that_came_and_went(x):
    """What was an output between two validations, and is none any more, may be overwritten."""
    y = float64("y")
    graph = graph_of(over(x), y, inputs=[x, y])
    new_x, new_y = graph.inputs
    graph.validate()
    graph.change_input("output", 1, new_x)
    graph.change_input("output", 1, new_y)
    graph.validate()
    graph.change_input("output", 1, new_x)
    with pytest.raises(InconsistencyError, match="overwrites x, an output of the graph"):
        graph.validate()
