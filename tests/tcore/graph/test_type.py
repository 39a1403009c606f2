"""Types as the base class has them, props, and what stands for values that are no variables."""

import pytest

from tcore.graph import Apply, Constant, Generic, MethodNotDefined, Op, Type, conversion, generic
from tcore.graph.c_interface import CLinkerObject, ask, ask_compiler
from tcore.graph.op import FieldlessOp


class Anything(Type):
    """Values of any kind."""

    def filter(self, value, strict=False, allow_downcast=None):
        return value


def test_constants_of_values_without_a_hash():
    """One object is one constant; another object, though equal, is another: it may change by itself."""
    kind, data = Anything(), [1, 2]
    assert Constant(kind, data).signature() == Constant(kind, data).signature()
    assert Constant(kind, data).signature() != Constant(kind, [1, 2]).signature()
    assert Constant(kind, 1).signature() == Constant(kind, 1).signature() != Constant(kind, True).signature()
    hash(Constant(kind, data).signature())


def test_generic_takes_all():
    """Any value is valid."""
    assert generic == Generic()
    assert all(generic.is_valid_value(value) for value in (None, 3, object()))


def test_a_type_notes_something_on_its_constants():
    """With a method ``tag_constant``, called once for each."""

    class Noting(Anything):
        def tag_constant(self, constant):
            constant.tag.note = constant.data * 2

    assert Constant(Noting(), 4).tag.note == 8


def test_props_are_a_tuple_of_names():
    """A string alone would be read letter by letter."""
    for props in ("name", ["name"], ("name", 3)):
        with pytest.raises(TypeError, match=r"Named.__props__ must be a tuple of attribute names, got"):
            type("Named", (Op,), {"__props__": props})


def test_ops_without_fields():
    """Equal within a class, and written like a call."""

    class One(FieldlessOp):
        pass

    class Other(One):
        pass

    assert One() == One() != Other()
    assert hash(One()) == hash(One())
    assert repr(One()).endswith("One()")


def test_what_an_object_does_not_say_about_c():
    """Nothing is asked of an object without the method, or which leaves it to the base class; the compiler is handed to those that want it."""

    class Says(CLinkerObject):
        def c_headers(self, c_compiler):
            return ["<one.h>"]

        def c_libraries(self):
            return "m"

    assert ask_compiler(object(), "c_headers") == []
    assert ask_compiler(CLinkerObject(), "c_headers") == []
    assert ask_compiler(Says(), "c_headers") == ["<one.h>"]
    assert ask_compiler(Says(), "c_libraries") == ["m"]
    assert ask(object(), "c_compiler", default="any") == "any"
    with pytest.raises(MethodNotDefined, match="c_compiler"):
        CLinkerObject().c_compiler()


def test_converters(monkeypatch):
    """The newest is asked first, each is there once, and None passes the value on."""

    class Point:
        pass

    def to_constant(value, name):
        return Constant(generic, value, name=name) if isinstance(value, Point) else None

    def newer(value, name):
        asked.append(value)

    asked = []
    point = Point()
    monkeypatch.setattr(conversion, "_converters", ())
    with pytest.raises(TypeError, match=r"cannot make a variable of .*, of .*Point"):
        conversion.as_variable(point)
    for converter in (to_constant, newer, to_constant):
        assert conversion.register_converter(converter) is converter
    made = conversion.as_variable(point, "p")
    assert (made.data, made.name) == (point, "p")
    assert asked == [point]
    assert conversion.as_variable(made) is made
    assert Apply(Op(), [made], [generic()]).inputs == [made]
