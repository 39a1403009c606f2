"""Which elements of a value are in the array that they were written into: of several at one place the last, whose gradient alone is not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Constant, Variable
from tcore.tensor.advanced_subtensor import adv_index_result, advanced_subtensor
from tcore.tensor.alloc import zeros
from tcore.tensor.math import eq, switch
from tcore.tensor.ranges import arange
from tcore.tensor.rebroadcast import addbroadcast
from tcore.tensor.reshape import reshape
from tcore.tensor.shape import shape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["of_last_writers"]


def of_last_writers(part: Any, x: Any, index: Sequence[Variable], write: Any) -> Any:
    """``part``, a value of the shape of ``x[index]``, with zeros where :func:`set_subtensor` writes another element to the same place later.

    ``write(array, values, *places)`` gives ``array`` with ``values`` at ``places``, of which the last one stays.
    """
    arrays, position, _ = adv_index_result(index, x.type.ndim)
    places = [index[axis] for axis in arrays]
    ndim = max((place.type.ndim for place in places), default=0)
    if ndim == 0 or _all_differ(places):
        return part
    # every place keeps the number of the element that it was given last
    lengths = shape(part)[position : position + ndim]
    numbers = reshape(arange(lengths.prod()), lengths, ndim=ndim)
    numbers = addbroadcast(numbers, *[axis for axis in range(ndim) if part.type.broadcastable[position + axis]])
    kept = write(zeros([x.shape[axis] for axis in arrays], "int64"), numbers, *places)
    stays = eq(advanced_subtensor(kept, *places), numbers)
    stays = stays.dimshuffle(*range(ndim), *["x"] * (part.type.ndim - position - ndim))
    return switch(stays, part, np.zeros((), part.type.dtype))


def _all_differ(places: Sequence[Variable]) -> bool:
    """Whether no place is named twice, as far as can be said without values: those of a mask, and constants of which each axis counts from one end."""
    owner: Any = places[0].owner
    if owner is not None and getattr(owner.op, "places_differ", False):
        return {*owner.outputs} <= {*places}
    if not all(isinstance(place, Constant) for place in places):
        return False
    values = [np.asarray(place.data, "int64") for place in places]  # type: ignore[attr-defined]
    if not all((value >= 0).all() or (value < 0).all() for value in values):
        return False
    together = np.stack(np.broadcast_arrays(*values)).reshape(len(values), -1)
    return np.unique(together, axis=1).shape[1] == together.shape[1]
