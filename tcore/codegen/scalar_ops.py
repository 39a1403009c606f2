"""Scalar ops as expressions: by their ``loop_name``, or as a user's C text.

Most scalar ops are one row of :data:`~tcore.codegen.functions.FUNCTIONS` under the same name; those that
are a small formula stand in :data:`FORMULAS`.  An op that has neither but defines ``c_code`` becomes an
:class:`~tcore.codegen.opaque.Opaque` expression that carries its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tcore.codegen.building import cast, is_complex, select
from tcore.codegen.complex_formulas import COMPLEX_FORMULAS
from tcore.codegen.expr import Const, Expr, const
from tcore.codegen.functions import FUNCTIONS, apply_function, kind
from tcore.codegen.half import HALF
from tcore.codegen.lowering import STORED, NotLowered
from tcore.codegen.opaque import Opaque, OpaqueCode
from tcore.graph.errors import MethodNotDefined
from tcore.scalar.normal_quantile import quantile_formula
from tcore.scalar.type import get_scalar_type

__all__ = ["FORMULAS", "scalar_values"]

Args = tuple[Expr, ...]
Formula = Callable[[Any, Args, str], Expr]

_LARGEST_POWER = 64


def scalar_values(op: Any, args: Sequence[Expr], dtypes: Sequence[str], loop_name: str | None = None) -> tuple[Expr, ...]:
    """The outputs of a scalar op on values, one per entry of ``dtypes``; as the function ``loop_name`` where one is given.

    Raises
    ------
    NotLowered
        If the op has no form in the loop IR, or one of its dtypes has none.
    """
    if not {*dtypes, *(arg.dtype for arg in args)} <= STORED:
        raise NotLowered(f"{op} works on dtypes that kernels do not compute in")
    name = op.loop_name if loop_name is None else loop_name
    if name == "composite":
        return _composite(op, tuple(args))
    if name not in _OF_ANY and any(map(is_complex, (*dtypes, *(arg.dtype for arg in args)))):
        return (_of_complex(op, name, tuple(args), dtypes[0]),)
    if name in FORMULAS:
        return (FORMULAS[name](op, tuple(args), dtypes[0]),)
    if name in FUNCTIONS:
        return (_function(name, tuple(args), dtypes[0]),)
    return _opaque(op, tuple(args), tuple(dtypes))


def _function(name: str, args: Args, dtype: str) -> Expr:
    row = FUNCTIONS[name]
    if row.arity == 2 and len(args) != 2 and name in ("add", "mul", "and", "or", "xor", "maximum", "minimum"):
        return _fold(name, args, dtype)
    if row.rule == "same" and kind(dtype) not in row.spelling:
        raise NotLowered(f"{name} has no form for {dtype}")
    return apply_function(name, args, dtype)


def _of_complex(op: Any, name: str, args: Args, dtype: str) -> Expr:
    if name == "cast" and dtype != "bool" and not is_complex(dtype):
        raise NotLowered("NumPy warns of imaginary parts that are lost")
    if name == "cast":
        return cast(args[0], dtype)
    if name not in COMPLEX_FORMULAS:
        raise NotLowered(f"{name} has no form for complex numbers")
    if name in ("add", "mul"):
        return _fold(name, args, dtype)
    return apply_function(name, args, dtype)


def _fold(name: str, args: Args, dtype: str) -> Expr:
    total = cast(args[0], dtype)
    for arg in args[1:]:
        total = apply_function(name, (total, arg), dtype)
    return total


def _composite(op: Any, args: Args) -> tuple[Expr, ...]:
    slots: list[Expr] = [cast(arg, dtype) for arg, dtype in zip(args, op.input_dtypes, strict=True)]
    for constant in op.constants:
        dtype = constant.type.dtype
        if dtype not in STORED:
            raise NotLowered(f"{op} holds a {dtype} constant")
        slots.append(const(constant.data, dtype))
    for step in op.steps:
        slots.extend(scalar_values(step.op, [slots[k] for k in step.args], step.dtypes))
    return tuple(slots[k] for k in op.results)


# -- formulas


def _switch(op: Any, args: Args, dtype: str) -> Expr:
    condition, then, otherwise = args
    return select(truth(condition), cast(then, dtype), cast(otherwise, dtype))


def truth(value: Expr) -> Expr:
    """``value != 0``."""
    return cast(value, "bool") if value.dtype == "bool" or is_complex(value.dtype) else apply_function("ne", (value, const(0, value.dtype)), "bool")


def _clip(op: Any, args: Args, dtype: str) -> Expr:
    value, low, high = args
    return apply_function("minimum", (apply_function("maximum", (value, low), dtype), high), dtype)


def _in_range(op: Any, args: Args, dtype: str) -> Expr:
    value, low, high = args
    above = apply_function("gt" if op.openlow else "ge", (value, low), "bool")
    below = apply_function("lt" if op.openhi else "le", (value, high), "bool")
    return cast(apply_function("and", (above, below), "bool"), dtype)


def _power(op: Any, args: Args, dtype: str) -> Expr:
    base, exponent = cast(args[0], dtype), args[1]
    if dtype.startswith("float"):
        return apply_function("pow", (base, exponent), dtype)
    if not isinstance(exponent, Const) or not 0 <= exponent.value <= _LARGEST_POWER:
        raise NotLowered("integer powers are lowered for small constant exponents: others may have to raise")
    result, square, left = const(1, dtype), base, int(exponent.value)
    power: Expr | None = None
    while left:
        if left & 1:
            power = square if power is None else apply_function("mul", (power, square), dtype)
        left >>= 1
        if left:
            square = apply_function("mul", (square, square), dtype)
    return result if power is None else power


def _scale(factor: float) -> Formula:
    return lambda op, args, dtype: apply_function("mul", (args[0], const(factor, dtype)), dtype)


def _sigmoid(op: Any, args: Args, dtype: str) -> Expr:
    one = const(1, dtype)
    negative = apply_function("neg", (cast(args[0], dtype),), dtype)
    return apply_function("true_div", (one, apply_function("add", (one, apply_function("exp", (negative,), dtype)), dtype)), dtype)


def _softplus(op: Any, args: Args, dtype: str) -> Expr:
    value = cast(args[0], dtype)
    distance = apply_function("neg", (apply_function("abs", (value,), dtype),), dtype)
    tail = apply_function("log1p", (apply_function("exp", (distance,), dtype),), dtype)
    return apply_function("add", (apply_function("maximum", (value, const(0, dtype)), dtype), tail), dtype)


def _logaddexp(op: Any, args: Args, dtype: str) -> Expr:
    left, right = (cast(arg, dtype) for arg in args)
    larger = apply_function("maximum", (left, right), dtype)
    distance = apply_function("neg", (apply_function("abs", (apply_function("sub", (left, right), dtype),), dtype),), dtype)
    tail = apply_function("log1p", (apply_function("exp", (distance,), dtype),), dtype)
    # infinity from infinity has no distance
    same = apply_function("eq", (left, right), "bool")
    return apply_function("add", (larger, select(same, const(math.log(2), dtype), tail)), dtype)


def _rounding(name: str) -> Formula:
    def formula(op: Any, args: Args, dtype: str) -> Expr:
        value = cast(args[0], dtype)
        return apply_function(name, (value,), dtype) if dtype.startswith("float") else value

    return formula


def _quotient(op: Any, args: Args, dtype: str) -> Expr:
    if not dtype.startswith("float"):
        raise NotLowered("true division has a floating result")
    return apply_function("true_div", args, dtype)


def _invert(op: Any, args: Args, dtype: str) -> Expr:
    return apply_function("invert", args, dtype)


def _nextafter(op: Any, args: Args, dtype: str) -> Expr:
    if dtype == HALF:
        raise NotLowered("the neighbour of a number of half precision is none in float32, in which kernels compute")
    return apply_function("nextafter", args, dtype)


class _InLoops:
    """float64 arithmetic of the loop IR, for formulas that are written over any."""

    constant = staticmethod(lambda value: const(value, "float64"))
    add, sub, mul, div = (staticmethod(lambda a, b, name=name: apply_function(name, (a, b), "float64")) for name in ("add", "sub", "mul", "true_div"))
    sqrt, mantissa, exponent = (staticmethod(lambda a, name=name: apply_function(name, (a,), "float64")) for name in ("sqrt", "mantissa", "exponent"))
    less = staticmethod(lambda a, b: apply_function("lt", (a, b), "bool"))
    select = staticmethod(select)


def _normal_quantile(op: Any, args: Args, dtype: str) -> Expr:
    return cast(quantile_formula(cast(args[0], "float64"), _InLoops()), dtype)


FORMULAS: dict[str, Formula] = {
    "identity": lambda op, args, dtype: cast(args[0], dtype),
    "cast": lambda op, args, dtype: cast(args[0], dtype),
    # of real numbers
    "real": lambda op, args, dtype: cast(args[0], dtype),
    "conj": lambda op, args, dtype: cast(args[0], dtype),
    "imag": lambda op, args, dtype: const(0, dtype),
    "angle": lambda op, args, dtype: apply_function("atan2", (const(0, dtype), args[0]), dtype),
    "second": lambda op, args, dtype: cast(args[1], dtype),
    "switch": _switch,
    "clip": _clip,
    "in_range": _in_range,
    "pow": _power,
    "true_div": _quotient,
    "inv": lambda op, args, dtype: apply_function("true_div", (const(1, dtype), args[0]), dtype),
    "sqr": lambda op, args, dtype: apply_function("mul", (args[0], args[0]), dtype),
    "invert": _invert,
    "nextafter": _nextafter,
    "deg2rad": _scale(math.pi / 180),
    "rad2deg": _scale(180 / math.pi),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "logaddexp": _logaddexp,
    "normal_quantile": _normal_quantile,
    **{name: _rounding(name) for name in ("ceil", "floor", "trunc", "rint", "round")},
}
"""Scalar ops that are a formula: from the op, its operands and its output dtype."""


_OF_ANY = frozenset(["identity", "second", "switch"])
"""Formulas that only choose between values, complex ones as well."""

# -- users' C code


def _opaque(op: Any, args: Args, dtypes: tuple[str, ...]) -> tuple[Expr, ...]:
    if HALF in (*dtypes, *(arg.dtype for arg in args)) and not getattr(op, "_f16_ok", False):
        raise NotLowered(f"{op} does not say by _f16_ok that its C code takes the 16 bits of half precision")
    code = opaque_code(op, tuple(arg.dtype for arg in args), dtypes)
    return tuple(Opaque(code, args, k) for k in range(len(dtypes)))


def opaque_code(op: Any, input_dtypes: tuple[str, ...], dtypes: tuple[str, ...]) -> OpaqueCode:
    """The C text of a user's scalar op, where it can run inside a kernel.

    Text that uses headers, ``%(fail)s`` or init code cannot: it needs the host's Python.
    """
    inputs = [get_scalar_type(dtype)() for dtype in input_dtypes]
    node, name, sub = op.make_node(*inputs), "tc_user", {"fail": "tc_fail_is_not_available"}
    read, written = ([f"tc_{letter}{k}" for k in range(len(kinds))] for letter, kinds in (("x", input_dtypes), ("z", dtypes)))
    try:
        text = op.c_code(node, name, read, written, sub)
    except (MethodNotDefined, NotImplementedError) as error:
        raise NotLowered(f"{op} has no form in the loop IR and no c_code") from error
    for hook, args in {
        **dict.fromkeys(("c_headers", "c_libraries", "c_compile_args", "c_init_code"), ()),
        **dict.fromkeys(("c_init_code_apply", "c_support_code_struct", "c_cleanup_code_struct"), (node, name)),
        "c_init_code_struct": (node, name, sub),
        "c_code_cleanup": (node, name, read, written, sub),
    }.items():
        if _content(op, hook, *args):
            raise NotLowered(f"{op} has {hook}, which needs a step of its own on the host")
    if sub["fail"] in text:
        raise NotLowered(f"the C code of {op} can fail, which needs a step of its own on the host")
    support = "\n".join(_content(op, "c_support_code") + _content(op, "c_support_code_apply", node, name))
    return OpaqueCode(str(op), text, input_dtypes, dtypes, support)


def _content(op: Any, hook: str, *args: Any) -> list[str]:
    try:
        found = getattr(op, hook)(*args)
    except (MethodNotDefined, NotImplementedError):
        return []
    return [found] if isinstance(found, str) and found else list(found or [])
