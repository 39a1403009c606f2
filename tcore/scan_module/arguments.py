"""The arguments of ``scan`` in one form: what is left out is filled in, what makes no sense is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Variable
from tcore.records import frozen
from tcore.scan_module.layout import depth_of
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.shape import static_length

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OutputInfo", "SequenceInfo", "as_list", "checked_non_sequences", "checked_outputs_info", "checked_sequences", "checked_steps", "tap_text"]


@frozen
class SequenceInfo:
    """A sequence, and which of its elements a step sees: element t + tap."""

    input: Variable
    taps: tuple[int, ...]

    @property
    def offset(self) -> int:
        """The element that plays index 0."""
        return -min(0, *self.taps)

    @property
    def behind(self) -> int:
        """How many elements after the last one that plays t."""
        return max(0, *self.taps)


@frozen
class OutputInfo:
    """The rows of an output before the first step, and which of its rows a step sees; none of either for what is not fed back."""

    initial: Variable | None = None
    taps: tuple[int, ...] = ()

    @property
    def depth(self) -> int:
        """How many rows there are before the first step."""
        return depth_of(self.taps)


def tap_text(tap: int) -> str:
    """``t``, ``t-1``, ``t+2``."""
    return f"t{tap:+d}" if tap else "t"


def as_list(given: Any) -> list[Any]:
    """None as no entries, one entry as a list of one."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _variable(value: Any, what: str) -> Variable:
    if isinstance(value, Variable):
        return value
    try:
        return as_tensor_variable(value)
    except Exception as error:
        raise TypeError(f"scan: {what} must be a variable or a value that becomes one, got {value!r}, of {type(value).__name__}") from error


def _entries(given: dict[str, Any], known: Iterable[str], what: str) -> dict[str, Any]:
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        raise ValueError(f"scan: {what} has the unknown entries {', '.join(unknown)}; a dict may have {' and '.join(known)}")
    return given


def _taps(given: Any, what: str) -> tuple[int, ...]:
    taps = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for tap in taps:
        if isinstance(tap, bool) or not isinstance(tap, (int, np.integer)):
            raise TypeError(f"scan: the taps of {what} are integers, got {tap!r}")
    if len(set(taps)) != len(taps):
        raise ValueError(f"scan: {what} has a tap twice: {list(taps)}")
    return tuple(map(int, taps))


def checked_sequences(given: Any) -> list[SequenceInfo]:
    """The sequences; taps are ``[0]`` where none are given."""
    found = []
    for position, entry in enumerate(as_list(given)):
        what = f"sequence {position}"
        taps: Any = None
        if isinstance(entry, dict):
            _entries(entry, ("input", "taps"), what)
            if "input" not in entry:
                raise ValueError(f"scan: {what} is a dict without 'input', the variable to iterate over: {entry}")
            entry, taps = entry["input"], entry.get("taps")
        variable = _variable(entry, what)
        if not hasattr(variable.type, "ndim"):
            raise TypeError(f"scan: {what}, {variable} of type {variable.type}, cannot be iterated over; pass it as non_sequence and index it in fn")
        if variable.type.ndim == 0:
            raise ValueError(f"scan: {what}, {variable}, is a scalar: it has no elements. Pass it in non_sequences, or T.arange({variable}) to count")
        chosen = (0,) if taps is None else _taps(taps, what)
        if not chosen:
            raise ValueError(f"scan: {what}, {variable}, has an empty list of taps: leave the sequence out, or give taps=[0]")
        found.append(SequenceInfo(variable, chosen))
    return found


def checked_outputs_info(given: Any) -> list[OutputInfo] | None:
    """What is said of each output; None where nothing is said of any."""
    entries = as_list(given)
    if not entries:
        return None
    found = []
    for position, entry in enumerate(entries):
        what = f"output {position}"
        if entry is None:
            found.append(OutputInfo())
            continue
        taps: Any = [-1]
        if isinstance(entry, dict):
            _entries(entry, ("initial", "taps"), f"outputs_info of {what}")
            taps = entry.get("taps", [-1])
            if entry.get("initial") is None:
                if entry.get("taps"):
                    raise ValueError(f"scan: {what} has taps {entry['taps']} and no initial state: give it as 'initial', or leave the taps out")
                found.append(OutputInfo())
                continue
            entry = entry["initial"]
        if taps is None or (isinstance(taps, (list, tuple)) and not taps):
            found.append(OutputInfo())  # the initial state is not looked at
            continue
        found.append(_recurrent(_variable(entry, f"the initial state of {what}"), _taps(taps, what), what))
    return found


def _recurrent(initial: Variable, taps: tuple[int, ...], what: str) -> OutputInfo:
    if max(taps) >= 0:
        raise ValueError(f"scan: {what} has the tap {max(taps)}: a step sees outputs of earlier steps only, so that taps are negative")
    if not hasattr(initial.type, "ndim"):
        raise TypeError(f"scan: the initial state of {what} is an array, got {initial} of type {initial.type}")
    info = OutputInfo(initial, taps)
    if taps == (-1,):
        return info
    if initial.type.ndim == 0:
        raise ValueError(
            f"scan: {what} has the taps {list(taps)}, so that its initial state needs a leading axis of length {info.depth}, one row for each step "
            f"before the first; {initial} is a scalar"
        )
    rows = static_length(initial, 0)
    if rows is not None and rows < info.depth:
        raise ValueError(f"scan: {what} has the taps {list(taps)}, so that its initial state needs {info.depth} rows; {initial} has {rows}")
    return info


def checked_non_sequences(given: Any) -> list[Variable]:
    """The values that every step sees."""
    return [_variable(entry, f"non_sequence {position}") for position, entry in enumerate(as_list(given))]


def checked_steps(given: Any) -> Variable | None:
    """The number of steps, an integer scalar; None where none is given."""
    if given is None:
        return None
    if isinstance(given, (float, np.floating)):
        if int(given) != given:
            raise TypeError(f"scan: n_steps is an integer, got {given!r}")
        given = int(given)
    count = integer_scalar(given, "n_steps of scan")
    known = constant_int(count)
    if known is not None and known < 0:
        raise ValueError(f"scan: n_steps is {known}, and cannot be negative; go_backwards=True reads sequences from their end")
    return count
