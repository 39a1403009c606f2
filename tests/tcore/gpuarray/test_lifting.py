"""What goes to a device, what stays, and that the numbers are the host's."""

from __future__ import annotations

import pdb  # noqa: T100 - replaced
import warnings

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
import tcore.tensor as T
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.audit import CpuOpError, host_nodes
from tcore.gpuarray.contexts import ContextNotDefined, get_context, reg_context
from tcore.gpuarray.eye import GpuEye
from tcore.gpuarray.lowered import GpuOp
from tcore.gpuarray.transfer import GpuFromHost, HostFromGpu, as_gpuarray_variable, infer_context_name
from tcore.gpuarray.type import GpuArrayType, gpuarray_shared_constructor
from tcore.tensor.random.mrg_streams import MRG_RandomStreams
from tcore.tensor.shared_randomstreams import RandomStreams

pytestmark = pytest.mark.usefixtures("context")
DEVICE = "opencl0:0"
RNG = np.random.default_rng(3)


def ops_of(function):
    return [node.op for node in function.maker.fgraph.toposort()]


def test_floating_work_goes_integers_stay_L12205_L12209_L16071():
    """An expression of floats runs on the device between two transfers; one of integers has no device op at all."""
    x, i = T.dmatrix(), T.lvector()
    f = tcore.function([x], T.exp(x) + 1)
    assert isinstance(ops_of(f)[-1], HostFromGpu)
    assert any(isinstance(op, GpuOp) for op in ops_of(f))
    value = RNG.normal(size=(3, 4))
    np.testing.assert_allclose(f(value), np.exp(value) + 1)
    g = tcore.function([i], i * 2 + 1)
    assert not any(isinstance(op, (GpuOp, GpuFromHost)) for op in ops_of(g))
    assert g([1, 2]).tolist() == [3, 5]


def test_target_cpu_keeps_an_input():
    """``tag.target = "cpu"`` keeps an input and what depends on it alone."""
    x = T.dmatrix()
    x.tag.target = "cpu"
    f = tcore.function([x], T.exp(x))
    assert not any(isinstance(op, (GpuOp, GpuFromHost)) for op in ops_of(f))


def test_shapes_are_asked_on_the_device():
    """The shape of a value on the device moves no data to the host."""
    x = T.dmatrix()
    f = tcore.function([x], T.exp(x).shape[0] * 2)
    assert not any(isinstance(op, HostFromGpu) for op in ops_of(f))
    assert f(np.ones((5, 2))) == 10


def test_reshape_stays_on_the_device():
    """Another shape is a view there, or a copy of what is not in order; draws of several axes go on to the next kernel."""
    x, n = T.dmatrix(), T.lscalar()
    f = tcore.function([x, n], [T.exp(x).reshape((n, -1)) * 2, T.exp(x).T.flatten() + 1])
    assert sum(isinstance(op, HostFromGpu) for op in ops_of(f)) == 2
    value = RNG.normal(size=(2, 3))
    for got, wanted in zip(f(value, 3), [np.exp(value).reshape(3, -1) * 2, np.exp(value).T.ravel() + 1], strict=True):
        np.testing.assert_allclose(got, wanted)
    for length in (4, -1, -3):
        with pytest.raises(ValueError, match=rf"cannot reshape an array of shape \(2, 3\) \(6 elements\) to \({length}, -1\)"):
            f(value, length)
    drawn = MRG_RandomStreams(5).uniform((2, 3, 4))
    g = tcore.function([], T.exp(drawn), no_default_updates=True)
    assert [type(op).__name__ for op in ops_of(g)].count("HostFromGpu") == 1
    with tcore.config.change_flags(backend="numpy"):
        np.testing.assert_allclose(g(), np.exp(MRG_RandomStreams(5).uniform((2, 3, 4)).eval()))


def test_one_kernel():
    """The documentation's expression is one kernel on the device."""
    a, b, c, d = T.dvectors("abcd")
    f = tcore.function([a, b, c, d], 2 * a + 3 * b - T.sqrt(c) * T.exp(-d))
    values = [RNG.random(1000) for _ in range(4)]
    A, B, C, D = values
    np.testing.assert_allclose(f(*values), 2 * A + 3 * B - np.sqrt(C) * np.exp(-D), rtol=1e-14)
    assert len(f.maker.linker.kernels()) == 1


def test_numbers_of_training_agree_with_the_host():
    """A step of a small network moves the parameters as NumPy's backend does."""
    x, y = T.dmatrix(), T.lvector()
    X, Y = RNG.normal(size=(20, 6)), RNG.integers(0, 3, 20)
    start = RNG.normal(size=(6, 3))
    moved = []
    for backend in ("numpy", "opencl"):
        with tcore.config.change_flags(backend=backend):
            w = tcore.shared(start.copy())
            cost = -T.log(T.nnet.softmax(T.dot(T.tanh(x), w)))[T.arange(y.shape[0]), y].mean()
            step = tcore.function([x, y], cost, updates=[(w, w - 0.1 * tcore.grad(cost, w))])
            losses = [float(step(X, Y)) for _ in range(5)]
            moved.append((losses, w.get_value()))
    np.testing.assert_allclose(moved[1][0], moved[0][0], rtol=1e-12)
    np.testing.assert_allclose(moved[1][1], moved[0][1], rtol=1e-10)


def test_strict_queue_agrees():
    """Maps, reductions, products and gathers give one answer under every legal schedule."""
    x, w, i = T.dmatrix(), T.dmatrix(), T.lvector()
    p = T.nnet.softmax(T.dot(x, w))
    f = tcore.function([x, w, i], [p, p.sum(axis=0), p.max(axis=1), p[:, ::-2], p[i]])
    X, W, index = RNG.normal(size=(9, 5)), RNG.normal(size=(5, 4)), np.array([3, -1, 3])
    expected = np.exp(X @ W) / np.exp(X @ W).sum(axis=1, keepdims=True)
    with tcore.config.change_flags(opencl__strict=True):
        got = f(X, W, index)
    for value, want in zip(got, [expected, expected.sum(0), expected.max(1), expected[:, ::-2], expected[index]], strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-12)


def test_index_out_of_range():
    """A gather outside is an IndexError with index and size, and the function works afterwards."""
    x, i = T.dmatrix(), T.lvector()
    f = tcore.function([x, i], T.exp(x)[i])
    value = RNG.normal(size=(3, 2))
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        f(value, [0, 7])
    np.testing.assert_allclose(f(value, [2, -3]), np.exp(value)[[2, -3]])


def test_lengths_that_differ():
    """Lengths are not stretched: the error names the lengths."""
    x, y = T.dvectors("xy")
    f = tcore.function([x, y], T.exp(x) + y)
    with pytest.raises(ValueError, match=r"Input dimension mis-match"):
        f(np.ones(3), np.ones(4))


def test_transfer_and_its_gradient():
    """A value moved by hand comes back as a device array; the gradient passes through the moves."""
    x = T.dvector()
    moved = (x * 2).transfer(DEVICE)
    assert isinstance(moved.type, GpuArrayType)
    f = tcore.function([x], moved)
    value = RNG.normal(size=4)
    result = f(value)
    assert isinstance(result, GpuArray)
    np.testing.assert_allclose(np.asarray(result), value * 2)
    g = tcore.function([x], tcore.grad(T.sqr(moved.transfer("cpu")).sum(), x))
    np.testing.assert_allclose(g(value), 8 * value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_eye_by_its_own_kernel(dtype):
    """The worked example's C code runs on the device: every diagonal, also outside the matrix."""
    n, m, k = T.lscalars("nmk")
    f = tcore.function([n, m, k], GpuEye(dtype, DEVICE)(n, m, k))
    for case in [(3, 4, 0), (4, 3, 1), (3, 3, -2), (2, 2, 5), (3, 5, -7), (70, 80, 3)]:
        np.testing.assert_array_equal(np.asarray(f(*case)), np.eye(*case, dtype=dtype))


def test_contexts_by_name():
    """A name is given once; an unknown one says what is known; devices answer by their own names."""
    context = get_context(DEVICE)
    reg_context("lifting-test", context)
    assert get_context("lifting-test") is context
    with pytest.raises(ValueError, match="lifting-test"):
        reg_context("lifting-test", context)
    with pytest.raises(ContextNotDefined, match="no context is called 'nobody'"):
        get_context("nobody")


def test_two_contexts_are_refused():
    """Inputs of two contexts need a decision: the error names both."""
    one, two = GpuArrayType("float32", (False,), "one")("a"), GpuArrayType("float32", (False,), "two")("b")
    with pytest.raises(ValueError, match=r"a on 'one', b on 'two'"):
        infer_context_name(one, two)
    assert infer_context_name(one) == "one"


def test_shared_variable_on_the_device():
    """Its value lives there; host and device forms can be read."""
    value = RNG.normal(size=(2, 3))
    shared = gpuarray_shared_constructor(value, target=DEVICE)
    np.testing.assert_array_equal(shared.get_value(), value)
    assert isinstance(shared.get_value(return_internal_type=True), GpuArray)
    f = tcore.function([], shared * 2)
    np.testing.assert_allclose(np.asarray(f()), value * 2)
    with pytest.raises(TypeError, match="0-d"):
        gpuarray_shared_constructor(np.array(1.0))


def test_as_gpuarray_variable_takes_no_detour():
    """A host copy of a device value is that device value."""
    on_device = GpuArrayType("float64", (False,), DEVICE)()
    assert as_gpuarray_variable(HostFromGpu()(on_device), DEVICE) is on_device


class TestAssertNoCpuOpL13650:
    """The documented audit of graphs for a device."""

    @staticmethod
    def graph():
        """A product on the device and a sort of work that has no device form: complex numbers."""
        x = T.dmatrix("x")
        stays = T.zvector("z")
        return [x, stays], [T.exp(x), T.exp(stays)]

    @pytest.mark.parametrize("action", ["raise", "warn", "ignore", "pdb"])
    def test_actions_L5063_L5065_L5066_L5067(self, action, monkeypatch):
        """An error or a warning that names the node and the user's line, the debugger, or nothing."""
        inputs, outputs = self.graph()
        with tcore.config.change_flags(assert_no_cpu_op=action), warnings.catch_warnings():
            warnings.simplefilter("error")
            if action == "raise":
                with pytest.raises(CpuOpError, match=r"exp.*runs on the CPU.*\n.*test_lifting.py"):
                    tcore.function(inputs, outputs)
            elif action == "warn":
                with pytest.warns(UserWarning, match="runs on the CPU"):
                    tcore.function(inputs, outputs)
            elif action == "pdb":
                stops = []
                monkeypatch.setattr(pdb, "set_trace", lambda: stops.append(True))
                tcore.function(inputs, outputs)
                assert stops == [True]
            else:
                tcore.function(inputs, outputs)

    def test_nothing_is_missed_L5072(self):
        """Whatever kind of op stays: in Python, of a library, of numbers without a device form, in place, a view, a draw."""

        @tcore.as_op(itypes=[T.dvector], otypes=[T.dvector])
        def python(x):
            return x + 1

        v, z, m = T.dvector("v"), T.zvector("z"), T.dmatrix("m")
        outputs = [python(T.exp(v)), T.sort(T.sin(v)) * 2, T.exp(z), T.nlinalg.svd(T.tanh(m), compute_uv=0), RandomStreams(1).normal((3,))]
        f = tcore.function([v, z, m], outputs)
        found = [str(node.op) for node in host_nodes(f.maker.fgraph)]
        for part in ("python", "SortOp", "exp", "SVD", "RandomFunction"):
            assert any(part in op for op in found), (part, found)
        on_device = [node for node in f.maker.fgraph.apply_nodes if any(isinstance(v.type, GpuArrayType) for v in (*node.inputs, *node.outputs))]
        assert len(on_device) >= 3

    def test_all_on_the_device(self):
        """A graph that runs there as a whole passes, shapes and single numbers apart."""
        x = T.dmatrix("x")
        with tcore.config.change_flags(assert_no_cpu_op="raise"):
            f = tcore.function([x], (T.exp(x.T) * x.shape[0]).sum())
        np.testing.assert_allclose(f(np.zeros((2, 3))), 12.0)


_v, _n, _x = T.dvector("v"), T.lscalar("n"), T.dmatrix("x")
ALLOCATED = {
    "alone": (lambda: T.alloc(_v, _n, 3), lambda v, n, x: np.tile(v, (n, 1))),
    "in a product": (lambda: T.alloc(_v, _n, 3) * 2.0, lambda v, n, x: np.tile(v, (n, 1)) * 2.0),
    "summed": (lambda: (T.alloc(_v, _n, 3) * 2.0).sum(axis=0), lambda v, n, x: v * n * 2.0),
    "with a matrix": (lambda: T.alloc(T.exp(_v), _n, 3) * _x, lambda v, n, x: np.exp(v) * x),
    "tiled": (lambda: T.tile(_v, _n) + 1.0, lambda v, n, x: np.tile(v, n) + 1.0),
    "repeated": (lambda: T.repeat(T.exp(_v), _n), lambda v, n, x: np.repeat(np.exp(v), n)),
}


@pytest.mark.parametrize("name", ALLOCATED)
def test_lengths_that_numbers_decide(name):
    """``alloc`` with a length that is an input, kept or inside of a kernel."""
    build, expected = ALLOCATED[name]
    f = tcore.function([_v, _n, _x], build(), on_unused_input="ignore")
    v, x = RNG.random(3), RNG.random((4, 3))
    np.testing.assert_allclose(f(v, 4, x), expected(v, 4, x), rtol=1e-13)
    if name == "with a matrix":
        with pytest.raises(ValueError, match="length"):
            f(v, 3, x)
