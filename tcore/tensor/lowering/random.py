"""Lowerings of generators of random numbers: integer arithmetic, the same bits everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.codegen.expr import Axis, Expr, Fn, cast, const, select
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.stages import Region, Regions, Stage
from tcore.tensor.random.mrg31k3p import M1, M2
from tcore.tensor.random.mrg_op import BITS, MRGUniform

__all__ = ["LOWERINGS"]


def _word(value: int) -> Expr:
    return const(value, "uint64")


def _on_words(name: str, *args: Expr) -> Expr:
    return apply_function(name, args, "uint64")


def _below(value: Expr, modulus: int) -> Expr:
    """``value - modulus`` where it is not less than ``modulus``."""
    less = apply_function("lt", (value, _word(modulus)), "bool")
    return select(less, value, _on_words("sub", value, _word(modulus)))


def _folded(value: Expr, modulus: int) -> Expr:
    """2**31 is ``2**31 - modulus`` modulo ``modulus``: what is above the low 31 bits counts so much."""
    high = _on_words("shift_right", value, _word(31))
    if modulus != M1:
        high = _on_words("mul", high, _word(2**31 - modulus))
    return _on_words("add", _on_words("and", value, _word(2**31 - 1)), high)


def _component(table: Callable[[int], Expr], states: Callable[[int], Expr], half: int) -> Expr:
    """The sum of three products, below 2**64, modulo M1 (half 0) or M2 (half 1)."""
    terms = [_on_words("mul", cast(table(3 * half + k), "uint64"), cast(states(3 * half + k), "uint64")) for k in range(3)]
    value = _on_words("add", _on_words("add", terms[0], terms[1]), terms[2])
    modulus = (M1, M2)[half]
    # M1: < 2**34, < 2**31 + 8. M2: < 2**48, < 2**33, < 2**31 + 4 * 21069
    for _ in range(2 + half):
        value = _folded(value, modulus)
    return _below(value, modulus)


def _fraction(x: Expr, y: Expr, dtype: str) -> Expr:
    """``z / 2**31`` of the two components, or its first bits with a 1 behind them."""
    difference = _on_words("sub", x, y)
    z = select(apply_function("le", (x, y), "bool"), _on_words("add", difference, _word(M1)), difference)
    bits = BITS[dtype]
    if bits < 31:
        z = _on_words("add", _on_words("shift_left", _on_words("shift_right", z, _word(31 - bits)), _word(1)), _word(1))
        bits += 1
    return apply_function("mul", (cast(cast(z, "int32"), dtype), const(2.0**-bits, dtype)), dtype)


@lowers(MRGUniform)
def lower_mrg_uniform(
    op: Any, out: Sequence[Target], states: Operand, steps: Operand, after: Operand, rows: Operand, rest: Operand
) -> list[Stage]:
    """Every number is a product of a row of ``steps`` and a state: no order to keep, neither along a stream nor across."""
    following, numbers = out
    streams = states.shape[0]
    full, more = cast(rows.scalar(), "int64"), cast(rest.scalar(), "int64")

    def draw(place: Callable[[int], Expr], stream: Axis) -> Expr:
        x, y = (_component(place, lambda c: states[stream, c], half) for half in (0, 1))
        return _fraction(x, y, numbers.dtype)

    k, s, last = Axis.fresh("k", full), Axis.fresh("s", streams), Axis.fresh("s", more)
    drawn = Regions(
        numbers.buffer,
        (
            Region((k, s), (k * streams + s,), draw(lambda c: steps[k + 3, c], s)),
            Region((last,), (full * streams + last,), draw(lambda c: after[3, c], last)),
        ),
    )
    n = Axis.fresh("s", streams)
    extra = Fn("lt", (n, more), "bool")  # the stream gave one number more

    def moved(half: int, back: int) -> Expr:
        one, other = (_component(lambda c, row=row: after[row, c], lambda c: states[n, c], half) for row in (3 - back, 2 - back))
        return cast(select(extra, one, other), "int32")

    advanced = Regions(
        following.buffer,
        tuple(Region((n,), (n, const(3 * half + back, "int64")), moved(half, back)) for half in (0, 1) for back in range(3)),
    )
    return [drawn, advanced]


LOWERINGS = (lower_mrg_uniform,)
