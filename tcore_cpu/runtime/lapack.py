"""LAPACK for the runtime: pointers from SciPy's extension file, or from the libraries that ``blas.ldflags`` names."""

from __future__ import annotations

from tcore_cpu.native.abi import LAPACK
from tcore_cpu.runtime.blas import addresses_from_flags, addresses_from_scipy, uses_scipy

__all__ = ["KINDS", "LETTERS", "ROUTINES", "find_lapack", "names_of"]

LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
KINDS = ("potrf", "getrf", "getrs", "getri", "sysv", "geqrf", "orgqr", "gesdd", "syevd", "sygvd", "geev", "gelsd")
"""In the order of the runtime's numbers, by their names for real numbers."""
_COMPLEX = {"orgqr": "ungqr", "syevd": "heevd", "sygvd": "hegvd"}


def _name(kind: str, letter: str) -> str:
    return letter + (_COMPLEX.get(kind, kind) if letter in "cz" else kind)


ROUTINES = {_name(kind, letter): LAPACK + 4 * k + place for k, kind in enumerate(KINDS) for place, letter in enumerate(LETTERS.values())}
"""The runtime's number of each routine."""


def names_of(kinds: tuple[str, ...], dtype: str) -> list[str]:
    """The routines of some kinds for an element type."""
    return [_name(kind, LETTERS[dtype]) for kind in kinds]


def find_lapack() -> dict[int, int]:
    """Addresses by the runtime's numbers; empty where the libraries of ``blas.ldflags`` have no LAPACK.

    Raises
    ------
    BlasError
        If SciPy's cannot be loaded.
    """
    found = addresses_from_scipy("cython_lapack", ROUTINES) if uses_scipy() else addresses_from_flags(ROUTINES)
    return {ROUTINES[name]: address for name, address in found.items()}
