"""Optimizers: what they apply, in which order, and what happens when something goes wrong."""

import logging

import pytest
from samples import LocalSimplify

from tcore.configuration import config
from tcore.graph import Apply, Constant, FunctionGraph, InconsistencyError, Op
from tcore.optimizer import (
    EquilibriumOptimizer,
    LocalOptGroup,
    LocalOptimizer,
    MergeOptimizer,
    OpKeyOptimizer,
    OpRemove,
    OpSub,
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


def test_merging_knows_no_commutativity(xyz):
    """x + y and y + x are two computations; MergeOptimizer tells how long it took."""
    x, y, z = xyz
    swapped = FunctionGraph([x, y, z], [add(x, y), add(y, x)])
    _, seconds, *_, merged, _ = MergeOptimizer().optimize(swapped)
    assert seconds >= 0
    assert merged == 0


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
        (lambda x: ["text"], "replaces neg.0 by 'text', which is no Variable"),
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


def test_final_and_cleanup_optimizers(xyz):
    """Run at the end of each pass, in this order, as long as something changes."""
    x, y, _ = xyz
    log = []

    def noting(name, then=None):
        @optimizer
        def note(fgraph):
            log.append(name)
            if then is not None:
                then.apply(fgraph)

        return note

    merge = MergeOptimizer()
    e = FunctionGraph([x, y], [add(identity(x), neg(y)), add(x, neg(y))])
    merge.add_requirements(e)
    EquilibriumOptimizer(
        [noting("global"), OpRemove(identity)], final_optimizers=[noting("final")], cleanup_optimizers=[noting("cleanup", merge)],
    ).optimize(e)  # fmt: skip
    assert log == ["global", "final", "cleanup"] * 2
    assert e.outputs[0] is e.outputs[1]


def test_rules_that_replace_elsewhere_see_their_node_again(xyz):
    """It stays in the graph, and so does what it had replaced: the rule is asked until it has nothing to do."""
    x, y, _ = xyz
    asked = []

    @local_optimizer([neg])
    def local_users(node):
        asked.append(str(node))
        for client, _ in node.outputs[0].clients:
            if client != "output" and client.op == exp:
                return {client.outputs[0]: identity(node.inputs[0])}
        return False

    inner = neg(x)
    e = FunctionGraph([x, y], [exp(inner), mul(exp(inner), y), inner])
    EquilibriumOptimizer([local_users]).optimize(e)
    assert str(e) == "[identity(x), mul(identity(x), y), neg(x)]"
    assert len(asked) >= 3


def test_nothing_to_do_is_nothing(xyz):
    """A rule that returns the node's own output, or refuses its own step, changes nothing, alone or in a group."""
    x, y, _ = xyz

    @local_optimizer([neg])
    def local_same(node):
        return [node.outputs[0]]

    @local_optimizer([neg])
    def local_refused(node):
        raise InconsistencyError("not today")

    for rules in ([local_same, local_refused], [LocalOptGroup(local_same, local_refused, apply_all_opts=True)], [LocalOptGroup(local_refused)]):
        for driver in (EquilibriumOptimizer(rules), *map(TopoOptimizer, rules)):
            e = FunctionGraph([x, y], [add(neg(x), neg(x))])
            with config.change_flags(on_opt_error="raise"):
                driver.optimize(e)
            assert str(e) == "[add(neg(x), neg(x))]"


@pytest.mark.parametrize("reentrant", [True, False])
def test_new_nodes_by_the_rule(xyz, reentrant):
    """``ignore_newtrees="auto"``: a rule that says that it is not reentrant does not see what it made."""
    x, *_ = xyz

    class Wrap(LocalOptimizer):
        def tracks(self):
            return [neg]

        def transform(self, node):
            inner = node.inputs[0]
            return False if inner.owner is not None and inner.owner.op == exp else [neg(exp(inner))]

    rule = Wrap()
    rule.reentrant = reentrant
    navigator = TopoOptimizer(rule, ignore_newtrees="auto")
    assert navigator.ignore_newtrees is not reentrant
    e = FunctionGraph([x], [neg(x)])
    navigator.optimize(e)
    assert str(e) == "[neg(exp(x))]"


def test_a_failure_callback_of_an_equilibrium(xyz):
    """Gets error, optimizer, rule and node; the rule is off afterwards."""
    x, y, _ = xyz
    heard = []

    @local_optimizer([add])
    def local_broken(node):
        raise RuntimeError("no idea")

    driver = EquilibriumOptimizer([local_broken, OpRemove(identity)], failure_callback=lambda *details: heard.append(details))
    e = FunctionGraph([x, y], [add(x, y), add(y, x), identity(x)])
    driver.optimize(e)
    ((error, told, _, rule, node),) = heard
    assert (str(error), told, rule, node.op) == ("no idea", driver, local_broken, add)
    assert str(e) == "[add(x, y), add(y, x), x]"


class Unhashable(Op):
    """An op whose constants or equality cannot be hashed."""

    __hash__ = None

    def __init__(self, tag=0):
        self.tag = tag

    def __eq__(self, other):
        return type(self) is type(other) and self.tag == other.tag

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


def test_rules_of_ops_that_cannot_be_hashed(xyz):
    """Are found by equality, and an oscillation between them ends."""
    x, *_ = xyz
    for driver in (EquilibriumOptimizer, lambda rules: OpKeyOptimizer(*rules)):
        e = FunctionGraph([x], [Unhashable(1)(x), Unhashable(2)(x)])
        driver([OpSub(Unhashable(1), exp)]).optimize(e)
        assert [output.owner.op for output in e.outputs] == [exp, Unhashable(2)]
    e = FunctionGraph([x], [Unhashable(1)(x)])
    with config.change_flags(on_opt_error="ignore"):
        EquilibriumOptimizer([OpSub(Unhashable(1), Unhashable(2)), OpSub(Unhashable(2), Unhashable(1))], name="loop").optimize(e)
    e.check_integrity()


@pytest.mark.parametrize("what", ["lazy", "no perform"])
def test_what_does_not_fold(xyz, what):
    """A node that asks for more than its inputs, or has no Python code, stays."""

    class Stays(Op):
        __props__ = ()

        def make_node(self, a):
            return Apply(self, [a], [a.type()])

        if what == "lazy":

            def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
                return lambda: [0]

    e = FunctionGraph([], [Stays()(Constant(float64, 1.0))])
    with config.change_flags(on_opt_error="raise"):
        EquilibriumOptimizer([constant_folding]).optimize(e)
    assert isinstance(e.outputs[0].owner.op, Stays)
