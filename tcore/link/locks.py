"""Locks on shared values: many readers or one writer, re-entrant per thread.

A call asks for all the locks that it needs at once, and gets all or waits holding none: two calls can never wait for each
other. Only a call made from within another one (by an op whose ``perform`` calls a function) waits while its thread holds
something; such threads are searched for a circle before they wait, and the one that would close it gets an error.

All bookkeeping happens behind one plain lock, for well under a microsecond each time, and threads sleep on gates of their
own. It is written for exceptions out of signal handlers (Ctrl-C): plain assignments first, then the call that notes them.
That is not airtight: on Python 3.13 an exception that arrives inside of these functions can leave the plain lock taken, and
later calls with shared variables then wait for ever.
"""

from __future__ import annotations

import itertools
import os
from _thread import allocate_lock, get_ident
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Plan", "ValueLock", "hold", "release"]

_numbers = itertools.count()

Plan = tuple[tuple["ValueLock", bool], ...]
"""Locks and whether to write, without duplicates."""
Held = list[tuple["ValueLock", bool]]
"""Locks that a call has, and whether each entry counts in the lock's depth (else as a reader)."""


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
        for held in reversed(_active.get(get_ident(), ())):
            if len(held) == 1 and held[0][0] is self:
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
    held: Held = field(factory=list)
    granted: bool = False
    gate: Any = field(factory=allocate_lock)


#: guards everything below, and the attributes of all locks
_desk = allocate_lock()
#: who waits, first come first
_waiting: list[_Request] = []
#: what each thread holds, one entry for each call in progress
_active: dict[int, list[Held]] = {}


def hold(plan: Sequence[tuple[ValueLock, bool]]) -> Held:
    """Take the locks of ``plan``, pairs (lock, whether to write); all or none.

    Returns
    -------
    list
        What to give to :func:`release`.

    Raises
    ------
    RuntimeError
        If this call was made from within another one, and waiting would never end because the calls of other threads wait
        for what this thread holds.
    RecursionError
        If so few levels are left that :func:`release` could not do its work: nothing is taken then.
    """
    _has_room(_LEVELS)
    me = get_ident()
    request = None
    held: Held = []
    try:
        with _desk:
            nested = me in _active
            if _is_free(me, plan) and (nested or not _waiting or not _in_line(plan, _waiting)):
                _take(me, plan, held)
                return held
            request = _Request(me, tuple(plan), nested, held)
            if nested and me in _awaited(me, plan):
                request = None
                raise RuntimeError(_DEADLOCK)
            request.gate.acquire()
            _waiting.append(request)
        request.gate.acquire()
    except BaseException:
        while True:
            try:
                _withdraw(request)
                release(held)
                break
            except BaseException:  # noqa: S112 - interrupted again while giving up: the first interruption is raised below
                continue
        raise
    return held


#: more than the calls below :func:`hold` and :func:`release`
_LEVELS = 6


def _has_room(levels: int) -> None:
    """Raise RecursionError unless as many calls may be nested here: whoever takes a lock must be able to give it back."""
    if levels:
        _has_room(levels - 1)


_DEADLOCK = (
    "calls wait for each other: a function was called from within a call that holds shared variables, and it needs a "
    "shared variable that another thread holds which waits for one of those. Call functions that update shared variables "
    "from outside of calls that use the same ones, or let one function compute both"
)


def release(held: Held) -> None:
    """Give back what :func:`hold` took, and let those in who waited for it; may be called again if it was interrupted."""
    interrupted: BaseException | None = None
    while True:
        try:
            with _desk:
                while held:
                    lock, deep = held[-1]
                    _leave(lock, deep)
                    del held[-1]
                _forget(held)
                if _waiting:
                    _admit()
            break
        except BaseException as error:  # raised below, when others can go on
            interrupted = error
    if interrupted is not None:
        raise interrupted


def _is_free(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> bool:
    """Whether nobody else holds a lock of ``plan`` in a way that excludes this one."""
    for lock, write in plan:
        writer = lock.writer
        if writer == thread:
            continue
        if writer is not None or (write and len(lock.readers) > (thread in lock.readers)):
            return False
    return True


def _in_line(plan: Sequence[tuple[ValueLock, bool]], earlier: Sequence[_Request]) -> bool:
    """Whether somebody came before who must not be overtaken: readers that keep coming would starve a writer."""
    return any(
        lock is other and (write or writes) for request in earlier for other, writes in request.plan for lock, write in plan
    )


def _take(thread: int, plan: Sequence[tuple[ValueLock, bool]], held: Held) -> None:
    """Enter ``thread`` into the locks; goes on behind what ``held`` has already."""
    while len(held) < len(plan):
        lock, write = plan[len(held)]
        if lock.writer == thread:
            entry = lock, True
            lock.depth += 1
        elif write:
            entry = lock, True
            lock.writer = thread
            lock.depth = 1
        else:
            entry = lock, False
            count = lock.readers.get(thread, 0)
            lock.readers[thread] = count + 1
        held.append(entry)
    calls = _active.setdefault(thread, [])
    if not any(held is known for known in calls):
        calls.append(held)


def _leave(lock: ValueLock, deep: bool) -> None:
    if deep:
        lock.depth -= 1
        if not lock.depth:
            lock.writer = None
        return
    me = get_ident()
    left = lock.readers[me] - 1
    if left:
        lock.readers[me] = left
    else:
        del lock.readers[me]


def _forget(held: Held) -> None:
    me = get_ident()
    calls = _active.get(me, [])
    for position, known in enumerate(calls):
        if known is held:
            del calls[position]
            break
    if not calls and me in _active:
        del _active[me]


def _admit() -> None:
    """Give their locks to those who can have them now, in the order in which they came."""
    position = 0
    while position < len(_waiting):
        request = _waiting[position]
        if _is_free(request.thread, request.plan) and (
            request.nested or not _in_line(request.plan, _waiting[:position])
        ):
            _take(request.thread, request.plan, request.held)
            del _waiting[position]
            request.granted = True
            request.gate.release()
        else:
            position += 1


def _withdraw(request: _Request | None) -> None:
    """Take a request back whose thread was interrupted while it waited; what it got meanwhile is its caller's."""
    if request is not None:
        with _desk:
            if request in _waiting:
                _waiting.remove(request)


def _blockers(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> Iterator[int]:
    for lock, write in plan:
        if lock.writer is not None and lock.writer != thread:
            yield lock.writer
        if write:
            yield from (reader for reader in lock.readers if reader != thread)


def _awaited(thread: int, plan: Sequence[tuple[ValueLock, bool]]) -> set[int]:
    """The threads that must go on before ``thread`` can, itself among them if it waits for itself."""
    wanted = {request.thread: request.plan for request in _waiting}
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
        for lock, deep in (entry for held in _active.pop(thread) for entry in held):
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
