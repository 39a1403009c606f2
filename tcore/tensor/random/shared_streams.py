"""Streams of random numbers whose generators live in shared variables: random variables for expressions."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from tcore.compile.sharedvalue import SharedVariable, shared
from tcore.graph import Variable
from tcore.tensor.random.streams_base import RandomStreamsBase

__all__ = ["RandomStreams", "RandomVariable"]


@runtime_checkable
class RandomVariable(Protocol):
    """What the methods of streams give: a tensor variable that knows its generator. A description, not a class of variables."""

    @property
    def rng(self) -> SharedVariable:
        """The shared variable whose value is the generator that this variable draws from."""
        ...

    @property
    def update(self) -> tuple[SharedVariable, Variable]:
        """That shared variable, and the expression of its next value: what makes a function draw anew in each call."""
        ...


class RandomStreams(RandomStreamsBase):
    """A symbolic stand-in for ``numpy.random.RandomState``: its methods make random variables, each with a generator of its own.

    A random variable is an ordinary tensor with two attributes more: ``rng``, the shared variable that holds its generator, and
    ``update``, the pair (that variable, its next state). Functions apply the update by default, so that each call draws anew;
    ``function(…, no_default_updates=True)`` does not. However often an expression uses a random variable, one call draws it once.

    Parameters
    ----------
    seed : None, int or sequence of ints
        Seeds the generator that seeds the generators of the variables; None takes a seed from the operating system.

    Attributes
    ----------
    state_updates : list of (shared variable, expression)
        The ``update`` of every variable made, in order.
    """

    def __init__(self, seed: Any = None) -> None:
        self.state_updates: list[tuple[Any, Variable]] = []
        self.default_instance_seed = seed
        self.gen_seedgen = np.random.RandomState(seed)

    def updates(self) -> list[tuple[Any, Variable]]:
        """The pairs (state, next state) of all random variables made by this object, as :func:`tcore.function` takes them."""
        return list(self.state_updates)

    def seed(self, seed: Any = None) -> None:
        """Give each random variable made so far a new generator.

        Parameters
        ----------
        seed : None, int or sequence of ints
            Seeds a generator that gives each variable a seed of its own, in the order in which they were made. None is the seed
            that this object was made with.
        """
        seeds = np.random.RandomState(self.default_instance_seed if seed is None else seed)
        for state, _ in self.state_updates:
            state.set_value(_generator(seeds), borrow=True)

    def gen(self, op: Any, *args: Any, **kwargs: Any) -> Variable:
        """The random variable of ``op(state, *args, **kwargs)``, a function that gives (next state, numbers).

        The state is a shared variable with a fresh generator. :meth:`seed` seeds it from now on.
        """
        state: Any = shared(_generator(self.gen_seedgen), borrow=True)
        following, numbers = op(state, *args, **kwargs)
        numbers.rng = state
        numbers.update = (state, following)
        self.state_updates.append(numbers.update)
        state.default_update = following
        return numbers  # type: ignore[no-any-return]


def _generator(seeds: np.random.RandomState) -> np.random.RandomState:
    return np.random.RandomState(int(seeds.randint(2**30)))
