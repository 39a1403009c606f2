"""NumPy's own functions on symbolic tensors: each means what it means on arrays."""

import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Variable
from tcore.tensor.numpy_protocols import FUNCTIONS, UFUNCS

rng = np.random.default_rng(41)
REAL = rng.uniform(0.1, 0.9, size=(3, 4))
OTHER = rng.uniform(1.1, 1.9, size=(3, 4))
WHOLE = rng.integers(0, 7, size=(3, 4))
BITS = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift)


def computed(result, *pairs):
    """The values of what a function gave: a variable, or several."""
    xs, values = [x for x, _ in pairs], [v for _, v in pairs]
    several = isinstance(result, (list, tuple))
    outputs = list(result) if several else [result]
    found = tcore.function(xs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")(*values)
    return tuple(found) if several else found[0]


def close(found, wanted):
    """Of one array, or of several."""
    if isinstance(wanted, (tuple, list)):
        assert len(found) == len(wanted)
        for got, want in zip(found, wanted, strict=True):
            close(got, want)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_ufuncs(ufunc):
    """Of variables, and of arrays with variables."""
    kind = "int64" if ufunc in BITS else "float64"
    a, b = (WHOLE, WHOLE[::-1].copy()) if kind == "int64" else (OTHER if ufunc is np.arccosh else REAL, OTHER)
    if ufunc is np.matmul:
        b = b.T.copy()
    x, y = T.matrix("x", dtype=kind), T.matrix("y", dtype=kind)
    if ufunc.nin == 1:
        close(computed(ufunc(x), (x, a)), ufunc(a))
        return
    for operands in ((x, y), (a, y), (x, b)):
        result = ufunc(*operands)
        assert all(isinstance(each, Variable) for each in (result if isinstance(result, tuple | list) else [result]))
        close(computed(result, (x, a), (y, b)), ufunc(a, b))


def test_special_values_of_ufuncs():
    """NaN and infinities where NumPy takes care of them."""
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -2.0, 1e300, 710.0])
    p, q = (grid.ravel() for grid in np.meshgrid(special, special))
    x, y = T.dvector(), T.dvector()
    with np.errstate(all="ignore"):
        for ufunc in (np.fmax, np.fmin, np.isfinite, np.logical_and, np.logical_or, np.logical_xor):
            if ufunc.nin == 2:
                close(computed(ufunc(x, y), (x, p), (y, q)), ufunc(p, q))
        close(computed(np.hypot(x, y), (x, p[~np.isnan(p + q)]), (y, q[~np.isnan(p + q)])), np.hypot(p, q)[~np.isnan(p + q)])
        close(computed(np.isfinite(x), (x, special)), np.isfinite(special))
        close(computed(np.logical_not(x), (x, special)), np.logical_not(special))
    ends = np.array([-1e3, 0.0, 710.0, 1e3, np.inf, -np.inf, np.nan])
    p, q = (grid.ravel() for grid in np.meshgrid(ends, ends))
    with np.errstate(invalid="ignore"):
        close(computed(np.logaddexp(x, y), (x, p), (y, q)), np.logaddexp(p, q))


def test_an_older_numpy():
    """The oldest NumPy that serves lacks functions of these tables."""
    program = """
import numpy as np, scipy.fft, scipy.linalg
for home, names in ((np, "vecdot isdtype matrix_transpose cumulative_sum unstack unique_all unique_counts unique_inverse unique_values"), (np.linalg, "svdvals vector_norm")):
    for name in names.split():
        if hasattr(home, name):
            delattr(home, name)
import tcore.tensor as T
from tcore.tensor import xp
x = T.dmatrix()
print(np.exp(x), np.linalg.slogdet(x), xp.vecdot(x, x), xp.linalg.svdvals(x), xp.isdtype(xp.float32, ("bool", "real floating")))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.endswith("True\n")


def test_methods_of_ufuncs():
    """reduce, accumulate and outer, where they have a meaning."""
    x, v = T.dmatrix(), T.dvector()
    close(computed(np.add.reduce(x), (x, REAL)), np.add.reduce(REAL))
    close(computed(np.maximum.reduce(x, axis=None), (x, REAL)), REAL.max())
    close(computed(np.multiply.reduce(x, axis=1, keepdims=True), (x, REAL)), REAL.prod(1, keepdims=True))
    close(computed(np.logical_or.reduce(x > 0.5, axis=1), (x, REAL)), (REAL > 0.5).any(1))
    close(computed(np.add.accumulate(x, axis=1), (x, REAL)), REAL.cumsum(1))
    close(computed(np.multiply.accumulate(x), (x, REAL)), REAL.cumprod(0))
    close(computed(np.subtract.outer(v, x), (v, REAL[0]), (x, OTHER)), np.subtract.outer(REAL[0], OTHER))
    for call in (lambda: np.subtract.reduce(x), lambda: np.add.at(x, 0, 1), lambda: np.add.reduceat(x, [0, 1])):
        with pytest.raises(TypeError, match=r"np\.(subtract|add)\.(reduce|at|reduceat) .*has no meaning for tensors of a graph"):
            call()


def test_operators_with_arrays_on_the_left():
    """Arithmetic, comparison and products build graphs; ``+=`` makes a variable of the name."""
    x = T.dmatrix()
    for result, wanted in (
        (OTHER + x, OTHER + REAL), (OTHER - x, OTHER - REAL), (OTHER / x, OTHER / REAL), (OTHER**x, OTHER**REAL), (x > OTHER, OTHER < REAL),
        (x == OTHER, OTHER == REAL), (OTHER.T @ x, OTHER.T @ REAL), (np.float64(2) * x, 2 * REAL), (divmod(OTHER, x), divmod(OTHER, REAL)),
    ):  # fmt: skip
        close(computed(result, (x, REAL)), wanted)
    total = np.zeros((3, 4))
    name = total
    name += x
    assert isinstance(name, Variable)
    assert not total.any()


def test_what_needs_values_is_refused():
    """Results into arrays, masks, casts, and functions without meaning."""
    x = T.dmatrix()
    with pytest.raises(TypeError, match="out= cannot be an array or a variable"):
        np.add(OTHER, x, out=np.zeros((3, 4)))
    with pytest.raises(TypeError, match=r"np\.exp with where has no meaning"):
        np.exp(x, where=REAL > 0.5)
    with pytest.raises(TypeError, match=r"np\.gcd has no meaning for tensors of a graph; what there is, is in tcore.tensor"):
        np.gcd(x, x)
    with pytest.raises(TypeError, match=r"np\.histogram has no meaning"):
        np.histogram(x)
    with pytest.raises(TypeError, match=r"np\.add takes no initial"):
        np.add.reduce(x, initial=3.0)
    with pytest.raises(TypeError, match="in row-major order"):
        np.reshape(x, (4, 3), order="F")
    with pytest.raises(TypeError, match="a condition, or a condition and two values"):
        np.where(x, x)
    with pytest.raises(ValueError, match="axis 2 does not exist"):
        np.flip(x, 2)
    with pytest.raises(ValueError, match="np.squeeze: axis 2 does not exist"):
        np.squeeze(x, 2)


SQUARE = REAL[:, :3] + np.eye(3)
POSITIVE = SQUARE @ SQUARE.T

#: function -> calls of it: functions of a module np and two arrays
CALLS = {
    np.sum: [lambda a, b: np.sum(a), lambda a, b: np.sum(a, axis=1, keepdims=True), lambda a, b: np.sum(a, dtype=np.float32).astype("float64") * 0],
    np.prod: [lambda a, b: np.prod(a, axis=0)],
    np.mean: [lambda a, b: np.mean(a, 1)],
    np.var: [lambda a, b: np.var(a, axis=0)],
    np.std: [lambda a, b: np.std(a, axis=0, ddof=1)],
    np.min: [lambda a, b: np.min(a, 0)],
    np.max: [lambda a, b: np.max(a, (0, 1))],
    np.amin: [lambda a, b: np.amin(a)],
    np.amax: [lambda a, b: np.amax(a)],
    np.argmin: [lambda a, b: np.argmin(a, 1)],
    np.argmax: [lambda a, b: np.argmax(a)],
    np.all: [lambda a, b: np.all(a > 0.2, axis=0)],
    np.any: [lambda a, b: np.any(a > 0.8, axis=0)],
    np.ptp: [lambda a, b: np.ptp(a, axis=0)],
    np.cumsum: [lambda a, b: np.cumsum(a), lambda a, b: np.cumsum(a, axis=1)],
    np.cumprod: [lambda a, b: np.cumprod(a, axis=0)],
    np.diff: [lambda a, b: np.diff(a, axis=0)],
    np.count_nonzero: [lambda a, b: np.count_nonzero(a > 0.5), lambda a, b: np.count_nonzero(a > 0.5, axis=1)],
    np.dot: [lambda a, b: np.dot(a, b.T)],
    np.inner: [lambda a, b: np.inner(a, b)],
    np.outer: [lambda a, b: np.outer(a[0], b[1])],
    np.tensordot: [lambda a, b: np.tensordot(a, b, axes=[[0], [0]])],
    np.einsum: [lambda a, b: np.einsum("ij,kj->ik", a, b)],
    np.kron: [lambda a, b: np.kron(a, b)],
    np.trace: [lambda a, b: np.trace(a[:, :3])],
    np.reshape: [lambda a, b: np.reshape(a, (4, 3)), lambda a, b: np.reshape(a, -1)],
    np.ravel: [lambda a, b: np.ravel(a)],
    np.transpose: [lambda a, b: np.transpose(a), lambda a, b: np.transpose(a, (1, 0))],
    np.swapaxes: [lambda a, b: np.swapaxes(a, 0, 1)],
    np.moveaxis: [lambda a, b: np.moveaxis(a, 0, -1)],
    np.squeeze: [lambda a, b: np.squeeze(a[:1], axis=0), lambda a, b: np.squeeze(np.expand_dims(a, 1))],
    np.expand_dims: [lambda a, b: np.expand_dims(a, 1), lambda a, b: np.expand_dims(a, (0, -1))],
    np.broadcast_to: [lambda a, b: np.broadcast_to(a[0], (3, 4))],
    np.flip: [lambda a, b: np.flip(a), lambda a, b: np.flip(a, 1), lambda a, b: np.flip(a, (0, -1))],
    np.roll: [lambda a, b: np.roll(a, 2, axis=1)],
    np.tile: [lambda a, b: np.tile(a, (2, 1))],
    np.repeat: [lambda a, b: np.repeat(a, 2, axis=1)],
    np.concatenate: [lambda a, b: np.concatenate([a, b], axis=1), lambda a, b: np.concatenate([a, np.ones((2, 4))])],
    np.split: [lambda a, b: np.split(a, 2, axis=1), lambda a, b: np.split(a, [1, 3], axis=1)],
    np.stack: [lambda a, b: np.stack([a, b]), lambda a, b: np.stack([a, b], axis=-1)],
    np.hstack: [lambda a, b: np.hstack([a, b]), lambda a, b: np.hstack([a[0], b[0]])],
    np.vstack: [lambda a, b: np.vstack([a, b]), lambda a, b: np.vstack([a[0], b[0]])],
    np.atleast_1d: [lambda a, b: np.atleast_1d(a[0, 0])],
    np.atleast_2d: [lambda a, b: np.atleast_2d(a[0])],
    np.diag: [lambda a, b: np.diag(a), lambda a, b: np.diag(a[0], 1)],
    np.diagonal: [lambda a, b: np.diagonal(a, 1)],
    np.tril: [lambda a, b: np.tril(a, -1)],
    np.triu: [lambda a, b: np.triu(a)],
    np.where: [lambda a, b: np.where(a > 0.5, a, b), lambda a, b: np.where(a > 0.5)],
    np.clip: [lambda a, b: np.clip(a, 0.3, 0.6), lambda a, b: np.clip(a, None, 0.6)],
    np.take: [lambda a, b: np.take(a, [2, 0], axis=1)],
    np.take_along_axis: [lambda a, b: np.take_along_axis(a, np.argsort(b, axis=1), axis=1)],
    np.compress: [lambda a, b: np.compress([True, False, True], a, axis=0)],
    np.choose: [lambda a, b: np.choose(np.where(a > 0.5, 1, 0), [a, b])],
    np.nonzero: [lambda a, b: np.nonzero(a > 0.5)],
    np.flatnonzero: [lambda a, b: np.flatnonzero(a > 0.5)],
    np.sort: [lambda a, b: np.sort(a, axis=0)],
    np.argsort: [lambda a, b: np.argsort(a, axis=0)],
    np.searchsorted: [lambda a, b: np.searchsorted(np.sort(a[0]), b[0])],
    np.unique: [lambda a, b: np.unique(a)],
    np.bincount: [lambda a, b: np.bincount(np.argmax(a, axis=0))],
    np.ravel_multi_index: [lambda a, b: np.ravel_multi_index(np.nonzero(a > 0.5), (3, 4))],
    np.unravel_index: [lambda a, b: np.unravel_index(np.argmax(a, axis=0), (3, 4))],
    np.isclose: [lambda a, b: np.isclose(a, b)],
    np.allclose: [lambda a, b: np.allclose(a, b)],
    np.real: [lambda a, b: np.real(a)],
    np.imag: [lambda a, b: np.imag(a)],
    np.angle: [lambda a, b: np.angle(a * (0.5 + 1j))],
    np.round: [lambda a, b: np.round(a * 3), lambda a, b: np.round(a, decimals=2)],
    np.zeros_like: [lambda a, b: np.zeros_like(a), lambda a, b: np.zeros_like(a, dtype=np.int8)],
    np.ones_like: [lambda a, b: np.ones_like(a)],
    np.full_like: [lambda a, b: np.full_like(a, 2.5)],
    np.copy: [lambda a, b: np.copy(a)],
    np.shape: [lambda a, b: np.shape(a)],
    np.ndim: [lambda a, b: np.ndim(a)],
    np.size: [lambda a, b: np.size(a)],
    np.iscomplexobj: [lambda a, b: np.iscomplexobj(a)],
    np.isrealobj: [lambda a, b: np.isrealobj(a)],
    np.linalg.inv: [lambda a, b: np.linalg.inv(a[:, :3])],
    np.linalg.pinv: [lambda a, b: np.linalg.pinv(a)],
    np.linalg.det: [lambda a, b: np.linalg.det(a[:, :3])],
    np.linalg.solve: [lambda a, b: np.linalg.solve(a[:, :3], b)],
    np.linalg.cholesky: [lambda a, b: np.linalg.cholesky(np.dot(a, a.T) + np.eye(3))],
    np.linalg.eig: [lambda a, b: abs(np.linalg.eig(np.dot(a, a.T))[0])],
    np.linalg.eigh: [lambda a, b: np.linalg.eigh(np.dot(a, a.T))[0], lambda a, b: abs(np.linalg.eigh(np.dot(a, a.T), UPLO="U")[1])],
    np.linalg.eigvalsh: [lambda a, b: np.linalg.eigvalsh(np.dot(a, a.T), UPLO="U")],
    np.linalg.svd: [lambda a, b: np.linalg.svd(a, compute_uv=False), lambda a, b: abs(np.linalg.svd(a, full_matrices=False)[0])],
    np.linalg.qr: [lambda a, b: np.linalg.qr(a)[1], lambda a, b: np.linalg.qr(a, mode="r")],
    np.linalg.matrix_power: [lambda a, b: np.linalg.matrix_power(a[:, :3], 3)],
    np.linalg.tensorinv: [lambda a, b: np.linalg.tensorinv(a[:, :3], ind=1)],
    np.linalg.tensorsolve: [lambda a, b: np.linalg.tensorsolve(a[:, :3], b[:, 0])],
    np.linalg.slogdet: [lambda a, b: np.linalg.slogdet(-a[:, :3])],
    np.linalg.svdvals: [lambda a, b: np.linalg.svdvals(a)],
    np.linalg.matrix_rank: [lambda a, b: np.linalg.matrix_rank(a), lambda a, b: np.linalg.matrix_rank(np.outer(a[0], b[1]))],
    np.linalg.vector_norm: [lambda a, b: np.linalg.vector_norm(a, axis=1), lambda a, b: np.linalg.vector_norm(a, ord=3)],
    np.linalg.matrix_norm: [lambda a, b: np.linalg.matrix_norm(a), lambda a, b: np.linalg.matrix_norm(a, ord=1)],
    np.linalg.cross: [lambda a, b: np.linalg.cross(a, b, axis=0)],
    np.linalg.outer: [lambda a, b: np.linalg.outer(a[0], b[1])],
    np.linalg.diagonal: [lambda a, b: np.linalg.diagonal(a, offset=1)],
    np.linalg.trace: [lambda a, b: np.linalg.trace(a)],
    np.matrix_transpose: [lambda a, b: np.matrix_transpose(a)],
    np.cumulative_sum: [lambda a, b: np.cumulative_sum(a, axis=1, include_initial=True)],
    np.unstack: [lambda a, b: np.unstack(np.stack([a[0, 0], b[1, 1]]))],
    np.meshgrid: [lambda a, b: np.meshgrid(a[0], b[:, 0]), lambda a, b: np.meshgrid(a[0], b[:, 0], indexing="ij")],
    np.broadcast_arrays: [lambda a, b: np.broadcast_arrays(a, b[0])],
    np.linspace: [lambda a, b: np.linspace(a[0, 0], b[0, 0], 5)],
    np.unique_all: [lambda a, b: np.unique_all(a)],
    np.unique_counts: [lambda a, b: np.unique_counts(a)],
    np.unique_inverse: [lambda a, b: np.unique_inverse(a)],
    np.unique_values: [lambda a, b: np.sort(np.unique_values(a))],
}


def test_every_function_is_called_here():
    """The table of the package has no row without a call."""
    assert set(CALLS) == set(FUNCTIONS)


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__qualname__)
def test_functions(function):
    """A call of NumPy's function on variables computes what it computes on arrays."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    for call in CALLS[function]:
        result, wanted = call(x, y), call(REAL, OTHER)
        if isinstance(result, (int, bool)):
            assert result == wanted
            continue
        parts = result if isinstance(result, (list, tuple)) else [result]
        assert all(isinstance(part, Variable) for part in parts)
        close(computed(result, (x, REAL), (y, OTHER)), wanted)
