"""Merging with commutativity, which is a rewrite of its own."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, FunctionGraph, InconsistencyError, Op
from tcore.optimizer import CommutativeMergeOptimizer, MergeOptimizer
from tcore.scalar import add, eq, exp, float32, float64, mul, sub, true_div


def test_merges_orders():
    """Sums, products, comparisons; users of merged nodes merge in their turn."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [exp(mul(add(x, y), x)), exp(mul(x, add(y, x))), eq(x, y), eq(y, x)])
    MergeOptimizer().optimize(e)
    assert e.outputs[0] is not e.outputs[1]
    merged = CommutativeMergeOptimizer().optimize(e)
    assert merged == 3
    assert e.outputs[0] is e.outputs[1]
    assert e.outputs[2] is e.outputs[3]
    e.check_integrity()


def test_near_misses():
    """Order counts for differences and quotients; other inputs, and other numbers of them, are other computations."""
    x, y = float64("x"), float64("y")
    outputs = [sub(x, y), sub(y, x), true_div(x, y), true_div(y, x), add(x, x, y), add(x, y, y), add(x, y), mul(x, y)]
    e = FunctionGraph([x, y], outputs)
    before = str(e)
    assert CommutativeMergeOptimizer().optimize(e) == 0
    assert str(e) == before


def test_in_place_nodes_stay():
    """What overwrites an input is not merged."""
    x, y = T.dvectors("x", "y")
    a = T.exp(x)
    in_place = T.Elemwise(T.add.scalar_op, {0: 0})
    e = FunctionGraph([x, y], [in_place(a, y), in_place(y * 2, a)])
    assert CommutativeMergeOptimizer().optimize(e) == 0


@pytest.mark.parametrize(("name", "nodes"), [("fast_run", 1), ("fast_compile", 2)])
def test_in_the_default_optimizer(name, nodes):
    """fast_run has it, by the tag merge_commutative; fast_compile has not."""
    x, y = T.dvectors("x", "y")
    mode = tcore.Mode("vm", name).excluding("fusion", "inplace")
    f = tcore.function([x, y], [T.exp(x * y), T.tanh(y * x)], mode=mode)
    assert sum("mul" in str(node.op) for node in f.maker.fgraph.toposort()) == nodes
    np.testing.assert_allclose(f([0.5], [2.0]), [np.exp([1.0]), np.tanh([1.0])])
    f = tcore.function([x, y], [T.exp(x * y), T.tanh(y * x)], mode=mode.excluding("merge_commutative"))
    assert sum("mul" in str(node.op) for node in f.maker.fgraph.toposort()) == 2


class Odd(Op):
    """Commutative; its equality says nothing of the type of its result, nor of associativity."""

    commutative = True
    __props__ = ()

    def __init__(self, kind=float64):
        self.kind = kind

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [self.kind()])


def test_what_is_not_the_same():
    """Other types of results, three inputs of an op that is not associative."""
    x, y, z = float64("x"), float64("y"), float64("z")
    e = FunctionGraph([x, y, z], [Odd()(x, y), Odd(float32)(y, x), Odd()(x, y, z), Odd()(z, y, x)])
    assert CommutativeMergeOptimizer().optimize(e) == 0
    assert MergeOptimizer().optimize(FunctionGraph([x, y], [Odd()(x, y), Odd(float32)(x, y)]))[5] == 0


def test_refused_merges():
    """Are taken back, and are no error."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [add(x, y), add(y, x)])

    class Refuse:
        def validate(self, fgraph):
            if fgraph.outputs[0] is fgraph.outputs[1]:
                raise InconsistencyError("no")

    e.attach_feature(Refuse())
    assert CommutativeMergeOptimizer().optimize(e) == 0
    assert str(e) == "[add(x, y), add(y, x)]"
