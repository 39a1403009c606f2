"""Linear equations: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import POSITIVE, SQUARE, TALL

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(553)


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
    np.testing.assert_allclose(
        evaluate(linalg.Solve("symmetric", lower=True)(z, z[0]), {z: SQUARE}), np.linalg.solve(np.tril(SQUARE) + np.tril(SQUARE, -1).T, SQUARE[0])
    )


@pytest.mark.parametrize("structure", ["general", "symmetric", "lower_triangular", "upper_triangular"])
def test_derivatives_of_solve_L25497(structure, check_grad, check_complex_grad, check_direction):
    """With respect to both operands, for vectors and matrices on the right."""
    op = linalg.Solve(structure)
    for right in (rng.normal(size=4), rng.normal(size=(4, 2))):
        check_grad(op, SQUARE, right)
        check_direction(op, SQUARE, right)
    check_complex_grad(lambda z: op(z, z[0]), SQUARE + 1j * rng.normal(size=(4, 4)))
    check_grad(linalg.Solve("symmetric", lower=True), SQUARE, rng.normal(size=4))


@pytest.mark.parametrize("solve", [linalg.solve, lambda a, b: linalg.tensorsolve(a, b)], ids=["solve", "tensorsolve"])
def test_real_equations_with_a_complex_right_hand_side(solve, check_grad):
    """The gradient of the real matrix is real."""
    right = np.array([1 + 2j, 0.5 - 1j, 3j, -1.0])

    def parts(a):
        solution = solve(a, T.constant(right))
        return T.concatenate([solution.real, solution.imag])

    check_grad(parts, SQUARE)
    a = T.dmatrix()
    assert T.grad(parts(a).sum(), a).dtype == "float64"


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
    with pytest.raises(ValueError, match="A_structure is one of 'general', 'symmetric', .*, got 'diagonal'"):
        linalg.Solve("diagonal")
    with pytest.raises(TypeError, match="a vector or matrices on the right"):
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
    with pytest.raises(np.linalg.LinAlgError, match="is not square over b"):
        evaluate(linalg.tensorsolve(x, y), {x: np.ones((2, 3, 5)), y: b})
    with pytest.raises(ValueError, match="axis 3 does not exist"):
        linalg.tensorsolve(x, y, axes=(3,))


@pytest.mark.parametrize("op", [linalg.solve, linalg.solve_symmetric, linalg.solve_lower_triangular, linalg.solve_upper_triangular])
@pytest.mark.parametrize("order", ["C", "F"])
def test_no_right_sides(op, order, evaluate):
    """A singular matrix is refused without right sides as well, as by NumPy; of any other nothing is the solution."""
    x, y = T.dmatrix(), T.dmatrix()
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        evaluate(op(x, y), {x: np.zeros((2, 2), order=order), y: np.zeros((2, 0), order=order)})
    assert evaluate(op(x, y), {x: np.eye(2), y: np.zeros((2, 0))}).shape == (2, 0)
    assert evaluate(op(x, y), {x: np.zeros((0, 0)), y: np.zeros((0, 3))}).shape == (0, 3)
