"""Arithmetic: sums, products, quotients, remainders, extremes. NumPy's meaning of integers: they wrap around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.scalar.basic import switch
from tcore.scalar.comparison import eq, gt, lt
from tcore.scalar.dtypes import complex_dtypes
from tcore.scalar.op import MathOp, number
from tcore.scalar.preferences import (
    real_out,
    true_div_out,
    upcast_out,
    upcast_out_min8,
    upcast_out_nobool,
    upgrade_to_float,
    upgrade_to_float_no_complex,
)
from tcore.scalar.type import Scalar

__all__ = [
    "Abs",
    "Add",
    "Clip",
    "CopySign",
    "IntDiv",
    "Inv",
    "Maximum",
    "Minimum",
    "Mod",
    "Mul",
    "Neg",
    "Sgn",
    "Sub",
    "TrueDiv",
    "abs_",
    "add",
    "clip",
    "copysign",
    "int_div",
    "inv",
    "maximum",
    "minimum",
    "mod",
    "mul",
    "neg",
    "sgn",
    "sub",
    "true_div",
]


def _real_only(preference: Any, what: str) -> Any:
    def checked(*types: Scalar) -> Sequence[Scalar]:
        for t in types:
            if t.dtype in complex_dtypes:
                raise TypeError(f"{what} is not defined for complex values, got {t.dtype}")
        return preference(*types)

    return staticmethod(checked)


class Add(MathOp):
    """x + y + …; of bools the logical or."""

    numpy = np.add
    loop_name = "add"
    commutative = True
    associative = True
    identity = 0

    def pullback(self, g: Any, out: Any, *inputs: Any) -> Any:
        return tuple(g for _ in inputs)

    def infix(self) -> str:
        return "+"


class Mul(MathOp):
    """x * y * …; of bools the logical and."""

    numpy = np.multiply
    loop_name = "mul"
    commutative = True
    associative = True
    identity = 1

    def pullback(self, g: Any, out: Any, *inputs: Any) -> Any:
        gradients = []
        for position in range(len(inputs)):
            others = [_conjugated(x) for i, x in enumerate(inputs) if i != position]
            gradients.append(mul(g, *others) if others else g)
        return tuple(gradients)

    def infix(self) -> str:
        return "*"


def _conjugated(x: Any) -> Any:
    return x.conj() if x.type.dtype in complex_dtypes else x


class Sub(MathOp):
    """x - y."""

    nin = 2
    numpy = np.subtract
    loop_name = "sub"
    output_types_preference = staticmethod(upcast_out_nobool)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g, -g

    def infix(self) -> str:
        return "-"


class TrueDiv(MathOp):
    """x / y; of integers in ``config.floatX``."""

    nin = 2
    numpy = np.true_divide
    loop_name = "true_div"
    output_types_preference = staticmethod(true_div_out)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        if out.type.dtype in complex_dtypes:
            return g / _conjugated(y), -(g * _conjugated(x)) / _conjugated(y * y)
        return g / y, -(g * x) / (y * y)

    def infix(self) -> str:
        return "/"


class IntDiv(MathOp):
    """x // y, rounded towards minus infinity; 0 for an integer divided by 0."""

    nin = 2
    numpy = np.floor_divide
    loop_name = "floor_div"
    output_types_preference = _real_only(upcast_out_min8, "int_div")

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return None, None

    def infix(self) -> str:
        return "//"


class Mod(MathOp):
    """x - (x // y) * y: has the sign of y; 0 for an integer modulo 0."""

    nin = 2
    numpy = np.remainder
    loop_name = "mod"
    output_types_preference = _real_only(upcast_out_min8, "mod")

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g, -(x // y) * g

    def infix(self) -> str:
        return "%"


class Neg(MathOp):
    """-x; unsigned integers wrap around."""

    nin = 1
    numpy = np.negative
    loop_name = "neg"
    output_types_preference = staticmethod(upcast_out_nobool)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return -g

    def __str__(self) -> str:
        return self.name or "Neg"


class Abs(MathOp):
    """The absolute value; a real number also of complex ones."""

    nin = 1
    numpy = np.absolute
    loop_name = "abs"
    loop_dtype = "natural"
    output_types_preference = staticmethod(real_out)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        if x.type.dtype in complex_dtypes:
            at_zero = eq(out, number(0, out))
            return g * x / switch(at_zero, number(1, out), out)
        return g * sgn(x)


class Sgn(MathOp):
    """-1, 0 or 1: the sign of x; NaN of NaN."""

    nin = 1
    numpy = np.sign
    loop_name = "sign"
    output_types_preference = _real_only(upcast_out_nobool, "sgn")

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return None


class CopySign(MathOp):
    """The size of the first number with the sign of the second, which zeros and NaN have as well."""

    nin = 2
    numpy = np.copysign
    loop_name = "copysign"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * sgn(x) * sgn(out), None


class Inv(MathOp):
    """1 / x, in floats."""

    nin = 1
    numpy = np.reciprocal
    loop_name = "inv"
    output_types_preference = staticmethod(upgrade_to_float)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        if out.type.dtype in complex_dtypes:
            return -g / _conjugated(x * x)
        return -g / (x * x)


class _Extreme(MathOp):
    """What maximum and minimum share: the gradient goes to the first input where both are equal."""

    nin = 2
    commutative = True
    associative = True
    output_types_preference = _real_only(upcast_out, "an extreme")

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        first = eq(out, x)
        zero = number(0, g)
        return switch(first, g, zero), switch(first, zero, g)


class Maximum(_Extreme):
    """The larger of two; NaN where either is NaN."""

    numpy = np.maximum
    loop_name = "maximum"

    @property
    def identity(self) -> Any:  # type: ignore[override]
        """Minus infinity."""
        return -np.inf


class Minimum(_Extreme):
    """The smaller of two; NaN where either is NaN."""

    numpy = np.minimum
    loop_name = "minimum"

    @property
    def identity(self) -> Any:  # type: ignore[override]
        """Infinity."""
        return np.inf


class Clip(MathOp):
    """minimum(maximum(x, low), high): where low > high, that is high."""

    loop_name = "clip"
    nin = 3
    output_types_preference = _real_only(upcast_out, "clip")

    def impl(self, x: Any, low: Any, high: Any) -> Any:
        return np.minimum(np.maximum(x, low), high)

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        x, low, high = inputs
        options: dict[str, Any] = {"casting": "unsafe", "dtype": dtypes[0]}
        raised = np.maximum(x, low, **options)
        target = out[0] if out[0] is not None else raised if np.shape(raised) != () else None
        if target is not None and target.shape != np.broadcast_shapes(np.shape(raised), high.shape):
            target = None
        return [np.asarray(np.minimum(raised, high, out=target, **options))]

    def pullback(self, g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
        zero = number(0, g)
        raised = maximum(x, low)
        below_high = switch(gt(raised, high), zero, g)
        under = lt(x, low)
        return switch(under, zero, below_high), switch(under, below_high, zero), switch(gt(raised, high), g, zero)


add = Add(name="add")
mul = Mul(name="mul")
sub = Sub(name="sub")
true_div = TrueDiv(name="true_div")
int_div = IntDiv(name="int_div")
mod = Mod(name="mod")
neg = Neg(name="neg")
abs_ = Abs(name="abs_")
sgn = Sgn(name="sgn")
copysign = CopySign(name="copysign")
inv = Inv(name="inv")
maximum = Maximum(name="maximum")
minimum = Minimum(name="minimum")
clip = Clip(name="clip")
