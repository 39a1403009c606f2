"""ParamsType and Params: what they refuse, equality, conversions, nesting."""

import copy
import pickle

import numpy as np
import pytest

from tcore.graph import CDataType, EnumList, Generic, Op, Params, ParamsType, Type
from tcore.graph.errors import MethodNotDefined
from tcore.scalar import Scalar
from tcore.tensor import dvector

BOTH = ParamsType(n=Scalar("int32"), v=dvector)


def test_constructor():
    with pytest.raises(ValueError, match="at least one field"):
        ParamsType()
    for value in (1, "int32", Scalar, None):
        with pytest.raises(TypeError, match="must be a Type"):
            ParamsType(a=value)
    for name in ("class", "double", "and", "__a", "a b", "a-b", ""):
        with pytest.raises(SyntaxError, match="cannot be the name"):
            ParamsType(**{name: Scalar("int32")})
    with pytest.raises(TypeError, match="the field A has the name of a constant of letters"):
        ParamsType(A=Scalar("int32"), letters=EnumList("A"))


def test_fields_may_be_called_like_arguments():
    """No name of ours stands in the way of a field's."""
    names = ("self", "params_type", "fields", "types", "values", "objects", "filter", "_signature", "constants")
    params_type = ParamsType(**dict.fromkeys(names, Generic()))
    params = params_type.get_params(**dict(zip(names, range(9), strict=True)))
    assert [getattr(params, name) for name in names] == list(range(9))
    assert hash(params) == hash(pickle.loads(pickle.dumps(params)))
    assert params_type.extended(self=Scalar("int8")).get_type("self") == Scalar("int8")


def test_constant():
    for thing in (BOTH, BOTH.get_params(n=1, v=[1.0])):
        for change in (lambda t: setattr(t, "n", 2), lambda t: setattr(t, "new", 2), lambda t: delattr(t, "n")):
            with pytest.raises(NotImplementedError):
                change(thing)


def test_equality_of_types():
    same = ParamsType(v=dvector, n=Scalar("int32"))
    assert BOTH == same == pickle.loads(pickle.dumps(BOTH)) == copy.deepcopy(BOTH)
    assert hash(BOTH) == hash(same) == hash(pickle.loads(pickle.dumps(BOTH)))
    assert ParamsType(n=Scalar("int64"), v=dvector) != BOTH
    assert ParamsType(m=Scalar("int32"), v=dvector) != BOTH
    assert str(BOTH) == "ParamsType(n=int32, v=TensorType(float64, vector))"


def test_params_are_converted_L15937():
    """With loss of precision, but not into nonsense; errors name the field."""
    params = Params(BOTH, n=2.75, v=[1, 2])
    assert params.n == 2
    assert params.v.dtype == np.float64
    with pytest.raises(TypeError) as caught:
        Params(BOTH, n="text", v=[1.0])
    assert "for the field n" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="'v'"):
        Params(BOTH, n=1)
    with pytest.raises(TypeError, match="no field 'w'"):
        Params(BOTH, n=1, v=[1.0], w=2)
    with pytest.raises(TypeError, match="is a ParamsType"):
        Params(Scalar("int32"), n=1)


def test_params_with_arrays_hash():
    """Arrays do not hash; their types say how to compare them."""
    a, b = BOTH.get_params(n=1, v=[1.0, np.nan]), BOTH.get_params(n=1, v=[1.0, np.nan])
    assert a == b
    assert hash(a) == hash(b)
    assert {a: 1}[b] == 1
    assert a != BOTH.get_params(n=1, v=[1.0, 2.0])
    assert a != BOTH.get_params(n=2, v=[1.0, np.nan])
    assert a != 1
    loaded = pickle.loads(pickle.dumps(a))
    assert loaded == a
    assert hash(loaded) == hash(a)
    assert not hasattr(a, "w")


def test_filter():
    """Params of the type pass as they are; other objects give their attributes, where strict is not set."""
    params = BOTH.get_params(n=1, v=[1.0])
    assert BOTH.filter(params) is params
    assert BOTH.filter(params, strict=True) is params

    class Holder:
        n, v = 3, np.array([1.5])

    assert BOTH.filter(Holder()).n == 3
    with pytest.raises(TypeError, match="strictly"):
        BOTH.filter(Holder(), strict=True)
    with pytest.raises(TypeError, match="no attribute 'n', 'v'"):
        BOTH.filter(5)
    Holder.n = 3.5
    with pytest.raises(TypeError):
        BOTH.filter(Holder())
    assert BOTH.filter(Holder(), allow_downcast=True).n == 3
    assert BOTH.filter(Params(ParamsType(n=Scalar("int8"), v=dvector), n=1, v=[2.0])).n.dtype == np.int32


def test_values_eq():
    one, other = BOTH.get_params(n=1, v=[1.0]), BOTH.get_params(n=1, v=[1.0 + 1e-9])
    assert BOTH.values_eq(one, one)
    assert not BOTH.values_eq(one, other)
    assert BOTH.values_eq_approx(one, other)
    assert not BOTH.values_eq_approx(one, BOTH.get_params(n=2, v=[1.0]))


def test_ambiguous_alias():
    """Two enumerations may use one alias; then the field's type is to be asked."""
    params_type = ParamsType(border=EnumList(("VALID", "none"), "FULL"), scale=EnumList(("UNSCALED", "none"), "DOUBLE"))
    with pytest.raises(KeyError, match="alias of 'VALID', 'UNSCALED'"):
        params_type.enum_from_alias("none")
    assert params_type.get_params(border="none", scale="DOUBLE").scale == 1


def test_nested():
    """A ParamsType is a Type: constants of enumerations inside count, too."""
    inner = ParamsType(letters=EnumList("A", "B"), n=Scalar("int8"))
    outer = ParamsType(inner=inner, x=Generic())
    assert outer.B == 1
    assert outer.get_params(inner=inner.get_params(letters="B", n=2), x=None).inner.letters == 1
    with pytest.raises(TypeError, match="both have a constant A"):
        outer.extended(more=EnumList("A"))
    assert "".join(outer.c_support_code()).count("struct tcore_params_") >= 2


def test_c_side_of_fields():
    """What field types need of the compiler is what the ParamsType needs; without a C side there is none."""
    pointer = CDataType("void*", headers=["<a.h>"], header_dirs=["/a"], libraries=["a"], lib_dirs=["/l"], compile_args=["-DA"])
    params_type = ParamsType(p=pointer, n=Scalar("int32"))
    assert {"<a.h>", "<math.h>"} <= set(params_type.c_headers())
    answers = [getattr(params_type, f"c_{what}")() for what in ("header_dirs", "libraries", "lib_dirs", "compile_args", "no_compile_args")]
    assert answers == [["/a"], ["a"], ["/l"], ["-DA"], []]
    assert params_type.c_code_cache_version()

    class PythonOnly(Type):
        def filter(self, value, strict=False, allow_downcast=None):
            return value

    mixed = ParamsType(n=Scalar("int32"), o=PythonOnly())
    assert mixed.get_params(n=1, o="x").o == "x"
    assert mixed.c_code_cache_version() == ()
    with pytest.raises(MethodNotDefined, match="'o' has no C side"):
        mixed.c_declare("x", {"fail": ""})


def test_other_params_types_have_no_default():
    """Only a ParamsType knows which attributes of the op to take."""

    class Chooser(Op):
        __props__ = ()
        params_type = EnumList("A")

    with pytest.raises(MethodNotDefined, match="no get_params"):
        Chooser().get_params(None)


def test_what_c_sees():
    """A struct without values to begin with, which is never written back."""
    assert BOTH.c_init("p", {}) == "tc_struct_p.tc_filled = 0;\np = NULL;\n"
    with pytest.raises(MethodNotDefined):
        BOTH.c_sync("p", {"fail": ""})
    assert repr(BOTH) == str(BOTH)
    params = BOTH.get_params(n=1, v=[1.0])
    assert params == params
