"""The decorators that register at once; databases inside databases; orders of navigators."""

import pytest

from tcore.graph import FunctionGraph
from tcore.optimizer import (
    EquilibriumDB,
    LocalGroupDB,
    OpSub,
    Query,
    SequenceDB,
    TopoOptimizer,
    local_optimizer,
    optdb,
    register_canonicalize,
    register_specialize,
    register_specialize_device,
    register_stabilize,
    register_uncanonicalize,
    register_useless,
    rewrite,
)
from tcore.scalar import add, exp, float64, mul, neg, sub

DECORATORS = {
    "useless": register_useless,
    "canonicalize": register_canonicalize,
    "stabilize": register_stabilize,
    "specialize": register_specialize,
    "uncanonicalize": register_uncanonicalize,
    "specialize_device": register_specialize_device,
}


def database(stage):
    return getattr(optdb[stage], "db", optdb[stage])


@pytest.mark.parametrize("stage", DECORATORS)
def test_decorators(stage):
    """Bare, and with tags and a name; they give back what they got."""

    @DECORATORS[stage]
    @local_optimizer([add])
    def local_of_this_test(node):
        """add(x) -> x"""

    @DECORATORS[stage]("slow", name="local_second")
    @rewrite(tracks=[add], tags=("mine",))
    def local_other(node):
        """add(x) -> x"""

    db = database(stage)
    try:
        assert db["local_of_this_test"] is local_of_this_test
        assert "fast_run" in db.tags_of("local_of_this_test")
        assert db["local_second"] is local_other.rule
        assert db.tags_of("local_second") >= {"fast_run", "slow", "mine"}
        with pytest.raises(ValueError, match="twice"):
            DECORATORS[stage](local_of_this_test)
    finally:
        db.unregister("local_of_this_test")
        db.unregister("local_second")


def named(name, op1, op2):
    rule = OpSub(op1, op2)
    rule.name = name
    return rule


def test_databases_in_an_equilibrium():
    """A LocalGroupDB gives a rule, others give optimizers; both take part, and get the query."""
    db = EquilibriumDB()
    group = db.register("group", LocalGroupDB(), "t", "u")
    group.register("one", named("one", add, mul), "t")
    group.register("two", named("two", add, sub), "u")
    inner = db.register("inner", EquilibriumDB(), "t")
    inner.register("three", named("three", exp, neg), "t")
    sequence = db.register("sequence", SequenceDB(), "t")
    sequence.register("four", TopoOptimizer(named("four", mul, sub)), 1, "t")
    x, y = float64("x"), float64("y")
    built = db.query(Query(["t"]))
    assert [str(rule) for rule in built.local_optimizers] == ["group"]
    assert [str(each) for each in built.global_optimizers] == ["inner", "sequence"]
    e = FunctionGraph([x, y], [exp(add(x, y))])
    built.optimize(e)
    assert str(e) == "[neg(sub(x, y))]"
    e = FunctionGraph([x, y], [exp(add(x, y))])
    db.query(Query(["t"], subquery={"group": Query(["u"])}, exclude=["sequence"])).optimize(e)
    assert str(e) == "[neg(sub(x, y))]"


@pytest.mark.parametrize("order", ["in_to_out", "out_to_in", "random"])
def test_navigators_reach_every_node(order):
    """Whatever the order; and the same seed is the same order."""

    def visited(seed):
        seen = []

        @local_optimizer(None)
        def local_look(node):
            seen.append(str(node.op))

        x = float64("x")
        e = FunctionGraph([x], [neg(exp(add(mul(x, x), x)))])
        TopoOptimizer(local_look, order=order, seed=seed).optimize(e)
        return seen

    first = visited(3)
    assert first == visited(3)
    assert sorted(first) == ["add", "exp", "mul", "neg"]
    known = {"in_to_out": ["mul", "add", "exp", "neg"], "out_to_in": ["neg", "exp", "add", "mul"]}
    assert first == known.get(order, first)
    if order == "random":
        assert len({tuple(visited(seed)) for seed in range(8)}) > 1
    with pytest.raises(ValueError, match="'random', got 'inside_out'"):
        TopoOptimizer(OpSub(add, mul), order="inside_out")
