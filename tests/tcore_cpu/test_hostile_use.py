"""What a careless user does: the errors name the real cause."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T


def test_error_replay_takes_inputs_in_the_order_of_the_graph() -> None:
    """A single node whose operands stand in another order than the function's inputs."""
    with tcore.config.change_flags(backend="cpu"):
        x, y, index = T.dvector("x"), T.dvector("y"), T.lvector("index")
        f = tcore.function([x, index, y], T.inc_subtensor(x[index], y))
    assert f(np.zeros(3), np.array([1, 1, 1]), np.ones(3)).tolist() == [0.0, 3.0, 0.0]
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        f(np.zeros(3), np.array([1, 9, 1]), np.ones(3))
