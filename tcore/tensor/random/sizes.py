"""How many numbers to draw: the ``size`` and ``ndim`` arguments of every distribution, and what they leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Variable
from tcore.records import frozen
from tcore.tensor.constants import constant_int, get_vector_length
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.shape import as_shape_vector

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Size", "resolve_size"]


@frozen(eq=False)
class Size:
    """What a draw has to fill: an int64 vector of known length, and which axes have length 1 for sure."""

    vector: Variable
    broadcastable: tuple[bool, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.broadcastable)

    @property
    def known(self) -> tuple[int, ...] | None:
        """The lengths, where all of them are known when the graph is built."""
        entries = _entries(self.vector, self.ndim)
        return None if None in entries else tuple(entries)  # type: ignore[arg-type]


def resolve_size(size: Any, ndim: int | None, parameters: Sequence[tuple[str, Variable, int]], what: str) -> Size:
    """``size`` as a vector of lengths whose number is known.

    Parameters
    ----------
    size : None, integer, sequence of integers and integer scalars, or integer vector
        None and an empty sequence leave it to the parameters: what NumPy's broadcasting gives.
    ndim : int or None
        Number of entries of ``size``, for a vector whose length is not known when the graph is built.
    parameters : sequence of (name, variable, axes that belong to one draw)
    what : str
        Name of the distribution, for errors.

    Raises
    ------
    TypeError
        If an entry is no integer, or ``ndim`` is none.
    ValueError
        If the number of axes cannot be known, contradicts ``ndim``, or is less than a parameter has.
    """
    if ndim is not None and (isinstance(ndim, bool) or not isinstance(ndim, (int, np.integer))):
        raise TypeError(f"{what}: ndim is a plain integer, got {ndim!r}")
    if ndim is not None and ndim < 0:
        raise ValueError(f"{what}: ndim counts the axes of size, got {ndim}")
    given = None if size is None else as_shape_vector(size)
    if given is None or _known_length(given) == 0:
        return _of_parameters(parameters, ndim, what)
    length = _known_length(given)
    if length is None:
        if ndim is None:
            raise ValueError(
                f"{what}: size {size} is a vector whose length is not known when the graph is built; say how many "
                f"entries it has, {what}(…, ndim=2)"
            )
        length = int(ndim)
    elif ndim is not None and length != ndim:
        raise ValueError(f"{what}: ndim={ndim}, but size {size} has {length} entr{'y' if length == 1 else 'ies'}")
    for name, variable, core in parameters:
        if variable.type.ndim - core > length:
            raise ValueError(
                f"{what}: {name} = {variable} needs {variable.type.ndim - core} axes, size {size} gives {length}"
                f"{f' (ndim={ndim})' if ndim is not None else ''}"
            )
    entries = _entries(given, length)
    negative = [entry for entry in entries if entry is not None and entry < 0]
    if negative:
        raise ValueError(f"{what}: a length cannot be negative, got size {size}")
    vector = given if given.type.dtype == "int64" else given.astype("int64")
    return Size(vector, tuple(entry == 1 for entry in entries))


def _known_length(vector: Variable) -> int | None:
    try:
        return get_vector_length(vector)
    except ValueError:
        return None


def _entries(vector: Variable, length: int) -> list[int | None]:
    """The entries that are known when the graph is built."""
    data = getattr(vector, "data", None)
    if data is not None:
        return [int(entry) for entry in data]
    if vector.owner is not None and len(vector.owner.inputs) == length and type(vector.owner.op).__name__ == "MakeVector":
        return [constant_int(entry) for entry in vector.owner.inputs]
    return [None] * length


def _of_parameters(parameters: Sequence[tuple[str, Variable, int]], ndim: int | None, what: str) -> Size:
    """The shape to which the parameters broadcast."""
    depth = max((variable.type.ndim - core for _, variable, core in parameters), default=0)
    if ndim is not None and ndim != depth:
        raise ValueError(f"{what}: ndim={ndim} without a size, but the parameters broadcast to {depth} axes")
    lengths: list[Any] = [1] * depth
    marks = [True] * depth
    for _, variable, core in parameters:
        own = variable.type.ndim - core
        for axis in range(own):
            place = depth - own + axis
            if marks[place] and not variable.type.broadcastable[axis]:
                lengths[place], marks[place] = variable.shape[axis], False
    vector = as_shape_vector(lengths) if lengths else as_tensor_variable(np.zeros(0, "int64"))
    return Size(vector, tuple(marks))
