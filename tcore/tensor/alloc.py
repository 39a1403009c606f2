"""Arrays made from nothing but a shape: ``Alloc``, ``AllocEmpty``, ``Eye``, and zeros and ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.graph.null_type import Unconnected, disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import dtype_name
from tcore.tensor._lengths import as_length
from tcore.tensor.alloc_c import AllocC, AllocEmptyC, EyeC
from tcore.tensor.constants import constant_int, get_vector_length, scalar_value_of, value_behind
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast, fill
from tcore.tensor.shape import as_shape_vector
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Alloc",
    "AllocEmpty",
    "Eye",
    "alloc",
    "eye",
    "full",
    "full_like",
    "identity_like",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]

#: larger results are not computed at compile time: they would only fill memory
_FOLDING_LIMIT = 4096


def integer_scalar(value: Any, role: str) -> Variable:
    """``value`` as an integer scalar variable; ``role`` says what it is, for the error."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)):
        return as_tensor_variable(np.array(value, "int64"))
    variable = as_tensor_variable(value)
    if variable.type.ndim != 0 or variable.type.dtype.rstrip("0123456789") not in ("int", "uint"):
        raise TypeError(f"{role} must be an integer or an integer scalar, got {variable} of type {variable.type}")
    return variable


def _lengths(shape: Sequence[Any]) -> tuple[list[Variable], tuple[bool, ...]]:
    variables = [integer_scalar(length, f"length {axis} of an array") for axis, length in enumerate(shape)]
    known = [constant_int(variable) for variable in variables]
    for axis, length in enumerate(known):
        if length is not None and length < 0:
            raise ValueError(f"length {axis} of an array cannot be negative, got {length}")
    return variables, tuple(length == 1 for length in known)


def _run_time_shape(lengths: Sequence[Any]) -> tuple[int, ...]:
    shape = tuple(int(length) for length in lengths)
    if any(length < 0 for length in shape):
        raise ValueError(f"an array cannot have the shape {shape}: a length is negative")
    return shape


class Alloc(AllocC, FieldlessOp):
    """``value``, broadcast to a shape: ``Alloc()(value, n0, n1, …)``. A fresh array that others may overwrite."""

    def make_node(self, value: Any, *shape: Any) -> Apply:
        value = as_tensor_variable(value)
        lengths, marks = _lengths(shape)
        if value.type.ndim > len(lengths):
            raise TypeError(f"alloc: {value} has {value.type.ndim} dimensions, the shape only {len(lengths)}")
        offset = len(lengths) - value.type.ndim
        for axis, mark in enumerate(value.type.broadcastable):
            if marks[offset + axis] and not mark:
                raise TypeError(f"alloc: axis {axis} of {value} is not broadcastable, the shape has the constant 1 there; mark it with addbroadcast")
        return Apply(self, [value, *lengths], [TensorType(value.type.dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        value, *lengths = inputs
        shape = _run_time_shape(lengths)
        flags = node.inputs[0].type.broadcastable
        if not all(flag or own == wanted for flag, own, wanted in zip(flags, value.shape, shape[len(shape) - len(flags) :], strict=True)):
            raise ValueError(
                f"alloc cannot broadcast a value of shape {value.shape} to {shape}: lengths must be equal, or 1 by the value's type (addbroadcast marks them)"
            )
        old = output_storage[0][0]
        if old is None or old.shape != shape:
            old = np.empty(shape, value.dtype)
        old[...] = value
        output_storage[0][0] = old

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(as_length(length) for length in node.inputs[1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], *[[False]] * (len(node.inputs) - 1)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The sum of the gradient over the axes along which the value was repeated."""
        value, *lengths = inputs
        return [sum_to_type(output_grads[0], value), *[disconnected_type() for _ in lengths]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def do_constant_folding(self, node: Apply) -> bool:
        """Only small results, and none that a client wants to overwrite."""
        size = 1
        for length in node.inputs[1:]:
            number = constant_int(length)
            if number is None:
                return False
            size *= number
        if size > _FOLDING_LIMIT:
            return False
        if node.fgraph is None:
            return True
        return not any(
            client == "output" or (place == 0 and getattr(client.op, "overwrites_first_input", False)) for client, place in node.fgraph.clients(node.outputs[0])
        )

    def __str__(self) -> str:
        return "Alloc"


alloc = Alloc()


def sum_to_type(g: Variable, like: Variable) -> Variable:
    """``g`` summed over the axes that ``like`` lacks or has as broadcastable: the gradient of broadcasting ``like``."""
    extra = g.type.ndim - like.type.ndim
    if extra:
        g = g.sum(axis=list(range(extra)))
    axes = [axis for axis, (wide, narrow) in enumerate(zip(g.type.broadcastable, like.type.broadcastable, strict=True)) if narrow and not wide]
    return g.sum(axis=axes, keepdims=True) if axes else g


scalar_value_of.register(Alloc, value_behind)


def _dtype(dtype: Any) -> str:
    return config.floatX if dtype is None else dtype_name(dtype)


@frozen
class AllocEmpty(AllocEmptyC, Unconnected, Op):
    """An array of a shape with whatever values its memory holds."""

    dtype: str = field(converter=_dtype)

    def make_node(self, *shape: Any) -> Apply:
        lengths, marks = _lengths(shape)
        output: Any = TensorType(self.dtype, marks)()
        # two runs agree on no value: comparing modes check the type only, and none minds what the memory holds
        output.tag.values_eq_approx = _any_values
        output.tag.nan_guard_mode_check = False
        return Apply(self, lengths, [output])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        shape = _run_time_shape(inputs)
        if output_storage[0][0] is None or output_storage[0][0].shape != shape:
            output_storage[0][0] = np.empty(shape, self.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(as_length(length) for length in node.inputs)]

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: a constant would keep the memory of one run."""
        return False

    def __str__(self) -> str:
        return f"AllocEmpty{{dtype={self.dtype!r}}}"


def _any_values(a: Any, b: Any) -> bool:
    return True


@frozen
class Eye(EyeC, Unconnected, Op):
    """A matrix of zeros with ones on one diagonal: ``Eye(dtype)(n, m, k)``."""

    dtype: str = field(default=None, converter=_dtype)

    def make_node(self, n: Any, m: Any, k: Any) -> Apply:
        n, m, k = (integer_scalar(v, f"{name} of eye") for v, name in ((n, "n"), (m, "m"), (k, "k")))
        return Apply(self, [n, m, k], [TensorType(self.dtype, (constant_int(n) == 1, constant_int(m) == 1))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        n, m, k = (int(value) for value in inputs)
        _run_time_shape((n, m))
        output_storage[0][0] = np.eye(n, m, k, dtype=self.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(as_length(node.inputs[0]), as_length(node.inputs[1]))]

    def do_constant_folding(self, node: Apply) -> bool:
        """Only small results."""
        n, m = (constant_int(length) for length in node.inputs[:2])
        return n is not None and m is not None and n * m <= _FOLDING_LIMIT

    def __str__(self) -> str:
        return f"Eye{{dtype={self.dtype!r}}}"


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Variable:
    """A matrix with ones on its k-th diagonal (0 the main one, positive above it, negative below) and zeros elsewhere.

    Parameters
    ----------
    n, m : integers or integer scalars
        Rows and columns; as many columns as rows when ``m`` is omitted.
    k : integer or integer scalar
    dtype : str, optional
        Default: floatX.
    """
    return Eye(dtype)(n, n if m is None else m, k)


def identity_like(x: Any) -> Variable:
    """The identity with the shape and dtype of the matrix ``x``."""
    x = as_tensor_variable(x)
    if x.type.ndim != 2:
        raise ValueError(f"identity_like takes a matrix, got {x} with {x.type.ndim} dimensions")
    return eye(x.shape[0], x.shape[1], k=0, dtype=x.type.dtype)


def _shape_entries(shape: Any) -> list[Any]:
    if isinstance(shape, (list, tuple)):
        return list(shape)
    if isinstance(shape, (int, np.integer)) or (isinstance(shape, Variable) and shape.type.ndim == 0):
        return [shape]
    vector = as_shape_vector(shape)
    return [vector[axis] for axis in range(get_vector_length(vector))]


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """An array of ``shape`` with ``fill_value`` everywhere; ``dtype`` defaults to that of the value."""
    value = as_tensor_variable(fill_value)
    if dtype is not None and value.type.dtype != _dtype(dtype):
        value = value.astype(_dtype(dtype))
    return alloc(value, *_shape_entries(shape))


def zeros(shape: Any, dtype: Any = None) -> Variable:
    """Zeros of a shape, a list of integers and integer scalars; ``dtype`` defaults to floatX."""
    return alloc(np.array(0, _dtype(dtype)), *_shape_entries(shape))


def ones(shape: Any, dtype: Any = None) -> Variable:
    """Ones of a shape, a list of integers and integer scalars; ``dtype`` defaults to floatX."""
    return alloc(np.array(1, _dtype(dtype)), *_shape_entries(shape))


def full_like(model: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """``fill_value`` in the shape of ``model``; ``dtype`` defaults to that of ``model``."""
    model = as_tensor_variable(model)
    dtype = model.type.dtype if dtype is None else _dtype(dtype)
    if isinstance(fill_value, Variable):
        return fill(model, cast(fill_value, dtype))
    return fill(model, as_tensor_variable(np.array(fill_value, dtype)))


def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Variable:
    """Zeros in the shape of ``model``; ``dtype`` defaults to that of ``model``.

    ``opt=True`` gives the zero itself for a 0-d model: rewrites, which need no fill to be taken away again, use it.
    """
    model = as_tensor_variable(model)
    if opt and model.type.ndim == 0:
        return as_tensor_variable(np.array(0, model.type.dtype if dtype is None else _dtype(dtype)))
    return full_like(model, 0, dtype)


def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Variable:
    """Ones in the shape of ``model``; ``dtype`` defaults to that of ``model``. ``opt`` as for :func:`zeros_like`."""
    model = as_tensor_variable(model)
    if opt and model.type.ndim == 0:
        return as_tensor_variable(np.array(1, model.type.dtype if dtype is None else _dtype(dtype)))
    return full_like(model, 1, dtype)
