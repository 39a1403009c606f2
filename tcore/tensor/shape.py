"""Shapes as values: ``Shape``, ``Shape_i`` and ``SpecifyShape``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.graph.type_code import PerTypeCode, TypeCode
from tcore.records import frozen
from tcore.scalar.dtypes import integer_dtypes
from tcore.tensor.constants import (
    NotScalarConstantError,
    constant_int,
    get_vector_length,
    scalar_value_of,
    vector_length_of,
)
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Shape",
    "Shape_i",
    "SpecifyShape",
    "as_shape_vector",
    "register_shape_c_code",
    "register_shape_i_c_code",
    "register_specify_shape_c_code",
    "shape",
    "shape_i",
    "specify_shape",
]

_lvector = TensorType("int64", (False,))
_lscalar = TensorType("int64", ())


class Shape(PerTypeCode):
    """The shape of a value of any type whose values have one: an int64 vector with one entry per axis."""

    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def make_node(self, x: Any) -> Apply:
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        return Apply(self, [x], [_lvector()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.array(np.shape(inputs[0]) if isinstance(inputs[0], (int, float)) else inputs[0].shape, "int64")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(node.inputs[0].type.ndim,)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Disconnected: the shape does not depend on the values."""
        return [disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None]

    def __str__(self) -> str:
        return "Shape"


@frozen
class Shape_i(PerTypeCode):
    """The length of axis ``i``: an int64 scalar."""

    i: int
    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def make_node(self, x: Any) -> Apply:
        ndim = getattr(getattr(x, "type", None), "ndim", None)
        if not isinstance(x, Variable) or ndim is None or ndim <= self.i:
            raise TypeError(f"{self} needs a variable with more than {self.i} dimensions, got {x} of {getattr(x, 'type', type(x))}")
        return Apply(self, [x], [_lscalar()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.array(inputs[0].shape[self.i], "int64")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Disconnected: the length does not depend on the values."""
        return [disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None]

    def filled_in(self, entry: TypeCode, inames: Sequence[str], onames: Sequence[str], sub: Mapping[str, str]) -> str:
        names = {"iname": inames[0], "oname": onames[0], "i": str(self.i), **sub}
        return entry.check_input % names + entry.code % names

    def __str__(self) -> str:
        return f"Shape_i{{{self.i}}}"


shape = Shape()


def register_shape_c_code(type: type, code: str, version: Any = ()) -> None:
    """Say how :class:`Shape` is done in C for a Type class.

    Parameters
    ----------
    type : class
        The Type class itself, not an instance.
    code : str
        C code that lets ``%(oname)s`` be the int64 vector of the shape of ``%(iname)s``.
    version : int or tuple
        ``()`` keeps the compiled code out of the store.
    """
    Shape.register_c_code(type, TypeCode(code, version))


def register_shape_i_c_code(typ: type, code: str, check_input: str, version: Any = ()) -> None:
    """Say how :class:`Shape_i` is done in C for a Type class; see :func:`register_shape_c_code`.

    Parameters
    ----------
    code : str
        C code that lets ``%(oname)s`` be the length of axis ``%(i)s`` of ``%(iname)s``.
    check_input : str
        C code put before, which fails (``%(fail)s``) where the value has too few axes; may be empty.
    """
    Shape_i.register_c_code(typ, TypeCode(code, version, check_input))


def register_specify_shape_c_code(
    typ: type, code: str, version: Any = (), c_support_code_apply: str | None = None
) -> None:
    """Say how :class:`SpecifyShape` is done in C for a Type class; see :func:`register_shape_c_code`.

    Parameters
    ----------
    code : str
        C code that compares the shape of ``%(iname)s`` with the vector ``%(shape)s``, whose length it checks too, fails
        where they differ, and lets ``%(oname)s`` be a view of ``%(iname)s``.
    c_support_code_apply : str, optional
        C code outside any function.
    """
    SpecifyShape.register_c_code(typ, TypeCode(code, version, support=c_support_code_apply))


def shape_i(var: Variable, i: int, fgraph: Any = None) -> Variable:
    """The length of axis ``i`` of ``var``: what the ShapeFeature of ``fgraph`` knows, else a ``Shape_i`` node.

    Where ``var`` belongs to a graph, that one is asked; ``fgraph`` is for variables that are to be put into it.
    """
    feature = getattr(var.fgraph or fgraph, "shape_feature", None)
    if feature is not None:
        return feature.get_shape(var, i)
    return Shape_i(i)(var)


def as_shape_vector(values: Any) -> Variable:
    """A shape as an integer vector: of a vector, an integer, or a list of integers and integer scalars.

    Raises
    ------
    TypeError
        If an entry is no integer.
    """
    if isinstance(values, (list, tuple)):
        entries = [_shape_entry(value) for value in values]
        numbers = [constant_int(entry) if not isinstance(entry, int) else entry for entry in entries]
        if None not in numbers:
            return as_tensor_variable(np.array(numbers, "int64"))
        from tcore.tensor.join import MakeVector  # which knows its shape by this module

        return MakeVector("int64")(*[as_tensor_variable(np.int64(e)) if isinstance(e, int) else e for e in entries])
    if isinstance(values, (int, np.integer)) and not isinstance(values, bool):
        return as_tensor_variable(np.array([values], "int64"))
    if not isinstance(values, Variable):
        values = np.asarray(values)
        if values.size == 0:
            values = values.astype("int64")
    vector = as_tensor_variable(values)
    if vector.type.ndim == 0:
        vector = vector.dimshuffle("x")
    if vector.type.ndim != 1 or vector.type.dtype not in integer_dtypes:
        raise TypeError(f"a shape is a vector of integers, got {vector} of type {vector.type}")
    return vector


def _shape_entry(value: Any) -> Any:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu":
        return int(value)
    if not isinstance(value, Variable):
        raise TypeError(f"an entry of a shape is an integer or an integer scalar, got {value!r}")
    variable = as_tensor_variable(value)
    if variable.type.dtype not in integer_dtypes or variable.type.ndim != 0:
        raise TypeError(f"an entry of a shape is an integer scalar, got {variable} of type {variable.type}: cast it to int64")
    return variable


class SpecifyShape(PerTypeCode):
    """``x`` itself, with the promise that it has a given shape, which is checked when the function runs.

    Parts of the graph that depend on the shape can be computed at compile time.
    """

    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}
    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def make_node(self, x: Any, shape: Any) -> Apply:
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        vector = as_shape_vector(shape)
        try:
            length = get_vector_length(vector)
        except ValueError:
            length = None
        if length is not None and length != x.type.ndim:
            raise ValueError(f"specify_shape: {x} has {x.type.ndim} dimensions, the shape has {length} entries")
        return Apply(self, [x, vector], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, wanted = inputs
        if tuple(x.shape) != tuple(wanted):
            raise AssertionError(f"SpecifyShape: the value has shape {tuple(x.shape)}, promised was {tuple(map(int, wanted))}")
        output_storage[0][0] = x

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        x, wanted = node.inputs
        return [tuple(wanted[axis] if constant_int(wanted[axis]) is None else constant_int(wanted[axis])
                      for axis in range(x.type.ndim))]  # fmt: skip

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The promise holds for the gradient, too."""
        return [specify_shape(output_grads[0], inputs[1]), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        if eval_points[0] is None:
            return [None]
        return [self(eval_points[0], *inputs[1:])]

    def filled_in(self, entry: TypeCode, inames: Sequence[str], onames: Sequence[str], sub: Mapping[str, str]) -> str:
        return entry.code % {"iname": inames[0], "shape": inames[1], "oname": onames[0], **sub}

    def __str__(self) -> str:
        return "SpecifyShape"


_specify_shape = SpecifyShape()


def specify_shape(x: Any, shape: Any) -> Variable:
    """``x`` with a promised shape.

    Parameters
    ----------
    shape : sequence of int, integer scalar or None, or integer vector
        None leaves the length of that axis open.

    Raises
    ------
    AssertionError
        When the function runs, if the value has another shape.
    """
    if isinstance(shape, (list, tuple)) and None in [entry for entry in shape if not isinstance(entry, (Variable, np.ndarray))]:
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        if len(shape) == x.type.ndim:  # the op refuses other lengths
            shape = [shape_i(x, axis) if entry is None else entry for axis, entry in enumerate(shape)]
    return _specify_shape(x, shape)


@scalar_value_of.register(SpecifyShape)
def _specified_value(op: Op, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    return value_of(node.inputs[0])


@scalar_value_of.register(Shape_i)
def _known_length(op: Shape_i, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    length = static_length(node.inputs[0], op.i)
    if length is None:
        raise NotScalarConstantError(f"axis {op.i} of {node.inputs[0]} has no known length")
    return np.array(length, "int64")


def static_length(x: Variable, axis: int) -> int | None:
    """The length of an axis of ``x`` that its type or a promise tells, else None."""
    if x.type.broadcastable[axis]:
        return 1
    data = getattr(x, "data", None)
    if isinstance(data, np.ndarray):
        return int(data.shape[axis])
    if x.owner is not None and isinstance(x.owner.op, SpecifyShape):
        return constant_int(x.owner.inputs[1][axis])
    return None


@vector_length_of.register(Shape)
def _length_of_shape(op: Op, node: Apply, length_of: Callable[[Variable], int]) -> int:
    return int(node.inputs[0].type.ndim)
