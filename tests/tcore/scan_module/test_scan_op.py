"""The op of loops, and the loop that it runs: in Python, and by the native program of a step."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from in_threads import together

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op, ancestors
from tcore.graph.op import ops_with_inner_function
from tcore.scan_module import Scan, until
from tcore.scan_module import op as op_module
from tcore.scan_module.inner import measuring_function
from tcore.scan_module.parts import Parts

X, H, W = np.random.RandomState(0).normal(size=(5, 3)), np.arange(3.0), np.random.RandomState(1).normal(size=(3, 3)) * 0.4


def loop_of(variable):
    return next(v.owner for v in ancestors([variable]) if v.owner is not None and isinstance(v.owner.op, Scan))


def rnn(**options):
    x, h, w = T.dmatrix("x"), T.dvector("h"), T.dmatrix("w")
    result, _ = tcore.scan(lambda v, h, w: T.tanh(v + T.dot(h, w)), x, h, w, **options)
    return [x, h, w], result


def test_equality():
    """By what is computed, not by who wrote it; names do not count, options do."""
    first, second, named, cut = (loop_of(rnn(**options)[1]).op for options in ({}, {}, {"name": "mine"}, {"truncate_gradient": 3}))
    assert first == second == named
    assert len({hash(op) for op in (first, second, named)}) == 1
    assert first != cut
    x = T.dmatrix()
    assert first != loop_of(tcore.scan(lambda v: T.tanh(v), x)[0]).op
    assert loop_of(tcore.scan(lambda v: v + 1.0, x)[0]).op != loop_of(tcore.scan(lambda v: v + 2.0, x)[0]).op
    assert ops_with_inner_function[Scan] == "fn"


def test_pickles():
    """Op, graph and function; the last with its native program."""
    inputs, result = rnn(name="mine")
    op = loop_of(result).op
    again = pickle.loads(pickle.dumps(op))
    assert (again, hash(again), str(again)) == (op, hash(op), "for{cpu,mine}")
    f = tcore.function(inputs, result)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(f))(X, H, W), f(X, H, W))


def test_text():
    """The loop, what it is made of, and where the inner variables come from."""
    inputs, result = rnn()
    text = tcore.debugprint(result, file="str")
    assert " |for{cpu,scan_fn} [id B] ''" in text
    below = text.partition("\nInner graphs of the scan ops:\n\n")[2]
    assert below.startswith("for{cpu,scan_fn} [id B] ''   \n >Elemwise{tanh,no_inplace} [id ")
    outer = {name: re.search(rf"{name} (\[id \w+\])", text).group(1) for name in ("x", "InplaceDimShuffle{x,0}")}
    assert re.search(rf"x\[t\] \[id \w+\] -> {re.escape(outer['x'])}", below)
    assert re.search(rf"h\[t-1\] \[id \w+\] -> {re.escape(outer['InplaceDimShuffle{x,0}'])}", below)
    stops, _ = tcore.scan(lambda v: (v, until(v > 0)), T.dvector())
    assert str(loop_of(stops).op) == "do_while{cpu,scan_fn}"


def test_shapes_without_values():
    """Of states, of other outputs, and of loops that stop early."""
    inputs, result = rnn()
    x = inputs[0]
    other, _ = tcore.scan(lambda v: T.concatenate([v, v * 2]), x)
    f = tcore.function(inputs, [result.shape, other.shape], on_unused_input="ignore")
    assert [v.tolist() for v in f(X, H, W)] == [[5, 3], [5, 6]]
    assert not any(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes)
    growing, _ = tcore.scan(lambda i: T.zeros((3,)) + i, T.arange(x.shape[0]))
    assert tcore.function([x], growing.shape)(X).tolist() == [5, 3]


def test_bad_nodes():
    inputs, result = rnn()
    node = loop_of(result)
    with pytest.raises(ValueError, match=r"for\{cpu,scan_fn\} takes 4 inputs, got 1"):
        node.op(3)
    with pytest.raises(TypeError, match="sequence 0, .* has TensorType.float64, vector. inside, where TensorType.float32, vector. is needed"):
        node.op(node.inputs[0], T.fmatrix(), *node.inputs[2:])
    with pytest.raises(ValueError, match="the layout asks for"):
        Scan.of([], [], node.op.layout, node.op.options)


def test_records_make_the_same_node():
    """Taken apart and put together again, it is the same loop."""
    inputs, result = rnn()
    node = loop_of(result)
    built = Parts.of(node.op, node.inputs).build()
    assert built.node.op == node.op
    assert built.node.inputs == node.inputs


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestLoops:
    """One loop on each backend, against NumPy."""

    def test_rows_in_turn(self):
        """States with few rows, kept ones and read ones, for numbers of steps around their number."""
        s, n = T.dvector(), T.lscalar()
        total, _ = tcore.scan(lambda a, b: a * 0.5 + b, outputs_info={"initial": s, "taps": [-3, -1]}, n_steps=n)
        last, some, all_ = tcore.function([s, n], total[-1]), tcore.function([s, n], total[-2:]), tcore.function([s, n], total)
        for steps in range(9):
            rows = [1.0, 2.0, 4.0]
            for _ in range(steps):
                rows.append(rows[-3] * 0.5 + rows[-1])
            np.testing.assert_allclose(all_([1.0, 2.0, 4.0], steps), rows[3:])
            np.testing.assert_allclose(some([1.0, 2.0, 4.0], steps), rows[3:][-2:])
            if steps:
                np.testing.assert_allclose(last([1.0, 2.0, 4.0], steps), rows[-1])

    def test_a_row_that_is_read_and_written(self):
        """Two states that change places see each other's old rows, with one row each."""
        a, b, n = T.dvector(), T.dvector(), T.lscalar()
        (p, q), _ = tcore.scan(lambda p, q: [q * 2, p + 1], outputs_info=[a, b], n_steps=n)
        got = tcore.function([a, b, n], [p[-1], q[-1]])(np.ones(2), np.zeros(2), 5)
        u, v = np.ones(2), np.zeros(2)
        for _ in range(5):
            u, v = v * 2, u + 1
        np.testing.assert_allclose(got, [u, v])

    def test_sequences_of_any_memory_order(self):
        x = T.dmatrix()
        sums, _ = tcore.scan(lambda v, s: s + v, x[::-1].T, T.zeros((x.shape[0],)))
        value = np.arange(12.0).reshape(3, 4)
        for given in (value, np.asfortranarray(value), value[:, ::-1], np.repeat(value, 2, axis=0)[::2]):
            np.testing.assert_allclose(tcore.function([x], sums)(given), np.cumsum(given[::-1].T, axis=0))

    def test_until(self):
        """It ends in the first step, in a later one, or not; the rows are those of the steps that were made."""
        x, limit = T.dvector(), T.dscalar()
        sums, _ = tcore.scan(lambda v, s, limit: (s + v, until(s + v >= limit)), x, T.constant(np.float64(0)), limit)
        f = tcore.function([x, limit], [sums, sums[-1]])
        for bound, expected in ((0.5, [1]), (3, [1, 2, 3]), (50, [1, 2, 3, 4, 5])):
            rows, end = f(np.ones(5), bound)
            assert rows.tolist() == expected
            assert end == expected[-1]

    def test_an_error_in_the_middle(self):
        """Names the op, and what was wrong at that step."""
        x, i = T.dvector(), T.lvector()
        picked, _ = tcore.scan(lambda k, x: x[k], i, None, x)
        f = tcore.function([i, x], picked, mode=tcore.compile.get_mode(None).excluding("scan_pushout"))
        assert f([1, 0], [5.0, 6.0]).tolist() == [6, 5]
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            f([1, 0, 7, 1], [5.0, 6.0])
        assert f([1, 0], [5.0, 6.0]).tolist() == [6, 5]

    def test_a_shape_that_changes_in_the_middle(self):
        x = T.lvector()
        ranges, _ = tcore.scan(lambda k: T.arange(k) * 2, x)
        f = tcore.function([x], ranges)
        assert f([2, 2, 2]).tolist() == [[0, 2]] * 3
        with pytest.raises(ValueError, match=r"output 0 changes its shape: \(3,\) at step 2, \(2,\) at step 1"):
            f([2, 2, 3])

    def test_gradient(self):
        """Of the recurrent network, against one written out."""
        inputs, result = rnn()
        got = tcore.function(inputs, T.grad((result**2).sum(), inputs))(X, H, W)
        states = [H]
        for v in X:
            states.append(np.tanh(v + states[-1] @ W))
        gx, gw, g = np.zeros_like(X), np.zeros_like(W), np.zeros(3)
        for t in range(4, -1, -1):
            d = (2 * states[t + 1] + g) * (1 - states[t + 1] ** 2)
            gx[t], g = d, W @ d
            gw += np.outer(states[t], d)
        for a, b in zip(got, (gx, g, gw), strict=True):
            np.testing.assert_allclose(a, b)

    @pytest.mark.parametrize("flag", ["scan__allow_output_prealloc", "scan__allow_gc"])
    def test_flags_of_memory(self, flag):
        inputs, result = rnn()
        with tcore.change_flags(**{flag: flag.endswith("gc")}):
            f = tcore.function(inputs, [result, result[-1]])
            np.testing.assert_allclose(f(X, H, W)[1], tcore.function(inputs, result)(X, H, W)[-1])

    def test_threads(self):
        """Calls at the same time have memory of their own."""
        inputs, result = rnn()
        f = tcore.function(inputs, result)
        values = [np.full((200, 3), 0.1 * k) for k in range(4)]
        expected = [f(v, H, W) for v in values]

        def work(k):
            for _ in range(20):
                np.testing.assert_array_equal(f(values[k], H, W), expected[k])

        together(work, 4)


class Doubled(Op):
    """2 x, in Python."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] * 2


def test_python_ops_in_a_step():
    x = T.dvector()
    result, _ = tcore.scan(lambda v, s: Doubled()(s) + v, x, T.constant(np.float64(1)))
    assert tcore.function([x], result)([1.0, 2.0]).tolist() == [3, 8]


def test_debug_flag(capsys):
    inputs, result = rnn(name="mine")
    with tcore.change_flags(scan__debug=True):
        tcore.function(inputs, result[-1], mode="FAST_COMPILE")(X, H, W)
    assert "for{cpu,mine}: 5 steps; rows in memory: states [1], other outputs []" in capsys.readouterr().out


def test_mode_of_the_step_L19426():
    """Its own where one is given, else that of the function around."""
    for given, wanted in ((None, "fast_compile"), ("FAST_RUN", "fast_run")):
        inputs, result = rnn(mode=given)
        f = tcore.function(inputs, result, mode="FAST_COMPILE")
        f(X, H, W)
        op = loop_of(f.maker.fgraph.outputs[0]).op
        assert op.fn.maker.mode.provided_optimizer == wanted
        assert op.fn.name == "scan_fn"
    with pytest.raises(ValueError, match="there is no mode 'quick'"):
        rnn(mode="quick")


@pytest.mark.parametrize(("profile", "title"), [(True, "mine"), ("steps of mine", "steps of mine")])
def test_profile_of_the_step_L19432_L19425(profile, title, monkeypatch):
    """A profile of its own, with one call a step, named after the loop or as told."""
    printed = []
    monkeypatch.setattr("tcore.compile.profiling.stats.print_at_exit", printed.append)
    inputs, result = rnn(name="mine", profile=profile)
    f = tcore.function(inputs, result)
    f(X, H, W)
    stats = loop_of(f.maker.fgraph.outputs[0]).op.fn.profile
    assert stats.message == title
    assert stats.fct_callcount == 5
    assert printed == [stats]


def test_memory_of_a_step_L19433_L19253():
    """``allow_gc`` of the loop, else the flag; the function frees what the steps kept."""
    for given, flag, wanted in ((None, False, False), (None, True, True), (True, False, True), (False, True, False)):
        inputs, result = rnn(allow_gc=given)
        with tcore.change_flags(scan__allow_gc=flag):
            f = tcore.function(inputs, result, mode="FAST_COMPILE")
            f(X, H, W)
        assert loop_of(f.maker.fgraph.outputs[0]).op.fn.maker.linker.allow_gc is wanted


def test_test_values():
    """Steps see those of the first slices, so that mistakes show where they are made."""
    x, h, w = T.dmatrix("x"), T.dvector("h"), T.dmatrix("w")
    x.tag.test_value, h.tag.test_value, w.tag.test_value = X, H, W
    with tcore.change_flags(compute_test_value="raise"):
        result, _ = tcore.scan(lambda v, h, w: T.tanh(v + T.dot(h, w)), x, h, w)
        assert result.tag.test_value.shape == (5, 3)
        with pytest.raises(ValueError, match=r"[Ss]hape|mis-match|aligned"):
            tcore.scan(lambda v, h, w: T.dot(h, w[:2]), x, h, w)


def test_lengths_are_measured_by_one_function(monkeypatch):
    """A loop of no steps compiles the function that measures rows once, whatever the number of its calls and the lengths."""
    made = []

    def counted(op):
        made.append(measuring_function(op))
        return made[-1]

    monkeypatch.setattr(op_module, "measuring_function", counted)
    x, n = T.dmatrix("x"), T.lscalar("n")
    rows, _ = tcore.scan(lambda row: T.concatenate([row, row]), sequences=x, n_steps=n)
    f = tcore.function([x, n], rows, mode=tcore.Mode("py", None))
    for width in (3, 5, 3):
        assert f(np.ones((2, width)), 0).shape == (0, 2 * width)
    assert len(made) == 1
