"""``function``: compile a graph into something to call."""

from __future__ import annotations

import os
import pickle
import sys
import time
from copy import copy
from typing import TYPE_CHECKING, Any

from tcore.compile.errors import UnusedInputError
from tcore.compile.function_module import Function
from tcore.compile.io import In, Out, SymbolicInput, SymbolicOutput, convert_function_inputs
from tcore.compile.maker import FunctionMaker
from tcore.compile.rebuild import as_pairs, rebuild
from tcore.compile.stripping import StripPickler
from tcore.graph import Variable, as_variable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Function", "In", "Inc", "Out", "function", "function_dump"]

#: the documentation's index has In under this name, too
Inc = In


def function(
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    updates_transactional: bool | None = None,
) -> Function:
    """Compile the graph between ``inputs`` and ``outputs``.

    Parameters
    ----------
    inputs : list of Variable, In or documented tuples
        What callers give. Shared variables are used without being listed.
    outputs : Variable, Out, list or tuple of them, dict with str keys, or None
        What callers get, in the same form; nothing and None give an empty list.
    mode : Mode, str or None
        Which optimizations and which linker; None follows ``config.mode``.
    updates : dict or list of pairs (SharedVariable, expression)
        New values of shared variables, computed from the old ones and stored after each call.
    givens : dict or list of pairs (Variable, Variable)
        The second stands for the first everywhere in the graph. The pairs must not depend on each other.
    no_default_updates : bool or list of SharedVariable
        Ignore the default updates of all, or of these, shared variables.
    accept_inplace : bool
        Take graphs that hold ops which overwrite their inputs.
    name : str, optional
        Shown in profiles and errors; file and line of the call by default.
    rebuild_strict : bool
        False lets givens have other types than what they replace.
    allow_input_downcast : bool, optional
        Whether arguments may lose precision; None allows it for Python floats given for ``floatX`` scalars.
    profile : None, bool or ProfileStats
        Collect times.
    on_unused_input : {"raise", "warn", "ignore", None}
        What to do about inputs that the outputs do not need; None follows ``config.on_unused_input``.
    updates_transactional : bool, optional
        True compiles without updates in place, so that a call that fails leaves every shared variable as it was; None
        follows ``config.updates_transactional``.

    Returns
    -------
    Function

    Raises
    ------
    TypeError
        If ``inputs`` is no list or tuple, holds something else than inputs, a constant or a shared variable; if updates or
        givens are no pairs or have the wrong type.
    UnusedInputError
        If an input is listed twice or not needed.
    MissingInputError
        If the outputs need a variable that nothing gives.
    ValueError
        If a shared variable has two updates.
    RuntimeError
        If givens replace an input.
    """
    start = time.perf_counter()
    if name is None:
        name = _caller()
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(
            f"the inputs of a function come in a list, got {inputs!r} of type {type(inputs).__name__}"
            + (f": write function([{inputs}], …)" if isinstance(inputs, Variable) else "")
        )
    entries = convert_function_inputs(inputs)
    if allow_input_downcast is not None:
        for position, entry in enumerate(entries):
            if entry.allow_downcast is None and inputs[position] is not entry:
                entry.allow_downcast = allow_input_downcast
            elif entry.allow_downcast is None:
                entries[position] = entry = _twin(entry)
                entry.allow_downcast = allow_input_downcast
    _refuse_duplicates(entries)
    listed, keys = _listed_outputs(outputs)
    if not isinstance(no_default_updates, (bool, list, tuple, set, frozenset)):
        raise TypeError(f"no_default_updates is a bool or a list of shared variables, got {no_default_updates!r}")
    rebuilt = rebuild(
        entries,
        [entry.variable for entry in listed],
        as_pairs(updates, "updates"),
        as_pairs(givens, "givens"),
        no_default_updates,
        rebuild_strict,
    )
    final = [SymbolicOutput(variable, entry.borrow) for variable, entry in zip(rebuilt.outputs, listed, strict=True)]
    single = outputs is not None and not isinstance(outputs, (dict, list, tuple))
    maker = FunctionMaker(
        rebuilt.inputs,
        final[0] if single else None if outputs is None else final,
        mode=mode,
        accept_inplace=accept_inplace,
        profile=profile,
        on_unused_input=on_unused_input,
        output_keys=keys,
        name=name,
        updates_transactional=updates_transactional,
    )
    made: Function = maker.create()
    if made.profile is not None:
        made.profile.compile_time += time.perf_counter() - start
    return made


def _twin(entry: In) -> In:
    return copy(entry)


def _refuse_duplicates(entries: Iterable[SymbolicInput]) -> None:
    seen: set[Variable] = set()
    for position, entry in enumerate(entries):
        if entry.variable in seen:
            raise UnusedInputError(
                f"the variable {entry.variable} stands among the inputs twice, the second time at position {position}: "
                "list it once"
            )
        seen.add(entry.variable)


def _listed_outputs(outputs: Any) -> tuple[list[SymbolicOutput], list[str] | None]:
    """The outputs as a list, and the keys if they came in a dict."""
    keys = None
    if outputs is None:
        given: list[Any] = []
    elif isinstance(outputs, dict):
        for key in outputs:
            if not isinstance(key, str):
                raise AssertionError(f"the keys of outputs must be strings, got {key!r}")  # noqa: TRY004 - documented
        keys = list(outputs)
        given = list(outputs.values())
    elif isinstance(outputs, (list, tuple)):
        given = list(outputs)
    else:
        given = [outputs]
    return [_as_output(entry) for entry in given], keys


def _as_output(entry: Any) -> SymbolicOutput:
    if isinstance(entry, SymbolicOutput):
        return entry
    if isinstance(entry, Variable):
        return SymbolicOutput(entry)
    try:
        return SymbolicOutput(as_variable(entry))
    except TypeError as error:
        raise TypeError(f"the outputs of a function are Variables or Outs, got {entry!r} of {type(entry).__name__}") from error


def _caller() -> str | None:
    """File and line of the user's call."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("tcore.compile"):
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"  # noqa: PTH119 - every first result would wait for pathlib


def function_dump(
    filename: str,
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    extra_tag_to_remove: list[str] | None = None,
    updates_transactional: bool | None = None,
) -> None:
    """Write the arguments of :func:`function` to a file instead of compiling, so that somebody else can.

    ``function(**pickle.load(open(filename, "rb")))`` then gives the same function. Values of shared variables are in the
    file; replace private data first.

    Parameters
    ----------
    filename : str
    extra_tag_to_remove : list of str, optional
        Names of tags that are left out, beside traces and test values.
    others
        As for :func:`function`.
    """
    arguments = {
        "inputs": inputs, "outputs": outputs, "mode": mode, "updates": updates, "givens": givens,
        "no_default_updates": no_default_updates, "accept_inplace": accept_inplace, "name": name,
        "rebuild_strict": rebuild_strict, "allow_input_downcast": allow_input_downcast, "profile": profile,
        "on_unused_input": on_unused_input, "updates_transactional": updates_transactional,
    }  # fmt: skip
    with open(filename, "wb") as file:  # noqa: PTH123 - as above
        StripPickler(file, protocol=pickle.HIGHEST_PROTOCOL, extra_tag_to_remove=extra_tag_to_remove).dump(arguments)

