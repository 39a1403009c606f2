"""Merging: what a refused merge leaves behind."""

import pytest

from tcore.graph import Apply, FunctionGraph, InconsistencyError, Op, Type
from tcore.graph.features import AlreadyThere
from tcore.optimizer import CommutativeMergeOptimizer, EquilibriumOptimizer, MergeFeature, MergeOptimizer, OpSub, local_optimizer
from tcore.scalar import add, exp, float64, mul, neg


class AtLeast:
    """Refuses a graph with fewer nodes than it had."""

    def __init__(self, fgraph):
        self.nodes = len(fgraph.apply_nodes)

    def validate(self, fgraph):
        if len(fgraph.apply_nodes) < self.nodes:
            raise InconsistencyError


def test_a_refused_merge_is_tried_once():
    """Taking a merge back brings the duplicate in again, which must not start it anew for ever."""
    x = float64("x")
    e = FunctionGraph([x], [add(neg(x), 1.0), exp(neg(x))])
    e.attach_feature(AtLeast(e))
    refused, *_, merged, _ = MergeOptimizer().optimize(e)
    assert (refused, merged) == (1, 0)
    assert len(e.apply_nodes) == 4
    e.check_integrity()


def test_two_results_in_memory_of_their_own_are_not_merged_for_ever():
    """Matrix-vector products write into empty buffers, equal nodes that in-place ops keep apart."""
    import numpy as np

    import tcore
    import tcore.tensor as T

    m, v = T.dmatrix("m"), T.dvector("v")
    f = tcore.function([m, v], [T.dot(m, T.tanh(T.dot(m, v) + float(i))) + 1.0 for i in range(3)])
    matrix, vector = np.arange(4.0).reshape(2, 2) / 5, np.array([1.0, 2.0])
    for number, got in enumerate(f(matrix, vector)):
        np.testing.assert_allclose(got, matrix @ np.tanh(matrix @ vector + number) + 1.0, rtol=1e-12)


class Unhashable(Op):
    """Equal by content and without a hash, as an op that keeps a list and says nothing else."""

    __hash__ = None

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def __eq__(self, other):
        return type(self) is type(other) and self.numbers == other.numbers

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [inputs[0].type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0]


def test_unhashable_ops_stay_apart():
    """They are not merged and stop nothing: other nodes are, and rules find them."""
    x, y = float64("x"), float64("y")
    one, same = Unhashable(1), Unhashable(1)
    e = FunctionGraph([x, y], [one(x, y), same(x, y), neg(x), neg(x)])
    assert MergeOptimizer().optimize(e)[5] == 1
    Unhashable.commutative = True
    try:
        assert CommutativeMergeOptimizer().optimize(e) == 0
    finally:
        del Unhashable.commutative
    assert len(e.apply_nodes) == 3
    seen = []

    @local_optimizer([Unhashable])
    def local_look(node):
        seen.append(node.op)

    EquilibriumOptimizer([local_look, OpSub(neg, exp)]).optimize(e)
    assert {id(op) for op in seen} == {id(one), id(same)}
    assert e.outputs[2] is e.outputs[3]
    assert e.outputs[2].owner.op == exp


def test_one_feature_for_a_graph():
    """A second one is refused; detached, the first is fresh; a copy of the graph gets its own."""
    x = float64("x")
    e = FunctionGraph([x], [neg(x), neg(x)])
    feature = MergeFeature()
    e.attach_feature(feature)
    assert feature.scheduled
    with pytest.raises(AlreadyThere):
        MergeFeature().on_attach(e)
    assert feature.clone() is not feature
    assert not feature.clone().scheduled
    e.remove_feature(feature)
    assert not hasattr(e, "merge_feature")
    assert not feature.scheduled
    assert MergeOptimizer().optimize(e)[5] == 1


def test_constants_that_left_the_graph():
    """The first of two equal constants goes before the second comes: the second counts from then on."""
    x = float64("x")
    e = FunctionGraph([x], [add(x, 2.0), exp(x), exp(exp(x))], clone=False)
    MergeOptimizer().optimize(e)
    e.replace(e.outputs[0], e.outputs[1])
    for old in (e.outputs[1], e.outputs[2]):
        e.replace(old, mul(x, 2.0))
    MergeOptimizer().optimize(e)
    assert len({id(node.inputs[1]) for node in e.apply_nodes}) == 1
    assert len(e.apply_nodes) == 1
    e.check_integrity()


def test_constants_without_a_hash_stay_apart():
    """A type may give a signature that cannot be hashed: such constants are equal to themselves only."""

    class Lists(Type):
        def filter(self, value, strict=False, allow_downcast=None):
            return value

        def constant_signature(self, data):
            return data

    one = Lists().make_constant([1])
    e = FunctionGraph([], [Unhashable(1)(one), Unhashable(1)(Lists().make_constant([1])), Unhashable(1)(one)])
    assert MergeOptimizer().optimize(e)[5:] == (0, 0)
    assert len({id(node.inputs[0]) for node in e.apply_nodes}) == 2
