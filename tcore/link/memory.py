"""How linkers tell where values have memory, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable

__all__ = ["Stay", "Work"]


@frozen(eq=False)
class Work:
    """Memory that is no value of the graph: what nodes make of an input and use beside it, such as the factors of a matrix.

    Attributes
    ----------
    what : str
    node : Apply
        The first that uses it.
    position : int
        Of the input.
    dtype : str
    ndim : int
        It has as many of the input's lengths.
    most : int or None
        Bytes from which on nothing of the kind is made.
    """

    what: str
    node: Apply
    position: int
    dtype: str
    ndim: int
    most: int | None = None

    @property
    def variable(self) -> Variable:
        """The input."""
        return self.node.inputs[self.position]


@frozen(eq=False)
class Stay:
    """How long a computed value, or ``work`` that is made of one, has memory: from step ``first`` through step ``last``, None until the call ends.

    ``place`` is the number of a buffer of the program, which several values use one after the other; -1 is an array of its own.
    """

    variable: Variable
    place: int
    first: int
    last: int | None
    work: Work | None = None
