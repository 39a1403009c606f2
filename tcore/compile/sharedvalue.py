"""Shared variables: variables whose value lives between calls and is common to all functions that use it."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

from tcore.graph import Variable, generic
from tcore.graph.trace import note_trace
from tcore.graph.type import of_type
from tcore.link import Container
from tcore.plugins.process import manager

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcore.graph import Type

__all__ = ["SharedVariable", "constructors", "shared", "shared_constructor"]


class SharedVariable(Variable):
    """A variable with a value of its own, in :attr:`container`.

    Made by :func:`shared`. A function that uses it reads the value as it is at the time of the call, and replaces it
    after the call if the function has an update for it.

    Parameters
    ----------
    name : str or None
    type : Type
    value : object
        Filtered by ``type`` and stored as it is.
    strict : bool
        Values must be of the type already: nothing is converted.
    allow_downcast : bool, optional
        Conversions may lose precision.
    container : Container, optional
        Use this container instead of ``value``.

    Attributes
    ----------
    default_update : Variable or None
        Update that functions use when they are given no other one for this variable.
    fixed_shape : tuple of int and None, or None
        Lengths that all values have, where the kind of variable has a shape and was made with a promise of it.
    """

    fixed_shape: tuple[int | None, ...] | None = None

    def __init__(
        self,
        name: str | None,
        type: Type,
        value: Any,
        strict: bool,
        allow_downcast: bool | None = None,
        container: Container | None = None,
    ) -> None:
        super().__init__(type, name=name)
        self._default_update: Variable | None = None
        if container is not None:
            if value is not None:
                raise TypeError("a shared variable takes a value or a container, not both")
            self.container = container
        else:
            self.container = Container(self, [None], strict=strict, allow_downcast=allow_downcast)
            self.container.storage[0] = type.filter(value, strict=strict, allow_downcast=allow_downcast)
        note_trace(self)

    @property
    def default_update(self) -> Any:
        """Expression for the next value, used by functions that are given no update for this variable."""
        return self._default_update

    @default_update.setter
    def default_update(self, update: Any) -> None:
        self._default_update = update

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """The value.

        Parameters
        ----------
        borrow : bool
            False gives a copy. True may give the stored object itself: changing it then changes the variable.
        return_internal_type : bool
            Give the object as it is stored, for instance a device array.
        """
        lock = self.container.lock
        lock.acquire_read()
        try:
            value = self.container.value
            return value if borrow else copy.deepcopy(value)
        finally:
            lock.release()

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Replace the value, for all functions that use it.

        Parameters
        ----------
        new_value : object
            Converted to the type of the variable where that loses nothing.
        borrow : bool
            True may store ``new_value`` itself instead of a copy.
        """
        value = new_value if borrow else copy.deepcopy(new_value)
        lock = self.container.lock
        lock.acquire_write()
        try:
            self.container.value = value
        finally:
            lock.release()

    def zero(self, borrow: bool = False) -> None:
        """Set every element of the value to 0.

        Parameters
        ----------
        borrow : bool
            True changes the stored array itself; False stores a new one.
        """
        with self.container.lock:
            if borrow:
                self.container.value[...] = 0
            else:
                self.container.value = 0 * self.container.value

    def clone(self) -> SharedVariable:
        """Another variable with the same container."""
        twin = type(self)(self.name, self.type, None, None, container=self.container)  # type: ignore[arg-type]
        if self.has_tag():
            twin.tag.update(self.tag)
        return twin

    def filter_update(self, update: Any) -> Variable:
        """``update`` as a variable that may be stored in this one."""
        return of_type(self.type, "filter_variable")(update)  # type: ignore[no-any-return]


def generic_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
) -> SharedVariable:
    """A shared variable of type Generic: takes everything that no other constructor took, and copies it unless ``borrow``."""
    if not borrow:
        try:
            value = copy.deepcopy(value)
        except Exception as error:
            raise TypeError(f"the value cannot be copied ({error}); borrow=True takes the object itself") from error
    return SharedVariable(name, generic, value, strict, allow_downcast)


#: makers of shared variables, asked from the last to the first
constructors: list[Callable[..., SharedVariable]] = [generic_constructor]


def shared_constructor(ctor: Callable[..., SharedVariable]) -> Callable[..., SharedVariable]:
    """Register a maker of shared variables, asked before all earlier ones; usable as decorator.

    ``ctor(value, name=…, strict=…, allow_downcast=…, **kwargs)`` returns a SharedVariable, or raises TypeError where the
    value is not its business.
    """
    if ctor not in constructors:
        constructors.append(ctor)
    return ctor


def shared(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None, **kwargs: Any
) -> SharedVariable:
    """A variable with a value that lives between calls.

    Parameters
    ----------
    value : object
        First value. Arrays become tensors none of whose axes broadcasts, since the shape may change; numbers become 0-d
        tensors; values of other kinds that no package knows become ``Generic``.
    name : str, optional
    strict : bool
        Values set later must have the exact type.
    allow_downcast : bool, optional
        Values set later may lose precision.
    **kwargs
        For the constructor, such as ``borrow`` (use ``value`` itself instead of a copy), ``broadcastable``, ``target``;
        constructors that do not know them are not asked.

    Returns
    -------
    SharedVariable

    Raises
    ------
    TypeError
        If ``value`` is symbolic, or no constructor takes it with these keywords.
    """
    if isinstance(value, Variable):
        raise TypeError(
            f"shared() needs a value, got the symbolic {value}: evaluate it first, or use it in a function as an update"
        )
    refused: list[str] = []
    # plugins say what values they take; asking loads those that have something to say about this one, tensors among them
    declared = manager().shared_constructors_for(value)
    last, *registered = constructors
    for ctor in (*reversed(registered), *(ctor for ctor in declared if ctor not in registered), last):
        if kwargs and not _takes(ctor, kwargs):
            continue
        try:
            variable = ctor(value, name=name, strict=strict, allow_downcast=allow_downcast, **kwargs)
        except TypeError as error:
            refused.append(f"  {getattr(ctor, '__name__', ctor)}: {error}")
            continue
        return variable  # type: ignore[no-any-return]
    asked = "\n".join(refused) or "  (no constructor takes these keywords)"
    raise TypeError(
        f"no shared variable can hold {value!r:.60}, of {type(value).__module__}.{type(value).__qualname__}"
        f"{' with ' + ', '.join(kwargs) if kwargs else ''}:\n{asked}"
    )


shared.constructors = constructors  # type: ignore[attr-defined]


def _takes(ctor: Callable[..., Any], kwargs: dict[str, Any]) -> bool:
    try:
        parameters = inspect.signature(ctor).parameters
    except (TypeError, ValueError):
        return True
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return True
    return all(name in parameters for name in kwargs)
