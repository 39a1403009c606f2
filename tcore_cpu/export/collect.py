"""What an exported function consists of: its programs, values and kernels; or what keeps it from standing alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Constant
from tcore.graph.laziness import is_lazy
from tcore.link import ExportError
from tcore.records import frozen
from tcore.tensor.ifelse import IfElse
from tcore_cpu.compiling.compiler import Unit
from tcore_cpu.native.abi import DTYPES
from tcore_cpu.programs.draft import Draft
from tcore_cpu.programs.drafting import draft_regions
from tcore_cpu.programs.linking import constant_value
from tcore_cpu.programs.native_steps import native_steps
from tcore_cpu.programs.regions import Region, split
from tcore_cpu.runtime.lapack import LETTERS
from tcore_cpu.runtime.slots import is_array
from tcore_cpu.runtime.wanted import calls_lapack, wants_lapack
from tcore_cpu.user_code.methods import has_c_code

if TYPE_CHECKING:
    from tcore_cpu.programs.program import NativeStep

__all__ = ["Exported", "Kind", "Part", "Value", "collect"]

_SHOWN = 12


@frozen(eq=False)
class Value:
    """An input, a state, an output or a constant.

    Attributes
    ----------
    name : str
        Empty where there is none.
    number : int
        That of its value in :attr:`Exported.kinds`; of a constant of a program, its slot there.
    dtype : str
    length_one : tuple of bool
        By axis: whether it always has length 1.
    data : array or None
        The default of an input, the first value of a state, the value of a constant.
    """

    name: str
    number: int
    dtype: str
    length_one: tuple[bool, ...]
    data: Any = None


@frozen(eq=False)
class Part:
    """A program of the function, or a choice between the values of two branches.

    Attributes
    ----------
    draft : Draft or None
        None for a choice.
    reads, writes : sequence of (number of a value, slot)
        Those that a choice reads are the condition, the values of one branch, and those of the other.
    constants : sequence of Value
    """

    draft: Draft | None
    reads: Sequence[tuple[int, int]]
    writes: Sequence[tuple[int, int]]
    constants: Sequence[Value] = ()


@frozen(eq=False)
class Kind:
    """What a value is: dimensions, dtype, how many parts and results read it, the number of the part that makes it or -1."""

    ndim: int
    dtype: str
    readers: int
    maker: int


@frozen(eq=False)
class Exported:
    """A function that can stand alone.

    Attributes
    ----------
    parts : sequence of Part
    kinds : sequence of Kind
        By number of a value.
    units : sequence of Unit
        Its kernels.
    inputs, states, outputs : sequence of Value
    constants : sequence of Value
        Those that are outputs or may be chosen.
    updates : sequence of (number of a value, number of a state)
        Stored after a call.
    routines : tuple of str
        What it needs of BLAS and LAPACK.
    returns : str or list of str
        ``single``, ``list``, ``none``, or the keys of a dict.
    """

    parts: Sequence[Part]
    kinds: Sequence[Kind]
    units: Sequence[Unit]
    inputs: Sequence[Value]
    states: Sequence[Value]
    outputs: Sequence[Value]
    constants: Sequence[Value]
    updates: Sequence[tuple[int, int]]
    routines: tuple[str, ...]
    returns: str | list[str]


def collect(function: Any, fgraph: Any, order: Sequence[Any]) -> Exported:
    """The parts of a function.

    Raises
    ------
    ExportError
    """
    regions = _regions(function, fgraph, order)
    native: list[Any] = []
    # C code works on Python's objects: of an op that has kernels as well, a library has these
    drafts, units = draft_regions(fgraph, regions, _noting(native_steps(blas=True, lapack=wants_lapack(order)), native), c_code=False)
    _refuse(function, _needing_python(drafts, units))
    numbers: dict[Any, int] = {}

    def number(variable: Any) -> int:
        return numbers.setdefault(variable, len(numbers))

    inputs: list[Value] = []
    states: list[Value] = []
    stateful: dict[int, int] = {}  # position of an input -> number of the state that it is
    for position, variable in enumerate(fgraph.inputs):
        if function._plan.lasting[position]:
            stateful[position] = len(states)
            states.append(_state(function, position, number(variable)))
        else:
            inputs.append(_input(function, position, number(variable)))
    parts = [_part(region, draft, number) for region, draft in zip(regions, drafts, strict=True)]
    count = len(function.outputs)
    keys = function.output_keys
    names = keys or [output.variable.name or "" for output in function.outputs]
    outputs = [_value(name, number(v), v) for name, v in zip(names, fgraph.outputs[:count], strict=False)]
    updated = [(number(v), stateful[k]) for v, k in zip(fgraph.outputs[count:], function._plan.updated, strict=True)]
    constants = [_value("", k, v, constant_value(v, DTYPES[v.type.dtype])) for v, k in numbers.items() if isinstance(v, Constant)]
    returns: Any = "none" if function.return_none else "single" if function.unpack_single and count == 1 else keys or "list"
    results = [*(value.number for value in outputs), *(k for k, _ in updated)]
    return Exported(
        parts, _kinds(numbers, parts, results), units, inputs, states, outputs, constants, updated, _routines(native), returns
    )  # fmt: skip


def _regions(function: Any, fgraph: Any, order: Sequence[Any]) -> Sequence[Region]:
    """What is computed together; all of it, where nothing decides which of its inputs are computed."""
    found = [*_strangers(function, fgraph), *_deciding_in_python(order)]
    regions = split(order, fgraph.outputs, fgraph.orderings() if hasattr(fgraph, "orderings") else {})
    if regions is None:
        found.append("what is overwritten in place makes branches wait for each other: compile it with mode.excluding('inplace')")
    _refuse(function, found)
    return regions or ()


def _part(region: Region, draft: Draft | None, number: Callable[[Any], int]) -> Part:
    if draft is None:
        (node,) = region.nodes
        return Part(None, [(number(v), 0) for v in node.inputs], [(number(v), 0) for v in node.outputs])
    reads = [(number(v), slot) for v, (slot, *_) in zip(region.inputs, draft.inputs, strict=True)]
    writes = [(number(v), slot) for v, slot in zip(region.outputs, draft.outputs, strict=True)]
    constants = [_value("", slot, v, constant_value(v, draft.dtypes[slot])) for slot, v in draft.constants]
    return Part(draft, reads, writes, constants)


def _kinds(numbers: Mapping[Any, int], parts: Sequence[Part], results: Sequence[int]) -> list[Kind]:
    """What each value is, by number."""
    readers = Counter([*results, *(number for part in parts for number, _ in part.reads)])
    makers = {number: k for k, part in enumerate(parts) for number, _ in part.writes}
    return [Kind(len(_flags(v)), v.type.dtype, readers[k], makers.get(k, -1)) for v, k in numbers.items()]


def _flags(variable: Any) -> tuple[bool, ...]:
    return tuple(bool(flag) for flag in getattr(variable.type, "broadcastable", ()))


def _value(name: str, number: int, variable: Any, data: Any = None) -> Value:
    return Value(str(name), number, variable.type.dtype, _flags(variable), data)


def _name(function: Any, position: int) -> str:
    entry = function.indices[position]
    return entry.name or entry.origin.name or ""


def _input(function: Any, position: int, number: int) -> Value:
    entry = function.indices[position]
    required, _, value = function.defaults[position]
    default = None if required else np.asarray(entry.variable.type.filter(value))
    return _value(_name(function, position), number, entry.variable, default)


def _state(function: Any, position: int, number: int) -> Value:
    value = np.array(function.input_storage[position].storage[0], order="C")
    return _value(_name(function, position), number, function.indices[position].variable, value)


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


def _deciding_in_python(order: Sequence[Any]) -> list[str]:
    """Nodes whose Python code decides what is computed, and choices between values that are no arrays."""
    found = []
    for node in filter(is_lazy, order):
        if type(node.op) is not IfElse:
            found.append(f"{node}: it decides in Python which of its inputs are computed; ifelse can be exported")
        elif not all(is_array(v.type) for v in (*node.inputs, *node.outputs)):
            found.append(f"{node}: it chooses between values that are no arrays")
    return found


def _needing_python(drafts: Sequence[Draft | None], units: Sequence[Unit]) -> list[str]:
    """The nodes that need Python, each with the reason."""
    found = []
    programs = [draft for draft in drafts if draft is not None]
    for draft in programs:
        for step in draft.steps:
            if step.spare:
                continue
            reason = draft.reasons.get(step.node, "its op has no native form")
            if has_c_code(step.node):
                reason = "its op brings C code that works on Python's objects"
            found.append(f"{step.node}: {reason}")
    if not found and any(unit.cplusplus for unit in units):
        nodes = [node for draft in programs for kernel in draft.kernels for node in kernel.nodes if has_c_code(node)]
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
        letter = LETTERS.get(node.outputs[0].type.dtype)
        if letter is None:  # products of the runtime's own
            continue
        if name == "Dot":
            ndims = tuple(v.type.ndim for v in node.inputs)
            routines = (_OF_VECTORS[letter] if ndims == (1, 1) else "gemm" if ndims == (2, 2) else "gemv",)
        found.update(letter + (_OF_COMPLEX.get(routine, routine) if letter in ("c", "z") else routine) for routine in routines)
    return tuple(sorted(found))
