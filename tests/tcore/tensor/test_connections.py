"""What every op declares about derivatives: along which inputs there are none, and none without a direction."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import DisconnectedType
from tcore.tensor.alloc import AllocEmpty
from tcore.tensor.extremes import Argmax, MaxAndArgmax
from tcore.tensor.join import MakeVector, Split
from tcore.tensor.products import ProdWithoutZeros
from tcore.tensor.softmax import LogSoftmax, Softmax, SoftmaxGrad
from tcore.tensor.type_other import MakeSlice

x, y, v, s, b = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.dscalar("s"), T.dtensor3("b")
i, n, mask = T.lvector("i"), T.lscalar("n"), T.matrix("mask", dtype="bool")

NODES = {
    "alloc": T.alloc(v, n, 4),
    "empty": AllocEmpty("float64")(n, 2),
    "eye": T.eye(n, n, 1),
    "arange": T.arange(n),
    "arange of floats": T.arange(s, 7.0, s),
    "nonzero": x[mask].owner.inputs[1],
    "shape": x.shape,
    "length": T.Shape_i(0)(x) if hasattr(T, "Shape_i") else x.shape[0],
    "specified": T.specify_shape(x, (n, 3)),
    "reshape": x.reshape((n, 2)),
    "dimshuffle": x.T,
    "join": T.join(0, x, y),
    "split": Split(2)(v, 0, i)[0],
    "vector of scalars": MakeVector("float64")(s, s),
    "slice": MakeSlice()(n, n),
    "repeat": T.repeat(v, i),
    "part": x[n:, 1],
    "set": T.set_subtensor(x[n], v),
    "rows": x[i],
    "places": x[i, i],
    "increment at places": T.inc_subtensor(x[i, i], v),
    "increment of rows": T.inc_subtensor(x[i], y),
    "diagonal": T.diagonal(x, 1),
    "matrix of a diagonal": T.diag(v),
    "dot": T.dot(x, y),
    "batched dot": T.batched_dot(b, b),
    "softmax": Softmax()(x),
    "log-softmax": LogSoftmax()(x),
    "gradient of softmax": SoftmaxGrad()(x, y),
    "maximum": MaxAndArgmax((0,))(x)[0],
    "place of the maximum": Argmax((0,))(x),
    "sum": x.sum(axis=0),
    "product": x.prod(axis=0),
    "product of all but zeros": ProdWithoutZeros((0,))(x),
    "elementwise": T.exp(x),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_disconnected_inputs(name):
    """Where the pattern says that no output depends on an input, the gradient says so as well; elsewhere it has the input's type."""
    node = NODES[name].owner
    pattern = node.op.connection_pattern(node) if hasattr(node.op, "connection_pattern") else [[True] * len(node.outputs) for _ in node.inputs]
    seeds = [out.zeros_like() if hasattr(out, "zeros_like") else out.type() for out in node.outputs]
    gradients = node.op.L_op(node.inputs, node.outputs, seeds)
    assert len(gradients) == len(node.inputs) == len(pattern)
    for given, gradient, connected in zip(node.inputs, gradients, pattern, strict=True):
        if not any(connected):
            assert isinstance(gradient.type, DisconnectedType), (name, given)
        elif given.type.dtype.startswith("float"):
            assert gradient.type.ndim == given.type.ndim
            assert gradient.type.dtype == given.type.dtype


#: ops whose derivative in a direction is made of their gradient
BY_REVERSE = {"gradient of softmax", "product", "product of all but zeros"}


@pytest.mark.parametrize("name", sorted(NODES.keys() - BY_REVERSE))
def test_no_direction(name):
    """Without a direction for any input there is no derivative."""
    node = NODES[name].owner
    found = node.op.R_op(node.inputs, [None] * len(node.inputs))
    assert found is None or found == [None] * len(node.outputs)  # None alone: there is none in any direction


def test_gradients_stop_at_integers():
    """Lengths, places and masks are told from zeros: the gradient with respect to them is an error, or zero where asked for."""
    cost = (T.alloc(v, n, 4) * T.eye(n, 4)).sum() + T.repeat(v, i).sum()
    with pytest.raises(tcore.gradient.DisconnectedInputError, match="n"):
        tcore.grad(cost, n)
    zero = tcore.grad(cost, n, disconnected_inputs="ignore")
    assert zero.eval({n: 2}) == 0
    got = tcore.grad(cost, v).eval({v: np.ones(4), n: 2, i: [1, 2, 0, 1]})
    np.testing.assert_array_equal(got, [2.0, 3.0, 0.0, 1.0])
