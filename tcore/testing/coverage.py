"""What there is of each op of the core: in Python, for derivatives, and on each backend; asked of the classes, the lowerings and the backends.

A cell that is empty has a reason in :mod:`tcore.testing.reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field

from tcore.codegen.complex_formulas import COMPLEX_FORMULAS
from tcore.codegen.functions import FUNCTIONS
from tcore.codegen.lowering import LoweringTable, NotLowered
from tcore.codegen.scalar_ops import FORMULAS, opaque_code
from tcore.codegen.tables import lowering_table
from tcore.graph.c_interface import CLinkerOp
from tcore.graph.null_type import Unconnected
from tcore.graph.op import Op, PureOp
from tcore.plugins import BackendSpec, OpSpec
from tcore.plugins.process import manager
from tcore.plugins.references import resolve
from tcore.records import frozen
from tcore.scalar.op import MathOp, ScalarOp
from tcore.scalar.preferences import upgrade_to_float
from tcore.testing.op_classes import core_ops
from tcore.testing.reasons import REASONS

__all__ = ["OpCoverage", "columns", "coverage", "reason_for"]

#: what is asked of the class itself; the backends that are installed follow
_OF_THE_CLASS = ("perform", "infer_shape", "grad", "R_op", "lowering")
#: the order of the backends of the project; others come after them, by name
_BACKENDS = ("cpu", "opencl", "cuda")


@frozen
class OpCoverage:
    """One row of the table.

    Attributes
    ----------
    name, module : str
    cells : mapping from str to str
        By column. A cell says what is there: ``own``; ``impl`` (the Python function of a scalar op); ``Elemwise`` (of a scalar op: done by the
        op that applies it to arrays); ``none`` (the op says that its outputs have no derivative); ``grad`` (the R_op goes through the gradient); ``loop`` (a lowering); as a lowering ``C`` (a text that kernels take); ``kernel``
        (generated from the lowering); ``native`` (work of the backend's own: views, BLAS, products); ``C`` (the op brings C code). It is empty where nothing is there.
    reasons : mapping from str to str
        Why a cell is empty, by column.
    """

    name: str
    module: str
    cells: Mapping[str, str]
    reasons: Mapping[str, str] = field(factory=dict)

    @property
    def reference(self) -> str:
        """``module:name``, as in plugins."""
        return f"{self.module}:{self.name}"

    def grouped_reasons(self) -> dict[str, list[str]]:
        """Each reason with the columns that it explains."""
        found: dict[str, list[str]] = {}
        for column, reason in self.reasons.items():
            found.setdefault(reason, []).append(column)
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "module": self.module, "cells": dict(self.cells), "reasons": dict(self.reasons)}


def columns() -> tuple[str, ...]:
    """The columns of the table: what a class has, then the backends that are installed and say what they compute on their own."""
    return (*_OF_THE_CLASS, *_native_ops())


def coverage() -> list[OpCoverage]:
    """The table, by module and name. Ops of :mod:`tcore.gpuarray` are left out: they are the forms on devices of the others."""
    table, native = lowering_table(()), _native_ops()
    declared = {resolve(spec.load) for _, spec in manager().tables.of(OpSpec)}
    found = {*core_ops(), *(cls for cls in declared if cls.__module__.startswith("tcore."))}
    classes = [cls for cls in found if not cls.__module__.startswith("tcore.gpuarray.")]
    return sorted((_row(cls, table, native) for cls in classes), key=lambda row: (row.module, row.name))


def reason_for(reference: str, column: str) -> str:
    """Why the cell of an op is empty: what is said of ``lowering`` holds for the backends, what is said of ``grad`` for ``R_op``."""
    stated = REASONS.get(reference, {})
    wider = "grad" if column == "R_op" else "" if column in _OF_THE_CLASS else "lowering"
    return stated.get(column) or stated.get(wider, "")


def _row(cls: Any, table: LoweringTable, native: Mapping[str, Iterable[type]]) -> OpCoverage:
    cells = _scalar_cells(cls) if issubclass(cls, ScalarOp) else _cells(cls, table)
    brings_code = cls.c_code not in (CLinkerOp.c_code, ScalarOp.c_code)
    for backend, steps in native.items():
        own = any(base in steps for base in cls.__mro__)
        cells[backend] = "native" if own else "kernel" if cells["lowering"] else "C" if brings_code and backend == "cpu" else ""
    name = f"{cls.__module__}:{cls.__qualname__}"
    reasons = {column: reason_for(name, column) for column, cell in cells.items() if not cell}
    return OpCoverage(cls.__qualname__, cls.__module__, cells, {column: reason for column, reason in reasons.items() if reason})


def _cells(cls: type[Op], table: LoweringTable) -> dict[str, str]:
    lowered = any(base in table.by_class for base in cls.__mro__)
    return {
        "perform": "own" if cls.perform is not PureOp.perform else "",
        "infer_shape": "own" if hasattr(cls, "infer_shape") else "",
        **_derivatives(cls),
        "lowering": "loop" if lowered else "",
    }


def _scalar_cells(cls: type[ScalarOp]) -> dict[str, str]:
    """Of an op on numbers, which :class:`~tcore.tensor.elemwise.Elemwise` and the reductions apply to arrays."""
    computes = cls.impl not in (ScalarOp.impl, MathOp.impl) or getattr(cls, "numpy", None) is not None or cls.perform is not ScalarOp.perform
    known = cls.loop_name in {*FORMULAS, *FUNCTIONS, *COMPLEX_FORMULAS} or cls.loop_name == "composite"
    return {
        "perform": "impl" if computes else "",
        "infer_shape": "Elemwise",
        **_derivatives(cls),
        "lowering": "loop" if known else "C" if _is_plain_text(cls) else "",
    }


def _is_plain_text(cls: type[ScalarOp]) -> bool:
    """Whether an op has C code that kernels take as it is."""
    if cls.c_code is ScalarOp.c_code:
        return False
    try:
        opaque_code(cls(upgrade_to_float), ("float64",) * cls.nin, ("float64",))
    except NotLowered:
        return False
    return True


def _derivatives(cls: type[Op]) -> dict[str, str]:
    if issubclass(cls, Unconnected):
        return dict.fromkeys(("grad", "R_op"), "none")
    has = cls.grad is not PureOp.grad or cls.L_op is not PureOp.L_op
    if issubclass(cls, MathOp) and cls.pullback is MathOp.pullback:
        has = False
    own = cls.R_op not in (PureOp.R_op, ScalarOp.R_op)
    return {"grad": "own" if has else "", "R_op": "own" if own else "grad" if has else ""}


def _native_ops() -> dict[str, tuple[type, ...]]:
    """For each backend that says so, the classes that it computes without a kernel from their lowering."""
    plugins = manager()
    plugins.load_all()
    backends = {spec.name: resolve(spec.load)() for _, spec in plugins.tables.of(BackendSpec)}
    named = {name: tuple(backend.native_ops()) for name, backend in backends.items() if hasattr(backend, "native_ops")}
    order = [*(name for name in _BACKENDS if name in named), *sorted(named.keys() - {*_BACKENDS})]
    return {name: named[name] for name in order}
