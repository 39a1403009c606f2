"""Interned expressions."""

from __future__ import annotations

import gc
import pickle

import numpy as np

from tcore.codegen import expr as e
from tcore.codegen.building import cast, select
from tcore.codegen.functions import apply_function
from tcore.codegen.kernel import affine, body, decides
from tcore.codegen.walks import flatten, rebuilt, replace_whole, substitute

X = e.Buffer("x", "float64", (False, True))
I = e.Axis.fresh("i", e.extent(X, 0))


def test_equal_means_identical() -> None:
    """The same construction gives the same object."""
    first = e.Fn("exp", (e.load(X, (I, 0)),), "float64")
    assert first is e.Fn("exp", (e.load(X, (I, I + 3)),), "float64")
    assert e.const(np.nan, "float64") is e.const(np.nan, "float64")


def test_literals_keep_sign_and_type() -> None:
    """0.0, -0.0, 0, False and float32 0.0 are five literals."""
    values = [e.const(0.0, "float64"), e.const(-0.0, "float64"), e.const(0, "int64"), e.const(False, "bool"), e.const(0.0, "float32")]
    assert len(set(values)) == 5


def test_buffers_are_compared_by_identity() -> None:
    """Two operands of one type are two."""
    assert e.load(e.Buffer("x", "int8"), ()) is not e.load(e.Buffer("x", "int8"), ())


def test_the_table_forgets() -> None:
    """Expressions that nobody holds are freed."""
    before = len(e._live)
    for k in range(100):
        e.Fn("add", (I, e.index_const(1000 + k)), "int64")
    gc.collect()
    assert len(e._live) - before < 50


def test_deep_expressions_do_not_recurse() -> None:
    """A nest of 20,000 is flattened and rewritten."""
    value: e.Expr = e.load(X, (I, 0))
    for _ in range(20_000):
        value = e.Fn("neg", (value,), "float64")
    assert len(flatten([value])) > 20_000
    other = e.Buffer("y", "float64", (False, True))
    moved = substitute([value], {e.load(X, (I, 0)): e.load(other, (I, 0))})[0]
    assert moved is not value
    assert moved.axes == {I}
    assert len(body([value])) == 20_001


def test_index_arithmetic_folds() -> None:
    """Literals fold, zeros and ones vanish."""
    assert (I + 0) is I
    assert (I * 1) is I
    assert (e.index_const(3) * 4 - 2) is e.index_const(10)
    assert (I * 0) is e.index_const(0)


def test_affine() -> None:
    """2 * i + j - 3 has its coefficients; a product of axes has none."""
    j = e.Axis.fresh("j", e.index_const(4))
    found = affine(I * 2 + j - 3)
    assert found == (e.index_const(-3), {I: e.index_const(2), j: e.index_const(1)})
    assert affine(I * j) is None
    assert affine(apply_function("floor_div", (I, e.index_const(2)), "int64")) is None


def test_pickle() -> None:
    """A restored expression is the live one where its buffers are."""
    value = e.Fn("exp", (cast(e.load(X, (I, 0)), "float32"),), "float32")
    buffer, restored = pickle.loads(pickle.dumps((X, value)))
    assert restored is substitute([value], {e.load(X, (I, 0)): restored.args[0].args[0]})[0]
    assert restored.args[0].args[0].buffer is buffer


def test_values_that_decide() -> None:
    """A transcendental that a comparison or a cast to integer reads is found, others are not."""
    one = e.Fn("exp", (e.load(X, (I, 0)),), "float64")
    two = e.Fn("log", (e.load(X, (I, 0)),), "float64")
    test = e.Fn("lt", (one, e.const(2.0, "float64")), "bool")
    assert decides([select(test, one, two)]) == {one}
    assert decides([cast(two, "int32")]) == {two}


def test_whole_expressions_are_replaced_as_they_stand() -> None:
    """Nothing below a replaced one is; what a replacement simplifies is simplified."""
    value = e.load(X, (I, 0))
    root = e.Fn("exp", (value,), "float64")
    both = e.Fn("add", (root, value), "float64")
    one, two = e.const(1.0, "float64"), e.const(2.0, "float64")
    assert replace_whole([both], {root: one, value: two}) == [e.Fn("add", (one, two), "float64")]
    assert substitute([both], {root: one, value: two}) == [e.Fn("add", (e.Fn("exp", (two,), "float64"), two), "float64")]
    assert rebuilt(both, both.args) is both
    test = e.Fn("gt", (value, one), "bool")
    assert rebuilt(select(test, one, two), (e.const(True, "bool"), one, two)) is one
    assert rebuilt(cast(value, "float32"), (two,)) is e.const(2.0, "float32")
