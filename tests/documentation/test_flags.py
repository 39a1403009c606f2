"""Flags of the book that change what building, optimizing and compiling do; seed lines in the names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config, scalar
from tcore.compile.mode import Mode
from tcore.graph import FunctionGraph
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.errors import InconsistencyError
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.upcasts import Float64Error


@pytest.fixture
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class TestWarnFloat64L13369:
    """``warn_float64``: what happens when a float64 variable is made."""

    def test_raise(self):
        """The error names the user's line; float32 is fine."""
        x, n = T.fvector("x"), T.lvector("n")
        with config.change_flags(warn_float64="raise"):
            x + 1
            x * np.float32(2)
            with pytest.raises(Float64Error, match=r"TensorType\(float64, vector\).*test_flags.py.*x \+ n"):
                x + n
            with pytest.raises(Float64Error):
                T.dscalar()

    def test_warn(self):
        """A warning, and the variable."""
        with config.change_flags(warn_float64="warn"), pytest.warns(UserWarning, match="float64"):
            assert T.dscalar().type.dtype == "float64"

    @pytest.mark.usefixtures("no_warnings")
    def test_ignore_and_compilation(self):
        """Silent by default; what optimizations make is not the user's."""
        T.dscalar()
        x = T.dvector("x")
        y = T.exp(x) * 2 + x
        with config.change_flags(warn_float64="raise"):
            f = tcore.function([x], y)
        np.testing.assert_allclose(f([0.0]), [2.0])


class TestIntDivisionL13468:
    """``int_division``: what ``x / y`` means for integers."""

    @pytest.mark.parametrize("floatX", ["float32", "float64"])
    def test_floats(self, floatX):
        """True division, in floatX."""
        with config.change_flags(floatX=floatX, int_division="floatX"):
            quotient = T.ivector("a") / T.ivector("b")
        assert quotient.type.dtype == floatX

    def test_raise(self):
        """Refused, with three ways out that work."""
        a, b = T.ivector("a"), T.ivector("b")
        with config.change_flags(int_division="raise"):
            for refused in (lambda: a / b, lambda: a / 2, lambda: 2 / a):
                with pytest.raises(TypeError, match=r"use // for an integer result, cast an operand to floats, or call tcore.tensor.true_div"):
                    refused()
            assert (a // b).type.dtype == "int32"
            assert (a / T.fvector()).type.dtype.startswith("float")
            assert (a.astype("float32") / T.cast(b, "float32")).type.dtype == "float32"
            assert T.true_div(a, b).type.dtype == config.floatX


class WrongShape(tcore.Op):
    """An op with an ``infer_shape`` that fails, or gives too many shapes."""

    __props__ = ("how",)
    itypes = [T.dvector]
    otypes = [T.dvector]

    def __init__(self, how):
        self.how = how

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0][1:]

    def infer_shape(self, node, shapes):
        if self.how == "fails":
            raise KeyError("lost")
        return [shapes[0], shapes[0]]


@pytest.mark.parametrize("how", ["fails", "too many"])
def test_on_shape_error_L13658(how):
    """A failing ``infer_shape``: a warning, and the shape of the value; or an error that names the node."""
    x = T.dvector("x")
    shape = WrongShape(how)(x).shape
    mode = Mode("py", "fast_run")
    with pytest.warns(UserWarning, match=r"infer_shape of WrongShape.*on_shape_error=raise"):
        f = tcore.function([x], shape, mode=mode)
    assert f([1.0, 2.0, 3.0]).tolist() == [2]
    for other in ("warn", "raise", "ignore"):
        with config.change_flags(on_shape_error="raise", on_opt_error=other), pytest.raises((KeyError, ValueError)) as caught:
            tcore.function([x], shape, mode=mode)
        assert any("raised by infer_shape of WrongShape" in note for note in caught.value.__notes__)


def test_shapes_that_cannot_be_told_are_no_error():
    """ShapeError means that the value must be computed."""

    class Unknown(WrongShape):
        def infer_shape(self, node, shapes):
            raise T.ShapeError

    x = T.dvector("x")
    with config.change_flags(on_shape_error="raise"):
        f = tcore.function([x], Unknown("")(x).shape, mode=Mode("py", "fast_run"))
    assert f([1.0, 2.0, 3.0]).tolist() == [2]


@pytest.mark.parametrize("detection", ["regular", "fast"])
def test_cycle_detection_L13425(detection):
    """``regular`` moves a destroyer behind a later reader; ``fast`` does not look for that, and refuses."""
    x, y = T.dvector("x"), T.dvector("y")
    a = T.exp(x)
    doubled = a * 2
    late = a + T.tanh(T.sinh(T.cosh(y)))
    graph = FunctionGraph([x, y], [doubled, late], features=[DestroyHandler()], clone=False)
    over_a = Elemwise(scalar.mul, {0: 0})(*doubled.owner.inputs)
    with config.change_flags(cycle_detection=detection):
        if detection == "fast":
            with pytest.raises(InconsistencyError):
                graph.replace_validate(doubled, over_a)
        else:
            graph.replace_validate(doubled, over_a)
            order = graph.toposort()
            assert order.index(late.owner) < order.index(over_a.owner)


def test_fast_cycle_detection_L13425():
    """Whole functions compiled so give the right numbers."""
    x = T.dvector("x")
    a = T.exp(x)
    b = T.dot(a, T.ones((3, 3)))
    with config.change_flags(cycle_detection="fast"):
        f = tcore.function([x], [a * 2, b + a, T.tanh(b)], mode=Mode("py", "fast_run").excluding("fusion"))
    e = np.exp([1.0, 2.0, 3.0])
    for got, wanted in zip(f([1.0, 2.0, 3.0]), (e * 2, e.sum() + e, np.tanh(np.full(3, e.sum()))), strict=True):
        np.testing.assert_allclose(got, wanted)
    assert any(node.op.destroy_map for node in f.maker.fgraph.toposort())
