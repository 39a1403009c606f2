"""The C dialect, and translation units of tile bodies.

Which loads become which pointers is decided in :mod:`tcore_cpu.kernels.schedule`; expressions are spelled by the printer that
all languages share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from attrs import field

from tcore.codegen.expr import Const, Expr, Fn
from tcore.codegen.functions import FUNCTIONS
from tcore.codegen.printer import COMPLEX_TYPES, SHORT, WIDE_COMPLEX_TYPES, Dialect, Source
from tcore.records import define
from tcore_cpu.compiling.compiler import Unit, extra_libraries, vector_math
from tcore_cpu.kernels.mathematics import OWN

__all__ = ["CDialect", "UnitPrinter", "read_by"]

# clang complains of loops that it does not vectorize although they are marked: those with calls of the C library
_PRELUDE = """\
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#endif
#include <stdint.h>
typedef uint8_t tc_b8; typedef int8_t tc_i8; typedef uint8_t tc_u8; typedef int16_t tc_i16; typedef uint16_t tc_u16;
typedef int32_t tc_i32; typedef uint32_t tc_u32; typedef int64_t tc_i64; typedef uint64_t tc_u64;
typedef uint16_t tc_f16; typedef float tc_f32; typedef double tc_f64;
typedef struct { const tc_i64 *ints; tc_i64 *error; tc_i64 part, parts, run, lanes; } tc_params;
#define TC_INLINE static inline __attribute__((unused))
#define TC_I64(x) INT64_C(x)
#define TC_U64(x) UINT64_C(x)
#define TC_INFINITY __builtin_inf()
#define TC_NAN __builtin_nan("")
/* gcc makes fused operations of alternating sums and differences of products (VEC_FMADDSUB), -ffp-contract=off or not. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define TC_ROUNDED(x) __builtin_assoc_barrier(x)
#endif
#define TC_AT(T, p, offset) (*(T *)((char *)(p) + (offset)))
TC_INLINE tc_i64 tc_index(tc_i64 index, tc_i64 length, tc_i64 site, tc_i64 *error) {
    tc_i64 at = index < 0 ? index + length : index;
    if ((tc_u64)at < (tc_u64)length) return at;
    if (!error[0]) { error[1] = index; error[2] = length; error[0] = site; }
    return -1;
}
""" + COMPLEX_TYPES + WIDE_COMPLEX_TYPES
# Exact operations of the machine: the compiler has them built in, they need no library.
_BUILTIN = frozenset(["fabs", "sqrt", "floor", "ceil", "trunc", "rint", "round", "copysign", "fma", "fmod"])


class CDialect(Dialect):
    """C for gcc and clang (C++ where users' text is in it); notes the routines that it names."""

    name: ClassVar[str] = "c"
    preamble: ClassVar[str] = _PRELUDE
    user_code: ClassVar[str] = """\
#include <math.h>
typedef tc_i8 npy_int8; typedef tc_u8 npy_uint8; typedef tc_i16 npy_int16; typedef tc_u16 npy_uint16;
typedef tc_i32 npy_int32; typedef tc_u32 npy_uint32; typedef tc_i64 npy_int64; typedef tc_u64 npy_uint64;
typedef tc_f16 npy_float16; typedef float npy_float32; typedef double npy_float64; typedef tc_b8 npy_bool; typedef intptr_t npy_intp;
"""

    def __init__(self) -> None:
        #: spelled name -> (table name, dtype)
        self.calls: dict[str, tuple[str, str]] = {}

    def mathematics(self, name: str, dtype: str) -> str:
        """Built-ins for exact operations, the C library for the rest."""
        spelled = super().mathematics(name, dtype)
        if name in _BUILTIN:
            return f"__builtin_{spelled}"
        if (name, dtype) in OWN and not extra_libraries():
            spelled = f"tc_{name}_{SHORT[dtype]}"
        self.calls[spelled] = name, dtype
        return spelled


@define(eq=False)
class UnitPrinter:
    """Collects the bodies of one translation unit and what they share; equal bodies are kept once.

    ``vectorized`` names the routines that have vector forms.
    """

    vectorized: frozenset[str] = field(factory=vector_math)
    bodies: dict[str, int] = field(factory=dict)
    source: Source = field(factory=lambda: Source(CDialect()))

    def type(self, dtype: str) -> str:
        """The C name of an element type."""
        return f"tc_{SHORT[dtype]}"

    def has_vector_form(self, expr: Expr) -> bool:
        """Whether ``expr`` is a call whose vector form rounds in its own way."""
        if not isinstance(expr, Fn):
            return False
        template = FUNCTIONS[expr.name].spelling.get("f", "")
        return any(f"@{name}(" in template for name in self.vectorized | _OWN_NAMES)

    def statements(
        self, flat: Iterable[Expr], leaf: Callable[[Expr], str | None], names: dict[Expr, str]
    ) -> list[str]:
        """One declaration per expression, operands before users.

        ``leaf`` gives the text of expressions that are no operations (loads, axes) and None for the others; ``names``
        is filled up.
        """
        lines: list[str] = []
        for expr in flat:
            if expr in names:
                continue
            if isinstance(expr, Const):
                names[expr] = self.source.dialect.literal(expr.value, expr.dtype)
                continue
            text = leaf(expr)
            if text is None:
                text = self.source.value(expr, [names[arg] for arg in expr.args], _no_load)
            names[expr] = f"v{len(names)}"
            lines.append(f"const {self.type(expr.dtype)} {names[expr]} = {text};")
        return lines

    def body(self, setup: Sequence[str], lines: Sequence[str], *, simd: bool) -> int:
        """Add a body that runs ``lines`` for each ``i``; returns its number in the table."""
        return self.written_body(setup, self.loop(lines, simd=simd))

    def loop(self, lines: Sequence[str], *, simd: bool, single: bool = False) -> list[str]:
        """``lines`` for each ``i``, or for one only, if ``single``."""
        if single:
            return ["enum { i = 0 };", *lines]
        return ['_Pragma("omp simd")'] * simd + ["for (tc_i64 i = 0; i < n; i++) {", *(f"    {line}" for line in lines), "}"]

    def written_body(self, setup: Sequence[str], lines: Sequence[str]) -> int:
        """Add a body whose ``lines`` have the loops that they need; returns its number in the table."""
        text = _declarations(setup, lines) + "".join(f"    {line}\n" for line in lines)
        return self.bodies.setdefault(text, len(self.bodies))

    def units(self, most: int) -> list[Unit]:
        """The bodies in translation units of at most ``most`` (0: one unit), in order."""
        texts = list(self.bodies)
        size = most if most and not self.source.user else len(texts)
        return [self._unit(texts[k : k + size]) for k in range(0, len(texts), size)]

    def _unit(self, texts: Sequence[str]) -> Unit:
        source = Source(self.source.dialect, dict(self.source.helpers), self.source.user)
        dialect = source.dialect
        assert isinstance(dialect, CDialect)
        own = {s: OWN[call] for s, call in sorted(dialect.calls.items()) if s.startswith("tc_")}
        declared = ""
        if not source.user:  # C++ text includes math.h
            declared = "".join(self._declaration(s, *dialect.calls[s]) for s in sorted(dialect.calls.keys() - own.keys()))
            declared = _VECTOR_FORM * ("TC_VECTOR_FORM" in declared) + declared
        source.helpers = {"calls": declared, **own, **source.helpers}
        source.kernels += [
            f"static void tc_body{number}({_parameters(text)}) {{\n{text}}}"
            for number, text in enumerate(texts)
        ]
        table = ", ".join(f"(void *)tc_body{number}" for number in range(len(texts)))
        linkage = 'extern "C" ' if source.user else ""
        mark = '__attribute__((visibility("default")))'
        source.kernels.append(f"{linkage}{mark} void *tc_table[] = {{{table}}};")
        return Unit(source.text(), len(texts), cplusplus=bool(source.user))

    def _declaration(self, spelled: str, name: str, dtype: str) -> str:
        arity = FUNCTIONS[name].arity if name in FUNCTIONS else 1
        vector = " TC_VECTOR_FORM" if name in self.vectorized else ""
        type_ = self.type(dtype)
        return f"__attribute__((const)){vector} {type_} {spelled}({', '.join([type_] * arity)});\n"


_WORD = re.compile(r"\w+")
_POINTER = re.compile(r"\*const (\w+) = .*p\[")
_OWN_NAMES = frozenset(name for name, _ in OWN)

#: other compilers than gcc have no such attribute
_VECTOR_FORM = """#if defined(__clang__)
#define TC_VECTOR_FORM
#else
#define TC_VECTOR_FORM __attribute__((simd("notinbranch")))
#endif
"""


def read_by(line: str, declarations: Sequence[str]) -> list[str]:
    """Those of ``declarations``, in their order, whose values ``line`` needs."""
    kept: list[str] = []
    named = set(_WORD.findall(line))
    for declared in reversed(declarations):
        name, _, value = declared.partition(" = ")
        if name.split()[-1] in named:
            kept.append(declared)
            named.update(_WORD.findall(value))
    return kept[::-1]


def _declarations(setup: Sequence[str], lines: Sequence[str]) -> str:
    """The lines of ``setup`` without pointers that no line reads: what an axis leaves that only a dropped expression named."""
    named = set(_WORD.findall("\n".join(lines)))
    return "".join(f"    {line}\n" for line in setup if not (declared := _POINTER.search(line)) or declared[1] in named)


def _parameters(text: str) -> str:
    """The parameters of a body, those that its text does not use marked as such."""
    known = {"n": "tc_i64 n", "p": "void *const *p", "q": "const tc_params *q"}
    used = set(re.findall(r"\b[npq]\b", text))
    return ", ".join(declared if name in used else f"{declared} __attribute__((unused))" for name, declared in known.items())


def _no_load(expr: Expr, source: Source) -> str:
    raise TypeError(f"{expr!r} was not given a text")
