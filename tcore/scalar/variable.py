"""Scalar variables and constants, with Python's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.finders import siblings
from tcore.graph.variable import Constant, Variable
from tcore.scalar.conversion import constant
from tcore.scalar.type import Scalar

if TYPE_CHECKING:
    from tcore.scalar import arithmetic, basic, bitwise, comparison, complex_parts, exponential, rounding
else:
    arithmetic, basic, bitwise, comparison, complex_parts, exponential, rounding = siblings(
        __name__, "arithmetic", "basic", "bitwise", "comparison", "complex_parts", "exponential", "rounding"
    )

__all__ = ["ScalarConstant", "ScalarVariable"]


class _scalar_py_operators:
    """Operators of scalar variables. ``==`` compares identity, as for all variables."""

    __slots__ = ()
    #: NumPy scalars on the left leave the operation to us
    __array_priority__ = 1000
    __array_ufunc__ = None
    type: Any

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """0."""
        return 0

    @property
    def real(self) -> Any:
        """The real part; the variable itself where it is real."""
        return complex_parts.real(self) if self.dtype.startswith("complex") else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return complex_parts.imag(self) if self.dtype.startswith("complex") else self.zeros_like()

    def conj(self) -> Any:
        """The conjugate."""
        return complex_parts.conj(self)

    def astype(self, dtype: str) -> Any:
        """Converted to ``dtype``."""
        return basic.cast(self, dtype)

    def zeros_like(self, dtype: str | None = None) -> Any:
        """0 in ``dtype``, or in this variable's."""
        return basic.second(self, constant(0, dtype=dtype or self.dtype))

    def ones_like(self, dtype: str | None = None) -> Any:
        """1 in ``dtype``, or in this variable's."""
        return basic.second(self, constant(1, dtype=dtype or self.dtype))

    def __abs__(self) -> Any:
        return arithmetic.abs_(self)

    def __neg__(self) -> Any:
        return arithmetic.neg(self)

    def __invert__(self) -> Any:
        return bitwise.invert(self)

    def __lt__(self, other: Any) -> Any:
        return comparison.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return comparison.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return comparison.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return comparison.ge(self, other)

    def __add__(self, other: Any) -> Any:
        return arithmetic.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return arithmetic.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return arithmetic.sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return arithmetic.sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return arithmetic.mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return arithmetic.mul(other, self)

    def __truediv__(self, other: Any) -> Any:
        return arithmetic.true_div(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return arithmetic.true_div(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return arithmetic.int_div(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return arithmetic.int_div(other, self)

    def __mod__(self, other: Any) -> Any:
        return arithmetic.mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        return arithmetic.mod(other, self)

    def __pow__(self, other: Any) -> Any:
        return exponential.pow(self, other)

    def __rpow__(self, other: Any) -> Any:
        return exponential.pow(other, self)

    def __and__(self, other: Any) -> Any:
        return bitwise.and_(self, other)

    def __rand__(self, other: Any) -> Any:
        return bitwise.and_(other, self)

    def __or__(self, other: Any) -> Any:
        return bitwise.or_(self, other)

    def __ror__(self, other: Any) -> Any:
        return bitwise.or_(other, self)

    def __xor__(self, other: Any) -> Any:
        return bitwise.xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return bitwise.xor(other, self)

    def __lshift__(self, other: Any) -> Any:
        return bitwise.left_shift(self, other)

    def __rlshift__(self, other: Any) -> Any:
        return bitwise.left_shift(other, self)

    def __rshift__(self, other: Any) -> Any:
        return bitwise.right_shift(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return bitwise.right_shift(other, self)

    def __ceil__(self) -> Any:
        return rounding.ceil(self)

    def __floor__(self) -> Any:
        return rounding.floor(self)

    def __trunc__(self) -> Any:
        return rounding.trunc(self)


class ScalarVariable(_scalar_py_operators, Variable):
    """A number in a scalar graph."""

    __slots__ = ()


class ScalarConstant(_scalar_py_operators, Constant):
    """A fixed number in a scalar graph; prints as ``Constant{value}``."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"Constant{{{self.data}}}"


Scalar.Variable = ScalarVariable
Scalar.Constant = ScalarConstant
