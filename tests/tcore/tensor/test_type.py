"""TensorType: equality, texts, values that it takes, comparisons, constructors."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore.tensor import TensorType
from tcore.tensor.constructors import KINDS, PREFIXES


def test_documented_constructors():
    """Every typed and untyped constructor exists, with its dtype and pattern, and the plural of each."""
    for kind, pattern in KINDS.items():
        for prefix, dtype in PREFIXES.items():
            made = getattr(T, prefix + kind)
            assert isinstance(made, TensorType)
            assert (made.dtype, made.broadcastable) == (dtype, pattern)
            assert made("x").type is made
        with config.change_flags(floatX="float32"):
            assert getattr(T, kind)().dtype == "float32"
        assert getattr(T, kind)("x", dtype="int16").type == TensorType("int16", pattern)
        assert getattr(T, kind)("x").name == "x"
    assert T.scalar("myvar", dtype="int32").type == T.iscalar("myvar").type == TensorType("int32", ())


def test_plural_constructors():
    """By number, by names, by letters."""
    assert [v.name for v in T.dmatrices("x", "y", "z")] == ["x", "y", "z"]
    assert [v.name for v in T.dmatrices(3)] == [None] * 3
    assert [v.name for v in T.scalars("abcd")] == list("abcd")
    assert [v.name for v in T.ivectors("a")] == ["a"]
    assert all(v.type == T.lcol for v in T.lcols(2))


def test_equality_and_hash():
    """Dtype and pattern alone decide; lists and tuples are the same; hints do not count."""
    assert TensorType("float64", (False,) * 2) == T.dmatrix
    assert TensorType("float64", [0, 0], name="mine", shape=(3, None)) == T.dmatrix
    assert hash(TensorType("float64", [False] * 2, shape=(3, 4))) == hash(T.dmatrix)
    assert TensorType("float64", (False,)) != T.dmatrix
    assert TensorType("complex64", [False, True, False], False).broadcastable == (False, True, False)
    assert pickle.loads(pickle.dumps(T.dmatrix)) == T.dmatrix
    assert T.dmatrix.clone(dtype="int8") == T.bmatrix
    assert T.dmatrix.clone(broadcastable=(True, False)) == T.drow
    assert TensorType("floatX", ()).dtype == config.floatX


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.dscalar, "TensorType(float64, scalar)"),
        (T.fvector, "TensorType(float32, vector)"),
        (T.drow, "TensorType(float64, row)"),
        (T.dcol, "TensorType(float64, col)"),
        (T.imatrix, "TensorType(int32, matrix)"),
        (T.dtensor3, "TensorType(float64, 3D)"),
        (TensorType("float64", (False,) * 8), "TensorType(float64, 8D)"),
        (TensorType("float32", (False, True, False)), "TensorType(float32, (False, True, False))"),
        (TensorType("float64", (True,)), "TensorType(float64, (True,))"),
        (TensorType("float64", (), "speed"), "speed"),
    ],
)
def test_texts(kind, text):
    """Types print as documented."""
    assert str(kind) == repr(kind) == text


def test_bad_types():
    """Unknown dtypes and hints of the wrong length are refused."""
    with pytest.raises(TypeError):
        TensorType("float31", ())
    with pytest.raises(TypeError, match="no such element type"):
        TensorType("object", ())
    with pytest.raises(ValueError, match="2 entries for 1 axes"):
        TensorType("float64", (False,), shape=(1, 2))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (T.dvector, np.zeros(3, "float32")),
        (T.dvector, np.zeros(3, "int32")),
        (T.lvector, np.zeros(3, "int32")),
        (T.dvector, [1, 2, 3]),
        (T.bscalar, 100),
        (T.dscalar, 1),
        (T.dscalar, 0.1),
        (T.dscalar, np.float32(0.1)),
        (T.fvector, [0.5, 1.0]),
        (T.zscalar, 1.0),
        (T.TensorType("bool", ()), True),
        (T.TensorType("int8", ()), np.bool_(True)),
    ],
)
def test_values_taken(kind, value):
    """Exact and widening conversions pass."""
    array = kind.filter(value)
    assert array.dtype == kind.dtype
    np.testing.assert_array_equal(array, value)
    assert kind.is_valid_value(array)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (T.fvector, np.zeros(3)),
        (T.ivector, np.zeros(3, "int64")),
        (T.ivector, np.zeros(3)),
        (T.fvector, np.zeros(3, "int64")),
        (T.bscalar, 300),
        (T.iscalar, 1.5),
        (T.fvector, [0.1]),
        (T.dvector, np.zeros((3, 1))),
        (T.drow, np.zeros((2, 3))),
        (T.dscalar, T.dscalar("x")),
        (T.dscalar, None),
        (T.dscalar, {}),
        (T.dscalar, 1j),
    ],
)
def test_values_refused(kind, value):
    """Whatever would lose something, or has the wrong shape, is a TypeError; down-casts pass on demand."""
    with pytest.raises(TypeError):
        kind.filter(value)


def test_strict_and_downcast():
    """Strict takes the very dtype only; allow_downcast takes what loses precision."""
    with pytest.raises(TypeError, match="strictly"):
        T.dvector.filter([1.0], strict=True)
    with pytest.raises(TypeError, match="strictly"):
        T.dvector.filter(np.zeros(3, "float32"), strict=True)
    assert T.fvector.filter(np.zeros(3), allow_downcast=True).dtype == "float32"
    assert T.ivector.filter([1.7], allow_downcast=True)[0] == 1
    with config.change_flags(floatX="float32"):
        assert T.fscalar.filter(0.1).dtype == "float32"
        with pytest.raises(TypeError):
            T.fscalar.filter(0.1, allow_downcast=False)
        with pytest.raises(TypeError):
            T.fvector.filter([0.1])
    with pytest.raises(ValueError):
        T.dscalar.filter("1.5")


def test_identity_of_values(tmp_path):
    """A right array is passed on as it is, a memmap too."""
    a = np.zeros(3)
    assert T.dvector.filter(a) is a
    m = np.memmap(tmp_path / "values", dtype="float64", mode="w+", shape=(3,))
    assert T.dvector.filter(m) is m
    assert T.dvector.may_share_memory(a, a[1:])
    assert T.dvector.get_size(T.dvector.get_shape_info(a)) == 24


def test_values_eq():
    """NaN equals NaN, infinities themselves, and rounding is forgiven by dtype."""
    a = np.array([1.0, np.nan, np.inf])
    assert T.dvector.values_eq(a, a.copy())
    assert not T.dvector.values_eq(a, a[:2])
    assert T.dvector.values_eq_approx(a, a * (1 + 1e-6))
    assert not T.dvector.values_eq_approx(a, a * (1 + 1e-4))
    assert not T.dvector.values_eq_approx(a, -a)
    assert T.fvector.values_eq_approx(np.float32([0.0]), np.float32([5e-6]))
    assert not T.dvector.values_eq_approx(np.array([0.0]), np.array([5e-6]))
    assert T.dvector.values_eq_approx(a, np.array([1, 5, np.inf]), allow_remove_nan=True)
    assert T.ivector.values_eq_approx(np.array([1], "int32"), np.array([1], "int32"))


def test_filter_variable():
    """Plain values become constants, a row becomes a matrix, and nothing is lost silently."""
    assert T.dscalar.filter_variable(2).data == 2.0
    r = T.drow("r")
    assert T.dmatrix.filter_variable(r).type == T.dmatrix
    for kind, given in [(T.drow, T.dmatrix()), (T.dvector, T.fvector()), (T.dmatrix, T.dvector())]:
        with pytest.raises(TypeError):
            kind.filter_variable(given)
    with pytest.raises(TypeError):
        T.dmatrix.filter_variable(r, allow_convert=False)


def test_c_interface():
    """The documented C methods give text with the names filled in."""
    kind = TensorType("int64", (False,))
    assert kind.c_element_type() == "npy_int64"
    declared = kind.c_declare("V1", {"fail": "goto bad;"})
    assert "PyArrayObject* V1;" in declared
    assert "typedef npy_int64 dtype_V1;" in declared
    extracted = kind.c_extract("V1", {"fail": "goto bad;"})
    assert "NPY_INT64" in extracted
    assert "goto bad;" in extracted
    assert "goto bad;" not in kind.c_extract("V1", {"fail": "goto bad;"}, check_input=False)
    for text in (kind.c_init("V1", {}), kind.c_cleanup("V1", {}), kind.c_sync("V1", {"fail": "goto bad;"})):
        assert "V1" in text
    assert kind.c_headers()
    assert kind.c_code_cache_version()


def test_values_eq_approx():
    """Up to rounding; infinities and NaN of one side alone where that is allowed; what is no array becomes one."""
    a, b = np.array([1.0, np.inf, np.nan]), np.array([1.0 + 1e-9, 3.0, np.nan])
    assert not T.dvector.values_eq_approx(a, b)
    assert T.dvector.values_eq_approx(a, b, allow_remove_inf=True)
    assert not T.dvector.values_eq_approx(np.array([np.nan]), np.array([1.0]))
    assert T.dvector.values_eq_approx(np.array([np.nan]), np.array([1.0]), allow_remove_nan=True)
    assert T.dscalar.values_eq_approx(1.0, 1.0 + 1e-9)
    assert T.dscalar.values_eq(1.0, 1.0)
    assert not T.dvector.values_eq_approx(np.ones(2), np.ones(3))
    assert not T.dvector.values_eq_approx(np.ones(2), np.ones(2, "float32"))
    assert T.lvector.values_eq_approx(np.array([2**60]), np.array([2**60]))
    assert not T.lvector.values_eq_approx(np.array([2**60]), np.array([2**60 + 1]))
    assert T.dvector.values_eq_approx(np.array([1.0]), np.array([1.1]), rtol=0.2)


def test_large_constants_are_merged_by_content():
    """Equal ones are one, whatever object holds them; a constant of another kind is never the same."""
    first, second = (T.constant(np.arange(1000.0)) for _ in range(2))
    other = T.constant(np.arange(1000.0) + (np.arange(1000) == 777))
    assert first.signature() == second.signature()
    assert hash(first.signature()) == hash(second.signature())
    assert first.signature() != other.signature()
    assert first.signature() != "a text"
    f = tcore.function([], [first * 2, second * 2], mode=tcore.Mode("py", "merge"))
    assert sum("mul" in str(node.op) for node in f.maker.fgraph.toposort()) == 1


def test_strict_values_of_other_kinds(tmp_path):
    """A memory map of the dtype is an array, strictly too; conversions between types of the same arrays are none."""
    mapped = np.memmap(tmp_path / "numbers", dtype="float64", shape=3, mode="w+")
    assert T.dvector.filter(mapped, strict=True) is mapped
    x = T.dvector("x")
    assert T.dvector.convert_variable(x) is x
    assert T.dvector.convert_variable(T.fvector()) is None
    assert T.drow.dtype_specs() == (np.float64, "npy_float64", "NPY_FLOAT64")


def test_constructors_by_hand():
    """``tensor`` names what it makes; constructors say what they are."""
    assert T.tensor("float32", (True, False), name="t").name == "t"
    assert T.tensor("float32", (True, False)).type == T.frow
    assert repr(T.matrix) == "<tensor constructor matrix>"
    assert repr(T.matrices) == "<tensor constructor matrices>"


FORMS = [np.dtype("float32"), np.float32, np.dtype(">f4"), "f4"]
TAKERS = {
    "TensorType": lambda dtype: TensorType(dtype, (False,))(),
    "tensor": lambda dtype: T.tensor(dtype, (False,)),
    "matrix": lambda dtype: T.matrix(dtype=dtype),
    "cast": lambda dtype: T.cast(T.dvector(), dtype),
    "astype": lambda dtype: T.dvector().astype(dtype),
    "sum": lambda dtype: T.dvector().sum(dtype=dtype),
    "prod": lambda dtype: T.dvector().prod(dtype=dtype),
    "mean": lambda dtype: T.dvector().mean(dtype=dtype),
    "zeros": lambda dtype: T.zeros((2,), dtype),
    "full": lambda dtype: T.full((2,), 1, dtype),
    "arange": lambda dtype: T.arange(3, dtype=dtype),
    "eye": lambda dtype: T.eye(3, dtype=dtype),
    "make_vector": lambda dtype: T.MakeVector(dtype)(T.fscalar(), T.fscalar()),
    "uniform": lambda dtype: T.shared_randomstreams.RandomStreams(1).uniform((2,), dtype=dtype),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", TAKERS)
def test_element_types_in_any_form(name, form):
    """NumPy's dtypes, in any byte order, and scalar classes mean the dtype of their name; reductions of the result work."""
    made = TAKERS[name](form)
    assert type(made.type.dtype) is str
    assert made.type.dtype == "float32"
    assert made.type == TensorType("float32", made.type.broadcastable)
    assert made.prod().type.dtype == "float32"


def test_accumulators_in_any_form():
    """An accumulator, too, is a name."""
    node = T.fvector().sum(acc_dtype=np.float64).owner
    assert type(node.op.acc_dtype) is str
    assert node.op.acc_dtype == "float64"


@pytest.mark.parametrize("name", [name for name in TAKERS if name not in ("sum", "prod", "mean", "full", "matrix", "zeros", "arange", "eye", "uniform")])
def test_no_element_type(name):
    """None is no dtype where one must be given; NumPy would take float64."""
    with pytest.raises(TypeError, match="no such element type: None"):
        TAKERS[name](None)
