"""Memory that a call overwrites without having allocated it: whether it may, a copy where it may not, and what a failing call lost.

Such memory belongs to arguments declared mutable and to values that outlive calls. It can be read-only (a file mapped for
reading), show one element at several places, or be seen by another operand of the same call.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.type import of_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.compile.frame import Frame
    from tcore.compile.function_module import Function
    from tcore.graph import Type

__all__ = ["is_plain_memory", "make_room", "may_overwrite", "note_lost_values", "own_copy"]


def is_plain_memory(array: np.ndarray) -> bool:
    """Whether an array may be written to, each element by itself, by code that knows only native aligned numbers."""
    flags = array.flags
    if not (flags.writeable and flags.aligned and array.dtype.isnative):
        return False
    if flags.forc or array.size == 0:
        return True
    span = array.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < span:  # zero, or a step into a neighbour: what broadcasting and sliding windows make
            return False
        span = stride * (length - 1) + span
    return True


def may_overwrite(kind: Type, value: Any, others: Iterable[Any]) -> bool:
    """Whether ``value``, of type ``kind``, may be overwritten while a call uses ``others`` as well."""
    if isinstance(value, np.ndarray):
        if not is_plain_memory(value):
            return False
    elif not getattr(getattr(value, "flags", None), "writeable", True):
        return False
    shares = of_type(kind, "may_share_memory")
    return not any(other is not None and shares(value, other) for other in others)


def own_copy(value: Any) -> Any:
    """A copy that may be overwritten."""
    if isinstance(value, np.ndarray):
        # keeps the order of axes, drops subclasses such as files mapped into memory
        return np.array(value, dtype=value.dtype.newbyteorder("="), order="K", subok=False)
    return copy.deepcopy(value)


def make_room(function: Function, frame: Frame) -> None:
    """Let each input that a call will overwrite have memory of its own that may be written to."""
    plan, cells = function._plan, frame.input_cells
    for position in plan.destroyed:
        value = cells[position][0]
        others = [cell[0] for other, cell in enumerate(cells) if other != position]
        is_default = any(value is default for other, default in plan.refed if other == position)
        if is_default or not may_overwrite(function.indices[position].variable.type, value, (*others, *plan.constants)):
            cells[position][0] = own_copy(value)
            function._copied_arguments[position] = function._copied_arguments.get(position, 0) + 1


def note_lost_values(function: Function, error: BaseException, suspects: Sequence[int]) -> None:
    """Name the values that outlive the call and were being overwritten when it failed.

    ``suspects``: the positions of inputs that may have been overwritten where the linker does not say it.
    """
    written = error.__dict__.pop("written_inputs", suspects)
    lost = [str(function.indices[position].origin) for position in written if position in function._plan.at_risk]
    if not lost:
        return
    names, values = ", ".join(lost), "value is" if len(lost) == 1 else "values are"
    error.add_note(
        f"{function._title()} overwrites {names} in place and had begun when it failed: the {values} unspecified now. Set "
        "what was lost with set_value; functions compiled with updates_transactional=True (an argument of function, "
        "and a flag) update nothing in place, so that a failing call leaves all values as they were."
    )
