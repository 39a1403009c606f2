"""C pointers between ops: capsules in Python, freed with their last reference."""

import pickle

import pytest

import tcore
from tcore.graph import Apply, CDataType, Op, generic

CODE = """
static int alive = 0;
static double* make_cell(double value) { ++alive; double* cell = new double; *cell = value; return cell; }
static void free_cell(double* cell) { --alive; delete cell; }
"""
# the functions stand in each module that uses the type, so the counter lives in a variable of the process
SHARED_CODE = CODE.replace("static int alive = 0;", 'static int& alive_here() {\n    static PyObject* holder = PySys_GetObject("tc_cells");\n'
                           "    return *(int*) PyLong_AsVoidPtr(holder);\n}\n#define alive alive_here()")  # fmt: skip
cell = CDataType("double*", freefunc="free_cell", extra_support_code=SHARED_CODE, version=1)


class ToCell(Op):
    """A number in a cell of its own."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [cell()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = make_cell({inputs[0]});"


class FromCell(Op):
    """The number in a cell."""

    __props__ = ()

    def make_node(self, c):
        return Apply(self, [c], [tcore.scalar.float64()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        return f"""
        if ({inputs[0]} == NULL) {{
            PyErr_SetString(PyExc_ValueError, "an empty cell");
            {sub["fail"]}
        }}
        {outputs[0]} = *{inputs[0]};
        """


@pytest.fixture
def alive(monkeypatch):
    import ctypes
    import sys

    counter = ctypes.c_int(0)
    monkeypatch.setattr(sys, "tc_cells", ctypes.addressof(counter), raising=False)
    return counter


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_pointers_travel_and_are_freed_L15125(alive):
    """From op to op, out of a function and into another; each is freed once."""
    mode = tcore.Mode("cvm", None)
    x, c = tcore.scalar.float64("x"), cell("c")
    through = tcore.function([x], FromCell()(ToCell()(x)), mode=mode)
    make = tcore.function([x], ToCell()(x), mode=mode)
    read = tcore.function([c], FromCell()(c), mode=mode)
    assert through(2.5) == 2.5
    assert alive.value == 0
    value = make(7.0)
    assert alive.value == 1
    assert cell.is_valid_value(value)
    assert read(value) == 7.0
    assert read(value) == 7.0
    assert alive.value == 1
    del value
    assert alive.value == 0
    with pytest.raises(ValueError, match="an empty cell"):
        read(None)
    with pytest.raises(TypeError, match="takes capsules and None"):
        read(3.0)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_make_value_L15128():
    """An address as a value; without freefunc nothing is freed."""
    import ctypes

    number = ctypes.c_double(1.5)
    plain = CDataType("double*")
    value = plain.make_value(ctypes.addressof(number))
    assert plain.is_valid_value(value)
    assert repr(value).startswith("<capsule object NULL")
    assert plain.make_value(0) is None
    for bad in ("1", 1.0, True, None):
        with pytest.raises(TypeError, match="is an int"):
            plain.make_value(bad)


def test_value_L15121_L15126_L15110():
    """A frozen value that compares by its fields."""
    same = CDataType("double*", "free_cell", extra_support_code=SHARED_CODE, version=1)
    assert cell == same == pickle.loads(pickle.dumps(cell))
    assert hash(cell) == hash(same)
    assert str(cell) == "CDataType{double*}"
    for other in (CDataType("double*"), CDataType("void*", "free_cell"), CDataType("double*", "free_cell", version=2)):
        assert other != cell
    listed = CDataType("void*", headers=["<a.h>"], libraries=["a"])
    assert listed.c_headers() == ("<a.h>",)
    assert hash(listed) == hash(CDataType("void*", headers=("<a.h>",), libraries=("a",)))
    with pytest.raises(AttributeError):
        cell.ctype = "int*"
    with pytest.raises(TypeError):
        CDataType(3)
    with pytest.raises(TypeError):
        cell.filter(generic)


def test_pointers_are_compared_by_identity():
    """What they point to is unknown."""
    kind, one, other = CDataType("void*", "free"), object(), object()
    assert kind.values_eq(one, one)
    assert not kind.values_eq(one, other)
