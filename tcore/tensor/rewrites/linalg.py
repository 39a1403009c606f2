"""Linear algebra: equations in the place of inverses, and the cheaper ways of solving them that a matrix allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.scalar.arithmetic import Abs
from tcore.scalar.dtypes import complex_dtypes
from tcore.scalar.exponential import Log
from tcore.tensor.dot import BatchedDot, Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.linalg.cholesky import Cholesky, cholesky
from tcore.tensor.linalg.determinant import Det, slogdet
from tcore.tensor.linalg.eigen import EighGrad, EigvalshGrad
from tcore.tensor.linalg.hints import Hint, HintsOptimizer, hints_of, is_transpose
from tcore.tensor.linalg.inverse import MatrixInverse, TensorInv
from tcore.tensor.linalg.matrices import diagonal_of, transpose
from tcore.tensor.linalg.solve import Solve, TensorSolve, solve_lower_triangular, solve_symmetric, solve_upper_triangular
from tcore.tensor.math import cast
from tcore.tensor.reductions import prod
from tcore.tensor.rewrites.common import elemwise_node, fitted, of_kind, only_client

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["GROUP"]

_BOTH = (Stage.STABILIZE, Stage.SPECIALIZE)


def _untransposed(variable: Any) -> Any:
    """``A`` where ``variable`` is ``A.T``; None otherwise."""
    return variable.owner.inputs[0] if variable.owner is not None and is_transpose(variable.owner) else None


def _inverted(variable: Any) -> Any:
    """The matrix whose inverse ``variable`` is, where nothing else uses the inverse; None otherwise."""
    turned = _untransposed(variable)
    inverse = variable if turned is None else turned
    if inverse.owner is None or not isinstance(inverse.owner.op, MatrixInverse) or not (only_client(variable) and only_client(inverse)):
        return None
    matrix = inverse.owner.inputs[0]
    return matrix if turned is None else transpose(matrix)


@rewrite(*_BOTH, tracks=[Dot, BatchedDot])
def local_inverse_to_solve(node: Apply) -> Any:
    """dot(inv(A), b) -> solve(A, b); dot(b, inv(A)) -> solve(A.T, b.T).T: fewer operations, and more exact; of stacks of matrices alike"""
    left, right = node.inputs
    if isinstance(node.op, BatchedDot) and not left.type.ndim == right.type.ndim == 3:  # type: ignore[attr-defined]
        return False
    matrix = _inverted(left)
    if matrix is not None:
        return [fitted(Solve()(matrix, right), node.outputs[0])]
    matrix = _inverted(right)
    if matrix is not None:
        turned: Any = left if left.type.ndim == 1 else transpose(left)  # type: ignore[attr-defined]
        solved: Any = Solve()(transpose(matrix), turned)
        return [fitted(solved if left.type.ndim == 1 else transpose(solved), node.outputs[0])]  # type: ignore[attr-defined]
    return False


@rewrite(*_BOTH, tracks=[MatrixInverse])
def local_inverse_of_inverse(node: Apply) -> Any:
    """inv(inv(A)) -> A"""
    inner = node.inputs[0].owner
    return [fitted(inner.inputs[0], node.outputs[0])] if inner is not None and isinstance(inner.op, MatrixInverse) else False


def _triangle(variable: Any) -> Any:
    """Whether a matrix is known to be a lower or an upper triangle: True or False; None where it is not."""
    facts = hints_of(variable)
    if facts.get("lower_triangular"):
        return True
    if facts.get("upper_triangular"):
        return False
    if variable.owner is not None and isinstance(variable.owner.op, Cholesky):
        return variable.owner.op.lower
    turned = _untransposed(variable)
    lower = None if turned is None else _triangle(turned)
    return None if lower is None else not lower


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_triangular(node: Apply) -> Any:
    """solve(L, b) -> solve_lower_triangular(L, b), for an L that a Cholesky factorization gave or a hint calls so, and so for L.T and for upper ones"""
    op: Any = node.op
    lower = _triangle(node.inputs[0])
    if op.A_structure != "general" or lower is None or op.destroy_map:
        return False
    return [fitted((solve_lower_triangular if lower else solve_upper_triangular)(*node.inputs), node.outputs[0])]


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_diagonal(node: Apply) -> Any:
    """solve(D, b) -> b / diagonal(D), where D is marked as diagonal; a zero there gives inf or nan, not an error"""
    matrix, b = node.inputs
    if not hints_of(matrix).get("diagonal") or node.op.destroy_map:  # type: ignore[attr-defined]
        return False
    diagonal = diagonal_of(matrix)
    return [fitted(b / (diagonal if b.type.ndim == 1 else diagonal.dimshuffle(*range(diagonal.type.ndim), "x")), node.outputs[0])]  # type: ignore[attr-defined, operator]


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_psd(node: Apply) -> Any:
    """solve(A, b) -> solve(L.T, solve(L, b)) with L = cholesky(A), where A is marked as positive semi-definite"""
    op: Any = node.op
    matrix: Any = node.inputs[0]
    if op.A_structure not in ("general", "symmetric") or op.destroy_map or matrix.type.dtype in complex_dtypes or not hints_of(matrix).get("psd"):
        return False
    factor: Any = cholesky(matrix)
    return [fitted(solve_upper_triangular(transpose(factor), solve_lower_triangular(factor, node.inputs[1])), node.outputs[0])]


@rewrite(*_BOTH, tracks=[Solve])
def local_solve_symmetric(node: Apply) -> Any:
    """solve(A, b) -> solve_symmetric(A, b), where A is marked as symmetric"""
    op: Any = node.op
    facts = hints_of(node.inputs[0])
    if op.A_structure != "general" or op.destroy_map or facts.get("psd") or not facts.get("symmetric"):
        return False
    return [fitted(solve_symmetric(*node.inputs), node.outputs[0])]


@rewrite(*_BOTH, tracks=[Det])
def local_det_triangular(node: Apply) -> Any:
    """det(L) -> prod(diagonal(L)), for triangles and diagonal matrices as in local_solve_triangular"""
    matrix = node.inputs[0]
    if _triangle(matrix) is None and not hints_of(matrix).get("diagonal"):
        return False
    return [fitted(prod(diagonal_of(matrix), axis=-1), node.outputs[0])]


@rewrite(Stage.STABILIZE, Stage.SPECIALIZE, tracks=[Elemwise], only=of_kind(Log))
def local_log_det(node: Apply) -> Any:
    """log(abs(det(A))) -> slogdet(A)[1], and log(det(A)) where A is marked as positive semi-definite: the determinant of a large matrix overflows"""
    inner: Any = node.inputs[0]
    size = elemwise_node(inner, Abs)
    det = (inner if size is None else size.inputs[0]).owner
    if det is None or not isinstance(det.op, Det) or (size is None and not hints_of(det.inputs[0]).get("psd")):
        return False
    return [fitted(slogdet(det.inputs[0])[1], node.outputs[0])]


@rewrite(Stage.SPECIALIZE, tracks=[EighGrad, EigvalshGrad])
def local_gradient_formula(node: Apply) -> Any:
    """EighGrad(...), EigvalshGrad(...) -> the same as an expression of ops that backends run natively"""
    found = node.op.formula(node.inputs)  # type: ignore[attr-defined]
    outputs = found if isinstance(found, list) else [found]
    return [fitted(cast(new, old.type.dtype), old) for new, old in zip(outputs, node.outputs, strict=True)]  # type: ignore[attr-defined]


@rewrite(Stage.SPECIALIZE, tracks=[TensorInv])
def local_tensorinv_to_inverse(node: Apply) -> Any:
    """tensorinv(A) -> the inverse of a matrix, by reshapes"""
    return [fitted(node.op.of_matrices(*node.inputs), node.outputs[0])]  # type: ignore[attr-defined]


@rewrite(Stage.SPECIALIZE, tracks=[TensorSolve])
def local_tensorsolve_to_solve(node: Apply) -> Any:
    """tensorsolve(a, b) -> solve of a matrix and a vector, by reshapes, where an assertion says that lengths fit"""
    return [fitted(node.op.formula(node.inputs), node.outputs[0])]  # type: ignore[attr-defined]


@rewrite(Stage.CANONICALIZE, tracks=[Hint], tags=("fast_compile",))
def local_remove_hint(node: Apply) -> Any:
    """hint(A) -> A: what it says is noted"""
    return [node.inputs[0]]


#: the rules are tried in this order
GROUP: tuple[Rewrite | GlobalRewrite, ...] = (
    GlobalRewrite("HintsOptimizer", HintsOptimizer(), -1, ("fast_run", "fast_compile")),
    local_remove_hint,
    local_inverse_of_inverse,
    local_inverse_to_solve,
    local_solve_diagonal,
    local_solve_triangular,
    local_solve_psd,
    local_solve_symmetric,
    local_det_triangular,
    local_log_det,
    local_gradient_formula,
    local_tensorinv_to_inverse,
    local_tensorsolve_to_solve,
)
