"""Rules that raise: told once per compilation, with rule, node and line; then off."""

import logging
import pdb  # noqa: T100 - replaced

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import FunctionGraph
from tcore.optimizer import EquilibriumOptimizer, LocalOptGroup, OpKeyOptimizer, OpSub, TopoOptimizer, local_optimizer, optdb
from tcore.optimizer.failures import one_optimization, report_local_failure
from tcore.scalar import add, exp, float64, mul, neg


@local_optimizer([T.exp, T.sqr])
def local_always_fails(node):
    """exp(x) -> an error"""
    raise RuntimeError("no idea")


@pytest.fixture
def in_all_stages():
    stages = ("canonicalize", "stabilize", "specialize")
    useless = optdb["useless"].db
    for db in (*(optdb[stage] for stage in stages), useless):
        db.register("local_always_fails", local_always_fails, "fast_run")
    yield
    for db in (*(optdb[stage] for stage in stages), useless):
        db.unregister("local_always_fails")


@pytest.mark.usefixtures("in_all_stages")
def test_once_per_compile_L13640(caplog):
    """Four stages have the rule, and two nodes: one report for each compilation; the function is right."""
    x = T.dvector("x")
    out = T.exp(x) + T.sqr(x) + T.neg(T.neg(x))  # reported line
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        f = tcore.function([x], out, mode="FAST_RUN")
        (record,) = caplog.records
        tcore.function([x], out, mode="FAST_RUN")
    assert len(caplog.records) == 2
    text = record.getMessage()
    assert "Optimization failure due to: local_always_fails" in text
    assert "node:    Elemwise{sqr,no_inplace}(x)" in text or "node:    Elemwise{exp,no_inplace}(x)" in text
    assert "test_failures.py" in text
    assert "# reported line" in text
    assert "RuntimeError: no idea" in text
    assert "optimizer_excluding=local_always_fails" in text
    np.testing.assert_allclose(f([2.0]), [np.exp(2.0) + 4.0 + 2.0])
    names = [str(node.op) for node in f.maker.fgraph.toposort()]
    assert not any("neg" in name for name in names)  # the other rules worked


@pytest.mark.usefixtures("in_all_stages")
def test_raise_L13640():
    """``on_opt_error=raise``: the rule's own error, with the report as a note."""
    x = T.dvector("x")
    with config.change_flags(on_opt_error="raise"), pytest.raises(RuntimeError, match="no idea") as caught:
        tcore.function([x], T.exp(x), mode="FAST_RUN")
    assert any("local_always_fails" in note and "test_failures.py" in note for note in caught.value.__notes__)


@pytest.mark.usefixtures("in_all_stages")
def test_excluded():
    """As the report says, excluding the rule by name silences it."""
    x = T.dvector("x")
    mode = tcore.Mode("vm", "fast_run").excluding("local_always_fails")
    with config.change_flags(on_opt_error="raise"):
        tcore.function([x], T.exp(x), mode=mode)


def test_group_members_fail_alone(caplog):
    """A failing member of a group that applies all its rules is named, and the others go on."""

    @local_optimizer([add])
    def local_member(node):
        raise RuntimeError("member")

    x, y = float64("x"), float64("y")
    e = FunctionGraph([x, y], [add(x, y), add(y, x)])
    group = LocalOptGroup(local_member, OpSub(add, mul), apply_all_opts=True)
    with config.change_flags(on_opt_error="warn"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        TopoOptimizer(group).optimize(e)
    assert str(e) == "[mul(x, y), mul(y, x)]"
    assert caplog.text.count("Optimization failure due to: local_member") == 1


def test_callback_in_place_of_the_report():
    """It gets error, navigator, replacements, rule and node, once."""
    seen = []

    @local_optimizer([neg])
    def local_broken(node):
        raise RuntimeError("told")

    local_broken.op_key = lambda: neg
    x = float64("x")
    for make in (TopoOptimizer, OpKeyOptimizer):
        e = FunctionGraph([x], [neg(neg(x)), exp(neg(x))])
        seen.clear()
        navigator = make(local_broken, failure_callback=lambda *args: seen.append(args))
        navigator.optimize(e)
        ((error, who, replacements, rule, node),) = seen
        assert (str(error), who, replacements, rule, node.op) == ("told", navigator, [], local_broken, neg)
        x = float64("x")


@pytest.mark.parametrize("raised", [True, False])
def test_debugger(monkeypatch, caplog, raised):
    """``on_opt_error=pdb`` shows the report, then stops where the rule failed; where nothing was raised, where it was noticed."""
    stops = []
    monkeypatch.setattr(pdb, "post_mortem", lambda trace: stops.append(trace.tb_frame.f_code.co_name))
    monkeypatch.setattr(pdb, "set_trace", lambda: stops.append("here"))
    x = float64("x")
    with config.change_flags(on_opt_error="pdb"), caplog.at_level(logging.ERROR, "tcore.optimizer"):
        if raised:
            TopoOptimizer(local_optimizer([exp])(local_always_fails.fn)).optimize(FunctionGraph([x], [exp(x), exp(exp(x))]))
            assert "no idea" in caplog.text
        else:
            EquilibriumOptimizer([OpSub(add, mul), OpSub(mul, add)]).optimize(FunctionGraph([x], [add(x, x)]))
    assert len(stops) == 1
    assert (stops == ["here"]) is not raised


def test_a_rule_is_reported_once_by_hand():
    """The same rule again is silence."""
    x = float64("x")
    node = neg(x).owner
    with config.change_flags(on_opt_error="raise"), one_optimization():
        with pytest.raises(RuntimeError, match="first"):
            report_local_failure(local_always_fails, node, RuntimeError("first"))
        report_local_failure(local_always_fails, node, RuntimeError("second"))
