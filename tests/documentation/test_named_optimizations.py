"""The optimizations that the book's profile of a compilation names: each is there, in its stage, does what its name says, and keeps the numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.optimizations import all_optimizations
from tcore.optimizer import Query, optdb
from tcore.optimizer.rewrite import Stage, stage_database
from tcore.tensor.rewrites.shape_feature import ShapeFeature

M, N, V, R, S = T.dmatrix("M"), T.dmatrix("N"), T.dvector("V"), T.drow("R"), T.dscalar("S")
B, J = T.bmatrix("B"), T.lscalar("J")
GIVEN = {
    M: [[0.5, 1.5, -2.0], [3.0, 0.25, 1.0], [1.0, 2.0, 3.0]], N: [[1.0, 2.0, 0.5], [0.5, -1.0, 4.0], [2.0, 1.0, -1.0]], V: [1.0, -0.5, 2.0],
    R: [[0.5, 2.0, -1.0]], S: 1.75, B: [[1, 2, 3], [4, 5, 6], [7, 8, 9]], J: 3,
}  # fmt: skip

#: name and seed lines -> an expression that it changes; those of the stage ``canonicalize``, with where they stand in the profile
CANONICALIZE = {
    "constant_folding L10607 L10648": lambda: M * (T.constant(2.0) + T.constant(3.0)),
    "local_greedy_distributor L10630 L10649": lambda: (N / M + N) * M,
    "local_mul_canonizer L10617 L10650": lambda: (M * S) / S * N,
    "local_add_canonizer L10665": lambda: (M + N) - N,
    "local_fill_sink L10651": lambda: T.fill(M, S) + N,
    "local_dimshuffle_lift L10606 L10652": lambda: M.dimshuffle(1, 0).dimshuffle(1, 0) + 1,
    "local_upcast_elemwise_constant_inputs L10653": lambda: T.mul(T.constant(2), S),
    "local_useless_elemwise L10611 L10655": lambda: T.tensor_copy(M) + 1,
    "local_neg_to_mul L10657": lambda: -M,
    "local_lift_transpose_through_dot L10658": lambda: T.dot(M, N).T,
    "local_shape_to_shape_i L10659": lambda: M.shape,
    "local_track_shape_i L10670": lambda: T.Shape_i(0)(T.exp(M)),
    "local_subtensor_lift L10660": lambda: T.exp(M)[0],
    "local_subtensor_make_vector L10661": lambda: T.stack([S, S * 2, S + 1])[1],
    "local_subtensor_of_alloc L10689": lambda: T.alloc(S, 5, J)[1:3],
    "local_subtensor_of_dot L10690": lambda: T.dot(M, N)[1],
    "local_subtensor_merge L10691": lambda: M[1:][1:],
    "local_useless_subtensor L10685": lambda: M[:, 0 : M.shape[1]] + 1,
    "local_useless_slice L10688": lambda: M[1, :],
    "local_sum_all_to_none L10662": lambda: M.sum(axis=[0, 1]),
    "local_sum_sum L10682": lambda: M.sum(axis=0).sum(axis=0),
    "local_sum_div_dimshuffle L10677": lambda: (M / V.dimshuffle(0, "x")).sum(axis=1),
    "local_cut_useless_reduce L10680": lambda: M.sum(axis=[]) + 1,
    "local_reduce_join L10681": lambda: T.join(0, R, R * 2).sum(axis=0),
    "local_mul_zero L10666": lambda: M * T.zeros_like(S),
    "local_0_dot_x L10669": lambda: T.dot(T.constant(np.zeros((3, 3))), M),
    "local_one_minus_erf L10667": lambda: 1 - T.erf(M),
    "local_one_minus_erf2 L10673": lambda: 1 - T.erf(M),
    "local_func_inv L10668": lambda: T.neg(T.neg(M)) * 1.5,
    "local_mul_switch_sink L10671": lambda: T.switch(M > 0, M, 0) * N,
    "local_div_switch_sink L10678": lambda: T.switch(M > 0, M, 0) / N,
    "local_remove_switch_const_cond L10674": lambda: T.switch(T.constant(1), M, N) + 1,
    "local_cast_cast L10675": lambda: T.cast(T.cast(B, "int32"), "int16"),
    "local_useless_alloc L10683": lambda: T.alloc(M, M.shape[0], M.shape[1]) + 1,
    "local_reshape_chain L10684": lambda: M.reshape((9,)).reshape((1, 9)),
    "local_reshape_lift L10686": lambda: T.exp(M).reshape((9,)),
    "local_flatten_lift L10687": lambda: T.exp(M).flatten(),
    "local_fill_cut L10672": lambda: T.fill(M, S) + N,
}
SPECIALIZE = {
    "local_mul_to_sqr L10787 L10795": lambda: M * M,
    "local_div_to_inv L10788 L10794": lambda: 1.0 / M,
    "local_mul_specialize L10803": lambda: -1.0 * M,
    "local_add_specialize L10800": lambda: M + 0.0 + N,
    "local_alloc_unary L10812": lambda: T.exp(T.alloc(S, 3, J)),
    "local_abs_merge L10806": lambda: abs(M) * abs(N),
    "local_sum_mul_by_scalar L10809": lambda: (S * M).sum(),
    "local_sum_alloc L10821": lambda: T.alloc(S, 3, J).sum(),
    "local_reduce_broadcastable L10823": lambda: R.sum(axis=0),
    "local_elemwise_sub_zeros L10810": lambda: M - M,
    "local_log_erfc L10824": lambda: T.log(T.erfc(M)),
    "local_grad_log_erfc_neg L10826": lambda: N * T.exp(-(M * M)) / T.erfc(M),
    "local_log1p L10827": lambda: T.log(1 + abs(M)),
    "local_log_add L10828": lambda: T.log(T.exp(M) + T.exp(N)),
    "local_neg_neg L10830": lambda: T.neg(T.neg(M)),
    "local_neg_div_neg L10831": lambda: (-M) / (-N),
}
#: with the part of the sequence that has it; none for the sequence itself
ELSEWHERE = {
    "local_fill_to_alloc L10656": ("", lambda: T.fill(M, S)),
    "local_elemwise_alloc L10792": ("", lambda: T.alloc(S, *M.shape) + M),
    "local_add_mul_fusion L10713": ("elemwise_fusion", lambda: M + (N + S)),
    "local_dot_to_dot22 L10741": ("BlasOpt", lambda: T.dot(M, N)),
    "gemm_optimizer L10728": ("BlasOpt", lambda: S * T.blas.dot22(M, N) + M),
}
PLAIN = tcore.Mode("vm", None)
#: these know lengths by the form that other rules bring them into
LENGTHS = ("local_useless_subtensor", "local_useless_alloc", "local_elemwise_alloc")


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    """All of them are in the database."""
    all_optimizations()


def changed_and_equal(name: str, out: object, db: object) -> None:
    """The rule alone, with what is known of shapes, changes the graph; not its value."""
    inputs = [variable for variable in GIVEN if variable in tcore.gof.graph.inputs([out])]
    fgraph = tcore.gof.FunctionGraph(inputs, [out], clone=True)
    fgraph.attach_feature(ShapeFeature())
    if name in LENGTHS:
        stage_database(optdb, Stage.CANONICALIZE).query(Query(include=["local_shape_to_shape_i", "local_subtensor_make_vector"])).optimize(fgraph)
    before = str(fgraph)
    db.query(Query(include=[name])).optimize(fgraph)
    assert str(fgraph) != before, f"{name} left this as it is: {before}"
    values = [GIVEN[variable] for variable in inputs]
    with np.errstate(all="ignore"):
        wanted = tcore.function(inputs, out, mode=PLAIN)(*values)
        found = tcore.function(fgraph.inputs, fgraph.outputs, mode=PLAIN, on_unused_input="ignore")(*values)[0]
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CANONICALIZE)
def test_canonicalize(case):
    changed_and_equal(case.partition(" ")[0], CANONICALIZE[case](), stage_database(optdb, Stage.CANONICALIZE))


@pytest.mark.parametrize("case", SPECIALIZE)
def test_specialize(case):
    changed_and_equal(case.partition(" ")[0], SPECIALIZE[case](), stage_database(optdb, Stage.SPECIALIZE))


@pytest.mark.parametrize("case", ELSEWHERE)
def test_elsewhere(case):
    place, build = ELSEWHERE[case]
    changed_and_equal(case.partition(" ")[0], build(), optdb[place] if place else optdb)
