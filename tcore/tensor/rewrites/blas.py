"""Products into the forms of BLAS: ``Dot22``, ``Dot22Scalar``, ``Gemm``, ``Gemv``, ``Ger``, and those in place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.base import FromFunctionLocalOptimizer, LocalOptimizer
from tcore.optimizer.database_kinds import SequenceDB
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.navigators import TopoOptimizer
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, Stage, rewrite
from tcore.tensor.alloc import AllocEmpty
from tcore.tensor.blas import (
    Dot22,
    Gemm,
    Gemv,
    Ger,
    blas_dtypes,
    dot22,
    dot22scalar,
    gemm_inplace,
    gemv_inplace,
    gemv_no_inplace,
    ger,
    ger_destructive,
)
from tcore.tensor.dot import BatchedDot, Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import cast, mul
from tcore.tensor.rebroadcast import patternbroadcast
from tcore.tensor.rewrites.common import fitted, has_value, is_discrete, only_client
from tcore.tensor.rewrites.gemm import GemmOptimizer, as_factor, one
from tcore.tensor.shape import shape_i

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "local_dot22_to_dot22scalar", "local_dot_to_dot22", "local_gemm_to_gemv"]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Dot], tags=(ASSUME_FINITE,), exact=is_discrete)
def local_0_dot_x(node: Apply) -> Any:
    """dot(0, x) -> zeros"""
    out = node.outputs[0]
    if any(has_value(variable, 0) for variable in node.inputs):
        return [fitted(one(out.type.dtype).type.make_constant(0), out)]
    return False


@rewrite(Stage.CANONICALIZE, tracks=[Dot, BatchedDot])
def local_dot_of_one_dtype(node: Apply) -> Any:
    """dot(x, y) -> dot(cast(x, d), cast(y, d)), for operands of two dtypes and a result of dtype d

    The numbers are the same, and routines for products know of one dtype.
    """
    dtype = node.outputs[0].type.dtype
    if all(variable.type.dtype == dtype for variable in node.inputs):
        return False
    return [node.op(*(cast(variable, dtype) for variable in node.inputs))]


def _dot_to_dot22(node: Apply) -> Any:
    """dot(x, y) -> Dot22(x, y), for matrices of one dtype that BLAS knows"""
    x, y = node.inputs
    if x.type.ndim != 2 or y.type.ndim != 2 or x.type.dtype != y.type.dtype or x.type.dtype not in blas_dtypes:
        return False
    return [dot22(x, y)]


def _dot22_to_dot22scalar(node: Apply) -> Any:
    """mul(Dot22(x, y), a, z) -> mul(Dot22Scalar(x, y, a), z), for a scalar a, when nothing else uses the product"""
    op: Any = node.op
    if not isinstance(op.scalar_op, scalar.Mul) or op.inplace_pattern:
        return False
    out = node.outputs[0]
    products = [x for x in node.inputs if x.owner is not None and isinstance(x.owner.op, Dot22) and only_client(x) and x.type.dtype == out.type.dtype]
    if not products:
        return False
    product = products[0]
    rest = [x for x in node.inputs if x is not product]
    if len(rest) != len(node.inputs) - 1:
        return False
    for factor in rest:
        a = as_factor(factor, out.type.dtype)
        if a is not None:
            break
    else:
        return False
    scaled = dot22scalar(*product.owner.inputs, a)
    others = [x for x in rest if x is not factor]
    # the same factor may stand there twice
    others += [factor] * (len(rest) - len(others) - 1)
    result = mul(scaled, *others) if others else scaled
    return [result] if result.type == out.type else False


def _empty(source: Variable, axis: int, fgraph: Any) -> Variable:
    """An empty vector of the length of an axis, as the graph knows it, with its broadcast mark."""
    return patternbroadcast(AllocEmpty(source.type.dtype)(shape_i(source, axis, fgraph)), (source.type.broadcastable[axis],))


def _gemm_to_gemv(node: Apply, outer: bool = True) -> Any:
    """Gemm(z, a, x, y, b) -> Gemv where x is a row or y a column, -> Ger where x is a column and y a row"""
    op: Any = node.op
    if op.inplace:
        return False
    z, a, x, y, b = node.inputs
    x_row, x_col = x.type.broadcastable
    y_row, y_col = y.type.broadcastable
    if z.type.broadcastable != (x_row, y_col):
        return False
    if x_row and not y_col:
        result = gemv_no_inplace(z.dimshuffle(1), a, y.T, x.dimshuffle(1), b).dimshuffle("x", 0)
    elif y_col and not x_row:
        result = gemv_no_inplace(z.dimshuffle(0), a, x, y.dimshuffle(0), b).dimshuffle(0, "x")
    elif outer and x_col and y_row and not x_row and not y_col and has_value(b, 1):
        result = ger(z, a, x.dimshuffle(0), y.dimshuffle(1))
    else:
        return False
    return [result] if result.type == node.outputs[0].type else False


def _dot22_to_gemv(node: Apply, outer: bool = True) -> Any:
    """Dot22(row, y) -> Gemv; Dot22(x, column) -> Gemv; Dot22(column, row) -> column * row"""
    x, y = node.inputs
    x_row, x_col = x.type.broadcastable
    y_row, y_col = y.type.broadcastable
    number = one(x.type.dtype)
    zero = number.type.make_constant(0)
    if x_col and y_row:
        if not outer:
            return False
        result = mul(x, y)
    elif x_row and not y_col:
        result = gemv_no_inplace(_empty(y, 1, node.fgraph), number, y.T, x.dimshuffle(1), zero).dimshuffle("x", 0)
    elif y_col and not x_row:
        result = gemv_no_inplace(_empty(x, 0, node.fgraph), number, x, y.dimshuffle(0), zero).dimshuffle(0, "x")
    else:
        return False
    return [result] if result.type == node.outputs[0].type else False


def _dot_to_gemv(node: Apply) -> Any:
    """dot(A, x) -> Gemv(empty, 1, A, x, 0); dot(x, A) -> Gemv(empty, 1, A.T, x, 0)"""
    x, y = node.inputs
    if x.type.dtype != y.type.dtype or x.type.dtype not in blas_dtypes:
        return False
    if (x.type.ndim, y.type.ndim) == (2, 1):
        matrix, vector = x, y
    elif (x.type.ndim, y.type.ndim) == (1, 2):
        matrix, vector = y.T, x
    else:
        return False
    source, axis = (x, 0) if x.type.ndim == 2 else (y, 1)
    number = one(x.type.dtype)
    empty = _empty(source, axis, node.fgraph)
    return [gemv_no_inplace(empty, number, matrix, vector, number.type.make_constant(0))]


def _own_memory(z: Any) -> Any:
    """``z``, or for an empty array that others want to overwrite, too, an empty array of its own."""
    if z.owner is not None and isinstance(z.owner.op, AllocEmpty) and not only_client(z):
        return z.owner.op(*z.owner.inputs)
    return z


def _in_place(node: Apply) -> Any:
    """Gemm, Gemv and Ger -> the same, overwriting the first operand"""
    op: Any = node.op
    if op.destroy_map:
        return False
    z, *others = node.inputs
    overwriting = gemm_inplace if isinstance(op, Gemm) else gemv_inplace if isinstance(op, Gemv) else ger_destructive
    return [overwriting(_own_memory(z), *others)]


local_dot_to_dot22 = FromFunctionLocalOptimizer(_dot_to_dot22, [Dot], name="local_dot_to_dot22")
local_dot22_to_dot22scalar = FromFunctionLocalOptimizer(_dot22_to_dot22scalar, [Elemwise], name="local_dot22_to_dot22scalar")
local_gemm_to_gemv = FromFunctionLocalOptimizer(_gemm_to_gemv, [Gemm], name="local_gemm_to_gemv")
local_dot22_to_ger_or_gemv = FromFunctionLocalOptimizer(_dot22_to_gemv, [Dot22], name="local_dot22_to_ger_or_gemv")
# a product of matrices adds to 0.0, an outer one does not: their zeros have other signs
_exact_gemm_to_gemv = FromFunctionLocalOptimizer(partial(_gemm_to_gemv, outer=False), [Gemm], name="local_gemm_to_gemv")
_exact_dot22_to_gemv = FromFunctionLocalOptimizer(partial(_dot22_to_gemv, outer=False), [Dot22], name="local_dot22_to_ger_or_gemv")
local_dot_to_gemv = FromFunctionLocalOptimizer(_dot_to_gemv, [Dot], name="local_dot_to_gemv")
local_inplace_blas = FromFunctionLocalOptimizer(_in_place, [Gemm, Gemv, Ger], name="local_inplace_blas")


def _until_done(*rules: LocalOptimizer) -> EquilibriumOptimizer:
    return EquilibriumOptimizer(rules, max_use_ratio=5, ignore_newtrees=False)


#: the documented group, at position 1.7; backends add theirs at use_c_blas (20) and scipy_blas (100)
BLAS = SequenceDB()
BLAS.name = "BlasOpt"

REWRITES = (
    local_0_dot_x,
    local_dot_of_one_dtype,
    GlobalRewrite("BlasOpt", BLAS, 1.7, ("fast_run",)),
    GlobalRewrite("local_dot_to_dot22", TopoOptimizer(local_dot_to_dot22), 0, ("fast_run",), into="BlasOpt"),
    GlobalRewrite("gemm_optimizer", GemmOptimizer(), 10, ("fast_run", ASSUME_FINITE), into="BlasOpt", exact=GemmOptimizer(nested=False)),
    # BLAS reads no matrix whose factor is 0
    GlobalRewrite("local_dot22_to_dot22scalar", TopoOptimizer(local_dot22_to_dot22scalar), 11, ("fast_run", ASSUME_FINITE), into="BlasOpt"),
    GlobalRewrite(
        "local_gemm_to_gemv",
        _until_done(local_gemm_to_gemv, local_dot22_to_ger_or_gemv, local_dot_to_gemv),
        15,
        ("fast_run", ASSUME_FINITE),
        into="BlasOpt",
        exact=_until_done(_exact_gemm_to_gemv, _exact_dot22_to_gemv, local_dot_to_gemv),
    ),
    GlobalRewrite("InplaceBlasOpt", TopoOptimizer(local_inplace_blas), 70, ("fast_run", "inplace", "blas_opt_inplace")),
)
