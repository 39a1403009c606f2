"""DebugMode: every op and every rewrite under suspicion.

Functions run node by node. Each node runs in Python and in C, over fresh memory and over memory of every kind that was asked
for; the results are compared with each other, the inputs before and after, the outputs with the inputs and with the type.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from tcore.compile.backends import current_backend, host_backend
from tcore.compile.basemode import Mode
from tcore.compile.debugmode.errors import BadDestroyMap, BadThunkOutput, BadViewMap, DebugModeError, InvalidValueError
from tcore.compile.debugmode.memory import kinds_of, offered
from tcore.compile.debugmode.rewriting import RepeatedOptimizer, Replacements, agree, shown
from tcore.configuration import config
from tcore.graph import Apply, FunctionGraph, NoParams, Op, Variable
from tcore.graph.debugprint import debugprint
from tcore.graph.op import performs
from tcore.graph.type import of_type
from tcore.link import LocalLinker, PerformLinker, WrapLinker
from tcore.link.program import run_until_done

__all__ = ["DebugMode"]


class DebugMode(Mode):
    """A mode that checks ops and optimizations while functions are compiled and run.

    Parameters
    ----------
    optimizer : as for :class:`Mode`
    stability_patience : int, optional
        How often to optimize; all must take the same steps.
    check_c_code, check_py_code : bool, optional
        Which implementations to run. C is that of the backend in use; without one there is only Python.
    check_isfinite : bool, optional
        Complain about NaN and infinities.
    check_preallocated_output : str, optional
        Kinds of output memory to run each node over, separated by colons: ``initial`` (what its cells hold), ``previous``
        (its last result), ``c_contiguous``, ``f_contiguous``, ``strided``, ``wrong_size``, or ``ALL``.
    require_matching_strides : int, optional
        0 ignores, 1 warns, 2 raises where Python and C give other strides.
    linker : ignored
        It has its own.

    None reads ``config.DebugMode``.

    Raises
    ------
    DebugModeError
        One of its subclasses, from ``function`` or from the call.
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

        def chosen(given: Any, flag: str) -> Any:
            return getattr(flags, flag) if given is None else given

        self.stability_patience: int = chosen(stability_patience, "patience")
        self.check_c_code: bool = chosen(check_c_code, "check_c")
        self.check_py_code: bool = chosen(check_py_code, "check_py")
        self.check_isfinite: bool = chosen(check_isfinite, "check_finite")
        self.check_preallocated_output: str = chosen(check_preallocated_output, "check_preallocated_output")
        self.require_matching_strides: int = chosen(require_matching_strides, "check_strides")
        self._kinds = kinds_of(self.check_preallocated_output)
        if not (self.check_c_code or self.check_py_code):
            raise ValueError("DebugMode has to check at least one of C and Python code")
        super().__init__(_CheckedLinker(self._linkers(), self._at_node), optimizer)

    def _linkers(self) -> list[LocalLinker]:
        """Python first: its cells are those of the function. Native code side by side, where there is some."""
        linkers: list[LocalLinker] = [PerformLinker(allow_gc=False)]
        backend = host_backend() if self.check_c_code and current_backend() is not None else None
        if backend is not None:
            linkers.append(backend.linker("c|py_nogc"))  # type: ignore[arg-type]
        return linkers

    def _variant(self, linker: Any, optimizer: Any) -> Self:
        return type(self)(
            optimizer, self.stability_patience, self.check_c_code, self.check_py_code, self.check_isfinite,
            self.check_preallocated_output, self.require_matching_strides,
        )  # fmt: skip

    def optimizer_for(self, fgraph: FunctionGraph) -> Any:
        """The optimizer, run several times, and watched."""
        inner = super().optimizer_for(fgraph)
        return RepeatedOptimizer(inner, self.stability_patience) if inner is not None else None

    # ------------------------------------------------------------ running

    def _at_node(self, i: int, node: Apply, *thunks: Any) -> None:
        cells = thunks[0]
        given = [cell[0] for cell in cells.inputs]
        initial = [copy.deepcopy(cell[0]) for cell in cells.outputs]
        before = [copy.deepcopy(value) for value in given]
        identity = _identity(node.op)
        implementations = list(self._implementations(node.op, thunks))
        name, thunk = implementations[0]
        _run(node, thunk, given, [None] * len(node.outputs))
        self._check_inputs(node, name, before, given)
        final = [cell[0] for cell in thunk.outputs]
        self._check_outputs(node, name, given, final)
        self._check_reuse(node, given, final)
        first = [copy.deepcopy(value) for value in final]
        for label, other in implementations:
            offers = [("new memory", [None] * len(first)), *offered(self._kinds, first, initial, config.DebugMode.check_preallocated_output_ndim)]
            for memory, outputs in offers:
                self._once_more(node, f"{label}, {memory}", other, before, outputs, first)
        self._check_op(node, identity)
        for cell, value in zip(cells.inputs, given, strict=True):
            cell[0] = value
        for cell, value in zip(cells.outputs, final, strict=True):
            cell[0] = value

    def _implementations(self, op: Any, thunks: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        native = [thunk for thunk in thunks[1:] if getattr(thunk, "native", False)]
        in_c_only = _perform_of(op) is not None and not performs(op) and not hasattr(op, "debug_perform")
        if not native or (self.check_py_code and not in_c_only):
            yield "perform", thunks[0]
        for thunk in native:
            yield "C", thunk

    def _once_more(
        self, node: Apply, how: str, thunk: Any, before: Sequence[Any], outputs: Sequence[Any], first: Sequence[Any]
    ) -> None:
        inputs = [copy.deepcopy(value) for value in before]
        _run(node, thunk, inputs, outputs)
        results = [cell[0] for cell in thunk.outputs]
        self._check_inputs(node, how, before, inputs)
        self._check_outputs(node, how, inputs, results)
        for variable, wanted, got in zip(node.outputs, first, results, strict=True):
            if not agree(variable, variable, wanted, got):
                raise BadThunkOutput(
                    f"{node.op} ({how}) gave {got} where it gave {wanted} before, for the same inputs {list(before)}\n{debugprint(node, file='str')}"
                )
            if how == "C, new memory":
                self._check_strides(node, wanted, got)

    # ------------------------------------------------------------ checks

    @staticmethod
    def _check_op(node: Apply, before: dict[str, Any]) -> None:
        """Ops are values: graphs, rewrites and compiled code rely on what they were when the graph was made."""
        after = _identity(node.op)
        if after != before:
            changes = [f"{name} from {before[name]!r} to {after[name]!r}" for name in before if before[name] != after[name]]
            raise DebugModeError(
                f"running {node.op} changed the op itself: {', '.join(changes)}. Keep what changes in inputs and outputs, or in attributes "
                f"that neither equality, hash nor results depend on\n{debugprint(node, file='str')}"
            )

    def _check_inputs(self, node: Apply, how: str, before: Sequence[Any], after: Sequence[Any]) -> None:
        destroyed = {position for positions in node.op.destroy_map.values() for position in positions}
        for position, (variable, old, new) in enumerate(zip(node.inputs, before, after, strict=True)):
            if position not in destroyed and not variable.type.values_eq(old, new):
                raise BadDestroyMap(
                    f"{node.op} ({how}) changed its input {position}, {variable}, from {old} to {new}, and its destroy_map "
                    f"{node.op.destroy_map} does not say so\n{debugprint(node, file='str')}"
                )

    def _check_outputs(self, node: Apply, how: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        for j, value in enumerate(outputs):
            self._check_value(node, how, node.outputs[j], value)
            if not isinstance(value, np.ndarray) or not value.size:
                continue
            declared = _declared(node, j)
            shares = of_type(node.outputs[j].type, "may_share_memory")
            for i, given in enumerate(inputs):
                if i not in declared and shares(value, given):
                    raise BadViewMap(
                        f"output {j} of {node.op} ({how}) shares memory with its input {i}, {node.inputs[i]}, and its view_map "
                        f"{node.op.view_map} does not say so\n{debugprint(node, file='str')}"
                    )
            for k in range(j):
                if not declared & _declared(node, k) and shares(value, outputs[k]):
                    raise BadViewMap(f"outputs {k} and {j} of {node.op} ({how}) share memory\n{debugprint(node, file='str')}")

    def _check_value(self, node: Apply, how: str, variable: Variable, value: Any) -> None:
        if not variable.type.is_valid_value(value):
            raise InvalidValueError(
                f"{variable} ({how}) has the value {value!r}, which {variable.type} does not allow: "
                f"{of_type(variable.type, 'value_validity_msg')(value)}\n{debugprint(node, file='str')}"
            )
        undefined = getattr(shown(variable).tag, "nan_guard_mode_check", True) is False
        if self.check_isfinite and not undefined and isinstance(value, np.ndarray) and value.dtype.kind in "fc" and not np.isfinite(value).all():
            raise InvalidValueError(
                f"{variable} ({how}) is not finite: {value!r}; check_isfinite=False allows it\n{debugprint(node, file='str')}"
            )

    @staticmethod
    def _check_reuse(node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Warn where an op says that it works in its input's memory and does not."""
        if not config.DebugMode.warn_input_not_reused:
            return
        views = {} if getattr(node.op, "copies_where_it_must", False) else node.op.view_map
        for name, table in (("destroy_map", node.op.destroy_map), ("view_map", views)):
            for j, positions in table.items():
                value = outputs[j]
                if not isinstance(value, np.ndarray) or not value.size or not positions:
                    continue
                # a value of another kind, such as a sparse matrix, knows its own memory
                if not any(of_type(node.inputs[i].type, "may_share_memory")(inputs[i], value) for i in positions):
                    warnings.warn(f"the {name} of {node.op} says that output {j} uses the memory of input {positions[0]}, but it did not", stacklevel=2)

    def _check_strides(self, node: Apply, one: Any, two: Any) -> None:
        if not self.require_matching_strides or getattr(one, "strides", None) == getattr(two, "strides", None):
            return
        text = f"{node.op} gave strides {one.strides} in Python and {two.strides} in C for the same inputs"
        if self.require_matching_strides > 1:
            raise DebugModeError(text)
        warnings.warn(text, stacklevel=2)


class _CheckedLinker(WrapLinker):
    """Compares what optimizations replaced with what they put in its place, before each run."""

    def pre(self, f: Any, inputs: Sequence[Any], order: Sequence[Apply], thunk_groups: Sequence[Any]) -> None:
        """The values are those of the call, which nothing has overwritten yet."""
        fgraph = self._accepted()
        for feature in fgraph.features:
            if isinstance(feature, Replacements):
                feature.check(fgraph, inputs)


def _identity(op: Any) -> dict[str, Any]:
    """What makes an op equal to others, by its own word; numbers and texts for the rest, so that they can be compared later."""
    found = {name: getattr(op, name, None) for name in getattr(op, "__props__", ())}
    try:
        number = hash(op)
    except TypeError:  # of an attribute that does not hash: merging will complain
        number = 0
    return {"hash": number, **{name: value if isinstance(value, (int, float, str, bytes, tuple)) else id(value) for name, value in found.items()}}


def _declared(node: Apply, output: int) -> set[int]:
    """The inputs whose memory an output may use."""
    return {*node.op.view_map.get(output, ()), *node.op.destroy_map.get(output, ())}


def _run(node: Apply, thunk: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Run an implementation on these values, over this memory.

    In Python that is ``debug_perform`` or ``perform`` itself: a thunk would empty the cells of what the function returns.
    """
    for cell, value in zip(thunk.inputs, inputs, strict=True):
        cell[0] = value
    for cell, value in zip(thunk.outputs, outputs, strict=True):
        cell[0] = value
    perform = None if getattr(thunk, "native", False) else _perform_of(node.op)
    if perform is not None:
        params = node.run_params()
        perform(node, list(inputs), thunk.outputs, *(() if params is NoParams else (params,)))
        return
    run_until_done(thunk)


def _perform_of(op: Any) -> Callable[..., None] | None:
    """What computes an op in Python; None for one that makes thunks of its own."""
    own: Callable[..., None] | None = getattr(op, "debug_perform", None)
    if own is not None:
        return own
    return op.perform if getattr(type(op), "make_thunk", None) is Op.make_thunk and "make_thunk" not in vars(op) else None
