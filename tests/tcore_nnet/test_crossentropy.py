"""Cross-entropies against their definitions in NumPy, at ordinary and at extreme arguments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore_nnet import (
    binary_crossentropy,
    categorical_crossentropy,
    crossentropy_softmax_argmax_1hot_with_bias,
    sigmoid_binary_crossentropy,
)

RNG = np.random.default_rng(7)
X = RNG.normal(size=(4, 3))
Y = np.array([2, 0, 1, 2])


def test_books_numbers():
    """The documentation's example of cost and argmax."""
    x, b = np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]]), np.zeros(3)
    xs, bs, ys = T.dmatrix(), T.dvector(), T.lvector()
    f = tcore.function([xs, bs, ys], crossentropy_softmax_argmax_1hot_with_bias(xs, bs, ys))
    y = np.array([0, 1])
    cost, sm, place = f(x, b, y)
    np.testing.assert_allclose(cost, -log_softmax(x, axis=1)[[0, 1], y])
    np.testing.assert_allclose(sm, softmax(x, axis=1))
    assert place.tolist() == [2, 0]


def test_labels_and_one_hot_rows_agree():
    """Positions and the distributions that they stand for cost the same."""
    x, y = T.dmatrix(), T.lvector()
    probability = T.nnet.softmax(x)
    f = tcore.function(
        [x, y], [categorical_crossentropy(probability, y), categorical_crossentropy(probability, T.eq(y.dimshuffle(0, "x"), T.arange(3)))]
    )
    by_label, by_row = f(X, Y)
    np.testing.assert_allclose(by_label, -log_softmax(X, axis=1)[np.arange(4), Y])
    np.testing.assert_allclose(by_row, by_label)


def test_softmax_crossentropy_is_stable():
    """Scores of a thousand cost a thousand, where the written formula has the logarithm of 0."""
    x, y = T.dmatrix(), T.lvector()
    cost = categorical_crossentropy(T.nnet.softmax(x), y)
    f = tcore.function([x, y], [cost, tcore.grad(cost.sum(), x)])
    value, gradient = f([[1000.0, 0.0]], [1])
    np.testing.assert_allclose(value, [1000.0])
    np.testing.assert_allclose(gradient, [[1.0, -1.0]])


def ops(f):
    return [str(node.op) for node in f.maker.fgraph.toposort()]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_bias_joins_the_cost_L10798(scale):
    """Softmax, bias and cost become one op; the numbers are those of the definition, where a probability rounds to 0, too."""
    x, b, c, y = T.dmatrix(), T.dvector(), T.dvector(), T.lvector()
    mode = tcore.Mode("py", "fast_run").excluding("fusion", "inplace")
    f = tcore.function([x, b, c, y], categorical_crossentropy(T.nnet.softmax(x + b + c), y), mode=mode)
    assert "CrossentropySoftmaxArgmax1HotWithBias" in ops(f)
    assert not any("Softmax" in op for op in ops(f) if op != "CrossentropySoftmaxArgmax1HotWithBias")
    b_value, c_value = np.array([0.5, -0.5, 2.0]), np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(f(scale * X, b_value, c_value, Y), -log_softmax(scale * X + b_value + c_value, axis=1)[np.arange(4), Y])
    cost = categorical_crossentropy(T.nnet.softmax(x + b), y).sum()
    gradient = tcore.function([x, b, y], tcore.grad(cost, b), mode=mode)
    np.testing.assert_allclose(gradient(X, b_value, Y), (softmax(X + b_value, axis=1) - np.eye(3)[Y]).sum(axis=0))


def test_what_is_no_bias_stays():
    """A matrix, a column and a float64 vector that is added to float32 are no bias of the op; the name excludes the rule."""
    x, y, b = T.dmatrix(), T.lvector(), T.dvector()
    mode = tcore.Mode("py", "fast_run").excluding("fusion", "inplace")
    for z, inputs in ((x + T.exp(x), [x, y]), (x + T.exp(x[:, :1]), [x, y]), (T.fmatrix("m") + b, None)):
        given = inputs or [z.owner.inputs[0], b, y]
        f = tcore.function(given, categorical_crossentropy(T.nnet.softmax(z), y), mode=mode)
        node = next(node for node in f.maker.fgraph.toposort() if "Crossentropy" in str(node.op))
        assert "add" in str(node.inputs[0].owner.op)
    f = tcore.function([x, b, y], categorical_crossentropy(T.nnet.softmax(x + b), y), mode=mode.excluding("crossentropy_to_crossentropy_with_softmax_with_bias"))
    assert any("add" in op for op in ops(f))


def test_binary_crossentropy_of_a_sigmoid_is_stable():
    """The optimized graph works from the sigmoid's argument."""
    x = T.dvector()
    f = tcore.function([x], [binary_crossentropy(T.nnet.sigmoid(x), t) for t in (0.0, 1.0)])
    zero, one = f([-800.0, 0.0, 800.0])
    np.testing.assert_allclose(zero, [0.0, np.log(2), 800.0], atol=1e-300)
    np.testing.assert_allclose(one, [800.0, np.log(2), 0.0], atol=1e-300)


def test_sigmoid_binary_crossentropy():
    """Equal to the composition for ordinary arguments, exact for large ones, gradient sigmoid(x) − t."""
    x, t = T.dvector(), T.dvector()
    cost = sigmoid_binary_crossentropy(x, t)
    f = tcore.function([x, t], [cost, tcore.grad(cost.sum(), x)])
    values, targets = np.array([-2.0, 0.5, 3.0, 900.0, -900.0]), np.array([0.0, 0.3, 1.0, 0.0, 1.0])
    got, gradient = f(values, targets)
    sigmoid = 1 / (1 + np.exp(-values[:3]))
    expected = -(targets[:3] * np.log(sigmoid) + (1 - targets[:3]) * np.log(1 - sigmoid))
    np.testing.assert_allclose(got, [*expected, 900.0, 900.0])
    np.testing.assert_allclose(gradient, [*(sigmoid - targets[:3]), 1.0, -1.0])


def test_gradients():
    """Against finite differences."""
    rng = np.random.RandomState(1)
    verify_grad(lambda x, b: crossentropy_softmax_argmax_1hot_with_bias(x, b, Y)[0], [X, RNG.normal(size=3)], rng=rng)
    verify_grad(lambda x, b: crossentropy_softmax_argmax_1hot_with_bias(x, b, Y)[1], [X, RNG.normal(size=3)], rng=rng)
    verify_grad(lambda p: categorical_crossentropy(p, Y), [softmax(X, axis=1)], rng=rng)


def test_position_out_of_range():
    """An IndexError that names position, row, axis and size."""
    x, y = T.dmatrix(), T.lvector()
    f = tcore.function([x, y], categorical_crossentropy(x, y), mode="FAST_COMPILE")
    with pytest.raises(IndexError, match="position 3 in row 1 is out of bounds for axis 1 with size 3"):
        f(softmax(X, axis=1), np.array([0, 3, 1, 1]))


def test_wrong_kinds_are_refused():
    """Numbers of axes and dtypes are checked when the graph is built."""
    with pytest.raises(TypeError, match="true_dist"):
        categorical_crossentropy(T.dmatrix(), T.dtensor3())
    with pytest.raises(TypeError, match="vector of integers"):
        categorical_crossentropy(T.dmatrix(), T.dvector())
