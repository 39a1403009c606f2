"""What ``scan`` takes and refuses."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import MissingInputError
from tcore.scan_module import OrderedUpdates, until


def run(inputs, outputs, *values):
    return tcore.function(inputs, outputs, mode="FAST_COMPILE")(*values)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x, s: tcore.scan(lambda v: v, outputs_info=x), ValueError, "without sequences the number of steps is not known: give n_steps"),
        (lambda x, s: tcore.scan(lambda v: v, s), ValueError, r"sequence 0, s, is a scalar: it has no elements.*T.arange\(s\) to count"),
        (lambda x, s: tcore.scan(lambda v: v, {"taps": [0]}), ValueError, "sequence 0 is a dict without 'input'"),
        (lambda x, s: tcore.scan(lambda v: v, {"input": x, "tap": [0]}), ValueError, "sequence 0 has the unknown entries tap; a dict may have input and taps"),
        (lambda x, s: tcore.scan(lambda v: v, {"input": x, "taps": [0, 0]}), ValueError, "sequence 0 has a tap twice"),
        (lambda x, s: tcore.scan(lambda v: v, {"input": x, "taps": 0.5}), TypeError, "the taps of sequence 0 are integers, got 0.5"),
        (lambda x, s: tcore.scan(lambda a, b: b, x, {"initial": s, "taps": [0]}), ValueError, "output 0 has the tap 0: a step sees outputs of earlier steps only"),
        (lambda x, s: tcore.scan(lambda a, b: b, x, {"initial": s, "taps": [-2]}), ValueError, r"taps \[-2\], so that its initial state needs a leading axis of length 2"),
        (lambda x, s: tcore.scan(lambda a: a, x, {"taps": [-1]}), ValueError, "output 0 has taps .* and no initial state"),
        (lambda x, s: tcore.scan(lambda a, b: [a, b], x, [s]), ValueError, "fn returns 2 outputs, outputs_info says something of 1"),
        (lambda x, s: tcore.scan(lambda a: a, x, n_steps=-1), ValueError, "n_steps is -1, and cannot be negative"),
        (lambda x, s: tcore.scan(lambda a: a, x, n_steps=2.5), TypeError, "n_steps is an integer, got 2.5"),
        (lambda x, s: tcore.scan(lambda a: a, x, truncate_gradient=0), ValueError, "truncate_gradient is a number of steps"),
        (lambda x, s: tcore.scan(3, x), TypeError, "fn is a function that builds one step, got 3"),
        (lambda x, s: tcore.scan(lambda a: None, x), ValueError, "fn returns neither outputs nor updates"),
        (lambda x, s: tcore.scan(lambda a: "text", x), TypeError, "output 0 of fn must be a tensor variable, got 'text'"),
        (lambda x, s: tcore.scan(lambda a: (until(a > 0), a), x), ValueError, "until must be the last thing that fn returns"),
        (lambda x, s: tcore.scan(lambda a: ([a], {}, a > 0), x), ValueError, "after them until.condition., where the loop may stop early"),
        (lambda x, s: tcore.scan(lambda a: {s: a}, x), TypeError, "only shared variables can be updated"),
        (lambda x, s: tcore.scan(lambda a: {tcore.shared(1): a}, x), TypeError, "the update of .* has type TensorType.float64, scalar"),
        (lambda x, s: tcore.scan(lambda a, b: T.stack([a, b]), x, s), ValueError, r"output 0 of fn has 1 dimensions .* the state that it follows has 0"),
        (lambda x, s: until(x), TypeError, "until needs a scalar condition"),
        (lambda x, s: tcore.scan_checkpoints(lambda a: a, x, save_every_N=0), ValueError, "save_every_N is a number of steps"),
        (lambda x, s: tcore.scan_checkpoints(lambda a, b: a, {"input": x, "taps": [0, 1]}), ValueError, "taps other than t"),
    ],
)
def test_refused_L19419_L19422_L19220_L19218(build, error, text):
    with pytest.raises(error, match=text):
        build(T.dvector("x"), T.dscalar("s"))


def test_wrong_number_of_arguments():
    """The note of the error lists what the step was called with."""
    x, w = T.dvector("x"), T.dscalar("w")
    with pytest.raises(TypeError) as caught:
        tcore.scan(lambda a: a, {"input": x, "taps": [0, 1]}, non_sequences=w)
    assert caught.value.__notes__ == ["scan called fn with 3 arguments: x[t], x[t+1], w (slices of sequences, then of earlier outputs, then non_sequences)"]


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x, n: tcore.scan(lambda a: a + 1, x, n_steps=n, name="mine")[0], r"mine: sequence 0, x, has 3 elements from its first tap on, too few for 5 steps"),
        (lambda x, n: tcore.scan(lambda a: a + 1, outputs_info=x, n_steps=n - 9)[0], "the number of steps is -4, and cannot be negative"),
        (lambda x, n: tcore.scan(lambda a: a + 1, outputs_info={"initial": x, "taps": [-4]}, n_steps=n)[0], "state 0: the initial state has 3 rows, its taps need 4"),
        (lambda x, n: tcore.scan(lambda i: T.arange(i), T.arange(n))[0], r"output 0 changes its shape: \(1,\) at step 1, \(0,\) at step 0"),
        (lambda x, n: tcore.scan(lambda s: T.concatenate([s, s]), outputs_info=x, n_steps=n)[0], r"state 0 changes its shape: \(6,\) at step 0, \(3,\) at the initial"),
    ],
)
def test_refused_when_it_runs_L19422(build, text):
    x, n = T.dvector("x"), T.lscalar("n")
    with pytest.raises(ValueError, match=text):
        tcore.function([x, n], build(x, n), mode="FAST_COMPILE", on_unused_input="ignore")(np.ones(3), 5)


def test_forms_of_results_L19440_L19444_L19414_L19415_L19416_L19417_L19419():
    """One variable, a list of several, or always a list; defaults of ``outputs_info`` in all their forms."""
    x, s = T.dvector(), T.dscalar()
    single, updates = tcore.scan(lambda a: a * 2, [x])
    assert isinstance(updates, OrderedUpdates)
    (listed,), _ = tcore.scan(lambda a: a * 2, x, return_list=True)
    several, _ = tcore.scan(lambda a, b, c: [a, b + a, c + 1], x, [None, s, {"initial": s}])
    more, _ = tcore.scan(lambda a: [a, a + 1], x, [{}, {"initial": None}])
    none, _ = tcore.scan(lambda a: (a,), x, [])
    got = run([x, s], [single, listed, *several, *more, none], [1.0, 2.0], 10.0)
    expected = [[2, 4], [2, 4], [1, 2], [11, 13], [11, 12], [1, 2], [2, 3], [1, 2]]
    assert [v.tolist() for v in got] == expected


def test_taps_of_sequences_L19356_L19188_L19400():
    """With the smallest tap -4 element 4 is the first t; gaps are free; a bare number is a list of one."""
    u = T.dvector()
    both, _ = tcore.scan(lambda a, b: T.stack([a, b]), {"input": u, "taps": [-4, 0]})
    ahead, _ = tcore.scan(lambda a: a, {"input": u, "taps": 3})
    back, _ = tcore.scan(lambda a, b: T.stack([a, b]), {"input": u, "taps": [-1, 1]}, go_backwards=True)
    got = run([u], [both, ahead, back], np.arange(9.0))
    assert got[0].tolist() == [[t - 4, t] for t in range(4, 9)]
    assert got[1].tolist() == [3, 4, 5, 6, 7, 8]
    assert got[2].tolist() == [[t - 1, t + 1] for t in range(7, 0, -1)]


def test_no_steps_L19422():
    """No rows, of the right shape; updates and states stay what they were."""
    x, n, a = T.dmatrix(), T.lscalar(), tcore.shared(np.arange(2.0))
    (rows, lengths), updates = tcore.scan(lambda v, s: ([s + v, T.concatenate([v, v])], {a: a * 2}), x, [T.zeros((3,)), None], n_steps=n)
    for mode in ("FAST_COMPILE", "FAST_RUN"):
        f = tcore.function([x, n], [rows, lengths, lengths.shape], updates=updates, mode=mode)
        got = f(np.ones((4, 3)), 0)
        assert [v.shape for v in got[:2]] == [(0, 3), (0, 6)]
        assert got[2].tolist() == [0, 6]
        assert a.get_value().tolist() == [0, 1]


def test_folds_L19278_L19292_L19307_L19320():
    """From either end; the last result alone."""
    x, s = T.dvector(), T.dscalar()
    left, _ = tcore.foldl(lambda v, total: total * 2 + v, x, s)
    right, _ = tcore.foldr(lambda v, total: total * 2 + v, x, s)
    (both, product), _ = tcore.reduce(lambda v, a, b: [a + v, b * v], x, [s, s], go_backwards=True)
    squares, _ = tcore.map(lambda v, w: v * v + w, x, s, go_backwards=True)
    got = run([x, s], [left, right, both, product, squares], [1.0, 2.0, 3.0], 1.0)
    assert [v.tolist() for v in got] == [19, 25, 7, 6, [10, 5, 2]]


def test_updates_dict_L19442():
    """Keys are shared variables; two different values for one are refused, by addition as well."""
    a, b, x = tcore.shared(1), tcore.shared(2), T.lscalar()
    updates = OrderedUpdates({a: x})
    assert list((updates + {b: x}).items()) == [(a, x), (b, x)]
    assert list(OrderedUpdates([(b, x)]) + updates) == [b, a]
    assert list(updates | {a: x}) == [a]
    with pytest.raises(KeyError, match="two updates of .* do not agree"):
        updates + {a: x + 1}
    with pytest.raises(TypeError, match="updates store values into shared variables, got"):
        updates[x] = x
    with pytest.raises(TypeError, match="shared variables"):
        OrderedUpdates(a=1)


def test_strict_lets_listed_and_updated_variables_pass():
    w, k = tcore.shared(2.0, "w"), tcore.shared(0)
    x = T.dvector()
    with pytest.raises(MissingInputError, match="takes the shared variable w") as caught:
        tcore.scan(lambda v: v * w, x, strict=True)
    assert caught.value.variable is w
    result, _ = tcore.scan(lambda v, w: (v * w, {k: k + 1}), x, non_sequences=w, strict=True)
    assert run([x], result, [1.0, 2.0]).tolist() == [2, 4]


def test_row_and_column_states():
    """A state with a broadcastable axis stays one: what is fed back is checked."""
    row, m = T.drow("row"), T.dmatrix("m")
    result, _ = tcore.scan(lambda s, m: T.dot(s, m) + s, outputs_info=row, non_sequences=m, n_steps=2)
    eye = np.eye(2)
    assert run([row, m], result, [[1.0, 2.0]], eye).tolist() == [[[2, 4]], [[4, 8]]]


def test_nested_loops_and_non_tensor_values():
    """A loop in a loop; values that are no arrays as non_sequences."""
    x = T.dmatrix("x")
    sums, _ = tcore.scan(lambda row: tcore.reduce(lambda v, s: v + s, row, T.constant(np.float64(0)))[0], x)
    assert run([x], sums, np.arange(6.0).reshape(2, 3)).tolist() == [3, 12]


@pytest.mark.parametrize("steps", [6, 7])
def test_checkpoints_L19447_L19476_L19474(steps):
    """Rows of every third step and of the last, with right gradients, whether the number of steps is a multiple or not."""
    x, s = T.dvector("x"), T.dscalar("s")
    whole, _ = tcore.scan(lambda v, a: T.tanh(a * v + 1), x, s)
    kept, _ = tcore.scan_checkpoints(lambda v, a: T.tanh(a * v + 1), x, s, save_every_N=3)
    values = np.linspace(-1, 1, steps), 0.3
    got = run([x, s], [whole, kept, *T.grad(whole[-1], [x, s]), *T.grad(kept[-1], [x, s])], *values)
    np.testing.assert_allclose(got[1], [got[0][min(k, steps - 1)] for k in range(2, steps + 2, 3)])
    np.testing.assert_allclose(got[4], got[2])
    np.testing.assert_allclose(got[5], got[3])


def test_checkpoints_check_lengths_L19458_L19472_L19462():
    x, y = T.dvector("x"), T.dvector("y")
    kept, _ = tcore.scan_checkpoints(lambda v, w: v + w, [x, y], save_every_N=2)
    with pytest.raises(AssertionError, match="all sequences have one length"):
        run([x, y], kept, np.ones(4), np.ones(3))
    exact, _ = tcore.scan_checkpoints(lambda v: v, x, save_every_N=2, padding=False)
    assert run([x], exact, np.arange(4.0)).tolist() == [1, 3]
    with pytest.raises(AssertionError, match="must be a multiple of save_every_N"):
        run([x], exact, np.ones(5))
