"""Small documented helpers for people who write ops and optimizations."""

from __future__ import annotations

import functools
import hashlib
import sys
import traceback
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tcore.configuration import config
from tcore.graph.errors import MethodNotDefined
from tcore.graph.trace import user_trace

if TYPE_CHECKING:
    from os import PathLike
    from types import FrameType

    from tcore.graph.node import Node

__all__ = [
    "MethodNotDefined",
    "add_tag_trace",
    "deprecated",
    "difference",
    "flatten",
    "hash_from_file",
    "memoize",
    "remove",
    "simple_extract_stack",
    "toposort",
    "uniq",
]

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
N = TypeVar("N", bound="Node")
F = TypeVar("F", bound=Callable[..., Any])


def add_tag_trace(thing: N, user_line: int | None = None) -> N:
    """Store where the user's program is now in ``thing.tag.trace``, and give ``thing`` back.

    Parameters
    ----------
    thing : Variable or Apply
    user_line : int, optional
        At most so many calls of the user's program; ``config.traceback.limit`` is a bound in any case.
    """
    limit = config.traceback.limit
    if user_line is not None:
        limit = user_line if limit < 0 else min(user_line, limit)
    if limit:
        thing.tag.trace = user_trace(limit)
    return thing


def simple_extract_stack(
    f: FrameType | None = None, limit: int | None = None, skips: Sequence[str] = ()
) -> list[traceback.FrameSummary]:
    """The calls that led to frame ``f`` (the caller by default), outermost first.

    As ``traceback.extract_stack``, but files are not asked whether they changed, and inner levels can be left out.

    Parameters
    ----------
    f : frame, optional
    limit : int, optional
        At most so many levels, the innermost ones.
    skips : sequence of str
        Parts of file names: levels whose file has one are neither kept nor counted, from the innermost one up to the
        first whose file has none.

    Returns
    -------
    list of FrameSummary
        Tuples (file name, line number, function, text of the line); the text is read when it is asked for.
    """
    frame = sys._getframe(1) if f is None else f
    levels: deque[traceback.FrameSummary] = deque()
    skipping = bool(skips)
    while frame is not None and (limit is None or len(levels) < limit):
        code = frame.f_code
        skipping = skipping and any(part in code.co_filename for part in skips)
        if not skipping:
            levels.appendleft(traceback.FrameSummary(code.co_filename, frame.f_lineno, code.co_name, lookup_line=False))
        frame = frame.f_back  # type: ignore[assignment]
    return list(levels)


def deprecated(filename: str, msg: str = "") -> Callable[[F], F]:
    """A decorator: the first call of the function prints ``WARNING <filename>.<function> deprecated. <msg>``."""

    def decorate(function: F) -> F:
        warned = False

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal warned
            if not warned:
                warned = True
                print(f"WARNING {filename}.{function.__name__} deprecated. {msg}")
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def difference(seq1: Iterable[T], seq2: Iterable[T]) -> list[T]:
    """The elements of ``seq1`` that are not in ``seq2``, in their order; they need not be hashable."""
    left, right = list(seq1), list(seq2)
    try:
        known = set(right)
        return [element for element in left if element not in known]
    except TypeError:
        return [element for element in left if element not in right]


def flatten(a: Any) -> list[Any]:
    """What nested tuples, lists and sets hold, as one flat list; anything else is an element."""
    flat: list[Any] = []
    stack = [a]
    while stack:
        element = stack.pop()
        if isinstance(element, (tuple, list, set, frozenset)):
            stack.extend(reversed(list(element)))
        else:
            flat.append(element)
    return flat


def hash_from_file(file_path: str | PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with Path(file_path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def memoize(f: Callable[..., T]) -> Callable[..., T]:
    """``f``, which remembers its result for each combination of arguments; they must be hashable."""
    return functools.cache(f)


def remove(predicate: Callable[[T], Any], coll: Iterable[T]) -> list[T]:
    """The items of ``coll`` for which the predicate does not hold."""
    return [item for item in coll if not predicate(item)]


def toposort(prereqs_d: Mapping[H, Iterable[H]]) -> list[H]:
    """The keys in an order in which everything in ``prereqs_d[x]`` comes before ``x``.

    Raises
    ------
    ValueError
        If some keys wait for each other.
    """
    return [key for key in TopologicalSorter(prereqs_d).static_order() if key in prereqs_d]


def uniq(seq: Iterable[T]) -> list[T]:
    """``seq`` without repeats, in order of appearance: which positions stay depends on the pattern of repeats alone."""
    elements = list(seq)
    try:
        return list(dict.fromkeys(elements))
    except TypeError:  # not hashable: compare each with those before
        kept: list[T] = []
        for element in elements:
            if element not in kept:
                kept.append(element)
        return kept
