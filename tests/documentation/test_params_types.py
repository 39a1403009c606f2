"""The documentation's examples of enumerations, ParamsType and Params; its lines in the names."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tcore.gof import CEnumType, EnumList, EnumType, Params, ParamsType
from tcore.scalar import Scalar
from tcore.tensor import dmatrix

# ------------------------------------------------------------ enumerations


def test_enum_type_L15336_L15319_L15329():
    """Booleans become ints."""
    enum = EnumType(CONSTANT_1=1, CONSTANT_2=2.5, CONSTANT_3=False, CONSTANT_4=True)
    values = (enum.CONSTANT_1, enum.CONSTANT_2, enum.CONSTANT_3, enum.CONSTANT_4)
    assert values == (1, 2.5, 0, 1)
    assert [type(value) for value in values] == [int, float, int, int]
    assert enum.ctype == enum.cname == "double"


def test_ctype_and_cname_L15355():
    assert EnumType(CONSTANT_1=0, CONSTANT_2=1, CONSTANT_3=2, ctype="size_t").c_element_type() == "size_t"
    named = EnumType(CONSTANT_1=0, CONSTANT_2=1, CONSTANT_3=2, ctype="size_t", cname="MyEnumName")
    assert (named.ctype, named.cname) == ("size_t", "MyEnumName")


def test_default_cname_L15359():
    """Each run of blanks in the C type is one underscore."""
    assert EnumList("A", ctype="unsigned int").cname == "unsigned_int"
    assert EnumList("A", ctype="unsigned   long int").cname == "unsigned_long_int"


def test_aliases_L15386_L15392_L15403_L15434():
    """(L15331, L15430, L15438)"""
    e = EnumType(A=("alpha", 1), B=("beta", 2), C=3, D=("delta", 4))
    assert (e.A, e.B, e.C, e.D) == (1, 2, 3, 4)
    assert [e.fromalias(alias) for alias in ("alpha", "beta", "delta", "C")] == [e.A, e.B, e.D, e.C]
    assert e.filter("delta", strict=False) == 4
    assert e.get_aliases() == ("alpha", "beta", "delta")
    assert e.has_alias("alpha")
    assert not e.has_alias("C")
    with pytest.raises(KeyError, match="gamma"):
        e.fromalias("gamma")


def test_enum_list_L15296_L15285_L15303():
    enum = EnumList("CONSTANT_1", "CONSTANT_2", "CONSTANT_3", "CONSTANT_4", "CONSTANT_5")
    assert (enum.CONSTANT_1, enum.CONSTANT_2, enum.CONSTANT_3, enum.CONSTANT_4, enum.CONSTANT_5) == (0, 1, 2, 3, 4)
    assert enum.ctype == "int"
    assert EnumList("CONSTANT_1", "CONSTANT_2", ctype="unsigned int").ctype == "unsigned int"


def test_enum_list_with_aliases_L15313():
    enum = EnumList(("A", "alpha"), ("B", "beta"), "C", "D", "E", "F", ("G", "gamma"))
    assert (enum.A, enum.G) == (0, 6)
    assert enum.fromalias("gamma") == 6
    assert enum.get_aliases() == ("alpha", "beta", "gamma")


def test_c_enum_type_L15149_L15134_L15146():
    enum = CEnumType("CONSTANT_CNAME_1", ("CONSTANT_CNAME_2", "second"), "CONSTANT_CNAME_3", ctype="long")
    assert enum.ctype == enum.cname == "long"
    assert enum.fromalias("second") == enum.CONSTANT_CNAME_2
    assert isinstance(enum, EnumList)
    assert "#define" not in "".join(enum.c_support_code())
    assert CEnumType("A").ctype == "int"


# ------------------------------------------------------------ ParamsType and Params


def test_enum_constants_are_attributes_L15775_L15784_L15766():
    wrapper = ParamsType(enum1=EnumList("CONSTANT_1", "CONSTANT_2", "CONSTANT_3"), enum2=EnumType(PI=3.14, EPSILON=0.001))
    found = (wrapper.CONSTANT_1, wrapper.CONSTANT_2, wrapper.CONSTANT_3, wrapper.PI, wrapper.EPSILON)
    assert found == (0, 1, 2, 3.14, 0.001)
    assert [wrapper.get_enum(name) for name in ("PI", "EPSILON", "CONSTANT_2")] == [3.14, 0.001, 1]


def test_common_constant_L15793_L15790():
    """An error, also where both have the same value."""
    with pytest.raises(TypeError, match="enum1 and enum2 both have a constant CONSTANT_1"):
        ParamsType(enum1=EnumList("CONSTANT_1", "CONSTANT_2"), enum2=EnumType(CONSTANT_1=0, CONSTANT_3=5))


def test_enum_from_alias_L15802_L15927():
    wrapper = ParamsType(enum1=EnumList("A", ("B", "beta"), "C"), enum2=EnumList(("D", "delta"), "E", "F"))
    assert wrapper.B == wrapper.get_enum("B") == wrapper.enum_from_alias("beta") == 1
    with pytest.raises(AttributeError):
        wrapper.beta


def test_get_enum_L15880_L15870():
    wrapper = ParamsType(scalar=Scalar("int32"), letters=EnumType(A=1, B=2, C=3), digits=EnumList("ZERO", "ONE", "TWO"))
    assert (wrapper.get_enum("C"), wrapper.get_enum("TWO"), wrapper.C, wrapper.TWO) == (3, 2, 3, 2)
    with pytest.raises(KeyError, match="THREE"):
        wrapper.get_enum("THREE")
    with pytest.raises(KeyError, match="no enumeration"):
        ParamsType(scalar=Scalar("int32")).get_enum("C")


def test_enum_from_alias_L15906_L15892():
    """With the order (alias, value) that EnumType has, and the missing bracket."""
    wrapper = ParamsType(
        scalar=Scalar("int32"),
        letters=EnumType(A=("alpha", 1), B=("beta", 2), C=3),
        digits=EnumList(("ZERO", "nothing"), ("ONE", "unit"), ("TWO", "couple")),
    )
    assert (wrapper.get_enum("C"), wrapper.get_enum("TWO")) == (3, 2)
    assert [wrapper.enum_from_alias(alias) for alias in ("alpha", "nothing", "C")] == [1, 0, 3]
    with pytest.raises(KeyError, match="gamma"):
        wrapper.enum_from_alias("gamma")
    with pytest.raises(KeyError, match="no enumeration"):
        ParamsType(scalar=Scalar("int32")).enum_from_alias("alpha")


def test_get_params_L15942_L15931_L15726_L15944():
    class MyObject:
        def __init__(self):
            self.a = 10
            self.b = np.asarray([[1, 2, 3], [4, 5, 6]])

    params_type = ParamsType(a=Scalar("int32"), b=dmatrix, c=Scalar("bool"))
    params = params_type.get_params(MyObject(), c=False)
    assert params.a == 10
    assert params.a.dtype == np.int32
    np.testing.assert_array_equal(params.b, [[1, 2, 3], [4, 5, 6]])
    assert params.b.dtype == np.float64
    assert not params.c
    assert "a=" in str(params)
    assert "b=array" in str(params)


def test_get_params_last_counts_L15935():
    class Holder:
        def __init__(self, a):
            self.a = a

    params_type = ParamsType(a=Scalar("int32"))
    assert params_type.get_params(Holder(1), Holder(2), a=3).a == 3
    assert params_type.get_params(Holder(1), Holder(2)).a == 2
    with pytest.raises(TypeError, match="'b'"):
        params_type.extended(b=Scalar("int8")).get_params(Holder(1))


def test_first_field_of_a_type_L15866_L15856_L15860():
    params_type = ParamsType(b=Scalar("int32"), a=Scalar("int32"))
    assert params_type.get_field(Scalar("int32")) == "a"
    assert params_type.has_type(Scalar("int32"))
    assert not params_type.has_type(Scalar("int64"))
    assert params_type.get_type("b") == Scalar("int32")
    for ask in (lambda: params_type.get_field(Scalar("int64")), lambda: params_type.get_type("c")):
        with pytest.raises(KeyError):
            ask()


def test_extended_L15972():
    """The original stays as it is; new fields follow the same rules."""
    params_type = ParamsType(a=Scalar("int32"), letters=EnumList("A", "B"))
    wider = params_type.extended(c=dmatrix)
    assert wider.fields == ("a", "c", "letters")
    assert params_type.fields == ("a", "letters")
    assert wider.B == 1
    with pytest.raises(TypeError, match="both have a constant A"):
        params_type.extended(more=EnumList("A"))


def test_params_L15820_L15827_L15810():
    params_type = ParamsType(attr1=Scalar("int32"), key2=Scalar("float32"), field3=Scalar("int64"))
    params = Params(params_type, attr1=1, key2=2.0, field3=3)
    assert (params.attr1, params.key2, params.field3) == (1, 2.0, 3)
    params2 = Params(params_type, attr1=1, key2=2.5, field3=-1)
    assert (params2.attr1, params2.key2, params2.field3) == (1, 2.5, -1)
    assert params != params2
    assert hash(params) == hash(Params(params_type, attr1=1, key2=2, field3=3))
    assert params == Params(params_type, attr1=1, key2=2, field3=3) == pickle.loads(pickle.dumps(params)) == copy.deepcopy(params)
    with pytest.raises(NotImplementedError):
        params.attr1 = 5
