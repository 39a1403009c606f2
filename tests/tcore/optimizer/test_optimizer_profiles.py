"""What optimizers measure of themselves: numbers of one run, and sums over several."""

import io

import tcore
import tcore.tensor as T
from tcore.compile import ProfileStats
from tcore.configuration import config
from tcore.graph import FunctionGraph, InconsistencyError
from tcore.optimizer import (
    CommutativeMergeOptimizer,
    EquilibriumOptimizer,
    LocalOptGroup,
    MergeOptimizer,
    OpRemove,
    OpSub,
    Optimizer,
    PatternSub,
    SeqOptimizer,
    TopoOptimizer,
    optimizer,
)
from tcore.scalar import add, exp, float64, identity, mul, neg


def graph(make):
    x, y = float64("x"), float64("y")
    return FunctionGraph([x, y], make(x, y))


def text(optimizer, profile):
    out = io.StringIO()
    optimizer.print_profile(out, profile)
    return out.getvalue()


def profiled(optimizer, make):
    with config.change_flags(profile=True, profile_optimizer=True):
        return optimizer.optimize(graph(make))


def test_sequence_sums_members_by_name():
    """A member of both counts once, with its own sum; those that only one has stay; nodes add up."""
    rules, merge = TopoOptimizer(OpSub(add, mul), name="rules"), MergeOptimizer()
    first = SeqOptimizer(merge, rules, name="first")
    only = SeqOptimizer(rules, EquilibriumOptimizer([OpRemove(identity)], name="only here"), name="second")
    one = profiled(first, lambda x, y: [add(x, y), add(x, y)])
    two = profiled(only, lambda x, y: [add(x, identity(y))])
    total = first.merge_profile(one, two)
    assert total["nodes"] == (2 + 2, 1 + 1)
    assert total["seconds"] == one["seconds"] + two["seconds"]
    assert [str(step[2]) for step in total["steps"]] == ["MergeOptimizer", "rules", "only here"]
    assert first.merge_profile(one, None) is one
    assert first.merge_profile(None, two) is two
    shown = text(first, total)
    assert "SeqOptimizer first time" in shown
    assert "for 4/2 nodes before/after optimization" in shown
    # of 'rules': one node and two nodes before, one and two after, two changes
    assert "nb_node (start, end, changed) (3, 3, 2)" in shown
    assert "nb fail=    0 merged=    1 constant=    0" in shown
    assert text(first, None) == ""


def test_equilibrium_sums_rules_and_passes():
    """Rules by themselves, passes by number: the longer run decides how many there are."""
    undo, remove = PatternSub((neg, (neg, "x")), "x"), OpRemove(identity)
    both = EquilibriumOptimizer([undo, remove], name="both")
    one = profiled(both, lambda x, y: [neg(neg(neg(neg(x))))])
    two = profiled(both, lambda x, y: [identity(y)])
    total = both.merge_profile(one, two)
    assert total.rule_applied == {undo: 2, remove: 1}
    assert (total.nodes_start, total.nodes_end, total.nodes_max) == (5, 0, 5)
    assert len(total.passes) == max(len(one.passes), len(two.passes))
    shown = text(both, total)
    assert f"time {total.seconds:.3f}s for {len(total.passes)} passes" in shown
    assert " - 2 - 0 - neg(neg(x)) -> x" in shown


def test_merge_sums():
    """Refused and merged counts; times only where callbacks were timed; each feature's own."""

    class Refuse:
        def validate(self, fgraph):
            if len(fgraph.apply_nodes) < 3:
                raise InconsistencyError

    refusing = graph(lambda x, y: [neg(x), neg(x), exp(y)])
    refusing.attach_feature(Refuse())
    refusing.time_callbacks = True
    one = MergeOptimizer().optimize(refusing)
    two = MergeOptimizer().optimize(graph(lambda x, y: [mul(x, 2.0), mul(x, 2.0), exp(y), exp(y)]))
    total = MergeOptimizer.merge_profile(one, two)
    assert (total[0], total[5], total[6]) == (1, 2, 1)
    assert (total[2], total[3]) == (one[2], one[3])
    assert total[4] == one[4]
    shown = text(MergeOptimizer(), total)
    assert "nb fail=    1 merged=    2 constant=    1" in shown
    assert all(f"s in {feature}" in shown for feature in one[4])
    assert CommutativeMergeOptimizer.merge_profile(2, 3) == 5
    assert text(CommutativeMergeOptimizer(), 5) == "CommutativeMergeOptimizer merged=5\n"


def test_other_optimizers():
    """What an optimizer returns is printed as it is; it has no sum."""

    class Counting(Optimizer):
        def apply(self, fgraph):
            return len(fgraph.apply_nodes)

    sequence = SeqOptimizer(Counting(), optimizer(lambda fgraph: None))
    profile = profiled(sequence, lambda x, y: [neg(x), exp(y)])
    assert "\n    2\n" in text(sequence, profile)
    twice = sequence.merge_profile(profile, profile)
    assert [step[4] for step in twice["steps"]] == [None, None]


def test_sum_over_functions():
    """``ProfileStats.sum_of``: calls, nodes and optimizers of two functions in one profile."""
    x = T.dvector("x")
    profiles = []
    with config.change_flags(profile=True, profile_optimizer=True):
        for out in (T.exp(x) + 1, T.log(x)):
            profiles.append(ProfileStats(atexit_print=False))
            tcore.function([x], out, profile=profiles[-1], mode="FAST_RUN")([1.0])
    total = ProfileStats.sum_of(profiles, "both")
    assert total.fct_callcount == 2
    assert total.nb_nodes == sum(each.nb_nodes for each in profiles)
    ((_, profile),) = total.optimizer_profiles
    assert profile["nodes"][0] == sum(each.optimizer_profiles[0][1]["nodes"][0] for each in profiles)
    out = io.StringIO()
    total.summary(out)
    assert "Message: both" in out.getvalue()
    assert "Optimizer Profile\n-----------------\n" in out.getvalue()


def test_summaries():
    """Members, as deep as asked."""
    inner = EquilibriumOptimizer([OpSub(add, mul), LocalOptGroup(OpSub(neg, exp))], name="inner")
    whole = SeqOptimizer(inner, MergeOptimizer(), name="whole")
    out = io.StringIO()
    whole.print_summary(out)
    assert out.getvalue().splitlines() == [
        "SeqOptimizer whole (2)",
        "  EquilibriumOptimizer inner",
        "    OpSub add -> mul",
        "    LocalOptGroup (1)",
        "      OpSub neg -> exp",
        "  MergeOptimizer",
    ]
    for depth, lines in ((0, 1), (1, 3), (2, 5)):
        out = io.StringIO()
        whole.print_summary(out, depth=depth)
        assert len(out.getvalue().splitlines()) == lines
    assert repr(SeqOptimizer(TopoOptimizer(OpSub(add, mul), name="t"))).startswith("SeqOptimizer([<")
    assert str(SeqOptimizer(inner, MergeOptimizer())) == "SeqOptimizer(inner, MergeOptimizer)"
