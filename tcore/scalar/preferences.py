"""Output type preferences: functions from the types of a scalar op's inputs to those of its outputs.

A scalar op has one as ``output_types_preference``. They refuse by TypeError what the op cannot take.
"""

from __future__ import annotations

from collections.abc import Callable

from tcore.configuration import config
from tcore.scalar.dtypes import as_float, complex_dtypes, discrete_dtypes, real_of, upcast
from tcore.scalar.type import Scalar, get_scalar_type

__all__ = [
    "bool_out",
    "complex_out",
    "float_out",
    "int_out",
    "same_out",
    "same_out_float_only",
    "same_out_nocomplex",
    "specific_out",
    "transfer_type",
    "upcast_out",
    "upcast_out_min8",
    "upcast_out_nobool",
    "upcast_to_bitwise",
    "upgrade_to_float",
    "upgrade_to_float64",
    "upgrade_to_float_no_complex",
]

Preference = Callable[..., tuple[Scalar, ...]]


def upcast_out(*types: Scalar) -> tuple[Scalar]:
    """The common dtype of the inputs."""
    return (get_scalar_type(upcast(*(t.dtype for t in types))),)


def upcast_out_nobool(*types: Scalar) -> tuple[Scalar]:
    """The common dtype of the inputs, which must not be bool: NumPy has no bool subtraction or negation."""
    out = upcast_out(*types)
    if out[0].dtype == "bool":
        raise TypeError("bool values cannot be subtracted or negated: use xor and invert, or cast them first")
    return out


def upcast_out_min8(*types: Scalar) -> tuple[Scalar]:
    """The common dtype of the inputs; int8 where all are bool."""
    out = upcast_out(*types)
    return (get_scalar_type("int8"),) if out[0].dtype == "bool" else out


def same_out(type: Scalar, *others: Scalar) -> tuple[Scalar]:
    """The dtype of the first input."""
    return (type,)


def same_out_nocomplex(type: Scalar) -> tuple[Scalar]:
    """The dtype of the input, which must be real."""
    if type.dtype in complex_dtypes:
        raise TypeError(f"not defined for complex values, got {type.dtype}")
    return (type,)


def same_out_float_only(type: Scalar) -> tuple[Scalar]:
    """The dtype of the input, which must be a float."""
    if type.dtype not in ("float16", "float32", "float64"):
        raise TypeError(f"only defined for floats, got {type.dtype}")
    return (type,)


def upgrade_to_float(*types: Scalar) -> tuple[Scalar]:
    """The common float dtype: integers up to 16 bits count as float32, larger ones as float64."""
    return (get_scalar_type(upcast(*(as_float(t.dtype) for t in types))),)


def upgrade_to_float_no_complex(*types: Scalar) -> tuple[Scalar]:
    """As :func:`upgrade_to_float`, for real inputs only."""
    for t in types:
        if t.dtype in complex_dtypes:
            raise TypeError(f"not defined for complex values, got {t.dtype}")
    return upgrade_to_float(*types)


def upgrade_to_float64(*types: Scalar) -> tuple[Scalar]:
    """float64, whatever the inputs."""
    return (get_scalar_type("float64"),)


def bool_out(*types: Scalar) -> tuple[Scalar]:
    """bool."""
    return (get_scalar_type("bool"),)


def float_out(*types: Scalar) -> tuple[Scalar]:
    """``config.floatX``."""
    return (get_scalar_type(config.floatX),)


def int_out(*types: Scalar) -> tuple[Scalar]:
    """int64."""
    return (get_scalar_type("int64"),)


def complex_out(*types: Scalar) -> tuple[Scalar]:
    """complex64 for float32 inputs, else complex128."""
    return (get_scalar_type("complex64" if upcast(*(t.dtype for t in types)) == "float32" else "complex128"),)


def real_out(type: Scalar) -> tuple[Scalar]:
    """The dtype of the input's real part."""
    return (get_scalar_type(real_of(type.dtype)),)


def true_div_out(*types: Scalar) -> tuple[Scalar]:
    """The common dtype, or ``config.floatX`` where all inputs are integers."""
    if all(t.dtype in discrete_dtypes for t in types):
        return float_out()
    return upcast_out(*types)


def upcast_to_bitwise(*types: Scalar) -> tuple[Scalar]:
    """The common dtype of inputs that must be integers or bools."""
    for t in types:
        if t.dtype not in discrete_dtypes:
            raise TypeError(f"bitwise operations take integers and bools only, got {t.dtype}: cast it first")
    out = upcast_out(*types)
    if out[0].dtype not in discrete_dtypes:
        mixture = " and ".join(dict.fromkeys(t.dtype for t in types))
        raise TypeError(f"no integer dtype holds all values of {mixture}, so they have no common bits: cast one of them")
    return out


class specific_out:
    """Always the given types: ``specific_out(float32)``."""

    __slots__ = ("spec",)

    def __init__(self, *spec: Scalar) -> None:
        self.spec = spec

    def __call__(self, *types: Scalar) -> tuple[Scalar, ...]:
        return self.spec

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash((specific_out, self.spec))


class transfer_type:
    """Output ``i`` has the type of input ``transfer[i]``; None stands for the common type of all inputs."""

    __slots__ = ("transfer",)

    def __init__(self, *transfer: int | None) -> None:
        self.transfer = transfer

    def __call__(self, *types: Scalar) -> tuple[Scalar, ...]:
        common = upcast_out(*types)[0]
        return tuple(common if i is None else types[i] for i in self.transfer)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.transfer == other.transfer

    def __hash__(self) -> int:
        return hash((transfer_type, self.transfer))
