"""Ops on typed lists. None changes its input: results are new lists, whose elements are those of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable, as_variable
from tcore.graph.null_type import Unconnected, disconnected_type, grad_not_implemented
from tcore.graph.type import of_type
from tcore.records import frozen
from tcore.tensor.advanced_subtensor import index_variable
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import SliceType
from tcore.typed_list.type import TypedListType
from tcore.typed_list.variable import TypedListConstant, TypedListVariable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Append",
    "Count",
    "Extend",
    "GetItem",
    "Insert",
    "Length",
    "MakeList",
    "Remove",
    "Reverse",
    "TypedListConstant",
    "TypedListVariable",
    "append",
    "count",
    "extend",
    "getitem",
    "insert",
    "length",
    "make_list",
    "remove",
    "reverse",
]


_NUMBER = TensorType("int64", ())


def _as_list(op: _ListOp, x: Any) -> Variable:
    if not isinstance(x, Variable) or not isinstance(x.type, TypedListType):
        what = f"{x} of type {x.type}" if isinstance(x, Variable) else f"{x!r:.80} of {type(x).__name__}"
        raise TypeError(f"{op} takes a typed list, got {what}: TypedListType(the Type of the elements)() and make_list([…]) make one")
    return x


def _as_element(op: _ListOp, x: Variable, element: Any) -> Variable:
    try:
        return x.type.ttype.filter_variable(element)  # type: ignore[no-any-return]
    except TypeError as error:
        raise TypeError(f"{op}: {x} of type {x.type} has no such elements: {error}") from error


class _ListOp(FieldlessOp):
    """An op whose output shares the memory of its inputs' elements."""

    #: the inputs that are places in the list, on which no value depends continuously
    places: ClassVar[tuple[int, ...]] = ()
    view_map = {0: [0]}

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Every value goes into the output; a place does not."""
        return [[k not in self.places] for k in range(len(node.inputs))]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Not there: see the text."""
        why = "a list has no gradient. Put the elements into one array, padded where they differ in length, or take gradients with respect to what is computed from them"
        return [disconnected_type() if k in self.places else grad_not_implemented(self, k, x, why) for k, x in enumerate(inputs)]

    def __str__(self) -> str:
        return type(self).__name__


class GetItem(_ListOp):
    """The element at an integer index, or the list of those that a slice picks: ``x[index]``."""

    places = (1,)

    def make_node(self, x: Any, index: Any) -> Apply:
        """``index`` is an integer or a slice, either of them symbolic or not."""
        x = _as_list(self, x)
        if isinstance(index, slice) or (isinstance(index, Variable) and isinstance(index.type, SliceType)):
            return Apply(self, [x, index_variable(index)], [x.type()])
        return Apply(self, [x, integer_scalar(index, "an index of a list")], [x.type.ttype()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, index = inputs
        if not isinstance(index, slice):
            index = int(index)
            if not -len(x) <= index < len(x):
                raise IndexError(f"index {index} is out of bounds for a list of {len(x)} elements")
        output_storage[0][0] = x[index]


class Append(_ListOp):
    """The list with one more element at its end."""

    view_map = {0: [0, 1]}

    def make_node(self, x: Any, y: Any) -> Apply:
        """``y`` is of the Type of the elements."""
        x = _as_list(self, x)
        return Apply(self, [x, _as_element(self, x, y)], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        output_storage[0][0] = [*x, y]


class Extend(_ListOp):
    """The list, then the elements of another."""

    view_map = {0: [0, 1]}

    def make_node(self, x: Any, toAppend: Any) -> Apply:
        """``toAppend`` is a list of the same Type."""
        x = _as_list(self, x)
        return Apply(self, [x, x.type.filter_variable(toAppend)], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, more = inputs
        output_storage[0][0] = [*x, *more]


class Insert(_ListOp):
    """The list with one more element before the one at ``index``, which counts as in Python: past either end, at that end."""

    places = (1,)
    view_map = {0: [0, 2]}

    def make_node(self, x: Any, index: Any, toInsert: Any) -> Apply:
        """``index`` is an integer, ``toInsert`` of the Type of the elements."""
        x = _as_list(self, x)
        return Apply(self, [x, integer_scalar(index, "an index of a list"), _as_element(self, x, toInsert)], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, index, element = inputs
        longer = list(x)
        longer.insert(int(index), element)
        output_storage[0][0] = longer


class Remove(_ListOp):
    """The list without the first element that equals ``toRemove``, by the equality of their Type."""

    def make_node(self, x: Any, toRemove: Any) -> Apply:
        """``toRemove`` is of the Type of the elements."""
        x = _as_list(self, x)
        return Apply(self, [x, _as_element(self, x, toRemove)], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, unwanted = inputs
        equal = of_type(node.inputs[0].type.ttype, "values_eq")
        place = next((k for k, element in enumerate(x) if equal(element, unwanted)), None)
        if place is None:
            raise ValueError(f"no element of this list of {len(x)} equals {unwanted!r:.80}, so that it cannot be removed")
        output_storage[0][0] = [*x[:place], *x[place + 1 :]]


class Reverse(_ListOp):
    """The elements in the opposite order."""

    def make_node(self, x: Any) -> Apply:
        """One list in, one out."""
        x = _as_list(self, x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0][::-1]


class Count(Unconnected, _ListOp):
    """How many elements equal ``elem``, by the equality of their Type: an int64."""

    view_map = {}

    def make_node(self, x: Any, elem: Any) -> Apply:
        """``elem`` is of the Type of the elements."""
        x = _as_list(self, x)
        return Apply(self, [x, _as_element(self, x, elem)], [_NUMBER()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, wanted = inputs
        equal = of_type(node.inputs[0].type.ttype, "values_eq")
        output_storage[0][0] = np.array(sum(bool(equal(element, wanted)) for element in x), "int64")

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """A number."""
        return [()]


class Length(Unconnected, _ListOp):
    """How many elements there are: an int64."""

    view_map = {}

    def make_node(self, x: Any) -> Apply:
        """One list in, a number out."""
        return Apply(self, [_as_list(self, x)], [_NUMBER()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.array(len(inputs[0]), "int64")

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """A number."""
        return [()]

    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Any) -> str:
        """``PyList_GET_SIZE``."""
        (x,), (z,) = inputs, outputs
        return f"""
            Py_XDECREF({z});
            {z} = (PyArrayObject*) PyArray_SimpleNew(0, NULL, NPY_INT64);
            if (!{z}) {{ {sub["fail"]} }}
            *(npy_int64*) PyArray_DATA({z}) = (npy_int64) PyList_GET_SIZE((PyObject*) {x});
        """

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text."""
        return (1,)


@frozen(repr=False)
class MakeList(_ListOp):
    """A list of variables of one Type: ``make_list([x, y, z])``.

    Attributes
    ----------
    number : int, optional
        Of the elements; None for the op that is called, which takes any number.
    """

    number: int | None = None

    @property
    def view_map(self) -> dict[int, list[int]]:  # type: ignore[override]
        """Every element is in the list."""
        return {0: list(range(self.number or 0))}

    def make_node(self, *a: Any) -> Apply:
        """One list or tuple of variables, or as many arguments; values that are no variables become constants."""
        given = a[0] if len(a) == 1 and isinstance(a[0], (list, tuple)) else a
        if not given:
            raise ValueError("make_list needs an element, whose Type is that of the list; TypedListType(…).make_constant([]) is an empty list")
        elements = [as_variable(element) for element in given]
        first = elements[0].type
        for place, element in enumerate(elements):
            if element.type != first:
                raise TypeError(f"the elements of a typed list have one Type: element 0 has {first}, element {place} has {element.type}")
        return Apply(MakeList(len(elements)), elements, [TypedListType(first)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = list(inputs)


getitem = GetItem()
append = Append()
extend = Extend()
insert = Insert()
remove = Remove()
reverse = Reverse()
count = Count()
length = Length()
make_list = MakeList()
