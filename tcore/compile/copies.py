"""Copies of compiled functions that share the optimized graph's work, not its nodes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tcore.compile.aliasing import with_protected_inputs
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, FunctionGraph, clone_get_equiv
from tcore.link import Container

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tcore.compile.function_module import Function
    from tcore.compile.io import SymbolicOutput

__all__ = ["copy_function", "deepcopy_function"]


def copy_function(
    source: Function,
    share_memory: bool,
    swap: Mapping[Any, Any] | None,
    delete_updates: bool,
    name: str | None,
    profile: Any,
) -> Function:
    """See :meth:`Function.copy`."""
    maker = source.maker
    swap = _checked_swap(source, swap or {})
    count = len(maker.outputs)
    fgraph, equiv = _copied_graph(maker.fgraph, count if delete_updates else None, _exchanged(source, swap))
    inputs, outputs = _described(source, swap, delete_updates)
    if not delete_updates:
        _refuse_two_updates(inputs)
    # what the source protects, the copy protects; what is not updated any more must stay as it is
    no_longer = [fgraph.inputs[position] for position in source._plan.updated] if delete_updates else []
    protected = [
        variable
        for position, variable in enumerate(fgraph.inputs)
        if position not in source._plan.destroyed or (delete_updates and position in source._plan.updated)
    ]
    with_protected_inputs(fgraph, protected, no_longer)
    new_maker = type(maker)(
        inputs,
        None if maker.return_none else outputs[0] if maker.unpack_single else outputs,
        mode=maker.mode,
        accept_inplace=maker.accept_inplace,
        function_builder=maker.function_builder,
        profile=profile,
        on_unused_input="ignore",
        fgraph=fgraph,
        output_keys=maker.output_keys,
        name=name if name is not None else f"{source.name} copy" if source.name else None,
        updates_transactional=maker.updates_transactional,
    )
    new_maker.plugins = maker.plugins
    storage: list[Any] = []
    for position, (entry, container) in enumerate(zip(inputs, source.input_storage, strict=True)):
        if not source._plan.foreign[position]:
            storage.append(copy.deepcopy(container.storage[0]))
        elif source.indices[position].origin in swap:
            storage.append(entry.value)
        else:
            storage.append(container)
    storage_map = _shared_cells(source, equiv) if share_memory else None
    made: Function = new_maker.create(storage, storage_map=storage_map)
    made.trust_input = source.trust_input
    if share_memory:
        made._busy = source._busy
    return made


def _described(source: Function, swap: Mapping[Any, Any], delete_updates: bool) -> tuple[list[Any], list[SymbolicOutput]]:
    """Inputs and outputs for the maker of a copy: those of the source, on the graph as it was given."""
    maker = source.maker
    # clones: the replacement may be an input of the source already
    exchanged = {entry.variable: swap[entry.origin].clone() for entry in maker.inputs if entry.origin in swap}
    roots = [entry.variable for entry in maker.outputs] + [entry.update for entry in maker.inputs if entry.update is not None]
    # a graph of the copy's own only where it differs
    new = clone_get_equiv([], roots, copy_inputs=False, copy_orphans=False, memo=dict(exchanged)) if exchanged else {}
    inputs = []
    for entry in maker.inputs:
        twin = copy.copy(entry)
        if twin.origin in swap:
            twin.origin = replacement = swap[twin.origin]
            twin.variable = exchanged[entry.variable]
            twin.name = replacement.name
            twin.value = replacement.container
        twin.update = None if delete_updates else new.get(entry.update, entry.update)
        if delete_updates and entry.update is not None:
            twin.mutable = False
        inputs.append(twin)
    outputs = []
    for output in maker.outputs:
        outputs.append(other := copy.copy(output))
        other.variable = new.get(output.variable, output.variable)
    return inputs, outputs


def _exchanged(source: Function, swap: Mapping[Any, Any]) -> dict[Any, Any]:
    """Inputs of the optimized graph -> what stands for them in a copy: no copy holds a container that it does not use."""
    pairs = zip(source.maker.fgraph.inputs, source.maker.inputs, strict=True)
    return {variable: swap[entry.origin].clone() for variable, entry in pairs if entry.origin in swap}


def _refuse_two_updates(inputs: Iterable[Any]) -> None:
    seen: set[int] = set()
    for entry in inputs:
        if entry.update is None or not isinstance(entry.value, Container):
            continue
        if id(entry.value) in seen:
            raise ValueError(f"swap: the copy would update {entry.origin} twice. Swap one of the two, or give delete_updates=True.")
        seen.add(id(entry.value))


def _checked_swap(source: Function, swap: Mapping[Any, Any]) -> dict[SharedVariable, SharedVariable]:
    used = {entry.origin for entry in source.maker.inputs}
    for old, new in swap.items():
        if not isinstance(old, SharedVariable) or not isinstance(new, SharedVariable):
            raise AssertionError(f"swap exchanges shared variables, got {old!r}: {new!r}")  # noqa: TRY004 - documented
        if old.type != new.type:
            raise AssertionError(f"swap: {new} has type {new.type}, {old} has {old.type}; they must be the same")
        if old not in used:
            raise ValueError(f"swap: the function does not use {old}")
    return dict(swap)


def _copied_graph(
    fgraph: FunctionGraph, count: int | None, exchanged: dict[Any, Any]
) -> tuple[FunctionGraph, dict[Any, Any]]:
    """A copy of the graph, with its first ``count`` outputs only (None: with all), and the dict from old to new.

    ``exchanged`` gives the variables that stand for some of the inputs.
    """
    outputs = fgraph.outputs if count is None else fgraph.outputs[:count]
    equiv = clone_get_equiv(fgraph.inputs, outputs, memo=exchanged)
    copied = FunctionGraph(
        [equiv[variable] for variable in fgraph.inputs],
        [equiv[variable] for variable in outputs],
        clone=False,
        update_mapping=dict(fgraph.update_mapping or {}) if count is None else {},
    )
    for feature in fgraph.features:
        # features that order in-place ops look at the graph as it is: the order of the source is not lost
        copied.attach_feature(feature.clone() if hasattr(feature, "clone") else feature)
    return copied, equiv


def _shared_cells(source: Function, equiv: dict[Any, Any]) -> dict[Any, Any]:
    """Cells of the source's intermediate values, for the variables of the copied graph."""
    thunk: Any = source.fn
    own = {*source.maker.fgraph.inputs, *source.maker.fgraph.outputs}
    return {
        equiv[variable]: cell
        for variable, cell in thunk.storage_map.items()
        if variable in equiv and variable not in own and not isinstance(variable, Constant)
    }


def deepcopy_function(source: Function, memo: dict[int, Any]) -> Function:
    """A copy whose shared variables are copies, too: those that ``memo`` gives to everything else that is copied along."""
    own = {entry.origin: copy.deepcopy(entry.origin, memo) for entry in source.indices if isinstance(entry.origin, SharedVariable)}
    twin = copy_function(source, False, own, False, source.name, None)
    storage: list[Any] = []
    for position, (entry, container) in enumerate(zip(source.indices, source.input_storage, strict=True)):
        if entry.origin in own:
            storage.append(own[entry.origin].container)
        elif source._plan.foreign[position]:
            storage.append(copy.deepcopy(container, memo))
        else:
            storage.append(copy.deepcopy(container.storage[0], memo))
    made: Function = twin.maker.create(storage)
    made.trust_input = source.trust_input
    memo[id(source)] = made
    return made
