"""Locks on shared values: many readers or one writer, re-entrant per thread.

A call asks for all the locks that it needs at once, and gets all or waits holding none: two calls can never wait for each
other. Only a call made from within another one (by an op whose ``perform`` calls a function) waits while its thread holds
something; such threads are searched for a circle before they wait, and the one that would close it gets an error.

All bookkeeping happens at one desk, behind one lock, for about a microsecond each time, and threads sleep on gates of their
own. An exception out of a signal handler (Ctrl-C) can come at every call and every turn of a loop, so

- taking or leaving one lock is a run of plain statements without a call, noted in ``held``, and can be repeated from where
  it stopped;
- no loop stands directly under ``with _desk``: CPython 3.13 compiles the jump back of some such loops outside of the
  block's protection, and an exception that comes there leaves the lock taken;
- the desk's lock is re-entrant, because a signal handler or a finalizer may itself call a function.
"""

from __future__ import annotations

import itertools
import os
from _thread import RLock, allocate_lock, get_ident
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Plan", "ValueLock", "hold", "release"]

_numbers = itertools.count()

Plan = tuple[tuple["ValueLock", bool], ...]
"""Locks and whether to write, without duplicates."""
Held = dict["ValueLock", bool]
"""Locks that a call has, and whether each counts in the lock's depth (else as a reader)."""


class ValueLock:
    """A reader-writer lock.

    One thread may take it again while it holds it, for reading or for writing; as a context manager it is taken for writing.
    Pickles and copies of it are new locks.
    """

    __slots__ = ("depth", "number", "readers", "writer")

    def __init__(self) -> None:
        self.number = next(_numbers)
        #: threads that read, and how often each took the lock
        self.readers: dict[int, int] = {}
        #: the thread that writes
        self.writer: int | None = None
        #: how often the writing thread took the lock
        self.depth = 0

    def acquire_read(self) -> None:
        """Wait until nobody else writes."""
        hold(((self, False),))

    def acquire_write(self) -> None:
        """Wait until nobody else reads or writes."""
        hold(((self, True),))

    def release(self) -> None:
        """Give back what this thread took last.

        Raises
        ------
        RuntimeError
            If this thread holds nothing.
        """
        for held in reversed(_active.get(get_ident(), {}).values()):
            if len(held) == 1 and self in held:
                release(held)
                return
        raise RuntimeError("a lock was released by a thread that does not hold it")

    def __enter__(self) -> ValueLock:
        self.acquire_write()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def __reduce__(self) -> tuple[type[ValueLock], tuple[()]]:
        return ValueLock, ()  # a loaded or copied value has a lock of its own

    def __deepcopy__(self, memo: object) -> ValueLock:
        return ValueLock()


@define(eq=False)
class _Request:
    """A thread that waits for ``plan``; whoever releases what it needs fills ``held`` and opens the gate."""

    thread: int
    plan: Plan
    nested: bool
    held: Held
    gate: Any = field(factory=allocate_lock)


#: guards everything below, and the attributes of all locks
_desk = RLock()
#: who waits, first come first
_waiting: dict[_Request, None] = {}
#: what each thread holds: the calls in progress, by identity
_active: dict[int, dict[int, Held]] = {}


def hold(plan: Sequence[tuple[ValueLock, bool]]) -> Held:
    """Take the locks of ``plan``, pairs (lock, whether to write); all or none.

    Returns
    -------
    dict
        What to give to :func:`release`.

    Raises
    ------
    RuntimeError
        If waiting would never end: this call was made from within another one and the calls of other threads wait for what
        this thread holds, or by a signal handler or finalizer that interrupted this very bookkeeping.
    RecursionError
        If so few levels are left that :func:`release` could not do its work: nothing is taken then.
    """
    _has_room(_LEVELS)
    held: Held = {}
    try:
        with _desk:
            gate = _enter(get_ident(), plan, held)
        if gate is not None:
            if _desk._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks it
                raise RuntimeError(_IN_HANDLER)
            gate.acquire()
    except BaseException:
        release(held)
        raise
    return held


#: more than the calls below :func:`hold` and :func:`release`
_LEVELS = 4


def _has_room(levels: int) -> None:
    """Raise RecursionError unless as many calls may be nested here: whoever takes a lock must be able to give it back."""
    if levels:
        _has_room(levels - 1)


_DEADLOCK = (
    "calls wait for each other: a function was called from within a call that holds shared variables, and it needs a "
    "shared variable that another thread holds which waits for one of those. Call functions that update shared variables "
    "from outside of calls that use the same ones, or let one function compute both"
)
_IN_HANDLER = (
    "a signal handler or a finalizer called a function whose shared variables another thread holds, at a moment when that "
    "thread cannot give them back. Note in the handler that something happened, and call the function outside of it"
)


def release(held: Held) -> None:
    """Give back what :func:`hold` took or waits for, and let those in who waited for it.

    May be called again: an interruption before its first statement cannot be seen from within, so callers that must not
    lose a lock call it once more if ``held`` is not empty.
    """
    try:
        with _desk:
            _give_back(get_ident(), held)
    except BaseException:
        release(held)  # an interruption: others shall go on before it is passed on
        raise


def _enter(me: int, plan: Sequence[tuple[ValueLock, bool]], held: Held) -> Any:
    """Take the locks of ``plan``, or get into the line; returns the gate to wait at, None for no need to."""
    # within another call of this thread, or in a signal handler that interrupted one while it waits
    nested = me in _active or (bool(_waiting) and any(request.thread == me for request in tuple(_waiting)))
    if _is_free(me, plan) and (nested or not _waiting or not _in_line(plan, tuple(_waiting))):
        _take(me, plan, held)
        return None
    if nested and me in _awaited(me, plan):
        raise RuntimeError(_DEADLOCK)
    request = _Request(me, tuple(plan), nested, held)
    request.gate.acquire()
    _waiting[request] = None
    return request.gate


def _give_back(me: int, held: Held) -> None:
    """Undo :func:`_enter`, or what an interruption left of it."""
    if _waiting:
        _withdraw(held)
    for lock in tuple(held):
        if lock in held:  # from here on no call is made
            if held[lock]:
                lock.depth -= 1
                if not lock.depth:
                    lock.writer = None
            elif lock.readers[me] > 1:
                lock.readers[me] -= 1
            else:
                del lock.readers[me]
            del held[lock]
    key = id(held)
    if me in _active and key in _active[me]:
        del _active[me][key]
        if not _active[me]:
            del _active[me]
    if _waiting:
        _admit()


def _is_free(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> bool:
    """Whether nobody else holds a lock of ``plan`` in a way that excludes this one."""
    for lock, write in plan:
        writer = lock.writer
        if writer == thread:
            continue
        if writer is not None or (write and len(lock.readers) > (thread in lock.readers)):
            return False
    return True


def _in_line(plan: Sequence[tuple[ValueLock, bool]], earlier: Iterable[_Request]) -> bool:
    """Whether somebody came before who must not be overtaken: readers that keep coming would starve a writer."""
    return any(
        lock is other and (write or writes) for request in earlier for other, writes in request.plan for lock, write in plan
    )


def _take(thread: int, plan: Sequence[tuple[ValueLock, bool]], held: Held) -> None:
    """Enter ``thread`` into the locks that ``held`` does not have yet."""
    key = id(held)
    for lock, write in plan:
        if lock not in held:  # from here on no call is made
            if lock.writer == thread:
                lock.depth += 1
                held[lock] = True
            elif write:
                lock.writer = thread
                lock.depth = 1
                held[lock] = True
            else:
                lock.readers[thread] = lock.readers[thread] + 1 if thread in lock.readers else 1
                held[lock] = False
    if thread in _active:
        _active[thread][key] = held
    else:
        _active[thread] = {key: held}


def _admit() -> None:
    """Give their locks to those who can have them now, in the order in which they came."""
    earlier: list[_Request] = []
    for request in tuple(_waiting):
        if _is_free(request.thread, request.plan) and (request.nested or not _in_line(request.plan, earlier)):
            _take(request.thread, request.plan, request.held)
            if request in _waiting:
                del _waiting[request]
                request.gate.release()
        else:
            earlier.append(request)


def _withdraw(held: Held) -> None:
    """Take the request back of a thread that was interrupted while it waited."""
    for request in tuple(_waiting):
        if request.held is held and request in _waiting:
            del _waiting[request]


def _blockers(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> Iterator[int]:
    for lock, write in plan:
        if lock.writer is not None and lock.writer != thread:
            yield lock.writer
        if write:
            yield from (reader for reader in lock.readers if reader != thread)


def _awaited(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> set[int]:
    """The threads that must go on before ``thread`` can, itself among them if it waits for itself."""
    wanted = {request.thread: request.plan for request in tuple(_waiting)}
    found: set[int] = set()
    stack = list(_blockers(thread, plan))
    while stack:
        other = stack.pop()
        if other not in found:
            found.add(other)
            stack.extend(_blockers(other, wanted.get(other, ())))
    return found


_forking: list[bool] = []


def _before_fork() -> None:
    # a signal handler that forks may find the desk taken by its own thread, which then goes on with it on both sides
    _forking.append(_desk.acquire(timeout=1))


def _after_fork_in_parent() -> None:
    if _forking.pop():
        _desk.release()


def _after_fork_in_child() -> None:
    """Only the thread that forked lives on: what the others held or waited for is free."""
    me = get_ident()
    for thread in [thread for thread in _active if thread != me]:
        for lock, deep in (entry for held in _active.pop(thread).values() for entry in held.items()):
            if deep:
                lock.writer, lock.depth = None, 0
            else:
                lock.readers.pop(thread, None)
    _waiting.clear()
    _after_fork_in_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
