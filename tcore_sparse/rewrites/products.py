"""Sparse products: sums with them in one op, and the forms that C code has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore import tensor
from tcore.optimizer.navigators import in2out
from tcore.optimizer.pattern import PatternSub
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, Rewrite, Stage, rewrite
from tcore_sparse.conversion import is_sparse_variable
from tcore_sparse.ops.compressed import StructuredDotParts, UsmmParts
from tcore_sparse.ops.dot import Dot, StructuredDot
from tcore_sparse.ops.parts import csm_properties
from tcore_sparse.ops.usmm import Usmm, usmm

if TYPE_CHECKING:
    from tcore.graph import Apply

__all__ = ["REWRITES"]

#: what the compiler of the CPU backend has no arithmetic for
_NOT_NATIVE = ("float16", "complex64", "complex128")


def is_real_or_complex_number(alpha: Any) -> bool:
    """One element, of a dtype whose negative is exact: a negative of unsigned integers in a wider sum is another number."""
    return all(alpha.type.broadcastable) and alpha.type.dtype.startswith(("float", "complex"))


_SCALED = (tensor.mul, {"pattern": "alpha", "constraint": is_real_or_complex_number}, (Dot(), "x", "y"))

#: name -> rule; in profiles patterns speak for themselves
_SUMS = {
    "local_usmm_sub": PatternSub((tensor.sub, "z", _SCALED), (usmm, (tensor.neg, "alpha"), "x", "y", "z"), commutative=True),
    "local_usmm_add": PatternSub((tensor.add, "z", _SCALED), (usmm, "alpha", "x", "y", "z"), commutative=True),
}


@rewrite(Stage.SPECIALIZE, tracks=[StructuredDot], tags=("cxx_only",))
def local_structured_dot(node: Apply) -> Any:
    """structured_dot(x, y) -> StructuredDot{csc} or {csr} of the parts of x and y, which has C code

    For real numbers; complex ones stay with SciPy.
    """
    x, y = node.inputs
    if x.type.dtype in _NOT_NATIVE or y.type.dtype in _NOT_NATIVE:
        return False
    return [StructuredDotParts(x.type.format)(*csm_properties(x), y)]


@rewrite(Stage.SPECIALIZE, tracks=[Usmm], tags=("cxx_only", ASSUME_FINITE))
def local_usmm_parts(node: Apply) -> Any:
    """Usmm(alpha, x, y, z) -> Usmm{csc} or {csr} of alpha, the parts of x, y and z, which has C code

    For real numbers of one dtype and a dense y.
    """
    alpha, x, y, z = node.inputs
    out = node.outputs[0].type
    if out.dtype in _NOT_NATIVE or is_sparse_variable(y) or any(v.type.dtype != out.dtype for v in node.inputs) or z.type != out:
        return False
    if z.type.broadcastable != (False, y.type.broadcastable[1]):
        return False
    return [UsmmParts(x.type.format)(alpha, *csm_properties(x), y, z)]


@rewrite(tracks=[UsmmParts], tags=("inplace",))
def local_inplace_usmm(node: Apply) -> Any:
    """Usmm{no_inplace}(alpha, x, y, z) -> the same in the memory of z"""
    op: Any = node.op
    return False if op.inplace else [evolve(op, inplace=True)(*node.inputs)]


REWRITES: tuple[Rewrite | GlobalRewrite, ...] = (
    local_structured_dot,
    *[Rewrite(rule, (Stage.SPECIALIZE,), ("local_usmm",), name=name) for name, rule in _SUMS.items()],
    local_usmm_parts,
    GlobalRewrite("local_inplace_usmm", in2out(local_inplace_usmm.rule), 60, ("fast_run", "inplace")),
)
