"""Copies of graphs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tcore.graph.traversal import io_toposort
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["clone", "clone_get_equiv", "clone_replace"]


def clone(
    i: Sequence[Variable], o: Sequence[Variable], copy_inputs: bool = True, copy_orphans: bool | None = None
) -> tuple[list[Variable], list[Variable]]:
    """A copy of the graph between ``i`` and ``o``.

    Parameters
    ----------
    i, o : lists of Variable
    copy_inputs : bool
        Whether the copy gets inputs of its own.
    copy_orphans : bool, optional
        The same for variables that the graph needs and ``i`` does not have; constants outside ``i`` are among them.
        None follows ``copy_inputs``.

    Returns
    -------
    (list of Variable, list of Variable)
        The inputs and the outputs of the copy.
    """
    memo = clone_get_equiv(i, o, copy_inputs, copy_inputs if copy_orphans is None else copy_orphans)
    return [memo[variable] for variable in i], [memo[variable] for variable in o]


def clone_get_equiv(
    inputs: Iterable[Variable],
    outputs: Iterable[Variable],
    copy_inputs: bool = True,
    copy_orphans: bool = True,
    memo: dict[Any, Any] | None = None,
) -> dict[Any, Any]:
    """As :func:`clone`; gives a dict from each old variable and node to the new one.

    ``memo`` may hold some pairs already, which are taken as they are; it is filled and returned.
    """
    if memo is None:
        memo = {}
    inputs = list(inputs)
    outputs = list(outputs)
    for variable in inputs:
        if variable not in memo:
            memo[variable] = variable.clone() if copy_inputs else variable
    # what memo maps already is not entered again
    for node in io_toposort([v for v in memo if isinstance(v, Variable)], outputs):
        new_inputs = []
        for variable in node.inputs:
            copy = memo.get(variable)
            if copy is None:
                copy = memo[variable] = variable.clone() if copy_orphans else variable
            new_inputs.append(copy)
        copied = node._with_inputs(new_inputs)
        memo[node] = copied
        for old, new in zip(node.outputs, copied.outputs, strict=True):
            memo.setdefault(old, new)
    for variable in outputs:
        if variable not in memo:
            memo[variable] = variable.clone() if copy_orphans else variable
    return memo


def clone_replace(
    output: Any,
    replace: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None = None,
    strict: bool = True,
    share_inputs: bool = True,
    copy_inputs: bool | None = None,
) -> Any:
    """The graph of ``output`` with some variables replaced by others; ``tcore.clone``.

    Parameters
    ----------
    output : Variable or sequence of Variable
    replace : dict, or iterable of pairs
        Variable -> what stands for it. Replacements are used as they are: what is replaced inside them stays.
    strict : bool
        True wants replacements of the same type, up to conversions that lose nothing; False rebuilds the nodes above
        a replacement of another type with ``make_node``.
    share_inputs : bool
        False gives the copy leaves of its own; those of shared variables still have the same values.
    copy_inputs : bool, optional
        The old name of ``share_inputs``.

    Returns
    -------
    Variable, or list of Variable
        As ``output``. Parts that depend on no replacement are shared with the old graph where ``share_inputs`` is True.
    """
    if copy_inputs is not None:
        warnings.warn("the argument copy_inputs of clone is called share_inputs now", DeprecationWarning, stacklevel=2)
        share_inputs = copy_inputs
    single = isinstance(output, Variable)
    outputs: list[Variable] = [output] if single else list(output)
    if replace is None:
        pairs: list[tuple[Variable, Any]] = []
    else:
        pairs = list(replace.items()) if hasattr(replace, "items") else list(replace)
    memo: dict[Variable, Variable] = {}
    for old, new in pairs:
        if not isinstance(old, Variable):
            raise TypeError(f"only variables can be replaced, got {old!r}")
        if strict:
            try:
                memo[old] = of_type(old.type, "filter_variable")(new)
            except TypeError as error:
                raise TypeError(f"cannot put {new} in the place of {old} of type {old.type}: {error}") from error
        else:
            memo[old] = new if isinstance(new, Variable) else of_type(old.type, "filter_variable")(new)
    fixed = list(memo)
    for node in io_toposort(fixed, outputs):
        new_inputs = []
        changed = False
        for variable in node.inputs:
            copy = memo.get(variable)
            if copy is None:
                copy = memo[variable] = variable if share_inputs or isinstance(variable, Constant) else variable.clone()
            changed = changed or copy is not variable
            new_inputs.append(copy)
        copied = node.clone_with_new_inputs(new_inputs, strict=strict) if changed or not share_inputs else node
        for old, new in zip(node.outputs, copied.outputs, strict=True):
            memo.setdefault(old, new)
    result = []
    for variable in outputs:
        copy = memo.get(variable)
        if copy is None:
            copy = memo[variable] = variable if share_inputs else variable.clone()
        result.append(copy)
    return result[0] if single else result
