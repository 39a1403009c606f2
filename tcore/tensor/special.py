"""Special functions, elementwise on tensors."""

from __future__ import annotations

from tcore import scalar
from tcore.tensor.math import named_elemwise

__all__ = [
    "chi2sf",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "gamma",
    "gammaln",
    "i0",
    "i1",
    "j0",
    "j1",
    "polygamma",
    "psi",
    "tri_gamma",
]

erf = named_elemwise(scalar.erf, "erf")
erfc = named_elemwise(scalar.erfc, "erfc")
erfcx = named_elemwise(scalar.erfcx, "erfcx")
erfinv = named_elemwise(scalar.erfinv, "erfinv")
erfcinv = named_elemwise(scalar.erfcinv, "erfcinv")
gamma = named_elemwise(scalar.gamma, "gamma")
gammaln = named_elemwise(scalar.gammaln, "gammaln")
psi = named_elemwise(scalar.psi, "psi")
tri_gamma = named_elemwise(scalar.tri_gamma, "tri_gamma")
polygamma = named_elemwise(scalar.polygamma, "polygamma")
chi2sf = named_elemwise(scalar.chi2sf, "chi2sf")
j0 = named_elemwise(scalar.j0, "j0")
j1 = named_elemwise(scalar.j1, "j1")
i0 = named_elemwise(scalar.i0, "i0")
i1 = named_elemwise(scalar.i1, "i1")
