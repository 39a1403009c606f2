"""``fn.explain()``: records, and the table that they print as."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import Mode, function, shared
from tcore.compile import predefined_linkers
from tcore.compile.backends import host_backend
from tcore.compile.explanation import CopyReport, Explanation, KernelReport, NodeReport
from tcore.configuration import change_flags
from tcore.graph import Apply, Op

x = T.dmatrix("x")


class PythonOnly(Op):
    __props__ = ()

    def make_node(self, value):
        return Apply(self, [value], [value.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + 0


def test_table():
    """The whole text of an explanation with everything in it."""
    text = str(
        Explanation(
            "f", "CvmLinker", "cpu",
            (
                NodeReport(0, "exp(x)", "kernel", False, "cpu", 0),
                NodeReport(1, "add(w, x)", "kernel", True, "cpu", 0),
                NodeReport(2, "Odd(x)", "Python", False, "numpy", None, "Odd has no lowering"),
            ),
            (KernelReport(0, (0, 1), "compiled"),),
            ("w",),
            (CopyReport("w", 1), CopyReport("v", 2)),
            ("tensor", "cpu"),
        )
    )  # fmt: skip
    assert text.splitlines() == [
        "f: 3 nodes, linker CvmLinker, backend cpu",
        "  plugins: tensor, cpu",
        "  #  backend  runs on   node",
        "  0  cpu      kernel 0  exp(x)",
        "  1  cpu      kernel 0  add(w, x) (in place)",
        "  2  numpy    Python    Odd(x)",
        "  kernel 0: nodes 0, 1, compiled by this process",
        "  2 runs in Python: Odd has no lowering",
        "  updates w",
        (
            "  3 values were copied before calls that overwrite them (w 1, v 2): they shared memory with another value, could not "
            "be written to where they were (read-only, repeated or unaligned elements), or were default values"
        ),
    ]


def test_on_numpy():
    """The core's linkers run everything in Python, and no node needs an excuse."""
    with change_flags(backend="numpy"):
        found = function([x], T.exp(x).sum(), mode=Mode("vm", None), name="f").explain()
    assert (found.name, found.linker, found.backend) == ("f", "VMLinker", "numpy")
    assert [(report.backend, report.runs_on) for report in found.nodes] == [("numpy", "Python")] * 2
    assert found.kernels == found.fallbacks == found.copies == ()


def test_plugins_that_took_part():
    with change_flags(backend="numpy"):
        assert "tensor" in function([x], T.exp(x)).explain().plugins
        assert function([x], T.exp(x), mode=Mode("py", None)).explain().plugins in ((), ("tensor",))


@pytest.mark.skipif(host_backend() is None, reason="no C compiler")
class TestCpu:
    """What native code is made of."""

    @pytest.fixture(autouse=True)
    def _own_store(self, tmp_path):
        with change_flags(backend="cpu", cpu__store=str(tmp_path)):
            yield

    def test_kernels_and_fallbacks(self):
        """Fused nodes have one kernel; a product is BLAS; an op without native form says why it runs in Python."""
        w = shared(np.ones(3), name="w")
        outputs = [T.exp(x).sum(axis=0) * 2, T.dot(x, w), PythonOnly()(x), x.T]
        found = function([x], outputs, updates=[(w, w * 0.5)]).explain()
        by_op = {report.node.partition("(")[0]: report for report in found.nodes}
        total = next(report for name, report in by_op.items() if name.startswith("Sum"))
        assert found.kernels[total.kernel].nodes == (total.position - 1, total.position, total.position + 1)
        assert {report.runs_on for report in found.nodes if "Gemv" in report.node} == {"BLAS"}
        assert by_op["PythonOnly"].backend == "numpy"
        assert [report.reason for report in found.fallbacks] == ["PythonOnly has no lowering"]
        assert next(report for report in found.nodes if "DimShuffle" in report.node).runs_on == "view"
        assert found.updates == ("w",)
        assert "cpu" in found.plugins
        assert "runs in Python: PythonOnly has no lowering" in str(found)

    def test_compiled_or_from_the_store(self):
        first = function([x], T.exp(x) * 3, mode=Mode("cvm", None)).explain()
        second = function([x], T.exp(x) * 3, mode=Mode("cvm", None)).explain()
        assert [kernel.origin for kernel in first.kernels] == ["compiled"]
        assert [kernel.origin for kernel in second.kernels] == ["store"]

    @pytest.mark.parametrize("name", ["c|py", "cvm"])
    def test_node_by_node(self, name):
        """Linkers that run one node at a time, as ``cvm`` does where ops are lazy, explain each."""
        linker = predefined_linkers[name]
        linker.lazy = True
        found = function([x], PythonOnly()(T.exp(x)), mode=Mode(linker, None)).explain()
        assert [(report.runs_on, report.kernel, bool(report.reason)) for report in found.nodes] == [
            ("kernel", 0, False), ("Python", None, True),
        ]  # fmt: skip
        assert [kernel.origin for kernel in found.kernels] == ["compiled"]


def test_nothing_to_run():
    """A function without outputs has no table."""
    with change_flags(backend="numpy"):
        assert str(function([], [], name="f", mode=Mode("py", None)).explain()) == "f: 0 nodes, linker PerformLinker, backend numpy"
