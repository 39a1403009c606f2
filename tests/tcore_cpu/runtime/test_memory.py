"""Memory that cannot be written, and memory that is not there."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.runtime.loading import runtime
from tcore_cpu.user_code.modules import objection


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


#: allocators in front of those of the C library, which refuse the request of that number which comes from a range of addresses
KEPT = """
    import resource
    import numpy as np
    import tcore
    import tcore.tensor as T
    from tcore_cpu.runtime.loading import runtime

    def used():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()

    x, n = T.dscalar("x"), T.iscalar("n")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([x, n], T.exp(T.zeros((n,)) + x), mode=tcore.Mode("cvm", "fast_run"))
    first = f(0.0, 12 << 20)  # 96 MB
    del first
    assert runtime().cache_held() > 90_000_000
    resource.setrlimit(resource.RLIMIT_AS, (used() + (32 << 20), resource.RLIM_INFINITY))
    assert (f(0.0, 6 << 20) == 1).all()  # 48 MB, of another size class
    print("all right")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_kept_memory_is_given_back_before_a_call_fails() -> None:
    """Blocks of earlier calls that nobody uses do not keep a call from its memory."""
    found = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(KEPT)], capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, "all right\n"), found.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_memory_of_long_rows_goes_back(native, threads) -> None:
    """A row that is kept from one pass to the next takes as much memory as it is long, and no thread keeps that for other kernels."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")

    threads(1)
    x = T.dmatrix("x")
    f, module = native([x], T.nnet.softmax(x).max(axis=1)), runtime()
    value = np.ones((2, 1 << 22))  # 32 MB a row
    f(value[:, :10])
    module.cache_limit(0)
    try:
        before = resident()
        np.testing.assert_allclose(f(value), 2.0**-22)
        assert resident() - before < 16 << 20
    finally:
        module.cache_limit(1 << 28)


FAULTY = """
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
uintptr_t faulty_from, faulty_to;
long faulty_number, faulty_count;

static int refused(void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    return faulty_number && at >= faulty_from && at < faulty_to && ++faulty_count == faulty_number;
}

#define CALLER __builtin_return_address(0)
void *malloc(size_t n) { return refused(CALLER) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return refused(CALLER) ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t n) { return refused(CALLER) ? NULL : __libc_realloc(old, n); }
int posix_memalign(void **made, size_t step, size_t n) { return refused(CALLER) || !(*made = __libc_memalign(step, n)) ? ENOMEM : 0; }
void *mmap(void *at, size_t n, int protection, int flags, int file, off_t offset)
{
    static size_t wanted; /* a block is asked for again when the cache is empty: refused both times */
    if (n != wanted && refused(CALLER)) {
        wanted = n;
        return MAP_FAILED;
    }
    int again = n == wanted;
    wanted = 0;
    return again ? MAP_FAILED : (void *)syscall(SYS_mmap, at, n, protection, flags, file, offset);
}
"""

EACH_REFUSED = """
    import ctypes
    import sys
    import numpy as np
    import tcore
    import tcore.tensor as T
    from tcore_cpu.runtime.loading import runtime

    runtime().cache_limit(0)  # nothing is kept for the next call
    faulty = ctypes.CDLL(sys.argv[1])
    number, count, begin, end = (kind.in_dll(faulty, f"faulty_{name}") for name, kind in
        [("number", ctypes.c_long), ("count", ctypes.c_long), ("from", ctypes.c_size_t), ("to", ctypes.c_size_t)])
    with open("/proc/self/maps") as maps:
        (code,) = [line.split()[0] for line in maps if "x" in line.split()[1] and line.rpartition("/")[2].startswith(("_runtime.", "runtime-"))]
    begin.value, end.value = (int(address, 16) for address in code.split("-"))
    x, calls = T.dmatrix("x"), tcore.shared(0, name="calls")
    half = T.exp(x)[:, ::2]  # products need it without gaps
    results = [T.nnet.softmax(x.T), T.dot(half, half.T), T.stack([x.sum(), x.std()]), T.cumsum(x, axis=0), x.T.flatten()]
    value = np.linspace(0, 1, 90_000).reshape(300, 300)
    e = np.exp(value.T - value.T.max(axis=1, keepdims=True))
    h = np.exp(value)[:, ::2]
    right = [e / e.sum(axis=1, keepdims=True), h @ h.T, [value.sum(), value.std()], value.cumsum(axis=0), value.T.ravel()]
    refused = 0
    while True:
        f = tcore.function([x], results, updates=[(calls, calls + 1)], mode=tcore.Mode("cvm", "fast_run"))  # without frames
        before = calls.get_value()
        count.value, number.value = 0, refused + 1
        try:
            f(value)
        except MemoryError:
            number.value = 0
            assert calls.get_value() == before
        else:
            number.value = 0
            break
        refused += 1
        for found, wanted in zip(f(value), right):
            np.testing.assert_allclose(found, wanted, rtol=1e-10)
        assert calls.get_value() == before + 1
    assert count.value == refused, "a refused request was taken for memory"
    print(refused)
"""


@pytest.mark.skipif(find_compiler() is None or platform.libc_ver()[0] != "glibc", reason="no C compiler, or another C library than glibc")
def test_each_request_for_memory_is_refused_once(tmp_path) -> None:
    """Whichever of a call's allocations fails: MemoryError, nothing is stored, and the same function is right the next time."""
    (tmp_path / "faulty.c").write_text(FAULTY, encoding="ascii")
    library = tmp_path / "faulty.so"
    subprocess.run([*find_compiler().command, "-O1", "-shared", "-fPIC", str(tmp_path / "faulty.c"), "-o", str(library)], check=True)
    command = [sys.executable, "-P", "-c", textwrap.dedent(EACH_REFUSED), str(library)]
    environment = {**os.environ, "LD_PRELOAD": str(library), "TCORE_FLAGS": f"{os.environ['TCORE_FLAGS']},backend=cpu"}
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 12
