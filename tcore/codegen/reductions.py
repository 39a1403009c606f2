"""The fixed reduction idioms, each stated once: identity, lift, combine, finish.

A backend may run an idiom in any way that gives the value stated here; the generic form below is what
the interpreter and the GPU schedule use.  For one idiom, an *accumulator* is a tuple of scalars:

* ``identity``: the accumulator of no element;
* ``lift(elements, index)``: the accumulator of one element (``index``: its linear position in the
  reduced axes, counted in the order of the stage);
* ``combine(a, b)``: the accumulator of both; associative and commutative up to floating rounding, so
  that every split is legal.  A backend fixes one order that depends on lengths alone, never on
  threads or blocks in flight, so results repeat bit for bit;
* ``finish(a)``: the results.

===========  =================================================================================
sum, prod    in the accumulator dtype; integers wrap; NaN and inf as IEEE arithmetic gives them
min, max     NaN if any element is NaN; -0.0 and 0.0 count as equal; no value for no element
argmin,      position of the first NaN if there is one, else of the first extreme element
argmax
maxandargmax both results of max and argmax in one pass
any, all     of elements that are not zero (NaN is not zero)
and, or,     bitwise on integers, logical on bool
xor
logsumexp    log(sum(exp(x))) through a running maximum: no overflow; -inf for all -inf;
             inf or NaN where an element is
===========  =================================================================================
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import field

from tcore.codegen.building import cast, select
from tcore.codegen.expr import INDEX, Axis, Expr, Fn, Param, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.half import computed_in
from tcore.records import frozen

__all__ = ["IDIOMS", "Accumulator", "Reduction", "linear_index"]

Accumulator = tuple[Expr, ...]

@frozen
class _Idiom:
    """The generic form of one idiom; the functions get the accumulator dtype first."""

    slots: Callable[[str], tuple[str, ...]]
    identity: Callable[[str], Accumulator]
    lift: Callable[[str, Expr, Expr], Accumulator]
    combine: Callable[[str, Accumulator, Accumulator], Accumulator]
    finish: Callable[[str, Accumulator], Accumulator]
    positional: bool = False


@frozen
class Reduction:
    """One idiom at given dtypes.

    Parameters
    ----------
    name : str
        A key of :data:`IDIOMS`.
    dtype : str
        Accumulator dtype; elements are converted to it first. That of half precision is float32, whose results are rounded once.
    results : tuple of str
        dtypes of the results, to which ``finish`` converts.
    """

    name: str
    dtype: str = field(converter=computed_in)
    results: tuple[str, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """dtypes of the accumulator's parts."""
        return IDIOMS[self.name].slots(self.dtype)

    @property
    def positional(self) -> bool:
        """Whether results depend on the positions of elements (argmin and argmax)."""
        return IDIOMS[self.name].positional

    def symbols(self, prefix: str) -> Accumulator:
        """Named values that stand for an accumulator in printed code."""
        return tuple(Param(f"{prefix}{k}", dtype) for k, dtype in enumerate(self.slots))

    def identity(self) -> Accumulator:
        """The accumulator of no element."""
        return IDIOMS[self.name].identity(self.dtype)

    def lift(self, element: Expr, index: Expr) -> Accumulator:
        """The accumulator of one element at linear position ``index``."""
        return IDIOMS[self.name].lift(self.dtype, cast(element, self.dtype), index)

    def combine(self, a: Accumulator, b: Accumulator) -> Accumulator:
        """The accumulator of both."""
        return IDIOMS[self.name].combine(self.dtype, a, b)

    def finish(self, a: Accumulator) -> Accumulator:
        """The results, one per output of the stage."""
        values = IDIOMS[self.name].finish(self.dtype, a)
        return tuple(cast(value, dtype) for value, dtype in zip(values, self.results, strict=True))


def linear_index(reduced: tuple[Axis, ...]) -> Expr:
    """Position in the reduced axes, the last of them fastest."""
    index: Expr = index_const(0)
    for axis in reduced:
        index = index * axis.extent + axis
    return index


def _lowest(dtype: str) -> Expr:
    if dtype == "bool":
        return const(False, dtype)
    return const(-np.inf if dtype.startswith("float") else np.iinfo(dtype).min, dtype)


def _highest(dtype: str) -> Expr:
    if dtype == "bool":
        return const(True, dtype)
    return const(np.inf if dtype.startswith("float") else np.iinfo(dtype).max, dtype)


def _both(left: Expr, right: Expr) -> Expr:
    return Fn("and", (left, right), "bool")


def _either(left: Expr, right: Expr) -> Expr:
    return Fn("or", (left, right), "bool")


def _simple(function: str, identity: Callable[[str], Expr]) -> _Idiom:
    return _Idiom(
        slots=lambda t: (t,),
        identity=lambda t: (identity(t),),
        lift=lambda t, x, i: (x,),
        combine=lambda t, a, b: (apply_function(function, (a[0], b[0]), t),),
        finish=lambda t, a: a,
    )


def _extreme(better: str, *, value: bool, position: bool) -> _Idiom:
    """(value, position) pairs; position -1 marks no element."""

    def combine(dtype: str, a: Accumulator, b: Accumulator) -> Accumulator:
        (av, ai), (bv, bi) = a, b
        earlier = Fn("lt", (bi, ai), "bool")
        wins = _either(Fn(better, (bv, av), "bool"), _both(Fn("eq", (bv, av), "bool"), earlier))
        if dtype.startswith("float"):
            a_nan, b_nan = Fn("isnan", (av,), "bool"), Fn("isnan", (bv,), "bool")
            wins = select(a_nan, _both(b_nan, earlier), _either(b_nan, wins))
        none = index_const(0)
        take = _both(
            Fn("ge", (bi, none), "bool"), _either(Fn("lt", (ai, none), "bool"), wins)
        )
        return select(take, bv, av), select(take, bi, ai)

    return _Idiom(
        slots=lambda t: (t, INDEX),
        identity=lambda t: (const(0, t), index_const(-1)),
        lift=lambda t, x, i: (x, i),
        combine=combine,
        finish=lambda t, a: a if value else a[1:],
        positional=position,
    )


def _logsumexp() -> _Idiom:
    """(m, s) with m the running maximum and s the sum of exp(x - m)."""

    def shifted(dtype: str, part: Accumulator, top: Expr) -> Expr:
        # Equal maxima (both infinite, too) need no factor: inf - inf would make it NaN.
        factor = Fn("exp", (Fn("sub", (part[0], top), dtype),), dtype)
        scaled = Fn("mul", (part[1], factor), dtype)
        return select(Fn("eq", (part[0], top), "bool"), part[1], scaled)

    def combine(dtype: str, a: Accumulator, b: Accumulator) -> Accumulator:
        top = Fn("maximum", (a[0], b[0]), dtype)
        return top, Fn("add", (shifted(dtype, a, top), shifted(dtype, b, top)), dtype)

    def finish(dtype: str, a: Accumulator) -> Accumulator:
        total = Fn("add", (a[0], Fn("log", (a[1],), dtype)), dtype)
        lowest = Fn("eq", (a[0], _lowest(dtype)), "bool")
        return (select(lowest, a[0], total),)

    return _Idiom(
        slots=lambda t: (t, t),
        identity=lambda t: (_lowest(t), const(0, t)),
        lift=lambda t, x, i: (x, const(1, t)),
        combine=combine,
        finish=finish,
    )


IDIOMS: dict[str, _Idiom] = {
    "sum": _simple("add", lambda t: const(0, t)),
    "prod": _simple("mul", lambda t: const(1, t)),
    "min": _simple("minimum", _highest),
    "max": _simple("maximum", _lowest),
    "any": _simple("or", lambda t: const(False, t)),
    "all": _simple("and", lambda t: const(True, t)),
    "and": _simple("and", lambda t: const(True if t == "bool" else -1 if t[0] == "i" else np.iinfo(t).max, t)),
    "or": _simple("or", lambda t: const(0, t)),
    "xor": _simple("xor", lambda t: const(0, t)),
    "argmin": _extreme("lt", value=False, position=True),
    "argmax": _extreme("gt", value=False, position=True),
    "maxandargmax": _extreme("gt", value=True, position=True),
    "logsumexp": _logsumexp(),
}
"""The idioms by name."""
