"""What is known while a graph is built: values of scalars, lengths of vectors, and what is computed ahead."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.configuration import change_flags
from tcore.tensor.alloc import Alloc, AllocEmpty, Eye
from tcore.tensor.constants import EmptyConstantError, NotScalarConstantError, get_scalar_constant_value, get_vector_length
from tcore.tensor.join import MakeVector
from tcore.tensor.slices import get_canonical_form_slice

x, v, n = T.dmatrix("x"), T.dvector("v"), T.lscalar("n")
TABLE = T.constant(np.arange(6).reshape(2, 3))

KNOWN = {
    "number": (lambda: 2.5, 2.5),
    "array of one value": (lambda: np.full((2, 2), 3), 3),
    "constant": (lambda: T.constant(4), 4),
    "arithmetic": (lambda: T.constant(4) * 2 + 1, 9),
    "fill": (lambda: T.fill(x, 7.0), 7.0),
    "alloc": (lambda: T.alloc(T.constant(3), n, n), 3),
    "cast": (lambda: T.cast(T.constant(3), "float32"), 3),
    "dimshuffle": (lambda: T.constant(3).dimshuffle("x", "x"), 3),
    "entry of a stack": (lambda: T.stack([n, T.constant(5)])[1], 5),
    "entry of a constant": (lambda: TABLE[1, 2], 5),
    "part of one element": (lambda: TABLE[1:, 2:], 5),
    "length by its type": (lambda: T.drow().shape[0], 1),
    "promised length": (lambda: T.specify_shape(x, (2, 3)).shape[1], 3),
    "vector of one": (lambda: MakeVector("int64")(6), 6),
    "scalar of a tensor": (lambda: T.scalar_from_tensor(T.constant(3)), 3),
    "scalar op": (lambda: scalar.add(scalar.constant(1), scalar.constant(2)), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_scalar_values(name):
    """Looked up without compiling anything."""
    build, expected = KNOWN[name]
    assert get_scalar_constant_value(build()) == expected


UNKNOWN = {
    "none": (lambda: None, NotScalarConstantError, "None is no number"),
    "text": (lambda: "a", NotScalarConstantError, "not numeric"),
    "input": (lambda: n, NotScalarConstantError, "n is not known when the graph is built"),
    "two values": (lambda: T.constant([1, 2]), NotScalarConstantError, "different values"),
    "no value": (lambda: T.constant(np.zeros(0)), EmptyConstantError, r"shape \(0,\): it holds no value"),
    "computed": (lambda: T.dot(x, x), NotScalarConstantError, "says nothing about constant values"),
    "vector of two": (lambda: MakeVector("int64")(1, 2), NotScalarConstantError, "has 2 elements"),
    "length of an input": (lambda: x.shape[0], NotScalarConstantError, "known|constant"),
    "part of two": (lambda: TABLE[1:, 1:], NotScalarConstantError, "known|constant|element"),
    "many operands": (lambda: T.add(*[T.constant(k) for k in range(9)]), NotScalarConstantError, "is not computed ahead"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_values_that_are_not_known(name):
    """The message says what is in the way."""
    build, error, message = UNKNOWN[name]
    with pytest.raises(error, match=message):
        get_scalar_constant_value(build())


def test_how_far_to_look():
    """Not into elementwise operations, not behind constants, not deeper than asked for."""
    total = T.constant(1) + T.constant(2)
    assert T.constant(3.5).get_scalar_constant_value() == 3.5
    with pytest.raises(NotScalarConstantError, match="is elementwise"):
        get_scalar_constant_value(total, elemwise=False)
    with pytest.raises(NotScalarConstantError):
        get_scalar_constant_value(total, only_process_constants=True)
    with pytest.raises(NotScalarConstantError):
        get_scalar_constant_value(total + 1, max_recur=1)


LENGTHS = {
    "list": (lambda: [1, n], 2),
    "array": (lambda: np.zeros(4), 4),
    "constant": (lambda: T.constant([1, 2, 3]), 3),
    "broadcastable": (lambda: T.TensorType("float64", (True,))(), 1),
    "hint": (lambda: T.TensorType("float64", (False,), shape=(5,))(), 5),
    "stack": (lambda: T.stack([n, n, n]), 3),
    "shape": (lambda: x.shape, 2),
    "part": (lambda: T.dtensor4().shape[1:], 3),
    "reversed part": (lambda: T.dtensor4().shape[2::-1], 3),
    "join": (lambda: T.join(0, x.shape, [1]), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", LENGTHS)
def test_vector_lengths(name):
    """Where the type, the constant or the op tells."""
    build, expected = LENGTHS[name]
    assert get_vector_length(build()) == expected


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: x, "expected a vector, got x of type"),
        (lambda: np.zeros((2, 2)), "expected a vector, got 2 dimensions"),
        (lambda: v, "the length of v is not known when the graph is built"),
        (lambda: v[n:], "depends on values that are not known"),
        (lambda: x[n], "is not known"),
        (lambda: T.exp(v), "says nothing about the length of its vector"),
    ],
)
def test_vector_lengths_that_are_not_known(build, message):
    """Those of inputs, and of what computes."""
    with pytest.raises(ValueError, match=message):
        get_vector_length(build())


def test_what_is_computed_ahead():
    """Small arrays of constants; no large ones, none that a client would overwrite, none whose memory means nothing."""

    def folds(variable):
        return bool(variable.owner.op.do_constant_folding(variable.owner))

    assert folds(T.alloc(1.0, 3, 4))
    assert not folds(T.alloc(1.0, 300, 400))
    assert not folds(Alloc()(1.0, n))
    assert folds(T.eye(5))
    assert not folds(Eye("float64")(n, n, 0))
    assert not folds(T.eye(300))
    assert not folds(AllocEmpty("float64")(3))
    assert folds(T.arange(5))
    assert not folds(T.arange(n))
    assert folds(T.constant([1, 2]).dimshuffle("x", 0))
    f = tcore.function([v], T.inc_subtensor(T.zeros(4)[1:3], v), mode="FAST_RUN")
    assert [f([1.0, 2.0]).tolist() for _ in range(2)] == [[0, 1, 2, 0]] * 2


def test_slices_of_known_form():
    """A place, counted from the front; a slice with a step, and the sign of the step apart."""
    length = T.lscalar("length")
    place, sign = get_canonical_form_slice(-2, length)
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        get_canonical_form_slice(slice(0, 3, 0), length)
    assert (place.eval({length: 5}), sign) == (3, 1)
    for part in (slice(None), slice(1, -1), slice(None, None, -1), slice(4, 0, -2), slice(-100, 100, 3), slice(3, 3), slice(n, None), slice(None, n, -1)):
        found, sign = get_canonical_form_slice(part, length)
        bounds = tcore.function([n, length], [found.start, found.stop, found.step], mode="FAST_COMPILE", on_unused_input="ignore")
        for size in (0, 1, 5):
            for number in (-2, 0, 3):
                taken = slice(*[number if each is n else each for each in (part.start, part.stop, part.step)])
                assert np.arange(size)[slice(*bounds(number, size))][::sign].tolist() == np.arange(size)[taken].tolist(), (part, size, number)


def test_types_of_python_numbers():
    """``autocast_float_as`` decides for a while what Python's floats become, where the policy lets it."""
    with T.autocast_float_as("float32", "float64"):
        assert T.constant(1.5).dtype == "float32"
        assert T.constant(1.1).dtype == "float64"
        assert T.constant(np.nan).dtype == "float32"
        assert T.conversion.autocast_float(0.5).dtype == "float32"
    assert T.conversion.autocast_float(0.5).dtype == T.constant(0.5).dtype
    with change_flags(cast_policy="numpy+floatX"), pytest.raises(RuntimeError, match="works with config.cast_policy = 'custom' only"), T.autocast_float_as("float32"):
        pass
