"""Memory of nodes beside that of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable

__all__ = ["Work"]


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
