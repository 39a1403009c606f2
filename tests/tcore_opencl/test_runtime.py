"""Memory, kernels and the order of work on an OpenCL device."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
import tcore.tensor as T
from tcore.gpuarray.runtime import DeviceError, LaunchShape
from tcore_opencl import runtime
from tcore_opencl.strict import OrderDependentKernelError, half_groups

ADD = """
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) get_group_id(d)
#endif
/* TC_ANY_BLOCK */
__kernel void add_one(__global int *a, ulong n) {
  for (ulong i = TC_GROUP_ID(0) * get_local_size(0) + get_local_id(0); i < n; i += get_global_size(0)) a[i] += 1;
}
"""
RACE = """
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) get_group_id(d)
#endif
__kernel void last_group(__global int *a) { a[0] = (int)TC_GROUP_ID(0); }
"""


@pytest.fixture
def context():
    try:
        return runtime.open("opencl")
    except DeviceError as error:
        pytest.skip(f"no OpenCL device: {error}")


def shape(groups, items):
    return LaunchShape(grid=(groups, 1, 1), block=(items, 1, 1))


def test_one_context_a_device(context):
    """However a device is spelled, there is one context for it."""
    assert runtime.open("opencl0") is runtime.open("opencl0:0") is context


@pytest.mark.parametrize(("name", "error"), [("openclX", ValueError), ("opencl99:0", DeviceError), ("opencl0:99", DeviceError)])
def test_unknown_device_is_named(context, name, error):
    """A device that is not there is an error that says what is."""
    with pytest.raises(error):
        runtime.open(name)


def test_work_on_one_buffer_is_ordered(context):
    """A thousand launches on an out-of-order queue that read and write one buffer happen one after another."""
    buffer = context.allocate(64 * 4)
    context.fill(buffer, 0, 64 * 4, 0)
    kernel = context.compile(ADD, "add_one")
    for _ in range(1000):
        context.enqueue(kernel, shape(4, 16), [buffer, np.uint64(64)], (), (buffer,))
    result = np.empty(64, np.int32)
    context.read(buffer, 0, result)
    assert (result == 1000).all()


def test_compiler_messages_reach_the_user(context):
    """A kernel that does not compile is an error with the compiler's words."""
    with pytest.raises(DeviceError, match="refused kernel 'broken'"):
        context.compile("__kernel void broken(__global int *a) { nonsense; }", "broken")


def test_strict_accepts_an_honest_kernel(context):
    """A kernel whose items are independent gives one answer under every schedule."""
    with tcore.config.change_flags(opencl__strict=True):
        buffer = context.allocate(64 * 4)
        context.write(buffer, 0, np.arange(64, dtype=np.int32))
        context.launch(context.compile(ADD, "add_one"), shape(4, 16), [buffer, np.uint64(64)], reads=(), writes=(buffer,))
        result = np.empty(64, np.int32)
        context.read(buffer, 0, result)
    assert np.array_equal(result, np.arange(64) + 1)


def test_strict_catches_a_race(context):
    """A kernel that depends on which group runs last is refused."""
    with tcore.config.change_flags(opencl__strict=True):
        buffer = context.allocate(4)
        with pytest.raises(OrderDependentKernelError, match="reverse order"):
            context.launch(context.compile(RACE, "last_group"), shape(4, 1), [buffer], reads=(), writes=(buffer,))


def test_strict_poisons_new_memory(context):
    """Reading memory that nothing wrote gives NaN."""
    with tcore.config.change_flags(opencl__strict=True):
        result = np.empty(3)
        context.read(context.allocate(24), 0, result)
    assert np.isnan(result).all()


def test_half_groups():
    """Half the items, twice the groups; an odd group cannot be halved."""
    assert half_groups(shape(3, 16)) == shape(6, 8)
    assert half_groups(shape(3, 5)) is None


def test_kernels_are_told_not_to_contract(context, monkeypatch):
    """A driver may fuse a product and a sum unless the source forbids it; some never do, so the text itself is looked at."""
    x, y = T.dvectors("x", "y")
    sources = []
    compile_ = context.compile
    monkeypatch.setattr(context, "compile", lambda source, *rest: sources.append(source) or compile_(source, *rest))
    with tcore.config.change_flags(backend="opencl"):
        f = tcore.function([x, y], T.sqrt(x * x - y * y))
    assert f([0.1, 3.7], [0.1, 3.7]).tolist() == [0, 0]
    assert sources
    assert all("#pragma OPENCL FP_CONTRACT OFF" in source for source in sources)


def test_where_kernels_come_from(context):
    """Compiled now, out of the store that pyopencl keeps on disk, or out of this process's own table."""
    source = f"/* {np.random.default_rng().integers(2**60)} */ {ADD}"
    assert context.compile(source, "add_one").origin == "compiled"
    assert context.compile(source, "add_one").origin == "process"

    class Built:
        _build_duration_info = ("cache retrieval", True, 0.01)

    assert runtime._origin_of(Built()) == "store"
    assert runtime._origin_of(object()) == "compiled"
