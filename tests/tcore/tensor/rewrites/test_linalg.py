"""Rules of linear algebra: each in a graph where it fires, in a near miss, and its numbers."""

import numpy as np
import pytest
import scipy.linalg

import tcore
import tcore.tensor as T
from tcore.graph.traversal import io_toposort
from tcore.tensor import linalg

rng = np.random.default_rng(3)
SQUARE = rng.normal(size=(4, 4)) + 4 * np.eye(4)
POSITIVE = SQUARE @ SQUARE.T + np.eye(4)
RIGHT = rng.normal(size=(4, 2))
MODE = tcore.compile.get_mode("FAST_RUN").excluding("fusion")


def ops(f):
    """The classes of the ops of a function, and the structures that its equations are solved with."""
    nodes = io_toposort(f.maker.fgraph.inputs, f.maker.fgraph.outputs)
    return [type(node.op).__name__ for node in nodes], [node.op.A_structure for node in nodes if isinstance(node.op, linalg.Solve)]


def compiled(outputs, *inputs):
    """A function without fusion, whose nodes stand alone."""
    return tcore.function(list(inputs), outputs, mode=MODE.clone(linker="py"))


def test_inverse_of_inverse():
    """It is the matrix; an inverse of something else stays."""
    x = T.dmatrix("x")
    twice, other = compiled(linalg.matrix_inverse(linalg.matrix_inverse(x)) + 1, x), compiled(linalg.matrix_inverse(linalg.matrix_inverse(x) + 1), x)
    assert "MatrixInverse" not in ops(twice)[0]
    assert ops(other)[0].count("MatrixInverse") == 2
    np.testing.assert_allclose(twice(SQUARE), SQUARE + 1)
    np.testing.assert_allclose(other(SQUARE), np.linalg.inv(np.linalg.inv(SQUARE) + 1))


@pytest.mark.parametrize(
    ("facts", "structures", "meant"),
    [
        ({"lower_triangular": True}, ["lower_triangular"], np.tril),
        ({"upper_triangular": True}, ["upper_triangular"], np.triu),
        ({"symmetric": True}, ["symmetric"], lambda a: np.triu(a) + np.triu(a, 1).T),
        ({"diagonal": True}, [], lambda a: np.diag(np.diag(a))),
        ({"psd": True}, ["lower_triangular", "upper_triangular"], lambda a: np.tril(a) + np.tril(a, -1).T),
        ({"banded": True}, ["general"], lambda a: a),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_equations_with_hints(facts, structures, meant, turned):
    """The cheaper way that a fact allows, also for the transpose; what is not true is not read."""
    x, b = T.dmatrix("x"), T.dmatrix("b")
    matrix = linalg.Hint(**facts)(x)
    f = compiled(linalg.solve(matrix.T if turned else matrix, b), x, b)
    swapped = {"lower_triangular": "upper_triangular", "upper_triangular": "lower_triangular"} if turned and "psd" not in facts else {}
    assert ops(f)[1] == [swapped.get(structure, structure) for structure in structures]
    value = meant(POSITIVE)
    np.testing.assert_allclose(f(value, RIGHT), np.linalg.solve(value.T if turned else value, RIGHT))


def test_stacks_are_solved_alike():
    """Hints, inverses in products and factors of stacks."""
    x, b = T.dtensor3("x"), T.dtensor3("b")
    stack, right = np.stack([POSITIVE, 2 * POSITIVE]), np.stack([RIGHT, RIGHT])
    f = compiled(linalg.solve(linalg.psd(x), b), x, b)
    assert ops(f)[1] == ["lower_triangular", "upper_triangular"]
    np.testing.assert_allclose(f(stack, right), np.linalg.solve(stack, right))
    for product in (T.matmul(linalg.matrix_inverse(x), b), T.matmul(b.dimshuffle(0, 2, 1), linalg.matrix_inverse(x)).dimshuffle(0, 2, 1)):
        h = compiled(product, x, b)
        assert ops(h)[1] == ["general"]
        np.testing.assert_allclose(h(stack, right), np.linalg.solve(stack, right))
    g = compiled(linalg.solve(linalg.cholesky(x), b), x, b)
    assert ops(g)[1] == ["lower_triangular"]
    np.testing.assert_allclose(g(stack, right), np.linalg.solve(np.linalg.cholesky(stack), right))


def test_determinants_of_triangles():
    """The product of the diagonal of a factor or of what is marked, each of a stack; other matrices are factorized."""
    x = T.dmatrix("x")
    for matrix, value in ((linalg.cholesky(x), np.linalg.cholesky(POSITIVE)), (linalg.Hint(diagonal=True)(x), None), (linalg.cholesky(x).T, np.linalg.cholesky(POSITIVE))):
        f = compiled(linalg.det(matrix), x)
        assert "Det" not in ops(f)[0]
        np.testing.assert_allclose(f(POSITIVE), np.prod(np.diag(POSITIVE if value is None else value)))
    assert "Det" in ops(compiled(linalg.det(x), x))[0]
    y = T.dtensor3("y")
    np.testing.assert_allclose(compiled(linalg.det(linalg.cholesky(y)), y)(np.stack([POSITIVE] * 2)), [np.prod(np.diag(np.linalg.cholesky(POSITIVE)))] * 2)


def test_logarithms_of_determinants():
    """What overflows as a determinant is finite as its logarithm; without a sign that is known the rule keeps out."""
    x = T.dmatrix("x")
    large = np.eye(400) * 1e3
    f, g = compiled(T.log(abs(linalg.det(x))), x), compiled(T.log(linalg.det(linalg.psd(x))), x)
    for each in (f, g):
        assert "SLogDet" in ops(each)[0]
        np.testing.assert_allclose(each(large), 400 * np.log(1e3))
    assert "SLogDet" not in ops(compiled(T.log(linalg.det(x)), x))[0]


def test_gradients_as_ops_become_formulas():
    """Those of factors and eigenvalues, with the numbers that the ops give by themselves."""
    s, g, w = T.dmatrix("s"), T.dmatrix("g"), T.dvector("w")
    weights = rng.normal(size=(4, 4))
    values, vectors = np.linalg.eigh(POSITIVE)
    for made, arguments in (
        (linalg.EighGrad()(s, T.constant(values), T.constant(vectors), w, g), {s: POSITIVE, w: weights[0], g: weights}),
        (linalg.EigvalshGrad()(s, None, w), {s: POSITIVE, w: weights[0]}),
    ):
        f = compiled(made, *arguments)
        assert not any(name.endswith("Grad") for name in ops(f)[0])
        plain = tcore.function(list(arguments), made, mode=tcore.Mode("py", None))
        np.testing.assert_allclose(f(*arguments.values()), plain(*arguments.values()), rtol=1e-9, atol=1e-12)


def test_inverses_of_tensors():
    """They are those of matrices, which backends run; lengths that do not fit are the error that NumPy has."""
    x = T.dtensor4("x")
    f = compiled(linalg.tensorinv(x), x)
    assert "TensorInv" not in ops(f)[0]
    value = rng.normal(size=(2, 3, 3, 2))
    np.testing.assert_allclose(f(value), np.linalg.tensorinv(value))
    with pytest.raises(np.linalg.LinAlgError):
        f(np.ones((2, 3, 2, 2)))


def test_equations_of_tensors():
    """They are those of a matrix and a vector, which backends run; lengths that do not fit are the error that NumPy has."""
    x, y = T.dtensor4("x"), T.dmatrix("y")
    f = compiled(linalg.tensorsolve(x, y, axes=(0,)), x, y)
    assert "Solve" in ops(f)[0]
    assert "TensorSolve" not in ops(f)[0]
    value, right = rng.normal(size=(3, 2, 3, 2)), rng.normal(size=(2, 3))
    np.testing.assert_allclose(f(value, right), np.linalg.tensorsolve(value, right, axes=(0,)))
    for wrong in (rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(2, 3, 2, 3))):
        with pytest.raises(np.linalg.LinAlgError, match="not square over b"):
            f(wrong, right)


def test_solution_with_hints_of_scipy():
    """The triangle that is marked is the one that is read."""
    x, b = T.dmatrix("x"), T.dvector("b")
    f = compiled(linalg.solve(linalg.Hint(lower_triangular=True)(x), b), x, b)
    np.testing.assert_allclose(f(SQUARE, RIGHT[:, 0]), scipy.linalg.solve_triangular(SQUARE, RIGHT[:, 0], lower=True))
