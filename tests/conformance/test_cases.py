"""The table of cases on every backend."""

from __future__ import annotations

import pytest
from conformance_cases import CASES

from tcore.testing.conformance import check_backend


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(backend, case):
    """The backend agrees with ``perform``, and that with NumPy or SciPy."""
    check_backend(case)
