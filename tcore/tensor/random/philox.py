"""Streams of random numbers from Philox4x32-10 (:mod:`tcore.scalar.philox`), for the host and for devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.compile.sharedvalue import shared
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import Unconnected
from tcore.records import frozen
from tcore.scalar.philox import philox
from tcore.tensor._lengths import as_length
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.random.sizes import Size
from tcore.tensor.random.uniform_streams import UniformStreams, Update
from tcore.tensor.reductions import prod
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FRACTION", "PhiloxRandomStreams", "PhiloxUniform"]

#: dtype -> how many of the 64 bits its fraction takes, with a one behind them: no result is 0 or 1
FRACTION = {"float16": 10, "float32": 23, "float64": 52}


@frozen
class PhiloxUniform(Unconnected, Op):
    """Uniform numbers between 0 and 1, both excluded: ``PhiloxUniform(dtype)(state, n0, n1, …)`` is an array of shape (n0, n1, …).

    ``state`` is a vector of three uint64: key, stream, and the place of the first number. The others follow in row order. A number
    is made of the first bits of its place, as many as the dtype has, less one, and a 1 behind them.
    """

    dtype: str = field()

    @dtype.validator
    def _is_float(self, _attribute: Any, dtype: str) -> None:
        if dtype not in FRACTION:
            raise TypeError(f"philox_uniform makes floats, got dtype {dtype}")

    def make_node(self, state: Any, *lengths: Any) -> Apply:
        """A uint64 vector and integer scalars."""
        state = as_tensor_variable(state)
        if state.type.ndim != 1 or state.type.dtype != "uint64":
            raise TypeError(f"philox_uniform: the state is a vector of three uint64, got {state} of type {state.type}")
        counts = [integer_scalar(length, f"length {axis} of philox_uniform") for axis, length in enumerate(lengths)]
        return Apply(self, [state, *counts], [TensorType(self.dtype, tuple(constant_int(count) == 1 for count in counts))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        state, *lengths = inputs
        if len(state) != 3:
            raise ValueError(f"philox_uniform: a state is (key, stream, place), got {len(state)} numbers")
        shape = tuple(int(length) for length in lengths)
        if any(length < 0 for length in shape):
            raise ValueError(f"philox_uniform: an array cannot have the shape {shape}")
        key, stream, place = state
        bits = FRACTION[self.dtype]
        words = philox(key, stream, place + np.arange(np.prod(shape, dtype="int64")).astype("uint64"))
        numbers = ((words >> np.uint64(64 - bits)) * 2.0 + 1) * 2.0 ** -(bits + 1)
        output_storage[0][0] = numbers.astype(self.dtype, copy=False).reshape(shape)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [tuple(as_length(length) for length in node.inputs[1:])]

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: numbers are drawn when a function runs."""
        return False

    def __str__(self) -> str:
        return f"philox_uniform{{{self.dtype}}}"


def _checked_seed(seed: Any) -> int:
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1, "uint64")[0])
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"the seed of a Philox generator is an integer, got {seed!r}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"the seed of a Philox generator is at least 0 and less than 2**64, got {seed}")
    return int(seed)


class PhiloxRandomStreams(UniformStreams):
    """Random variables drawn from Philox4x32-10, which keeps a key and a counter and nothing else; equal bits on every backend.

    The state of a variable is the shared vector ``rng`` of three uint64: the seed, the number of the variable, the place in its
    stream. Each number drawn takes one place, whatever its dtype.

    Parameters
    ----------
    seed : int, optional
        From 0 to 2**64 - 1. None takes a seed from the operating system.
    """

    def __init__(self, seed: Any = None) -> None:
        super().__init__()
        self.default_instance_seed = self.key = _checked_seed(seed)

    def seed(self, seed: Any = None) -> None:
        """Begin the streams of all variables anew, with another ``seed``; None is the seed that this object was made with."""
        self.key = self.default_instance_seed if seed is None else _checked_seed(seed)
        for number, (state, _) in enumerate(self.state_updates):
            state.set_value(np.array([self.key, number, 0], "uint64"), borrow=True)

    def advance(self, places: int) -> None:
        """Move the streams of all variables by ``places`` numbers, back for negative ones; at once, however many."""
        for state, _ in self.state_updates:
            key, number, place = (int(word) for word in state.get_value())
            state.set_value(np.array([key, number, (place + int(places)) % 2**64], "uint64"), borrow=True)

    def _fresh(self, size: Size, dtype: str, nstreams: int | None) -> tuple[Variable, Update]:
        state: Any = shared(np.array([self.key, len(self.state_updates), 0], "uint64"), borrow=True)
        known = size.known
        lengths = [size.vector[axis] for axis in range(size.ndim)] if known is None else list(known)
        numbers = PhiloxUniform(dtype)(state, *lengths)
        if known is None:
            drawn = np.array([0, 0, 1], "uint64") * prod(size.vector).astype("uint64")
        else:
            drawn = as_tensor_variable(np.array([0, 0, int(np.prod(known, dtype="int64"))], "uint64"))
        following = state + drawn
        return numbers, (state, following)
