"""The book's examples of parameters of ops: enumerations, ParamsType, Params, and ops that use them; seed lines in the names."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tcore
from tcore import Op, gof, scalar, tensor
from tcore.gof import Apply, CEnumType, EnumList, EnumType, Params, ParamsType
from tcore.gof.type import Generic
from tcore.scalar import Scalar, as_scalar
from tcore.tensor import TensorType, dmatrix

ON_CPU = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]
CVM = tcore.Mode("cvm", None)


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


# ------------------------------------------------------------ ops with params


class Quadratic(Op):
    """a x^2 + b x + c for matrices, with a tensor and numbers as parameters (L15733, L15762)."""

    __props__ = ("a", "b", "c")
    params_type = ParamsType(a=TensorType("float64", (False, False)), b=Scalar("int16"), c=Generic())

    def __init__(self, a, b, c):
        self.a, self.b, self.c = Frozen(a), b, c

    def get_params(self, node):
        return self.params_type.get_params(self, a=self.a.array)

    def make_node(self, x):
        x = tensor.as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params):
        (x,) = inputs
        assert params.a.dtype == np.float64
        assert type(params.b) is np.int16
        output_storage[0][0] = params.a * x * x + params.b * x + params.c


class Frozen:
    """An array that hashes."""

    def __init__(self, array):
        self.array = np.asarray(array, "float64")

    def __eq__(self, other):
        return np.array_equal(self.array, other.array)

    def __hash__(self):
        return hash(self.array.tobytes())


class CQuadratic(Quadratic):
    """The same in C alone."""

    def perform(self, node, inputs, output_storage, params):
        raise AssertionError("C code was expected to run")

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        return """
        PyArrayObject* tensor = %(params)s->a;
        npy_int16 b = %(params)s->b;
        double c = PyFloat_AsDouble(%(params)s->c);
        {
            npy_intp* shape = PyArray_DIMS(%(x)s);
            if (PyArray_DIMS(tensor)[0] != shape[0] || PyArray_DIMS(tensor)[1] != shape[1]) {
                PyErr_SetString(PyExc_ValueError, "the parameter a has another shape than the input");
                %(fail)s
            }
            Py_XDECREF(%(y)s);
            %(y)s = (PyArrayObject*) PyArray_EMPTY(2, shape, NPY_FLOAT64, 0);
            if (!%(y)s) { %(fail)s }
            for (npy_intp i = 0; i < shape[0]; ++i) for (npy_intp j = 0; j < shape[1]; ++j) {
                double x = *(double*) PyArray_GETPTR2(%(x)s, i, j);
                double a = *(double*) PyArray_GETPTR2(tensor, i, j);
                *(double*) PyArray_GETPTR2(%(y)s, i, j) = a * x * x + b * x + c;
            }
        }
        """ % {"params": sub["params"], "fail": sub["fail"], "x": inputs[0], "y": outputs[0]}


COEFFICIENTS = np.arange(6.0).reshape(2, 3)
X = np.array([[0.5, -1.0, 2.0], [3.0, 0.0, -2.5]])


def test_params_in_python_L15733_L9533_L15832_L15937():
    """perform gets the converted values. (L9537)"""
    x = dmatrix("x")
    f = tcore.function([x], Quadratic(COEFFICIENTS, 2, 0.25)(x), mode="FAST_COMPILE")
    np.testing.assert_allclose(f(X), COEFFICIENTS * X * X + 2 * X + 0.25)


def test_default_get_params_L15737():
    """Attributes of the op with the names of the fields; a missing one is named."""

    class Scale(Op):
        __props__ = ("by",)
        params_type = ParamsType(by=Scalar("float32"))

        def __init__(self, by):
            self.by = by

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage, params):
            output_storage[0][0] = inputs[0] * params.by

    x = tensor.dvector("x")
    node = Scale(0.1)(x).owner
    assert node.params_type == Scale.params_type
    assert node.run_params().by == np.float32(0.1)
    scaled = tcore.function([x], node.outputs[0], mode="FAST_COMPILE")([1.0, 2.0])
    np.testing.assert_allclose(scaled, float(np.float32(0.1)) * np.array([1, 2]))
    broken = Scale(1)
    del broken.by
    with pytest.raises(TypeError, match="has no attribute 'by'"):
        Scale.params_type.get_params(broken)


class TestInC:
    pytestmark = ON_CPU

    def test_params_in_c_L15754_L15714_L15838(self):
        """Members of a struct; strided inputs, errors and several calls."""
        x = dmatrix("x")
        f = tcore.function([x], CQuadratic(COEFFICIENTS, 2, 0.25)(x), mode=CVM)
        for value in (X, np.asfortranarray(X), X * 2):
            np.testing.assert_allclose(f(value), COEFFICIENTS * value * value + 2 * value + 0.25)
        with pytest.raises(ValueError, match="the parameter a has another shape"):
            f(X.T)
        # one module serves other values of the parameters
        g = tcore.function([x], CQuadratic(COEFFICIENTS + 1, -3, 1.5)(x), mode=CVM)
        np.testing.assert_allclose(g(X), (COEFFICIENTS + 1) * X * X - 3 * X + 1.5)
        np.testing.assert_allclose(f(X), COEFFICIENTS * X * X + 2 * X + 0.25)

    def test_field_that_cannot_be_read(self):
        """A Generic field that C takes for a float: the error reaches Python."""
        x = dmatrix("x")
        f = tcore.function([x], CQuadratic(COEFFICIENTS, 2, "text")(x), mode=CVM)
        with pytest.raises(TypeError):
            f(X)

    def test_op_with_cenumtype_L15154_L15144_L15158(self):
        """A number chosen in Python arrives as what C says that the constant is."""

        class SizeOf(Op):
            __props__ = ("ctype_index",)
            params_type = CEnumType("MILLION", ("MINUS_ONE", "minus one"), "LARGE", ctype="npy_int64")

            def __init__(self, choice):
                self.ctype_index = self.params_type.filter(choice)

            def get_params(self, node):
                return self.ctype_index

            def make_node(self):
                return Apply(self, [], [scalar.int64()])

            def c_support_code(self):
                return "#define MILLION 1000000\n#define MINUS_ONE (-1)\nstatic const npy_int64 LARGE = 1LL << 40;\n"

            def c_code_cache_version(self):
                return (1,)

            def c_code(self, node, name, inputs, outputs, sub):
                return f"{outputs[0]} = {sub['params']};"

        for choice, expected in [("MILLION", 10**6), ("minus one", -1), ("LARGE", 2**40)]:
            assert tcore.function([], SizeOf(choice)(), mode=CVM)() == expected

    def test_op_with_enum_list_L15317_L15328_L15380_L9548(self):
        """The constants are there as macros of C, in a ParamsType or alone."""

        class Calculate(Op):
            __props__ = ("operation",)
            params_type = EnumList(("ADD", "+"), ("SUB", "-"), ("MULTIPLY", "*"))

            def __init__(self, operation):
                self.operation = self.params_type.filter(operation)

            def get_params(self, node):
                return self.operation

            def make_node(self, a, b):
                return Apply(self, [as_scalar(a), as_scalar(b)], [scalar.float64()])

            def perform(self, node, inputs, outputs, operation):
                a, b = inputs
                outputs[0][0] = {self.params_type.ADD: a + b, self.params_type.SUB: a - b, self.params_type.MULTIPLY: a * b}[operation]

            def c_code_cache_version(self):
                return (1,)

            def c_code(self, node, name, inputs, outputs, sub):
                (a, b), (c,), fail = inputs, outputs, sub["fail"]
                return f"""
                switch ({sub["params"]}) {{
                    case ADD: {c} = {a} + {b}; break;
                    case SUB: {c} = {a} - {b}; break;
                    case MULTIPLY: {c} = {a} * {b}; break;
                    default: PyErr_SetString(PyExc_ValueError, "unknown operation"); {fail}
                }}
                """

        a, b = scalar.float64("a"), scalar.float64("b")
        for operation, expected in [("+", 7.5), ("SUB", 4.5), ("*", 9.0)]:
            for mode in (CVM, "FAST_COMPILE"):
                assert tcore.function([a, b], Calculate(operation)(a, b), mode=mode)(6.0, 1.5) == expected

    def test_constants_in_c_L15346_L15418_L15424(self):
        """0, 1 and 2.5 as C expressions, and the name of a value where config.cmodule.debug asks for it (L15413)."""

        class Constants(Op):
            __props__ = ()
            params_type = ParamsType(
                which=EnumType(CONSTANT_1=1, CONSTANT_2=2.5, CONSTANT_3=False, CONSTANT_4=True, SMALL=-(2**40), cname="which")
            )
            which = 2.5

            def make_node(self):
                return Apply(self, [], [tensor.dvector(), gof.type.generic()])

            def c_code(self, node, name, inputs, outputs, sub):
                v, text = outputs
                return f"""
                npy_intp length = 5;
                Py_XDECREF({v});
                {v} = (PyArrayObject*) PyArray_EMPTY(1, &length, NPY_FLOAT64, 0);
                if (!{v}) {{ {sub["fail"]} }}
                {{
                    int c3 = CONSTANT_3; int c4 = CONSTANT_4; double c2 = CONSTANT_2; long long small = SMALL;
                    double* data = (double*) PyArray_DATA({v});
                    data[0] = c3; data[1] = c4; data[2] = c2; data[3] = {sub["params"]}->which; data[4] = (double) small;
                }}
                char buffer[64];
                Py_XDECREF({text});
                {text} = NULL;
                if (tcore_enum_to_string_which({sub["params"]}->which, buffer)) {{ {sub["fail"]} }}
                {text} = PyUnicode_FromString(buffer);
                if (tcore_enum_to_string_which(7.0, buffer) == 0 || !PyErr_ExceptionMatches(PyExc_ValueError)) {{
                    PyErr_SetString(PyExc_RuntimeError, "the value 7 is known");
                    {sub["fail"]}
                }}
                PyErr_Clear();
                """

        with tcore.config.change_flags(**{"cmodule.debug": True}):
            f = tcore.function([], Constants()(), mode=CVM)
            vector, text = f()
        np.testing.assert_array_equal(vector, [0, 1, 2.5, 2.5, -(2.0**40)])
        assert text == "CONSTANT_2"

    def test_mul_op_L9570(self):
        """A float as the params, in C: one text for all values of it (L9489)."""
        x = scalar.float64("x")
        for factor in (2, 0.5):
            f = tcore.function([x], CMulOp(factor)(x), mode=CVM)
            assert f(3.0) == 3.0 * factor
        nodes = [CMulOp(factor)(x).owner for factor in (2, 0.5)]
        from tcore_cpu.user_code import module_text

        assert module_text(nodes[0]) == module_text(nodes[1])

    def test_mix_L9604_L9568(self):
        """Params that the constructor of the struct unpacks; there is no perform."""
        x, y = scalar.float64("x"), scalar.float64("y")
        f = tcore.function([x, y], Mix(2.0, 3.0)(x, y), mode=CVM)
        assert f(1.0, 10.0) == 32.0

    def test_mix_with_bad_params(self):
        """An error in c_init_code_struct stops the compilation."""
        x, y = scalar.float64("x"), scalar.float64("y")
        with pytest.raises(TypeError):
            tcore.function([x, y], Mix("two", 3.0)(x, y), mode=CVM)(1.0, 2.0)


class MulOp(Op):
    params_type = Generic()
    __props__ = ("mul",)

    def __init__(self, mul):
        self.mul = float(mul)

    def get_params(self, node):
        return self.mul

    def make_node(self, inp):
        inp = as_scalar(inp)
        return Apply(self, [inp], [inp.type()])

    def perform(self, node, inputs, output_storage, params):
        output_storage[0][0] = inputs[0] * params

    def c_code(self, node, name, inputs, outputs, sub):
        return "%(z)s = %(x)s * PyFloat_AsDouble(%(p)s);" % {"z": outputs[0], "x": inputs[0], "p": sub["params"]}


class CMulOp(MulOp):
    def perform(self, node, inputs, output_storage, params):
        raise AssertionError("C code was expected to run")


def test_mul_op_in_python_L9570():
    x = scalar.float64("x")
    assert tcore.function([x], MulOp(2)(x), mode="FAST_COMPILE")(3.0) == 6.0
    assert MulOp(2) == MulOp(2.0)
    assert MulOp(2)(x).owner.run_params() == 2.0


def test_perform_without_params_fails_L9562():
    """An op with params whose perform does not take them fails when it runs."""

    class Forgetful(MulOp):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]

    x = scalar.float64("x")
    f = tcore.function([x], Forgetful(2)(x), mode="FAST_COMPILE")
    with pytest.raises(TypeError, match="positional argument"):
        f(1.0)


def test_int_as_params_L9541():
    """The text speaks of an int, the code says Generic: any object will do."""

    class MyOp(MulOp):
        params_type = Generic()

        def get_params(self, node):
            return len(node.inputs) + 41

    x = scalar.float64("x")
    assert MyOp(1)(x).owner.run_params() == 42


def test_none_means_no_params_L9556_L9552():
    class Sometimes(MulOp):
        def get_params(self, node):
            return None

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] + 1

    x = scalar.float64("x")
    node = Sometimes(2)(x).owner
    assert node.run_params() is gof.graph.NoParams
    assert tcore.function([x], node.outputs[0], mode="FAST_COMPILE")(1.0) == 2.0


class Pair:
    def __init__(self, alpha, beta):
        self.alpha = alpha
        self.beta = beta

    def __hash__(self):
        return hash((type(self), self.alpha, self.beta))

    def __eq__(self, other):
        return type(self) is type(other) and self.alpha == other.alpha and self.beta == other.beta


class Mix(Op):
    """The listing, with its misprints put right: %(p)s and tmp (L9655)."""

    params_type = Generic()
    __props__ = ("alpha", "beta")

    def __init__(self, alpha, beta):
        self.alpha = alpha
        self.beta = beta

    def get_params(self, node):
        return Pair(alpha=self.alpha, beta=self.beta)

    def make_node(self, x, y):
        x = as_scalar(x)
        y = as_scalar(y)
        return Apply(self, [x, y], [x.type()])

    def c_support_code_struct(self, node, name):
        return """
        double alpha_%(name)s;
        double beta_%(name)s;
        """ % {"name": name}

    def c_init_code_struct(self, node, name, sub):
        return """{
        PyObject *tmp;
        tmp = PyObject_GetAttrString(%(p)s, "alpha");
        if (tmp == NULL)
            %(fail)s
        alpha_%(name)s = PyFloat_AsDouble(tmp);
        Py_DECREF(tmp);
        if (PyErr_Occurred())
            %(fail)s
        tmp = PyObject_GetAttrString(%(p)s, "beta");
        if (tmp == NULL)
            %(fail)s
        beta_%(name)s = PyFloat_AsDouble(tmp);
        Py_DECREF(tmp);
        if (PyErr_Occurred())
            %(fail)s
        }""" % {"name": name, "p": sub["params"], "fail": sub["fail"]}

    def c_code(self, node, name, inputs, outputs, sub):
        return """
        %(z)s = alpha_%(name)s * %(x)s + beta_%(name)s * %(y)s;
        """ % {"name": name, "z": outputs[0], "x": inputs[0], "y": inputs[1]}


def test_own_params_type_L9515_L9495():
    """filter, values_eq, equality and hash are all that a params Type needs in Python."""

    class AnyNumber:
        def filter(self, value, strict=False, allow_downcast=None):
            return float(value)

        def values_eq(self, a, b):
            return a == b

        def __eq__(self, other):
            return type(self) is type(other)

        def __hash__(self):
            return 17

    class Own(MulOp):
        params_type = AnyNumber()

        def get_params(self, node):
            return 3

        def perform(self, node, inputs, output_storage, params):
            assert type(params) is float
            output_storage[0][0] = inputs[0] * params

    x = scalar.float64("x")
    assert tcore.function([x], Own(1)(x), mode="FAST_COMPILE")(2.0) == 6.0
    assert ParamsType(own=AnyNumber()).get_params(own=2).own == 2.0
