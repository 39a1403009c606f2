"""What rules return, beside lists: dicts of variables and nodes, ``remove``; and in-place ops before their time."""

import pytest

import tcore
import tcore.tensor as T
from tcore.graph import FunctionGraph
from tcore.graph.destroyhandler import DestroyHandler
from tcore.optimizer import (
    AddDestroyHandler,
    EquilibriumDB,
    GlobalRewrite,
    LocalGroupDB,
    OpSub,
    Rewrite,
    SequenceDB,
    Stage,
    TopoDB,
    TopoOptimizer,
    in2out,
    local_optimizer,
    optdb,
    optimizer,
    register_rewrites,
)
from tcore.optimizer.replacing import InplaceOrderError
from tcore.scalar import add, exp, float64, neg

add_in_place = T.Elemwise(T.add.scalar_op, {0: 0})


def test_nodes_as_keys():
    """A node stands for its outputs, with a list or one variable."""
    for wrap in (list, next):

        @local_optimizer([neg])
        def local_client(node, wrap=wrap):
            """exp(neg(x)) -> x"""
            (client, _), *_ = node.outputs[0].clients
            return {client: wrap(iter(node.inputs))} if client != "output" else None

        x = float64("x")
        e = FunctionGraph([x], [exp(neg(x))])
        TopoOptimizer(local_client).optimize(e)
        assert str(e) == "[x]"


@pytest.mark.parametrize("as_variable", [True, False])
def test_remove(as_variable):
    """``remove`` lists nodes, or variables in their place; one that stays takes the step back."""

    @local_optimizer([exp])
    def local_skip(node):
        inner = node.inputs[0]
        return {node.outputs[0]: inner.owner.inputs[0], "remove": [inner if as_variable else inner.owner]}

    x = float64("x")
    e = FunctionGraph([x], [exp(neg(x))])
    TopoOptimizer(local_skip).optimize(e)
    assert str(e) == "[x]"
    e = FunctionGraph([x], [exp(neg(x)), neg(x)])
    e.replace(e.outputs[1], e.outputs[0].owner.inputs[0])
    TopoOptimizer(local_skip).optimize(e)
    assert str(e) == "[exp(*1 -> neg(x)), *1]"


def graph():
    x, y = T.dvectors("x", "y")
    return FunctionGraph([x, y], [T.add(T.exp(x), y)])


def test_in_place_needs_the_handler():
    """A rule that works in place fails on a graph that nobody watches, and works on one with the handler."""
    rule = in2out(OpSub(T.add, add_in_place))
    e = graph()
    with pytest.raises(InplaceOrderError, match="no DestroyHandler yet.*position from 50 on"):
        rule.optimize(e)
    assert not any(node.op.destroy_map for node in e.apply_nodes)
    e.attach_feature(DestroyHandler())
    rule.optimize(e)
    assert any(node.op.destroy_map for node in e.apply_nodes)


def test_optimizers_that_are_too_early():
    """add_destroy_handler names the node that another optimizer put in before it."""

    @optimizer
    def careless(fgraph):
        (node,) = [node for node in fgraph.toposort() if node.op == T.add]
        fgraph.replace_validate(node.outputs[0], add_in_place(*node.inputs))

    x, y = T.dvectors("x", "y")
    mode = tcore.Mode("vm", "fast_run").register((careless, 3.5))
    with pytest.raises(InplaceOrderError, match="overwrites an input"):
        tcore.function([x, y], T.add(T.exp(x), y), mode=mode)


def test_registration_is_checked():
    """The tag ``inplace`` in front of the handler is refused, in the sequence and in databases inside it."""
    rule = OpSub(T.add, add_in_place)
    db = SequenceDB()
    db.register("add_destroy_handler", AddDestroyHandler(), 49.5, "fast_run", "inplace")
    message = "'early' has the tag 'inplace' and would stand at 2 .*'add_destroy_handler' at 49.5"
    with pytest.raises(ValueError, match=message):
        db.register("early", in2out(rule), 2, "fast_run", "inplace")
    stage = db.register("stage", EquilibriumDB(), 2, "fast_run")
    nested = stage.register("nested", LocalGroupDB(), "fast_run")
    walk = db.register("walk", TopoDB(LocalGroupDB()), 2, "fast_run")
    for place in (stage, nested, walk.db):
        with pytest.raises(ValueError, match=message):
            place.register("early", rule, "inplace")
        assert "early" not in place
    db.register("late", in2out(rule), 50, "fast_run", "inplace")
    late = db.register("late_stage", EquilibriumDB(), 60, "fast_run", "inplace")
    late.register("fine", rule, "inplace")


def test_groups_of_plugins_are_checked():
    """A group with such a rule is refused as a whole."""
    early = Rewrite(OpSub(add, neg), (Stage.SPECIALIZE,), ("inplace",), name="local_early_in_place")
    fine = GlobalRewrite("fine_and_late", in2out(OpSub(add, neg)), 60, ("inplace",))
    with pytest.raises(ValueError, match="local_early_in_place"):
        register_rewrites(optdb, [fine, early])
    assert "fine_and_late" not in optdb
    assert "local_early_in_place" not in optdb["specialize"]
