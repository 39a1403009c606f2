"""The documentation's profiles: sections, columns, order, flags; its lines in the names."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config, gof
from tcore.compile import ProfileStats
from tcore.compile.mode import Mode
from tcore.compile.profiling import at_exit, memory
from tcore.compile.profiling.memory import least_peak, peak
from tcore.graph import FunctionGraph

SECONDS = r"\d\.\d{6}e[+-]\d\d"


def program(**kwargs):
    """The documentation's, with its two additions kept apart: the normal form of sums would make one of them."""
    x, y, z = T.dvectors("x", "y", "z")
    mode = Mode(linker="cvm").excluding("fusion", "inplace", "local_add_canonizer")
    return tcore.function([x, y, z], (x + y + z) * 2, mode=mode, profile=ProfileStats(atexit_print=False, message=kwargs.pop("name", None)), **kwargs)


def text_of(profile, **kwargs):
    out = io.StringIO()
    profile.summary(out, **kwargs)
    return out.getvalue()


def section(text, name):
    """The rows of one section, without rule, heading and closing line."""
    lines = text.partition(f"\n{name}\n{'-' * len(name)}\n")[2].partition("\n\n")[0].splitlines()
    return lines[0], lines[1:-1], lines[-1]


@pytest.mark.backends("numpy", "cpu")
def test_sections_L5323_L5319_L5347_L5355_L5359_L5365(backend):
    """Class, Ops and Apply of three sums and products that are kept apart; which implementation ran. (L5311, L5317)"""
    f = program()
    np.testing.assert_array_equal(f([1.0], [2.0], [3.0]), [12.0])
    text = text_of(f.profile)
    kind = "C" if backend == "cpu" else "Py"
    heading, rows, rest = section(text, "Class")
    assert heading == "<% time> <sum %> <apply time> <time per call> <type> <#call> <#apply> <Class name>"
    assert len(rows) == 1
    assert re.fullmatch(rf"  100\.0%   100\.0% +\d\.\d{{3}}s +\d\.\d\de-\d\ds +{kind} +3 +3   <class 'tcore\.tensor\.elemwise\.Elemwise'>", rows[0])
    assert re.fullmatch(r"   \.\.\. \(remaining 0 Classes account for +0\.00%\(0\.00s\) of the runtime\)", rest)
    heading, rows, rest = section(text, "Ops")
    assert heading.endswith("<Op name>")
    counts = {row.split()[-1]: (row.split()[-4], row.split()[-3], row.split()[-2]) for row in rows}
    assert counts == {"Elemwise{add,no_inplace}": (kind, "2", "2"), "Elemwise{mul,no_inplace}": (kind, "1", "1")}
    assert "remaining 0 Ops" in rest  # L5353, L5363, L5374
    heading, rows, rest = section(text, "Apply")
    assert heading == "<% time> <sum %> <apply time> <time per call> <#call> <id> <Apply name>"
    shown = {row.split()[5]: " ".join(row.split()[6:]) for row in rows}
    assert shown["0"] == "Elemwise{add,no_inplace}(x, y)"
    assert shown["1"] == "Elemwise{add,no_inplace}(Elemwise{add,no_inplace}.0, z)"
    assert set(shown) == {"0", "1", "2"}
    assert "TensorConstant{(1,) of 2.0}" in shown["2"]
    assert "remaining 0 Apply instances" in rest
    shares = [float(row.split("%")[0]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    cumulative = [float(row.split("%")[1]) for row in rows]
    assert all(abs(sum(shares[: k + 1]) - total) < 0.2 for k, total in enumerate(cumulative))
    assert "100.0%" in rows[-1]


def test_fused_L5323():
    """With all optimizations there is one op."""
    x, y, z = T.dvectors("x", "y", "z")
    f = tcore.function([x, y, z], (x + y + z) * 2, profile=ProfileStats(atexit_print=False))
    f([1.0], [2.0], [3.0])
    assert len(section(text_of(f.profile), "Apply")[1]) == 1


def test_global_section_L5315_L5335_L5338_L5341():
    """All lines in their order; parts in percent of the calls. (L10562, L10563, L10564, L10565, L10566, L10568)"""
    f = program(name="my function")
    for _ in range(3):
        f([1.0], [2.0], [3.0])
    text = text_of(f.profile)
    assert re.match(
        "Function profiling\n==================\n"
        "  Message: my function\n"
        rf"  Time in 3 calls to Function\.__call__: {SECONDS}s\n"
        rf"  Time in Function\.fn\.__call__: {SECONDS}s \(\d+\.\d{{3}}%\)\n"
        rf"  Time in thunks: {SECONDS}s \(\d+\.\d{{3}}%\)\n"
        rf"  Total compile time: {SECONDS}s\n"
        "    Number of Apply nodes: 3\n"
        rf"    tcore Optimizer time: {SECONDS}s\n"
        rf"       tcore validate time: {SECONDS}s\n"
        rf"    tcore Linker time \(includes C, CUDA code generation/compiling\): {SECONDS}s\n"
        rf"       Import time {SECONDS}s\n"
        rf"Time in all call to tcore\.grad\(\) {SECONDS}s\n",
        text,
    )
    p = f.profile
    inner, thunks = (float(found) for found in re.findall(r"s \((\d+\.\d{3})%\)", text)[:2])
    assert abs(inner - 100 * p.vm_call_time / p.fct_call_time) < 0.01
    assert abs(thunks - 100 * p.thunk_time / p.fct_call_time) < 0.01
    assert p.fct_call_time >= p.vm_call_time >= p.thunk_time > 0
    assert p.compile_time >= p.optimizer_time + p.linker_time
    assert p.optimizer_time >= p.validate_time
    assert p.linker_time >= p.import_time


def test_never_called_L10561():
    """Zero calls are said, and nothing about nodes."""
    text = text_of(program().profile)
    assert "  Time in 0 calls to Function.__call__: 0.000000e+00s\n" in text
    assert "Apply\n" not in text
    assert "Message: None" in text


def test_gradients_are_timed_L10569():
    """Calls of grad anywhere in the process add up."""
    profile = program().profile
    before = profile.grad_time
    x = T.dvector()
    tcore.grad(T.exp(x).sum(), x)
    assert profile.grad_time > before


def test_only_some_functions_L5306(monkeypatch, capsys):
    """``profile=True`` for one function, and its profile printed when one asks."""
    monkeypatch.setattr(at_exit, "_waiting", [None])
    x = T.dvector("x")
    f = tcore.function([x], T.exp(x), profile=True, mode="FAST_COMPILE")
    g = tcore.function([x], T.exp(x), mode="FAST_COMPILE")
    f([1.0])
    assert g.profile is None
    f.profile.summary()
    assert "Time in 1 calls to Function.__call__" in "".join(capsys.readouterr())


def test_products_of_equal_dtypes_leave_no_dot_L5059():
    """Two matrices of one dtype meet BLAS; a float64 beside a float32 may not."""
    a, b, c = T.fmatrix("a"), T.fmatrix("b"), T.dmatrix("c")
    texts = lambda f: [str(node.op) for node in f.maker.fgraph.toposort()]  # noqa: E731
    same = texts(tcore.function([a, b], T.dot(a, b), mode=Mode("py", "fast_run")))
    assert same == ["Dot22"]
    mixed = tcore.function([a, c], T.dot(a, c), mode=Mode("py", "fast_run"))
    np.testing.assert_allclose(mixed(np.ones((2, 3), "float32"), np.ones((3, 2))), np.full((2, 2), 3))
    assert mixed.maker.fgraph.outputs[0].dtype == "float64"


def test_combined_L5309():
    """One profile for several functions counts the calls and nodes of all."""
    profile = ProfileStats(atexit_print=False)
    x = T.dvector("x")
    mode = Mode("vm", "fast_run")
    f = tcore.function([x], T.exp(x), profile=profile, mode=mode)
    g = tcore.function([x], T.tanh(x), profile=profile, mode=mode)
    f([1.0])
    g([1.0])
    g([1.0])
    assert f.profile is g.profile is profile
    assert profile.fct_callcount == 3
    assert profile.nb_nodes == 2
    text = text_of(profile)
    assert "exp" in text
    assert "tanh" in text


def test_row_limits_L5304_L13510_L13516():
    """``n_ops`` and ``n_apply`` cut, and the closing line says what was left out."""
    with config.change_flags(**{"profiling.n_apply": 1, "profiling.n_ops": 1}):
        f = program()
        f([1.0], [2.0], [3.0])
        text = text_of(f.profile)
    assert len(section(text, "Ops")[1]) == len(section(text, "Apply")[1]) == 1
    assert "remaining 2 Apply instances account for" in text
    assert len(section(text_of(f.profile, n_apply_to_print=2), "Apply")[1]) == 2


def test_ignore_first_call_L13552():
    """The first call leaves no trace; later ones do."""
    with config.change_flags(**{"profiling.ignore_first_call": True}):
        f = program()
    f([1.0], [2.0], [3.0])
    assert (f.profile.fct_callcount, f.profile.thunk_time) == (0, 0)
    f([1.0], [2.0], [3.0])
    assert f.profile.fct_callcount == 1
    assert {record.calls for record in f.profile.records.values()} == {1}


def test_debugprint_L13544():
    """``profiling.debugprint`` adds the graph."""
    f = program()
    f([1.0], [2.0], [3.0])
    assert "[id A]" not in text_of(f.profile)
    with config.change_flags(**{"profiling.debugprint": True}):
        assert "Elemwise{mul,no_inplace} [id A]" in text_of(f.profile)


class TestMemory:
    """``profile_memory``: what nodes make, and the peaks."""

    @staticmethod
    def profiled(**flags):
        with config.change_flags(profile_memory=True, **flags):
            f = program()
            f(np.ones(1000), np.ones(1000), np.ones(1000))
            return text_of(f.profile)

    def test_rows_L13522(self):
        """Bytes, shapes and how an output came to its memory; small ones are left out."""
        text = self.profiled()
        assert text.count("8000B  [(1000,)]  c  Elemwise") == 3
        assert "Peak with allow_gc=True: 16000B, with allow_gc=False: 24000B" in text
        hidden = self.profiled(**{"profiling.min_memory_size": 8001})
        assert "8000B  [(1000,)]" not in hidden
        assert "remaining 3 Apply account for 24000B" in hidden

    @pytest.mark.backends("numpy", "cpu")
    def test_flops_L8300(self, backend):
        """``Op.flops`` gets the shapes of each call, and gives the speed of a node."""
        asked = []

        class Work(gof.Op):
            __props__ = ()
            itypes, otypes = [T.dvector], [T.dvector]

            def perform(self, node, inputs, output_storage):
                output_storage[0][0] = inputs[0] * 2

            def flops(self, inputs, outputs):
                asked.append((inputs, outputs))
                return 1e6 * outputs[0][0]

        x, y, v = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v")
        with config.change_flags(profile_memory=True):
            f = tcore.function([x, y, v], [T.dot(x, y), Work()(v)], profile=ProfileStats(atexit_print=False))
            for n in (2, 4):
                f(np.ones((n, 30)), np.ones((30, 50)), np.ones(n))
            text = text_of(f.profile)
        assert asked == [([(n,)], [(n,)]) for n in (2, 4)]
        heading, *rows = text.partition("<MFlops per call>")[2].splitlines()[:3]
        assert heading == " <MFlops/s> <GFlops/s> <Apply node>"
        calls = [row.split() for row in rows]
        assert [float(row[0]) for row in calls] == [3.0, 2 * 3 * 30 * 50 / 1e6]
        assert [row[3].partition("(")[0] for row in calls] == ["Work", "Dot22"]
        assert all(float(row[1]) > 0 for row in calls)
        assert "MFlops" not in self.profiled()

    @pytest.mark.parametrize(
        ("op", "inputs", "output", "wanted"),
        [
            (T.blas.Dot22(), [(2, 3), (3, 4)], (2, 4), 48),
            (T.blas.Dot(), [(3,), (3,)], (), 6),
            (T.blas.Gemm(), [(2, 4), (), (2, 3), (3, 4), ()], (2, 4), 56),
            (T.blas.Gemv(), [(2,), (), (2, 3), (3,), ()], (2,), 14),
            (T.blas.Ger(), [(2, 3), (), (2,), (3,)], (2, 3), 12),
            (T.blas.BatchedDot(), [(5, 2, 3), (5, 3, 4)], (5, 2, 4), 240),
            (T.blas.BatchedDot(), [(5, 3), (5, 3)], (5,), 30),
        ],
    )
    def test_flops_of_products(self, op, inputs, output, wanted):
        """One multiplication and one addition for each pair of elements."""
        assert op.flops(inputs, [output]) == wanted

    def test_least_peak_L13528(self):
        """``min_peak_memory`` adds the best order's peak."""
        assert "Smallest peak" not in self.profiled()
        assert "Smallest peak over all orders: 16000B" in self.profiled(**{"profiling.min_peak_memory": True})

    def test_only_where_asked_for_L5302_L13494(self):
        """Without ``profile_memory`` there is no such section; without ``profile`` that flag does nothing."""
        with config.change_flags(profile_memory=True, profile=False):
            x = T.dvector("x")
            assert tcore.function([x], x + 1, mode="FAST_COMPILE").profile is None
        f = program()
        f([1.0], [2.0], [3.0])
        assert "Memory Profile" not in text_of(f.profile)

    def test_order_matters(self):
        """Two large values of which each shrinks at once: doing one after the other needs one at a time."""
        x = T.dvector("x")
        large = [T.exp(x), T.tanh(x)]
        small = [each.sum() for each in large]
        graph = FunctionGraph([x], small, clone=False)
        sizes = dict.fromkeys(large, 800) | dict.fromkeys(small, 8)
        breadth = [each.owner for each in (*large, *small)]
        depth = [each.owner for each in (large[0], small[0], large[1], small[1])]
        assert peak(graph, sizes, True, breadth) == 1608
        assert peak(graph, sizes, True, depth) == 816
        assert peak(graph, sizes, False) == 1616
        assert least_peak(graph, sizes) == (816, True)

    def test_views_take_nothing(self):
        """A transpose is its matrix."""
        x = T.dmatrix("x")
        e = T.exp(x)
        graph = FunctionGraph([x], [T.tanh(e.T)], clone=False)
        view = graph.outputs[0].owner.inputs[0]
        assert peak(graph, {e: 800, view: 800, graph.outputs[0]: 800}, True) == 1600


PROGRAM = """
import numpy, tcore, tcore.tensor as T
x = T.dvector("x")
f = tcore.function([x], T.exp(x) + 1, name="first")
g = tcore.function([x], T.tanh(x) + 1, name="second")
f(numpy.ones(3))
"""


@pytest.mark.parametrize("destination", ["stderr", "stdout", "profile.txt"])
def test_printed_at_exit_L5300_L5303_L5311_L13484_L13502_L13536(tmp_path, destination):
    """``profile=True``: one profile a function, then their sum, where ``profiling.destination`` says."""
    flags = f"profile=True,profile_optimizer=True,backend=numpy,profiling.destination={destination}"
    environment = {**os.environ, "TCORE_FLAGS": flags, "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    where = {"stderr": done.stderr, "stdout": done.stdout}
    text = where.pop(destination) if destination in where else (tmp_path / destination).read_text()
    assert not any("Function profiling" in other for other in where.values())
    assert re.findall("Message: (.*)", text) == ["first", "second", "Sum of all(2) printed profiles at exit"]
    assert re.findall(r"Time in (\d) calls", text) == ["1", "0", "1"]
    assert text.count("Optimizer Profile\n-----------------\n") == 3
    assert len(re.findall(r"SeqOptimizer OPT_FAST_RUN time \d+\.\d{3}s for \d+/\d+ nodes before/after optimization", text)) == 3
    assert re.search(r"\d\.\d{6}s - \('canonicalize', 'EquilibriumOptimizer', \d+\) - \d\.\d{3}s", text)


def test_profile_with_a_message_L12463():
    """A text as ``profile`` is the message; such a profile is printed by ``summary`` alone, and stays in its process."""
    x = T.dvector("x")
    f = tcore.function([x], T.exp(x), profile="mine", mode=Mode("py", None))
    assert (f.profile.message, f.profile.atexit_print) == ("mine", False)
    with pytest.raises(TypeError, match="a profile belongs to its process: pickle the function without it"):
        pickle.dumps(f.profile)
    assert pickle.loads(pickle.dumps(f)).profile is not f.profile


def test_ops_without_a_hash():
    """Have a row each."""

    class Adds(gof.Op):  # noqa: PLW1641 - that is the point
        def __eq__(self, other):
            return type(self) is type(other)

        def make_node(self, a):
            return gof.Apply(self, [a], [a.type()])

        def perform(self, node, inputs, output_storage, params=None):
            output_storage[0][0] = inputs[0] + 1

    x = T.dvector("x")
    f = tcore.function([x], Adds()(Adds()(x)), profile=ProfileStats(atexit_print=False), mode=Mode("py", None))
    f([1.0])
    _, rows, _ = section(text_of(f.profile), "Ops")
    assert [row.split()[-3:-1] for row in rows] == [["1", "1"], ["1", "1"]]


def test_peaks_of_graphs(monkeypatch):
    """Every set of nodes is tried once; a graph too large for the search has the peak of its own order, and says so."""
    x = T.dvector("x")
    graph = FunctionGraph([x], [T.exp(x) + T.sin(x) + T.cos(x)])
    sizes = {variable: 8 for node in graph.apply_nodes for variable in node.outputs}
    assert least_peak(graph, sizes) == (24, True)
    monkeypatch.setattr(memory, "_STATES", 2)
    assert least_peak(graph, sizes) == (peak(graph, sizes, collect=True), False)
    out = io.StringIO()
    memory._print_peaks(graph, {}, out)
    assert out.getvalue() == ""


def test_a_single_profile_has_no_sum(monkeypatch, tmp_path):
    """It would say the same twice."""
    monkeypatch.setattr(at_exit, "_waiting", [])
    profile = ProfileStats(message="alone")
    with config.change_flags({"profiling.destination": str(tmp_path / "profile.txt")}):
        at_exit.print_all()
    assert re.findall("Message: (.*)", (tmp_path / "profile.txt").read_text()) == [profile.message]
