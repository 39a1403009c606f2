"""One call of a function on one frame: arguments in, the thunk, updates and results out."""

from __future__ import annotations

import time
from collections import deque
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any

from tcore.compile.arguments import explain_bad_argument, matched, wanted_outputs
from tcore.compile.lookup import detached
from tcore.compile.overwriting import make_room, note_lost_values
from tcore.link.locks import hold, release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcore.compile.frame import Frame
    from tcore.compile.function_module import Function

__all__ = ["call"]


def call(function: Function, frame: Frame, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute the outputs on a frame that nobody else uses, and store the updates; see :meth:`Function.__call__`."""
    plan, profile = function._plan, function.profile
    start = time.perf_counter() if profile is not None else 0.0
    subset = None
    if kwargs:
        kwargs = dict(kwargs)
        subset = wanted_outputs(function, kwargs.pop("output_subset", None))
    held = hold(plan.locks) if plan.locks else None
    try:
        _fill(function, frame, args, kwargs)
        if plan.destroyed:
            make_room(function, frame)
        in_graph = time.perf_counter() if profile is not None else 0.0
        try:
            if subset is None:
                frame.fn()
            else:
                first_update = len(function.outputs)
                frame.fn(output_subset=[*subset, *range(first_update, first_update + len(plan.updated))])
        except BaseException as error:
            note_lost_values(function, error, plan.at_risk)
            raise
        if profile is not None:
            in_graph = time.perf_counter() - in_graph
        values = [cell[0] for cell in frame.output_cells]
        if plan.updated:
            count = len(function.outputs)
            targets = [frame.input_cells[position] for position in plan.updated]
            # one call without Python code in it: Ctrl-C finds all updates stored, or none
            deque(map(setitem, targets, repeat(0), values[count:]), maxlen=0)
            del values[count:]
    finally:
        try:
            _tidy(function, frame)
        finally:
            if held:
                try:
                    release(held)
                finally:
                    if held:  # Ctrl-C came before its first statement
                        release(held)
    if profile is not None:
        profile.add_call(time.perf_counter() - start, in_graph)
    return _in_form(function, values, subset)


def _fill(function: Function, frame: Frame, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Put the arguments into the input cells; the frame stays as it was if one does not fit."""
    plan = function._plan
    given = matched(function, args, kwargs)
    if len(given) < len(plan.explicit):
        got = {position for position, _ in given}
        for position in plan.required:
            if position not in got and (not plan.lasting[position] or frame.input_cells[position][0] is None):
                raise TypeError(f"Missing required input: {function._input_name(position)}")
    if function.trust_input:
        for position, value in given:
            frame.input_cells[position][0] = _kept(function, position, value, value)
        return
    filtered = []
    for position, value in given:
        try:
            filtered.append(_kept(function, position, frame.containers[position].filter(value), value))
        except Exception as error:
            explain_bad_argument(function, error, position, value)
            raise
    for (position, _), value in zip(given, filtered, strict=True):
        frame.input_cells[position][0] = value


def _kept(function: Function, position: int, value: Any, given: Any) -> Any:
    """``value``, made of the argument ``given``, without the caller's memory where it stays for further calls."""
    entry = function.indices[position]
    if position not in function._plan.sticky or getattr(entry, "borrow", False):
        return value
    return detached(value, given, entry.variable.type)


def _tidy(function: Function, frame: Frame) -> None:
    """Let go of arguments and results."""
    plan = function._plan
    for position in plan.explicit:
        if not plan.lasting[position]:
            frame.input_cells[position][0] = None
    for position, value in plan.refed:
        frame.input_cells[position][0] = value
    for position in plan.emptied:
        frame.output_cells[position][0] = None


def _in_form(function: Function, values: list[Any], subset: list[int] | None) -> Any:
    """The values as the function's outputs were asked for; ``subset``: positions of those that are wanted, None for all."""
    keys = function.output_keys
    if subset is not None:
        values = [values[position] for position in subset]
        return values if keys is None else {keys[position]: value for position, value in zip(subset, values, strict=True)}
    if keys is not None:
        return dict(zip(keys, values, strict=True))
    return values[0] if function.unpack_single else values
