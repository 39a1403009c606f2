"""How linkers tell where values have memory, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.graph import Variable

__all__ = ["Stay"]


@frozen(eq=False)
class Stay:
    """How long a computed value has memory: from step ``first`` through step ``last``, None until the call ends.

    ``place`` is the number of a buffer of the program, which several values use one after the other; -1 is an array of its own.
    """

    variable: Variable
    place: int
    first: int
    last: int | None
