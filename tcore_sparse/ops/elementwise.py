"""Sums, products and functions of stored entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore import tensor
from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar import upcast
from tcore_sparse.conversion import as_sparse_or_tensor_variable, is_sparse_variable
from tcore_sparse.ops.dense import dense_from_sparse
from tcore_sparse.ops.parts import CSM, compressed, csm_properties
from tcore_sparse.types import SparseType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "AddSS", "MulSD", "MulSS", "Transpose", "add", "arcsin", "arcsinh", "arctan", "arctanh", "cast", "ceil", "deg2rad",
    "expm1", "floor", "log1p", "mul", "neg", "rad2deg", "rint", "sgn", "sin", "sinh", "sp_ones_like", "sp_zeros_like", "sqr",
    "sqrt", "structured_add", "structured_exp", "structured_log", "structured_maximum", "structured_minimum",
    "structured_pow", "structured_sigmoid", "sub", "tan", "tanh", "transpose", "trunc",
]  # fmt: skip

_OTHER = {"csc": "csr", "csr": "csc"}


@frozen
class Transpose(Op):
    """The transpose of a sparse matrix: the same parts, read in the other format."""

    def make_node(self, x: Any) -> Apply:
        x = compressed(x)
        return Apply(self, [x], [SparseType(_OTHER[x.type.format], x.type.dtype)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0].transpose(copy=True)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0][::-1]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The transpose of the gradient."""
        (g,) = output_grads
        return [self(g) if is_sparse_variable(g) else g.T]

    def __str__(self) -> str:
        return "Sparse{Transpose}"


transpose = Transpose()


@frozen
class _OfEqualShapes(Op):
    """What sums and products of two sparse matrices share: equal shapes, the format of the first."""

    word: ClassVar[str]

    def combined(self, x: Any, y: Any) -> Any:
        """The result for two matrices of SciPy."""
        raise NotImplementedError

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = compressed(x), compressed(y)
        return Apply(self, [x, y], [SparseType(x.type.format, upcast(x.type.dtype, y.type.dtype))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        if x.shape != y.shape:
            raise ValueError(f"{self.word}: sparse matrices have equal shapes, got {x.shape} and {y.shape}")
        kind = node.outputs[0].type
        output_storage[0][0] = self.combined(x, y).asformat(kind.format).astype(kind.dtype, copy=False)  # type: ignore[attr-defined]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def __str__(self) -> str:
        return type(self).__name__


@frozen
class AddSS(_OfEqualShapes):
    """The sum of two sparse matrices, in the format of the first."""

    word = "add"

    def combined(self, x: Any, y: Any) -> Any:
        return x + y

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient itself for both."""
        return [output_grads[0], output_grads[0]]


@frozen
class MulSS(_OfEqualShapes):
    """The elementwise product of two sparse matrices, in the format of the first."""

    word = "mul"

    def combined(self, x: Any, y: Any) -> Any:
        return x.multiply(y)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """By the product rule."""
        (x, y), (g,) = inputs, output_grads
        return [mul(g, y), mul(g, x)]


@frozen
class MulSD(Op):
    """The elementwise product of a sparse matrix and a dense matrix, vector or scalar, which is broadcast: sparse."""

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = compressed(x), tensor.as_tensor_variable(y)
        if y.type.ndim > 2:
            raise TypeError(f"mul of a sparse matrix takes at most 2 dimensions, {y} has {y.type.ndim}")
        return Apply(self, [x, y], [SparseType(x.type.format, upcast(x.type.dtype, y.type.dtype))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        kind = node.outputs[0].type
        places = x.tocoo()
        wide = np.broadcast_to(y, x.shape)
        result = places.copy()
        result.data = places.data * wide[places.row, places.col]
        output_storage[0][0] = result.asformat(kind.format).astype(kind.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Sparse for the sparse operand; dense, summed over what was broadcast, for the other one."""
        from tcore.tensor.alloc import sum_to_type

        (x, y), (g,) = inputs, output_grads
        product = mul(x, g)
        return [mul(g, y), sum_to_type(dense_from_sparse(product), y)]

    def __str__(self) -> str:
        return "MulSD"


_add_ss, _mul_ss, _mul_sd = AddSS(), MulSS(), MulSD()


def _operands(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if not (is_sparse_variable(x) or is_sparse_variable(y)):
        raise TypeError(f"{name} needs at least one sparse operand, got {x} and {y}")
    return x, y


def add(x: Any, y: Any) -> Any:
    """The sum: sparse of two sparse operands, else dense."""
    x, y = _operands("add", x, y)
    if is_sparse_variable(x) and is_sparse_variable(y):
        return _add_ss(x, y)
    return tensor.add(*[dense_from_sparse(v) if is_sparse_variable(v) else v for v in (x, y)])


def sub(x: Any, y: Any) -> Any:
    """The difference: sparse of two sparse operands, else dense."""
    x, y = _operands("sub", x, y)
    return add(x, neg(y) if is_sparse_variable(y) else -y)


def mul(x: Any, y: Any) -> Any:
    """The elementwise product, sparse, of operands of which at least one is."""
    x, y = _operands("mul", x, y)
    if is_sparse_variable(x) and is_sparse_variable(y):
        return _mul_ss(x, y)
    return _mul_sd(x, y) if is_sparse_variable(x) else _mul_sd(y, x)


def _on_entries(function: Callable[..., Any], name: str, summary: str) -> Callable[..., Any]:
    """A function of a sparse matrix that acts on its stored entries only; its gradient is structured."""

    def apply(x: Any, *others: Any) -> Any:
        x = compressed(x)
        data, indices, indptr, shape = csm_properties(x)
        return CSM(x.type.format)(function(data, *others), indices, indptr, shape)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"{summary}, of the stored entries only."
    return apply


neg = _on_entries(tensor.neg, "neg", "The negative")
sin = _on_entries(tensor.sin, "sin", "The sine")
arcsin = _on_entries(tensor.arcsin, "arcsin", "The inverse sine")
tan = _on_entries(tensor.tan, "tan", "The tangent")
arctan = _on_entries(tensor.arctan, "arctan", "The inverse tangent")
sinh = _on_entries(tensor.sinh, "sinh", "The hyperbolic sine")
arcsinh = _on_entries(tensor.arcsinh, "arcsinh", "The inverse hyperbolic sine")
tanh = _on_entries(tensor.tanh, "tanh", "The hyperbolic tangent")
arctanh = _on_entries(tensor.arctanh, "arctanh", "The inverse hyperbolic tangent")
rad2deg = _on_entries(tensor.rad2deg, "rad2deg", "Radians as degrees")
deg2rad = _on_entries(tensor.deg2rad, "deg2rad", "Degrees as radians")
rint = _on_entries(tensor.round_half_to_even, "rint", "The nearest whole number")
ceil = _on_entries(tensor.ceil, "ceil", "The next whole number above")
floor = _on_entries(tensor.floor, "floor", "The next whole number below")
trunc = _on_entries(tensor.trunc, "trunc", "The whole part")
sgn = _on_entries(tensor.sgn, "sgn", "The sign")
log1p = _on_entries(tensor.log1p, "log1p", "log(1 + x)")
expm1 = _on_entries(tensor.expm1, "expm1", "exp(x) - 1")
sqr = _on_entries(tensor.sqr, "sqr", "The square")
sqrt = _on_entries(tensor.sqrt, "sqrt", "The square root")
structured_sigmoid = _on_entries(tensor.sigmoid, "structured_sigmoid", "The logistic function")
structured_exp = _on_entries(tensor.exp, "structured_exp", "The exponential")
structured_log = _on_entries(tensor.log, "structured_log", "The logarithm")
structured_pow = _on_entries(tensor.pow, "structured_pow", "The power with a given exponent")
structured_minimum = _on_entries(tensor.minimum, "structured_minimum", "The smaller one of the entry and a number")
structured_maximum = _on_entries(tensor.maximum, "structured_maximum", "The larger one of the entry and a number")
structured_add = _on_entries(tensor.add, "structured_add", "The sum with a number")


def cast(variable: Any, dtype: str) -> Any:
    """The matrix converted to ``dtype``."""
    return _on_entries(tensor.cast, "cast", "Converted")(variable, dtype)


def sp_ones_like(x: Any) -> Any:
    """Ones where ``x`` has entries, in its format."""
    return _on_entries(tensor.ones_like, "sp_ones_like", "Ones")(x)


def sp_zeros_like(x: Any) -> Any:
    """A matrix without entries, of the shape and format of ``x``."""
    x = compressed(x)
    _, _, indptr, shape = csm_properties(x)
    empty = np.zeros(0, x.type.dtype)
    return CSM(x.type.format)(empty, np.zeros(0, "int32"), tensor.zeros_like(indptr), shape)
