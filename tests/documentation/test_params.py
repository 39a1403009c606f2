"""The documentation's examples of ops with parameters, in Python and in C; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
from tcore import Op, gof, scalar, tensor
from tcore.gof import Apply, CEnumType, EnumList, EnumType, ParamsType
from tcore.gof.type import Generic
from tcore.scalar import Scalar, as_scalar
from tcore.tensor import TensorType, dmatrix

ON_CPU = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]
CVM = tcore.Mode("cvm", None)


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
        """A float as the params, in C: one text for all values of it (L9489).

        The listing with its two slips mended: the names in the text stand as ``%(z)s`` (L9469), and all of it is formatted with a dict (L9577).
        """
        x = scalar.float64("x")
        for factor in (2, 0.5):
            f = tcore.function([x], CMulOp(factor)(x), mode=CVM)
            assert f(3.0) == 3.0 * factor
        nodes = [CMulOp(factor)(x).owner for factor in (2, 0.5)]
        from tcore_cpu.user_code.methods import module_text

        assert module_text(nodes[0]) == module_text(nodes[1])

    def test_mix_L9604_L9568_L9626(self):
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
