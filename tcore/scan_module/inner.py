"""The graph of one step: its types, its hash, and the function that computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.compile.function import function
from tcore.compile.mode import get_mode
from tcore.configuration import config
from tcore.graph import Constant, Variable, clone, io_toposort
from tcore.scan_module.shapes import inner_lengths
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["compiled_step", "graph_codes", "is_float", "measuring_function", "row_type", "unfit_type"]


def is_float(variable: Variable) -> bool:
    """Whether gradients flow through the values of ``variable``: real and complex numbers of a dtype."""
    return str(getattr(variable.type, "dtype", "")).startswith(("float", "complex"))


def row_type(variable: Variable) -> Any:
    """The type of a row of ``variable``."""
    kind = variable.type
    if isinstance(kind, TensorType):
        return TensorType(kind.dtype, kind.broadcastable[1:])
    return variable[0].type


def unfit_type(what: str, outers: Sequence[Variable], inners: Sequence[Sequence[Variable]], lead: int) -> Iterator[str]:
    """What is wrong with the types of inner variables that stand for outer ones, or, with ``lead``, for rows of them."""
    for position, (outer, group) in enumerate(zip(outers, inners, strict=True)):
        if lead and getattr(outer.type, "ndim", 1) == 0:
            yield f"{what} {position}, {outer} of type {outer.type}, has no rows"
            continue
        wanted = row_type(outer) if lead else outer.type
        for inner in group:
            if inner.type != wanted:
                yield f"{what} {position}, {outer} of type {outer.type}, has {inner.type} inside, where {wanted} is needed"


def graph_codes(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[int]:
    """A number for each output: equal for those that do the same computation, in the sense of :func:`tcore.graph.equal_computations`."""
    codes: dict[Variable, int] = {}
    for position, variable in enumerate(inputs):
        codes.setdefault(variable, hash(("input", position, variable.type)))

    def code(variable: Variable) -> int:
        known = codes.get(variable)
        if known is None:
            known = codes[variable] = hash(variable.signature() if isinstance(variable, Constant) else variable)
        return known

    for node in io_toposort(inputs, outputs):
        try:
            op = hash(node.op)
        except TypeError:  # compared by equality alone
            op = hash(type(node.op))
        inner = hash((op, *map(code, node.inputs)))
        for index, output in enumerate(node.outputs):
            codes.setdefault(output, hash((inner, index)))
    return list(map(code, outputs))


def compiled_step(op: Any) -> Any:
    """The inner function of a loop, compiled as its options say. It takes its arguments as they are and hands out fresh values."""
    inputs, outputs = clone(op.inner_inputs, op.inner_outputs)
    options = op.options
    allow_gc = config.scan.allow_gc if options.allow_gc is None else options.allow_gc
    mode = get_mode(options.mode if options.mode is not None else options.function_mode)
    if mode.linker.allow_gc != allow_gc:
        mode = mode.clone(link_kwargs={"allow_gc": allow_gc})
    name = options.name or "scan_fn"
    fn = function(
        inputs,
        outputs,
        mode=mode,
        on_unused_input="ignore",
        name=name,
        profile=_profile(options.profile, name),
    )
    fn.trust_input = True
    return fn


def measuring_function(op: Any) -> Any:
    """From the inner inputs to the lengths of the rows of nitsots, one after the other, as far as they follow without computing the values."""
    inputs, lengths = inner_lengths(op.inner_inputs, op.layout.inner_outputs(op.inner_outputs).nitsots)
    return function(inputs, [length for row in lengths for length in row], mode="FAST_COMPILE", on_unused_input="ignore")


def _profile(wanted: Any, name: str) -> Any:
    """What the times of the steps are collected in: named after the loop, or as the text says; False where nobody asks."""
    if not wanted:
        return None if config.profile else False
    from tcore.compile.profiling import ProfileStats  # loaded where something is measured

    return ProfileStats(message=wanted if isinstance(wanted, str) else name)
