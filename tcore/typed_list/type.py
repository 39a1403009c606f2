"""The Type of lists whose elements all have one Type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from attrs import field

from tcore.graph import Type, Variable
from tcore.graph.type import PureType, of_type
from tcore.records import frozen

__all__ = ["TypedListType"]


def _type_of_elements(given: Any) -> Any:
    if not isinstance(given, PureType):
        raise TypeError(f"TypedListType takes the Type of the elements, such as tensor.dvector, got {given!r}")
    return given


@frozen(repr=False, slots=False)
class TypedListType(Type):
    """Python lists of values of one Type; a list of lists has such a Type in turn.

    Attributes
    ----------
    ttype : Type
        That of the elements.
    """

    ttype: Any = field(converter=_type_of_elements)

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> list[Any]:
        """``value`` itself where it is a list of such values, else a new list of its elements, converted where they must be.

        Raises
        ------
        TypeError
            If it is no list or tuple (with ``strict``, no list), or an element cannot stand for a value of its Type.
        """
        if isinstance(value, Variable) or not isinstance(value, list if strict else (list, tuple)):
            raise TypeError(f"{self} takes lists of values, got {value!r:.80} of {type(value).__name__}")
        elements = [self._filtered(place, element, strict, allow_downcast) for place, element in enumerate(value)]
        return value if isinstance(value, list) and all(map(_same, elements, value)) else elements

    def _filtered(self, place: int, element: Any, strict: bool, allow_downcast: bool | None) -> Any:
        try:
            return self.ttype.filter(element, strict=strict, allow_downcast=allow_downcast)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"element {place} of a list for {self}: {error}") from error

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether both have equally many elements, each equal to its counterpart."""
        return len(a) == len(b) and all(map(of_type(self.ttype, "values_eq"), a, b))

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether both have equally many elements, each equal to its counterpart up to rounding."""
        return len(a) == len(b) and all(map(of_type(self.ttype, "values_eq_approx"), a, b))

    def constant_signature(self, data: Any) -> Any:
        """The Type, and the signatures of the elements."""
        signature = of_type(self.ttype, "constant_signature")
        return (self, *(signature(element) for element in data))

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether an element of one overlaps with one of the other, or both are the same list."""
        return a is b or any(_overlap(x, y) for x in _leaves(a) for y in _leaves(b))

    def get_shape_info(self, obj: Any) -> Any:
        """That of each element."""
        return [of_type(self.ttype, "get_shape_info")(element) for element in obj]

    def get_size(self, shape_info: Any) -> int:
        """Bytes of the elements."""
        return sum(of_type(self.ttype, "get_size")(info) for info in shape_info)

    def __str__(self) -> str:
        return f"TypedList <{self.ttype}>"

    __repr__ = __str__

    # ------------------------------------------------------------ in C: a PyListObject

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """``PyListObject* <name>``."""
        return f"PyListObject* {name};\n"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No list."""
        return f"{name} = NULL;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The list itself, with a reference of our own; no list where there is none yet."""
        check = f"""
    if (!PyList_Check(py_{name})) {{
        PyErr_Format(PyExc_TypeError, "expected a list, got %s", Py_TYPE(py_{name})->tp_name);
        {sub["fail"]}
    }}"""
        return f"""
    {name} = NULL;
    if (py_{name} != Py_None) {{{check if check_input else ""}
        {name} = (PyListObject*) py_{name};
        Py_INCREF(py_{name});
    }}
"""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """The list itself; None where there is none."""
        return f"""
    {{
        PyObject* tc_new = {name} ? (PyObject*) {name} : Py_None;
        Py_INCREF(tc_new);
        Py_XDECREF(py_{name});
        py_{name} = tc_new;
    }}
"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Give our reference back."""
        return f"Py_XDECREF((PyObject*) {name});\n{name} = NULL;\n"

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text."""
        return (1,)


def _same(a: Any, b: Any) -> bool:
    return a is b


def _leaves(value: Any) -> Iterator[Any]:
    """What is not a list, however deep."""
    waiting = [value]
    while waiting:
        last = waiting.pop()
        if isinstance(last, list):
            waiting += last
        else:
            yield last


def _overlap(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.may_share_memory(a, b)
    return a is b
