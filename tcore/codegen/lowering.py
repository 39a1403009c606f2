"""Lowerings: how an op says what it computes in the loop IR.

``@lowers(OpClass)`` marks a function; nothing is registered by importing it.  A plugin's
``tcore_lowerings`` hook lists its groups, from which the core builds a :class:`LoweringTable`.

A lowering is called as ``lower(op, out, *inputs)``: ``out`` is the :class:`Target` (a tuple of them
for an op with several outputs), each input an indexable :class:`Operand`.  It returns a stage or a list
of stages, or raises :class:`NotLowered` for a case that it leaves to the op's other implementations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from attrs import field

from tcore.codegen.expr import Axis, Buffer, Const, Expr, const, extent, index_const, load
from tcore.codegen.stages import Stage
from tcore.records import frozen

__all__ = ["STORED", "Lowered", "Lowering", "LoweringTable", "NotLowered", "Operand", "Target", "axes_of", "axis_name", "lowers", "merge"]

STORED = frozenset(
    [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    ]
)
"""dtypes of the arrays of kernels; float16 only as long as it is stored (:mod:`tcore.codegen.half`), complex ones are computed by parts."""


class NotLowered(NotImplementedError):
    """The op, in this form, has no lowering; the message says why."""


@frozen(eq=False)
class Operand:
    """An input of a node as its lowering sees it.

    ``value`` is the NumPy value of a constant input, else None.  Inputs that are no arrays (slices,
    None) have no buffer.
    """

    type: Any
    buffer: Buffer | None
    value: Any = None

    @property
    def dtype(self) -> str:
        """NumPy name of the element type."""
        return self._buffer.dtype

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """One flag per axis."""
        return self._buffer.broadcastable

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._buffer.ndim

    @property
    def shape(self) -> tuple[Expr, ...]:
        """Lengths, as expressions; the literal 1 for broadcastable axes."""
        return tuple(extent(self._buffer, k) for k in range(self.ndim))

    def __getitem__(self, index: Expr | int | Sequence[Expr | int]) -> Expr:
        """The element at ``index``; broadcastable axes are read at 0."""
        if isinstance(index, (Expr, int)):
            index = (index,)
        index = tuple(item if isinstance(item, Expr) else index_const(item) for item in index)
        if self.value is not None and (self.ndim == 0 or all(self.broadcastable)):
            literal = _literal(self.value, self.dtype)
            if literal is not None:
                return literal
        return load(self._buffer, index)

    def scalar(self) -> Expr:
        """The value of a 0-d operand, a literal where it is constant."""
        if self.ndim:
            raise NotLowered(f"needs a scalar, got {self.ndim} axes")
        return self[()]

    @property
    def _buffer(self) -> Buffer:
        if self.buffer is None:
            raise NotLowered(f"input of type {self.type} is no array")
        return self.buffer


def _literal(value: Any, dtype: str) -> Const | None:
    """Integers and 0, 1, -1 and small halves shape the code; other floats stay arguments of the kernel."""
    value = np.asarray(value).reshape(())
    if value.dtype.kind in "fc" and not all(abs(part) <= 8 and (float(part) * 2).is_integer() for part in (value.real, value.imag)):
        return None
    return const(value, dtype)


@frozen(eq=False)
class Target:
    """An output of a node as its lowering sees it."""

    type: Any
    buffer: Buffer
    axes: tuple[Axis, ...]

    @property
    def dtype(self) -> str:
        """NumPy name of the element type."""
        return self.buffer.dtype

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """One flag per axis."""
        return self.buffer.broadcastable

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.buffer.ndim

    @property
    def shape(self) -> tuple[Expr, ...]:
        """Lengths, as expressions."""
        return tuple(axis.extent for axis in self.axes)

    def over(self, shape: Iterable[Expr]) -> tuple[Axis, ...]:
        """Output axes whose lengths are given in terms of the inputs.

        Prefer it to ``axes``: then the output need not exist for its shape to be known.
        """
        return tuple(
            Axis.fresh(axis.name, index_const(1) if flag else length)
            for axis, flag, length in zip(self.axes, self.broadcastable, shape, strict=True)
        )


LoweringFunction = Callable[..., "Stage | Sequence[Stage]"]


@frozen
class Lowering:
    """A lowering as a value: ``@lowers`` builds it, a plugin's hook registers it.

    ``ops`` are op classes, or ``"module:Class"`` strings for classes of packages that may be absent.
    """

    function: LoweringFunction
    ops: tuple[type | str, ...]

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.__name__

    def __call__(self, op: Any, out: Any, *inputs: Operand) -> Stage | Sequence[Stage]:
        return self.function(op, out, *inputs)


def lowers(*ops: type | str) -> Callable[[LoweringFunction], Lowering]:
    """Mark a function as the lowering of op classes (and of their subclasses)."""
    return lambda function: Lowering(function, ops)


@frozen(eq=False)
class Lowered:
    """One node in the loop IR: its stages, reading ``inputs`` and writing ``outputs``.

    ``inputs`` has one entry per input of the node (None where it is no array).
    """

    inputs: tuple[Operand, ...]
    outputs: tuple[Buffer, ...]
    stages: tuple[Stage, ...]


@frozen(eq=False)
class LoweringTable:
    """The lowerings that take part in one compilation, by op class."""

    by_class: dict[type, Lowering] = field(factory=dict)
    foreign: dict[str, Lowering] = field(factory=dict)

    @classmethod
    def of(cls, lowerings: Iterable[Lowering]) -> LoweringTable:
        """A table; two lowerings for one class are an error that names both."""
        table = cls()
        for lowering in lowerings:
            for op in lowering.ops:
                known: dict[Any, Lowering] = table.foreign if isinstance(op, str) else table.by_class
                other = known.setdefault(op, lowering)
                if other is not lowering:
                    raise ValueError(
                        f"{op} has two lowerings: {_place(other)} and {_place(lowering)}; disable one of the plugins"
                    )
        return table

    def find(self, op: object) -> Lowering | None:
        """The lowering of ``op``: that of its class or of the nearest base class that has one."""
        for cls in type(op).__mro__:
            found = self.by_class.get(cls)
            if found is None and self.foreign:
                found = self.foreign.get(f"{cls.__module__}:{cls.__qualname__}")
            if found is not None:
                return found
        return None

    def lower(self, node: Any) -> Lowered:
        """The stages of one Apply.

        An op with an attribute ``host_op`` (the form of another op on a device) is lowered as that op.

        Raises
        ------
        NotLowered
            If its op, in this form, has no lowering.
        """
        op = getattr(node.op, "host_op", node.op)
        lowering = self.find(op)
        if lowering is None:
            raise NotLowered(f"{type(op).__name__} has no lowering")
        inputs = tuple(_operand(k, variable) for k, variable in enumerate(node.inputs))
        targets = tuple(_target(k, variable) for k, variable in enumerate(node.outputs))
        for buffer in (*(i.buffer for i in inputs), *(t.buffer for t in targets)):
            if buffer is not None and buffer.dtype not in STORED:
                raise NotLowered(f"{buffer.dtype} arrays are not computed in kernels")
        stages = lowering(op, targets[0] if len(targets) == 1 else targets, *inputs)
        stages = (stages,) if isinstance(stages, Stage) else tuple(stages)
        return Lowered(inputs, tuple(target.buffer for target in targets), stages)


def axis_name(number: int) -> str:
    """i, j, k, … for the axes of an array."""
    return "ijklmnop"[number] if number < 8 else f"i{number}"


def _place(lowering: Lowering) -> str:
    return f"{lowering.function.__module__}.{lowering.name}"


def _buffer(name: str, type_: Any) -> Buffer | None:
    dtype = getattr(type_, "dtype", None)
    if not isinstance(dtype, str):
        return None
    return Buffer(name, dtype, tuple(getattr(type_, "broadcastable", ())))


def _operand(position: int, variable: Any) -> Operand:
    return Operand(variable.type, _buffer(f"x{position}", variable.type), _known_value(variable))


def _known_value(variable: Any) -> Any:
    """The value of a constant, or of a view of a constant of one element (2 as a matrix of one element)."""
    while variable.owner is not None:
        op = variable.owner.op
        if not getattr(op, "view_map", None) or len(variable.owner.inputs) != 1 or variable.owner.outputs[0] is not variable:
            return None
        if not all(getattr(variable.type, "broadcastable", (False,))):
            return None
        variable = variable.owner.inputs[0]
    return getattr(variable, "data", None)


def _target(position: int, variable: Any) -> Target:
    buffer = _buffer(f"z{position}", variable.type)
    if buffer is None:
        raise NotLowered(f"output of type {variable.type} is no array")
    axes = tuple(Axis.fresh(axis_name(k), extent(buffer, k)) for k in range(buffer.ndim))
    return Target(variable.type, buffer, axes)


def axes_of(x: Operand, axes: int | Iterable[int] | None = None) -> tuple[Axis, ...]:
    """Fresh axes over some of the axes of ``x`` (all by default), in rising order."""
    chosen = range(x.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    chosen = sorted(axis % x.ndim for axis in chosen) if x.ndim else []
    return tuple(Axis.fresh(f"r{k}", x.shape[k]) for k in chosen)


def merge(kept: Sequence[Axis], reduced: Sequence[Axis], axes: int | Iterable[int] | None) -> tuple[Axis, ...]:
    """The full index of an operand: ``reduced`` at positions ``axes``, ``kept`` in the others, in order."""
    total = len(kept) + len(reduced)
    chosen = range(total) if axes is None else [axes] if isinstance(axes, int) else axes
    places = {axis % total for axis in chosen} if total else set()
    inner, outer = iter(reduced), iter(kept)
    return tuple(next(inner) if k in places else next(outer) for k in range(total))
