"""DebugMode: every op and every rewrite under suspicion.

Functions run node by node. Each node is run twice on the same inputs; its inputs are compared before and after, its outputs
with its inputs and with the type. The graph is optimized several times and the steps compared.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tcore.compile.basemode import Mode
from tcore.configuration import config
from tcore.graph import Apply, BadOptimization, DebugModeError, Feature, FunctionGraph, NoParams, Variable
from tcore.graph.debugprint import debugprint
from tcore.graph.type import of_type
from tcore.link import PerformLinker, WrapLinker

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BadDestroyMap",
    "BadOptimization",
    "BadThunkOutput",
    "BadViewMap",
    "DebugMode",
    "DebugModeError",
    "InvalidValueError",
    "StochasticOrder",
]


class BadThunkOutput(DebugModeError):
    """An op gave different results for the same inputs."""


class BadDestroyMap(DebugModeError):
    """An op changed an input that its ``destroy_map`` does not list."""


class BadViewMap(DebugModeError):
    """An output shares memory with an input, or two outputs with each other, and ``view_map`` does not say so."""


class StochasticOrder(DebugModeError):
    """Optimizing the same graph twice took different steps."""


class InvalidValueError(DebugModeError):
    """An output is no value of its type, or not finite."""


class _Steps(Feature):
    """Notes each change of a graph, and by what rewrite."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        self.steps.append(f"{reason}: {node if isinstance(node, str) else node.op}[{i}]")


class _Optimizer:
    """The optimizer of the mode, run as often as the patience says; the steps must agree."""

    def __init__(self, inner: Any, patience: int) -> None:
        self.inner = inner
        self.patience = patience

    def optimize(self, fgraph: FunctionGraph) -> None:
        """Optimize ``fgraph``; first copies of it, which must all take the same steps."""
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
        self.inner.optimize(fgraph)


class DebugMode(Mode):
    """A mode that checks ops and optimizations while functions are compiled and run.

    Parameters
    ----------
    optimizer : as for :class:`Mode`
    stability_patience : int, optional
        How often to optimize; all must take the same steps.
    check_c_code, check_py_code : bool, optional
        Which implementations to run; native ones are run by the tests of the backend that has them.
    check_isfinite : bool, optional
        Complain about NaN and infinities.
    check_preallocated_output : str, optional
        ``"initial"`` runs each node once more over memory that holds an earlier result.
    require_matching_strides : int, optional
        0 ignores, 1 warns, 2 raises where two runs give other strides.
    linker : ignored
        It has its own.

    None reads ``config.DebugMode``.
    """

    def __init__(
        self,
        optimizer: Any = "fast_run",
        stability_patience: int | None = None,
        check_c_code: bool | None = None,
        check_py_code: bool | None = None,
        check_isfinite: bool | None = None,
        check_preallocated_output: str | None = None,
        require_matching_strides: int | None = None,
        linker: Any = None,
    ) -> None:
        flags = config.DebugMode
        self.stability_patience = flags.patience if stability_patience is None else stability_patience
        self.check_c_code = flags.check_c if check_c_code is None else check_c_code
        self.check_py_code = flags.check_py if check_py_code is None else check_py_code
        self.check_isfinite = flags.check_finite if check_isfinite is None else check_isfinite
        self.check_preallocated_output = (
            flags.check_preallocated_output if check_preallocated_output is None else check_preallocated_output
        )
        self.require_matching_strides = flags.check_strides if require_matching_strides is None else require_matching_strides
        if not (self.check_c_code or self.check_py_code):
            raise ValueError("DebugMode has to check at least one of C and Python code")
        super().__init__(WrapLinker([PerformLinker(allow_gc=False)], self._at_node), optimizer)

    def _variant(self, linker: Any, optimizer: Any) -> Self:
        return type(self)(
            optimizer, self.stability_patience, self.check_c_code, self.check_py_code, self.check_isfinite,
            self.check_preallocated_output, self.require_matching_strides,
        )  # fmt: skip

    def optimizer_for(self, fgraph: FunctionGraph) -> Any:
        """The optimizer, run several times."""
        inner = super().optimizer_for(fgraph)
        return _Optimizer(inner, self.stability_patience) if inner is not None else None

    # ------------------------------------------------------------ running

    def _at_node(self, i: int, node: Apply, *thunks: Any) -> None:
        (thunk,) = thunks
        given = [cell[0] for cell in thunk.inputs]
        before = [copy.deepcopy(value) for value in given]
        _run(node, thunk)
        first = [copy.deepcopy(cell[0]) for cell in thunk.outputs]
        self._check_inputs(node, before, given)
        self._check_aliases(node, given, [cell[0] for cell in thunk.outputs])
        for variable, value in zip(node.outputs, first, strict=True):
            self._check_value(node, variable, value)
        # once more, over the first result or over nothing, on inputs as they were
        final = [cell[0] for cell in thunk.outputs]
        for cell, value in zip(thunk.inputs, before, strict=True):
            cell[0] = copy.deepcopy(value)
        for cell in thunk.outputs:
            cell[0] = copy.deepcopy(cell[0]) if "initial" in self.check_preallocated_output else None
        _run(node, thunk)
        for variable, one, cell in zip(node.outputs, first, thunk.outputs, strict=True):
            if not variable.type.values_eq_approx(one, cell[0]):
                raise BadThunkOutput(
                    f"{node.op} gave {one} and then {cell[0]} for the same inputs {before}\n{debugprint(node, file='str')}"
                )
            self._check_strides(node, one, cell[0])
        for cell, value in zip(thunk.inputs, given, strict=True):
            cell[0] = value
        for cell, value in zip(thunk.outputs, final, strict=True):
            cell[0] = value

    def _check_inputs(self, node: Apply, before: list[Any], after: list[Any]) -> None:
        destroyed = {position for positions in node.op.destroy_map.values() for position in positions}
        for position, (variable, old, new) in enumerate(zip(node.inputs, before, after, strict=True)):
            if position not in destroyed and not variable.type.values_eq(old, new):
                raise BadDestroyMap(
                    f"{node.op} changed its input {position}, {variable}, from {old} to {new}, and its destroy_map "
                    f"{node.op.destroy_map} does not say so\n{debugprint(node, file='str')}"
                )

    def _check_aliases(self, node: Apply, inputs: list[Any], outputs: list[Any]) -> None:
        for j, value in enumerate(outputs):
            declared = {*_listed(node.op.view_map, j), *_listed(node.op.destroy_map, j)}
            kind = node.outputs[j].type
            for i, given in enumerate(inputs):
                if i not in declared and isinstance(value, np.ndarray) and value.size and of_type(kind, "may_share_memory")(value, given):
                    raise BadViewMap(
                        f"output {j} of {node.op} shares memory with its input {i}, {node.inputs[i]}, and its view_map "
                        f"{node.op.view_map} does not say so\n{debugprint(node, file='str')}"
                    )
            for k in range(j):
                other = {*_listed(node.op.view_map, k), *_listed(node.op.destroy_map, k)}
                if not declared & other and isinstance(value, np.ndarray) and of_type(kind, "may_share_memory")(value, outputs[k]):
                    raise BadViewMap(f"outputs {k} and {j} of {node.op} share memory\n{debugprint(node, file='str')}")

    def _check_value(self, node: Apply, variable: Variable, value: Any) -> None:
        if not variable.type.is_valid_value(value):
            raise InvalidValueError(
                f"{variable} has the value {value!r}, which {variable.type} does not allow: "
                f"{of_type(variable.type, 'value_validity_msg')(value)}\n{debugprint(node, file='str')}"
            )
        if self.check_isfinite and isinstance(value, np.ndarray) and value.dtype.kind in "fc" and not np.isfinite(value).all():
            raise InvalidValueError(
                f"{variable} is not finite: {value!r}; check_isfinite=False allows it\n{debugprint(node, file='str')}"
            )

    def _check_strides(self, node: Apply, one: Any, two: Any) -> None:
        if not self.require_matching_strides or getattr(one, "strides", None) == getattr(two, "strides", None):
            return
        text = f"{node.op} gave strides {one.strides} and then {two.strides} for the same inputs"
        if self.require_matching_strides > 1:
            raise DebugModeError(text)
        import warnings

        warnings.warn(text, stacklevel=2)


def _run(node: Apply, thunk: Any) -> None:
    """Compute the outputs of ``node``: with its op's ``debug_perform``, where it has one."""
    perform = getattr(node.op, "debug_perform", None)
    if perform is not None:
        params = node.run_params()
        perform(node, [cell[0] for cell in thunk.inputs], thunk.outputs, *(() if params is NoParams else (params,)))
        return
    while thunk() and getattr(thunk, "lazy", False):
        pass


def _listed(table: dict[int, list[int]], index: int) -> Iterable[int]:
    return table.get(index, ())
