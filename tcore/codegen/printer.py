"""The C family: expressions and helpers as text, what all dialects share.

A dialect (C, CUDA C++, OpenCL C) states only what differs: its types' definitions, how functions are
marked, how mathematics is spelled.  Generated names start with ``tc_``; types are ``tc_f64, tc_i32, …``
everywhere, so one body reads the same in every dialect.

Values are printed from the flat body of :func:`tcore.codegen.kernel.body`: one ``const`` per value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import numpy as np
from attrs import field

from tcore.codegen.building import is_complex, part_dtype
from tcore.codegen.expr import Axis, Buffer, Cast, Const, Expr, Extent, Fn, Load, Param, Select
from tcore.codegen.functions import FUNCTIONS, kind
from tcore.codegen.half import HALF
from tcore.codegen.helpers import HELPERS, cast_helper
from tcore.codegen.kernel import body
from tcore.codegen.lowering import NotLowered
from tcore.codegen.opaque import Opaque, OpaqueCode
from tcore.records import define

__all__ = ["COMPLEX_TYPES", "SHORT", "WIDE_COMPLEX_TYPES", "Dialect", "Source", "address", "is_data"]

SHORT: dict[str, str] = {
    "bool": "b8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "complex64": "c64",
    "complex128": "c128",
}
"""Suffix of the type of each dtype: ``tc_f64`` is a float64."""

COMPLEX_TYPES = """\
#ifndef TC_ROUNDED
#define TC_ROUNDED(x) (x)
#endif
typedef struct { tc_f32 re, im; } tc_c64;
TC_INLINE tc_c64 tc_c64_of(tc_f32 re, tc_f32 im) { tc_c64 z; z.re = re; z.im = im; return z; }
"""
"""Complex numbers of single precision, for the preambles of dialects."""
WIDE_COMPLEX_TYPES = COMPLEX_TYPES.replace("c64", "c128").replace("f32", "f64").partition("#endif\n")[2]
"""The same of double precision."""

_MATH = re.compile(r"@(\w+)\(")
_HELPER = re.compile(r"\$(\w+)\(")

LoadText = Callable[[Load, "Source"], str]


class Dialect:
    """One language of the family; subclasses override the attributes."""

    name: ClassVar[str] = "c"
    preamble: ClassVar[str] = ""
    """Types, ``TC_INLINE``, ``TC_INFINITY``, ``TC_NAN``."""
    suffixed: ClassVar[bool] = True
    """Whether mathematics on float32 has names of its own (``expf``)."""
    helpers: ClassVar[dict[tuple[str, str], str]] = {}
    """Texts in place of those of the table's helpers, for what the language has itself."""
    missing: ClassVar[frozenset[str]] = frozenset()
    """Functions of the table that this language does not have."""
    user_code: ClassVar[str] = ""
    """Names that users' C text may use (``npy_float64``, …), printed before it."""
    function: ClassVar[str] = "TC_INLINE"
    """How a function of the source is marked."""

    def type(self, dtype: str) -> str:
        """Name of the type of ``dtype``."""
        return f"tc_{SHORT[dtype]}"

    def unsigned(self, dtype: str) -> str:
        """The unsigned type, at least 32 bits wide, in which ``dtype`` wraps."""
        return "tc_u64" if dtype in ("int64", "uint64") else "tc_u32"

    def literal(self, value: object, dtype: str) -> str:
        """A literal of ``dtype``."""
        if dtype == "bool":
            return "1" if value else "0"
        if is_complex(dtype):
            number = complex(value)  # type: ignore[call-overload]
            parts = (self.literal(part, part_dtype(dtype)) for part in (number.real, number.imag))
            return f"{self.type(dtype)}_of({', '.join(parts)})"
        if dtype == HALF:
            return f"0x{np.float16(value).view('uint16'):04x}"  # type: ignore[arg-type]
        if dtype.startswith("float"):
            number = float(value)  # type: ignore[arg-type]
            if math.isnan(number):
                return f"({self.type(dtype)})TC_NAN"
            if number in (float("inf"), float("-inf")):
                return f"({self.type(dtype)}){'-' if number < 0 else ''}TC_INFINITY"
            text = repr(number)
            text += "f" if dtype == "float32" else ""
            return f"({text})" if number < 0 or text.startswith("-") else text
        number = int(value)  # type: ignore[call-overload]
        if dtype == "int64" and number == -(2**63):
            return "(-TC_I64(9223372036854775807) - 1)"
        if dtype == "uint64":
            return f"TC_U64({number})"
        if abs(number) >= 2**31 - 1:
            return f"TC_I64({number})" if number >= 0 else f"(-TC_I64({-number}))"
        return str(number) if number >= 0 else f"({number})"

    def zero(self, dtype: str) -> str:
        """What a load of no element gives."""
        return self.literal(0, dtype) if is_complex(dtype) else "0"

    def mathematics(self, name: str, dtype: str) -> str:
        """Name of a routine of the mathematics library."""
        return name + "f" if self.suffixed and dtype == "float32" else name


@define
class Source:
    """A source text in the making: collects the helpers and users' functions that its kernels need."""

    dialect: Dialect
    helpers: dict[str, str] = field(factory=dict)
    user: dict[OpaqueCode, str] = field(factory=dict)
    kernels: list[str] = field(factory=list)

    def text(self) -> str:
        """The whole source."""
        parts = [self.dialect.preamble.strip()]
        if self.user:
            parts.append(self.dialect.user_code.strip())
            parts += list(dict.fromkeys(code.support.strip() for code in self.user if code.support))
        parts += [text.rstrip() for text in self.helpers.values()]
        return "\n\n".join(part for part in (*parts, *self.kernels) if part) + "\n"

    # -- expressions

    def index(self, expr: Expr, names: Mapping[Expr, str]) -> str:
        """Index arithmetic as one C expression; ``names`` has axes, lengths and computed values."""
        if expr in names:
            return names[expr]
        if isinstance(expr, Const):
            return self.dialect.literal(expr.value, expr.dtype)
        if isinstance(expr, Fn) and expr.name in ("add", "sub", "mul") and expr.dtype == "int64":
            sign = {"add": "+", "sub": "-", "mul": "*"}[expr.name]
            left, right = (self.index(arg, names) for arg in expr.args)
            return f"({left} {sign} {right})"
        if isinstance(expr, Fn):
            return f"({self._spelled(expr, [self.index(arg, names) for arg in expr.args])})"
        raise NotLowered(f"{expr!r} is no index or length that is known before the kernel runs")

    def value(self, expr: Expr, args: list[str], load: LoadText) -> str:
        """One operation on operands that have names."""
        dialect = self.dialect
        if isinstance(expr, Load):
            return load(expr, self)
        if isinstance(expr, Cast):
            return self.cast(args[0], expr.operand.dtype, expr.dtype)
        if isinstance(expr, Select):
            return f"{args[0]} ? {args[1]} : {args[2]}"
        if isinstance(expr, Opaque):
            return f"{self.user_function(expr.code, expr.output)}({', '.join(args)})"
        if isinstance(expr, Fn):
            return self._spelled(expr, args)
        if isinstance(expr, Const):
            return dialect.literal(expr.value, expr.dtype)
        raise TypeError(f"cannot print {expr!r}")

    def _spelled(self, expr: Fn, args: list[str]) -> str:
        row = FUNCTIONS[expr.name]
        operand = expr.args[0].dtype
        assert operand != HALF, f"{expr.name} of half precision: apply_function makes the operations of float32 that it consists of"
        template = row.spelling.get(kind(operand))
        if template is None or expr.name in self.dialect.missing:
            raise NotLowered(f"{expr.name} of {operand} has no spelling in {self.dialect.name}")
        if "tc_bounded" in template:
            self.helpers.setdefault("bounded", _BOUNDED)
        text = template.format(*args, T=self.dialect.type(expr.dtype), U=self.dialect.unsigned(expr.dtype))
        text = _HELPER.sub(lambda m: self.helper(m[1], operand) + "(", text)
        return _MATH.sub(lambda m: self.dialect.mathematics(m[1], operand) + "(", text)

    def cast(self, text: str, source: str, target: str) -> str:
        """A value of one dtype as another."""
        if target == "bool":
            return f"{text} != 0"
        helper = cast_helper(source, target)
        if helper is None:
            return f"({self.dialect.type(target)}){text}"
        call = f"{self.helper(helper, source)}({text})"
        return call if helper.endswith(SHORT[target]) else f"({self.dialect.type(target)}){call}"

    def helper(self, name: str, dtype: str) -> str:
        """The C name of a helper at a dtype; its text goes into the source."""
        short = SHORT[dtype]
        key = f"{name}_{short}"
        if key not in self.helpers:
            own = self.dialect.helpers.get((name, dtype))
            text = own or (HELPERS.get((name, dtype)) or HELPERS[name, kind(dtype)]).text
            fill = {
                "T": self.dialect.type(dtype),
                "N": short,
                "U": self.dialect.unsigned(dtype),
                "W": short.lstrip("iuf"),
            }
            text = re.sub(r"\b[TUW]\b|(?<=_)N\b", lambda m: fill[m[0]], text)
            self.helpers[key] = _MATH.sub(lambda m: self.dialect.mathematics(m[1], dtype) + "(", text)
        return f"tc_{key}"

    def user_function(self, code: OpaqueCode, output: int) -> str:
        """The C name of a user's text as a function; one function per output."""
        name = self.user.get(code)
        if name is None:
            name = self.user[code] = f"tc_user{len(self.user)}"
            dialect = self.dialect
            parameters = ", ".join(f"{dialect.type(t)} tc_x{k}" for k, t in enumerate(code.input_dtypes))
            results = "".join(f"    {dialect.type(t)} tc_z{k};\n" for k, t in enumerate(code.output_dtypes))
            for k, dtype in enumerate(code.output_dtypes):
                self.helpers[f"{name}_{k}"] = (
                    f"/* {code.name} */\n{dialect.function} {dialect.type(dtype)} {name}_{k}({parameters}) {{\n"
                    f"{results}    {{ {code.text.strip()} }}\n    return tc_z{k};\n}}\n"
                )
        return f"{name}_{output}"

    # -- bodies

    def statements(
        self,
        roots: Iterable[Expr],
        names: dict[Expr, str],
        load: LoadText,
        prefix: str = "v",
    ) -> list[str]:
        """Declarations for everything below ``roots`` that has no name yet; ``names`` is extended."""
        lines: list[str] = []
        count = sum(text.startswith(prefix) for text in names.values())
        for expr in body(roots):
            if expr in names:
                continue
            args = [names[a] if a in names else self.index(a, names) for a in _operands(expr)]
            text = self.value(expr, args, load)
            name = f"{prefix}{count}"
            count += 1
            lines.append(f"const {self.dialect.type(expr.dtype)} {name} = {text};")
            names[expr] = name
        return lines

    def name_of(self, expr: Expr, names: Mapping[Expr, str]) -> str:
        """The text of a root: its name, a literal or index arithmetic."""
        return names[expr] if expr in names else self.index(expr, names)


def _operands(expr: Expr) -> tuple[Expr, ...]:
    """Operands that must be printed as values; a Load prints its own index."""
    return () if isinstance(expr, Load) else expr.args


def address(
    source: Source,
    buffer: Buffer,
    index: Iterable[Expr],
    names: Mapping[Expr, str],
    strides: Callable[[Buffer, int], str],
    base: str = "",
) -> str:
    """The linear position of an element: base plus index times stride, for axes that are not broadcast."""
    parts = [base] if base else []
    for k, item in enumerate(index):
        if isinstance(item, Const) and item.value == 0:
            continue
        parts.append(f"{source.index(item, names)} * {strides(buffer, k)}")
    return " + ".join(parts) if parts else "0"


def is_data(expr: Expr) -> bool:
    """Whether an index entry comes from elements (a gather) rather than from axes."""
    stack = [expr]
    while stack:
        top = stack.pop()
        if isinstance(top, (Load, Opaque)) or (isinstance(top, Fn) and top.name == "bounded"):
            return True
        if not isinstance(top, (Axis, Const, Extent, Param)):
            stack.extend(top.args)
    return False


_BOUNDED = """\
/* An index into an axis of n elements; outside of it the error record is filled and -1 returned. */
TC_INLINE tc_i64 tc_bounded(tc_i64 i, tc_i64 n, TC_ERROR tc_error) {
    if (i < -n || i >= n) {
        tc_error[1] = i;
        tc_error[2] = n;
        tc_error[0] = 1;
        return -1;
    }
    return i < 0 ? i + n : i;
}
"""
