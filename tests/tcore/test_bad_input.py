"""Bad input: each error says what was wrong, where in the user's code, and what to do.

Damaged kernel stores are in ``tests/tcore_cpu/compiling/test_store.py``, plugins that fail in ``tests/tcore/plugins/test_isolation.py``.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import UnusedInputError
from tcore.configuration import change_flags
from tcore.gradient.errors import DisconnectedInputError
from tcore.graph import Apply, MissingInputError, Op
from tcore.plugins import UnknownNameError

HERE = "test_bad_input.py"


class IntegerGradient(Op):
    """Its gradient is an integer."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def grad(self, inputs, output_grads):
        return [T.cast(output_grads[0], "int64")]


def vector_of_float32():
    x = T.fvector("x")
    return tcore.function([x], x * 2, name="double")


def row_and_matrix():
    row, m = T.drow("row"), T.dmatrix("m")
    return tcore.function([row, m], row + m)


def product():
    m = T.dmatrix("m")
    return tcore.function([m], T.dot(m, m))


def make(inputs, output):
    """A function that is not made, from variables made in this file."""
    named = {name: T.dscalar(name) for name in "xy"}
    return tcore.function([named[name] for name in inputs], sum(named[name] for name in output))


def disconnected():
    x, y = T.dscalar("x"), T.dscalar("y")
    tcore.grad(x**2, y)


def integer_gradient():
    x = T.dscalar("x")
    tcore.grad(IntegerGradient()(x), x)


def unknown_backend(name):
    with change_flags(backend=name):
        make("x", "x")


CASES = {
    "wrong dtype": (
        lambda: vector_of_float32()(np.array([0.1, 0.2])),
        TypeError,
        ["index 0", '"x"', '"double"', "needed TensorType(float32, vector), got ndarray of dtype float64", "astype('float32')", "allow_input_downcast"],
    ),
    "wrong ndim": (
        lambda: vector_of_float32()(np.zeros((2, 2), "float32")),
        TypeError,
        ["index 0", '"double"', "expected 1 for TensorType(float32, vector), got 2 with shape (2, 2)"],
    ),
    "wrong shape for a type": (
        lambda: row_and_matrix()(np.zeros((2, 2)), np.zeros((2, 2))),
        TypeError,
        [f"{HERE}:", "axis 0 of TensorType(float64, row) is broadcastable, so its length is 1: got shape (2, 2)"],
    ),
    "shapes that do not fit": (
        lambda: product()(np.zeros((2, 3))),
        ValueError,
        ["(2, 3)", "Apply node that caused the error", HERE, "T.dot(m, m)", "HINT"],
    ),
    "missing input": (
        lambda: make("x", "xy"),
        MissingInputError,
        ["the outputs need y, of type TensorType(float64, scalar)", HERE, "add it to the inputs, give it a value with givens"],
    ),
    "missing argument": (lambda: vector_of_float32()(), TypeError, ["Missing required input: x"]),
    "unknown argument": (
        lambda: vector_of_float32()(z=1),
        TypeError,
        ["Unknown input or state: z", '"double" has 1 named input (x)'],
    ),
    "duplicate input": (lambda: make("xx", "x"), UnusedInputError, ["x stands among the inputs twice", "position 1", "list it once"]),
    "unused input": (
        lambda: make("xy", "x"),
        UnusedInputError,
        ["the input at position 1, y", "not needed", HERE, "on_unused_input='warn' or 'ignore'"],
    ),
    "disconnected gradient": (
        disconnected,
        DisconnectedInputError,
        ["does not depend on y", HERE, 'T.dscalar("y")', "disconnected_inputs='ignore'"],
    ),
    "integer gradient": (
        integer_gradient,
        TypeError,
        ["IntegerGradient.L_op returned a gradient of the integer dtype int64 for input 0, x", "node:", HERE, "try:", "floating values"],
    ),
    "unknown backend": (lambda: unknown_backend("nosuch"), UnknownNameError, ["no installed package has a backend 'nosuch'", "tcore plugins"]),
    "unknown place": (lambda: T.dvector("x").transfer("nosuch0"), ValueError, ["'nosuch0'", "devices must be configured"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name):
    """What, where, and what to do."""
    call, kind, texts = CASES[name]
    with change_flags(backend="numpy"), pytest.raises(kind) as caught:
        call()
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    for text in texts:
        assert text in message, f"{text!r} is not in\n{message}"


@pytest.mark.parametrize(("name", "package"), [("cuda", "tcore-cuda"), ("opencl", "tcore-opencl"), ("cpu", "tcore-cpu")])
def test_backend_that_is_not_installed(plugin_manager, name, package):
    """The error names the package that has the backend or device, and the line that installs it."""
    with pytest.raises(UnknownNameError, match=rf"backend '{name}' is supplied by the package {package}, which is not installed") as caught:
        plugin_manager.backend(name)
    assert re.search(rf"pip install .*\./{package.replace('-', '_')}", str(caught.value))
    if name != "cpu":
        with pytest.raises(UnknownNameError, match=rf"device '{name}' is supplied by the package {package}"):
            plugin_manager.device(f"{name}0")
