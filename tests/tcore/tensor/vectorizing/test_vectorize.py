"""vectorize: the graph of a batch does what NumPy's vectorize does item by item, and so do its gradients; no loop where ops have batched forms."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import tcore
import tcore.tensor as T
from tcore.graph import io_toposort
from tcore.tensor import linalg
from tcore.tensor.random.mrg_streams import MRG_RandomStreams
from tcore.tensor.shared_randomstreams import RandomStreams
from tcore.tensor.vectorizing import Signature, vectorize_graph, vectorizes
from tcore.tensor.vectorizing.loop import EachItem

RNG = np.random.default_rng(5)
V = RNG.normal(size=(2, 3, 4))  # a batch of shape (2, 3) of vectors
M = RNG.normal(size=(3, 4, 4)) + 4 * np.eye(4)  # one of shape (3,) of matrices
N = np.array([[0, 1, 3], [2, 0, 3]])


def added(x, i, y):
    out = x.copy()
    np.add.at(out, i, y)
    return out


def put(x, i, y):
    out = x.copy()
    out[i] = y
    return out


#: name -> signature, function of variables, the same of arrays, operands; "loop" where ops go item by item
CASES = {
    "numbers": (None, lambda x, y: T.exp(x) * y + 1, lambda x, y: np.exp(x) * y + 1, (V, V[0]), ""),
    "a number for all": (None, lambda x, y: x + y, np.add, (V, 2.0), ""),
    "sum and mean": ("(n)->()", lambda x: x.sum() + x.mean() * T.max(x), lambda x: x.sum() + x.mean() * x.max(), (V,), ""),
    "norm and variance": ("(n)->()", lambda x: x.norm(2) + x.var(), lambda x: np.linalg.norm(x) + x.var(), (V,), ""),
    "axes": ("(n,m)->(m)", lambda x: x.prod(axis=0) + x.min(axis=1).sum(), lambda x: x.prod(0) + x.min(1).sum(), (M,), ""),
    "argmax": ("(n)->()", lambda x: T.argmax(x) + T.argmin(x), lambda x: x.argmax() + x.argmin(), (V,), ""),
    "vector, vector": ("(n),(n)->()", T.dot, np.dot, (V, V[0, 0]), ""),
    "vector, matrix": ("(n),(n,m)->(m)", T.dot, np.dot, (V, M[0]), ""),
    "vector, matrices": ("(n),(n,m)->(m)", T.dot, np.dot, (V, M), ""),
    "vector of all, matrices": ("(n),(n,m)->(m)", T.dot, np.dot, (V[0, 0], M), ""),
    "matrices, vectors": ("(n,m),(m)->(n)", T.dot, np.dot, (M, V), ""),
    "matrix, vectors": ("(n,m),(m)->(n)", T.dot, np.dot, (M[0], V), ""),
    "matrices, vector": ("(n,m),(m)->(n)", T.dot, np.dot, (M, V[0, 0]), ""),
    "matrices": ("(n,m),(m,k)->(n,k)", T.dot, np.dot, (M, M), ""),
    "matrices, matrix": ("(n,m),(m,k)->(n,k)", T.dot, np.dot, (M, M[0]), ""),
    "matrix, matrices": ("(n,m),(m,k)->(n,k)", T.dot, np.dot, (M[0], M[:, :, :2]), ""),
    "transposed": ("(n,m)->(m,n)", lambda x: x.T * x.shape[0], lambda x: x.T * x.shape[0], (M[:, :2],), ""),
    "outer": ("(n),(m)->(n,m)", T.outer, np.outer, (V, V[0, :, :2]), ""),
    "reshaped": ("(n,m)->(k)", lambda x: x.reshape((-1, 2)).flatten() + x.flatten(), lambda x: x.ravel() * 2, (M,), ""),
    "stacked": ("(n),(n)->(m)", lambda x, y: T.concatenate([x, T.stack([y[0], 1.5, x[1]]), y]), lambda x, y: np.concatenate([x, [y[0], 1.5, x[1]], y]), (V, V[0]), ""),
    "split": ("(n)->(k)", lambda x: T.split(x, [1, 3], 2, axis=0)[1], lambda x: x[1:], (V,), ""),
    "slices": ("(n)->(k)", lambda x: x[::-1][1:] * x[0], lambda x: x[::-1][1:] * x[0], (V,), ""),
    "rows and columns": ("(n,m)->(k)", lambda x: x[1, 1:] + x[-1, :3], lambda x: x[1, 1:] + x[-1, :3], (M,), ""),
    "at its place": ("(n),()->()", lambda x, i: x[i], lambda x, i: x[i], (V, N), ""),
    "at its place of all": ("(n),()->()", lambda x, i: x[i], lambda x, i: x[i], (V[0, 0], N), ""),
    "column at its place": ("(n,m),()->(n)", lambda x, i: x[:, i], lambda x, i: x[:, i], (M, N), ""),
    "element at two places": ("(n,m),()->()", lambda x, i: x[i, 1] + x[2, i], lambda x, i: x[i, 1] + x[2, i], (M, N), ""),
    "gathered": ("(n),(k)->(k)", lambda x, i: x[i], lambda x, i: x[i], (V, np.array([0, 2, 2])), ""),
    "gathered by item": ("(n),(k)->(k)", lambda x, i: x[i], lambda x, i: x[i], (V, N[0:1]), ""),
    "gathered columns": ("(n,m),(k)->(n,k)", lambda x, i: x[:, i], lambda x, i: x[:, i], (M, N[:, None, :]), ""),
    "gathered columns of all": ("(n,m),(k)->(n,k)", lambda x, i: x[:, i], lambda x, i: x[:, i], (M[0], N), ""),
    "gathered pairs": ("(n,m),(k),(k)->(k)", lambda x, i, j: x[i, j], lambda x, i, j: x[i, j], (M, N[0], N[1]), ""),
    "set": ("(n),()->(n)", lambda x, y: T.set_subtensor(x[1:], y), lambda x, y: put(x, slice(1, None), y), (V, V[:, :, 0]), ""),
    "added": ("(n),(k)->(n)", lambda x, y: T.inc_subtensor(x[:3], y), lambda x, y: added(x, slice(3), y), (V[0, 0], V[:, :, :3]), ""),
    "added at places": ("(n),(k),(k)->(n)", lambda x, i, y: T.inc_subtensor(x[i], y), added, (V, np.array([1, 1, 0]), V[:, :, :3]), ""),
    "added at places by item": ("(n),(k),(k)->(n)", lambda x, i, y: T.inc_subtensor(x[i], y), added, (V, N[:, None, :], V[:, :, :3]), ""),
    "set at its place": ("(n),(),()->(n)", lambda x, i, y: T.set_subtensor(x[i], y), put, (V, N, V[:, :, 0]), ""),
    "columns set": ("(n,m),(k)->(n,m)", lambda x, i: T.set_subtensor(x[:, i], 0), lambda x, i: put(x, (slice(None), i), 0), (M, N[:, None, :]), ""),
    "switched": ("(n)->(n)", lambda x: T.switch(T.gt(x, x.mean()), x, 0), lambda x: np.where(x > x.mean(), x, 0), (V,), ""),
    "cumulated": ("(n)->(n)", T.cumsum, np.cumsum, (V,), ""),
    "sorted": ("(n)->(n)", lambda x: T.sort(x) + T.argsort(x), lambda x: np.sort(x) + np.argsort(x), (V,), ""),
    "softmax of rows": ("(n,m)->(n,m)", T.softmax, lambda x: scipy.special.softmax(x, -1), (M,), ""),
    "softmax of vectors": ("(n)->(n)", lambda x: T.softmax(x)[0], lambda x: scipy.special.softmax(x), (V,), ""),
    "logsumexp": ("(n)->()", T.logsumexp, scipy.special.logsumexp, (V,), ""),
    "diagonals": ("(n,m)->(k)", lambda x: T.diagonal(x, 1) * T.trace(x), lambda x: np.diagonal(x, 1) * np.trace(x), (M,), ""),
    "repeated": ("(n)->(m)", lambda x: T.repeat(x, 2), lambda x: np.repeat(x, 2), (V,), ""),
    "filled": ("()->(n)", lambda x: T.alloc(x, 3) + T.ones_like(x), lambda x: np.full(3, x) + 1, (V[0],), ""),
    "constant": ("(n)->(m)", lambda x: T.zeros(2) + 1, lambda x: np.ones(2), (V,), ""),
    "two results": ("(n)->(n),()", lambda x: [x - x.mean(), x.mean()], lambda x: (x - x.mean(), x.mean()), (V,), ""),
    "inverses": ("(n,n)->(n,n)", linalg.matrix_inverse, np.linalg.inv, (M,), ""),
    "solutions": ("(n,n),(n)->(n)", linalg.solve, np.linalg.solve, (M, V), ""),
    "factors": ("(n,n)->(n,n)", lambda x: linalg.cholesky(T.dot(x, x.T)), lambda x: np.linalg.cholesky(x @ x.T), (M,), ""),
    "solutions of matrices": ("(n,n),(n,k)->(n,k)", linalg.solve, np.linalg.solve, (M, M[:, :, :3]), ""),
    "one matrix, many vectors": ("(n,n),(n)->(n)", linalg.solve, np.linalg.solve, (M[0], V), ""),
    "one matrix, many matrices": ("(n,n),(n,k)->(n,k)", linalg.solve, np.linalg.solve, (M[0], M[:, :, :3]), ""),
    "one vector": ("(n,n),(n)->(n)", linalg.solve_lower_triangular, lambda a, b: np.linalg.solve(np.tril(a), b), (M, V[0, 0]), ""),
    "spectra": ("(n,n)->(n)", lambda x: linalg.svd(x, compute_uv=False) + linalg.eigvalsh(x, None), lambda x: np.linalg.svd(x, compute_uv=False) + np.linalg.eigvalsh(x), (M,), ""),
    "pairs of matrices": ("(n,n),(n,n)->(n)", lambda a, b: linalg.eigvalsh(a, T.dot(b, b.T)), lambda a, b: scipy.linalg.eigh(a, b @ b.T, eigvals_only=True), (M, M[1]), ""),
    "exponentials": ("(n,n)->(n,n)", linalg.expm, scipy.linalg.expm, (M / 4,), ""),
    "tensors": ("(n,m,k),(n,m)->(k)", linalg.tensorsolve, np.linalg.tensorsolve, (M.reshape(3, 2, 2, 4), V[0].reshape(3, 2, 2)), ""),
    "transforms": ("(m,n)->(m,k,c)", T.fft.rfft, lambda x: np.stack([np.fft.rfft(x).real, np.fft.rfft(x).imag], -1), (M,), "loop"),
    "determinants of all and each": ("(n,n),(n)->()", lambda a, x: linalg.det(a) * x.sum(), lambda a, x: np.linalg.det(a) * x.sum(), (M[0], V), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_numpy_item_by_item(name):
    """Values, batch axes first; a gradient for each operand, that of finite differences."""
    signature, function, reference, operands, how = CASES[name]
    variables = [T.as_tensor_variable(np.asarray(value)).type() for value in operands]
    built = T.vectorize(function, signature)(*variables)
    outputs = list(built) if isinstance(built, tuple) else [built]
    wanted = np.vectorize(reference, signature=signature)(*operands)
    found = tcore.function(variables, outputs, mode="FAST_COMPILE", on_unused_input="ignore")(*operands)
    for got, expected in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    assert any(isinstance(node.op, EachItem) for node in io_toposort(variables, outputs)) == (how == "loop") or name == "determinants of all and each"
    floating = [place for place, value in enumerate(operands) if np.asarray(value).dtype.kind == "f"]
    if outputs[0].dtype == "float64" and name not in ("argmax", "constant"):
        tcore.gradient.verify_grad(
            lambda *xs: _first(T.vectorize(function, signature)(*[xs[floating.index(k)] if k in floating else T.constant(v) for k, v in enumerate(operands)])),
            [operands[k] for k in floating], rng=np.random.default_rng(1), n_tests=1, mode="FAST_COMPILE",
        )  # fmt: skip


def _first(results):
    return results[0] if isinstance(results, tuple) else results


def test_on_every_backend(backend):
    """A layer and its gradient: products, not loops."""
    x, w, b = T.tensor3("x", "float64"), T.dmatrix("w"), T.dvector("b")
    layer = T.vectorize(lambda row, w, b: T.softmax(T.tanh(T.dot(row, w) + b))[0], "(n),(n,m),(m)->(m)")
    out = layer(x, w, b)
    f = tcore.function([x, w, b], [out, *tcore.grad(T.sqr(out).sum(), [x, w, b])])
    W, B = RNG.normal(size=(4, 2)), RNG.normal(size=2)
    got = f(V, W, B)
    np.testing.assert_allclose(got[0], scipy.special.softmax(np.tanh(V @ W + B), -1))
    flat = T.softmax(T.tanh(T.dot(x.reshape((-1, 4)), w) + b))
    plain = tcore.function([x, w, b], tcore.grad(T.sqr(flat).sum(), [x, w, b]), mode="FAST_COMPILE")
    for mine, theirs in zip(got[1:], plain(V, W, B), strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_graph():
    """A graph, where the batch takes the place of a variable in its midst."""
    x, w = T.dvector("x"), T.dmatrix("w")
    middle = T.tanh(x)
    out = [T.dot(middle, w), middle.sum()]
    X, h = T.dmatrix("X"), T.dmatrix("h")
    f = tcore.function([X, w], vectorize_graph(out, {x: X}), mode="FAST_COMPILE")
    np.testing.assert_allclose(f(V[0], M[0])[0], np.tanh(V[0]) @ M[0])
    np.testing.assert_allclose(f(V[0], M[0])[1], np.tanh(V[0]).sum(1))
    g = tcore.function([h, w], vectorize_graph(out[0], {middle: h}), mode="FAST_COMPILE")
    np.testing.assert_allclose(g(V[0], M[0]), V[0] @ M[0])


def test_second_derivatives():
    """A Hessian for each item: vectorized gradients, and gradients of vectorized functions."""
    x = T.dmatrix("x")
    hessians = T.vectorize(lambda row: tcore.gradient.hessian((row**3).sum() * row[0], row), "(n)->(n,n)")
    values = hessians(x).eval({x: V[0]})
    for row, found in zip(V[0], values, strict=True):
        wanted = np.diag(6 * row * row[0])
        wanted[0] += 3 * row**2
        wanted[:, 0] += 3 * row**2
        np.testing.assert_allclose(found, wanted)
    inverse = T.vectorize(linalg.matrix_inverse, "(n,n)->(n,n)")
    m = T.tensor3("m", "float64")
    second = tcore.grad(tcore.grad(inverse(m).sum(), m).sum(), m)
    plain = T.dmatrix("p")
    one = tcore.function([plain], tcore.grad(tcore.grad(linalg.matrix_inverse(plain).sum(), plain).sum(), plain), mode="FAST_COMPILE")
    np.testing.assert_allclose(second.eval({m: M}), [one(item) for item in M])


def test_empty_batch():
    x = T.tensor3("x", "float64")
    f = tcore.function([x], [T.vectorize(lambda r: r.reshape((2, -1)).sum(0), "(n)->(k)")(x), T.vectorize(T.sum, "(n)->()")(x), T.vectorize(linalg.matrix_inverse, "(n,n)->(n,n)")(x[:, :, :3])], mode="FAST_COMPILE")
    assert [value.shape for value in f(np.zeros((0, 3, 4)))] == [(0, 3, 2), (0, 3), (0, 3, 3)]


def test_empty_batch_of_loops():
    """How many steps a loop makes is known, though none of its items is there."""
    x, m = T.dmatrix("x"), T.dtensor3("m")
    added_up = T.vectorize(lambda x, m: tcore.scan(lambda row, last: last + row, sequences=[m], outputs_info=[x])[0], "(n),(k,n)->(k,n)")
    assert added_up(x, m).eval({x: np.zeros((0, 4)), m: np.zeros((0, 3, 4))}).shape == (0, 3, 4)


def test_excluded():
    """By position and by name: handed on as they are."""
    power = T.vectorize(lambda x, n, scale=1: scale * x**n, excluded=(1, "scale"))
    x = T.dvector("x")
    np.testing.assert_allclose(power(x, 3, scale=2).eval({x: [1.0, 2.0]}), [2, 16])
    with pytest.raises(TypeError, match="arguments by name are not vectorized; give y by position, or name them in excluded"):
        power(x, 3, y=2)


def test_draws_are_shared():
    """What does not depend on the item is computed once."""
    x = T.dvector("x")
    noisy = T.vectorize(lambda v: v + MRG_RandomStreams(1).normal(()))(x)
    got = noisy.eval({x: [0.0, 5.0]})
    assert got[1] - got[0] == pytest.approx(5)


def test_rule_of_a_user():
    """An op of another package says how a batch of it is computed."""

    class Double(tcore.Op):
        __props__ = ()

        def make_node(self, x):
            return tcore.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] * 2

    x, X = T.dvector(), T.dmatrix()
    assert isinstance(vectorize_graph(Double()(x), {x: X}).owner.op, EachItem)

    @vectorizes(Double)
    def rule(op, node, batch, items):
        return [op(items[0].variable)]

    assert isinstance(vectorize_graph(Double()(x), {x: X}).owner.op, Double)


@pytest.mark.parametrize("text", ["", "n->m", "(n)", "(n)->", "(n),->(n)", "(2)->()", "(n) (m)->()", 5])
def test_what_is_no_signature(text):
    with pytest.raises(ValueError, match="a signature names the axes of one item"):
        Signature.parse(text)


def test_signature_text():
    parsed = Signature.parse(" ( n , m ) , () -> (m)")
    assert parsed == Signature((("n", "m"), ()), (("m",),))
    assert str(parsed) == "(n,m),()->(m)"


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: T.vectorize(3), TypeError, "takes a function of symbolic variables, got 3; vectorize_graph"),
        (lambda: T.vectorize(T.dot, "(n),(n)->()")(T.dvector()), TypeError, r"the signature \(n\),\(n\)->\(\) has 2 inputs, got 1"),
        (lambda: T.vectorize(T.dot, "(n),(n)->()")(T.dvector(), 1.0), ValueError, r"argument 1 has 0 axes, the signature .* asks for \(n\)"),
        (lambda: T.vectorize(T.dot, "(n),(n)->()")(np.ones(3), np.ones(4)), ValueError, "n is 3 in input 0 and 4 in input 1"),
        (lambda: T.vectorize(T.exp, "(n)->()")(T.dvector()), ValueError, r"output 0 has 1 axes for one item, \(\) was to be expected"),
        (lambda: T.vectorize(lambda x: T.alloc(x, 2))(T.dvector()), ValueError, "a number, since there is no signature"),
        (lambda: T.vectorize(T.exp, "(n)->(n),()")(T.dvector()), ValueError, "returned 1 variables, the signature .* has 2 outputs"),
        (lambda: T.vectorize(T.arange, "()->(n)")(T.lvector()), ValueError, "a length of .* depends on the item"),
        (lambda: T.vectorize(lambda x, n: x[:n], "(n),()->(k)")(T.dmatrix(), T.lvector()), ValueError, "bounds of a slice depend on the item"),
        (lambda: T.vectorize(lambda p: RandomStreams(1).binomial((), p=p))(T.dvector()), TypeError, "no form for a batch, and .* is no tensor"),
        (lambda: vectorize_graph(T.exp(X1), {X1: T.dscalar()}), ValueError, "an item of x1 has 1 axes, so a batch of them cannot have 0"),
        (lambda: vectorize_graph(T.exp(X1), {X1: T.fmatrix()}), TypeError, "x1 has dtype float64, what stands for it must have it too"),
        (lambda: vectorize_graph(T.exp(ROW), {ROW: T.tensor3(dtype="float64")}), TypeError, "row is broadcastable where"),
    ],
)
def test_refusals(build, error, message):
    with pytest.raises(error, match=message):
        build()


X1, ROW = T.dvector("x1"), T.drow("row")


def test_items_of_different_shapes():
    """Found when the function runs."""
    x = T.lmatrix("x")
    f = tcore.function([x], T.vectorize(lambda v: T.extra_ops.Unique()(v), "(n)->(k)")(x), mode="FAST_COMPILE")
    np.testing.assert_array_equal(f([[3, 1], [2, 5]]), [[1, 3], [2, 5]])
    with pytest.raises(ValueError, match="items of one batch give arrays of different shapes"):
        f([[3, 1], [2, 2]])


def test_pickle():
    """A loop over items comes back and computes the same."""
    m = T.tensor3("m", "float64")
    f = tcore.function([m], T.vectorize(T.fft.rfft, "(m,n)->(m,k,c)")(m), mode="FAST_COMPILE")
    np.testing.assert_allclose(pickle.loads(pickle.dumps(f))(M), f(M))
    np.testing.assert_allclose(f(M)[..., 0], np.fft.rfft(M).real)
