"""The kit catches the faults that it is for: each broken op fails its check, and a sound one passes all."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import frozen

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op, Type
from tcore.testing import (
    OpCase,
    check_backend,
    check_debug_mode,
    check_declared_changes,
    check_gradient,
    check_infer_shape,
    check_op,
    check_r_op,
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


class WrongDirection(Double):
    def R_op(self, inputs, eval_points):
        return [3 * eval_points[0]]


class WrongTwice(WrongGradient):
    """The gradient and the R_op agree with each other, and with nothing else."""

    def R_op(self, inputs, eval_points):
        return [3 * eval_points[0]]


class WrongShapeOfDirection(Double):
    def R_op(self, inputs, eval_points):
        return [2 * eval_points[0].sum(keepdims=True)]


class AddsToWhatIsThere(Double):
    """Takes for granted that memory of an output is new."""

    def perform(self, node, inputs, output_storage):
        if output_storage[0][0] is None or output_storage[0][0].shape != inputs[0].shape:
            output_storage[0][0] = np.zeros_like(inputs[0])
        output_storage[0][0] += 2 * inputs[0]


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
        (check_r_op, WrongDirection, "WrongDirection, in a direction of input 0: R_op is not the transpose of the gradient"),
        (check_r_op, WrongTwice, "WrongTwice, in a direction of input 0: output 0 against finite differences"),
        (check_r_op, WrongShapeOfDirection, r"the derivative of output 0 has shape \(1,\), the output \(3,\)"),
        (check_debug_mode, UndeclaredChange, "input 0"),
        (check_debug_mode, AddsToWhatIsThere, "AddsToWhatIsThere.* gave"),
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


class Lists(Type):
    """Values that are no arrays."""

    __props__ = ()

    def filter(self, value, strict=False, allow_downcast=None):
        return list(value)


class Split(Op):
    """An array and a list of its elements, whose shape nobody knows; overwrites nothing that is no array."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type(), Lists()()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0], output_storage[1][0] = inputs[0] * 1, list(inputs[0])

    def infer_shape(self, node, shapes):
        return [shapes[0], None]


class Join(Op):
    """The list as an array again."""

    __props__ = ()

    def make_node(self, items):
        return Apply(self, [items], [T.dvector()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.array(inputs[0])

    def infer_shape(self, node, shapes):
        raise AssertionError("a list has no shape to infer from")


def test_values_that_are_no_arrays():
    """Are handed on; shapes are compared where both sides have some."""
    case = OpCase(lambda x: Join()(Split()(x)[1]), [np.arange(3.0)], gradient=False)
    assert case.expected is None
    with tcore.config.change_flags(backend="numpy"):
        check_op(case)


def test_outputs_without_gradient():
    """Only floating ones are differentiated."""
    check_gradient(OpCase(lambda x: [Double()(x), T.gt(x, 0.0)], [np.array([1.0, -1.0])]))


def test_ops_that_are_each_their_own():
    """An op that acts is compared by identity, where its case says so."""
    check_values(case(NoValue, equal=False))
    with pytest.raises(AssertionError, match="built twice is not equal"):
        check_values(case(NoValue))
