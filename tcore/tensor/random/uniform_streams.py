"""What streams of uniform numbers can draw: every distribution as a formula of them, so that each runs where the formula runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes, dtype_name, upcast
from tcore.scalar.normal_quantile import normal_quantile as scalar_normal_quantile
from tcore.tensor.assertion import Assert
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import and_, cast, clip, lt
from tcore.tensor.random.from_uniform import SLACK, choice_from_uniform, outcomes_from_uniform
from tcore.tensor.random.sizes import Size, resolve_size
from tcore.tensor.ranges import arange
from tcore.tensor.reductions import all as all_true
from tcore.tensor.reductions import argmax
from tcore.tensor.reductions import max as tensor_max
from tcore.tensor.shape import as_shape_vector

__all__ = ["UniformStreams", "normal_quantile"]

Update = tuple[Any, Variable]

normal_quantile = Elemwise(scalar_normal_quantile, name="normal_quantile")
#: the probability that a standard normal variable is less than -2
_BELOW_TWO = 0.022750131948179207


class UniformStreams:
    """A symbolic stand-in for ``numpy.random``; its methods make random variables, as those of ``RandomStreams`` do.

    Each variable has a generator of its own, the shared variable ``rng``, and ``update``, the pair (that variable, its next value),
    which functions apply by default. A subclass says what the generators are. All methods take

    size : integer, sequence of integers and integer scalars, or integer vector
    ndim : int
        Number of entries of ``size``, for a vector whose length is not known when the graph is built.
    dtype : str
        Of the result; by default the least that holds the parameters and floatX, int64 for counts.
    nstreams : int
        How many generators work side by side, where that makes a difference to the subclass.

    Attributes
    ----------
    state_updates : list of (shared variable, expression)
    """

    def __init__(self) -> None:
        self.state_updates: list[Update] = []

    def updates(self) -> list[Update]:
        """The pairs (state, next state) of all random variables made by this object."""
        return list(self.state_updates)

    def _fresh(self, size: Size, dtype: str, nstreams: int | None) -> tuple[Variable, Update]:
        """Uniform numbers between 0 and 1, both excluded, from a new generator; and its update."""
        raise NotImplementedError

    def _draw(self, size: Size, dtype: str, nstreams: int | None) -> tuple[Variable, Update]:
        numbers, update = self._fresh(size, dtype, nstreams)
        update[0].tag.is_rng = True
        update[0].default_update = update[1]
        self.state_updates.append(update)
        return numbers, update

    def uniform(
        self, size: Any, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None, dtype: str | None = None, nstreams: int | None = None, **kwargs: Any
    ) -> Variable:
        """Numbers between ``low`` and ``high``, both excluded (but for rounding where they are not 0 and 1)."""
        _refuse(kwargs, "uniform")
        low, high, dtype = _bounds(low, high, dtype, "uniform")
        found = resolve_size(size, ndim, (("low", low, 0), ("high", high, 0)), "uniform")
        numbers, update = self._draw(found, dtype, nstreams)
        if not (_is(low, 0) and _is(high, 1)):
            numbers = numbers * (high - low) + low
        return _marked(numbers, update)

    def normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: int | None = None,
        truncate: bool = False,
        **kwargs: Any,
    ) -> Variable:
        """Numbers around ``avg`` with the standard deviation ``std``.

        ``truncate=True`` leaves out what is farther than 2 standard deviations from ``avg``; the result then deviates less.
        """
        _refuse(kwargs, "normal")
        std = _demanded(as_tensor_variable(std), lambda value: ~(value < 0), "normal: std is a standard deviation, at least 0")
        avg, std, dtype = _bounds(avg, std, dtype, "normal")
        found = resolve_size(size, ndim, (("avg", avg, 0), ("std", std, 0)), "normal")
        numbers, update = self._draw(found, "float64", nstreams)
        if truncate:
            numbers = clip(normal_quantile(numbers * (1 - 2 * _BELOW_TWO) + _BELOW_TWO), -2.0, 2.0)
        else:
            numbers = normal_quantile(numbers)
        numbers = cast(numbers, dtype)
        if not (_is(avg, 0) and _is(std, 1)):
            numbers = numbers * std + avg
        return _marked(numbers, update)

    def truncated_normal(
        self, size: Any, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: str | None = None, nstreams: int | None = None, **kwargs: Any
    ) -> Variable:
        """``normal(…, truncate=True)``: nothing farther than 2 standard deviations from ``avg``."""
        _refuse(kwargs, "truncated_normal")
        return self.normal(size, avg, std, ndim, dtype, nstreams, truncate=True)

    def binomial(
        self,
        size: Any = None,
        n: Any = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
        prob: Any = None,
        **kwargs: Any,
    ) -> Variable:
        """How many of ``n`` trials succeed, each with the probability ``p`` (or ``prob``, its older name): ``n`` uniform numbers each."""
        _refuse(kwargs, "binomial")
        n, p = as_tensor_variable(n), as_tensor_variable(p if prob is None else prob)
        if n.type.dtype not in discrete_dtypes:
            raise TypeError(f"binomial: n is an integer, got {n} of type {n.type}; cast it to int64")
        n = _demanded(n, lambda value: value >= 0, "binomial: n counts trials, at least 0")
        p = _demanded(p, lambda value: (value >= 0) & (value <= 1), "binomial: p is a probability, between 0 and 1")
        found = resolve_size(size, ndim, (("n", n, 0), ("p", p, 0)), "binomial")
        dtype = config.floatX if dtype == "floatX" else dtype
        if _is(n, 1):
            numbers, update = self._draw(found, "float64", nstreams)
            return _marked(cast(lt(numbers, p), dtype), update)
        most = tensor_max(n) if n.type.ndim else n
        numbers, update = self._draw(_stacked(most, found), "float64", nstreams)
        succeeded = lt(numbers, p)
        if n.type.ndim:
            trial = arange(most).dimshuffle(0, *["x"] * found.ndim)
            succeeded = and_(succeeded, lt(trial, n))
        return _marked(cast(succeeded.sum(axis=0), dtype), update)

    def multinomial(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: int | None = None, dtype: str = "int64", nstreams: int | None = None, **kwargs: Any
    ) -> Variable:
        """How often each outcome came in ``n`` draws, for each row of the matrix ``pvals`` of probabilities, whose shape the result has.

        ``size`` and ``ndim`` are there for the interface only. Probabilities are not checked: from [[-.2, .2]] come counts of 0.
        """
        _refuse(kwargs, "multinomial")
        if ndim is not None or size is not None:
            raise ValueError("multinomial: the shape of pvals is that of the result; leave out size and ndim")
        chances = _probabilities(pvals, "pvals", "multinomial")
        numbers, update = self._draw(_by_row(n, "n", chances, "multinomial"), "float64", nstreams)
        outcomes = outcomes_from_uniform(chances, numbers)
        return _marked(cast(outcomes.sum(axis=0), config.floatX if dtype == "floatX" else dtype), update)

    def choice(
        self,
        size: Any = 1,
        a: Any = None,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
        **kwargs: Any,
    ) -> Variable:
        """``size`` outcomes for each row of the matrix ``p`` of probabilities: integers below its number of columns.

        Without replacement, no outcome comes twice in a row of the result, whose shape is (rows of ``p``, ``size``). ``a`` and
        ``ndim`` are there for the interface only. Probabilities are not checked.
        """
        _refuse(kwargs, "choice")
        if a is not None:
            raise TypeError(f"choice: a must be None, since p says what there is to choose from; got {a!r}. Index your array with the result")
        if ndim is not None:
            raise ValueError("choice: the result is a matrix; leave out ndim")
        chances = _probabilities(p, "p", "choice")
        numbers, update = self._draw(_by_row(size, "size", chances, "choice"), "float64", nstreams)
        chosen = argmax(outcomes_from_uniform(chances, numbers), axis=2).T if replace else choice_from_uniform(chances, numbers)
        return _marked(cast(chosen, dtype), update)


def _refuse(kwargs: dict[str, Any], what: str) -> None:
    if kwargs:
        raise TypeError(f"{what} has no argument {', '.join(map(repr, kwargs))}")


def _marked(numbers: Any, update: Update) -> Variable:
    numbers.rng, numbers.update = update[0], update
    return numbers  # type: ignore[no-any-return]


def _is(variable: Any, number: int) -> bool:
    return getattr(variable, "data", None) is not None and variable.type.ndim == 0 and variable.data == number


def _bounds(a: Any, b: Any, dtype: str | None, what: str) -> tuple[Variable, Variable, str]:
    """Both parameters as tensors of the dtype of the result."""
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    if dtype is None:
        dtype = str(upcast(config.floatX, a.type.dtype, b.type.dtype))
    dtype = dtype_name(dtype)
    if dtype not in SLACK:
        raise TypeError(f"{what}: the numbers are floats, got dtype {dtype}")
    return cast(a, dtype), cast(b, dtype), dtype


def _demanded(parameter: Any, holds: Callable[[Any], Any], what: str) -> Variable:
    """``parameter``; a ValueError where its elements are not as ``what`` says: now for a constant, else when the function runs."""
    data = getattr(parameter, "data", None)
    if data is None:
        return Assert(what, ValueError)(parameter, all_true(holds(parameter)))  # type: ignore[return-value]
    if not np.all(holds(data)):
        raise ValueError(f"{what}, got {data}")
    return parameter  # type: ignore[no-any-return]


def _stacked(count: Any, size: Size) -> Size:
    """``count`` times ``size``, along a new first axis."""
    entries = [count, *(size.vector[axis] for axis in range(size.ndim))] if size.known is None else [count, *size.known]
    return Size(as_shape_vector(entries), (_is(as_tensor_variable(count), 1), *size.broadcastable))


def _probabilities(p: Any, name: str, what: str) -> Variable:
    if p is None:
        raise TypeError(f"{what} needs {name}, a matrix with the probabilities of the outcomes in each row")
    chances = as_tensor_variable(p)
    if chances.type.ndim != 2:
        raise TypeError(f"{what}: {name} is a matrix, a row for each result, got {chances} with {chances.type.ndim} axes")
    return chances if chances.type.dtype in SLACK else cast(chances, config.floatX)


def _by_row(count: Any, name: str, chances: Variable, what: str) -> Size:
    """``count`` draws for each row of ``chances``."""
    count = as_tensor_variable(count)
    if count.type.ndim or count.type.dtype not in discrete_dtypes:
        raise TypeError(f"{what}: {name} is one integer, got {count} of type {count.type}")
    if getattr(count, "data", 1) < 1:
        raise ValueError(f"{what}: {name} is at least 1, got {count.data}")
    rows = chances.type.broadcastable[0] or chances.data.shape[0] if hasattr(chances, "data") else chances.shape[0]
    return Size(as_shape_vector([count, int(rows) if isinstance(rows, (bool, int)) else rows]), (_is(count, 1), chances.type.broadcastable[0]))
