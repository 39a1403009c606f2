"""The contract of Types, their C text, and where the graph package's names are; its lines in the names."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tcore
from tcore import gof, tensor
from tcore.compat.paths import PATHS
from tcore.gof.graph import Apply, Constant, Node, Variable
from tcore.gof.type import CLinkerType, Generic, PureType, SingletonType, Type
from tcore.gof.utils import MethodNotDefined
from tcore.gpuarray.type import GpuArrayType
from tcore.scalar import Scalar
from tcore.tensor import TensorType

C_METHODS = {
    "c_declare": ("x", {}),
    "c_extract": ("x", {}),
    "c_sync": ("x", {}),
    "c_cleanup": ("x", {}),
    "c_literal": (1,),
    "c_init": ("x", {}),
    "c_element_type": (),
}


# ------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("gof", "Apply Constant Container FunctionGraph Generic InconsistencyError Op Type Variable CEnumType EnumList EnumType Params ParamsType"),
        ("gof", "Optimizer LocalOptimizer local_optimizer TopoOptimizer Query MissingInputError Linker LocalLinker PerformLinker CDataType"),
        ("gof.graph", "Apply Variable Constant Node NoParams ancestors inputs clone io_toposort is_same_graph view_roots"),
        ("gof.type", "CDataType CEnumType CLinkerType EnumList EnumType Generic PureType SingletonType Type"),
        ("gof.op", "Op PureOp CLinkerOp"),
        ("gof.params_type", "Params ParamsType"),
        ("gof.toolbox", "Feature Bookkeeper History Validator ReplaceValidate NodeFinder PrintListener"),
        ("gof.utils", "MethodNotDefined add_tag_trace deprecated difference flatten hash_from_file memoize remove simple_extract_stack toposort uniq"),
        ("gof.destroyhandler", "DestroyHandler fast_inplace_check"),
    ],
)
def test_names_of_the_graph_package_L14396_L15164(module, names):
    """The same object on the way through attributes and on that through import. (L15706, L15383, L15773, L15817)"""
    imported = importlib.import_module(f"tcore.{module}")
    for name in names.split():
        assert getattr(imported, name) is not None
    assert f"tcore.{module}" in PATHS


@pytest.mark.parametrize("name", ["Apply", "Constant", "FunctionGraph", "Generic", "InconsistencyError", "Op", "Type", "Variable", "Container"])
def test_names_at_the_top_L7248_L14523_L14884(name):
    assert getattr(tcore, name) is getattr(gof, name)


# ------------------------------------------------------------ nodes


def test_node_L14509_L14513():
    """The base of both kinds; parents come in a list of their own."""
    x, y = tensor.dvectors("x", "y")
    z = x + y
    assert isinstance(z, Node)
    assert isinstance(z.owner, Node)
    assert z.get_parents() == [z.owner]
    assert x.get_parents() == []
    assert issubclass(Apply, Node)
    assert issubclass(Variable, Node)
    parents = z.owner.get_parents()
    parents.clear()
    assert z.owner.inputs == [x, y]
    assert z.owner.get_parents() == [x, y]
    with pytest.raises(NotImplementedError):
        Node().get_parents()


# ------------------------------------------------------------ Python


class Positive(Type):
    """Floats above zero."""

    def filter(self, value, strict=False, allow_downcast=None):
        if strict and type(value) is not float:
            raise TypeError("not a float")
        if float(value) <= 0:
            raise ValueError("not above zero")
        return value if type(value) is float else float(value)


def test_type_makes_variables_L15639():
    """(L15458, L15461, L15481, L7951, L7957, L15452)"""
    positive = Positive()
    x, y, z = positive("x"), positive.make_variable("y"), positive()
    assert (x.name, y.name, z.name) == ("x", "y", None)
    assert x.type is y.type is z.type is positive
    assert isinstance(x, PureType.Variable)
    assert PureType.Variable is Variable
    assert PureType.Constant is Constant
    constant = PureType.Constant(positive, 3)
    assert (constant.data, constant.value) == (3.0, 3.0)
    copy = constant.clone()
    assert copy is not constant
    assert copy.data is constant.data


def test_missing_filter_L15625():
    with pytest.raises(MethodNotDefined, match="filter"):
        PureType().filter(1)


def test_validity_L15635_L7933_L15645():
    """By default what strict filtering takes, whatever exception says no."""
    positive = Positive()
    assert positive.is_valid_value(1.5)
    assert not positive.is_valid_value(-1.5)
    assert not positive.is_valid_value(2)
    assert positive.value_validity_msg(2) == positive.value_solidity_msg(2) == "not a float"
    assert positive.value_validity_msg(2.0) == "value is valid"

    class Picky(Positive):
        def filter(self, value, strict=False, allow_downcast=None):
            raise LookupError("never")

    assert not Picky().is_valid_value(1.0)


def test_equality_of_values_L15649_L7939_L7945_L15655():
    """values_eq is ==, and values_eq_approx is values_eq, unless a type says more."""
    positive = Positive()
    assert positive.values_eq(1.0, 1.0)
    assert not positive.values_eq_approx(1.0, 1.0 + 1e-15)

    class Even(Positive):
        def values_eq(self, a, b):
            return a % 2 == b % 2

    assert Even().values_eq_approx(1.0, 3.0)


def test_types_are_equal_by_identity_L7963_L7969():
    one, two = Positive(), Positive()
    assert one == one
    assert one != two
    assert len({one, two, one}) == 2


def test_convert_variable_L15603_L15607_L15609_L15613():
    """The base class converts nothing; a row will do where any matrix does, never the reverse."""
    assert Positive().convert_variable(tensor.dvector()) is None
    matrix, row = TensorType("float64", (False, False)), TensorType("float64", (True, False))
    assert row.convert_variable(matrix("m")) is None
    assert matrix.convert_variable(row("r")).type == matrix
    assert matrix.convert_variable(tensor.fmatrix()) is None


def test_filter_variable_L15627_L15633():
    """Itself, a constant of a plain value, a conversion where that is allowed, else TypeError."""
    x = tensor.dmatrix("x")
    assert tensor.dmatrix.filter_variable(x) is x
    made = tensor.dmatrix.filter_variable([[1, 2]])
    assert isinstance(made, Constant)
    np.testing.assert_array_equal(made.data, [[1.0, 2.0]])
    assert tensor.dmatrix.filter_variable(tensor.drow()).type == tensor.dmatrix
    with pytest.raises(TypeError):
        tensor.dmatrix.filter_variable(tensor.drow(), allow_convert=False)
    for other in (tensor.dvector(), tensor.fmatrix(), Positive()()):
        with pytest.raises(TypeError):
            tensor.dmatrix.filter_variable(other)


def test_tensors_and_arrays_on_devices_L15631():
    """The compatible pair: of one dtype and pattern, by a transfer in either direction; nothing else."""
    host, device = TensorType("float32", (False, True)), GpuArrayType("float32", (False, True))
    fetched = host.filter_variable(device("d"))
    assert fetched.type == host
    assert str(fetched.owner.op) == "HostFromGpu(gpuarray)"
    sent = device.filter_variable(host("h"))
    assert sent.type == device
    assert str(sent.owner.op) == "GpuFromHost<None>"
    for other in (GpuArrayType("float64", (False, True)), GpuArrayType("float32", (False, False)), GpuArrayType("float32", (False,))):
        with pytest.raises(TypeError):
            host.filter_variable(other())
        with pytest.raises(TypeError):
            other.filter_variable(host())
    with pytest.raises(TypeError):
        host.filter_variable(device(), allow_convert=False)


def test_shared_type_instance_L15693_L15702():
    """Many variables, one type; its values are arrays of one axis."""
    b, c = tensor.fvector(), tensor.fvector()
    assert b.type is c.type
    assert isinstance(b.type.filter(np.ones(3, "float32")), np.ndarray)
    with pytest.raises(TypeError):
        b.type.filter(np.ones((3, 3), "float32"))


def test_wrong_types_are_refused_while_the_graph_is_built_L15704_L8127():
    with pytest.raises(TypeError):
        tensor.dot(tensor.dmatrix(), Positive()())


def test_singleton_type_L15676():
    class T(SingletonType):
        pass

    class U(SingletonType):
        pass

    assert T() == T()
    assert hash(T()) == hash(T())
    assert T() != U()
    assert T() == T()
    assert str(T()) == "T"


def test_filter_inplace_L7927():
    """Called instead of filter, with the old value, where a type has it; also where it is set on an instance."""

    class Reusing(Positive):
        def filter_inplace(self, value, storage, strict=False, allow_downcast=None):
            storage[:] = value
            return storage

        def filter(self, value, strict=False, allow_downcast=None):
            return list(value)

    plain = gof.Type()
    plain.filter = lambda value, strict=False, allow_downcast=None: list(value)
    plain.filter_inplace = lambda value, storage, strict=False, allow_downcast=None: Reusing().filter_inplace(value, storage)
    for kind in (Reusing(), plain):
        container = gof.Container(kind, [None])
        container.value = [1, 2]
        first = container.value
        container.value = (3, 4)
        assert container.value is first
        assert first == [3, 4]


class Money:
    """A Type with the documented methods and no base class."""

    def filter(self, value, strict=False, allow_downcast=None):
        if strict and type(value) is not float:
            raise TypeError("not a float")
        return float(value)

    def is_valid_value(self, value):
        return type(value) is float

    def values_eq(self, a, b):
        return a == b

    def values_eq_approx(self, a, b):
        return abs(a - b) < 1e-6

    def make_variable(self, name=None):
        return Variable(self, name=name)

    def __call__(self, name=None):
        return self.make_variable(name)

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(Money)

    def __str__(self):
        return "money"


class Add(gof.Op):
    __props__ = ()

    def make_node(self, x, y):
        x, y = (Constant(Money(), v) if isinstance(v, (int, float)) else v for v in (x, y))
        if x.type != Money() or y.type != Money():
            raise TypeError("money only")
        return Apply(self, [x, y], [Money()()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0] + inputs[1]


class TestDuckTyping:
    """L7910: any object with these methods is a Type."""

    pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

    @pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE", "DebugMode"])
    def test_functions_L7910(self, mode, caplog):
        """Constants merge and fold, defaults and updates work, and no optimization fails on the way."""
        add, money = Add(), Money()
        x, y = money("x"), money("y")
        f = tcore.function([x, tcore.In(y, value=4)], [add(add(x, 3), add(y, 3)), add(add(2, 3), 4), add(add(x, 3), y)], mode=mode)
        assert f(1) == [11.0, 9.0, 8.0]
        assert f(1, 2) == [9.0, 9.0, 6.0]
        if mode == "FAST_RUN":
            assert sum(isinstance(node.op, Add) for node in f.maker.fgraph.toposort()) == 4
        assert not caplog.records
        total = tcore.function([tcore.In(x, value=1.0, update=add(x, y)), y], x, mode=mode)
        assert [total(y=2), total(y=2)] == [1.0, 3.0]

    def test_graphs_L7910(self):
        import pickle

        x = Money()("x")
        z = Add()(x, 3)
        loaded = pickle.loads(pickle.dumps(z))
        assert loaded.type == Money()
        assert type(loaded) is Variable
        assert z.eval({x: 1}) == 4.0
        assert "money" in tcore.printing.debugprint(z, print_type=True, file="str")
        with pytest.raises(TypeError, match="cannot use"):
            z.owner.clone_with_new_inputs([tensor.dvector(), x])


def test_may_share_memory_L8014():
    """By default a value shares memory with itself; arrays say more."""
    a = np.zeros(4)
    assert Generic().may_share_memory(a, a)
    assert not Generic().may_share_memory([1], [1])
    assert tensor.dvector.may_share_memory(a, a[1:])
    assert not tensor.dvector.may_share_memory(a, a.copy())


def test_shape_info_and_size_L7975_L7981():
    """What profiles of memory need: bytes of the data alone."""
    a = np.zeros((3, 5))
    assert tensor.dmatrix.get_size(tensor.dmatrix.get_shape_info(a)) == a.nbytes


def test_clone_of_a_type_L8003():
    """None keeps a field."""
    assert tensor.dmatrix.clone() == tensor.dmatrix
    assert tensor.dmatrix.clone(dtype="float32") == tensor.fmatrix
    assert tensor.dmatrix.clone(broadcastable=(True, False)) == tensor.drow


def test_allow_downcast_L15623():
    """strict gives the object itself; False only widens; None lets Python floats into floatX scalars; True casts. (L15617, L15621, L7918, L7920)"""
    value = np.ones(2, "float32")
    assert tensor.fvector.filter(value, strict=True) is value
    wide = np.array([0.1, 0.2])
    assert tensor.dvector.filter(value, allow_downcast=False).dtype == np.float64
    for allow in (False, None):
        with pytest.raises(TypeError):
            tensor.fvector.filter(wide, allow_downcast=allow)
    np.testing.assert_array_equal(tensor.fvector.filter(wide, allow_downcast=True), wide.astype("float32"))
    with tcore.config.change_flags(floatX="float32"):
        assert tensor.fscalar.filter(0.1) == np.float32(0.1)
        with pytest.raises(TypeError):
            tensor.fscalar.filter(0.1, allow_downcast=False)
    with tcore.config.change_flags(floatX="float64"), pytest.raises(TypeError):
        tensor.fscalar.filter(0.1)


# ------------------------------------------------------------ transfers


def test_register_transfer_L8026(monkeypatch):
    """A function that says where values of a kind go; None means that it does not know the place."""
    module = importlib.import_module("tcore.tensor.transfer")
    monkeypatch.setattr(module, "_registered", ())

    class Away(gof.Op):
        __props__ = ("place",)

        def __init__(self, place):
            self.place = place

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0].copy()

    def fn(variable, target):
        if target == "here":
            return variable
        return Away(target)(variable) if target.startswith("shelf") else None

    tensor.register_transfer(fn)
    assert tensor.basic.register_transfer is tensor.register_transfer
    x = tensor.dvector("x")
    moved = x.transfer("shelf3")
    assert moved.owner.op == Away("shelf3")
    assert x.transfer("here") is x
    assert x.transfer("cpu") is x
    with pytest.raises(ValueError, match="nowhere"):
        x.transfer("nowhere")
    assert tcore.function([x], moved.sum())([1, 2]) == 3
    with pytest.raises(TypeError, match="function of a variable"):
        tensor.register_transfer("shelf")


# ------------------------------------------------------------ C


@pytest.mark.parametrize("method", sorted(C_METHODS))
def test_undefined_c_methods_L15183(method):
    """(L15193, L15246, L15223, L15272)"""
    with pytest.raises(MethodNotDefined, match=method):
        getattr(CLinkerType(), method)(*C_METHODS[method])


def test_defaults_of_the_c_side_L15258_L15185():
    assert CLinkerType().c_is_simple() is False
    assert CLinkerType().c_code_cache_version() == ()
    assert Scalar("int32").c_is_simple()


def test_c_element_type_L15220_L15221_L15214():
    assert TensorType(dtype="int64", broadcastable=()).c_element_type() == "npy_int64"
    assert GpuArrayType(dtype="int32", broadcastable=()).c_element_type() == "ga_int"
    assert (Scalar("int32").c_element_type(), Scalar("int64").c_element_type()) == ("npy_int32", "npy_int64")


def test_c_extract_out_L15240():
    """As c_extract, but None leaves the variable as c_init makes it."""
    text = Generic().c_extract_out("x", {"fail": "FAIL"})
    assert "Py_None" in text
    assert Generic().c_init("x", {}) in text
    assert Generic().c_extract("x", {"fail": "FAIL"}) in text


@pytest.mark.parametrize("kind", [Generic(), Scalar("float64"), tensor.dvector, gof.EnumList("A"), gof.CDataType("void*")], ids=str)
def test_c_text_carries_the_name_L15204_L15200_L15229(kind):
    """Templates are filled in by the type, and what is declared carries the name."""
    sub = {"fail": "{ the_exit }"}
    for check in (True, False):
        texts = [kind.c_declare("V17", sub, check), kind.c_init("V17", sub), kind.c_extract("V17", sub, check)]
        assert all("%(" not in text for text in texts)
        assert "V17" in texts[0]
        assert "py_V17" in texts[2]
    assert kind.c_code_cache_version()


def test_scalar_literals_L15264():
    """C text of the very value."""
    assert float.fromhex(Scalar("float64").c_literal(0.1).strip("()").partition(")")[2]) == 0.1
    assert Scalar("int8").c_literal(-3).endswith("-3LL)")


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
class TestGenericInC:
    """L15442: any object, as PyObject*."""

    def test_values_pass_through_c_L15442(self):
        import sys

        class Second(gof.Op):
            __props__ = ()

            def make_node(self, pair):
                return Apply(self, [pair], [gof.type.generic(), gof.type.generic()])

            def c_code_cache_version(self):
                return (1,)

            def c_code(self, node, name, inputs, outputs, sub):
                return f"""
                if (!PyTuple_Check({inputs[0]}) || PyTuple_GET_SIZE({inputs[0]}) != 2) {{
                    PyErr_SetString(PyExc_TypeError, "a pair is needed");
                    {sub["fail"]}
                }}
                {outputs[0]} = PyTuple_GET_ITEM({inputs[0]}, 1);
                Py_INCREF({outputs[0]});
                """

        x = gof.type.generic("x")
        f = tcore.function([x], Second()(x), mode=tcore.Mode("cvm", None))
        thing = object()
        before = sys.getrefcount(thing)
        pair = (None, thing)
        for _ in range(100):
            second, nothing = f(pair)
        assert second is thing
        assert nothing is None
        for bad in ("text", (1,)):
            with pytest.raises(TypeError, match="a pair is needed"):
                f(bad)
        del pair, second
        assert sys.getrefcount(thing) == before
