"""Enumerations: what they refuse, and that they are values."""

import copy
import pickle

import numpy as np
import pytest

from tcore.graph import CEnumType, EnumList, EnumType, MethodNotDefined


@pytest.mark.parametrize("name", ["a", "Alpha", "_A", "1A", "A-B", "A b", ""])
def test_names_L15330(name):
    with pytest.raises(AttributeError, match="cannot name a constant"):
        EnumType(**{name: 1})
    with pytest.raises(AttributeError, match="cannot name a constant"):
        EnumList("GOOD", name)


@pytest.mark.parametrize("value", ["1", None, 1j, float("nan"), np.zeros(2), ("alias",), ("alias", "1"), (1, 2), ("a", 1, 2)])
def test_values(value):
    with pytest.raises(TypeError):
        EnumType(A=value)


def test_numpy_numbers():
    """Scalars of NumPy are numbers."""
    enum = EnumType(A=np.int8(3), B=np.float32(0.5), C=np.bool_(True), D=("d", np.uint64(2**63)))
    assert (enum.A, enum.B, enum.C, enum.D) == (3, 0.5, 1, 2**63)
    assert [type(v) for _, v in enum.constants] == [float, int, int, int]


def test_repeats():
    with pytest.raises(TypeError, match="A is there twice"):
        EnumList("A", "B", "A")
    with pytest.raises(TypeError, match="'x' is an alias of both A and B"):
        EnumType(A=("x", 1), B=("x", 2))
    with pytest.raises(TypeError, match="'B', the alias of A, is the name of a constant"):
        EnumType(A=("B", 1), B=2)
    with pytest.raises(TypeError, match="pair"):
        EnumList(("A", "x", "y"))
    with pytest.raises(TypeError, match="pair"):
        CEnumType(("A", 1))


def test_other_arguments():
    for bad in (None, "", 3):
        with pytest.raises(TypeError, match="ctype"):
            EnumType(A=1, ctype=bad)
    with pytest.raises(ValueError, match="no C identifier"):
        EnumType(A=1, cname="my name")
    with pytest.raises(ValueError, match="cname"):
        EnumType(A=1, ctype="std::size_t")
    with pytest.raises(ValueError, match="at least one"):
        EnumList()
    with pytest.raises(TypeError):
        EnumList("A", kind="int")


def test_constant():
    enum = EnumList("A", "B")
    for name in ("A", "C", "ctype"):
        with pytest.raises(NotImplementedError):
            setattr(enum, name, 1)
    with pytest.raises(NotImplementedError):
        del enum.A
    with pytest.raises(AttributeError):
        enum.C


def test_filter():
    enum = EnumType(A=("alpha", 1), B=2.5, ctype="double")
    assert [enum.filter(v) for v in ("alpha", "A", "B", 1, 1.0, True, np.int64(1), np.array(2.5))] == [1, 1, 2.5, 1, 1, 1, 1, 2.5]
    assert type(enum.filter(np.int64(1))) is int
    value = float("2.5")
    assert enum.filter(value, strict=True) is value
    for bad in (3, "gamma", None, [1], 1j, np.array([1, 2.5])):
        with pytest.raises(AssertionError, match="none of the values"):
            enum.filter(bad)
    for text in ("alpha", "A"):
        with pytest.raises(AssertionError, match="none of the values"):
            enum.filter(text, strict=True)
    assert enum.is_valid_value(1)
    assert not enum.is_valid_value("alpha")


def test_equality():
    """By class and fields; the order of keywords does not count, that of a list does."""
    enum = EnumType(A=("alpha", 1), B=2)
    assert enum == EnumType(B=2, A=("alpha", 1)) == pickle.loads(pickle.dumps(enum)) == copy.deepcopy(enum)
    assert hash(enum) == hash(EnumType(B=2, A=("alpha", 1))) == hash(pickle.loads(pickle.dumps(enum)))
    assert pickle.loads(pickle.dumps(enum)).A == 1
    for other in (EnumType(A=1, B=2), EnumType(A=("alpha", 1), B=3), EnumType(A=("alpha", 1), B=2, ctype="int", cname="double")):
        assert enum != other
    assert EnumList("A", "B") != EnumList("B", "A")
    assert EnumList("A", "B") != CEnumType("A", "B")
    assert EnumList("A", "B") != EnumType(A=0, B=1, ctype="int")


def test_text():
    assert str(EnumType(A=("alpha", 1), B=2.5)) == "EnumType<double>(A('alpha'): 1, B: 2.5)"
    assert repr(CEnumType("B", "A", ctype="long")) == "CEnumType<long>(B: 0, A: 1)"


def test_c_text():
    """Exact literals, and no C side for results."""
    enum = EnumType(A=-1, B=2**40, C=2**63, D=0.1, E=float("-inf"), F=-(2**63))
    text = "".join(enum.c_support_code())
    for line in ("A (-1)", "B 1099511627776LL", "C 9223372036854775808ULL", "D 0.1", "E (-HUGE_VAL)", "F (-9223372036854775807LL - 1)"):
        assert f"#define {line}\n" in text
    assert "int tcore_enum_to_string_double(double value, char* output_string)" in enum.c_to_string()
    assert "tcore_enum_to_string" not in text
    with pytest.raises(MethodNotDefined):
        enum.c_sync("x", {"fail": ""})
    assert enum.c_code_cache_version() != EnumType(A=-1).c_code_cache_version()


def test_what_is_close_is_another_choice():
    """Values are compared exactly; in C an enumeration is a number."""
    enum = EnumType(A=0.1, B=("b", 0.2), ctype="double")
    assert enum.values_eq_approx(0.1, 0.1)
    assert not enum.values_eq_approx(0.1, 0.1 + 1e-12)
    assert enum.c_is_simple()
