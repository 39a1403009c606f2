"""What the tests of arrays on devices share."""

from __future__ import annotations

import pytest

from tcore.configuration import change_flags
from tcore.gpuarray.runtime import DeviceError


@pytest.fixture
def context():
    """The first OpenCL device, open, where graphs are compiled for it; skips without one."""
    runtime = pytest.importorskip("tcore_opencl.runtime", reason="pyopencl is not installed")
    try:
        found = runtime.open("opencl0:0")
    except DeviceError as error:
        pytest.skip(f"no OpenCL device: {error}")
    with change_flags(backend="opencl"):
        yield found
