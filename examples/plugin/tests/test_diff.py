"""The op on every backend, its rewrite, and what the plugin declares."""

import numpy as np
import pytest
from tcore_example import Diff, diff

import tcore
import tcore.tensor as T
from tcore.testing import OpCase, check_op

rng = np.random.default_rng(7)
CASES = [
    OpCase(diff, [rng.normal(size=9)], expected=np.diff, name="vector"),
    OpCase(diff, [rng.normal(size=(4, 5))], expected=np.diff, name="matrix"),
    OpCase(diff, [rng.normal(size=(4, 5)).astype("float32")], expected=np.diff, gradient=False, name="float32"),
    OpCase(diff, [np.arange(10, dtype="int16").reshape(2, 5) ** 2], expected=np.diff, name="integers"),
    OpCase(diff, [np.array([1.0, np.inf, -np.inf, 0.0, np.nan, -0.0])], expected=np.diff, gradient=False, name="special"),
    OpCase(diff, [np.zeros((3, 1))], expected=np.diff, gradient=False, name="one"),
    OpCase(diff, [np.zeros((3, 0))], expected=np.diff, gradient=False, name="empty"),
    OpCase(lambda x: T.exp(diff(2 * x)).sum(axis=1), [rng.normal(size=(6, 7))], name="among others"),
    OpCase(lambda x: diff(x.T), [rng.normal(size=(6, 7))], name="of a view"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_diff(case, backend):
    check_op(case)


@pytest.mark.backends("cpu", "opencl")
def test_diff_is_native(backend, monkeypatch):
    """The lowering serves backends that have never heard of the op: with it, perform is not called."""
    monkeypatch.setattr(Diff, "perform", None)
    x, value = T.dmatrix(), rng.normal(size=(6, 7))
    f = tcore.function([x], T.exp(diff(x)) + 1)
    np.testing.assert_allclose(f(value), np.exp(np.diff(value)) + 1, rtol=1e-12)


def ops_of(function):
    return [node.op for node in function.maker.fgraph.toposort()]


def test_local_diff_neg():
    """Fires on a negation, leaves other arguments alone, and changes no number."""
    x, value = T.dvector(), rng.normal(size=6)
    f = tcore.function([x], diff(-x), mode=tcore.Mode("py").excluding("fusion"))
    assert isinstance(ops_of(f)[0], Diff)
    np.testing.assert_array_equal(f(value), np.diff(-value))
    near_miss = tcore.function([x], diff(abs(x)), mode=tcore.Mode("py").excluding("fusion"))
    assert isinstance(ops_of(near_miss)[-1], Diff)


def test_wrong_input():
    with pytest.raises(TypeError, match="diff needs numbers with at least one axis, got TensorType"):
        diff(T.dscalar())


def test_declarations():
    """The manager finds the plugin by the package of the op."""
    from tcore.plugins import active_plugins_for

    node = diff(T.dvector()).owner
    assert "example" in active_plugins_for([node])
    assert "example" not in active_plugins_for([T.exp(T.dvector()).owner])
