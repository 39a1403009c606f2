"""Ops without a lowering, and what NumPy and SciPy say of them: functions to call with arrays of any length, layout and value."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from attrs import frozen
from conformance_arrays import DTYPES, INTEGERS, make, numbers, ordinary

import tcore.tensor as T
from tcore.compile.copy_ops import DeepCopyOp
from tcore.printing import Print
from tcore.tensor import linalg, type_other
from tcore.tensor.diagonals import AllocDiag
from tcore.tensor.shape import Shape

__all__ = ["STEPS", "Step", "arranged"]

FLOATS = ("float32", "float64")
SOME = ("bool", "int8", "uint64", "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
FACTORED = (*FLOATS, "float16", "int32", "int64", *COMPLEX)
"""What linear algebra takes: whole and half-precision numbers are converted."""


def silent(op, value):
    """In the place of what prints."""


def small(rng, dtype, shape):
    """Whole numbers from 0 to 6: many are equal."""
    return rng.integers(0, 7, shape).astype(dtype)


def regular(rng, dtype, shape):
    """Matrices that are far from singular, in order of memory, of columns, or with gaps."""
    made = rng.normal(size=shape) + 3 * (1 + max(shape)) * np.eye(*shape)
    if np.dtype(dtype).kind == "c":
        made = made + 1j * rng.normal(size=shape)
    room = np.empty([2 * n for n in shape], dtype)
    view = [room[: shape[0], : shape[1]], room[::2, -2::-2] if shape[1] else room[::2, ::2], np.empty(shape[::-1], dtype).T, np.empty(shape, dtype)][rng.integers(4)]
    view[...] = made
    return view


def arranged(data, rng, dtype, shape, fill):
    """An operand: of any layout, where values may lie anywhere."""
    return fill(rng, dtype, shape) if fill is regular else make(data, rng, dtype, shape, fill=fill)


@frozen
class Step:
    """What to build and what to compare it with.

    ``shape`` turns the drawn lengths of two axes into the shapes of the operands; ``fills`` makes the values of each. ``rtol`` is in units of the
    precision of the dtype, of the largest value: 0 for what moves elements only. ``dtypes`` are tried each time, one of ``taken`` now and then.
    """

    name: str
    build: object
    expected: object
    dtypes: tuple = SOME
    shape: object = staticmethod(lambda m, n: [(m, n)])
    fills: tuple = (numbers,)
    kinds: tuple = (None,)  # dtypes of the operands; None for that of the test
    rtol: float = 0.0
    longest: int = 70
    taken: tuple = DTYPES

    def __str__(self):
        return self.name


def finite(rng, dtype, shape):
    """Numbers of moderate size; of complex ones, which part of a product with an infinite one is NaN depends on the order."""
    made = ordinary(rng, dtype, shape)
    return np.nan_to_num(made, nan=1.5, posinf=2, neginf=-0.5) if made.dtype.kind == "c" else made


def _positive(x):
    """Where a number is above 0; complex ones have no order."""
    return (abs(x) if str(x.dtype).startswith("complex") else x) > 0


def _factored(a):
    """In the dtype that linear algebra computes in."""
    return a.astype({"float16": "float32", "int32": "float64", "int64": "float64"}.get(a.dtype.name, a.dtype))


def _of_one_matrix(a):
    a = _factored(a)
    return [np.linalg.inv(a), np.linalg.slogdet(a)[1], np.linalg.cholesky(a @ a.conj().T), np.linalg.eigvalsh(a + a.conj().T), scipy.linalg.expm(a / 100)]


def _solutions(a, b):
    return [np.linalg.solve(a, b), scipy.linalg.solve_triangular(a, b, lower=True), scipy.linalg.solve_triangular(a, b), np.linalg.solve(a, b[:, 0])]


def _sorted_unique(x):
    values, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    return [values, first, inverse.ravel(), counts]


STEPS = [
    Step(
        "sort",
        lambda x: [T.sort(x), T.sort(x, 0), T.sort(x, None), T.argsort(x, kind="stable"), T.argsort(x, 0, "stable"), T.argsort(x, None, "stable")],
        lambda x: [np.sort(x), np.sort(x, 0), np.sort(x, None), np.argsort(x, kind="stable"), np.argsort(x, 0, "stable"), np.argsort(x, None, "stable")],
        longest=700,
    ),
    Step("argsort of equal numbers", lambda x: [T.argsort(x, kind="stable"), T.argsort(x, 0, "stable")], lambda x: [np.argsort(x, kind="stable"), np.argsort(x, 0, "stable")], fills=(small,)),
    Step(
        "searchsorted",
        lambda x, v: [T.searchsorted(T.sort(x), v), T.searchsorted(T.sort(x), v, side="right"), T.searchsorted(x, v, sorter=T.argsort(x, kind="stable"))],
        lambda x, v: [np.searchsorted(np.sort(x), v), np.searchsorted(np.sort(x), v, side="right"), np.searchsorted(x, v, sorter=np.argsort(x, kind="stable"))],
        ("int8", "uint64", "float32", "float64"), lambda m, n: [(m,), (n, 3)], (numbers, numbers), (None, None),
    ),
    Step(
        "unique",
        lambda x: T.extra_ops.Unique(True, True, True)(x),
        _sorted_unique,
        shape=lambda m, n: [(m * 3,)], fills=(small,),
    ),
    Step(
        "bincount",
        lambda n, w: [T.bincount(n), T.bincount(n, minlength=9), T.bincount(n, w), T.bincount(n, w, 12)],
        lambda n, w: [np.bincount(n), np.bincount(n, minlength=9), np.bincount(n, w).astype("float64"), np.bincount(n, w, 12).astype("float64")],
        ("bool", "uint8", "int32", "int64"), lambda m, n: [(m,), (m,)], (small, ordinary), (None, "float64"), rtol=16.0, taken=("bool", *INTEGERS[:-1]),
    ),
    Step(
        "repeat",
        lambda x, n: [T.repeat(x, n, 0), T.repeat(x, 3, 1), T.repeat(x, 2), T.repeat(x[:, 0:1], n, axis=0)],
        lambda x, n: [np.repeat(x, n, 0), np.repeat(x, 3, 1), np.repeat(x, 2), np.repeat(x[:, 0:1], n, axis=0)],
        shape=lambda m, n: [(m, n), (m,)], fills=(numbers, small), kinds=(None, "int64"),
    ),
    Step(
        "masks",
        lambda x: [*T.nonzero(x), T.flatnonzero(x), x[_positive(x)], x[T.neq(x, x)], x[T.eq(x[:, 0:1].sum(1), 0)]],
        lambda x: [*np.nonzero(x), np.flatnonzero(x), x[_positive(x)], x[x != x], x[x[:, 0:1].sum(1) == 0]],
        ("int8", "uint64", "float32", "float64"),
    ),
    Step(
        "diagonals",
        lambda x: [T.diagonal(x), T.diagonal(x, 1), T.diagonal(x, -2), T.diag(x), T.diag(x.flatten()[:5]), AllocDiag(offset=1)(x.flatten()[:4]), T.tril(x)],
        lambda x: [np.diagonal(x), np.diagonal(x, 1), np.diagonal(x, -2), np.diag(x), np.diag(x.ravel()[:5]), np.diag(x.ravel()[:4], 1), np.tril(x)],
    ),
    Step(
        "what hands on its input",
        lambda x: [x.reshape((-1,)), T.reshape(x, (x.shape[1], x.shape[0])), T.extra_ops.CpuContiguous()(x), Shape()(x), DeepCopyOp()(x), Print("x", global_fn=silent)(x),
                   T.Assert("some axis")(x, T.ge(x.shape[0], 0)), linalg.Hint(symmetric=True)(x), T.specify_shape(x, x.shape), x[type_other.MakeSlice()(slice(1, x.shape[0]))]],
        lambda x: [x.reshape(-1), x.reshape(x.shape[::-1]), x, np.array(x.shape), x, x, x, x, x, x[1:]],
        longest=700,
    ),
    Step(
        "places by number and by axis",
        lambda i: [T.ravel_multi_index((i, i), (3, 4), mode="wrap"), T.ravel_multi_index((i, i), (3, 4), mode="clip", order="F"), *T.unravel_index(abs(T.cast(i, "int64") % 24), (4, 6)),
                   *T.unravel_index(abs(T.cast(i, "int64") % 24), (4, 6), order="F")],
        lambda i: [np.ravel_multi_index((i, i), (3, 4), mode="wrap"), np.ravel_multi_index((i, i), (3, 4), mode="clip", order="F"), *np.unravel_index(abs(i.astype("int64") % 24), (4, 6)),
                   *np.unravel_index(abs(i.astype("int64") % 24), (4, 6), order="F")],
        ("int8", "int32", "int64"), fills=(small,), taken=INTEGERS,
    ),
    Step(
        "batched products",
        lambda x, y: [T.batched_dot(x, y), T.matmul(x, y), T.batched_dot(x[:, :, 0], x[:, :, 0])],
        lambda x, y: [x @ y, x @ y, np.einsum("ij,ij->i", x[:, :, 0], x[:, :, 0])],
        FLOATS, lambda m, n: [(m, n, 2), (m, 2, 3)], (finite, finite), (None, None), rtol=16.0,
    ),
    Step(
        "Fourier transforms",
        lambda x: [T.fft.rfft(x), T.fft.rfft(x, norm="ortho"), T.fft.irfft(T.fft.rfft(x), is_odd=True)],
        lambda x: [_halves(np.fft.rfft(_factored(x))), _halves(np.fft.rfft(_factored(x), norm="ortho")), _factored(x)],
        FLOATS, lambda m, n: [(max(m, 1), 2 * n + 1)], (lambda rng, dtype, shape: rng.normal(size=shape).astype(dtype),), rtol=64.0, taken=("float16", *FLOATS),
    ),
    Step(
        "linear algebra of one matrix",
        lambda a: [linalg.matrix_inverse(a), T.log(abs(linalg.det(a))), linalg.cholesky(T.dot(a, a.conj().T)), linalg.eigvalsh(a + a.conj().T), linalg.expm(a / 100)],
        _of_one_matrix,
        FLOATS, lambda m, n: [(min(n, 12) or 1,) * 2], (regular,), rtol=4096.0, taken=FACTORED,
    ),
    Step(
        "solutions",
        lambda a, b: [linalg.solve(a, b), linalg.solve_lower_triangular(a, b), linalg.solve_upper_triangular(a, b), linalg.solve(a, b[:, 0])],
        lambda a, b: _solutions(_factored(a), _factored(b)),
        FLOATS, lambda m, n: [(min(n, 12) or 1,) * 2, (min(n, 12) or 1, min(m, 9) + 1)], (regular, regular), (None, None), rtol=4096.0, taken=FACTORED,
    ),
    Step(
        "singular values",
        lambda a: [linalg.SVD(full_matrices=False, compute_uv=False)(a), abs(linalg.QRIncomplete("r")(a)), linalg.pinv(a)],
        lambda a: [np.linalg.svd(_factored(a), compute_uv=False), abs(np.linalg.qr(_factored(a), "r")), np.linalg.pinv(_factored(a))],
        FLOATS, lambda m, n: [(min(m, 12) + 1, min(n, 12) + 1)], (regular,), rtol=4096.0, taken=FACTORED,
    ),
]  # fmt: skip


def _halves(z):
    return np.stack([z.real, z.imag], -1)
