"""How linkers tell where values have memory, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply, Variable

__all__ = ["Round", "Stay", "Work"]


@frozen(eq=False)
class Work:
    """Memory that is no value of the graph: what nodes make of an input or output and use beside it, such as the factors of a matrix.

    Attributes
    ----------
    what : str
    node : Apply
        The first that uses it.
    position : int
        Of the input, or of the output where ``made``.
    dtype : str
    ndim : int
        It has as many of the value's lengths.
    most : int or None
        The most bytes with which there is something of the kind.
    least : int
        Its first length is not less.
    made : bool
        Whether it belongs to an output.
    sized : bool
        Whether the linker says how much it is (``lengths_of_work``).
    """

    what: str
    node: Apply
    position: int
    dtype: str
    ndim: int = 2
    most: int | None = None
    least: int = 0
    made: bool = False
    sized: bool = False

    @property
    def variable(self) -> Variable:
        """The input or output."""
        return (self.node.outputs if self.made else self.node.inputs)[self.position]


@frozen(eq=False)
class Round:
    """What a loop computes round after round: a graph of its own.

    Attributes
    ----------
    node : Apply
        The loop, in the graph of ``around`` if it is itself part of another one's rounds.
    inputs : sequence of Variable
    nodes : sequence of Apply
        In order.
    shown : sequence of pairs
        For each of its inputs the position of an input of the loop, and whether it is one row of that, or the whole.
    around : Round or None
    """

    node: Apply
    inputs: Sequence[Variable]
    nodes: Sequence[Apply]
    shown: Sequence[tuple[int, bool]]
    around: Round | None = None

    @property
    def outermost(self) -> Apply:
        """The loop of the graph that has all of it inside."""
        each = self
        while each.around is not None:
            each = each.around
        return each.node


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
