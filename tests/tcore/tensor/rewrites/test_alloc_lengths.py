"""Lengths of an Alloc that is dropped are still checked."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import Assert

x, v, n = T.dmatrix("x"), T.dvector("v"), T.lscalar("n")


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


def test_says_where():
    """The report ends at the user's line."""
    f = tcore.function([x], x + T.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"(?s)x has other lengths.*test_alloc_lengths.py.*T\.zeros\(\(2, 3\)\)"):
        f(np.ones((4, 3)))
