"""The kit for authors of ops, plugins and backends: conformance checks, and the pytest plugin that runs them per backend.

Switch the pytest part on in the top ``conftest.py`` with ``pytest_plugins = ["tcore.testing.plugin"]``.
"""

from tcore.testing.cases import OpCase
from tcore.testing.conformance import (
    check_backend,
    check_declared_changes,
    check_gradient,
    check_infer_shape,
    check_op,
    check_values,
    same_values,
)
from tcore.testing.debugging import check_debug_mode
from tcore.testing.directional import check_r_op
from tcore.testing.plugins import isolated_manager

__all__ = [
    "OpCase",
    "check_backend",
    "check_debug_mode",
    "check_declared_changes",
    "check_gradient",
    "check_infer_shape",
    "check_op",
    "check_r_op",
    "check_values",
    "isolated_manager",
    "same_values",
]
