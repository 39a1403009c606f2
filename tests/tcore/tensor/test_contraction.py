"""Products of stacks of matrices, and sums by Einstein's convention."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(31)


def variable(a):
    """A variable for an array, broadcastable where it has length 1."""
    return T.TensorType(a.dtype.name, tuple(n == 1 for n in a.shape))()


MATMUL = [
    ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)), ((6, 5, 2, 3), (6, 5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((0, 2, 3), (0, 3, 4)), ((2, 2, 0), (2, 0, 3)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", MATMUL, ids=str)
def test_matmul(shapes, evaluate, check_grad):
    """As NumPy's for vectors, matrices, and stacks that broadcast; as the operator, too."""
    a, b = (rng.normal(size=shape) for shape in shapes)
    x, y = variable(a), variable(b)
    np.testing.assert_allclose(evaluate(T.matmul(x, y), {x: a, y: b}), a @ b)
    np.testing.assert_allclose(evaluate(x @ y, {x: a, y: b}), a @ b)
    np.testing.assert_allclose(evaluate(T.constant(a) @ y, {y: b}), a @ b)
    if a.size and b.size:
        check_grad(T.matmul, a, b, flags=[v.type.broadcastable for v in (x, y)])


def test_matmul_refuses(evaluate):
    """Scalars, and lengths that do not fit."""
    with pytest.raises(ValueError, match="is a scalar: multiply with"):
        T.dscalar() @ T.dvector()
    x, y = T.dtensor4(), T.dtensor4()
    with pytest.raises(ValueError, match="differ in length"):
        evaluate(x @ y, {x: np.ones((2, 3, 4, 5)), y: np.ones((3, 2, 5, 4))})
    with pytest.raises(ValueError):
        evaluate(x @ y, {x: np.ones((2, 3, 4, 5)), y: np.ones((2, 3, 6, 4))})


def test_vecdot(evaluate):
    """As NumPy's, with the first conjugated."""
    a, b = rng.normal(size=(2, 3, 4)) + 1j * rng.normal(size=(2, 3, 4))
    x, y = T.zmatrix(), T.zmatrix()
    np.testing.assert_allclose(evaluate(T.vecdot(x, y), {x: a, y: b}), (a.conj() * b).sum(-1))
    np.testing.assert_allclose(evaluate(T.vecdot(x, y, axis=0), {x: a, y: b}), (a.conj() * b).sum(0))


EINSUM = [
    ("i->", (4,)), ("ij->ji", (3, 4)), ("ij->j", (3, 4)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (3, 3, 2)), ("ijij->ij", (2, 3, 2, 3)), ("iii->i", (2, 2, 2)),
    ("i,i", (4,), (4,)), ("i,j", (3,), (4,)), ("i,j->ji", (3,), (4,)), ("ij,jk", (2, 3), (3, 4)), ("ij,kj->ik", (2, 3), (4, 3)), ("ij,ij->i", (2, 3), (2, 3)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)), ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)), ("abcd,cdef->abef", (2, 3, 4, 5), (4, 5, 2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("ij,j,i->", (2, 3), (3,), (2,)), ("ij,ik,il->jkl", (2, 3), (2, 4), (2, 5)), ("ij,jk->", (2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4)), ("...ij,jk", (6, 5, 2, 3), (3, 4)), ("...i->...", (2, 3, 4)), ("...,...", (2, 3), (3,)), ("i...,i...->...", (2, 3), (2, 3)),
    ("ij,ij->", (1, 3), (2, 3)), ("bij,bjk->bik", (1, 2, 3), (5, 3, 4)), ("ij,jk->ik", (2, 1), (3, 4)), ("ba", (2, 3)), ("i j , j k -> i k", (2, 3), (3, 4)), ("ij,jk->ik", (2, 0), (0, 4)),
]  # fmt: skip


@pytest.mark.parametrize("case", EINSUM, ids=str)
def test_einsum(case, evaluate, check_grad):
    """As NumPy's: products, transposes, diagonals, broadcasts, several operands, with gradients."""
    subscripts, *shapes = case
    arrays = [rng.normal(size=shape) for shape in shapes]
    xs = [variable(a) for a in arrays]
    found = T.einsum(subscripts, *xs)
    np.testing.assert_allclose(evaluate(found, dict(zip(xs, arrays, strict=True))), np.einsum(subscripts, *arrays), atol=1e-12)
    if all(a.size for a in arrays):
        check_grad(lambda *v: T.einsum(subscripts, *v), *arrays, flags=[x.type.broadcastable for x in xs])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_compiled():
    """Attention: products of stacks compile to batched products."""
    q, k, v = T.dtensor4(), T.dtensor4(), T.dtensor4()
    scores = T.einsum("bhid,bhjd->bhij", q, k)
    weights = T.exp(scores) / T.exp(scores).sum(-1, keepdims=True)
    f = tcore.function([q, k, v], weights @ v)
    a, b, c = rng.normal(size=(3, 2, 3, 4, 5))
    s = np.exp(np.einsum("bhid,bhjd->bhij", a, b))
    np.testing.assert_allclose(f(a, b, c), (s / s.sum(-1, keepdims=True)) @ c)


@pytest.mark.parametrize(
    ("subscripts", "message"),
    [
        ("ij", "is for 1 operands, there are 2"), ("ijk,jk", "names 3 axes"), ("ij,j->ik", "no operand of .* has the label 'k'"), ("ij,j->ii", "has a label twice"),
        ("i1,j", "labels are letters"), ("i,j", "names 1 axes"), ("...,j->", "needs the axes of"),
    ],
)  # fmt: skip
def test_einsum_refuses(subscripts, message):
    """Subscripts that do not fit."""
    with pytest.raises(ValueError, match=message):
        T.einsum(subscripts, T.dmatrix(), T.dvector())
    with pytest.raises(TypeError, match="subscripts as text"):
        T.einsum(T.dmatrix(), [0, 1])


def test_einsum_checks_lengths(evaluate):
    """One label, one length: within an operand and between two."""
    x, y = T.dmatrix(), T.dtensor3()
    with pytest.raises(ValueError, match="two axes with the label 'i' differ in length"):
        evaluate(T.einsum("ii->i", x), {x: np.ones((2, 3))})
    with pytest.raises(ValueError):
        evaluate(T.einsum("ij,bij->b", x, y), {x: np.ones((2, 3)), y: np.ones((4, 3, 2))})
    with pytest.raises(ValueError):
        evaluate(T.einsum("ij,jk->ik", x, x), {x: np.ones((2, 3))})
