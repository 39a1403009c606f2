"""The documentation's pages on elementwise ops and reductions, ``tensor.elemwise``; its lines in the names and ids."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.tensor.elemwise import All, Any, CAReduce, CAReduceDtype, DimShuffle, Elemwise, Prod, ProdWithoutZeros, Sum

RNG = np.random.default_rng(24)
FAST = "FAST_COMPILE"
PLAIN = tcore.Mode("py", None)


def compute(op, *values, mode=FAST):
    """The op applied to arrays; axes of length 1 are broadcastable."""
    values = [np.asarray(value) for value in values]
    variables = [T.TensorType(value.dtype.name, [length == 1 for length in value.shape])() for value in values]
    return tcore.function(variables, op(*variables), mode=mode)(*values)


# ------------------------------------------------------------ reductions

BITS = np.array([[0b1100, 0b1010], [0b0110, 0b0110], [0b0001, 0b1000]])
REDUCTIONS = {
    "add": (scalar.add, np.add), "mul": (scalar.mul, np.multiply), "maximum": (scalar.maximum, np.maximum), "minimum": (scalar.minimum, np.minimum),
    "or_": (scalar.or_, np.bitwise_or), "and_": (scalar.and_, np.bitwise_and), "xor": (scalar.xor, np.bitwise_xor),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(name, id=f"{name}_L24430") for name in REDUCTIONS])
def test_reductions_by_any_op_L24412_L24442(name):
    """Axes as an int, a list, or None for all; what is reduced is gone. The op is commutative and associative: no order is promised."""
    op, ufunc = REDUCTIONS[name]
    for axis in (0, 1, [0, 1], None):
        found = compute(CAReduce(op, axis), BITS)
        np.testing.assert_array_equal(found, ufunc.reduce(BITS, axis=tuple(axis) if isinstance(axis, list) else axis))
    np.testing.assert_array_equal(compute(CAReduce(op, 0), BITS[[2, 0, 1]]), compute(CAReduce(op, 0), BITS))


def test_refused_reductions_L24412():
    """The op has two inputs, or any number, and one output."""
    for op, said in ((scalar.neg, "1 inputs and 1 outputs"), (scalar.switch, "3 inputs and 1 outputs")):
        with pytest.raises(TypeError, match=said):
            CAReduce(op, 0)


def test_truth_values_L24404_L24408():
    """All and Any, along axes or over everything."""
    table = np.array([[True, True, False], [True, False, False]])
    for axis in (None, 0, 1, (0, 1)):
        np.testing.assert_array_equal(compute(All(axis), table), table.all(axis=axis))
        np.testing.assert_array_equal(compute(Any(axis), table), table.any(axis=axis))
    assert not compute(All(), np.array([3, 0]))
    assert compute(Any(), np.array([3, 0]))


@pytest.mark.parametrize(
    ("dtype", "result", "accumulator"),
    [
        ("int8", "int64", "int64"), ("int16", "int64", "int64"), ("int32", "int64", "int64"), ("int64", "int64", "int64"), ("uint8", "uint64", "uint64"),
        ("uint32", "uint64", "uint64"), ("uint64", "uint64", "uint64"), ("float32", "float32", "float64"), ("float64", "float64", "float64"),
        ("complex64", "complex64", "complex128"), ("complex128", "complex128", "complex128"),
    ],
)  # fmt: skip
def test_dtypes_of_reductions_L24446_L24468_L24474_L24621(dtype, result, accumulator):
    """Small integers become 64 bits wide whatever the machine; others keep their dtype, and are accumulated in the widest of their kind."""
    x = T.TensorType(dtype, (False,))()
    for op in (Sum(), CAReduceDtype(scalar.add), Prod()):
        node = op(x).owner
        assert node.outputs[0].dtype == result
        assert node.op.acc_dtype == accumulator
    assert Sum(acc_dtype=accumulator)(x).dtype == result, "the dtype of the result does not depend on that of the accumulator"
    assert compute(Sum(), np.full(3, 1, dtype)) == 3


def test_accumulator_L24446_L24459():
    """The sum is made in ``acc_dtype``, then cast to ``dtype``."""
    large = np.array([2**24, 1, 1, 1, 1], "float32")
    assert compute(CAReduceDtype(scalar.add, dtype="float32", acc_dtype="float64"), large) == 2**24 + 4
    assert compute(CAReduceDtype(scalar.add, dtype="int8", acc_dtype="int64"), np.array([100, 100, -90])) == 110
    found = compute(CAReduceDtype(scalar.add, dtype="float64"), np.array([200, 100], "uint8"))
    assert found == 300
    assert found.dtype == "float64"


@pytest.mark.parametrize("axis", [None, 0, [0, 1], (1,)], ids=str)
def test_sums_and_products_L24590_L24621(axis):
    """Sum and Prod with an axis of each form, and the gradient that makes them more than a CAReduce."""
    a = RNG.uniform(0.5, 2, size=(2, 3))
    axes = tuple(axis) if isinstance(axis, list) else axis
    np.testing.assert_allclose(compute(Sum(axis), a), a.sum(axis=axes))
    np.testing.assert_allclose(compute(Prod(axis), a), a.prod(axis=axes))
    for op in (Sum(axis), Prod(axis), Prod(axis, no_zeros_in_input=True)):
        T.verify_grad(op, [a], n_tests=1, rng=np.random.RandomState(1), mode=FAST)


@pytest.mark.parametrize("mode", [FAST, "FAST_RUN"])
@pytest.mark.parametrize(("values", "gradient"), [([2, 3, 4], [12, 8, 6]), ([0, 3, 4], [12, 0, 0]), ([0, 0, 4], [0, 0, 0])], ids=str)
def test_gradient_of_a_product_L24609(values, gradient, mode):
    """No zero, one, or several: no division by 0 in any case. (L24599)"""
    x = T.dvector("x")
    f = tcore.function([x], T.grad(Prod()(x), x), mode=mode)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(f(np.array(values, "float64")), gradient)


def test_groups_have_their_own_zeros_L24599():
    """Each group of a matrix is its own case."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.grad(Prod(1)(x).sum(), x), mode=FAST)
    np.testing.assert_array_equal(f([[2, 3, 4], [0, 3, 4], [0, 0, 4]]), [[12, 8, 6], [12, 0, 0], [0, 0, 0]])


def test_promise_of_no_zeros_L24592():
    """With the promise only the division is left in the gradient; it is part of what the op is."""
    x = T.dvector("x")

    def ops(op):
        return {type(node.op) for node in tcore.graph.io_toposort([x], [T.grad(op(x), x)])}

    assert ProdWithoutZeros in ops(Prod())
    assert ProdWithoutZeros not in ops(Prod(no_zeros_in_input=True))
    assert Prod(no_zeros_in_input=True) != Prod()


def test_product_without_zeros_L24617():
    """Zeros are no factors."""
    a = np.array([[0.0, 3.0, 4.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(compute(ProdWithoutZeros(1), a), [12, 2, 1])


# ------------------------------------------------------------ axes

ORDERS = {
    "L24507": ((False,) * 3, (20, 30, 40), ["x", 2, "x", 0, 1], (1, 40, 1, 20, 30)), "L24513": ((True, False), (1, 20), [1], (20,)),
    "L24521_scalar": ((), (), ["x"], (1,)), "L24522_identity": ((False, False), (2, 3), [0, 1], (2, 3)), "L24523_transpose": ((False, False), (2, 3), [1, 0], (3, 2)),
    "L24524_row": ((False,), (4,), ["x", 0], (1, 4)), "L24526_column": ((False,), (4,), [0, "x"], (4, 1)),
    "L24528_rotated": ((False,) * 3, (2, 3, 4), [2, 0, 1], (4, 2, 3)), "L24530_Ax1xB": ((False, False), (2, 3), [0, "x", 1], (2, 1, 3)),
    "L24532_Bx1xA": ((False, False), (2, 3), [1, "x", 0], (3, 1, 2)),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "shape", "order", "result"), ORDERS.values(), ids=ORDERS)
def test_dimshuffle_L24480(flags, shape, order, result):
    """The documentation's orders: axis ``i`` of the result is ``order[i]`` of the input, or a new one of length 1 that broadcasts."""
    a = np.arange(float(np.prod(shape))).reshape(shape)
    x = T.TensorType("float64", flags)("x")
    out = DimShuffle(flags, order)(x)
    assert out.broadcastable == tuple(entry == "x" or flags[entry] for entry in order)
    found = tcore.function([x], out, mode=PLAIN)(a)
    kept = [entry for entry in order if entry != "x"]
    dropped = tuple(axis for axis in range(len(shape)) if axis not in kept)
    expected = np.squeeze(a, axis=dropped)
    ranks = [sorted(kept).index(entry) for entry in kept]
    np.testing.assert_array_equal(found, expected.transpose(ranks).reshape(result))


def test_views_and_copies_L24480_L24499():
    """By default the result is a view; ``inplace=False`` is accepted. An order holds Python ints and 'x'."""
    node = DimShuffle((False, False), [1, 0])(T.dmatrix()).owner
    assert node.op.view_map == {0: [0]}
    a, cell = np.zeros((2, 3)), [None]
    node.op.perform(node, [a], [cell])
    assert np.shares_memory(cell[0], a)
    found = compute(DimShuffle((False, False), [1, 0], inplace=False), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(found, np.arange(6.0).reshape(2, 3).T)
    for entry in (T.lscalar(), T.constant(0), 0.5, "y"):
        with pytest.raises((TypeError, ValueError), match="axis numbers and 'x'"):
            DimShuffle((False,), [entry])


def test_dropped_axes_L24499():
    """Only broadcastable axes may be left out."""
    assert DimShuffle((True, False, True), [1])(T.TensorType("float64", (True, False, True))()).ndim == 1
    with pytest.raises(ValueError, match="broadcastable"):
        DimShuffle((True, False), [0])


# ------------------------------------------------------------ elementwise


@pytest.mark.parametrize(
    ("op", "shapes", "ufunc"),
    [
        (Elemwise(scalar.add), [(10, 5), (10, 5)], np.add), (Elemwise(scalar.mul), [(10, 5), (1, 5)], np.multiply),
        (Elemwise(scalar.true_div), [(10, 5), (10, 1)], np.divide), (Elemwise(scalar.int_div), [(1, 5), (10, 1)], np.floor_divide),
        (Elemwise(scalar.log), [(3, 4, 5)], np.log),
    ],
    ids=["add_L24562", "mul_L24566", "true_div_L24568", "int_div_L24570", "log_L24572"],
)  # fmt: skip
def test_elemwise_L24540(op, shapes, ufunc):
    """The documentation's list: a scalar op on tensors, whose axes of length 1 are completed."""
    values = [RNG.uniform(1, 9, size=shape) for shape in shapes]
    found = compute(op, *values)
    assert found.shape == np.broadcast_shapes(*shapes)
    np.testing.assert_allclose(found, ufunc(*values))


@pytest.mark.parametrize("place", [pytest.param(0, id="x+=y_L24563"), pytest.param(1, id="y+=x_L24564")])
def test_in_place_L24550_L24555(place):
    """``inplace_pattern`` maps an output to the input whose storage it takes; their types must agree."""
    op = Elemwise(scalar.add, {0: place})
    values = [np.array([1.0, 2.0]), np.array([10.0, 20.0])]
    variables = T.dvectors("x", "y")
    f = tcore.function([tcore.In(v, mutable=True) for v in variables], op(*variables), accept_inplace=True, mode=FAST)
    np.testing.assert_array_equal(f(*values), [11, 22])
    np.testing.assert_array_equal(values[place], [11, 22])
    np.testing.assert_array_equal(values[1 - place], [[1, 2], [10, 20]][1 - place])
    other = [T.dvector("x"), T.fvector("y")]
    if place:
        with pytest.raises(TypeError, match="dtype"):
            op(*other)
    assert op.destroy_map == {0: [place]}


def test_lengths_without_a_flag_L24540():
    """A length of 1 where the type does not say so is not repeated: that is an error of the call."""
    x, y = T.dmatrices("x", "y")
    f = tcore.function([x, y], x + y, mode=FAST)
    np.testing.assert_array_equal(f(np.ones((2, 3)), np.ones((2, 3))), np.full((2, 3), 2.0))
    for shape in ((1, 3), (2, 1), (3, 2)):
        with pytest.raises(ValueError):
            f(np.ones((2, 3)), np.ones(shape))


def test_numpy_functions_L24556():
    """``nfunc_spec`` names a function of NumPy, with its numbers of inputs and outputs; None leaves it to the scalar op."""
    assert scalar.add.nin < 0, "any number of inputs: the op itself cannot say how many the function takes"
    for spec in (None, ("add", 2, 1)):
        op = Elemwise(scalar.add, nfunc_spec=spec)
        assert op.nfunc_spec == spec
        np.testing.assert_array_equal(compute(op, np.array([1.0, 2.0]), np.array([3.0, 4.0])), [4, 6])


@pytest.mark.parametrize(
    ("op", "dtypes", "result"),
    [
        (scalar.add, ("int8", "float32"), "float32"), (scalar.add, ("int32", "float32"), "float64"), (scalar.lt, ("float64", "float32"), "bool"),
        (scalar.exp, ("int8",), "float32"), (scalar.int_div, ("int16", "int8"), "int16"), (scalar.abs_, ("complex64",), "float32"),
    ],
)  # fmt: skip
def test_output_dtypes_L24550(op, dtypes, result):
    """Those of the scalar op on scalars."""
    assert Elemwise(op)(*[T.vector(dtype=dtype) for dtype in dtypes]).dtype == result
    assert op(*[scalar.get_scalar_type(dtype)() for dtype in dtypes]).dtype == result


def test_output_info_L24578_L24582():
    """Dtypes, broadcast patterns, and inputs padded on the left to one number of axes by DimShuffle."""
    matrix, vector, number = T.dmatrix("m"), T.fvector("v"), T.bscalar("b")
    dtypes, patterns, inputs = T.add.get_output_info(DimShuffle, matrix, vector, number)
    assert dtypes == ["float64"]
    assert [tuple(pattern) for pattern in patterns] == [(False, False)]
    assert inputs[0] is matrix
    assert [each.broadcastable for each in inputs] == [(False, False), (True, False), (True, True)]
    assert [each.owner.op for each in inputs[1:]] == [DimShuffle((False,), ("x", 0)), DimShuffle((), ("x", "x"))]
    node = T.add.make_node(matrix, vector, number)
    assert [each.owner.op for each in node.inputs[1:]] == [each.owner.op for each in inputs[1:]]
    _, ((first, second),), _ = T.add.get_output_info(DimShuffle, T.drow(), T.dcol())
    assert (first, second) == (False, False)


def test_folding_without_a_compiler_L24586():
    """Constants of no axes are folded by NumPy: nothing is compiled for one number."""
    number, vector = (T.constant(2.0) + 3.0).owner, (T.constant([2.0, 3.0]) + 3.0).owner
    assert number.op.python_constant_folding(number)
    assert not vector.op.python_constant_folding(vector)


def test_threads_of_one_op_L24543():
    """``openmp`` is a property of the single op; it changes no value and makes no other op."""
    for openmp in (None, True, False):
        op = Elemwise(scalar.add, openmp=openmp)
        assert op.openmp is openmp
        assert op == T.add
        np.testing.assert_array_equal(compute(op, np.ones(3), np.ones(3)), [2, 2, 2])
