"""Scalar graphs: types, constants, operators, ops, Composite."""

import pickle

import numpy as np
import pytest

from tcore import scalar
from tcore.codegen.complex_formulas import COMPLEX_FORMULAS
from tcore.codegen.functions import FUNCTIONS
from tcore.codegen.scalar_ops import FORMULAS
from tcore.configuration import config
from tcore.graph import Apply, Generic, MethodNotDefined
from tcore.scalar import Composite, Scalar, ScalarOp, UnaryScalarOp
from tcore.scalar.conversion import as_scalar

#: the ops of the package by name
OPS = {name: op for name in dir(scalar) if isinstance(op := getattr(scalar, name), ScalarOp)}


def run(variable, values):
    """The value of a scalar graph, node by node."""
    known = dict(values)
    stack = [variable]
    while stack:
        v = stack[-1]
        if v in known:
            stack.pop()
        elif v.owner is None:
            known[v] = v.data
        else:
            missing = [i for i in v.owner.inputs if i not in known]
            stack.extend(missing)
            if not missing:
                cells = [[None] for _ in v.owner.outputs]
                v.owner.op.perform(v.owner, [known[i] for i in v.owner.inputs], cells)
                known.update(zip(v.owner.outputs, (c[0] for c in cells), strict=True))
    return known[variable]


def test_type():
    """One type per dtype, equal by dtype, printed by it."""
    assert Scalar("float64") == scalar.float64
    assert hash(Scalar("int8")) == hash(scalar.int8)
    assert str(scalar.float32) == "float32"
    assert repr(scalar.float32) == "Scalar(float32)"
    assert pickle.loads(pickle.dumps(scalar.float64)) == scalar.float64
    assert scalar.float64("x").type is scalar.float64
    assert [v.name for v in scalar.floats("a", "b")] == ["a", "b"]
    with pytest.raises(TypeError, match="no such element type"):
        Scalar("text")


def test_filter():
    """Values become NumPy scalars where nothing is lost."""
    assert type(scalar.float64.filter(1)) is np.float64
    assert scalar.float64.filter(0.1) == 0.1
    assert type(scalar.int8.filter(100)) is np.int8
    assert scalar.float32.filter(0.1, allow_downcast=True) == np.float32(0.1)
    assert np.isnan(scalar.float32.filter(float("nan")))
    for kind, value in [(scalar.int8, 300), (scalar.int32, 1.5), (scalar.float32, 0.1), (scalar.float64, "1"), (scalar.float64, [1.0]), (scalar.float64, 1j)]:
        with pytest.raises(TypeError):
            kind.filter(value)
    with pytest.raises(TypeError, match="strictly"):
        scalar.float64.filter(1.0, strict=True)
    with config.change_flags(floatX="float32"):
        assert scalar.float32.filter(0.1) == np.float32(0.1)


def test_values_eq():
    """NaN equals NaN, and approximate equality forgives rounding."""
    assert scalar.float64.values_eq(np.float64("nan"), np.float64("nan"))
    assert scalar.float64.values_eq_approx(1.0, 1.0 + 1e-7)
    assert not scalar.float64.values_eq_approx(1.0, 1.01)


def test_c_interface():
    """The documented C methods give text for a plain number."""
    kind = scalar.float64
    assert kind.c_element_type() == "npy_float64"
    assert kind.c_is_simple()
    assert "npy_float64 x;" in kind.c_declare("x", {"fail": ""})
    assert "typedef npy_float64 dtype_x;" in kind.c_declare("x", {"fail": ""})
    assert "goto out;" in kind.c_extract("x", {"fail": "goto out;"})
    assert "goto out;" not in kind.c_extract("x", {"fail": "goto out;"}, check_input=False)
    assert "PyArray_Scalar" in kind.c_sync("x", {"fail": "goto out;"})
    assert scalar.int64.c_literal(-(2**63)) == "((npy_int64)(-9223372036854775807LL - 1))"
    assert float.fromhex(kind.c_literal(0.1).split(")", 1)[1][:-1]) == 0.1
    assert "NAN" in kind.c_literal(float("nan"))
    assert "-INFINITY" in kind.c_literal(-np.inf)


def test_upcast():
    """Common dtypes, by name."""
    assert scalar.upcast("int8", "float32") == "float32"
    assert scalar.upcast("int32", "float32") == "float64"
    assert scalar.upcast("int64", "uint64") == "float64"
    assert scalar.upcast("bool", "int8") == "int8"
    assert scalar.upcast("float32") == "float32"


def test_operators():
    """Python's operators build scalar graphs; constants print as numbers do."""
    x, y = scalar.float64("x"), scalar.float64("y")
    z = (x + 2) * y - x / y + x**2 - (-y) + x % y + x // y
    values = {x: np.float64(3.5), y: np.float64(1.25)}
    a, b = 3.5, 1.25
    assert run(z, values) == (a + 2) * b - a / b + a**2 + b + a % b + a // b
    assert str(scalar.constant(3)) == "Constant{3}"
    assert str((x + y).owner) == "add(x, y)"
    assert (x < y).dtype == "bool"
    assert run(abs(-x), values) == 3.5
    i = scalar.int64("i")
    assert run((i & 6) | 1 ^ ~i, {i: np.int64(5)}) == (5 & 6) | 1 ^ ~5
    assert x.astype("float64") is x
    assert x.astype("float32").dtype == "float32"
    assert run(x.zeros_like() + x.ones_like(), values) == 1


def test_as_scalar():
    """Numbers become constants; anything else is refused."""
    assert as_scalar(0.5).dtype == "float32"
    assert as_scalar(300).dtype == "int16"
    for value in ("text", np.zeros(2), object()):
        with pytest.raises(TypeError):
            as_scalar(value)


def test_op_equality():
    """Equal by class and by a preference given to the instance; names do not count."""
    assert scalar.Add() == scalar.add
    assert scalar.Add(scalar.upgrade_to_float) != scalar.add
    assert scalar.cast_op("float32") == scalar.Cast(scalar.float32)
    assert scalar.cast_op("float32") != scalar.cast_op("float64")
    assert scalar.inopenrange != scalar.inclosedrange
    assert len({scalar.add, scalar.Add(), scalar.mul}) == 2
    for op in (scalar.add, scalar.cast_op("int8"), scalar.inopenrange, scalar.second, scalar.abs_):
        assert pickle.loads(pickle.dumps(op)) == op


def test_every_op_pickles():
    """Ops of the package survive a pickle."""
    found = OPS.values()
    assert len(found) > 70
    for op in found:
        assert pickle.loads(pickle.dumps(op)) == op


def test_names_in_loop_code():
    """A class that names a function of loop code computes that function; names of classes mean nothing."""
    for op in OPS.values():
        if not isinstance(op, scalar.Composite) and op.loop_name:
            assert op.loop_name in {*FUNCTIONS, *FORMULAS, *COMPLEX_FORMULAS}
    assert scalar.exp.loop_name == "exp"
    assert scalar.round_half_to_even.loop_name == "rint"
    assert type("Log", (scalar.UnaryScalarOp,), {}).loop_name == ""
    assert type("Exp", (scalar.Exp,), {}).loop_name == ""


def test_wrong_number_of_inputs():
    """A count that does not fit is named."""
    with pytest.raises(TypeError, match="takes 2 inputs, got 1"):
        scalar.sub(scalar.float64())


def test_undefined_parts():
    """An op without impl, gradient or C code says so."""

    class Nothing(UnaryScalarOp):
        pass

    op = Nothing(scalar.same_out)
    x = scalar.float64("x")
    node = op.make_node(x)
    assert isinstance(node, Apply)
    with pytest.raises(MethodNotDefined):
        op.impl(1.0)
    with pytest.raises(MethodNotDefined):
        op.L_op([x], node.outputs, [x])
    with pytest.raises(NotImplementedError, match="output_types_preference"):
        Nothing()(x)
    assert not op.supports_c_code([x], node.outputs)
    with pytest.raises(TypeError, match="callable"):
        Nothing(3)


def test_supports_c_code():
    """C code of the documented form is recognised."""

    class WithC(UnaryScalarOp):
        def c_code(self, node, name, inputs, outputs, sub):
            (x,), (z,) = inputs, outputs
            return f"{z} = {x} + 1;"

    op = WithC(scalar.same_out)
    x = scalar.float64("x")
    assert op.supports_c_code([x], op.make_node(x).outputs)


def test_composite_text_and_values():
    """A Composite prints its formula, computes it, and unfolds others inside it."""
    x, y = scalar.float64("x"), scalar.float64("y")
    inner = Composite([x, y], [x * y])
    outer = Composite([x, y], [x + inner(x, y)])
    assert str(outer) == "Composite{(i0 + (i0 * i1))}"
    assert outer == Composite([y, x], [y + y * x])
    assert hash(outer) == hash(Composite([y, x], [y + y * x]))
    assert run(outer(x, y), {x: np.float64(2), y: np.float64(3)}) == 8
    gt = Composite([x, y], [scalar.gt(scalar.scalar_sigmoid(-((-x) - y)), y)])
    assert str(gt) == "Composite{GT(scalar_sigmoid((-((-i0) - i1))), i1)}"
    assert str(Composite([x], [scalar.sqr(x) + 2.0])) == "Composite{(sqr(i0) + 2.0)}"
    two = Composite([x], [x + 1, scalar.exp(x)])
    assert str(two) == "Composite{(i0 + 1), exp(i0)}"
    copy = pickle.loads(pickle.dumps(two))
    assert copy == two
    assert copy.nout == 2


def test_composite_shares_and_checks():
    """Equal steps are kept once; unknown variables and other dtypes are refused."""
    x, y = scalar.float64("x"), scalar.float64("y")
    op = Composite([x], [scalar.exp(x) + scalar.exp(x)])
    assert len(op.steps) == 2
    with pytest.raises(ValueError, match="not among its inputs"):
        Composite([x], [x + y])
    with pytest.raises(TypeError, match="takes float64"):
        op(scalar.float32())
    assert op.L_op([y], op.make_node(y).outputs, [x])[0].dtype == "float64"


def test_composite_is_iterative():
    """A chain of thousands of operations is built, printed, pickled and computed without recursion."""
    x = scalar.float64("x")
    v = x
    for _ in range(5_000):
        v = v + x
    op = Composite([x], [v])
    assert len(str(op)) < 10_000
    copy = pickle.loads(pickle.dumps(op))
    assert copy == op
    assert op.impl(1.0) == 5_001


def test_reflected_operators_and_parts():
    """Numbers on the left; comparisons; rounding; parts of real and complex numbers: as Python does it."""
    import math

    x, i = scalar.float64("x"), scalar.int64("i")
    values = {x: np.float64(2.75), i: np.int64(6)}
    for variable, expected in [
        (7 - x, 7 - 2.75),
        (7 + x, 7 + 2.75),
        (7 * x, 7 * 2.75),
        (7 / x, 7 / 2.75),
        (7 // x, 7 // 2.75),
        (7 % x, 7 % 2.75),
        (2**x, 2**2.75),
        (x <= 2.75, True),
        (x > 2.75, False),
        (x >= 2.75, True),
        (x < 2.75, False),
        (math.ceil(x), 3.0),
        (math.floor(x), 2.0),
        (math.trunc(-x), -2.0),
        (3 & i, 3 & 6),
        (3 | i, 3 | 6),
        (3 ^ i, 3 ^ 6),
        (i ^ 3, 3 ^ 6),
    ]:
        assert run(variable, values) == pytest.approx(expected, rel=1e-15)
    assert x.ndim == 0
    assert x.real is x
    assert run(x.imag, values) == 0.0
    c = scalar.complex128("c")
    point = {c: np.complex128(1 + 2j)}
    assert (run(c.real, point), run(c.imag, point), run(c.conj(), point)) == (1.0, 2.0, 1 - 2j)


def test_directional_derivative_of_a_scalar_op():
    """By ``L_op``, which is linear: the sum over inputs; None where a direction is None."""
    x, y, u, w = (scalar.float64(name) for name in "xyuw")
    (along,) = scalar.mul.R_op([x, y], [u, w])
    given = {x: np.float64(2.0), y: np.float64(3.0), u: np.float64(5.0), w: np.float64(7.0)}
    assert run(along, given) == 5 * 3 + 7 * 2
    assert scalar.mul.R_op([x, y], [u, None]) == [None]


def _applications():
    """(name of the op, dtypes of its inputs) for every op of the package and the kinds of numbers that it takes."""
    for name, op in OPS.items():
        if isinstance(op, Composite):
            continue
        for dtype in ("float64", "float32", "float16", "int8", "uint16", "bool", "complex128"):
            dtypes = [dtype] * (op.nin if op.nin > 0 else 2)
            if name == "polygamma":
                dtypes[0] = "int64"
            try:
                op.make_node(*[scalar.get_scalar_type(each)() for each in dtypes])
            except TypeError:
                continue
            if dtype == "bool" and name in ("sub", "neg", "sgn", "inv", "int_div", "mod", "pow", "complex_from_polar", "conj"):
                continue  # NumPy knows none of them, or not these
            yield name, tuple(dtypes)


@pytest.mark.parametrize(("name", "dtypes"), list(_applications()))
def test_numbers_and_arrays_agree(name, dtypes):
    """``perform`` on numbers, and ``on_arrays`` with and without an array to write into, which may be one of the inputs."""
    op = getattr(scalar, name)
    arrays = [np.array([0.25, 0.5, 0.75, 1.0], "float64") * (k + 1) for k in range(len(dtypes))]
    if not dtypes[-1].startswith(("float", "complex")):
        arrays = [np.array([1, 2, 1, 3]) for _ in arrays]
    arrays = [array.astype(dtype) for array, dtype in zip(arrays, dtypes, strict=True)]
    node = op.make_node(*[scalar.get_scalar_type(dtype)() for dtype in dtypes])
    out = node.outputs[0].type.dtype
    with np.errstate(all="ignore"):
        (found,) = op.on_arrays([a.copy() for a in arrays], [out], [None])
        target = np.zeros(4, out)
        (written,) = op.on_arrays([a.copy() for a in arrays], [out], [target])
        assert written is target
        if out == dtypes[0]:
            own = [a.copy() for a in arrays]
            op.on_arrays(own, [out], [own[0]])
            np.testing.assert_array_equal(own[0], found)
    assert found.dtype == out
    np.testing.assert_array_equal(written, found)
    for k, value in enumerate(found):
        storage = [[None]]
        op.perform(node, [a[k] for a in arrays], storage)
        assert storage[0][0].dtype == out
        np.testing.assert_allclose(storage[0][0], value, rtol={"float16": 2e-3, "float32": 2e-6, "complex64": 2e-6}.get(out, 1e-12), atol=0)


def test_small_integers_in_full_precision():
    """NumPy computes functions of int8 in half precision; a graph says that the result is float32."""
    x = scalar.int8("x")
    assert run(scalar.arccos(x), {x: np.int8(0)}) == np.float32(np.pi / 2)
    assert run(scalar.complex_from_polar(x, x), {x: np.int8(1)}) == pytest.approx(np.exp(1j), rel=1e-6)
    with pytest.raises(TypeError, match="a complex number is made of two real ones, got complex128, float64"):
        scalar.complex(scalar.complex128(), scalar.float64())


def test_parts_that_are_no_numbers():
    """Infinite imaginary parts leave the real part alone, of one number as of arrays."""
    made = scalar.complex.impl(1.0, np.inf)
    assert (made.real, made.imag) == (1.0, np.inf)
    turned = scalar.complex_from_polar.impl(np.inf, 1.0)
    assert (turned.real, turned.imag) == (np.inf, np.inf)


def test_preferences():
    """Output types by rule: of floats only, always of one type, that of another input."""
    assert scalar.preferences.float_out() == (scalar.get_scalar_type(config.floatX),)
    assert scalar.Exp(scalar.transfer_type(0)) == scalar.Exp(scalar.transfer_type(0))
    assert scalar.transfer_type(0) != scalar.transfer_type(1)
    assert hash(scalar.transfer_type(0)) == hash(scalar.transfer_type(0))
    x = scalar.float32("x")
    assert scalar.Add(scalar.same_out)(x, x).type == scalar.float32


def test_conversion_of_what_is_no_scalar():
    """Numbers that no type holds, variables of other types."""
    with pytest.raises(OverflowError, match="no integer type holds"):
        as_scalar(2**64)
    with pytest.raises(OverflowError, match="no integer type holds"):
        as_scalar(-(2**63) - 1)
    assert as_scalar(2**64 - 1).type == scalar.uint64
    with pytest.raises(TypeError, match="is no scalar"):
        as_scalar(Generic()("g"))


def test_composite_as_a_graph():
    """Its inner graph can be had again; a name prints instead of it; outputs that are inputs, or one another, are arrays of their own."""
    x, y = scalar.float64("x"), scalar.float64("y")
    op = Composite([x, y], [scalar.add(x, y), x, scalar.add(x, y), scalar.mul(scalar.constant(2.0), scalar.constant(3.0))], name="pair")
    assert str(op) == "pair"
    inputs, outputs = op.fgraph
    assert [v.type for v in inputs] == [scalar.float64] * 2
    assert run(outputs[0], dict(zip(inputs, (2.0, 3.0), strict=True))) == 5
    assert [v.type for v in op.inputs] == [scalar.float64] * 2
    a, b = np.array([1.0, 2.0]), np.array([[10.0], [20.0]])
    found = op.on_arrays([a, b], ["float64"] * 4, [None] * 4)
    for value, expected in zip(found, (a + b, a + 0 * b, a + b, 6 + 0 * (a + b)), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert not any(np.shares_memory(found[k], each) for k in range(4) for each in (*found[:k], a, b))
    with pytest.raises(TypeError, match="takes float64, float64, got float32, float64"):
        op.make_node(scalar.float32(), scalar.float64())
