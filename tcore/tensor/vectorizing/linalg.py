"""Rules of linear algebra: its ops take stacks of matrices, whose axes are those of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.graph import Apply
from tcore.tensor.linalg import (
    SVD,
    Cholesky,
    CholeskyGrad,
    Det,
    Eig,
    Eigh,
    EighGrad,
    Eigvalsh,
    EigvalshGrad,
    Expm,
    ExpmGrad,
    Hint,
    LeastSquares,
    MatrixInverse,
    MatrixPinv,
    QRFull,
    QRIncomplete,
    SLogDet,
    Solve,
    TensorInv,
    TensorSolve,
)  # fmt: skip
from tcore.tensor.math import cast
from tcore.tensor.reshape import reshape
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes
from tcore.tensor.vectorizing.loop import each_item
from tcore.tensor.vectorizing.walk import batched_items

__all__: list[str] = []


@vectorizes(
    Cholesky, Det, SLogDet, Eig, Eigh, Expm, QRFull,
    QRIncomplete, SVD, Hint, MatrixInverse, MatrixPinv,
)  # fmt: skip
def _of_one_matrix(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The op itself, of a stack of matrices."""
    if getattr(op, "destroy_map", None):
        return each_item(op, node, batch, items)
    return op(items[0].variable, return_list=True)  # type: ignore[no-any-return]


@vectorizes(Eigvalsh)
def _eigenvalues(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Of a stack; a second matrix, where there is one, is another stack."""
    if not hasattr(node.inputs[1].type, "ndim"):
        return op(items[0].variable, return_list=True)  # type: ignore[no-any-return]
    ndim = max(map(batch.own, items))
    return op(*[batch.spread(item, ndim) for item in items], return_list=True)  # type: ignore[no-any-return]


@vectorizes(Solve)
def _solve(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Vectors are columns; a matrix that all items share is factorized once, for all right sides beside one another."""
    matrix, right = items
    if op.destroy_map:
        return each_item(op, node, batch, items)
    vector = batch.own(right) == 1
    if not matrix.batched and batch.own(matrix) == 2 and batch.own(right) <= 2:
        return [_beside_one_another(op, matrix.variable, right.variable, batch.ndim)]
    columns = Item(right.variable.dimshuffle(*range(right.variable.type.ndim), "x"), right.batched) if vector else right
    ndim = max(batch.own(matrix), batch.own(columns))
    found: Any = op(batch.spread(matrix, ndim), batch.spread(columns, ndim))
    return [found[..., 0] if vector else found]


def _beside_one_another(op: Any, matrix: Any, right: Any, ndim: int) -> Any:
    """Solutions with one matrix for right sides of shape (batch, M) or (batch, M, N): as one matrix of shape (M, all columns)."""
    axes = list(range(right.type.ndim))
    rows_first = right.dimshuffle(ndim, *[axis for axis in axes if axis != ndim])
    solved = op(matrix, reshape(rows_first, (right.shape[ndim], -1), ndim=2))
    return reshape(solved, rows_first.shape, ndim=len(axes)).dimshuffle(*range(1, ndim + 1), 0, *range(ndim + 1, len(axes)))


@vectorizes(LeastSquares)
def _least_squares(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Of two stacks that broadcast."""
    ndim = max(map(batch.own, items))
    return op(*[batch.full(item, ndim) for item in items], return_list=True)  # type: ignore[no-any-return]


@vectorizes(CholeskyGrad, ExpmGrad)
def _gradient_of_stacks(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Of stacks of one length."""
    ndim = max(map(batch.own, items))
    return [op(*[batch.full(item, ndim) for item in items])]


@vectorizes(EighGrad, EigvalshGrad, TensorInv, TensorSolve)
def _by_formula(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The expression that the op stands for, of other ops with rules."""
    found = op.of_matrices(*node.inputs) if isinstance(op, TensorInv) else op.formula(node.inputs)
    wanted = [cast(new, old.type.dtype) for new, old in zip(found if isinstance(found, list) else [found], node.outputs, strict=True)]  # type: ignore[attr-defined]
    return batched_items(wanted, dict(zip(node.inputs, items, strict=True)), batch)
