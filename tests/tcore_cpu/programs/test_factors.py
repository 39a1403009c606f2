"""Equations with one matrix, and with its transpose: factored once, with the numbers and errors of each alone."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.tensor import slinalg
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.native.abi import Instruction, LinearAlgebra
from tcore_cpu.programs.assembler import Assembler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture
def operations(monkeypatch):
    """The operations of linear algebra that programs get from now on."""
    found, emit = [], Assembler.emit

    def noting(self, instruction, *operands):
        if instruction is Instruction.LINALG:
            found.append(LinearAlgebra(operands[0]))
        emit(self, instruction, *operands)

    monkeypatch.setattr(Assembler, "emit", noting)
    with tcore.config.change_flags(compilation_cache=False):
        yield found


def matrices(dtype, *shape, seed=0):
    rng = np.random.default_rng(seed)
    value = rng.standard_normal(shape) + 3 * np.eye(shape[-1])
    return (value + 1j * rng.standard_normal(shape) if dtype == "complex128" else value).astype(dtype)


@pytest.mark.parametrize("form", ["matrix", "vector", "stack"])
def test_solution_and_gradient(operations, form):
    """``b̄ = A⁻ᵀ g`` and ``Ā = -b̄ xᵀ``: one factor, for rows, columns and stacks of them."""
    shape, right = {"matrix": ((7, 7), (7, 3)), "vector": ((7, 7), (7,)), "stack": ((4, 7, 7), (4, 7, 2))}[form]
    a, b, g = (tt.TensorType("float64", (False,) * len(s))(name) for s, name in ((shape, "a"), (right, "b"), (right, "g")))
    x = slinalg.solve(a, b)
    f = tcore.function([a, b, g], [x, *tcore.grad((x * g).sum(), [a, b])])
    assert operations.count(LinearAlgebra.FACTOR) == 1
    assert operations.count(LinearAlgebra.SOLVE_FACTORED) == 2
    matrix, rng = matrices("float64", *shape), np.random.default_rng(1)
    vector, weights = rng.standard_normal((2, *right))
    columns = (..., None) if form == "vector" else ...
    solved = np.linalg.solve(matrix, vector[columns])
    back = np.linalg.solve(np.swapaxes(matrix, -1, -2), weights[columns])
    for layout in (matrix, np.asfortranarray(matrix), matrix[..., ::-1].copy()[..., ::-1]):
        for result, expected in zip(f(layout, vector, weights), (solved, -back @ np.swapaxes(solved, -1, -2), back), strict=True):
            np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_transpose_and_matrix(operations, dtype):
    """Whichever comes first, and several of each; the transpose of a complex matrix is not its adjoint."""
    a, b = (tt.TensorType(dtype, (False, False))(name) for name in "ab")
    first = slinalg.solve(a.T, b)
    f = tcore.function([a, b], slinalg.solve(a, first) + slinalg.solve(a.T, 2 * first) + slinalg.solve(a.conj().T, b))
    assert operations.count(LinearAlgebra.FACTOR) == 1
    assert operations.count(LinearAlgebra.SOLVE) == (dtype == "complex128")
    matrix, right = matrices(dtype, 6, 6), matrices(dtype, 6, 6, seed=1)
    inner = np.linalg.solve(matrix.T, right)
    expected = np.linalg.solve(matrix, inner) + np.linalg.solve(matrix.T, 2 * inner) + np.linalg.solve(matrix.conj().T, right)
    np.testing.assert_allclose(f(matrix, right), expected, rtol=2e-4 if dtype == "float32" else 1e-10)


def test_one_matrix_for_a_stack(operations):
    """A matrix without a stack and right sides with one; nothing is shared with another matrix."""
    a, c, b = tt.dmatrix("a"), tt.dmatrix("c"), tt.dtensor3("b")
    f = tcore.function([a, c, b], [slinalg.solve(a, b), slinalg.solve(a, b + 1), slinalg.solve(c, b)])
    assert [operations.count(kind) for kind in (LinearAlgebra.FACTOR, LinearAlgebra.SOLVE_FACTORED, LinearAlgebra.SOLVE)] == [1, 2, 1]
    one, other, right = matrices("float64", 5, 5), matrices("float64", 5, 5, seed=1), np.random.default_rng(2).standard_normal((3, 5, 2))
    for result, (matrix, side) in zip(f(one, other, right), ((one, right), (one, right + 1), (other, right)), strict=True):
        np.testing.assert_allclose(result, np.linalg.solve(np.broadcast_to(matrix, (3, 5, 5)), side), rtol=1e-10)


def test_steps_of_a_loop(operations):
    """A new factor for every step, as its matrix is another one."""
    a, x0 = tt.dtensor3("a"), tt.dvector("x")

    def step(given, x):
        m = given * (2 + tt.tanh(x[0]))
        return slinalg.solve(m, x) + slinalg.solve(m.T, x)

    x, _ = tcore.scan(step, sequences=a, outputs_info=x0)
    f = tcore.function([a, x0], x[-1])
    assert LinearAlgebra.FACTOR in operations
    values = matrices("float64", 6, 4, 4)
    expected = np.ones(4)
    for given in values:
        matrix = given * (2 + np.tanh(expected[0]))
        expected = np.linalg.solve(matrix, expected) + np.linalg.solve(matrix.T, expected)
    np.testing.assert_allclose(f(values, np.ones(4)), expected, rtol=1e-9)


@pytest.mark.parametrize("columns", [2, 0])
def test_singular_matrices(operations, columns):
    """Refused by the first equations, also where there is no right side; empty ones have the empty solution."""
    a, b = tt.dmatrix("a"), tt.dmatrix("b")
    f = tcore.function([a, b], [slinalg.solve(a, b), slinalg.solve(a.T, b)])
    assert LinearAlgebra.FACTOR in operations
    with pytest.raises(np.linalg.LinAlgError, match="(?i)singular"):
        f(np.ones((3, 3)), np.ones((3, columns)))
    assert [r.shape for r in f(np.zeros((0, 0)), np.zeros((0, columns)))] == [(0, columns)] * 2
    with pytest.raises(ValueError, match="2 rows"):
        f(np.eye(3), np.ones((2, columns)))
