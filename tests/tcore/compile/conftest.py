"""What the tests of compiled functions share."""

from __future__ import annotations

import pytest

from tcore.compile.backends import host_backend
from tcore.configuration import change_flags


@pytest.fixture(params=["numpy", "cpu"])
def host(request):
    """Functions are compiled for the core's own linkers, and for native code of the CPU."""
    if request.param == "cpu" and host_backend() is None:
        pytest.skip("no C compiler")
    with change_flags(backend=request.param):
        yield request.param
