"""Graphs as text with one line per node and as little in it as tells graphs apart."""

from __future__ import annotations

from typing import Any

from tcore.graph import Variable
from tcore.graph.debugprint import char_from_number

__all__ = ["hex_digest", "min_informative_str", "var_descriptor"]


def min_informative_str(obj: Any, indent_level: int = 0) -> str:
    """The graph of ``obj``, one line per variable: its letter, its op or name; what was shown before by its letter alone.

    Parameters
    ----------
    obj : Variable
    indent_level : int
        Levels of indentation of the first line.
    """
    letters: dict[Any, str] = {}
    lines: list[str] = []
    stack = [(obj, indent_level)]
    while stack:
        current, level = stack.pop()
        indent = "  " * level
        if current in letters:
            lines.append(f"{indent}<{letters[current]}>")
            continue
        letters[current] = letter = char_from_number(len(letters))
        owner = getattr(current, "owner", None)
        if getattr(current, "name", None) is not None:
            name = f"<{current.name}>" if owner is None else str(current.name)
        else:
            name = str(owner.op) if owner is not None else str(current)
        lines.append(f"{indent}{letter}. {name}")
        if owner is not None and current.name is None:
            stack.extend((variable, level + 1) for variable in reversed(owner.inputs))
    return "\n".join(lines)


def hex_digest(x: Any) -> str:
    """A text that stands for the contents of an array: hash of its bytes, strides and shape."""
    import hashlib

    digest = hashlib.sha256(x.tobytes() if hasattr(x, "tobytes") else bytes(x)).hexdigest()
    strides = ",".join(map(str, getattr(x, "strides", ())))
    shape = ",".join(map(str, getattr(x, "shape", ())))
    return f"{digest}|strides=[{strides}]|shape=[{shape}]"


def var_descriptor(obj: Any) -> str:
    """A text that is equal for equal values: arrays by digest, variables by their graph, lists by their members."""
    if isinstance(obj, (list, tuple)):
        brackets = "[]" if isinstance(obj, list) else "()"
        return brackets[0] + ",".join(map(var_descriptor, obj)) + brackets[1]
    if hasattr(obj, "dtype") and hasattr(obj, "tobytes"):
        return f"<ndarray:{hex_digest(obj)}>"
    if isinstance(obj, Variable):
        return min_informative_str(obj)
    return str(obj)
