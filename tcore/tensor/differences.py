"""Differences of neighbours, windows, and numbers as rows: ``diff``, ``bartlett``, ``to_one_hot``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import along, checked_axis
from tcore.tensor.alloc import integer_scalar, zeros
from tcore.tensor.assertion import Assert
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.indexing import set_subtensor
from tcore.tensor.math import cast, eq, ge, maximum, neq, switch
from tcore.tensor.ranges import arange
from tcore.tensor.reductions import all as all_true

__all__ = ["bartlett", "diff", "to_one_hot"]


def diff(x: Any, n: int = 1, axis: int = -1) -> Variable:
    """The ``n``-th differences along ``axis``: ``x[i + 1] - x[i]``, ``n`` times; of bools whether neighbours differ.

    Parameters
    ----------
    x : tensor
    n : int
        0 gives ``x`` itself.
    axis : int
    """
    x = as_tensor_variable(x)
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"diff: n is an int that is not negative, got {n!r}")
    axis = checked_axis("diff", axis, x)
    for _ in range(n):
        after, before = x[along(axis, slice(1, None))], x[along(axis, slice(None, -1))]
        x = neq(after, before) if x.type.dtype == "bool" else after - before
    return x  # type: ignore[no-any-return]


def bartlett(M: Any) -> Variable:
    """The triangular window of ``M`` points: zero at both ends and up to one in the middle.

    Parameters
    ----------
    M : integer scalar
        Without points, or with a negative number of them, the window is empty; one point is 1.

    Returns
    -------
    float64 vector
    """
    count = cast(integer_scalar(M, "M of bartlett"), "int64")
    middle = cast(count - 1, "float64") / 2.0
    steps = cast(arange(maximum(count, 0)), "float64")
    return switch(eq(count, 1), 1.0, 1.0 - abs(steps - middle) / switch(eq(count, 1), 1.0, middle))


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Variable:
    """A matrix with one row for each number: zeros, and a one in the column of the number.

    Parameters
    ----------
    y : vector of integers
        From 0 to ``nb_class - 1``; another number raises IndexError when the function runs.
    nb_class : integer or integer scalar
        The number of columns.
    dtype : str, optional
        Default: floatX.
    """
    y = as_tensor_variable(y)
    if y.type.ndim != 1 or y.type.dtype not in discrete_dtypes or y.type.dtype == "bool":
        raise TypeError(f"to_one_hot takes a vector of integers, got {y} of type {y.type}")
    if y.type.dtype.startswith("int"):  # as an index it would count from the end
        y = Assert("to_one_hot: a number is negative", IndexError)(y, all_true(ge(y, 0)))
    blank = zeros((y.shape[0], nb_class), dtype=config.floatX if dtype is None else dtype)
    return set_subtensor(blank[arange(y.shape[0]), y], 1)
