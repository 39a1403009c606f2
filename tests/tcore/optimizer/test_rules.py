"""The index of rules: who is asked about which node."""

import io

from tcore.graph import FunctionGraph, NodeFinder
from tcore.optimizer import LocalOptimizer, OpKeyOptimizer, OpSub, Optimizer, in2out, rules
from tcore.optimizer.rewrite import rewrite
from tcore.optimizer.rules import RuleIndex
from tcore.scalar import add, float64, identity, mul, neg
from tcore.scalar.op import ScalarOp


def test_a_rule_is_asked_once_whether_an_op_concerns_it():
    """``only`` narrows ``tracks``; the answer for an op is remembered, and nodes of other ops are not shown to the rule."""
    asked, shown = [], []

    def only(op):
        asked.append(op)
        return op == mul

    @rewrite(tracks=[ScalarOp], only=only)
    def look(node):
        """nothing"""
        shown.append(node.op)

    x = float64("x")
    fgraph = FunctionGraph([x], [mul(add(x, 1.0), add(mul(x, x), neg(x)))])
    in2out(look.rule).optimize(fgraph)
    assert shown == [mul, mul]
    assert sorted(map(str, asked)) == ["add", "mul", "neg"]


def test_concerns_of_rules_for_all_nodes_and_for_single_ops():
    """A method as well as a function; without one, every op that is tracked concerns the rule."""

    class Choosy(LocalOptimizer):
        def tracks(self):
            return None

        def concerns(self, op):
            return op == neg

    class One(Choosy):
        def tracks(self):
            return [add, neg]

    class Plain(LocalOptimizer):
        pass

    choosy, one, plain = Choosy(), One(), Plain()
    index = RuleIndex([choosy, one, plain])
    assert index.rules_for(neg) == [choosy, one, plain]
    assert index.rules_for(add) == [plain]
    assert index.rules_for(mul) == [plain]


def test_an_index_remembers_so_many(monkeypatch):
    """And answers the same for what it does not remember."""
    monkeypatch.setattr(rules, "_REMEMBERED", 1)
    all_nodes, twice = LocalOptimizer(), OpSub(neg, add)
    twice.tracks = lambda: [neg, neg]
    index = RuleIndex([all_nodes, twice])
    for _ in range(2):
        assert index.rules_for(mul) == [all_nodes]
        assert index.rules_for(neg) == [all_nodes, twice]


def test_what_a_rule_says_of_itself():
    """Its name; that every op it tracks concerns it; what was measured, where there is something."""

    class Plain(LocalOptimizer):
        name = "plain"

    out = io.StringIO()
    assert repr(Plain()) == "plain"
    assert Plain().concerns(neg)
    for measured in (None, "3 times"):
        LocalOptimizer.print_profile(out, measured, level=1)
        Optimizer.print_profile(out, measured, level=2)
    assert out.getvalue() == "    3 times\n        3 times\n"


def test_summaries_of_navigators():
    """As deep as asked for."""
    for depth, lines in ((0, 1), (1, 2)):
        out = io.StringIO()
        in2out(OpSub(neg, add)).print_summary(out, depth=depth)
        assert len(out.getvalue().splitlines()) == lines


def test_op_key_optimizers_share_a_finder():
    """Whoever comes first brings it."""
    x = float64("x")
    fgraph = FunctionGraph([x], [mul(neg(x), x)])
    for rule in (OpSub(neg, identity), OpSub(mul, add)):
        OpKeyOptimizer(rule).optimize(fgraph)
    assert str(fgraph) == "[add(identity(x), x)]"
    assert sum(isinstance(feature, NodeFinder) for feature in fgraph.features) == 1
