"""The documentation's Type `double` and the ops on it, in Python; its lines in the names. In C: test_c_blocks.py."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
from tcore import gof

PYTHON = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def double_filter(x, strict=False, allow_downcast=None):
    if strict:
        if isinstance(x, float):
            return x
        raise TypeError("Expected a float!")
    if allow_downcast:
        return float(x)
    x_float = float(x)
    if x_float == x:
        return x_float
    raise TypeError(
        "The double type cannot accurately represent value %s (of type %s): you must explicitly allow downcasting if you want "
        "to do this." % (x, type(x))
    )


def double_values_eq_approx(x, y, tolerance=1e-4):
    return abs(x - y) / (abs(x) + abs(y)) < tolerance


class Double(gof.Type):
    def filter(self, x, strict=False, allow_downcast=None):
        return double_filter(x, strict, allow_downcast)

    def values_eq_approx(self, x, y, tolerance=1e-4):
        return double_values_eq_approx(x, y, tolerance)

    def __str__(self):
        return "double"


double = Double()


class BinaryDoubleOp(gof.Op):
    __props__ = ("name", "fn")

    def __init__(self, name, fn):
        self.name = name
        self.fn = fn

    def make_node(self, x, y):
        if isinstance(x, (int, float)):
            x = gof.Constant(double, x)
        if isinstance(y, (int, float)):
            y = gof.Constant(double, y)
        if x.type != double or y.type != double:
            raise TypeError("%s only works on doubles" % self.name)
        return gof.Apply(self, [x, y], [double()])

    def perform(self, node, inp, out):
        x, y = inp
        (z,) = out
        z[0] = self.fn(x, y)

    def __str__(self):
        return self.name


add = BinaryDoubleOp(name="add", fn=lambda x, y: x + y)
sub = BinaryDoubleOp(name="sub", fn=lambda x, y: x - y)
mul = BinaryDoubleOp(name="mul", fn=lambda x, y: x * y)
div = BinaryDoubleOp(name="div", fn=lambda x, y: x / y)


# ------------------------------------------------------------ the Type


def test_strict_filter_L8041_L5501():
    """strict gives the very object, and refuses an int."""
    x = 1.25
    assert double.filter(x, strict=True) is x
    with pytest.raises(TypeError, match="Expected a float!"):
        double.filter(1, strict=True)
    assert double.is_valid_value(1.5)
    assert not double.is_valid_value(1)
    assert "Expected a float!" in double.value_validity_msg(1)


def test_filter_with_downcast_L8047():
    assert double.filter(2**53 + 1, allow_downcast=True) == float(2**53 + 1)


def test_filter_without_downcast_L8049():
    """None and False convert what stays the same number."""
    for allow in (None, False):
        assert double.filter(3, allow_downcast=allow) == 3.0
        assert type(double.filter(3, allow_downcast=allow)) is float
        with pytest.raises(TypeError, match=r"cannot accurately represent value 9007199254740993 \(of type <class 'int'>\)"):
            double.filter(2**53 + 1, allow_downcast=allow)


def test_values_eq_approx_L8067():
    """a + a + a + a + a + a is as good as 6 * a; the extra argument has a default."""
    a = 0.1
    assert a + a + a + a + a + a != 6 * a
    assert double.values_eq_approx(a + a + a + a + a + a, 6 * a)
    assert not double.values_eq_approx(1.0, 1.1)
    assert double.values_eq_approx(1.0, 1.1, tolerance=0.5)


def test_zeros_divide_by_zero_L9149():
    """Both printed forms fail for two zeros; the final one, without abs, also accepts any negative numbers."""
    with pytest.raises(ZeroDivisionError):
        double.values_eq_approx(0.0, 0.0)
    assert abs(-1.0 - -2.0) / (-1.0 + -2.0) < 1e-4  # the final listing calls -1 and -2 equal


@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("linker", ["cvm", "py"])
def test_final_filter_L9139(linker, backend):
    """Strict: a float or a TypeError with the listing's words; else ``float(x)``, whatever ``allow_downcast`` says."""

    class Double(gof.Type):
        def filter(self, x, strict=False, allow_downcast=None):
            if strict and not isinstance(x, float):
                raise TypeError("Expected a float!")
            return float(x)

    kind = Double()
    for allowed in (None, False, True):
        assert kind.filter(3, allow_downcast=allowed) == 3.0
        with pytest.raises(TypeError, match="Expected a float!"):
            kind.filter(3, strict=True, allow_downcast=allowed)
    x = kind("x")
    assert type(tcore.function([tcore.In(x, allow_downcast=False)], x, mode=tcore.Mode(linker, None))(3)) is float
    with pytest.raises(TypeError, match="Expected a float!"):
        tcore.function([tcore.In(x, strict=True)], x, mode=tcore.Mode(linker, None))(3)


def test_plain_type_with_methods_L8086():
    """A plain Type is usable once it has functions without self."""
    plain = gof.Type()
    plain.filter = double_filter
    plain.values_eq_approx = double_values_eq_approx
    x = plain("x")
    assert x.type is plain
    assert x.name == "x"
    assert plain.is_valid_value(1.5)
    assert not plain.is_valid_value(1)
    assert plain == plain
    assert plain != gof.Type()
    identity = gof.Op()
    identity.make_node = lambda v: gof.Apply(identity, [v], [plain()])

    def perform(node, inputs, outputs):
        outputs[0][0] = inputs[0] + 1

    identity.perform = perform
    assert tcore.function([x], identity(x))(3) == 4.0


def test_instances_differ_by_default_L8118():
    assert (Double() == Double()) is False
    assert hash(double) == hash(double)


def test_three_cures_L8129_L8133():
    """Equality of the class with a hash to match, one instance only, or a single name."""

    class ByClass(Double):
        def __eq__(self, other):
            return type(self) is ByClass and type(other) is ByClass

        def __hash__(self):
            return hash(ByClass)

    class Single(Double):
        _instance = None

        def __new__(cls):
            if cls._instance is None:
                cls._instance = super().__new__(cls)
            return cls._instance

    assert ByClass() == ByClass()
    assert {ByClass(): 1}[ByClass()] == 1
    assert Single() is Single()
    assert double == double


def test_text_L8181():
    assert str(double) == "double"
    assert str(double("x")) == "x"
    assert str(double()) == "<double>"


# ------------------------------------------------------------ ops on it


class TestMulByHand:
    """mul as a plain Op with functions set on it."""

    pytestmark = PYTHON

    @pytest.fixture
    def mul(self):
        mul = gof.Op()

        def make_node(x, y):
            if x.type != double or y.type != double:
                raise TypeError("mul only works on doubles")
            return gof.Apply(mul, [x, y], [double()])

        def perform(node, inputs, output_storage):
            x, y = inputs[0], inputs[1]
            z = output_storage[0]
            z[0] = x * y

        mul.make_node = make_node
        mul.perform = perform
        return mul

    def test_other_operands_L8448(self, mul):
        with pytest.raises(TypeError, match="mul only works on doubles"):
            mul(double("x"), tcore.tensor.dscalar("y"))

    def test_run_L8495_L8506(self, mul):
        """Ints become floats on their way through filter."""
        x, y = double("x"), double("y")
        f = tcore.function([x, y], mul(x, y))
        assert f(5, 6) == 30.0
        assert type(f(5, 6)) is float
        assert f(5.6, 6.7) == 37.519999999999996

    def test_number_without_wrapping_L8508(self, mul):
        with pytest.raises(AttributeError, match="'int' object has no attribute 'type'"):
            mul(double("x"), 2)

    def test_number_with_wrapping_L8538_L8525(self, mul):
        bare = mul.make_node

        def make_node(x, y):
            x, y = (gof.Constant(double, v) if isinstance(v, (int, float)) else v for v in (x, y))
            return bare(x, y)

        mul.make_node = make_node
        x = double("x")
        f = tcore.function([x], mul(x, 2))
        assert f(10) == 20.0
        assert np.allclose(f(3.4), 6.8)


class TestBinaryDoubleOp:
    pytestmark = PYTHON

    @pytest.mark.parametrize(("op", "expected"), [(add, 8.0), (sub, 4.0), (mul, 12.0), (div, 3.0)])
    def test_four_ops_L8557_L8551(self, op, expected):
        x, y = double("x"), double("y")
        assert tcore.function([x, y], op(x, y))(6, 2) == expected
        assert tcore.function([x], op(x, 2))(6) == expected

    def test_text_and_equality_L8557(self):
        fn = mul.fn
        assert str(mul) == "mul"
        assert BinaryDoubleOp("mul", fn) == mul
        assert hash(BinaryDoubleOp("mul", fn)) == hash(mul)
        assert mul != add

    def test_wrong_type_L8557(self):
        with pytest.raises(TypeError, match="div only works on doubles"):
            div(double("x"), tcore.tensor.dscalar())

    def test_any_number_of_arguments_L8605(self):
        """The exercise: how many arguments there are is a parameter, too."""

        class DoubleOp(gof.Op):
            __props__ = ("name", "fn", "nin")

            def __init__(self, name, fn, nin):
                self.name, self.fn, self.nin = name, fn, nin

            def make_node(self, *inputs):
                if len(inputs) != self.nin:
                    raise TypeError(f"{self.name} takes {self.nin} arguments")
                inputs = [gof.Constant(double, v) if isinstance(v, (int, float)) else v for v in inputs]
                if any(v.type != double for v in inputs):
                    raise TypeError(f"{self.name} only works on doubles")
                return gof.Apply(self, inputs, [double()])

            def perform(self, node, inputs, outputs):
                outputs[0][0] = self.fn(*inputs)

            def __str__(self):
                return self.name

        x, y, z = double("x"), double("y"), double("z")
        negate = DoubleOp("negate", lambda a: -a, 1)
        muladd = DoubleOp("muladd", lambda a, b, c: a * b + c, 3)
        assert tcore.function([x, y, z], muladd(x, negate(y), z))(2, 3, 10) == 4.0
        with pytest.raises(TypeError, match="takes 3 arguments"):
            muladd(x, y)


def test_pickle_of_a_graph_of_doubles():
    """Types and ops defined in a module travel with their graphs."""
    fgraph_inputs, out = pickle.loads(pickle.dumps(([double("x")], double("y"))))
    assert fgraph_inputs[0].name == "x"
    assert type(out.type) is Double
