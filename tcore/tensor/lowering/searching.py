"""Lowerings of searches: where values stand in a sorted vector, places as one number and as several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from tcore.codegen.building import cast, imag, is_complex, real, select
from tcore.codegen.expr import Axis, Const, Expr, Fn, Param, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Demand, Map, Prefix, Stage
from tcore.scalar.dtypes import upcast
from tcore.tensor.index_tricks import RavelMultiIndex, UnravelIndex
from tcore.tensor.searching import SearchsortedOp

__all__ = ["LOWERINGS"]


def _test(name: str, *args: Expr) -> Expr:
    return apply_function(name, args, "bool")


def _bit_length(number: Expr) -> Expr:
    """How many bits a length has: the steps of a search by halves."""
    bits: Expr = index_const(0)
    for power in (32, 16, 8, 4, 2, 1):
        long = Fn("ge", (number, index_const(1 << power)), "bool")
        bits = select(long, bits + power, bits)
        number = select(long, Fn("floor_div", (number, index_const(1 << power)), "int64"), number)
    return bits + select(Fn("ge", (number, index_const(1)), "bool"), index_const(1), index_const(0))


def _is_before(left: Expr, right: Expr) -> Expr:
    """``left < right`` with NaN behind all numbers, as NumPy sorts them; complex numbers by their real parts first."""
    if is_complex(left.dtype):
        return _is_complex_before(left, right)
    less = _test("lt", left, right)
    if not left.dtype.startswith("float"):
        return less
    return _test("or", less, _test("and", _test("ne", right, right), _test("eq", left, left)))


def _is_complex_before(left: Expr, right: Expr) -> Expr:
    """Numbers without NaN, those with one as imaginary part, those with one as real part, each by what is no NaN."""
    (a, b), (c, d) = (real(left), imag(left)), (real(right), imag(right))
    number, other = _test("eq", b, b), _test("eq", d, d)
    other_bad = apply_function("invert", (other,), "bool")
    by_imag = _test("or", _test("lt", b, d), _test("and", number, other_bad))
    none = _test("and", _test("ne", a, a), _test("ne", c, c))
    found = select(_test("or", _test("eq", a, c), none), by_imag, _test("ne", c, c))
    found = select(_test("gt", a, c), _test("and", other_bad, number), found)
    return select(_test("lt", a, c), _test("or", number, other_bad), found)


@lowers(SearchsortedOp)
def lower_searchsorted(op: Any, out: Target, x: Operand, v: Operand, sorter: Operand) -> list[Stage]:
    """A search by halves for each value: a place stays in front of ``low + 1``, and as many as ``size`` are left."""
    if {x.dtype, v.dtype} == {"int64", "uint64"} or (x.dtype != v.dtype and "uint64" in (x.dtype, v.dtype)):
        raise NotLowered("uint64 among other integers: NumPy compares them as floats")
    (length,) = x.shape
    axes = out.over(v.shape)
    steps = Axis.fresh("step", _bit_length(length))
    low, size = Param("low", "int64"), Param("size", "int64")
    half = Fn("floor_div", (size, index_const(2)), "int64")
    middle = low + half
    place: Expr = Fn("minimum", (middle, length - 1), "int64")  # a search that has ended still reads
    demands: list[Stage] = []
    if sorter.buffer is not None:
        demands = [Demand((_test("eq", sorter.shape[0], length),))]
        place = cast(sorter[(place,)], "int64")
        place = Fn("bounded", (select(_test("lt", place, index_const(0)), length, place), length), "int64")
    wide = upcast(x.dtype, v.dtype)
    here, value = cast(x[(place,)], wide), cast(v[axes], wide)
    behind = _is_before(here, value) if op.side == "left" else _test("invert", _is_before(value, here))
    behind = _test("and", behind, _test("gt", size, index_const(0)))
    state = (select(behind, middle + 1, low), select(behind, size - half - 1, half))
    return [*demands, Prefix((out.buffer,), axes, steps, (low, size), (index_const(0), length), state)]


# -- places


def _entries(dims: Operand, count: int) -> list[Expr]:
    if dims.value is not None:
        return [index_const(int(length)) for length in dims.value]
    return [cast(dims[(index_const(k),)], "int64") for k in range(count)]


def _fitting(dims: Operand, lengths: Sequence[Expr], least: int) -> list[Demand]:
    """As many lengths as there are axes; ``perform`` looks at those whose product may be too large, or that are less than ``least``."""
    if dims.value is not None:
        if len(dims.value) != len(lengths) or any(not least <= int(length) < _most(lengths) for length in dims.value):
            raise NotLowered("lengths that do not fit: NumPy says what is wrong")
        return []
    inside = [_test("and", _test("ge", length, index_const(least)), _test("lt", length, index_const(_most(lengths)))) for length in lengths]
    return [Demand((_test("eq", dims.shape[0], index_const(len(lengths))),)), Demand((reduce(lambda a, b: _test("and", a, b), inside),), doubtful=True)]


def _most(lengths: Sequence[Expr]) -> int:
    return 1 << (62 // max(len(lengths), 1))


def _times(left: Expr, right: Expr) -> Expr:
    if isinstance(left, Const) and isinstance(right, Const):
        return index_const(int(left.value) * int(right.value))
    return Fn("mul", (left, right), "int64")


def _steps(lengths: Sequence[Expr], order: str) -> list[Expr]:
    """How far neighbours along each axis are apart, and behind them the number of all elements."""
    steps: list[Expr] = []
    size: Expr = index_const(1)
    for length in lengths if order == "F" else reversed(lengths):
        steps.append(size)
        size = _times(size, length)
    return [*(steps if order == "F" else reversed(steps)), size]


def _inside(index: Expr, length: Expr) -> Expr:
    """An index that counts from the front: a negative one is none."""
    return Fn("bounded", (select(_test("lt", index, index_const(0)), length, index), length), "int64")


@lowers(UnravelIndex)
def lower_unravel_index(op: Any, out: Any, indices: Operand, dims: Operand) -> list[Stage]:
    """``out[axis][i] = indices[i] // step[axis] % length[axis]``."""
    outs = out if isinstance(out, tuple) else (out,)
    if op.ndim == 0:
        raise NotLowered("no axes, no index")
    lengths = _entries(dims, op.ndim)
    *steps, size = _steps(lengths, op.order)
    axes = outs[0].over(indices.shape)
    place = _inside(indices[axes], size)
    last = 0 if op.order == "C" else op.ndim - 1  # the slowest axis needs no remainder
    values = [
        quotient if axis == last else apply_function("mod", (quotient, length), "int64")
        for axis, (step, length) in enumerate(zip(steps, lengths, strict=True))
        for quotient in (place if isinstance(step, Const) and step.value == 1 else apply_function("floor_div", (place, step), "int64"),)
    ]
    return [*_fitting(dims, lengths, 0), Map(tuple(each.buffer for each in outs), axes, tuple(values))]


@lowers(RavelMultiIndex)
def lower_ravel_multi_index(op: Any, out: Target, *operands: Operand) -> list[Stage]:
    """The sum of ``index[axis][i] * step[axis]``, each index brought into its axis as its mode says."""
    *index, dims = operands
    modes = op.mode * len(index) if len(op.mode) == 1 else op.mode
    lengths = _entries(dims, len(index))
    *steps, _ = _steps(lengths, op.order)
    axes = out.over(_longest(index, axis) for axis in range(out.ndim))
    sum_: Expr = index_const(0)
    for each, mode, step, length in zip(index, modes, steps, lengths, strict=True):
        entry = cast(each[axes], "int64")
        if mode == "raise":
            entry = _inside(entry, length)
        elif mode == "wrap":
            entry = apply_function("mod", (entry, length), "int64")
        else:
            entry = apply_function("maximum", (apply_function("minimum", (entry, length - 1), "int64"), const(0, "int64")), "int64")
        sum_ = sum_ + _times(entry, step)
    return [*_fitting(dims, lengths, 0 if set(modes) == {"raise"} else 1), Map((out.buffer,), axes, (sum_,))]


def _longest(index: Sequence[Operand], axis: int) -> Expr:
    return next((each.shape[axis] for each in index if not each.broadcastable[axis]), index_const(1))


LOWERINGS = (lower_searchsorted, lower_unravel_index, lower_ravel_multi_index)
