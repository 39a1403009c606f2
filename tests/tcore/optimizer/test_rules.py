"""The index of rules: who is asked about which node."""

from tcore.graph import FunctionGraph
from tcore.optimizer import LocalOptimizer, in2out
from tcore.optimizer.rewrite import rewrite
from tcore.optimizer.rules import RuleIndex
from tcore.scalar import add, float64, mul, neg
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
