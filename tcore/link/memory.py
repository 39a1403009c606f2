"""How linkers tell where values have memory, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.graph import Variable
    from tcore.link.rounds import Round
    from tcore.link.work import Work

__all__ = ["Stay"]


@frozen(eq=False)
class Stay:
    """How long a computed value, or ``work`` that is made of one, has memory: from step ``first`` through step ``last``, None until the call ends.

    ``place`` is the number of a buffer of the program, which several values use one after the other; -1 is an array of its own.
    A loop is several steps: what is before its rounds, the steps of a round, and what is behind them. Values of a round are those of ``round``.
    """

    variable: Variable
    place: int
    first: int
    last: int | None
    work: Work | None = None
    round: Round | None = None
