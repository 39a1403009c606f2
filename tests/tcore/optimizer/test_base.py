"""Optimizers and rules made of functions: what they need, what they are equal to, how they are called."""

import pytest

from tcore import tensor as T
from tcore.graph import FunctionGraph
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.features import Feature, NodeFinder
from tcore.optimizer import (
    AddFeatureOptimizer,
    GlobalRewrite,
    LocalOptGroup,
    MergeOptimizer,
    OpKeyOptimizer,
    OpRemove,
    OpSub,
    Rewrite,
    SequenceDB,
    Stage,
    TopoOptimizer,
    inplace_optimizer,
    local_optimizer,
    optimizer,
    register_rewrites,
    rewrite,
)
from tcore.scalar import add, exp, float64, identity, mul, neg
from tcore.tensor import Elemwise


@pytest.fixture
def e():
    x, y = float64("x"), float64("y")
    return FunctionGraph([x, y], [add(x, y)])


def test_calling_is_optimizing(e):
    """An optimizer is called like a function, and attaches what it needs; ``add_after`` puts two in order."""
    both = TopoOptimizer(OpSub(add, mul)).add_after(TopoOptimizer(OpSub(mul, add)))
    both(e)
    assert str(e) == "[add(x, y)]"
    TopoOptimizer(OpSub(add, mul))(e)
    assert str(e) == "[mul(x, y)]"


def test_functions_as_optimizers(e):
    """Two of one function are equal; ``inplace_optimizer`` brings a destroy handler."""

    def work(fgraph):
        return len(fgraph.apply_nodes)

    assert optimizer(work) == optimizer(work)
    assert hash(optimizer(work)) == hash(optimizer(work))
    assert optimizer(work) != optimizer(lambda fgraph: None)
    assert optimizer(work)(e) == 1
    assert not hasattr(e, "destroy_handler")
    assert inplace_optimizer(work)(e) == 1
    assert hasattr(e, "destroy_handler")


def test_rules_of_functions(e):
    """A rule is called with a node; its features come with it; its text names function and ops."""
    (node,) = e.apply_nodes

    @local_optimizer([add], requirements=[NodeFinder])
    def local_sum(node):
        """add -> mul"""
        return [mul(*node.inputs)]

    assert local_sum(node)[0].owner.op == mul
    assert repr(local_sum).startswith("FromFunctionLocalOptimizer(<function")
    TopoOptimizer(local_sum).optimize(e)
    assert str(e) == "[mul(x, y)]"
    assert list(e.get_nodes(mul)) == [e.outputs[0].owner]
    record = rewrite(Stage.SPECIALIZE, tracks=[add])(local_sum.fn)
    assert record(node)[0].owner.op == record.transform(node)[0].owner.op == mul
    assert record.summary == "add -> mul"


def test_inplace_rules_bring_a_destroy_handler():
    """``local_optimizer(inplace=True)``: without it the replacement would be an error."""
    in_place = Elemwise(T.add.scalar_op, {0: 0})

    @local_optimizer([T.add], inplace=True)
    def local_in_place(node):
        return [in_place(*node.inputs)]

    x = T.dvector("x")
    e = FunctionGraph([x], [T.exp(x) + 1.0])
    TopoOptimizer(local_in_place).optimize(e)
    assert e.outputs[0].owner.op == in_place
    assert local_in_place.requirements == (DestroyHandler,)
    assert local_optimizer([T.add], inplace=True, requirements=[DestroyHandler])(local_in_place.fn).requirements == (DestroyHandler,)


@pytest.mark.parametrize("tracks", [add, T.add, "add", type(add), 3])
def test_tracks_must_be_a_list(tracks):
    with pytest.raises(TypeError, match="tracks is a list of ops and op classes"):
        local_optimizer(tracks)


def test_op_rules_need_fitting_ops(e):
    """OpRemove wants as many inputs as outputs; an OpKeyOptimizer wants a rule with a key."""
    with pytest.raises(ValueError, match="has 2 and 1"):
        TopoOptimizer(OpRemove(add)).optimize(e)
    with pytest.raises(TypeError, match="has no op_key"):
        OpKeyOptimizer(LocalOptGroup(OpSub(add, mul)))


def test_feature_optimizer(e):
    """Attaches, and leaves the graph alone."""
    feature = Feature()
    AddFeatureOptimizer(feature).optimize(e)
    assert feature in e._features
    assert str(e) == "[add(x, y)]"


def test_groups_track_what_members_track():
    """All that any of them wants; everything, where one wants everything."""
    one, two = OpSub(add, mul), OpSub(neg, exp)
    assert LocalOptGroup(one, two, one).tracks() == [add, neg]
    assert LocalOptGroup([one, two]).rules == [one, two]
    assert LocalOptGroup(one, local_optimizer(None)(lambda node: False)).tracks() is None


def test_records_are_checked():
    """Errors of a package author, each with what to do."""
    with pytest.raises(TypeError, match="tuple of names is needed, got the string 'slow'"):
        Rewrite(OpSub(add, mul), (Stage.SPECIALIZE,), "slow")
    with pytest.raises(ValueError, match="use None for all nodes"):
        rewrite(Stage.SPECIALIZE, tracks=[])
    assert GlobalRewrite("merge", MergeOptimizer(), 1).summary.startswith("f(x), f(x) -> f(x) once")
    db = SequenceDB()
    db.register("plain", MergeOptimizer(), 1)
    with pytest.raises(TypeError, match="'plain' is no sequence"):
        register_rewrites(db, [GlobalRewrite("more", MergeOptimizer(), 2, into="plain")])
    assert "more" not in db


def test_tags_go_over(e):
    """OpSub hands notes on, unless told not to."""
    e.outputs[0].owner.tag.note = "node"
    e.outputs[0].tag.note = "output"
    replaced = OpSub(add, mul).transform(e.outputs[0].owner)
    assert (replaced[0].owner.tag.note, replaced[0].tag.note) == ("node", "output")
    bare = OpSub(add, mul, transfer_tags=False).transform(e.outputs[0].owner)
    assert not hasattr(bare[0].tag, "note")
    assert OpSub(neg, exp).transform(e.outputs[0].owner) is False
    assert OpRemove(identity).transform(e.outputs[0].owner) is False
