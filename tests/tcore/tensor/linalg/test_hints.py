"""Facts about matrices: where they are noted, how they move, what they are good for."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import FunctionGraph
from tcore.graph.features import AlreadyThere
from tcore.sandbox.linalg import ops
from tcore.sandbox.linalg.ops import Hint, HintsFeature, HintsOptimizer, psd, spectral_radius_bound
from tcore.tensor import nlinalg, slinalg
from tcore.tensor.linalg.hints import hints_of

rng = np.random.default_rng(4)
A, b, B = T.dmatrix("A"), T.dvector("b"), T.dmatrix("B")
MATRIX = rng.normal(size=(4, 4))
POSITIVE = MATRIX @ MATRIX.T + np.eye(4)


def compiled(output):
    """The function and the names of its ops."""
    f = tcore.function([A, b, B], output, on_unused_input="ignore")
    return f, [str(node.op).partition("{")[0] for node in f.maker.fgraph.toposort()]


def test_a_hint_is_its_input(evaluate, check_grad):
    """The value passes unchanged, with its derivatives; equal facts make equal ops."""
    assert Hint(psd=True, banded=3) == Hint(banded=3, psd=True)
    assert hash(Hint(psd=True)) == hash(Hint(psd=True))
    assert Hint(psd=True) != Hint(psd=False)
    assert str(Hint(psd=True)) == "Hint{psd=True}"
    np.testing.assert_array_equal(evaluate(psd(A), {A: POSITIVE}), POSITIVE)
    check_grad(Hint(diagonal=True), MATRIX)
    np.testing.assert_array_equal(evaluate(T.Rop(psd(A) * 2, A, B), {A: POSITIVE, B: MATRIX}), 2 * MATRIX)
    with pytest.raises(TypeError, match="psd takes a matrix"):
        psd(b)


def test_hints_leave_the_graph_L18600():
    """Canonicalization takes them away, FAST_COMPILE too; what they say was noted before."""
    for mode in ("FAST_RUN", "FAST_COMPILE"):
        f = tcore.function([A], T.exp(psd(A)), mode=mode)
        assert not any(isinstance(node.op, Hint) for node in f.maker.fgraph.apply_nodes)
    fgraph = FunctionGraph([A], [T.exp(psd(A))], clone=True)
    HintsOptimizer().optimize(fgraph)
    marked = fgraph.inputs[0]
    assert hints_of(marked) == {"psd": True, "symmetric": True}
    fgraph.replace(fgraph.outputs[0].owner.inputs[0], marked)
    assert hints_of(marked)["psd"]
    with pytest.raises(AlreadyThere):
        HintsFeature().on_attach(fgraph)


def test_facts_move_with_the_place_L18610():
    """What replaces a variable takes over what is known of it; the graph itself is left as it was."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    fgraph = FunctionGraph([x, y], [T.exp(Hint(banded=2)(x * 1))], clone=False)
    before = len(fgraph.apply_nodes)
    fgraph.attach_feature(HintsFeature())
    assert len(fgraph.apply_nodes) == before
    hint = fgraph.outputs[0].owner.inputs[0]
    fgraph.replace(hint.owner.inputs[0], y)
    assert hints_of(y) == {"banded": 2}
    fgraph.remove_feature(fgraph.hints_feature)
    assert hints_of(y) == {}


def test_facts_follow_from_facts_L18616():
    """A transpose, a sum and an inverse of positive definite matrices are positive definite; a difference need not be."""
    p, q = psd(A), psd(B)
    outputs = [p.T, p + q, nlinalg.matrix_inverse(p), p - q, p + A]
    fgraph = FunctionGraph([A, B], outputs, clone=True)
    fgraph.attach_feature(HintsFeature())
    assert [bool(hints_of(output).get("psd")) for output in fgraph.outputs] == [True, True, True, False, True]
    plain = FunctionGraph([A, B], [A + B], clone=True)
    plain.attach_feature(HintsFeature())
    assert hints_of(plain.outputs[0]) == {}


def test_equations_with_positive_definite_matrices():
    """They are solved by a Cholesky factorization."""
    f, names = compiled(slinalg.solve(psd(A), b))
    assert "Cholesky" in names
    np.testing.assert_allclose(f(POSITIVE, MATRIX[0], MATRIX), np.linalg.solve(POSITIVE, MATRIX[0]))
    f, names = compiled(slinalg.solve(A, b))
    assert "Cholesky" not in names


def test_products_with_inverses_L25596():
    """They become equations, from both sides and through transposes, where the inverse is used for nothing else."""
    inverse = nlinalg.matrix_inverse
    wanted = np.linalg.inv(POSITIVE + MATRIX)
    for output, value in (
        (T.dot(inverse(A), b), wanted @ MATRIX[0]),
        (T.dot(b, inverse(A)), MATRIX[0] @ wanted),
        (T.dot(inverse(A), B), wanted @ MATRIX),
        (T.dot(B, inverse(A)), MATRIX @ wanted),
        (T.dot(inverse(A).T, B), wanted.T @ MATRIX),
    ):
        f, names = compiled(output)
        assert "Solve" in names
        assert "MatrixInverse" not in names
        np.testing.assert_allclose(f(POSITIVE + MATRIX, MATRIX[0], MATRIX), value)
    shared = inverse(A)
    _, names = compiled(T.dot(shared, b) + shared[0])
    assert "MatrixInverse" in names
    assert "Solve" not in names
    _, names = compiled(T.dot(nlinalg.pinv(A), b))
    assert "MatrixPinv" in names


def test_equations_with_triangles():
    """A factor is a triangle, and so is its transpose."""
    for output in (slinalg.solve(slinalg.cholesky(A), b), slinalg.solve(slinalg.cholesky(A).T, b), slinalg.solve(slinalg.Cholesky(lower=False)(A), b)):
        f, _ = compiled(output)
        (op,) = [node.op for node in f.maker.fgraph.apply_nodes if isinstance(node.op, slinalg.Solve)]
        assert op.A_structure.endswith("triangular")
        plain = tcore.function([A, b], output, mode=tcore.Mode("py", None))
        np.testing.assert_allclose(f(POSITIVE, MATRIX[0], MATRIX), plain(POSITIVE, MATRIX[0]))


@pytest.mark.parametrize("squarings", [1, 2, 5])
def test_bound_of_the_spectral_radius_L18628(squarings, evaluate):
    """Never below the largest eigenvalue, and tighter with every squaring."""
    symmetric = MATRIX + MATRIX.T
    largest = abs(np.linalg.eigvalsh(symmetric)).max()
    bound = evaluate(spectral_radius_bound(A, squarings), {A: symmetric})
    assert largest <= bound <= largest * 4 ** (0.5**squarings)


def test_what_the_bound_refuses():
    """Exponents that are not positive integers."""
    with pytest.raises(ValueError, match="log2_exponent is positive, got 0"):
        spectral_radius_bound(A, 0)
    with pytest.raises(TypeError, match="log2_exponent is an int, got 2.5"):
        spectral_radius_bound(A, 2.5)
    assert ops.MatrixInverse is nlinalg.MatrixInverse
