"""tcore_nnet under its documented name."""

from __future__ import annotations

import sys

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
