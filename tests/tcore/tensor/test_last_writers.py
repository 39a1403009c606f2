"""The gradient of a value written by an index that names places twice: of several elements the last is in the array."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.gradient import Rop

NUMBERS = np.random.default_rng(3)
X = NUMBERS.normal(size=(3, 4, 5))
ROWS, PAIRED = np.array([0, 1, 0, -3]), np.array([2, -3, 2, 4])
MASK = np.array([True, False, True])

#: the index, of which arrays become variables, and the shape of the value
WRITTEN = {
    "rows": (ROWS, (4, 4, 5)),
    "rows of one length": (ROWS, (5,)),
    "rows of one number": (ROWS, ()),
    "columns": ((slice(None), ROWS), (3, 4, 5)),
    "pairs": ((ROWS, PAIRED % 4), (4, 5)),
    "pairs around a slice": ((ROWS, slice(1, 3), PAIRED), (4, 2)),
    "a table": (np.array([[0, 1], [1, 0]]), (2, 2, 4, 5)),
    "no rows": (np.zeros(0, int), (0, 4, 5)),
    "a number": (np.array(1), (4, 5)),
    "a mask": (MASK, (2, 4, 5)),
    "a mask and numbers": ((MASK, np.array([1, 1])), (2, 5)),
}


def exact(x, shape, index, seed):
    """The gradients with respect to array and value, by the number of the element that each place holds."""
    place = np.full(x.shape, -1)
    place[index] = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), x[index].shape)
    to_value = np.bincount(place[place >= 0], seed[place >= 0], minlength=np.prod(shape, dtype=int))
    return np.where(place < 0, seed, 0), to_value.reshape(shape)


@pytest.mark.parametrize("constant", [False, True], ids=["computed", "constant"])
@pytest.mark.parametrize("name", WRITTEN)
def test_gradient(name, constant):
    """To the value goes what arrives at the elements that stayed; Rop agrees."""
    index, shape = WRITTEN[name]
    entries = index if isinstance(index, tuple) else (index,)
    made = [e if constant or isinstance(e, slice) else tt.TensorType(e.dtype, (False,) * e.ndim)() for e in entries]
    known = {v: e for v, e in zip(made, entries, strict=True) if not isinstance(v, (slice, np.ndarray))}
    x, y = tt.dtensor3("x"), tt.TensorType("float64", (False,) * len(shape))("y")
    part = x[tuple(made)]
    if shape == (5,):
        y = tt.drow("y")
        shape = (1, 5)
    value, seed = NUMBERS.normal(size=shape), NUMBERS.normal(size=X.shape)
    out = tt.set_subtensor(part, y)
    gradients = tcore.grad((out * seed).sum(), [x, y])
    dx, dy = x.type("dx"), y.type("dy")
    pushed = (Rop(out, [x, y], [dx, dy]) * seed).sum()
    f = tcore.function([x, y, dx, dy, *known], [*gradients, pushed], on_unused_input="ignore")
    along_x, along_y = NUMBERS.normal(size=X.shape), NUMBERS.normal(size=shape)
    to_x, to_y, forward = f(X, value, along_x, along_y, *known.values())
    wanted_x, wanted_y = exact(X, shape, index, seed)
    np.testing.assert_allclose(to_x, wanted_x, atol=1e-12)
    np.testing.assert_allclose(to_y, wanted_y, atol=1e-12)
    np.testing.assert_allclose(forward, (to_x * along_x).sum() + (to_y * along_y).sum())


@pytest.mark.parametrize("index", [[0, 2], [-1, -3], [[2, 1]]], ids=str)
def test_nothing_is_added_where_places_differ(index):
    """Masks and constants that name every place once have the plain gradient: what arrives there."""
    x, y = tt.dtensor3("x"), tt.dscalar("y")
    graph = tcore.grad(tt.set_subtensor(x[np.array(index)], y).sum(), y)
    assert not any("eq" in str(node.op) for node in tcore.graph.io_toposort([x, y], [graph]))
