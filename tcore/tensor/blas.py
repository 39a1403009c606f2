"""Products in the forms of BLAS: ``Dot22``, ``Dot22Scalar``, ``Gemm``, ``Gemv``, ``Ger``. The optimizer puts them in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.finders import names_elsewhere
from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dot import check_product_shapes, dot, outer, product_flops
from tcore.tensor.math import conj
from tcore.tensor.products_c import DotC, DotScaledC, GerC, UpdatingProductC
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Dot22",
    "Dot22Scalar",
    "Gemm",
    "Gemv",
    "Ger",
    "blas_dtypes",
    "dot22",
    "dot22scalar",
    "gemm_inplace",
    "gemm_no_inplace",
    "gemv_inplace",
    "gemv_no_inplace",
    "ger",
    "ger_destructive",
]

#: the element types that BLAS knows
blas_dtypes = frozenset({"float32", "float64", "complex64", "complex128"})


def _operands(op: Op, operands: Sequence[tuple[str, Any, int]]) -> list[Variable]:
    """The operands as tensors of one BLAS dtype with the right numbers of axes."""
    variables: list[Variable] = []
    arrays = [value for _, value, _ in operands if isinstance(value, Variable) and getattr(value.type, "ndim", None)]
    for name, given, ndim in operands:
        # a Python number as a factor takes the dtype of the arrays
        plain = isinstance(given, (int, float)) and not isinstance(given, (bool, np.generic)) and arrays
        variable = as_tensor_variable(np.array(given, arrays[0].type.dtype) if plain else given)
        if variable.type.ndim != ndim:
            raise TypeError(f"{op} takes {name} with {ndim} dimensions, got {variable} with {variable.type.ndim}")
        variables.append(variable)
    dtypes = {variable.type.dtype for variable in variables}
    if len(dtypes) != 1 or not dtypes <= blas_dtypes:
        raise TypeError(f"{op} takes operands of one dtype of {sorted(blas_dtypes)}, got {', '.join(sorted(dtypes))}")
    return variables


def _check_target(op: Op, target: Any, shape: tuple[int, ...]) -> None:
    if target.shape != shape:
        raise ValueError(f"Shape mismatch: {op} adds a product of shape {shape} to an array of shape {target.shape}")


def _scaled(target: Any, factor: Any) -> Any:
    """``factor * target``, where a factor of 0 gives zeros even for NaN: BLAS does not read the target then."""
    if factor == 0:
        target[...] = 0
    elif factor != 1:
        target *= factor
    return target


class Dot22(DotC, FieldlessOp):
    """The product of two matrices of one BLAS dtype."""

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = _operands(self, [("x", x, 2), ("y", y, 2)])
        marks = (x.type.broadcastable[0], y.type.broadcastable[1])
        return Apply(self, [x, y], [TensorType(x.type.dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        check_product_shapes(x, y)
        old = output_storage[0][0]
        if old is not None and old.shape == (x.shape[0], y.shape[1]) and old.flags.c_contiguous:
            np.dot(x, y, out=old)
        else:
            output_storage[0][0] = np.dot(x, y)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(shapes[0][0], shapes[1][1])]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return product_flops(inputs[0], inputs[1])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """As for dot."""
        (x, y), (g,) = map(conj, inputs), output_grads
        return [dot(g, y.T), dot(x.T, g)]

    def __str__(self) -> str:
        return "Dot22"


class Dot22Scalar(DotScaledC, FieldlessOp):
    """``a * dot(x, y)`` for two matrices and a scalar."""

    def make_node(self, x: Any, y: Any, a: Any) -> Apply:
        x, y, a = _operands(self, [("x", x, 2), ("y", y, 2), ("a", a, 0)])
        marks = (x.type.broadcastable[0], y.type.broadcastable[1])
        return Apply(self, [x, y, a], [TensorType(x.type.dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y, a = inputs
        check_product_shapes(x, y)
        product = np.dot(x, y)
        product *= a
        output_storage[0][0] = product

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(shapes[0][0], shapes[1][1])]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return product_flops(inputs[0], inputs[1])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """By the product rule."""
        (x, y, a), (g,) = map(conj, inputs), output_grads
        return [a * dot(g, y.T), a * dot(x.T, g), (g * dot(x, y)).sum()]

    def __str__(self) -> str:
        return "Dot22Scalar"


@frozen
class _Updating(UpdatingProductC, Op):
    """What the ops with an operand that they may overwrite have in common: it is the first."""

    inplace: bool = field(default=False, converter=bool)
    overwrites_first_input: ClassVar[bool] = True

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The first operand, when working in place."""
        return {0: [0]} if self.inplace else {}

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(shapes[0])]

    def _target(self, z: Any) -> Any:
        return z if self.inplace else z.copy()

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{'inplace' if self.inplace else 'no_inplace'}}}"


@frozen(str=False)
class Gemm(_Updating):
    """``b * z + a * dot(x, y)`` for matrices ``z``, ``x``, ``y`` and scalars: ``Gemm(inplace)(z, a, x, y, b)``."""

    def make_node(self, z: Any, a: Any, x: Any, y: Any, b: Any) -> Apply:
        operands = _operands(self, [("z", z, 2), ("a", a, 0), ("x", x, 2), ("y", y, 2), ("b", b, 0)])
        return Apply(self, operands, [operands[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        z, a, x, y, b = inputs
        check_product_shapes(x, y)
        _check_target(self, z, (x.shape[0], y.shape[1]))
        product = np.dot(x, y)
        if a != 1:
            product *= a
        target = _scaled(self._target(z), b)
        target += product
        output_storage[0][0] = target

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return product_flops(inputs[2], inputs[3]) + math.prod(outputs[0])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """By the product rule."""
        (z, a, x, y, b), (g,) = map(conj, inputs), output_grads
        return [b * g, (g * dot(x, y)).sum(), a * dot(g, y.T), a * dot(x.T, g), (g * z).sum()]


@frozen(str=False)
class Gemv(_Updating):
    """``beta * y + alpha * dot(A, x)`` for a matrix, vectors and scalars: ``Gemv(inplace)(y, alpha, A, x, beta)``."""

    def make_node(self, y: Any, alpha: Any, A: Any, x: Any, beta: Any) -> Apply:
        names = [("y", y, 1), ("alpha", alpha, 0), ("A", A, 2), ("x", x, 1), ("beta", beta, 0)]
        operands = _operands(self, names)
        return Apply(self, operands, [operands[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        y, alpha, a, x, beta = inputs
        check_product_shapes(a, x)
        _check_target(self, y, (a.shape[0],))
        product = np.dot(a, x)
        if alpha != 1:
            product *= alpha
        target = _scaled(self._target(y), beta)
        target += product
        output_storage[0][0] = target

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return product_flops(inputs[2], inputs[3]) + math.prod(outputs[0])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """By the product rule."""
        (y, alpha, a, x, beta), (g,) = map(conj, inputs), output_grads
        return [beta * g, dot(g, dot(a, x)), alpha * outer(g, x), alpha * dot(a.T, g), dot(g, y)]


@frozen
class Ger(GerC, Op):
    """``A + alpha * outer(x, y)`` for a matrix, vectors and a scalar: ``Ger(destructive)(A, alpha, x, y)``."""

    destructive: bool = field(default=False, converter=bool)
    overwrites_first_input: ClassVar[bool] = True

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The matrix, when it may be destroyed."""
        return {0: [0]} if self.destructive else {}

    def make_node(self, A: Any, alpha: Any, x: Any, y: Any) -> Apply:
        operands = _operands(self, [("A", A, 2), ("alpha", alpha, 0), ("x", x, 1), ("y", y, 1)])
        return Apply(self, operands, [operands[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, alpha, x, y = inputs
        _check_target(self, a, (x.shape[0], y.shape[0]))
        target = a if self.destructive else a.copy()
        target += np.outer(x if alpha == 1 else alpha * x, y)
        output_storage[0][0] = target

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(shapes[0])]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return 2 * math.prod(outputs[0])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """By the product rule."""
        (_, alpha, x, y), (g,) = map(conj, inputs), output_grads
        return [g, dot(x, dot(g, y)), alpha * dot(g, y), alpha * dot(g.T, x)]

    def __str__(self) -> str:
        return f"Ger{{{'destructive' if self.destructive else 'non-destructive'}}}"


dot22 = Dot22()
dot22scalar = Dot22Scalar()
gemm_no_inplace = Gemm(inplace=False)
gemm_inplace = Gemm(inplace=True)
gemv_no_inplace = Gemv(inplace=False)
gemv_inplace = Gemv(inplace=True)
ger = Ger(destructive=False)
ger_destructive = Ger(destructive=True)


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
