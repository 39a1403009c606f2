"""What a call gives, matched with the inputs and outputs of a function; and what is said where it does not fit."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

from tcore.compile.lookup import AMBIGUOUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcore.compile.function_module import Function

__all__ = ["explain_bad_argument", "matched", "wanted_outputs"]


def matched(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[int, Any]]:
    """(position of an input, argument) for each argument; inputs that have a value may be left out."""
    explicit = function._plan.explicit
    if len(args) > len(explicit):
        raise TypeError(f"{function._title()} takes {len(explicit)} argument{'s' * (len(explicit) != 1)}, got {len(args)}")
    given = list(zip(explicit, args, strict=False))
    if kwargs:
        given += _keywords(function, kwargs, explicit[: len(args)])
    return given


def _keywords(function: Function, kwargs: Mapping[str, Any], taken: Sequence[int]) -> list[tuple[int, Any]]:
    given = []
    for name, value in kwargs.items():
        container = function.finder.get(name)
        if container is AMBIGUOUS:
            raise TypeError(f"{function._title()} has several inputs with the name {name!r}: give them by position")
        if container is None:
            raise TypeError(_unknown_name(function, name))
        position = next(i for i, candidate in enumerate(function.input_storage) if candidate is container)
        if position in taken:
            raise TypeError(f"{function._title()} got the input {name!r} twice: by position and by name")
        if function.indices[position].implicit:
            raise TypeError(
                f"Tried to provide a value for the implicit input {name!r} of {function._title()}: change the value with "
                "set_value, or replace the variable with givens"
            )
        given.append((position, value))
    return given


def _unknown_name(function: Function, name: str) -> str:
    named = [str(entry.name) for entry in function.indices if entry.name is not None and not entry.implicit]
    unnamed = sum(entry.name is None and not entry.implicit for entry in function.indices)
    title = function._title()
    text = f"Unknown input or state: {name}. {title[0].upper()}{title[1:]} has {len(named)} named input{'s' * (len(named) != 1)}"
    if named:
        text += f" ({', '.join(named)})"
    if unnamed:
        text += (
            f", and {unnamed} unnamed input{'s' * (unnamed != 1)} which thus cannot be accessed through keyword argument "
            "(use 'name=...' in a variable's constructor to give a name)"
        )
    return text + "."


def explain_bad_argument(function: Function, error: Exception, position: int, value: Any) -> None:
    """Let an error of a Type, which refused an argument, name the input and the function."""
    entry = function.indices[position]
    number = function._plan.explicit.index(position) if position in function._plan.explicit else position
    name = f' (called "{entry.name}")' if entry.name is not None else ""
    have = type(value).__name__
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        have = f"{have} of dtype {value.dtype} and shape {tuple(value.shape)}"
    reason = str(error.args[0]) if error.args else ""
    error.args = (
        f"Bad input argument at index {number}{name} of {function._title()}: needed {entry.variable.type}, got {have}.\n  {reason}",
    )


def wanted_outputs(function: Function, wanted: Sequence[Any] | None) -> list[int] | None:
    """The positions of the outputs that ``output_subset`` asks for, by position or key; None for all."""
    if wanted is None:
        return None
    if isinstance(wanted, (str, int)) or not hasattr(wanted, "__iter__"):
        raise TypeError(f"output_subset is a list of positions{' or keys' if function.output_keys else ''}, got {wanted!r}")
    return [_output_position(function, key) for key in wanted]


def _output_position(function: Function, key: Any) -> int:
    count = len(function.outputs)
    if isinstance(key, str):
        if function.output_keys is None or key not in function.output_keys:
            known = f"its outputs are {', '.join(function.output_keys)}" if function.output_keys else "its outputs have no keys"
            raise KeyError(f"output_subset: {function._title()} has no output {key!r}; {known}")
        return function.output_keys.index(key)
    try:
        position = index(key)
    except TypeError:
        raise TypeError(f"output_subset is a list of positions or keys, found {key!r} in it") from None
    if not -count <= position < count:
        raise IndexError(f"output_subset: {function._title()} has {count} outputs, there is none at {position}")
    return position % count
