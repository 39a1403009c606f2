"""What every class of streams of NumPy's kind can draw, and the ops that it makes of :meth:`RandomStreamsBase.gen`."""

from __future__ import annotations

from typing import Any

from tcore.graph import Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.random import distributions
from tcore.tensor.random.shuffling import permute_row_elements

__all__ = ["RandomStreamsBase"]


class RandomStreamsBase:
    """The distributions, as methods. A subclass defines :meth:`gen`, which says where a draw's generator comes from.

    ``size`` and ``ndim`` are as in :mod:`tcore.tensor.random.distributions`.
    """

    def gen(self, op: Any, *args: Any, **kwargs: Any) -> Variable:
        """The numbers of ``op(state, *args, **kwargs)``, a pair (next state, numbers), with a state of the subclass' choice."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its generators come from: define gen")

    def binomial(self, size: Any = (), n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: str = "int64", prob: Any = None) -> Variable:
        """How many of ``n`` trials succeed, each with probability ``p``."""
        return self.gen(distributions.binomial, size, n, p if prob is None else prob, ndim=ndim, dtype=dtype)

    def uniform(self, size: Any = (), low: Any = 0.0, high: Any = 1.0, ndim: int | None = None, dtype: str | None = None) -> Variable:
        """Numbers between ``low``, included, and ``high``, excluded."""
        return self.gen(distributions.uniform, size, low, high, ndim=ndim, dtype=dtype)

    def normal(self, size: Any = (), avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: str | None = None) -> Variable:
        """Numbers around ``avg`` with the standard deviation ``std``."""
        return self.gen(distributions.normal, size, avg, std, ndim=ndim, dtype=dtype)

    def random_integers(self, size: Any = (), low: Any = 0, high: Any = 1, ndim: int | None = None, dtype: str = "int64") -> Variable:
        """Integers from ``low`` to ``high``, both included; both may be tensors."""
        return self.gen(distributions.random_integers, size, low, high, ndim=ndim, dtype=dtype)

    def choice(self, size: Any = (), a: Any = 2, replace: Any = True, p: Any = None, ndim: int | None = None, dtype: str = "int64") -> Variable:
        """Entries of the vector ``a``, or integers below ``a``, with or without replacement, with probabilities ``p``."""
        return self.gen(distributions.choice, size, a, replace, p, ndim=ndim, dtype=dtype)

    def poisson(self, size: Any = (), lam: Any = None, ndim: int | None = None, dtype: str = "int64") -> Variable:
        """Counts of events that come ``lam`` times on average."""
        return self.gen(distributions.poisson, size, lam, ndim=ndim, dtype=dtype)

    def permutation(self, size: Any = (), n: Any = 1, ndim: int | None = None, dtype: str = "int64") -> Variable:
        """Permutations of the integers below ``n``: shape ``(*size, n)``."""
        return self.gen(distributions.permutation, size, n, ndim=ndim, dtype=dtype)

    def multinomial(self, size: Any = (), n: Any = 1, pvals: Any = None, ndim: int | None = None, dtype: str = "int64") -> Variable:
        """How often each outcome comes in ``n`` trials: shape ``(*size, outcomes)``; ``pvals`` is [0.5, 0.5] by default."""
        return self.gen(distributions.multinomial, size, n, pvals, ndim=ndim, dtype=dtype)

    def shuffle_row_elements(self, input: Any) -> Variable:
        """``input`` with every row (along the last axis) shuffled for itself.

        The permutation that was drawn is the attribute ``permutation`` of the result.
        """
        rows = as_tensor_variable(input)
        if not rows.type.ndim:
            raise TypeError(f"shuffle_row_elements shuffles along the last axis, got the scalar {rows}")
        drawn = self.permutation(size=rows.shape[:-1], n=rows.shape[-1], ndim=rows.type.ndim - 1)
        shuffled: Any = permute_row_elements(rows, drawn)
        shuffled.permutation = drawn
        return shuffled  # type: ignore[no-any-return]
