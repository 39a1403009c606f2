"""Classes of tcore.records are attrs classes: what attrs documents of repr, equality and hash holds."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from typing import Any, ClassVar

import attrs
import pytest

from tcore.records import define, evolve, field, frozen
from tcore.validators import ge, in_, instance_of, optional


@frozen
class Point:
    x: int
    y: Any = 0
    note: str = attrs.field(default="", eq=False, repr=False)


@frozen
class Place(Point):
    name: str = attrs.field(default="", repr=str.upper)


@define
class Box:
    content: Any


@frozen(eq=False)
class Token:
    value: int


@frozen
class Folded:
    word: str = attrs.field(eq=str.lower)

    def __repr__(self) -> str:
        return f"<{self.word}>"


@frozen
class Nothing:
    pass


def test_values_are_equal_by_the_fields_that_compare() -> None:
    """Fields with ``eq=False`` do not count, neither in ``==`` nor in the hash; nothing equals a value of another class."""
    assert Point(1, 2, "a") == Point(1, 2, "b")
    assert hash(Point(1, 2, "a")) == hash(Point(1, 2, "b"))
    assert Point(1, 2) != Point(1, 3)
    assert Point(1) != Place(1)
    assert Place(1, name="a") != Place(1, name="b")
    assert Point(1) != (1, 0)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_a_field_may_compare_by_a_key() -> None:
    """``field(eq=function)``."""
    assert Folded("Word") == Folded("wORD")
    assert hash(Folded("Word")) == hash(Folded("wORD"))


def test_what_changes_has_no_hash_and_identity_has() -> None:
    """As in attrs: ``define`` with equality is unhashable, ``eq=False`` compares by identity."""
    assert Box(1) == Box(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Box(1))
    assert Token(1) != Token(1)
    assert len({Token(1), Token(1)}) == 2


def test_repr_names_the_fields() -> None:
    """With the fields' own functions, without those that are not shown, and ending in circles."""
    assert repr(Point(1, "b")) == "Point(x=1, y='b')"
    assert repr(Place(1, name="a")) == "Place(x=1, y=0, name=A)"
    assert repr(Folded("a")) == "<a>"
    box = Box(None)
    box.content = [box]
    assert repr(box) == "Box(content=[...])"


def test_they_are_attrs_classes() -> None:
    """Frozen, evolved, copied and pickled as such."""
    point = Point(1, 2)
    assert attrs.has(Point)
    assert attrs.evolve(point, y=5) == Point(1, 5)
    assert copy.copy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]


@frozen
class Range:
    """Every kind of field."""

    low: int = field(converter=int)
    high: int = field(default=9, converter=int, validator=ge(0))
    marks: list[int] = field(factory=list)
    width: int = field(init=False, eq=False)
    unit: str = field(default="m", init=False)
    kind: str = field(default="closed", kw_only=True, validator=in_(("closed", "open")))
    _seen: Any = field(default=None, repr=False)
    count: ClassVar[int] = 0

    @high.validator
    def _not_below(self, attribute: Any, high: int) -> None:
        if high < self.low:
            raise ValueError(f"{attribute.name} is {high}, below {self.low}")

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "width", self.high - self.low)


@attrs.frozen
class Theirs:
    """The same, by attrs."""

    low: int = attrs.field(converter=int)
    high: int = attrs.field(default=9, converter=int)
    marks: list[int] = attrs.field(factory=list)
    width: int = attrs.field(init=False, eq=False)
    unit: str = attrs.field(default="m", init=False)
    kind: str = attrs.field(default="closed", kw_only=True)
    _seen: Any = attrs.field(default=None, repr=False)


def test_init_takes_what_that_of_attrs_takes() -> None:
    """The same parameters, so the same ways to call it, and the same errors for wrong calls."""

    def parameters(cls: type) -> list[tuple[str, Any, bool]]:
        found = inspect.signature(cls).parameters.values()
        return [(each.name, each.kind, each.default is inspect.Parameter.empty) for each in found]

    assert parameters(Range) == parameters(Theirs)
    assert Range.__match_args__ == Theirs.__match_args__
    assert Range.__init__.__annotations__ == Theirs.__init__.__annotations__
    for arguments, named in (((), {}), ((1, 2, [], None, 3), {}), ((1,), {"hihg": 2}), ((1,), {"low": 2})):
        with pytest.raises(TypeError) as ours:
            Range(*arguments, **named)
        with pytest.raises(TypeError) as theirs:
            Theirs(*arguments, **named)
        assert str(ours.value) == str(theirs.value).replace("Theirs", "Range")


def test_fields_convert_check_and_have_defaults() -> None:
    """Converters before validators, those before ``__attrs_post_init__``; a factory makes a value for each object."""
    made = Range("3", high="5", kind="open", seen=1)
    assert repr(made) == "Range(low=3, high=5, marks=[], width=2, unit='m', kind='open')"
    assert made._seen == 1
    assert Range(1).marks is not Range(1).marks
    assert Range(1, 5) == Range("1", "5")
    with pytest.raises(ValueError, match="high is 2, below 3"):
        Range(3, 2)
    with pytest.raises(ValueError, match=r"Range: 'kind' must be in \('closed', 'open'\), got 'half'"):
        Range(1, kind="half")


def test_copies_with_changes() -> None:
    """``evolve`` of ours and of attrs, by the names of parameters."""
    made = Range(1, seen="a")
    for change in (evolve, attrs.evolve):
        changed = change(made, high=4, seen="b")
        assert (changed.low, changed.high, changed.width, changed._seen) == (1, 4, 3, "b")
    with pytest.raises(TypeError, match="unexpected keyword argument 'height'"):
        evolve(made, height=1)


def test_attrs_sees_its_own_classes() -> None:
    """``attrs.fields`` and ``asdict``, and classes that inherit, in both directions."""
    assert [(each.name, each.alias, each.init, each.eq, each.kw_only) for each in attrs.fields(Range)] == [
        (each.name, each.alias, each.init, each.eq, each.kw_only) for each in attrs.fields(Theirs)
    ]
    assert attrs.fields(Range).low.converter is int
    assert attrs.fields(Place).x.inherited
    assert not attrs.fields(Place).name.inherited
    assert attrs.asdict(Place(1, name="a")) == {"x": 1, "y": 0, "note": "", "name": "a"}

    @attrs.frozen
    class Below(Range):
        color: str = "red"

    @frozen
    class Lowest(Below):
        size: int = 1

    assert repr(Below(1, color="blue")).endswith("kind='closed', color='blue')")
    assert Lowest(1, size=2) == evolve(Lowest(1), size=2)
    assert [each.name for each in attrs.fields(Lowest)][-3:] == ["_seen", "color", "size"]
    assert Lowest(1).color == "red"


def test_a_class_may_write_its_own_init() -> None:
    """The one that would have been written is then ``__attrs_init__``."""

    @frozen
    class Doubled:
        value: int

        def __init__(self, half: int) -> None:
            self.__attrs_init__(2 * half)  # type: ignore[attr-defined]

    assert Doubled(2).value == 4


@define
class Holder:
    content: Any
    rest: list[int] = field(factory=list)

    def above(self) -> str:
        return super().__repr__()


def test_slots_where_the_bases_have_them() -> None:
    """Without a dict in the bases there is none; ``super()`` and weak references work; nobody holds the class that was decorated."""
    assert not hasattr(Holder(1), "__dict__")
    with pytest.raises(AttributeError):
        Holder(1).other = 2  # type: ignore[attr-defined]
    kept = Holder(1)
    assert weakref.ref(kept)() is kept
    assert kept.above() == object.__repr__(kept)
    gc.collect()
    assert [cls for cls in object.__subclasses__() if cls.__qualname__ == "Holder" and cls.__module__ == __name__] == [Holder]

    class Free:
        pass

    @frozen
    class Attached(Free):
        value: int = 3

    assert Attached.__mro__[1] is Free
    made = Attached()
    assert vars(made) == {"value": 3}
    object.__setattr__(made, "cache", 1)
    assert vars(copy.copy(made)) == {"value": 3}  # the fields make the value, what else was put there does not


def test_what_cannot_be_a_field_is_refused() -> None:
    """Where the class is made, and by name."""
    with pytest.raises(TypeError, match=r"Bare\.x = field\(\.\.\.\) needs an annotation"):

        @frozen
        class Bare:
            x = field()

    with pytest.raises(ValueError, match=r"Late\.y has no default, and stands behind a field that has one"):

        @frozen
        class Late:
            x: int = 1
            y: int


def test_validators() -> None:
    """Each says which class, which field, what it takes and what it got."""

    @frozen
    class Checked:
        name: str = field(default="", validator=instance_of(str))
        size: int | None = field(default=None, validator=optional(ge(1)))

    assert Checked("a", 1) == Checked("a", size=1)
    assert Checked().size is None
    with pytest.raises(TypeError, match="Checked: 'name' must be of <class 'str'>, got 1 of <class 'int'>"):
        Checked(1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Checked: 'size' must be >= 1, got 0"):
        Checked("a", 0)
