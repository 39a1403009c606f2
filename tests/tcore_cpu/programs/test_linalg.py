"""Linear algebra in native programs: LAPACK without Python, for each element type, layout and stack; errors as ``perform`` raises them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.linalg
from in_threads import together

import tcore
import tcore.tensor as tt
from tcore.configuration import config
from tcore.tensor import linalg
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.runtime import loading as runtime_module
from tcore_cpu.runtime.lapack import KINDS, LETTERS, ROUTINES
from tcore_cpu.runtime.loading import load_lapack

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

DTYPES = ["float32", "float64", "complex64", "complex128"]
PRECISION = {"float32": 3e-4, "float64": 1e-10, "complex64": 3e-4, "complex128": 1e-10}
rng = np.random.default_rng(5)


def values(shape, dtype):
    """Normal numbers, complex ones where the type is."""
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if "complex" in dtype else x).astype(dtype)


def adjoint(x):
    """The adjoint of each matrix."""
    return np.conj(np.swapaxes(x, -1, -2))


def variable(x):
    """A variable for an array."""
    return tt.TensorType(x.dtype.name, (False,) * x.ndim)()


def run(native, function, *arrays):
    """The results of a program in which nothing runs in Python."""
    inputs = [variable(x) for x in arrays]
    outputs = function(*inputs)
    f = native(inputs, list(outputs) if isinstance(outputs, (list, tuple)) else [outputs])
    assert "LAPACK" in {report.runs_on for report in f.explain().nodes}
    assert not [report for report in f.explain().nodes if report.runs_on == "Python"]
    return f(*arrays)


def layouts(x):
    """The same stack in other layouts of memory."""
    wide = np.zeros((*x.shape[:-2], 2 * x.shape[-2], 3 * x.shape[-1]), x.dtype)
    wide[..., ::2, ::3] = x
    return [x, np.swapaxes(np.ascontiguousarray(np.swapaxes(x, -1, -2)), -1, -2), wide[..., ::2, ::3], np.ascontiguousarray(x[..., ::-1, :])[..., ::-1, :]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("front", [(), (2, 3)], ids=["one", "stack"])
class TestAgainstNumPy:
    """Each operation, of one matrix and of a stack."""

    def close(self, found, expected, dtype):
        """Of one shape, and equal but for rounding."""
        for got, want in zip(found, expected, strict=True):
            assert got.shape == np.shape(want)
            np.testing.assert_allclose(got, want, rtol=PRECISION[dtype], atol=PRECISION[dtype])

    def test_factors_and_equations(self, native, front, dtype):
        """In every layout of memory."""
        a, b = values((*front, 5, 5), dtype), values((*front, 5, 3), dtype)
        s = (a @ adjoint(a) + 5 * np.eye(5)).astype(dtype)
        for matrix in layouts(s):
            self.close(run(native, linalg.cholesky, matrix), [np.linalg.cholesky(s)], dtype)
            self.close(run(native, linalg.Cholesky(lower=False), matrix), [adjoint(np.linalg.cholesky(s))], dtype)
            self.close(run(native, linalg.matrix_inverse, matrix), [np.linalg.inv(s)], dtype)
            self.close(run(native, linalg.det, matrix), [np.linalg.det(s)], dtype)
            self.close(run(native, linalg.slogdet, matrix), np.linalg.slogdet(s), dtype)
            self.close(run(native, linalg.solve, matrix, b), [np.linalg.solve(s, b)], dtype)
            self.close(run(native, linalg.solve_lower_triangular, matrix, b), [np.linalg.solve(np.tril(s), b)], dtype)
            self.close(run(native, linalg.solve_upper_triangular, matrix, b), [np.linalg.solve(np.triu(s), b)], dtype)
            below = np.tril(s, -1)
            symmetric = below + np.swapaxes(below, -1, -2) + np.eye(5) * s
            self.close(run(native, linalg.Solve("symmetric", lower=True), matrix, b), [np.linalg.solve(symmetric, b)], dtype)

    def test_orthogonal_decompositions(self, native, front, dtype):
        """What comes out is unitary where it should be, and has the matrix as its product: signs are LAPACK's."""
        for rows, columns in ((6, 4), (4, 6), (4, 4)):
            x = values((*front, rows, columns), dtype)
            q, r = run(native, linalg.qr, x)
            self.close([q @ r, adjoint(q) @ q, np.tril(r, -1)], [x, np.broadcast_to(np.eye(q.shape[-1]), (*front, *q.shape[-1:] * 2)), 0 * r], dtype)
            q, r = run(native, lambda x: linalg.qr(x, "complete"), x)
            assert (q.shape, r.shape) == ((*front, rows, rows), x.shape)
            self.close([q @ r, q @ adjoint(q)], [x, np.broadcast_to(np.eye(rows), (*front, rows, rows))], dtype)
            self.close(run(native, lambda x: linalg.qr(x, "r"), x), [np.linalg.qr(x, "r")], dtype)
            self.close(run(native, lambda x: linalg.qr(x, "raw"), x), np.linalg.qr(x, "raw"), dtype)
            for full in (False, True):
                u, s, vh = run(native, lambda x, full=full: linalg.svd(x, full), x)
                assert [u.shape, vh.shape] == [part.shape for part in np.linalg.svd(x, full)[::2]]
                few = s.shape[-1]
                self.close([u[..., :few] * s[..., None, :] @ vh[..., :few, :], s], [x, np.linalg.svd(x)[1]], dtype)
            self.close(run(native, lambda x: linalg.svd(x, compute_uv=False), x), [np.linalg.svd(x)[1]], dtype)
            self.close(run(native, linalg.pinv, x), [np.linalg.pinv(x)], dtype)

    def test_eigenvalues(self, native, front, dtype):
        """Of Hermitian matrices, of pairs, and of any."""
        a = values((*front, 5, 5), dtype)
        s, p = (a + adjoint(a)).astype(dtype), (a @ adjoint(a) + np.eye(5)).astype(dtype)
        for side in "LU":
            w, v = run(native, lambda x, side=side: linalg.eigh(x, side), s)
            self.close([w, v * w[..., None, :] @ adjoint(v)], [np.linalg.eigvalsh(s), s], dtype)
            self.close(run(native, lambda x, side=side: linalg.eigvalsh(x, lower=side == "L"), s), [w], dtype)
        pairs = zip(s.reshape(-1, 5, 5), p.reshape(-1, 5, 5), strict=True)
        expected = np.array([scipy.linalg.eigh(*pair, eigvals_only=True) for pair in pairs]).reshape(*front, 5)
        (found,) = run(native, linalg.eigvalsh, s, p)
        np.testing.assert_allclose(found, expected, rtol=1e-2 if "32" in dtype or dtype[-2:] == "64" else 1e-8, atol=1e-2 if dtype in DTYPES[::2] else 1e-8)
        w, v = run(native, linalg.eig, a)
        assert w.dtype == v.dtype == np.result_type(dtype, "complex64")
        self.close([a @ v, np.sum(abs(v) ** 2, axis=-2)], [v * w[..., None, :], np.ones(w.shape)], dtype)

    def test_exponentials(self, native, front, dtype):
        """By each of the approximants, and with halvings; the derivative against SciPy's."""
        for scale in (1e-3, 0.05, 0.2, 0.5, 2, 10):
            a, g = (scale * values((*front, 4, 4), dtype)).astype(dtype), values((*front, 4, 4), dtype)
            (found,) = run(native, linalg.expm, a)
            expected = scipy.linalg.expm(a.astype("complex128"))
            size = abs(expected).max()
            np.testing.assert_allclose(found / size, expected / size, atol=10 * PRECISION[dtype] * (1 + scale))
            (found,) = run(native, linalg.ExpmGrad(), a, g)
            flat = zip(a.reshape(-1, 4, 4), g.reshape(-1, 4, 4), strict=True)
            expected = np.array([scipy.linalg.expm_frechet(adjoint(x), e, compute_expm=False) for x, e in flat]).reshape(a.shape)
            size = abs(expected).max()
            np.testing.assert_allclose(found / size, expected / size, atol=10 * PRECISION[dtype] * (1 + scale))


def test_exponential_of_what_is_far_from_normal(native):
    """Large entries whose powers are small ask for few halvings, which keeps the digits."""
    a = np.array([[1.0, 1e6, 0], [0, 1.0, 1e6], [0, 0, 1.0]])
    e = np.e
    expected = e * np.array([[1, 1e6, 5e11], [0, 1, 1e6], [0, 0, 1]])
    np.testing.assert_allclose(run(native, linalg.expm, a)[0], expected, rtol=1e-13)
    assert np.isnan(run(native, linalg.expm, np.full((2, 2), np.nan))[0]).all()


def test_determinant_without_overflow_on_the_way(native):
    """Products of entries may leave the range of numbers where the determinant does not."""
    large = np.diag([1e200, 1e200, 1e-300, 1e-50])
    np.testing.assert_allclose(run(native, linalg.det, large)[0], 1e50, rtol=1e-12)
    np.testing.assert_allclose(run(native, linalg.slogdet, np.zeros((2, 2))), [0, -np.inf])
    assert run(native, linalg.det, np.zeros((3, 3)))[0] == 0


@pytest.mark.parametrize("length", [0, 1])
def test_small_matrices(native, length):
    """Without entries, and of one."""
    x, b = np.full((length, length), 4.0), np.full((length, 2), 8.0)
    for function, expected in (
        (linalg.cholesky, [np.sqrt(x)]), (linalg.matrix_inverse, [1 / x]), (linalg.pinv, [1 / x]), (linalg.det, [4.0**length]),
        (linalg.slogdet, [1, length * np.log(4)]), (linalg.eigh, [x[:, 0] if length else np.zeros(0), np.ones((length, length))]),
        (linalg.expm, [np.exp(x)]), (lambda x: linalg.svd(x, compute_uv=False), [x.ravel()]),
    ):  # fmt: skip
        for got, want in zip(run(native, function, x), expected, strict=True):
            np.testing.assert_allclose(abs(got), want)
    np.testing.assert_allclose(run(native, linalg.solve, x, b)[0], b / 4)
    q, r = run(native, lambda x: linalg.qr(x, "complete"), np.zeros((3, length)))
    np.testing.assert_allclose(q, np.eye(3))
    u, _, vh = run(native, linalg.svd, np.zeros((length * 0, 2)))
    assert (u.shape, vh.tolist()) == ((0, 0), [[1, 0], [0, 1]])
    assert run(native, linalg.cholesky, np.zeros((0, 3, 3)))[0].shape == (0, 3, 3)


def test_stacks_that_broadcast(native):
    """An axis that has length 1 by its type serves all items; others must be equal."""
    a, b = values((3, 1, 4, 4), "float64") + 4 * np.eye(4), values((5, 4, 2), "float64")
    x, y = tt.TensorType("float64", (False, True, False, False))("x"), tt.dtensor3("y")
    f = native([x, y], linalg.solve(x, y))
    assert not [report for report in f.explain().nodes if report.runs_on == "Python"]
    np.testing.assert_allclose(f(a, b), np.linalg.solve(a, b))
    z = tt.dtensor3("z")
    with pytest.raises(ValueError, match=r"the stacks of matrices of shapes \(3, 4, 4\) and \(5, 4, 2\) do not fit together"):
        native([z, y], linalg.solve(z, y))(a[:, 0], b)


@pytest.mark.parametrize(
    ("function", "value", "kind", "message"),
    [
        (linalg.cholesky, -np.eye(3), np.linalg.LinAlgError, r"not positive definite \(its leading minor of order 1 is not\)"),
        (linalg.cholesky, np.ones((2, 3)), np.linalg.LinAlgError, r"cholesky takes a square matrix, got one of shape \(2, 3\)"),
        (linalg.matrix_inverse, np.zeros((2, 2)), np.linalg.LinAlgError, "Singular matrix"),
        (lambda x: linalg.solve(x, x), np.zeros((2, 2)), np.linalg.LinAlgError, "pivot 1 of 2 is zero"),
        (lambda x: linalg.solve_symmetric(x, x), np.zeros((2, 2)), np.linalg.LinAlgError, "the matrix is singular"),
        (lambda x: linalg.solve_lower_triangular(x, x), np.diag([1.0, 0]), np.linalg.LinAlgError, "pivot 2 of 2 is zero"),
        (lambda x: linalg.solve_upper_triangular(x, x[:, 0]), np.diag([1.0, 0]), np.linalg.LinAlgError, "pivot 2 of 2 is zero"),
        (lambda x: linalg.eig(x)[0], np.full((2, 2), np.nan), np.linalg.LinAlgError, "infs or NaNs"),
        (lambda x: linalg.svd(x)[1], np.full((2, 2), np.nan), np.linalg.LinAlgError, "SVD did not converge"),
        (lambda x: linalg.eigvalsh(x, -x), np.eye(2), np.linalg.LinAlgError, "not positive definite"),
    ],
)
def test_errors_are_those_of_perform(native, reference, function, value, kind, message):
    """Type and words, and the user's line."""
    x = tt.dmatrix("x")
    out = function(x)
    for compiled in (native([x], out), reference([x], out)):
        with pytest.raises(kind, match=message) as caught:
            compiled(value)
        assert "test_linalg.py" in "\n".join(getattr(caught.value, "__notes__", [])) + str(caught.value)


def test_nan_in_place_of_an_error(native):
    """Of the matrix that has no factor, not of its neighbours."""
    stack = np.stack([4 * np.eye(2), -np.eye(2), 9 * np.eye(2)])
    (found,) = run(native, linalg.Cholesky(on_error="nan"), stack)
    np.testing.assert_array_equal(found[::2], [2 * np.eye(2), 3 * np.eye(2)])
    assert np.isnan(found[1]).all()
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        run(native, linalg.cholesky, stack)


def test_factor_in_place(native):
    """It takes the memory of its operand where that may be overwritten, and a copy where not."""
    x = tt.dmatrix("x")
    f = native([x], linalg.Cholesky(destructive=True)(x * 2), accept_inplace=True)
    a = values((6, 6), "float64")
    s = a @ a.T + np.eye(6)
    np.testing.assert_allclose(f(s), np.linalg.cholesky(2 * s))
    np.testing.assert_allclose(f(np.asfortranarray(s)), np.linalg.cholesky(2 * s))


def test_derivatives_run_natively(cpu):
    """Those of factors, equations, determinants, decompositions and exponentials: no step in Python, and the same numbers."""
    x, b = tt.dmatrix("x"), tt.dvector("b")
    a = values((5, 5), "float64")
    s, right = a @ a.T + np.diag(np.arange(1.0, 6)), values(5, "float64")
    weights = tt.constant(values((5, 5), "float64"))
    for cost in (
        (linalg.cholesky(x) * weights).sum(), linalg.solve(x, b).sum(), linalg.solve_symmetric(x, b).sum(), linalg.solve_lower_triangular(x, b).sum(),
        linalg.slogdet(x)[1], linalg.det(x), (linalg.matrix_inverse(x) * weights).sum(), (linalg.eigh(x)[0] * b).sum(), (linalg.eigh(x)[1] ** 2 * weights).sum(),
        (linalg.qr(x)[1] * weights).sum(), (linalg.svd(x)[1] * b).sum(), (linalg.expm(x / 50) * weights).sum(), (linalg.pinv(x) * weights).sum(),
    ):  # fmt: skip
        grads = tt.grad(cost, [x])
        f = tcore.function([x, b], grads, on_unused_input="ignore")
        assert {report.node: report.reason for report in f.explain().nodes if report.runs_on == "Python"} == {}
        plain = tcore.function([x, b], grads, on_unused_input="ignore", mode=tcore.Mode("py", "fast_compile"))
        np.testing.assert_allclose(f(s, right)[0], plain(s, right)[0], rtol=1e-7, atol=1e-8)


@pytest.fixture
def cpu():
    """Functions are compiled for this backend."""
    with config.change_flags(backend="cpu"):
        yield


def test_threads_give_the_same(native, threads):
    """Items of a stack are shared among threads: bits do not depend on how many there are; calls from several threads are right."""
    stack = values((300, 12, 12), "float64") + 12 * np.eye(12)
    x = tt.dtensor3("x")
    f = native([x], [linalg.matrix_inverse(x), linalg.det(x), linalg.svd(x)[1]])
    threads(1)
    once = f(stack)
    threads(4)

    def call(k):
        for got, want in zip(f(stack), once, strict=True):
            np.testing.assert_array_equal(got, want)

    together(call, 4)


def test_other_types_run_in_python(native):
    """What LAPACK has no routine for has a reason, and the right numbers."""
    x, b = tt.dmatrix("x"), tt.dvector("b")
    f = native([x, b], linalg.Solve(overwrite_b=True)(x, b * 2), accept_inplace=True)
    (report,) = [report for report in f.explain().nodes if report.runs_on == "Python"]
    assert "in the memory of its operands" in report.reason
    np.testing.assert_allclose(f(2 * np.eye(2), np.ones(2)), [1, 1])


def test_without_lapack(native, monkeypatch):
    """An empty blas.ldflags leaves linear algebra to NumPy; a function that was pickled with LAPACK runs there as well."""
    x = tt.dmatrix("x")
    data = pickle.dumps(tcore.function([x], linalg.det(x), mode=tcore.Mode("cvm", "fast_run")))
    with config.change_flags({"blas.ldflags": ""}):
        monkeypatch.setattr(runtime_module, "_blas_done", False)
        monkeypatch.setattr(runtime_module, "_lapack", None)
        assert not load_lapack()
        for f in (native([x], linalg.det(x)), pickle.loads(data)):
            np.testing.assert_allclose(f(np.diag([2.0, 3])), 6)
            assert "LAPACK" not in {report.runs_on for report in f.explain().nodes}


def test_numbers_of_routines():
    """They are in the order of the runtime's header."""
    assert len(ROUTINES) == len(KINDS) * len(LETTERS)
    assert (ROUTINES["spotrf"], ROUTINES["zgelsd"] - ROUTINES["spotrf"] + 1) == (18, len(ROUTINES))


def test_importing_tensors_loads_no_linear_algebra():
    """Neither SciPy's nor ours: graphs that have some load them."""
    import subprocess
    import sys

    code = "import sys, tcore, tcore.tensor; print([m for m in sys.modules if 'linalg' in m and 'numpy' not in m])"
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_matrices_go_in_blocks(native, dtype):
    """Factors, equations and determinants beyond what LAPACK gets in one piece, in every layout."""
    n = 100
    a, b = values((n, n), dtype), values((n, 70), dtype)
    s = (a @ adjoint(a) / n + np.eye(n)).astype(dtype)
    x, y, turned = variable(s), variable(b), variable(b)
    lower, columns = linalg.solve_lower_triangular(x, y), linalg.solve(x, turned.T)
    f = native([x, y, turned], [linalg.solve(x, y), columns, linalg.slogdet(x)[1], lower, linalg.cholesky(x), linalg.Cholesky(lower=False)(x)])
    expected = np.linalg.solve(s, b)
    expected = [expected, expected, np.linalg.slogdet(s)[1], np.linalg.solve(np.tril(s), b), np.linalg.cholesky(s), adjoint(np.linalg.cholesky(s))]
    for matrix, sides in zip(layouts(s), layouts(b), strict=True):
        for got, want in zip(f(matrix, sides, np.ascontiguousarray(b.T)), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=30 * PRECISION[dtype], atol=30 * PRECISION[dtype])
    asymmetric = (s + a / 20).astype(dtype)
    np.testing.assert_allclose(run(native, linalg.solve, asymmetric, b)[0], np.linalg.solve(asymmetric, b), rtol=30 * PRECISION[dtype], atol=30 * PRECISION[dtype])


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("n", [5, 33, 100])
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_gradient_of_a_cholesky_factor(native, dtype, n, lower):
    """As the formula of Murray (2016), equation 10, in NumPy, for every layout and a stack; what lies in the other triangle does not matter."""
    a, g = values((2, n, n), dtype), values((2, n, n), dtype)
    s = (a @ adjoint(a) / n + np.eye(n)).astype(dtype)
    factor = np.linalg.cholesky(s.astype("float64"))
    inner = np.tril(adjoint(factor) @ np.tril(g if lower else adjoint(g)))
    inner[:, range(n), range(n)] /= 2
    full = np.linalg.solve(adjoint(factor), adjoint(np.linalg.solve(adjoint(factor), adjoint(inner))))
    expected = np.tril(full + adjoint(full))
    expected[:, range(n), range(n)] /= 2
    expected = expected if lower else adjoint(expected)
    factor = (factor + np.triu(np.full((n, n), np.nan), 1)).astype(dtype)
    factor = factor if lower else adjoint(factor)
    close = {"rtol": 30 * PRECISION[dtype], "atol": 30 * PRECISION[dtype]}
    np.testing.assert_allclose(run(native, linalg.CholeskyGrad(lower), s, factor, g)[0], expected, **close)
    for left, right in zip(layouts(factor[0]), reversed(layouts(g[0])), strict=True):
        np.testing.assert_allclose(run(native, linalg.CholeskyGrad(lower), s[0], left, right)[0], expected[0], **close)
    node = linalg.CholeskyGrad(lower)(*map(variable, (s, factor, g))).owner
    cell = [None]
    node.op.perform(node, [s, factor, g], [cell])
    np.testing.assert_allclose(cell[0], expected, **close)


def test_blocks_and_threads(native, threads):
    """The bits of a result do not depend on the number of threads."""
    a, b = values((400, 400), "float64"), values((400, 200), "float64")
    s = a @ a.T / 400 + np.eye(400)
    m, g, y = tt.dmatrices("mgy")
    factor = linalg.cholesky(m)
    f = native([m, g, y], [factor, linalg.CholeskyGrad()(m, factor, g), linalg.solve(m, y), linalg.solve(m.T, y)])
    found = []
    for count in (1, 2, 5):
        threads(count)
        found.append(f(s, a, b))
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
