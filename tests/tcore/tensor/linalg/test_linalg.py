"""Linear algebra: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
import scipy.linalg

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(17)
SQUARE = rng.normal(size=(4, 4)) + 2 * np.eye(4)
TALL = rng.normal(size=(5, 3))
POSITIVE = SQUARE @ SQUARE.T + np.eye(4)


def complex_matrix(*shape):
    """Random, with independent parts."""
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def hermitian(x):
    """From one triangle, as the ops that read one triangle take it."""
    return x + x.conj().T


@pytest.fixture
def check_complex_grad(check_grad):
    """``check_complex_grad(f, array)``: derivatives by real and imaginary parts of the argument, of both parts of the result."""

    def check(function, point, **options):
        def of_parts(re, im):
            out = function(re + np.array(1j) * im)
            return T.concatenate([out.real.flatten(), out.imag.flatten()]) if "complex" in out.dtype else out

        check_grad(of_parts, point.real.copy(), point.imag.copy(), **options)

    return check


@pytest.fixture
def check_direction(evaluate):
    """``check_direction(f, *arrays)``: R_op against central differences along random directions."""

    def check(function, *points, eps=1e-6, rtol=1e-5, atol=1e-7):
        xs = [T.TensorType(p.dtype.name, (False,) * p.ndim)() for p in points]
        vs = [x.type() for x in xs]
        directions = [rng.normal(size=p.shape) for p in points]
        outs = function(*xs)
        outs = outs if isinstance(outs, (list, tuple)) else [outs]
        values = {**dict(zip(xs, points, strict=True)), **dict(zip(vs, directions, strict=True))}
        found = evaluate(T.Rop(list(outs), xs, vs), values)
        sides = [evaluate(list(outs), {x: p + sign * eps * d for x, p, d in zip(xs, points, directions, strict=True)}) for sign in (1, -1)]
        for got, up, down in zip(found, *sides, strict=True):
            np.testing.assert_allclose(got, (up - down) / (2 * eps), rtol=rtol, atol=atol)

    return check


# ------------------------------------------------------------------------------------------------------------ inverses


def test_inverse_L25596(evaluate):
    """Product with the matrix from both sides is the identity; singular and oblong matrices are refused."""
    x = T.dmatrix()
    found = evaluate(linalg.matrix_inverse(x), {x: SQUARE})
    np.testing.assert_allclose(found @ SQUARE, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(SQUARE @ found, np.eye(4), atol=1e-12)
    assert evaluate(linalg.matrix_inverse(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        evaluate(linalg.matrix_inverse(x), {x: np.ones((2, 2))})
    with pytest.raises(np.linalg.LinAlgError, match=r"matrix_inverse takes a square matrix, got one of shape \(2, 3\)"):
        evaluate(linalg.matrix_inverse(x), {x: np.ones((2, 3))})
    with pytest.raises(TypeError, match="matrix_inverse takes a matrix"):
        linalg.matrix_inverse(T.dvector())


def test_derivatives_of_the_inverse_L25606(check_grad, check_complex_grad, check_direction):
    """With the minus sign that the book's formulas lack."""
    check_grad(linalg.matrix_inverse, SQUARE)
    check_complex_grad(linalg.matrix_inverse, SQUARE + 1j * rng.normal(size=(4, 4)))
    check_direction(linalg.matrix_inverse, SQUARE)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_pseudo_inverse_L25626(shape, evaluate, check_grad, check_direction):
    """Of matrices of any shape."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.pinv(x), {x: a}), np.linalg.pinv(a), atol=1e-12)
    check_grad(linalg.pinv, a)
    check_direction(linalg.pinv, a)


def test_pseudo_inverse_of_complex_matrices(check_complex_grad):
    """The adjoint takes the place of the transpose."""
    check_complex_grad(linalg.pinv, complex_matrix(4, 2))


def test_inverse_of_tensors_L25733(evaluate, check_grad, check_direction):
    """As NumPy's, for any number of axes; the product is the identity."""
    a = rng.normal(size=(4, 6, 8, 3))
    x = T.dtensor4()
    found = evaluate(linalg.tensorinv(x), {x: a})
    np.testing.assert_allclose(found, np.linalg.tensorinv(a), atol=1e-10)
    np.testing.assert_allclose(np.tensordot(found, a, 2), np.eye(24).reshape(8, 3, 8, 3), atol=1e-10)
    y = T.dtensor3()
    b = rng.normal(size=(6, 2, 3))
    np.testing.assert_allclose(evaluate(linalg.tensorinv(y, ind=1), {y: b}), np.linalg.tensorinv(b, 1), atol=1e-10)
    check_grad(lambda v: linalg.tensorinv(v, 1), b)
    check_direction(lambda v: linalg.tensorinv(v, 1), b)
    with pytest.raises(np.linalg.LinAlgError, match=r"\(4,\) and \(2, 3\), .* have different products"):
        evaluate(linalg.tensorinv(y, 1), {y: np.ones((4, 2, 3))})
    with pytest.raises(ValueError, match="'ind' must be >= 1"):
        linalg.tensorinv(y, 0)
    with pytest.raises(TypeError, match="ind=4 needs that many"):
        linalg.tensorinv(y, 4)


# ------------------------------------------------------------------------------------------------------- determinants


def test_determinant_L25566(evaluate, check_grad, check_complex_grad, check_direction):
    """Of real and complex matrices."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.det(x), {x: SQUARE}), np.linalg.det(SQUARE))
    check_grad(linalg.det, SQUARE)
    check_complex_grad(linalg.det, complex_matrix(3, 3))
    check_direction(linalg.det, SQUARE)
    with pytest.raises(np.linalg.LinAlgError, match="det takes a square matrix"):
        evaluate(linalg.det(x), {x: TALL})


# ---------------------------------------------------------------------------------------------------- linear equations


@pytest.mark.parametrize("structure", ["general", "symmetric", "lower_triangular", "upper_triangular"])
@pytest.mark.parametrize("columns", [None, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_solve_L25491(structure, columns, dtype, evaluate):
    """Each structure reads its part of the matrix only."""
    a = (SQUARE + (1j * rng.normal(size=(4, 4)) if dtype == "complex128" else 0)).astype(dtype)
    b = rng.normal(size=(4,) if columns is None else (4, columns)).astype(dtype)
    meant = {
        "general": a,
        "symmetric": np.triu(a) + np.triu(a, 1).T,
        "lower_triangular": np.tril(a),
        "upper_triangular": np.triu(a),
    }[structure]
    x, y = T.TensorType(dtype, (False, False))(), T.TensorType(dtype, (False,) * b.ndim)()
    for layout in "CF":
        found = evaluate(linalg.Solve(structure)(x, y), {x: np.array(a, order=layout), y: np.array(b, order=layout)})
        assert found.dtype == dtype
        np.testing.assert_allclose(found, np.linalg.solve(meant, b), rtol=1e-3 if dtype == "float32" else 1e-9)


def test_solve_by_name(evaluate):
    """The documented functions are these ops."""
    assert linalg.solve_symmetric == linalg.Solve("symmetric", False, False, False)
    assert linalg.solve_lower_triangular == linalg.Solve("lower_triangular")
    assert linalg.solve_upper_triangular == linalg.Solve("upper_triangular")
    x, y = T.lmatrix(), T.lvector()
    np.testing.assert_allclose(evaluate(linalg.solve(x, y), {x: [[2, 1], [1, 3]], y: [3, 5]}), [0.8, 1.4])
    z = T.dmatrix()
    assert evaluate(linalg.solve(z, z), {z: np.zeros((0, 0))}).shape == (0, 0)
    np.testing.assert_allclose(evaluate(linalg.Solve("symmetric", lower=True)(z, z[0]), {z: SQUARE}), np.linalg.solve(np.tril(SQUARE) + np.tril(SQUARE, -1).T, SQUARE[0]))


@pytest.mark.parametrize("structure", ["general", "symmetric", "lower_triangular", "upper_triangular"])
def test_derivatives_of_solve_L25497(structure, check_grad, check_complex_grad, check_direction):
    """With respect to both operands, for vectors and matrices on the right."""
    op = linalg.Solve(structure)
    for right in (rng.normal(size=4), rng.normal(size=(4, 2))):
        check_grad(op, SQUARE, right)
        check_direction(op, SQUARE, right)
    check_complex_grad(lambda z: op(z, z[0]), SQUARE + 1j * rng.normal(size=(4, 4)))
    check_grad(linalg.Solve("symmetric", lower=True), SQUARE, rng.normal(size=4))


def test_solve_in_place():
    """Only an op that was told so overwrites; the graph knows it."""
    assert linalg.Solve().destroy_map == {}
    assert linalg.Solve(overwrite_A=True).destroy_map == {0: [0]}
    assert linalg.Solve(overwrite_b=True).destroy_map == {0: [1]}
    x, y = T.dmatrix(), T.dvector()
    for structure in ("general", "symmetric", "lower_triangular"):
        node = linalg.Solve(structure, overwrite_A=True, overwrite_b=True)(x, y).owner
        a, b, cell = np.array(np.tril(POSITIVE) if structure == "lower_triangular" else POSITIVE, order="F"), rng.normal(size=4), [None]
        expected = np.linalg.solve(a, b)
        node.op.perform(node, [a, b], [cell])
        np.testing.assert_allclose(cell[0], expected)


def test_what_solve_refuses(evaluate):
    """Singular and oblong matrices, right sides of another length, structures that are none."""
    x, y = T.dmatrix(), T.dvector()
    for structure in ("general", "symmetric", "lower_triangular"):
        with pytest.raises(np.linalg.LinAlgError, match="solve: the matrix is singular"):
            evaluate(linalg.Solve(structure)(x, y), {x: np.zeros((2, 2)), y: np.ones(2)})
    with pytest.raises(np.linalg.LinAlgError, match=r"square matrix, got one of shape \(5, 3\)"):
        evaluate(linalg.solve(x, y), {x: TALL, y: np.ones(5)})
    with pytest.raises(ValueError, match="solve: 4 equations, but 3 rows on the right"):
        evaluate(linalg.solve(x, y), {x: SQUARE, y: np.ones(3)})
    with pytest.raises(ValueError, match="'A_structure' must be in"):
        linalg.Solve("diagonal")
    with pytest.raises(TypeError, match="a vector or a matrix on the right"):
        linalg.solve(x, T.dscalar())


def test_equations_of_tensors_L25750(evaluate, check_grad, check_direction):
    """As NumPy's, with axes moved."""
    a, b = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3))
    x, y = T.dtensor3(), T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.tensorsolve(x, y), {x: a, y: b}), np.linalg.tensorsolve(a, b))
    moved = a.transpose(2, 0, 1)
    wanted = np.linalg.tensorsolve(moved, b, axes=(0,))
    assert wanted.shape == (6,)
    np.testing.assert_allclose(evaluate(linalg.tensorsolve(x, y, axes=(0,)), {x: moved, y: b}), wanted)
    check_grad(linalg.tensorsolve, a, b)
    check_grad(lambda p, q: linalg.tensorsolve(p, q, axes=[0]), moved, b)
    check_direction(linalg.tensorsolve, a, b)
    with pytest.raises(np.linalg.LinAlgError, match="is not square over b of shape"):
        evaluate(linalg.tensorsolve(x, y), {x: np.ones((2, 3, 5)), y: b})
    with pytest.raises(ValueError, match="axis 3 does not exist"):
        linalg.tensorsolve(x, y, axes=(3,))


def test_least_squares(evaluate, check_grad):
    """The solution of least norm."""
    a, b = TALL, rng.normal(size=(5, 2))
    x, y = T.dmatrix(), T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.lstsq(x, y), {x: a, y: b}), np.linalg.lstsq(a, b, rcond=None)[0])
    check_grad(linalg.lstsq, a, b)


# ------------------------------------------------------------------------------------------------------------ Cholesky


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_cholesky_L25438(lower, dtype, evaluate):
    """The factor of the triangle that is read; the other one may hold anything."""
    a = POSITIVE.astype(dtype)
    if dtype == "complex128":
        z = complex_matrix(4, 4)
        a = z @ z.conj().T + np.eye(4)
    read = np.tril(a) + np.triu(np.full_like(a, 7), 1) if lower else np.triu(a) + np.tril(np.full_like(a, 7), -1)
    x = T.TensorType(dtype, (False, False))()
    found = evaluate(linalg.Cholesky(lower=lower)(x), {x: read})
    assert found.dtype == dtype
    np.testing.assert_allclose(found, scipy.linalg.cholesky(a, lower=lower), rtol=1e-4 if dtype == "float32" else 1e-10, atol=1e-12)


@pytest.mark.parametrize("lower", [True, False])
def test_derivatives_of_cholesky_L25451(lower, check_grad, check_complex_grad, check_direction):
    """Of each triangle, by what is read of the matrix."""
    op = linalg.Cholesky(lower=lower)
    check_grad(op, POSITIVE)
    check_direction(op, POSITIVE)
    z = complex_matrix(3, 3)
    check_complex_grad(op, z @ z.conj().T + 2 * np.eye(3))
    check_grad(lambda x: T.grad(op(x).sum(), x), POSITIVE[:3, :3], rtol=1e-4, atol=1e-6)


def test_matrices_without_a_factor_L25449(evaluate):
    """LinAlgError, or NaN everywhere, as asked; a scalar zero is not positive either."""
    x = T.dmatrix()
    for bad in (-np.eye(3), np.zeros((1, 1))):
        with pytest.raises(scipy.linalg.LinAlgError, match="not positive definite .its leading minor of order 1 is not"):
            evaluate(linalg.cholesky(x), {x: bad})
        assert np.isnan(evaluate(linalg.Cholesky(on_error="nan")(x), {x: bad})).all()
    assert evaluate(linalg.cholesky(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(ValueError, match="'on_error' must be in"):
        linalg.Cholesky(on_error="ignore")


@pytest.mark.parametrize("lower", [True, False])
def test_numeric_gradient_of_cholesky_L25461(lower, evaluate):
    """Smith's algorithm gives what the symbolic gradient gives."""
    x, z = T.dmatrix(), T.dmatrix()
    op = linalg.Cholesky(lower=lower)
    g = rng.normal(size=(4, 4))
    numeric = linalg.CholeskyGrad(lower=lower)(x, op(x), z)
    symbolic = T.grad((op(x) * z).sum(), x)
    np.testing.assert_allclose(*evaluate([numeric, symbolic], {x: POSITIVE, z: g}), atol=1e-12)
    with pytest.raises(TypeError, match="CholeskyGrad takes real matrices"):
        linalg.CholeskyGrad()(T.zmatrix(), T.zmatrix(), T.zmatrix())


def test_destructive_cholesky():
    """The result stands where the matrix was, and the graph knows it; the printed form is the documented one."""
    op = linalg.Cholesky(destructive=True)
    assert op.destroy_map == {0: [0]}
    assert str(op) == "Cholesky{lower=True, destructive=True, on_error='raise'}"
    a = np.array(POSITIVE, order="F")
    cell = [None]
    op.perform(op(T.dmatrix()).owner, [a], [cell])
    np.testing.assert_allclose(cell[0], np.linalg.cholesky(POSITIVE))


# ------------------------------------------------------------------------------------------------------- eigenproblems


def test_eig_L25569(evaluate, check_grad, check_complex_grad):
    """Values and vectors of any square matrix are complex; derivatives of what phases and order do not change."""
    x = T.dmatrix()
    w, v = evaluate(linalg.eig(x), {x: SQUARE})
    assert w.dtype == v.dtype == "complex128"
    np.testing.assert_allclose(SQUARE @ v, v * w, atol=1e-12)
    check_grad(lambda a: linalg.eig(a)[0].real, SQUARE)
    check_grad(lambda a: abs(linalg.eig(a)[1]) ** 2, SQUARE)
    z = complex_matrix(3, 3)
    check_complex_grad(lambda a: linalg.eig(a)[0], z)
    check_complex_grad(lambda a: abs(linalg.eig(a)[1] * linalg.eig(a)[0]), z)


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigh_L25572(triangle, evaluate, check_grad, check_complex_grad, check_direction):
    """As NumPy's of the triangle that is read; derivatives by the documented sum."""
    a = hermitian(SQUARE)
    garbage = np.tril(a) + np.triu(np.full_like(a, 9), 1) if triangle == "L" else np.triu(a) + np.tril(np.full_like(a, 9), -1)
    x = T.dmatrix()
    w, v = evaluate(linalg.eigh(x, triangle), {x: garbage})
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a))
    np.testing.assert_allclose(a @ v, v * w, atol=1e-12)
    check_grad(lambda m: linalg.eigh(m, triangle)[0], a)
    check_grad(lambda m: linalg.eigh(m, triangle)[1], a)
    check_direction(lambda m: linalg.eigh(m, triangle), a)
    z = hermitian(complex_matrix(3, 3))
    check_complex_grad(lambda m: linalg.eigh(m, triangle)[0], z)
    check_complex_grad(lambda m: abs(linalg.eigh(m, triangle)[1]) ** 2, z)
    with pytest.raises(ValueError, match="'UPLO' must be in"):
        linalg.eigh(x, "X")


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_numeric_gradient_of_eigh_L25588(triangle, evaluate):
    """One op gives what the symbolic gradient gives."""
    x, gw, gv = T.dmatrix(), T.dvector(), T.dmatrix()
    w, v = linalg.eigh(x, triangle)
    numeric = linalg.EighGrad(triangle)(x, w, v, gw, gv)
    symbolic = T.grad((w * gw).sum() + (v * gv).sum(), x)
    values = {x: hermitian(SQUARE), gw: rng.normal(size=4), gv: rng.normal(size=(4, 4))}
    np.testing.assert_allclose(*evaluate([numeric, symbolic], values), atol=1e-11)


def test_equal_eigenvalues_have_gradients(evaluate):
    """The sum of the eigenvalues is the trace, also where they are equal."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(T.grad(linalg.eigh(x)[0].sum(), x), {x: np.eye(3)}), np.eye(3), atol=1e-14)


@pytest.mark.parametrize("lower", [True, False])
def test_generalized_eigenvalues_L25475(lower, evaluate, check_grad, check_complex_grad, check_direction):
    """Of one matrix and of two, as SciPy's, with derivatives for both, and second ones."""
    a, b = hermitian(SQUARE), POSITIVE
    x, y = T.dmatrix(), T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.eigvalsh(x, lower=lower), {x: a}), scipy.linalg.eigvalsh(a))
    np.testing.assert_allclose(evaluate(linalg.eigvalsh(x, y, lower=lower), {x: a, y: b}), scipy.linalg.eigvalsh(a, b))
    check_grad(lambda m: linalg.eigvalsh(m, lower=lower), a)
    check_grad(lambda m, n: linalg.eigvalsh(m, n, lower=lower), a, b)
    check_grad(lambda m, n: T.grad((linalg.eigvalsh(m, n, lower=lower) ** 3).sum(), n), a, b)
    check_complex_grad(lambda m: linalg.eigvalsh(m, b, lower=lower), hermitian(complex_matrix(4, 4)))
    check_direction(lambda m: linalg.eigvalsh(m, lower=lower), a)
    check_direction(lambda m, n: linalg.eigvalsh(m, n, lower=lower), a, b)
    check_direction(lambda n: linalg.eigvalsh(a, n, lower=lower), b)
    with pytest.raises(ValueError, match=r"two matrices of one shape, got \(4, 4\) and \(3, 3\)"):
        evaluate(linalg.eigvalsh(x, y), {x: a, y: np.eye(3)})


@pytest.mark.parametrize("lower", [True, False])
def test_numeric_gradient_of_eigvalsh_L25479(lower, evaluate):
    """The documented op gives the numbers that grad gives."""
    x, y, g = T.dmatrix(), T.dmatrix(), T.dvector()
    values = {x: hermitian(SQUARE), y: POSITIVE, g: np.arange(1.0, 5)}
    found = evaluate(linalg.EigvalshGrad(lower)(x, y, g), values)
    expected = evaluate(T.grad((g * linalg.eigvalsh(x, y, lower=lower)).sum(), [x, y]), values)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-12)


# ------------------------------------------------------------------------------------------------------ factorizations


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (0, 3)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r", "raw"])
def test_qr_L25692(shape, mode, evaluate):
    """All modes as NumPy's, for all shapes."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    found = linalg.qr(x, mode)
    wanted = np.linalg.qr(a, mode)
    for got, want in zip(*((evaluate(found, {x: a}), wanted) if mode != "r" else ([evaluate(found, {x: a})], [wanted])), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_derivatives_of_qr(shape, check_grad, check_complex_grad):
    """Of tall, wide and square matrices."""
    a = rng.normal(size=shape)
    check_grad(lambda x: linalg.qr(x)[0], a)
    check_grad(lambda x: linalg.qr(x)[1], a)
    check_grad(lambda x: linalg.qr(x, "r"), a)
    check_complex_grad(lambda x: linalg.qr(x)[0], complex_matrix(*shape))
    check_complex_grad(lambda x: linalg.qr(x)[1], complex_matrix(*shape))


def test_what_qr_refuses():
    """Modes that are none; gradients of modes that are no functions of the matrix."""
    x = T.dmatrix()
    with pytest.raises(ValueError, match="the mode of qr is one of reduced, complete, r, raw, got 'full'"):
        linalg.qr(x, "full")
    from tcore.gradient import NullTypeGradError

    with pytest.raises(NullTypeGradError, match="use mode='reduced'"):
        T.grad(linalg.qr(x, "complete")[0].sum(), x)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("full", [0, 1])
def test_svd_L25720(shape, full, evaluate):
    """Shapes and values as NumPy's, up to signs; the product gives the matrix."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    u, s, vh = evaluate(linalg.svd(x, full), {x: a})
    for got, want in zip((u, s, vh), np.linalg.svd(a, full_matrices=bool(full)), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(abs(got), abs(want), atol=1e-10)
    k = len(s)
    np.testing.assert_allclose((u[:, :k] * s) @ vh[:k], a, atol=1e-12)
    np.testing.assert_allclose(evaluate(linalg.svd(x, compute_uv=0), {x: a}), s)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_derivatives_of_svd(shape, check_grad, check_complex_grad):
    """Of values, and of vectors where their phases do not matter."""
    a = rng.normal(size=shape)
    check_grad(lambda x: linalg.svd(x, compute_uv=0), a)
    check_grad(lambda x: linalg.svd(x)[1], a)
    for place in range(3):
        check_grad(lambda x, place=place: linalg.svd(x, 0)[place], a)
    z = complex_matrix(*shape)

    def independent_of_phases(x):
        u, s, vh = linalg.svd(x, 0)
        return T.dot(u * T.exp(s), vh) + T.dot(abs(u), abs(vh))

    check_complex_grad(independent_of_phases, z)
    check_complex_grad(lambda x: linalg.svd(x, compute_uv=0), z)


def test_vectors_that_are_arbitrary_have_no_gradient():
    """Those beyond min(M, N)."""
    from tcore.gradient import NullTypeGradError

    x = T.dmatrix()
    with pytest.raises(NullTypeGradError, match="use full_matrices=False"):
        T.grad(linalg.svd(x)[0].sum(), x)


# --------------------------------------------------------------------------------------------------------- exponential


def test_exponential_L25483(evaluate, check_grad, check_complex_grad, check_direction):
    """As SciPy's, with gradients of gradients."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.expm(x), {x: SQUARE}), scipy.linalg.expm(SQUARE))
    check_grad(linalg.expm, SQUARE / 2)
    check_complex_grad(linalg.expm, complex_matrix(3, 3) / 2)
    check_direction(linalg.expm, SQUARE / 2)
    check_grad(linalg.ExpmGrad(), SQUARE[:3, :3] / 2, rng.normal(size=(3, 3)))
    check_direction(linalg.ExpmGrad(), SQUARE[:3, :3] / 2, rng.normal(size=(3, 3)))
    assert evaluate(linalg.expm(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(np.linalg.LinAlgError, match="expm takes a square matrix"):
        evaluate(linalg.expm(x), {x: TALL})


# ------------------------------------------------------------------------------------------------------------ products


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, -1, -4])
def test_powers_L25683(n, evaluate, check_grad):
    """As NumPy's; negative ones of the inverse."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.matrix_power(x, n), {x: SQUARE}), np.linalg.matrix_power(SQUARE, n), rtol=1e-9)
    check_grad(lambda a: linalg.matrix_power(a, n) + 0 * a, SQUARE / 2, rtol=1e-4, atol=1e-5)


def test_what_powers_refuse():
    """Powers that are no int, operands that are no matrix."""
    with pytest.raises(TypeError, match="the power is an int, got 0.5"):
        linalg.matrix_power(T.dmatrix(), 0.5)
    with pytest.raises(TypeError, match="matrix_power takes a matrix"):
        linalg.matrix_power(T.dvector(), 2)
    x = T.lmatrix()
    assert linalg.matrix_power(x, 3).dtype == "int64"


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((3,), (2, 4)), ((2, 4), (3,)), ((2,), (3, 4, 5)), ((2, 3, 4), (5, 6)), ((2, 3, 4), (5,))])
def test_kronecker_product_L25505(shapes, evaluate, check_grad):
    """Joins the products of all entries along axis 1, twice, which is what it is defined by."""
    a, b = (rng.normal(size=shape) for shape in shapes)
    joined = np.multiply.outer(a, b)
    for _ in range(2):
        joined = np.concatenate(list(joined), axis=1 if joined.ndim > 2 else 0)
    x, y = (T.TensorType("float64", (False,) * v.ndim)() for v in (a, b))
    found = evaluate(linalg.kron(x, y), {x: a, y: b})
    assert found.ndim == a.ndim + b.ndim - 2
    np.testing.assert_allclose(found, joined)
    if a.ndim == b.ndim == 2:
        np.testing.assert_allclose(found, np.kron(a, b))
    check_grad(linalg.kron, a, b)


def test_kronecker_product_of_vectors_is_refused():
    """It would have no dimensions."""
    with pytest.raises(TypeError, match="three dimensions or more together"):
        linalg.kron(T.dvector(), T.dvector())


def test_diagonals_L25671(evaluate):
    """Both ways, and the trace."""
    x, v = T.dmatrix(), T.dvector()
    np.testing.assert_array_equal(evaluate(linalg.diag(x), {x: SQUARE}), np.diag(SQUARE))
    np.testing.assert_array_equal(evaluate(linalg.diag(v), {v: SQUARE[0]}), np.diag(SQUARE[0]))
    np.testing.assert_array_equal(evaluate(linalg.alloc_diag(v), {v: SQUARE[0]}), np.diag(SQUARE[0]))
    np.testing.assert_array_equal(evaluate(linalg.extract_diag(x), {x: SQUARE}), np.diag(SQUARE))
    with pytest.raises(TypeError):
        linalg.diag(x, 1)


def test_documented_paths():
    """The two documented modules are there, without anybody importing them before."""
    from tcore.tensor import nlinalg, slinalg

    assert T.nlinalg is nlinalg
    assert nlinalg.MatrixInverse is linalg.MatrixInverse
    assert nlinalg.trace is T.trace
    assert nlinalg.matrix_dot is T.matrix_dot
    assert slinalg.Cholesky is linalg.Cholesky
    assert slinalg.kron is linalg.kron


def test_dtypes(evaluate):
    """Half precision is computed in single, integers in floatX, single stays single."""
    for given, result in (("float16", "float32"), ("float32", "float32"), ("int8", "float64"), ("complex64", "complex64")):
        x = T.TensorType(given, (False, False))()
        a = np.eye(2).astype(given)
        values = evaluate([linalg.matrix_inverse(x), linalg.cholesky(x), linalg.solve(x, x), linalg.det(x), linalg.expm(x), linalg.eigh(x)[1], linalg.qr(x)[0], linalg.svd(x)[0]], {x: a})
        assert {value.dtype.name for value in values} == {result}
