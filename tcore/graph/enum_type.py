"""Enumerations: parameters of ops that are one of several named numbers, in Python and in C.

In Python the constants are attributes of the type; in C they are macros of the same names (:class:`EnumType`,
:class:`EnumList`), or what C headers say that they are (:class:`CEnumType`).
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from tcore.configuration import config
from tcore.graph.type import Type

__all__ = ["CEnumType", "EnumList", "EnumType"]

Number = int | float

_CONSTANT_NAME = r"[A-Z][A-Z0-9_]*"
_C_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"


class EnumType(Type):
    """Named numbers: ``EnumType(SMALL=1, LARGE=("big", 2.5))``. A type for parameters of ops, not for variables.

    Parameters
    ----------
    ctype : str
        The C type of a value; ``double`` by default.
    cname : str, optional
        What the enumeration is called in names of C functions; by default the C type, with ``_`` for blanks.
    **constants : number, or pair (alias, number)
        Names begin with a capital letter and go on with capital letters, digits and underscores. Booleans become 0 and 1.
        An alias is any text; Python code can use it in place of the name, C code cannot.

    Raises
    ------
    AttributeError
        If a name is not of that form.
    TypeError
        If a value is no number, an alias no text, or an alias is used twice or is the name of a constant.
    ValueError
        If there are no constants, or ``cname`` is no C identifier.
    """

    __props__ = ("constants", "aliases", "ctype", "cname")

    #: (name, value), by value
    constants: tuple[tuple[str, Number], ...]
    #: (alias, name), sorted
    aliases: tuple[tuple[str, str], ...]
    ctype: str
    cname: str

    def __init__(self, *, ctype: str = "double", cname: str | None = None, **constants: Any) -> None:
        pairs = [(name, *_alias_and_value(name, given)) for name, given in constants.items()]
        self._fill(pairs, ctype, cname)

    def _fill(self, constants: Iterable[tuple[str, str | None, Number]], ctype: str, cname: str | None) -> None:
        """Set all fields from (name, alias, value), once."""
        values: dict[str, Number] = {}
        aliases: dict[str, str] = {}
        for name, alias, value in constants:
            if not isinstance(name, str) or not re.fullmatch(_CONSTANT_NAME, name):
                raise AttributeError(
                    f"{type(self).__name__}: {name!r} cannot name a constant: a capital letter comes first, then capital "
                    "letters, digits and underscores"
                )
            if name in values:
                raise TypeError(f"{type(self).__name__}: the constant {name} is there twice")
            values[name] = value
            if alias is not None:
                if alias in aliases:
                    raise TypeError(f"{type(self).__name__}: {alias!r} is an alias of both {aliases[alias]} and {name}")
                aliases[alias] = name
        for alias, name in aliases.items():
            if alias in values:
                raise TypeError(f"{type(self).__name__}: {alias!r}, the alias of {name}, is the name of a constant")
        if not values:
            raise ValueError(f"{type(self).__name__} needs at least one constant")
        self.__dict__.update(
            values,  # attributes, so that tools which complete names see them
            constants=tuple(sorted(values.items(), key=lambda item: (item[1], item[0]))),
            aliases=tuple(sorted(aliases.items())),
            ctype=_checked_ctype(ctype),
            cname=_checked_cname(ctype, cname),
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} is a constant: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} is a constant: {name} cannot be deleted")

    # ------------------------------------------------------------ in Python

    def fromalias(self, alias: str) -> Number:
        """The value of the constant with this alias, else of the constant with this name.

        Raises
        ------
        KeyError
            If there is neither.
        """
        values = dict(self.constants)
        name = dict(self.aliases).get(alias, alias)
        if name not in values:
            raise KeyError(f"{alias!r} is neither an alias nor a constant of {self}")
        return values[name]

    def get_aliases(self) -> tuple[str, ...]:
        """All aliases, sorted."""
        return tuple(alias for alias, _ in self.aliases)

    def has_alias(self, alias: str) -> bool:
        """Whether a constant has this alias."""
        return any(known == alias for known, _ in self.aliases)

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Number:
        """``value`` as one of the numbers; without ``strict``, aliases and names are taken, too.

        Raises
        ------
        AssertionError
            If it is none of them.
        """
        if isinstance(value, str) and not strict:
            name = dict(self.aliases).get(value, value)
            for known, number in self.constants:
                if known == name:
                    return number
        elif isinstance(_plain(value), numbers.Real):
            for _, number in self.constants:
                if number == _plain(value):
                    return value if strict else number  # strict hands back the very object
        raise AssertionError(f"{value!r} is none of the values of {self}")

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Equality: neighbours are other choices."""
        return self.values_eq(a, b)

    def __str__(self) -> str:
        alias_of = {name: alias for alias, name in self.aliases}
        texts = [f"{name}({alias_of[name]!r}): {value}" if name in alias_of else f"{name}: {value}" for name, value in self.constants]
        return f"{type(self).__name__}<{self.ctype}>({', '.join(texts)})"

    def __repr__(self) -> str:
        return str(self)

    # ------------------------------------------------------------ in C

    def c_definitions(self) -> str:
        """The constants as C sees them: a macro each."""
        return "".join(f"#define {name} {_c_number(value)}\n" for name, value in self.constants)

    def c_to_string(self) -> str:
        """A C function that writes the name of a value into a buffer, which must hold the longest name.

        ``int tcore_enum_to_string_<cname>(<ctype> value, char* output_string)`` returns 0; for an unknown value it sets
        ``ValueError`` and returns something else. Generated code has it where ``config.cmodule.debug`` is set.
        """
        tests = "".join(f'    if (value == {name}) {{ strcpy(output_string, "{name}"); return 0; }}\n' for name, _ in self.constants)
        return (
            f"int tcore_enum_to_string_{self.cname}({self.ctype} value, char* output_string) {{\n{tests}"
            f'    PyErr_SetString(PyExc_ValueError, "{self.cname}: the value is none of the enumeration");\n    return 1;\n}}\n'
        )

    def c_support_code(self) -> str:
        """The constants, and for debugging the function that names values."""
        return self.c_definitions() + (self.c_to_string() if config.cmodule.debug else "")

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """``<ctype> <name>``."""
        return f"{self.ctype} {name};\n"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """Zero."""
        return f"{name} = ({self.ctype}) 0;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The number: a C double or a C integer of 64 bits on its way, whichever is exact."""
        return f"""
    {{
        if (PyFloat_Check(py_{name})) {{
            {name} = ({self.ctype}) PyFloat_AsDouble(py_{name});
        }} else {{
            int tc_large = 0;
            long long tc_value = PyLong_AsLongLongAndOverflow(py_{name}, &tc_large);
            if (tc_large > 0) {name} = ({self.ctype}) PyLong_AsUnsignedLongLong(py_{name});
            else {name} = ({self.ctype}) tc_value;
        }}
        if (PyErr_Occurred()) {{
            {sub["fail"]}
        }}
    }}
"""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Enumerations are parameters, never results."""
        self._undefined("c_sync")

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Nothing."""
        return ""

    def c_is_simple(self) -> bool:
        """True: a number."""
        return True

    def c_element_type(self) -> str:
        """``ctype``."""
        return self.ctype

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of the text, with what it is made of."""
        return (1, self.ctype, self.cname, self.constants)


class EnumList(EnumType):
    """Names that are numbered 0, 1, 2, … in the order in which they are given.

    ``EnumList("ZERO", ("ONE", "unit"))``: a pair is (name, alias), unlike the pair (alias, value) of :class:`EnumType`.

    Parameters
    ----------
    *constants : str or pair (name, alias)
    ctype : str
        ``int`` by default.
    cname : str, optional
        As for :class:`EnumType`, whose errors it raises.
    """

    def __init__(self, *constants: Any, ctype: str = "int", cname: str | None = None) -> None:
        pairs = [_name_and_alias(type(self).__name__, given) for given in constants]
        self._fill([(name, alias, position) for position, (name, alias) in enumerate(pairs)], ctype, cname)


class CEnumType(EnumList):
    """Names of constants that C code or a C header defines; the op that uses them includes it (``c_headers``).

    Values in Python are arbitrary numbers to choose by: C code gets what C says that the constant is.
    """

    def c_definitions(self) -> str:
        """Nothing: C knows the constants."""
        return ""

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The C constant that the number in Python stands for."""
        cases = "".join(f"            case {value}: {name} = ({self.ctype}) {constant}; break;\n" for constant, value in self.constants)
        return f"""
    {{
        long tc_choice = PyLong_AsLong(py_{name});
        int tc_found = !PyErr_Occurred();
        if (tc_found) switch (tc_choice) {{
{cases}            default: tc_found = 0; PyErr_SetString(PyExc_ValueError, "{self.cname}: no such choice");
        }}
        if (!tc_found) {{
            {sub["fail"]}
        }}
    }}
"""


def _alias_and_value(name: str, given: Any) -> tuple[str | None, Number]:
    """What a keyword of :class:`EnumType` says."""
    if not isinstance(given, (tuple, list)):
        return None, _number(name, given)
    if len(given) != 2:
        raise TypeError(f"EnumType: {name} is a number or a pair (alias, number), got {given!r}")
    alias, value = given
    if not isinstance(alias, str):
        raise TypeError(f"EnumType: {name}=(alias, number): the alias must be a string, got {given!r}")
    return alias, _number(name, value)


def _name_and_alias(owner: str, given: Any) -> tuple[Any, str | None]:
    """What an argument of :class:`EnumList` says."""
    if not isinstance(given, (tuple, list)):
        return given, None
    if len(given) != 2 or not isinstance(given[1], str):
        raise TypeError(f"{owner}: a constant is a name or a pair (name, alias) of strings, got {given!r}")
    return given[0], given[1]


def _plain(value: Any) -> Any:
    """A NumPy scalar or 0-d array as Python's own number; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _number(name: str, value: Any) -> Number:
    """A value as Python's own number: booleans are ints."""
    plain = _plain(value)
    if isinstance(plain, numbers.Integral):
        return int(plain)
    if isinstance(plain, numbers.Real) and not math.isnan(plain):
        return float(plain)
    raise TypeError(f"EnumType: the value of {name} must be an int, a float or a bool, and equal to itself, got {value!r}")


def _checked_ctype(ctype: Any) -> str:
    if not isinstance(ctype, str) or not ctype.strip():
        raise TypeError(f"ctype is the text of a C type, such as 'int', got {ctype!r}")
    return ctype


def _checked_cname(ctype: str, cname: Any) -> str:
    name = re.sub(r"\s+", "_", ctype.strip()) if cname is None else cname
    if not isinstance(name, str) or not re.fullmatch(_C_IDENTIFIER, name):
        raise ValueError(f"{name!r} is no C identifier: give the enumeration one with cname")
    return name


def _c_number(value: Number) -> str:
    """A C literal of the same value."""
    if isinstance(value, float):
        if math.isinf(value):
            return "HUGE_VAL" if value > 0 else "(-HUGE_VAL)"
        text = repr(value)
    elif value == -(2**63):
        return "(-9223372036854775807LL - 1)"
    else:
        text = f"{value}{'ULL' if value >= 2**63 else 'LL' if abs(value) >= 2**31 else ''}"
    return f"({text})" if value < 0 else text
