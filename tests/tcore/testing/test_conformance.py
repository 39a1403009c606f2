"""The kit catches the faults that it is for: each broken op fails its check, and a sound one passes all."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import frozen

import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore.testing import (
    OpCase,
    check_backend,
    check_declared_changes,
    check_gradient,
    check_infer_shape,
    check_op,
    check_values,
    same_values,
)


@frozen
class Double(Op):
    """Twice its input."""

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]

    def infer_shape(self, node, shapes):
        return shapes

    def L_op(self, inputs, outputs, output_grads):
        return [2 * output_grads[0]]


class WrongGradient(Double):
    def L_op(self, inputs, outputs, output_grads):
        return [3 * output_grads[0]]


class WrongShape(Double):
    def infer_shape(self, node, shapes):
        return [(shapes[0][0] + 1,)]


class UndeclaredView(Double):
    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]


class UndeclaredChange(Double):
    def perform(self, node, inputs, output_storage):
        inputs[0][:] = 0
        output_storage[0][0] = 2 * inputs[0]


class NoValue(Op):
    """Compares by identity although it has no state."""

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.negative(inputs[0])

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def case(op_class, **more):
    return OpCase(lambda x: op_class()(x), [np.array([1.0, 2.0, 4.0])], name=op_class.__name__, **more)


def test_sound_op_passes(backend):
    check_op(case(Double, expected=lambda x: 2 * x))


@pytest.mark.parametrize(
    ("check", "op_class", "message"),
    [
        (check_gradient, WrongGradient, None),
        (check_infer_shape, WrongShape, r"infer_shape of .* says \(4,\) .* perform gives \(3,\)"),
        (check_declared_changes, UndeclaredView, "is a view of input 0, undeclared"),
        (check_declared_changes, UndeclaredChange, "changes its input 0 and does not declare it"),
        (check_values, NoValue, "built twice is not equal to itself"),
    ],
)
def test_fault_is_caught(check, op_class, message):
    with pytest.raises(Exception, match=message):
        check(case(op_class))


def test_disagreement_with_numpy_is_caught():
    with pytest.raises(AssertionError, match="Double, output 0, against NumPy"):
        check_backend(case(Double, expected=lambda x: 3 * x))


def test_several_outputs_and_constants():
    """Outputs are compared one by one; constants inside the expression are nobody's input."""
    values = [np.arange(6.0).reshape(2, 3) + 1]
    check_op(OpCase(lambda x: [T.exp(x) + 1, x.sum(axis=0)], values, expected=lambda x: [np.exp(x) + 1, x.sum(axis=0)]))


@pytest.mark.parametrize(
    ("got", "wanted", "message"),
    [
        (np.float32([1]), np.float64([1]), "dtype float32, wanted float64"),
        (np.ones((2, 1)), np.ones(2), r"shape \(2, 1\), wanted \(2,\)"),
        (np.array([1]), np.array([2]), "not equal"),
        (np.array([1.0, np.nan]), np.array([1.0, 1.0]), "(?i)nan"),
        (np.array([1.0]), np.array([1.0 + 1e-8]), "(?i)tolerance"),
    ],
)
def test_same_values_tells_differences(got, wanted, message):
    with pytest.raises(AssertionError, match=message):
        same_values(got, wanted)


def test_same_values_takes_special_values():
    same_values(np.array([np.nan, np.inf, -0.0]), np.array([np.nan, np.inf, 0.0]))
