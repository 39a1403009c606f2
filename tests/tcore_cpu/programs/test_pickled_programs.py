"""Pickled functions hold their programs: another process neither optimizes nor lowers nor compiles."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.compiling.core_object import core_library
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.programs import drafting
from tcore_cpu.programs.draft import decode
from tcore_cpu.runtime.loading import runtime_kind

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

CHILD = """
import pickle, subprocess, sys
import numpy as np
import tcore
from tcore.optimizer import Optimizer

def refuse(*args, **kwargs):
    raise AssertionError("the child optimizes, or starts a program")

if sys.argv[2] == "strict":
    subprocess.Popen.__init__ = refuse
    Optimizer.optimize = refuse
    import tcore_cpu.programs.drafting
    tcore_cpu.programs.drafting.build = refuse
with open(sys.argv[1], "rb") as file:
    f = pickle.load(file)
found = f.explain()
print(found.linker, sorted({kernel.origin for kernel in found.kernels}))
for _ in range(2):
    print([np.asarray(value).tolist() for value in f(np.ones((3, 3)))])
"""


@pytest.fixture
def folder(tmp_path):
    """A store of this test alone."""
    with config.change_flags(cpu__store=str(tmp_path / "kernels"), backend="cpu"):
        yield tmp_path


def dumped(folder):
    """A function with kernels, a product and an update in a file, and what its two next calls give."""
    w = tcore.shared(np.ones(3), name="w")
    x = T.dmatrix("x")
    f = tcore.function([x], [T.exp(x).sum(axis=0) * 2, T.dot(x, w), x.T], updates=[(w, w * 0.5)])
    if runtime_kind() == "cffi":
        core_library()  # the runtime itself is an entry of the store then; this process has that of another one
    (folder / "f.pkl").write_bytes(pickle.dumps(f))
    return [[np.asarray(value).tolist() for value in f(np.ones((3, 3)))] for _ in range(2)]


def child(folder, how="strict", **environment):
    program = textwrap.dedent(CHILD)
    command = [sys.executable, "-P", "-c", program, str(folder / "f.pkl"), how]
    flags = f"cpu.store={folder / 'kernels'}"
    found = subprocess.run(
        command, env={**os.environ, "TCORE_FLAGS": flags, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    return found


def test_worker_without_compiler(folder) -> None:
    """No compiler on the PATH, an optimizer and a process starter that fail: right answers, all kernels from the store."""
    expected = dumped(folder)
    (folder / "empty").mkdir()
    found = child(folder, PATH=str(folder / "empty"), CC="")
    first, *results = found.stdout.splitlines()
    assert first == "CvmLinker ['store']"
    assert [eval(line) for line in results] == expected
    assert not found.stderr


def test_missing_entries_are_compiled_again(folder) -> None:
    """With a compiler the kernels are rebuilt from what the pickle holds, without optimizing."""
    expected = dumped(folder)
    shutil.rmtree(folder / "kernels")
    first, *results = child(folder, "with compiler").stdout.splitlines()
    assert first == "CvmLinker ['compiled']"
    assert [eval(line) for line in results] == expected


def test_neither_store_nor_compiler(folder) -> None:
    """Right answers on NumPy, after one warning."""
    expected = dumped(folder)
    shutil.rmtree(folder / "kernels")
    (folder / "empty").mkdir()
    found = child(folder, "with warning", PATH=str(folder / "empty"), CC="")
    first, *results = found.stdout.splitlines()
    assert first == "VMLinker []"
    np.testing.assert_allclose(sum(eval(results[0])[1]), sum(expected[0][1]))
    assert found.stderr.count("no C compiler") == 1


def test_numpy_is_asked_for(folder) -> None:
    """``backend=numpy`` holds for unpickled functions as well."""
    dumped(folder)
    with config.change_flags(backend="numpy"):
        f = pickle.loads((folder / "f.pkl").read_bytes())
    assert f.explain().backend == "numpy"
    np.testing.assert_allclose(f(np.ones((3, 3)))[1], 3)


def test_reoptimized(folder, monkeypatch) -> None:
    """``reoptimize_unpickled_function`` optimizes again, and what the pickle holds of the old program is not used."""
    dumped(folder)
    made = []
    build = drafting.build
    monkeypatch.setattr(drafting, "build", lambda *args, **options: made.append(args) or build(*args, **options))
    text = (folder / "f.pkl").read_bytes()
    pickle.loads(text)
    assert not made
    with config.change_flags(reoptimize_unpickled_function=True):
        f = pickle.loads(text)
    assert len(made) == 1
    np.testing.assert_allclose(f(np.ones((3, 3)))[1], 3)


def test_nodes_that_come_in_another_order(folder, monkeypatch) -> None:
    """What must run before what is told in another order by the unpickled graph; its program is that of the pickle nevertheless."""
    s, w = T.dtensor3("s"), T.dmatrix("w")

    def step(r, h, w):
        g = T.tanh(T.dot(r, w) + h)
        return g, T.dot(g, w.T).max(axis=0), (g * 2).T

    rows, _ = tcore.scan(step, sequences=s, outputs_info=[T.zeros_like(s[0]), None, None], non_sequences=w)
    f = tcore.function([s, w], T.grad(sum(row.sum() for row in rows), [s, w]))
    text, arguments = pickle.dumps(f), (np.ones((3, 2, 4)), np.eye(4) / 4)
    monkeypatch.delattr(drafting, "build")
    g = pickle.loads(text)
    for found, wanted in zip(g(*arguments), f(*arguments), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert g.memory_plan(*arguments).peak == f.memory_plan(*arguments).peak


def test_a_pickle_that_does_not_fit_is_made_anew(folder, native) -> None:
    """Another version or machine, or another graph: the program is made from the graph."""
    x = T.dvector("x")
    f = native([x], T.exp(x) + x)
    name, saved = f.maker.linker.save()
    fgraph = f.maker.fgraph
    assert name == "cpu"
    assert decode(saved["program"], fgraph) is not None
    for change in ({"format": (0, 0, "elsewhere")}, {"signature": ((), ())}, {"applies": []}):
        odd = {**saved, "program": {**saved["program"], **change}}
        assert decode(odd["program"], fgraph) is None
        linker = CvmLinker()
        linker.restore(odd)
        thunk, (given,), (result,) = linker.accept(fgraph).make_thunk()
        given.value = [1.0]
        thunk()
        np.testing.assert_allclose(result.value, np.exp(1) + 1)


@pytest.mark.parametrize("keep", [True, False])
def test_user_code(folder, keep) -> None:
    """Ops with C code: their modules are found in the store, too; one that is never kept makes the pickle compile it."""

    f = tcore.function([_V], Twice(keep)(_V) + 1, mode=tcore.Mode("cvm", None))
    saved = f.maker.linker.save()
    assert (saved is not None) == keep
    g = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(g([1.0, 2.0]), [3, 5])
    assert {report.runs_on for report in g.explain().nodes} >= {"C", "kernel"}


_V = T.dvector("v")


class Twice(tcore.graph.Op):
    """2 x in C."""

    __props__ = ("keep",)

    def __init__(self, keep):
        self.keep = keep

    def make_node(self, x):
        return tcore.graph.Apply(self, [x], [x.type()])

    def c_code_cache_version(self):
        return (1,) if self.keep else ()

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z,) = inputs, outputs
        return f"""
        Py_XDECREF({z});
        {z} = (PyArrayObject *)PyArray_NewLikeArray({x}, NPY_CORDER, NULL, 0);
        for (npy_intp i = 0; {z} && i < PyArray_SIZE({x}); i++)
            *(double *)PyArray_GETPTR1({z}, i) = 2 * *(double *)PyArray_GETPTR1({x}, i);
        if (!{z}) {sub['fail']}
        """
