"""Whether a variable has one row for each step of a loop, by the way that it is computed."""

from __future__ import annotations

from typing import Any

from tcore.scalar.arithmetic import Minimum
from tcore.tensor.assertion import Assert
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import ge
from tcore.tensor.scalars import ScalarFromTensor
from tcore.tensor.shape import Shape, Shape_i
from tcore.tensor.subtensor import Subtensor, fill_index

__all__ = ["checked_rows", "first_rows", "has_enough_rows", "has_rows", "is_length_of"]

#: how many nodes are looked at before the answer is "unknown"
_PATIENCE = 64
#: what a loop says of a sequence that is too short, where no loop is left to say it; the number of steps is the last input
_ENOUGH = Assert("scan: a sequence has {} elements from its first tap on, too few for {} steps", ValueError, shown=2)


def is_length_of(n_steps: Any, sequence: Any) -> bool:
    """Whether a number of steps is written as ``sequence.shape[0]``."""
    node = n_steps.owner
    if node is None:
        return False
    if isinstance(node.op, Shape_i):
        return node.op.i == 0 and node.inputs[0] is sequence
    shape = node.inputs[0].owner
    if not isinstance(node.op, Subtensor) or shape is None or not isinstance(shape.op, Shape) or shape.inputs[0] is not sequence:
        return False
    return len(node.inputs) == 2 and constant_int(node.inputs[1]) == 0


def has_rows(variable: Any, n_steps: Any, *, looked_at: bool = True) -> bool:
    """Whether ``variable`` surely has ``n_steps`` rows and no more.

    Of a slice ``rows[:n_steps]`` that is said because a loop that finds fewer raises, but for ``looked_at=False``: then no loop looks.
    """
    waiting = [variable]
    for _ in range(_PATIENCE):
        if not waiting:
            return True
        current = waiting.pop()
        if is_length_of(n_steps, current):
            continue
        needed = _needed(current, n_steps, looked_at)
        if needed is None:
            return False
        waiting += needed
    return False


def _needed(variable: Any, n_steps: Any, looked_at: bool) -> list[Any] | None:
    """Other variables that must have ``n_steps`` rows, so that ``variable`` has; None where nothing tells."""
    node = variable.owner
    if node is None:
        return None
    op = node.op
    if isinstance(op, Elemwise):
        moving = [v for v in node.inputs if v.type.ndim and not v.type.broadcastable[0]]
        return moving or None
    if isinstance(op, DimShuffle):
        return [node.inputs[0]] if op.new_order and op.new_order[0] == 0 else None
    if isinstance(op, Dot):
        return [node.inputs[0]] if node.inputs[0].type.ndim == 2 else None
    if op == _ENOUGH:
        return [node.inputs[0]]
    if isinstance(op, Subtensor):
        return _of_slice(node, n_steps, looked_at)
    layout = getattr(op, "layout", None)
    if layout is not None and not layout.until and node.inputs[0] is n_steps:
        first = layout.n_mitmots + layout.n_states
        position = variable.index
        return [] if first <= position < first + layout.n_nitsots and not layout.kept[position - layout.n_mitmots] else None
    return None


def _of_slice(node: Any, n_steps: Any, looked_at: bool) -> list[Any] | None:
    first, *_ = fill_index(node.op.idx_list, node.inputs[1:])
    if not isinstance(first, slice):
        return None
    step = None if first.step is None else constant_int(first.step)
    if first.start is None and first.stop is None and step in (1, -1, None):
        return [node.inputs[0]]
    if first.start is None and first.step is None and _is(first.stop, n_steps):
        return [] if looked_at or has_enough_rows(node.inputs[0], n_steps) else None
    # the rows of a state after those before the first step
    source = node.inputs[0].owner
    layout = getattr(source.op, "layout", None) if source is not None else None
    if layout is None or layout.until or source.inputs[0] is not n_steps or first.stop is not None or first.step is not None:
        return None
    position = node.inputs[0].index - layout.n_mitmots
    if not 0 <= position < layout.n_states or layout.kept[position]:
        return None
    return [] if constant_int(first.start) == -min(layout.state_taps[position]) else None


def _is(scalar: Any, n_steps: Any) -> bool:
    made = scalar.owner if scalar is not None else None
    return made is not None and isinstance(made.op, ScalarFromTensor) and made.inputs[0] is n_steps


def has_enough_rows(variable: Any, n_steps: Any) -> bool:
    """Whether ``variable`` surely has ``n_steps`` rows or more, though no loop looks: its length is one of those of which that is the least, or is checked."""
    waiting = [n_steps]
    for _ in range(_PATIENCE):
        if not waiting:
            break
        length = waiting.pop()
        if is_length_of(length, variable):
            return True
        node = length.owner
        if node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Minimum):
            waiting += node.inputs
    made = variable.owner
    if made is not None and made.op == _ENOUGH and made.inputs[-1] is n_steps:
        return True
    return has_rows(variable, n_steps, looked_at=False)


def first_rows(variable: Any, n_steps: Any) -> Any:
    """``variable[:n_steps]``, or ``variable`` itself where that is known to be the same."""
    return variable if has_rows(variable, n_steps) else variable[:n_steps]


def checked_rows(variable: Any, n_steps: Any) -> Any:
    """The same for a computation in place of the loop, which is an error as well where there are fewer rows."""
    if not has_enough_rows(variable, n_steps):
        length = variable.shape[0]
        variable = _ENOUGH(variable, ge(length, n_steps), length, n_steps)
    return first_rows(variable, n_steps)
