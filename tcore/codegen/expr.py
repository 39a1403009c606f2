"""Expressions of the loop IR: interned, so that equal means identical.

Every expression is a scalar: it has one dtype and a value for each choice of the axes that it
depends on.  Constructors look their result up in a table of live expressions, hence ``is`` decides
equality, hashing is by identity, and a value that is used twice exists once.  Nothing here recurses;
:func:`~tcore.codegen.walks.flatten` gives the flat list in which operands stand before their users, and every analysis
is a loop over that list. Functions that simplify what they make are in :mod:`tcore.codegen.building`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from attrs import field

from tcore.records import frozen

__all__ = [
    "INDEX",
    "Axis",
    "Buffer",
    "Cast",
    "Const",
    "Expr",
    "Extent",
    "Fn",
    "Load",
    "Param",
    "Select",
    "const",
    "extent",
    "index_const",
    "level_of",
    "load",
]

INDEX = "int64"
"""dtype of every index, extent and axis."""

_T = TypeVar("_T")
_live: WeakValueDictionary[Any, Any] = WeakValueDictionary()
_fresh = itertools.count()


class _Interned(type):
    """Makes the constructor of a class return the live equal instance, where there is one."""

    def __call__(cls: type[_T], *args: Any) -> _T:
        key = (cls, *args)
        found = _live.get(key)
        if found is None:
            found = super().__call__(*args)  # type: ignore[misc]
            _live[key] = found
        return found  # type: ignore[no-any-return]


@frozen(eq=False)
class Buffer:
    """Memory that a kernel reads or writes: an operand, an output or scratch.

    Compares by identity: two operands of the same type are two buffers.

    Parameters
    ----------
    name : str
        For printing only.
    dtype : str
        NumPy name of the element type.
    broadcastable : tuple of bool
        One flag per axis; a flagged axis has length 1 and is always read at 0.
    """

    name: str
    dtype: str
    broadcastable: tuple[bool, ...] = ()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.broadcastable)

    def __repr__(self) -> str:
        return self.name


@frozen(eq=False)
class Expr(metaclass=_Interned):
    """A scalar value; see the subclasses."""

    @property
    def args(self) -> tuple[Expr, ...]:
        """The operands."""
        return ()

    @property
    def dtype(self) -> str:  # pragma: no cover - every subclass has it
        """NumPy name of the value's type."""
        raise NotImplementedError

    @property
    def axes(self) -> frozenset[Axis]:
        """The axes that the value depends on: its level."""
        return frozenset()

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        cls: Any = type(self)
        names: tuple[str, ...] = cls.__match_args__
        return cls, tuple(getattr(self, name) for name in names)

    # Index arithmetic, folded where the operands are literals.
    def __add__(self, other: Expr | int) -> Expr:
        other = _index(other)
        if isinstance(self, Const) and isinstance(other, Const):
            return index_const(self.value + other.value)
        if _is_index(other, 0):
            return self
        if _is_index(self, 0):
            return other
        return Fn("add", (self, other), INDEX)

    def __radd__(self, other: int) -> Expr:
        return _index(other) + self

    def __sub__(self, other: Expr | int) -> Expr:
        other = _index(other)
        if isinstance(self, Const) and isinstance(other, Const):
            return index_const(self.value - other.value)
        if _is_index(other, 0):
            return self
        return Fn("sub", (self, other), INDEX)

    def __rsub__(self, other: int) -> Expr:
        return _index(other) - self

    def __mul__(self, other: Expr | int) -> Expr:
        other = _index(other)
        if isinstance(self, Const) and isinstance(other, Const):
            return index_const(self.value * other.value)
        if _is_index(other, 1):
            return self
        if _is_index(self, 1):
            return other
        if _is_index(self, 0) or _is_index(other, 0):
            return index_const(0)
        return Fn("mul", (self, other), INDEX)

    def __rmul__(self, other: int) -> Expr:
        return _index(other) * self

    def __neg__(self) -> Expr:
        return index_const(0) - self


def _literal_key(value: Any, dtype: str) -> Any:
    """A hashable form of a literal that keeps -0.0, nan and True apart from 0.0, nan and 1."""
    if dtype.startswith("complex"):
        return float(value.real).hex(), float(value.imag).hex()
    return float(value).hex() if dtype.startswith("float") else int(value)


@frozen(eq=False)
class Const(Expr):
    """A literal; ``key`` is the hexadecimal form of a float (two of a complex number), else an int: use :func:`const`."""

    key: Any
    dtype: str

    @property
    def value(self) -> Any:
        """The literal as a Python bool, int, float or complex."""
        if self.dtype == "bool":
            return bool(self.key)
        if isinstance(self.key, tuple):
            return complex(*map(float.fromhex, self.key))
        return float.fromhex(self.key) if isinstance(self.key, str) else self.key

    def __repr__(self) -> str:
        return f"{self.value}"


@frozen(eq=False)
class Axis(Expr):
    """An iteration axis; as an expression, the index along it.  ``Axis.fresh`` makes a new one."""

    name: str
    extent: Expr
    serial: int

    @staticmethod
    def fresh(name: str, extent: Expr) -> Axis:
        """A new axis, different from all others, that runs over ``range(extent)``."""
        return Axis(name, extent, next(_fresh))

    @property
    def dtype(self) -> str:
        return INDEX

    @property
    def axes(self) -> frozenset[Axis]:
        return frozenset((self,))

    def __repr__(self) -> str:
        return self.name


@frozen(eq=False)
class Extent(Expr):
    """The length of one axis of a buffer, known when the kernel is launched."""

    buffer: Buffer
    axis: int

    @property
    def dtype(self) -> str:
        return INDEX

    def __repr__(self) -> str:
        return f"{self.buffer}.shape[{self.axis}]"


@frozen(eq=False)
class Param(Expr):
    """A scalar argument of the kernel, by name: the same for all elements."""

    name: str
    dtype: str

    def __repr__(self) -> str:
        return self.name


def level_of(args: tuple[Expr, ...]) -> frozenset[Axis]:
    """The axes that any of some operands depends on."""
    if len(args) == 1:
        return args[0].axes
    return frozenset().union(*(arg.axes for arg in args))


@frozen(eq=False)
class Load(Expr):
    """One element of a buffer; ``index`` has one entry per axis of the buffer."""

    buffer: Buffer
    index: tuple[Expr, ...]
    axes: frozenset[Axis] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "axes", level_of(self.index))

    @property
    def args(self) -> tuple[Expr, ...]:
        return self.index

    @property
    def dtype(self) -> str:
        return self.buffer.dtype

    def __repr__(self) -> str:
        return f"{self.buffer}[{', '.join(map(repr, self.index))}]"


@frozen(eq=False)
class Fn(Expr):
    """A scalar function of the table in :mod:`tcore.codegen.functions`, result of type ``dtype``."""

    name: str
    args: tuple[Expr, ...]
    dtype: str
    axes: frozenset[Axis] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "axes", level_of(self.args))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.args))})"


@frozen(eq=False)
class Cast(Expr):
    """Conversion to another dtype by the table's rules (float to int states its out-of-range results)."""

    operand: Expr
    dtype: str
    axes: frozenset[Axis] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "axes", self.operand.axes)

    @property
    def args(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def __repr__(self) -> str:
        return f"{self.dtype}({self.operand!r})"


@frozen(eq=False)
class Select(Expr):
    """``then`` where ``condition`` (bool) holds, else ``otherwise``; both are computed, loads too."""

    condition: Expr
    then: Expr
    otherwise: Expr
    axes: frozenset[Axis] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "axes", level_of(self.args))

    @property
    def args(self) -> tuple[Expr, ...]:
        return (self.condition, self.then, self.otherwise)

    @property
    def dtype(self) -> str:
        return self.then.dtype

    def __repr__(self) -> str:
        return f"({self.then!r} if {self.condition!r} else {self.otherwise!r})"


def const(value: Any, dtype: str) -> Const:
    """The literal ``value`` of type ``dtype`` (converted as NumPy converts)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and dtype == INDEX:
        return Const(int(value), dtype)
    with np.errstate(over="ignore"):
        return Const(_literal_key(np.asarray(value).astype(dtype), dtype), dtype)


def index_const(value: int) -> Const:
    """An index literal."""
    return Const(int(value), INDEX)


def extent(buffer: Buffer, axis: int) -> Expr:
    """The length of an axis: the literal 1 where the type says so."""
    return index_const(1) if buffer.broadcastable[axis] else Extent(buffer, axis)


def load(buffer: Buffer, index: Iterable[Expr | int]) -> Load:
    """One element of ``buffer``; broadcastable axes are read at 0 whatever the index."""
    return Load(
        buffer,
        tuple(
            index_const(0) if flag else _index(item)
            for flag, item in zip(buffer.broadcastable, index, strict=True)
        ),
    )


def _index(value: Expr | int) -> Expr:
    return value if isinstance(value, Expr) else index_const(value)


def _is_index(expr: Expr, value: int) -> bool:
    return isinstance(expr, Const) and expr.dtype == INDEX and bool(expr.key == value)
