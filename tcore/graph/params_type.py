"""Several parameters of an op as one: an object with attributes in Python, a struct in C.

:class:`ParamsType` is the type, made of a type for each field; :class:`Params` is a value of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from tcore.graph.c_interface import ask, ask_compiler, text_pieces
from tcore.graph.params_struct import struct_of
from tcore.graph.type import PureType, Type, of_type

if TYPE_CHECKING:
    from tcore.graph.enum_type import Number

__all__ = ["Params", "ParamsType"]

_FIELD_NAME = r"(?!__)[A-Za-z_][A-Za-z0-9_]*"
_CPP_KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl concept
const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double
dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept
not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires return short signed
sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename
union unsigned using virtual void volatile wchar_t while xor xor_eq
"""


class Params:
    """Values of all fields of a :class:`ParamsType`, as attributes that cannot be set.

    Equal, with equal hashes, if the types are equal and each two values are interchangeable constants of their field's type.

    Parameters
    ----------
    params_type : ParamsType
    **values
        One for each field, converted to the field's type, with loss of precision where needed.

    Raises
    ------
    TypeError
        If a value is missing, belongs to no field, or cannot be converted.
    """

    if TYPE_CHECKING:  # the fields

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, params_type: ParamsType, /, **values: Any) -> None:
        if not isinstance(params_type, ParamsType):
            raise TypeError(f"the first argument of Params is a ParamsType, got {params_type!r}")
        missing = [name for name in params_type.fields if name not in values]
        unknown = [name for name in values if name not in params_type.fields]
        if missing:
            raise TypeError(f"no value is given for {_listed(missing)} of {params_type}")
        if unknown:
            raise TypeError(f"{params_type} has no field {_listed(unknown)}")
        converted = params_type.filter_fields(values, strict=False, allow_downcast=True)
        self.__dict__.update(converted, __params_type__=params_type)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Params are constants: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(f"Params are constants: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Params)
            and self.__params_type__ == other.__params_type__
            and _signature_of(self) == _signature_of(other)
        )

    def __hash__(self) -> int:
        return hash((self.__params_type__, _signature_of(self)))

    def __repr__(self) -> str:
        return f"Params({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__params_type__.fields)})"


def _signature_of(params: Params) -> tuple[Any, ...]:
    """Hashable stand-ins for the values, as the types of the fields give them."""
    return tuple(of_type(kind, "constant_signature")(getattr(params, name)) for name, kind in params.__params_type__.items())


class ParamsType(Type):
    """The type of an op's parameters: ``params_type = ParamsType(axis=Scalar("int32"), weights=dmatrix)``.

    ``perform`` gets an object with attributes ``params.axis``; in C, ``sub["params"]`` names a pointer to a struct with members
    ``params->axis``, whose C types are those of the field types. The op's code frees none of them.
    Constants of enumerations among the fields are attributes of the type: ``params_type.SOME_CONSTANT``.
    A type for parameters of ops, not for variables.

    Parameters
    ----------
    **fields : Type
        A type with a C side for each field, where C code is to see it.

    Raises
    ------
    ValueError
        If there are no fields.
    TypeError
        If a field is no Type, or two enumerations have a constant of the same name, or a field has the name of a constant.
    SyntaxError
        If a name cannot be that of a member in C++.
    """

    __props__ = ("fields", "types")

    #: names of the fields, sorted
    fields: tuple[str, ...]
    #: their types, in that order
    types: tuple[Type, ...]

    def __init__(self, /, **fields: Any) -> None:
        if not fields:
            raise ValueError("a ParamsType needs at least one field")
        for name, kind in fields.items():
            if not re.fullmatch(_FIELD_NAME, name) or name in _CPP_KEYWORDS.split():
                raise SyntaxError(f"ParamsType: {name!r} cannot be the name of a member of a C++ struct")
            if not _is_type(kind):
                raise TypeError(f"ParamsType: the field {name} must be a Type, got {kind!r}")
        names = tuple(sorted(fields))
        constants: dict[str, tuple[str, Number]] = {}
        for field in names:
            for constant, value in getattr(fields[field], "constants", ()):
                if constant in constants:
                    raise TypeError(f"ParamsType: the fields {constants[constant][0]} and {field} both have a constant {constant}")
                constants[constant] = (field, value)
        for field in names:
            if field in constants:
                raise TypeError(f"ParamsType: the field {field} has the name of a constant of {constants[field][0]}")
        self.__dict__.update(
            {constant: value for constant, (_, value) in constants.items()},
            fields=names,
            types=tuple(fields[name] for name in names),
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"a ParamsType is a constant: {name} cannot be set; extended() makes another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(f"a ParamsType is a constant: {name} cannot be deleted")

    def __str__(self) -> str:
        return f"ParamsType({', '.join(f'{name}={kind}' for name, kind in self.items())})"

    def __repr__(self) -> str:
        return str(self)

    # ------------------------------------------------------------ fields

    def items(self) -> Iterator[tuple[str, Type]]:
        """Pairs (name, type), sorted by name."""
        return zip(self.fields, self.types, strict=True)

    def has_type(self, type_: Any) -> bool:
        """Whether a field is of this type."""
        return type_ in self.types

    def get_type(self, field_name: str) -> Type:
        """The type of a field; KeyError where there is none of that name."""
        if field_name not in self.fields:
            raise KeyError(f"{self} has no field {field_name!r}")
        return self.types[self.fields.index(field_name)]

    def get_field(self, type_: Any) -> str:
        """The first field of this type, in the order of names; KeyError where there is none."""
        for name, kind in self.items():
            if kind == type_:
                return name
        raise KeyError(f"{self} has no field of type {type_}")

    def extended(self, /, **fields: Any) -> ParamsType:
        """This type with further fields, or with other types for those that it has."""
        return ParamsType(**{**dict(self.items()), **fields})

    # ------------------------------------------------------------ constants of enumerations

    @property
    def constants(self) -> tuple[tuple[str, Number], ...]:
        """(name, value) of the constants of all enumerations among the fields."""
        return tuple(pair for kind in self.types for pair in getattr(kind, "constants", ()))

    @property
    def aliases(self) -> tuple[tuple[str, str], ...]:
        """(alias, name) of those constants."""
        return tuple(pair for kind in self.types for pair in getattr(kind, "aliases", ()))

    def get_enum(self, key: str) -> Number:
        """The value of the constant ``key``; KeyError where there is none."""
        for name, value in self._some_constants():
            if name == key:
                return value
        raise KeyError(f"no enumeration in {self} has a constant {key!r}")

    def enum_from_alias(self, alias: str) -> Number:
        """The value of the constant with this alias, else of the constant with this name.

        Raises
        ------
        KeyError
            If there is neither, or several enumerations use the alias.
        """
        values = dict(self._some_constants())
        names = [name for known, name in self.aliases if known == alias] or [alias]
        if len(names) > 1:
            raise KeyError(f"{alias!r} is an alias of {_listed(names)} in {self}: ask the field's own type")
        if names[0] not in values:
            raise KeyError(f"{alias!r} is neither an alias nor a constant of an enumeration in {self}")
        return values[names[0]]

    def _some_constants(self) -> tuple[tuple[str, Number], ...]:
        constants = self.constants
        if not constants:
            raise KeyError(f"{self} has no enumeration among its fields")
        return constants

    # ------------------------------------------------------------ values

    def get_params(self, /, *objects: Any, **values: Any) -> Params:
        """Params with values from attributes of ``objects`` and from the keywords; the last one found for a field counts.

        Raises
        ------
        TypeError
            If a field has no value, or one that does not fit its type.
        """
        found: dict[str, Any] = {}
        for name in self.fields:
            for source in objects:
                if hasattr(source, name):
                    found[name] = getattr(source, name)
        missing = [name for name in self.fields if name not in found and name not in values]
        if missing and objects:
            owners = " and ".join(type(source).__name__ for source in objects)
            raise TypeError(f"{owners} has no attribute {_listed(missing)}, which {self} needs")
        return Params(self, **{**found, **values})

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Params:
        """``value`` if it is Params of this type; without ``strict``, Params made of the attributes of any object that has them."""
        if isinstance(value, Params) and value.__params_type__ == self:
            return value  # its fields were converted when it was made
        if strict:
            raise TypeError(f"{self} strictly takes its own Params, got {value!r}")
        missing = [name for name in self.fields if not hasattr(value, name)]
        if missing:
            raise TypeError(f"{value!r} has no attribute {_listed(missing)}, which {self} needs")
        return Params(self, **self.filter_fields({name: getattr(value, name) for name in self.fields}, strict, allow_downcast))

    def filter_fields(self, values: Mapping[str, Any], strict: bool, allow_downcast: bool | None) -> dict[str, Any]:
        """Each value as its field's type takes it; errors name the field."""
        filtered = {}
        for name, kind in self.items():
            try:
                filtered[name] = kind.filter(values[name], strict=strict, allow_downcast=allow_downcast)
            except Exception as error:
                error.add_note(f"for the field {name} of {self}")
                raise
        return filtered

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether all fields are equal, as their types see it."""
        return all(kind.values_eq(getattr(a, name), getattr(b, name)) for name, kind in self.items())

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether all fields are approximately equal, as their types see it."""
        return all(of_type(kind, "values_eq_approx")(getattr(a, name), getattr(b, name)) for name, kind in self.items())

    # ------------------------------------------------------------ in C

    def _c_struct(self) -> tuple[str, str]:
        """Name and definition of the struct."""
        undefined = [name for name, kind in self.items() if ask(kind, "c_declare", name, {"fail": ""}) is None]
        if undefined:
            self._undefined(f"c_declare: {_listed(undefined)} has no C side")
        return struct_of(dict(self.items()))

    def c_element_type(self) -> str:
        """The name of the struct."""
        return self._c_struct()[0]

    def c_support_code(self) -> list[str]:
        """What the field types need, and the struct."""
        pieces = [piece for kind in self.types for piece in text_pieces(ask(kind, "c_support_code"))]
        struct, definition = self._c_struct()
        guard = struct.upper()
        return [*pieces, f"#ifndef {guard}\n#define {guard}\n{definition}#endif\n"]

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The struct, and the pointer ``<name>`` to it."""
        struct, _ = self._c_struct()
        return f"{struct} tc_struct_{name};\n{struct}* {name};\n"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No values."""
        return f"tc_struct_{name}.tc_filled = 0;\n{name} = NULL;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """Fill the struct field by field."""
        return f"""
    tc_struct_{name}.tc_filled = 0;
    {name} = &tc_struct_{name};
    if ({name}->tc_fill(py_{name})) {{
        {sub["fail"]}
    }}
"""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Parameters are never results."""
        self._undefined("c_sync")

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Release what the fields hold."""
        return f"tc_struct_{name}.tc_empty();\n{name} = NULL;\n"

    def _of_fields(self, method: str, c_compiler: Any) -> list[str]:
        return list(dict.fromkeys(item for kind in self.types for item in ask_compiler(kind, method, c_compiler)))

    def c_headers(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_headers", c_compiler)

    def c_header_dirs(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_header_dirs", c_compiler)

    def c_libraries(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_libraries", c_compiler)

    def c_lib_dirs(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_lib_dirs", c_compiler)

    def c_compile_args(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_compile_args", c_compiler)

    def c_no_compile_args(self, c_compiler: Any = None) -> list[str]:
        """Those of the field types."""
        return self._of_fields("c_no_compile_args", c_compiler)

    def c_init_code(self) -> list[str]:
        """That of the field types."""
        return list(dict.fromkeys(piece for kind in self.types for piece in text_pieces(ask(kind, "c_init_code"))))

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text and of those of the field types; ``()`` where one of them has none."""
        versions = [ask(kind, "c_code_cache_version", default=()) for kind in self.types]
        return (1, tuple(versions)) if all(versions) else ()


def _is_type(kind: Any) -> bool:
    """Whether ``kind`` has what parameters need of a Type; it need not inherit from ours."""
    needed = ("filter", "values_eq")
    return isinstance(kind, PureType) or (not isinstance(kind, type) and all(callable(getattr(kind, name, None)) for name in needed))


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
