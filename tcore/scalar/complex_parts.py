"""Parts of complex numbers. A gradient is that of a real cost with respect to real and imaginary part, as one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.scalar.arithmetic import abs_
from tcore.scalar.basic import switch
from tcore.scalar.comparison import eq
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.scalar.op import MathOp, number
from tcore.scalar.preferences import complex_out, real_out, same_out
from tcore.scalar.trigonometric import cos, sin
from tcore.scalar.type import Scalar, get_scalar_type

__all__ = [
    "Angle",
    "Complex",
    "ComplexFromPolar",
    "Conj",
    "Imag",
    "Real",
    "angle",
    "complex",
    "complex_from_polar",
    "conj",
    "imag",
    "real",
]


class _Part(MathOp):
    nin = 1
    output_types_preference: Any = staticmethod(real_out)

    def on_arrays(self, inputs: Any, dtypes: Any, out: Any) -> list[np.ndarray]:
        value = np.asarray(self.impl(inputs[0]))
        if out[0] is None:
            return [value.astype(dtypes[0])]
        out[0][...] = value
        return [out[0]]


class Real(_Part):
    """The real part."""

    loop_name = "real"

    def impl(self, x: Any) -> Any:
        return np.real(x)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return complex(g, number(0, g)) if x.type.dtype in complex_dtypes else g


class Imag(_Part):
    """The imaginary part."""

    loop_name = "imag"

    def impl(self, x: Any) -> Any:
        return np.imag(x)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return complex(number(0, g), g) if x.type.dtype in complex_dtypes else None


def _angle_out(x: Scalar) -> tuple[Scalar]:
    return (get_scalar_type("float64"),) if x.dtype in discrete_dtypes else real_out(x)


class Angle(_Part):
    """The argument, from -pi to pi."""

    loop_name = "angle"
    output_types_preference = staticmethod(_angle_out)

    def impl(self, x: Any) -> Any:
        # NumPy takes those of small integers in half precision
        return np.angle(x if np.asarray(x).dtype.kind in "fc" else np.float64(x))

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        if x.type.dtype not in complex_dtypes:
            return None
        size = abs_(x)
        square = switch(eq(size, number(0, size)), number(1, size), size * size)
        return complex(-g * imag(x) / square, g * real(x) / square)


class Conj(MathOp):
    """The conjugate."""

    loop_name = "conj"
    loop_dtype = "natural"
    nin = 1
    numpy = np.conjugate
    output_types_preference = staticmethod(same_out)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return conj(g)


def _of_reals(*types: Any) -> Any:
    if any(each.dtype in complex_dtypes for each in types):
        raise TypeError(f"a complex number is made of two real ones, got {', '.join(each.dtype for each in types)}")
    return complex_out(*types)


def _of_numbers(op: MathOp, *inputs: Any) -> Any:
    arrays = [np.asarray(value) for value in inputs]
    return op.on_arrays(arrays, [np.result_type(*arrays, "complex64").name], [None])[0][()]


class Complex(MathOp):
    """The number with real part x and imaginary part y."""

    loop_name = "complex"
    nin = 2
    output_types_preference = staticmethod(_of_reals)

    def impl(self, x: Any, y: Any) -> Any:
        # 1j times infinity has a real part that is NaN
        return _of_numbers(self, x, y)

    def on_arrays(self, inputs: Any, dtypes: Any, out: Any) -> list[np.ndarray]:
        x, y = inputs
        target = out[0] if out[0] is not None else np.empty(np.broadcast_shapes(x.shape, y.shape), dtypes[0])
        target.real = x
        target.imag = y
        return [target]

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return real(g), imag(g)


class ComplexFromPolar(MathOp):
    """The number with absolute value r and argument theta."""

    loop_name = "complex_from_polar"
    nin = 2
    output_types_preference = staticmethod(_of_reals)

    def impl(self, r: Any, theta: Any) -> Any:
        return _of_numbers(self, r, theta)

    def on_arrays(self, inputs: Any, dtypes: Any, out: Any) -> list[np.ndarray]:
        part = np.empty(0, dtypes[0]).real.dtype  # NumPy would compute with small integers in half precision
        r, theta = (np.asarray(value, part) for value in inputs)
        return complex.on_arrays([r * np.cos(theta), r * np.sin(theta)], dtypes, out)

    def pullback(self, g: Any, out: Any, r: Any, theta: Any) -> Any:
        along = real(g) * cos(theta) + imag(g) * sin(theta)
        across = imag(g) * cos(theta) - real(g) * sin(theta)
        return along, r * across


real = Real(name="real")
imag = Imag(name="imag")
angle = Angle(name="angle")
conj = Conj(name="conj")
complex = Complex(name="complex")
complex_from_polar = ComplexFromPolar(name="complex_from_polar")
