"""What a row is: the same work, written once for each library as that library's users write it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

from attrs import evolve, frozen

__all__ = ["Call", "Goal", "NotBuilt", "Row"]

Call = Callable[[], Any]
"""Does the work once and returns an array or several, finished: a library that computes in the background is waited for."""


class NotBuilt(Exception):
    """Raised by a program whose library has no such thing yet; the table says so."""


@frozen(kw_only=True)
class Goal:
    """What tcore must reach: ratios of its time to another, at most; ``seconds`` is its time itself.

    Attributes
    ----------
    peer, numpy, baseline, limit : float or None
        Against the best peer, NumPy, the row's own baseline, and what the machine needs at least.
    seconds : float or None
    """

    peer: float | None = None
    numpy: float | None = None
    baseline: float | None = None
    limit: float | None = None
    seconds: float | None = None


@frozen
class Row:
    """One line of the table.

    A subclass has fields for its sizes, and a method for each library, named as ``Library.method`` says. The method gets the row's data (and the library's
    variant, where it has some) and returns a :data:`Call`. It imports its library itself: each runs in a process that loads no other.

    Attributes
    ----------
    name, summary : str
        For ``--only`` and for readers.
    goal : Goal
    kind : str
        ``call``: the time of one call. ``first``: from the first variable to the first right answer, in a fresh process. ``import``: the CPU time of the import.
        ``own``: the program returns the seconds that count, nothing is compared.
    store : str
        What a row of kind ``first`` finds of earlier compilations: ``empty`` or ``warm``.
    tiny : dict
        Sizes for a run that only shows that the row works.
    checked_calls : int
        How many results in a row are compared: more than one where calls change a state.
    rtol, atol : float
        How far from NumPy's a result may be.
    without : dict
        Columns that the row leaves empty, and why.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    goal: ClassVar[Goal] = Goal()
    kind: ClassVar[str] = "call"
    store: ClassVar[str] = "warm"
    tiny: ClassVar[dict[str, int]] = {}
    checked_calls: ClassVar[int] = 1
    rtol: ClassVar[float] = 1e-9
    atol: ClassVar[float] = 1e-11
    without: ClassVar[dict[str, str]] = {}

    def data(self) -> SimpleNamespace:
        """The same arrays in every process."""
        return SimpleNamespace()

    def bytes_moved(self) -> int:
        """Bytes that any program must read and write in main memory; 0 where all fits into caches, or hardly anything is written."""
        return 0

    def bytes_read(self) -> int:
        """The same where a program reads much and writes hardly anything: reading alone is faster than copying."""
        return 0

    def flops(self) -> int:
        """Operations of matrix products that any program must do."""
        return 0

    def exponentials(self) -> int:
        """Exponentials, or functions as costly, of float64 that any program must compute."""
        return 0

    def operations(self) -> int:
        """All arithmetic operations, for the roofline chart; a root or an exponential is one."""
        return self.flops()

    def traffic(self) -> int:
        """Bytes of operands and results, for the roofline chart: what a program moves if its caches are empty."""
        return self.bytes_moved() or self.bytes_read()

    def compared(self, results: list[Any]) -> list[Any]:
        """What of a program's first results must be NumPy's: themselves, where they are no random numbers."""
        return results

    def program(self, method: str) -> Callable[..., Call] | None:
        """The method for a library, or None where the row has none."""
        return getattr(self, method, None)

    def made_tiny(self) -> Row:
        """The same row on tiny sizes."""
        return evolve(self, **self.tiny)
