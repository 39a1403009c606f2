"""Elementwise functions that overwrite their first argument: ``add_inplace(x, y)`` is ``x += y``.

For tests and for writers of optimizations: the graph that a user writes is free of them, and the optimizer puts them in
where nothing else needs the old value.
"""

from __future__ import annotations

from tcore.scalar import transfer_type
from tcore.tensor import math, special
from tcore.tensor.elemwise import Elemwise

_NAMES = [
    "abs_",
    "add",
    "and_",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "ceil",
    "chi2sf",
    "clip",
    "conj",
    "cos",
    "cosh",
    "deg2rad",
    "eq",
    "erf",
    "erfc",
    "erfcx",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "gamma",
    "gammaln",
    "ge",
    "gt",
    "int_div",
    "inv",
    "invert",
    "isinf",
    "isnan",
    "j0",
    "j1",
    "le",
    "log",
    "log10",
    "log1p",
    "log2",
    "lt",
    "maximum",
    "minimum",
    "mod",
    "mul",
    "neg",
    "neq",
    "or_",
    "pow",
    "psi",
    "rad2deg",
    "real",
    "round_half_away_from_zero",
    "round_half_to_even",
    "second",
    "sgn",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "sqr",
    "sqrt",
    "sub",
    "tan",
    "tanh",
    "true_div",
    "trunc",
    "xor",
]


def _in_place(name: str) -> Elemwise:
    plain = getattr(special, name, None) or getattr(math, name, None)
    if not isinstance(plain, Elemwise):
        plain = getattr(math, f"_{name}")
    kind = type(plain.scalar_op)
    return Elemwise(kind(transfer_type(0), name=plain.scalar_op.name), {0: 0}, name=f"Elemwise{{{name},inplace}}")


_made: dict[str, Elemwise] = {f"{name}_inplace": _in_place(name) for name in _NAMES}
_made["fill_inplace"] = _made["second_inplace"]
globals().update(_made)

__all__ = [*_made]  # noqa: PLE0604 - names made above
