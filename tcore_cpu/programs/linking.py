"""From drafts to programs that run: the kernels from the store or the compiler, their addresses, the Python steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field

from tcore.records import frozen
from tcore_cpu.compiling.compiler import Unit, load_units
from tcore_cpu.native.kept import DTYPES
from tcore_cpu.programs.draft import Draft
from tcore_cpu.programs.error_reports import ErrorReports
from tcore_cpu.runtime.loading import runtime

__all__ = ["Bodies", "Linked", "constant_value", "load_bodies", "make_program"]


@frozen(eq=False)
class Bodies:
    """Loaded tile bodies: their addresses, the libraries that hold them, which were compiled just now (by body)."""

    addresses: tuple[int, ...] = ()
    libraries: tuple[Any, ...] = ()
    compiled: tuple[bool, ...] = ()

    def origin(self, bodies: Sequence[int]) -> str:
        """Where a kernel with these bodies came from: ``compiled``, ``store``, or ``runtime`` for one of its own."""
        if not bodies:
            return "runtime"
        return "compiled" if any(self.compiled[body] for body in bodies) else "store"


def load_bodies(units: Sequence[Unit]) -> Bodies:
    """The bodies of some units, compiled where the kernel store lacks them."""
    libraries = load_units(units)
    addresses: list[int] = []
    compiled: list[bool] = []
    for unit, library in zip(units, libraries, strict=True):
        addresses += library.table("tc_table", unit.count)
        compiled += [library.compiled] * unit.count
    return Bodies(tuple(addresses), tuple(libraries), tuple(compiled))


@frozen(eq=False)
class Linked:
    """A program that runs.

    Attributes
    ----------
    program : Program of the runtime
    draft : Draft
    bodies : Bodies
    runs_on : mapping from Apply to str
        ``C`` or ``Python`` for nodes that are steps.
    modules : mapping from Apply to (key, whether it was compiled just now)
        Users' C code.
    """

    program: Any
    draft: Draft
    bodies: Bodies
    runs_on: Mapping[Any, str] = field(factory=dict)
    modules: Mapping[Any, tuple[str, bool]] = field(factory=dict)


def make_program(
    draft: Draft, bodies: Bodies, fgraph: Any, inputs: Sequence[Any] | None = None, reports: type[ErrorReports] = ErrorReports
) -> Linked:
    """The program of a draft; ``inputs``: the variables whose values it takes, where those are not the graph's or the node's."""
    steps = _steps(draft, fgraph)
    program = runtime().Program(
        draft.linked(bodies.addresses),
        draft.inputs,
        tuple(slot for slot, _ in draft.constants),
        tuple(constant_value(constant, draft.dtypes[slot]) for slot, constant in draft.constants),
        draft.outputs,
        tuple((step.native(), entry.reads, entry.writes) for step, entry in zip(steps, draft.steps, strict=True)),
        reports(fgraph, draft, inputs),
        bodies.libraries,
    )
    pairs = list(zip(draft.steps, steps, strict=True))
    return Linked(
        program,
        draft,
        bodies,
        {entry.node: step.runs_on for entry, step in pairs if not entry.spare},
        {entry.node: (step.key, step.compiled) for entry, step in pairs if step.runs_on == "C"},
    )


def _steps(draft: Draft, fgraph: Any) -> list[Any]:
    """What the nodes run that have no native code."""
    if not draft.steps:
        return []
    from tcore_cpu.programs.python_steps import step_of  # and with it what compiles users' code, which few programs have

    return [step_of(step.node, fgraph, step.key) for step in draft.steps]


def constant_value(constant: Any, dtype: int) -> Any:
    """The value of a constant as a slot of this dtype wants it: aligned, in the byte order of the machine."""
    if dtype == DTYPES["object"]:
        return constant.data
    array = np.asarray(constant.data)
    return array if array.flags.aligned and array.dtype.isnative else np.array(array, dtype=array.dtype.newbyteorder("="))
