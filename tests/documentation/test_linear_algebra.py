"""What the documentation promises of linear algebra, hints of matrices, and Fourier transforms; its lines in the names.

Expected values are those of NumPy, SciPy and finite differences.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg

import tcore
import tcore.tensor as T
from tcore.graph import FunctionGraph
from tcore.sandbox.linalg import ops
from tcore.tensor import fft, nlinalg, slinalg

rng = np.random.default_rng(25430)
A = rng.normal(size=(4, 4)) + 4 * np.eye(4)
S = A @ A.T
B = rng.normal(size=(4, 3))


def computed(build, *arrays):
    """``build`` of variables, computed at arrays."""
    xs = [T.TensorType(a.dtype.name, (False,) * a.ndim)() for a in arrays]
    result = build(*xs)
    several = isinstance(result, (list, tuple))
    found = tcore.function(xs, list(result) if several else result, mode="FAST_COMPILE", on_unused_input="ignore")(*arrays)
    return tuple(found) if several else found


def differences(function, x, eps=1e-6):
    """The gradient of a function of a matrix by central differences."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = eps
        found[place] = (function(x + step) - function(x - step)) / (2 * eps)
    return found


# ------------------------------------------------------------------------------------------------------------- modules


@pytest.mark.parametrize("module", ["slinalg_L25430", "nlinalg_L25557"])
def test_modules_are_imported_by_their_users(module):
    """``import tcore.tensor`` loads neither, nor SciPy's linear algebra."""
    name = f"tcore.tensor.{module.partition('_')[0]}"
    code = f"import sys, tcore.tensor; print({name!r} in sys.modules, 'scipy.linalg' in sys.modules); import {name}; print({name!r} in sys.modules)"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["False", "False", "True"]


# ------------------------------------------------------------------------------------------------------------- slinalg


def test_gradient_of_the_exponential_L25487():
    """The op gives the derivative that finite differences give."""
    a, weights = A / 4, rng.normal(size=(4, 4))
    found = computed(slinalg.ExpmGrad(), a, weights)
    np.testing.assert_allclose(found, differences(lambda x: (scipy.linalg.expm(x) * weights).sum(), a), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(computed(lambda x: T.grad((slinalg.expm(x) * weights).sum(), x), a), found)


@pytest.mark.parametrize("right", [B[:, 0], B], ids=["vector", "matrix"])
def test_solve_L25533(right):
    """The solution has the shape of the right side."""
    found = computed(slinalg.solve, A, right)
    assert found.shape == right.shape
    np.testing.assert_allclose(found, np.linalg.solve(A, right))


@pytest.mark.parametrize(
    ("op", "structure", "meant"),
    [
        pytest.param("solve_symmetric", "symmetric", np.triu(A) + np.triu(A, 1).T, id="symmetric_L25530"),
        pytest.param("solve_lower_triangular", "lower_triangular", np.tril(A), id="lower_L25547"),
        pytest.param("solve_upper_triangular", "upper_triangular", np.triu(A), id="upper_L25550"),
    ],
)
def test_structured_solve(op, structure, meant):
    """They are ops with a structure, which read one triangle and overwrite nothing."""
    op = getattr(slinalg, op)
    assert op == slinalg.Solve(A_structure=structure, lower=False, overwrite_A=False, overwrite_b=False)
    for right in (B, B[:, 0]):
        np.testing.assert_allclose(computed(op, A, right), np.linalg.solve(meant, right))


# ------------------------------------------------------------------------------------------------------------- nlinalg


def test_diagonal_matrices_L25563():
    """A square matrix with a vector on its diagonal."""
    np.testing.assert_array_equal(computed(nlinalg.AllocDiag(), B[0]), np.diag(B[0]))


@pytest.mark.parametrize("side", ["L", "U"])
def test_gradient_of_eigh_L25575(side):
    """The printed sum over eigenvalues and eigenvectors, term by term, for the triangle that is read."""
    w, v = np.linalg.eigh(S, side)
    gw, gv = rng.normal(size=4), rng.normal(size=(4, 4))
    full = np.zeros((4, 4))
    for i, j, n in np.ndindex(4, 4, 4):
        full[i, j] += gw[n] * v[i, n] * v[j, n]
        for k, m in np.ndindex(4, 4):
            if m != n:
                full[i, j] += gv[k, n] * v[k, m] * v[i, m] * v[j, n] / (w[n] - w[m])
    both = full + full.T
    expected = (np.tril(both) if side == "L" else np.triu(both)) - np.diag(np.diag(full))

    def cost(x):
        values, vectors = nlinalg.eigh(x, side)
        return (values * gw).sum() + (vectors * gv).sum()

    # the signs of eigenvectors are the library's: those of this one are taken
    signs = np.sign((computed(lambda x: nlinalg.eigh(x, side)[1], S) * v).sum(axis=0))
    assert (signs == 1).all()
    np.testing.assert_allclose(computed(lambda x: T.grad(cost(x), x), S), expected, rtol=1e-8, atol=1e-8)


def test_gradient_of_the_pseudo_inverse_L25634():
    """The printed formula, and finite differences, for a matrix of 5 rows and 3 columns."""
    x, v = rng.normal(size=(5, 3)), rng.normal(size=(3, 5))
    p = np.linalg.pinv(x)
    formula = (-p @ v.T @ p + p @ p.T @ v @ (np.eye(5) - x @ p) + (np.eye(3) - p @ x) @ v @ p.T @ p).T
    found = computed(lambda x: T.grad((nlinalg.pinv(x) * v).sum(), x), x)
    np.testing.assert_allclose(found, formula)
    np.testing.assert_allclose(found, differences(lambda x: (np.linalg.pinv(x) * v).sum(), x), rtol=1e-6, atol=1e-8)


def test_orthogonal_factors_as_ops_L25644_L25650():
    """Both factors, or the triangle alone."""
    q, r = computed(nlinalg.QRFull("reduced"), B)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(q @ r, B)
    np.testing.assert_array_equal(np.tril(r, -1), 0)
    np.testing.assert_allclose(computed(nlinalg.QRIncomplete("r"), B), r)


@pytest.mark.parametrize(("full", "shapes"), [(True, [(4, 4), (3,), (3, 3)]), (False, [(4, 3), (3,), (3, 3)])])
def test_singular_values_as_an_op_L25656(full, shapes):
    """Shapes of the vectors with ``full_matrices`` and without; only the values without ``compute_uv``."""
    parts = computed(nlinalg.SVD(full_matrices=full), B)
    assert [part.shape for part in parts] == shapes
    u, s, vh = parts
    np.testing.assert_allclose(u[:, :3] * s @ vh, B)
    assert nlinalg.SVD().full_matrices
    assert nlinalg.SVD().compute_uv
    np.testing.assert_allclose(computed(nlinalg.SVD(full, compute_uv=False), B), np.linalg.svd(B, compute_uv=False))


def test_tensors_as_ops_L25663_L25667():
    """What numpy.linalg.tensorinv and tensorsolve give."""
    a, b = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3))
    np.testing.assert_allclose(computed(nlinalg.TensorInv(ind=2), a), np.linalg.tensorinv(a, 2))
    assert nlinalg.TensorInv() == nlinalg.TensorInv(ind=2)
    np.testing.assert_allclose(computed(nlinalg.TensorSolve(axes=None), a, b), np.linalg.tensorsolve(a, b))
    turned = np.moveaxis(a, 2, 0)
    np.testing.assert_allclose(computed(nlinalg.TensorSolve(axes=(0,)), turned, b), np.linalg.tensorsolve(turned, b, axes=(0,)))


def test_products_in_order_L25677():
    """Of all matrices that are given."""
    c = rng.normal(size=(3, 2))
    np.testing.assert_allclose(computed(nlinalg.matrix_dot, A, B, c), A @ B @ c)


def test_trace_L25769():
    """The sum of the diagonal."""
    np.testing.assert_allclose(computed(nlinalg.trace, A), np.trace(A))


# --------------------------------------------------------------------------------------------------------------- hints


def hints(fgraph):
    """What is known of the variables of a graph."""
    return fgraph.hints_feature.hints


def test_feature_records_properties_L18602_L18620():
    """HintsOptimizer does nothing but attach a HintsFeature, which listens."""
    x = T.dmatrix("x")
    fgraph = FunctionGraph([x], [ops.psd(x) + 1], clone=False)
    before = [str(node) for node in fgraph.toposort()]
    ops.HintsOptimizer().optimize(fgraph)
    assert isinstance(fgraph.hints_feature, ops.HintsFeature)
    assert [str(node) for node in fgraph.toposort()] == before
    assert hints(fgraph)[x] == {"psd": True, "symmetric": True}


def test_hints_belong_to_places_L18612():
    """What takes the place of a variable is known by what was said of the place."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    marked = x * 1
    fgraph = FunctionGraph([x, y], [ops.psd(marked) + 1], clone=False)
    ops.HintsOptimizer().optimize(fgraph)
    fgraph.replace(marked, y)
    assert hints(fgraph)[y]["psd"]


def test_kinds_of_facts_L18614():
    """Shapes, and properties of matrices: any name and value, together."""
    x = T.dmatrix("x")
    facts = {"shape": (3, 3), "symmetric": True, "psd": True, "banded": (1, 1), "diagonal": False}
    fgraph = FunctionGraph([x], [ops.Hint(**facts)(x)], clone=False)
    ops.HintsOptimizer().optimize(fgraph)
    assert hints(fgraph)[x] == facts


def test_tags_supply_hints_L18606():
    """``variable.tag.hints`` says what a Hint node would, without a node: the equations are solved by it."""
    x, b = T.dmatrix("x"), T.dvector("b")
    x.tag.hints = {"lower_triangular": True}
    f = tcore.function([x, b], slinalg.solve(x, b), mode=tcore.Mode("py", "fast_run"))
    assert [node.op.A_structure for node in f.maker.fgraph.toposort()] == ["lower_triangular"]
    np.testing.assert_allclose(f(A, B[:, 0]), np.linalg.solve(np.tril(A), B[:, 0]))


def test_positive_semi_definite_L18624():
    """A symmetric matrix of which x'Ax is never negative; the value is the matrix."""
    (node,) = FunctionGraph([x := T.dmatrix("x")], [ops.psd(x)]).toposort()
    assert node.op == ops.Hint(psd=True, symmetric=True)
    np.testing.assert_array_equal(computed(ops.psd, S), S)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True])
def test_exponent_of_the_bound_L18632(wrong):
    """A positive integer; larger ones are tighter."""
    with pytest.raises((TypeError, ValueError), match="log2_exponent is"):
        ops.spectral_radius_bound(T.dmatrix(), wrong)
    bounds = [computed(lambda x, k=k: ops.spectral_radius_bound(x, k), S) for k in (1, 3, 5)]
    assert bounds == sorted(bounds, reverse=True)
    assert np.linalg.eigvalsh(S)[-1] <= bounds[-1] < 1.05 * np.linalg.eigvalsh(S)[-1]


# ------------------------------------------------------------------------------------------------- Fourier transforms

SIGNAL = rng.normal(size=(3, 4, 7))


def paired(z):
    """Complex numbers as pairs of real ones."""
    return np.stack([z.real, z.imag], -1)


@pytest.mark.parametrize(("norm", "forward", "backward"), [(None, 1, 1), ("ortho", 28**-0.5, 28**0.5), ("no_norm", 1, 28)])
def test_norms_L25796_L25809(norm, forward, backward):
    """Nothing but a division by n backwards; the root of n both ways; nothing at all."""
    spectrum = np.fft.rfftn(SIGNAL, axes=(1, 2))
    np.testing.assert_allclose(computed(lambda x: fft.rfft(x, norm), SIGNAL), forward * paired(spectrum), atol=1e-12)
    np.testing.assert_allclose(computed(lambda x: fft.irfft(x, norm, is_odd=True), paired(spectrum)), backward * SIGNAL, atol=1e-12)


def test_inverse_L25798():
    """Pairs of shape (m, ..., n//2 + 1, 2) to m signals of shape (..., n)."""
    even = SIGNAL[..., :6]
    np.testing.assert_allclose(computed(fft.irfft, paired(np.fft.rfftn(even, axes=(1, 2)))), even, atol=1e-12)


@pytest.mark.parametrize(("odd", "length"), [(True, 9), (False, 8)])
def test_odd_lengths_L25810(odd, length):
    """(N - 1) * 2 + 1 for an odd one, (N - 1) * 2 for an even one."""
    assert computed(lambda x: fft.irfft(x, is_odd=odd), np.zeros((2, 5, 2))).shape == (2, length)


def test_spectrum_of_a_box_L25812():
    """The printed program: the sizes are those of the transform of a box."""
    x = T.matrix("x", dtype="float64")
    f_rfft = tcore.function([x], fft.rfft(x, norm="ortho"), mode="FAST_COMPILE")
    box = np.zeros((1, 1024))
    box[:, 502:522] = 1
    out = f_rfft(box)
    assert out.shape == (1, 513, 2)
    sizes = np.abs(out[0, :, 0] + 1j * out[0, :, 1])
    k = np.arange(1, 513)
    np.testing.assert_allclose(sizes[0], 20 / 32)
    np.testing.assert_allclose(sizes[1:], abs(np.sin(20 * np.pi * k / 1024) / np.sin(np.pi * k / 1024)) / 32, atol=1e-12)
