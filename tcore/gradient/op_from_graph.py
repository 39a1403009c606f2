"""``OpFromGraph``: an op that a program makes of a graph while it runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from attrs import field, validators

from tcore.compile.function import function
from tcore.compile.sharedvalue import SharedVariable
from tcore.gradient.connection import is_disconnected, is_null
from tcore.gradient.forward import Rop
from tcore.gradient.reverse import graph_gradients
from tcore.graph import Apply, Constant, Op, Variable, as_variable, clone_get_equiv, clone_replace, io_toposort
from tcore.graph.null_type import disconnected_type
from tcore.graph.op import ops_with_inner_function
from tcore.graph.traversal import io_connection_pattern
from tcore.records import frozen
from tcore.tensor.shape import shape_i
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OpFromGraph"]

_DEFAULT = "default"


def _listed(value: Any) -> tuple[Variable, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"OpFromGraph takes lists of variables, got {value!r}")
    for variable in value:
        if not isinstance(variable, Variable):
            raise TypeError(f"OpFromGraph takes variables as inputs and outputs, got {variable!r}")
    return tuple(value)


@frozen(eq=False, repr=False, slots=False)
class OpFromGraph(Op):
    """The graph between ``inputs`` and ``outputs`` as one op, to be applied to other variables.

    Shared variables that the graph uses become inputs of each node by themselves. Each op is equal to itself alone.

    Parameters
    ----------
    inputs, outputs : list of Variable
        The graph is copied: later changes have no effect on the op.
    inline : bool
        Put the graph in the place of each node before anything else is optimized. Otherwise the graph is compiled as a
        function of its own, in which nothing is optimized together with what is around it.
    lop_overrides : "default", callable, or list
        What the gradient is: ``f(inputs, outputs, output_grads)`` gives one for each input; in a list, each entry is for one
        input: ``"default"``, such a function that gives one gradient, or None where there is no connection.
    grad_overrides : "default", callable, or list
        The same with functions ``f(inputs, output_grads)``. Only one of the two may be given.
    rop_overrides : "default", callable, or list
        ``f(inputs, eval_points)`` gives a derivative for each output; in a list each entry is for one output.
    connection_pattern : list of lists of bool, optional
        For each input, whether each output is connected to it; that of the graph by default.
    name : str, optional
        Shown in printed graphs.
    function_options : dict
        The constructor takes them as further keywords: how the function is compiled (``mode``, ``profile``, …).

    Raises
    ------
    TypeError
        For what is no list of variables, an input that is a constant or a shared variable, ``updates`` or ``givens``.
    ValueError
        If the graph needs a variable that is neither an input nor shared, or both kinds of overrides are given.
    """

    inputs: tuple[Variable, ...] = field(converter=_listed)
    outputs: tuple[Variable, ...] = field(converter=_listed)
    inline: bool = False
    lop_overrides: Any = _DEFAULT
    grad_overrides: Any = _DEFAULT
    rop_overrides: Any = _DEFAULT
    pattern: Any = None
    name: str | None = field(default=None, validator=validators.optional(validators.instance_of(str)))
    function_options: dict[str, Any] = field(factory=dict)
    shared_inputs: tuple[Variable, ...] = ()

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        inline: bool = False,
        lop_overrides: Any = _DEFAULT,
        grad_overrides: Any = _DEFAULT,
        rop_overrides: Any = _DEFAULT,
        connection_pattern: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given, wanted = _listed(inputs), _listed(outputs)
        for key in ("updates", "givens"):
            if key in kwargs:
                raise TypeError(f"OpFromGraph takes no {key}: put them into the function around it")
        if _DEFAULT not in (lop_overrides, grad_overrides):
            raise ValueError("OpFromGraph takes lop_overrides or grad_overrides, not both")
        for variable in given:
            if isinstance(variable, (Constant, SharedVariable)):
                raise TypeError(f"an input of OpFromGraph cannot be a constant or a shared variable, got {variable}; shared variables of the graph are found")
        shared = _shared_leaves(given, wanted)
        memo: dict[Any, Any] = {variable: variable.type.make_variable(variable.name) for variable in (*given, *shared)}
        local_inputs = tuple(memo[variable] for variable in (*given, *shared))
        clone_get_equiv([], wanted, copy_inputs=False, copy_orphans=True, memo=memo)
        self.__attrs_init__(  # type: ignore[attr-defined]
            local_inputs, tuple(memo[variable] for variable in wanted), bool(inline), lop_overrides, grad_overrides, rop_overrides,
            connection_pattern, name, kwargs, tuple(shared),
        )  # fmt: skip
        self._prepare()

    def _prepare(self) -> None:
        self.__dict__.update(_lock=threading.RLock(), _fn=None, _gradients={}, _tangents={})

    def __str__(self) -> str:
        return f"{self.name or type(self).__name__}{{inline={self.inline}}}"

    __repr__ = __str__

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    # ------------------------------------------------------------ the node

    @property
    def n_given(self) -> int:
        """How many inputs users give: those behind them are shared variables."""
        return len(self.inputs) - len(self.shared_inputs)

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs of the types of the graph's; those of shared variables may be left out."""
        if len(inputs) not in (self.n_given, len(self.inputs)):
            raise ValueError(f"{self} takes {self.n_given} inputs, got {len(inputs)}")
        given = [*inputs, *(self.shared_inputs if len(inputs) == self.n_given else ())]
        try:
            outer = [local.type.filter_variable(as_variable(value)) for local, value in zip(self.inputs, given, strict=True)]
        except TypeError as error:
            raise TypeError(f"{self} cannot be applied: {error}") from error
        return Apply(self, outer, [variable.type.make_variable() for variable in self.outputs])

    def inlined(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The graph on these inputs."""
        return clone_replace(list(self.outputs), dict(zip(self.inputs, inputs, strict=True)))  # type: ignore[no-any-return]

    def inner_graph_for_print(self, node: Apply) -> tuple[list[Variable], dict[Variable, Variable]]:
        """The inner outputs, and which outer variable each inner input comes from."""
        return list(self.outputs), dict(zip(self.inputs, node.inputs, strict=True))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """Shapes of the graph on the inputs of the node: of it is computed what they need."""
        inlined = self.inlined(node.inputs)
        return [tuple(shape_i(v, axis) for axis in range(v.type.ndim)) if isinstance(v.type, TensorType) else None for v in inlined]

    # ------------------------------------------------------------ computing

    @property
    def fn(self) -> Any:
        """The compiled graph."""
        with self._lock:  # type: ignore[attr-defined]
            if self._fn is None:  # type: ignore[attr-defined]
                made = function(list(self.inputs), list(self.outputs), on_unused_input="ignore", name=self.name, **self.function_options)
                made.trust_input = True
                object.__setattr__(self, "_fn", made)
            return self._fn  # type: ignore[attr-defined]

    def prepare_node(self, node: Apply, storage_map: Any, compute_map: Any, impl: str | None) -> None:
        """Compile the graph together with the function around it, not at its first call."""
        _ = self.fn

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        for cell, value in zip(output_storage, self.fn(*inputs), strict=True):
            cell[0] = value

    # ------------------------------------------------------------ derivatives

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """What the constructor was told, or that of the graph; overridden inputs are connected to all outputs."""
        if self.pattern is not None:
            told = [list(row) for row in self.pattern]
            return told + io_connection_pattern(self.inputs, self.outputs)[len(told) :]
        found = io_connection_pattern(self.inputs, self.outputs)
        override = self.lop_overrides if self.lop_overrides != _DEFAULT else self.grad_overrides
        for position in range(self.n_given):
            mine = override[position] if isinstance(override, (list, tuple)) else override
            if mine is None or mine != _DEFAULT:
                found[position] = [mine is not None] * len(self.outputs)
        return found

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient of the graph, as an op of the same kind; or what the constructor was given for it."""
        by_outputs = self.lop_overrides != _DEFAULT
        override = self.lop_overrides if by_outputs else self.grad_overrides
        given = list(inputs[: self.n_given])
        arguments = (given, list(outputs), list(output_grads)) if by_outputs else (given, list(output_grads))
        if callable(override):
            found = _each(self, override(*arguments), self.n_given, "a gradient for each input")
            return [*found, *self._default_gradients(inputs, outputs, output_grads)[self.n_given :]]
        if override == _DEFAULT:
            return self._default_gradients(inputs, outputs, output_grads)
        entries = _each(self, override, self.n_given, "an override for each input")
        usual = self._default_gradients(inputs, outputs, output_grads)
        for position, entry in enumerate(entries):
            if entry is None:
                usual[position] = disconnected_type()
            elif entry != _DEFAULT:
                usual[position] = as_variable(entry(*arguments))
        return usual

    def _default_gradients(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        known = tuple(k for k, g in enumerate(output_grads) if not is_disconnected(g))
        with self._lock:  # type: ignore[attr-defined]
            made = self._gradients.get(known)  # type: ignore[attr-defined]
            if made is None:
                made = self._gradients[known] = self._gradient_op(known)  # type: ignore[attr-defined]
        op, wanted, results = made
        results = list(results)
        if op is not None:
            values = op(*inputs, *outputs, *(output_grads[k] for k in known), return_list=True)
            for position, value in zip(wanted, values, strict=True):
                results[position] = value
        return results

    def _gradient_op(self, known: tuple[int, ...]) -> tuple[OpFromGraph | None, list[int], list[Variable]]:
        """An op from inputs, outputs and the gradients of the outputs ``known``; for which inputs; and what stands for the others."""
        seeds = [_gradient_like(self.outputs[k]) for k in known]
        found = graph_gradients([(self.outputs[k], seed) for k, seed in zip(known, seeds, strict=True)], list(self.inputs))
        wanted = [position for position, g in enumerate(found) if not is_disconnected(g) and not is_null(g)]
        results = [disconnected_type() if is_disconnected(g) else g for g in found]
        if not wanted:
            return None, wanted, results
        # the values of the outputs are there: nothing that leads to them is computed again
        stand_ins = [v.type.make_variable() for v in self.outputs]
        own = {v: s for v, s in zip(self.outputs, stand_ins, strict=True) if v.owner is not None}
        gradients = clone_replace([found[position] for position in wanted], own)
        name = f"gradient of {self.name}" if self.name else None
        op = OpFromGraph([*self.inputs, *stand_ins, *seeds], gradients, inline=self.inline, name=name, **self.function_options)
        return op, wanted, results

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The derivative of the graph in a direction, as an op of the same kind; or what the constructor was given for it."""
        override = self.rop_overrides
        arguments = (list(inputs[: self.n_given]), list(eval_points[: self.n_given]))
        if callable(override):
            return _each(self, override(*arguments), len(self.outputs), "a derivative for each output")
        usual = self._default_tangents(inputs, eval_points)
        if override != _DEFAULT:
            for position, entry in enumerate(_each(self, override, len(self.outputs), "an override for each output")):
                if entry is None:
                    usual[position] = None
                elif entry != _DEFAULT:
                    usual[position] = as_variable(entry(*arguments))
        return usual

    def _default_tangents(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        moving = tuple(k for k, point in enumerate(eval_points) if point is not None)
        with self._lock:  # type: ignore[attr-defined]
            made = self._tangents.get(moving)  # type: ignore[attr-defined]
            if made is None:
                points = [_gradient_like(self.inputs[k]) for k in moving]
                found = Rop(list(self.outputs), [self.inputs[k] for k in moving], points, "ignore", "None") if moving else [None] * len(self.outputs)
                wanted = [position for position, tangent in enumerate(found) if tangent is not None]
                name = f"derivative of {self.name}" if self.name else None
                op = OpFromGraph([*self.inputs, *points], [found[k] for k in wanted], self.inline, name=name, **self.function_options) if wanted else None
                made = self._tangents[moving] = (op, wanted)  # type: ignore[attr-defined]
        op, wanted = made
        results: list[Variable | None] = [None] * len(self.outputs)
        if op is not None:
            values = op(*inputs, *(eval_points[k] for k in moving), return_list=True)
            for position, value in zip(wanted, values, strict=True):
                results[position] = value
        return results


def _shared_leaves(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[Variable]:
    """The shared variables that a graph needs besides its inputs; an error for other variables without a value."""
    known = set(inputs)
    found: dict[Variable, None] = {}
    leaves = [v for node in io_toposort(list(inputs), list(outputs)) for v in node.inputs if v.owner is None]
    for variable in (*leaves, *(v for v in outputs if v.owner is None)):
        if variable in known or isinstance(variable, Constant):
            continue
        if not isinstance(variable, SharedVariable):
            raise ValueError(f"the graph of OpFromGraph needs {variable} of type {variable.type}, which is not among its inputs")  # noqa: TRY004 - of the graph, not of an argument
        found[variable] = None
    return list(found)


def _gradient_like(variable: Any) -> Variable:
    """A variable for the gradient of ``variable``: floating, of its shape."""
    kind = variable.type
    if isinstance(kind, TensorType) and not kind.dtype.startswith(("float", "complex")):
        kind = kind.clone(dtype="floatX")
    return kind.make_variable()  # type: ignore[no-any-return]


def _each(op: OpFromGraph, values: Any, count: int, what: str) -> list[Any]:
    if isinstance(values, Variable) and count == 1:
        return [values]
    if not isinstance(values, (list, tuple)) or len(values) != count:
        raise ValueError(f"{op} needs {what}: {count}, got {values!r}")
    return [disconnected_type() if value is None and what.startswith("a gradient") else value for value in values]


ops_with_inner_function[OpFromGraph] = "fn"
