"""Where in the user's program a node was made.

A trace is a tuple of :class:`Frame`, innermost first, without the frames of tcore itself and of its plugins:
an error report shows the first. Source lines are read only when a report is printed.

What an optimization makes inherits the trace of what it replaces. Where the optimization itself was at that moment is noted beside it,
in ``tag.compile_trace``, if ``config.traceback.compile_limit`` asks for it.
"""

from __future__ import annotations

import contextlib
import linecache
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from tcore.configuration import config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

    from tcore.graph.variable import Variable

__all__ = [
    "Frame", "Trace", "copy_trace", "creation_report", "format_trace", "is_paused", "note_origins", "note_trace", "note_traces", "traces_paused",
    "user_trace", "warn_user",
]  # fmt: skip

_OWN_PACKAGES = frozenset({"tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet"})


class _State(threading.local):
    paused = False


_state = _State()


@contextlib.contextmanager
def traces_paused() -> Iterator[None]:
    """A context in which this thread notes no traces: what optimizations make inherits that of what it replaces."""
    before = _state.paused
    _state.paused = True
    try:
        yield
    finally:
        _state.paused = before


def is_paused() -> bool:
    """Whether this thread is optimizing, see :func:`traces_paused`."""
    return _state.paused


class Frame(NamedTuple):
    """One call: the documented order of a traceback entry."""

    filename: str
    lineno: int
    name: str

    @property
    def line(self) -> str:
        """The text of the source line, or ``""`` where the source cannot be read."""
        return linecache.getline(self.filename, self.lineno).strip()


Trace = tuple[Frame, ...]


def user_trace(limit: int, *, own: bool = False) -> Trace:
    """At most ``limit`` frames of the running program that lie outside tcore, innermost first (all for ``limit`` < 0).

    ``own`` takes those of tcore as well. Cheap enough for every node: names and line numbers only, about 0.1 µs a frame.
    """
    frames: list[Frame] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(frames) != limit:
        module = frame.f_globals.get("__name__", "")
        if module != __name__ if own else module.partition(".")[0] not in _OWN_PACKAGES:
            code = frame.f_code
            frames.append(Frame(code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return tuple(frames)


def warn_user(text: str, category: type[Warning]) -> None:
    """Warn at the line of the user's program that is being run, however deep below it we are."""
    # a function is compiled within contexts, which are frames of contextlib
    where = next((frame for frame in user_trace(-1) if frame.filename != contextlib.__file__), None)
    if where is not None:
        warnings.warn_explicit(text, category, where.filename, where.lineno)
    else:
        warnings.warn(text, category, stacklevel=3)


def note_trace(variable: Variable) -> None:
    """Remember in ``variable.tag.trace`` where the user made it (``config.traceback.limit`` frames)."""
    note_traces((variable,))


def note_traces(variables: Iterable[Variable]) -> None:
    """As :func:`note_trace`, for all outputs of a node."""
    if _state.paused:
        if config.traceback.compile_limit:
            trace = user_trace(config.traceback.compile_limit, own=True)
            for variable in variables:
                variable.tag.compile_trace = trace
    elif config.traceback.limit:
        trace = user_trace(config.traceback.limit)
        for variable in variables:
            variable.tag.trace = trace


def format_trace(trace: Trace) -> str:
    """The trace as Python prints one: outermost call first, two lines a frame."""
    lines = []
    for frame in reversed(trace):
        lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line}")
    return "\n".join(lines)


def creation_report(variable: Variable) -> str:
    """Where the user made ``variable``, in one line; "" where that is not known."""
    trace = getattr(variable.tag, "trace", None) if variable.has_tag() else None
    if not trace:
        return ""
    frame = trace[0]
    text = f"{frame.filename}, line {frame.lineno}, in {frame.name}"
    return f"{text}: {frame.line}" if frame.line else text


def copy_trace(source: Variable | Iterable[Variable], target: Variable) -> Variable:
    """Give ``target`` the trace of ``source``, where it has none of its own; of several sources, all traces joined.

    Returns ``target``.
    """
    if target.has_tag() and vars(target.tag).get("trace"):  # not getattr: an attribute that is missing costs an exception
        return target
    sources: Any = [source] if not isinstance(source, (list, tuple)) else source
    joined: list[Frame] = []
    for variable in sources:
        if variable.has_tag():
            seen = frozenset(joined)  # what other sources have; a recursive caller is twice in the trace of one
            joined.extend(frame for frame in vars(variable.tag).get("trace", ()) if frame not in seen)
    if joined:
        target.tag.trace = tuple(joined)
    return target


def note_origins(replaced: Iterable[Variable], target: Variable) -> None:
    """Remember in ``target.tag.origins`` the line of each of ``replaced``, where one node does the work of several.

    The trace says where the last of them was made; an error may be that of any other. A ``target`` that is an input or is in
    a graph already keeps what it has.
    """
    if target.owner is None or target.fgraph is not None:
        return
    origins: dict[Frame, None] = {}
    for variable in replaced:
        if variable.has_tag():
            notes = vars(variable.tag)
            origins.update(dict.fromkeys(notes.get("origins") or (notes.get("trace") or ())[:1]))
    if len(origins) > 1:
        target.tag.origins = tuple(origins)
