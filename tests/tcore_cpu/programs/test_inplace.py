"""Ops that overwrite an operand: where they may, and where a copy is made instead."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.scalar as ts
import tcore.tensor as tt
from tcore.compile.function import function
from tcore.compile.io import In
from tcore.compile.mode import Mode
from tcore.tensor.blas import Gemm, Gemv, Ger
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.shared_randomstreams import RandomStreams
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.nodes import CPyLinker


def _inplace(scalar_op):
    return Elemwise(scalar_op, {0: 0})


@pytest.fixture(params=[CvmLinker, CPyLinker])
def compile_(request):
    """Compile graphs with in-place ops as they stand."""

    def make(inputs, outputs, **options):
        mode = Mode(linker=request.param(), optimizer=None)
        return function(inputs, outputs, mode=mode, accept_inplace=True, **options)

    return make


def test_mutable_argument_is_overwritten(compile_) -> None:
    """A mutable argument takes the result; one that may not be written is left alone."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = compile_([In(x, mutable=True), y], _inplace(ts.add)(x, y))
    value = np.arange(3.0)
    result = f(value, np.ones(3))
    np.testing.assert_array_equal(result, [1, 2, 3])
    np.testing.assert_array_equal(value, result)
    locked = np.arange(3.0)
    locked.flags.writeable = False
    np.testing.assert_array_equal(f(locked, np.ones(3)), [1, 2, 3])
    np.testing.assert_array_equal(locked, [0, 1, 2])
    shared = np.arange(4.0)
    np.testing.assert_array_equal(f(shared[1:], shared[:-1]), [1, 3, 5])


def test_temporaries_are_overwritten(compile_) -> None:
    """Chains of in-place ops on a temporary give the right numbers and leave arguments alone."""
    x = tt.dmatrix("x")
    y = _inplace(ts.exp)(_inplace(ts.mul)(x + 1, x))
    f = compile_([x], [y, x * 2])
    value = np.linspace(0, 1, 6).reshape(2, 3)
    result, double = f(value)
    np.testing.assert_allclose(result, np.exp((value + 1) * value))
    np.testing.assert_array_equal(double, value * 2)


@pytest.mark.parametrize("inplace", [False, True])
def test_products_with_an_accumulator(compile_, rng, inplace) -> None:
    """Gemm, Gemv and Ger add to a fresh operand, in place or not; beta 0 does not read it."""
    z, x, y, v, w = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.dvector("v"), tt.dvector("w")
    two, half, zero = (tt.constant(np.asarray(n)) for n in (2.0, 0.5, 0.0))
    f = compile_(
        [z, x, y, v, w],
        [
            Gemm(inplace)(z + 0, two, x, y, half),
            Gemm(inplace)(z * np.nan, two, x, y, zero),
            Gemv(inplace)(w + 0, two, x, v, half),
            Ger(inplace)(z + 0, two, w, v[:4]),
        ],
    )
    a, b, c = rng.standard_normal((5, 4)), rng.standard_normal((5, 6)), rng.standard_normal((6, 4))
    p, q = rng.standard_normal(6), rng.standard_normal(5)
    first, second, third, fourth = f(a, b, c, p, q)
    np.testing.assert_allclose(first, 2 * b @ c + a / 2)
    np.testing.assert_allclose(second, 2 * b @ c)
    np.testing.assert_allclose(third, 2 * b @ p + q / 2)
    np.testing.assert_allclose(fourth, a + 2 * np.outer(q, p[:4]))


def test_computed_slice_and_its_length_share_a_number() -> None:
    """Optimized, the length of a slice is computed in the memory of the number that ends it."""
    z = tt.dtensor3("z")
    rows = z.shape[1]
    end = 1 + rows // 2 - tt.switch(tt.eq(rows % 2, 0), 1, 0)
    ones = tt.ones_like(z)
    f = function([z], tt.set_subtensor(ones[:, 1:end], ones[:, 1:end] * 2), mode=Mode(linker=CvmLinker(), optimizer="fast_run"))
    for length in range(7):
        expected = np.ones((2, length, 1))
        expected[:, 1 : 1 + length // 2 - (length % 2 == 0)] = 2
        np.testing.assert_array_equal(f(np.ones((2, length, 1))), expected)


def test_in_place_update_of_a_shared_value() -> None:
    """The update writes into the old value's memory."""
    w = tensor_constructor(np.zeros(4), name="w")
    x = tt.dvector("x")
    mode = Mode(linker=CvmLinker(), optimizer=None)
    f = function([x], [], updates=[(w, _inplace(ts.add)(w, x))], mode=mode, accept_inplace=True)
    before = w.get_value(borrow=True)
    f(np.ones(4))
    f(np.ones(4))
    np.testing.assert_array_equal(w.get_value(), 2)
    assert w.get_value(borrow=True).ctypes.data == before.ctypes.data


def test_softmax_like_kernel_with_destroyed_operand(compile_, rng) -> None:
    """A kernel of several passes does not overwrite what a later pass reads."""
    x = tt.dmatrix("x")
    e = tt.exp(x)
    y = _inplace(ts.true_div)(e, e.sum(axis=1, keepdims=True) + e.max(axis=1, keepdims=True))
    f = compile_([x], y)
    value = rng.standard_normal((5, 70))
    expected = np.exp(value)
    np.testing.assert_allclose(f(value), expected / (expected.sum(1, keepdims=True) + expected.max(1, keepdims=True)))


def test_objects_are_no_copies() -> None:
    """The state of random numbers is changed where it is: no copy of it is counted."""
    drawn = RandomStreams(seed=234).uniform((2, 2))
    state = drawn.rng.get_value()
    f = function([], drawn, mode=Mode(CvmLinker(), "fast_run"))
    np.testing.assert_array_equal(f(), state.uniform(size=(2, 2)))
    assert f.explain().copied_arguments == 0
