"""Numbers in equal steps: ``ARange``, and the grids ``mgrid`` and ``ogrid``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, dtype_name, upcast
from tcore.tensor._lengths import as_length, ceil_divided, greatest, less
from tcore.tensor.alloc import alloc
from tcore.tensor.alloc_c import ARangeC
from tcore.tensor.constants import NotScalarConstantError, constant_int, get_scalar_constant_value
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast, ceil, maximum
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ARange", "arange", "mgrid", "ogrid"]


@frozen
class ARange(ARangeC, Op):
    """The numbers ``start + i * step`` before ``stop``, as a vector: ``ARange(dtype)(start, stop, step)``."""

    dtype: str = field(converter=dtype_name)

    def make_node(self, start: Any, stop: Any, step: Any) -> Apply:
        scalars = [as_tensor_variable(value) for value in (start, stop, step)]
        for scalar, name in zip(scalars, ("start", "stop", "step"), strict=True):
            if scalar.type.ndim != 0:
                raise TypeError(f"arange takes scalars, got {name} = {scalar} with {scalar.type.ndim} dimensions")
            if scalar.type.dtype.startswith("complex"):
                raise TypeError(f"arange takes real numbers, got {name} = {scalar} of dtype {scalar.type.dtype}")
        if constant_int(scalars[2]) == 0:
            raise ValueError("arange: step cannot be zero")
        return Apply(self, scalars, [TensorType(self.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        start, stop, step = (value.item() for value in inputs)
        if step == 0:
            raise ValueError("arange: step cannot be zero")
        output_storage[0][0] = np.arange(start, stop, step, dtype=self.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        _start, _stop, _step = node.inputs
        try:
            numbers: list[Any] = [get_scalar_constant_value(value)[()] for value in node.inputs]
            return [(len(np.arange(*numbers)),)]
        except NotScalarConstantError:
            pass
        if any(value.type.dtype not in discrete_dtypes for value in node.inputs):

            # NumPy counts in float64
            begin, end, stride = (cast(value, "float64") for value in node.inputs)
            return [(maximum(cast(ceil((end - begin) / stride), "int64"), 0),)]
        low, high, width = (as_length(value) for value in node.inputs)
        if isinstance(width, int):
            if width < 0:
                low, high, width = high, low, -width
            return [(ceil_divided(greatest(less(high, low), 0), width),)]
        # rounding up, for a step of either sign
        return [(greatest(-((low - high) // width), 0),)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False], [True]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The sum for ``start``, the sum weighted with 0, 1, 2, … for ``step``; zeros for integers."""
        start, _, step = inputs
        (g,) = output_grads
        if self.dtype in discrete_dtypes:
            return [start.zeros_like(dtype=config.floatX), disconnected_type(), step.zeros_like(dtype=config.floatX)]
        places = arange(outputs[0].shape[0]).astype(self.dtype)
        return [g.sum(), disconnected_type(), (g * places).sum()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        d_start, _, d_step = eval_points
        if self.dtype in discrete_dtypes or (d_start is None and d_step is None):
            return [None]
        places = arange(self(*inputs).shape[0]).astype(self.dtype)
        moved = [] if d_start is None else [d_start + places.zeros_like()]
        stretched = [] if d_step is None else [d_step * places]
        result, *rest = [*moved, *stretched]
        for term in rest:
            result = result + term
        return [result]

    def do_constant_folding(self, node: Apply) -> bool:
        """Only small results."""
        try:
            numbers = [get_scalar_constant_value(value)[()] for value in node.inputs]
        except NotScalarConstantError:
            return False
        start, stop, step = (int(number) for number in numbers)
        return abs(stop - start) <= 4096 * abs(step)

    def __str__(self) -> str:
        return f"ARange{{dtype={self.dtype!r}}}"


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Variable:
    """The numbers from ``start`` (0 when only one is given) up to, not including, ``stop``, as a vector.

    Parameters
    ----------
    start, stop, step : numbers or scalars, symbolic or not
    dtype : str, optional
        Default: int64 for integers; the common dtype for others, but floatX where all inputs fit into it.
    """
    if stop is None:
        start, stop = 0, start
    scalars = [as_tensor_variable(value) for value in (start, stop, step)]
    if dtype is None:
        dtype = upcast(*[scalar.type.dtype for scalar in scalars])
        if dtype in discrete_dtypes:
            dtype = dtype if dtype.startswith("uint") and dtype == "uint64" else "int64"
        elif config.cast_policy == "custom":
            given = [v for v in (start, stop, step) if isinstance(v, Variable)]
            if not any(v.type.dtype == "float64" for v in given) and config.floatX == "float32":
                dtype = "float32"
            elif not given:
                dtype = config.floatX
    return ARange(dtype)(*scalars)


class _Grid:
    """Grids from slices: ``grid[0:3, 0:2]``; a complex step counts points and includes the end, as in NumPy."""

    def __init__(self, name: str, sparse: bool) -> None:
        self._name = name
        self._sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        for part in parts:
            if not isinstance(part, slice):
                raise TypeError(f"{self._name}[…] takes slices, got {part!r}")
        ranges = [self._range(part) for part in parts]
        if not isinstance(key, tuple):
            return ranges[0]

        ndim = len(ranges)
        opened = [values.dimshuffle(*["x"] * place, 0, *["x"] * (ndim - place - 1)) for place, values in enumerate(ranges)]
        if self._sparse:
            return opened
        dtype = upcast(*[values.type.dtype for values in ranges])
        lengths = [values.shape[0] for values in ranges]
        return [alloc(values.astype(dtype), *lengths) for values in opened]

    @staticmethod
    def _range(part: slice) -> Variable:
        start = 0 if part.start is None else part.start
        if part.stop is None:
            raise ValueError("a grid needs the end of each of its axes")
        if not isinstance(part.step, complex):
            return arange(start, part.stop, 1 if part.step is None else part.step)
        points = int(abs(part.step))
        places = arange(points).astype("float64")
        if points > 1:
            places = places * ((part.stop - start) / float(points - 1))
        return places + start

    def __repr__(self) -> str:
        return self._name


mgrid = _Grid("mgrid", sparse=False)
ogrid = _Grid("ogrid", sparse=True)
