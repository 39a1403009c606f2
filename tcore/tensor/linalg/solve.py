"""Linear equations: ``solve`` and its forms for structured matrices, ``tensorsolve``, ``lstsq``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve, field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import upcast
from tcore.tensor._lengths import product
from tcore.tensor.dot import dot, outer
from tcore.tensor.gradients import as_gradient_of
from tcore.tensor.linalg.inverse import pinv
from tcore.tensor.linalg.matrices import adjoint, as_array, as_matrix, check_square, diagonal_matrix, diagonal_of, lapack
from tcore.tensor.triangles import tril, triu
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Solve",
    "TensorSolve",
    "lstsq",
    "solve",
    "solve_lower_triangular",
    "solve_symmetric",
    "solve_upper_triangular",
    "tensorsolve",
]

_Structure = Literal["general", "symmetric", "lower_triangular", "upper_triangular"]
_TURNED: dict[_Structure, _Structure] = {
    "general": "general",
    "symmetric": "symmetric",
    "lower_triangular": "upper_triangular",
    "upper_triangular": "lower_triangular",
}


@frozen
class Solve(Op):
    """``x`` with ``A · x = b``.

    Parameters
    ----------
    A_structure : 'general', 'symmetric', 'lower_triangular' or 'upper_triangular'
        What is known of ``A``. Of a symmetric matrix only one triangle is read, of a triangular one only that triangle.
    lower : bool
        Which triangle of a symmetric matrix is read.
    overwrite_A, overwrite_b : bool
        Whether the memory of ``A`` or ``b`` may be used for the work.
    """

    A_structure: _Structure = field(default="general", validator=in_(_TURNED))
    lower: bool = field(default=False, converter=bool)
    overwrite_A: bool = field(default=False, converter=bool)
    overwrite_b: bool = field(default=False, converter=bool)

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The result stands for what was overwritten."""
        destroyed = [place for place, flag in enumerate((self.overwrite_A, self.overwrite_b)) if flag]
        return {0: destroyed} if destroyed else {}

    def make_node(self, A: Any, b: Any) -> Apply:
        A, b = as_matrix("solve", A), as_array("solve", b)
        if b.type.ndim not in (1, 2):
            raise TypeError(f"solve takes a vector or a matrix on the right, got {b} with {b.type.ndim} dimensions")
        return Apply(self, [A, b], [TensorType(upcast(A.type.dtype, b.type.dtype), b.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        check_square("solve", a)
        if a.shape[0] != b.shape[0]:
            raise ValueError(f"solve: {a.shape[0]} equations, but {b.shape[0]} rows on the right; the shapes are {a.shape} and {b.shape}")
        dtype = node.outputs[0].type.dtype
        output_storage[0][0] = self._solve(a, b, dtype) if b.size else np.zeros(b.shape, dtype)

    def _solve(self, a: np.ndarray, b: np.ndarray, dtype: str) -> np.ndarray:
        options: dict[str, Any] = {"overwrite_b": self.overwrite_b}
        a = np.asarray(a, dtype)
        if self.A_structure == "general":
            *_, x, info = lapack("gesv", dtype)(a, b, overwrite_a=self.overwrite_A, **options)
        elif self.A_structure == "symmetric":
            *_, x, info = lapack("sysv", dtype)(a, b, lower=self.lower, overwrite_a=self.overwrite_A, **options)
        elif not a.flags.f_contiguous and a.flags.c_contiguous:  # its transpose needs no copy
            x, info = lapack("trtrs", dtype)(a.T, b, lower=self.A_structure == "upper_triangular", trans=1, **options)
        else:
            x, info = lapack("trtrs", dtype)(a, b, lower=self.A_structure == "lower_triangular", **options)
        if info > 0:
            raise np.linalg.LinAlgError(f"solve: the matrix is singular (pivot {info} of {a.shape[0]} is zero)")
        return np.asarray(x, dtype).reshape(b.shape)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[1]]

    def _fresh(self) -> Solve:
        """The same without work in place, which derivatives must not do."""
        return evolve(self, overwrite_A=False, overwrite_b=False)

    def _turned(self) -> Solve:
        """For the adjoint of the matrix."""
        return evolve(self._fresh(), A_structure=_TURNED[self.A_structure], lower=not self.lower if self.A_structure == "symmetric" else self.lower)

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``b̄ = A⁻ᴴ x̄`` and ``Ā = -b̄ xᴴ`` (Giles), of which only what was read of ``A`` counts."""
        (a, b), (x,), (g,) = inputs, outputs, output_grads
        # a symmetric matrix that is complex is not Hermitian: its adjoint is its conjugate
        b_bar: Any = self._turned()(adjoint(a), g)
        a_bar = -(outer(b_bar, x.conj()) if b.type.ndim == 1 else dot(b_bar, adjoint(x)))  # type: ignore[attr-defined]
        return [as_gradient_of(a, self._read(a_bar)), as_gradient_of(b, b_bar)]

    def _read(self, a_bar: Any) -> Any:
        if self.A_structure == "general":
            return a_bar
        if self.A_structure == "symmetric":
            both = a_bar + a_bar.T
            return (tril(both) if self.lower else triu(both)) - diagonal_matrix(diagonal_of(a_bar))
        return tril(a_bar) if self.A_structure == "lower_triangular" else triu(a_bar)

    def _meant(self, a: Any) -> Any:
        """The matrix that is solved with, as a linear function of what is given."""
        if self.A_structure == "general":
            return a
        if self.A_structure == "symmetric":
            triangle = tril(a) if self.lower else triu(a)
            return triangle + triangle.T - diagonal_matrix(diagonal_of(a))
        return tril(a) if self.A_structure == "lower_triangular" else triu(a)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``A⁻¹ (b' - A' x)``."""
        (a, b), (da, db) = inputs, eval_points
        if da is None and db is None:
            return [None]
        op = self._fresh()
        right: Any = db
        if da is not None:
            moved = -dot(self._meant(da), op(a, b))
            right = moved if db is None else db + moved  # type: ignore[operator]
        return [op(a, right)]  # type: ignore[list-item]

    def __str__(self) -> str:
        return f"Solve{{{self.A_structure!r}, {self.lower}, {self.overwrite_A}, {self.overwrite_b}}}"


@frozen
class TensorSolve(Op):
    """``x`` with ``tensordot(a, x, x.ndim) = b``; ``axes`` of ``a`` are moved to its end first."""

    axes: tuple[int, ...] | None = field(default=None, converter=lambda axes: None if axes is None else tuple(int(axis) for axis in axes))

    def make_node(self, a: Any, b: Any) -> Apply:
        a, b = as_array("tensorsolve", a), as_array("tensorsolve", b)
        for axis in self.axes or ():
            if not -a.type.ndim <= axis < a.type.ndim:
                raise ValueError(f"tensorsolve: axis {axis} does not exist in {a} with {a.type.ndim} dimensions")
        if a.type.ndim < b.type.ndim:
            raise TypeError(f"tensorsolve: {a} has {a.type.ndim} dimensions, fewer than {b} with {b.type.ndim}")
        marks = [a.type.broadcastable[axis] for axis in self._order(a.type.ndim)]
        return Apply(self, [a, b], [TensorType(upcast(a.type.dtype, b.type.dtype), tuple(marks[b.type.ndim :]))()])

    def _order(self, ndim: int) -> list[int]:
        last = [axis % ndim for axis in self.axes or ()]
        return [axis for axis in range(ndim) if axis not in last] + last

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        a = a.transpose(self._order(a.ndim))
        unknown = a.shape[b.ndim :]
        if a.shape[: b.ndim] != b.shape or math.prod(unknown) != b.size:
            raise np.linalg.LinAlgError(f"tensorsolve: a of shape {a.shape} (axes moved) is not square over b of shape {b.shape}: it needs b's shape first and as many unknowns")
        output_storage[0][0] = np.asarray(np.linalg.solve(a.reshape(b.size, b.size), b.ravel()).reshape(unknown), node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        a, b = shapes
        return [tuple([a[axis] for axis in self._order(len(a))][len(b) :])]

    def _as_matrix(self, a: Any, b: Any) -> Any:
        size = product([b.shape[axis] for axis in range(b.type.ndim)])
        return a.dimshuffle(*self._order(a.type.ndim)).reshape((size, size), ndim=2)

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Those of the linear equations that it stands for."""
        a, b = inputs
        x, g = outputs[0], output_grads[0]
        back: Any = Solve()(adjoint(self._as_matrix(a, b)), g.flatten())  # type: ignore[attr-defined]
        order = self._order(a.type.ndim)  # type: ignore[attr-defined]
        lengths = [a.shape[axis] for axis in order]  # type: ignore[attr-defined]
        a_bar = -outer(back, x.conj().flatten()).reshape(lengths, ndim=len(order))  # type: ignore[attr-defined]
        turned = a_bar.dimshuffle(*[order.index(axis) for axis in range(len(order))])
        return [as_gradient_of(a, turned), as_gradient_of(b, back.reshape(b.shape, ndim=b.type.ndim))]  # type: ignore[attr-defined]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        (a, b), (da, db) = inputs, eval_points
        if da is None:
            return [None if db is None else self(a, db)]  # type: ignore[list-item]
        x: Any = self(a, b)
        moved = -dot(self._as_matrix(da, b), x.flatten()).reshape(b.shape, ndim=b.type.ndim)  # type: ignore[attr-defined]
        return [self(a, moved if db is None else db + moved)]  # type: ignore[list-item, operator]

    def __str__(self) -> str:
        return f"TensorSolve{{axes={self.axes}}}"


_solve = Solve()
solve_symmetric = Solve("symmetric")
solve_lower_triangular = Solve("lower_triangular")
solve_upper_triangular = Solve("upper_triangular")


def solve(a: Any, b: Any) -> Variable:
    """``x`` with ``a · x = b``.

    Parameters
    ----------
    a : matrix of shape (M, M)
        Integers are taken as floatX.
    b : tensor of shape (M,) or (M, N)

    Returns
    -------
    tensor of the shape of ``b``

    Raises
    ------
    numpy.linalg.LinAlgError
        When the function runs, if ``a`` is singular or not square.
    """
    return _solve(a, b)  # type: ignore[return-value]


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Variable:
    """``x`` with ``tensordot(a, x, axes=x.ndim) = b``.

    Parameters
    ----------
    a : tensor of shape ``b.shape + Q``
        With ``prod(Q) == prod(b.shape)``.
    b : tensor
    axes : sequence of int, optional
        Axes of ``a`` that are moved to its end first.

    Returns
    -------
    tensor of shape ``Q``

    Raises
    ------
    numpy.linalg.LinAlgError
        When the function runs, if ``a`` is singular or not square in this sense.
    """
    return TensorSolve(axes)(a, b)  # type: ignore[return-value]


def lstsq(a: Any, b: Any) -> Variable:
    """The ``x`` of least norm among those that make ``a · x - b`` smallest: the pseudo-inverse of ``a`` times ``b``.

    Parameters
    ----------
    a : matrix of shape (M, N)
    b : tensor of shape (M,) or (M, K)

    Returns
    -------
    tensor of shape (N,) or (N, K)
    """
    return dot(pinv(a), as_array("lstsq", b))  # type: ignore[arg-type]
