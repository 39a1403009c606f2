"""What the tests of derivatives share."""

from __future__ import annotations

import pytest

from tcore.configuration import change_flags


@pytest.fixture(autouse=True)
def _numpy():
    """Derivatives are graphs: what runs them does not matter, and NumPy compiles nothing."""
    with change_flags(backend="numpy"):
        yield
