"""What is said about the inputs and outputs of a function besides the variables: :class:`In` and :class:`Out`."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, Variable
from tcore.graph.type import of_type
from tcore.link import Container

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["In", "Out", "SymbolicInput", "SymbolicOutput", "convert_function_input", "convert_function_inputs"]


class SymbolicInput:
    """An input of a function, without a value.

    Parameters
    ----------
    variable : Variable
        Takes the value of the argument; if a node computes it, that node is not used.
    name : str, optional
        What the input is called in calls by keyword.
    update : Variable, optional
        New value of the input after each call.
    mutable : bool, optional
        Let the function overwrite the value. By default, an input with an update may be.
    strict : bool
        Take only values that are of the variable's type already.
    allow_downcast : bool, optional
        Take values whose conversion loses precision; None does so for Python floats into ``floatX`` alone.
    autoname : bool
        Use the variable's name where ``name`` is None.
    implicit : bool
        Callers may not give a value.
    """

    def __init__(
        self,
        variable: Variable,
        name: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool = False,
    ) -> None:
        if not isinstance(variable, Variable):
            raise TypeError(f"an input of a function is a Variable or an In, got {variable!r}, of {type(variable).__name__}")
        if implicit is None:
            raise TypeError("implicit is True or False")
        self.variable = variable
        #: the variable that users know the input by, also where a copy of the graph has another one in its place
        self.origin = variable
        self.name = variable.name if autoname and name is None else name
        self.autoname = autoname
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.implicit = implicit
        self.update = None if update is None else _as_update(variable, update)
        self.mutable = self.update is not None if mutable is None else mutable

    def __str__(self) -> str:
        return f"In({self.variable} -> {self.update})" if self.update is not None else f"In({self.variable})"

    def __repr__(self) -> str:
        return str(self)


class In(SymbolicInput):
    """An input of a function, with what callers need not give.

    Parameters
    ----------
    variable, name, update, mutable, strict, allow_downcast, autoname
        As for :class:`SymbolicInput`.
    value : object or Container, optional
        Default value. Without ``update`` a value given in a call is for that call alone; with ``update`` it stays.
        A Container is used as it is, so that functions can share it.
    implicit : bool, optional
        Callers may not give a value. None means True where ``value`` is a Container or a shared variable.
    borrow : bool, optional
        The argument may be overwritten during the call. None follows ``mutable``.
    shared : bool
        The value lives in the container of a shared variable; set by :func:`tcore.function`, not by users.
    shape : sequence of int and None, optional
        A promise of the lengths of the argument, and of its update: the function is optimized for them, and a call with others
        is refused. None leaves the length of that axis open.

    Raises
    ------
    TypeError
        If ``implicit`` is True without a value; if ``shape`` holds something else than lengths, or the variable has no shape.
    ValueError
        If ``shape`` has another number of entries than the variable has dimensions.
    AssertionError
        If ``mutable`` is True and ``borrow`` False.
    """

    def __init__(
        self,
        variable: Variable,
        name: Any = None,
        value: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool | None = None,
        borrow: bool | None = None,
        shared: bool = False,
        shape: Any = None,
    ) -> None:
        self.shared = shared
        self.shape = None if shape is None else _as_lengths(variable, shape)
        self.borrow = bool(mutable) if borrow is None else borrow
        if mutable and not self.borrow:
            raise AssertionError(f"input {variable}: mutable=True lets the function overwrite the argument; borrow=False forbids it")
        if implicit is None:
            implicit = isinstance(value, (Container, SharedVariable))
        super().__init__(variable, name, update, mutable, strict, allow_downcast, autoname, implicit)
        self.value = value.container if isinstance(value, SharedVariable) else value
        if self.implicit and value is None:
            raise TypeError(f"input {variable} is implicit, so callers cannot give it: it needs a value")


class SymbolicOutput:
    """An output of a function.

    Parameters
    ----------
    variable : Variable
    borrow : bool
        The caller takes memory that the next call may overwrite, and that may belong to a shared variable or an argument.
    return_internal_type : bool
        A hint, as for ``get_value``; on the CPU both kinds of value are the same.
    """

    def __init__(self, variable: Variable, borrow: bool = False, return_internal_type: bool = False) -> None:
        if not isinstance(variable, Variable):
            raise TypeError(f"an output of a function is a Variable, got {variable!r}, of {type(variable).__name__}")
        self.variable = variable
        self.borrow = borrow
        self.return_internal_type = return_internal_type

    def __str__(self) -> str:
        return f"Out({self.variable},{self.borrow})"

    def __repr__(self) -> str:
        return str(self)


Out = SymbolicOutput


def checked_lengths(shape: Any, ndim: int) -> tuple[int | None, ...]:
    """A promised shape as a tuple of ints and None, one for each of ``ndim`` axes.

    Raises
    ------
    TypeError
        If it is no sequence, or an entry is neither a length nor None.
    ValueError
        If the number of entries is another one, or one is negative.
    """
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"a promised shape is a tuple of lengths, None where one is open, got {shape!r}")
    try:
        lengths = tuple(None if entry is None else operator.index(entry) for entry in shape)
    except TypeError:
        raise TypeError(f"the entries of a promised shape are integers, or None where the length is open, got {shape!r}") from None
    if len(lengths) != ndim or any(length is not None and length < 0 for length in lengths):
        raise ValueError(f"the shape {shape!r} was promised of a value with {ndim} dimensions: give a length, or None, for each")
    return lengths


def _as_lengths(variable: Variable, shape: Any) -> tuple[int | None, ...]:
    if not hasattr(variable, "specify_shape"):
        raise TypeError(f"shapes are promised of tensors, {variable} is of type {variable.type}")
    return checked_lengths(shape, variable.type.ndim)


def _as_update(variable: Variable, update: Any) -> Variable:
    try:
        return of_type(variable.type, "filter_variable")(update, allow_convert=True)  # type: ignore[no-any-return]
    except TypeError as error:
        raise TypeError(
            f"the update of {variable} must have its type, {variable.type}, got {update}"
            f"{' of type ' + str(update.type) if isinstance(update, Variable) else ''}; convert it with astype or "
            f"patternbroadcast. ({error})"
        ) from error


def convert_function_input(given: Any) -> In:
    """One entry of the input list of a function as an :class:`In`.

    Takes an In or another SymbolicInput, a Variable, and the documented tuples: ``(name, r)``, ``(r, value)``,
    ``((r, update), value)``, ``(name, r, value)``, ``(name, (r, update), value)``.

    Raises
    ------
    TypeError
        For anything else; for a constant and for a shared variable, whose value cannot be an argument.
    """
    if isinstance(given, In):
        return given
    if isinstance(given, SymbolicInput):
        # an input is mutable by its update, too, which is no leave to overwrite what callers hand over
        mutable = None if given.update is not None and given.mutable else given.mutable
        return In(
            given.variable, given.name, None, given.update, mutable, given.strict, given.allow_downcast, given.autoname,
            implicit=given.implicit,
        )  # fmt: skip
    if isinstance(given, SharedVariable):
        raise TypeError(
            f"the shared variable {given} cannot be an input: functions use its value without being told. "
            "To run with another value, use givens={shared: input} with an input variable of the same type."
        )
    if isinstance(given, Constant):
        raise TypeError(f"the constant {given} cannot be an input: it has its value")
    if isinstance(given, Variable):
        return In(given)
    if isinstance(given, (tuple, list)) and given:
        return _from_tuple(tuple(given))
    raise TypeError(
        f"an input of a function is a Variable, an In or one of the documented tuples, got {given!r}, of {type(given).__name__}"
    )


def _from_tuple(given: tuple[Any, ...]) -> In:
    name: Any = None
    rest = given
    if isinstance(given[0], str) and len(given) in (2, 3):
        name, rest = given[0], given[1:]
    target = rest[0]
    variable, update = target if isinstance(target, (tuple, list)) and len(target) == 2 else (target, None)
    if not isinstance(variable, Variable) or isinstance(variable, (Constant, SharedVariable)) or len(rest) > 2:
        raise TypeError(
            f"cannot read {given!r} as an input: use (name, r), (r, value), ((r, update), value), (name, r, value) or "
            "(name, (r, update), value) with a Variable r"
        )
    if len(rest) == 1:
        if name is None or update is not None:
            raise TypeError(f"cannot read {given!r} as an input: a value is missing")
        return In(variable, name=name)
    return In(variable, name=name, value=rest[1], update=update)


def convert_function_inputs(inputs: Iterable[Any]) -> list[In]:
    """The input list of a function as :class:`In` objects."""
    return [convert_function_input(given) for given in inputs]
