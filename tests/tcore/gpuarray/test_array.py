"""GpuArray against NumPy: views, copies, writes, reshapes, and the matrix product."""

from __future__ import annotations

import copy
import pickle
import types

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

from tcore.gpuarray import array, c_calls
from tcore.gpuarray.gemm import batched_gemm, gemm
from tcore.gpuarray.kernel import Kernel
from tcore.gpuarray.runtime import DeviceError, LaunchShape
from tcore.gpuarray.typecodes import SIZE, SSIZE, TYPECODES, device_ctype


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [(5, 33, 18, 20), (4, 1, 7, 1), (3, 2, 0, 4), (0, 2, 3, 4), (3, 0, 2, 1)])
def test_products_of_batches(context, dtype, lengths, monkeypatch):
    """All items, also where groups take several each; operands of any strides."""
    monkeypatch.setattr("tcore.gpuarray.gemm._MOST_ITEMS", 2)
    items, m, k, n = lengths
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(items, k, m)).astype(dtype), rng.normal(size=(items, k, n)).astype(dtype)
    left, right = (array.asarray(value, context=context) for value in (a, b))
    out = array.asarray(np.full((items, m, n), np.nan, dtype), context=context)
    batched_gemm(left.transpose(0, 2, 1)[::-1], right, out)
    np.testing.assert_allclose(np.asarray(out), a.transpose(0, 2, 1)[::-1] @ b, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-5)
    with pytest.raises(ValueError, match="shapes do not fit"):
        batched_gemm(left, right, array.zeros((items + 1, m, n), dtype, context=context))


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


@pytest.mark.parametrize("dtype", ["bool", "int16", "float32", "float64", "int64"])
def test_copies_of_strided_views(context, host, dtype):
    """A copy on the device has the view's elements in order, whatever their size; so has a reshape."""
    values = host.astype(dtype)
    device = array.asarray(values, context=context)
    for index in ((slice(None), slice(None, None, -2)), (slice(4, 1, -1), 3), (slice(None), slice(2, 2))):
        part = device[index]
        made = part.copy()
        assert made.is_c_contiguous()
        np.testing.assert_array_equal(np.asarray(made), values[index])
        np.testing.assert_array_equal(np.asarray(part.T.reshape((-1,) if part.size else part.T.shape)), values[index].T.reshape((-1,) if part.size else part.T.shape))


def test_corners_of_arrays(context, host):
    """Nothing is written to nothing; 0-d arrays have no length; the text shows the elements."""
    device = array.asarray(host, context=context)
    device[2:2, ::2].write(7.0)
    np.testing.assert_array_equal(np.asarray(device), host)
    assert len(device) == 6
    with pytest.raises(TypeError, match="0-d"):
        len(device[0, 0])
    assert "41." in repr(device)
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        array.empty((2, -1), context=context)
    pair = np.ones((2, 2), "float32")
    with pytest.raises(TypeError, match="float32 or float64 throughout, got float32, float64 and float32"):
        gemm(1, *(array.asarray(pair.astype(d), context=context) for d in ("float32", "float64")), 0, array.asarray(pair, context=context))


def test_what_c_code_asks_for(context, host):
    """The functions behind the C interface: arrays in both orders, copies, kernels in the portable dialect."""
    device = array.asarray(host, context=context)
    with pytest.raises(TypeError, match="C code of a GPU op needs a GpuArray, got ndarray"):
        c_calls.describe(host)
    assert c_calls.describe(device.T)[2:5] == ((7, 6), (4, 28), 2)
    float32 = TYPECODES["float32"]
    for order, flag in ((0, "C_CONTIGUOUS"), (1, "F_CONTIGUOUS")):
        for made in (c_calls.empty((2, 3), float32, order, context), c_calls.zeros((2, 3), float32, order, context), c_calls.copy(device, order)):
            assert made.flags[flag]
        np.testing.assert_array_equal(np.asarray(c_calls.copy(device[::-1], order)), host[::-1])
        np.testing.assert_array_equal(np.asarray(c_calls.zeros((2, 3), float32, order, context)), np.zeros((2, 3)))
    source = """#include "cluda.h"
    KERNEL void twice(GLOBAL_MEM ga_float *x, ga_size n) {
      for (ga_size i = GID_0 * LDIM_0 + LID_0; i < n; i += GDIM_0 * LDIM_0) x[i] *= 2;
    }"""
    kernel = c_calls.compile_kernel(context, source, "twice", 0)
    whole = array.asarray(host, context=context)
    c_calls.launch(context, kernel, (42,), None, [whole.data, 42], 0, [-1, TYPECODES["uint64"]])
    np.testing.assert_array_equal(np.asarray(whole), host * 2)
    poor = types.SimpleNamespace(has_double=False, device_name="a small device")
    with pytest.raises(DeviceError, match="kernel 'twice' needs float64, which a small device does not have"):
        c_calls.compile_kernel(poor, source, "twice", 2)


def test_kernel_parameters():
    """Markers print and pickle by their names; flags follow from dtypes; complex numbers have no C type on devices."""
    assert repr(SIZE) == "SIZE"
    assert pickle.loads(pickle.dumps(SSIZE)) is SSIZE
    assert Kernel.get_flags("float64", "int8", "complex64", "float16") == {"have_double": True, "have_small": True, "have_complex": True, "have_half": True}
    kernel = Kernel(code="", params=[SIZE, SSIZE, "int32"], name="k", flags={"have_double": True, "cflags": "GA_USE_SMALL"})
    assert set(kernel.c_flags().split("|")) == {"GA_USE_DOUBLE", "GA_USE_SMALL"}
    assert kernel.c_param_types() == ["GA_SIZE", "GA_SSIZE", "GA_INT"]
    with pytest.raises(TypeError, match="complex64 has no C type on devices"):
        device_ctype("complex64")
    with pytest.raises(ValueError, match=r"'grid' must have three entries of at least 1, got \(1, 0, 1\)"):
        LaunchShape(grid=(1, 0, 1), block=(1, 1, 1))
