"""The documentation's faulty programs: what an error says, where it can be debugged, and test values; its lines in the names."""

from __future__ import annotations

import pickle
import re
import tempfile
import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def failure(f, *args):
    """The exception of a call, with its whole text."""
    with pytest.raises(Exception) as caught:
        f(*args)
    return caught.value, "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def vectors():
    x = T.vector()
    y = T.vector()
    z = x + x
    z = z + y
    return x, y, z


def test_default_report_L4800():
    """Kind, node with its nested sums flattened, types, shapes, strides, values, and the hint about verbosity. (L4820, L4823, L4825, L4826, L4827, L4818)"""
    x, y, z = vectors()
    error, text = failure(tcore.function([x, y], z), np.ones(2), np.ones(3))
    assert type(error) is ValueError
    kind = re.match(r"Input dimension mis-match\. \(input\[(\d)\]\.shape\[0\] = (\d), input\[(\d)\]\.shape\[0\] = (\d)\)", text)
    assert kind is not None
    assert {kind[2], kind[4]} == {"2", "3"}
    vector = "TensorType(float64, vector)"
    assert f"Apply node that caused the error: Elemwise{{add,no_inplace}}(<{vector}>, <{vector}>, <{vector}>)" in text
    assert f"Inputs types: [{vector}, {vector}, {vector}]" in text
    shapes = re.search(r"Inputs shapes: \[(.*)\]", text)
    assert sorted(re.findall(r"\((\d),\)", shapes[1])) == ["2", "2", "3"]
    assert "Inputs strides: [(8,), (8,), (8,)]" in text
    assert "Inputs scalar values: ['not scalar', 'not scalar', 'not scalar']" in text
    assert "HINT: Use the flag 'exception_verbosity=high'" in text
    assert len(text.splitlines()) <= 25


def test_hint_without_creation_trace_L4829_L4833():
    """Where nobody knows who made the node, the report says how to find out; at high verbosity that is the only hint."""
    with config.change_flags(**{"traceback.limit": 0}):
        x, y, z = vectors()
        f = tcore.function([x, y], z)
    _, text = failure(f, np.ones(2), np.ones(3))
    assert "Backtrace when the node is created" not in text
    assert text.count("HINT") == 2
    assert "optimizer=fast_compile" in text
    assert "optimizer=None" in text
    with config.change_flags(exception_verbosity="high"):
        _, text = failure(f, np.ones(2), np.ones(3))
    assert "exception_verbosity=high" not in text
    assert "optimizer=fast_compile" in text


def test_verbose_report_L4839_L4846():
    """With ``fast_compile`` the line at fault; with high verbosity the tree of the node, types on each line."""
    x, y, z = vectors()
    with config.change_flags(optimizer="fast_compile", exception_verbosity="high"):
        _, text = failure(tcore.function([x, y], z), np.ones(2), np.ones(3))
    backtrace = text.partition("Backtrace when the node is created:")[2]
    assert re.search(rf'File "{re.escape(__file__)}", line \d+, in vectors\n    z = z \+ y\n', backtrace)
    tree = backtrace.partition("Debugprint of the apply node: \n")[2]
    vector = "TensorType(float64, vector)"
    assert [line.rstrip() for line in tree.splitlines()[:5]] == [
        f"Elemwise{{add,no_inplace}} [id A] <{vector}> ''",
        f" |Elemwise{{add,no_inplace}} [id B] <{vector}> ''",
        f" | |<{vector}> [id C] <{vector}>",
        f" | |<{vector}> [id C] <{vector}>",
        f" |<{vector}> [id D] <{vector}>",
    ]


def several_lines(x, y, v):
    a = x + y
    b = T.exp(a) * 2
    return b - v


@pytest.mark.parametrize("expression", ["fused", "sum", "in place", "pickled"])
def test_every_line_of_a_fused_node(expression):
    """The report of a node that does the work of several lines names them all, in whatever way they became one node."""
    x, y, v = T.dvectors("x", "y", "v")
    first = tcore.shared(np.ones(2)) if expression == "in place" else x
    inputs, values = ([y, v], [np.ones(3), np.ones(2)]) if expression == "in place" else ([x, y, v], [np.ones(2), np.ones(3), np.ones(2)])
    if expression == "sum":
        total = x + y
        total = total + v
        f, wanted = tcore.function(inputs, total), ["total = x + y", "total = total + v"]
    else:
        result = several_lines(first, y, v)
        f = tcore.function(inputs, [] if expression == "in place" else result, updates=[(first, result)] if expression == "in place" else [])
        wanted = ["a = x + y", "b = T.exp(a) * 2", "return b - v"]
    if expression == "pickled":
        f = pickle.loads(pickle.dumps(f))
    assert len(f.maker.fgraph.apply_nodes) == 1
    _, text = failure(f, *values)
    for line in wanted:
        assert text.count(line) == 1
    assert len(text.splitlines()) <= 25


def test_a_fused_node_of_many_lines():
    """Some lines, and how many there are; what two nodes share is told once."""
    x, y = T.dvectors("x", "y")
    z = x + y
    exec("\n".join(["z = T.exp(z) * 0.5"] * 12), names := {"T": T, "z": z})
    _, text = failure(tcore.function([x, y], names["z"]), np.ones(2), np.ones(3))
    assert "z = x + y" in text
    assert re.search(r"\.\.\. and \d+ more lines", text)
    assert len(text.splitlines()) <= 25


def weights():
    """The documentation's two layers; a product of 5 x 10 with 20 x 10 is the mistake in it."""
    rng = np.random.default_rng(0)
    return tcore.shared(rng.random((2, 10, 10)), "W1"), tcore.shared(rng.random((15, 20)), "W2")


def test_product_report_L4860_L4910(tmp_path, monkeypatch, backend):
    """Rows and columns of both, the node with its named input, and its tree; what is too long goes to a file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    W1, W2 = weights()
    x = T.matrix("x")
    func_of_W1 = W1.dimshuffle(2, 0, 1).flatten(2).T
    h1 = T.dot(x, func_of_W1)
    h2 = T.dot(h1, W2.T)
    with config.change_flags(optimizer="fast_compile", exception_verbosity="high"):
        error, text = failure(tcore.function([x], h2), np.random.default_rng(0).random((5, 10)))
    assert type(error) is ValueError
    assert text.startswith("Shape mismatch: x has 10 cols (and 5 rows) but y has 20 rows (and 10 cols)\n")
    assert re.search(r"caused the error: (dot|Dot22)\(x, InplaceDimShuffle\{1,0\}\.0\)", text)
    assert "Inputs shapes: [(5, 10), (20, 10)]" in text
    assert "    h1 = T.dot(x, func_of_W1)" in text
    assert "|x [id B] <TensorType(float64, matrix)>" in text
    assert "exception_verbosity" not in text
    assert len(text.splitlines()) <= 25
    (path,) = tmp_path.glob("tcore_error_*.txt")
    assert text.splitlines()[-1] == f"The whole report is in {path}"
    report = path.read_text()
    assert "|W1 [id F] <TensorType(float64, 3D)>" in report
    if backend == "numpy":  # native programs keep no cells between steps
        assert "Storage map footprint:" in report


def products():
    a, b = T.dmatrix("a"), T.dmatrix("b")
    return tcore.function([a, b], [a * b]), np.arange(12).reshape(3, 4), np.arange(25).reshape(5, 5)


def test_product_of_two_shapes_L5168():
    """Both lengths, and the node by the names of its inputs."""
    _, text = failure(*products())
    assert "Input dimension mis-match. (input[0].shape[0] = 3, input[1].shape[0] = 5)" in text
    assert "Elemwise{mul,no_inplace}(a, b)" in text


def test_post_mortem_L5206():
    """Frames of the traceback hold ``node`` and ``thunk`` with the values that were there."""
    error, _ = failure(*products())
    found, trace = {}, error.__traceback__
    while trace is not None:
        found.update({name: value for name, value in trace.tb_frame.f_locals.items() if name in ("node", "thunk") and value is not None})
        trace = trace.tb_next
    assert found["thunk"].inputs[0][0].shape == (3, 4)
    assert found["thunk"].inputs[1][0].shape == (5, 5)
    assert [variable.name for variable in found["node"].inputs] == ["a", "b"]
    assert found["node"].inputs[0].owner is None
    assert len(found["node"].outputs) == 1


def test_error_at_the_line_that_builds_L4935_L4858_L4949_L4974():
    """With a test value, the mistake shows at ``h1 = ...``, before any function is compiled."""
    with config.change_flags(compute_test_value="warn"):
        W1, W2 = weights()
        x = T.matrix("x")
        x.tag.test_value = np.random.default_rng(0).random((5, 10))
        func_of_W1 = W1.dimshuffle(2, 0, 1).flatten(2).T
        assert func_of_W1.tag.test_value.shape == (20, 10)
        with pytest.raises(ValueError, match="Shape mismatch: x has 10 cols"):
            T.dot(x, func_of_W1)
        h1 = T.dot(x, func_of_W1.T)
        assert T.dot(h1, W2.T).tag.test_value.shape == (5, 15)


def test_test_value_shown_L4992_L4995_L14018():
    """``print_test_value`` adds a line with the value, converted to the variable's type."""
    x = T.scalar("x")
    x.tag.test_value = 42
    assert repr(x) == "x"
    with config.change_flags(print_test_value=True):
        assert repr(x) == f"x\n{np.array(42.0)!r}"
    assert repr(x) == "x"


@pytest.mark.parametrize("policy", ["off", "ignore", "warn", "raise"])
def test_missing_test_value_L4977_L14008(policy):
    """An error, a warning, or nothing; never a value. (L4979, L4980, L4981, L4982)"""
    x = T.matrix("x")
    with config.change_flags(compute_test_value=policy):
        if policy == "raise":
            with pytest.raises(AttributeError, match="x has no test value"):
                x + 1
        elif policy == "warn":
            with pytest.warns(UserWarning, match="x has no test value"):
                x + 1
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert not hasattr((x + 1).tag, "test_value")


@pytest.mark.parametrize("policy", ["ignore", "warn", "raise"])
def test_value_computed_L4979_L4982(policy):
    """Where all inputs have test values every policy computes; ``ignore`` leaves out only what lacks one."""
    x, y = T.dvectors("x", "y")
    x.tag.test_value = np.arange(3.0)
    with config.change_flags(compute_test_value=policy):
        np.testing.assert_array_equal((x * 2).tag.test_value, [0.0, 2.0, 4.0])
    with config.change_flags(compute_test_value="ignore"):
        assert not hasattr((x + y).tag, "test_value")


def test_values_follow_at_once_L14006_L4866_L4938_L4973_L4975_L4484():
    """Constants and shared variables have their own; everything derived gets one."""
    with config.change_flags(compute_test_value="raise"):
        x = T.dmatrix()
        x.tag.test_value = np.random.default_rng(1).random((5, 4))
        total = (x * 2 + tcore.shared(np.ones(4)) + T.constant(1.0)).sum(axis=0)
    np.testing.assert_allclose(total.tag.test_value, (x.tag.test_value * 2 + 2).sum(axis=0))


def test_where_optimizations_were_L14088():
    """``traceback.compile_limit`` frames of tcore, too, for what an optimization makes; none by default."""
    x, y = T.dvectors("x", "y")
    texts = []
    for limit in (0, 3):
        with config.change_flags({"traceback.compile_limit": limit}, backend="numpy"):
            f = tcore.function([x, y], T.log(x) + y, mode="FAST_RUN")
        (fused,) = f.maker.fgraph.apply_nodes
        assert len(getattr(fused.outputs[0].tag, "compile_trace", ())) == limit
        with pytest.raises(ValueError, match="mis-match") as caught:
            f([1.0], [1.0, 2.0])
        texts.append(str(caught.value))
    plain, longer = texts
    assert "when an optimization made it" not in plain
    assert re.search(r"Backtrace when an optimization made it:\n(.*\n)*.*fusion\.py", longer)
    for text in texts:
        assert "T.log(x) + y" in text
