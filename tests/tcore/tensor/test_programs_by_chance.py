"""Programs made by chance of the tensor vocabulary: each value is NumPy's, in all dtypes, for shapes with 0 and 1, for strides of any sign."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import settings

import tcore
import tcore.tensor as T
from tcore.configuration import change_flags

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128"]
LENGTHS = (0, 1, 1, 2, 3, 5, 17)
#: how many times as many programs the chosen profile asks for (``--hypothesis-profile=thorough``)
MANY = settings.default.max_examples / 100


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


def whole(x, first, dtype):
    """NumPy's conversion, in two steps: in one, its loops for unsigned integers do not agree."""
    return x.astype(first).astype(dtype)


def softmax(rows):
    """NumPy has none."""
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# kinds of numbers (! where a last digit decides, ~ where it is not NumPy's), dimensions from which on, whether elements are needed; in tcore, in NumPy
ONE = [
    ("iufc", 0, False, lambda x: -x, np.negative),
    ("biufc", 0, False, abs, np.abs),
    ("iufc", 0, False, T.sqr, np.square),
    ("fc~", 0, False, T.tanh, np.tanh),
    ("f!", 0, False, T.floor, np.floor),
    ("f", 0, False, T.isnan, np.isnan),
    ("iuf", 0, False, lambda x: T.clip(x, *(T.constant(end, dtype=x.dtype) for end in (1, 3))), lambda x: np.clip(x, 1, 3)),
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
    ("iuf!", 1, False, T.sort, np.sort),
    ("iuf!", 1, False, lambda x: T.argsort(x, kind="mergesort"), lambda x: np.argsort(x, kind="stable")),
    ("iufc", 1, False, lambda x: T.cumsum(x, 0), lambda x: np.cumsum(x, 0, dtype=x.dtype)),
    ("iufc", 1, False, lambda x: T.cumprod(x, -1), lambda x: np.cumprod(x, -1, dtype=x.dtype)),
    ("iufc", 1, False, lambda x: T.diff(x, n=2, axis=0), lambda x: np.diff(x, n=2, axis=0)),
    ("biufc", 1, False, lambda x: T.roll(x, -2, axis=0), lambda x: np.roll(x, -2, axis=0)),
    ("biufc", 1, False, lambda x: T.repeat(x, 2, axis=-1), lambda x: np.repeat(x, 2, axis=-1)),
    ("biufc", 2, False, lambda x: T.diagonal(x, -1, 0, -1), lambda x: np.diagonal(x, -1, 0, -1)),
    ("biufc!", 0, False, T.unique, np.unique),
    ("biufc!", 1, False, T.flatnonzero, np.flatnonzero),
    ("iuf!", 1, False, lambda x: x[x > 0], lambda x: x[x > 0]),
    ("iufc", 1, False, lambda x: x.sum(axis=0, keepdims=True), lambda x: x.sum(axis=0, keepdims=True)),
    ("iuf", 1, True, lambda x: x.max(axis=-1), lambda x: x.max(axis=-1)),
    ("iuf!", 1, True, lambda x: T.argmin(x, axis=0), lambda x: x.argmin(axis=0)),
    ("f!", 0, False, lambda x: T.cast(x, "uint8"), lambda x: whole(x, "int32", "uint8")),
    ("f!", 0, False, lambda x: T.cast(x, "uint32"), lambda x: whole(x, "int64", "uint32")),
    ("fiu!", 0, False, lambda x: T.cast(x, "int16"), lambda x: whole(x, "int32", "int16")),
    ("iuf!", 0, False, lambda x: T.cast(x, "bool"), lambda x: x.astype("bool")),
    ("f!", 0, False, T.round, np.round),
    ("f!", 0, False, T.ceil, np.ceil),
    ("iuf!", 0, False, T.sgn, np.sign),
    ("iuf!", 1, True, lambda x: T.argmax(x, axis=-1), lambda x: x.argmax(axis=-1)),
    ("iuf!", 1, False, lambda x: T.searchsorted(T.sort(x.flatten()), x), lambda x: np.searchsorted(np.sort(x.ravel()), x)),
    ("fc~", 0, False, T.exp, np.exp),
    ("fc~", 0, False, lambda x: T.log(x + 9), lambda x: np.log(x + x.dtype.type(9))),
    ("fc~", 0, False, lambda x: T.sqrt(x * x), lambda x: np.sqrt(x * x)),
    ("fc~", 0, False, T.arctan, np.arctan),
    ("fc~", 0, False, T.arcsinh, np.arcsinh),
    ("fc~", 0, False, T.sin, np.sin),
    ("f~", 0, False, T.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    ("f~", 1, True, lambda x: T.softmax(x.reshape((-1, x.shape[-1]))), lambda x: softmax(x.reshape((-1, x.shape[-1])))),
    ("fc", 0, False, T.real, np.real),
    ("fc", 0, False, T.imag, np.imag),
    ("fc", 0, False, T.conj, np.conj),
    ("fc~", 0, False, lambda x: x**3, lambda x: x * x * x),
    ("f~", 1, True, lambda x: x.mean(axis=0), lambda x: x.mean(axis=0)),
    ("f~", 1, True, lambda x: x.var(axis=-1), lambda x: x.var(axis=-1)),
    ("iufc", 1, False, lambda x: x.prod(axis=0), lambda x: x.prod(axis=0)),
    ("biuf!", 1, False, lambda x: T.any(x, axis=-1), lambda x: np.any(x, axis=-1)),
    ("biuf!", 1, False, lambda x: T.all(x, axis=0), lambda x: np.all(x, axis=0)),
    ("iuf", 1, True, lambda x: x.min(axis=0), lambda x: x.min(axis=0)),
    ("biufc", 1, False, lambda x: T.concatenate([x, x[::-1]], axis=0), lambda x: np.concatenate([x, x[::-1]], axis=0)),
    ("biufc", 0, False, lambda x: T.stack([x, x], axis=-1), lambda x: np.stack([x, x], axis=-1)),
    ("biufc", 2, False, T.tril, np.tril),
    ("biufc", 2, False, lambda x: T.triu(x, 1), lambda x: np.triu(x, 1)),
    ("biufc", 2, False, lambda x: T.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1)),
    ("iufc~", 1, True, lambda x: T.dot(x.reshape((-1, x.shape[-1])), x.reshape((-1, x.shape[-1])).T), lambda x: x.reshape((-1, x.shape[-1])) @ x.reshape((-1, x.shape[-1])).T),
    ("iufc~", 2, False, lambda x: T.einsum("...ij,...ik->...jk", x, x), lambda x: np.einsum("...ij,...ik->...jk", x, x)),
    ("biufc", 1, True, lambda x: x[x.shape[0] // 2 :], lambda x: x[x.shape[0] // 2 :]),
    ("biufc", 1, False, lambda x: T.tile(x, (2,) * x.ndim), lambda x: np.tile(x, (2,) * x.ndim)),
    ("iufc", 1, True, lambda x: T.set_subtensor(x[::2], 0), lambda x: np.where((np.arange(len(x)) % 2 == 0).reshape(-1, *[1] * (x.ndim - 1)), x.dtype.type(0), x)),
]
TWO = [
    ("iufc", lambda x, y: x + y, np.add),
    ("iufc", lambda x, y: x * y, np.multiply),
    ("iufc", lambda x, y: x - y, np.subtract),
    ("f~", lambda x, y: x / (y * y + 1), lambda x, y: x / (y * y + y.dtype.type(1))),
    ("iu", lambda x, y: x // y, np.floor_divide),
    ("iu", lambda x, y: x % y, np.remainder),
    ("bu", lambda x, y: x ^ y, np.bitwise_xor),
    ("iuf!", T.ge, np.greater_equal),
    ("biufc", lambda x, y: T.concatenate([x.flatten(), y.flatten()]), lambda x, y: np.concatenate([x.ravel(), y.ravel()])),
    ("iuf", T.maximum, np.maximum),
    ("iuf!", T.lt, np.less),
    ("biufc!", T.neq, np.not_equal),
    ("biufc!", lambda x, y: T.switch(T.neq(x, 0), x, y), lambda x, y: np.where(x != 0, x, y)),
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
    pool = []  # variable, value, whether the value is exact
    for _ in range(2):
        value = given(chance, numbers, chance.choice(DTYPES), shape)
        pool.append((T.TensorType(value.dtype.name, [n == 1 and chance.random() < 0.7 for n in shape])(), value, True))
    for _ in range(chance.choice([4, 6, 9])):
        (x, a, exact), (y, b, other) = chance.choice(pool[-3:]), chance.choice(pool)
        if chance.random() < 0.7:
            kinds, least, elements, symbolic, numeric = chance.choice(ONE)
            if a.dtype.kind in kinds and a.ndim >= least and (a.size or not elements) and (exact or "!" not in kinds):
                pool.append((symbolic(x), np.asarray(numeric(a)), exact and "~" not in kinds))
        else:
            kinds, symbolic, numeric = chance.choice(TWO)
            exact = exact and other
            if a.dtype.kind in kinds and b.dtype.kind in kinds and a.shape == b.shape and (exact or "!" not in kinds):
                out = symbolic(x, y)
                common = out.dtype if out.dtype != "bool" else np.result_type(a, b)
                pool.append((out, np.asarray(numeric(a.astype(common), b.astype(common))), exact and "~" not in kinds))
        if pool[-1][1].size > 5000:
            pool.pop()
    return [(x, value) for x, value, _ in pool[:2]], [(out, value) for out, value, _ in pool[2:]]


def agree(seeds):
    for seed in seeds:
        inputs, outputs = program(seed)
        found = tcore.function([x for x, _ in inputs], [out for out, _ in outputs], on_unused_input="ignore")(*(value for _, value in inputs))
        single = any(value.dtype in ("float32", "complex64") for _, value in (*inputs, *outputs))
        for place, (got, (_, wanted)) in enumerate(zip(found, outputs, strict=True)):
            assert got.shape == wanted.shape, (seed, place)
            close = 1e-4 if single else 1e-10
            with np.errstate(all="ignore"):
                wanted = wanted.astype(got.dtype)
                if got.dtype.kind == "c":  # whether a product that overflows halfway is NaN depends on the processor, NumPy's as well
                    got, wanted = (np.where(np.isfinite(wanted) & np.isfinite(got), each, 0) for each in (got, wanted))
                np.testing.assert_allclose(got, wanted, rtol=close, atol=close, err_msg=f"seed {seed}, value {place}")


@pytest.mark.parametrize("first", [0, 10**6, 2 * 10**6])
def test_as_numpy(first):
    """Node by node, with all optimizations."""
    with change_flags(backend="numpy"), np.errstate(all="ignore"):
        agree(range(first, first + int(100 * MANY)))


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu", "opencl")
def test_in_kernels():
    """A few of them in kernels."""
    with np.errstate(all="ignore"):
        agree(range(3 * 10**6, 3 * 10**6 + int(5 * MANY)))
