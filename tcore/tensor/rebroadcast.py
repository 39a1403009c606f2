"""Broadcast marks: ``Rebroadcast`` and the functions that set and clear them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field

from tcore.graph import Apply, Variable
from tcore.graph.type_code import PerTypeCode, TypeCode
from tcore.records import frozen
from tcore.tensor.constants import scalar_value_of, value_behind
from tcore.tensor.conversion import as_tensor_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Rebroadcast",
    "addbroadcast",
    "patternbroadcast",
    "register_rebroadcast_c_code",
    "unbroadcast",
]


def _marks(pairs: Iterable[tuple[int, bool]]) -> tuple[tuple[int, bool], ...]:
    marks: dict[int, bool] = {}
    for axis, mark in pairs:
        if axis < 0:
            raise ValueError(f"Rebroadcast takes axes that are not negative, got {axis}")
        marks[int(axis)] = bool(mark)
    return tuple(sorted(marks.items()))


@frozen(init=False)
class Rebroadcast(PerTypeCode):
    """``x`` with other broadcast marks: ``Rebroadcast((0, True), (1, False))`` sets that of axis 0, clears that of axis 1.

    Raises ValueError when the function runs if an axis that gets the mark is not of length 1.
    """

    axis: tuple[tuple[int, bool], ...] = field(converter=_marks)
    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}
    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def __init__(self, *axis: tuple[int, bool]) -> None:
        self.__attrs_init__(axis)

    def make_node(self, x: Any) -> Apply:
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        if self.axis and self.axis[-1][0] >= x.type.ndim:
            raise ValueError(f"{self} speaks of axis {self.axis[-1][0]}, but {x} has {x.type.ndim} dimensions")
        marks = list(x.type.broadcastable)
        for axis, mark in self.axis:
            marks[axis] = mark
        return Apply(self, [x], [x.type.clone(broadcastable=tuple(marks))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        for axis, mark in self.axis:
            if mark and x.shape[axis] != 1:
                raise ValueError(f"axis {axis} was marked broadcastable, but has length {x.shape[axis]} where 1 is needed: shape {x.shape}")
        output_storage[0][0] = x

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        lengths = list(shapes[0])
        for axis, mark in self.axis:
            if mark:
                lengths[axis] = 1
        return [tuple(lengths)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient with the marks of the input."""
        (x,), (g,) = inputs, output_grads
        return [patternbroadcast(g, x.type.broadcastable)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0])]

    def filled_in(self, entry: TypeCode, inames: Sequence[str], onames: Sequence[str], sub: Mapping[str, str]) -> str:
        """The check, once for each axis that gets the mark, then the view."""
        names = {"iname": inames[0], "oname": onames[0], **sub}
        checks = "".join(entry.code % {**names, "axis": str(axis)} for axis, mark in self.axis if mark)
        return checks + _VIEW % names

    def __str__(self) -> str:
        if not self.axis:
            return "Rebroadcast{}"
        marks = dict(self.axis)
        return f"Rebroadcast{{{','.join(_MARK_TEXT[marks.get(axis)] for axis in range(self.axis[-1][0] + 1))}}}"


#: the output is the input, another reference to the same Python object
_VIEW = """
Py_XDECREF(%(oname)s);
%(oname)s = %(iname)s;
Py_XINCREF(%(oname)s);
"""

_MARK_TEXT = {None: "?", False: "0", True: "1"}


def register_rebroadcast_c_code(typ: type, code: str, version: Any = ()) -> None:
    """Say how :class:`Rebroadcast` is done in C for a Type class, whose C variables are Python objects.

    Parameters
    ----------
    typ : class
        The Type class itself, not an instance.
    code : str
        C code that fails (``%(fail)s``) unless axis ``%(axis)s`` of ``%(iname)s`` has length 1; it is put in once for each
        axis that gets the mark. ``%(oname)s`` is set afterwards.
    version : int or tuple
        ``()`` keeps the compiled code out of the store.
    """
    Rebroadcast.register_c_code(typ, TypeCode(code, version))


scalar_value_of.register(Rebroadcast, value_behind)


def joined_rebroadcasts(rval: Variable) -> Variable:
    """``rval`` without Rebroadcast nodes that change nothing, and with one node for a chain of them."""
    chain = []
    base = rval
    while base.owner is not None and isinstance(base.owner.op, Rebroadcast):
        chain.append(base)
        base = base.owner.inputs[0]
    if not chain:
        return rval
    marks: dict[int, bool] = {}
    for variable in reversed(chain):
        marks.update(dict(variable.owner.op.axis))
    changes = [(axis, mark) for axis, mark in sorted(marks.items()) if mark != base.type.broadcastable[axis]]
    if not changes:
        return base
    innermost = chain[-1]
    if tuple(changes) == innermost.owner.op.axis:
        return innermost
    return Rebroadcast(*changes)(base)


def _mark_axes(name: str, x: Any, axes: tuple[int, ...], mark: bool) -> Variable:
    variable = x if isinstance(x, Variable) else as_tensor_variable(x)
    ndim = variable.type.ndim
    pairs = []
    for axis in axes:
        if not -ndim <= axis < ndim:
            raise ValueError(f"{name}: axis {axis} does not exist in {variable} with {ndim} dimensions")
        pairs.append((axis % ndim, mark))
    return joined_rebroadcasts(Rebroadcast(*pairs)(variable))


def addbroadcast(x: Any, *axes: int) -> Variable:
    """``x`` with ``axes`` marked broadcastable; their length must be 1 when the function runs (ValueError)."""
    return _mark_axes("addbroadcast", x, axes, mark=True)


def unbroadcast(x: Any, *axes: int) -> Variable:
    """``x`` with ``axes`` not marked broadcastable: the result cannot be broadcast along them any more."""
    return _mark_axes("unbroadcast", x, axes, mark=False)


def patternbroadcast(x: Any, broadcastable: Iterable[bool]) -> Variable:
    """``x`` with the whole broadcast pattern given, one bool per axis.

    Raises
    ------
    ValueError
        If there are not as many entries as axes; when the function runs, if a marked axis is not of length 1.
    """
    variable = x if isinstance(x, Variable) else as_tensor_variable(x)
    marks = tuple(bool(mark) for mark in broadcastable)
    if len(marks) != variable.type.ndim:
        raise ValueError(f"patternbroadcast: {variable} has {variable.type.ndim} dimensions, the pattern {len(marks)}")
    return joined_rebroadcasts(Rebroadcast(*enumerate(marks))(variable))
