"""Copies of compiled functions that share the optimized graph's work, not its nodes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tcore.compile.aliasing import with_protected_inputs
from tcore.compile.io import In, SymbolicOutput
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, FunctionGraph, clone_get_equiv
from tcore.link import Container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcore.compile.function_module import Function

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
    fgraph, equiv = _copied_graph(maker.fgraph, count if delete_updates else None)
    inputs: list[In] = []
    for entry, variable in zip(maker.inputs, fgraph.inputs, strict=True):
        twin = copy.copy(entry)
        twin.variable = variable
        replacement = swap.get(entry.origin)
        if replacement is not None:
            twin.origin = replacement
            twin.name = replacement.name
            twin.value = replacement.container
        if delete_updates:
            twin.update = None
            twin.mutable = False
        inputs.append(twin)
    # what the source protects, the copy protects; what is not updated any more must stay as it is
    no_longer = [fgraph.inputs[position] for position in source._updated] if delete_updates else []
    protected = [
        variable
        for position, variable in enumerate(fgraph.inputs)
        if position not in source._destroyed or (delete_updates and position in source._updated)
    ]
    with_protected_inputs(fgraph, protected, no_longer)
    outputs = [
        SymbolicOutput(variable, entry.borrow) for variable, entry in zip(fgraph.outputs[:count], maker.outputs, strict=True)
    ]
    listed: Any = None if maker.return_none else outputs[0] if maker.unpack_single else outputs
    new_maker = type(maker)(
        inputs,
        listed,
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
    for entry, container in zip(inputs, source.input_storage, strict=True):
        if entry.origin in set(swap.values()):
            storage.append(entry.value)
        elif entry.shared or entry.implicit:
            storage.append(container)
        else:
            storage.append(copy.deepcopy(container.storage[0]))
    storage_map = _shared_cells(source, equiv) if share_memory else None
    made: Function = new_maker.create(storage, storage_map=storage_map)
    made.trust_input = source.trust_input
    if share_memory:
        made._busy = source._busy
    return made


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


def _copied_graph(fgraph: FunctionGraph, count: int | None) -> tuple[FunctionGraph, dict[Any, Any]]:
    """A copy of the graph, with its first ``count`` outputs only (None: with all), and the dict from old to new."""
    outputs = fgraph.outputs if count is None else fgraph.outputs[:count]
    equiv = clone_get_equiv(fgraph.inputs, outputs)
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
    """A copy whose shared variables are copies, too."""
    known = memo.get(id(source))
    if known is not None:
        return known  # type: ignore[no-any-return]
    twin = copy_function(source, False, None, False, source.name, None)
    maker = twin.maker
    storage: list[Any] = []
    for entry, container in zip(maker.inputs, source.input_storage, strict=True):
        duplicate: Container = copy.deepcopy(container, memo)
        if entry.shared:
            entry.value = duplicate
        storage.append(duplicate if entry.implicit else duplicate.storage[0])
    made: Function = maker.create(storage)
    memo[id(source)] = made
    return made
