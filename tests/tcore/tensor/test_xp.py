"""The array API namespace: its functions on variables compute what NumPy, which implements the same standard, computes on arrays."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config
from tcore.gradient import verify_grad
from tcore.graph import Variable
from tcore.tensor import xp
from tcore.testing import OpCase, check_op

rng = np.random.default_rng(8)
A = rng.uniform(0.1, 0.9, size=(3, 4))
B = rng.uniform(1.1, 1.9, size=(3, 4))
S = A[:, :3] + np.eye(3)
P = S @ S.T
N = rng.integers(0, 7, size=(3, 4))
C = A + 1j * B
SIGNED = np.array([[-1.5, 0.0, -0.0, 2.5], [0.5, -0.5, np.inf, -np.inf]])
TIES = np.array([[2, 1, 2, 1], [0, 3, 3, 0]])

#: the names of the standard, by section
STANDARD = {
    "constants": "e inf nan newaxis pi",
    "dtypes": "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128",
    "dtype functions": "astype can_cast finfo iinfo isdtype result_type",
    "creation": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like",
    "elementwise": "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift bitwise_xor "
    "ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log "
    "log1p log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real remainder "
    "round sign signbit sin sinh square sqrt subtract tan tanh trunc",
    "indexing": "take",
    "inspection": "__array_api_version__ __array_namespace_info__",
    "linear algebra": "matmul matrix_transpose tensordot vecdot",
    "manipulation": "broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack",
    "searching": "argmax argmin nonzero searchsorted where",
    "sets": "unique_all unique_counts unique_inverse unique_values",
    "sorting": "argsort sort",
    "of 2024.12": "count_nonzero cumulative_prod diff nextafter reciprocal take_along_axis",
    "statistics": "cumulative_sum max mean min prod std sum var",
    "utility": "all any",
}
LINALG = (
    "cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer pinv qr slogdet solve svd svdvals "
    "tensordot trace vecdot vector_norm"
)
FFT = "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn"


def computed(result, *pairs):
    """The values of what a function gave: a variable, or several."""
    xs, values = [x for x, _ in pairs], [v for _, v in pairs]
    several = isinstance(result, (list, tuple))
    outputs = list(result) if several else [result]
    assert all(isinstance(each, Variable) for each in outputs)
    found = tcore.function(xs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")(*values)
    return found if several else found[0]


def check(call, *arrays, dtype=True):
    """``call(namespace, *arrays)`` gives the same with ours and with NumPy's."""
    variables = [T.constant(array).type(f"x{i}") for i, array in enumerate(arrays)]
    with np.errstate(all="ignore"):
        wanted = call(np, *arrays)
        found = computed(call(xp, *variables), *zip(variables, arrays, strict=True))
    pairs = zip(found, wanted, strict=True) if isinstance(wanted, (tuple, list)) else [(found, wanted)]
    for got, want in pairs:
        assert np.shape(got) == np.shape(want)
        assert not dtype or got.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-13)


def test_every_name_of_the_standard():
    """They are there, and take the arguments that NumPy's implementation of the standard takes."""
    for name in " ".join(STANDARD.values()).split():
        assert hasattr(xp, name), name
    for name in LINALG.split():
        assert hasattr(xp.linalg, name), name
    assert set(FFT.split()) == set(xp.fft.__all__)
    assert set(LINALG.split()) == set(xp.linalg.__all__)
    assert xp.__array_api_version__ == "2024.12"


def test_namespace_of_variables():
    """Of variables, constants and shared variables; versions that it is not are refused."""
    for x in (T.dvector(), T.constant(A), tcore.shared(A)):
        assert x.__array_namespace__() is xp
        assert x.__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match=r"2024\.12.*'2035\.01'"):
        T.dvector().__array_namespace__(api_version="2035.01")


def test_loaded_when_it_is_asked_for():
    """``import tcore.tensor`` does not load it."""
    program = "import sys, tcore.tensor; print([n for n in sys.modules if n.startswith(('tcore.tensor.xp', 'tcore.tensor.numpy_protocols'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


ONE = "abs acos asin asinh atan atanh ceil conj cos cosh exp expm1 floor isfinite isinf isnan log log1p log2 log10 logical_not negative positive real round "
ONE += "sign sin sinh square sqrt tan tanh trunc"
TWO = "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum "
TWO += "multiply nextafter not_equal pow remainder subtract"


@pytest.mark.parametrize("name", ONE.split())
def test_elementwise_of_one(name):
    """Of reals."""
    check(lambda np, x: getattr(np, name)(x), A)


def test_elementwise_of_one_elsewhere():
    """Functions that need other values: large ones, complex ones, signs, integers."""
    check(lambda np, x: np.acosh(x), B)
    for name in ("abs", "conj", "real", "imag", "sign", "exp", "sqrt", "square", "positive", "negative"):
        check(lambda np, x, name=name: getattr(np, name)(x), C)
    check(lambda np, x: [np.signbit(x), np.sign(x), np.isfinite(x), np.isinf(x), np.trunc(x), np.round(x)], SIGNED)
    check(lambda np, n: [np.abs(n), np.sign(n), np.square(n), np.negative(n), np.positive(n), np.isfinite(n), np.isnan(n), np.signbit(n)], N - 3, dtype=False)
    check(lambda np, n: [np.floor(n), np.ceil(n), np.trunc(n), np.round(n)], N - 3, dtype=False)
    check(lambda np, x: np.clip(x, 0.3, 0.6), A)
    check(lambda np, x: [np.clip(x, max=0.6), np.clip(x, min=0.6)], A)
    assert xp.clip(T.fvector(), 0, 0.1).dtype == "float32"


@pytest.mark.parametrize("name", TWO.split())
def test_elementwise_of_two(name):
    """Of two matrices, and of a row and a matrix."""
    check(lambda np, x, y: getattr(np, name)(x, y), A, B)
    check(lambda np, x, y: getattr(np, name)(x, y), A[:1], B)


def test_special_values_of_two():
    """Signed zeros and infinities."""
    check(lambda np, x, y: [np.copysign(x, y), np.logical_and(x, y), np.maximum(x, y), np.equal(x, y), np.atan2(x, y)], SIGNED, SIGNED[::-1].copy())


def test_bits(backend):
    """Shifts by zero up to more than the width, of negative numbers as well; of every width, on every backend."""
    calls = [
        lambda np, x, n: np.bitwise_left_shift(x, n), lambda np, x, n: np.bitwise_right_shift(x, n), lambda np, x, n: np.bitwise_and(x, n),
        lambda np, x, n: np.bitwise_or(x, n), lambda np, x, n: np.bitwise_xor(x, n), lambda np, x, n: np.bitwise_invert(x), lambda np, x, n: (x << n) ^ (x >> n),
    ]  # fmt: skip
    variables, values, results, wanted = [], [], [], []
    dtypes = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    for dtype in dtypes if backend in ("numpy", "cpu") else dtypes[::3]:
        x = np.array([[5, 100, 1, 77, 120]], dtype) * np.array([[1]] if dtype[0] == "u" else [[1], [-1]], dtype)
        n = np.broadcast_to(np.array([0, 1, np.iinfo(dtype).bits - 1, np.iinfo(dtype).bits, 99], dtype), x.shape).copy()
        a, b = T.matrix(dtype=dtype), T.matrix(dtype=dtype)
        variables += [a, b]
        values += [x, n]
        results += [call(xp, a, b) for call in calls]
        wanted += [call(np, x, n) for call in calls]
    for got, want in zip(tcore.function(variables, results)(*values), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype


def test_shifts_by_the_kit(backend):
    """The ops agree with ``perform`` on each backend, have shapes, and can be pickled."""
    x, n = np.array([[3, -5], [7, 100]], "int32"), np.array([[1, 2]], "int32")
    for op in (T.left_shift, T.right_shift):
        check_op(OpCase(op, [x, n], gradient=False))


def test_bits_of_bools_and_refusals():
    """Bools have logical operations, and no shifts; floats have none of them."""
    check(lambda np, x, y: [np.bitwise_and(x, y), np.bitwise_or(x, y), np.bitwise_xor(x, y), np.bitwise_invert(x)], A > 0.5, B > 1.5)
    with pytest.raises(TypeError, match="a shift moves the bits of integers"):
        xp.bitwise_left_shift(T.bvector() > 0, T.bvector() > 0)
    with pytest.raises(TypeError):
        xp.bitwise_left_shift(T.dvector(), 1)
    n = T.lvector()
    np.testing.assert_array_equal(computed(1 << n, (n, N[0])), 1 << N[0])
    np.testing.assert_array_equal(computed(64 >> n, (n, N[0])), 64 >> N[0])


CREATION = [
    lambda np, x: np.arange(5),
    lambda np, x: np.arange(1, 9, 3, dtype=np.float32),
    lambda np, x: np.arange(0.0, 1.0, 0.25),
    lambda np, x: np.linspace(0.0, 1.0, 7),
    lambda np, x: np.linspace(2, -1.5, 6, endpoint=False),
    lambda np, x: np.linspace(0.25, 3.0, 1),
    lambda np, x: np.linspace(0.25, 3.0, 0),
    lambda np, x: np.linspace(0, 10, 4, dtype=np.int64),
    lambda np, x: np.linspace(0j, 1 + 2j, 4),
    lambda np, x: np.meshgrid(x[0, :], x[:, 0]),
    lambda np, x: np.meshgrid(x[0, :], x[:, 0], x[1, :2], indexing="ij"),
    lambda np, x: np.eye(3),
    lambda np, x: np.eye(3, 4, k=1, dtype=np.int32),
    lambda np, x: np.zeros(3),
    lambda np, x: np.zeros((2, 3), dtype=np.bool),
    lambda np, x: np.ones((2, 3), dtype=np.complex64),
    lambda np, x: np.full((2, 2), 7),
    lambda np, x: np.full(3, 0.1),
    lambda np, x: np.full((2,), True),
    lambda np, x: np.full((2,), 1, dtype=np.float32),
    lambda np, x: np.full_like(x, 3),
    lambda np, x: np.zeros_like(x),
    lambda np, x: np.ones_like(x, dtype=np.int8),
    lambda np, x: np.tril(x, k=-1),
    lambda np, x: np.triu(x, k=1),
    lambda np, x: np.astype(x, np.float32),
    lambda np, x: np.asarray([[1, 2], [3, 4]]),
    lambda np, x: np.asarray(0.1),
    lambda np, x: np.asarray(True),
    lambda np, x: np.asarray([1.5, 2], dtype=np.float32),
    lambda np, x: np.asarray([1j, 2]),
    lambda np, x: np.asarray(x),
]
MANIPULATION = [
    lambda np, x: np.broadcast_arrays(x[0, :][None, :], x, x[0, 0]),
    lambda np, x: np.broadcast_to(x[0, :], (3, 4)),
    lambda np, x: np.concat([x, x[:1, :]]),
    lambda np, x: np.concat([x, x[:, :2]], axis=-1),
    lambda np, x: np.concat([x, x[0, :]], axis=None),
    lambda np, x: np.expand_dims(x, axis=1),
    lambda np, x: np.expand_dims(x, axis=-1),
    lambda np, x: np.flip(x),
    lambda np, x: np.flip(x, axis=1),
    lambda np, x: np.moveaxis(x, 0, -1),
    lambda np, x: np.permute_dims(x, (1, 0)),
    lambda np, x: np.matrix_transpose(np.stack([x, x])),
    lambda np, x: np.repeat(x, 2),
    lambda np, x: np.repeat(x, 3, axis=1),
    lambda np, x: np.reshape(x, (2, 6)),
    lambda np, x: np.reshape(x, (-1,)),
    lambda np, x: np.roll(x, 2),
    lambda np, x: np.roll(x, 1, axis=0),
    lambda np, x: np.roll(x, (1, -2), axis=(0, 1)),
    lambda np, x: np.squeeze(x[:1, :], axis=0),
    lambda np, x: np.stack([x, x * 2], axis=-1),
    lambda np, x: np.tile(x, (2, 1)),
    lambda np, x: np.unstack(np.stack([x[0, 0], x[1, 1]])),
]
REDUCTIONS = [
    lambda np, x: np.sum(x),
    lambda np, x: np.sum(x, axis=(0, 1), keepdims=True),
    lambda np, x: np.sum(np.astype(x * 9, np.int8)),
    lambda np, x: np.sum(x, axis=0, dtype=np.float32) * 0,
    lambda np, x: np.prod(x, axis=0),
    lambda np, x: np.mean(x, axis=1, keepdims=True),
    lambda np, x: np.max(x, axis=-1),
    lambda np, x: np.min(x),
    lambda np, x: np.var(x, axis=0),
    lambda np, x: np.var(x, correction=1, axis=(0, 1)),
    lambda np, x: np.std(x, correction=0.5, axis=1),
    lambda np, x: np.std(x, correction=1.5, keepdims=True),
    lambda np, x: np.all(x > 0.2, axis=0),
    lambda np, x: np.any(x > 0.8),
    lambda np, x: np.cumulative_sum(x, axis=1),
    lambda np, x: np.cumulative_sum(x, axis=0, include_initial=True),
    lambda np, x: np.cumulative_sum(np.astype(x[0, :] * 99, np.int8)),
    lambda np, x: np.cumulative_sum(x[0, :], dtype=np.float32) * 0,
    lambda np, x: np.cumulative_prod(x, axis=1),
    lambda np, x: np.cumulative_prod(x, axis=0, include_initial=True),
    lambda np, x: np.cumulative_prod(np.astype(x[0, :] * 9, np.int8)),
    lambda np, x: np.count_nonzero(np.astype(x * 2, np.int8), axis=0),
    lambda np, x: np.count_nonzero(x > 0.5, axis=(0, 1)),
    lambda np, x: np.diff(x),
    lambda np, x: np.diff(x, axis=0, n=2),
    lambda np, x: np.diff(x, axis=1, prepend=x[:, :1] * 2, append=x[:, :2]),
    lambda np, x: np.reciprocal(x),
    lambda np, x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
]
ORDER = [
    lambda np, x, n: np.sort(x),
    lambda np, x, n: np.argsort(x, axis=0),
    lambda np, x, n: np.argmax(x),
    lambda np, x, n: np.argmin(x, axis=1, keepdims=True),
    lambda np, x, n: np.nonzero(n),
    lambda np, x, n: np.searchsorted(np.sort(x[0, :]), x[1, :]),
    lambda np, x, n: np.searchsorted(x[0, :], x[1, :], side="right", sorter=np.argsort(x[0, :])),
    lambda np, x, n: np.where(x > 0.5, x, -x),
    lambda np, x, n: np.take(x, n[0, :3] % 4, axis=1),
    lambda np, x, n: np.take(x[0, :], n[0, :] % 4),
    lambda np, x, n: np.sort(np.unique_values(n)),
    lambda np, x, n: np.unique_counts(n),
    lambda np, x, n: np.unique_inverse(n),
    lambda np, x, n: np.unique_all(n),
]


@pytest.mark.parametrize("number", range(len(CREATION)))
def test_creation(number):
    """Shapes, values and dtypes."""
    check(CREATION[number], A)


@pytest.mark.parametrize("number", range(len(MANIPULATION)))
def test_manipulation(number):
    """Parts at the right places."""
    check(MANIPULATION[number], A)


@pytest.mark.parametrize("number", range(len(REDUCTIONS)))
def test_statistics(number):
    """Values and dtypes."""
    check(REDUCTIONS[number], A)


@pytest.mark.parametrize("number", range(len(ORDER)))
def test_searching_and_order(number):
    """Indices are int64."""
    check(ORDER[number], A, N)


FOURIER = [
    lambda f, x, z: f.fft(z, axis=0),
    lambda f, x, z: f.fft(z, n=3),
    lambda f, x, z: f.fft(z, n=7, norm="ortho"),
    lambda f, x, z: f.ifft(z, n=5, axis=0, norm="forward"),
    lambda f, x, z: f.fftn(z),
    lambda f, x, z: f.ifftn(z, s=(2, 6), axes=(0, 1)),
    lambda f, x, z: f.fftn(z, axes=(1,), norm="forward"),
    lambda f, x, z: f.rfft(x),
    lambda f, x, z: f.rfft(x, n=5, axis=0),
    lambda f, x, z: f.rfftn(x, axes=(1, 0), norm="ortho"),
    lambda f, x, z: f.irfft(z),
    lambda f, x, z: f.irfft(z, n=7, norm="forward"),
    lambda f, x, z: f.irfft(z, n=4, axis=0),
    lambda f, x, z: f.irfftn(z, axes=(0, 1)),
    lambda f, x, z: f.irfftn(z, s=(5, 3), axes=(1, 0), norm="ortho"),
    lambda f, x, z: f.hfft(z, norm="ortho"),
    lambda f, x, z: f.hfft(z, n=5, axis=0),
    lambda f, x, z: f.ihfft(x, n=6),
    lambda f, x, z: f.ihfft(x, axis=0, norm="forward"),
    lambda f, x, z: [f.fftfreq(5, d=0.5), f.fftfreq(4), f.rfftfreq(5, d=2.0), f.rfftfreq(4)],
    lambda f, x, z: [f.fftshift(z), f.fftshift(x, axes=1), f.ifftshift(x), f.ifftshift(f.fftshift(x, axes=(0,)), axes=(0,))],
]


@pytest.mark.parametrize("number", range(len(FOURIER)))
def test_fourier(number):
    """The extension ``fft``: values, lengths, scales."""
    check(lambda np, x, z: FOURIER[number](np.fft, x, z), A, C)


def test_fourier_of_other_numbers():
    """Single precision stays; integers are taken as floatX; lengths may be variables."""
    z, n = T.cmatrix(), T.lscalar()
    assert xp.fft.fft(z).dtype == "complex64"
    assert xp.fft.irfft(z).dtype == xp.fft.rfft(T.fmatrix()).real.dtype == "float32"
    assert xp.fft.fft(T.lvector()).dtype == "complex128"
    value = C.astype("complex64")
    for length in (2, 9):
        np.testing.assert_allclose(computed(xp.fft.fft(z, n=n), (z, value), (n, length)), np.fft.fft(value, length), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(computed(xp.fft.irfft(z, n=n), (z, value), (n, length)), np.fft.irfft(value, length), rtol=1e-5, atol=1e-5)
    for name in ("rfft", "rfftn", "ihfft"):
        with pytest.raises(TypeError, match=rf"^{name} takes real numbers, got .* of dtype complex64"):
            getattr(xp.fft, name)(z)
    for name in ("rfft", "irfft", "irfftn", "hfft", "ihfft"):
        with pytest.raises(ValueError, match=f"^{name}: norm is 'backward', 'ortho' or 'forward', got 'no'"):
            getattr(xp.fft, name)(T.dmatrix(), norm="no")
    with pytest.raises(ValueError, match="norm is 'backward', 'ortho' or 'forward', got 'no'"):
        xp.fft.fft(z, norm="no")
    for name in ("fft", "ifft", "rfft", "irfft", "hfft"):
        for length in (0, -1):
            with pytest.raises(ValueError, match=f"^{name}: the length of a transform is 1 or more, got {length}"):
                getattr(xp.fft, name)(T.dmatrix(), n=length)
    with pytest.raises(AssertionError, match="^fft: the length of a transform is 1 or more"):
        computed(xp.fft.fft(z, n=n), (z, value), (n, -1))
    with pytest.raises(AssertionError, match="^irfft: the length of a transform is 1 or more"):  # of one number, the whole has none
        computed(xp.fft.irfft(z), (z, value[:, :1]))
    with pytest.raises(ValueError, match="an axis is named twice"):
        xp.fft.fftn(z, axes=(0, -2))
    with pytest.raises(ValueError, match="2 axes, but 1 lengths"):
        xp.fft.fftn(z, s=(3,), axes=(0, 1))
    for name in ("rfftn", "irfftn"):
        with pytest.raises(ValueError, match=f"{name} transforms one axis or more of .*, got none"):
            getattr(xp.fft, name)(T.dmatrix(), axes=())


def test_fourier_gradients():
    """Each is linear: the derivative of the result along any direction is the result of the direction."""
    x = T.dmatrix()
    for build in (lambda x: abs(xp.fft.rfft(x, n=7)), lambda x: abs(xp.fft.fftn(x)) ** 2, lambda x: xp.fft.irfft(x + 1j * x[::-1], n=5), lambda x: xp.fft.hfft(xp.fft.ihfft(x, n=6)) ** 2):
        verify_grad(build, [A], rng=np.random.default_rng(1), mode="FAST_COMPILE")
    along = tcore.Rop(xp.fft.fft(x), x, x * 2)
    np.testing.assert_allclose(computed(along, (x, A)), np.fft.fft(2 * A), atol=1e-12)
    assert tcore.function([x], xp.fft.fft(x).shape, mode="FAST_COMPILE")(A).tolist() == [3, 4]


def test_arrays_of_other_libraries():
    """Any with ``__dlpack__`` becomes a constant, which does not change with it."""
    given = A.copy()
    x = xp.from_dlpack(given)
    given[0] = 7
    np.testing.assert_array_equal(x.data, A)
    v = T.dvector()
    assert xp.from_dlpack(v) is v
    given.flags.writeable = False
    np.testing.assert_array_equal(xp.from_dlpack(given).data, given)
    with pytest.raises(ValueError, match="copy=False cannot be had"):
        xp.from_dlpack(given, copy=False)
    with pytest.raises(TypeError, match=r"takes an array with __dlpack__, got \[1\] of type list"):
        xp.from_dlpack([1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_neighbours(dtype, backend):
    """At zeros, at the ends of the numbers, at powers of two, of NaN; integers are taken as floats."""
    info = np.finfo(dtype)
    ends = np.array([0.0, -0.0, 1.0, -1.0, info.tiny, info.smallest_subnormal, info.max, np.inf, -np.inf, np.nan], dtype)
    a, b = (np.ravel(each) for each in np.meshgrid(ends, ends))
    x, y = T.vector(dtype=dtype), T.vector(dtype=dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(tcore.function([x, y], T.nextafter(x, y))(a, b), np.nextafter(a, b))
    assert T.nextafter(T.lvector(), 1).dtype == "float64"
    assert tcore.grad(T.nextafter(y, x).sum(), [x, y], disconnected_inputs="ignore")[1].eval({y: b[:3], x: a[:3]}).tolist() == [1, 1, 1]


def test_descending_order():
    """NumPy's functions have no such argument; equal elements stay in their order."""
    x = T.lmatrix()
    np.testing.assert_array_equal(computed(xp.sort(x, descending=True), (x, TIES)), -np.sort(-TIES))
    np.testing.assert_array_equal(computed(xp.argsort(x, descending=True), (x, TIES)), np.argsort(-TIES, kind="stable"))
    np.testing.assert_array_equal(computed(xp.argsort(x, axis=0, descending=True), (x, TIES)), np.argsort(-TIES, axis=0, kind="stable"))


def test_each_nan_is_different():
    """The standard says so; ``tcore.tensor.unique`` follows NumPy's, for which all are one."""
    v = np.array([np.nan, 1.0, np.nan])
    check(lambda np, x: np.unique_all(x), v)
    x = T.dvector()
    assert computed(T.unique(x), (x, v)).shape == (2,)


LINEAR = {
    "cholesky": [lambda m, s, p, a, b: m.cholesky(p), lambda m, s, p, a, b: m.cholesky(p, upper=True)],
    "cross": [lambda m, s, p, a, b: m.cross(s, p), lambda m, s, p, a, b: m.cross(s[0, :][None, :], p, axis=1), lambda m, s, p, a, b: m.cross(a, b, axis=0)],
    "det": [lambda m, s, p, a, b: m.det(s)],
    "diagonal": [lambda m, s, p, a, b: m.diagonal(a, offset=1), lambda m, s, p, a, b: m.diagonal(a[None, :, :])],
    "eigh": [lambda m, s, p, a, b: m.eigh(p).eigenvalues, lambda m, s, p, a, b: abs(m.eigh(p).eigenvectors)],
    "eigvalsh": [lambda m, s, p, a, b: m.eigvalsh(p)],
    "inv": [lambda m, s, p, a, b: m.inv(s)],
    "matmul": [lambda m, s, p, a, b: m.matmul(s, a), lambda m, s, p, a, b: m.matmul(s[None, :, :], a[None, :, :])],
    "matrix_norm": [
        *[lambda m, s, p, a, b, ord=ord: m.matrix_norm(a, ord=ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
        lambda m, s, p, a, b: m.matrix_norm(a[None, :, :], ord=1), lambda m, s, p, a, b: m.matrix_norm(a[None, :, :], keepdims=True, ord="nuc"), lambda m, s, p, a, b: m.matrix_norm(a, keepdims=True, ord=2),
        lambda m, s, p, a, b: m.matrix_norm(a, keepdims=True),
    ],
    "matrix_power": [lambda m, s, p, a, b, n=n: m.matrix_power(s, n) for n in (0, 3, -2)],
    "matrix_rank": [lambda m, s, p, a, b: m.matrix_rank(a), lambda m, s, p, a, b: m.matrix_rank(m.outer(a[0, :], b[1, :])), lambda m, s, p, a, b: m.matrix_rank(s, rtol=0.9),
                    lambda m, s, p, a, b: m.matrix_rank(a[None, :, :])],
    "matrix_transpose": [lambda m, s, p, a, b: m.matrix_transpose(a), lambda m, s, p, a, b: a.mT],
    "outer": [lambda m, s, p, a, b: m.outer(a[0, :], b[1, :])],
    "pinv": [lambda m, s, p, a, b: m.pinv(a), lambda m, s, p, a, b: m.pinv(a, rtol=0.3), lambda m, s, p, a, b: m.pinv(a[None, :, :], rtol=0.3)],
    "qr": [lambda m, s, p, a, b: m.qr(a).R, lambda m, s, p, a, b: abs(m.qr(s, mode="complete").Q)],
    "slogdet": [lambda m, s, p, a, b: m.slogdet(s), lambda m, s, p, a, b: m.slogdet(-s), lambda m, s, p, a, b: m.slogdet(s * 1e-200).logabsdet],
    "solve": [lambda m, s, p, a, b: m.solve(s, a), lambda m, s, p, a, b: m.solve(s, b[:, 0])],
    "svd": [lambda m, s, p, a, b: m.svd(a).S, lambda m, s, p, a, b: abs(m.svd(a, full_matrices=False).U)],
    "svdvals": [lambda m, s, p, a, b: m.svdvals(a)],
    "tensordot": [lambda m, s, p, a, b: m.tensordot(a, b, axes=((0,), (0,))), lambda m, s, p, a, b: m.tensordot(s, a, axes=1)],
    "trace": [lambda m, s, p, a, b: m.trace(a, offset=1), lambda m, s, p, a, b: m.trace(a[None, :, :])],
    "vecdot": [lambda m, s, p, a, b: m.vecdot(a, b), lambda m, s, p, a, b: m.vecdot(a, b, axis=0)],
    "vector_norm": [
        *[lambda m, s, p, a, b, ord=ord: m.vector_norm(a, ord=ord) for ord in (2, 1, 0, 3.5, -1, np.inf, -np.inf)],
        lambda m, s, p, a, b: m.vector_norm(a, axis=(0, 1), keepdims=True), lambda m, s, p, a, b: m.vector_norm(a, axis=1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LINALG.split())
def test_linalg(name):
    """Values, and results with names."""
    for call in LINEAR[name]:
        check(lambda np, *arrays, call=call: call(np.linalg, *arrays), S, P, A, B)


def test_linalg_of_complex_matrices():
    """Conjugates where they belong."""
    z = C[:, :3] + np.eye(3)
    h = z @ z.conj().T
    check(lambda np, z, h: [*np.linalg.slogdet(z), np.linalg.vector_norm(z), np.linalg.matrix_norm(z, ord=1), np.linalg.pinv(z, rtol=1e-12)], z, h)
    check(lambda np, z, h: [np.linalg.vecdot(z, h), np.linalg.cholesky(h, upper=True), np.linalg.trace(h), np.linalg.matrix_norm(z, ord="nuc")], z, h)


def test_slogdet_differentiates():
    """The gradient of log|det X| is the transposed inverse, where the determinant itself would underflow."""
    x = T.dmatrix()
    gradient = T.grad(xp.linalg.slogdet(x).logabsdet, x)
    np.testing.assert_allclose(computed(gradient, (x, S * 1e-150)), np.linalg.inv(S * 1e-150).T, rtol=1e-9)
    np.testing.assert_array_equal(computed(list(xp.linalg.slogdet(x)), (x, np.zeros((2, 2)))), [0, -np.inf])


def test_dtypes():
    """They are names, and work beside NumPy's."""
    x, n = T.fvector(), T.lvector()
    assert x.dtype == xp.float32
    assert xp.result_type(x, xp.int32) == "float64"
    assert xp.result_type("int8", np.dtype("uint8"), T.bvector()) == "int16"
    assert (xp.can_cast(x, xp.float64), xp.can_cast(xp.float64, xp.float32), xp.can_cast(n, "int8")) == (True, False, False)
    assert (xp.finfo(x).bits, xp.finfo(xp.complex128).bits, xp.iinfo(n).max, xp.iinfo("uint8").max) == (32, 64, 2**63 - 1, 255)
    assert xp.isdtype(xp.int8, ("real floating", "signed integer"))
    assert xp.isdtype(x.dtype, xp.float32)
    assert xp.isdtype(xp.bool, "bool")
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.astype(n, np.float32).dtype == "float32"
    assert xp.astype(n, xp.float32, device="cpu").dtype == "float32"
    with config.change_flags(floatX="float32"):
        made = [xp.zeros(2), xp.asarray(0.1), xp.asarray([0.1, 1]), xp.linspace(0, 1, 3), xp.full(2, 0.5), xp.eye(2), xp.empty((2, 2))]
        assert {each.dtype for each in made} == {"float32"}
        assert xp.asarray(np.ones(2)).dtype == "float64"


def test_inspection():
    """Capabilities, devices, and dtypes by kind, as NumPy lists them."""
    ours, numpy = xp.__array_namespace_info__(), np.__array_namespace_info__()
    assert ours.capabilities() == numpy.capabilities()
    assert list(ours.devices()) == list(numpy.devices())
    assert ours.default_device() == numpy.default_device()
    for kind in (None, "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric", ("bool", "integral")):
        assert {name: np.dtype(dtype) for name, dtype in ours.dtypes(kind=kind).items()} == numpy.dtypes(kind=kind)
    with config.change_flags(floatX="float64"):
        assert {kind: np.dtype(dtype) for kind, dtype in ours.default_dtypes().items()} == numpy.default_dtypes()


def test_symbolic_shapes():
    """Lengths may be variables; unstack needs a known one."""
    x, n = T.dmatrix(), T.lscalar()
    made = [xp.zeros((n, 2)), xp.full(n, 0.5), xp.ones(x.shape), xp.empty_like(x), xp.linspace(0.0, 1.0, n), xp.full(x.shape, 2), xp.empty(x.shape)]
    shapes = [value.shape for value in computed(made, (x, A), (n, 3))]
    assert shapes == [(3, 2), (3,), (3, 4), (3, 4), (3,), (3, 4), (3, 4)]
    np.testing.assert_array_equal(computed(xp.linspace(0.0, 1.0, n), (n, 3)), [0, 0.5, 1])
    parts = xp.unstack(T.specify_shape(x, (3, 4)), axis=1)
    np.testing.assert_array_equal(computed(list(parts), (x, A)), A.T)


def test_bad_input():
    """Each message names the function and the argument."""
    x = T.dmatrix("x")
    for call, message in (
        (lambda: xp.unstack(x), "unstack: the length of axis 0 of x is not known"),
        (lambda: xp.unstack(x, axis=2), "unstack: axis 2 does not exist in x with 2 dimensions"),
        (lambda: xp.cumulative_sum(x), "cumulative_sum: x has 2 dimensions, so it needs an axis"),
        (lambda: xp.take(x, [0]), "take: x has 2 dimensions, so it needs an axis"),
        (lambda: xp.meshgrid(x), "meshgrid takes vectors, got x with 2 dimensions"),
        (lambda: xp.meshgrid(x[0], indexing="ji"), "indexing is 'xy' or 'ij', got 'ji'"),
        (lambda: xp.roll(x, (1, 2, 3), axis=(0, 1)), "3 shifts for 2 axes"),
        (lambda: xp.asarray([1, 2], copy=False), "copy=False cannot be had"),
        (lambda: xp.linalg.matrix_norm(x, ord=3), "ord is 'fro', 'nuc', 1"),
        (lambda: xp.linalg.matrix_norm(x[0]), "takes a matrix or a stack of matrices"),
        (lambda: xp.linalg.qr(x, mode="raw"), "mode is 'reduced' or 'complete', got 'raw'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="cross: vectors have three components"):
        computed(xp.linalg.cross(x, x), (x, A))
    with pytest.raises(np.linalg.LinAlgError, match="slogdet takes a square matrix"):
        computed(list(xp.linalg.slogdet(x)), (x, A))
    with pytest.raises(TypeError, match="positional"):
        xp.sum(x, 0)


def test_a_program_for_any_array_library():
    """The same function on arrays and on variables, differentiated through."""

    def softmax(x):
        xp = x.__array_namespace__()
        shifted = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return shifted / xp.sum(shifted, axis=-1, keepdims=True)

    x = T.dmatrix()
    np.testing.assert_allclose(computed(softmax(x), (x, A)), softmax(A))
    assert computed(T.grad(softmax(x)[0, 0], x), (x, A)).shape == A.shape
