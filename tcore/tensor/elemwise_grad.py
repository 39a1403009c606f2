"""Gradients of elementwise operations: the scalar op's formula, found once for given dtypes and applied to tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from tcore.graph.apply import Apply
from tcore.graph.variable import Constant, Variable
from tcore.records import frozen
from tcore.scalar.op import ScalarOp
from tcore.scalar.type import Scalar, get_scalar_type
from tcore.tensor.conversion import constant

__all__ = ["GradientSteps", "gradient_steps"]


@frozen
class GradientSteps:
    """A scalar gradient as flat steps over slots.

    Slots hold the inputs, the outputs, the output gradients, the constants, then the outputs of each step.
    ``results`` gives a slot per input, or a variable that stands for itself (an undefined gradient).
    """

    constants: tuple[Constant, ...]
    steps: tuple[tuple[ScalarOp, tuple[int, ...]], ...]
    results: tuple[Any, ...]

    def apply(
        self,
        lift: Callable[[ScalarOp], Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        output_grads: Sequence[Any],
    ) -> list[Any]:
        """The gradients for tensors, by ``lift(scalar_op)(*tensors)``."""
        ndim = outputs[0].type.ndim
        slots: list[Any] = [*inputs, *outputs, *output_grads]
        for c in self.constants:
            value = constant(c.data)
            slots.append(value if ndim == 0 else value.dimshuffle(*["x"] * ndim))
        for op, arguments in self.steps:
            slots.extend(lift(op)(*[slots[i] for i in arguments], return_list=True))
        return [result.type() if isinstance(result, Variable) else slots[result] for result in self.results]


@lru_cache(maxsize=2048)
def gradient_steps(scalar_op: ScalarOp, input_dtypes: tuple[str, ...], grad_dtypes: tuple[str, ...], floatX: str, cast_policy: str) -> GradientSteps:
    """The steps for inputs and output gradients of these dtypes; the two options are what else dtypes depend on."""
    inputs = [get_scalar_type(dtype)() for dtype in input_dtypes]
    outputs = scalar_op.make_node(*inputs).outputs
    grads = [get_scalar_type(dtype)() for dtype in grad_dtypes]
    wanted = list(scalar_op.L_op(inputs, outputs, grads))
    if len(wanted) != len(inputs):
        raise ValueError(f"{scalar_op}.L_op gave {len(wanted)} gradients for {len(inputs)} inputs")
    slot_of: dict[Variable, int] = {v: i for i, v in enumerate([*inputs, *outputs, *grads])}
    order = _nodes_above(wanted, slot_of)
    constants: list[Constant] = []
    for node in order:
        for v in node.inputs:
            if isinstance(v, Constant) and v not in slot_of:
                slot_of[v] = len(slot_of)
                constants.append(v)
    for v in wanted:
        if isinstance(v, Constant) and v not in slot_of:
            slot_of[v] = len(slot_of)
            constants.append(v)
    steps = []
    for node in order:
        missing = [v for v in node.inputs if v not in slot_of]
        if missing:
            raise ValueError(f"{scalar_op}.L_op uses {missing[0]}, which is no input, output or gradient of the op")
        steps.append((node.op, tuple(slot_of[v] for v in node.inputs)))
        for v in node.outputs:
            slot_of[v] = len(slot_of)
    results = tuple(slot_of[v] if isinstance(v.type, Scalar) else v for v in wanted)
    return GradientSteps(tuple(constants), tuple(steps), results)  # type: ignore[arg-type]


def _nodes_above(results: Sequence[Variable], known: dict[Variable, int]) -> list[Apply]:
    """The nodes that compute ``results`` from ``known`` variables, inputs first; without recursion."""
    order: list[Apply] = []
    done: set[Apply] = set()
    stack = [v.owner for v in reversed(results) if v.owner is not None and v not in known]
    while stack:
        node = stack[-1]
        waiting = [v.owner for v in node.inputs if v.owner is not None and v not in known and v.owner not in done]
        if node in done or not waiting:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack.extend(waiting)
    return order
