"""Which dtypes constants, arithmetic and reductions get: ``floatX``, ``cast_policy``, ``int_division``, ``warn_float64``, ``acc_dtype``."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config, scalar
from tcore.tensor.careduce import CAReduceDtype, Sum
from tcore.tensor.products import Prod
from tcore.tensor.random import MRG_RandomStreams
from tcore.tensor.upcasts import Float64Error

FAST = "FAST_COMPILE"
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@pytest.mark.parametrize("floatX", ["float16", "float32", "float64"])
def test_floatX_is_the_default_dtype_L13361(floatX):
    """Of untyped constructors, of arrays that are made, and of quotients of integers; typed ones keep theirs."""
    n = T.iscalar()
    with config.change_flags(floatX=floatX):
        made = [T.scalar(), T.vector(), T.row(), T.col(), T.matrix(), T.tensor3(), T.tensor4(), *T.vectors("a", "b"), T.zeros((2,)), T.ones((2,)), T.eye(2), T.tri(2)]
        assert {x.dtype for x in [*made, n / 2, T.to_one_hot(T.ivector(), 3), T.cast(n, "floatX")]} == {floatX}
        assert (T.dmatrix().dtype, T.fvector().dtype) == ("float64", "float32")


@pytest.mark.parametrize(
    ("number", "custom", "custom32", "numpy", "numpy32"),
    [
        (1, "int8", "int8", "int64", "int64"),
        (200, "int16", "int16", "int64", "int64"),
        (0.5, "float32", "float32", "float64", "float32"),
        (0.1, "float64", "float32", "float64", "float32"),
        ([0.5, 1], "float64", "float64", "float64", "float32"),
        ([[1, 2]], "int64", "int64", "int64", "int64"),
        (np.float64(0.5), "float64", "float64", "float64", "float64"),
        ([np.float64(0.5)], "float64", "float64", "float64", "float64"),
        (np.ones(2), "float64", "float64", "float64", "float64"),
        (np.float32(0.1), "float32", "float32", "float32", "float32"),
    ],
    ids=str,
)
def test_constants_under_each_cast_policy_L13457(number, custom, custom32, numpy, numpy32):
    """custom: the smallest that holds it; numpy+floatX: NumPy's, but float32 for Python's floats where floatX says so."""
    for policy, floatX, dtype in (
        ("custom", "float64", custom), ("custom", "float32", custom32), ("numpy+floatX", "float64", numpy), ("numpy+floatX", "float32", numpy32),
    ):  # fmt: skip
        with config.change_flags(cast_policy=policy, floatX=floatX):
            assert T.constant(number).dtype == dtype
            assert T.as_tensor_variable(number).dtype == dtype


@pytest.mark.parametrize("left", [*INTS, "float32", "float64", "complex64"])
def test_arithmetic_under_each_cast_policy_L13457(left):
    """NumPy's promotion of arrays; numpy+floatX with floatX=float32 gives float64 only where an operand has it."""
    for right in (*INTS, "float32", "float64"):
        x, y = T.vector(dtype=left), T.vector(dtype=right)
        numpy = np.result_type(np.dtype(left), np.dtype(right)).name
        assert (x + y).dtype == (x * y).dtype == (x - y).dtype == numpy
        with config.change_flags(cast_policy="numpy+floatX", floatX="float32"):
            preferred = "float32" if numpy == "float64" and "float64" not in (left, right) else numpy
            assert (x + y).dtype == (x * y).dtype == (x - y).dtype == preferred


def test_scalars_may_widen_arrays_L13463():
    """numpy+floatX does not hold back scalars: an int8 vector and the number 1 give int64; custom gives int8."""
    x = T.bvector()
    assert (x + 1).dtype == "int8"
    with config.change_flags(cast_policy="numpy+floatX"):
        assert (x + 1).dtype == "int64"
        assert (T.fvector() + 0.1).dtype == "float64"


def test_int32_with_float32_L4534():
    """It is float64; small integers stay float32, as does an explicit cast; under floatX=float32 as well."""
    for floatX in ("float32", "float64"):
        with config.change_flags(floatX=floatX):
            for dtype in INTS:
                wanted = "float32" if np.dtype(dtype).itemsize <= 2 else "float64"
                assert (T.vector(dtype=dtype) * T.fvector()).dtype == wanted
            assert (T.ivector().astype("float32") * T.fvector()).dtype == "float32"


def test_float64_constants_under_custom_L4534():
    """0.1 is not held by float32: it widens where floatX is float64, and does not where it is float32."""
    x = T.fvector()
    assert (x * 0.5).dtype == "float32"
    assert (x * 0.1).dtype == "float64"
    with config.change_flags(floatX="float32"):
        assert (x * 0.1).dtype == "float32"


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_int_division_L13468(dtype, floatX):
    """``/`` of integers gives floatX, ``//`` integers; "raise" refuses ``/`` and names what to write instead."""
    x, y = T.vector(dtype=dtype), T.vector(dtype=dtype)
    for choice in ("int", "floatX"):  # Python 3 has no `/` that gives integers: both mean true division
        with config.change_flags(int_division=choice, floatX=floatX):
            assert (x / y).dtype == (x / 2).dtype == (2 / x).dtype == floatX
            assert (x // y).dtype == dtype
    with config.change_flags(int_division="raise", floatX=floatX):
        for refused in (lambda: x / y, lambda: x / 2, lambda: 2 / x, lambda: operator.truediv(x, y)):
            with pytest.raises(TypeError, match="use // for an integer result, cast"):
                refused()
        assert (x // y).dtype == dtype
        assert (x / T.vector()).dtype == T.true_div(x, T.vector()).dtype
        assert T.true_div(x, y).dtype == floatX


class TestWarnFloat64L13369:
    """The report names the node that widened, what it was given, and the user's line."""

    def test_first_node_that_widened(self):
        """By the op and its operands; what merely goes on in float64 is told apart."""
        x, n = T.fvector("x"), T.lvector("n")
        with config.change_flags(warn_float64="raise"), pytest.raises(Float64Error) as raised:
            T.exp(x * x + n)
        text = str(raised.value)
        assert "by Elemwise{add,no_inplace}, which widens Elemwise{mul,no_inplace}.0 (float32), n (int64) to float64" in text
        assert "test_dtype_policies.py" in text
        assert "T.exp(x * x + n)" in text

    def test_every_node_is_reported_by_warnings(self):
        """The first one widened; the next has float64 among its operands."""
        x, n = T.fvector("x"), T.ivector("n")
        with config.change_flags(warn_float64="warn"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            T.tanh(x + n)
        first, second = [str(each.message) for each in caught]
        assert "add,no_inplace}, which widens x (float32), n (int32) to float64" in first
        assert "by Elemwise{tanh,no_inplace} of Elemwise{add,no_inplace}.0 (float64), which has float64 among them already" in second

    def test_reductions_and_python_operands(self):
        """An op of another family, and an operand that is no variable yet."""
        n = T.ivector("n")
        with config.change_flags(warn_float64="raise", floatX="float32"):
            with pytest.raises(Float64Error, match=r"by Sum\S*, which widens n \(int32\) to float64"):
                n.mean()
            with pytest.raises(Float64Error, match="which widens n \\(int32\\), 2.5 to float64"):
                T.mul(n, 2.5)
            with pytest.raises(Float64Error, match=r"is made \(warn_float64"):
                T.dscalar()

    def test_debugger(self, monkeypatch):
        """``pdb`` stops there, and goes on with the variable."""
        stops = []
        monkeypatch.setattr("pdb.set_trace", lambda *args, **options: stops.append(args))
        with config.change_flags(warn_float64="pdb"):
            assert T.dscalar().dtype == "float64"
        assert len(stops) == 1


WIDE = {"b": "int64", "i": "int64", "u": "uint64", "f": "float64", "c": "complex128"}
KEPT = {"b": "int64", "i": "int64", "u": "uint64"}


@pytest.mark.parametrize("dtype", ["bool", *INTS, "float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("reduce", [T.sum, T.prod], ids=["sum", "prod"])
def test_dtypes_of_reductions_L21336(reduce, dtype):
    """The result: 64-bit integers, floats as they are; the accumulator: at least 64 bit; neither depends on the other."""
    x = T.vector(dtype=dtype)
    kind = np.dtype(dtype).kind
    for policy in ("custom", "numpy+floatX"):
        with config.change_flags(cast_policy=policy, floatX="float32"):
            result = reduce(x)
            assert result.dtype == KEPT.get(kind, dtype)
            assert result.owner.op.acc_dtype == WIDE[kind]
            wide = reduce(x, acc_dtype=WIDE[kind])
            assert wide.dtype == result.dtype


def test_mean_of_each_kind_L21411():
    """float32 accumulates in float64 and comes back as float32; integers give floats."""
    x = T.fvector()
    mean = T.mean(x)
    assert mean.dtype == "float32"
    values = np.full(10_000, 0.1, "float32")
    values[0] = 1e8
    assert tcore.function([x], mean, mode=FAST)(values) == np.float32(values.astype("float64").mean())
    assert T.mean(T.ivector()).dtype == "float64"
    with config.change_flags(floatX="float32"):
        assert T.mean(T.ivector()).dtype == "float64"


def test_own_choice_of_float_dtypes_L13457():
    """``NumpyAutocaster`` adjusts the custom policy: the first dtype that holds a value exactly, else the last."""
    caster = T.NumpyAutocaster(("float16", "float32"))
    assert [caster(value).dtype.name for value in (0.5, 1 / 3, 1e30)] == ["float16", "float32", "float32"]
    assert T.NumpyAutocaster()(0.1).dtype == T.autocast_float(0.1).dtype == T.constant(0.1).dtype
    with T.autocast_float_as("float16", "float32"):
        assert T.constant(0.5).dtype == "float16"
        assert (T.fvector() * 0.1).dtype == "float32"


def test_float_sums_as_integers_L21354(backend):
    """The accumulator is that of the input's kind: the parts are not cut off before they are added."""
    x = T.fvector()
    total = x.sum(dtype="int64")
    assert total.dtype == "int64"
    assert total.owner.op.acc_dtype == "float64"
    values = np.array([0.75, 0.75, 0.75, -4.0], "float32")
    found = tcore.function([x], [total, x.prod(dtype="int8"), T.dmatrix().sum(axis=0, dtype="int32").owner.op(x.dimshuffle(0, "x"))])(values)
    assert [np.asarray(value).tolist() for value in found] == [-1, -1, [-1]]


@pytest.mark.parametrize("op", [CAReduceDtype(scalar.add), CAReduceDtype(scalar.mul), Sum(), Prod()], ids=str)
def test_reducing_ops_L24446_L24468_L24474_L24590_L24621(op):
    """Both dtypes are filled in by the kind of the input; a given accumulator does not change the result's dtype."""
    for dtype in (*INTS, "float32", "float64", "complex64"):
        kind = np.dtype(dtype).kind
        (result,) = op.make_node(T.vector(dtype=dtype)).outputs
        assert (result.dtype, result.owner.op.acc_dtype) == (KEPT.get(kind, dtype), WIDE[kind])
    (result,) = op.clone(acc_dtype="float32").make_node(T.fvector()).outputs
    assert (result.dtype, result.owner.op.acc_dtype) == ("float32", "float32")
    (result,) = op.clone(dtype="float64", acc_dtype="float32").make_node(T.fvector()).outputs
    assert (result.dtype, result.owner.op.acc_dtype) == ("float64", "float32")


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_untyped_and_typed_constructors_L5058_L20203_L21061_L21097_L21209(floatX):
    """One flag switches a program: untyped constructors and arrays follow it, dmatrix and fvector do not."""
    with config.change_flags(floatX=floatX):
        followers = [T.matrix(), T.vector(), *T.scalars("a", "b"), *T.matrices("M", "N"), T.zeros((2, 2)), T.ones(3), T.eye(3), T.eye(2, 3, 1)]
        assert {x.dtype for x in followers} == {floatX}
        assert [x.dtype for x in (T.dmatrix(), T.dvector(), T.fmatrix(), T.eye(2, dtype="int8"), T.zeros(2, dtype="complex64"))] == [
            "float64", "float64", "float32", "int8", "complex64",
        ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "uint16"])
def test_small_integers_stay_in_float32_L4535(dtype):
    """As does a mean with a cast around it."""
    x, n = T.fmatrix(), T.matrix(dtype=dtype)
    assert {(x + n).dtype, (n * x).dtype, (x / n).dtype, T.cast(n.mean(), "float32").dtype, (x - T.cast(n.mean(), "float32")).dtype} == {"float32"}


@pytest.mark.parametrize(("floatX", "dtype", "wanted"), [("float32", "float32", "float32"), ("float32", "float64", "float64"), ("float64", "float32", "float64")])
def test_random_numbers_are_as_precise_as_floatX_L18723_L18769(floatX, dtype, wanted):
    """Of the parameters' dtype where that is wider; a dtype that is given decides."""
    streams, x = MRG_RandomStreams(1), T.scalar(dtype=dtype)
    with config.change_flags(floatX=floatX):
        assert streams.uniform(low=x, high=x + 1, size=(2,)).dtype == wanted
        assert streams.normal(avg=x, std=1.0, size=(2,)).dtype == wanted
        assert streams.uniform(low=x, high=x + 1, size=(2,), dtype="float32").dtype == "float32"
        assert streams.normal(avg=x, std=1.0, size=(2,), dtype="float32").dtype == "float32"


def test_a_program_in_single_precision_L4526():
    """Logistic regression under floatX=float32, with the advised casts: no float64 is left in the compiled graph."""
    rng = np.random.RandomState(0)
    with config.change_flags(floatX="float32"):
        x, y = T.matrix("x"), T.vector("y")
        w, b = tcore.shared(rng.randn(5).astype(config.floatX), name="w"), tcore.shared(np.asarray(0.0, config.floatX), name="b")
        p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
        xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
        cost = T.cast(xent.mean(), config.floatX) + 0.01 * (w**2).sum()
        gw, gb = T.grad(cost, [w, b])
        train = tcore.function([x, y], [p_1 > 0.5, xent], updates=[(w, w - 0.01 * gw), (b, b - 0.01 * gb)])
        variables = {v for node in train.maker.fgraph.apply_nodes for v in (*node.inputs, *node.outputs)}
        assert not [v for v in variables if v.type.dtype == "float64"]
        _, first = train(rng.randn(8, 5).astype(config.floatX), np.ones(8, config.floatX))
        assert first.dtype == "float32"
