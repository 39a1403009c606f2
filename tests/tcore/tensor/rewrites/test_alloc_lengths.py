"""Lengths of an Alloc that is dropped are still checked."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import Assert
from tcore.tensor.alloc import Alloc

x, y, v, n = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.lscalar("n")


def asserts(f):
    return [node for node in f.maker.fgraph.toposort() if isinstance(node.op, Assert)]


GRAPHS = {
    "sum with zeros": ([x], lambda: x + T.zeros((2, 3))),
    "product with ones": ([x], lambda: x * T.ones((2, 3))),
    "fill of a length that is an input": ([x, n], lambda: x * T.alloc(3.0, n, 3)),
    "below a transpose": ([x], lambda: x.T - T.zeros((2, 3)).T),
    "of a computed value": ([x], lambda: T.exp(x * 0.0) * T.ones((2, 3))),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("shape", [(1, 3), (4, 3), (2, 1)])
def test_wrong_lengths_are_refused(name, shape, backend):
    """A length that differs from the one that was written down is an error on every backend; one that agrees is none."""
    inputs, build = GRAPHS[name]
    f = tcore.function(inputs, build(), on_unused_input="ignore")
    more = [2] * (len(inputs) - 1)
    with pytest.raises(ValueError, match="Input dimension mis-match"):
        f(np.ones(shape), *more)
    plain = tcore.function(inputs, build(), mode=tcore.Mode("py", None))
    np.testing.assert_allclose(f(np.full((2, 3), 2.0), *more), plain(np.full((2, 3), 2.0), *more))


@pytest.mark.parametrize(
    ("inputs", "build"),
    [
        ([x], lambda: x + T.zeros(x.shape)),
        ([x], lambda: x * T.ones((x.shape[0], x.shape[1]))),
        ([v], lambda: T.exp(v) + T.zeros((v.shape[0],))),
        ([v], lambda: T.ones((3,)) + T.zeros((3,)) * v.sum()),
        ([x], lambda: x + T.zeros((1, 1))),
    ],
)
def test_what_is_known_to_agree_is_not_checked(inputs, build):
    """Lengths of the same variable, equal constants, axes that stretch."""
    assert not asserts(tcore.function(inputs, build()))


def test_option_L13712():
    """``experimental.local_alloc_elemwise_assert=False`` trusts the lengths."""
    with tcore.config.change_flags(experimental__local_alloc_elemwise_assert=False):
        f = tcore.function([x], x + T.zeros((2, 3)))
    assert not asserts(f)
    assert f(np.ones((4, 3))).shape == (4, 3)


@pytest.mark.parametrize(
    ("inputs", "build", "arguments"),
    [
        pytest.param([v, n], lambda: v * T.alloc(2.0, n), (np.arange(3.0), 3), id="a number"),
        pytest.param([v, n], lambda: T.alloc(T.exp(v[0]), n) - v, (np.arange(3.0), 3), id="a computed number"),
        pytest.param([x, n], lambda: x + T.alloc(T.sin(x[0]), n, 3), (np.ones((2, 3)), 2), id="a row"),
        pytest.param([x, y, n], lambda: x * y * T.alloc(0.5, 3, n).T, (np.ones((2, 3)), np.ones((2, 3)), 2), id="transposed"),
    ],
)
def test_what_is_checked_is_not_made_L13720(inputs, build, arguments):
    """The check of lengths costs a comparison of numbers; the array that they were written down for is never made."""
    f = tcore.function(inputs, build(), mode=tcore.Mode("vm", "fast_run"))
    assert asserts(f)
    assert not [node for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Alloc)]
    plain = tcore.function(inputs, build(), mode=tcore.Mode("py", None))
    np.testing.assert_allclose(f(*arguments), plain(*arguments))
    with pytest.raises(ValueError, match="Input dimension mis-match"):
        f(*arguments[:-1], arguments[-1] + 1)


def test_says_where():
    """The report ends at the user's line."""
    f = tcore.function([x], x + T.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"(?s)x has other lengths.*test_alloc_lengths.py.*T\.zeros\(\(2, 3\)\)"):
        f(np.ones((4, 3)))


# ------------------------------------------------------------ fills

FILLS = {
    "value alone": lambda: T.fill(x, v),
    "value in a sum": lambda: T.fill(x, v) + x,
    "below a transpose": lambda: T.exp(T.fill(x, v).T).T,
    "zeros of another shape": lambda: T.zeros_like(v) + x,
    "ones of another shape": lambda: x * T.ones_like(v),
    "nothing but fills": lambda: T.fill(x, 2.0) * T.fill(v, 3.0),
}


@pytest.mark.parametrize("name", FILLS)
def test_fills_that_do_not_fit_are_refused(name, backend):
    """As NumPy refuses them, though no later step needs the array."""
    f = tcore.function([x, v], FILLS[name](), on_unused_input="ignore")
    for length in (1, 5):
        with pytest.raises(ValueError, match="Input dimension mis-match"):
            f(np.ones((2, 3)), np.ones(length))
    plain = tcore.function([x, v], FILLS[name](), mode=tcore.Mode("py", None), on_unused_input="ignore")
    values = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    np.testing.assert_allclose(f(*values), plain(*values))


@pytest.mark.parametrize(
    "build",
    [
        lambda: T.fill(x, x.sum(axis=0)), lambda: T.fill(x, T.exp(x)), lambda: T.fill(x, 1.0), lambda: T.zeros_like(x) + x * 2, lambda: T.ones_like(x) * x[0],
        lambda: T.fill(x, v.sum()) * T.tanh(x),
    ],
    ids=["sum", "same shape", "scalar", "zeros", "row", "scalar in a product"],
)  # fmt: skip
def test_fills_that_are_known_to_fit_are_not_checked(build):
    assert not asserts(tcore.function([x, v], build(), on_unused_input="ignore"))


GRADIENTS = {
    "sum of a product": lambda: (T.sum(x, axis=0) * v).sum(),
    "means of rows": lambda: T.sqr(v - x.mean(axis=0)).sum(),
    "softmax": lambda: ((y - T.softmax(x)) ** 2).mean(axis=0).sum(),
    "normalized rows": lambda: (y * (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)).sum(),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_not_checked(name):
    """What they fill fits, because the values do whose shapes it has."""
    f = tcore.function([x, y, v], tcore.grad(GRADIENTS[name](), x), on_unused_input="ignore")
    assert not asserts(f)


def test_a_gradient_does_not_vouch_for_a_user():
    """Both make the same node; the user's fill is checked, the gradient's alone is not."""
    gradient = tcore.grad((T.sum(x, axis=0) * v).sum(), x)
    assert not asserts(tcore.function([x, v], gradient))
    f = tcore.function([x, v], [gradient, T.fill(x, v)])
    with pytest.raises(ValueError, match="v has other lengths|DimShuffle"):
        f(np.ones((2, 3)), np.ones(4))


def test_fills_without_the_check():
    """The option trusts these lengths, too."""
    with tcore.config.change_flags(experimental__local_alloc_elemwise_assert=False):
        assert not asserts(tcore.function([x, v], [T.fill(x, v), T.zeros_like(v) + x]))


def test_fill_says_where():
    f = tcore.function([x, v], T.fill(x, v))
    with pytest.raises(ValueError, match=r"(?s)has other lengths than x.*test_alloc_lengths.py.*T\.fill\(x, v\)"):
        f(np.ones((2, 3)), np.ones(4))
