"""The command ``tcore``: ``plugins``, ``doctor``, ``config``, and what plugins add."""

from tcore.cli.main import main

__all__ = ["main"]
