"""Pickles and deep copies."""

import copy
import pickle

import numpy as np
import pytest

from tcore.configuration import config
from tcore.graph import Apply, FunctionGraph, Op, Variable, is_same_graph
from tcore.scalar import add, exp, float64, mul, neg


class Stateful(Variable):
    """A variable with an attribute that may be computed from the variable itself."""


class Echo(Op):
    """Its output is a Stateful."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [Stateful(x.type)])


def copies(value):
    """The value through pickles of several protocols and through deepcopy."""
    return [*(pickle.loads(pickle.dumps(value, p)) for p in (2, pickle.HIGHEST_PROTOCOL)), copy.deepcopy(value)]


def test_identity_is_kept():
    """Variables and nodes that occur together stay the same objects, in any order."""
    x, y = float64("x"), float64("y")
    product = mul(x, y)
    total = add(product, exp(product))
    for order in ([total, product, x, product.owner], [x, product, product.owner, total]):
        for made in copies(order):
            by_old = dict(zip(map(id, order), made, strict=True))
            new = by_old[id(total)]
            assert new.owner.inputs[0] is by_old[id(product)]
            assert by_old[id(product)].owner is by_old[id(product.owner)]
            assert by_old[id(product)].owner.inputs[0] is by_old[id(x)]
            assert new.owner.inputs[1].owner.inputs[0] is by_old[id(product)]


def test_names_tags_and_traces():
    """Notes come along, other variables in them included; private ones stay."""
    x = float64("x")
    y = neg(x)
    y.name = "y"
    y.tag.other = exp(y)
    y.tag._cache = object()
    for made in copies(y):
        assert made.name == "y"
        assert made.tag.other.owner.inputs[0] is made
        assert made.tag.trace == y.tag.trace
        assert not hasattr(made.tag, "_cache")


def test_inputs_that_refer_to_what_uses_them():
    """A shared variable's default update is computed from the variable."""
    s = Stateful(float64, name="s")
    s.default_update = add(s, 1.0)
    for made in copies(s):
        assert made.default_update.owner.inputs[0] is made
        assert type(made) is Stateful
    for made in copies(s.default_update):
        assert made.owner.inputs[0].default_update is made


def test_changed_graphs():
    """A table of before a change is not used afterwards."""
    x = float64("x")
    graph = FunctionGraph([x], [neg(exp(x))])
    stream = pickle.Pickler(NullFile())
    stream.dump(graph.outputs[0])
    graph.replace(graph.outputs[0].owner.inputs[0], graph.inputs[0])
    made = pickle.loads(pickle.dumps(graph.outputs[0]))
    assert made.owner.inputs[0].owner is None


class NullFile:
    """Takes what is written."""

    def write(self, data):
        return len(data)


def test_function_graphs():
    """A graph comes back whole, and works."""
    x = float64("x")
    graph = FunctionGraph([x], [neg(exp(x))])
    for made in copies(graph):
        assert str(made) == str(graph)
        made.check_integrity()
        made.replace_validate(made.outputs[0], exp(made.inputs[0]))
        assert str(made) == "[exp(x)]"


@pytest.mark.parametrize("whole", [True, False])
def test_chains_of_any_length(whole):
    """20,000 nodes within the default recursion limit, the last alone or all of them."""
    x = float64("x")
    chain = [x]
    for _ in range(20_000):
        chain.append(neg(chain[-1]))
    made = pickle.loads(pickle.dumps(chain if whole else chain[-1], pickle.HIGHEST_PROTOCOL))
    if whole:
        assert made[-1].owner.inputs[0] is made[-2]
        made = made[-1]
    else:
        assert is_same_graph(copy.deepcopy(chain[-1]), made) is False
    count = 0
    while made.owner is not None:
        made = made.owner.inputs[0]
        count += 1
    assert count == 20_000


def test_shallow_copies_are_clones():
    """copy.copy gives a variable of its own, without owner."""
    x = float64("x")
    y = neg(x)
    assert copy.copy(x) is not x
    assert copy.copy(y).owner is None
    assert copy.copy(y.owner).inputs == [x]


def test_test_values_and_the_option():
    """``pickle_test_value=False`` leaves them out, of inputs and of computed variables; a clone has them all the same."""
    x = float64("x")
    y = neg(x)
    for variable in (x, y):
        variable.tag.test_value, variable.tag.note = np.float64(3), "kept"
    for kept in (True, False):
        with config.change_flags(pickle_test_value=kept):
            made = pickle.loads(pickle.dumps(y))
            assert x.clone().tag.test_value == 3
        for variable in (made, made.owner.inputs[0]):
            assert hasattr(variable.tag, "test_value") is kept
            assert variable.tag.note == "kept"


def test_results_of_other_classes_and_tags_of_nodes():
    """A computed variable keeps its class and its attributes, a node its notes."""
    y = Echo()(float64("x"))
    y.default_update = exp(y)
    y.owner.tag.note = "mine"
    for made in copies(y):
        assert type(made) is Stateful
        assert made.default_update.owner.inputs[0] is made
        assert made.owner.tag.note == "mine"


def test_graphs_change_while_a_pickler_lives():
    """A change of a node that no pickle holds leaves the tables alone; one of a node that it holds does not."""
    x = float64("x")
    graph, other = FunctionGraph([x], [neg(exp(x))]), FunctionGraph([x], [neg(exp(x))])
    pickler = pickle.Pickler(NullFile())
    pickler.dump(graph.outputs[0])
    other.replace(other.outputs[0].owner.inputs[0], other.inputs[0])
    first = graph.outputs[0].__reduce_ex__(2)[1][0]
    assert graph.outputs[0].__reduce_ex__(2)[1][0] is first
    graph.replace(graph.outputs[0].owner.inputs[0], graph.inputs[0])
    assert graph.outputs[0].__reduce_ex__(2)[1][0] is not first
