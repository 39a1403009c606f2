"""``frozen``, ``define``, ``field`` and ``evolve`` of attrs, for classes that are cheap to make.

attrs writes and compiles source for the methods of each class, and makes a class with slots twice: a third of a millisecond a class, and a first program
imports some hundred and fifty. Here all classes share their methods; only ``__init__`` is each class's own, a copy of one function per number of fields
under the names of the fields. attrs is imported when somebody asks it about a class: what it says then (``attrs.has``, ``attrs.fields``,
``attrs.asdict``, classes below that ``attrs.frozen`` decorates) is what it says of its own classes.

Left out is what no class here needs: order, converters that take more than the value, defaults that take ``self``, and ``on_setattr``, so that fields that
convert or check their values belong into frozen classes.

A type of which each optimization makes, compares or hashes thousands writes these methods itself.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter, methodcaller
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attrs import define, evolve, field, frozen

__all__ = ["define", "evolve", "field", "frozen"]


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


#: stands for "no default", and as default of a parameter for "made anew for each object"
NOTHING: Any = _Nothing()

_set = object.__setattr__


# -------------------------------------------------------------------------------------------------------------------- fields


class Field:
    """What a class says about one of its fields; the attributes are called as in attrs, for validators are given it."""

    __slots__ = ("alias", "check", "converter", "default", "eq", "eq_key", "factory", "init", "kw_only", "name", "repr", "type")

    def __init__(
        self,
        *,
        default: Any = NOTHING,
        factory: Callable[[], Any] | None = None,
        converter: Callable[[Any], Any] | None = None,
        validator: Callable[[Any, Any, Any], Any] | None = None,
        init: bool = True,
        eq: bool | Callable[[Any], Any] = True,
        repr: bool | Callable[[Any], str] = True,
        kw_only: bool = False,
        alias: str | None = None,
    ) -> None:
        self.default, self.factory = default, factory
        self.converter, self.check = converter, validator
        self.init, self.kw_only, self.alias = init, kw_only, alias
        self.eq, self.eq_key = eq is not False, eq if callable(eq) else None
        self.repr = repr
        self.name, self.type = "", None

    def validator(self, check: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
        """Decorator of the method that checks values of this field."""
        self.check = check
        return check

    @property
    def optional(self) -> bool:
        """Whether there is a default."""
        return self.factory is not None or self.default is not NOTHING

    def value(self, given: Any) -> Any:
        """What an object holds, for what it was given."""
        if given is NOTHING and self.factory is not None:
            given = self.factory()
        return given if self.converter is None else self.converter(given)

    def for_attrs(self) -> Any:
        """The same for attrs."""
        import attrs

        return attrs.field(
            default=attrs.NOTHING if self.default is NOTHING else self.default,
            factory=self.factory,
            converter=self.converter,
            validator=self.check,
            init=self.init,
            eq=self.eq_key or self.eq,
            repr=self.repr,
            kw_only=self.kw_only,
            alias=self.alias,
            type=self.type,
        )


def _from_attrs(theirs: Any) -> Field:
    """A field of a class that attrs made."""
    made_anew = getattr(theirs.default, "factory", None)
    ours = Field(
        default=NOTHING if made_anew is not None or repr(theirs.default) == "NOTHING" else theirs.default,
        factory=made_anew,
        converter=theirs.converter,
        validator=theirs.validator,
        init=theirs.init,
        eq=theirs.eq_key or theirs.eq,
        repr=theirs.repr,
        kw_only=theirs.kw_only,
        alias=theirs.alias,
    )
    ours.name, ours.type = theirs.name, theirs.type
    return ours


class _Fields:
    """``__attrs_attrs__`` of a class: our fields, and for whoever asks the class itself those that attrs makes of them."""

    def __init__(self, own: tuple[Field, ...], inherited: tuple[Field, ...]) -> None:
        self.own = own
        self.all = inherited + own
        self._for_attrs: Any = None

    def __get__(self, instance: Any, owner: type) -> Any:
        if self._for_attrs is None:
            import attrs

            twin: Any = attrs.make_class(owner.__name__, {each.name: each.for_attrs() for each in self.all})
            theirs = twin.__attrs_attrs__
            own = {each.name for each in self.own}
            self._for_attrs = type(theirs)(each.evolve(inherited=each.name not in own) for each in theirs)
        return self._for_attrs


def _fields(cls: type) -> tuple[Any, ...]:
    """The fields of ``cls`` or of what it inherits from, whoever made that."""
    for each in cls.__mro__:
        found = each.__dict__.get("__attrs_attrs__")
        if found is not None:
            return found.all if isinstance(found, _Fields) else found  # type: ignore[no-any-return]
    return ()


def _collect(cls: type, kw_only: bool) -> _Fields:
    """The fields that the body of ``cls`` annotates, behind those of its bases."""
    own = []
    for name, annotation in cls.__annotations__.items():
        if "ClassVar" in str(annotation):
            continue
        value = cls.__dict__.get(name, NOTHING)
        if type(value).__module__ == "attr._make":  # a field that attrs made
            import attrs

            twin: Any = attrs.make_class(cls.__name__, {name: value})
            value = _from_attrs(*twin.__attrs_attrs__)
        each = value if isinstance(value, Field) else Field(default=value)
        each.name, each.type = name, annotation
        each.alias = each.alias or name.lstrip("_")
        each.kw_only = each.kw_only or kw_only
        own.append(each)
    names = {each.name for each in own}
    for name, value in cls.__dict__.items():
        if isinstance(value, Field) and name not in names:
            raise TypeError(f"{cls.__qualname__}.{name} = field(...) needs an annotation, as in {name}: int = field(...)")
    inherited: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        found = base.__dict__.get("__attrs_attrs__")
        if isinstance(found, _Fields):
            each_own: Iterable[Field] = found.own
        else:
            each_own = [_from_attrs(theirs) for theirs in found or () if not theirs.inherited]
        for each in each_own:
            inherited.pop(each.name, None)
            inherited[each.name] = each
    return _Fields(tuple(own), tuple(each for name, each in inherited.items() if name not in names))


# -------------------------------------------------------------------------------------------------------------------- making


def _decorator(frozen: bool) -> Any:
    def decorator(
        cls: type | None = None,
        /,
        *,
        eq: bool | None = None,
        repr: bool | None = None,
        init: bool | None = None,
        slots: bool = True,
        kw_only: bool = False,
        getstate_setstate: bool | None = None,
    ) -> Any:
        def decorate(cls: type) -> type:
            own = cls.__dict__
            fields = _collect(cls, kw_only)
            made: dict[str, Any] = {
                "__attrs_attrs__": fields,
                "__match_args__": tuple(each.name for each in fields.all if each.init and not each.kw_only),
                "__replace__": _evolve,
            }
            init_name = "__init__" if ("__init__" not in own if init is None else init) else "__attrs_init__"
            if frozen:
                made.update(__setattr__=_refuse_to_set, __delattr__=_refuse_to_delete)
            if (slots and "__getstate__" not in own and "__setstate__" not in own) if getstate_setstate is None else getstate_setstate:
                made.update(__getstate__=_state, __setstate__=_set_state)
            if "__repr__" not in own if repr is None else repr:
                made["__repr__"] = _repr
            if "__eq__" not in own and "__ne__" not in own if eq is None else eq:
                key = _key(fields.all)
                made["__eq__"] = _equality(key)
                if "__hash__" not in own:
                    made["__hash__"] = _hash(cls.__qualname__, key) if frozen else None
            if slots and not any(base.__dictoffset__ for base in cls.__bases__):
                cls = _with_slots(cls, fields, made)
            else:  # its objects have a dict, whatever it says: slots would only be a second class and a second place
                for each in fields.own:
                    if each.name in own:
                        delattr(cls, each.name)
                for name, value in made.items():
                    setattr(cls, name, value)
            setattr(cls, init_name, _initializer(cls, fields.all, init_name))
            return cls

        return decorate if cls is None else decorate(cls)

    return decorator


def _with_slots(cls: type, fields: _Fields, made: dict[str, Any]) -> type:
    """``cls`` again, with slots for its fields."""
    names = [each.name for each in fields.own]
    bases = cls.__mro__[1:]
    slots = [name for name in names if not any(isinstance(base.__dict__.get(name), MemberDescriptorType) for base in bases)]
    if not any("__weakref__" in base.__dict__ for base in bases):
        slots.append("__weakref__")
    kept = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__", *names)}
    new = type(cls)(cls.__name__, cls.__bases__, {**kept, **made, "__slots__": tuple(slots), "__qualname__": cls.__qualname__})
    for value in kept.values():  # super() without arguments finds its class in a cell
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        for cell in getattr(function, "__closure__", None) or ():
            try:
                if cell.cell_contents is cls:
                    cell.cell_contents = new
            except ValueError:  # empty
                continue
    return new


@cache
def _template(count: int, finishes: bool) -> Any:
    """A maker of functions with ``count`` parameters, each of which a function puts into ``self``."""
    places = range(count)
    steps = "".join(f"put_{i}(self, _{i}), " for i in places) + "finish(self), " * finishes
    made = f"lambda self{''.join(f', _{i}' for i in places)}: {f'({steps}) and None' if steps else None}"
    return eval(f"lambda finish{''.join(f', put_{i}' for i in places)}: {made}")  # noqa: S307 - numbers are all that differs


def _initializer(cls: type, fields: tuple[Field, ...], name: str) -> Callable[..., None]:
    positional = [each for each in fields if each.init and not each.kw_only]
    keyword = [each for each in fields if each.init and each.kw_only]
    defaults = [NOTHING if each.factory is not None else each.default for each in positional if each.optional]
    late = next((each.name for each in positional[len(positional) - len(defaults) :] if not each.optional), None)
    if late is not None:
        raise ValueError(f"{cls.__qualname__}.{late} has no default, and stands behind a field that has one")
    parameters = [*positional, *keyword]
    finish = _finisher(cls, fields)
    init = _template(len(parameters), finish is not None)(finish, *(_putter(cls, each) for each in parameters))
    names: Any = [each.alias for each in parameters]
    init.__code__ = init.__code__.replace(co_name=name, co_varnames=("self", *names), co_argcount=1 + len(positional), co_kwonlyargcount=len(keyword))
    init.__name__, init.__qualname__, init.__module__ = name, f"{cls.__qualname__}.{name}", cls.__module__
    init.__defaults__ = tuple(defaults) or None
    init.__kwdefaults__ = {each.alias: NOTHING if each.factory is not None else each.default for each in keyword if each.optional} or None
    init.__annotations__ = {**{each.alias: each.type for each in parameters if each.converter is None}, "return": None}
    return init  # type: ignore[no-any-return]


def _putter(cls: type, field: Field) -> Callable[[Any, Any], None]:
    """What puts a value that was given for ``field`` into an object."""
    name, factory, convert = field.name, field.factory, field.converter
    slot = getattr(cls, name, None)
    put = slot.__set__ if isinstance(slot, MemberDescriptorType) else lambda self, value: _set(self, name, value)
    if factory is None and convert is None:
        return put  # type: ignore[no-any-return]
    if factory is None:
        return lambda self, value: put(self, convert(value))  # type: ignore[misc]
    return lambda self, value: put(self, field.value(value))


def _finisher(cls: type, fields: tuple[Field, ...]) -> Callable[[Any], None] | None:
    """What ``__init__`` does when its parameters are in place."""
    others = [(each, _putter(cls, each)) for each in fields if not each.init and each.optional]
    checked = [each for each in fields if each.check is not None]
    post: Any = methodcaller("__attrs_post_init__") if hasattr(cls, "__attrs_post_init__") else None
    if not others and not checked:
        return post  # type: ignore[no-any-return]

    def finish(self: Any) -> None:
        for each, put in others:
            put(self, each.default)
        for each in checked:
            each.check(self, each, getattr(self, each.name))  # type: ignore[misc]
        if post is not None:
            post(self)

    return finish


# ------------------------------------------------------------------------------------------------------------- what all share


def _refuse_to_set(self: Any, name: str, value: Any) -> NoReturn:
    from attrs.exceptions import FrozenInstanceError

    raise FrozenInstanceError


def _refuse_to_delete(self: Any, name: str) -> NoReturn:
    _refuse_to_set(self, name, None)


def _state(self: Any) -> dict[str, Any]:
    return {each.name: getattr(self, each.name) for each in _fields(type(self))}


def _set_state(self: Any, state: dict[str, Any]) -> None:
    for each in _fields(type(self)):
        if each.name in state:
            _set(self, each.name, state[each.name])


def _evolve(self: Any, /, **changes: Any) -> Any:
    """A copy with other values of the fields that ``changes`` names."""
    for each in _fields(type(self)):
        if each.init and each.alias not in changes:
            changes[each.alias] = getattr(self, each.name)
    return type(self)(**changes)


@recursive_repr("...")
def _repr(self: Any) -> str:
    shown = ((each.name, each.repr, getattr(self, each.name, NOTHING)) for each in _fields(type(self)) if each.repr)
    fields = ", ".join(f"{name}={repr(value) if how is True else how(value)}" for name, how, value in shown)
    return f"{type(self).__qualname__.rpartition('>.')[2]}({fields})"


def _key(fields: tuple[Field, ...]) -> Callable[[Any], Any]:
    """The function whose values tell objects with these fields apart."""
    compared = [each for each in fields if each.eq]
    if not compared:
        return lambda _: ()
    if all(each.eq_key is None for each in compared):
        return attrgetter(*(each.name for each in compared))
    parts = [(attrgetter(each.name), each.eq_key) for each in compared]
    return lambda self: tuple(get(self) if convert is None else convert(get(self)) for get, convert in parts)


def _equality(key: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def __eq__(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(name: str, key: Callable[[Any], Any]) -> Callable[[Any], int]:
    # fields that are hashed are those that are compared
    def __hash__(self: Any) -> int:
        return hash((name, key(self)))

    return __hash__


if not TYPE_CHECKING:
    frozen = _decorator(frozen=True)
    define = _decorator(frozen=False)
    field = Field
    evolve = _evolve
