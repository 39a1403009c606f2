"""GpuArray against NumPy: views, copies, writes, reshapes, and the matrix product."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

from tcore.gpuarray import array
from tcore.gpuarray.gemm import gemm
from tcore.gpuarray.runtime import DeviceError
from tcore_opencl import runtime


@pytest.fixture
def context():
    try:
        return runtime.open("opencl")
    except DeviceError as error:
        pytest.skip(f"no OpenCL device: {error}")


@pytest.fixture
def host():
    return np.arange(6 * 7, dtype=np.float32).reshape(6, 7)


INDICES = [
    (slice(None, None, -1),), (slice(1, 5, 3), None, ...), (3, 4), (..., -1), (slice(5, 5),), (slice(None), slice(6, None, -2)),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_views(context, host, index):
    """Basic indexing gives NumPy's view, without a copy."""
    device = array.asarray(host, context=context)
    part = device[index]
    assert part.data is device.data
    assert part.shape == host[index].shape
    assert np.array_equal(np.asarray(part), host[index])


def test_index_out_of_range(context, host):
    """NumPy's IndexError."""
    with pytest.raises(IndexError, match="out of bounds"):
        array.asarray(host, context=context)[6]


def test_array_index_is_refused(context, host):
    """Only basic indexing makes views."""
    with pytest.raises(IndexError, match="use the ops"):
        array.asarray(host, context=context)[[0, 1]]


def test_write_through_a_view(context, host):
    """Writing a strided view leaves what lies between its elements."""
    device = array.asarray(host, context=context)
    device[::-2, 1:6:2].write(-1)
    host[::-2, 1:6:2] = -1
    assert np.array_equal(np.asarray(device), host)


def test_transpose_reshape_copy(context, host):
    """Flags and contents follow NumPy."""
    device = array.asarray(host, context=context)
    assert device.T.flags["F_CONTIGUOUS"]
    assert not device.T.flags["C_CONTIGUOUS"]
    assert np.array_equal(np.asarray(device.reshape((3, -1))), host.reshape(3, -1))
    assert device.copy().data is not device.data
    assert np.array_equal(np.asarray(copy.deepcopy(device)), host)
    with pytest.raises(ValueError, match="cannot reshape"):
        device.reshape((5, 5))


def test_pickle_goes_through_the_host(context, host):
    """A pickled array comes back on the device of the same name."""
    back = pickle.loads(pickle.dumps(array.asarray(host, context=context)))
    assert back.context is context
    assert np.array_equal(np.asarray(back), host)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("beta", [0, 0.5])
def test_gemm(context, dtype, beta):
    """alpha A B + beta C for sizes that are no multiple of a tile, transposed operands included."""
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=s).astype(dtype) for s in [(33, 70), (70, 41), (33, 41)])
    on_device = [array.asarray(v, context=context) for v in (np.ascontiguousarray(a.T), b, c)]
    gemm(2, on_device[0].T, on_device[1], beta, on_device[2])
    np.testing.assert_allclose(np.asarray(on_device[2]), 2 * a @ b + dtype_of(beta, c) * c, rtol=1e-5, atol=1e-4)


def dtype_of(value, like):
    return like.dtype.type(value)


def test_gemm_with_beta_zero_ignores_old_content(context):
    """NaN in the output memory is overwritten, not multiplied by 0."""
    a = array.asarray(np.eye(3), context=context)
    c = array.asarray(np.full((3, 3), np.nan), context=context)
    gemm(1, a, a, 0, c)
    assert np.array_equal(np.asarray(c), np.eye(3))


def test_gemm_refuses_shapes_that_do_not_fit(context):
    """Both shapes stand in the message."""
    a = array.zeros((2, 3), "float64", context=context)
    with pytest.raises(ValueError, match=r"\(2, 3\) times \(2, 3\)"):
        gemm(1, a, a, 0, array.zeros((2, 3), "float64", context=context))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_extremes_of_nothing(context, shape):
    """A maximum over an axis of length 0 is NumPy's ValueError, one over other axes is empty."""
    import tcore
    import tcore.tensor as T

    x = T.dmatrix()
    value = np.zeros(shape)
    with tcore.config.change_flags(backend="opencl"):
        f = tcore.function([x], x.max(axis=0) + 1)
    if shape[0]:
        assert f(value).shape == (0,)
    else:
        with pytest.raises(ValueError, match="no identity"):
            f(value)
