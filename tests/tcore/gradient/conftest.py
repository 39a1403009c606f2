"""What the tests of derivatives share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _numpy(numpy_backend):
    """Derivatives are graphs: what runs them does not matter, and NumPy compiles nothing."""
