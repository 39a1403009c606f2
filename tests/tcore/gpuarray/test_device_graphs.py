"""What goes to a device and what stays, moves between places, and GpuEye through its own C code."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.configuration import change_flags
from tcore.gpuarray import contexts
from tcore.gpuarray.contexts import ContextNotDefined, get_context, reg_context
from tcore.gpuarray.eye import GpuEye
from tcore.gpuarray.fp16_help import load_w, work_dtype, write_w
from tcore.gpuarray.kernel import GpuKernelBase, Kernel
from tcore.gpuarray.lowered import GpuOp
from tcore.gpuarray.products import GpuBatchedDot
from tcore.gpuarray.transfer import GpuFromHost, HostFromGpu, as_gpuarray_variable, host_from_gpu, infer_context_name
from tcore.gpuarray.type import GpuArrayType, gpuarray_shared_constructor
from tcore.graph import MethodNotDefined
from tcore.tensor.dot import BatchedDot
from tcore.tensor.elemwise import Elemwise
from tcore_opencl import runtime

pytestmark = pytest.mark.usefixtures("context")
NAME = "opencl0:0"


@pytest.fixture
def names(monkeypatch):
    """Context names of the test's own."""
    monkeypatch.setattr(contexts, "_contexts", {})


def ops(f):
    return [node.op for node in f.maker.fgraph.toposort()]


def on_device(f):
    return [node for node in f.maker.fgraph.toposort() if any(isinstance(v.type, GpuArrayType) for v in node.outputs)]


def test_floating_arrays_are_lifted():
    """A float matrix is moved, computed with and brought back."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.exp(x) + 1)
    assert any(isinstance(op, GpuFromHost) for op in ops(f))
    assert isinstance(ops(f)[-1], HostFromGpu)
    np.testing.assert_allclose(f(np.eye(3)), np.exp(np.eye(3)) + 1, rtol=1e-14)


@pytest.mark.parametrize("make", [T.lmatrix, T.dscalar, T.zmatrix], ids=["integers", "0-d", "complex"])
def test_what_stays_on_the_host(make):
    """Integers, single numbers and complex arrays are not moved."""
    x = make("x")
    assert not on_device(tcore.function([x], x * x + 1))


def test_target_cpu_stays():
    """``tag.target = "cpu"`` keeps a variable, and what is computed from it alone, on the host."""
    x = T.dmatrix("x")
    x.tag.target = "cpu"
    assert not on_device(tcore.function([x], T.exp(x) + 1))


def test_transfer_there_and_back():
    """``transfer`` gives a device array, and ``"cpu"`` a host array."""
    x = T.dvector("x")
    there = x.transfer(NAME)
    assert isinstance(as_gpuarray_variable(x, NAME).type, GpuArrayType)
    assert there.type == GpuArrayType("float64", (False,), NAME)
    f = tcore.function([x], there.transfer("cpu") * 2)
    assert np.array_equal(f([1.0, 2.0]), [2.0, 4.0])


def test_gradient_through_transfers():
    """The gradient of x² is 2x wherever the square is computed."""
    x = T.dvector("x")
    there = host_from_gpu(as_gpuarray_variable(x, NAME))
    f = tcore.function([x], tcore.grad((there**2).sum(), x))
    assert np.array_equal(f([1.0, -3.0]), [2.0, -6.0])


@pytest.mark.parametrize("k", [0, 1, -1, 3, -4, 7, -7])
def test_gpu_eye(k):
    """The ones stand on diagonal k; outside the matrix there are none."""
    n, m, diagonal = T.lscalars("nmk")
    f = tcore.function([n, m, diagonal], host_from_gpu(GpuEye("float32", NAME)(n, m, diagonal)))
    for shape in ((4, 4), (3, 5), (5, 3), (0, 2)):
        got = f(*shape, k)
        assert got.dtype == np.float32
        assert np.array_equal(got, np.eye(*shape, k))


def test_context_names_are_given_once(context, names):
    """A second context of one name is an error, as is something that is no context."""
    reg_context("mine", context)
    assert get_context("mine") is context
    with pytest.raises(ValueError, match="'mine' is taken"):
        reg_context("mine", context)
    with pytest.raises(TypeError, match="a context is needed"):
        reg_context("other", "opencl0:0")


def test_unknown_context_name(names):
    """The name stands in the message."""
    with pytest.raises(ContextNotDefined, match="'nobody'"):
        get_context("nobody")


def test_two_contexts_are_an_error():
    """Inputs on two contexts are refused, and both names stand in the message."""
    a, b = GpuArrayType("float32", (False,), "one")("a"), GpuArrayType("float32", (False,), "two")("b")
    with pytest.raises(ValueError, match="(?s)'one'.*'two'"):
        infer_context_name(a, b)


def test_shared_constructor():
    """A shared value on the device, read back as a copy; 0-d, lists and 'gpu' are refused."""
    value = np.arange(3, dtype="float32")
    shared = gpuarray_shared_constructor(value, target=NAME)
    assert shared.type == GpuArrayType("float32", (False,), NAME)
    value[:] = 9
    assert np.array_equal(shared.get_value(), [0, 1, 2])
    shared.set_value(value)
    assert np.array_equal(shared.get_value(), [9, 9, 9])
    with pytest.raises(TypeError, match="0-d"):
        gpuarray_shared_constructor(np.array(1.0))
    with pytest.raises(TypeError, match="an ndarray or a GpuArray"):
        gpuarray_shared_constructor([1.0], target=NAME)
    with pytest.raises(TypeError, match="names no context"):
        gpuarray_shared_constructor(value, target="gpu")


def test_kernel_base():
    """An op without kernels says so; flags follow the dtypes."""
    with pytest.raises(MethodNotDefined, match="defines no gpu_kernels"):
        GpuKernelBase().gpu_kernels(None, "x")
    assert Kernel.get_flags("float64", "int8") == {"have_double": True, "have_small": True}
    assert Kernel.get_flags("float16") == {"have_small": True, "have_half": True}


def test_half_precision_helpers():
    """Only half is converted around loads and stores."""
    assert (work_dtype("float16"), load_w("float16"), write_w("float16")) == ("float32", "ga_half2float", "ga_float2half")
    assert (work_dtype("float64"), load_w("float64"), write_w("float64")) == ("float64", "", "")


def test_gpu_eye_without_c():
    """Its shape, its gradient, its value by Python, and what it refuses."""
    n, k = T.lscalar("n"), T.lscalar("k")
    made = GpuEye("float32", NAME)(n, 3, k)
    f = tcore.function([n, k], host_from_gpu(made), mode=tcore.Mode("py", None))
    np.testing.assert_array_equal(f(2, 1), np.eye(2, 3, 1))
    assert made.owner.op.infer_shape(made.owner, [(), (), ()])[0][0] is n
    with pytest.raises(tcore.gradient.NullTypeGradError):
        tcore.grad(host_from_gpu(made).sum(), n)
    with pytest.raises(TypeError, match="n of .* must be a 0-d integer"):
        GpuEye("float32", NAME)(T.dscalar(), 3)
    with pytest.raises(TypeError, match="m of .* must be a 0-d integer"):
        GpuEye("float32", NAME)(3, T.lvector())


@pytest.mark.parametrize("linker", ["py", "vm"])
def test_device_ops_one_by_one(linker):
    """Each as a launch of its own, views and reshapes without one."""
    x, n = T.fmatrix("x"), T.lscalar("n")
    moved = as_gpuarray_variable(x, NAME)
    value = np.arange(6, dtype="float32").reshape(2, 3)
    graphs = {
        "computed": (GpuOp(T.exp)(moved), np.exp(value)),
        "turned": (GpuOp(T.DimShuffle((False, False), (1, "x", 0)))(moved), value.T[:, None]),
        "reshaped": (GpuOp(T.Reshape(2))(moved, T.stack([n + 1, n])), value.reshape(3, 2)),
        "reshaped, turned": (GpuOp(T.Reshape(2))(GpuOp(T.DimShuffle((False, False), (1, 0)))(moved), T.stack([n, n + 1])), value.T.reshape(2, 3)),
    }
    f = tcore.function([x, n], [host_from_gpu(each) for each, _ in graphs.values()], mode=tcore.Mode(linker, None))
    for got, (_, expected) in zip(f(value, 2), graphs.values(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_in_place_on_the_device():
    """An op that destroys its operand takes over its memory; where it fails, the report is that of the op on the host."""
    x, y = T.fmatrix("x"), T.fmatrix("y")
    there = [as_gpuarray_variable(each, NAME) for each in (x, y)]
    op = GpuOp(Elemwise(scalar.add, {0: 0}))
    assert op.destroy_map == {0: [0]}
    total = op(GpuOp(T.exp)(there[0]), there[1])
    f = tcore.function([x, y], host_from_gpu(total), accept_inplace=True)
    value = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_allclose(f(value, value), np.exp(value) + value, rtol=1e-6)
    with pytest.raises(ValueError, match="Input dimension mis-match"):
        f(value, value[:1])
    with pytest.raises(MethodNotDefined, match="infers no shapes"):
        GpuOp(Shapeless()).infer_shape(None, [])


class Shapeless(tcore.Op):
    """An op that does not say its shape."""


def test_configured_contexts_are_opened_once(names):
    """A name of the options opens its device at the first use."""
    with change_flags(contexts=f"mine->{NAME}"):
        assert "mine" in contexts.list_contexts()
        opened = get_context("mine")
        assert opened is get_context("mine")
        assert opened.device_name == runtime.open(NAME).device_name


def test_inputs_on_two_contexts(context, names):
    """A host op between values of two contexts is refused when it is lifted, with both names."""
    reg_context("one", context)
    reg_context("two", context)
    a, b = GpuArrayType("float32", (False,), "one")("a"), GpuArrayType("float32", (False,), "two")("b")
    with pytest.raises(ValueError, match="live on different contexts"):
        tcore.function([a, b], host_from_gpu(a) + host_from_gpu(b))


def test_shapes_of_device_values(context):
    """Asked on the device; the array is not brought back for it."""
    x = T.fmatrix("x")
    f = tcore.function([x], [T.exp(x).sum(), T.exp(x)[1:].shape[0] + x.shape[1]])
    assert f(np.zeros((3, 2), "float32"))[1] == 4


def test_products_of_batches_stay_on_the_device():
    """Of matrices and vectors, with their gradients; what does not fit is the error of the host's op."""
    x, y = T.dtensor3("x"), T.dtensor3("y")
    outputs = [T.batched_dot(x, y), T.batched_dot(x[:, 0], y), T.batched_dot(x, y[:, :, 0]), T.batched_dot(x[:, 0], y[:, :, 0])]
    gradients = tcore.grad(T.sqr(outputs[0]).sum(), [x, y])
    f = tcore.function([x, y], [*outputs, *gradients])
    assert not any(isinstance(op, BatchedDot) for op in ops(f))
    assert sum(isinstance(op, GpuBatchedDot) for op in ops(f)) == 6
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 4, 6))
    whole = a @ b
    wanted = [whole, whole[:, 0], whole[:, :, 0], whole[:, 0, 0], 2 * whole @ b.transpose(0, 2, 1), 2 * a.transpose(0, 2, 1) @ whole]
    for got, expected in zip(f(a, b), wanted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)
    with pytest.raises(TypeError, match="batches of equal length"):
        f(a[:4], b)
    with pytest.raises(ValueError, match="inner lengths differ"):
        f(a, b[:, :3])
