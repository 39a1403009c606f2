"""Optimizers: what they apply, in which order, and what happens when something goes wrong."""

import logging

import pytest

from tcore.configuration import config
from tcore.graph import FunctionGraph, InconsistencyError
from tcore.optimizer import (
    EquilibriumOptimizer,
    LocalOptGroup,
    LocalOptimizer,
    MergeOptimizer,
    OpKeyOptimizer,
    OpRemove,
    OpSub,
    Optimizer,
    PatternSub,
    SeqOptimizer,
    TopoOptimizer,
    check_stack_trace,
    constant_folding,
    in2out,
    local_optimizer,
    optimizer,
    out2in,
)
from tcore.scalar import add, exp, float32, float64, identity, mul, neg, sub, true_div


@pytest.fixture
def xyz():
    return float64("x"), float64("y"), float64("z")


class Simplify(Optimizer):
    """x * y / y -> x, the book's first example."""

    def apply(self, fgraph):
        for node in fgraph.toposort():
            if node.op == true_div:
                x, y = node.inputs
                if x.owner and x.owner.op == mul:
                    a, b = x.owner.inputs
                    if y == a:
                        fgraph.replace_validate(node.outputs[0], b)
                    elif y == b:
                        fgraph.replace_validate(node.outputs[0], a)


class LocalSimplify(LocalOptimizer):
    """The same as a rule."""

    def transform(self, node):
        if node.op == true_div:
            x, y = node.inputs
            if x.owner and x.owner.op == mul:
                a, b = x.owner.inputs
                if y == a:
                    return [b]
                if y == b:
                    return [a]
        return False

    def tracks(self):
        return [true_div]


def test_global_optimizer(xyz):
    """The documented program and its output."""
    x, y, z = xyz
    e = FunctionGraph([x, y, z], [add(z, mul(true_div(mul(y, x), y), true_div(z, x)))])
    Simplify().optimize(e)
    assert str(e) == "[add(z, mul(x, true_div(z, x)))]"


def test_merge_then_simplify(xyz):
    """Two equal sums are different variables until they are merged; merging knows no commutativity."""
    x, y, z = xyz
    e = FunctionGraph([x, y, z], [true_div(mul(add(y, z), x), add(y, z))])
    Simplify().optimize(e)
    assert str(e) == "[true_div(mul(add(y, z), x), add(y, z))]"
    refused, seconds, *rest = MergeOptimizer().optimize(e)
    assert (refused, rest) == (0, [None, None, {}, 1, 0])
    assert seconds >= 0
    assert str(e) == "[true_div(mul(*1 -> add(y, z), x), *1)]"
    Simplify().optimize(e)
    assert str(e) == "[x]"
    swapped = FunctionGraph([x, y, z], [add(x, y), add(y, x)])
    assert MergeOptimizer().optimize(swapped)[5] == 0


def test_topo_optimizer_counts(xyz):
    """(self, changes, nodes before, nodes after, three times)."""
    x, y, z = xyz
    e = FunctionGraph([x, y, z], [add(z, mul(true_div(mul(y, x), y), true_div(z, x)))])
    simplify = TopoOptimizer(LocalSimplify())
    result = simplify.optimize(e)
    assert result[:4] == (simplify, 1, 5, 3)
    assert len(result) == 7
    assert str(e) == "[add(z, mul(x, true_div(z, x)))]"


def test_patterns(xyz):
    """Wildcards bind once; the two orders need two rules; the name tells the pattern."""
    x, y, z = xyz
    rules = [
        PatternSub((true_div, (mul, "x", "y"), "y"), "x"),
        PatternSub((true_div, (mul, "x", "y"), "x"), "y"),
    ]
    e = FunctionGraph([x, y, z], [true_div(mul(x, y), x), true_div(mul(x, y), y), true_div(mul(x, y), z)])
    in2out(*rules).optimize(e)
    assert str(e) == "[y, x, true_div(mul(x, y), z)]"
    assert str(rules[0]) == "true_div(mul(x, y), y) -> x"


def test_pattern_parts(xyz):
    """Numbers, constraints, callables; an inner node that others use does not match unless allowed."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [mul(x, 2.0)])
    in2out(PatternSub((mul, "x", 2.0), (lambda v: add(v, v), "x"))).optimize(e)
    assert str(e) == "[add(x, x)]"
    named_x = {"pattern": "v", "constraint": lambda v: v.name == "x"}
    e = FunctionGraph([x, y], [neg(x), neg(y)])
    in2out(PatternSub((neg, named_x), (exp, "v"))).optimize(e)
    assert str(e) == "[exp(x), neg(y)]"
    inner = neg(x)
    for allowed, expected in ((False, "[exp(*1 -> neg(x)), *1]"), (True, "[x, neg(x)]")):
        e = FunctionGraph([x], [exp(inner), inner])
        in2out(PatternSub((exp, (neg, "v")), "v", allow_multiple_clients=allowed)).optimize(e)
        assert str(e) == expected


def test_op_sub_and_remove(xyz):
    """One op for another on the same inputs; an op taken out."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [identity(add(x, y))])
    out2in(OpSub(add, mul)).optimize(e)
    OpKeyOptimizer(OpRemove(identity)).optimize(e)
    assert str(e) == "[mul(x, y)]"


def test_rules_for_classes_instances_and_all_L10334(xyz):
    """``tracks`` mixes instances, which match when equal, and classes, which match subclasses, too."""
    x, y, _ = xyz
    seen = []

    def rule(tracks):
        @local_optimizer(tracks)
        def local_look(node):
            seen.append((tracks is None, str(node.op)))
            return False

        return local_look

    e = FunctionGraph([x, y], [add(neg(x), y)])
    EquilibriumOptimizer([rule([neg]), rule([type(add)]), rule(None)]).optimize(e)
    assert sorted(seen) == [(False, "add"), (False, "neg"), (True, "add"), (True, "neg")]
    with pytest.raises(ValueError, match="empty"):
        local_optimizer([])


def test_equilibrium_applies_rules_to_what_rules_make_L10404(xyz):
    """To the end, and new nodes included."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [true_div(mul(identity(x), y), y)])
    EquilibriumOptimizer([LocalSimplify(), OpRemove(identity), OpSub(mul, add)]).optimize(e)
    assert str(e) in ("[true_div(add(x, y), y)]", "[x]")
    e = FunctionGraph([x, y], [neg(neg(neg(neg(x))))])
    EquilibriumOptimizer([PatternSub((neg, (neg, "x")), "x")]).optimize(e)
    assert str(e) == "[x]"


def test_equilibrium_names_rules_that_undo_each_other_L10525(xyz, caplog):
    """An oscillation ends, and the report names the rules."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [add(x, y)])
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        EquilibriumOptimizer([OpSub(add, mul), OpSub(mul, add)], name="loop").optimize(e)
    assert "'add -> mul' (applied 3 times) and 'mul -> add' (applied 2 times) undo each other" in caplog.text
    e.check_integrity()


def test_failing_rule_is_reported_once(xyz, caplog):
    """With the node and the line that made it; the others go on."""
    x, y, _ = xyz

    @local_optimizer([add])
    def local_broken(node):
        raise RuntimeError("no idea")

    e = FunctionGraph([x, y], [add(x, y), add(y, x), identity(x)])
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        EquilibriumOptimizer([local_broken, OpRemove(identity)]).optimize(e)
    assert caplog.text.count("Optimization failure due to: local_broken") == 1
    assert "test_drivers.py" in caplog.text
    assert str(e) == "[add(x, y), add(y, x), x]"
    with config.change_flags(on_opt_error="raise"), pytest.raises(RuntimeError, match="no idea"):
        TopoOptimizer(local_broken).optimize(e)
    with config.change_flags(on_opt_error="ignore"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        caplog.clear()
        TopoOptimizer(local_broken).optimize(e)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: [x, x], "2 replacements"),
        (lambda x: [None], "is used"),
        (lambda x: 3, "returns False, a list or a dict"),
        (lambda x: [float32("f")], "types differ"),
        (lambda x: {"key": x}, "has the key"),
    ],
)
def test_wrong_results_of_rules(xyz, result, message):
    """A rule that returns nonsense is an error of the rule, and the graph stays."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [neg(x)])
    with config.change_flags(on_opt_error="raise"), pytest.raises(Exception, match=message):
        TopoOptimizer(local_optimizer([neg])(lambda node: result(node.inputs[0]))).optimize(e)
    assert str(e) == "[neg(x)]"


def test_rules_may_change_other_places_L10988(xyz):
    """A dict replaces variables anywhere; ``remove`` takes the step back if a node stays."""
    x, y, _ = xyz
    inner = neg(x)
    e = FunctionGraph([x, y], [exp(inner)])

    @local_optimizer([neg])
    def local_client(node):
        (client, _), *_ = node.outputs[0].clients
        return {client.outputs[0]: node.inputs[0]} if client != "output" else False

    TopoOptimizer(local_client).optimize(e)
    assert str(e) == "[x]"
    e = FunctionGraph([x, y], [exp(inner), inner])

    @local_optimizer([exp])
    def local_remove(node):
        return {node.outputs[0]: x_of(e), "remove": [node.inputs[0].owner]}

    TopoOptimizer(local_remove).optimize(e)
    assert str(e) == "[exp(*1 -> neg(x)), *1]"


def x_of(graph):
    return graph.inputs[0]


def test_groups(xyz):
    """The first rule that has something to do; or all, one after the other."""
    x, _, _ = xyz
    rules = OpSub(neg, exp), OpSub(exp, identity)
    e = FunctionGraph([x], [neg(x)])
    TopoOptimizer(LocalOptGroup(*rules), ignore_newtrees=True).optimize(e)
    assert str(e) == "[exp(x)]"
    e = FunctionGraph([x], [neg(x)])
    TopoOptimizer(LocalOptGroup(*rules, apply_all_opts=True), ignore_newtrees=True).optimize(e)
    assert str(e) == "[identity(x)]"


def test_sequences_L10838(xyz, capsys):
    """In order; one that raises is skipped; the summary lists all."""
    x, y, _ = xyz

    @optimizer
    def boom(fgraph):
        raise RuntimeError

    seq = SeqOptimizer(boom, OpKeyOptimizer(OpSub(add, mul)), in2out(OpSub(mul, sub)), name="both")
    e = FunctionGraph([x, y], [add(x, y)])
    with config.change_flags(on_opt_error="ignore"):
        seq.optimize(e)
    assert str(e) == "[sub(x, y)]"
    seq.print_summary()
    assert "SeqOptimizer both (3)" in capsys.readouterr().out


def test_inconsistent_replacements_are_taken_back(xyz):
    """A refusal by a feature is no error of the rule."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [add(x, y)])

    class Refuse:
        def validate(self, fgraph):
            if any(node.op == mul for node in fgraph.apply_nodes):
                raise InconsistencyError

    e.attach_feature(Refuse())
    with config.change_flags(on_opt_error="raise"):
        in2out(OpSub(add, mul)).optimize(e)
    assert str(e) == "[add(x, y)]"


def test_merging_goes_on(xyz):
    """Duplicates that a later rule makes are merged as they arrive; equal constants, too."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [add(x, neg(y)), add(x, exp(y)), mul(x, 2.0), mul(x, 2.0)])
    assert MergeOptimizer().optimize(e)[5:] == (1, 1)
    in2out(OpSub(exp, neg)).optimize(e)
    assert e.outputs[0] is e.outputs[1]
    e.check_integrity()


def test_constant_folding(xyz):
    """Constants become one; what fails stays for run time."""
    x, _, _ = xyz
    e = FunctionGraph([x], [mul(x, mul(add(1.0, 1.0), 3.0))])
    EquilibriumOptimizer([constant_folding]).optimize(e)
    assert str(e) == "[mul(x, Constant{6.0})]"


def test_traces_survive(xyz):
    """What replaces a node has the trace of that node, nodes in between included."""
    x, y, _ = xyz
    e = FunctionGraph([x, y], [mul(x, y)])
    line = e.outputs[0].tag.trace[0].lineno
    in2out(PatternSub((mul, "x", "y"), (exp, (add, "x", (neg, "y"))))).optimize(e)
    assert check_stack_trace(e, "all")
    assert {node.outputs[0].tag.trace[0].lineno for node in e.apply_nodes} == {line}
    e.outputs[0].tag.trace = ()
    assert not check_stack_trace(e, "last", bug_print="ignore")
    with pytest.raises(ValueError, match="no creation trace"):
        check_stack_trace(e, exp)


def test_long_chains_take_linear_time(xyz):
    """20,000 nodes and rules that fire at each of them."""
    x, *_ = xyz
    chain = x
    for number in range(20_000):
        chain = neg(chain) if number % 2 else identity(chain)
    e = FunctionGraph([x], [chain])
    EquilibriumOptimizer([PatternSub((neg, (neg, "x")), "x"), OpRemove(identity)]).optimize(e)
    assert str(e) == "[x]"
