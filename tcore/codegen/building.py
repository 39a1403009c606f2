"""Conversions, choices and complex numbers as expressions, simplified as they are made.

Arithmetic is of real numbers. A complex value is one of storage: an element of a buffer, a parameter, a literal, or :func:`pair`
of its parts; :func:`real` and :func:`imag` take it apart, and find the parts that it was made of.
"""

from __future__ import annotations

import numpy as np

from tcore.codegen.expr import Cast, Const, Expr, Fn, Select, const
from tcore.codegen.half import HALF, WIDE

__all__ = ["cast", "imag", "is_complex", "pair", "part_dtype", "real", "select"]

_PARTS = {"complex64": "float32", "complex128": "float64"}
_WHOLE = {part: dtype for dtype, part in _PARTS.items()}


def cast(value: Expr, dtype: str) -> Expr:
    """``value`` as ``dtype``; nothing is added where it has that type, and literals are folded.

    Of a complex number, a real dtype gets the real part. Half precision is left for float32 and entered from float32 or float64 alone, as
    NumPy does it: other conversions are two.
    """
    if value.dtype == dtype:
        return value
    if is_complex(dtype):
        part = part_dtype(dtype)
        return pair(cast(real(value), part), cast(imag(value), part))
    if is_complex(value.dtype):
        if dtype != "bool":
            return cast(real(value), dtype)
        return Fn("or", tuple(Fn("ne", (part, const(0, part.dtype)), "bool") for part in (real(value), imag(value))), "bool")
    if isinstance(value, Const) and (dtype.startswith("float") or not value.dtype.startswith("float")):
        return const(np.array(value.value, value.dtype), dtype)
    if dtype == HALF:
        return _narrowed(value)
    if value.dtype == HALF:
        return cast(_widened(value), dtype)
    return Cast(value, dtype)


def _narrowed(value: Expr) -> Expr:
    """``value`` rounded to half precision; what has been rounded before is not rounded again."""
    if isinstance(value, Cast) and value.dtype == "float64" and value.operand.dtype == WIDE:
        value = value.operand
    if isinstance(value, Cast) and value.dtype == WIDE and value.operand.dtype == HALF:
        return value.operand
    if isinstance(value, Fn) and value.name == "half":
        value = value.args[0]
    return Cast(value if value.dtype == "float64" else cast(value, WIDE), HALF)


def _widened(value: Expr) -> Expr:
    """A value of half precision as float32; one that has just been rounded does not take the way through 16 bits."""
    if isinstance(value, Cast) and value.operand.dtype == WIDE:
        return Fn("half", (value.operand,), WIDE)
    return Cast(value, WIDE)


def select(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    """``then if condition else otherwise``; both must have one dtype."""
    assert then.dtype == otherwise.dtype, (then.dtype, otherwise.dtype)
    if then is otherwise:
        return then
    if isinstance(condition, Const):
        return then if condition.value else otherwise
    if is_complex(then.dtype):
        return pair(select(condition, real(then), real(otherwise)), select(condition, imag(then), imag(otherwise)))
    return Select(condition, then, otherwise)


def is_complex(dtype: str) -> bool:
    """Whether values of ``dtype`` are pairs of reals."""
    return dtype in _PARTS


def part_dtype(dtype: str) -> str:
    """dtype of the parts of a complex number; a real one is its own part."""
    return _PARTS.get(dtype, dtype)


def pair(re: Expr, im: Expr) -> Expr:
    """The complex number of two parts, floats of one dtype; the parts of a number, put together again, are that number."""
    dtype = _WHOLE[re.dtype]
    if isinstance(re, Const) and isinstance(im, Const):
        return Const((re.key, im.key), dtype)
    if isinstance(re, Fn) and isinstance(im, Fn) and (re.name, im.name) == ("real", "imag") and re.args == im.args:
        return re.args[0]
    return Fn("complex", (re, im), dtype)


def real(value: Expr) -> Expr:
    """The real part: the number itself where it is real."""
    return _part(value, 0)


def imag(value: Expr) -> Expr:
    """The imaginary part: the literal 0 where the number is real."""
    return _part(value, 1)


def _part(value: Expr, number: int) -> Expr:
    if not is_complex(value.dtype):
        return value if number == 0 else const(0, value.dtype)
    part = part_dtype(value.dtype)
    if isinstance(value, Const):
        return Const(value.key[number], part)
    if isinstance(value, Fn) and value.name == "complex":
        return value.args[number]
    return Fn(("real", "imag")[number], (value,), part)
