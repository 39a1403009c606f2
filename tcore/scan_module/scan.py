"""``scan``: loops as expressions."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tcore.compile.mode import get_mode
from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.graph import Constant, Variable, clone_replace, get_test_value
from tcore.graph.testvalues import MissingTestValueError
from tcore.graph.trace import creation_report
from tcore.scalar.dtypes import upcast
from tcore.scan_module.arguments import (
    OutputInfo,
    SequenceInfo,
    checked_non_sequences,
    checked_outputs_info,
    checked_sequences,
    checked_steps,
    tap_text,
)
from tcore.scan_module.inner import row_type
from tcore.scan_module.op import Options
from tcore.scan_module.parts import Nitsot, NonSequence, Parts, SequencePart, SharedPart, State
from tcore.scan_module.step import Step, called, captured, refuse_captured_shared
from tcore.scan_module.updates import OrderedUpdates
from tcore.tensor.math import cast, minimum
from tcore.tensor.rebroadcast import patternbroadcast
from tcore.tensor.shape import static_length
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["scan"]


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: bool | str = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """A loop: ``fn`` builds the graph of one step, and the results of all steps are stacked along a new first axis.

    Parameters
    ----------
    fn : callable
        Takes the slices of the sequences, then those of earlier outputs, in the order of their taps, then the non-sequences. Returns the
        outputs (a variable or a list of them), updates of shared variables (a dict or a list of pairs), or both in either order; after
        them ``until(condition)`` where the loop may stop before its last step.
    sequences : variable, dict, or list of these
        What the loop goes over along the first axis. A dict has ``input`` and ``taps``, integers: tap k gives element t + k at step t.
    outputs_info : variable, dict, None, or list of these
        For each output what comes before the first step: a variable of the shape of one output, for a step that sees the output of the
        last step; a dict with ``initial`` and ``taps``, negative integers, where ``initial`` has one row for each step that the deepest tap
        reaches back to; None for an output that no step sees. Nothing at all where no output is seen.
    non_sequences : variable, or list of them
        What every step sees as it is. Shared variables and other variables that ``fn`` uses need not be listed.
    n_steps : int or integer scalar, optional
        By default as many as the shortest sequence allows. With ``until``, the most that are made.
    truncate_gradient : int
        How many steps gradients go back; -1 for all.
    go_backwards : bool
        Begin at the end of the sequences and go to their beginning.
    mode : Mode, str or None
        How the step is compiled; None as the function around it.
    name : str, optional
        For profiles, printed graphs and errors.
    profile : bool or str
        Collect the times of the steps, under this name or that of the loop.
    allow_gc : bool, optional
        Free intermediate values within each step; None follows ``config.scan.allow_gc``.
    strict : bool
        Refuse shared variables that ``fn`` uses and that are not among the arguments.
    return_list : bool
        Always return a list of outputs.

    Returns
    -------
    (outputs, updates)
        One variable, a list of them, or None where ``fn`` returns updates only; and a dict with the values of all updated shared
        variables, the states of random numbers among them, after the last step, for ``function(…, updates=updates)``.
    """
    seqs = checked_sequences(sequences)
    infos = checked_outputs_info(outputs_info)
    fixed = checked_non_sequences(non_sequences)
    count = checked_steps(n_steps)
    if count is None and not seqs:
        raise ValueError("scan: without sequences the number of steps is not known: give n_steps")
    options = Options(_checked_truncation(truncate_gradient), name, None if mode is None else get_mode(mode), profile=profile, allow_gc=allow_gc)

    slices = [[_slice(seq, position, tap) for tap in seq.taps] for position, seq in enumerate(seqs)]
    earlier = [[_earlier(info, position, tap) for tap in info.taps] for position, info in enumerate(infos or ())]
    arguments = [(str(variable), variable) for group in (*slices, *earlier) for variable in group]
    step = called(fn, [*arguments, *((str(variable), variable) for variable in fixed)])
    if infos is None:
        infos = [OutputInfo()] * len(step.outputs)
        earlier = [[] for _ in infos]
    elif len(infos) != len(step.outputs):
        raise ValueError(
            f"scan: fn returns {len(step.outputs)} outputs, outputs_info says something of {len(infos)}: it needs one entry for each output, None for "
            "what is not fed back"
        )
    outputs = [_fitted(out, info, taps, k) for k, (out, info, taps) in enumerate(zip(step.outputs, infos, earlier, strict=True))]
    if not outputs and not step.updates:
        raise ValueError("scan: fn returns neither outputs nor updates, so that there is nothing to compute")
    parts = Parts(_steps(count, seqs), options=options)
    for seq, group in zip(seqs, slices, strict=True):
        parts.seqs += [SequencePart(_elements(seq, tap, go_backwards), inner) for tap, inner in zip(seq.taps, group, strict=True)]
    for out, info, group in zip(outputs, infos, earlier, strict=True):
        if info.initial is None:
            parts.nitsots.append(Nitsot(out))
        else:
            parts.states.append(State(_first_rows(info), info.taps, list(group), out))
    shared = _add_captured(parts, Step(outputs, step.updates, step.condition, step.made), [v for _, v in arguments], fixed, strict)
    built = parts.build()
    return _results(built, infos, shared, return_list)


def _checked_truncation(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < -1 or given == 0:
        raise ValueError(f"scan: truncate_gradient is a number of steps, at least 1, or -1 for all; got {given!r}")
    return given


# ------------------------------------------------------------ what a step sees


def _slice(seq: SequenceInfo, position: int, tap: int) -> Variable:
    variable = row_type(seq.input)(f"{seq.input.name or f'sequence{position}'}[{tap_text(tap)}]")
    return _tested(variable, seq.input, lambda value: value[seq.offset + tap])


def _earlier(info: OutputInfo, position: int, tap: int) -> Variable:
    assert info.initial is not None
    single = info.taps == (-1,)
    kind = info.initial.type if single else row_type(info.initial)
    variable = kind(f"{info.initial.name or f'output{position}'}[{tap_text(tap)}]")
    return _tested(variable, info.initial, (lambda value: value) if single else lambda value: value[info.depth + tap])


def _tested(variable: Variable, source: Variable, part: Callable[[Any], Any]) -> Variable:
    """``variable`` with the part of the test value of ``source`` that the first step sees, where test values are used."""
    if config.compute_test_value != "off":
        with suppress(MissingTestValueError, IndexError):
            variable.tag.test_value = part(get_test_value(source))
    return variable


def _elements(seq: SequenceInfo, tap: int, go_backwards: bool) -> Variable:
    """What gives the element of ``tap`` at step t as its row t."""
    whole: Any = seq.input
    start = seq.offset + tap
    if not go_backwards:
        return whole[start:] if start else whole  # type: ignore[no-any-return]
    spare = seq.offset + seq.behind
    part = whole[start : whole.shape[0] - (spare - start)] if spare else whole
    return part[::-1]  # type: ignore[no-any-return]


def _steps(count: Variable | None, seqs: list[SequenceInfo]) -> Variable:
    if count is not None:
        return count
    lengths: list[Any] = []
    for seq in seqs:
        spare = seq.offset + seq.behind
        length: Any = seq.input.shape[0]
        lengths.append(length - spare if spare else length)
    shortest = lengths[0]
    for length in lengths[1:]:
        shortest = minimum(shortest, length)
    return shortest  # type: ignore[no-any-return]


def _first_rows(info: OutputInfo) -> Variable:
    """The rows before the first step, with a leading axis for them."""
    initial: Any = info.initial
    if info.taps == (-1,):
        return initial.dimshuffle("x", *range(initial.type.ndim))  # type: ignore[no-any-return]
    return initial if static_length(initial, 0) == info.depth else initial[: info.depth]  # type: ignore[no-any-return]


# ------------------------------------------------------------ what a step gives


def _fitted(out: Any, info: OutputInfo, earlier: list[Variable], position: int) -> Variable:
    """``out`` in the type of what is fed back."""
    if info.initial is None:
        return out  # type: ignore[no-any-return]
    kind: Any = earlier[0].type
    made = creation_report(out)
    where = f"\n  created: {made}" if made else ""
    if out.type.ndim != kind.ndim:
        raise ValueError(
            f"scan: output {position} of fn has {out.type.ndim} dimensions ({out.type}), the state that it follows has {kind.ndim} ({kind}): the initial "
            f"state {info.initial} must be like one output"
            + ("" if info.taps == (-1,) else f", with a leading axis for the taps {list(info.taps)}")
            + where
        )
    if out.type.dtype != kind.dtype:
        if upcast(out.type.dtype, kind.dtype) != kind.dtype:
            raise ValueError(
                f"scan: output {position} of fn has dtype {out.type.dtype}, its initial state {info.initial} has dtype {kind.dtype}, and what is fed back "
                f"would lose precision. Give an initial state of dtype {out.type.dtype}, for instance with astype, or cast the output in fn" + where
            )
        out = cast(out, kind.dtype)
    if out.type.broadcastable != kind.broadcastable:
        out = patternbroadcast(out, kind.broadcastable)
    return out  # type: ignore[no-any-return]


def _add_captured(parts: Parts, step: Step, placeholders: list[Variable], fixed: list[Variable], strict: bool) -> list[tuple[SharedVariable, Any]]:
    """Add to ``parts`` the non-sequences and shared variables, and let inner variables stand for them in the graph of the step.

    Returns the updated shared variables, each with its record.
    """
    listed = [v for v in dict.fromkeys(fixed) if not isinstance(v, Constant) and v not in step.updates]
    leaves, updates = captured(step, [*placeholders, *listed])
    if strict:
        refuse_captured_shared(leaves, [*step.outputs, *updates.values()])
    inside: dict[Variable, Variable] = {v: v.type(v.name) for v in (*listed, *leaves, *updates)}
    roots = [*step.outputs, *updates.values(), *([] if step.condition is None else [step.condition])]
    replaced = iter(clone_replace(roots, inside))
    by_output = dict(zip(step.outputs, (next(replaced) for _ in step.outputs), strict=True))
    for record in parts.stacked():
        record.out = by_output[record.out]
    shared: list[tuple[SharedVariable, Any]] = []
    for variable in updates:
        inner, out = inside[variable], next(replaced)
        if isinstance(variable.type, TensorType):
            parts.states.append(State(variable.dimshuffle("x", *range(variable.type.ndim)), (-1,), [inner], out))
            shared.append((variable, parts.states[-1]))
        else:
            parts.shareds.append(SharedPart(variable, inner, out))
            shared.append((variable, parts.shareds[-1]))
    parts.until = next(replaced, None)
    parts.non_seqs = [NonSequence(v, inside[v]) for v in (*listed, *leaves)]
    return shared


def _results(built: Any, infos: list[OutputInfo], shared: list[tuple[SharedVariable, Any]], return_list: bool) -> tuple[Any, OrderedUpdates]:
    states, nitsots = iter(built.states), iter(built.nitsots)
    outputs: list[Any] = [next(nitsots) if info.initial is None else next(states)[info.depth :] for info in infos]
    carried = iter(built.shareds)
    updates = OrderedUpdates()
    for variable, record in shared:
        updates[variable] = next(states)[-1] if isinstance(record, State) else next(carried)
    if return_list or len(outputs) > 1:
        return outputs, updates
    return (outputs[0] if outputs else None), updates
