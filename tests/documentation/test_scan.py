"""The documentation's loops; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import MissingInputError, ancestors
from tcore.scan_module import Scan
from tcore.tensor.shared_randomstreams import RandomStreams

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def loops(variables):
    """The nodes of loops that compute ``variables``, the last first."""
    return list(dict.fromkeys(v.owner for v in ancestors(variables) if v.owner is not None and isinstance(v.owner.op, Scan)))


# ------------------------------------------------------------------------------------------------------------ tutorial


def test_tanh_of_rows_L2417_L2429():
    X, W, b_sym = T.dmatrix("X"), T.dmatrix("W"), T.dvector("b_sym")
    results, _ = tcore.scan(lambda v: T.tanh(T.dot(v, W) + b_sym), sequences=X)
    compute = tcore.function([X, W, b_sym], results)
    x, w, b = np.eye(2), np.ones((2, 2)), np.ones(2)
    b[1] = 2
    np.testing.assert_allclose(compute(x, w, b), [[0.96402758, 0.99505475]] * 2, rtol=1e-7)


def test_recurrence_over_two_sequences_L2454_L2470():
    X, W, Y, U, P, V = T.dvector("X"), T.dmatrix("W"), T.dmatrix("Y"), T.dmatrix("U"), T.dmatrix("P"), T.dmatrix("V")
    results, _ = tcore.scan(
        lambda y, p, x_tm1: T.tanh(T.dot(x_tm1, W) + T.dot(y, U) + T.dot(p, V)), sequences=[Y, P[::-1]], outputs_info=[X]
    )
    compute = tcore.function([X, W, Y, U, P, V], results)
    x, one = np.array([0.0, 1.0]), np.ones((2, 2))
    y, p = np.ones((5, 2)), np.ones((5, 2))
    y[0], p[0] = -3, 3
    expected = np.array([-0.99505475, 0.96471973, 0.99998585, 0.99998771, 1.0])
    np.testing.assert_allclose(compute(x, one, y, one, p, one), np.repeat(expected[:, None], 2, axis=1), rtol=1e-7)


@pytest.mark.parametrize(("transposed", "expected"), [(False, [1, 2, 3, 4, 5, 0]), (True, [0, 1, 2, 3, 4, 5])], ids=["lines_L2512", "columns_L2538"])
def test_norms(transposed, expected):
    X = T.dmatrix("X")
    results, _ = tcore.scan(lambda x_i: T.sqrt((x_i**2).sum()), sequences=[X.T if transposed else X])
    assert tcore.function([X], results)(np.diag(np.arange(1, 6), 1)).tolist() == expected


def test_trace_L2564_L2575_L2578():
    X = T.dmatrix("X")
    results, _ = tcore.scan(
        lambda i, j, t_f: T.cast(X[i, j] + t_f, "float32"),
        sequences=[T.arange(X.shape[0]), T.arange(X.shape[1])],
        outputs_info=np.asarray(0.0, dtype="float32"),
    )
    x = np.eye(5)
    x[0] = np.arange(5)
    assert tcore.function([X], results[-1])(x) == 4.0


def test_two_taps_L2599_L2615():
    X, W, b_sym, U, V, n_sym = T.dmatrix("X"), T.dmatrix("W"), T.dvector("b_sym"), T.dmatrix("U"), T.dmatrix("V"), T.iscalar("n_sym")
    results, _ = tcore.scan(
        lambda x_tm2, x_tm1: T.dot(x_tm2, U) + T.dot(x_tm1, V) + T.tanh(T.dot(x_tm1, W) + b_sym),
        n_steps=n_sym,
        outputs_info=[{"initial": X, "taps": [-2, -1]}],
    )
    x = np.zeros((2, 2))
    x[1, 1] = 1
    w = v = 0.5 * np.ones((2, 2))
    u = 0.5 * (np.ones((2, 2)) - np.eye(2))
    got = tcore.function([X, W, b_sym, U, V, n_sym], results)(x, w, np.ones(2), u, v, 10)
    expected = [
        (1.40514825, 1.40514825), (2.88898899, 2.38898899), (4.34018291, 4.34018291), (6.53463142, 6.78463142), (9.82972243, 9.82972243),
        (14.22203814, 14.09703814), (20.07439936, 20.07439936), (28.12291843, 28.18541843), (39.1913681, 39.1913681), (54.28407732, 54.25282732),
    ]  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_jacobian_of_tanh_L2677():
    v, A = T.dvector(), T.dmatrix()
    y = T.tanh(T.dot(v, A))
    results, _ = tcore.scan(lambda i: T.grad(y[i], v), sequences=[T.arange(y.shape[0])])
    compute = tcore.function([A, v], results, allow_input_downcast=True)
    x, w = np.eye(5)[0], np.eye(5, 3)
    w[2] = np.ones(3)
    np.testing.assert_allclose(compute(w, x), [[0.41997434, 0, 0.41997434, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]], rtol=1e-7)


@pytest.mark.parametrize("hessian", [False, True], ids=["jacobian_L2194", "hessian_L2223"])
def test_gradient_with_respect_to_a_non_sequence(hessian):
    """What is passed as non_sequence keeps what it is computed of, for gradients inside of the step."""
    x = T.dvector("x")
    y = T.grad((x**2).sum(), x) if hessian else x**2
    J, updates = tcore.scan(lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])
    got = tcore.function([x], J, updates=updates)([4, 4])
    assert got.tolist() == ([[2, 0], [0, 2]] if hessian else [[8, 0], [0, 8]])


def test_slices_do_not_depend_on_what_their_sequence_does_L2213_L2718():
    x = T.dvector("x")
    y = x**2
    with pytest.raises(tcore.gradient.DisconnectedInputError):
        tcore.scan(lambda y_i, x: T.grad(y_i, x), sequences=y, non_sequences=x)


def test_count_in_a_shared_variable_L2720_L2731_L19024():
    k, n_sym = tcore.shared(0), T.iscalar("n_sym")
    results, updates = tcore.scan(lambda: {k: (k + 1)}, n_steps=n_sym)
    accumulator = tcore.function([n_sym], [], updates=updates, allow_input_downcast=True)
    assert results is None
    accumulator(5)
    assert k.get_value() == 5
    accumulator(0)
    assert k.get_value() == 5


def test_random_masks_L2740_L2758_L2782():
    """A random variable inside is drawn anew at each step, also where it was made outside; as non_sequence once for all."""
    X, W, b_sym = T.dmatrix("X"), T.dmatrix("W"), T.dvector("b_sym")
    trng = RandomStreams(1234)
    d = trng.binomial(size=W[1].shape)
    results, updates = tcore.scan(lambda v: T.tanh(T.dot(v, W) + b_sym) * d, sequences=X)
    compute = tcore.function([X, W, b_sym], results, updates=updates, allow_input_downcast=True)
    x, w, b = np.eye(10, 2), np.ones((2, 2)), np.ones(2)
    masks = np.array([[int(c) for c in row] for row in ["10", "01", "00", "11", "10", "01", "01", "01", "00", "11"]])
    values = np.where(np.arange(10) < 2, 0.96402758, 0.76159416)[:, None]
    np.testing.assert_allclose(compute(x, w, b), values * masks, rtol=1e-7)

    once, _ = tcore.scan(lambda v, d: v * d, sequences=X, non_sequences=d)
    got = tcore.function([X, W], once)(np.ones((6, 2)), w)
    assert (got == got[0]).all()


# ------------------------------------------------------------------------------------------------------------- library


def test_power_L2784_L2798_L2800_L2802_L18812_L18825_L18848():
    """Also of a Python range; the loop keeps its last row alone."""
    k, A = T.iscalar("k"), T.vector("A")
    result, updates = tcore.scan(fn=lambda prior_result, A: prior_result * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    power = tcore.function(inputs=[A, k], outputs=result[-1], updates=updates)
    assert len(updates) == 0
    assert power(range(10), 2).tolist() == [float(n**2) for n in range(10)]
    assert power(range(10), 4).tolist() == [float(n**4) for n in range(10)]
    assert tcore.function([A, k], result)(range(3), 3).tolist() == [[0, 1, 2], [0, 1, 4], [0, 1, 8]]
    (node,) = loops(power.maker.fgraph.outputs)
    (keep,) = (v for v in node.op.layout.outer_inputs(node.inputs).keeps if v is not None)
    assert keep.data == 1


def test_polynomial_L2816_L2826_L18860_L18907():
    """The shortest sequence decides about the number of steps."""
    coefficients, x = T.fvector("coefficients"), T.fscalar("x")
    components, _ = tcore.scan(
        fn=lambda coefficient, power, free_variable: coefficient * (free_variable**power),
        outputs_info=None,
        sequences=[coefficients, T.arange(10000)],
        non_sequences=x,
    )
    calculate = tcore.function(inputs=[coefficients, x], outputs=[components.sum()])
    assert calculate(np.asarray([1, 0, 2], dtype=np.float32), 3) == [19.0]


def test_polynomial_reduced_inside_L2852():
    coefficients, x = T.dvector("coefficients"), T.dscalar("x")
    results, _ = tcore.scan(
        lambda c, power, total, x: total + c * x**power,
        sequences=[coefficients, T.arange(10000)],
        outputs_info=T.as_tensor_variable(np.asarray(0.0)),
        non_sequences=x,
    )
    assert tcore.function([coefficients, x], results[-1])([1, 0, 2], 3) == 19.0


def test_sum_as_a_loop_L2404():
    x = T.dvector()
    total, _ = tcore.reduce(lambda x_i, z: z + x_i, x, T.as_tensor_variable(np.asarray(0.0)))
    assert tcore.function([x], total)([1.0, 2.0, 4.0]) == 7.0


def test_triangular_numbers_L18915():
    up_to = T.iscalar("up_to")
    seq = T.arange(up_to)
    result, _ = tcore.scan(
        fn=lambda arange_val, sum_to_date: sum_to_date + arange_val,
        outputs_info=T.as_tensor_variable(np.asarray(0, seq.dtype)),
        sequences=seq,
    )
    assert tcore.function([up_to], result)(15).tolist() == [n * (n + 1) // 2 for n in range(15)]


def test_initial_state_of_a_smaller_dtype_L18927():
    seq = T.arange(T.iscalar("up_to"))
    with pytest.raises(ValueError, match=r"output 0 of fn has dtype int64, its initial state .* has dtype int8"):
        tcore.scan(lambda value, total: total + value, outputs_info=T.as_tensor_variable(0), sequences=seq)


def test_values_at_positions_L18955():
    location, values, output_model = T.imatrix("location"), T.fvector("values"), T.fmatrix("output_model")

    def set_value_at_position(a_location, a_value, output_model):
        zeros = T.zeros_like(output_model)
        return T.set_subtensor(zeros[a_location[0], a_location[1]], a_value)

    result, _ = tcore.scan(fn=set_value_at_position, outputs_info=None, sequences=[location, values], non_sequences=output_model)
    assign = tcore.function([location, values, output_model], result)
    got = assign(np.asarray([[1, 1], [2, 3]], dtype=np.int32), np.asarray([42, 50], dtype=np.float32), np.zeros((5, 5), dtype=np.float32))
    expected = np.zeros((2, 5, 5))
    expected[0, 1, 1], expected[1, 2, 3] = 42, 50
    np.testing.assert_array_equal(got, expected)


def gibbs(explicit, **options):
    rng = np.random.RandomState(3)
    W, bvis, bhid = tcore.shared(rng.normal(size=(4, 3)), "W"), tcore.shared(np.zeros(4), "bvis"), tcore.shared(np.zeros(3), "bhid")
    trng = RandomStreams(1234)

    def one_step(vsample, W=W, bvis=bvis, bhid=bhid):
        hmean = T.nnet.sigmoid(tcore.dot(vsample, W) + bhid)
        hsample = trng.binomial(size=hmean.shape, n=1, p=hmean)
        vmean = T.nnet.sigmoid(tcore.dot(hsample, W.T) + bvis)
        return trng.binomial(size=vsample.shape, n=1, p=vmean, dtype=tcore.config.floatX)

    sample = T.vector()
    step = one_step if explicit else (lambda vsample: one_step(vsample))
    values, updates = tcore.scan(step, outputs_info=sample, non_sequences=[W, bvis, bhid] if explicit else None, n_steps=10, **options)
    return sample, values, updates


def test_gibbs_chain_L18986():
    """With the updates each call draws on; without them it draws the same. Shared variables may be listed or not."""
    sample, values, updates = gibbs(False)
    assert len(updates) == 2
    start = np.ones(4)
    chain = tcore.function([sample], values, updates=updates)
    first, second = chain(start), chain(start)
    assert first.shape == (10, 4)
    assert set(np.unique(first)) <= {0.0, 1.0}
    assert (first != second).any()
    again = tcore.function([sample], values)
    # the states went on with the first function, and stay now
    np.testing.assert_array_equal(again(start), again(start))
    listed_sample, listed, listed_updates = gibbs(True)
    np.testing.assert_array_equal(tcore.function([listed_sample], listed, updates=listed_updates)(start), first)


def test_strict_L19076():
    with pytest.raises(MissingInputError, match=r"used to compute .*strict=True, scan takes the shared variable W.*exception_verbosity='high'"):
        gibbs(False, strict=True)
    gibbs(True, strict=True)


def test_updates_of_a_shared_variable_L19021():
    a = tcore.shared(1)
    _, updates = tcore.scan(lambda: {a: a + 1}, n_steps=10)
    f = tcore.function([], [a + 1, updates[a] + 1], updates=updates)
    assert [v.tolist() for v in f()] == [2, 12]
    assert a.get_value() == 11
    assert [v.tolist() for v in f()] == [12, 22]
    assert a.get_value() == 21
    a.set_value(1)
    g = tcore.function([], [a + 1, updates[a] + 1])
    assert [v.tolist() for v in (*g(), *g())] == [2, 12, 2, 12]
    assert a.get_value() == 1


def test_recurrent_network_L19137():
    u, x0, y0 = T.dmatrix(), T.dmatrix(), T.dvector()
    weights = [T.dmatrix(n) for n in ("W", "W_in_1", "W_in_2", "W_feedback", "W_out")]

    def one_step(u_tm4, u_t, x_tm3, x_tm1, y_tm1, W, W_in_1, W_in_2, W_feedback, W_out):
        x_t = T.tanh(tcore.dot(x_tm1, W) + tcore.dot(u_t, W_in_1) + tcore.dot(u_tm4, W_in_2) + tcore.dot(y_tm1, W_feedback))
        return [x_t, tcore.dot(x_tm3, W_out)]

    ([x_vals, y_vals], _) = tcore.scan(
        fn=one_step,
        sequences={"input": u, "taps": [-4, -0]},
        outputs_info=[{"initial": x0, "taps": [-3, -1]}, y0],
        non_sequences=weights,
        strict=True,
    )
    rng = np.random.RandomState(0)
    shapes = [(3, 3), (2, 3), (2, 3), (2, 3), (3, 2)]
    w = [rng.normal(size=s) for s in shapes]
    u_v, x_v, y_v = rng.normal(size=(9, 2)), rng.normal(size=(3, 3)), rng.normal(size=2)
    got_x, got_y = tcore.function([u, x0, y0, *weights], [x_vals, y_vals])(u_v, x_v, y_v, *w)
    xs, ys = list(x_v), [y_v]
    for t in range(4, 9):  # u[0] is element -4 of the first step
        new = np.tanh(xs[-1] @ w[0] + u_v[t] @ w[1] + u_v[t - 4] @ w[2] + ys[-1] @ w[3])
        ys.append(xs[-3] @ w[4])
        xs.append(new)
    np.testing.assert_allclose(got_x, xs[3:])
    np.testing.assert_allclose(got_y, ys[1:])


def test_powers_of_two_until_L19198():
    def power_of_two(previous_power, max_value):
        return previous_power * 2, tcore.scan_module.until(previous_power * 2 > max_value)

    max_value = T.scalar()
    values, _ = tcore.scan(power_of_two, outputs_info=T.constant(1.0), non_sequences=max_value, n_steps=1024)
    f = tcore.function([max_value], values)
    assert f(45).tolist() == [2, 4, 8, 16, 32, 64]
    assert tcore.function([max_value], [values[-1], values.shape[0]])(45) == [64, 6]


def test_order_of_arguments_L19339_L19350_L19361():
    """Slices of sequences in the order of their taps, those of outputs, non_sequences; ``taps=None`` passes none."""
    s1, s2, s3, o1, o2, o3, a1, a2 = (T.dvector(n) for n in ("S1", "S2", "S3", "O1", "O2", "O3", "A1", "A2"))
    seen = []

    def step(*arguments):
        seen.append([str(v) for v in arguments])
        return [arguments[5] + arguments[3], arguments[0], o3 * 2]

    tcore.scan(
        step,
        sequences=[{"input": s1, "taps": [-3, 2, -1]}, s2, {"input": s3, "taps": 3}],
        outputs_info=[{"initial": o1, "taps": [-3, -5]}, {"initial": o2, "taps": None}, o3],
        non_sequences=[a1, a2],
    )
    assert seen == [["S1[t-3]", "S1[t+2]", "S1[t-1]", "S2[t]", "S3[t+3]", "O1[t-3]", "O1[t-5]", "O3[t-1]", "A1", "A2"]]


def test_closure_over_an_expression_L19379():
    W = T.dmatrix()
    W_2 = W**2
    x = T.dmatrix()
    result, _ = tcore.scan(lambda row: T.dot(row, W_2), sequences=x)
    a, b = np.arange(6.0).reshape(2, 3), np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(tcore.function([x, W], result)(a, b), a @ b**2)


def test_outputs_updates_until_L19389():
    """The three things that a step may return, in the documented order; outputs and updates in either."""
    c = tcore.shared(0.0)

    def step(y1, y2):
        return [y1 + 1, y2 * 2], {c: c + y1}, tcore.scan_module.until(y1 >= 3)

    (first, second), updates = tcore.scan(step, outputs_info=[T.constant(np.float64(0)), T.constant(np.float64(1))], n_steps=100)
    f = tcore.function([], [first, second], updates=updates)
    got = f()
    assert [v.tolist() for v in got] == [[1, 2, 3, 4], [2, 4, 8, 16]]
    assert c.get_value() == 6.0
    swapped, more = tcore.scan(lambda x: ([(c, c + x)], [x * 2]), sequences=T.dvector("x"))
    assert str(swapped.type) == "TensorType(float64, vector)"
    assert list(more) == [c]


def test_kinds_of_variables_L11472_L11476_L11478_L11480_L11482_L11484_L11486():
    """A map has nitsots, a running sum sitsots, Fibonacci numbers mitsots, and gradients of the last two mitmots."""
    x = T.dvector("x")
    squares, _ = tcore.map(lambda v: v**2, x)
    sums, _ = tcore.scan(lambda v, s: s + v, sequences=x, outputs_info=T.constant(np.float64(0)))
    numbers, _ = tcore.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=5)
    kinds = [(len(op.inner_nitsot_outs()), len(op.inner_sitsot_outs()), len(op.inner_mitsot_outs())) for op in (loops([v])[0].op for v in (squares, sums, numbers))]
    assert kinds == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    f = tcore.function([x], [squares, sums, numbers])
    assert [v.tolist() for v in f([1.0, 1.0])] == [[1, 1], [1, 2], [2, 3, 5, 8, 13]]
    for result, taps in ((sums, [[0, 1]]), (numbers, [[0, 1, 2]])):
        gradient = T.grad(result[-1], x)
        back = next(node.op for node in loops([gradient]) if node.op.mitmot_out_taps())
        assert back.mitmot_taps() == taps
        assert tcore.function([x], gradient)([1.0, 1.0]).tolist() == ([1, 1] if result is sums else [5, 8])


def test_var_mappings_L11556_L11560_L11564_L11567_L11570_L11574_L11576():
    x, s = T.dvector("x"), T.dvector("s")
    result, _ = tcore.scan(lambda v, a, b: a * b + v, sequences=x, outputs_info={"initial": s, "taps": [-2, -1]})
    op = loops([result])[0].op
    mappings = op.var_mappings
    sets = ("outer_inp", "inner_inp", "inner_out", "outer_out")
    assert set(mappings) == {f"{to}_from_{start}" for to in sets for start in sets if to != start}
    # outer inputs: number of steps, x, s; inner inputs: x[t], s[t-2], s[t-1]
    assert mappings["outer_out_from_outer_inp"] == {0: -1, 1: -1, 2: 0}
    assert mappings["inner_inp_from_outer_inp"] == {0: [], 1: [0], 2: [1, 2]}
    assert mappings["outer_inp_from_inner_inp"] == {0: 1, 1: 2, 2: 2}
    assert mappings["inner_out_from_inner_inp"] == {0: [], 1: [0], 2: [0]}
    assert mappings["inner_inp_from_outer_out"] == {0: [1, 2]}
    assert op.inner_connection_pattern() == [[True, True, True]]
    assert op.connection_pattern(loops([result])[0]) == [[False], [True], [True]]


def test_scan_args_L11546_L11550():
    from tcore.scan_module.scan_utils import scan_args

    x = T.dvector("x")
    total, _ = tcore.scan(lambda v, s: (s + v, ), sequences=x, outputs_info=T.constant(np.float64(0)))
    args = scan_args(loops([total])[0])
    assert args.outer_in_seqs == [x]
    assert [str(v) for v in args.inner_in_seqs] == ["x[t]"]
    assert len(args.inner_in_sit_sot) == len(args.inner_out_sit_sot) == len(args.outer_out_sit_sot) == 1
    assert args.inner_in_mit_mot == args.inner_out_nit_sot == args.cond == []
