"""Sums with products of matrices into ``Gemm``: the documented ``GemmOptimizer``.

A sum is read as a list of terms ``factor * tensor``: through additions, subtractions, negations and multiplications by
scalars that nothing else uses. A term that is a product of matrices takes another term of the same type as the ``z`` of a
``Gemm``, which becomes a term itself, until no product is left.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import astuple

from tcore import scalar
from tcore.graph.errors import InconsistencyError
from tcore.graph.features import ReplaceValidate
from tcore.optimizer.base import Optimizer
from tcore.optimizer.tracing import inherit
from tcore.records import define, frozen
from tcore.scalar.dtypes import upcast
from tcore.tensor.blas import Dot22, blas_dtypes, gemm_no_inplace, gemv_no_inplace
from tcore.tensor.constants import NotScalarConstantError, get_scalar_constant_value
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import add, cast, mul, neg, sub
from tcore.tensor.rewrites.common import only_client, uniform_value

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["GemmOptimizer", "GemmRecord", "as_factor", "one"]

#: sums with more terms are left alone: reading them again after each step would be quadratic
_MAX_TERMS = 200


def one(dtype: str) -> Any:
    """The constant 1 of a dtype."""
    return as_tensor_variable(np.array(1, dtype))


def as_factor(x: Any, dtype: str) -> Variable | None:
    """``x`` as a 0-d tensor of ``dtype`` if it is broadcastable along all its axes and the cast loses nothing, else None."""
    if not all(x.type.broadcastable) or upcast(x.type.dtype, dtype) != dtype:
        return None
    value = uniform_value(x)
    if value is not None:
        return as_tensor_variable(value.astype(dtype))
    flat = x.dimshuffle() if x.type.ndim else x
    return flat if flat.type.dtype == dtype else cast(flat, dtype)


@frozen(eq=False)
class Term:
    """``factor * tensor``; a factor of None is 1."""

    factor: Any
    tensor: Any


def _negative(factor: Any, dtype: str) -> Any:
    return as_tensor_variable(np.array(-1, dtype)) if factor is None else neg(factor)


def _folded(factor: Any) -> Any:
    """A factor as a constant where its value is known, so that no node computes it."""
    if factor is None or factor.owner is None:
        return factor
    try:
        return as_tensor_variable(get_scalar_constant_value(factor).astype(factor.type.dtype))
    except NotScalarConstantError:
        return factor


def linear_terms(out: Any, nested: bool = True) -> list[Term]:
    """The terms of the sum that ``out`` is, each of the dtype of ``out`` or narrower.

    Without ``nested`` those of ``x + y`` and ``x - y`` as they stand: no other order of additions, no product taken apart.
    """
    dtype = out.type.dtype
    terms: list[Term] = []
    pending: list[tuple[Any, Any, bool]] = [(out, None, True)]
    while pending:
        x, factor, is_root = pending.pop()
        node = x.owner
        kind = None
        if (
            node is not None
            and isinstance(node.op, Elemwise)
            and not node.op.inplace_pattern
            and x.type == out.type
            and (is_root or (nested and only_client(x)))
            and (nested or len(node.inputs) == 2)
            and len(terms) + len(pending) < _MAX_TERMS
        ):
            kind = node.op.scalar_op
        if isinstance(kind, scalar.Add):
            pending.extend((y, factor, False) for y in reversed(node.inputs))
        elif isinstance(kind, scalar.Sub):
            pending.append((node.inputs[1], _negative(factor, dtype), False))
            pending.append((node.inputs[0], factor, False))
        elif isinstance(kind, scalar.Neg):
            pending.append((node.inputs[0], _negative(factor, dtype), False))
        elif isinstance(kind, scalar.Mul) and (split := _scaled(node, dtype)) is not None:
            tensor, scales = split
            for scale in scales:
                factor = scale if factor is None else mul(factor, scale)
            pending.append((tensor, factor, False))
        else:
            terms.append(Term(_folded(factor), x))
    return terms


def _scaled(node: Apply, dtype: str) -> tuple[Any, list[Any]] | None:
    """The tensor and the scalars of a multiplication, if all but one of its inputs are scalars."""
    tensors, scales = [], []
    for x in node.inputs:
        factor = as_factor(x, dtype)
        if factor is None:
            tensors.append(x)
        else:
            scales.append(factor)
    return (tensors[0], scales) if len(tensors) == 1 and scales else None


def _is_product(term: Term, out: Any) -> bool:
    x = term.tensor
    if x.owner is None or x.type != out.type or not only_client(x):
        return False
    if isinstance(x.owner.op, Dot22):
        return True
    return isinstance(x.owner.op, Dot) and x.type.ndim == 1 and all(y.type.dtype == x.type.dtype for y in x.owner.inputs)


def _update(z: Term, product: Term) -> Any:
    """``z + product`` in one call."""
    x, y = product.tensor.owner.inputs
    dtype = z.tensor.type.dtype
    a = one(dtype) if product.factor is None else product.factor
    b = one(dtype) if z.factor is None else z.factor
    if product.tensor.type.ndim == 2:
        return gemm_no_inplace(z.tensor, a, x, y, b)
    matrix, vector = (x, y) if x.type.ndim == 2 else (y.T, x)
    return gemv_no_inplace(z.tensor, a, matrix, vector, b)


def with_gemm(out: Any, nested: bool = True) -> Any | None:
    """``out`` with its products of matrices in the form of Gemm and Gemv, or None where there is nothing to do."""
    terms = linear_terms(out, nested)
    if len(terms) < 2:
        return None
    products = [term for term in terms if _is_product(term, out)]
    if not products:
        return None
    rest = _collected([term for term in terms if term not in products], out.type.dtype)
    changed = False
    while products:
        target = next((t for t in rest if t.tensor.type == out.type and _may_be_target(t)), None)
        if target is None:
            target = next((t for t in rest if t.tensor.type == out.type), None)
        if target is None:
            if len(products) < 2:
                break
            target = products.pop(0)
        else:
            rest.remove(target)
        product = products.pop(0)
        rest.insert(0, Term(None, _update(target, product)))
        changed = True
    if not changed:
        return None
    return _sum(rest + products, out)


def _collected(terms: list[Term], dtype: str) -> list[Term]:
    """The terms with the factors of equal tensors added up: then one call reads each tensor once, and may overwrite it."""
    factors: dict[Any, list[Any]] = {}
    for term in terms:
        factors.setdefault(term.tensor, []).append(term.factor)
    collected = []
    for tensor, several in factors.items():
        if len(several) == 1:
            collected.append(Term(several[0], tensor))
        else:
            total = add(*[one(dtype) if factor is None else factor for factor in several])
            collected.append(Term(_folded(total), tensor))
    return collected


def _may_be_target(term: Term) -> bool:
    """Whether ``z`` is best taken from this term: one that was computed, so that it can be overwritten without a copy."""
    return term.tensor.owner is not None and (term.tensor.fgraph is None or only_client(term.tensor))


def _sum(terms: list[Term], out: Any) -> Any:
    positive, negative = [], []
    for term in terms:
        value = None if term.factor is None else uniform_value(term.factor)
        if value is not None and value == -1:
            negative.append(term.tensor)
        elif term.factor is None or (value is not None and value == 1):
            positive.append(term.tensor)
        else:
            positive.append(mul(term.factor, term.tensor))
    if not positive:
        return neg(negative[0] if len(negative) == 1 else add(*negative))
    result = positive[0] if len(positive) == 1 else add(*positive)
    for x in negative:
        result = sub(result, x)
    return result


@define
class GemmRecord:
    """What one run did, for profiles."""

    nb_iter: int = 0
    nb_replacement: int = 0
    nb_replacement_didn_t_remove: int = 0
    nb_inconsistency_make: int = 0
    nb_inconsistency_replace: int = 0
    time_canonicalize: float = 0
    time_factor_can: float = 0
    time_factor_list: float = 0
    time_toposort: float = 0
    validate_time: float = 0
    callback_time: float = 0


class GemmOptimizer(Optimizer):
    """b * z + a * dot(x, y) -> Gemm(z, a, x, y, b), and the same with a vector -> Gemv; also in longer sums.

    Parameters
    ----------
    nested : bool
        False takes ``z + dot(x, y)`` and ``z - dot(x, y)`` only, whose value it does not change, whatever is NaN or infinite: BLAS
        reads no matrix whose factor is 0.
    """

    name = "gemm_optimizer"

    def __init__(self, nested: bool = True) -> None:
        self.nested = nested

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Replacements that can be taken back."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> GemmRecord:
        """Read every sum once, the outermost first."""
        record = GemmRecord(nb_iter=1)
        callbacks = fgraph.execute_callbacks_time
        start = time.perf_counter()
        order = fgraph.toposort()
        record.time_toposort = time.perf_counter() - start
        if not any(isinstance(node.op, (Dot22, Dot)) for node in order):
            return record
        for node in reversed(order):
            if node.fgraph is fgraph and _is_sum(node):
                self._try(fgraph, node, record)
        record.callback_time = fgraph.execute_callbacks_time - callbacks
        return record

    def _try(self, fgraph: FunctionGraph, node: Apply, record: GemmRecord) -> None:
        out = node.outputs[0]
        start = time.perf_counter()
        try:
            new = with_gemm(out, self.nested)
        finally:
            record.time_factor_can += time.perf_counter() - start
        if new is None:
            return
        if new.type != out.type:
            record.nb_inconsistency_make += 1
            return
        inherit(out, new)
        start = time.perf_counter()
        try:
            fgraph.replace_all_validate([(out, new)], reason=self)
            record.nb_replacement += 1
        except InconsistencyError:
            record.nb_inconsistency_replace += 1
        record.validate_time += time.perf_counter() - start

    @staticmethod
    def merge_profile(prof1: GemmRecord, prof2: GemmRecord) -> GemmRecord:
        """Counts and times added up."""
        return GemmRecord(*map(sum, zip(astuple(prof1), astuple(prof2), strict=True)))

    @staticmethod
    def print_profile(stream: Any, prof: GemmRecord, level: int = 0) -> None:
        """Print what a run did."""
        blanc = "    " * level
        print(f"{blanc}GemmOptimizer", file=stream)
        for field in prof.__attrs_attrs__:  # type: ignore[attr-defined]
            print(f"{blanc} {field.name} {getattr(prof, field.name)}", file=stream)


def _is_sum(node: Apply) -> bool:
    if not isinstance(node.op, Elemwise) or node.op.inplace_pattern or len(node.outputs) != 1:
        return False
    kind: Any = node.outputs[0].type
    return isinstance(node.op.scalar_op, (scalar.Add, scalar.Sub)) and kind.ndim in (1, 2) and kind.dtype in blas_dtypes
