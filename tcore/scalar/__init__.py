"""Numbers in graphs: the scalar Types, and the ops that elementwise operations apply to each element."""

from __future__ import annotations

from tcore.scalar.arithmetic import *
from tcore.scalar.basic import *
from tcore.scalar.bitwise import *
from tcore.scalar.comparison import *
from tcore.scalar.complex_parts import *
from tcore.scalar.composite import *
from tcore.scalar.conversion import *
from tcore.scalar.dtypes import *
from tcore.scalar.exponential import *
from tcore.scalar.op import *
from tcore.scalar.preferences import *
from tcore.scalar.rounding import *
from tcore.scalar.special import *
from tcore.scalar.trigonometric import *
from tcore.scalar.type import *
from tcore.scalar.variable import *

# ruff: noqa: F403, F405 - each family lists its names in __all__

bool = get_scalar_type("bool")
int8 = get_scalar_type("int8")
int16 = get_scalar_type("int16")
int32 = get_scalar_type("int32")
int64 = get_scalar_type("int64")
uint8 = get_scalar_type("uint8")
uint16 = get_scalar_type("uint16")
uint32 = get_scalar_type("uint32")
uint64 = get_scalar_type("uint64")
float16 = get_scalar_type("float16")
float32 = get_scalar_type("float32")
float64 = get_scalar_type("float64")
complex64 = get_scalar_type("complex64")
complex128 = get_scalar_type("complex128")


def _many(make: Scalar, names: tuple[str, ...]) -> list[ScalarVariable]:
    return [make(name) for name in names]  # type: ignore[misc]


def ints(*names: str) -> list[ScalarVariable]:
    """One int64 scalar variable per name."""
    return _many(int64, names)


def floats(*names: str) -> list[ScalarVariable]:
    """One float64 scalar variable per name."""
    return _many(float64, names)


def complexs(*names: str) -> list[ScalarVariable]:
    """One complex128 scalar variable per name."""
    return _many(complex128, names)
