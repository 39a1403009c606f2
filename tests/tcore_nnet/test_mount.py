"""tcore_nnet under its documented name."""

from __future__ import annotations

import importlib
import sys

import pytest
from first_imports import failures_of_first_imports

import tcore


def test_mounted() -> None:
    """``tcore.tensor.nnet`` is ``tcore_nnet``, by attribute and by import, and so are its modules."""
    import tcore.tensor.nnet.crossentropy as mounted
    import tcore_nnet
    from tcore.tensor.nnet import softmax

    assert tcore.tensor.nnet is tcore_nnet
    assert sys.modules["tcore.tensor.nnet"] is tcore_nnet
    assert mounted is sys.modules["tcore_nnet.crossentropy"]
    assert mounted.__name__ == "tcore_nnet.crossentropy"
    assert softmax is tcore.tensor.softmax


def test_signal_mounted() -> None:
    """``tcore.tensor.signal`` is a package of tcore_nnet, by attribute and by import."""
    import tcore.tensor.signal.pool as mounted
    import tcore_nnet.signal

    assert tcore.tensor.signal is tcore_nnet.signal
    assert mounted is sys.modules["tcore_nnet.signal.pool"]
    assert tcore.tensor.signal.pool is mounted


def test_a_missing_module_below_an_installed_mount() -> None:
    """Is a missing module, not a missing package."""
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'tcore.tensor.nnet.not_there'$") as caught:
        importlib.import_module("tcore.tensor.nnet.not_there")
    assert caught.value.name == "tcore.tensor.nnet.not_there"


@pytest.mark.parametrize(
    "lines",
    [
        ("import tcore.tensor", "import tcore.gof.opt", "import tcore.tensor.nnet", "import tcore_nnet"),
        ("import tcore.tensor.nnet", "import tcore.sparse", "import tcore.gradient", "import tcore; tcore.scan", "from tcore.tensor.signal import pool"),
    ],
)
def test_first_imports_from_several_threads(lines) -> None:
    """Mounts among them, whose plugins load the core."""
    assert failures_of_first_imports(*lines) == "0"
