"""What the tests of compilers and their store share."""

from __future__ import annotations

import pytest

from tcore.configuration import config


@pytest.fixture
def folder(tmp_path):
    """A store of this test alone."""
    with config.change_flags(cpu__store=str(tmp_path / "kernels")):
        yield tmp_path / "kernels"
