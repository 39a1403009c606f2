"""Optimizations under suspicion: the same steps each time, and replacements with the values of what they replace."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.compile.debugmode.errors import BadOptimization, StochasticOrder
from tcore.graph import Apply, Constant, Feature, FunctionGraph, Variable
from tcore.graph.debugprint import debugprint
from tcore.graph.features import Revert
from tcore.graph.op import performs
from tcore.graph.traversal import ancestors, io_toposort
from tcore.link.program import run_until_done

__all__ = ["RepeatedOptimizer", "Replacements", "agree", "shown"]


class _Steps(Feature):
    """Notes each change of a graph: by what rewrite, where, and what is there now."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def on_change_input(self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None) -> None:
        self.steps.append(f"{reason}: {node if isinstance(node, str) else node.op}[{i}] = {new_r}")


class Replacements(Feature):
    """Which variable was replaced by which, and why; checks at run time that both have the same value."""

    def __init__(self) -> None:
        # the reasons: there may be several, of which some are taken back
        self._pairs: dict[tuple[Variable, Variable], list[Any]] = {}

    def on_change_input(self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None) -> None:
        if isinstance(reason, Revert):
            reasons = self._pairs.get((new_r, r), [reason])  # what is taken back may be older than this feature
            reasons.pop()
        else:
            self._pairs.setdefault((r, new_r), []).append(reason)

    def check(self, fgraph: FunctionGraph, values: Sequence[Any]) -> None:
        """Compute all replaced and replacing variables from ``values`` of the graph's inputs, and compare each pair.

        Raises
        ------
        BadOptimization
            For a pair that differs where the replaced variable is finite: accurate forms may turn an infinity into a number.
        """
        pairs = {pair: reasons[0] for pair, reasons in self._pairs.items() if reasons}
        known = _computed(fgraph.inputs, values, [variable for pair in pairs for variable in pair])
        wrong = [(old, new) for old, new in pairs if old in known and new in known and not _agree(old, new, known[old], known[new])]
        if wrong:
            old, new = _first_cause(wrong)
            texts = [str(debugprint(variable, file="str")) for variable in (old, new)]
            raise BadOptimization(old, new, known[old], known[new], pairs[old, new], *texts)


def _first_cause(wrong: Sequence[tuple[Variable, Variable]]) -> tuple[Variable, Variable]:
    """The first pair whose replacement is not itself computed from what another pair put in wrongly."""
    replacing = {new for _, new in wrong}
    return next((pair for pair in wrong if replacing.isdisjoint(v for v in ancestors([pair[1]]) if v is not pair[1])), wrong[0])


def agree(old: Variable, new: Variable, value: Any, other: Any) -> bool:
    """Whether values of two variables are the same but for rounding: by the rule in a tag, where a rewrite or an op put one, or by the type."""
    rules = [getattr(v.tag, "values_eq_approx", None) for v in (new, old, shown(old)) if v.has_tag()]
    rule = next(filter(None, rules), old.type.values_eq_approx)
    return bool(rule(value, other))


def shown(variable: Variable) -> Variable:
    """The variable whose memory ``variable`` shows: itself, unless it is a view."""
    while variable.owner is not None and (sources := variable.owner.op.view_map.get(variable.index or 0)):
        variable = variable.owner.inputs[sources[0]]
    return variable


def _agree(old: Variable, new: Variable, value: Any, other: Any) -> bool:
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray) and value.dtype.kind in "fc" and value.shape == other.shape:
        finite = np.isfinite(value)
        if not finite.all():
            value, other = np.where(finite, value, 0), np.where(finite, other, 0).astype(value.dtype)
    return agree(old, new, value, other)


def _computed(inputs: Sequence[Variable], values: Sequence[Any], wanted: Sequence[Variable]) -> dict[Variable, Any]:
    """Values of ``wanted`` and all between, by ``perform`` on copies; what cannot be computed is left out."""
    known: dict[Variable, Any] = dict(zip(inputs, values, strict=True))
    known.update((each, each.data) for each in wanted if isinstance(each, Constant))
    for node in io_toposort(inputs, list(wanted)):
        known.update((each, each.data) for each in node.inputs if isinstance(each, Constant))
        if any(each not in known for each in node.inputs):
            continue
        try:
            known.update(zip(node.outputs, _performed(node, [known[each] for each in node.inputs]), strict=True))
        except Exception:  # noqa: S112 - the user's call reports it, if the function still computes this node
            continue
    return known


def _performed(node: Apply, values: Sequence[Any]) -> list[Any]:
    """Copies of all inputs: an op that changes one without saying so is found when it is run, not hidden here."""
    cells = {variable: [copy.deepcopy(value)] for variable, value in zip(node.inputs, values, strict=True)}
    cells.update((variable, [None]) for variable in node.outputs)
    flags = {variable: [int(variable not in node.outputs)] for variable in cells}
    thunk = node.op.make_thunk(node, cells, flags, [], impl="py" if performs(node.op) else None)
    run_until_done(thunk)
    return [cells[variable][0] for variable in node.outputs]


class RepeatedOptimizer:
    """The optimizer of the mode, run as often as the patience says: the steps must agree. The last run is watched."""

    def __init__(self, inner: Any, patience: int) -> None:
        self.inner = inner
        self.patience = patience

    def optimize(self, fgraph: FunctionGraph) -> Any:
        """Optimize ``fgraph``; first copies of it, which must all take the same steps.

        Raises
        ------
        StochasticOrder
        """
        first: list[str] | None = None
        for _ in range(self.patience if self.patience > 1 else 0):
            trial, _ = fgraph.clone_get_equiv(attach_feature=True)
            watch = _Steps()
            trial.attach_feature(watch)
            self.inner.optimize(trial)
            if first is not None and watch.steps != first:
                where = next(i for i, (a, b) in enumerate(zip([*watch.steps, ""], [*first, ""], strict=False)) if a != b)
                raise StochasticOrder(
                    f"optimizing the same graph twice took different steps: step {where} was {first[where : where + 1]}, then "
                    f"{watch.steps[where : where + 1]}. Rewrites must not depend on id(), hash() or the order of sets."
                )
            first = watch.steps
        fgraph.attach_feature(Replacements())
        return self.inner.optimize(fgraph)
