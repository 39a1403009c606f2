"""The rules that the documentation's profile names, each by its name out of the database and alone on a graph; its lines in the ids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import tcore
import tcore.tensor as T
from tcore.compile import Mode, optdb
from tcore.graph import FunctionGraph, equal_computations
from tcore.optimizer import EquilibriumOptimizer, LocalOptimizer, MergeOptimizer, TopoOptimizer
from tcore.tensor.opt import ShapeFeature
from tcore.tensor.shape import Shape_i

PLAIN = Mode("py", None)

x, y, z = T.dmatrices("x", "y", "z")
v, w = T.dvectors("v", "w")
s, t = T.dscalars("s", "t")
i, k = T.lmatrix("i"), T.lvector("k")
f = T.fmatrix("f")
X, Y, Z = np.linspace(-1.5, 2.0, 12).reshape(3, 4), np.linspace(0.5, 3.0, 12).reshape(3, 4), np.linspace(-3.0, -0.5, 12).reshape(3, 4)
V, W = np.linspace(-1.0, 1.0, 4), np.linspace(0.5, 1.5, 4)
S, N = 1.7, -0.4
I = np.arange(12).reshape(3, 4) - 4
VALUES = {x: X, y: Y, z: Z, v: V, w: W, s: S, t: N, i: I, k: np.array([2, 0]), f: X.astype("float32")}


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Rules are in the database once a function was optimized."""
    tcore.function([], T.constant(1.0), mode=Mode("py", "fast_run"))


def rules_of(stage, name):
    """What the database has by the name: rules of a stage, a member of a group, or of the sequence."""
    if not stage:
        return [optdb[name]]
    found = optdb[stage].query(f"+{name}")
    return list(found.local_optimizers) if isinstance(found, EquilibriumOptimizer) else [each for each in found if str(each) == name]


def alone(stage, name, expression):
    """The graph of ``expression`` after the rules of that name at every node, in the order of the inputs; and what it was before."""
    inputs = [each for each in tcore.graph.inputs([expression]) if each in VALUES]
    before, after = (FunctionGraph(inputs, [expression], clone=True) for _ in range(2))
    after.attach_feature(ShapeFeature())
    found = rules_of(stage, name)
    assert found, f"nothing is called {name}"
    for rule in found:
        (TopoOptimizer(rule) if isinstance(rule, LocalOptimizer) else rule).optimize(after)
    return before, after


def ops_of(graph):
    """The class of every op, for elementwise ones that of the scalar op."""
    return [type(node.op.scalar_op if isinstance(node.op, T.Elemwise) else node.op).__name__ for node in graph.toposort()]


def value_of(graph):
    named = {each.name: value for each, value in VALUES.items()}
    with np.errstate(all="ignore"):
        return tcore.function(graph.inputs, graph.outputs, mode=PLAIN, on_unused_input="ignore")(*[named[each.name] for each in graph.inputs])[0]


CANONICALIZE = [
    ("constant_folding", "L10607_L10648", lambda: T.constant(2.0) * T.constant(3.0) + s, lambda: 6 + S, {"Mul"}, set()),
    ("local_greedy_distributor", "L10630_L10649", lambda: (x / y + z) * y, lambda: X + Z * Y, {"TrueDiv"}, set()),
    ("local_mul_canonizer", "L10617_L10650", lambda: (x * y) / x, lambda: Y, {"Mul", "TrueDiv"}, set()),
    ("local_add_canonizer", "L10665", lambda: (x + y) - x, lambda: Y, {"Add", "Sub"}, set()),
    ("local_fill_sink", "L10607_L10651", lambda: T.exp(T.fill(x, s)) + y, lambda: np.exp(S) + Y, {"Second"}, set()),
    ("local_fill_cut", "L10672", lambda: T.fill(x, s) * y, lambda: S * Y, {"Second"}, set()),
    ("local_dimshuffle_lift", "L10606_L10652", lambda: x.T.T, lambda: X, {"DimShuffle"}, set()),
    ("local_upcast_elemwise_constant_inputs", "L10606_L10653", lambda: T.constant(np.int8(3)).dimshuffle("x", "x") * x + np.array([[1]]), lambda: 3 * X + 1, set(), set()),
    ("local_useless_elemwise", "L10611_L10655", lambda: T.eq(i, i), lambda: np.ones((3, 4), bool), {"EQ"}, {"Alloc"}),
    ("local_neg_to_mul", "L10657", lambda: -x, lambda: -X, {"Neg"}, {"Mul"}),
    ("local_lift_transpose_through_dot", "L10658", lambda: T.dot(x, y.T).T, lambda: (X @ Y.T).T, set(), set()),
    ("local_shape_to_shape_i", "L10606_L10659", lambda: T.exp(x).shape, lambda: [3, 4], {"Exp", "Shape"}, {"Shape_i", "MakeVector"}),
    ("local_track_shape_i", "L10670", lambda: Shape_i(1)(T.exp(x)), lambda: 4, {"Exp"}, set()),
    ("local_subtensor_lift", "L10660", lambda: T.exp(x)[1], lambda: np.exp(X[1]), set(), set()),
    ("local_subtensor_make_vector", "L10611_L10661", lambda: T.stack([s, t])[1], lambda: N, {"MakeVector", "Subtensor"}, set()),
    ("local_subtensor_of_alloc", "L10689", lambda: T.alloc(v, 3, 4)[1:, 2], lambda: [V[2]] * 2, set(), set()),
    ("local_subtensor_of_dot", "L10690", lambda: T.dot(x, y.T)[1], lambda: (X @ Y.T)[1], set(), set()),
    ("local_subtensor_merge", "L10691", lambda: x[1:][1:], lambda: X[2:], set(), set()),
    ("local_useless_subtensor", "L10685", lambda: x[:, :], lambda: X, {"Subtensor"}, set()),
    ("local_useless_slice", "L10688", lambda: x[1, :], lambda: X[1], set(), set()),
    ("local_sum_all_to_none", "L10662", lambda: x.sum(axis=(0, 1)), lambda: X.sum(), set(), set()),
    ("local_sum_sum", "L10682", lambda: x.sum(axis=1).sum(), lambda: X.sum(), set(), set()),
    ("local_sum_div_dimshuffle", "L10677", lambda: (x / w).sum(axis=0), lambda: X.sum(axis=0) / W, set(), set()),
    ("local_cut_useless_reduce", "L10680", lambda: T.sum(x, axis=()), lambda: X, {"Sum"}, set()),
    ("local_reduce_join", "L10681", lambda: T.join(0, v.dimshuffle("x", 0), w.dimshuffle("x", 0)).sum(axis=0), lambda: V + W, {"Sum", "Join"}, {"Add"}),
    ("local_mul_zero", "L10666", lambda: x * 0.0, lambda: np.zeros((3, 4)), {"Mul"}, set()),
    ("local_0_dot_x", "L10669", lambda: T.dot(T.zeros((5, 3)), x), lambda: np.zeros((5, 4)), {"Dot"}, set()),
    ("local_one_minus_erf", "L10667", lambda: 1 - T.erf(x), lambda: special.erfc(X), {"Erf", "Sub"}, {"Erfc"}),
    ("local_one_minus_erf2", "L10673", lambda: 1 + T.neg(T.erf(x)), lambda: special.erfc(X), {"Erf", "Add"}, {"Erfc"}),
    ("local_func_inv", "L10668", lambda: T.neg(T.neg(x)), lambda: X, {"Neg"}, set()),
    ("local_mul_switch_sink", "L10671", lambda: T.switch(i > 0, x, 0.0) * y, lambda: np.where(I > 0, X * Y, 0), set(), set()),
    ("local_div_switch_sink", "L10678", lambda: T.switch(i > 0, x, 0.0) / y, lambda: np.where(I > 0, X / Y, 0), set(), set()),
    ("local_remove_switch_const_cond", "L10674", lambda: T.switch(1, x, y), lambda: X, {"Switch"}, set()),
    ("local_cast_cast", "L10675", lambda: T.cast(T.cast(f, "float64"), "float32"), lambda: X.astype("float32"), {"Cast"}, set()),
    ("local_useless_alloc", "L10683", lambda: T.alloc(x, Shape_i(0)(x), Shape_i(1)(x)), lambda: X, {"Alloc"}, set()),
    ("local_reshape_chain", "L10684", lambda: x.reshape((12,)).reshape((2, 6)), lambda: X.reshape(2, 6), set(), set()),
    ("local_reshape_lift", "L10686", lambda: T.exp(x).reshape((4, 3)), lambda: np.exp(X).reshape(4, 3), set(), set()),
    ("local_flatten_lift", "L10687", lambda: T.exp(x).flatten(), lambda: np.exp(X).ravel(), set(), set()),
]  # fmt: skip
SPECIALIZE = [
    ("constant_folding", "L10787", lambda: T.constant(2.0) * T.constant(3.0) + s, lambda: 6 + S, {"Mul"}, set()),
    ("local_mul_to_sqr", "L10787_L10795", lambda: x * x, lambda: X**2, {"Mul"}, {"Sqr"}),
    ("local_div_to_inv", "L10788_L10794", lambda: 1.0 / y, lambda: 1 / Y, {"TrueDiv"}, {"Inv"}),
    ("local_mul_specialize", "L10788", lambda: x * -1.0, lambda: -X, {"Mul"}, {"Neg"}),
    ("local_add_specialize", "L10803", lambda: T.add(x, 0.0, y), lambda: X + Y, set(), set()),
    ("local_alloc_unary", "L10812", lambda: T.exp(T.alloc(v, 3, 4)), lambda: np.exp([V] * 3), set(), set()),
    ("local_abs_merge", "L10806", lambda: T.abs_(x) * T.abs_(z), lambda: abs(X * Z), set(), set()),
    ("local_sum_mul_by_scalar", "L10809", lambda: (s * x).sum(), lambda: S * X.sum(), set(), set()),
    ("local_sum_alloc", "L10821", lambda: T.alloc(s, 3, 4).sum(), lambda: 12 * S, {"Alloc", "Sum"}, set()),
    ("local_reduce_broadcastable", "L10823", lambda: v.dimshuffle("x", 0).sum(axis=0), lambda: V, {"Sum"}, set()),
    ("local_elemwise_sub_zeros", "L10810", lambda: x - x, lambda: np.zeros((3, 4)), {"Sub"}, set()),
    ("local_log_erfc", "L10824", lambda: T.log(T.erfc(x)), lambda: np.log(special.erfc(X)), set(), {"Erfcx"}),
    ("local_grad_log_erfc_neg", "L10826", lambda: T.exp(-T.sqr(x)) / T.erfc(x), lambda: 1 / special.erfcx(X), {"Exp", "Erfc"}, {"Erfcx"}),
    ("local_log1p", "L10827", lambda: T.log(1 + y), lambda: np.log1p(Y), {"Log", "Add"}, {"Log1p"}),
    ("local_log_add", "L10828", lambda: T.log(T.exp(x) + T.exp(y)), lambda: np.logaddexp(X, Y), {"Log"}, {"Log1p"}),
    ("local_neg_neg", "L10830", lambda: T.neg(T.neg(x)), lambda: X, {"Neg"}, set()),
    ("local_neg_div_neg", "L10831", lambda: T.neg(x) / T.neg(y), lambda: X / Y, {"Neg"}, set()),
    # those that both profiles have
    ("local_useless_elemwise", "L10805", lambda: T.add(x), lambda: X, {"Add"}, set()),
    ("local_track_shape_i", "L10807", lambda: Shape_i(0)(T.exp(x)), lambda: 3, {"Exp"}, set()),
    ("local_one_minus_erf", "L10799", lambda: 1 - T.erf(x), lambda: special.erfc(X), {"Erf", "Sub"}, {"Erfc"}),
    ("local_one_minus_erf2", "L10808", lambda: 1 + T.neg(T.erf(x)), lambda: special.erfc(X), {"Erf", "Add"}, {"Erfc"}),
    ("local_func_inv", "L10804", lambda: T.neg(T.neg(x)), lambda: X, {"Neg"}, set()),
    ("local_cast_cast", "L10811", lambda: T.cast(T.cast(f, "float64"), "float32"), lambda: X.astype("float32"), {"Cast"}, set()),
    ("local_dimshuffle_lift", "L10822", lambda: T.exp(x).T.T, lambda: np.exp(X), {"DimShuffle"}, set()),
    ("local_useless_alloc", "L10829", lambda: T.alloc(x, Shape_i(0)(x), Shape_i(1)(x)), lambda: X, {"Alloc"}, set()),
    ("local_sum_div_dimshuffle", "L10820", lambda: (x / w).sum(axis=0), lambda: X.sum(axis=0) / W, set(), set()),
]  # fmt: skip
SEQUENCE = [
    ("local_fill_to_alloc", "L10607_L10656", lambda: T.fill(x, s), lambda: np.full((3, 4), S), {"Second"}, {"Alloc"}),
    ("local_elemwise_alloc", "L10787_L10792", lambda: T.alloc(s, Shape_i(0)(x), Shape_i(1)(x)) + x, lambda: S + X, {"Alloc"}, set()),
    ("pre_local_IncSubtensor_serialize", "L10676", lambda: T.inc_subtensor(x[0], v) + T.inc_subtensor(y[1], w) + z, lambda: X + Y + Z + np.array([V, W, 0 * V]), set(), set()),
]  # fmt: skip
GROUPS = [
    ("elemwise_fusion", "local_add_mul_fusion", "L10713", lambda: x + (y + z), lambda: X + Y + Z, set(), set()),
    ("elemwise_fusion", "composite_elemwise_fusion", "L10704", lambda: T.exp(x) * y, lambda: np.exp(X) * Y, {"Exp", "Mul"}, {"Composite"}),
    ("BlasOpt", "local_dot_to_dot22", "L10741", lambda: T.dot(x, y.T), lambda: X @ Y.T, {"Dot"}, {"Dot22"}),
    ("BlasOpt", "gemm_optimizer", "L10728", lambda: s * T.blas.dot22(x, y.T) + T.blas.dot22(z, y.T), lambda: S * X @ Y.T + Z @ Y.T, {"Add"}, {"Gemm"}),
    ("BlasOpt", "local_dot22_to_dot22scalar", "L10747", lambda: s * T.blas.dot22(x, y.T), lambda: S * X @ Y.T, {"Dot22", "Mul"}, {"Dot22Scalar"}),
    ("BlasOpt", "local_gemm_to_gemv", "L10753", lambda: T.dot(x, v), lambda: X @ V, {"Dot"}, {"Gemv"}),
]  # fmt: skip
CASES = [(stage, *case) for stage, cases in (("canonicalize", CANONICALIZE), ("specialize", SPECIALIZE), (None, SEQUENCE)) for case in cases] + GROUPS


@pytest.mark.parametrize(("stage", "name", "build", "expected", "gone", "made"), [pytest.param(c[0], c[1], *c[3:], id=f"{c[1]}_{c[2]}") for c in CASES])
def test_rule_alone(stage, name, build, expected, gone, made):
    """It is found by its name, changes the graph as documented, and the value stays that of NumPy."""
    before, after = alone(stage, name, build())
    assert not equal_computations(after.outputs, before.outputs, after.inputs, before.inputs)
    old, new = set(ops_of(before)), set(ops_of(after))
    assert gone <= old
    assert not gone & new
    assert made <= new - old
    found = value_of(after)
    assert after.outputs[0].type == before.outputs[0].type
    np.testing.assert_allclose(found, expected(), rtol=1e-6, atol=1e-12)


# ------------------------------------------------------------ what the classes of ops alone do not show


def top(graph):
    return str(graph.outputs[0].owner.op)


def after(stage, name, expression):
    return alone(stage, name, expression)[1]


def test_order_after_a_lift_L10652_L10658_L10660_L10686_L10687():
    """What was on top is nearer to the inputs now."""
    assert top(after("canonicalize", "local_dimshuffle_lift", T.exp(x).T)) == "Elemwise{exp,no_inplace}"
    graph = after("canonicalize", "local_lift_transpose_through_dot", T.dot(x, y.T).T)
    assert top(graph) == "dot"
    assert graph.outputs[0].owner.inputs[0] is graph.inputs[1], "(x · yᵀ)ᵀ is y · xᵀ"
    for name, expression in (("local_subtensor_lift", T.exp(x)[1]), ("local_reshape_lift", T.exp(x).reshape((4, 3))), ("local_flatten_lift", T.exp(x).flatten())):
        assert top(after("canonicalize", name, expression)) == "Elemwise{exp,no_inplace}"


def test_less_is_computed_L10689_L10690_L10821_L10812_L10809_L10677():
    """Only the part that is needed, before it is spread out, or after it is summed up."""
    assert top(after("canonicalize", "local_subtensor_of_alloc", T.alloc(v, 3, 4)[1:])) == "Alloc"
    graph = after("canonicalize", "local_subtensor_of_dot", T.dot(x, y.T)[1])
    assert top(graph) == "dot"
    assert graph.outputs[0].owner.inputs[0].type.ndim == 1, "one row of x"
    assert top(after("specialize", "local_alloc_unary", T.exp(T.alloc(v, 3, 4)))) == "Alloc"
    assert "mul" in top(after("specialize", "local_sum_mul_by_scalar", (s * x).sum()))
    assert "neg" in top(after("specialize", "local_sum_mul_by_scalar", T.neg(x).sum()))
    assert "true_div" in top(after("canonicalize", "local_sum_div_dimshuffle", (x / w).sum(axis=0)))
    assert top(after("specialize", "local_abs_merge", T.abs_(x) / T.abs_(y))) == "Elemwise{abs_,no_inplace}"


def test_fewer_nodes_L10691_L10682_L10684_L10688_L10662_L10803():
    """Two of a kind become one, a part that says nothing goes."""
    assert ops_of(after("canonicalize", "local_subtensor_merge", x[1:][1:])) == ["Subtensor"]
    assert ops_of(after("canonicalize", "local_sum_sum", x.sum(axis=1).sum())) == ["Sum"]
    assert ops_of(after("canonicalize", "local_reshape_chain", x.reshape((12,)).reshape((2, 6)))) == ["Reshape"]
    assert top(after("canonicalize", "local_useless_slice", x[1, :])) == "Subtensor{int64}"
    assert after("canonicalize", "local_sum_all_to_none", x.sum(axis=(0, 1))).outputs[0].owner.op.axis is None
    assert len(after("specialize", "local_add_specialize", T.add(x, 0.0, y)).outputs[0].owner.inputs) == 2


def test_switches_come_out_L10671_L10678():
    """The zero is chosen last, so that what would be infinite there is not."""
    for name, expression in (("local_mul_switch_sink", T.switch(i > 0, x, 0.0) * y), ("local_div_switch_sink", T.switch(i > 0, x, 0.0) / y)):
        assert top(after("canonicalize", name, expression)) == "Elemwise{switch,no_inplace}"


def test_constants_get_the_dtype_of_the_result_L10653():
    """No cast is left for the run."""
    graph = after("canonicalize", "local_upcast_elemwise_constant_inputs", x * np.array([[3]], "int8"))
    assert [variable.dtype for variable in graph.outputs[0].owner.inputs] == ["float64"] * 2


def test_increments_in_one_chain_L10676():
    """The sum comes first, then one increment after the other: each can work in place."""
    graph = after(None, "pre_local_IncSubtensor_serialize", T.inc_subtensor(x[0], v) + T.inc_subtensor(y[1], w))
    assert ops_of(graph) == ["Add", "IncSubtensor", "IncSubtensor"]


def test_merging_in_canonicalize_L10617_L10654_L10985():
    """A member of the stage: rules that make the same twice make it once, and the profile counts it."""
    assert "MergeOptimizer" in optdb["canonicalize"]
    built = optdb["canonicalize"].query("+MergeOptimizer")
    assert [type(each) for each in built.global_optimizers] == [MergeOptimizer]
    graph = FunctionGraph([x], [T.exp(x) * 2, T.exp(x) * 3], clone=True)
    built.optimize(graph)
    assert ops_of(graph).count("Exp") == 1
    assert not optdb["canonicalize"].query(Mode("py", "fast_run").excluding("merge").provided_optimizer).global_optimizers


def test_dimshuffles_are_views_from_the_start_L10679():
    """There is no in-place form to keep out of this stage: a view is one everywhere. Programs may still name the rule."""
    g = tcore.function([x], T.exp(x.T), mode=Mode("py", "fast_run").excluding("local_dimshuffle_no_inplace_at_canonicalize"))
    np.testing.assert_allclose(g(X), np.exp(X.T))
    canonical = FunctionGraph([x], [x.T[0]], clone=True)
    optdb["canonicalize"].query("+fast_run").optimize(canonical)
    assert all(node.op.view_map and not node.op.destroy_map for node in canonical.apply_nodes)


@pytest.mark.parametrize("name", [pytest.param("use_c_blas", id="use_c_blas_L10767"), pytest.param("use_scipy_gesv", id="use_scipy_gesv_L10773"), "use_scipy_ger"])
def test_names_of_blas_rules(name):
    """Backends call BLAS for the same ops, without a rule; programs that name it compile as before."""
    g = tcore.function([x, y], T.dot(x, y.T), mode=Mode("py", "fast_run").excluding(name))
    assert [str(node.op) for node in g.maker.fgraph.toposort()][-1] == "Dot22"


def test_in_place_is_validated_L10721_L10722():
    """The optimizer of the whole graph stands at the end, and each change is checked: a value that is read later keeps its memory."""
    optimizer = optdb["inplace_elemwise_opt"]
    assert str(optimizer) == "inplace_elemwise_optimizer"
    assert "inplace_elemwise_optimizer" in optdb
    a = T.dot(x, y.T)
    graph = FunctionGraph([x, y], [T.exp(a), T.dot(a, a)], clone=True)
    optimizer.optimize(graph)
    assert not any(node.op.destroy_map for node in graph.apply_nodes if node.inputs[0].owner is not None and len(node.inputs[0].clients) > 1)
    graph.destroy_handler.orderings(graph)
    graph = FunctionGraph([x, y], [T.exp(a)], clone=True)
    optimizer.optimize(graph)
    assert graph.outputs[0].owner.op.destroy_map == {0: [0]}


def test_more_than_is_named_L10832():
    """The list of the profile ends in dots: the stage holds further rules, each with a name."""
    names = {rule.name for rule in optdb["specialize"].query("+fast_run").local_optimizers}
    assert {"local_pow_specialize", "local_sub_specialize", "local_expm1"} <= names - {name for name, *_ in SPECIALIZE}
    assert all(names)
