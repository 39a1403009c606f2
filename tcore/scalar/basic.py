"""Ops that move values without computing: identity, second, switch, casts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.finders import names_elsewhere
from tcore.graph.variable import Variable
from tcore.scalar.casting import converted
from tcore.scalar.conversion import as_scalar
from tcore.scalar.dtypes import complex_dtypes
from tcore.scalar.op import MathOp, number
from tcore.scalar.preferences import same_out, specific_out, transfer_type, upcast_out
from tcore.scalar.type import Scalar, get_scalar_type

__all__ = ["Cast", "Identity", "Second", "Switch", "cast", "cast_op", "identity", "second", "switch"]


class Identity(MathOp):
    """The input itself."""

    loop_name = "identity"
    nin = 1
    output_types_preference = staticmethod(same_out)

    def impl(self, x: Any) -> Any:
        return x

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        return [_copied(inputs[0], dtypes[0], out[0])]

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g


class Second(MathOp):
    """The second input; elementwise, an array of the first one's shape filled with the second one's value.

    Parameters
    ----------
    fits : bool
        Whether the second input is known to fit the shape of the first, so that nothing checks it once the array is not made: so
        in gradients, whose shapes are those of values that were computed. Not compared.
    """

    loop_name = "second"
    nin = 2
    output_types_preference = transfer_type(1)
    fits = False

    def __init__(self, output_types_preference: Any = None, name: str | None = None, fits: bool = False) -> None:
        super().__init__(output_types_preference, name)
        self.fits = fits

    def impl(self, x: Any, y: Any) -> Any:
        return y

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        x, y = inputs
        if out[0] is None:
            shape = np.broadcast_shapes(x.shape, y.shape)
            target = np.empty_like(x, dtype=dtypes[0]) if shape == x.shape else np.empty(shape, dtypes[0])
        else:
            target = out[0]
        return [_copied(y, dtypes[0], target)]

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """Only the shape of the first input counts, which has no gradient."""
        return [[False], [True]]

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return None, g


def _branches_out(condition: Scalar, if_true: Scalar, if_false: Scalar) -> Sequence[Scalar]:
    return upcast_out(if_true, if_false)


class Switch(MathOp):
    """The second input where the first is true, else the third."""

    nin = 3
    loop_name = "switch"
    output_types_preference = staticmethod(_branches_out)

    def impl(self, condition: Any, if_true: Any, if_false: Any) -> Any:
        return if_true if condition else if_false

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        condition, if_true, if_false = inputs
        chosen = np.where(condition != 0 if condition.dtype != bool else condition, if_true, if_false)
        if out[0] is None:
            return [np.asarray(chosen, dtypes[0])]
        out[0][...] = chosen
        return [out[0]]

    def pullback(self, g: Any, out: Any, condition: Any, if_true: Any, if_false: Any) -> Any:
        zero = number(0, g)
        return None, switch(condition, g, zero), switch(condition, zero, g)


class Cast(MathOp):
    """The value converted to another dtype; :func:`~tcore.scalar.casting.converted` says what becomes of a float that no integer of it is."""

    nin = 1
    loop_name = "cast"

    def __init__(self, output_type: Scalar | specific_out, name: str | None = None) -> None:
        spec = output_type if isinstance(output_type, specific_out) else specific_out(output_type)
        super().__init__(spec, name or f"Cast{{{spec.spec[0].dtype}}}")

    @property
    def o_type(self) -> Scalar:
        """The type to convert to."""
        return self.output_types_preference_key().spec[0]

    def impl(self, x: Any) -> Any:
        return converted(x, self.o_type.dtype)[()]

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        return [converted(inputs[0], dtypes[0], out[0])]

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g

    def inplace_text(self) -> str:
        return str(self)


def _copied(value: np.ndarray, dtype: str, target: np.ndarray | None) -> np.ndarray:
    if target is None:
        return value.astype(dtype)
    np.copyto(target, value, casting="unsafe")
    return target


@lru_cache(maxsize=64)
def cast_op(dtype: str) -> Cast:
    """The op that converts to ``dtype``."""
    return Cast(get_scalar_type(dtype))


def cast(x: Any, dtype: str) -> Variable:
    """``x`` converted to ``dtype``; ``x`` itself where it has that dtype already.

    Raises
    ------
    TypeError
        From complex to real: take ``real``, ``imag``, ``abs_`` or ``angle``.
    """
    variable = as_scalar(x)
    wanted = get_scalar_type(dtype)
    if variable.type == wanted:
        return variable
    if variable.type.dtype in complex_dtypes and wanted.dtype not in complex_dtypes:
        raise TypeError("casting from complex to real is ambiguous: take real, imag, abs_ or angle")
    return cast_op(wanted.dtype)(variable)


identity = Identity(name="identity")
second = Second(name="second")
switch = Switch()


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
