"""Arrays of foreign byte order on a device."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

pytest.importorskip("pyopencl")


def test_big_endian_input_keeps_its_values() -> None:
    with tcore.config.change_flags(backend="opencl"):
        x = T.dvector("x")
        f = tcore.function([x], x * 2 + 1)
    values = np.arange(5.0)
    np.testing.assert_array_equal(f(values.astype(">f8")), values * 2 + 1)
