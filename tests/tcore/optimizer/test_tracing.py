"""Creation traces through optimizations: copied, inherited, checked."""

import logging

import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import FunctionGraph
from tcore.graph.trace import traces_paused
from tcore.optimizer import (
    CheckStackTrace,
    TopoOptimizer,
    check_stack_trace,
    copy_stack_trace,
    inherit_stack_trace,
    local_optimizer,
)
from tcore.optimizer.tracing import CheckStackTraceFeature
from tcore.scalar import add, exp, float64, mul, neg


def lines(variable):
    return [frame.lineno for frame in variable.tag.trace]


def test_a_context_hands_on_the_trace():
    """All that is made inside of it while traces are paused, as they are in an optimization; also what lies between."""
    x = float64("x")
    old = neg(x)
    with traces_paused(), inherit_stack_trace(old):
        new = exp(add(x, 1.0))
    assert lines(new) == lines(new.owner.inputs[0]) == lines(old)
    assert lines(neg(x)) != lines(old)


def test_copied_to_many():
    """One or several sources and targets; a trace that is there stays; what comes back is what was given."""
    x = float64("x")
    old = neg(x)
    older = exp(x)
    with traces_paused():
        targets = [exp(x), mul(x, 2.0)]
        joined = neg(x)
    assert copy_stack_trace(old, targets) is targets
    assert [lines(each) for each in targets] == [lines(old)] * 2
    assert copy_stack_trace([old, older], joined) is joined
    assert lines(joined)[0] == lines(old)[0]
    assert lines(older)[0] in lines(joined)
    assert lines(copy_stack_trace(old, older)) != lines(old)


def test_which_nodes_are_checked(caplog):
    """The last, all, by op, by class, by text, and several of these; raised, warned of, or told by the result."""
    x = T.dvector("x")
    f = tcore.function([x], T.exp(T.neg(x)), mode=tcore.Mode("py", None))
    first, last = f.maker.fgraph.toposort()
    first.outputs[0].tag.trace = ()
    assert check_stack_trace(f)
    assert check_stack_trace(f.maker.fgraph, T.exp)
    for where in ("all", "neg", T.neg, [T.exp, T.neg], type(T.neg)):
        assert not check_stack_trace(f, where, bug_print="ignore")
        with pytest.raises(ValueError, match="has no creation trace"):
            check_stack_trace(f, where)
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "tcore.optimizer"):
        assert not check_stack_trace(f, "all", bug_print="warn")
    assert "has no creation trace" in caplog.text
    assert last.op == T.exp



@pytest.mark.parametrize(("action", "level"), [("log", logging.INFO), ("warn", logging.WARNING)])
def test_told_L13435(caplog, action, level):
    """``check_stack_trace=log`` and ``warn``: what came without a trace gets one that names the rewrite."""
    x = float64("x")
    bare = neg(x)
    bare.tag.trace = ()
    e = FunctionGraph([x], [bare], clone=False)
    with config.change_flags(check_stack_trace=action), caplog.at_level(logging.INFO, "tcore.optimizer"):
        CheckStackTrace().optimize(e)
    (record,) = caplog.records
    assert record.levelno == level
    assert record.message == "on_attach made neg.0 of neg(x) without a creation trace"
    assert bare.tag.trace[0].filename == "<on_attach>"
    assert check_stack_trace(e, "all")


def test_raised_L13435():
    """``check_stack_trace=raise`` stops, and ``off`` attaches nothing."""
    x = float64("x")
    bare = neg(x)
    bare.tag.trace = ()
    e = FunctionGraph([x], [bare], clone=False)
    with config.change_flags(check_stack_trace="off"):
        CheckStackTrace().optimize(e)
    with config.change_flags(check_stack_trace="raise"), pytest.raises(AssertionError, match="without a creation trace"):
        CheckStackTrace().optimize(e)


def test_rules_without_traces_are_found(caplog):
    """A replacement that inherits its trace is in order; one that a rule brings in beside it by hand is not."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [exp(add(x, y))])

    @local_optimizer([exp])
    def local_direct(node):
        bare = mul(*node.inputs[0].owner.inputs)
        bare.tag.trace = ()
        node.fgraph.replace(node.inputs[0], bare, reason="by hand")
        return False

    with config.change_flags(check_stack_trace="warn"), caplog.at_level(logging.WARNING, "tcore.optimizer"):
        CheckStackTrace().optimize(e)
        TopoOptimizer(local_direct).optimize(e)
    assert [record.message for record in caplog.records] == ["by hand made mul.0 of mul(x, y) without a creation trace"]


def test_a_check_that_was_asked_for_goes_along():
    """``nan_guard_mode_check=True`` holds for what stands in the place of the variable; False is the old one's alone."""
    x = T.dvector("x")
    for wanted in (True, False):
        y = T.exp(x)
        y.tag.nan_guard_mode_check = wanted
        e = FunctionGraph([x], [y], clone=False)
        TopoOptimizer(local_optimizer([T.exp])(lambda node: [T.expm1(node.inputs[0])])).optimize(e)
        assert getattr(e.outputs[0].tag, "nan_guard_mode_check", None) is (True if wanted else None)
        e.disown()


def test_switched_off_between():
    """A graph that was made with the check and is changed without it is not looked at."""
    x = T.dvector("x")
    e = FunctionGraph([x], [T.exp(x)])
    with config.change_flags(check_stack_trace="raise"):
        e.attach_feature(CheckStackTraceFeature())
    with config.change_flags({"check_stack_trace": "off", "traceback.limit": 0}):
        e.replace(e.outputs[0], T.sin(e.inputs[0]))
    with config.change_flags({"check_stack_trace": "raise", "traceback.limit": 0}), pytest.raises(AssertionError, match="without a creation trace"):
        e.replace(e.outputs[0], T.cos(e.inputs[0]))
