"""Lengths of the values of a compiled graph, without computing them: numbers where they are known, else as a text.

What ``infer_shape`` of the ops says is followed from the inputs on. Lengths that nobody gave have names, such as ``x.shape[0]``;
lengths that depend on computed values are ``?``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.graph.variable import Constant

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable

__all__ = ["UNKNOWN", "Length", "Lengths"]

UNKNOWN = "?"
Length = int | str
"""A number, or how it follows from the lengths of inputs."""

#: longer texts say no more to a reader
_LONGEST = 40
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "IntDiv": "//", "Mod": "%"}
_SHAPES = "tcore.tensor.shape"


class Lengths:
    """The lengths of all variables of a graph.

    Parameters
    ----------
    inputs : sequence of Variable
    nodes : sequence of Apply
        In order.
    shapes : dict from Variable to tuple of lengths
        Of inputs, as far as they are known.
    values : dict from Variable to array
        Of inputs: what lengths may depend on.
    names : dict from Variable to str
        What inputs are called in texts.
    """

    def __init__(
        self, inputs: Iterable[Variable], nodes: Iterable[Apply], shapes: Mapping[Variable, tuple[Length, ...]], values: Mapping[Variable, Any],
        names: Mapping[Variable, str],
    ) -> None:  # fmt: skip
        self._placeholders: dict[Any, str] = {}
        self._given = dict(values)
        self._shapes: dict[Any, tuple[Any, ...] | None] = {}
        self._found: dict[Any, Any] = {}
        for variable in inputs:
            self._shapes[variable] = self._of_input(variable, shapes.get(variable), names.get(variable, str(variable)))
        for node in nodes:
            for variable in node.inputs:
                if isinstance(variable, Constant) and variable not in self._shapes:
                    self._shapes[variable] = np.shape(variable.data) if hasattr(variable.type, "ndim") else None
            for variable, shape in zip(node.outputs, self._inferred(node), strict=True):
                self._shapes[variable] = shape

    def of(self, variable: Variable) -> tuple[Length, ...]:
        """The lengths of a variable; none for what has no dimensions."""
        shape = self._shapes.get(variable)
        flags = getattr(variable.type, "broadcastable", ())
        return tuple(1 if flag else self._length(length) for flag, length in zip(flags, shape or (), strict=False))

    def value_of(self, variable: Variable) -> Any:
        """The value of what may be a length or a shape; None where it is not known."""
        found = UNKNOWN if _is_no_length(variable) else self._value(variable)
        return None if isinstance(found, str) else found

    def bytes_of(self, variable: Variable) -> int | None:
        """The size of a value; None where a length is no number, or its elements have no size."""
        lengths = self.of(variable)
        try:
            size = np.dtype(variable.type.dtype).itemsize
        except (AttributeError, TypeError):
            return None
        for length in lengths:
            if isinstance(length, str):
                return None
            size *= length
        return int(size)

    # ------------------------------------------------------------ shapes

    def _placeholder(self, name: str) -> Any:
        length = scalar.int64(name)
        self._placeholders[length] = name
        return length

    def _of_input(self, variable: Variable, shape: tuple[Length, ...] | None, name: str) -> tuple[Any, ...] | None:
        ndim = getattr(variable.type, "ndim", None)
        if ndim is None:
            return None
        told = shape if shape is not None else [f"{name}.shape[{k}]" for k in range(ndim)]
        return tuple(self._placeholder(length) if isinstance(length, str) else length for length in told)

    def _inferred(self, node: Apply) -> list[tuple[Any, ...] | None]:
        infer = getattr(node.op, "infer_shape", None)
        shapes = [self._shapes.get(variable) for variable in node.inputs]
        try:
            found = list(infer(node, shapes)) if infer is not None else []
        except Exception:  # an op that cannot say it of lengths without a graph: nobody knows them
            found = []
        if len(found) != len(node.outputs):
            found = [None] * len(node.outputs)
        return [shape if shape is not None else self._of_input(v, None, "") for v, shape in zip(node.outputs, found, strict=True)]

    # ------------------------------------------------------------ values of lengths

    def _length(self, length: Any) -> Length:
        if isinstance(length, (int, np.integer)):
            return int(length)
        found = self._value(length)
        if isinstance(found, str):
            return found if len(found) <= _LONGEST and not found.startswith(".") else UNKNOWN
        return int(found)

    def _value(self, wanted: Variable) -> Any:
        """The value of an integer variable, as an array, or its text."""
        stack = [wanted]
        while stack:
            variable = stack[-1]
            if variable in self._found:
                stack.pop()
                continue
            missing = [each for each in self._needs(variable) if each not in self._found]
            if missing:
                stack += missing
            else:
                self._found[variable] = self._step(variable)
                stack.pop()
        return self._found[wanted]

    def _needs(self, variable: Variable) -> list[Variable]:
        """What must be known before."""
        node = variable.owner
        if node is None or variable in self._given:
            return []
        if type(node.op).__module__ == _SHAPES:
            return [length for length in self._asked(node) if not isinstance(length, (int, np.integer))]
        return [] if _is_no_length(variable) else list(node.inputs)

    def _asked(self, node: Apply) -> list[Any]:
        """The lengths that ``Shape`` or ``Shape_i`` reads; those of a variable that is not of the graph have no text."""
        shape = self._shapes.get(node.inputs[0])
        if shape is None:
            shape = self._shapes[node.inputs[0]] = self._of_input(node.inputs[0], None, "") or ()
        return [shape[node.op.i]] if hasattr(node.op, "i") else list(shape)

    def _step(self, variable: Variable) -> Any:
        """The value or text of a variable from those of what it needs."""
        if variable in self._placeholders:
            return self._placeholders[variable]
        if variable in self._given:
            return np.asarray(self._given[variable])
        if isinstance(variable, Constant):
            return np.asarray(variable.data)
        node = variable.owner
        if node is None:
            return str(variable) if getattr(variable.type, "ndim", 1) == 0 and variable.name else UNKNOWN
        if type(node.op).__module__ == _SHAPES:
            lengths = [self._found.get(length, length) if not isinstance(length, int) else length for length in self._asked(node)]
            if any(isinstance(length, str) for length in lengths):
                return lengths[0] if hasattr(node.op, "i") else UNKNOWN
            return np.asarray(lengths[0] if hasattr(node.op, "i") else lengths, "int64")
        if _is_no_length(variable):
            return UNKNOWN
        operands = [self._found[each] for each in node.inputs]
        if not any(isinstance(each, str) for each in operands):
            return _performed(node, variable, operands)
        return _text(node, operands)


def _is_no_length(variable: Variable) -> bool:
    """Whether a variable can be neither a length nor a shape."""
    kind = getattr(variable.type, "dtype", "")
    return not kind.startswith(("int", "uint", "bool")) or getattr(variable.type, "ndim", 0) > 1


def _performed(node: Apply, variable: Variable, operands: list[Any]) -> Any:
    cells: list[list[Any]] = [[None] for _ in node.outputs]
    arrays = [_as_value(each, v) for each, v in zip(operands, node.inputs, strict=True)]
    try:
        node.op.perform(node, arrays, cells)
    except Exception:  # lengths that do not fit: the call itself will say so
        return UNKNOWN
    return np.asarray(cells[node.outputs.index(variable)][0])


def _as_value(found: Any, variable: Variable) -> Any:
    """As the op wants it: numbers for scalars, and arrays that it may overwrite."""
    return found[()] if not hasattr(variable.type, "broadcastable") and found.ndim == 0 else np.array(found)


def _text(node: Apply, operands: list[Any]) -> str:
    """Sums and products of lengths in words; conversions between a number and an array of none or one dimension say nothing."""
    texts = [each if isinstance(each, str) else str(each) for each in operands]
    if UNKNOWN in texts:
        return UNKNOWN
    if len(texts) == 1 and getattr(node.op, "scalar_op", None) is None:
        return texts[0]
    sign = _SIGNS.get(type(getattr(node.op, "scalar_op", None)).__name__)
    if sign is None:
        return UNKNOWN
    joined = f" {sign} ".join(texts)
    return f"({joined})" if sign in "+-" else joined
