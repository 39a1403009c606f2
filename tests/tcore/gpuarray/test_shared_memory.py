"""The documentation's memory model of shared variables, on a device; its lines in the names."""

from __future__ import annotations

import ast
import copy
import os
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

import tcore
import tcore.tensor as T
from tcore.gpuarray.array import GpuArray, asarray
from tcore.gpuarray.contexts import get_context
from tcore.gpuarray.cuts import local_cut_gpu_host_gpu
from tcore.gpuarray.transfer import GpuFromHost, host_from_gpu
from tcore.gpuarray.type import GpuArraySharedVariable, GpuArrayType, gpuarray_shared_constructor
from tcore.graph import FunctionGraph
from tcore.optimizer.navigators import in2out

pytestmark = pytest.mark.usefixtures("context")
DEVICE = "opencl0:0"
A = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture
def s():
    return gpuarray_shared_constructor(A, name="s", target=DEVICE)


def internal(variable):
    return variable.get_value(borrow=True, return_internal_type=True)


def test_borrow_has_no_effect_L5817():
    """The device has memory of its own: an array from the host is copied whatever borrow says."""
    value = A.copy()
    borrowed = gpuarray_shared_constructor(value, target=DEVICE, borrow=True)
    assert type(borrowed) is GpuArraySharedVariable
    value += 1
    np.testing.assert_array_equal(borrowed.get_value(), A)


def test_reading_L5842_L5844_L5850(s):
    """A host array by default, never the device's memory; the internal array itself, or a deep copy of it."""
    for borrow in (False, True):
        host = s.get_value(borrow=borrow)
        assert type(host) is np.ndarray
        host += 1
        np.testing.assert_array_equal(s.get_value(), A)
    own = internal(s)
    assert isinstance(own, GpuArray)
    assert internal(s) is own
    apart = s.get_value(return_internal_type=True)
    assert isinstance(apart, GpuArray)
    assert apart.data is not own.data
    np.testing.assert_array_equal(np.asarray(apart), A)


def test_device_arrays_come_back_L5852():
    """The kind of object that it was made of is what it gives, also after it got a host array, and from a clone."""
    given = asarray(A, context=get_context(DEVICE))
    on_device = gpuarray_shared_constructor(given, target=DEVICE)
    for variable in (on_device, on_device.clone()):
        value = variable.get_value()
        assert isinstance(value, GpuArray)
        assert value.data is not given.data
    on_device.set_value(A + 1)
    assert isinstance(on_device.get_value(), GpuArray)
    np.testing.assert_array_equal(np.asarray(on_device.get_value()), A + 1)


def test_set_in_place_L5876_L5880_L5886(s):
    """Chunks of one size go into the memory of the first; another size gets its own."""
    own = internal(s)
    f = tcore.function([], s * 2)
    for chunk in range(3):
        s.set_value(A + chunk)
        assert internal(s) is own
        np.testing.assert_array_equal(np.asarray(f()), (A + chunk) * 2)
    s.set_value(np.ones((4, 3), "float32"))
    assert internal(s) is not own
    np.testing.assert_array_equal(np.asarray(own), A + 2)
    assert s.get_value().shape == (4, 3)


def test_not_contiguous_L5884(s):
    """Strided and transposed values arrive as they read."""
    own = internal(s)
    for value in (np.asfortranarray(A * 3), np.arange(12, dtype="float32").reshape(2, 6)[:, ::2], A[::-1, ::-1], A.astype("float16")):
        s.set_value(value)
        assert internal(s) is own
        np.testing.assert_array_equal(s.get_value(), value)


def test_wrong_values_leave_the_old_one(s):
    """Nothing is written before the value is known to fit."""
    for wrong in (np.zeros(3, "float32"), np.full((2, 3), 0.1), "text"):
        with pytest.raises((TypeError, ValueError)):
            s.set_value(wrong)
        np.testing.assert_array_equal(s.get_value(), A)


def test_lent_memory_is_not_overwritten():
    """An array on the device that was stored as it is belongs to the caller, whoever else knows the variable."""
    lent = asarray(A, context=get_context(DEVICE))
    made = gpuarray_shared_constructor(lent, target=DEVICE, borrow=True)
    later = gpuarray_shared_constructor(A + 9, target=DEVICE)
    later.set_value(lent, borrow=True)
    for variable in (made, made.clone(), later, copy.copy(later)):
        assert internal(variable) is lent
        variable.set_value(A + 5)
        np.testing.assert_array_equal(np.asarray(lent), A)
        variable.set_value(lent, borrow=True)


def test_updates_and_results_share_nothing_L5773_L5817(s):
    """What a function returned stays as it is when the variable gets another value, and the other way round."""
    f = tcore.function([], s + 1, updates=[(s, s + 1)])
    first = f()
    kept = np.asarray(first).copy()
    s.set_value(A * 0)
    np.testing.assert_array_equal(np.asarray(first), kept)
    np.testing.assert_array_equal(np.asarray(f()), A * 0 + 1)
    np.testing.assert_array_equal(s.get_value(), A * 0 + 1)


def test_internal_type_of_an_output_L5906(s):
    """A hint: the values are the same, as host or device array."""
    for wanted in (False, True):
        f = tcore.function([], tcore.Out(T.exp(s), borrow=True, return_internal_type=wanted))
        np.testing.assert_allclose(np.asarray(f()), np.exp(A), rtol=1e-6)


# ------------------------------------------------------------ where values live by default


PROGRAM = """
import numpy as np, pickle, tcore, tcore.tensor as T
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 6)), rng.integers(0, 3, 20)
x, y = T.dmatrix(), T.lvector()
w, b, n = tcore.shared(rng.normal(size=(6, 3)), "w"), tcore.shared(np.zeros(3), "b"), tcore.shared(0)
others = [tcore.shared(np.arange(3)), tcore.shared(np.ones(2), target="cpu"), tcore.shared(np.ones(2, complex)), n]
print([type(v).__name__ for v in (w, b, *others)])
cost = -T.log(T.nnet.softmax(T.dot(x, w) + b))[T.arange(y.shape[0]), y].mean() + 0.01 * (w ** 2).sum()
gw, gb = tcore.grad(cost, [w, b])
step = tcore.function([x, y], cost, updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb), (n, n + 1)])
names = [type(node.op).__name__ for node in step.maker.fgraph.toposort()]
print("GpuGemm" in names, *(type(out.owner.op).__name__ for out in step.maker.fgraph.outputs[1:3]))
losses = [float(step(X, Y)) for _ in range(3)]
print(losses, w.get_value().tolist(), b.get_value().tolist(), int(n.get_value()))
w.set_value(np.zeros((6, 3)))
print(float(step(X, Y)), pickle.loads(pickle.dumps(w)).get_value().tolist())
"""


def run(device):
    done = subprocess.run([sys.executable, "-c", PROGRAM], env={**os.environ, "TCORE_FLAGS": f"device={device}"}, capture_output=True, text=True, check=True)
    kinds, ops, *values = done.stdout.splitlines()
    return ast.literal_eval(kinds), ops.split(), [float(v) for line in values for v in re.findall(r"-?\d[\d.e-]*", line)]


def test_floats_live_on_the_device_L12213_L5776():
    """With a device, arrays of floats do; integers, numbers and what target="cpu" keeps do not. Updates stay there, and the numbers are the host's."""
    kinds, (gemm, *updates), values = run("opencl")
    assert kinds == ["GpuArraySharedVariable"] * 2 + ["TensorSharedVariable"] * 3 + ["ScalarSharedVariable"]
    assert gemm == "True"
    assert all(name.startswith("Gpu") and name != "GpuFromHost" for name in updates)
    on_host, _, expected = run("cpu")
    assert "GpuArraySharedVariable" not in on_host
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-14)


def test_target_names_a_device():
    """As config.device does, for one variable; a name that nothing answers to is an error that says so."""
    assert type(tcore.shared(A, target=DEVICE)) is GpuArraySharedVariable
    assert not isinstance(tcore.shared(A), GpuArraySharedVariable)
    with pytest.raises(TypeError, match="elsewhere7"):
        tcore.shared(A, target="elsewhere7")


def test_moves_that_cancel_out():
    """There and back, and back and there, on one context; another context is a real move."""
    x, g = T.fmatrix("x"), GpuArrayType("float32", (False, False), DEVICE)("g")
    move, other = GpuFromHost(DEVICE), GpuFromHost("opencl0:1")
    graph = FunctionGraph([x, g], [host_from_gpu(move(x)), move(host_from_gpu(g)), other(host_from_gpu(g)), host_from_gpu(move(x)) + 1])
    in2out(local_cut_gpu_host_gpu.rule).optimize(graph)
    assert graph.outputs[:2] == graph.inputs
    assert isinstance(graph.outputs[2].owner.op, GpuFromHost)
    assert graph.outputs[3].owner.inputs[0] is graph.inputs[0]
