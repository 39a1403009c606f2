"""Products: dot in all ranks, tensordot, batches, and the forms of BLAS."""

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.tensor import blas
from tcore.tensor.dot import Dot

RNG = np.random.default_rng(3)


def tensor(value, name=None):
    return tt.TensorType(str(value.dtype), (False,) * value.ndim)(name)


@pytest.mark.parametrize(
    "shapes", [((4,), (4,)), ((4,), (4, 3)), ((2, 4), (4,)), ((2, 4), (4, 3)), ((2, 3, 4), (4, 5)), ((4,), (2, 4, 3)),
               ((2, 3, 4), (5, 4, 2)), ((0, 4), (4, 3)), ((2, 0), (0, 3)), ((2, 3, 4), (4,)), ((), (2, 3)), ((3,), ())], ids=str,
)  # fmt: skip
def test_dot(evaluate, check_gradient, shapes):
    """The rules of NumPy for every pair of ranks, also with empty axes."""
    a, b = (RNG.normal(size=shape) for shape in shapes)
    a, b = np.asarray(a), np.asarray(b)
    x, y = tensor(a), tensor(b)
    np.testing.assert_allclose(evaluate(tt.dot(x, y), {x: a, y: b}), np.dot(a, b))
    check_gradient(tt.dot, a, b)


def test_dot_forms():
    """Printed form, dtype, and what the bare op refuses."""
    x, y = tt.fmatrix("x"), tt.dmatrix("y")
    result = tt.dot(x, y)
    assert str(result) == "dot.0"
    assert result.dtype == "float64"
    assert tt.dot(tt.drow("r"), tt.dcol("c")).broadcastable == (True, True)
    with pytest.raises(TypeError, match="use the function dot"):
        Dot()(tt.dtensor3("t"), y)
    with pytest.raises(TypeError):
        tt.dot(tt.dmatrix, y)


def test_dot_shape_error(evaluate):
    """Shapes that do not fit are shown."""
    x, y = tt.dmatrices("x", "y")
    with pytest.raises(ValueError, match=r"x has 3 cols \(and 2 rows\) but y has 2 rows \(and 3 cols\)"):
        evaluate(tt.dot(x, y), {x: np.ones((2, 3)), y: np.ones((2, 3))})


TENSORDOTS = [
    ((2, 3, 4), (3, 4, 5), 2), ((2, 3, 4), (5, 6, 4, 3), [[1, 2], [3, 2]]), ((2, 3), (4, 5), 0), ((2, 3, 4), (4,), 1),
    ((3, 2), (3, 2), [[0, 1], [0, 1]]), ((3, 2), (2, 5), 1), ((3, 2), (3, 4), [0, 0]), ((2, 3, 4), (4, 2), [[-1, 0], [0, 1]]),
    ((2, 0), (0, 3), 1),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "axes"), TENSORDOTS, ids=str)
def test_tensordot(evaluate, check_gradient, left, right, axes):
    """As NumPy; axes as a number or two lists."""
    a, b = RNG.normal(size=left), RNG.normal(size=right)
    x, y = tensor(a), tensor(b)
    np.testing.assert_allclose(evaluate(tt.tensordot(x, y, axes), {x: a, y: b}), np.tensordot(a, b, axes))
    check_gradient(lambda x, y: tt.tensordot(x, y, axes), a, b)


@pytest.mark.parametrize("axes", [3, [[0], [0, 1]], [[5], [0]], [[0, 0], [0, 1]], [[0]], -1], ids=str)
def test_bad_tensordot(axes):
    """Axes that do not fit are refused when the graph is built."""
    with pytest.raises(ValueError, match="tensordot"):
        tt.tensordot(tt.dmatrix("x"), tt.dmatrix("y"), axes)


@pytest.mark.parametrize(
    "shapes", [((2, 3, 4), (2, 4, 5)), ((2, 4), (2, 4)), ((2, 4), (2, 4, 5)), ((2, 3, 4), (2, 4)), ((2,), (2, 3)), ((2, 3), (2,)),
               ((0, 3, 4), (0, 4, 5))], ids=str,
)  # fmt: skip
def test_batched_dot(evaluate, check_gradient, shapes):
    """Item by item, the product of NumPy."""
    a, b = (RNG.normal(size=shape) for shape in shapes)
    x, y = tensor(a), tensor(b)
    found = evaluate(tt.batched_dot(x, y), {x: a, y: b})
    wanted = [np.dot(p, q) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, np.array(wanted).reshape(found.shape))
    check_gradient(tt.batched_dot, a, b)


@pytest.mark.parametrize(
    ("left", "right", "axes", "plain"),
    [((2, 3, 4), (2, 4, 5), 1, 1), ((2, 3, 4, 5), (2, 5, 3), [[1, 3], [2, 1]], [[0, 2], [1, 0]]), ((2, 3), (2, 4), 0, 0)], ids=str,
)  # fmt: skip
def test_batched_tensordot(evaluate, check_gradient, left, right, axes, plain):
    """tensordot of each pair of items; lists count the batch axis."""
    a, b = RNG.normal(size=left), RNG.normal(size=right)
    x, y = tensor(a), tensor(b)
    wanted = [np.tensordot(p, q, plain) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(evaluate(tt.batched_tensordot(x, y, axes), {x: a, y: b}), wanted)
    check_gradient(lambda x, y: tt.batched_tensordot(x, y, axes), a, b)


def test_outer(evaluate, check_gradient):
    """Of vectors; others are flattened."""
    a, b = RNG.normal(size=3), RNG.normal(size=(2, 2))
    x, y = tensor(a), tensor(b)
    np.testing.assert_allclose(evaluate(tt.outer(x, y), {x: a, y: b}), np.outer(a, b))
    check_gradient(tt.outer, a, b)


M, K, N = 3, 4, 2
Z, X, Y = RNG.normal(size=(M, N)), RNG.normal(size=(M, K)), RNG.normal(size=(K, N))
V, W = RNG.normal(size=K), RNG.normal(size=M)


def test_dot22(evaluate, check_gradient):
    """The product, and the product with a scalar."""
    x, y = tt.dmatrices("x", "y")
    np.testing.assert_allclose(evaluate(blas.dot22(x, y), {x: X, y: Y}), X @ Y)
    np.testing.assert_allclose(evaluate(blas.dot22scalar(x, y, np.float64(2.5)), {x: X, y: Y}), 2.5 * X @ Y)
    check_gradient(blas.dot22, X, Y)
    check_gradient(blas.dot22scalar, X, Y, 1.5)
    assert (str(blas.dot22), str(blas.dot22scalar)) == ("Dot22", "Dot22Scalar")
    with pytest.raises(TypeError, match="one dtype"):
        blas.dot22(tt.fmatrix("f"), y)
    with pytest.raises(TypeError, match="one dtype"):
        blas.dot22(tt.imatrix("f"), tt.imatrix("g"))


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("b", [0.0, 1.0, -0.5])
@pytest.mark.parametrize("a", [1.0, 2.0])
def test_updates(evaluate, inplace, a, b):
    """Gemm, Gemv and Ger in both forms; a factor 0 does not read the target, even NaN."""
    z, x, y, v, w, u = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.dvector("v"), tt.dvector("w"), tt.dvector("u")
    target = Z.copy() if b else np.full((M, N), np.nan)
    values = {z: target, x: X, y: Y, v: V, w: W.copy() if b else np.full(M, np.nan), u: RNG.normal(size=N)}
    gemm = blas.gemm_inplace if inplace else blas.gemm_no_inplace
    gemv = blas.gemv_inplace if inplace else blas.gemv_no_inplace
    ger = blas.ger_destructive if inplace else blas.ger
    found = evaluate(gemm(z, a, x, y, b), values)
    np.testing.assert_allclose(found, (b * Z if b else 0) + a * X @ Y)
    assert np.shares_memory(found, target) == inplace
    np.testing.assert_allclose(evaluate(gemv(w, a, x, v, b), values), (b * W if b else 0) + a * X @ V)
    s = tt.dvector("s")
    np.testing.assert_allclose(evaluate(ger(z, a, s, u), {**values, z: Z.copy(), s: W}), Z + a * np.outer(W, values[u]))
    assert gemm.destroy_map == gemv.destroy_map == ger.destroy_map == ({0: [0]} if inplace else {})


def test_printed_forms():
    """In place and not."""
    assert str(blas.gemm_inplace) == "Gemm{inplace}"
    assert str(blas.gemm_no_inplace) == "Gemm{no_inplace}"
    assert str(blas.gemv_inplace) == "Gemv{inplace}"
    assert str(blas.ger_destructive) == "Ger{destructive}"
    assert str(blas.ger) == "Ger{non-destructive}"


def test_update_gradients(check_gradient):
    """All operands."""
    check_gradient(blas.gemm_no_inplace, Z, 1.5, X, Y, 0.5)
    check_gradient(blas.gemv_no_inplace, W, 1.5, X, V, 0.5)
    check_gradient(blas.ger, Z, 1.5, W, V[:N])


def test_directional_derivative(evaluate):
    """R_op of dot is the product rule."""
    x, y, dx, dy = tt.dmatrices("x", "y", "dx", "dy")
    values = {x: X, y: Y, dx: X + 1, dy: Y - 1}
    result = tt.dot(x, y)
    (moved,) = result.owner.op.R_op([x, y], [dx, dy])
    np.testing.assert_allclose(evaluate(moved, values), (X + 1) @ Y + X @ (Y - 1))
    assert result.owner.op.R_op([x, y], [None, None]) == [None]


def test_tensordot_checks_each_axis(evaluate):
    """Lengths that differ axis by axis are refused even where their products agree."""
    a, b = tt.dmatrix("a"), tt.dtensor3("b")
    product = tt.tensordot(a, b, [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match="tensordot: the axes that are summed over differ in length"):
        evaluate(product, {a: np.ones((2, 6)), b: np.ones((3, 4, 2))})
    np.testing.assert_array_equal(evaluate(product, {a: np.ones((3, 4)), b: np.ones((3, 4, 2))}), [12.0, 12.0])


def test_dot_names_its_own_lengths(evaluate):
    """Operands with more than two axes are reported by their own lengths."""
    x, y = tt.dtensor3("x"), tt.dmatrix("y")
    with pytest.raises(ValueError, match=r"^dot: .* differ in length, got shapes \(2, 5, 10\) and \(6, 3\)"):
        evaluate(tt.dot(x, y), {x: np.ones((2, 5, 10)), y: np.ones((6, 3))})


def test_products_of_many(evaluate):
    """``matrix_dot`` multiplies from the left; batches of more axes are summed over the last and the second last."""
    a, b, c = tt.dmatrices("abc")
    values = {each: np.random.default_rng(k).normal(size=(3, 3)) for k, each in enumerate((a, b, c))}
    np.testing.assert_allclose(evaluate(tt.matrix_dot(a, b, c), values), values[a] @ values[b] @ values[c])
    np.testing.assert_array_equal(evaluate(tt.matrix_dot(a), values), values[a])
    p, q = tt.dtensor4("p"), tt.dtensor3("q")
    given = {p: np.random.default_rng(4).normal(size=(2, 3, 4, 5)), q: np.random.default_rng(5).normal(size=(2, 5, 6))}
    np.testing.assert_allclose(evaluate(tt.batched_dot(p, q), given), np.einsum("bijk,bkl->bijl", given[p], given[q]))


COMPLEX_PRODUCTS = [((4,), (4,)), ((4,), (4, 3)), ((2, 4), (4,)), ((2, 4), (4, 3)), ((2, 3, 4), (4, 5))]


@pytest.mark.parametrize("kinds", ["complex with complex", "real with complex", "complex with real"])
@pytest.mark.parametrize("shapes", COMPLEX_PRODUCTS, ids=str)
def test_gradients_of_complex_products(check_grad, shapes, kinds):
    """Derivatives by real and imaginary parts; the gradient of a real operand is real."""
    parts = [RNG.normal(size=shape) for shape in shapes for _ in range(2)]
    first, _, second = kinds.split()

    def product(a, b, c, d):
        x = a + np.array(1j) * b if first == "complex" else a + b
        y = c + np.array(1j) * d if second == "complex" else c + d
        out = tt.dot(x, y)
        return tt.concatenate([out.real.flatten(), out.imag.flatten()])

    check_grad(product, *parts)


def test_gradients_of_complex_batches_and_blas(check_grad):
    """Those of batched products, and of the ops that the optimizer makes of products."""
    a, b = RNG.normal(size=(2, 2, 3, 4)), RNG.normal(size=(2, 2, 4, 5))
    i = np.array(1j)

    def both(out):
        return tt.concatenate([out.real.flatten(), out.imag.flatten()])

    check_grad(lambda p, q, r, s: both(tt.batched_dot(p + i * q, r + i * s)), *a, *b)
    m, n, z, v = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=(3, 5)), RNG.normal(size=4)
    for op, operands in (
        (blas.dot22, [m, n]),
        (blas.dot22scalar, [m, n, np.array(0.3)]),
        (blas.gemm_no_inplace, [z, np.array(0.3), m, n, np.array(0.7)]),
        (blas.gemv_no_inplace, [z[:, 0], np.array(0.3), m, v, np.array(0.7)]),
        (blas.ger, [z, np.array(0.3), m[:, 0], n[0]]),
    ):
        values = [part for operand in operands for part in (operand, RNG.normal(size=operand.shape))]
        check_grad(lambda *parts, op=op: both(op(*[re + i * im for re, im in zip(parts[::2], parts[1::2], strict=True)])), *values)
