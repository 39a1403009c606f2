"""Least squares: ``lstsq``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType
from tcore.records import frozen
from tcore.scalar.dtypes import upcast
from tcore.tensor.alloc import sum_to_type
from tcore.tensor.gradients import as_gradient_of
from tcore.tensor.linalg.factorizations import SVD
from tcore.tensor.linalg.inverse import pinv
from tcore.tensor.linalg.matrices import adjoint, as_array, as_matrices, as_rows, check_stack, product, real_dtype, same_stack
from tcore.tensor.math import and_, cast, conj, eq, gt, minimum, real, switch
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LeastSquares", "lstsq"]


@frozen
class LeastSquares(Op):
    """The ``x`` of least norm that makes ``a · x - b`` smallest, the rank of ``a``, and its singular values; of matrices or stacks of them.

    Parameters
    ----------
    rcond : float or None
        Singular values not larger than this, as a part of the largest, count as zero; None: the precision times the longer side of ``a``, -1: the precision.
    """

    rcond: float | None = field(default=None, converter=lambda value: None if value is None else float(value))

    def make_node(self, a: Any, b: Any) -> Apply:
        a, b = as_matrices("lstsq", a), as_matrices("lstsq", b)
        dtype = upcast(a.type.dtype, b.type.dtype)
        a, b = same_stack(cast(a, dtype), cast(b, dtype))
        front = [one and other for one, other in zip(a.type.broadcastable[:-2], b.type.broadcastable[:-2], strict=True)]
        solution = TensorType(dtype, (*front, a.type.broadcastable[-1], b.type.broadcastable[-1]))
        return Apply(self, [a, b], [solution(), TensorType("int64", front)(), TensorType(real_dtype(dtype), (*front, any(a.type.broadcastable[-2:])))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        if a.shape[-2] != b.shape[-2]:
            raise ValueError(f"lstsq: {a.shape[-2]} equations, but {b.shape[-2]} rows on the right; the shapes are {a.shape} and {b.shape}")
        check_stack("lstsq", node, inputs)
        front = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        lengths = ((a.shape[-1], b.shape[-1]), (), (min(a.shape[-2:]),))
        results = [np.zeros((*front, *own), output.type.dtype) for own, output in zip(lengths, node.outputs, strict=True)]  # type: ignore[attr-defined]
        a, b = np.broadcast_to(a, front + a.shape[-2:]), np.broadcast_to(b, front + b.shape[-2:])
        for item in np.ndindex(*front):
            x, _, rank, values = np.linalg.lstsq(a[item], b[item], self.rcond)
            for result, value in zip(results, (x, rank, values), strict=True):
                result[item] = value
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        a, b = shapes
        marks = zip(node.inputs[0].type.broadcastable[:-2], a[:-2], b[:-2], strict=True)  # type: ignore[attr-defined]
        front = [other if one else own for one, own, other in marks]
        return [(*front, a[-1], b[-1]), tuple(front), (*front, minimum(a[-2], a[-1]))]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Where the rank does not change: ``b̄ = A⁺ᴴx̄`` and ``Ā = -b̄xᴴ + (b - Ax)(A⁺b̄)ᴴ + A⁺ᴴx(x̄ - A⁺Ax̄)ᴴ``.

        Singular values add ``U s̄ Vᴴ`` to ``Ā``.
        """
        (a, b), x = inputs, outputs[0]
        a_bar, b_bar = a.zeros_like(), b.zeros_like()  # type: ignore[attr-defined]
        if not isinstance(output_grads[0].type, DisconnectedType):
            g = output_grads[0]
            inverse = pinv(a)
            back = adjoint(inverse)
            b_bar = product(back, g)
            outside = g - product(inverse, product(a, g))  # type: ignore[operator]
            rest = b - product(a, x)  # type: ignore[operator]
            a_bar = product(rest, adjoint(product(inverse, b_bar))) + product(back, x, adjoint(outside)) - product(b_bar, adjoint(x))
        if not isinstance(output_grads[2].type, DisconnectedType):
            u, _, vh = SVD(full_matrices=False)(a, return_list=True)  # type: ignore[misc]
            a_bar = a_bar + product(u * as_rows(output_grads[2]), vh)
        return [as_gradient_of(a, sum_to_type(a_bar, a)), as_gradient_of(b, sum_to_type(b_bar, b))]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The same formula, forwards."""
        (a, b), (da, db) = inputs, eval_points
        if da is None and db is None:
            return [None, None, None]
        inverse, x = pinv(a), self(a, b)[0]  # type: ignore[index]
        moved: Any = None if db is None else product(inverse, db)
        values: Any = None
        if da is not None:
            back, turned = adjoint(inverse), adjoint(da)
            bent = product(turned, back, x)
            rest = b - product(a, x)  # type: ignore[operator]
            own = product(inverse, back, turned, rest) + bent - product(inverse, product(a, bent)) - product(inverse, da, x)
            moved = own if moved is None else moved + own
            u, _, vh = SVD(full_matrices=False)(a, return_list=True)  # type: ignore[misc]
            values = real((conj(u) * product(da, adjoint(vh))).sum(axis=-2))
        return [moved, None, values]

    def __str__(self) -> str:
        return f"LeastSquares{{rcond={self.rcond}}}"


def lstsq(a: Any, b: Any, rcond: float | None = None, full: bool = False) -> Any:
    """The ``x`` of least norm among those that make ``a · x - b`` smallest.

    Parameters
    ----------
    a : matrix of shape (M, N), or a stack of them
        Integers are taken as floatX.
    b : tensor of shape (M,) or (M, K), or a stack of matrices (M, K)
        A vector stands for itself beside each matrix of a stack.
    rcond : float, optional
        Singular values not larger than this, as a part of the largest, count as zero: the precision times the longer side of ``a`` if omitted.
    full : bool
        Return all that NumPy returns.

    Returns
    -------
    tensor of shape (N,) or (N, K), behind the axes of the stack; if ``full``, a list of it and

    residuals : tensor of shape (K,)
        The squared lengths of the columns of ``a · x - b``; of one matrix, as in NumPy, none where its rank is below N or M is not above N.
    rank : int64 tensor of the shape of the stack
    singular values : tensor of shape (min(M, N),), behind the axes of the stack

    Its gradient holds where the rank does not change.

    Raises
    ------
    ValueError
        When the function runs, if ``a`` and ``b`` have different numbers of rows.
    numpy.linalg.LinAlgError
        When the function runs, for NaN.
    """
    a, b = as_matrices("lstsq", a), as_array(b)
    vector = b.type.ndim == 1
    columns = b.dimshuffle(0, "x") if vector else b
    x, rank, values = LeastSquares(rcond)(a, columns, return_list=True)  # type: ignore[misc]
    solution = x[..., 0] if vector else x
    if not full:
        return solution
    rest = columns - product(a, x)
    residuals = real(conj(rest) * rest).sum(axis=-2)
    if residuals.type.ndim == 1:
        rows, unknowns = a.shape[-2], a.shape[-1]
        residuals = residuals[: switch(and_(eq(rank, unknowns), gt(rows, unknowns)), residuals.shape[0], 0)]
    return [solution, residuals, rank, values]
