"""Reports of errors in running nodes: which node, with what inputs, built where, and what to do.

The exception keeps its type; the text is added to its message. Where both do not fit into :data:`MAX_LINES` lines, the report
goes to a file whose path is the last line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from tcore.configuration import config
from tcore.graph.trace import creation_report, format_trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from tcore.graph import Apply, Variable
    from tcore.graph.fgraph import FunctionGraph
    from tcore.link.container import StorageMap

__all__ = ["MAX_LINES", "ThunkView", "name_input", "raise_with_op", "report"]

#: lines of a report that reach the terminal
MAX_LINES = 25

#: lines of a report below a long message of the exception itself
_LEAST = 12

#: lines about where the parts of a fused node were written
_ORIGINS = 5

_MARK = "Apply node that caused the error: "

ExcInfo = tuple["type[BaseException] | None", "BaseException | None", "TracebackType | None"]


class ThunkView:
    """The cells of a node's operands as they were when it failed.

    A report reads it, and so does whoever looks at the frames of the traceback in a debugger: by then the function has
    emptied its own cells.
    """

    def __init__(self, inputs: Sequence[Any], outputs: int) -> None:
        self.inputs = [[value] for value in inputs]
        self.outputs: list[list[Any]] = [[None] for _ in range(outputs)]

    @classmethod
    def of(cls, thunk: Any, node: Apply) -> Self | None:
        """The view of a thunk; None for one that shows no cells."""
        cells = getattr(thunk, "inputs", None)
        return None if cells is None else cls([cell[0] for cell in cells], len(node.outputs))


def raise_with_op(
    fgraph: FunctionGraph | None,
    node: Apply,
    thunk: Any = None,
    exc_info: ExcInfo | None = None,
    storage_map: StorageMap | None = None,
) -> NoReturn:
    """Raise the exception of ``exc_info`` again, with a report on ``node`` added to its message.

    Parameters
    ----------
    fgraph : FunctionGraph, optional
        The graph that runs; tells the position of the node.
    node : Apply
        What failed.
    thunk : callable, optional
        Its thunk; ``thunk.inputs`` holds the cells of the inputs.
    exc_info : tuple, optional
        As ``sys.exc_info()`` gives it; the exception being handled by default.
    storage_map : dict from Variable to cell, optional
        Where the values are, if there is no thunk; also listed in the report file at high verbosity.
    """
    _, error, trace = exc_info or sys.exc_info()
    assert error is not None
    if not isinstance(error, Exception):  # KeyboardInterrupt, SystemExit: nothing that the node did
        raise error.with_traceback(trace)
    thunk = ThunkView.of(thunk, node)
    try:
        if _MARK not in str(error) and not any(_MARK in note for note in getattr(error, "__notes__", ())):
            own = len(str(error).splitlines())
            _add_text(error, report(fgraph, node, thunk, storage_map, room=max(MAX_LINES - own, _LEAST)))
    except Exception as failure:  # ops and values are anybody's, and are asked for texts and shapes: the user's error comes first
        error.add_note(f"{_MARK}one of {type(node.op).__qualname__}, which cannot be shown: {type(failure).__name__}")
    raise error.with_traceback(trace)


def name_input(error: Exception, variable: Variable, value: Any) -> None:
    """Let an error about a value that cannot be read as one of the variable's type name the variable, and where it was made."""
    given = type(value).__name__
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        given = f"{given} of dtype {value.dtype} and shape {tuple(value.shape)}"
    created = creation_report(variable)
    role = "Input" if variable.owner is None else "Operand"
    _add_text(error, f"{role} {variable} of type {variable.type} was given {given}.{f' It was made at {created}' if created else ''}")


def _add_text(error: Exception, text: str) -> None:
    """Add ``text`` to the message where the class keeps it in ``args[0]``, as a note otherwise."""
    keeps_message = type(error).__str__ in (BaseException.__str__, Exception.__str__) and not isinstance(error, KeyError)
    if keeps_message and len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]}\n{text}",)
    elif keeps_message and not error.args:
        error.args = (text,)
    else:
        error.add_note(text)


def report(
    fgraph: FunctionGraph | None,
    node: Apply,
    thunk: Any = None,
    storage_map: StorageMap | None = None,
    room: int = MAX_LINES,
) -> str:
    """The text about a failed node, at most ``room`` lines; a longer one, whole, goes to a file that the last line names."""
    high = config.exception_verbosity == "high"
    lines = [f"{_MARK}{node}"]
    position = _position(fgraph, node)
    if position is not None:
        lines.append(f"Toposort index: {position}")
    lines += _about_inputs(node, thunk, storage_map)
    built = _where_built(node)
    if built:
        lines += ["", "Backtrace when the node is created:", *built, *_other_origins(node)]
    replaced = _where_built(node, "compile_trace")
    if replaced:
        lines += ["", "Backtrace when an optimization made it:", *replaced]
    if high:
        lines += ["", "Debugprint of the apply node: ", *_tree(node)]
    hints = _hints(bool(built), high)
    in_file_only = _storage_lines(storage_map) if high else []
    if not in_file_only and len(lines) + len(hints) <= room:
        return "\n".join([*lines, *hints])
    path = _write([*lines, *hints, *in_file_only])
    room -= 1
    if len(lines) + len(hints) > room:
        lines = [*lines[: max(room - len(hints) - 1, 1)], "..."]
    return "\n".join([*lines, *hints, f"The whole report is in {path}"])


def _hints(built: bool, high: bool) -> list[str]:
    """What to try next: where the node was made, if that is not known, and the longer form of the report."""
    hints = []
    if not built:
        hints.append(
            "HINT: Re-running with most optimizations disabled could give a back-trace of when this node was created: "
            "set the flag 'optimizer=fast_compile', and if that does not help, 'optimizer=None'."
        )
    if not high:
        hints.append("HINT: Use the flag 'exception_verbosity=high' for a debugprint and the storage map of this apply node.")
    return ["", *hints] if hints else []


def _position(fgraph: FunctionGraph | None, node: Apply) -> int | None:
    if fgraph is None:
        return None
    for position, candidate in enumerate(fgraph.toposort()):
        if candidate is node:
            return position
    return None


def _about_inputs(node: Apply, thunk: Any, storage_map: StorageMap | None) -> list[str]:
    lines = [f"Inputs types: [{', '.join(str(variable.type) for variable in node.inputs)}]"]
    cells = getattr(thunk, "inputs", None)
    if cells is None and storage_map is not None:
        cells = [storage_map.get(variable, [None]) for variable in node.inputs]
    if cells is None:
        return lines
    values = [cell[0] for cell in cells]
    shapes = [getattr(value, "shape", "No shapes") for value in values]
    strides = [getattr(value, "strides", "No strides") for value in values]
    return [
        *lines,
        f"Inputs shapes: {shapes}",
        f"Inputs strides: {strides}",
        f"Inputs scalar values: [{', '.join(map(_value_text, values))}]",
    ]


def _value_text(value: Any) -> str:
    if value is None:
        return "None"
    if getattr(value, "size", 1) == 1:
        text = repr(value)
        return text if len(text) <= 80 and "\n" not in text else text[:77].replace("\n", " ") + "..."
    return "'not scalar'"


def _where_built(node: Apply, tag: str = "trace") -> list[str]:
    for variable in node.outputs:
        trace = getattr(variable.tag, tag, None) if variable.has_tag() else None
        if not trace:
            continue
        # after rewrites a variable may carry the traces of several origins: a list of traces
        if isinstance(trace, list):
            trace = next((one for one in trace if one), ())
        if trace:
            limit = max(1, min(len(trace), 4))
            return format_trace(tuple(trace)[:limit]).splitlines()
    return []


def _other_origins(node: Apply) -> list[str]:
    """The other lines of the user's program that a fused node computes, at most :data:`_ORIGINS`, one line each."""
    tag = node.outputs[0].tag
    shown = (getattr(tag, "trace", None) or ())[:1]
    others = [frame for frame in getattr(tag, "origins", ()) if frame not in shown]
    if not others:
        return []
    more = len(others) - _ORIGINS
    texts = [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}: {frame.line}' for frame in others[:_ORIGINS]]
    return ["The node also computes:", *texts, *([f"  ... and {more} more lines"] if more > 0 else [])]


def _tree(node: Apply) -> list[str]:
    from tcore.graph.debugprint import debugprint

    return str(debugprint(node, print_type=True, file="str")).splitlines()


def _storage_lines(storage_map: StorageMap | None) -> list[str]:
    if not storage_map:
        return []
    lines = ["", "Storage map footprint:"]
    total = 0
    for variable, cell in storage_map.items():
        value = cell[0]
        size = getattr(value, "nbytes", 0)
        total += size
        if value is not None:
            lines.append(f" - {variable}, {variable.type}, shape {getattr(value, 'shape', None)}, {size} bytes")
    lines.append(f" Total: {total} bytes")
    return lines


def _write(lines: list[str]) -> str:
    import tempfile  # for the rare report that is too long to print

    with tempfile.NamedTemporaryFile(
        "w", prefix="tcore_error_", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write("\n".join(lines) + "\n")
        return file.name
