"""Built-in scalar ops as documented ``c_code``: their expressions, printed for code that uses NumPy's type names.

The text is C++, CUDA C++ and OpenCL C alike, as users' own text is: mathematics has one name for all precisions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from tcore.codegen.building import imag, is_complex, pair, part_dtype, real
from tcore.codegen.expr import Expr, Load, Param
from tcore.codegen.functions import FUNCTIONS, kind
from tcore.codegen.half import HALF
from tcore.codegen.helpers import HELPERS
from tcore.codegen.lowering import NotLowered
from tcore.codegen.printer import SHORT, Dialect, Source
from tcore.codegen.scalar_ops import scalar_values

__all__ = ["helpers", "statements"]


class NumPyDialect(Dialect):
    """C++ between ``npy_*`` types."""

    suffixed: ClassVar[bool] = False

    def type(self, dtype: str) -> str:
        """``npy_float64`` and so on."""
        return f"npy_{dtype}"

    def unsigned(self, dtype: str) -> str:
        """``npy_uint64`` or ``npy_uint32``."""
        return "npy_uint64" if dtype in ("int64", "uint64") else "npy_uint32"


_DIALECT = NumPyDialect()
#: words of kernels, as users' code has them
_WORDS = {"TC_ROUNDED(": "(", "TC_INFINITY": "INFINITY", "TC_NAN": "NAN", "TC_I64(": "(npy_int64)(", "TC_U64(": "(npy_uint64)("}
_TYPE = re.compile(rf"\btc_({'|'.join(SHORT.values())})\b")
_LONG = {short: f"npy_{dtype}" for dtype, short in SHORT.items()}
_HELPER = re.compile(rf"\btc_((?:{'|'.join({name for name, _ in HELPERS})})_)")
_USED = re.compile(r"\$(\w+)\(")
_CASTS = frozenset(["to_i32", "to_i64", "to_u64"])
_INLINE = """\
#ifndef TC_INLINE
#define TC_INLINE static inline __attribute__((unused))
#endif
"""


def statements(
    op: Any, loop_name: str, input_dtypes: Sequence[str], dtypes: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]
) -> str:
    """The C text that computes ``outputs`` from ``inputs``, names of numbers, as the function ``loop_name`` does.

    Raises
    ------
    NotLowered
        If the function has no form in the loop IR at these dtypes.
    """
    if HALF in (*input_dtypes, *dtypes):
        raise NotLowered("C code of one number does not take half precision, which is no type of C")
    source = Source(_DIALECT)
    operands: list[Expr] = []
    names: dict[Expr, str] = {}
    for name, dtype in zip(inputs, input_dtypes, strict=True):
        parts = [Param(f"tc_operand{len(names) + k}", part_dtype(dtype)) for k in range(1 + is_complex(dtype))]
        names |= zip(parts, _parts(name, dtype), strict=True)
        operands.append(pair(*parts) if is_complex(dtype) else parts[0])
    values: list[Expr] = []
    for value in scalar_values(op, operands, dtypes, loop_name):
        values += (real(value), imag(value)) if is_complex(value.dtype) else (value,)
    written = [part for name, dtype in zip(outputs, dtypes, strict=True) for part in _parts(name, dtype)]
    read = set(names.values())
    lines = source.statements(values, names, _no_load, prefix="tc_v")
    results = [source.name_of(value, names) for value in values]
    if len(lines) == len(written) == 1 and results[0] not in read:  # one operation goes straight into its variable
        return _spelled(f"{written[0]} = {lines[0].partition(' = ')[2]}")
    # an output may be one of the inputs, so that nothing is written before all is read
    moved = [k for k, result in enumerate(results) if len(written) > 1 and result in read and result != written[k]]
    for k in moved:
        lines.append(f"const {_DIALECT.type(values[k].dtype)} tc_w{k} = {results[k]};")
        results[k] = f"tc_w{k}"
    lines += [f"{name} = {result};" for name, result in zip(written, results, strict=True)]
    text = _spelled("\n".join(lines))
    return text if len(lines) == 1 else f"{{\n{text}\n}}"


def _parts(name: str, dtype: str) -> tuple[str, ...]:
    """The real numbers that a variable consists of; NumPy's complex types are no numbers in C++, but lie in memory as two of them."""
    if not is_complex(dtype):
        return (name,)
    number = f"((npy_{part_dtype(dtype)}*) &{name})"
    return f"{number}[0]", f"{number}[1]"


def helpers(op: Any, loop_name: str) -> list[str]:
    """Functions that :func:`statements` of this op may call, whatever the dtypes; they stand outside of all functions."""
    row = FUNCTIONS.get(loop_name)
    names = {name for template in (row.spelling.values() if row else ()) for name in _USED.findall(template)}
    if "output_types_preference" in op.__dict__:  # its results may be integers where the operands are none
        names |= _CASTS
    source = Source(_DIALECT)
    for name in sorted(names):
        for dtype in SHORT:
            if (name, dtype) in HELPERS or (name, kind(dtype)) in HELPERS:
                source.helper(name, dtype)
    texts = [_spelled(text) for text in source.helpers.values()]
    return [_INLINE, *texts] if texts else []


def _spelled(text: str) -> str:
    """Text of kernels in the words of users' code; functions get names that kernels do not use."""
    for word, spelled in _WORDS.items():
        text = text.replace(word, spelled)
    text = _TYPE.sub(lambda match: _LONG[match[1]], text)
    return _HELPER.sub(r"tc_c_\1", text)


def _no_load(expr: Load, source: Source) -> NoReturn:
    raise NotLowered(f"{expr!r} is no number")
