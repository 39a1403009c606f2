"""PatternSub: what patterns can say, and commutative matching."""

import itertools

import numpy as np
import pytest

import tcore.tensor as T
from tcore.graph import Apply, Constant, FunctionGraph, Op
from tcore.optimizer import EquilibriumOptimizer, PatternSub, TopoOptimizer
from tcore.scalar import add, cast, exp, float64, mul, neg, sub, true_div


def rewritten(rule, make, count=3):
    inputs = [float64(name) for name in "xyzuv"[:count]]
    e = FunctionGraph(inputs, [make(*inputs)])
    TopoOptimizer(rule).optimize(e)
    return str(e)


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
@pytest.mark.parametrize("inner", list(itertools.permutations(range(2))))
def test_commutative_orders(order, inner):
    """Distributivity: a * b + a * c -> a * (b + c), in all orders of both products and the sum."""
    rule = PatternSub((add, (mul, "a", "b"), (mul, "a", "c")), (mul, "a", (add, "b", "c")), commutative=True)

    def make(x, y, z):
        products = [mul(*[(x, y)[k] for k in inner]), mul(*[(x, z)[k] for k in inner])]
        return add(*[products[k] for k in order])

    names = ["y", "z"] if order == (0, 1) else ["z", "y"]
    assert rewritten(rule, make) == f"[mul(x, add({', '.join(names)}))]"


def test_order_counts_otherwise():
    """Without the word, and for ops that are not commutative."""
    rule = PatternSub((sub, (mul, "a", 2.0), "b"), (add, "a", "b"))
    assert rewritten(rule, lambda x, y, z: sub(mul(2.0, x), y)) == "[sub(mul(Constant{2.0}, x), y)]"
    rule = PatternSub((sub, (mul, "a", 2.0), "b"), (add, "a", "b"), commutative=True)
    assert rewritten(rule, lambda x, y, z: sub(mul(2.0, x), y)) == "[add(x, y)]"
    assert rewritten(rule, lambda x, y, z: sub(y, mul(2.0, x))) == "[sub(y, mul(Constant{2.0}, x))]"


def test_commutative_backtracks():
    """The first choice may fit where it stands and fail later: then the next is tried."""
    # a must be y for the division: the first order binds it to x
    rule = PatternSub((true_div, (add, "a", "b"), (exp, "a")), (neg, "b"), commutative=True)
    assert rewritten(rule, lambda x, y, z: true_div(add(x, y), exp(y))) == "[neg(x)]"
    assert rewritten(rule, lambda x, y, z: true_div(add(x, y), exp(z))) == "[true_div(add(x, y), exp(z))]"


def test_commutative_many_inputs():
    """Ops of any number of inputs match patterns of as many."""
    rule = PatternSub((add, (neg, "a"), (exp, "b"), "c"), (sub, (exp, "b"), "a"), commutative=True)
    assert rewritten(rule, lambda x, y, z: add(z, exp(y), neg(x))) == "[sub(exp(y), x)]"
    assert rewritten(rule, lambda x, y, z: add(exp(y), neg(x))) == "[add(exp(y), neg(x))]"
    # a wildcard twice is one variable in every order; many inputs that do not fit end soon
    rule = PatternSub((add, *["a"] * 9, "b"), "a", commutative=True)
    assert rewritten(rule, lambda *v: add(*v, *v), 5).startswith("[add(")


def test_constraints_and_callables():
    """A constraint sees the variable, also that of a whole inner pattern; the result may be any callable's."""
    few = {"pattern": (exp, "a"), "constraint": lambda v: v.owner.inputs[0].name == "x"}
    rule = PatternSub((neg, few), (lambda a: mul(a, a), "a"))
    assert rewritten(rule, lambda x, y, z: neg(exp(x))) == "[mul(x, x)]"
    assert rewritten(rule, lambda x, y, z: neg(exp(y))) == "[neg(exp(y))]"


def test_refusals():
    """A match is left alone where the result has another type, or the caller says that nothing is gained."""
    same = PatternSub((neg, "a"), (neg, "a"), skip_identities_fn=lambda out, variable: True)
    assert rewritten(same, lambda x, y, z: neg(x)) == "[neg(x)]"
    with pytest.raises(TypeError, match="starts with an op"):
        PatternSub("x", "y")
    with pytest.raises(ValueError, match="get_nodes"):
        PatternSub((neg, "x"), "x", tracks=[exp])


def test_tracks_elsewhere():
    """``tracks`` and ``get_nodes``: looked for at an op that is rarer than the outermost one."""
    asked = []

    def users(node):
        asked.append(node.op)
        return [client for client, _ in node.outputs[0].clients if client != "output"]

    rule = PatternSub((add, (exp, "a"), "b"), (sub, "a", "b"), tracks=[exp], get_nodes=users)
    assert rule.tracks() == [exp]
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [add(exp(x), y), add(x, y)])
    EquilibriumOptimizer([rule]).optimize(e)
    assert str(e) == "[sub(x, y), add(x, y)]"
    assert asked == [exp]


def test_constants_in_patterns():
    """A number, a Constant, a Variable: by value, by value and type, by identity."""
    two = mul(float64("q"), 2.0).owner.inputs[1]
    rule = PatternSub((mul, "a", two), (add, "a", "a"))
    assert rewritten(rule, lambda x, y, z: mul(x, 2.0)) == "[add(x, x)]"
    assert rewritten(rule, lambda x, y, z: mul(x, 3.0)) == "[mul(x, Constant{3.0})]"
    assert rewritten(rule, lambda x, y, z: mul(x, y)) == "[mul(x, y)]"
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [neg(x), neg(y)], clone=False)
    TopoOptimizer(PatternSub((neg, x), (exp, y))).optimize(e)
    assert str(e) == "[exp(y), neg(y)]"
    rule = PatternSub((mul, "a", 2.0), 7.0)
    assert rewritten(rule, lambda x, y, z: mul(x, 2.0)) == "[Constant{7.0}]"
    # arrays: every element counts, and there must be one
    m = T.dvector("m")
    for value, fits in (([2.0, 2.0], True), ([2.0, 3.0], False), ([], False)):
        e = FunctionGraph([m], [T.mul(m, T.constant(np.array(value)))])
        TopoOptimizer(PatternSub((T.mul, "a", 2.0), (T.add, "a", "a"))).optimize(e)
        assert (e.outputs[0].owner.op == T.add) is fits


def test_a_constraint_on_the_whole():
    """The outermost pattern may be a dict; the name of the rule says so."""
    rule = PatternSub({"pattern": (neg, "a"), "constraint": lambda v: v.name == "this"}, (exp, "a"))
    assert rule.op_key() == neg
    assert str(rule).startswith("neg(a) subject to <function")
    assert str(PatternSub({"pattern": (neg, "a")}, "a")) == "neg(a) subject to no conditions -> a"
    x = float64("x")
    this, other = neg(x), neg(x)
    this.name = "this"
    e = FunctionGraph([x], [this, other])
    TopoOptimizer(rule).optimize(e)
    assert str(e) == "[exp(x), neg(x)]"


def test_values_eq_approx_goes_to_the_result():
    """DebugMode asks the result how close is close enough."""

    def close(a, b):
        return True

    x = float64("x")
    e = FunctionGraph([x], [neg(neg(x))])
    TopoOptimizer(PatternSub((neg, (neg, "a")), (exp, "a"), values_eq_approx=close)).optimize(e)
    assert e.outputs[0].tag.values_eq_approx is close


def test_other_types_are_left_alone():
    """A result of another type is no replacement."""
    x = float64("x")
    e = FunctionGraph([x], [neg(x)])
    TopoOptimizer(PatternSub((neg, "a"), (cast_to_float32, "a"))).optimize(e)
    assert str(e) == "[neg(x)]"


def cast_to_float32(variable):
    return cast(variable, "float32")


class Both(Op):
    """Two results, of which the second is the principal one."""

    __props__ = ("name",)
    default_output = 1

    def __init__(self, name):
        self.name = name

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node, inputs, outputs):
        raise NotImplementedError


def test_nodes_with_several_outputs():
    """All outputs are replaced together, by those of a node with outputs of the same types."""
    x = float64("x")
    first, second = Both("old").make_node(x).outputs
    e = FunctionGraph([x], [first, second])
    TopoOptimizer(PatternSub((Both("old"), "a"), (Both("new"), "a"))).optimize(e)
    assert [out.owner.op for out in e.outputs] == [Both("new")] * 2
    TopoOptimizer(PatternSub((Both("new"), "a"), (neg, "a"))).optimize(e)
    assert [out.owner.op for out in e.outputs] == [Both("new")] * 2
    assert [out.index for out in e.outputs] == [0, 1]


class Zero(Op):
    """Nothing in, 0 out."""

    __props__ = ()

    def make_node(self):
        return Apply(self, [], [float64()])


def test_nodes_without_inputs():
    """Match a pattern of the op alone, also in front of others."""
    zero = Zero()
    x = float64("x")
    e = FunctionGraph([x], [add(zero(), x), neg(zero()), add(x, zero())])
    TopoOptimizer(PatternSub((add, (zero,), "v"), "v")).optimize(e)
    TopoOptimizer(PatternSub((zero,), (lambda: Constant(float64, 0.0),))).optimize(e)
    assert str(e) == "[x, neg(Constant{0.0}), add(x, Constant{0.0})]"


def test_only_what_matches_among_many():
    """``get_nodes`` may give nodes of other ops and none that fits; asked at another op directly, the rule says no."""

    def users(node):
        return [client for client, _ in node.outputs[0].clients if client != "output"]

    rule = PatternSub((add, "a", (exp, "b")), (sub, "a", "b"), tracks=[exp], get_nodes=users)
    x, y = float64("x"), float64("y")
    inner = exp(y)
    e = FunctionGraph([x, y], [neg(inner), exp(exp(x)), add(x, exp(x))], clone=False)
    assert rule.transform(inner.owner) is False
    TopoOptimizer(rule).optimize(e)
    assert str(e) == "[neg(exp(y)), exp(exp(x)), sub(x, x)]"
    assert PatternSub((add, "a", "b"), "a").transform(inner.owner) is False


def test_debugger_at_a_match(monkeypatch):
    """``pdb=True`` stops there, once for each match."""
    stops = []
    monkeypatch.setattr("builtins.breakpoint", lambda: stops.append(True))
    x = float64("x")
    TopoOptimizer(PatternSub((neg, "v"), "v", pdb=True)).optimize(FunctionGraph([x], [exp(neg(x)), exp(x)]))
    assert stops == [True]
