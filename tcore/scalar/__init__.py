"""Numbers in graphs: the scalar Types, and the ops that elementwise operations apply to each element."""

from __future__ import annotations

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING as _TYPE_CHECKING

import tcore.graph  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.finders import lazy_submodules as _lazy_submodules
from tcore.scalar.arithmetic import *
from tcore.scalar.basic import *
from tcore.scalar.bitwise import *
from tcore.scalar.comparison import *
from tcore.scalar.complex_parts import *
from tcore.scalar.conversion import *
from tcore.scalar.dtypes import *
from tcore.scalar.exponential import *
from tcore.scalar.op import *
from tcore.scalar.preferences import *
from tcore.scalar.rounding import *
from tcore.scalar.sigmoid import *
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


#: names that few graphs are built of; their modules load when one is asked for
_SELDOM = {
    **dict.fromkeys(("Composite", "Step"), "composite"),
    **dict.fromkeys(("I0", "I1", "J0", "J1", "i0", "i1", "j0", "j1"), "special"),
    **dict.fromkeys(("Erf", "Erfc", "Erfcinv", "Erfcx", "Erfinv", "erf", "erfc", "erfcinv", "erfcx", "erfinv"), "special"),
    **dict.fromkeys(("Chi2SF", "Gamma", "GammaLn", "PolyGamma", "Psi", "TriGamma"), "special"),
    **dict.fromkeys(("chi2sf", "gamma", "gammaln", "polygamma", "psi", "tri_gamma"), "special"),
}

__all__ = sorted(  # noqa: PLE0605 - what the families list
    {
        *_SELDOM,
        *(name for name, value in globals().items() if not name.startswith("_") and not isinstance(value, _ModuleType) and name != "annotations"),
    }
)

if _TYPE_CHECKING:
    from tcore.scalar.composite import *
    from tcore.scalar.special import *
else:
    _submodule = _lazy_submodules(__name__)

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        if name not in _SELDOM:
            return _submodule(name)
        value = globals()[name] = getattr(_import_module(f"{__name__}.{_SELDOM[name]}"), name)
        return value

    def __dir__():  # noqa: ANN202
        return sorted({*globals(), *_SELDOM})
