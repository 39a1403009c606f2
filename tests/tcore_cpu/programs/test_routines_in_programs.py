"""Routines of the runtime as steps of programs of every kind: loops, lazy graphs, pickles, exported libraries."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scan
from tcore.compile.mode import Mode
from tcore.scan_module.op import Scan
from tcore.tensor.ifelse import ifelse
from tcore.tensor.searching import Unique
from tcore_cpu.compiling.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 6)).round(1)
N = RNG.integers(0, 4, (5, 6))
#: name -> (what is made of a row of numbers and a row of small integers, the same by NumPy)
ROWS = {
    "sort": (lambda x, n: T.sort(x), lambda x, n: np.sort(x)),
    "argsort": (lambda x, n: T.argsort(n), lambda x, n: np.argsort(n, kind="stable")),
    "unique": (lambda x, n: Unique()(n).sum(), lambda x, n: np.unique(n).sum()),
    "bincount": (lambda x, n: T.bincount(n, x, minlength=4), lambda x, n: np.bincount(n, x, minlength=4)),
    "repeat": (lambda x, n: T.repeat(x, n).sum(), lambda x, n: np.repeat(x, n).sum()),
    "nonzero": (lambda x, n: x[T.nonzero(n)[0]].sum(), lambda x, n: x[np.nonzero(n)[0]].sum()),
    "searchsorted": (lambda x, n: T.searchsorted(T.sort(x), x), lambda x, n: np.searchsorted(np.sort(x), x)),
    "batched product": (
        lambda x, n: T.batched_dot(x.reshape((3, 1, 2)), x.reshape((3, 2, 1))).flatten(),
        lambda x, n: (x.reshape(3, 2) ** 2).sum(axis=1),
    ),
}


def compiled(inputs, outputs):
    """A function without a step in Python."""
    f = tcore.function(inputs, outputs, mode=Mode("cvm", "fast_run"), on_unused_input="ignore")
    assert not f.maker.linker.reasons
    return f


@pytest.mark.parametrize("name", ROWS)
def test_loops(name) -> None:
    """As the work of each step, with memory of the last one at hand."""
    build, reference = ROWS[name]
    x, n = T.dmatrix(), T.lmatrix()
    f = compiled([x, n], scan(build, [x, n])[0])
    assert any(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes)
    for rows in (5, 2, 5):
        np.testing.assert_allclose(f(X[:rows], N[:rows]), [reference(a, b) for a, b in zip(X[:rows], N[:rows], strict=True)], atol=1e-12)


def test_loop_that_carries_a_result() -> None:
    """The state of a step is what a routine made in the one before."""
    x = T.dmatrix()
    f = compiled([x], scan(lambda row, state: T.sort(row + state), x, T.zeros((6,)))[0])
    state, states = np.zeros(6), []
    for row in X:
        state = np.sort(row + state)
        states.append(state)
    np.testing.assert_allclose(f(X), states)


@pytest.mark.parametrize("name", ROWS)
def test_lazy_graphs_and_pickles(name) -> None:
    """In the branch that is taken, and in a program that is loaded again."""
    build, reference = ROWS[name]
    c, x, n = T.dscalar(), T.dvector(), T.lvector()
    result = build(x, n)
    f = tcore.function([c, x, n], ifelse(c > 0, result, result * 0), mode=Mode("cvm", "fast_run"), on_unused_input="ignore")
    for g in (f, pickle.loads(pickle.dumps(f))):
        np.testing.assert_allclose(g(1, X[0], N[0]), reference(X[0], N[0]), atol=1e-12)
        assert not np.any(g(-1, X[0], N[0]))


def test_exported(tmp_path: Path) -> None:
    """A library that has no host sorts by itself."""
    x, n = T.dvector("x"), T.lvector("n")
    names = [name for name in ROWS if name != "batched product"]  # it asks for BLAS
    compiled([x, n], [ROWS[name][0](x, n) for name in names]).export(tmp_path / "routines")
    body = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(Path(np.__file__).parents[1])!r}]\nimport numpy as np, routines\n"
    body += f"x, n = np.array({X[1].tolist()}), np.array({N[1].tolist()})\nfor part in routines.Model()(x, n):\n    print(np.ravel(part).tolist())"
    lines = subprocess.run([sys.executable, "-I", "-c", body], capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    for name, line in zip(names, lines, strict=True):
        np.testing.assert_allclose([float(part) for part in line.strip("[]").split(",")], np.ravel(ROWS[name][1](X[1], N[1])), atol=1e-12)
