"""Half precision: conversions bit for bit as NumPy makes them, and operations in float32 that are rounded one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.codegen import expr as e
from tcore.codegen.building import cast
from tcore.codegen.functions import apply_function
from tcore.codegen.half import HALF_HELPERS
from tcore.codegen.lowering import NotLowered
from tcore.codegen.reductions import Reduction
from tcore.codegen.scalar_ops import scalar_values
from tcore.scalar.op import ScalarOp
from tcore.tensor.elemwise import Elemwise

EVERY = np.arange(2**16, dtype="uint16").view("float16")
ON_HOST = pytest.mark.backends("cpu", "opencl")


def borders(dtype: str) -> np.ndarray:
    """Every finite half, the middle between it and the next one, and what lies next to both, of both signs; what is too large, too small or no number."""
    halves = np.unique(EVERY[np.isfinite(EVERY)].astype(dtype))
    ends = np.array([65504, 65519.996, 65520, 65536, 1e30, np.inf, np.nan, 2.0**-25, 2.0**-26, np.finfo(dtype).tiny, np.finfo(dtype).max], dtype)
    exact = np.concatenate([halves, (halves[1:] + halves[:-1]) / 2, ends, -ends])
    with np.errstate(all="ignore"):
        return np.concatenate([exact, *(np.nextafter(exact, np.array(end, dtype)) for end in (np.inf, -np.inf))])


def bits(x: np.ndarray) -> np.ndarray:
    """Those of the numbers; of NaN it is said only that it is one."""
    return np.where(np.isnan(x), np.array(np.nan, x.dtype), x).view(f"uint{8 * x.itemsize}")


def half(ndim: int = 1) -> Any:
    return T.TensorType("float16", (False,) * ndim)()


@ON_HOST
def test_every_number(backend: str) -> None:
    """As float32, float64, a whole number and a truth; doubled, and back. Signalling NaN as well, of which NumPy warns."""
    x = half()
    dtypes = ["float32", "float64", "int8", "int32", "int64", "uint16", "bool"]
    f = tcore.function([x], [*(T.cast(x, dtype) for dtype in dtypes), T.cast(T.cast(x, "float64") * 2, "float16"), T.isnan(x), T.isinf(x)])
    *found, again, nan, infinite = f(EVERY)
    small = np.isfinite(EVERY) & (np.abs(EVERY) < 128) & (EVERY > -1)  # in the range of all
    for dtype, got in zip(dtypes, found, strict=True):
        assert got.dtype == dtype
        if dtype.startswith("float"):
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(bits(got), bits(EVERY.astype(dtype)))
        else:
            np.testing.assert_array_equal(got[small], EVERY[small].astype(dtype))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(bits(again), bits((EVERY.astype("float64") * 2).astype("float16")))
    np.testing.assert_array_equal(nan, np.isnan(EVERY))
    np.testing.assert_array_equal(infinite, np.isinf(EVERY))


@ON_HOST
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_border_of_rounding(backend: str, dtype: str) -> None:
    """Ties to even, subnormal numbers, the step to infinity: the nearest half, stored and read on."""
    x = T.TensorType(dtype, (False,))()
    stored = T.cast(x, "float16")
    f = tcore.function([x], [stored, T.cast(stored, "float32")])
    given = borders(dtype)
    with np.errstate(all="ignore"):
        wanted = given.astype("float16")
    got, read = f(given)
    np.testing.assert_array_equal(bits(got), bits(wanted))
    np.testing.assert_array_equal(bits(read), bits(wanted.astype("float32")))


@ON_HOST
def test_whole_numbers_go_through_float32(backend: str) -> None:
    """As in NumPy, which rounds int64 twice."""
    x = T.lvector()
    given = np.concatenate([np.arange(-70000, 70000, 7), [2**62, -(2**63)]])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(tcore.function([x], T.cast(x, "float16"))(given), given.astype("float16"))


@ON_HOST
def test_a_chain_rounds_after_every_operation(backend: str) -> None:
    """Bit for bit as NumPy, in one kernel."""
    rng = np.random.default_rng(3)
    x, y = half(), half()
    f = tcore.function([x, y], [T.sqrt(abs(x * y + x)) / y - x, T.switch(x > y, x + y, T.maximum(x, y)), x // y, x % y])
    a, b = (rng.permutation(EVERY) for _ in "ab")
    with np.errstate(all="ignore"):
        wanted = [np.sqrt(abs(a * b + a)) / b - a, np.where(a > b, a + b, np.maximum(a, b)), a // b, a % b]
        found = f(a, b)
        single = np.sqrt(abs(a.astype("float32") * b + a)) / b - a
        for got, value in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(value))
            np.testing.assert_array_equal(got[~np.isnan(got)], value[~np.isnan(value)])
        assert (found[0] != single.astype("float16"))[~np.isnan(single)].any()
    assert {report.runs_on.split()[0] for report in f.explain().nodes} <= {"kernel", "transfer"}


@ON_HOST
def test_reductions_accumulate_in_single_precision(backend: str) -> None:
    """4096 ones, which a sum of halves would never pass 2048 with, and a product that is infinite on its way; extremes and their places."""
    x = half(2)
    f = tcore.function([x], [x.sum(axis=1), x.mean(), x.prod(axis=0), x.max(axis=0), x.min(), x.argmax(axis=1), x.sum(acc_dtype="float16")])
    ones = np.ones((2, 4096), "float16")
    ones[0, 7], ones[1, 9] = 60000, 2.0**-14
    total, mean, product, largest, least, place, all_ = f(ones)
    np.testing.assert_array_equal(total, np.array([64095, 4095], "float16"))
    assert mean == np.float16(ones.astype("float64").mean())
    np.testing.assert_array_equal(product, ones[0] * ones[1])
    np.testing.assert_array_equal(largest, ones.max(axis=0))
    assert (least, place.tolist()) == (np.float16(2.0**-14), [7, 0])
    assert all_ == np.inf
    for result in (total, mean, product, largest, least, all_):
        assert result.dtype == "float16"


@ON_HOST
def test_rows(backend: str) -> None:
    """Softmax, its logarithm and layer normalisation, to the rounding of their results."""
    x = half(2)
    centred = x - x.mean(axis=1, keepdims=True)
    f = tcore.function([x], [T.nnet.softmax(x), T.nnet.logsoftmax(x), T.logsumexp(x, axis=1), centred / x.std(axis=1, keepdims=True)])
    a = (np.random.default_rng(1).normal(size=(30, 200)) * 4).astype("float16")
    wide = a.astype("float64")
    power = np.exp(wide - wide.max(axis=1, keepdims=True))
    total = power.sum(axis=1, keepdims=True)
    logarithm = np.log(total) + wide.max(axis=1, keepdims=True)
    wanted = [power / total, wide - logarithm, logarithm[:, 0], (wide - wide.mean(axis=1, keepdims=True)) / wide.std(axis=1, keepdims=True)]
    for got, value in zip(f(a), wanted, strict=True):
        assert got.dtype == "float16"
        np.testing.assert_allclose(got, value, rtol=4e-3, atol=1e-2)


def test_languages_have_the_conversions(backend: str) -> None:
    """Both, of both floats, in a kernel of each language."""
    x, y = half(), T.dvector()
    f = tcore.function([x, y], [T.exp(x) + 1, T.cast(y, "float16")])  # cuda-compile goes no further
    if backend != "cuda-compile":
        found = f(EVERY[:1], np.array([1 / 3]))
        assert [value.tolist() for value in found] == [[2.0], [np.float16(1 / 3)]]


# -- the loop IR


X = e.load(e.Buffer("x", "float16"), ())


def test_nothing_is_computed_in_half_precision() -> None:
    """Operands are widened, results rounded; comparisons take the dtype of their operands, and only float32 and float64 are rounded."""
    total = apply_function("add", (X, e.const(1, "int8")), "float16")
    assert repr(total) == "float16(add(float32(x[]), 1.0))"
    assert repr(apply_function("lt", (X, X), "bool")) == "lt(float32(x[]), float32(x[]))"
    assert repr(apply_function("isnan", (X,), "bool")) == "isnan(float32(x[]))"
    assert repr(cast(e.Param("n", "int64"), "float16")) == "float16(float32(n))"
    assert repr(cast(X, "int32")) == "int32(float32(x[]))"
    assert Reduction("sum", "float16", ("float16",)).dtype == "float32"


def test_ways_there_and_back_are_left_out() -> None:
    """Where a number was of half precision before; and a rounded one is not made of its 16 bits."""
    assert cast(cast(X, "float32"), "float16") is X
    assert cast(cast(X, "float64"), "float16") is X
    y = e.Param("y", "float32")
    rounded = cast(cast(y, "float16"), "float32")
    assert repr(rounded) == "half(y)"
    assert cast(rounded, "float16") is cast(y, "float16")
    assert cast(cast(y, "float64"), "float16") is cast(y, "float16")
    z = e.Param("z", "float64")
    assert repr(cast(cast(z, "float16"), "float64")) == "float64(float32(float16(z)))"


def test_literals() -> None:
    """Are rounded, to infinity as well, without a warning."""
    assert e.const(1e9, "float16").value == np.inf
    assert cast(e.const(0.1, "float64"), "float16").value == np.float16(0.1)  # type: ignore[attr-defined]


def test_helpers_have_no_branches() -> None:
    """Loops of them become vectors."""
    for text in HALF_HELPERS.values():
        assert "if" not in text
        assert "for" not in text


class Negated(ScalarOp):
    """The sign bit of half precision, turned."""

    nin = 1

    def output_types(self, types: Any) -> Any:
        return types

    def impl(self, x: Any) -> Any:
        return -x

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        return f"{outputs[0]} = {inputs[0]} ^ 0x8000;"


class NegatedBits(Negated):
    """The same, by an author who knows of it."""

    _f16_ok = True


def test_users_code_says_that_it_takes_the_bits() -> None:
    """``_f16_ok``: without it there is no kernel."""
    with pytest.raises(NotLowered, match="does not say by _f16_ok that its C code takes the 16 bits of half precision"):
        scalar_values(Negated(), [X], ["float16"])


@pytest.mark.backends("cpu")
def test_what_runs_users_code(backend: str) -> None:
    """Without ``_f16_ok`` Python, with it a kernel."""
    x = half()
    for op, place in ((Negated(), "Python"), (NegatedBits(), "kernel")):
        f = tcore.function([x], Elemwise(op)(x * x))
        np.testing.assert_array_equal(f(EVERY[:5]), -(EVERY[:5] * EVERY[:5]))
        assert f.explain().nodes[-1].runs_on.startswith(place)
