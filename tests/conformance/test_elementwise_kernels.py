"""Kernels of every scalar op give what NumPy gives: any dtype, rank, layout and value."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import DTYPES, INTEGERS, draws, make, shapes
from conformance_elementwise import casts, elementwise, mixed, on_numbers, powers
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
RANKS = st.integers(0, 6)


def _marks(data, ndim):
    """Broadcast marks of a second operand: mostly none, else all, the first or the last."""
    chosen = data.draw(st.sampled_from(["none", "none", "all", "first", "last"])) if ndim else "none"
    return tuple(chosen == "all" or (chosen, k) in (("first", 0), ("last", ndim - 1)) for k in range(ndim))


@pytest.mark.parametrize("dtype", DTYPES)
@draws(6)
@given(data=st.data(), rng=SEEDS, ndim=RANKS)
def test_one_dtype(dtype, data, rng, ndim):
    """Operands of one dtype, one of them broadcast now and then."""
    shape, marks = data.draw(shapes(ndim)), _marks(data, ndim)
    program = elementwise(dtype, ndim, marks)
    program.agree(make(data, rng, dtype, shape), make(data, rng, dtype, shape, marks), make(data, rng, dtype, shape))


@draws(8)
@given(data=st.data(), rng=SEEDS, left=st.sampled_from(DTYPES), right=st.sampled_from(DTYPES), ndim=st.integers(0, 2))
def test_two_dtypes(data, rng, left, right, ndim):
    """Operands are converted to what NumPy converts them to; comparisons of int64 with uint64 are exact."""
    shape = data.draw(shapes(ndim))
    mixed(left, right, ndim).agree(make(data, rng, left, shape), make(data, rng, right, shape))


@pytest.mark.parametrize("dtype", DTYPES)
@draws(6)
@given(data=st.data(), rng=SEEDS, ndim=RANKS)
def test_casts(dtype, data, rng, ndim):
    """Integers wrap; what no integer can hold becomes what it becomes in NumPy."""
    casts(dtype, ndim).agree(make(data, rng, dtype, data.draw(shapes(ndim))))


@pytest.mark.parametrize("dtype", INTEGERS)
@draws(4)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 2))
def test_whole_powers(dtype, data, rng, ndim):
    """They wrap."""
    powers(dtype, ndim).agree(make(data, rng, dtype, data.draw(shapes(ndim))))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "uint64", "bool", "complex64", "complex128"])
@draws(10)
@given(data=st.data(), rng=SEEDS)
def test_numbers(dtype, data, rng):
    """Scalar ops outside of Elemwise."""
    on_numbers(dtype).agree(*(make(data, rng, dtype, ()) for _ in range(3)))
