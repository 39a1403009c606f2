"""The kit for authors of ops, plugins and backends: conformance checks, and the pytest plugin that runs them per backend.

Switch the pytest part on in the top ``conftest.py`` with ``pytest_plugins = ["tcore.testing.plugin"]``.
"""
