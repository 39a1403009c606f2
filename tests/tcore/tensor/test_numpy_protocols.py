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
    if ufunc in (np.matmul, getattr(np, "vecmat", None)):
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
        for ufunc in (np.hypot, np.logaddexp, np.logaddexp2, np.fmod, np.heaviside):
            close(computed(ufunc(x, y), (x, p), (y, q)), ufunc(p, q))
        for ufunc in (np.copysign, np.signbit):
            operands = [(x, np.copysign(p, -1)), (y, np.copysign(q, p))][: ufunc.nin]
            found, wanted = computed(ufunc(*(each for each, _ in operands)), *operands), ufunc(*(value for _, value in operands))
            np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
            close(found, wanted)
        for ufunc in (np.fmax, np.fmin, np.isfinite, np.logical_and, np.logical_or, np.logical_xor):
            if ufunc.nin == 2:
                close(computed(ufunc(x, y), (x, p), (y, q)), ufunc(p, q))
        close(computed(np.isfinite(x), (x, special)), np.isfinite(special))
        close(computed(np.logical_not(x), (x, special)), np.logical_not(special))
    whole = np.array([[7, -7, 7, -7, 5], [3, 3, -3, -3, 0]])
    with np.errstate(all="ignore"):
        close(computed(np.fmod(T.constant(whole[0]), T.constant(whole[1]))), np.fmod(*whole))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtypes_of_ufuncs(dtype):
    """Functions made of several ops keep the precision of their operands."""
    x, value = T.vector(dtype=dtype), np.array([0.25, 1.5, 64.0], dtype)
    for ufunc in (np.cbrt, np.signbit, np.hypot, np.logaddexp, np.logaddexp2, np.copysign, np.fmod, np.heaviside):
        found, wanted = computed(ufunc(*[x] * ufunc.nin), (x, value)), ufunc(*[value] * ufunc.nin)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=4 * np.finfo(dtype).eps)
    assert computed(np.float_power(T.constant(1j), 2)) == -1


def test_derivatives_of_pairs():
    """Where both operands are equal, at the origin and at infinities: each has its own share, and the second derivative is right as well."""
    x, y = T.dscalar(), T.dscalar()
    inf = np.inf
    for function, cases in (
        (np.hypot, [(3, 4, 0.6, 0.8), (2, 2, 0.5**0.5, 0.5**0.5), (-2, 2, -(0.5**0.5), 0.5**0.5), (0, 0, 0, 0), (0, -2, 0, -1), (3e300, 4e300, 0.6, 0.8)]),
        (np.logaddexp, [(1, 1, 0.5, 0.5), (0, np.log(3), 0.25, 0.75), (-inf, 1, 0, 1), (inf, 1, 1, 0), (-inf, -inf, 0.5, 0.5), (1000, 1000, 0.5, 0.5), (-800, 0, 0, 1)]),
        (np.copysign, [(3, -2, -1, 0), (-3, -2, 1, 0), (3, 2, 1, 0)]),
    ):
        f = tcore.function([x, y], tcore.grad(function(x, y), [x, y]), mode="FAST_COMPILE")
        for a, b, *wanted in cases:
            np.testing.assert_allclose(f(a, b), wanted, rtol=1e-14, err_msg=f"{function.__name__}{a, b}")
    second = tcore.grad(tcore.grad(np.logaddexp(x, y), x), x)
    assert tcore.function([x, y], second, mode="FAST_COMPILE")(2, 2) == 0.25
    second = tcore.grad(tcore.grad(np.hypot(x, y), x), x)
    np.testing.assert_allclose(tcore.function([x, y], second, mode="FAST_COMPILE")(3, 4), 16 / 125)


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
    for call, text in (
        (lambda: np.pad(x, 1, "maximum"), "np.pad of a tensor of a graph takes the modes 'constant', 'edge'"),
        (lambda: np.pad(x, -1), "whole numbers that are not negative"),
        (lambda: np.quantile(x, 0.5, method="hazen"), "takes the methods 'linear', 'lower', 'higher' and 'midpoint', got 'hazen'"),
        (lambda: np.gradient(x, [0.0, 1.0, 3.0], axis=0), "takes one distance, or one for each of 1 axes, and no places"),
        (lambda: np.rot90(x, axes=(0, 0)), "axes must differ"),
        (lambda: np.average(x, weights=T.dvector()), "they have the shape of a, or are a vector for one axis"),
        (lambda: np.linalg.norm(T.dtensor3(), 2), "of one axis or of two"),
        (lambda: np.select([x > 0], [1, 2]), "1 conditions, but 2 choices"),
        (lambda: np.array_split(x, 0), "must be positive, got 0"),
        (lambda: np.rollaxis(x, 0, 4), "start 4 for a tensor of 2 dimensions"),
        (lambda: np.cov(T.dtensor3()), "takes vectors and matrices"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=text):
            call()
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

def holes(np, a):
    """Some elements NaN, no whole row."""
    return np.where(a > 0.75, np.nan, a)


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
    np.around: [lambda a, b: np.around(a, 1)],
    np.cumulative_prod: [lambda a, b: np.cumulative_prod(a, axis=0)],
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
    np.average: [lambda a, b: np.average(a), lambda a, b: np.average(a, 1, weights=b), lambda a, b: np.average(a, 0, b[:, 1], returned=True), lambda a, b: np.average(a, 0, returned=True)],
    np.median: [lambda a, b: np.median(a), lambda a, b: np.median(a, 0), lambda a, b: np.median(a, 1, keepdims=True)],
    np.quantile: [lambda a, b: np.quantile(a, [0.1, 0.75], axis=0), lambda a, b: np.quantile(a, 0.3, axis=(0, 1), keepdims=True), lambda a, b: np.quantile(a, 0.4, 1, method="midpoint")],
    np.percentile: [lambda a, b: np.percentile(a, 90), lambda a, b: np.percentile(a, [0, 100], axis=1, method="lower"), lambda a, b: np.percentile(a, 33, 1, method="higher")],
    np.nansum: [lambda a, b: np.nansum(holes(np, a), 1)],
    np.nanprod: [lambda a, b: np.nanprod(holes(np, a), 1)],
    np.nanmax: [lambda a, b: np.nanmax(holes(np, a), 1), lambda a, b: np.nanmax(holes(np, a))],
    np.nanmin: [lambda a, b: np.nanmin(holes(np, a), 1, keepdims=True)],
    np.nanmean: [lambda a, b: np.nanmean(holes(np, a), 1)],
    np.nanvar: [lambda a, b: np.nanvar(holes(np, a), 1), lambda a, b: np.nanvar(holes(np, a), ddof=1)],
    np.nanstd: [lambda a, b: np.nanstd(holes(np, a), 1, keepdims=True)],
    np.cov: [lambda a, b: np.cov(a), lambda a, b: np.cov(a[0]), lambda a, b: np.cov(a, b, rowvar=False), lambda a, b: np.cov(a, bias=True), lambda a, b: np.cov(a[0], b[0])],
    np.corrcoef: [lambda a, b: np.corrcoef(a), lambda a, b: np.corrcoef(a[0], b[1])],
    np.gradient: [lambda a, b: np.gradient(a), lambda a, b: np.gradient(a, 0.5, axis=1), lambda a, b: np.gradient(a, 0.5, 2)],
    np.ediff1d: [lambda a, b: np.ediff1d(a), lambda a, b: np.ediff1d(a, to_begin=b[0], to_end=b[1, 1])],
    np.interp: [lambda a, b: np.interp(b - 0.7, np.sort(a[0]), b[1]), lambda a, b: np.interp(b - 0.7, np.sort(a[0]), b[1], left=-1, right=-2), lambda a, b: np.interp(np.sort(a[0]), np.sort(a[0]), b[1])],
    np.vdot: [lambda a, b: np.vdot(a, b), lambda a, b: np.vdot(a * (1 + 2j), b)],
    np.cross: [lambda a, b: np.cross(a[:, :3], b[:, 1:]), lambda a, b: np.cross(a, b, axis=0)],
    np.atleast_3d: [lambda a, b: np.atleast_3d(a), lambda a, b: np.atleast_3d(a[0]), lambda a, b: np.atleast_3d(a[0, 0]), lambda a, b: np.atleast_3d(np.stack([a, b]))],
    np.array_split: [lambda a, b: np.array_split(a, 3, axis=1), lambda a, b: np.array_split(a, 5), lambda a, b: np.array_split(a, [1], axis=-1)],
    np.hsplit: [lambda a, b: np.hsplit(a, 2), lambda a, b: np.hsplit(a[0], [1])],
    np.vsplit: [lambda a, b: np.vsplit(a, 3)],
    np.dsplit: [lambda a, b: np.dsplit(np.stack([a, b]), 2)],
    np.dstack: [lambda a, b: np.dstack([a, b]), lambda a, b: np.dstack([a[0], b[0]])],
    np.column_stack: [lambda a, b: np.column_stack([a[0], b[1]]), lambda a, b: np.column_stack([a, b[:, 0]])],
    np.append: [lambda a, b: np.append(a, b[0]), lambda a, b: np.append(a, b, axis=1)],
    np.rollaxis: [lambda a, b: np.rollaxis(np.stack([a, b]), 2), lambda a, b: np.rollaxis(np.stack([a, b]), 0, 2), lambda a, b: np.rollaxis(np.stack([a, b]), 1, 3)],
    np.rot90: [lambda a, b: np.rot90(a), lambda a, b: np.rot90(a, 2), lambda a, b: np.rot90(a, -1), lambda a, b: np.rot90(np.stack([a, b]), axes=(1, 2))],
    np.pad: [
        lambda a, b: np.pad(a, 1), lambda a, b: np.pad(a, ((1, 2), (0, 3)), constant_values=((1, 2), (3, 4))), lambda a, b: np.pad(a, (2, 0), "edge"), lambda a, b: np.pad(a, 7, "reflect"),
        lambda a, b: np.pad(a, 9, "symmetric"), lambda a, b: np.pad(a, ((5, 4), (0, 0)), mode="wrap"), lambda a, b: np.pad(a[:1], 2, "reflect"),
    ],
    np.fliplr: [lambda a, b: np.fliplr(a)],
    np.flipud: [lambda a, b: np.flipud(a)],
    np.diagflat: [lambda a, b: np.diagflat(a[:2, :2], 1)],
    np.vander: [lambda a, b: np.vander(a[0]), lambda a, b: np.vander(a[0], 3, increasing=True)],
    np.select: [lambda a, b: np.select([a > 0.7, a > 0.4], [a, b]), lambda a, b: np.select([a > 0.4], [b], -1.0)],
    np.extract: [lambda a, b: np.extract(a > 0.5, b)],
    np.argwhere: [lambda a, b: np.argwhere(a > 0.5)],
    np.isin: [lambda a, b: np.isin(a, a[1]), lambda a, b: np.isin(holes(np, a), holes(np, a)[:, 2:], invert=True), lambda a, b: np.isin(a, b[:0])],
    np.nan_to_num: [lambda a, b: np.nan_to_num(holes(np, a) / (a > 0.5) - 1 / (a - a[0])), lambda a, b: np.nan_to_num(holes(np, a) * 1j, nan=2.0), lambda a, b: np.nan_to_num(1 / (a - a[0]), posinf=7, neginf=-8)],
    np.sinc: [lambda a, b: np.sinc(a - a[0])],
    np.i0: [lambda a, b: np.i0(a)],
    np.fix: [lambda a, b: np.fix(a * 3 - b)],
    np.isposinf: [lambda a, b: np.isposinf(1 / (a - a[0]))],
    np.isneginf: [lambda a, b: np.isneginf(-1 / (a - a[0]))],
    np.iscomplex: [lambda a, b: np.iscomplex(a + 1j * (a > 0.5)), lambda a, b: np.iscomplex(a)],
    np.isreal: [lambda a, b: np.isreal(a + 1j * (a > 0.5))],
    np.empty_like: [lambda a, b: np.empty_like(a, dtype=np.int8) * 0],
    np.result_type: [lambda a, b: np.result_type(a, np.complex64)],
    np.trapezoid: [lambda a, b: np.trapezoid(a), lambda a, b: np.trapezoid(a, b[:, 0], axis=0), lambda a, b: np.trapezoid(a, b), lambda a, b: np.trapezoid(a, dx=0.5)],
    np.astype: [lambda a, b: np.astype(a * 3, np.int8)],
    np.linalg.norm: [
        lambda a, b: np.linalg.norm(a), lambda a, b: np.linalg.norm(a[0]), lambda a, b: np.linalg.norm(a, axis=1), lambda a, b: np.linalg.norm(a, 3, axis=0, keepdims=True),
        lambda a, b: np.linalg.norm(a, 2), lambda a, b: np.linalg.norm(a, "nuc"), lambda a, b: np.linalg.norm(a, 1), lambda a, b: np.linalg.norm(a[0], np.inf),
        lambda a, b: np.linalg.norm(np.stack([a, b]), 1, axis=(0, 2), keepdims=True), lambda a, b: np.linalg.norm(np.stack([a, b])), lambda a, b: np.linalg.norm(np.stack([a, b]), -np.inf, axis=(2, 0)),
    ],
    np.linalg.cond: [lambda a, b: np.linalg.cond(a), lambda a, b: np.linalg.cond(a[:, :3], 1), lambda a, b: np.linalg.cond(a, -2)],
    np.linalg.multi_dot: [lambda a, b: np.linalg.multi_dot([a, b.T, a])],
    np.linalg.lstsq: [lambda a, b: np.linalg.lstsq(a.T, b[0], rcond=None)[0], lambda a, b: np.linalg.lstsq(a.T, b.T, rcond=None)],
    np.linalg.eigvals: [lambda a, b: np.sort(abs(np.linalg.eigvals(a[:, :3])))],
    np.linalg.matmul: [lambda a, b: np.linalg.matmul(a, b.T)],
    np.linalg.tensordot: [lambda a, b: np.linalg.tensordot(a, b, axes=2)],
    np.linalg.vecdot: [lambda a, b: np.linalg.vecdot(a, b), lambda a, b: np.linalg.vecdot(a, b, axis=0)],
    np.linalg.matrix_transpose: [lambda a, b: np.linalg.matrix_transpose(a)],
    **{function: [lambda a, b, f=function: f(a * (1 + 2j)), lambda a, b, f=function: f(a * 1j, 6, axis=0, norm="ortho")] for function in (np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft)},
    **{function: [lambda a, b, f=function: f(a), lambda a, b, f=function: f(a, 3, 0, "forward")] for function in (np.fft.rfft, np.fft.ihfft)},
    **{function: [lambda a, b, f=function: f(a), lambda a, b, f=function: f(np.stack([a, b, a]), (2, 5), (0, 2))] for function in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)},
    **{function: [lambda a, b, f=function: f(np.stack([a, b])), lambda a, b, f=function: f(a, norm="ortho")] for function in (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2)},
    **{function: [lambda a, b, f=function: f(a), lambda a, b, f=function: f(a, 1)] for function in (np.fft.fftshift, np.fft.ifftshift)},
}


def test_every_function_is_called_here():
    """The table of the package has no row without a call."""
    assert set(CALLS) == set(FUNCTIONS)


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__qualname__)
def test_functions(function):
    """A call of NumPy's function on variables computes what it computes on arrays."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    for call in CALLS[function]:
        with np.errstate(all="ignore"):
            result, wanted = call(x, y), call(REAL, OTHER)
            if isinstance(result, (int, bool, np.dtype)):
                assert result == wanted
                continue
            parts = result if isinstance(result, (list, tuple)) else [result]
            assert all(isinstance(part, Variable) for part in parts)
            close(computed(result, (x, REAL), (y, OTHER)), wanted)


DIFFERENTIABLE = {
    "quantile": lambda x: np.quantile(x, [0.2, 0.9], axis=1), "nanvar": lambda x: np.nanvar(holes(np, x), 1), "pad": lambda x: np.pad(x, 3, "reflect"), "cov": np.cov,
    "norm": lambda x: np.linalg.norm(x, 3, axis=1), "interp": lambda x: np.interp(x, np.linspace(0, 1, 7), np.arange(7.0) ** 2), "fmod": lambda x: np.fmod(-3 * x, x / x + 0.37),
    "logaddexp2": lambda x: np.logaddexp2(x, x[::-1]), "sinc": np.sinc, "cbrt": np.cbrt, "fft2": lambda x: abs(np.fft.fft2(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name):
    """What is made of several ops differentiates as finite differences say."""
    tcore.gradient.verify_grad(DIFFERENTIABLE[name], [REAL], rng=np.random.RandomState(3), mode="FAST_COMPILE")
