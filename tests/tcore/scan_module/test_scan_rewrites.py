"""What optimization makes of loops: a case that fires, a near miss, and the numbers, for each rule."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.scan_module import Scan
from tcore.tensor.blas import Dot22
from tcore.tensor.dot import Dot

X, H, W = np.random.RandomState(0).normal(size=(5, 3)), np.arange(3.0), np.random.RandomState(1).normal(size=(3, 3)) * 0.4

pytestmark = pytest.mark.usefixtures("numpy_backend")


def compiled(inputs, outputs, *values, excluding=()):
    """Loops of the optimized graph; the values must be those of the graph as it was built."""
    fast = tcore.compile.get_mode("FAST_RUN").excluding(*excluding)
    f = tcore.function(inputs, outputs, mode=fast, on_unused_input="ignore")
    plain = tcore.function(inputs, outputs, mode=tcore.Mode("py", None), on_unused_input="ignore")
    for got, expected in zip(f(*values), plain(*values), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        assert got.shape == expected.shape
    return [node for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)], f


def inner_ops(node):
    return [str(each.op) for each in node.op.fgraph.toposort()]


def test_constants_go_inside_and_unused_inputs_go_L11500():
    x, s, unused = T.dvector(), T.dscalar(), T.dvector()
    result, _ = tcore.scan(lambda v, u, a, c, d: a * v + c, [x, unused], s, [T.constant(2.5), unused], n_steps=3)
    (node,), _ = compiled([x, s, unused], [result], np.ones(3), 2.0, np.ones(4))
    assert (node.op.layout.n_seqs, node.op.layout.n_non_seqs) == (1, 0)


def test_unused_states_go():
    """Also those that see themselves; not those that another one sees."""
    x, s = T.dvector(), T.dscalar()
    (a, b, c), _ = tcore.scan(lambda v, a, b, c: [a * v + b, b * 2, c * c], x, [s, s, s])
    (node,), _ = compiled([x, s], [a], np.ones(3), 2.0)
    assert node.op.layout.n_states == 2


def test_what_is_the_same_in_all_steps_is_done_once_L11504():
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    result, _ = tcore.scan(lambda v, a, w: T.tanh(v + T.dot(a, T.exp(w).T)), x, s, w)
    (node,), _ = compiled([x, s, w], [result], X, H, W)
    assert not any("exp" in op for op in inner_ops(node))
    (node,), _ = compiled([x, s, w], [result], X, H, W, excluding=["scan_pushout"])
    assert any("exp" in op for op in inner_ops(node))


def test_effects_stay_where_they_are():
    """A check that no step makes does not fail."""
    x, s, w = T.dvector(), T.dscalar(), T.dscalar()
    result, _ = tcore.scan(lambda v, a, w: a * v * T.opt.Assert("positive")(w, T.gt(w, 0)), x, s, w)
    _, f = compiled([x, s, w], [result], np.ones(2), 1.0, 2.0)
    assert f(np.ones(0), 1.0, -1.0)[0].shape == (0,)
    with pytest.raises(AssertionError, match="positive"):
        f(np.ones(1), 1.0, -1.0)


def test_work_on_sequences_is_done_before_L11508():
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    result, _ = tcore.scan(lambda v, a, w: T.tanh(a * T.dot(v, w) + (v**2).sum() + v[1]), x, s, w)
    (node,), f = compiled([x, s, w], [result], X, H, W)
    assert not any("dot" in op or "Sum" in op for op in inner_ops(node))
    assert any(isinstance(each.op, (Dot, Dot22)) for each in f.maker.fgraph.toposort())
    (node,), _ = compiled([x, s, w], [result], X, H, W, excluding=["scanOp_pushout_seqs_ops"])
    assert any("dot" in op for op in inner_ops(node))


def test_a_map_is_no_loop():
    """Of matrices, vectors and numbers; a result that is the same at every step has a row for each."""
    x, y, w = T.dtensor3(), T.dmatrix(), T.dmatrix()
    results, _ = tcore.scan(lambda a, b, w: [T.dot(a, w), T.dot(a, b), T.dot(w, b), T.tanh(T.dot(b, b) * a).max(axis=1), w, T.dot(a, a.T)], [x, y], None, w)
    nodes, _ = compiled([x, y, w], results, np.random.RandomState(3).normal(size=(4, 2, 3)), X, W)
    assert nodes == []


def test_products_after_the_loop_L11512():
    """Of states that are stored anyway; not where the next step sees the product."""
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    (h, y), _ = tcore.scan(lambda v, a, w: [T.tanh(v + T.dot(a, w)), T.dot(T.tanh(v + T.dot(a, w)), w)], x, [s, None], w)
    (node,), _ = compiled([x, s, w], [h, y], X, H, W)
    assert node.op.layout.n_nitsots == 0
    assert sum("dot" in op for op in inner_ops(node)) == 1
    (node,), _ = compiled([x, s, w], [h, y], X, H, W, excluding=["scanOp_pushout_output"])
    assert node.op.layout.n_nitsots == 1


@pytest.mark.parametrize("matrices", [False, True])
def test_sums_of_products_are_one_product_L11516(matrices):
    """The gradient of a weight matrix; also where steps see batches."""
    x, s, w = (T.dtensor3() if matrices else T.dmatrix()), (T.dmatrix() if matrices else T.dvector()), T.dmatrix()
    h, _ = tcore.scan(lambda v, a, w: T.tanh(v + T.dot(a, w)), x, s, w)
    gradient = T.grad((h**2).sum(), w)
    values = (np.random.RandomState(3).normal(size=(4, 2, 3)), np.ones((2, 3)), W) if matrices else (X, H, W)
    nodes, _ = compiled([x, s, w], [gradient], *values)
    assert [node.op.layout.n_states for node in nodes] == [1, 0]
    nodes, _ = compiled([x, s, w], [gradient], *values, excluding=["scan_pushout_dot1"])
    assert [node.op.layout.n_states for node in nodes] == [1, 1]


def test_sums_that_are_seen_stay():
    """A running sum of which more than the last row is used, or that the step sees."""
    x, w = T.dmatrix(), T.dmatrix()
    sums, _ = tcore.scan(lambda v, s, w: s + T.dot(v, w), x, T.zeros((3,)), w)
    (node,), _ = compiled([x, w], [sums], X, W)
    assert node.op.layout.n_states == 1
    seen, _ = tcore.scan(lambda v, s, w: s + T.dot(T.tanh(s), w), x, T.zeros((3,)), w)
    (node,), _ = compiled([x, w], [seen[-1]], X, W)
    assert node.op.layout.n_states == 1


def test_loops_are_joined_L11532_L11538():
    """What both compute is computed once; other numbers of steps, and loops of which one needs the other, stay apart."""
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    step = lambda v, a, w: T.tanh(v + T.dot(a, w))  # noqa: E731
    first, _ = tcore.scan(step, x, s, w)
    second, _ = tcore.scan(lambda v, a, b, w: [step(v, a, w), b + a], x, [s, s], w)
    other, _ = tcore.scan(step, x, s, w, n_steps=2)
    (node,), _ = compiled([x, s, w], [first, *second], X, H, W)
    assert node.op.layout.n_states == 2
    nodes, _ = compiled([x, s, w], [first, other], X, H, W)
    assert len(nodes) == 2
    after, _ = tcore.scan(step, first, s, w)
    nodes, _ = compiled([x, s, w], [after, first], X, H, W)
    assert len(nodes) == 2


def test_loops_with_conditions_are_joined_where_they_stop_for_one_reason():
    s = T.dscalar()
    until = tcore.scan_module.until
    loops = [tcore.scan(lambda a, b: (a * 2, until(a > b)), outputs_info=s, non_sequences=T.constant(bound), n_steps=20)[0] for bound in (5.0, 5.0, 50.0)]
    nodes, _ = compiled([s], loops, 1.0)
    assert len(nodes) == 2


def test_the_last_rows_are_kept_L11524_L11530_L18826_L2802():
    """Whatever index reads from the end; all rows where something else does."""
    s, n = T.dvector(), T.lscalar()

    def keeps(result, *more, steps=5):
        total, _ = tcore.scan(lambda a, b: a * 0.5 + b, outputs_info={"initial": s, "taps": [-2, -1]}, n_steps=n)
        (node,), _ = compiled([s, n], [result(total), *(each(total) for each in more)], np.ones(2), steps)
        return [None if k is None else k.data.item() for k in node.op.layout.outer_inputs(node.inputs).keeps]

    assert keeps(lambda t: t[-1]) == [1]
    assert keeps(lambda t: t[-3], lambda t: t[-2:]) == [3]
    assert keeps(lambda t: t[-3:-1], steps=1) == [3]
    assert keeps(lambda t: t[-4:], steps=2) == [4]
    assert keeps(lambda t: t[0]) == [None]
    assert keeps(lambda t: t[:-1]) == [None]
    assert keeps(lambda t: t[::-1]) == [None]
    assert keeps(lambda t: t[-1], lambda t: t.sum()) == [None]


def test_an_index_before_the_first_step_stays_an_error():
    s, n = T.dscalar(), T.lscalar()
    total, _ = tcore.scan(lambda a: a * 2, outputs_info=s, n_steps=n)
    f = tcore.function([s, n], total[-2])
    assert f(1.0, 2) == 2.0
    with pytest.raises(IndexError):
        f(1.0, 1)


def test_loops_work_in_memory_that_nobody_needs_L11520():
    """The gradients of states, in the array of what comes in; not where that is an input of the function."""
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    h, _ = tcore.scan(lambda v, a, w: T.tanh(v + T.dot(a, w)), x, s, w)
    nodes, _ = compiled([x, s, w], [T.grad((h**2).sum(), w)], X, H, W)
    assert str(nodes[-1].op) == "for{inplace,cpu,grad_of_scan_fn}"
    last, _ = tcore.scan(lambda a, w: T.dot(a, w), outputs_info=s, non_sequences=w, n_steps=3)
    (node,), f = compiled([s, w], [last[-1]], H, W)
    assert node.op.destroy_map == {}
    fresh, _ = tcore.scan(lambda a, w: T.dot(a, w), outputs_info=T.exp(s), non_sequences=w, n_steps=3)
    (node,), _ = compiled([s, w], [fresh[-1]], H, W)
    assert node.op.destroy_map == {0: [1]}


def test_debug_mode():
    """All rules together, each node under suspicion."""
    x, s, w = T.dmatrix(), T.dvector(), T.dmatrix()
    h, _ = tcore.scan(lambda v, a, w: T.tanh(v + T.dot(a, w)), x, s, w)
    f = tcore.function([x, s, w], [h[-1], T.grad((h**2).sum(), w)], mode=tcore.compile.DebugMode(stability_patience=1))
    plain = tcore.function([x, s, w], [h[-1], T.grad((h**2).sum(), w)], mode="FAST_COMPILE")
    for got, expected in zip(f(X, H, W), plain(X, H, W), strict=True):
        np.testing.assert_allclose(got, expected)


def test_loops_over_numbers_are_kernels():
    """Of elementwise steps with one element a step, all of whose results are kept."""
    x, y, s, w = T.dvector(), T.lvector(), T.dscalar(), T.dscalar()
    step = lambda v, k, a, b, w: [T.sin(a) * w + v, b * 0.5 + a, a * k]  # noqa: E731
    results, _ = tcore.scan(step, [x, y], [s, s, None], w)
    values = np.linspace(0, 1, 6), np.arange(9), 0.3, 2.0
    nodes, f = compiled([x, y, s, w], results, *values)
    assert nodes == []
    assert f(np.ones(0), *values[1:])[0].shape == (0,)
    nodes, _ = compiled([x, y, s, w], [results[0][-1]], *values)  # keeps one row
    assert len(nodes) == 1
    nodes, _ = compiled([x, s], [tcore.scan(step, [x, x], [s, s, None], s, n_steps=3)[0][0]], values[0], 0.5)  # too short sequences raise
    assert len(nodes) == 1
    nodes, _ = compiled([x, s], [tcore.scan(lambda v, a: T.dot(a, v), x, s)[0]], values[0], 0.5)
    assert nodes == []
    vectors, _ = tcore.scan(lambda v, a: a * v, T.outer(x, x), T.ones_like(x))
    nodes, _ = compiled([x], [vectors], values[0])
    assert len(nodes) == 1


def test_recurrence_of_a_gradient():
    """The numbers of a stabilized step, and the gradient through all of it."""
    x, s = T.dvector(), T.dscalar()
    result, _ = tcore.scan(lambda v, a: T.log(1 + T.exp(a + v)), x, s)
    compiled([x, s], [result, *T.grad(result.sum(), [x, s])], np.array([0.1, -0.4, 700.0]), 0.2)
    f = tcore.function([x, s], result)
    assert np.isfinite(f([1000.0, 1.0], 0.0)).all()


SHORT = {
    "computed outside": lambda v, n: tcore.scan(lambda a: a * a, sequences=v, n_steps=n)[0],
    "handed on": lambda v, n: tcore.scan(lambda a: a, sequences=v, n_steps=n)[0],
    "computed outside in part": lambda v, n: tcore.scan(lambda a, b: a * a + b, sequences=v, outputs_info=np.float64(0), n_steps=n)[0],
    "summed": lambda v, n: tcore.scan(lambda a, b: T.sqr(a) + b, sequences=v, outputs_info=np.float64(0), n_steps=n)[0][-1],
    "with a longer one": lambda v, n: tcore.scan(lambda a, b: a * b, sequences=[v, T.arange(10.0)], n_steps=n)[0],
    "cut before": lambda v, n: tcore.scan(lambda a: a * 2, sequences=v[:n], n_steps=n)[0],
    "taps": lambda v, n: tcore.scan(lambda a, b: a * b, sequences={"input": T.concatenate([v, v[:1]]), "taps": [0, 1]}, n_steps=n)[0],
    "backwards": lambda v, n: tcore.scan(lambda a: a * 2, sequences=v, n_steps=n, go_backwards=True)[0],
    "gradient": lambda v, n: tcore.grad(tcore.scan(lambda a: a * a, sequences=v, n_steps=n)[0].sum(), v),
    "products": lambda v, n: tcore.scan(lambda row, w: T.dot(row, w), sequences=T.outer(v, v), non_sequences=v, n_steps=n)[0],
}


@pytest.mark.parametrize("known", [False, True], ids=["computed", "known"])
@pytest.mark.parametrize("name", SHORT)
def test_sequences_that_are_too_short(name, known):
    """They are refused, as documented, also where no loop is left that would look; the right ones, and longer ones, are not."""
    v, n = T.dvector("v"), T.lscalar("n")
    f = tcore.function([v, n], SHORT[name](v, 5 if known else n), on_unused_input="ignore")
    plain = tcore.function([v, n], SHORT[name](v, 5 if known else n), mode="FAST_COMPILE", on_unused_input="ignore")
    for length in (2, 4):
        with pytest.raises(ValueError, match=f"has {length} elements from its first tap on, too few for 5 steps"):
            f(np.ones(length), 5)
    for length in (5, 7):
        value = np.linspace(1, 2, length)
        np.testing.assert_allclose(f(value, 5), plain(value, 5), rtol=1e-12)
