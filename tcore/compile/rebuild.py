"""The graph that a function compiles: replacements made, updates and shared variables collected."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from tcore.compile.io import In
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, Variable, io_toposort
from tcore.graph.type import of_type
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tcore.compile.io import SymbolicInput

__all__ = ["Rebuilt", "as_pairs", "missing_or_unused", "rebuild"]


@define
class Rebuilt:
    """What :func:`rebuild` gives.

    Attributes
    ----------
    inputs : list of In
        Copies of the given ones, then one implicit input for each shared variable that the graph needs; their
        ``variable`` and ``update`` belong to the rebuilt graph.
    outputs : list of Variable
    """

    inputs: list[In]
    outputs: list[Variable]


def as_pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """``given`` (dict, or iterable of pairs) as a list of pairs.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if given is None:
        return []
    if hasattr(given, "items"):
        return list(given.items())
    if isinstance(given, Variable) or not hasattr(given, "__iter__"):
        raise TypeError(f"{what} is a dict or a list of pairs, got {given!r}")
    pairs = []
    for entry in given:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise TypeError(f"{what} is a dict or a list of pairs, found {entry!r} in it")
        pairs.append((entry[0], entry[1]))
    return pairs


class _Copier:
    """Copies graphs with some variables replaced; what was copied once is used again."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.memo: dict[Variable, Variable] = {}
        self.replaced: set[Variable] = set()

    def replace(self, old: Variable, new: Any) -> None:
        if not isinstance(old, Variable):
            raise TypeError(f"givens replace variables, got {old!r}")
        if old in self.replaced:
            raise ValueError(f"{old} is replaced twice in givens")
        if self.strict or not isinstance(new, Variable):
            try:
                new = of_type(old.type, "filter_variable")(new)
            except TypeError as error:
                raise TypeError(
                    f"givens: {new} cannot stand for {old}: the types differ"
                    f" ({getattr(new, 'type', type(new).__name__)} for {old.type}). Convert it, or give rebuild_strict=False "
                    f"to let the types of what depends on it change. ({error})"
                ) from error
        self.memo[old] = new
        self.replaced.add(old)

    def copy(self, outputs: Sequence[Variable]) -> list[Variable]:
        """``outputs``, rebuilt where they depend on something replaced, the same variables elsewhere."""
        memo = self.memo
        if not memo:
            return list(outputs)
        for node in io_toposort(list(memo), outputs):
            new_inputs = [memo.get(variable, variable) for variable in node.inputs]
            if all(new is old for new, old in zip(new_inputs, node.inputs, strict=True)):
                continue
            copied = node.clone_with_new_inputs(new_inputs, strict=self.strict)
            for old, new in zip(node.outputs, copied.outputs, strict=True):
                memo.setdefault(old, new)
        return [memo.get(variable, variable) for variable in outputs]


def _shared_leaves(outputs: Iterable[Variable], stop: Iterable[Variable]) -> list[SharedVariable]:
    """The shared variables that ``outputs`` need, in order of first use, without walking past ``stop``."""
    outputs = list(outputs)
    found: dict[SharedVariable, None] = {}
    stopped = set(stop)
    for variable in outputs:
        if isinstance(variable, SharedVariable):
            found[variable] = None
    for node in io_toposort(stopped, outputs):
        for variable in node.inputs:
            if isinstance(variable, SharedVariable):
                found[variable] = None
    return list(found)


def rebuild(
    inputs: Sequence[In],
    outputs: Sequence[Variable],
    updates: Iterable[tuple[Any, Any]] = (),
    givens: Iterable[tuple[Any, Any]] = (),
    no_default_updates: bool | Collection[Any] = False,
    strict: bool = True,
) -> Rebuilt:
    """Make the replacements of ``givens`` and collect the shared variables and the updates.

    The users' graph stays as it is.

    Parameters
    ----------
    inputs : list of In
    outputs : list of Variable
    updates, givens : pairs
    no_default_updates : bool or collection of SharedVariable
        True ignores all default updates, a collection those of its members.
    strict : bool
        Whether a given must have the type of what it replaces.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As :func:`tcore.function` documents.
    """
    copier = _Copier(strict)
    variables = []
    for entry in inputs:
        variable = entry.variable
        if variable.owner is not None:  # the argument stands for it; how the graph would compute it does not matter
            copier.memo[variable] = leaf = variable.clone()
            variable = leaf
        variables.append(variable)
    own = {entry.variable for entry in inputs}
    for old, new in givens:
        if old in own:
            raise RuntimeError(
                f"{old} stands among the inputs and in givens: its value cannot come from both. Drop one of the two."
            )
        copier.replace(old, new)

    wanted = _collect_updates(updates)
    skip = set() if isinstance(no_default_updates, bool) else set(no_default_updates)
    use_defaults = no_default_updates is not True

    # what is updated (SharedVariable or position of an input) -> expression
    updated: dict[Any, Variable] = {position: entry.update for position, entry in enumerate(inputs) if entry.update is not None}
    updated.update(wanted)
    # one walk for all: updates share most of their graph
    rebuilt = copier.copy([*outputs, *updated.values()])
    rebuilt_outputs = rebuilt[: len(outputs)]
    expressions: dict[Any, Variable] = dict(zip(updated, rebuilt[len(outputs) :], strict=True))

    shared: dict[SharedVariable, None] = {}
    fresh: list[Variable] = [*rebuilt_outputs, *expressions.values()]
    for target in wanted:
        shared[target] = None
    pending = list(shared)
    while fresh or pending:
        for variable in [*pending, *_shared_leaves(fresh, variables)]:
            shared[variable] = None
        fresh, pending = [], []
        defaults = {
            variable: _filter_update(variable, variable.default_update)
            for variable in shared
            if use_defaults and variable not in expressions and variable not in skip and variable.default_update is not None
        }
        fresh.extend(copier.copy(list(defaults.values())))
        expressions.update(zip(defaults, fresh, strict=True))

    result = Rebuilt([], rebuilt_outputs)
    for position, (entry, variable) in enumerate(zip(inputs, variables, strict=True)):
        twin = copy(entry)
        twin.variable = variable
        twin.update = expressions.get(position)
        result.inputs.append(twin)
    for variable in shared:
        entry = In(
            variable, value=variable.container, mutable=variable in expressions, borrow=True, implicit=True, shared=True, shape=variable.fixed_shape
        )
        entry.update = expressions.get(variable)
        result.inputs.append(entry)
    _put_promises(result)
    return result


def _put_promises(rebuilt: Rebuilt) -> None:
    """Put the shapes that inputs promise into the graph, where optimizations find them and a run checks them."""
    promising = [entry for entry in rebuilt.inputs if entry.shape is not None]
    if not promising:
        return
    copier = _Copier(strict=True)
    copier.memo.update({entry.variable: _promised(entry.variable, entry) for entry in promising})
    updates = {entry: entry.update for entry in rebuilt.inputs if entry.update is not None}
    roots = copier.copy([*rebuilt.outputs, *updates.values()])
    rebuilt.outputs = roots[: len(rebuilt.outputs)]
    for entry, update in zip(updates, roots[len(rebuilt.outputs) :], strict=True):
        entry.update = update if entry.shape is None else _promised(update, entry)


def _promised(variable: Any, entry: In) -> Variable:
    return variable.specify_shape(entry.shape)  # type: ignore[no-any-return]


def _collect_updates(updates: Iterable[tuple[Any, Any]]) -> dict[SharedVariable, Variable]:
    wanted: dict[SharedVariable, Variable] = {}
    for target, update in updates:
        if not isinstance(target, SharedVariable):
            raise TypeError(
                f"updates store values into shared variables, got {target!r}, of {type(target).__name__}; make it with shared()"
            )
        if target in wanted:
            raise ValueError(f"{target} has two updates: {wanted[target]} and {update}. Keep one of them.")
        wanted[target] = _filter_update(target, update)
    return wanted


def _filter_update(target: SharedVariable, update: Any) -> Variable:
    try:
        return target.filter_update(update)
    except TypeError as error:
        have = getattr(update, "type", type(update).__name__)
        raise TypeError(
            f"the update of the shared variable {target} has type {have}, but {target} is {target.type}: the value must keep "
            f"its type. Convert the update with astype, dimshuffle or patternbroadcast. ({error})"
        ) from error


def missing_or_unused(inputs: Sequence[SymbolicInput], roots: Sequence[Variable]) -> tuple[list[Variable], list[SymbolicInput]]:
    """Leaves that ``roots`` need and nobody gives, and inputs that ``roots`` do not need."""
    given = {entry.variable for entry in inputs}
    used: set[Variable] = {variable for variable in roots if variable in given}
    missing: dict[Variable, None] = {
        v: None for v in roots if v.owner is None and v not in given and not isinstance(v, Constant)
    }
    for node in io_toposort(given, roots):
        for variable in node.inputs:
            if variable in given:
                used.add(variable)
            elif variable.owner is None and not isinstance(variable, Constant):
                missing[variable] = None
    return list(missing), [entry for entry in inputs if entry.variable not in used]

