"""``Variable.eval``: the value of an expression without an explicit function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.compile.function import function
from tcore.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["evaluate"]


class _Functions(dict[Any, Any]):
    """The functions compiled for one variable. Copies and pickles of it are empty: they belong to other variables."""

    def __reduce__(self) -> Any:
        return _Functions, ()

    def __deepcopy__(self, memo: object) -> _Functions:
        return _Functions()


def evaluate(variable: Variable, inputs_to_values: Mapping[Any, Any]) -> Any:
    """The value of ``variable``; see :meth:`Variable.eval`.

    Raises
    ------
    MissingInputError
        If a needed input is not given.
    UnusedInputError
        If one is given that is not needed.
    TypeError
        If a key is no variable.
    """
    for key in inputs_to_values:
        if not isinstance(key, Variable):
            raise TypeError(f"eval takes a dict from variables to values, got the key {key!r}")
    inputs = sorted(inputs_to_values, key=id)
    notes = variable.tag.__dict__
    cached = notes.get("eval_functions")
    if cached is None or cached[0] is not variable:  # a clone has the notes of its original
        cached = notes["eval_functions"] = (variable, _Functions())
    key = tuple(inputs)
    compiled = cached[1].get(key)
    if compiled is None:
        compiled = cached[1][key] = function(inputs, variable, on_unused_input="raise")
    return compiled(*[inputs_to_values[entry] for entry in inputs])
