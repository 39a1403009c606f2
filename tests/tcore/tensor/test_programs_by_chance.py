"""Programs made by chance of the tensor vocabulary: each value is NumPy's, in all dtypes, for shapes with 0 and 1, for strides of any sign."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128"]
LENGTHS = (0, 1, 1, 2, 3, 5, 17)


def put_last(x):
    """NumPy's form of ``set_subtensor(x[..., -1], x[..., 0])``."""
    changed = x.copy()
    changed[..., -1] = x[..., 0]
    return changed


def added(x):
    """NumPy's form of an increment at indices, some of them twice."""
    changed = x.copy()
    np.add.at(changed, [0, 0, -1], x[[0, -1, 0]])
    return changed


# kinds of numbers, dimensions from which on, whether elements are needed; in tcore, in NumPy
ONE = [
    ("iufc", 0, False, lambda x: -x, np.negative),
    ("biufc", 0, False, abs, np.abs),
    ("iufc", 0, False, T.sqr, np.square),
    ("f", 0, False, T.tanh, np.tanh),
    ("f", 0, False, T.floor, np.floor),
    ("f", 0, False, T.isnan, np.isnan),
    ("iuf", 0, False, lambda x: T.clip(x, 1, 3), lambda x: np.clip(x, 1, 3)),
    ("biu", 0, False, lambda x: T.cast(x, "float32"), lambda x: x.astype("float32")),
    ("biufc", 0, False, lambda x: x.T, np.transpose),
    ("biufc", 0, False, lambda x: x.flatten(), np.ravel),
    ("biufc", 1, False, lambda x: x[::-1], lambda x: x[::-1]),
    ("biufc", 1, False, lambda x: x[..., -3::-2], lambda x: x[..., -3::-2]),
    ("biufc", 0, False, lambda x: x[..., None], lambda x: x[..., None]),
    ("biufc", 1, True, lambda x: x[-1], lambda x: x[-1]),
    ("biufc", 1, True, lambda x: x[..., [0, -1]], lambda x: x[..., [0, -1]]),
    ("biufc", 1, True, lambda x: T.set_subtensor(x[..., -1], x[..., 0]), put_last),
    ("iufc", 1, True, lambda x: T.inc_subtensor(x[[0, 0, -1]], x[[0, -1, 0]]), added),
    ("iuf", 1, False, T.sort, np.sort),
    ("iuf", 1, False, lambda x: T.argsort(x, kind="mergesort"), lambda x: np.argsort(x, kind="stable")),
    ("iufc", 1, False, lambda x: T.cumsum(x, 0), lambda x: np.cumsum(x, 0, dtype=x.dtype)),
    ("iufc", 1, False, lambda x: T.cumprod(x, -1), lambda x: np.cumprod(x, -1, dtype=x.dtype)),
    ("iufc", 1, False, lambda x: T.diff(x, n=2, axis=0), lambda x: np.diff(x, n=2, axis=0)),
    ("biufc", 1, False, lambda x: T.roll(x, -2, axis=0), lambda x: np.roll(x, -2, axis=0)),
    ("biufc", 1, False, lambda x: T.repeat(x, 2, axis=-1), lambda x: np.repeat(x, 2, axis=-1)),
    ("biufc", 2, False, lambda x: T.diagonal(x, -1, 0, -1), lambda x: np.diagonal(x, -1, 0, -1)),
    ("biufc", 0, False, T.unique, np.unique),
    ("biufc", 1, False, T.flatnonzero, np.flatnonzero),
    ("iuf", 1, False, lambda x: x[x > 0], lambda x: x[x > 0]),
    ("iufc", 1, False, lambda x: x.sum(axis=0, keepdims=True), lambda x: x.sum(axis=0, keepdims=True)),
    ("iuf", 1, True, lambda x: x.max(axis=-1), lambda x: x.max(axis=-1)),
    ("iuf", 1, True, lambda x: T.argmin(x, axis=0), lambda x: x.argmin(axis=0)),
]
TWO = [
    ("iufc", lambda x, y: x + y, np.add),
    ("iufc", lambda x, y: x * y, np.multiply),
    ("iuf", T.maximum, np.maximum),
    ("iuf", T.lt, np.less),
    ("biufc", T.neq, np.not_equal),
    ("biufc", lambda x, y: T.switch(T.neq(x, 0), x, y), lambda x, y: np.where(x != 0, x, y)),
]


def given(chance, numbers, dtype, shape):
    """An array of small numbers, with gaps, turned, or in another order."""
    kind = np.dtype(dtype).kind
    values = numbers.integers(-6 if kind in "ifc" else 0, 7, shape)
    array = (values / 4 if kind == "f" else values * (1 + 0.5j) if kind == "c" else values).astype(dtype)
    turned = array[tuple(slice(None, None, -1) for _ in shape)]
    return chance.choice([array, np.asfortranarray(array), turned, np.repeat(array, 2, 0)[::2]])


def program(seed):
    """Inputs with values, and what is computed of them with NumPy's values."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    shape = tuple(chance.choice(LENGTHS) for _ in range(chance.choice([1, 2, 2, 3])))
    pool = []
    for _ in range(2):
        value = given(chance, numbers, chance.choice(DTYPES), shape)
        pool.append((T.TensorType(value.dtype.name, [n == 1 and chance.random() < 0.7 for n in shape])(), value))
    for _ in range(6):
        (x, a), (y, b) = chance.choice(pool[-3:]), chance.choice(pool)
        if chance.random() < 0.7:
            kinds, least, elements, symbolic, numeric = chance.choice(ONE)
            if a.dtype.kind in kinds and a.ndim >= least and (a.size or not elements):
                pool.append((symbolic(x), np.asarray(numeric(a))))
        else:
            kinds, symbolic, numeric = chance.choice(TWO)
            if a.dtype.kind in kinds and b.dtype.kind in kinds and a.shape == b.shape:
                out = symbolic(x, y)
                common = out.dtype if out.dtype != "bool" else np.result_type(a, b)
                pool.append((out, np.asarray(numeric(a.astype(common), b.astype(common)))))
    return pool[:2], [(out, value) for out, value in pool[2:] if value.size < 5000]


def agree(seeds):
    for seed in seeds:
        inputs, outputs = program(seed)
        found = tcore.function([x for x, _ in inputs], [out for out, _ in outputs], on_unused_input="ignore")(*(value for _, value in inputs))
        for place, (got, (_, wanted)) in enumerate(zip(found, outputs, strict=True)):
            assert got.shape == wanted.shape, (seed, place)
            close = 1e-4 if got.dtype in ("float32", "complex64") else 1e-10
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(got, wanted.astype(got.dtype), rtol=close, atol=close, err_msg=f"seed {seed}, value {place}")


@pytest.mark.parametrize("first", [0, 100, 200])
def test_as_numpy(first):
    """Node by node, with all optimizations."""
    with change_flags(backend="numpy"), np.errstate(all="ignore"):
        agree(range(first, first + 100))


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu", "opencl")
def test_in_kernels():
    """A few of them in kernels."""
    with np.errstate(all="ignore"):
        agree(range(1000, 1004))
