"""Every registered rewrite against NumPy: values and gradients before and after, special values, near misses, traces.

``--hypothesis-profile=thorough`` draws many more graphs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tcore.tensor as T
from tcore.compile.aliasing import Supervisor
from tcore.gradient import grad
from tcore.graph import clone, equal_computations
from tcore.graph.destroyhandler import DestroyHandler
from tcore.optimizer import DB, LocalOptimizer, MergeOptimizer, Rewrite, TopoOptimizer, check_stack_trace, optdb
from tcore.optimizer.rewrite import ASSUME_FINITE
from tcore.plugins.process import manager
from tcore.plugins.references import resolve
from tcore.tensor.rewrites.shape_feature import ShapeFeature


def _sibling(name):
    spec = importlib.util.spec_from_file_location(f"rewrites_{name}", Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drawing = _sibling("drawing")
templates = _sibling("templates")
WITH_NNET = importlib.util.find_spec("tcore_nnet") is not None
TEMPLATES = {**templates.TEMPLATES, **(templates.NNET if WITH_NNET else {})}

EXAMPLES = settings().max_examples // 20
drawn = settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@frozen
class Registered:
    """A rule or optimizer, and the part of it that loses nothing."""

    name: str
    whole: object
    exact: object
    assumes: bool


def _groups():
    plugins = manager()
    if WITH_NNET:
        plugins.load("nnet")
    for plugin, group in plugins.rewrite_groups(["tensor", "scalar", "compile", "graph", *(["nnet"] if WITH_NNET else [])]):
        yield from resolve(group.load)


def registered():
    """All rewrites of the core and, where it is installed, of tcore_nnet, by name."""
    found = {}
    for each in _groups():
        rule = each.rule if isinstance(each, Rewrite) else each.optimizer
        if isinstance(rule, DB):
            for name in rule.names():
                part = rule._entries[name]
                found[name] = Registered(name, part.obj, part.without.get(ASSUME_FINITE), ASSUME_FINITE in part.tags)
        if each.name not in found:
            found[each.name] = Registered(each.name, rule, each.exact, ASSUME_FINITE in each.tags)
    for name in optdb.names():
        if name not in found:
            found[name] = Registered(name, optdb[name], None, False)
    found["constant_folding"] = Registered("constant_folding", optdb["canonicalize"]["constant_folding"], None, False)
    return found


RULES = registered()
CASES = [pytest.param(name, template, id=f"{name}-{number}") for name, several in TEMPLATES.items() for number, template in enumerate(several)]


def test_every_rewrite_has_templates():
    """A rule that is registered is tested here; a template names a rule that is registered."""
    missing = set(RULES) - set(TEMPLATES) - templates.WITHOUT
    assert not missing, f"without template: {sorted(missing)}"
    assert not set(TEMPLATES) - set(RULES)
    assert all(any(t.misses for t in several) for several in TEMPLATES.values())


def prepared(inputs, outputs, name, destroying):
    """A copy of a graph, merged, with what rules ask for."""
    graph = drawing.graph_of(inputs, outputs)
    graph.attach_feature(ShapeFeature())
    if name != "merge1":
        MergeOptimizer().optimize(graph)
    if destroying:
        graph.attach_feature(DestroyHandler())
        graph.attach_feature(Supervisor(graph.inputs))
    return graph


def rewritten(rule, inputs, outputs, name):
    """(graph before, graph after one application)."""
    destroying = "nplace" in name
    before, after = prepared(inputs, outputs, name, destroying), prepared(inputs, outputs, name, destroying)
    optimizer = TopoOptimizer(rule) if isinstance(rule, LocalOptimizer) else rule
    optimizer.optimize(after)
    return before, after


def changed(before, after):
    if len(before.apply_nodes) != len(after.apply_nodes):
        return True
    return not equal_computations(before.outputs, after.outputs, before.inputs, after.inputs)


def drawn_graph(template, seed, values, build=None):
    for attempt in range(20):
        d = drawing.Drawing((seed, attempt), values, template.max_ndim)
        if len(d.shape) >= template.min_ndim:
            break
    outputs = (build or template.fires)(d)
    return d, outputs if isinstance(outputs, list) else [outputs]


def compare(rule, name, template, seed, values, exact):
    d, outputs = drawn_graph(template, seed, values)
    try:
        before, after = rewritten(rule, d.inputs, outputs, name)
        fired = changed(before, after)
        for old, new in zip(before.outputs, after.outputs, strict=True):
            assert old.type == new.type
        if not fired or not template.check:
            return fired
        try:
            wanted = drawing.compute(before, d.data)
        except (IndexError, ValueError):
            return fired  # values that the graph refuses: a rule may find out less
        for found, reference in zip(drawing.compute(after, d.data), wanted, strict=True):
            drawing.assert_same(found, reference, exact, drawing.precision_of(before), template.loose)
    except AssertionError as error:
        error.add_note(f"graph: {outputs}\nafter: {after.outputs}\ndata: {d.data}\n{[x.type for x in d.inputs]}")
        raise
    return fired


@pytest.mark.parametrize(("name", "template"), CASES)
def test_ordinary_values(name, template):
    """The same numbers and types; it fires on what its template draws."""
    fired = []

    @drawn
    @given(st.integers(0, 2**32))
    def run(seed):
        fired.append(compare(RULES[name].whole, name, template, seed, "tame", exact=False))

    run()
    assert any(fired), "it never fired"


@pytest.mark.parametrize(("name", "template"), [c for c in CASES if not RULES[c.values[0]].assumes or RULES[c.values[0]].exact])
def test_special_values(name, template):
    """NaN, infinities and the signs of zeros stay where they are, unless a rule says that it assumes finite values."""
    rule = RULES[name].exact if RULES[name].assumes else RULES[name].whole

    @drawn
    @given(st.integers(0, 2**32))
    def run(seed):
        compare(rule, name, template, seed, "special" if template.loose else "extreme", exact=True)

    run()


@pytest.mark.parametrize(("name", "template"), [c for c in CASES if c.values[1].misses])
def test_near_misses(name, template):
    """What only looks alike stays."""

    @drawn
    @given(st.integers(0, 2**32))
    def run(seed):
        d, outputs = drawn_graph(template, seed, "tame", template.misses)
        assert not changed(*rewritten(RULES[name].whole, d.inputs, outputs, name)), outputs

    run()


@pytest.mark.parametrize(("name", "template"), CASES)
def test_traces(name, template):
    """Every node that a rule makes tells the user's line."""
    for seed in range(3):
        d, outputs = drawn_graph(template, seed, "tame")
        before, after = rewritten(RULES[name].whole, d.inputs, outputs, name)
        check_stack_trace(before, "all")
        check_stack_trace(after, "all")


@pytest.mark.parametrize(("name", "template"), [c for c in CASES if c.values[1].gradient])
def test_gradients(name, template):
    """The gradient of the new graph is that of the old one."""
    for seed in range(max(2, EXAMPLES // 4)):
        d, outputs = drawn_graph(template, seed, "tame")
        before, after = rewritten(RULES[name].whole, d.inputs, outputs, name)
        wrt = [i for i, x in enumerate(d.inputs) if x.dtype.startswith("float")]
        if not changed(before, after) or not wrt or not outputs[0].dtype.startswith("float"):
            continue
        values = []
        for graph in (before, after):
            inputs, (out, *_) = clone(graph.inputs, graph.outputs)
            gradients = grad(T.sum(out), [inputs[i] for i in wrt], disconnected_inputs="ignore")
            values.append(drawing.compute(drawing.graph_of(inputs, gradients), d.data))
        for i, wanted, found in zip(wrt, *values, strict=True):
            precision = 1e-4 if "float32" in str([x.dtype for x in d.inputs]) else 1e-8
            keep = np.isfinite(wanted)
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found[keep], wanted[keep], rtol=precision, atol=precision, err_msg=f"{outputs} by input {i}: {d.data}")
