"""Composite: several scalar ops as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.apply import Apply
from tcore.graph.variable import Constant, Variable
from tcore.records import frozen
from tcore.scalar.composite_c import CompositeC
from tcore.scalar.op import ScalarOp, float_like
from tcore.scalar.type import get_scalar_type

if TYPE_CHECKING:
    from tcore.scalar.type import Scalar

__all__ = ["Composite", "Step"]


@frozen
class Step:
    """One operation inside a Composite: ``op`` on the values in slots ``args``, into ``nout`` further slots."""

    op: ScalarOp
    args: tuple[int, ...]
    dtypes: tuple[str, ...]


class Composite(CompositeC, ScalarOp):
    """The graph from scalar ``inputs`` to ``outputs`` as one op.

    It is kept as flat data, which compares by content: slots ``0 .. nin - 1`` hold the inputs, then come the constants,
    then the outputs of each step. Equal subgraphs appear once, and a Composite among the ops is unfolded.

    Parameters
    ----------
    inputs, outputs : sequences of scalar variables
        ``outputs`` depend on ``inputs`` and constants only.
    """

    loop_name = "composite"

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], name: str | None = None) -> None:
        super().__init__(name=name)
        self._init(tuple(v.type.dtype for v in inputs), *_flatten(inputs, outputs))

    def _init(
        self,
        input_dtypes: tuple[str, ...],
        constants: tuple[Constant, ...],
        steps: tuple[Step, ...],
        results: tuple[int, ...],
    ) -> None:
        self.nin = len(input_dtypes)
        self.nout = len(results)
        #: dtypes of the inputs that the graph was made with
        self.input_dtypes = input_dtypes
        self.constants = constants
        self.steps = steps
        #: slots of the outputs
        self.results = results
        self._key = (input_dtypes, tuple(c.signature() for c in constants), steps, results)
        self._hash = hash((Composite, self._key))
        self._text: str | None = None

    # ------------------------------------------------------------ as a graph again

    @property
    def inner_ops(self) -> tuple[ScalarOp, ...]:
        """The ops of the steps: their packages take part in compiling this one."""
        return tuple(dict.fromkeys(step.op for step in self.steps))

    def graph(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The outputs for scalar variables ``inputs``, as a graph of the inner ops."""
        slots: list[Variable] = [*inputs, *self.constants]
        for step in self.steps:
            slots.extend(step.op.make_node(*[slots[i] for i in step.args]).outputs)
        return [slots[i] for i in self.results]

    @property
    def inputs(self) -> list[Variable]:
        """New scalar variables of the input types."""
        return [get_scalar_type(dtype)() for dtype in self.input_dtypes]

    @property
    def fgraph(self) -> tuple[list[Variable], list[Variable]]:
        """(inputs, outputs): a new copy of the inner graph."""
        inputs = self.inputs
        return inputs, self.graph(inputs)

    def output_types(self, types: Sequence[Scalar]) -> Sequence[Scalar]:
        """Those of the inner graph; inputs must have the dtypes it was made with."""
        found = tuple(t.dtype for t in types)
        if found != self.input_dtypes:
            raise TypeError(f"{self} takes {', '.join(self.input_dtypes)}, got {', '.join(found)}")
        return [v.type for v in self.graph([t() for t in types])]  # type: ignore[misc]

    # ------------------------------------------------------------ computing

    def impl(self, *inputs: Any) -> Any:
        """Step by step."""
        slots: list[Any] = [*inputs, *(c.data for c in self.constants)]
        for step in self.steps:
            found = step.op.impl(*[slots[i] for i in step.args])
            for value, dtype in zip(found if step.op.nout > 1 else (found,), step.dtypes, strict=True):
                slots.append(np.asarray(value).astype(dtype)[()])
        values = tuple(slots[i] for i in self.results)
        return values[0] if self.nout == 1 else values

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """Step by step, each on whole arrays; temporaries are dropped after their last use."""
        slots: list[Any] = [*inputs, *(np.asarray(c.data) for c in self.constants)]
        last_use = {slot: number for number, step in enumerate(self.steps) for slot in step.args}
        kept = set(self.results)
        for number, step in enumerate(self.steps):
            arguments = [slots[i] for i in step.args]
            slots.extend(step.op.on_arrays(arguments, step.dtypes, [None] * len(step.dtypes)))
            for slot in step.args:
                if last_use[slot] == number and slot not in kept and slot >= self.nin:
                    slots[slot] = None
        results: list[np.ndarray] = []
        shape = np.broadcast_shapes(*(x.shape for x in inputs)) if inputs else ()
        for slot, dtype, target in zip(self.results, dtypes, out, strict=True):
            value = slots[slot]
            if target is not None:
                target[...] = value
                results.append(target)
            elif value.shape != shape or slot < self.nin + len(self.constants) or any(value is r for r in results):
                results.append(np.array(np.broadcast_to(value, shape), dtype=dtype))
            else:
                results.append(value)
        return results

    # ------------------------------------------------------------ differentiating

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """By the inner ops, from the last step to the first."""
        slots: list[Any] = [*inputs, *self.constants]
        nodes: list[tuple[Apply, int]] = []
        for step in self.steps:
            node = step.op.make_node(*[slots[i] for i in step.args])
            nodes.append((node, len(slots)))
            slots.extend(node.outputs)
        gradients: dict[int, Any] = {}

        def accumulate(slot: int, gradient: Any) -> None:
            gradients[slot] = gradient if slot not in gradients else gradients[slot] + gradient

        for slot, gradient in zip(self.results, output_grads, strict=True):
            accumulate(slot, gradient)
        for step, (node, first) in zip(reversed(self.steps), reversed(nodes), strict=True):
            found = [gradients.get(first + i) for i in range(len(node.outputs))]
            if all(g is None for g in found):
                continue
            given = [float_like(v) if g is None else g for g, v in zip(found, node.outputs, strict=True)]
            for slot, gradient in zip(step.args, step.op.L_op(node.inputs, node.outputs, given), strict=True):
                accumulate(slot, gradient)
        return [gradients[i] if i in gradients else float_like(x) for i, x in enumerate(inputs)]

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """Which outputs each input reaches, through the patterns of the inner ops."""
        reach: list[set[int]] = [{i} for i in range(self.nin)] + [set() for _ in self.constants]
        for step in self.steps:
            pattern = getattr(step.op, "connection_pattern", None)
            linked = pattern(None) if pattern is not None else None
            for output in range(len(step.dtypes)):
                reach.append(set().union(*(reach[s] for i, s in enumerate(step.args) if linked is None or linked[i][output])))
        return [[i in reach[slot] for slot in self.results] for i in range(self.nin)]

    # ------------------------------------------------------------ identity and text

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self._hash == other._hash and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.name, self.input_dtypes, self.constants, self.steps, self.results)

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self._text is None:
            self._text = self._write()
        return self._text

    def inplace_text(self) -> str:
        return str(self)

    def _write(self) -> str:
        texts = [f"i{i}" for i in range(self.nin)] + [str(c.data) for c in self.constants]
        for step in self.steps:
            arguments = [texts[i] for i in step.args]
            operator = step.op.infix()
            if operator is not None:
                text = f"({f' {operator} '.join(arguments)})" if len(arguments) > 1 else arguments[0]
            elif str(step.op) == "neg":
                text = f"(-{arguments[0]})"
            else:
                text = f"{step.op}({', '.join(arguments)})"
            # a value used many times is written out each time: a name stands in once the text grows long
            if len(text) > _LONGEST:
                text = f"{step.op}(…)"
            texts.extend([text] if len(step.dtypes) == 1 else [f"{text}.{i}" for i in range(len(step.dtypes))])
        return f"Composite{{{', '.join(texts[i] for i in self.results)}}}"


_LONGEST = 4000


def _restore(cls: type[Composite], name: str | None, *parts: Any) -> Composite:
    op = cls.__new__(cls)
    ScalarOp.__init__(op, name=name)
    op._init(*parts)
    return op


def _flatten(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[tuple[Constant, ...], tuple[Step, ...], tuple[int, ...]]:
    """Number the values of a graph: inputs, constants, step outputs. Equal steps are merged, Composites unfolded."""
    nodes = _sorted_nodes(inputs, outputs)
    slot_of: dict[Variable, Any] = {variable: i for i, variable in enumerate(inputs)}
    constants: list[Constant] = []
    constant_slots: dict[Any, tuple[str, int]] = {}
    steps: list[Step] = []
    step_slots: dict[Step, list[tuple[str, int]]] = {}
    produced = 0

    def constant_slot(c: Constant) -> tuple[str, int]:
        key = c.signature()
        if key not in constant_slots:
            constant_slots[key] = ("constant", len(constants))
            constants.append(c)
        return constant_slots[key]

    def slot(variable: Variable) -> Any:
        if variable in slot_of:
            return slot_of[variable]
        if isinstance(variable, Constant):
            return constant_slot(variable)
        raise ValueError(f"the Composite needs {variable}, which is not among its inputs {list(map(str, inputs))}")

    def add(op: ScalarOp, args: list[Any], dtypes: tuple[str, ...]) -> list[tuple[str, int]]:
        nonlocal produced
        step = Step(op, tuple(args), dtypes)
        if step not in step_slots:
            step_slots[step] = [("step", produced + i) for i in range(len(dtypes))]
            steps.append(step)
            produced += len(dtypes)
        return step_slots[step]

    for node in nodes:
        arguments = [slot(v) for v in node.inputs]
        if isinstance(node.op, Composite):
            inner = [*arguments, *map(constant_slot, node.op.constants)]
            for step in node.op.steps:
                inner.extend(add(step.op, [inner[i] for i in step.args], step.dtypes))
            found = [inner[i] for i in node.op.results]
        else:
            found = add(node.op, arguments, tuple(v.type.dtype for v in node.outputs))  # type: ignore[arg-type]
        slot_of.update(zip(node.outputs, found, strict=True))

    results = [slot(v) for v in outputs]
    starts = {"constant": len(inputs), "step": len(inputs) + len(constants)}

    def place(s: Any) -> int:
        return s if isinstance(s, int) else starts[s[0]] + s[1]

    final = tuple(Step(s.op, tuple(place(a) for a in s.args), s.dtypes) for s in steps)
    return tuple(constants), final, tuple(place(r) for r in results)


def _sorted_nodes(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[Apply]:
    """Nodes between, inputs before users; without recursion."""
    known = set(inputs)
    order: list[Apply] = []
    done: set[Apply] = set()
    stack = [v.owner for v in reversed(outputs) if v.owner is not None and v not in known]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        waiting = [v.owner for v in node.inputs if v.owner is not None and v not in known and v.owner not in done]
        if waiting:
            stack.extend(reversed(waiting))
        else:
            stack.pop()
            done.add(node)
            order.append(node)
    return order
