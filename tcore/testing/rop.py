"""Documented base class for tests of derivatives in a direction; a program finds it as ``tcore.tests.test_rop``."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore import tensor
from tcore.compile import function
from tcore.configuration import config
from tcore.gradient import Lop, Rop, grad
from tcore.graph import Variable
from tcore.testing.unittest_tools import assert_allclose, seed_rng

__all__ = ["RopLop_checker"]


class RopLop_checker(unittest.TestCase):
    """Compares ``Rop`` and ``Lop`` of an expression with its Jacobian, computed row by row with ``grad``.

    Attributes
    ----------
    x, v : vectors
        The input, and the direction for ``Rop`` or the weights for ``Lop``.
    mx, mv : matrices
        The same for expressions of a matrix.
    in_shape : tuple of 1 int
        Length of ``x``.
    mat_in_shape : tuple of 2 int
        Shape of ``mx``.
    """

    def setUp(self) -> None:
        """Seed NumPy's generator and make the variables; a subclass with a ``setUp`` of its own calls this one."""
        seed_rng()
        self.x, self.v = tensor.vector("x"), tensor.vector("v")
        self.mx, self.mv = tensor.matrix("mx"), tensor.matrix("mv")
        self.in_shape = (11,)
        self.mat_in_shape = (5, 4)

    def check_nondiff_rop(self, y: Variable) -> None:
        """``y``, an expression of ``x`` that no direction derivative goes through, makes ``Rop`` raise ValueError."""
        with self.assertRaises(ValueError):  # noqa: PT027 - for unittest, without pytest
            Rop(y, self.x, self.v)

    def check_mat_rop_lop(self, y: Variable, out_shape: Sequence[int]) -> None:
        """Check ``y``, a vector of length ``out_shape[0]`` that depends on the matrix ``mx``."""
        self._check(y, out_shape, self.mx, self.mv, self.mat_in_shape)

    def check_rop_lop(self, y: Variable, out_shape: Sequence[int]) -> None:
        """Check ``y``, a vector of length ``out_shape[0]`` that depends on the vector ``x``."""
        self._check(y, out_shape, self.x, self.v, self.in_shape)

    def _check(self, y: Any, out_shape: Sequence[int], x: Variable, v: Variable, in_shape: Sequence[int]) -> None:
        point, direction = _draw(in_shape), _draw(in_shape)
        (length,) = out_shape
        rows = function([x], [grad(y[row], x, disconnected_inputs="ignore") for row in range(length)], on_unused_input="ignore")(point)
        jacobian = np.stack(rows).reshape(length, -1)

        forward = function([x, v], Rop(y, x, v), on_unused_input="ignore")(point, direction)
        assert_allclose(jacobian @ direction.ravel(), forward)

        weights = tensor.vector("weights")
        drawn = _draw(out_shape)
        backward = function([x, weights], Lop(y, x, weights), on_unused_input="ignore")(point, drawn)
        assert_allclose((drawn @ jacobian).reshape(point.shape), backward)


def _draw(shape: Sequence[int]) -> np.ndarray[Any, Any]:
    return np.asarray(np.random.uniform(size=tuple(shape)), dtype=config.floatX)  # noqa: NPY002 - seeded by setUp
