"""Built-in scalar ops as documented C code: alone, wrapped and subclassed by users' ops."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
from tcore import scalar
from tcore.graph import Apply, MethodNotDefined, Op
from tcore.scalar.op import ScalarOp

user_modules = pytest.importorskip("tcore_cpu.user_code.modules", reason="tcore-cpu is not installed")
pytestmark = pytest.mark.skipif(user_modules.objection() is not None, reason=str(user_modules.objection()))

#: what has no form at some dtype, or a C form of its own elsewhere
BUILT_IN = {name: op for name in dir(scalar) if isinstance(op := getattr(scalar, name), ScalarOp)}


def block(inputs, outputs):
    """A function that is one block of C++; what the compiler makes of it in haste is good enough."""
    with tcore.change_flags(cmodule__remove_gxx_opt=True):
        return tcore.function(inputs, [Through()(inputs[0]), *outputs], mode=tcore.Mode(linker="c", optimizer=None), on_unused_input="ignore")


class Through(Op):
    """Brings C code of its own, so that the linker makes a block."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]};"

    def c_code_cache_version(self):
        return (1,)


def nodes_of(dtype):
    """One node for each op that takes this dtype, and has C code for it."""
    x, y, w = (scalar.get_scalar_type(dtype)(name) for name in "xyw")
    nodes = {}
    for name, op in BUILT_IN.items():
        try:
            node = op.make_node(*[x, y, w][: op.nin if op.nin > 0 else 2])
        except TypeError:  # complex values have no order, floats no bits
            continue
        nodes[name] = node
    return [x, y, w], nodes


@pytest.mark.parametrize(
    ("dtype", "cases"),
    [
        ("float64", [(0.3, 0.7, 1.5), (-2.5, 3.0, -1.0), (2.0, -0.5, 0.0)]),
        ("float32", [(0.3, 0.7, 1.5), (-2.5, 3.0, -1.0)]),
        ("int32", [(7, 3, 2), (-7, 3, 1), (-(2**31), 1, 0), (5, 0, 5)]),
        ("uint8", [(7, 3, 2), (25, 2, 1), (3, 0, 9)]),
        ("complex128", [(0.3 + 0.7j, -1.5 + 0.2j, 2j), (-2.0 - 1j, 0.5 - 3j, 1.0), (0.0, 1.0 + 1j, 3.0)]),
        ("complex64", [(0.3 + 0.7j, -1.5 + 0.2j, 2j)]),
        ("bool", [(True, False, True), (True, True, False)]),
    ],
)
def test_agrees_with_numpy(dtype, cases):
    """All ops of one dtype in one block, against what they are in NumPy and SciPy."""
    inputs, nodes = nodes_of(dtype)
    assert len(nodes) > 30
    f = block(inputs, [out for node in nodes.values() for out in node.outputs])
    for case in cases:
        values = [np.dtype(dtype).type(value) for value in case]
        _, *found = f(*values)
        for (name, node), got in zip(nodes.items(), found, strict=True):
            cell = [None]
            node.op.perform(node, [values[inputs.index(v)] for v in node.inputs], [cell])
            tolerance = 2e-6 if {"float32", "complex64"} & {dtype, node.outputs[0].dtype} else 1e-12
            # SciPy's j0 and j1 round x - pi / 4, which moves a wave of height sqrt(2 / (pi x))
            slack = abs(float(values[0])) ** 0.5 * np.finfo(float).eps if name in ("j0", "j1") else 0.0
            np.testing.assert_allclose(got, cell[0], rtol=tolerance, atol=tolerance / 100 + slack, err_msg=f"{name}{case}")
            assert np.asarray(got).dtype == node.outputs[0].dtype


def test_text_is_what_one_would_write():
    """As the documentation shows that of its own ``mul``."""
    node = scalar.mul.make_node(scalar.float64(), scalar.float64())
    assert scalar.mul.c_code(node, "n", ["x", "y"], ["z"], {"fail": ""}) == "z = x * y;"
    assert scalar.mul.supports_c_code(node.inputs, node.outputs)


def test_wrapped_by_a_users_op():
    """An op that calls the ``c_code`` of another on names of its own, and hands on its support code."""

    class Twice(Op):
        __props__ = ("inner",)

        def __init__(self, inner):
            self.inner = inner

        def make_node(self, x, y):
            return Apply(self, [x, y], [x.type()])

        def c_support_code(self):
            return self.inner.c_support_code()

        def c_code(self, node, name, inputs, outputs, sub):
            inner = self.inner.make_node(*node.inputs)
            once = self.inner.c_code(inner, name, inputs, outputs, sub)
            return once + self.inner.c_code(inner, name, [outputs[0], inputs[1]], outputs, sub)

        def c_code_cache_version(self):
            return (1, self.inner.c_code_cache_version())

    x, y = scalar.float64("x"), scalar.float64("y")
    f = tcore.function([x, y], [Twice(scalar.sub)(x, y), Twice(scalar.mod)(x, y)])
    assert f(10.0, 4.0) == [2.0, 2.0]


def test_subclasses():
    """A subclass may add to the text; one that computes something else in Python has none."""

    class AddOne(scalar.Mul):
        def impl(self, x, y):
            return x * y + 1

        def c_code(self, node, name, inputs, outputs, sub):
            return super().c_code(node, name, inputs, outputs, sub) + f" {outputs[0]} += 1;"

    class Other(scalar.Mul):
        def impl(self, x, y):
            return x - y

    x, y = scalar.float64("x"), scalar.float64("y")
    assert tcore.function([x, y], AddOne()(x, y) * 2)(3.0, 4.0) == 26.0
    assert AddOne().c_code_cache_version() == ()
    with pytest.raises(MethodNotDefined):
        Other().c_code(Other().make_node(x, y), "n", ["x", "y"], ["z"], {})
    assert tcore.function([x, y], Other()(x, y))(3.0, 4.0) == -1.0


def test_casts_to_integers():
    """Out of range as kernels say it: truncation to int32, then the low bits."""
    x = scalar.float64("x")
    f = block([x], [scalar.cast(x, dtype) for dtype in ("int8", "int32", "int64", "uint64", "bool")])
    assert f(-3.7)[1:4] == [-3, -3, -3]
    assert f(300.0)[1:] == [44, 300, 300, 300, True]
    assert f(float("nan"))[2:4] == [-(2**31), -(2**63)]


def test_composite():
    """Its steps in a block, each by its op's own text; a step that fails cleans up and leaves."""

    class Rooted(scalar.UnaryScalarOp):
        def c_support_code_apply(self, node, name):
            return f"static int freed_{name} = 0;"

        def c_code(self, node, name, inputs, outputs, sub):
            return f"""double* held = (double*) malloc(sizeof(double));
                if ({inputs[0]} < 0) {{ PyErr_Format(PyExc_ValueError, "negative after %d", freed_{name}); {sub["fail"]} }}
                *held = sqrt({inputs[0]}); {outputs[0]} = *held;"""

        def c_code_cleanup(self, node, name, inputs, outputs, sub):
            return f"free(held); freed_{name}++;"

        def c_code_cache_version(self):
            return (1,)

    rooted = Rooted(scalar.upgrade_to_float)
    x, y = scalar.float64("x"), scalar.int64("y")
    composite = scalar.Composite([x, y], [rooted(x * y) + scalar.constant(0.25), scalar.mod(y, scalar.constant(3, dtype="int64"))])
    f = tcore.function([x, y], composite(x, y), mode=tcore.Mode(linker="c", optimizer=None))
    assert f(2.0, 8) == [4.25, 2]
    with pytest.raises(ValueError, match="negative after 1"):
        f(-2.0, 8)
    with pytest.raises(ValueError, match="negative after 2"):
        f(-2.0, 8)
