"""Pieces whose lengths are computed in the graph, on a device."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

pytest.importorskip("pyopencl")


def test_split_with_computed_lengths() -> None:
    with tcore.config.change_flags(backend="opencl"):
        x, n = T.dvector("x"), T.lvector("n")
        f = tcore.function([x, n], T.split(x, n, 2, 0))
    values = np.arange(5.0)
    for lengths in ([2, 3], [0, 5], [5, 0]):
        for got, expected in zip(f(values, np.array(lengths)), np.split(values, [lengths[0]]), strict=True):
            np.testing.assert_array_equal(got, expected)
    with pytest.raises(IndexError, match="out of bounds"):
        f(values, np.array([4, 5]))
