"""Types, constants, shared values and moves of arrays on devices."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
import tcore.tensor as T
from tcore.compile.backends import host_backend
from tcore.configuration import change_flags
from tcore.gpuarray import array, contexts
from tcore.gpuarray.transfer import GpuFromHost, GpuToGpu, as_gpuarray_variable, host_from_gpu, infer_context_name
from tcore.gpuarray.type import GpuArrayType, gpu_context_type, gpuarray_shared_constructor

pytestmark = pytest.mark.usefixtures("context")
NAME = "opencl0:0"
A = np.arange(6.0, dtype="float32").reshape(2, 3)


@pytest.fixture
def kind():
    return GpuArrayType("float32", (False, False), NAME)


def test_parts_of_a_type(kind):
    """Dtype, rank, context, C names and sizes; ``clone`` with another dtype or pattern."""
    assert (kind.ndim, kind.numpy_dtype, str(kind)) == (2, np.dtype("float32"), f"GpuArrayType<{NAME}>(float32, matrix)")
    assert kind.dtype_specs() == (np.float32, "ga_float", np.dtype("float32").num)
    assert kind.get_shape_info(kind.filter(A)) == (2, 3)
    assert kind.get_size((2, 3)) == 24
    assert kind.clone() == kind
    row = kind.clone(dtype="float64", broadcastable=(True, False))
    assert (row.dtype, row.broadcastable, row.context_name) == ("float64", (True, False), NAME)
    assert str(GpuArrayType("float32", (False,), NAME, name="mine")) == "mine"
    with pytest.raises(TypeError, match="complex128 cannot live on a device"):
        GpuArrayType("complex128", ())


def test_values_are_checked(kind):
    """Host arrays are moved, unless strict; device arrays must fit in dtype, rank and pattern."""
    moved = kind.filter(A)
    assert kind.filter(moved) is moved
    np.testing.assert_array_equal(np.asarray(moved), A)
    with pytest.raises(TypeError, match="needs an array on a device, got ndarray"):
        kind.filter(A, strict=True)
    for other, message in (
        (kind.clone(dtype="float64"), "dtype float64, got float32"),
        (kind.clone(broadcastable=(False,)), r"1 axes, got shape \(2, 3\)"),
        (kind.clone(broadcastable=(True, False)), r"length 1 on axes \[0\], got shape \(2, 3\)"),
    ):
        with pytest.raises(TypeError, match=message):
            other.filter(moved)


def test_values_are_compared(kind):
    """Exactly, and up to rounding with NaN equal to NaN; memory is shared where byte ranges of one block overlap."""
    a, b = kind.filter(A), kind.filter(A * np.float32(1 + 1e-7))
    assert kind.values_eq(a, kind.filter(A))
    assert not kind.values_eq(a, b)
    assert kind.values_eq_approx(a, b)
    assert kind.values_eq_approx(*(kind.filter(np.full((1, 1), np.nan, "float32")) for _ in range(2)))
    assert not kind.values_eq_approx(a, kind.filter(A + 1))
    assert kind.may_share_memory(a, a[:1])
    assert not kind.may_share_memory(a[:1], a[1:])
    assert not kind.may_share_memory(a, b)
    assert not kind.may_share_memory(a, A)
    assert kind.constant_signature(a) == kind.constant_signature(kind.filter(A))
    assert kind.constant_signature(a) != kind.constant_signature(b[:1])


def test_variables_are_converted(kind, monkeypatch, context):
    """From the host, from another context, from here; other dtypes and patterns are no match."""
    monkeypatch.setattr(contexts, "_contexts", {"other": context})
    x = T.fmatrix("x")
    moved = kind.convert_variable(x)
    assert moved.owner.op == GpuFromHost(NAME)
    assert kind.convert_variable(moved) is moved
    elsewhere = GpuArrayType("float32", (False, False), "other")
    there = elsewhere.convert_variable(moved)
    assert there.owner.op == GpuToGpu("other")
    assert str(there.owner.op) == "GpuToGpu<other>"
    assert kind.convert_variable(T.dmatrix()) is None
    assert kind.convert_variable(elsewhere.clone(dtype="float64")()) is None
    f = tcore.function([x], host_from_gpu(there))
    np.testing.assert_array_equal(f(A), A)


def test_constants(kind):
    """A constant on a device takes part in expressions, and prints its values."""
    constant = kind.make_constant(kind.filter(A))
    assert str(constant) == f"GpuArrayConstant{{{A}}}"
    x = T.fmatrix("x")
    np.testing.assert_array_equal(tcore.function([x], x + constant)(A), A + A)


def test_shared_values_L12242_L12244(kind):
    """Copies in and out, unless borrowed; host values are moved."""
    s = gpuarray_shared_constructor(A, name="s", target=NAME)
    np.testing.assert_array_equal(s.get_value(), A)
    own = s.get_value(borrow=True, return_internal_type=True)
    assert s.get_value(return_internal_type=True) is not own
    device = kind.filter(A + 1)
    s.set_value(device)
    assert s.get_value(borrow=True, return_internal_type=True) is not device
    s.set_value(device, borrow=True)
    assert s.get_value(borrow=True, return_internal_type=True) is device
    twin = gpuarray_shared_constructor(device, target=NAME)
    assert twin.get_value(borrow=True, return_internal_type=True) is not device
    with pytest.raises(TypeError, match="target 'gpu' names no context"):
        gpuarray_shared_constructor(A, target="gpu")
    with pytest.raises(TypeError, match="an ndarray or a GpuArray is needed"):
        gpuarray_shared_constructor([1.0], target=NAME)
    with pytest.raises(TypeError, match="0-d and complex values stay on the host"):
        gpuarray_shared_constructor(np.array(1.0))


def test_contexts_as_values(context):
    """Equal where they are one; nothing else is a context."""
    assert gpu_context_type.filter(context) is context
    assert gpu_context_type.values_eq(context, context)
    with pytest.raises(TypeError, match="a GpuContext is needed, got str"):
        gpu_context_type.filter(NAME)


def test_arrays_as_containers(context):
    """Length, text, copies, handles; never shared with the host; shapes that cannot be."""
    a = array.asarray(A, context=context)
    assert len(a) == 2
    assert a.itemsize == 4
    assert isinstance(a.gpudata, int)
    assert repr(a).startswith("GpuArray(array([[0., 1., 2.],")
    for twin in (copy.copy(a), copy.deepcopy(a)):
        assert twin.data is not a.data
        np.testing.assert_array_equal(np.asarray(twin), A)
    np.testing.assert_array_equal(np.asarray(a, dtype="int64"), A.astype("int64"))
    with pytest.raises(ValueError, match="cannot be shared with the host"):
        a.__array__(copy=False)
    with pytest.raises(TypeError, match="0-d"):
        len(array.asarray(np.float32(1), context=context))
    with pytest.raises(ValueError, match=r"cannot reshape an array of shape \(2, 3\) \(6 elements\) to \(4,\)"):
        a.reshape((4,))
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        array.empty((-1,), context=context)
    empty = array.asarray(np.ones((0, 3)), context=context)
    np.testing.assert_array_equal(np.asarray(empty), np.ones((0, 3)))
    a.sync()


def test_moves_take_the_right_things(kind):
    """Each move says what it moves; values keep their derivative in both directions and their shape."""
    x = T.fmatrix("x")
    on_device = as_gpuarray_variable(x, NAME)
    for op, wrong, what in ((GpuFromHost(NAME), on_device, "host tensors"), (GpuToGpu(NAME), x, "device arrays"), (host_from_gpu, x, "device arrays")):
        with pytest.raises(TypeError, match=f"moves {what}"):
            op(wrong)
    d = T.fmatrix("d")
    back = host_from_gpu(GpuToGpu(NAME)(on_device)) ** 2
    f = tcore.function([x, d], [T.grad(back.sum(), x), tcore.gradient.Rop(back, x, d), back.shape])
    gradient, along, shape = f(A, A + 1)
    np.testing.assert_allclose(gradient, 2 * A)
    np.testing.assert_allclose(along, 2 * A * (A + 1))
    assert tuple(shape) == A.shape


def test_where_an_op_runs(monkeypatch, context, kind):
    """On the context of its inputs, else on that of their ``tag.target``, else on the default one; errors name both."""
    monkeypatch.setattr(contexts, "_contexts", {"other": context})
    x, y = T.fmatrix("x"), T.fmatrix("y")
    assert infer_context_name(x, kind()) == NAME
    assert infer_context_name(host_from_gpu(kind())) == NAME
    y.tag.target = "other"
    assert infer_context_name(x, y) == "other"
    with pytest.raises(ValueError, match="the inputs live on different contexts"):
        infer_context_name(kind(), kind.__class__("float32", (False,), "other")())
    with change_flags(backend="numpy"), pytest.raises(ValueError, match="no default device is set"):
        infer_context_name(x)


@pytest.mark.parametrize(
    ("entry", "message"), [("a", "not of the form name->device"), ("cuda1->opencl0:0", "begins like a device: choose another")]
)
def test_wrong_contexts_option(monkeypatch, entry, message):
    monkeypatch.setattr(contexts, "config", type("Options", (), {"device": "cpu", "init_gpu_device": "", "contexts": entry}))
    with pytest.raises(ValueError, match=message):
        list(contexts.list_contexts())


def test_configured_contexts_L13343(monkeypatch):
    """The default one from ``device``, else from ``init_gpu_device``; others by name."""
    for device, init, default in (("opencl0:0", "", "opencl0:0"), ("cpu", "opencl0:0", "opencl0:0")):
        options = {"device": device, "init_gpu_device": init, "contexts": "one->opencl0:0; two->cuda0"}
        monkeypatch.setattr(contexts, "config", type("Options", (), options))
        assert contexts._configured() == {None: default, "one": "opencl0:0", "two": "cuda0"}


PRODUCTS = {
    "matrix and matrix": (lambda x, y, v, w: T.dot(x, y), lambda x, y, v, w: x @ y),
    "matrix and vector": (lambda x, y, v, w: T.dot(x, v), lambda x, y, v, w: x @ v),
    "vector and matrix": (lambda x, y, v, w: T.dot(v, x), lambda x, y, v, w: v @ x),
    "scaled": (lambda x, y, v, w: 0.3 * T.dot(x, y), lambda x, y, v, w: 0.3 * (x @ y)),
    "added": (lambda x, y, v, w: y * 0.5 + 2.0 * T.dot(x, y), lambda x, y, v, w: y * 0.5 + 2.0 * (x @ y)),
    "vector added": (lambda x, y, v, w: w * 0.5 + 2.0 * T.dot(x, v), lambda x, y, v, w: w * 0.5 + 2.0 * (x @ v)),
    "outer": (lambda x, y, v, w: x + 2.0 * T.outer(v, w), lambda x, y, v, w: x + 2.0 * np.outer(v, w)),
    "transposed": (lambda x, y, v, w: T.dot(x.T, y[::-1]), lambda x, y, v, w: x.T @ y[::-1]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    """With and without factor and summand, of matrices and vectors, as NumPy."""
    symbolic, numpy = PRODUCTS[name]
    given = [T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.dvector("w")]
    rng = np.random.default_rng(5)
    values = [rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)]
    f = tcore.function(given, symbolic(*given), on_unused_input="ignore")
    np.testing.assert_allclose(f(*values), numpy(*values), rtol=1e-12)


def test_explained():
    """Each node's place is told."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.exp(x.T) + T.dot(x, x))
    text = str(f.explain())
    for place in ("kernel", "transfer", "view"):
        assert place in text


class PythonOnly(tcore.Op):
    __props__ = ()

    def make_node(self, x):
        return tcore.gof.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] + 1


def test_why_on_the_host():
    """A node on the host says why: no lowering, nothing on the device to work on, or a dtype that devices lack."""
    x, z, n = T.dmatrix("x"), T.zmatrix("z"), T.lvector("n")
    f = tcore.function([x, z, n], [PythonOnly()(x) * 2, T.exp(x), T.exp(z), n + n])
    reasons = {report.node.partition("(")[2].rstrip(")"): report.reason for report in f.explain().fallbacks}
    assert reasons["x"] == "PythonOnly has no lowering"
    assert reasons["z"] == "devices have no arrays of TensorType(complex128, matrix)"
    assert reasons["n, n"] == "no array that it reads is on the device"
    assert "runs in Python: PythonOnly has no lowering" in str(f.explain())
    on_device = [report for report in f.explain().nodes if report.backend not in ("numpy", "cpu")]
    assert on_device
    assert not any(report.reason for report in on_device)


def test_host_nodes_are_native():
    """What stays on the host runs in native code where the host's backend is installed, else by perform; both give the right numbers."""
    x, n, k = T.dmatrix("x"), T.lvector("n"), T.lscalar("k")
    outs = [T.exp(x), n + 3 * n, T.arange(k), PythonOnly()(n), T.set_subtensor(n[1:], 0)]
    values = np.eye(2), np.array([3, 4]), 3
    wanted = np.exp(np.eye(2)), [12, 16], [0, 1, 2], [4, 5], [3, 0]
    native = host_backend() is not None
    f = tcore.function([x, n, k], outs)
    for function in (f, f.copy(), pickle.loads(pickle.dumps(tcore.function([x, n, k], outs[:3]))), tcore.function([x, n, k], outs, mode=tcore.Mode("vm"))):
        for found, right in zip(function(*values), wanted, strict=False):
            np.testing.assert_allclose(found, right)
    reports = {report.node.partition("(")[0]: report for report in f.explain().nodes}
    assert (reports["PythonOnly"].backend, reports["PythonOnly"].runs_on) == ("numpy", "Python")
    on_host = [report for report in f.explain().nodes if report.reason and report.runs_on != "Python"]
    assert {report.backend for report in on_host} == ({"cpu"} if native else set())
    if native:
        assert any(report.runs_on == "kernel" and report.node.startswith("ARange") for report in on_host)
        assert "runs on the host: no array that it reads is on the device" in str(f.explain())


def test_without_a_backend_of_the_host(monkeypatch):
    """By perform."""
    monkeypatch.setattr("tcore.gpuarray.linker.host_backend", lambda: None)
    x, n = T.dmatrix("x"), T.lvector("n")
    f = tcore.function([x, n], [T.exp(x), n + 3 * n])
    np.testing.assert_array_equal(f(np.eye(2), [3, 4])[1], [12, 16])
    assert [report.runs_on for report in f.explain().fallbacks] == ["Python"]


def test_origin_of_kernels(context):
    """Compiled for this function, or earlier for another one in this process, as the driver says."""
    x, y = T.dmatrix("x"), T.dvector("y")

    def told(out):
        explanation = tcore.function([x, y], out, on_unused_input="ignore").explain()
        (kernel,) = [kernel for kernel in explanation.kernels if explanation.nodes[kernel.nodes[0]].backend == "opencl"]
        return kernel.origin, str(explanation)

    context._programs.clear()
    assert told(T.exp(x) + y)[0] in ("compiled", "store")
    origin, text = told(T.exp(x) + y)
    assert origin == "process"
    assert "compiled earlier by this process" in text
