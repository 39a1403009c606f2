"""Lowerings of generators of random numbers: integer arithmetic, the same bits everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.codegen.building import cast, select
from tcore.codegen.expr import Axis, Expr, Fn, Param, const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.stages import Demand, Map, Prefix, Region, Regions, Stage
from tcore.tensor.random.from_uniform import SLACK, OutcomesFromUniform
from tcore.tensor.random.mrg31k3p import M1, M2
from tcore.tensor.random.mrg_op import BITS, MRGUniform
from tcore.tensor.random.philox import FRACTION, PhiloxUniform

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
    op: Any, out: Sequence[Target], states: Operand, steps: Operand, after: Operand, used: Operand, rows: Operand, rest: Operand
) -> list[Stage]:
    """Every number is a product of a row of ``steps`` and a state: no order to keep, neither along a stream nor across."""
    following, numbers = out
    streams, full, more = (cast(count.scalar(), "int64") for count in (used, rows, rest))

    def draw(place: Callable[[int], Expr], stream: Axis) -> Expr:
        x, y = (_component(place, lambda c: states[c, stream], half) for half in (0, 1))
        return _fraction(x, y, numbers.dtype)

    k, s, last = Axis.fresh("k", full), Axis.fresh("s", streams), Axis.fresh("s", more)
    drawn = Regions(
        numbers.buffer,
        (
            Region((k, s), (k * streams + s,), draw(lambda c: steps[k + 3, c], s)),
            Region((last,), (full * streams + last,), draw(lambda c: after[3, c], last)),
        ),
    )
    # streams that gave no number stay where they are: there may be many more streams than numbers
    n = Axis.fresh("s", apply_function("minimum", (full * streams + more, streams), "int64"))
    extra = Fn("lt", (n, more), "bool")  # the stream gave one number more

    def moved(half: int, back: int) -> Expr:
        one, other = (_component(lambda c, row=row: after[row, c], lambda c: states[c, n], half) for row in (3 - back, 2 - back))
        return cast(select(extra, one, other), "int32")

    advanced = Regions(
        following.buffer,
        tuple(Region((n,), (const(3 * half + back, "int64"), n), moved(half, back)) for half in (0, 1) for back in range(3)),
        base=states.buffer,
    )
    at_least = ((states.shape[1], streams), (steps.shape[0], full + 3), (full, const(0, "int64")), (streams, more), (more, const(0, "int64")))
    conditions = [apply_function("ge", pair, "bool") for pair in at_least]
    conditions += [apply_function("eq", (a, const(b, "int64")), "bool") for a, b in ((states.shape[0], 6), (after.shape[0], 4), (steps.shape[1], 6), (after.shape[1], 6))]
    return [Demand(tuple(conditions)), drawn, advanced]


@lowers(OutcomesFromUniform)
def lower_outcomes_from_uniform(op: Any, out: Target, pvals: Operand, uniform: Operand) -> Prefix:
    """Along the outcomes: the sum so far, and the bound that the outcome before had."""
    rows = pvals.shape[0] if not pvals.broadcastable[0] else uniform.shape[1]
    t, r, j = (Axis.fresh(name, length) for name, length in zip("trj", (uniform.shape[0], rows, pvals.shape[1]), strict=True))
    below, total = Param("below", "float64"), Param("total", "float64")
    longer = apply_function("add", (total, cast(pvals[r, j], "float64")), "float64")
    complete = apply_function("ge", (longer, const(1 - SLACK[pvals.dtype], "float64")), "bool")
    bound = select(complete, const(2.0, "float64"), longer)
    number = cast(uniform[t, r], "float64")
    inside = apply_function("and", (apply_function("gt", (number, below), "bool"), apply_function("le", (number, bound), "bool")), "bool")
    zero = const(0.0, "float64")
    carried = (Param("hit", "int8"), below, total)
    return Prefix((out.buffer,), (t, r, j), j, carried, (const(0, "int8"), zero, zero), (cast(inside, "int8"), bound, longer))


@lowers(PhiloxUniform)
def lower_philox_uniform(op: Any, out: Target, state: Operand, *lengths: Operand) -> list[Stage]:
    """``out[i, j]`` is made of the place ``i * n + j`` after the first."""
    axes = out.over(cast(length.scalar(), "int64") for length in lengths)
    place: Expr = const(0, "int64")
    for axis in axes:
        place = place * axis.extent + axis
    key, stream, first = (state[k] for k in range(3))
    bits = FRACTION[op.dtype]
    word = _on_words("philox", key, stream, _on_words("add", first, cast(place, "uint64")))
    fraction = _on_words("or", _on_words("shift_left", _on_words("shift_right", word, _word(64 - bits)), _word(1)), _word(1))
    whole = cast(fraction, "int64" if bits > 30 else "int32")
    value = apply_function("mul", (cast(whole, op.dtype), const(2.0 ** -(bits + 1), op.dtype)), op.dtype)
    is_state = apply_function("eq", (state.shape[0], const(3, "int64")), "bool")
    return [Demand((is_state,)), Map((out.buffer,), axes, (value,))]


LOWERINGS = (lower_mrg_uniform, lower_outcomes_from_uniform, lower_philox_uniform)
