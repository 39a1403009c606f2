"""Rules that never come to rest end, are named, and leave a right graph; in every driver."""

import logging

import pytest

from tcore.configuration import config
from tcore.graph import FunctionGraph
from tcore.optimizer import (
    EquilibriumOptimizer,
    LocalOptGroup,
    MergeOptimizer,
    OpKeyOptimizer,
    OpSub,
    Optimizer,
    OscillationError,
    PatternSub,
    SeqOptimizer,
    TopoOptimizer,
    in2out,
    local_optimizer,
)
from tcore.scalar import add, exp, float64, identity, mul, neg, sub

there, back = OpSub(add, mul), OpSub(mul, add)
grow = PatternSub((neg, "x"), (neg, (neg, (neg, "x"))))


@local_optimizer([add])
def local_swap(node):
    """add(x, y) -> add(y, x)"""
    return [add(*reversed(node.inputs))]


@local_optimizer([neg])
def local_sink(node):
    """neg(exp(x)) -> exp(neg(x))"""
    inner = node.inputs[0].owner
    return [exp(neg(inner.inputs[0]))] if inner is not None and inner.op == exp else False


@local_optimizer([exp])
def local_lift(node):
    """exp(neg(x)) -> neg(exp(x))"""
    inner = node.inputs[0].owner
    return [neg(exp(inner.inputs[0]))] if inner is not None and inner.op == neg else False


DRIVERS = {
    "equilibrium": lambda *rules: EquilibriumOptimizer(rules),
    "topo": in2out,
    "group": lambda *rules: TopoOptimizer(LocalOptGroup(*rules, apply_all_opts=True)),
    "inside": lambda *rules: SeqOptimizer(MergeOptimizer(), EquilibriumOptimizer([in2out(*rules)])),
}


def graph():
    x, y = float64("x"), float64("y")
    return FunctionGraph([x, y], [identity(add(x, y)), neg(exp(x))])


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("rules", [(there, back), (local_swap,), (local_sink, local_lift), (grow,)], ids=["two", "itself", "places", "growth"])
def test_ends_and_tells(driver, rules, caplog):
    """Every driver stops, with the rules and their counts in the report, and the graph holds together."""
    e = graph()
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        DRIVERS[driver](*rules).optimize(e)
    e.check_integrity()
    assert len(e.outputs) == 2
    for rule in rules:
        assert f"'{rule}' (applied " in caplog.text
    assert "optimizer_excluding" in caplog.text
    assert "test_oscillation.py" in caplog.text  # the line that made the node
    assert len(caplog.records) <= len(rules)


@pytest.mark.parametrize("driver", ["equilibrium", "topo", "group"])
def test_raises_where_asked_to(driver):
    """``on_opt_error=raise``: the error holds the rules and their counts."""
    e = graph()
    with config.change_flags(on_opt_error="raise"), pytest.raises(OscillationError, match="undo each other") as caught:
        DRIVERS[driver](there, back).optimize(e)
    assert caught.value.rules == {there: 3, back: 2}
    e.check_integrity()


def test_key_driver():
    """A rule for one op that makes the same op."""
    x = float64("x")
    rule = PatternSub((neg, "x"), (neg, (neg, "x")))
    e = FunctionGraph([x], [neg(x)])
    with config.change_flags(on_opt_error="ignore"):
        OpKeyOptimizer(rule).optimize(e)
    e.check_integrity()


def test_the_others_go_on():
    """One rule of the circle is off; what has nothing to do with it is optimized."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [add(x, y), neg(neg(y))])
    with config.change_flags(on_opt_error="ignore"):
        EquilibriumOptimizer([there, back, PatternSub((neg, (neg, "v")), "v")]).optimize(e)
    assert str(e) == "[mul(x, y), y]"


def test_once_in_a_compilation(caplog):
    """A rule that is off stays off in the stages that follow."""
    stages = SeqOptimizer(EquilibriumOptimizer([there, back]), EquilibriumOptimizer([there, back]))
    e = graph()
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        stages.optimize(e)
        assert len(caplog.records) == 1
        stages.optimize(graph())
    assert len(caplog.records) == 2


def test_optimizers_that_always_change_something(caplog):
    """A global member that is never done is stopped, too."""

    class Flip(Optimizer):
        def apply(self, fgraph):
            (node, *_) = [node for node in fgraph.toposort() if node.op in (add, sub)]
            fgraph.replace(node.outputs[0], (sub if node.op == add else add)(*node.inputs))

    e = graph()
    flip = Flip()
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        EquilibriumOptimizer([flip]).optimize(e)
    assert "'Flip' was applied more than 8 times the number of nodes (optdb.max_use_ratio)" in caplog.text


def test_honest_work_is_no_circle():
    """Many equal changes at many places, and long chains of changes at one."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [mul(identity(add(x, y)), float(k)) for k in range(200)])
    with config.change_flags(on_opt_error="raise"):
        EquilibriumOptimizer([there, PatternSub((identity, "v"), "v")]).optimize(e)
        assert all(node.op == mul for node in e.apply_nodes)
        deep = x
        for _ in range(1000):
            deep = neg(neg(deep))
        e = FunctionGraph([x], [deep])
        TopoOptimizer(LocalOptGroup(PatternSub((neg, (neg, "v")), "v"), apply_all_opts=True), order="out_to_in").optimize(e)
    assert str(e) == "[x]"
