"""Pooling against loops over windows, its derivatives against finite differences and against each other."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore.testing import OpCase, check_op
from tcore_nnet.pooling import MODES, Pool, PoolPositions, PoolPut, PoolSpread
from tcore_nnet.windows import pooled_length

RNG = np.random.default_rng(3)
FAST = "FAST_COMPILE"
#: window, stride, padding: side by side, overlapping, with gaps, padded, more of them over an element than the kernels write out, and
#: larger than what they write out
GEOMETRIES = [
    ((2, 3), None, (0, 0)),
    ((3, 2), (1, 2), (1, 1)),
    ((2, 2), (3, 4), (1, 0)),
    ((4, 5), (3, 2), (3, 1)),
    ((1, 1), (2, 1), (0, 0)),
    ((4, 4), (1, 1), (1, 2)),
    ((7, 9), (1, 2), (2, 3)),
    ((9, 8), (1, 1), (2, 1)),
]


def starts(n, w, s, p, ignore_border):
    """Where the windows along an axis begin: one after the other while they fit, or until all is covered."""
    found = []
    place = -p
    if n == 0:
        return found
    while place + w <= n + p if ignore_border else place < n and (not found or found[-1] + w < n + p):
        found.append(place)
        place += s
    return found


def pooled(x, ws, stride, pad, ignore_border, mode):
    """By a loop over windows, and the plainest words for each mode."""
    ndim = len(ws)
    stride = stride or ws
    lengths = x.shape[-ndim:]
    begin = [starts(*each, ignore_border) for each in zip(lengths, ws, stride, pad, strict=True)]
    out = np.empty((*x.shape[:-ndim], *map(len, begin)), x.dtype)
    for index in itertools.product(*(range(len(each)) for each in begin)):
        first = [each[i] for each, i in zip(begin, index, strict=True)]
        box = tuple(slice(max(a, 0), min(a + w, n)) for a, w, n in zip(first, ws, lengths, strict=True))
        window = x[(..., *box)].reshape(*x.shape[:-ndim], -1)
        places = np.prod([min(a + w, n + p) - a for a, w, n, p in zip(first, ws, lengths, pad, strict=True)])
        result = {"max": window.max(-1), "sum": window.sum(-1), "average_exc_pad": window.mean(-1), "average_inc_pad": window.sum(-1) / places}[mode]
        out[(..., *index)] = result
    return out


@pytest.mark.parametrize("ignore_border", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_windows(mode, ignore_border):
    """Every geometry in every mode; shapes by ``infer_shape`` as well."""
    x = T.dtensor3()
    value = RNG.normal(size=(2, 7, 9))
    outs = [Pool(mode=mode, ignore_border=ignore_border)(x, *geometry) for geometry in GEOMETRIES]
    f = tcore.function([x], outs, mode=FAST)
    g = tcore.function([x], [out.shape for out in outs], mode=tcore.Mode("py", "fast_run"))
    assert not any(isinstance(node.op, Pool) for node in g.maker.fgraph.toposort())
    for geometry, got, shape in zip(GEOMETRIES, f(value), g(value), strict=True):
        wanted = pooled(value, *geometry, ignore_border, mode)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
        assert tuple(shape) == wanted.shape
        assert Pool.out_shape(value.shape, geometry[0], ignore_border, *geometry[1:]) == list(wanted.shape)


def test_lengths():
    """The formula counts what a walk along the axis counts, for all small numbers."""
    for n, w, s in itertools.product(range(9), range(1, 5), range(1, 6)):
        for p, ignore_border in itertools.product(range(w), (True, False)):
            assert pooled_length(n, w, s, p, ignore_border) == len(starts(n, w, s, p, ignore_border)), (n, w, s, p, ignore_border)


@pytest.mark.parametrize("geometry", [GEOMETRIES[1], ((5, 5), (2, 2), (2, 2)), GEOMETRIES[5], GEOMETRIES[7]], ids=str)
@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_gradients_by_kernels(geometry):
    """Windows inside the array and at its border, few and many of them over an element: what ``perform`` gives, NaN and equal elements included."""
    ws, stride, pad = geometry
    shape = (2, 9, 12)
    x = T.ftensor3()
    value = RNG.integers(-4, 5, shape).astype("float32")
    value[RNG.random(shape) < 0.05] = np.nan
    value[RNG.random(shape) < 0.05] = -np.inf
    wanted, found = [], []
    for mode, ignore_border in (("max", True), ("average_exc_pad", False)):
        op = Pool(mode=mode, ignore_border=ignore_border)
        counts = Pool.out_shape(shape, ws, ignore_border, stride, pad)
        weights = RNG.integers(-4, 5, counts).astype("float32")
        out = op(x, ws, stride, pad)
        found += [out, T.Lop(out, x, T.constant(weights))]
        vectors, lengths = [np.array(each) for each in geometry], np.array(shape[-2:])
        if mode == "max":
            places = by_perform(op.positions(x, *map(T.constant, vectors)), value, *vectors)
            wanted += [by_perform(out, value, *vectors), by_perform(op.put()(weights, places, lengths, *geometry), weights, places, lengths, *vectors)]
        else:
            wanted += [by_perform(out, value, *vectors), by_perform(op.transpose()(weights, lengths, *geometry), weights, lengths, *vectors)]
    for got, want in zip(tcore.function([x], found)(value), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def by_perform(out, *values):
    """What the op of ``out`` makes of arrays in NumPy."""
    cell = [None]
    out.owner.op.perform(out.owner, values, [cell])
    return cell[0]


def test_number_of_axes():
    """No leading axis, several of them, and three pooled ones."""
    cube = RNG.normal(size=(2, 3, 4, 5, 6))
    for ndim, x in ((2, cube[0, 0, 0]), (2, cube), (3, cube), (3, cube[0, 0]), (1, cube[0])):
        ws = (2, 3, 2)[:ndim]
        got = Pool(mode="max", ndim=ndim, ignore_border=True)(T.constant(x), ws).eval()
        np.testing.assert_array_equal(got, pooled(x, ws, None, (0,) * ndim, True, "max"))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "bool", "float16", "float32"])
def test_dtypes(dtype):
    """The dtype of the input; averages of integers are float64."""
    value = (RNG.normal(size=(4, 6)) * 9).astype(dtype)
    x = T.TensorType(dtype, (False, False))()
    largest = Pool(mode="max", ignore_border=True)(x, (2, 3), None, (1, 1))
    average = Pool(mode="average_exc_pad")(x, (2, 3))
    floating = dtype.startswith("float")
    assert (largest.dtype, average.dtype) == (dtype, dtype if floating else "float64")
    got = tcore.function([x], [largest, average], mode=FAST)(value)
    np.testing.assert_array_equal(got[0], pooled(value, (2, 3), None, (1, 1), True, "max"))
    np.testing.assert_allclose(got[1], pooled(value.astype("float64"), (2, 3), None, (0, 0), False, "average_exc_pad"), rtol={"float16": 1e-2, "float32": 1e-5}.get(dtype, 1e-12))


def test_nan_and_infinity():
    """A window with a NaN is NaN, one of -inf alone is -inf, padding or not; the gradient goes to an element, never to padding."""
    value = np.array([[-np.inf, -np.inf, 1.0, np.nan], [-np.inf, -np.inf, np.nan, 2.0]])
    x = T.dmatrix()
    out = Pool(mode="max", ignore_border=True)(x, (2, 2), None, (1, 1))
    f = tcore.function([x], [out, tcore.grad(out[0, 0] + 2 * out[1, 2], x)], mode=FAST)
    got, gradient = f(value)
    np.testing.assert_array_equal(got, [[-np.inf, 1.0, np.nan], [-np.inf, np.nan, 2.0]])
    np.testing.assert_array_equal(gradient, [[1, 0, 0, 0], [0, 0, 0, 2]])


def test_equal_elements_share_nothing():
    """Of equal largest elements the first gets the gradient: the sum over a window is what came in."""
    x = T.dmatrix()
    gradient = tcore.grad(Pool(mode="max")(x, (2, 2)).sum(), x)
    np.testing.assert_array_equal(tcore.function([x], gradient, mode=FAST)(np.zeros((3, 4))), [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0]])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("geometry", [GEOMETRIES[1], GEOMETRIES[3]], ids=str)
def test_gradient(mode, geometry):
    """First and second derivatives against finite differences, and the derivative in a direction against the gradient."""
    op = Pool(mode=mode, ignore_border=geometry is GEOMETRIES[1])
    value = RNG.permutation(60).reshape(2, 5, 6) / 7.0
    rng = np.random.default_rng(5)
    verify_grad(lambda x: op(x, *geometry), [value], rng=rng, mode=FAST, eps=1e-5)
    verify_grad(lambda x: tcore.grad((op(x, *geometry) ** 3).sum(), x), [value], rng=rng, mode=FAST, eps=1e-5, rel_tol=1e-3)
    x, direction = T.dtensor3(), T.dtensor3()
    out = op(x, *geometry)
    weights = T.constant(RNG.normal(size=tuple(Pool.out_shape(value.shape, geometry[0], op.ignore_border, *geometry[1:]))))
    forwards = (tcore.tensor.Rop(out, x, direction) * weights).sum()
    backwards = (tcore.grad((out * weights).sum(), x) * direction).sum()
    a, b = tcore.function([x, direction], [forwards, backwards], mode=FAST)(value, RNG.normal(size=value.shape))
    np.testing.assert_allclose(a, b)


def test_sizes_that_are_computed():
    """Symbolic vectors give what numbers give, shapes and gradients as well."""
    x, ws, stride, pad = T.dmatrix(), T.ivector(), T.lvector(), T.lvector()
    value = RNG.normal(size=(6, 7))
    for mode in ("max", "average_exc_pad"):
        out = Pool(mode=mode)(x, ws, stride, pad)
        f = tcore.function([x, ws, stride, pad], [out, out.shape, tcore.grad(out.sum(), x)], mode=FAST)
        known = Pool(mode=mode)(x, (3, 2), (2, 2), (1, 0))
        wanted = tcore.function([x], [known, known.shape, tcore.grad(known.sum(), x)], mode=FAST)(value)
        for got, want in zip(f(value, np.array([3, 2], "int32"), [2, 2], [1, 0]), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        with pytest.raises(ValueError, match=r"entries of stride must be at least 1, got \(2, 0\)"):
            f(value, np.array([3, 2], "int32"), [2, 0], [1, 0])
        with pytest.raises(ValueError, match="ws must have 2 entries"):
            f(value, np.array([3, 2, 1], "int32"), [2, 2], [1, 0])


CASES = [
    OpCase(lambda x: Pool(mode="max", ignore_border=True)(x, (2, 2)), [RNG.normal(size=(2, 4, 5))], name="max"),
    OpCase(lambda x: Pool(mode="average_inc_pad")(x, (3, 4), (2, 3), (2, 1)), [RNG.normal(size=(4, 5)).astype("float32")], gradient=False, name="padded average"),
    OpCase(lambda x: Pool(mode="sum", ignore_border=True)(x, (2, 2), (1, 1)), [RNG.integers(-9, 9, (4, 5))], name="sum of integers"),
    OpCase(lambda x: Pool(mode="max")(x, (2, 2), None, (1, 1)), [np.zeros((3, 0, 5))], gradient=False, name="nothing"),
    OpCase(lambda x: PoolPositions()(x, (2, 3), (1, 2), (1, 1)), [RNG.normal(size=(3, 5))], name="positions"),
    OpCase(lambda g: PoolSpread(mode="average_exc_pad")(g, (5, 4), (2, 2)), [RNG.normal(size=(2, 3, 2))], name="spread"),
    OpCase(lambda g, k: PoolPut()(g, k, (4, 4), (2, 2)), [RNG.normal(size=(2, 2)), np.array([[0, 3], [1, 2]])], name="put"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_ops(case, backend):
    """Backends, gradients, shapes, pickles."""
    check_op(case)


def test_text():
    """The documented text, alike after a pickle."""
    op = Pool(ignore_border=True, mode="max", ndim=2)
    assert str(op) == "Pool{ignore_border=True, mode='max', ndim=2}"
    assert pickle.loads(pickle.dumps(op)) == op != Pool(ignore_border=False)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Pool()(T.dvector(), (2, 2)), TypeError, "last 2 axes needs an input with at least as many"),
        (lambda: Pool()(T.dmatrix(), 2), TypeError, "ws needs one integer for each pooled axis, 2 of them, got the number 2"),
        (lambda: Pool()(T.dmatrix(), (2.0, 2.0)), TypeError, "ws must be a vector of 2 integers"),
        (lambda: Pool()(T.dmatrix(), (2, 2, 2)), ValueError, r"ws must have 2 entries, one for each pooled axis, got \(2, 2, 2\)"),
        (lambda: Pool()(T.dmatrix(), (2, 0)), ValueError, r"entries of ws must be at least 1, got \(2, 0\)"),
        (lambda: Pool()(T.dmatrix(), (2, 2), (1, -1)), ValueError, "entries of stride must be at least 1"),
        (lambda: Pool()(T.dmatrix(), (2, 2), None, (-1, 0)), ValueError, "entries of pad must be at least 0"),
        (lambda: Pool()(T.dmatrix(), (2, 2), None, (1, 2)), ValueError, "pad must be smaller than ws on each axis"),
        (lambda: Pool()(T.zmatrix(), (2, 2)), TypeError, "complex numbers have no largest"),
        (lambda: Pool(mode="sum")(T.bmatrix() > 0, (2, 2)), TypeError, "truth values have no sum"),
        (lambda: Pool(mode="median"), ValueError, "mode"),
        (lambda: Pool.out_shape((4,), (2, 2)), TypeError, "a shape of at least as many"),
        (lambda: PoolPut()(T.dmatrix(), T.dmatrix(), (4, 4), (2, 2)), TypeError, "positions must be an int64 array of 2 axes"),
        (lambda: PoolSpread()(T.constant(np.ones((2, 3))), (4, 4), (2, 2)).eval(), ValueError, r"has windows of shape \(2, 2\), got \(2, 3\)"),
    ],
)
def test_bad_input(build, error, text):
    """Refused, with the name and the shape of what is wrong."""
    with pytest.raises(error, match=text):
        build()


@pytest.mark.parametrize("op", [PoolSpread(), PoolPut()], ids=str)
def test_wrong_numbers_of_windows(op, backend):
    """Kernels refuse what ``perform`` refuses."""
    g, lengths = T.dmatrix(), T.lvector()
    own = [T.zeros_like(g, dtype="int64")] if isinstance(op, PoolPut) else []
    f = tcore.function([g, lengths], op(g, *own, lengths, (2, 2)))
    assert f(np.ones((2, 3)), [4, 5]).shape == (4, 5)
    with pytest.raises(ValueError, match="windows of shape"):
        f(np.ones((2, 3)), [4, 4])
