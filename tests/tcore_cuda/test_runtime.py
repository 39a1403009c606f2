"""The use of the driver, against a driver in memory that is as strict as pycuda about contexts, threads and arguments.

It has the documented names and signatures of ``pycuda.driver`` that the runtime uses, and nothing else. Where there is a GPU, the conformance
suite runs on it (``--backend cuda``).
"""

from __future__ import annotations

import ctypes
import struct
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from in_threads import finish, in_thread

pytest.importorskip("tcore_cuda", reason="tcore-cuda is not installed")

from tcore.gpuarray.runtime import DeviceError, ForkedProcessError, LaunchShape
from tcore_cuda import runtime


class Error(Exception):
    """``pycuda.driver.Error``."""


class OutOfMemoryError(Error):
    """``pycuda.driver.MemoryError``."""


class Driver:
    """A device of 1 MiB whose kernels are Python functions of the packed arguments."""

    Error, MemoryError = Error, OutOfMemoryError
    function_attribute = SimpleNamespace(MAX_THREADS_PER_BLOCK=1024)

    def __init__(self):
        self.local = threading.local()
        self.thread = threading.get_ident()
        self.blocks = {}
        self.used = 0
        self.leaked = []
        self.launches = []
        self.kernels = {}
        self.loaded = []
        driver = self

        class Context:
            @staticmethod
            def pop():
                assert driver.stack, "pop without push"
                driver.stack.pop()

            @staticmethod
            def synchronize():
                driver.need()

            def push(self):
                driver.stack.append(self)

        class Allocation:
            def __init__(self, memory):
                self.memory = memory

            def __int__(self):
                return ctypes.addressof(self.memory)

            def free(self):
                # pycuda activates the context of the memory, which works in the thread of that context alone
                if not driver.stack and threading.get_ident() != driver.thread:
                    driver.leaked.append(self)
                    return
                driver.used -= len(self.memory)
                del driver.blocks[int(self)]

        self.Context, self.Allocation = Context, Allocation

    @property
    def stack(self):
        if not hasattr(self.local, "stack"):
            self.local.stack = []
        return self.local.stack

    def need(self):
        if not self.stack:
            raise Error("invalid device context")

    def mem_alloc(self, nbytes):
        self.need()
        assert nbytes > 0
        if self.used + nbytes > 1 << 20:
            raise OutOfMemoryError("out of memory")
        made = self.Allocation((ctypes.c_char * nbytes)())
        self.blocks[int(made)] = made
        self.used += nbytes
        return made

    def memcpy_htod(self, target, source):
        self.need()
        assert source.flags.c_contiguous
        ctypes.memmove(target, source.ctypes.data, source.nbytes)

    def memcpy_dtoh(self, target, source):
        self.need()
        assert target.flags.c_contiguous
        ctypes.memmove(target.ctypes.data, source, target.nbytes)

    def memcpy_dtod(self, target, source, size):
        self.need()
        ctypes.memmove(target, source, size)

    def memset_d8(self, target, data, count):
        self.need()
        ctypes.memset(target, data, count)

    def module_from_buffer(self, code):
        self.need()
        assert isinstance(code, bytes)
        self.loaded.append(code)
        return SimpleNamespace(get_function=lambda name: Function(self, name))


class Function:
    """``pycuda.driver.Function`` as far as the prepared interface goes."""

    def __init__(self, driver, name):
        self.driver, self.name = driver, name

    def get_attribute(self, attribute):
        return attribute

    def prepare(self, arg_types):
        self.arg_format = "".join(arg_types)

    def prepared_call(self, grid, block, *args, shared_size=0):
        self.driver.need()
        packed = struct.pack(self.arg_format, *args)
        self.driver.launches.append((self.name, grid, block, struct.unpack(self.arg_format, packed), shared_size))


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def context(driver, monkeypatch):
    monkeypatch.setattr(runtime, "compile_cubin", lambda source, architecture, flags=(): f"{architecture}:{source}".encode())
    numbers = {"threads": 1024, "shared": 49152}
    driver.device_attribute = SimpleNamespace(MAX_THREADS_PER_BLOCK="threads", MAX_SHARED_MEMORY_PER_BLOCK="shared")
    device = SimpleNamespace(
        name=lambda: "a GPU", pci_bus_id=lambda: "0000:01:00.0", get_attribute=numbers.__getitem__,
        compute_capability=lambda: (9, 0), retain_primary_context=lambda: driver.Context(),
    )  # fmt: skip
    made = runtime.CudaContext("cuda0", device, driver)
    yield made
    assert not driver.stack, "a context was left current"


def test_what_a_context_says(context):
    assert (context.device_name, context.architecture, context.max_block, context.local_memory) == ("cuda0", "sm_90", 1024, 49152)


def test_memory(context, driver):
    """Content goes there and back, also from an offset; empty arrays have memory; what is dropped is freed."""
    values = np.arange(6.0)
    buffer = context.upload(values)
    context.fill(buffer, 8, 8, 0)
    other = context.allocate(48)
    context.copy(other, 0, buffer, 0, 48)
    result = np.empty(5)
    context.read(other, 8, result)
    np.testing.assert_array_equal(result, [0, 2, 3, 4, 5])
    assert context.upload(np.empty(0)).nbytes == 0
    del buffer, other
    assert driver.used == 0


def test_memory_is_freed_in_any_thread(context, driver):
    """The last reference may go in a thread that never saw the device."""
    held = [context.upload(np.ones(10))]
    finish(in_thread(held.clear))
    assert driver.used == 0
    assert not driver.leaked


def test_out_of_memory(context, driver):
    with pytest.raises(MemoryError, match="cuda0 cannot allocate 2097152 bytes"):
        context.allocate(1 << 21)
    assert driver.used == 0


def test_compiled_once(context, driver):
    """One module for a source, a function for each name, code for the device's architecture."""
    context.compile("source", "a")
    context.compile("source", "b")
    assert driver.loaded == [b"sm_90:source"]


def test_arguments(context, driver):
    """Pointers, NumPy scalars with their sizes, structures by value; shape and shared memory of the launch."""
    buffer = context.allocate(16)
    kernel = context.compile("source", "k")
    shape = LaunchShape(grid=(3, 1, 1), block=(64, 1, 1))
    block = struct.pack("<3q", 1, -2, 3)
    context.launch(kernel, shape, [buffer, np.float32(0.5), np.uint64(7), block], reads=(), writes=(buffer,), shared_bytes=128)
    context.launch(kernel, shape, [buffer, np.int8(-1)], reads=(buffer,), writes=())
    first, second = driver.launches
    assert first == ("k", (3, 1, 1), (64, 1, 1), (buffer.handle, 0.5, 7, block), 128)
    assert second[3] == (buffer.handle, -1)


def test_errors_of_the_driver(context, driver):
    """They name the device, and the context is given back."""

    def refuse(*args):
        raise Error("an illegal memory access was encountered")

    driver.memcpy_dtoh = refuse
    buffer = context.allocate(8)
    with pytest.raises(DeviceError, match="cuda0: an illegal memory access"):
        context.read(buffer, 0, np.empty(1))


def test_forks_are_refused(context, monkeypatch):
    """A process that is not the one that opened the device, as after a fork."""
    buffer = context.allocate(8)
    monkeypatch.setattr(runtime.os, "getpid", lambda: -1)
    with pytest.raises(ForkedProcessError, match=r"CUDA was started in process .*get_context\('spawn'\)"):
        context.fill(buffer, 0, 8, 0)
    del buffer
    monkeypatch.undo()
