"""The documentation's catalogue of optimizations, and the names that its profile shows; its lines in the ids."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import log_softmax

import tcore.tensor as T
from tcore import function
from tcore.compile import Mode, optdb
from tcore.compile.mode import FAST_RUN

MODE = Mode("py", "fast_run")
PLAIN = Mode("py", None)
RNG = np.random.default_rng(12)


def ops_of(f):
    return [str(node.op) for node in f.maker.fgraph.toposort()]


def compiled(inputs, outputs, *excluded):
    """A function without fusion and in-place ops, so that the single ops can be read."""
    return function(inputs, outputs, mode=MODE.excluding("fusion", "inplace", *excluded))


def agrees(inputs, output, *values):
    """The ops of the compiled graph, whose values are those of the unoptimized one."""
    f = compiled(inputs, output)
    np.testing.assert_allclose(f(*values), function(inputs, output, mode=PLAIN)(*values), rtol=1e-12)
    return ops_of(f)


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Rules are in the database once a function was compiled."""
    function([], T.constant(1.0), mode=MODE)


CANONICALIZE = {
    "constant_folding": 10607, "local_greedy_distributor": 10630, "local_mul_canonizer": 10617, "local_add_canonizer": 10665, "local_fill_sink": 10607,
    "local_fill_cut": 10672, "local_dimshuffle_lift": 10606, "local_upcast_elemwise_constant_inputs": 10606, "local_useless_elemwise": 10611,
    "local_neg_to_mul": 10657, "local_lift_transpose_through_dot": 10658, "local_shape_to_shape_i": 10606, "local_track_shape_i": 10670,
    "local_subtensor_lift": 10660, "local_subtensor_make_vector": 10611, "local_subtensor_of_alloc": 10689, "local_subtensor_of_dot": 10690,
    "local_subtensor_merge": 10691, "local_useless_subtensor": 10685, "local_useless_slice": 10688, "local_sum_all_to_none": 10662, "local_sum_sum": 10682,
    "local_sum_div_dimshuffle": 10677, "local_cut_useless_reduce": 10680, "local_reduce_join": 10681, "local_mul_zero": 10666, "local_0_dot_x": 10669,
    "local_one_minus_erf": 10667, "local_one_minus_erf2": 10673, "local_func_inv": 10668, "local_mul_switch_sink": 10671, "local_div_switch_sink": 10678,
    "local_remove_switch_const_cond": 10674, "local_cast_cast": 10675, "local_useless_alloc": 10683, "local_reshape_chain": 10684,
    "local_reshape_lift": 10686, "local_flatten_lift": 10687,
}  # fmt: skip
SPECIALIZE = {
    "constant_folding": 10787, "local_mul_to_sqr": 10787, "local_div_to_inv": 10788, "local_mul_specialize": 10788, "local_add_specialize": 10803,
    "local_alloc_unary": 10812, "local_abs_merge": 10806, "local_sum_mul_by_scalar": 10809, "local_sum_alloc": 10821, "local_reduce_broadcastable": 10823,
    "local_log_erfc": 10824, "local_grad_log_erfc_neg": 10826, "local_log1p": 10827, "local_log_add": 10828, "local_neg_neg": 10830,
    "local_neg_div_neg": 10831, "local_elemwise_sub_zeros": 10810, "local_func_inv": 10804, "local_useless_elemwise": 10805, "local_track_shape_i": 10807, "local_one_minus_erf": 10799,
    "local_cast_cast": 10811, "local_dimshuffle_lift": 10822, "local_useless_alloc": 10829, "local_sum_div_dimshuffle": 10820,
}  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "name"),
    [pytest.param(stage, name, id=f"{name}_L{line}") for stage, names in (("canonicalize", CANONICALIZE), ("specialize", SPECIALIZE)) for name, line in names.items()],
)
def test_names_in_the_profile(stage, name):
    """Each can be asked for, and excluded, by the name that the profile shows."""
    assert name in optdb[stage]
    rules = optdb[stage].query(f"+{name}").local_optimizers
    assert rules
    chosen = MODE.excluding(name).provided_optimizer
    assert not set(rules) & set(optdb[stage].query(chosen).local_optimizers)


POSITIONS = {
    "merge1": 0, "ShapeOpt": 0.1, "useless": 0.6, "merge1.1": 0.65, "pre_local_IncSubtensor_serialize": 0.99, "canonicalize": 1, "merge1.2": 1.2,
    "stabilize": 1.5, "local_fill_to_alloc": 1.51, "local_elemwise_alloc": 1.52, "local_log_sum_exp": 1.6, "BlasOpt": 1.7, "specialize": 2,
    "uncanonicalize": 3, "UnShapeOpt": 10, "specialize_device": 48.6, "merge2": 49, "elemwise_fusion": 49, "local_alloc_empty_to_zeros": 49.3,
    "add_destroy_handler": 49.5, "local_inplace_setsubtensor": 60, "local_inplace_incsubtensor1": 60, "InplaceBlasOpt": 70, "inplace_elemwise_opt": 75,
    "random_make_inplace": 99, "merge3": 100,
}  # fmt: skip


def test_sequence_L10593():
    """The members of the sequence and of its groups stand where the documentation's profile has them."""
    assert {name: optdb.position_of(name) for name in POSITIONS} == POSITIONS
    blas = {"local_dot_to_dot22": 0, "gemm_optimizer": 10, "local_dot22_to_dot22scalar": 11, "local_gemm_to_gemv": 15}
    assert {name: optdb["BlasOpt"].position_of(name) for name in blas} == blas
    fusion = optdb["elemwise_fusion"]
    assert [fusion.position_of(name) for name in ("local_add_mul_fusion", "composite_elemwise_fusion")] == [0, 1]
    names = [type(member).__name__ for member in optdb["BlasOpt"].query("+fast_run")]
    assert names[:4] == ["TopoOptimizer", "GemmOptimizer", "TopoOptimizer", "EquilibriumOptimizer"]


x, y = T.dmatrices("x", "y")
v = T.dvector("v")
s = T.dscalar("s")
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))


def test_quotient_of_a_product_L5599():
    """xy/y is x: neither product nor quotient is left."""
    assert ops_of(compiled([x, y], x * y / y)) == ["DeepCopyOp"]


def test_compiled_graph_is_smaller_L5608():
    """a + a**10 becomes one node without a power."""
    a = T.vector("a")
    f = function([a], a + a**10, mode=MODE)
    np.testing.assert_allclose(f([0, 1, 2]), [0.0, 2.0, 1026.0])
    (node,) = f.maker.fgraph.toposort()
    assert "pow" not in str(node.op).lower()


def test_merge_L12101_L5597():
    f = function([x, y], [(x + y) * 2, (x + y) * 3], mode=MODE.excluding("fusion"))
    assert sum("add" in op.lower() for op in ops_of(f)) == 1
    np.testing.assert_allclose(f(X, Y), [(X + Y) * 2, (X + Y) * 3])


def test_constant_folding_L10517_L12107():
    """Constant(2) * Constant(2) is Constant(4)."""
    f = compiled([], T.constant(2) * T.constant(2))
    assert not [op for op in ops_of(f) if "mul" in op.lower()]
    assert f() == 4


def test_shape_promotion_L12111():
    f = compiled([x], T.log(x).shape)
    assert not any("log" in op for op in ops_of(f))
    assert f(X).tolist() == [3, 4]


def test_fill_cut_L12115():
    """f(fill(a, b), c) is f(b, c); f(fill(a, b), fill(c, d), e) keeps the shape."""
    assert agrees([x, y, s], T.exp(T.fill(x, s)) + y, X, Y, 2.0).count("Alloc") == 0
    ops = agrees([x, y, s], T.fill(x, s) * T.fill(y, s) * s, X, Y, 2.0)
    assert not any("second" in op for op in ops if not op.startswith("Assert"))


def test_inc_subtensor_serialization_L12122_L12124_L10676():
    """The bases are added, none is lost."""
    out = T.inc_subtensor(x[0], v) + T.inc_subtensor(x[1], v)
    ops = agrees([x, v], out, X, np.arange(4.0))
    assert sum(op.startswith("IncSubtensor") for op in ops) == 2
    zeros = T.inc_subtensor(T.zeros_like(x)[0], v) + T.inc_subtensor(T.zeros_like(x)[1], v)
    agrees([x, v], zeros, X, np.arange(4.0))
    kept = ops_of(compiled([x, v], zeros, "local_IncSubtensor_serialize"))
    assert sum("add" in op for op in kept) == 1


def test_reshape_chain_L12131():
    ops = agrees([x], x.reshape((12,)).reshape((2, 6)), X)
    assert sum(op.startswith("Reshape") for op in ops) == 1


@pytest.mark.parametrize(("build", "expected"), [(lambda: x**1, []), (lambda: x * 1, []), (lambda: x + 0, []), (lambda: x - 0, []), (lambda: x / 1, [])])
def test_constant_elimination_L12135_L12171(build, expected):
    assert agrees([x], build(), X) == expected or agrees([x], build(), X) == ["DeepCopyOp"]


def test_add_canonicalization_L12139_L12143():
    """(a + b + c + …) - (z + x + y + …)."""
    a, b, c, d = (T.dvector(name) for name in "abcd")
    ops = agrees([a, b, c, d], (a - b) + (c - d), *RNG.normal(size=(4, 3)))
    assert sorted(ops) == ["Elemwise{add,no_inplace}", "Elemwise{add,no_inplace}", "Elemwise{sub,no_inplace}"]
    assert agrees([a, b], (a + b) - a, *RNG.integers(1, 9, size=(2, 3)).astype(float)) == ["DeepCopyOp"]


def test_mul_canonicalization_L12145():
    a, b, c, d = (T.dvector(name) for name in "abcd")
    ops = agrees([a, b, c, d], (a / b) * (c / d), *RNG.uniform(1, 2, size=(4, 3)))
    assert sorted(ops) == ["Elemwise{mul,no_inplace}", "Elemwise{mul,no_inplace}", "Elemwise{true_div,no_inplace}"]


def test_dot22_L12151():
    assert "Dot22" in agrees([x, y], T.dot(x, y.T), X, Y)


def test_gemm_L12187():
    z = T.dmatrix("z")
    ops = agrees([x, y, z, s], s * T.dot(x, y.T) + 0.5 * z, X, Y, RNG.normal(size=(3, 3)), 2.0)
    assert [op for op in ops if "DimShuffle" not in op and "Constant" not in op] == ["Gemm{no_inplace}"]


def test_sum_scalar_mul_L12159():
    ops = agrees([x, s], T.sum(s * x), X, 2.0)
    assert ops.index("Sum{acc_dtype=float64}") < next(i for i, op in enumerate(ops) if "mul" in op)


def test_negatives_L12163_L12167():
    assert agrees([x], T.neg(T.neg(x)), X) == ["DeepCopyOp"]
    assert agrees([x, y], T.neg(x) / T.neg(y), X, Y) == ["Elemwise{true_div,no_inplace}"]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: x * x, "sqr"), (lambda: x * -1, "neg"), (lambda: x * 0, "Alloc"), (lambda: T.sqr(x) ** 2, "sqr"), (lambda: x**2, "sqr"), (lambda: x**0, "Alloc"),
        (lambda: T.exp(x) ** -0.5, "inv"), (lambda: T.exp(x) ** 0.5, "sqrt"), (lambda: T.exp(x) ** -1, "inv"),
    ],
    ids=["mul(x,x)", "mul(x,-1)", "mul(x,0)", "sqr-of-sqr", "pow(x,2)", "pow(x,0)", "pow(x,-0.5)", "pow(x,0.5)", "pow(x,-1)"],
)  # fmt: skip
def test_special_products_and_powers_L12175_L12179(build, expected):
    ops = agrees([x], build(), X)
    assert any(expected in op for op in ops), ops
    assert not any("pow" in op or "mul" in op for op in ops), ops


def test_inplace_setsubtensor_L12183():
    f = function([x, v], T.set_subtensor(T.exp(x)[0], v), mode=MODE)
    assert any("InplaceSet" in op for op in ops_of(f))
    f = function([x, v], T.set_subtensor(x[0], v), mode=MODE)
    value = X.copy()
    f(value, np.zeros(4))
    np.testing.assert_array_equal(value, X)


def test_inplace_elemwise_L12193():
    """The memory of a value that nobody reads later is used again."""
    f = function([x, y], T.dot(x, y.T) + 1.5, mode=MODE)
    assert any("[(0, " in op or "{inplace}" in op for op in ops_of(f)), ops_of(f)


def test_elemwise_fusion_L12201():
    f = function([x, y], T.exp(x) * y + T.tanh(x), mode=MODE)
    assert len(ops_of(f)) == 1
    assert "Composite" in ops_of(f)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_softmax_L12217_L10818(dtype):
    m = T.matrix("m", dtype=dtype)
    value = np.array([[0, -1000], [3, 4]], dtype)
    found = function([m], T.log(T.nnet.softmax(m)), mode=MODE)(value)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, log_softmax(value.astype("float64"), axis=1), rtol=1e-6)


def test_remove_all_assert_L12219_L12053():
    """Only when it is asked for: by its name, or by the optimizer `unsafe`."""
    from tcore.tensor.opt import Assert

    checked = Assert("positive")(s, T.gt(s, 0))
    assert "Assert{msg='positive'}" in ops_of(compiled([s], checked))
    for mode in (MODE.including("local_remove_all_assert"), Mode("py", "unsafe")):
        f = function([s], checked, mode=mode)
        assert f(-1.0) == -1.0
    program = (
        "import tcore, tcore.tensor as T; s = T.dscalar(); from tcore.tensor.opt import Assert; "
        "print(tcore.function([s], Assert('positive')(s, T.gt(s, 0)))(-1.0))"
    )
    flags = "optimizer_including=local_remove_all_assert,linker=py"
    run = subprocess.run([sys.executable, "-c", program], env={**os.environ, "TCORE_FLAGS": flags}, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "-1.0"


# ------------------------------------------------------------ beyond the documentation: NumPy's special values


@pytest.mark.parametrize(
    ("build", "value", "assumed", "exact"),
    [
        (lambda: v - v, np.inf, 0.0, np.nan), (lambda: v * 0, np.nan, 0.0, np.nan), (lambda: v / v, 0.0, 1.0, np.nan), (lambda: v + 0.0, -0.0, -0.0, 0.0),
        (lambda: (v + s) - v, np.inf, 1.0, np.nan), (lambda: T.log(1 + T.exp(v)), 1000.0, 1000.0, np.inf),
    ],
    ids=["x-x", "x*0", "x/x", "x+0", "x+s-x", "softplus"],
)  # fmt: skip
def test_assume_finite(build, value, assumed, exact):
    """The documented rules assume finite values; without the tag the values are NumPy's."""
    for mode, expected in ((FAST_RUN, assumed), (FAST_RUN.excluding("assume_finite"), exact)):
        found = function([v, s], build(), mode=Mode("py", mode.provided_optimizer), on_unused_input="ignore")([value], 1.0)
        np.testing.assert_array_equal(found, [expected])
        assert np.signbit(found[0]) == np.signbit(expected) or np.isnan(expected)


def test_assume_finite_keeps_integers():
    """Of integers every rule is exact."""
    i = T.lvector("i")
    for build in (lambda: i - i, lambda: i * 0, lambda: i + i - i):
        f = compiled([i], build(), "assume_finite")
        assert not any("Elemwise" in op for op in ops_of(f)), ops_of(f)
