"""What an exported function consists of: its program, values and kernels; or what keeps it from standing alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.link import ExportError
from tcore.records import frozen
from tcore_cpu.compiling.compiler import Unit
from tcore_cpu.programs.draft import Draft
from tcore_cpu.programs.drafting import draft_graph
from tcore_cpu.programs.linking import constant_value
from tcore_cpu.programs.native_steps import native_steps
from tcore_cpu.runtime.lapack import LETTERS
from tcore_cpu.runtime.slots import is_array
from tcore_cpu.runtime.wanted import calls_lapack, wants_lapack
from tcore_cpu.user_code.methods import has_c_code

if TYPE_CHECKING:
    from tcore_cpu.programs.program import NativeStep

__all__ = ["Exported", "Value", "collect"]

_SHOWN = 12


@frozen(eq=False)
class Value:
    """An input, a state, an output or a constant.

    Attributes
    ----------
    name : str
        Empty where there is none.
    slot : int
        In the program.
    dtype : str
    length_one : tuple of bool
        By axis: whether it always has length 1.
    data : array or None
        The default of an input, the first value of a state, the value of a constant.
    """

    name: str
    slot: int
    dtype: str
    length_one: tuple[bool, ...]
    data: Any = None


@frozen(eq=False)
class Exported:
    """A function that can stand alone.

    Attributes
    ----------
    draft : Draft
    units : sequence of Unit
        Its kernels.
    inputs, states, outputs, constants : sequence of Value
    updates : sequence of (slot, number of a state)
        Stored after a call.
    routines : tuple of str
        What it needs of BLAS and LAPACK.
    nodes : sequence of str
        The nodes that error records name by number.
    calls : sequence of str
        The loops that the program leaves to Python where they make no step, or lack rows.
    returns : str or list of str
        ``single``, ``list``, ``none``, or the keys of a dict.
    """

    draft: Draft
    units: Sequence[Unit]
    inputs: Sequence[Value]
    states: Sequence[Value]
    outputs: Sequence[Value]
    constants: Sequence[Value]
    updates: Sequence[tuple[int, int]]
    routines: tuple[str, ...]
    nodes: Sequence[str]
    calls: Sequence[str]
    returns: str | list[str]


def collect(function: Any, fgraph: Any, order: Sequence[Any]) -> Exported:
    """The parts of a function.

    Raises
    ------
    ExportError
    """
    _refuse(function, _strangers(function, fgraph))
    native: list[Any] = []
    draft, units = draft_graph(fgraph, order, fgraph.outputs, _noting(native_steps(blas=True, lapack=wants_lapack(order)), native))
    _refuse(function, _needing_python(draft, units))
    inputs: list[Value] = []
    states: list[Value] = []
    numbers: dict[int, int] = {}  # position of an input -> number of the state that it is
    for position, (slot, *_) in enumerate(draft.inputs):
        if function._plan.lasting[position]:
            numbers[position] = len(states)
            states.append(_state(function, position, slot))
        else:
            inputs.append(_input(function, position, slot))
    count = len(function.outputs)
    updated = [(slot, numbers[k]) for slot, k in zip(draft.outputs[count:], function._plan.updated, strict=True)]
    keys = function.output_keys
    names = keys or [output.variable.name or "" for output in function.outputs]
    outputs = [_value(name, slot, v) for name, slot, v in zip(names, draft.outputs[:count], fgraph.outputs, strict=False)]
    constants = [_value("", slot, v, constant_value(v, draft.dtypes[slot])) for slot, v in draft.constants]
    returns: Any = "none" if function.return_none else "single" if function.unpack_single and count == 1 else keys or "list"
    return Exported(
        draft, units, inputs, states, outputs, constants, updated, _routines(native),
        [str(node) for node in draft.applies], [str(step.node) for step in draft.steps], returns,
    )  # fmt: skip


def _value(name: str, slot: int, variable: Any, data: Any = None) -> Value:
    flags = tuple(bool(flag) for flag in getattr(variable.type, "broadcastable", ()))
    return Value(str(name), slot, variable.type.dtype, flags, data)


def _name(function: Any, position: int) -> str:
    entry = function.indices[position]
    return entry.name or entry.origin.name or ""


def _input(function: Any, position: int, slot: int) -> Value:
    entry = function.indices[position]
    required, _, value = function.defaults[position]
    default = None if required else np.asarray(entry.variable.type.filter(value))
    return _value(_name(function, position), slot, entry.variable, default)


def _state(function: Any, position: int, slot: int) -> Value:
    value = np.array(function.input_storage[position].storage[0], order="C")
    return _value(_name(function, position), slot, function.indices[position].variable, value)


# -- what cannot stand alone


def _strangers(function: Any, fgraph: Any) -> list[str]:
    """Inputs, states and outputs that are no arrays, and states without a value."""
    found = []
    for position, variable in enumerate(fgraph.inputs):
        name = function._input_name(position)
        if not is_array(variable.type):
            found.append(f"{'state' if function._plan.lasting[position] else 'input'} {name} is of type {variable.type}, which is no array")
        elif function._plan.lasting[position] and function.input_storage[position].storage[0] is None:
            found.append(f"state {name} has no value yet: call the function or set it first")
    for k, variable in enumerate(fgraph.outputs[: len(function.outputs)]):
        if not is_array(variable.type):
            found.append(f"output {k} is of type {variable.type}, which is no array")
    return found


def _needing_python(draft: Draft, units: Sequence[Unit]) -> list[str]:
    """The nodes that need Python, each with the reason."""
    found = []
    for step in draft.steps:
        if step.spare:
            continue
        reason = draft.reasons.get(step.node, "its op has no native form")
        if has_c_code(step.node):
            reason = "its op brings C code that works on Python's objects"
        found.append(f"{step.node}: {reason}")
    if not found and any(unit.cplusplus for unit in units):
        nodes = [node for kernel in draft.kernels for node in kernel.nodes if has_c_code(node)]
        found = [f"{node}: its op brings C++ code of its own" for node in nodes] or ["a loop: an op of its steps brings C++ code of its own"]
    return found


def _refuse(function: Any, found: Sequence[str]) -> None:
    if not found:
        return
    shown = [f"  {line}" for line in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"  ... and {len(found) - _SHOWN} more")
    remedy = (
        "Write them with ops that have a lowering to loops (f.explain() names the others), or give their ops one; leave out of the "
        "function what is no array: compute it outside, and pass the result as an input."
    )
    raise ExportError("\n".join([f"{function._title()} cannot be exported, because parts of it need Python:", *shown, remedy]))


# -- BLAS and LAPACK

#: items of a batch are matrices or vectors, as their lengths tell at run time
_MATRIX_ROUTINES = {"BatchedDot": ("gemm", "gemv"), "Dot22": ("gemm",), "Dot22Scalar": ("gemm",), "Gemm": ("gemm",), "Gemv": ("gemv",), "Ger": ("ger",)}
_OF_VECTORS = {"s": "dot", "d": "dot", "c": "gemv", "z": "gemv"}
_OF_COMPLEX = {"ger": "geru"}


def _noting(native: Mapping[type, NativeStep], nodes: list[Any]) -> dict[type, NativeStep]:
    """The same native forms, which append to ``nodes`` the nodes that they make, those of the steps of loops included."""

    def noting(form: NativeStep) -> NativeStep:
        @wraps(form)
        def emit(builder: Any, node: Any) -> None:
            form(builder, node)
            nodes.append(node)

        return emit

    return {kind: noting(form) for kind, form in native.items()}


def _routines(nodes: Sequence[Any]) -> tuple[str, ...]:
    """The routines that nodes outside of kernels call."""
    found: set[str] = set()
    for node in nodes:
        if calls_lapack(node.op):
            # linear algebra is loaded by the graphs that have some
            from tcore_cpu.programs.linalg_steps import routines_of

            found.update(routines_of(node))
            continue
        name = type(node.op).__name__
        routines = _MATRIX_ROUTINES.get(name, ())
        if not routines and name != "Dot":
            continue
        letter = LETTERS[node.outputs[0].type.dtype]
        if name == "Dot":
            ndims = tuple(v.type.ndim for v in node.inputs)
            routines = (_OF_VECTORS[letter] if ndims == (1, 1) else "gemm" if ndims == (2, 2) else "gemv",)
        found.update(letter + (_OF_COMPLEX.get(routine, routine) if letter in ("c", "z") else routine) for routine in routines)
    return tuple(sorted(found))
