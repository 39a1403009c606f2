"""Stacks of matrices: the ops give for each what NumPy gives, with shapes before they run and derivatives that differences confirm."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(29)
STACK = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
POSITIVE = STACK @ np.swapaxes(STACK, -1, -2)
TALL, RIGHT = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 3, 2))
WEIGHTS = rng.normal(size=(2, 3, 3))

VALUES = [
    ("cholesky", linalg.cholesky, [POSITIVE], np.linalg.cholesky),
    ("cholesky of nothing", linalg.cholesky, [POSITIVE[:0]], np.linalg.cholesky),
    ("solve", linalg.solve, [STACK, RIGHT], np.linalg.solve),
    ("solve one matrix", linalg.solve, [STACK[0], RIGHT], np.linalg.solve),
    ("solve one right side", linalg.solve, [STACK, RIGHT[0]], np.linalg.solve),
    ("solve a vector", linalg.solve, [STACK, RIGHT[0, :, 0]], lambda a, b: np.linalg.solve(a, b[:, None])[..., 0]),
    ("inverse", linalg.matrix_inverse, [STACK], np.linalg.inv),
    ("pinv", linalg.pinv, [TALL], np.linalg.pinv),
    ("lstsq", linalg.lstsq, [TALL, TALL], lambda a, b: np.linalg.pinv(a) @ b),
    ("det", linalg.det, [STACK], np.linalg.det),
    ("slogdet", linalg.slogdet, [-STACK], np.linalg.slogdet),
    ("qr", linalg.qr, [TALL], np.linalg.qr),
    ("r", lambda x: linalg.qr(x, "r"), [TALL], lambda x: np.linalg.qr(x, "r")),
    ("raw", lambda x: linalg.qr(x, "raw"), [TALL], lambda x: np.linalg.qr(x, "raw")),
    ("svd", linalg.svd, [TALL], np.linalg.svd),
    ("svd reduced", lambda x: linalg.svd(x, False), [TALL], lambda x: np.linalg.svd(x, False)),
    ("singular values", lambda x: linalg.svd(x, compute_uv=False), [TALL], lambda x: np.linalg.svd(x, compute_uv=False)),
    ("eigh", linalg.eigh, [POSITIVE], np.linalg.eigh),
    ("eigvalsh", linalg.eigvalsh, [POSITIVE], np.linalg.eigvalsh),
    ("eig", linalg.eig, [STACK], lambda x: [part.astype(complex) for part in np.linalg.eig(x)]),
    ("matrix_power", lambda x: linalg.matrix_power(x, -3), [STACK], lambda x: np.linalg.matrix_power(x, -3)),
    ("matrix_power 0", lambda x: linalg.matrix_power(x, 0), [STACK], lambda x: np.linalg.matrix_power(x, 0)),
]


def several(found):
    """A list of results."""
    return list(found) if isinstance(found, (list, tuple)) else [found]


@pytest.mark.parametrize(("name", "function", "arrays", "expected"), VALUES, ids=[row[0] for row in VALUES])
def test_as_numpy(name, function, arrays, expected):
    """Values; and the lengths that the graph states, which no op computes."""
    xs = [T.TensorType("float64", (False,) * x.ndim)() for x in arrays]
    outputs = several(function(*xs))
    f = tcore.function(xs, [*outputs, *(out.shape for out in outputs)], mode="FAST_COMPILE")
    found, wanted = f(*arrays), several(expected(*arrays))
    for got, want in zip(found, wanted, strict=False):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)
    assert [shape.tolist() for shape in found[len(wanted) :]] == [list(np.shape(want)) for want in wanted]


DERIVATIVES = [
    ("cholesky", lambda x: linalg.cholesky(T.matmul(x, x.dimshuffle(0, 2, 1))), [STACK]),
    ("solve", linalg.solve, [STACK, RIGHT]),
    ("solve one matrix", linalg.solve, [STACK[0], RIGHT]),
    ("solve one right side", linalg.solve, [STACK, RIGHT[0]]),
    ("solve a vector", linalg.solve, [STACK, RIGHT[0, :, 0]]),
    ("solve symmetric", linalg.solve_symmetric, [STACK, RIGHT]),
    ("solve lower", linalg.solve_lower_triangular, [STACK, RIGHT]),
    ("inverse", linalg.matrix_inverse, [STACK]),
    ("pinv", linalg.pinv, [TALL]),
    ("det", linalg.det, [STACK]),
    ("slogdet", lambda x: linalg.slogdet(x)[1], [STACK]),
    ("q", lambda x: linalg.qr(x)[0], [TALL]),
    ("r", lambda x: linalg.qr(x, "r"), [np.swapaxes(TALL, 1, 2)]),
    ("u", lambda x: abs(linalg.svd(x, False)[0]), [TALL]),
    ("s", lambda x: linalg.svd(x, compute_uv=False), [TALL]),
    ("eigenvalues", lambda x: linalg.eigh(x)[0], [POSITIVE]),
    ("eigenvectors", lambda x: abs(linalg.eigh(x, "U")[1]), [POSITIVE]),
    ("pairs", linalg.eigvalsh, [STACK, POSITIVE]),
    ("expm", linalg.expm, [STACK / 3]),
    ("twice expm", lambda x: T.grad((linalg.expm(x) * WEIGHTS[:, :2, :2]).sum(), x), [STACK[:, :2, :2] / 3]),
]


@pytest.mark.parametrize(("name", "function", "arrays"), DERIVATIVES, ids=[row[0] for row in DERIVATIVES])
def test_derivatives(name, function, arrays, check_grad):
    """Against differences: what one matrix of a stack has to do with another is nothing."""
    check_grad(function, *arrays)


@pytest.mark.parametrize("op", [linalg.cholesky, linalg.matrix_inverse, linalg.pinv, linalg.det, lambda x: linalg.slogdet(x)[1], linalg.expm, lambda x: linalg.eigh(x)[0]])
def test_directions(op, check_direction):
    """R_op of stacks."""
    check_direction(op, POSITIVE / 4)


def test_sign_of_complex_determinants(check_complex_grad, evaluate):
    """The sign of a complex determinant turns with the matrix; that of a real one does not."""
    z = STACK + 1j * WEIGHTS
    check_complex_grad(lambda x: linalg.slogdet(x)[0], z)
    check_complex_grad(lambda x: linalg.slogdet(x)[1], z)
    x = T.dtensor3()
    np.testing.assert_array_equal(evaluate(T.grad(linalg.slogdet(x)[0].sum(), x), {x: STACK}), 0)


def test_what_is_no_stack():
    """Vectors are refused, and so is a vector beside a stack where the op itself is called."""
    for function in (linalg.cholesky, linalg.det, linalg.qr, linalg.svd, linalg.eigh, linalg.expm, linalg.matrix_inverse):
        with pytest.raises(TypeError, match=r"takes a matrix or a stack of matrices, got .* with 1 dimension$"):
            function(T.dvector())
    with pytest.raises(TypeError, match=r"write one vector for a stack of matrices as a column, b\[:, None\]"):
        linalg.Solve()(T.dtensor3(), T.dvector())
    x, y = T.dtensor3(), T.dtensor3()
    f = tcore.function([x, y], linalg.solve(x, y), mode="FAST_COMPILE")
    with pytest.raises(ValueError, match=r"the stacks of matrices of shapes \(2, 3, 3\) and \(3, 3, 2\) do not fit together"):
        f(STACK, np.concatenate([RIGHT, RIGHT[:1]]))
