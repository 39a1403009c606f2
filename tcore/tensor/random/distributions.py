"""Distributions: functions of a generator's state that give its next state and the numbers drawn.

All take ``size``: None or ``()`` for what the parameters broadcast to, an integer, a list of integers and integer scalars,
or an integer vector such as ``x.shape``. For a vector whose length is not known when the graph is built, ``ndim`` says it.
Parameters may be symbolic and broadcast as in NumPy; the draws are those of ``numpy.random.RandomState``, bit for bit.
Each returns the list ``[next state, numbers]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes, dtype_name, upcast
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.random import draws
from tcore.tensor.random.function import RandomFunction
from tcore.tensor.random.sizes import Size, resolve_size
from tcore.tensor.type import TensorType

__all__ = ["binomial", "choice", "multinomial", "normal", "permutation", "poisson", "random_integers", "uniform"]


def _drawn(fn: Any, state: Any, size: Size, dtype: str, parameters: list[Variable], added: tuple[bool, ...] = ()) -> list[Variable]:
    op = RandomFunction(fn, TensorType(dtype, (*size.broadcastable, *added)), ndim_added=len(added))
    drawn: list[Variable] = op(state, size.vector, *parameters)
    return drawn


def _float_dtype(dtype: str | None, *parameters: Variable) -> str:
    """``dtype``, or what holds the parameters and is at least as wide as floatX."""
    if dtype is None:
        return str(upcast(config.floatX, *(parameter.type.dtype for parameter in parameters)))
    return dtype_name(dtype)


def _of_floats(dtype: str, what: str) -> str:
    if dtype in discrete_dtypes:
        raise TypeError(f"{what}: the numbers are floats, of which {dtype} would keep but the whole part; cast them, or draw with random_integers")
    return dtype


def _integers(value: Any, name: str, what: str) -> Variable:
    variable = as_tensor_variable(value)
    if variable.type.dtype not in discrete_dtypes:
        raise TypeError(f"{what}: {name} is an integer, got {variable} of type {variable.type}; cast it to int64")
    return variable


def uniform(random_state: Variable, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None, dtype: str | None = None) -> list[Variable]:
    """Numbers between ``low``, included, and ``high``, excluded.

    ``dtype`` defaults to the least that holds ``low`` and ``high``, and floatX at least.
    """
    low, high = as_tensor_variable(low), as_tensor_variable(high)
    found = resolve_size(size, ndim, (("low", low, 0), ("high", high, 0)), "uniform")
    return _drawn("uniform", random_state, found, _of_floats(_float_dtype(dtype, low, high), "uniform"), [low, high])


def normal(random_state: Variable, size: Any = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: str | None = None) -> list[Variable]:
    """Numbers around ``avg`` with the standard deviation ``std``. ``dtype`` as for :func:`uniform`."""
    avg, std = as_tensor_variable(avg), as_tensor_variable(std)
    found = resolve_size(size, ndim, (("avg", avg, 0), ("std", std, 0)), "normal")
    return _drawn("normal", random_state, found, _of_floats(_float_dtype(dtype, avg, std), "normal"), [avg, std])


def binomial(
    random_state: Variable, size: Any = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: str = "int64", prob: Any = None
) -> list[Variable]:
    """How many of ``n`` trials succeed, each with the probability ``p`` (or ``prob``, its older name)."""
    n, p = _integers(n, "n", "binomial"), as_tensor_variable(p if prob is None else prob)
    found = resolve_size(size, ndim, (("n", n, 0), ("p", p, 0)), "binomial")
    return _drawn("binomial", random_state, found, _float_dtype(dtype), [n, p])


def poisson(random_state: Variable, size: Any = None, lam: Any = None, ndim: int | None = None, dtype: str = "int64") -> list[Variable]:
    """Counts of events that come ``lam`` times on average (1.0, NumPy's default, for None)."""
    lam = as_tensor_variable(1.0 if lam is None else lam)
    found = resolve_size(size, ndim, (("lam", lam, 0),), "poisson")
    return _drawn("poisson", random_state, found, _float_dtype(dtype), [lam])


def random_integers(random_state: Variable, size: Any = None, low: Any = 0, high: Any = 1, ndim: int | None = None, dtype: str = "int64") -> list[Variable]:
    """Integers from ``low`` to ``high``, both included; both may be tensors."""
    low, high = _integers(low, "low", "random_integers"), _integers(high, "high", "random_integers")
    found = resolve_size(size, ndim, (("low", low, 0), ("high", high, 0)), "random_integers")
    return _drawn(draws.random_integers, random_state, found, _float_dtype(dtype), [low, high])


def choice(
    random_state: Variable, size: Any = None, a: Any = 2, replace: Any = True, p: Any = None, ndim: int | None = None, dtype: str = "int64"
) -> list[Variable]:
    """Entries of the vector ``a``, or integers below the integer ``a``, with or without replacement, with probabilities ``p``.

    Raises
    ------
    TypeError
        If ``a`` is neither, or ``dtype`` could not hold its entries.
    """
    a = as_tensor_variable(a)
    if a.type.ndim > 1 or (a.type.ndim == 0 and a.type.dtype not in discrete_dtypes):
        raise TypeError(f"choice: a is a vector or a positive integer, got {a} of type {a.type}")
    dtype = _float_dtype(dtype)
    if a.type.ndim and dtype in discrete_dtypes and a.type.dtype not in discrete_dtypes:
        raise TypeError(f"choice: entries of a are {a.type.dtype}, which {dtype} does not hold; give dtype={a.type.dtype!r}")
    parameters = [a, as_tensor_variable(np.bool_(replace) if isinstance(replace, bool) else replace)]
    if parameters[1].type.ndim:
        raise TypeError(f"choice: replace is True or False, got {replace}")
    if p is not None:
        parameters.append(as_tensor_variable(p))
        if parameters[2].type.ndim != 1:
            raise TypeError(f"choice: p is a vector with one probability for each entry, got {p} with {parameters[2].type.ndim} axes")
    return _drawn(draws.choice, random_state, resolve_size(size, ndim, (), "choice"), dtype, parameters)


def permutation(random_state: Variable, size: Any = None, n: Any = 1, ndim: int | None = None, dtype: str = "int64") -> list[Variable]:
    """Permutations of the integers below ``n``, one for each index of ``size``: shape ``(*size, n)``.

    ``ndim`` counts the entries of ``size``; the numbers have one axis more.
    """
    n = _integers(n, "n", "permutation")
    if n.type.ndim:
        raise TypeError(f"permutation: n is one integer, got {n} with {n.type.ndim} axes")
    return _drawn(draws.permutation, random_state, resolve_size(size, ndim, (), "permutation"), _float_dtype(dtype), [n], (False,))


def multinomial(
    random_state: Variable, size: Any = None, n: Any = 1, pvals: Any = None, ndim: int | None = None, dtype: str = "int64"
) -> list[Variable]:
    """How often each outcome comes in ``n`` trials: shape ``(*size, outcomes)``.

    ``pvals`` has the probabilities of the outcomes along its last axis, [0.5, 0.5] by default; ``n`` and its other axes broadcast
    against ``size``. ``ndim`` counts the entries of ``size``; the numbers have one axis more.
    """
    n, pvals = _integers(n, "n", "multinomial"), as_tensor_variable([0.5, 0.5] if pvals is None else pvals)
    if not pvals.type.ndim:
        raise TypeError(f"multinomial: pvals has one probability for each outcome along its last axis, got the scalar {pvals}")
    found = resolve_size(size, ndim, (("n", n, 0), ("pvals", pvals, 1)), "multinomial")
    return _drawn(draws.multinomial, random_state, found, _float_dtype(dtype), [n, pvals], (pvals.type.broadcastable[-1],))
