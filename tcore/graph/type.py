"""Types: what values a variable may take."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from tcore.graph.c_interface import CLinkerType
from tcore.graph.errors import MethodNotDefined
from tcore.graph.props import add_props_methods, default_text
from tcore.graph.trace import note_trace
from tcore.graph.variable import Constant, Variable

__all__ = ["Generic", "PureType", "SingletonType", "Type", "generic", "of_type"]


# inside PureType, Variable and Constant are its attributes
AnyVariable: TypeAlias = Variable
AnyConstant: TypeAlias = Constant


class PureType:
    """The part of a Type that has nothing to do with C: checks, conversions and comparisons of values."""

    #: classes of the variables and constants of this type
    Variable: ClassVar[type[AnyVariable]] = Variable
    Constant: ClassVar[type[AnyConstant]] = Constant

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """``value`` as a value of this type: itself if it already is one, a converted copy otherwise.

        Parameters
        ----------
        value : object
        strict : bool
            True refuses every conversion.
        allow_downcast : bool or None
            True allows conversions that lose precision; None allows them for Python floats only.

        Raises
        ------
        TypeError
            If ``value`` cannot stand for a value of this type.
        """
        raise MethodNotDefined(f"{type(self).__name__} defines no filter", type(self), "filter")

    def filter_inplace(self, value: Any, storage: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """As :meth:`filter`, reusing the memory of ``storage``; a type that can do so overrides it."""
        raise NotImplementedError

    def filter_variable(self, other: Any, allow_convert: bool = True) -> AnyVariable:
        """``other`` as a variable of this type: itself, a converted one, or a constant made of a plain value.

        Raises
        ------
        TypeError
            If the types differ and no conversion applies, or ``allow_convert`` is False.
        """
        if not isinstance(other, Variable):
            other = of_type(self, "Constant")(type=self, data=other)
        if other.type != self and allow_convert:
            converted = of_type(self, "convert_variable")(other)
            if converted is not None:
                return converted  # type: ignore[no-any-return]
        if other.type != self:
            raise TypeError(
                f"cannot use {other} of type {other.type} where {self} is needed: convert it yourself, for instance with "
                f"astype, dimshuffle or patternbroadcast"
            )
        return other  # type: ignore[no-any-return]

    def convert_variable(self, var: AnyVariable) -> AnyVariable | None:
        """``var`` patched to this type where that cannot lose anything, else None."""
        return var if of_type(self, "is_super")(var.type) else None

    def is_super(self, other: object) -> bool:
        """Whether every value of ``other`` is one of this type."""
        return self == other

    def is_valid_value(self, value: Any) -> bool:
        """Whether ``value`` is exactly as :meth:`filter` leaves values."""
        try:
            self.filter(value, strict=True)
        except Exception:  # whatever the type says no with
            return False
        return True

    def value_validity_msg(self, value: Any) -> str:
        """Why ``value`` is not valid, for error reports."""
        try:
            self.filter(value, strict=True)
        except Exception as error:
            return str(error)
        return "value is valid"

    def value_solidity_msg(self, value: Any) -> str:
        """:meth:`value_validity_msg`, by the name that the documentation's index has."""
        return self.value_validity_msg(value)

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether two values are the same."""
        return bool(a == b)

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether two values are the same up to rounding."""
        return self.values_eq(a, b)

    def constant_signature(self, data: Any) -> Any:
        """A hashable stand-in for ``data``: equal ones mean interchangeable constants."""
        try:
            hash(data)
        except TypeError:
            return (self, id(data))  # the constant keeps data alive, so the id stays its own
        return (self, type(data), data)

    def make_variable(self, name: str | None = None) -> AnyVariable:
        """A new variable of this type, without owner."""
        return self.Variable(self, name=name)  # type: ignore[arg-type]

    def make_constant(self, value: Any, name: str | None = None) -> AnyConstant:
        """A constant of this type."""
        return of_type(self, "Constant")(self, value, name=name)  # type: ignore[no-any-return]

    def __call__(self, name: str | None = None) -> AnyVariable:
        variable = self.make_variable(name)
        note_trace(variable)
        return variable

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether two values may overlap in memory."""
        return a is b

    def get_shape_info(self, obj: Any) -> Any:
        """What :meth:`get_size` needs to know of a value, for memory profiles."""
        raise NotImplementedError

    def get_size(self, shape_info: Any) -> int:
        """Bytes that a value with this shape takes."""
        raise NotImplementedError


def of_type(type_: Any, name: str) -> Any:
    """``type_.name``; what :class:`PureType` has in its place where ``type_`` does not inherit from it and lacks it.

    A Type may be any object with the documented methods. Those that the documentation does not demand are asked for here.
    """
    found = getattr(type_, name, None)
    if found is not None:
        return found
    default = inspect.getattr_static(PureType, name)
    return getattr(PureType, name) if isinstance(default, (staticmethod, type)) else partial(default, type_)


class Type(PureType, CLinkerType):
    """What values a variable may take: the base of all types.

    Types compare by content: attrs-frozen classes by their fields, others by ``__eq__`` and ``__hash__`` that
    they define, or by ``__props__``. A plain ``Type()`` with methods set on the instance works, too.
    """

    __props__: ClassVar[tuple[str, ...]]

    if TYPE_CHECKING:  # types have attributes of their own, such as dtype and ndim; nodes know them as Type only

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        add_props_methods(cls)

    @default_text
    def __str__(self) -> str:
        return getattr(self, "name", None) or type(self).__name__


class SingletonType(Type):
    """Base of types without attributes: all instances of one class are equal."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}()"

    def __str__(self) -> str:
        return type(self).__name__


class Generic(SingletonType):
    """Any Python object, passed on without a check: the type of values that nothing else is known about.

    C code sees it as ``PyObject*``.
    """

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """``value`` itself."""
        return value

    def is_valid_value(self, value: Any) -> bool:
        """True."""
        return True

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """``PyObject* <name>``."""
        return f"PyObject* {name};\n"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No object."""
        return f"{name} = NULL;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The object itself, with a reference of our own."""
        return f"{name} = py_{name};\nPy_XINCREF({name});\n"

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """The object itself; None where there is none."""
        return f"""
    {{
        PyObject* tc_new = {name} ? {name} : Py_None;
        Py_INCREF(tc_new);
        Py_XDECREF(py_{name});
        py_{name} = tc_new;
    }}
"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Give our reference back."""
        return f"Py_XDECREF({name});\n{name} = NULL;\n"

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text."""
        return (1,)


generic = Generic()
