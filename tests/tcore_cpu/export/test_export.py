"""What exported functions may hold."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import scipy.signal
from exports import X, compile_, run_python

import tcore
import tcore.tensor as tt
from tcore.compile.mode import Mode
from tcore.tensor import linalg
from tcore.tensor.sharedvar import tensor_constructor
from tcore.tensor.signal.conv import conv2d
from tcore_cpu.linkers.nodes import CPyLinker


def test_linear_algebra(tmp_path) -> None:
    """The library asks for routines of LAPACK, which the loader finds in SciPy; a matrix without a result is an error of its own."""
    x, b = tt.dmatrix("x"), tt.dvector("b")
    files = compile_([x, b], [linalg.solve(linalg.psd(x), b), linalg.expm(x), linalg.svd(x)[1]]).export(tmp_path / "algebra")
    header = files[1].read_text(encoding="utf-8")
    assert "dgemm, dgesdd, dgetrf, dgetrs, dpotrf, dtrsm of BLAS and LAPACK" in header
    body = """
import algebra
model = algebra.Model()
print([part.round(6).tolist() for part in model(np.diag([1.0, 4.0]), np.array([1.0, 8.0]))])
try:
    model(np.diag([1.0, -4.0]), np.ones(2))
except ValueError as error:
    print(error)
"""
    first, second = run_python(tmp_path, body)
    assert first == str([[1.0, 2.0], [[round(np.e, 6), 0.0], [0.0, round(np.e**4, 6)]], [4.0, 1.0]])
    assert "Cholesky" in second
    assert "singular, not positive definite or not finite" in second


def test_kernels_in_place_of_c_code(tmp_path) -> None:
    """A convolution, whose op prefers its C code, is a kernel in the library."""
    image, filter_ = tt.dmatrix("image"), tt.dmatrix("filter")
    f = compile_([image, filter_], conv2d(image, filter_, border_mode="full") * 2)
    f.export(tmp_path / "blur")
    body = "import blur; print(blur.Model()(np.arange(12.0).reshape(3, 4), np.array([[1.0, 2.0], [3.0, -1.0]])).tolist())"
    (line,) = run_python(tmp_path, body)
    assert line == str((2 * scipy.signal.convolve2d(np.arange(12.0).reshape(3, 4), [[1.0, 2.0], [3.0, -1.0]])).tolist())


def test_complex_products(tmp_path) -> None:
    """Products of complex numbers ask for routines of their own, which the loader finds in SciPy; those of vectors go through gemv."""
    x, v = tt.zmatrix("x"), tt.zvector("v")
    files = compile_([x, v], [tt.dot(x, x), tt.dot(v, v)]).export(tmp_path / "waves")
    assert "zgemm, zgemv of BLAS" in files[1].read_text(encoding="utf-8")
    body = """
import waves
matrix, vector = np.array([[1j, 2], [0, 1 - 1j]]), np.array([1j, 2, 3 + 1j])[:2]
print([part.tolist() == wanted.tolist() for part, wanted in zip(waves.Model()(matrix, vector), (matrix @ matrix, vector @ vector))])
"""
    assert run_python(tmp_path, body) == ["[True, True]"]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16"])
def test_own_products(tmp_path, dtype) -> None:
    """Products of numbers that BLAS does not know need none."""
    x, v = tt.matrix("x", dtype), tt.vector("v", dtype)
    compile_([x, v], [tt.dot(x, x), tt.dot(x, v), tt.dot(v, v)]).export(tmp_path / "whole")
    body = f"""
import whole
x, v = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]], "{dtype}"), np.array([1, 0, 1], "{dtype}")
for found, wanted in zip(whole.Model()(x, v), (x @ x, x @ v, v @ v)):
    print(found.dtype == wanted.dtype, np.array_equal(found, wanted))
"""
    assert run_python(tmp_path, body) == ["True True"] * 3


def test_half_precision(tmp_path) -> None:
    """Is stored in 16 bits and computed as everywhere else."""
    x = tt.TensorType("float16", (False, False))("x")
    f = compile_([x], [tt.exp(x) / 3 + x, x.sum(axis=1), x > 0])
    f.export(tmp_path / "halves")
    value = X.astype("float16")
    np.savez(tmp_path / "wanted.npz", value, *f(value))
    body = f"""
import halves
value, *wanted = np.load({str(tmp_path / "wanted.npz")!r}).values()
print([(part.dtype == of.dtype, part.tolist() == of.tolist()) for part, of in zip(halves.Model()(value), wanted)])
"""
    assert run_python(tmp_path, body) == [str([(True, True)] * 3)]


def test_complex_kernels(tmp_path) -> None:
    """Numbers of two parts are computed as everywhere else."""
    z = tt.zvector("z")
    f = compile_([z], [tt.exp(z) * z, z.sum(), abs(z), tt.cumsum(z)])
    f.export(tmp_path / "turns")
    value = np.array([1j, 2, 0.5 - 1j])
    np.savez(tmp_path / "wanted.npz", value, *f(value))
    body = f"""
import turns
value, *wanted = np.load({str(tmp_path / "wanted.npz")!r}).values()
print([(part.dtype == of.dtype, part.tolist() == of.tolist()) for part, of in zip(turns.Model()(value), wanted)])
"""
    assert run_python(tmp_path, body) == [str([(True, True)] * 4)]


def training():
    """Products of matrices and vectors, reductions, gradients, several outputs, numbers, two states that are updated in place."""
    rng = np.random.default_rng(0)
    x, y, rate = tt.dmatrix("x"), tt.dvector("y"), tt.dscalar("rate")
    w = tensor_constructor(rng.normal(size=(3, 5)), name="w")
    v = tensor_constructor(rng.normal(size=5), name="v")
    hidden = tt.tanh(tt.dot(x, w))
    guess = tt.dot(hidden, v)
    cost = ((guess - y) ** 2).mean()
    outputs = [cost, guess, hidden.max(axis=1), tt.argmax(hidden, axis=0), rate * 2]
    return compile_([x, y, rate], outputs, updates=[(p, p - rate * tcore.grad(cost, p)) for p in (w, v)])


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_training_step(compiler, tmp_path, monkeypatch) -> None:
    """Three steps of an exported training step are those of the function, whoever compiles it."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    f = training()
    monkeypatch.setenv("CC", compiler)
    f.export(tmp_path / "training")
    lines = run_python(
        tmp_path,
        f"""
import json, training
m = training.Model()
x, y = np.array({X.tolist()}), np.array([0.5, -1.0, 0.25, 2.0])
for step in range(3):
    print(json.dumps([np.asarray(value).tolist() for value in (*m(x, y, 0.125), m["w"], m["v"])]))
""",
    )
    states = {shared.name: shared for shared in f.get_shared()}
    for line in lines:
        wanted = f(X, np.array([0.5, -1.0, 0.25, 2.0]), 0.125)
        wanted += [states["w"].get_value(), states["v"].get_value()]
        for found, value in zip(json.loads(line), wanted, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-13)


def test_forms_of_results(tmp_path) -> None:
    """One result, a list of one, none at all, results that share memory, dtypes, indices, and the linker ``c|py``."""
    x, i = tt.fvector("x"), tt.lvector("i")
    n = tensor_constructor(np.array(0), name="n")
    mode = Mode(linker=CPyLinker())
    tcore.function([x, i], x[i], mode=mode).export(tmp_path / "single")
    tcore.function([x], [x[::-2], x, tt.constant(np.arange(2, dtype="int8"))], mode=mode).export(tmp_path / "several")
    tcore.function([], updates=[(n, n + 1)], mode=mode).export(tmp_path / "counter")
    lines = run_python(
        tmp_path,
        """
import counter, several, single
x = np.arange(5, dtype="f4")
m = single.Model()
print(m(x, [4, -5]), m(x, [0]).dtype)
try:
    m(x, [5])
except IndexError as error:
    print(error)
print(several.Model()(x))
m = counter.Model()
print([m(), m(), m[0].tolist()])
""",
    )
    assert lines[0] == "[4. 0.] float32"
    assert lines[1].startswith("an index is out of bounds in AdvancedSubtensor")
    assert lines[1].endswith("5, where the axis has length 5")
    assert lines[2] == repr([np.arange(5, dtype="f4")[::-2], np.arange(5, dtype="f4"), np.arange(2, dtype="int8")])
    assert lines[3] in ("[[], [], 2]", "[None, None, 2]")
