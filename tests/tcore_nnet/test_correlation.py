"""Correlation against loops over the output, its derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore.testing import OpCase, check_op
from tcore_nnet.correlation import Correlate, flipped, padded

RNG = np.random.default_rng(6)
FAST = "FAST_COMPILE"


def correlated(x, filters, stride, dilation):
    """Element by element."""
    lengths = [(n - (m - 1) * d - 1) // s + 1 for n, m, s, d in zip(x.shape[2:], filters.shape[2:], stride, dilation, strict=True)]
    out = np.zeros((len(x), len(filters), *lengths), np.result_type(x, filters))
    for place in np.ndindex(*lengths):
        box = tuple(slice(i * s, i * s + (m - 1) * d + 1, d) for i, s, m, d in zip(place, stride, filters.shape[2:], dilation, strict=True))
        out[(..., *place)] = np.tensordot(x[(..., *box)], filters, axes=[range(1, x.ndim)] * 2)
    return out


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
def test_derivatives(stride, dilation):
    """By images and filters, once and twice; elements that the stride leaves over get none."""
    op = Correlate(stride, dilation)
    x, filters = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(2, 3, 3, 2))
    rng = np.random.default_rng(5)
    verify_grad(op, [x, filters], rng=rng, mode=FAST)
    verify_grad(lambda x, w: tcore.grad((op(x, w) ** 2).sum(), w), [x, filters], rng=rng, mode=FAST, rel_tol=1e-3)
    xs, ws, dx, dw = (T.dtensor4() for _ in range(4))
    direction = tcore.function([xs, ws, dx, dw], T.Rop(op(xs, ws), [xs, ws], [dx, dw]), mode=FAST)
    changes = RNG.normal(size=x.shape), RNG.normal(size=filters.shape)
    wanted = correlated(changes[0], filters, stride, dilation) + correlated(x, changes[1], stride, dilation)
    np.testing.assert_allclose(direction(x, filters, *changes), wanted)


def integers(*shape, dtype="int16"):
    """Small whole numbers."""
    return RNG.integers(-9, 9, shape).astype(dtype)


VALUES = [
    ("one dimension", (2,), (1,), RNG.normal(size=(2, 2, 9)), RNG.normal(size=(3, 2, 4))),
    ("two dimensions", (1, 2), (2, 1), RNG.normal(size=(2, 3, 8, 9)), RNG.normal(size=(2, 3, 3, 6))),
    ("three dimensions", (1, 1, 2), (1, 2, 1), RNG.normal(size=(1, 2, 3, 5, 6)), RNG.normal(size=(2, 2, 2, 2, 5))),
    ("float32", (1, 1), (1, 1), RNG.normal(size=(2, 1, 5, 5)).astype("float32"), RNG.normal(size=(1, 1, 2, 2)).astype("float32")),
    ("integers", (1, 1), (1, 1), integers(2, 2, 4, 5), integers(1, 2, 2, 3, dtype="int8")),
    ("no images", (1, 1), (1, 1), np.zeros((0, 2, 4, 5)), np.ones((1, 2, 2, 3))),
    ("no channels", (1, 1), (1, 1), np.zeros((2, 0, 4, 5)), np.ones((1, 0, 2, 3))),
]


@pytest.mark.parametrize(("name", "stride", "dilation", "x", "filters"), VALUES, ids=[row[0] for row in VALUES])
def test_values(name, stride, dilation, x, filters, backend):
    """On every backend; shapes, pickles."""
    check_op(
        OpCase(
            lambda x, w: Correlate(stride, dilation)(x, w), [x, filters], gradient=False, name=name,
            expected=lambda x, w: correlated(x, w, stride, dilation), atol=1e-5 if name == "float32" else None,
        )
    )  # fmt: skip


def test_views():
    """Images and filters of any layout."""
    x, w = T.dtensor4(), T.dtensor4()
    f = tcore.function([x, w], Correlate()(x.dimshuffle(1, 0, 3, 2)[:, :, ::2], flipped(w, 2)))
    a, b = RNG.normal(size=(2, 3, 6, 9)), RNG.normal(size=(4, 2, 3, 2))
    np.testing.assert_allclose(f(a, b), correlated(a.transpose(1, 0, 3, 2)[:, :, ::2], b[:, :, ::-1, ::-1], (1, 1), (1, 1)))


@pytest.mark.parametrize("dtype", ["float16", "complex128"])
def test_other_dtypes(dtype):
    """The dtype of the operands stays."""
    x, w = (RNG.normal(size=shape).astype(dtype) for shape in ((1, 2, 4, 4), (1, 2, 2, 2)))
    got = Correlate()(T.constant(x), T.constant(w)).eval()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, correlated(x.astype("complex128"), w, (1, 1), (1, 1)), rtol=1e-2 if dtype == "float16" else 1e-10, atol=1e-2)


def test_half_precision_in_float32():
    """Products of float32, rounded once: a sum that halves would lose, and one that they would overflow on the way. Other dtypes stay."""
    x, w = T.TensorType("float16", (False,) * 4)(), T.TensorType("float16", (False,) * 4)()
    f = tcore.function([x, w], Correlate()(x, w))
    ops = [node.op for node in f.maker.fgraph.toposort()]
    assert [node.inputs[0].dtype for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Correlate)] == ["float32"], ops
    ones = np.ones((1, 1, 60, 60), "float16")
    assert f(ones, ones)[0, 0, 0, 0] == np.float16(3600)
    many = np.array([60000, 60000, -60000], "float16").reshape(1, 3, 1, 1)
    assert f(many, ones[:, :1, :1, :1].repeat(3, axis=1))[0, 0, 0, 0] == np.float16(60000)
    z = T.dtensor4()
    assert not any(isinstance(node.op, T.elemwise.Elemwise) for node in tcore.function([z], Correlate()(z, z)).maker.fgraph.apply_nodes)


def test_padded():
    """Zeros around the last axes, as many as numbers or symbols say."""
    x, n = T.dtensor3(), T.lscalar()
    got = tcore.function([x, n], padded(x, [(n, 2), (0, n + 1)]), mode=FAST)(np.ones((2, 3, 4)), 1)
    np.testing.assert_array_equal(got, np.pad(np.ones((2, 3, 4)), [(0, 0), (1, 2), (0, 2)]))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Correlate((0, 1)), ValueError, r"stride must have a whole number of at least 1 for each axis of an image, got \(0, 1\)"),
        (lambda: Correlate((1, 1), (1,)), ValueError, "stride and dilation need as many entries"),
        (lambda: Correlate()(T.dtensor3(), T.dtensor4()), TypeError, "the images must have 4 axes, 2 of them after the first two"),
        (lambda: Correlate()(T.dtensor4(), T.dmatrix()), TypeError, "the filters must have 4 axes"),
        (lambda: Correlate()(T.tensor4(dtype="bool"), T.tensor4(dtype="bool")), TypeError, "truth values have no sum of products"),
    ],
)
def test_bad_input(build, error, text):
    """Refused when the graph is built."""
    with pytest.raises(error, match=text):
        build()


def test_bad_shapes(backend):
    """Refused when the function runs, on every backend."""
    x, w = T.dtensor4(), T.dtensor4()
    f = tcore.function([x, w], Correlate((1, 1), (1, 2))(x, w))
    assert f(np.ones((1, 2, 3, 5)), np.ones((1, 2, 3, 3))).shape == (1, 1, 1, 1)
    for filters, text in (
        ((1, 3, 2, 2), "images and filters must have as many channels: got 2 and 3"),
        ((1, 2, 4, 2), "along axis 2 it has 4 elements, dilated by 1, and the image 3"),
        ((1, 2, 3, 4), "along axis 3 it has 4 elements, dilated by 2, and the image 5"),
        ((1, 2, 0, 2), "along axis 2 it has 0 elements"),
    ):
        with pytest.raises(ValueError, match=text):
            f(np.ones((1, 2, 3, 5)), np.ones(filters))
