"""Memory that cannot be written, and memory that is not there."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore_cpu.c_steps import objection


class NegateInC(Op):
    """Turns the sign of its operand where it is, in C."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        return f"""
        Py_INCREF({inputs[0]});
        Py_XDECREF({outputs[0]});
        {outputs[0]} = {inputs[0]};
        for (npy_intp k = 0; k < PyArray_SIZE({outputs[0]}); k++)
            ((double *)PyArray_DATA({outputs[0]}))[k] *= -1;
        """


UPDATES = {
    "kernel": (lambda w: w * 2 + 1, lambda w: w * 2 + 1),
    "part": (lambda w: T.inc_subtensor(w[1:3], 7.0), lambda w: w + 7.0 * np.array([[0], [1], [1], [0]])),
    "product": (lambda w: w + T.dot(w, w), lambda w: w + w @ w),
    "user's C code": (lambda w: NegateInC()(w), lambda w: -w),
}


@pytest.mark.parametrize("linker", ["cvm", "c|py", "c", "vm"])
@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_memory_map_as_borrowed_value(tmp_path, linker, kind, mode) -> None:
    """An update in place works on a copy of a read-only map, and on the map where it may be written: only then the file changes."""
    if kind == "user's C code" and objection() is not None:
        pytest.skip(objection())
    update, expected = UPDATES[kind]
    start = np.arange(16.0).reshape(4, 4)
    start.tofile(tmp_path / "data")
    w = tcore.shared(np.memmap(tmp_path / "data", "float64", mode, shape=(4, 4)), name="w", borrow=True)
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([], w.sum(), updates=[(w, update(w))], mode=tcore.Mode(linker, "fast_run"), accept_inplace=True)
    assert f() == start.sum()
    np.testing.assert_array_equal(w.get_value(), expected(start))
    assert f() == expected(start).sum()
    np.testing.assert_array_equal(w.get_value(), expected(expected(start)))
    if mode != "r+":
        np.testing.assert_array_equal(np.fromfile(tmp_path / "data"), start.ravel())


LIMITED = """
    import resource, sys
    import numpy as np
    import tcore
    import tcore.tensor as T
    from tcore.graph import Apply, Op

    class Negate(Op):
        __props__ = ()
        destroy_map = {0: [0]}

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            np.negative(inputs[0], inputs[0])
            outputs[0][0] = inputs[0]

    def used():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()

    N = 1 << 22  # 32 MB
    with open(sys.argv[1], "wb") as file:
        file.truncate(8 * N)
    long = np.memmap(sys.argv[1], "float64", "r", shape=(N,))
    x = T.dvector("x")
    count = tcore.shared(0, name="count")
    with tcore.config.change_flags(backend="cpu", **{"blas.ldflags": "-lblas"}):
        options = {"mode": tcore.Mode("cvm", "fast_run"), "on_unused_input": "ignore", "accept_inplace": True}
        w = tcore.shared(long, name="w", borrow=True)
        wide = x.reshape((4, x.shape[0] // 4))[:, ::2]
        programs = {
            "overwritten": tcore.function([x], [], updates=[(w, Negate()(w)), (count, count + 1)], **options),
            "result": tcore.function([x], T.exp(x), updates=[(count, count + 1)], **options),
            "between": tcore.function([x], T.dot(T.exp(wide), T.sin(wide).T).sum(), updates=[(count, count + 1)], **options),
            "operand": tcore.function([x], T.dot(wide, wide.T), updates=[(count, count + 1)], **options),
        }
    small = np.linspace(0, 1, 8)
    for name, f in programs.items():
        if name != "overwritten":
            f(small)
    done = count.get_value()
    resource.setrlimit(resource.RLIMIT_AS, (used() + (8 << 20), resource.RLIM_INFINITY))
    for name, f in programs.items():
        for _ in range(2):
            try:
                f(long)
            except MemoryError as error:
                text = str(error)
                assert "Apply node that caused the error" in text, text
                wanted = {"overwritten": "shape (4194304,) and dtype float64", "operand": "work on its operands"}
                assert wanted.get(name, " and dtype float64") in text, text
            else:
                print(name, "found memory")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    assert count.get_value() == done
    assert w.get_value(borrow=True) is long
    s = small.reshape(4, 2)[:, ::2]
    np.testing.assert_allclose(programs["result"](small), np.exp(small))
    np.testing.assert_allclose(programs["between"](small), (np.exp(s) @ np.sin(s).T).sum())
    np.testing.assert_allclose(programs["operand"](small), s @ s.T)
    programs["overwritten"](small)
    assert count.get_value() == done + 4
    assert w.get_value(borrow=True).tobytes() == (-long).tobytes()
    print("all right")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_little_address_space(tmp_path) -> None:
    """What a call needs is not there: MemoryError with node, shape and dtype, nothing is stored, and later calls are right."""
    command = [sys.executable, "-P", "-c", textwrap.dedent(LIMITED), str(tmp_path / "long")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, "all right\n"), found.stderr
