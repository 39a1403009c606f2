"""Streams of random numbers from MRG31k3p, for the host and for devices."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tcore.compile.sharedvalue import shared
from tcore.graph import Variable
from tcore.tensor.constants import constant_int
from tcore.tensor.math import maximum, minimum
from tcore.tensor.random.mrg31k3p import STREAM, advanced, mat_vec_mod, seed_state, substreams
from tcore.tensor.random.mrg_op import BITS, mrg_uniform
from tcore.tensor.random.sizes import Size
from tcore.tensor.random.uniform_streams import UniformStreams, Update
from tcore.tensor.rebroadcast import patternbroadcast
from tcore.tensor.reductions import prod

__all__ = ["MRG_RandomStreams", "guess_n_streams"]

#: streams where nothing is known of the size
_MOST = 60 * 256
#: numbers that a stream gives at least, where there is more than one: its state is as much work to move as six
_EACH = 32


def guess_n_streams(size: Any, warn: bool = False) -> int:
    """A good number of streams to draw an array of ``size`` from.

    Parameters
    ----------
    size : sequence of integers, or symbolic
    warn : bool
        Warn where no guess can be made, and 60 * 256 is the answer.
    """
    lengths = [constant_int(entry) for entry in size] if isinstance(size, (list, tuple)) else [None]
    if None in lengths:
        if warn:
            warnings.warn(
                f"the number of streams cannot be guessed from the size {size}: it is not known when the graph is built. "
                f"Give nstreams; {_MOST} are used",
                stacklevel=2,
            )
        return _MOST
    count = 1
    for length in lengths:
        count *= length  # type: ignore[operator]
    return min(max(count // _EACH, 1), _MOST)


class MRG_RandomStreams(UniformStreams):
    """Random variables drawn from MRG31k3p (L'Ecuyer and Touzin 2000): exact, with the same uniform numbers on every backend.

    A variable is drawn from many substreams side by side, whose states are the rows of its shared variable ``rng``: element i, in
    row order, is the next number of substream i mod n. Each variable has a stream of its own, 2**134 steps long.

    Parameters
    ----------
    seed : int or six ints
        The state at which the first stream begins; one number stands for six equal ones. The first three must be less than
        2147483647, the last three less than 2147462579, and neither three all 0.

    Attributes
    ----------
    rstate : int32 vector of 6
        Where the next stream begins.
    """

    def __init__(self, seed: Any = 12345) -> None:
        super().__init__()
        self.default_instance_seed = seed
        self.rstate = seed_state(seed)

    def set_rstate(self, seed: Any) -> None:
        """Begin the next stream at ``seed``, as for a new object."""
        self.rstate = seed_state(seed)

    def seed(self, seed: Any = None) -> None:
        """Give every random variable made so far a new stream, in the order in which they were made.

        Parameters
        ----------
        seed : None, int or six ints
            Where the first of these streams begins; None is the seed that this object was made with.
        """
        self.set_rstate(self.default_instance_seed if seed is None else seed)
        for states, _ in self.state_updates:
            count = len(states.get_value(borrow=True))
            states.set_value(self.get_substream_rstates(count), borrow=True)

    def inc_rstate(self) -> None:
        """Move ``rstate`` to the beginning of the next stream, 2**134 steps forward."""
        self.rstate = mat_vec_mod(self.rstate, STREAM)

    def advance(self, places: int) -> None:
        """Move the streams of all variables by ``places`` numbers of each of their substreams, at once, however many."""
        if places < 0:
            raise ValueError(f"MRG31k3p goes forward only, got {places} places; seed() begins anew")
        for states, _ in self.state_updates:
            states.set_value(advanced(states.get_value(borrow=True), int(places)), borrow=True)

    def get_substream_rstates(self, n_streams: int, inc_rstate: bool = True) -> np.ndarray:
        """An int32 matrix with the states at the beginnings of ``n_streams`` substreams, 2**72 steps apart, as rows.

        ``rstate`` moves on to the next stream unless ``inc_rstate`` is False.
        """
        if isinstance(n_streams, bool) or not isinstance(n_streams, (int, np.integer)):
            raise TypeError(f"the number of streams is a plain integer, got {n_streams!r}")
        if n_streams < 1:
            raise ValueError(f"there must be at least one stream, got {n_streams}")
        states = substreams(self.rstate, int(n_streams))
        if inc_rstate:
            self.inc_rstate()
        return states

    def n_streams(self, size: Any) -> int:
        """How many substreams a variable of ``size`` is drawn from."""
        return guess_n_streams(size)

    def _fresh(self, size: Size, dtype: str, nstreams: int | None) -> tuple[Variable, Update]:
        assert dtype in BITS
        known = size.known
        count: Any = prod(size.vector) if known is None else int(np.prod(known, dtype="int64"))
        streams: Any = nstreams
        if nstreams is None:
            nstreams = streams = self.n_streams(size.vector if known is None else known)
            if known is None:  # found when the function runs: where there are few numbers, few streams have to move
                streams = minimum(maximum(count // _EACH, 1), nstreams)
        states: Any = shared(self.get_substream_rstates(nstreams), borrow=True)
        following, numbers = mrg_uniform(states, count, streams, dtype)
        if size.ndim != 1:
            numbers = numbers.reshape(size.vector, ndim=size.ndim)
        if numbers.type.broadcastable != size.broadcastable:
            numbers = patternbroadcast(numbers, size.broadcastable)
        return numbers, (states, following)
