"""Programs of windows: pooling with what its derivatives are made of, and correlation."""

from __future__ import annotations

import functools

import numpy as np
from conformance_programs import Program, tensor

import tcore.tensor as T
from tcore_nnet.correlation import Correlate
from tcore_nnet.pooling import MODES, Pool, PoolPositions, PoolPut, PoolSpread

__all__ = ["GEOMETRIES", "correlations", "pools"]

#: window, stride, padding: written out or not, side by side, overlapping (a few or many) or with gaps, padded or not
GEOMETRIES = [
    ((2, 2), None, None),
    ((2, 3), (1, 2), (1, 1)),
    ((3, 5), (2, 4), None),
    ((4, 3), (3, 2), (3, 1)),
    ((1, 2), (3, 3), (0, 1)),
    ((4, 4), (1, 1), (0, 2)),
    ((9, 8), (1, 2), (2, 0)),
]


@functools.cache
def pools(dtype, flags, geometry, ignore_border):
    """Every mode, where the largest elements are, and both transposes, over the last two axes of an array."""
    x = tensor(dtype, flags)
    ws, stride, pad = geometry
    options = {"ignore_border": ignore_border}
    program = Program([x]).add(Pool(mode="max", **options)(x, ws, stride, pad), zero_signs=False)
    where = PoolPositions(**options)(x, ws, stride, pad)
    program.add(where)
    lengths = T.stack([x.shape[len(flags) - 2], x.shape[len(flags) - 1]])
    program.add(PoolPut(**options)(T.ones_like(where, dtype="float64") * 3, where, lengths, ws, stride, pad))
    if dtype == "bool":
        return program
    near = {"near": lambda v: _size(v) * 64 * np.finfo(dtype).eps, "zero_signs": False} if dtype.startswith("float") else {}
    for mode in MODES[1:]:
        if mode == "sum" or dtype.startswith("float"):
            out = Pool(mode=mode, **options)(x, ws, stride, pad)
            program.add(out, PoolSpread(mode=mode, **options)(out, lengths, ws, stride, pad), **near)
    return program


def _size(x):
    """A bound of the sums of a few elements."""
    finite = np.abs(x[np.isfinite(x)])
    return float(finite.max()) * 30 if finite.size else 0.0


@functools.cache
def correlations(dtype, flags=(False,) * 4, stride=(1, 2), dilation=(2, 1)):
    """Stacks of images with stacks of filters."""
    x, w = tensor(dtype, flags), tensor(dtype, flags)
    exact = {} if not dtype.startswith("float") else {"near": lambda x, w: 64 * np.finfo(dtype).eps * _size(x) * _size(w), "zero_signs": False}
    return Program([x, w]).add(Correlate(stride, dilation)(x, w), **exact)
