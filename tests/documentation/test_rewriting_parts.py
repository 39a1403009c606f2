"""Optimizers, databases and members of the sequence, one promise of the documentation at a time; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.compile import optdb
from tcore.compile.mode import Mode, predefined_optimizers
from tcore.gof import EquilibriumDB, FunctionGraph, Query, SequenceDB
from tcore.gof.opt import EquilibriumOptimizer, OpRemove, OpSub, SeqOptimizer, TopoOptimizer
from tcore.optimizer.navigators import in2out
from tcore.scalar import add, float64, identity, mul, neg

x = T.dvector("x")


# ------------------------------------------------------------ optimizers


def test_two_kinds_L10177():
    """A global one gets the graph, a local one a node."""
    given = []

    class Global(gof.Optimizer):
        def apply(self, fgraph):
            given.append(fgraph)

    class Local(gof.LocalOptimizer):
        def transform(self, node):
            given.append(node)
            return False

    a = float64("a")
    graph = FunctionGraph([a], [neg(a)])
    Global().optimize(graph)
    TopoOptimizer(Local()).optimize(graph)
    assert given == [graph, graph.outputs[0].owner]


def test_rules_need_a_navigator_L10404():
    """OpSub and OpRemove are local: they have no optimize; within a navigator they work."""
    a = float64("a")
    for rule, expected in ((OpSub(neg, identity), "[identity(a)]"), (OpRemove(neg), "[a]")):
        assert isinstance(rule, gof.LocalOptimizer)
        assert not isinstance(rule, gof.Optimizer)
        graph = FunctionGraph([a], [neg(a)])
        for navigate in (TopoOptimizer(rule), in2out(rule), EquilibriumOptimizer([rule])):
            trial = graph.clone()
            navigate.optimize(trial)
            assert str(trial) == expected


def test_equilibrium_stops_at_a_quiet_pass_L10980():
    """Global optimizers in each pass, local ones at all nodes; the last pass is the one that changes nothing."""
    passes = []

    class Count(gof.Optimizer):
        def apply(self, fgraph):
            passes.append(len(fgraph.apply_nodes))

    a = float64("a")
    graph = FunctionGraph([a], [neg(neg(neg(a)))])
    EquilibriumOptimizer([Count(), OpSub(neg, identity), OpRemove(identity)]).optimize(graph)
    assert str(graph) == "[a]"
    assert passes[0] == 3
    assert passes[-1] == 0
    before = len(passes)
    EquilibriumOptimizer([Count(), OpSub(neg, identity)]).optimize(graph)
    assert len(passes) == before + 1


def test_sequences_nest_L10838():
    """In order, whatever kinds they hold, to any depth."""
    a = float64("a")
    inner = SeqOptimizer(EquilibriumOptimizer([OpSub(neg, identity)]), SeqOptimizer(in2out(OpRemove(identity))))
    graph = FunctionGraph([a], [add(neg(a), a)])
    SeqOptimizer(inner, TopoOptimizer(OpSub(add, mul))).optimize(graph)
    assert str(graph) == "[mul(a, a)]"


# ------------------------------------------------------------ databases


def test_two_ways_to_register_L10501():
    """A rule within a navigator at a place of the sequence, or as it is in a database of rules."""
    a = float64("a")
    rule = OpSub(neg, identity)
    for into in ("sequence", "equilibrium"):
        db = SequenceDB()
        if into == "sequence":
            db.register("rule", in2out(rule), 0.5, "wanted")
        else:
            rules = EquilibriumDB()
            db.register("rules", rules, 1, "wanted")
            rules.register("rule", rule, "wanted")
        graph = FunctionGraph([a], [neg(a)])
        db.query(Query(include=["wanted"])).optimize(graph)
        assert str(graph) == "[identity(a)]"
        untouched = FunctionGraph([a], [neg(a)])
        db.query(Query(include=["other"])).optimize(untouched)
        assert str(untouched) == "[neg(a)]"


def test_sets_of_a_query_L10454_L10440_L10466():
    """include is needed, the others default to nothing; each of the three methods makes a new query."""
    query = Query(include=["a"])
    assert (query.include, query.require, query.exclude, query.subquery) == ({"a"}, frozenset(), frozenset(), {})
    for tags, include, require, exclude in [("ab", "a", "b", ""), ("ab", "b", "ab", ""), ("a", "a", "b", ""), ("ab", "a", "", "b"), ("ab", "c", "", "")]:
        wanted = bool(set(include) & set(tags)) and set(require) <= set(tags) and not set(exclude) & set(tags)
        assert Query(list(include), list(require), list(exclude)).matches(list(tags)) is wanted
    for change, field in ((query.including, "include"), (query.requiring, "require"), (query.excluding, "exclude")):
        changed = change("b", "c")
        assert getattr(changed, field) == getattr(query, field) | {"b", "c"}
        assert query.include == {"a"}
        assert not query.require
        assert not query.exclude


MEMBERS = {
    "canonicalize": ("EquilibriumOptimizer", 10598), "BlasOpt": ("SeqOptimizer", 10723), "specialize": ("EquilibriumOptimizer", 10779),
    "elemwise_fusion": ("SeqOptimizer", 10692), "merge1": ("MergeOptimizer", 10599),
}  # fmt: skip
OF_GROUPS = {
    ("elemwise_fusion", "local_add_mul_fusion"): ("FusionOptimizer", 10713), ("elemwise_fusion", "composite_elemwise_fusion"): ("FusionOptimizer", 10704),
    ("BlasOpt", "local_dot_to_dot22"): ("TopoOptimizer", 10741), ("BlasOpt", "gemm_optimizer"): ("GemmOptimizer", 10728),
    ("BlasOpt", "local_dot22_to_dot22scalar"): ("TopoOptimizer", 10747), ("BlasOpt", "local_gemm_to_gemv"): ("EquilibriumOptimizer", 10753),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Rules are in the database once a function was compiled."""
    tcore.function([], T.constant(1.0), mode=Mode("py", "fast_run"))


@pytest.mark.parametrize("name", [pytest.param(name, id=f"{name}_L{line}") for name, (_, line) in MEMBERS.items()])
def test_members_of_the_sequence(name):
    """Each has the documented class."""
    built = {str(each): type(each).__name__ for each in optdb.query(predefined_optimizers["fast_run"])}
    assert built[name] == MEMBERS[name][0]


@pytest.mark.parametrize(("group", "name"), [pytest.param(*key, id=f"{key[1]}_L{line}") for key, (_, line) in OF_GROUPS.items()])
def test_members_of_groups(group, name):
    (sequence,) = [each for each in optdb.query(predefined_optimizers["fast_run"]) if str(each) == group]
    names = [str(each) for each in sequence]
    assert type(sequence[names.index(name)]).__name__ == OF_GROUPS[group, name][0]
    wanted = [other for where, other in OF_GROUPS if where == group]
    assert [other for other in names if other in wanted] == wanted


def test_blas_forms_L10747_L10753():
    """A scalar times a product, and a product with a vector, are ops of their own."""
    m, n, s = T.dmatrices("m", "n")[0], T.dmatrix("n"), T.dscalar("s")
    mode = Mode("py", "fast_run").excluding("fusion", "inplace")

    def ops(inputs, out):
        return {str(node.op) for node in tcore.function(inputs, out, mode=mode).maker.fgraph.apply_nodes}

    assert "Dot22Scalar" in ops([m, n, s], s * T.dot(m, n))
    assert any("emv" in op for op in ops([m, x], T.dot(m, x)))


def alone(rule, inputs, out):
    """The op on top after one rule at every node."""
    graph = FunctionGraph(inputs, [out])
    graph.attach_feature(tcore.tensor.opt.ShapeFeature())
    TopoOptimizer(rule).optimize(graph)
    return str(graph.outputs[0].owner.op)


LIFTS = {
    "local_reshape_lift": lambda m, v: T.exp(m).reshape((6,)),
    "local_subtensor_lift": lambda m, v: T.exp(m)[0],
    "local_dimshuffle_lift": lambda m, v: T.exp(m).dimshuffle(1, 0),
}
SINKS = {
    "local_fill_sink": lambda m, v: T.exp(T.fill(m, 2.0)),
    "local_mul_switch_sink": lambda m, v: m * T.switch(T.gt(m, 0), m, 0.0),
}


@pytest.mark.parametrize("name", LIFTS)
def test_lifts_L10986(name):
    """op(f(x)) -> f(op(x)): the op goes to the inputs, the function comes out on top."""
    m, v = T.dmatrix("m"), T.dvector("v")
    rule = next(rule for rule in optdb["canonicalize"].query(f"+{name}").local_optimizers)
    assert "exp" not in str(LIFTS[name](m, v).owner.op)
    assert "exp" in alone(rule, [m, v], LIFTS[name](m, v))


@pytest.mark.parametrize("name", SINKS)
def test_sinks_L10987(name):
    """f(op(x)) -> op(f(x)): the op comes out on top."""
    m, v = T.dmatrix("m"), T.dvector("v")
    rule = next(rule for rule in optdb["canonicalize"].query(f"+{name}").local_optimizers)
    op = "second" if "fill" in name else "switch"
    assert op not in str(SINKS[name](m, v).owner.op)
    assert op in alone(rule, [m, v], SINKS[name](m, v))


def test_canonizer_is_one_class_L12143_L12149():
    """Sums and products have their normal forms by one class, which takes the ops and how constants combine."""
    from tcore.tensor.opt import Canonizer, local_add_canonizer, local_mul_canonizer

    for rule, op, inverse in ((local_add_canonizer, T.add, T.sub), (local_mul_canonizer, T.mul, T.true_div)):
        assert type(rule) is Canonizer
        assert {op, inverse} <= set(rule.tracks())


# ------------------------------------------------------------ levels


def names_of(level):
    """Rules and optimizers of a level."""
    found, waiting = set(), list(optdb.query(predefined_optimizers[level]))
    for each in waiting:
        found.add(str(each))
        waiting.extend(each if isinstance(each, SeqOptimizer) else getattr(each, "local_optimizers", ()) or ())
    return found


def test_levels_grow_L12053_L4599_L4600_L4601_L4602_L4603():
    """o1 < o2 < o4; o3 is o4 without work in place; unsafe is o3 and what removes checks."""
    o1, o2, o3, o4, unsafe = map(names_of, ("o1", "o2", "o3", "o4", "unsafe"))
    assert o1 < o2
    assert o2 - o1 == {"elemwise_fusion", "local_add_mul_fusion", "composite_elemwise_fusion"}
    assert o1 < o4
    assert o3 < o4
    assert {"add_destroy_handler", "local_inplace_setsubtensor"} <= o4 - o3
    assert unsafe - o3 == {"local_remove_all_assert"}
    assert o3 <= unsafe


def test_no_rewrites_L4598():
    """None leaves the graph as it was written, useless work included."""
    f = tcore.function([x], (x * 1.0 + 0.0) * 1.0, mode=Mode("py", None))
    assert sum(isinstance(node.op, T.Elemwise) for node in f.maker.fgraph.apply_nodes) == 3
    np.testing.assert_array_equal(f([2.0]), [2.0])


def test_stabilization_alone_L4604_L12066():
    """Stable forms, and nothing that is only for speed: no fusion, no work in place, no BLAS."""
    m = T.dmatrix("m")
    for name in ("stabilize", "Stabilization"):
        f = tcore.function([m, x], [T.log(1 + T.exp(m)), T.dot(m, m) + m], mode=Mode("py", name), on_unused_input="ignore")
        ops = {str(node.op) for node in f.maker.fgraph.apply_nodes}
        assert "softplus" in " ".join(ops)
        assert not any("emm" in op or "Composite" in op for op in ops)
        np.testing.assert_allclose(f([[1000.0]], [0.0])[0], [[1000.0]])


# ------------------------------------------------------------ advice


def test_high_order_ops_L11011():
    """A scalar op in an Elemwise broadcasts, takes every rank, and differentiates; axes move by DimShuffle."""

    class Sinc(tcore.scalar.UnaryScalarOp):
        def impl(self, value):
            return np.sinc(value / np.pi)

        def grad(self, inputs, output_grads):
            (value,), (g,) = inputs, output_grads
            return [g * (tcore.scalar.cos(value) / value - tcore.scalar.sin(value) / value**2)]

    sinc = T.Elemwise(Sinc(tcore.scalar.upgrade_to_float, name="sinc"))
    for value in (np.float64(0.5), np.array([0.5, 1.0]), np.array([[0.5], [2.0]])):
        v = T.TensorType("float64", [False] * value.ndim)()
        found, gradient = tcore.function([v], [sinc(v), tcore.grad(sinc(v).sum(), v)], mode="FAST_COMPILE")(value)
        np.testing.assert_allclose(found, np.sin(value) / value)
        np.testing.assert_allclose(gradient, np.cos(value) / value - np.sin(value) / value**2)
    assert isinstance(T.dmatrix().T.owner.op, T.DimShuffle)
