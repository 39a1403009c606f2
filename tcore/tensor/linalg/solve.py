"""Linear equations: ``solve`` and its forms for structured matrices, ``tensorsolve``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve, field

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import upcast
from tcore.tensor import _lengths
from tcore.tensor.alloc import sum_to_type
from tcore.tensor.assertion import assert_fitting
from tcore.tensor.dot import dot, outer
from tcore.tensor.gradients import as_gradient_of
from tcore.tensor.linalg.matrices import (
    adjoint,
    as_array,
    as_matrices,
    check_square,
    check_stack,
    lapack,
    on_each,
    product,
    same_stack,
    symmetric,
    symmetric_gradient,
)  # fmt: skip
from tcore.tensor.math import cast, eq
from tcore.tensor.triangles import tril, triu
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Solve",
    "TensorSolve",
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


def _known_structure(op: Any, attribute: Any, value: Any) -> None:
    if value not in _TURNED:
        raise ValueError(f"Solve: A_structure is one of {', '.join(map(repr, _TURNED))}, got {value!r}")


@frozen
class Solve(Op):
    """``x`` with ``A · x = b``, for matrices or stacks of them whose other axes broadcast.

    Parameters
    ----------
    A_structure : 'general', 'symmetric', 'lower_triangular' or 'upper_triangular'
        What is known of ``A``. Of a symmetric matrix only one triangle is read, of a triangular one only that triangle.
    lower : bool
        Which triangle of a symmetric matrix is read.
    overwrite_A, overwrite_b : bool
        Whether the memory of ``A`` or ``b`` may be used for the work.
    """

    A_structure: _Structure = field(default="general", validator=_known_structure)
    lower: bool = field(default=False, converter=bool)
    overwrite_A: bool = field(default=False, converter=bool)
    overwrite_b: bool = field(default=False, converter=bool)

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The result stands for what was overwritten."""
        destroyed = [place for place, flag in enumerate((self.overwrite_A, self.overwrite_b)) if flag]
        return {0: destroyed} if destroyed else {}

    def make_node(self, A: Any, b: Any) -> Apply:
        A, b = as_matrices("solve", A), as_array(b)
        if b.type.ndim == 0 or (b.type.ndim == 1 and A.type.ndim > 2):
            raise TypeError(
                f"solve takes a vector or matrices on the right, got {b} with {b.type.ndim} dimensions for {A} with {A.type.ndim}: "
                "write one vector for a stack of matrices as a column, b[:, None]"
            )
        dtype = upcast(A.type.dtype, b.type.dtype)
        A, b = cast(A, dtype), cast(b, dtype)
        if b.type.ndim > 1:
            A, b = same_stack(A, b)
            front = [one and other for one, other in zip(A.type.broadcastable[:-2], b.type.broadcastable[:-2], strict=True)]
            return Apply(self, [A, b], [TensorType(dtype, (*front, *b.type.broadcastable[-2:]))()])
        return Apply(self, [A, b], [b.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        check_square("solve", a)
        rows = b.shape[0] if b.ndim == 1 else b.shape[-2]
        if a.shape[-1] != rows:
            raise ValueError(f"solve: {a.shape[-1]} equations, but {rows} rows on the right; the shapes are {a.shape} and {b.shape}")
        core = [2, min(b.ndim, 2)]
        check_stack("solve", node, inputs, core)
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[: b.ndim - core[1]]) + b.shape[b.ndim - core[1] :]
        if 0 in shape:
            if shape[-1] == 0 and 0 not in (rows, *shape[: -core[1]]):  # without right sides, a singular matrix is refused all the same
                on_each(self._solve, b.dtype, a, np.zeros((*b.shape[:-1], 1), b.dtype), core=core)
            output_storage[0][0] = np.zeros(shape, b.dtype)
        else:
            output_storage[0][0] = on_each(self._solve, b.dtype, a, b, core=core)

    def _solve(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        dtype = b.dtype.name
        options: dict[str, Any] = {"overwrite_b": self.overwrite_b}
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
        a, b = shapes
        if len(b) == 1:
            return [b]
        marks = zip(node.inputs[0].type.broadcastable, a, b, strict=True)
        return [(*[other if one else own for one, own, other in [*marks][:-2]], *b[-2:])]

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
        a_bar = -(outer(b_bar, x.conj()) if b.type.ndim == 1 else product(b_bar, adjoint(x)))  # type: ignore[attr-defined]
        return [as_gradient_of(a, sum_to_type(self._read(a_bar), a)), as_gradient_of(b, sum_to_type(b_bar, b))]

    def _read(self, a_bar: Any) -> Any:
        if self.A_structure == "general":
            return a_bar
        if self.A_structure == "symmetric":
            return symmetric_gradient(a_bar, self.lower)
        return tril(a_bar) if self.A_structure == "lower_triangular" else triu(a_bar)

    def _meant(self, a: Any) -> Any:
        """The matrix that is solved with, as a linear function of what is given."""
        if self.A_structure == "general":
            return a
        if self.A_structure == "symmetric":
            return symmetric(a, self.lower)
        return tril(a) if self.A_structure == "lower_triangular" else triu(a)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``A⁻¹ (b' - A' x)``."""
        (a, b), (da, db) = inputs, eval_points
        if da is None and db is None:
            return [None]
        op = self._fresh()
        right: Any = db
        if da is not None:
            x: Any = op(a, b)
            moved = -(dot if x.type.ndim == 1 else product)(self._meant(da), x)
            right = moved if db is None else db + moved  # type: ignore[operator]
        return [op(a, right)]  # type: ignore[list-item]

    def __str__(self) -> str:
        return f"Solve{{{self.A_structure!r}, {self.lower}, {self.overwrite_A}, {self.overwrite_b}}}"


@frozen
class TensorSolve(Op):
    """``x`` with ``tensordot(a, x, x.ndim) = b``; ``axes`` of ``a`` are moved to its end first."""

    axes: tuple[int, ...] | None = field(default=None, converter=lambda axes: None if axes is None else tuple(int(axis) for axis in axes))

    def make_node(self, a: Any, b: Any) -> Apply:
        a, b = as_array(a), as_array(b)
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

    def formula(self, inputs: Sequence[Any]) -> Any:
        """The same as equations with a matrix, for backends that solve those natively."""
        a, b = inputs
        order = self._order(a.type.ndim)
        unknown = [a.shape[axis] for axis in order[b.type.ndim :]]
        fits = [eq(a.shape[axis], b.shape[k]) for k, axis in enumerate(order[: b.type.ndim])]
        fits.append(eq(_lengths.product(unknown), _lengths.product([b.shape[k] for k in range(b.type.ndim)])))
        message = "tensorsolve: a (axes moved) is not square over b: it needs b's shape first and as many unknowns"
        x: Any = Solve()(self._as_matrix(assert_fitting(message, a, fits, [a, b], np.linalg.LinAlgError), b), b.flatten())
        return x.reshape(unknown, ndim=len(unknown))

    def _as_matrix(self, a: Any, b: Any) -> Any:
        size = _lengths.product([b.shape[axis] for axis in range(b.type.ndim)])
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
    a : matrix of shape (M, M), or a stack of them
        Integers are taken as floatX.
    b : tensor of shape (M,) or (M, N), or a stack of matrices (M, N)
        Stacks broadcast. A vector stands for itself beside each matrix of a stack.

    Returns
    -------
    tensor of the shape of ``b``, behind the axes of the stack

    Raises
    ------
    numpy.linalg.LinAlgError
        When the function runs, if ``a`` is singular or not square.
    """
    a, b = as_matrices("solve", a), as_array(b)
    if b.type.ndim == 1 and a.type.ndim > 2:
        column: Any = _solve(a, b.dimshuffle(0, "x"))
        return column[..., 0]  # type: ignore[no-any-return]
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
