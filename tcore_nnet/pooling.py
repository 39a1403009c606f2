"""Pooling: what windows over the last axes hold, as one number each.

:class:`Pool` is nonlinear only where it takes the largest element. That is a reading of elements at the places that
:class:`PoolPositions` finds, with :class:`PoolPut` as its transpose; sums and averages are linear, with :class:`PoolSpread` as
their transpose. Hence derivatives of any order, forwards and backwards, are made of these and of indexing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np
from attrs import field
from attrs.validators import in_, instance_of

from tcore import tensor as T
from tcore.gradient import DisconnectedType
from tcore.graph import Apply, Constant, Op, Variable
from tcore.records import frozen
from tcore_nnet.windows import ARRAYS, arithmetic_of, check_numbers, count, int_vector, pooled_length, windows_of

__all__ = ["MODES", "Pool", "PoolPositions", "PoolPut", "PoolSpread", "lowest"]

MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")
"""What is made of the elements of a window: padding never counts, but in ``average_inc_pad``."""


def lowest(dtype: Any) -> Any:
    """The number below which there is none of ``dtype``: what stands for no element where the largest is sought."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return False
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


@frozen
class _Windowed(Op):
    """What ops over windows share: ``ws``, ``stride`` and ``pad`` as their last three inputs, vectors of ``ndim`` integers."""

    ndim: int = field(default=2, validator=instance_of(int), kw_only=True)
    ignore_border: bool = field(default=False, converter=bool, kw_only=True)

    def geometry(self, ws: Any, stride: Any, pad: Any) -> list[Variable]:
        """The three vectors as variables, checked as far as they are known."""
        ws = int_vector(ws, self.ndim, "ws", 1)
        stride = ws if stride is None else int_vector(stride, self.ndim, "stride", 1)
        pad = int_vector((0,) * self.ndim if pad is None else pad, self.ndim, "pad", 0)
        if isinstance(ws, Constant) and isinstance(pad, Constant):
            _check_pad(ws.data, pad.data)
        return [ws, stride, pad]

    def numbers(self, ws: Any, stride: Any, pad: Any) -> tuple[list[int], list[int], list[int]]:
        """The three vectors as numbers, checked.

        Raises
        ------
        ValueError
        """
        found = check_numbers(ws, self.ndim, "ws", 1), check_numbers(stride, self.ndim, "stride", 1), check_numbers(pad, self.ndim, "pad", 0)
        _check_pad(found[0], found[2])
        return found

    def array(self, x: Any, what: str = "input") -> Variable:
        """``x`` as a variable with at least ``ndim`` axes."""
        x = T.as_tensor_variable(x)
        if x.ndim < self.ndim:
            raise TypeError(f"pooling over the last {self.ndim} axes needs an {what} with at least as many, got {x.type}")
        return x

    def pooled(self, x: Variable, dtype: str) -> Variable:
        """An output with as many axes as ``x``."""
        flags = (*x.type.broadcastable[: x.ndim - self.ndim], *(False,) * self.ndim)
        return T.TensorType(dtype, flags)()

    def counts(self, lengths: Sequence[int], ws: Sequence[int], stride: Sequence[int], pad: Sequence[int]) -> list[int]:
        """Numbers of windows along the pooled axes."""
        return [pooled_length(*each, self.ignore_border) for each in zip(lengths, ws, stride, pad, strict=True)]


def _check_pad(ws: Sequence[int], pad: Sequence[int]) -> None:
    if any(p >= w for w, p in zip(ws, pad, strict=True)):
        raise ValueError(f"pad must be smaller than ws on each axis, else windows hold padding alone: got pad {tuple(map(int, pad))}, ws {tuple(map(int, ws))}")




@frozen
class Pool(_Windowed):
    """The largest element, the sum or the average of windows over the last ``ndim`` axes.

    Inputs: an array (..., rows, cols), and ``ws``, ``stride``, ``pad``: vectors of ``ndim`` integers. Output: the same leading
    axes, then the numbers of windows (:meth:`out_shape`); dtype of the input, for averages of integers and truth values float64.
    """

    mode: str = field(default="max", validator=in_(MODES), kw_only=True)
    __props__: ClassVar[tuple[str, ...]] = ("ignore_border", "mode", "ndim")
    host_inputs: ClassVar[tuple[int, ...]] = (1, 2, 3)

    @staticmethod
    def out_shape(imgshape: Sequence[Any], ws: Sequence[Any], ignore_border: bool = False, stride: Any = None, pad: Any = None, ndim: int = 2) -> list[Any]:
        """Shape of what pooling makes of an array of shape ``imgshape``: numbers where all are numbers, else symbolic.

        Raises
        ------
        TypeError
            If ``imgshape`` has less than ``ndim`` entries.
        """
        if len(imgshape) < ndim:
            raise TypeError(f"pooling over the last {ndim} axes needs a shape of at least as many, got {tuple(imgshape)}")
        stride = ws if stride is None else stride
        pad = (0,) * ndim if pad is None else pad
        keep = len(imgshape) - ndim
        pooled = [
            pooled_length(n, ws[k], stride[k], pad[k], ignore_border, arithmetic_of(n, ws[k], stride[k], pad[k]))
            for k, n in enumerate(imgshape[keep:])
        ]
        return [*imgshape[:keep], *pooled]

    def make_node(self, x: Any, ws: Any, stride: Any = None, pad: Any = None) -> Apply:
        """Checks dtypes and numbers of axes, and all numbers that are known."""
        x = self.array(x)
        if self.mode == "max" and x.dtype.startswith("complex"):
            raise TypeError(f"complex numbers have no largest, got an input of {x.type}")
        if self.mode == "sum" and x.dtype == "bool":
            raise TypeError("truth values have no sum: cast the input to the integer type that is to hold it")
        if self.mode.startswith("average") and x.dtype.startswith(("bool", "int", "uint")):
            x = T.cast(x, "float64")
        return Apply(self, [x, *self.geometry(ws, stride, pad)], [self.pooled(x, x.dtype)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """A view of all windows, reduced."""
        x, *vectors = inputs
        ws, stride, pad = self.numbers(*vectors)
        lengths = x.shape[x.ndim - self.ndim :]
        counts = self.counts(lengths, ws, stride, pad)
        over = tuple(range(-self.ndim, 0))
        if self.mode == "max":
            output_storage[0][0] = windows_of(x, ws, stride, pad, counts, lowest(x.dtype)).max(axis=over)
            return
        view = windows_of(x, ws, stride, pad, counts, 0)
        wide = "float32" if x.dtype == "float16" else x.dtype
        total = view.sum(axis=over, dtype=wide)
        if self.mode != "sum":
            total = total / window_sizes(lengths, ws, stride, pad, counts, self.mode).astype(wide)
        output_storage[0][0] = total.astype(x.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """By :meth:`out_shape`."""
        ws, stride, pad = (_entries(vector, self.ndim) for vector in node.inputs[1:])
        return [tuple(self.out_shape(shapes[0], ws, self.ignore_border, stride, pad, self.ndim))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Sizes, strides and padding are not differentiable."""
        return [[True], [False], [False], [False]]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """To the first largest element of each window, or to all its elements alike."""
        x, *vectors = inputs
        (g,) = output_grads
        rest = [DisconnectedType()() for _ in vectors]
        if x.dtype.startswith(("bool", "int", "uint")):
            return [x.zeros_like(dtype=g.dtype), *rest]
        if self.mode == "max":
            made = self.put()(g, self.positions(x, *vectors), self.lengths(x), *vectors)
        else:
            made = self.transpose()(g, self.lengths(x), *vectors)
        return [T.patternbroadcast(made, x.broadcastable), *rest]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """The direction at the first largest element of each window, or pooled alike."""
        x, *vectors = inputs
        direction = eval_points[0]
        if direction is None or x.dtype.startswith(("bool", "int", "uint")):
            return [None]
        if self.mode == "max":
            return [_taken(direction, self.positions(x, *vectors), self.ndim, vectors)]
        return [self(direction, *vectors)]

    def lengths(self, x: Any) -> Variable:
        """Lengths of the pooled axes."""
        return T.stack([x.shape[x.ndim - self.ndim + k] for k in range(self.ndim)])

    def positions(self, x: Any, *vectors: Any) -> Variable:
        """Where the largest elements stand."""
        return PoolPositions(ignore_border=self.ignore_border, ndim=self.ndim)(x, *vectors)  # type: ignore[return-value]

    def put(self) -> PoolPut:
        """What writes to those places."""
        return PoolPut(ignore_border=self.ignore_border, ndim=self.ndim)

    def transpose(self) -> PoolSpread:
        """The transpose of a sum or an average."""
        return PoolSpread(ignore_border=self.ignore_border, mode=self.mode, ndim=self.ndim)


@frozen
class PoolPositions(_Windowed):
    """Where the largest element of each window stands: the first of equal ones, the first NaN if there is one.

    Inputs as of :class:`Pool`; output: int64, shape of the pooled array: the place within the window, counted along its axes,
    the last of them fastest. Never a place of padding.
    """

    __props__: ClassVar[tuple[str, ...]] = ("ignore_border", "ndim")
    host_inputs: ClassVar[tuple[int, ...]] = (1, 2, 3)

    def make_node(self, x: Any, ws: Any, stride: Any = None, pad: Any = None) -> Apply:
        """As of :class:`Pool`."""
        x = self.array(x)
        return Apply(self, [x, *self.geometry(ws, stride, pad)], [self.pooled(x, "int64")])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """The first largest of each window; where that is padding, all are equal, and the first element is meant."""
        x, *vectors = inputs
        ws, stride, pad = self.numbers(*vectors)
        lengths = x.shape[x.ndim - self.ndim :]
        counts = self.counts(lengths, ws, stride, pad)
        view = windows_of(x, ws, stride, pad, counts, lowest(x.dtype))
        inside = view.reshape(*view.shape[: x.ndim], prod(ws)).argmax(axis=-1)
        place = np.zeros_like(inside)
        for axis, offset in enumerate(np.unravel_index(inside, ws)):
            start = np.arange(counts[axis]) * stride[axis] - pad[axis]
            start = start.reshape(-1, *(1,) * (self.ndim - 1 - axis))
            place = place * ws[axis] + np.clip(start + offset, 0, max(lengths[axis] - 1, 0)) - start
        output_storage[0][0] = place.astype("int64", copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """By :meth:`Pool.out_shape`."""
        ws, stride, pad = (_entries(vector, self.ndim) for vector in node.inputs[1:])
        return [tuple(Pool.out_shape(shapes[0], ws, self.ignore_border, stride, pad, self.ndim))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Small changes do not move a maximum."""
        return [[False]] * 4

    def grad(self, inputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """None to speak of."""
        return [DisconnectedType()() for _ in inputs]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """None: zero."""
        return [None]


@frozen
class _Transposed(_Windowed):
    """What gives something of each window to its elements, and adds it up: the array of windows comes first.

    Then come inputs of its own, the ``ndim`` lengths of the array that was pooled (an integer vector), ``ws``, ``stride`` and
    ``pad``; the output has those lengths.
    """

    def node(self, g: Variable, own: list[Variable], lengths: Any, *geometry: Any) -> Apply:
        """Checks all numbers that are known."""
        inputs = [g, *own, int_vector(lengths, self.ndim, "lengths", 0), *self.geometry(*geometry)]
        return Apply(self, inputs, [self.pooled(g, g.dtype)])

    def spread(self, g: Any, lengths: Any, vectors: Sequence[Any], value: Callable[..., Any]) -> Any:
        """The result, by one addition of all windows at once for each place in a window.

        ``value(k, lengths, ws, stride, pad, counts)`` is what the windows give to place k.
        """
        ws, stride, pad = self.numbers(*vectors)
        lengths = check_numbers(lengths, self.ndim, "lengths", 0)
        counts = self.counts(lengths, ws, stride, pad)
        keep = g.ndim - self.ndim
        if list(g.shape[keep:]) != counts:
            raise ValueError(f"an array of lengths {tuple(lengths)} has windows of shape {tuple(counts)}, got {g.shape[keep:]}")
        room = [max((k - 1) * s + w, n + p) for k, s, w, n, p in zip(counts, stride, ws, lengths, pad, strict=True)]
        total = np.zeros((*g.shape[:keep], *room), "float32" if g.dtype == "float16" else g.dtype)
        for k, offset in enumerate(np.ndindex(*ws)):
            box: tuple[Any, ...] = tuple(slice(o, o + n * s, s) for o, n, s in zip(offset, counts, stride, strict=True))
            # the last step of a slice may lie beyond the room: it is cut there, behind its last element
            total[..., *box] += value(k, lengths, ws, stride, pad, counts)
        inside: tuple[Any, ...] = tuple(slice(p, p + n) for p, n in zip(pad, lengths, strict=True))
        return np.array(total[..., *inside], g.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """The leading axes, then the lengths."""
        keep = node.inputs[0].ndim - self.ndim
        return [(*shapes[0][:keep], *_entries(node.inputs[-4], self.ndim))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only what the windows hold is differentiable."""
        return [[position == 0] for position in range(len(node.inputs))]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """It is linear."""
        return [None if eval_points[0] is None else self(eval_points[0], *inputs[1:])]


@frozen
class PoolSpread(_Transposed):
    """The transpose of a sum or an average: each window's number, or its share, goes to all elements of the window.

    Inputs: an array (..., windows), the lengths, ``ws``, ``stride``, ``pad``.
    """

    mode: str = field(default="sum", validator=in_(MODES[1:]), kw_only=True)
    __props__: ClassVar[tuple[str, ...]] = ("ignore_border", "mode", "ndim")
    host_inputs: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def make_node(self, g: Any, lengths: Any, ws: Any, stride: Any = None, pad: Any = None) -> Apply:
        """Checks the number of axes, and all numbers that are known."""
        return self.node(self.array(g, "array of windows"), [], lengths, ws, stride, pad)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """The same for every place of a window."""
        g, lengths, *vectors = inputs
        wide = "float32" if g.dtype == "float16" else g.dtype

        def share(k: int, lengths: Any, ws: Any, stride: Any, pad: Any, counts: Any) -> Any:
            return g if self.mode == "sum" else g / window_sizes(lengths, ws, stride, pad, counts, self.mode).astype(wide)

        output_storage[0][0] = self.spread(g, lengths, vectors, share)

    def grad(self, inputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """Pooling."""
        g, _, *vectors = inputs
        made = Pool(ignore_border=self.ignore_border, mode=self.mode, ndim=self.ndim)(output_grads[0], *vectors)
        return [T.patternbroadcast(made, g.broadcastable), *(DisconnectedType()() for _ in inputs[1:])]


@frozen
class PoolPut(_Transposed):
    """Each window's number goes to one place of the window, and zeros to the others.

    Inputs: an array (..., windows), an int64 array of the same shape as :class:`PoolPositions` gives it, the lengths, ``ws``,
    ``stride``, ``pad``.
    """

    __props__: ClassVar[tuple[str, ...]] = ("ignore_border", "ndim")
    host_inputs: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)

    def make_node(self, g: Any, positions: Any, lengths: Any, ws: Any, stride: Any = None, pad: Any = None) -> Apply:
        """Checks dtypes and numbers of axes, and all numbers that are known."""
        g, positions = self.array(g, "array of windows"), T.as_tensor_variable(positions)
        if positions.dtype != "int64" or positions.ndim != g.ndim:
            raise TypeError(f"positions must be an int64 array of {g.ndim} axes, got {positions.type}")
        return self.node(g, [positions], lengths, ws, stride, pad)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Place by place, the windows that mean it."""
        g, positions, lengths, *vectors = inputs
        if positions.shape != g.shape:
            raise ValueError(f"positions must have the shape of the array of windows, {g.shape}, got {positions.shape}")
        zero = g.dtype.type(0)
        output_storage[0][0] = self.spread(g, lengths, vectors, lambda k, *_: np.where(positions == k, g, zero))

    def grad(self, inputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """What is found at the places."""
        g, positions, _, *vectors = inputs
        made = _taken(output_grads[0], positions, self.ndim, vectors)
        return [T.patternbroadcast(made, g.broadcastable), *(DisconnectedType()() for _ in inputs[1:])]


def window_sizes(lengths: Sequence[int], ws: Sequence[int], stride: Sequence[int], pad: Sequence[int], counts: Sequence[int], mode: str) -> np.ndarray:
    """By how much the sum of each window is divided for an average: an array of shape ``counts``."""
    sizes: Any = np.int64(1)
    for axis, (n, w, s, p, k) in enumerate(zip(lengths, ws, stride, pad, counts, strict=True)):
        along = count(np.arange(k), n, w, s, p, mode == "average_inc_pad", ARRAYS)
        sizes = sizes * along.reshape(-1, *(1,) * (len(counts) - 1 - axis))
    return np.broadcast_to(sizes, counts)


def _taken(x: Any, positions: Any, ndim: int, vectors: Sequence[Any]) -> Any:
    """The elements of ``x`` at places within windows: the transpose of :class:`PoolPut`."""
    total = positions.ndim
    keep = total - ndim
    ws, stride, pad = (_entries(vector, ndim) for vector in vectors)

    def along(axis: int) -> Any:
        return T.arange(positions.shape[axis]).dimshuffle(*(0 if k == axis else "x" for k in range(total)))

    places: list[Any] = []
    for k in reversed(range(ndim)):
        inside = positions % ws[k] if k else positions
        places.insert(0, along(keep + k) * stride[k] - pad[k] + inside)
        positions = positions // ws[k]
    return x[(*map(along, range(keep)), *places)]


def _entries(vector: Variable, ndim: int) -> list[Any]:
    """The integers of a vector: numbers where they are known, else symbolic ones."""
    if isinstance(vector, Constant):
        return [int(each) for each in vector.data]
    return [T.cast(vector[k], "int64") for k in range(ndim)]
