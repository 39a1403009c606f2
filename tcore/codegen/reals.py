"""Real values with the operators of arithmetic, so that formulas read as they are written elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.codegen.building import select
from tcore.codegen.expr import Expr, Fn, const
from tcore.records import frozen

__all__ = ["Real", "both", "choose", "choose_pair", "either", "finfo", "real_function"]


@frozen(eq=False)
class Real:
    """A floating value of the loop IR; the other operand may be a Python number. Comparisons give conditions, expressions of dtype bool."""

    expr: Expr

    def like(self, other: Real | float) -> Real:
        """``other``, a literal of this dtype where it is a Python number."""
        return other if isinstance(other, Real) else Real(const(other, self.expr.dtype))

    def _value(self, name: str, other: Real | float) -> Real:
        return Real(Fn(name, (self.expr, self.like(other).expr), self.expr.dtype))

    def _test(self, name: str, other: Real | float) -> Expr:
        return Fn(name, (self.expr, self.like(other).expr), "bool")

    def __add__(self, other: Real | float) -> Real:
        return self._value("add", other)

    def __sub__(self, other: Real | float) -> Real:
        return self._value("sub", other)

    def __mul__(self, other: Real | float) -> Real:
        return self._value("product", other)

    def __truediv__(self, other: Real | float) -> Real:
        return self._value("true_div", other)

    def __radd__(self, other: float) -> Real:
        return self.like(other) + self

    def __rsub__(self, other: float) -> Real:
        return self.like(other) - self

    def __rtruediv__(self, other: float) -> Real:
        return self.like(other) / self

    def __rmul__(self, other: float) -> Real:
        return self.like(other) * self

    def __neg__(self) -> Real:
        return real_function("neg", self)

    def __abs__(self) -> Real:
        return real_function("abs", self)

    def __gt__(self, other: Real | float) -> Expr:
        return self._test("gt", other)

    def __ge__(self, other: Real | float) -> Expr:
        return self._test("ge", other)

    def __lt__(self, other: Real | float) -> Expr:
        return self._test("lt", other)

    def __le__(self, other: Real | float) -> Expr:
        return self._test("le", other)

    def equals(self, other: Real | float) -> Expr:
        """``==``, which stays that of objects."""
        return self._test("eq", other)

    def differs(self, other: Real | float) -> Expr:
        """``!=``."""
        return self._test("ne", other)

    def is_nan(self) -> Expr:
        """Whether it is no number."""
        return Fn("isnan", (self.expr,), "bool")

    def is_infinite(self) -> Expr:
        """Whether it is infinite, of either sign."""
        return Fn("isinf", (self.expr,), "bool")


def real_function(name: str, *operands: Real) -> Real:
    """A function of the table, in the operands' dtype."""
    return Real(Fn(name, tuple(operand.expr for operand in operands), operands[0].expr.dtype))


def choose(condition: Expr, then: Real | float, otherwise: Real) -> Real:
    """``then`` where the condition holds."""
    return Real(select(condition, otherwise.like(then).expr, otherwise.expr))


def choose_pair(condition: Expr, then: tuple[Real, Real], otherwise: tuple[Real, Real]) -> tuple[Real, Real]:
    """The parts of one of two complex numbers."""
    return choose(condition, then[0], otherwise[0]), choose(condition, then[1], otherwise[1])


def finfo(x: Real) -> Any:
    """What NumPy knows of its dtype."""
    return np.finfo(x.expr.dtype)


def both(left: Expr, right: Expr) -> Expr:
    """Whether two conditions hold."""
    return Fn("and", (left, right), "bool")


def either(left: Expr, right: Expr) -> Expr:
    """Whether one of two conditions holds, or both."""
    return Fn("or", (left, right), "bool")
