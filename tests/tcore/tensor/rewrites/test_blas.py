"""Products in the forms of BLAS: where they are found, where not, and that the numbers stay."""

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.graph import FunctionGraph
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.traversal import io_toposort
from tcore.optimizer import EquilibriumOptimizer, TopoOptimizer
from tcore.tensor.rewrites import blas
from tcore.tensor.rewrites.gemm import GemmOptimizer

RNG = np.random.default_rng(5)


def value_of(cells, x):
    # input variables have no data, so that get() with a default would not do
    if x in cells:
        return cells[x]
    return x.data


def compute(fgraph, values):
    cells = {**dict(zip(fgraph.inputs, values, strict=True))}
    for node in io_toposort(fgraph.inputs, fgraph.outputs):
        inputs = [value_of(cells, x) for x in node.inputs]
        storage = [[None] for _ in node.outputs]
        node.op.perform(node, inputs, storage)
        cells.update({x: c[0] for x, c in zip(node.outputs, storage, strict=True)})
    return [value_of(cells, x) for x in fgraph.outputs]


def optimized(inputs, out, inplace=False):
    """The ops of the graph after the group, by class name, and the graph."""
    fgraph = FunctionGraph(inputs, [out], clone=True)
    steps = [
        TopoOptimizer(blas.local_dot_to_dot22),
        GemmOptimizer(),
        TopoOptimizer(blas.local_dot22_to_dot22scalar),
        EquilibriumOptimizer([blas.local_gemm_to_gemv, blas.local_dot22_to_ger_or_gemv, blas.local_dot_to_gemv], max_use_ratio=5),
    ]
    if inplace:
        fgraph.attach_feature(DestroyHandler())
        steps.append(TopoOptimizer(blas.local_inplace_blas))
    for step in steps:
        step.optimize(fgraph)
    return [str(node.op) for node in fgraph.toposort()], fgraph


def check(inputs, out, values, inplace=False):
    plain = compute(FunctionGraph(inputs, [out], clone=True), [v.copy() for v in values])
    ops, fgraph = optimized(inputs, out, inplace)
    for found, wanted in zip(compute(fgraph, [v.copy() for v in values]), plain, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
    return ops


Z, X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
V, W, U = RNG.normal(size=4), RNG.normal(size=3), RNG.normal(size=2)


def test_dot22_of_one_dtype():
    """dot of two matrices of one float dtype; not of two dtypes, not of integers."""
    x, y = tt.dmatrices("x", "y")
    assert check([x, y], tt.dot(x, y), [X, Y]) == ["Dot22"]
    f = tt.fmatrix("f")
    assert optimized([x, f], tt.dot(x, f))[0] == ["dot"]
    i = tt.imatrix("i")
    assert optimized([i], tt.dot(i, i))[0] == ["dot"]


@pytest.mark.parametrize(
    "build",
    [
        lambda z, p, a: z + p, lambda z, p, a: p + z, lambda z, p, a: z - p, lambda z, p, a: p - z, lambda z, p, a: 0.5 * z + 2 * p,
        lambda z, p, a: a * z - 3 * a * p, lambda z, p, a: -(z + a * p), lambda z, p, a: z - 0.1 * (p * a), lambda z, p, a: 2 * (z - p),
    ],
)  # fmt: skip
def test_gemm(build):
    """Sums, differences and scalar factors on either side become one Gemm."""
    z, x, y, a = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.dscalar("a")
    out = build(z, tt.dot(x, y), a)
    fgraph_inputs = [z, x, y, a]
    plain = compute(_graph(fgraph_inputs, out), [Z, X, Y, np.array(1.5)])
    ops, fgraph = optimized(fgraph_inputs, out)
    assert ops.count("Gemm{no_inplace}") == 1
    assert "Dot22" not in ops
    np.testing.assert_allclose(compute(fgraph, [Z, X, Y, np.array(1.5)])[0], plain[0])


def _graph(inputs, out):
    return FunctionGraph(inputs, [out], clone=True)


def test_gemm_in_long_sums():
    """Every product of a sum takes part; what does not fit stays a term."""
    z, w, x, y, r = tt.dmatrix("z"), tt.dmatrix("w"), tt.dmatrix("x"), tt.dmatrix("y"), tt.drow("r")
    out = z + tt.dot(x, y) - 2 * tt.dot(2 * x, y) + r + w
    ops = check([z, w, x, y, r], out, [Z, Z + 1, X, Y, Z[:1]])
    assert ops.count("Gemm{no_inplace}") == 2
    assert "Dot22" not in ops


def test_two_products():
    """Without another term one product is the target of the other."""
    x, y = tt.dmatrices("x", "y")
    ops = check([x, y], tt.dot(x, y) + tt.dot(x + 1, y), [X, Y])
    assert sorted(op for op in ops if "Elemwise" not in op and "Shuffle" not in op) == ["Dot22", "Gemm{no_inplace}"]


def test_near_misses():
    """A product that is used elsewhere, a row as the only other term, an integer sum."""
    z, x, y, r = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.drow("r")
    p = tt.dot(x, y)
    assert "Dot22" in check([z, x, y], z + p + tt.exp(p), [Z, X, Y])
    assert "Dot22" in check([r, x, y], r + p, [Z[:1], X, Y])
    i = tt.imatrix("i")
    assert "dot" in optimized([i], i + tt.dot(i, i))[0]


def test_scalar_product():
    """A factor of a product goes into Dot22Scalar, also next to another factor."""
    x, y, a, z = tt.dmatrix("x"), tt.dmatrix("y"), tt.dscalar("a"), tt.dmatrix("z")
    assert "Dot22Scalar" in check([x, y], 2 * tt.dot(x, y), [X, Y])
    assert "Dot22Scalar" in check([x, y, a, z], tt.mul(tt.dot(x, y), a, z, a), [X, Y, np.array(2.5), Z])
    assert "Dot22Scalar" not in optimized([x, y, z], tt.dot(x, y) * z)[0]


def test_gemv():
    """Products with vectors, from either side, alone and in sums."""
    m, v, w, u = tt.dmatrix("m"), tt.dvector("v"), tt.dvector("w"), tt.dvector("u")
    for out, values in (
        (tt.dot(m, v), [X, V]), (w + tt.dot(m, v), [W, X, V]), (w - 2 * tt.dot(m, v), [W, X, V]), (tt.dot(w, m), [W, X]),
        (0.5 * w - tt.dot(u, m), [V, U, Y.T]),
    ):  # fmt: skip
        inputs = [x for x in (m, v, w, u) if x in io_inputs(out)]
        ordered = sorted(inputs, key=lambda x: "wumv".index(x.name))
        ops = check(ordered, out, values)
        assert "Gemv{no_inplace}" in ops, out
        assert "dot" not in ops


def io_inputs(out):
    from tcore.graph.traversal import inputs

    return [x for x in inputs([out]) if getattr(x, "data", None) is None]


def test_rows_columns_and_outer_products():
    """Matrices of known length 1 become vectors; an outer product that is added to a matrix becomes Ger."""
    z, x, y, c, r = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.dcol("c"), tt.drow("r")
    assert "Gemv{no_inplace}" in check([r, y], tt.dot(r, y), [V[None], Y])
    assert "Gemv{no_inplace}" in check([x, c], tt.dot(x, c), [X, V[:, None]])
    v, u = tt.dvector("v"), tt.dvector("u")
    assert "Ger{non-destructive}" in check([z, v, u], z - 0.5 * tt.outer(v, u), [Z, W, U])
    ops = check([v, u], tt.outer(v, u), [W, U])
    assert any("mul" in op for op in ops)


def test_in_place():
    """The target is overwritten only where it is no input and nothing else needs it."""
    z, x, y, v = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y"), tt.dvector("v")
    assert "Gemm{no_inplace}" in check([z, x, y], z + tt.dot(x, y), [Z, X, Y])
    ops = check([z, x, y], tt.exp(z) + tt.dot(x, y), [Z, X, Y], inplace=True)
    assert "Gemm{inplace}" in ops
    assert "Gemv{inplace}" in check([x, v], tt.dot(x, v), [X, V], inplace=True)
    e = tt.exp(z)
    ops = check([z, x, y], (e + tt.dot(x, y)) * e, [Z, X, Y], inplace=True)
    assert "Gemm{no_inplace}" in ops or "Gemm{inplace}" in ops


def test_inner_zero_length():
    """A product over an axis of length 0 is zeros; the target stays."""
    z, x, y = tt.dmatrix("z"), tt.dmatrix("x"), tt.dmatrix("y")
    check([z, x, y], z + tt.dot(x, y), [Z, np.zeros((3, 0)), np.zeros((0, 2))])


def test_equal_terms_are_collected():
    """w - a * (dot(m, v) + b * w) reads w once."""
    m, v, w = tt.dmatrix("m"), tt.dvector("v"), tt.dvector("w")
    out = w - 0.5 * (tt.dot(m, v) + 0.25 * w)
    ops = check([m, v, w], out, [X, V, W])
    assert ops.count("Gemv{no_inplace}") == 1
    assert not any(op.startswith("Elemwise") for op in ops)


@pytest.mark.parametrize(("left", "right", "common"), [("int32", "float64", "float64"), ("bool", "int8", "int8"), ("float32", "complex64", "complex64")])
def test_local_dot_of_one_dtype(left, right, common):
    """Operands of two dtypes are converted to that of the result, in products of matrices, vectors and batches."""
    x, y, u = tt.TensorType(left, (False, False))("x"), tt.TensorType(right, (False, False))("y"), tt.TensorType(right, (False,))("u")
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2, (3, 3)).astype(left), rng.integers(0, 9, (3, 3)).astype(right)
    for second, value in ((y, b), (u, b[0])):
        fgraph = FunctionGraph([x, second], [tt.dot(x, second)], clone=True)
        TopoOptimizer(blas.local_dot_of_one_dtype.rule).optimize(fgraph)
        product = fgraph.outputs[0].owner
        assert [v.type.dtype for v in (*product.inputs, *product.outputs)] == [common] * 3
        np.testing.assert_array_equal(compute(fgraph, [a, value])[0], a @ value)
    fgraph = FunctionGraph([x, y], [tt.batched_dot(x, y)], clone=True)
    TopoOptimizer(blas.local_dot_of_one_dtype.rule).optimize(fgraph)
    assert {v.type.dtype for v in fgraph.outputs[0].owner.inputs} == {common}
    np.testing.assert_array_equal(compute(fgraph, [a, b])[0], (a * b).sum(1))


def test_local_dot_of_one_dtype_leaves_one_dtype_alone():
    """Nothing to convert."""
    x, y = tt.imatrix("x"), tt.imatrix("y")
    fgraph = FunctionGraph([x, y], [tt.dot(x, y)], clone=True)
    TopoOptimizer(blas.local_dot_of_one_dtype.rule).optimize(fgraph)
    assert fgraph.outputs[0].owner.inputs == fgraph.inputs
