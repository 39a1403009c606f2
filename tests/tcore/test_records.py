"""Classes of tcore.records are attrs classes: what attrs documents of repr, equality and hash holds."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from tcore.records import define, frozen


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


class Plain:
    pass


@frozen
class Marked(Plain):
    mark: int


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


def test_slots_where_they_save_a_dict() -> None:
    """An object has slots, and no dict, unless a base gives it one; it is frozen and pickles either way."""
    assert not hasattr(Point(1), "__dict__")
    assert "__slots__" not in vars(Marked)
    assert vars(Marked(3)) == {"mark": 3}
    assert pickle.loads(pickle.dumps(Marked(3))) == Marked(3)
    assert attrs.evolve(Marked(3), mark=4) == Marked(4)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Marked(3).mark = 4  # type: ignore[misc]
