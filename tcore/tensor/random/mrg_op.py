"""Ops that run MRG31k3p on many streams side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.graph.null_type import Unconnected
from tcore.records import frozen
from tcore.scalar.dtypes import integer_dtypes
from tcore.tensor._lengths import as_length, plus, times
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.random.mrg31k3p import M1, M2, step_rows
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BITS", "DotModulo", "MRGSteps", "MRGUniform", "dot_modulo", "mrg_steps", "mrg_uniform"]

#: dtype -> how many of the 31 bits of a number its fraction takes, with a one behind them: no result is 0 or 1
BITS = {"float16": 10, "float32": 23, "float64": 31}
#: larger tables are not computed at compile time
_FOLDING_LIMIT = 4096
#: numbers that perform makes at once
_BLOCK = 1 << 16


class DotModulo(Unconnected, FieldlessOp):
    """``dot_modulo(A, s, m, A2, s2, m2)``: ``A s mod m`` and ``A2 s2 mod m2`` as one vector. The sums are exact."""

    def make_node(self, A: Any, s: Any, m: Any, A2: Any, s2: Any, m2: Any) -> Apply:
        """Two matrices, vectors and scalars of integers."""
        inputs = [as_tensor_variable(value) for value in (A, s, m, A2, s2, m2)]
        for variable, ndim, name in zip(inputs, (2, 1, 0) * 2, ("A", "s", "m", "A2", "s2", "m2"), strict=True):
            if variable.type.ndim != ndim or variable.type.dtype not in integer_dtypes:
                raise TypeError(f"dot_modulo: {name} has {ndim} axes of integers, got {variable} of type {variable.type}")
        return Apply(self, inputs, [TensorType(inputs[1].type.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        parts = []
        for matrix, vector, modulus in (inputs[:3], inputs[3:]):
            if matrix.shape[1:] != vector.shape:
                raise ValueError(f"dot_modulo: a matrix of shape {matrix.shape} and a vector of {len(vector)}")
            parts += [sum(int(a) * int(b) for a, b in zip(row, vector, strict=True)) % int(modulus) for row in matrix]
        output_storage[0][0] = np.array(parts, node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(plus(shapes[0][0], shapes[3][0]),)]


dot_modulo = DotModulo()


class MRGSteps(Unconnected, FieldlessOp):
    """The rows that turn a state into later numbers, as a uint32 matrix: see :data:`tcore.tensor.random.mrg31k3p.step_rows`."""

    def make_node(self, count: Any) -> Apply:
        """``count`` rows."""
        return Apply(self, [integer_scalar(count, "the number of rows")], [TensorType("uint32", (False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = step_rows(int(inputs[0])).copy()

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(as_length(node.inputs[0]), 6)]

    def do_constant_folding(self, node: Apply) -> bool:
        """Where it is small."""
        count = constant_int(node.inputs[0])
        return count is not None and count <= _FOLDING_LIMIT

    def __str__(self) -> str:
        return "mrg_steps"


mrg_steps = MRGSteps()


def _float_vector(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, TensorType) or value.ndim != 1 or value.dtype not in BITS:
        raise TypeError(f"mrg_uniform makes a vector of floats, got {value!r}")


@frozen
class MRGUniform(Unconnected, Op):
    """Uniform numbers between 0 and 1, both excluded, from many streams: number i is the next of stream i mod n.

    ``(states, steps, after, streams, rows, rest) -> (next states, numbers)`` draws ``rows`` numbers from each of the first n =
    ``streams`` and one more from each of the first ``rest``. ``states`` is int32, six rows with one column for each stream: what a
    kernel runs over is contiguous. ``steps`` are at least ``rows + 3`` of the rows of :class:`MRGSteps`, ``after`` those from
    ``rows`` to ``rows + 3``. :func:`mrg_uniform` makes them.

    A number is z / 2**31 in float64, z being what MRG31k3p gives; narrower floats have the first bits of it and a 1 behind them.
    """

    output_type: TensorType = field(validator=_float_vector)

    def make_node(self, states: Any, steps: Any, after: Any, streams: Any, rows: Any, rest: Any) -> Apply:
        states, steps, after = map(as_tensor_variable, (states, steps, after))
        for variable, dtype, name in ((states, "int32", "states"), (steps, "uint32", "steps"), (after, "uint32", "after")):
            if variable.type.ndim != 2 or variable.type.dtype != dtype:
                raise TypeError(f"mrg_uniform: {name} is a matrix of {dtype}, got {variable} of type {variable.type}")
        counts = [integer_scalar(v, f"{name} of mrg_uniform") for v, name in ((streams, "streams"), (rows, "rows"), (rest, "rest"))]
        return Apply(self, [states, steps, after, *counts], [states.type(), self.output_type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        states, steps, after, *counts = inputs
        streams, rows, rest = map(int, counts)
        if states.shape[0] != 6 or not 0 <= rest <= streams <= states.shape[1]:
            raise ValueError(
                f"mrg_uniform draws from {streams} streams, six numbers each, but the states given are {states.shape[1]} streams of "
                f"{states.shape[0]} numbers"
            )
        if rows < 0 or steps.shape[0] < rows + 3 or steps.shape[1] != 6 or after.shape != (4, 6):
            raise ValueError(f"mrg_uniform: {rows} rows need at least as many steps and 3 more, and 4 of six numbers after them, got {steps.shape}, {after.shape}")
        columns = states[:, :streams].astype("uint64")
        numbers = np.empty(rows * streams + rest, self.output_type.dtype)
        grid = numbers[: rows * streams].reshape(rows, streams)
        height = max(1, _BLOCK // max(streams, 1))
        for start in range(0, rows, height):
            block = steps[3 + start : 3 + min(start + height, rows)]
            grid[start : start + height] = self._fractions(_numbers(block, columns))
        numbers[rows * streams :] = self._fractions(_numbers(after[3:], columns[:, :rest]))[0]
        following = states.copy()
        for part, table in ((slice(rest, streams), after[2::-1]), (slice(0, rest), after[:0:-1])):
            following[:3, part], following[3:, part] = _components(table, columns[:, part])
        output_storage[0][0] = following
        output_storage[1][0] = numbers

    def _fractions(self, z: np.ndarray) -> np.ndarray:
        bits = BITS[self.output_type.dtype]
        if bits == 31:
            return z * 2.0**-31
        return ((z >> np.uint64(31 - bits)) * 2.0 + 1) * 2.0 ** -(bits + 1)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        streams, rows, rest = map(as_length, node.inputs[3:])
        return [shapes[0], (plus(times(rows, streams), rest),)]

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: numbers are drawn when a function runs."""
        return False

    def __str__(self) -> str:
        return f"mrg_uniform{{{self.output_type},no_inplace}}"


def _components(table: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first numbers of both halves of the states in ``columns``, moved as each row of ``table`` says."""
    wide = table.astype("uint64")

    def moved(half: slice, modulus: int) -> np.ndarray:
        a, b = wide[:, half, None], columns[half]
        return (a[:, 0] * b[0] + a[:, 1] * b[1] + a[:, 2] * b[2]) % np.uint64(modulus)

    return moved(slice(0, 3), M1), moved(slice(3, 6), M2)


def _numbers(table: np.ndarray, columns: np.ndarray) -> np.ndarray:
    x, y = _components(table, columns)
    return np.where(x <= y, x + np.uint64(M1) - y, x - y)


def mrg_uniform(states: Variable, count: Any, streams: Any, dtype: str) -> list[Variable]:
    """The next states of all streams and ``count`` uniform numbers, as a vector.

    Parameters
    ----------
    states : int32 matrix, a row for each stream
    count : int or integer scalar
    streams : int or integer scalar
        How many of the streams to draw from, the first ones.
    """
    if isinstance(count, int) and isinstance(streams, int):
        rows, rest = divmod(count, streams)
    else:
        rows, rest = count // streams, count % streams
    steps = mrg_steps(rows + 4)
    op = MRGUniform(TensorType(dtype, (False,)))
    following, numbers = op(states.T, steps, steps[rows : rows + 4], streams, rows, rest)
    return [following.T, numbers]
