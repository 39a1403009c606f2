"""Linear algebra: equations in the place of inverses, and the cheaper ways of solving them that a matrix allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import complex_dtypes
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot
from tcore.tensor.linalg.cholesky import Cholesky, cholesky
from tcore.tensor.linalg.hints import Hint, HintsOptimizer, hints_of
from tcore.tensor.linalg.inverse import MatrixInverse
from tcore.tensor.linalg.solve import Solve, solve_lower_triangular, solve_upper_triangular
from tcore.tensor.rewrites.common import fitted, only_client

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["GROUP"]

_BOTH = (Stage.STABILIZE, Stage.SPECIALIZE)


def _untransposed(variable: Any) -> Any:
    """``A`` where ``variable`` is ``A.T``; None otherwise."""
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle) and node.op.new_order == (1, 0):
        return node.inputs[0]
    return None


def _inverted(variable: Any) -> Any:
    """The matrix whose inverse ``variable`` is, where nothing else uses the inverse; None otherwise."""
    turned = _untransposed(variable)
    inverse = variable if turned is None else turned
    if inverse.owner is None or not isinstance(inverse.owner.op, MatrixInverse) or not (only_client(variable) and only_client(inverse)):
        return None
    matrix = inverse.owner.inputs[0]
    return matrix if turned is None else matrix.T


@rewrite(*_BOTH, tracks=[Dot])
def local_inverse_to_solve(node: Apply) -> Any:
    """dot(inv(A), b) -> solve(A, b); dot(b, inv(A)) -> solve(A.T, b.T).T: fewer operations, and more exact"""
    left, right = node.inputs
    matrix = _inverted(left)
    if matrix is not None:
        return [fitted(Solve()(matrix, right), node.outputs[0])]
    matrix = _inverted(right)
    if matrix is not None:
        return [fitted(Solve()(matrix.T, left.T).T, node.outputs[0])]  # type: ignore[attr-defined]
    return False


def _triangle(variable: Any) -> Any:
    """Whether a matrix is known to be a lower or an upper triangle: True or False; None where it is not."""
    if variable.owner is not None and isinstance(variable.owner.op, Cholesky):
        return variable.owner.op.lower
    turned = _untransposed(variable)
    lower = None if turned is None else _triangle(turned)
    return None if lower is None else not lower


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_triangular(node: Apply) -> Any:
    """solve(L, b) -> solve_lower_triangular(L, b), for an L that a Cholesky factorization gave, and so for L.T and for upper ones"""
    op: Any = node.op
    lower = _triangle(node.inputs[0])
    if op.A_structure != "general" or lower is None or op.destroy_map:
        return False
    return [fitted((solve_lower_triangular if lower else solve_upper_triangular)(*node.inputs), node.outputs[0])]


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_psd(node: Apply) -> Any:
    """solve(A, b) -> solve(L.T, solve(L, b)) with L = cholesky(A), where A is marked as positive semi-definite"""
    op: Any = node.op
    matrix: Any = node.inputs[0]
    if op.A_structure not in ("general", "symmetric") or op.destroy_map or matrix.type.dtype in complex_dtypes or not hints_of(matrix).get("psd"):
        return False
    factor: Any = cholesky(matrix)
    return [fitted(solve_upper_triangular(factor.T, solve_lower_triangular(factor, node.inputs[1])), node.outputs[0])]


@rewrite(Stage.CANONICALIZE, tracks=[Hint], tags=("fast_compile",))
def local_remove_hint(node: Apply) -> Any:
    """hint(A) -> A: what it says is noted"""
    return [node.inputs[0]]


#: the rules are tried in this order
GROUP: tuple[Rewrite | GlobalRewrite, ...] = (
    GlobalRewrite("HintsOptimizer", HintsOptimizer(), -1, ("fast_run", "fast_compile")),
    local_remove_hint,
    local_inverse_to_solve,
    local_solve_triangular,
    local_solve_psd,
)
