"""The documentation's pages on views, inplace and destructive operations; its lines in the names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gof import Apply, DestroyHandler, FunctionGraph, InconsistencyError, Op
from tcore.gof.destroyhandler import fast_inplace_check
from tcore.tensor.inplace import add_inplace

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_log_before_and_after_L8661_L8684_L8720(order):
    """r1 and r3 see x as it was, r4 as it is afterwards, in whatever order they are asked for."""
    x, y = T.dscalars("x", "y")
    r1 = T.log(x)
    r2 = add_inplace(x, y)
    r3 = T.log(x)
    r4 = T.log(r2)
    outputs = [r1, r3, r4]
    expected = [np.log(2.0), np.log(2.0), np.log(5.0)]
    f = tcore.function([tcore.In(x, mutable=True, borrow=True), y], [outputs[k] for k in order], accept_inplace=True, mode="FAST_COMPILE")
    np.testing.assert_allclose(f(2.0, 3.0), [expected[k] for k in order])


def test_overlap_makes_views_L8619_L8617():
    """Two vectors are views of each other where their ranges of addresses overlap, wherever each begins."""
    memory = np.zeros(256 + 0x10, "uint8")
    x, y, z = memory[:256], memory[0x10 : 0x10 + 224], np.zeros(256, "uint8")
    shares = T.TensorType("uint8", (False,)).may_share_memory
    assert shares(x, y)
    assert shares(y, x)
    assert not shares(x, z)
    assert not shares(y, z)
    assert not shares(memory[:16], memory[16:])


def test_users_write_pure_graphs_L8686_L8726():
    """A graph with an inplace op is refused unless asked for."""
    x, y = T.dscalars("x", "y")
    with pytest.raises(TypeError):
        tcore.function([x, y], add_inplace(x, y))


class Twin(Op):
    """Adds one to every element, in new memory or in that of its input."""

    __props__ = ("inplace",)

    def __init__(self, inplace=False):
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        if self.inplace:
            x += 1
            output_storage[0][0] = x
        else:
            output_storage[0][0] = x + 1


class Scratching(Op):
    """Sorts in its input to find the median: what is left there is of no use."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        x.sort()
        output_storage[0][0] = np.array([x[len(x) // 2]])
        x[:] = np.nan


class Tail(Op):
    """All but the first element: a view."""

    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0][1:]


def graph_of(inputs, outputs):
    return FunctionGraph(inputs, outputs, features=[DestroyHandler()])


def test_substitution_is_validated_L8686():
    """Pure by inplace where it is safe: not on an output, not a second time on one input, not in a cycle."""
    x = T.dvector("x")
    pure, inplace = Twin(), Twin(inplace=True)
    graph = graph_of([x], [pure(x), pure(T.exp(x)), x])
    (x,) = graph.inputs
    with pytest.raises(InconsistencyError, match="an output"):
        graph.replace_validate(graph.outputs[0], inplace(x))
    graph.replace_validate(graph.outputs[1], inplace(graph.outputs[1].owner.inputs[0]))
    assert graph.outputs[0].owner.op == pure
    assert graph.outputs[1].owner.op == inplace

    x = T.dvector("x")
    middle = T.exp(x)
    graph = graph_of([x], [pure(middle), T.log(pure(middle))])
    node, other = graph.outputs[0].owner, graph.outputs[1].owner.inputs[0].owner
    (middle,) = node.inputs
    graph.replace_validate(node.outputs[0], inplace(middle))
    with pytest.raises(InconsistencyError, match="both overwrite"):
        graph.replace_validate(other.outputs[0], inplace(middle))

    x = T.dvector("x")
    middle = T.exp(x)
    graph = graph_of([x], [middle * pure(middle)])
    (middle, changed) = graph.outputs[0].owner.inputs
    with pytest.raises(InconsistencyError, match="reads later"):
        graph.replace_validate(changed, inplace(middle))
    assert graph.consistent()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("destroyer", [Scratching(), Twin(inplace=True)], ids=["destructive", "inplace"])
def test_readers_come_first_L8716(order, destroyer):
    """Readers of the memory, and of views of it, run before the op that ruins it, whatever the order of the outputs."""
    x = T.dvector("x")
    data = np.array([3.0, 1.0, 2.0])
    middle = T.exp(x)
    outputs = [destroyer(middle), T.log(middle), T.log(Tail()(middle)).sum()]
    changed = [np.exp(data) + 1] if isinstance(destroyer, Twin) else [np.exp([2.0])]
    expected = [*changed, data, 3.0]
    f = tcore.function([x], [outputs[k] for k in order], accept_inplace=True, mode="FAST_COMPILE")
    for got, k in zip(f(data), order, strict=True):
        np.testing.assert_allclose(got, expected[k])


MAPS = [
    {0: [0]},
    {0: [1]},
    {1: [0]},
    {0: [0], 1: [1]},
    {0: [0], 1: [0]},
    {0: [0, 1]},
]


class Mapped(Op):
    """Two inputs, two outputs, and a map to be given."""

    def __init__(self, **maps):
        vars(self).update(maps)

    def make_node(self, x, y):
        return Apply(self, [x, y], [x.type(), y.type()])


@pytest.mark.parametrize("destroys", MAPS, ids=str)
def test_forms_of_destroy_map_L8690(destroys):
    """Every form of the page: the inputs named in it are overwritten, the others are not."""
    x, y = T.dvectors("x", "y")
    node = Mapped(destroy_map=destroys).make_node(x, y)
    graph = graph_of([x, y], node.outputs)
    assert graph.consistent()
    named = {i for inputs in destroys.values() for i in inputs}
    assert [graph.has_destroyers([variable]) for variable in graph.inputs] == [i in named for i in (0, 1)]
    for i, variable in enumerate(graph.inputs):
        trial = graph.clone()
        trial.add_output(trial.inputs[i])
        assert trial.consistent() == (i not in named), variable


@pytest.mark.parametrize("views", MAPS, ids=str)
def test_forms_of_view_map_L8632_L8609_L8638(views):
    """Every form of the page: destroying an input waits for the readers of the outputs that view it."""
    x, y = T.dvectors("x", "y")
    node = Mapped(view_map=views).make_node(x, y)
    readers = [T.exp(output) for output in node.outputs]
    graph = graph_of([x, y], [Twin(inplace=True)(x), *readers])
    assert graph.consistent()
    order = graph.toposort()
    destroyer = graph.outputs[0].owner
    for output, reader in enumerate(graph.outputs[1:]):
        if 0 in views.get(output, ()):
            assert order.index(reader.owner) < order.index(destroyer)
    needs = graph_of([x, y], [T.add(Twin(inplace=True)(x), node.outputs[0])])
    assert needs.consistent() == (0 not in views.get(0, ()))


def test_cycle_of_data_is_refused():
    """A replacement that makes a value depend on itself leaves the graph, and its handler, as they were."""
    x = T.dvector("x")
    graph = graph_of([x], [T.log(T.exp(x))])
    inner = graph.outputs[0].owner.inputs[0]
    with pytest.raises(InconsistencyError, match="cycle"):
        graph.replace_validate(inner, graph.outputs[0] * 2.0)
    assert str(graph) == "[Elemwise{log,no_inplace}(Elemwise{exp,no_inplace}(x))]"
    graph.check_integrity()
    graph.replace_validate(graph.outputs[0], Twin(inplace=True)(inner))
    assert graph.has_destroyers([inner])
    assert graph.consistent()


def test_fast_inplace_check_L8728():
    """Candidates: no outputs, no constants, nothing that is overwritten already."""
    x, y, z = T.dvectors("x", "y", "z")
    graph = graph_of([x, y, z], [Twin(inplace=True)(x), y, z + np.ones(3)])
    (x, y, z), constant = graph.inputs, graph.outputs[2].owner.inputs[1]
    assert fast_inplace_check([x, y, z, constant]) == [z]
