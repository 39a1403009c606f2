"""Products of matrices as calls of BLAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.graph.features import ReplaceValidate
from tcore.optimizer.base import Optimizer
from tcore.optimizer.database import SequenceDB
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.navigators import ChangeTracker, in2out
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.optimizer.tracing import inherit
from tcore.tensor.alloc import AllocEmpty
from tcore.tensor.blas import (
    Dot22,
    Gemm,
    Gemv,
    blas_dtypes,
    dot22,
    dot22scalar,
    gemm_inplace,
    gemm_no_inplace,
    gemv_inplace,
    gemv_no_inplace,
    ger,
    ger_destructive,
)
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import add, mul, neg
from tcore.tensor.rewrites.common import elemwise_node, fitted, has_value, only_client, uniform_value
from tcore.tensor.shape import shape_i

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["REWRITES", "GemmOptimizer"]


def _number(value: float, dtype: str) -> Any:
    return as_tensor_variable(np.asarray(value, dtype))


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Dot])
def local_0_dot_x(node: Apply) -> Any:
    """dot(0, x) -> zeros"""
    if any(has_value(variable, 0) for variable in node.inputs):
        return [fitted(_number(0, node.outputs[0].type.dtype), node.outputs[0])]  # type: ignore[attr-defined]
    return False


@rewrite(tracks=[Dot])
def local_dot_to_dot22(node: Apply) -> Any:
    """dot(matrix, matrix) -> dot22; dot(matrix, vector) -> gemv; dot(vector, matrix) -> gemv of the transposed matrix"""
    x, y = node.inputs
    dtype = x.type.dtype  # type: ignore[attr-defined]
    if y.type.dtype != dtype or dtype not in blas_dtypes:  # type: ignore[attr-defined]
        return False
    ndims = (x.type.ndim, y.type.ndim)  # type: ignore[attr-defined]
    out = node.outputs[0]
    if ndims == (2, 2):
        return [fitted(dot22(x, y), out)]
    if ndims == (2, 1):
        return [fitted(_gemv(x, y, node.fgraph), out)]
    if ndims == (1, 2):
        return [fitted(_gemv(y.dimshuffle(1, 0), x, node.fgraph), out)]  # type: ignore[attr-defined]
    return False


def _gemv(matrix: Any, vector: Any, fgraph: Any) -> Any:
    dtype = matrix.type.dtype
    source, axis = matrix, 0
    if matrix.owner is not None and matrix.fgraph is None and getattr(matrix.owner.op, "new_order", None) == (1, 0):
        source, axis = matrix.owner.inputs[0], 1  # the length as the graph knows it, not that of a new node
    empty = AllocEmpty(dtype)(shape_i(source, axis, fgraph))
    if empty.type.broadcastable != (matrix.type.broadcastable[0],):
        from tcore.tensor.rebroadcast import patternbroadcast  # noqa: PLC0415 - rarely needed

        empty = patternbroadcast(empty, (matrix.type.broadcastable[0],))
    return gemv_no_inplace(empty, _number(1, dtype), matrix, vector, _number(0, dtype))


@rewrite(tracks=[mul])
def local_dot22_to_dot22scalar(node: Apply) -> Any:
    """c * dot22(x, y) -> dot22scalar(x, y, c), for scalars c"""
    out: Any = node.outputs[0]
    products = [v for v in node.inputs if v.owner is not None and isinstance(v.owner.op, Dot22) and only_client(v)]
    if not products or out.type.ndim != 2:
        return False
    product: Any = products[0]
    scalars = [v for v in node.inputs if all(v.type.broadcastable) and v is not product]  # type: ignore[attr-defined]
    rest = [v for v in node.inputs if v is not product and v not in scalars]
    if not scalars or any(v.type.dtype != product.type.dtype for v in scalars):  # type: ignore[attr-defined]
        return False
    factor: Any = scalars[0] if len(scalars) == 1 else mul(*scalars)
    scaled = dot22scalar(*product.owner.inputs, factor.dimshuffle())
    return [fitted(mul(scaled, *rest) if rest else scaled, out)]


@rewrite(tracks=[Gemm])
def local_gemm_to_gemv(node: Apply) -> Any:
    """gemm on a row or a column -> gemv; on a column times a row -> ger"""
    op: Any = node.op
    z, a, x, y, b = (*node.inputs,)
    out: Any = node.outputs[0]
    if op.inplace:
        return False
    xb, yb = x.type.broadcastable, y.type.broadcastable  # type: ignore[attr-defined]
    if xb[1] and yb[0] and has_value(b, 1):
        return [fitted(ger(z, a, x.dimshuffle(0), y.dimshuffle(1)), out)]  # type: ignore[attr-defined]
    if xb[0] and z.type.broadcastable[0]:  # type: ignore[attr-defined]
        row = gemv_no_inplace(z.dimshuffle(1), a, y.dimshuffle(1, 0), x.dimshuffle(1), b)  # type: ignore[attr-defined]
        return [fitted(row.dimshuffle("x", 0), out)]
    if yb[1] and z.type.broadcastable[1]:  # type: ignore[attr-defined]
        column = gemv_no_inplace(z.dimshuffle(0), a, x, y.dimshuffle(0), b)  # type: ignore[attr-defined]
        return [fitted(column.dimshuffle(0, "x"), out)]
    return False


class GemmOptimizer(Optimizer):
    """``b * z + a * dot22(x, y) -> gemm(z, a, x, y, b)``, and the same for gemv, for sums of any number of terms.

    :meth:`apply` returns the counts that profiles print.
    """

    name = "gemm_optimizer"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Replacements that can be taken back."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> dict[str, int]:
        """From the inputs to the outputs, each sum once, and again what it made."""
        counts = {"nb_iter": 0, "nb_replacement": 0, "nb_replacement_didn_t_remove": 0, "nb_inconsistency_replace": 0}
        tracker = ChangeTracker()
        fgraph.attach_feature(tracker)
        try:
            queue = fgraph.toposort()
            while queue:
                counts["nb_iter"] += 1
                tracker.clear()
                for node in queue:
                    if node.fgraph is not fgraph:
                        continue
                    new = _gemm_of(node)
                    if new is None:
                        continue
                    inherit(node.outputs[0], new)
                    fgraph.replace_validate(node.outputs[0], new, reason="GemmOptimizer")  # type: ignore[attr-defined]
                    counts["nb_replacement"] += 1
                queue = [node for node in tracker.imported if node.fgraph is fgraph]
        finally:
            fgraph.remove_feature(tracker)
        return counts

    @staticmethod
    def print_profile(stream: Any, prof: Any, level: int = 0) -> None:
        """Print the counts."""
        blanc = "    " * level
        print(f"{blanc}GemmOptimizer", file=stream)
        for name, count in prof.items():
            print(f"{blanc} {name} {count}", file=stream)


def _terms(node: Apply) -> list[tuple[Any, bool]] | None:
    """The terms of a sum or difference, with their signs (True for plus)."""
    if elemwise_node(node.outputs[0], scalar.Add) is not None:
        return [(v, True) for v in node.inputs]
    if elemwise_node(node.outputs[0], scalar.Sub) is not None:
        return [(node.inputs[0], True), (node.inputs[1], False)]
    return None


def _scaled_term(term: Any, plus: bool) -> tuple[Any, Any]:
    """``(factor, rest)`` with ``term == factor * rest`` and a scalar factor; the sign is in the factor. None for 1."""
    factors: list[Any] = []
    rest = term
    for _ in range(3):
        node: Any = elemwise_node(rest, scalar.Mul, scalar.Neg)
        if node is None or not (rest is term or only_client(rest)) or not only_client(rest):
            break
        if isinstance(node.op.scalar_op, scalar.Neg):
            plus = not plus
            rest = node.inputs[0]
            continue
        scalars = [v for v in node.inputs if all(v.type.broadcastable)]
        others = [v for v in node.inputs if not all(v.type.broadcastable)]
        if len(others) != 1 or others[0].type != rest.type or any(v.type.dtype != rest.type.dtype for v in scalars):
            break
        factors.extend(v.dimshuffle() if v.type.ndim else v for v in scalars)
        rest = others[0]
    if not factors:
        return (None if plus else _number(-1, term.type.dtype)), rest
    factor = factors[0] if len(factors) == 1 else mul(*factors)
    if not plus:
        value = uniform_value(factor)
        factor = neg(factor) if value is None else _number(-value, term.type.dtype)
    return factor, rest


def _gemm_of(node: Apply) -> Any:
    """The sum ``node`` with a product in it as one gemm, gemv or ger; None where there is none."""
    out: Any = node.outputs[0]
    op: Any = node.op
    if not isinstance(op, Elemwise) or op.inplace_pattern or out.type.ndim not in (1, 2):
        return None
    if out.type.dtype not in blas_dtypes:
        return None
    terms = _terms(node)
    if terms is None or len(terms) < 2:
        return None
    one = _number(1, out.type.dtype)
    for position, (term, plus) in enumerate(terms):
        if not only_client(term):
            continue
        alpha, product = _scaled_term(term, plus)
        inner = product.owner
        if inner is None or product.type != out.type or not only_client(product):
            continue
        is_gemm = isinstance(inner.op, Dot22)
        is_gemv = isinstance(inner.op, Gemv) and not inner.op.inplace and has_value(inner.inputs[4], 0)
        if not is_gemm and not is_gemv:
            continue
        rest = [each for number, each in enumerate(terms) if number != position]
        # another product that could take part stays for its own turn
        beta, z = _scaled_term(*rest[0]) if len(rest) == 1 else (None, _sum(rest))
        if z.type != out.type:
            beta, z = (None, rest[0][0]) if len(rest) == 1 and rest[0][1] else (None, z)
        if z.type != out.type:
            continue
        if is_gemm:
            x, y = inner.inputs
            return fitted(gemm_no_inplace(z, one if alpha is None else alpha, x, y, one if beta is None else beta), out)
        _, scale, matrix, vector, _ = inner.inputs
        if alpha is None:
            alpha = scale
        elif not has_value(scale, 1):
            alpha = mul(alpha, scale)
        return fitted(gemv_no_inplace(z, alpha, matrix, vector, one if beta is None else beta), out)
    return None


def _sum(terms: list[tuple[Any, bool]]) -> Any:
    positive = [term for term, plus in terms if plus]
    negative = [neg(term) for term, plus in terms if not plus]
    every = positive + negative
    return every[0] if len(every) == 1 else add(*every)


# ------------------------------------------------------------ in place


def _own_memory(z: Any) -> Any:
    """``z``, or for an empty array that others want to overwrite, too, an empty array of its own."""
    if z.owner is not None and isinstance(z.owner.op, AllocEmpty) and not only_client(z):
        return z.owner.op(*z.owner.inputs)
    return z


@rewrite(tracks=[gemm_no_inplace, gemv_no_inplace], tags=("inplace",))
def local_inplace_gemm(node: Apply) -> Any:
    """gemm(z, …) -> gemm in the memory of z, and the same for gemv"""
    z, *others = node.inputs
    return [(gemm_inplace if node.op == gemm_no_inplace else gemv_inplace)(_own_memory(z), *others)]


@rewrite(tracks=[ger], tags=("inplace",))
def local_inplace_ger(node: Apply) -> Any:
    """ger(A, …) -> ger in the memory of A"""
    a, *others = node.inputs
    return [ger_destructive(_own_memory(a), *others)]


def _blas_db() -> SequenceDB:
    db = SequenceDB()
    db.name = "BlasOpt"
    db.register("local_dot_to_dot22", in2out(local_dot_to_dot22.rule), 0, "fast_run", "fast_compile")
    db.register("gemm_optimizer", GemmOptimizer(), 10, "fast_run")
    db.register("local_dot22_to_dot22scalar", in2out(local_dot22_to_dot22scalar.rule), 11, "fast_run")
    db.register(
        "local_gemm_to_gemv", EquilibriumOptimizer([local_gemm_to_gemv.rule], name="local_gemm_to_gemv"), 15, "fast_run"
    )
    return db


REWRITES: list[Rewrite | GlobalRewrite] = [
    local_0_dot_x,
    GlobalRewrite("BlasOpt", _blas_db(), 1.7, ("fast_run", "fast_compile")),
    GlobalRewrite(
        "InplaceBlasOpt",
        in2out(local_inplace_gemm.rule, local_inplace_ger.rule, name="InplaceBlasOpt"),
        70.0,
        ("fast_run", "inplace", "blas_opt_inplace"),
    ),
]
