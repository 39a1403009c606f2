"""Sparse matrices: types, values, parts, conversions, products and their gradients, against SciPy."""

import json
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

import tcore
import tcore.tensor as tt
from tcore import function, shared
from tcore.cli.main import main
from tcore.sparse import (
    CSC,
    CSM,
    CSR,
    SparseType,
    add,
    as_sparse_or_tensor_variable,
    as_sparse_variable,
    bsr_matrix,
    cast,
    construct_sparse_from_list,
    csc_from_dense,
    csc_matrix,
    csm_data,
    csm_indices,
    csm_indptr,
    csm_properties,
    csm_shape,
    csr_from_dense,
    csr_matrix,
    dense_from_sparse,
    dot,
    matrix,
    mul,
    sp_ones_like,
    sp_zeros_like,
    sqr,
    structured_add,
    structured_dot,
    structured_exp,
    sub,
    transpose,
    true_dot,
)
from tcore_sparse.variable import SparseTensorSharedVariable

FORMATS = ["csc", "csr"]
DENSE = np.array([[0, 1.5, 0, -2], [0, 0, 0, 0], [3, 0, 0.5, 0]])
OTHER = np.array([[1, 2.0, 0, 0], [0, 0, 0, 4], [0, 0, -1, 0]])
W = np.arange(8.0).reshape(4, 2) - 3


def sparse(format, data=DENSE):
    return sp.csc_matrix(data) if format == "csc" else sp.csr_matrix(data)


def numeric_gradient(f, value, places=None):
    """Central differences of a function of a dense matrix, at all or the given places."""
    out = np.zeros(value.shape)
    for place in np.ndindex(*value.shape):
        if places is not None and not places[place]:
            continue
        moved = []
        for step in (1e-6, -1e-6):
            changed = value.copy()
            changed[place] += step
            moved.append(f(changed))
        out[place] = (moved[0] - moved[1]) / 2e-6
    return out


def test_types():
    """Text, equality, formats and dtypes."""
    x = csc_matrix("x", dtype="float64")
    assert str(x.type) == "Sparse[float64, csc]"
    assert str(csc_matrix(dtype="float64")) == "SparseVariable{csc,float64}"
    assert x.type == SparseType("csc", "float64") != csr_matrix("x", dtype="float64").type
    assert x.ndim == 2
    assert bsr_matrix("b", dtype="float32").type.format == "bsr"
    assert csr_matrix("x").dtype == tcore.config.floatX
    assert pickle.loads(pickle.dumps(x.type)) == x.type
    for bad in (lambda: SparseType("coo", "float64"), lambda: SparseType("csc", "bool"), lambda: matrix("dia")):
        with pytest.raises(NotImplementedError):
            bad()
    with pytest.raises(TypeError):
        csc_matrix("x", dtype="float64", broadcastable=(True, False))


def test_filter():
    """Values are checked and, where nothing is lost, converted."""
    kind = SparseType("csc", "float64")
    value = sparse("csc")
    assert kind.filter(value) is value
    assert kind.filter(sparse("csr")).format == "csc"
    assert kind.filter(DENSE).nnz == 4
    assert kind.filter(sp.csc_matrix(DENSE.astype("float32"))).dtype == "float64"
    for bad in (sparse("csr"), DENSE):
        with pytest.raises(TypeError, match="strictly takes"):
            kind.filter(bad, strict=True)
    with pytest.raises(TypeError, match="without a loss"):
        SparseType("csc", "float32").filter(value)
    with pytest.raises(TypeError, match="symbolic"):
        kind.filter(csc_matrix())
    with pytest.raises(TypeError, match="dimensions"):
        kind.filter(np.ones(3))


def test_values_compare():
    """Stored zeros do not count; rounding is allowed for by values_eq_approx."""
    kind = SparseType("csr", "float64")
    a = sparse("csr")
    b = sp.csr_matrix((np.array([1.5, -2, 0, 3, 0.5]), np.array([1, 3, 1, 0, 2]), np.array([0, 2, 3, 5])), shape=(3, 4))
    assert kind.values_eq(a, b)
    assert not kind.values_eq(a, a * 2)
    assert kind.values_eq_approx(a, a * (1 + 1e-9))
    assert not kind.values_eq_approx(a, a + sparse("csr", OTHER))
    assert kind.may_share_memory(a, a)
    assert not kind.may_share_memory(a, b)


@pytest.mark.parametrize("format", FORMATS)
def test_parts(format):
    """The parts of a matrix, and a matrix of its parts; the documented example of both formats."""
    x = matrix(format, "x", "int64")
    value = (sp.csc_matrix if format == "csc" else sp.csr_matrix)(
        (np.array([7, 8, 9]), np.array([0, 1, 2], "int32"), np.array([0, 2, 3, 3], "int32")), shape=(3, 3)
    )
    parts = function([x], csm_properties(x))(value)
    for found, wanted, dtype in zip(parts, (value.data, value.indices, value.indptr, value.shape), ("int64", "int32", "int32", "int64"), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == dtype
    dense = [[7, 0, 0], [8, 0, 0], [0, 9, 0]] if format == "csc" else [[7, 8, 0], [0, 0, 9], [0, 0, 0]]
    again = function([x], CSM(format)(csm_data(x), csm_indices(x), csm_indptr(x), csm_shape(x)))(value)
    assert again.format == format
    np.testing.assert_array_equal(again.toarray(), dense)


def test_parts_read_in_the_other_format():
    """CSR of the parts of a csc matrix is the transpose."""
    x = csc_matrix("x", dtype="int64")
    value = sp.csc_matrix(np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]]))
    found = function([x], CSR(*csm_properties(x)))(value)
    np.testing.assert_array_equal(found.toarray(), [[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    assert function([x], CSC(*csm_properties(x)))(value).format == "csc"


@pytest.mark.parametrize("format", FORMATS)
def test_parts_that_lead_out_of_the_matrix(format):
    """Places are looked at before anything follows them: the shape is (2, 3), or its mirror image."""
    indices, indptr = tt.lvector("indices"), tt.lvector("indptr")
    f = function([indices, indptr], CSM(format)(np.array([1.0, 2.0]), indices, indptr, (2, 3) if format == "csr" else (3, 2)))
    inner, outer = ("column", "row") if format == "csr" else ("row", "column")
    assert f([2, 0], [0, 1, 2]).toarray().sum() == 3
    for places, starts, message in (
        ([3, 0], [0, 1, 2], rf"has no {inner} 3: {inner} indices go from 0 to 2"),
        ([0, -1], [0, 1, 2], rf"has no {inner} -1"),
        ([0, 1], [0, 1], rf"indptr of a {format} matrix with 2 {outer}s and 2 entries has 3 numbers from 0 to 2"),
        ([0, 1], [0, 1, 3], "numbers from 0 to 2"),
        ([0, 1], [1, 1, 2], "numbers from 0 to 2"),
    ):
        with pytest.raises(ValueError, match=message):
            f(places, starts)
    g = function([indices, indptr], CSM(format)(np.array([1.0, 2.0]), indices, indptr, (3, 3)))
    with pytest.raises(ValueError, match=rf"does not fall: {outer} 1 would go from entry 2 to 1"):
        g([0, 1], [0, 2, 1, 2])


def test_kmap():
    """Only the chosen entries are used; the others have gradient 0."""
    data = tt.dvector("data")
    made = CSM("csr", kmap=[2, 0])(data, [0, 1], [0, 1, 2], [2, 2])
    f = function([data], [made, tt.grad(dense_from_sparse(made).sum() * 2, data)])
    value, gradient = f([5.0, 6, 7])
    np.testing.assert_array_equal(value.toarray(), [[7, 0], [0, 5]])
    np.testing.assert_array_equal(gradient, [2, 0, 2])


def test_bad_parts():
    """Parts of wrong types and sizes."""
    with pytest.raises(TypeError, match="integer vector"):
        CSC(tt.dvector(), tt.dvector(), tt.ivector(), tt.ivector())
    d, i, p, s = tt.dvector(), tt.ivector(), tt.ivector(), tt.lvector()
    f = function([d, i, p, s], CSC(d, i, p, s))
    with pytest.raises(ValueError, match="one index per stored entry"):
        f([1.0, 2], [0], [0, 1], [1, 1])


@pytest.mark.parametrize("format", FORMATS)
def test_conversions(format):
    """There and back; the cycle of the documentation keeps the type."""
    x, d = matrix(format, "x", "float64"), tt.dmatrix("d")
    np.testing.assert_array_equal(function([x], x.toarray())(sparse(format)), DENSE)
    made = csc_from_dense(d) if format == "csc" else csr_from_dense(d)
    found = function([d], made)(DENSE)
    assert (found.format, found.nnz) == (format, 4)
    f32 = csc_matrix("x", dtype="float32")
    assert csc_from_dense(dense_from_sparse(f32)).type == f32.type
    with pytest.raises(NotImplementedError, match="tocsr"):
        dense_from_sparse(bsr_matrix("b"))


@pytest.mark.parametrize("format", FORMATS)
def test_conversion_gradients(format):
    """Structured: at stored entries only."""
    x, d = matrix(format, "x", "float64"), tt.dmatrix("d")
    g = tt.grad((dense_from_sparse(x) ** 2 + 3 * dense_from_sparse(x)).sum(), x)
    assert g.type == x.type
    np.testing.assert_allclose(function([x], g)(sparse(format)).toarray(), np.where(DENSE != 0, 2 * DENSE + 3, 0))
    made = csc_from_dense(d) if format == "csc" else csr_from_dense(d)
    g = tt.grad((dense_from_sparse(made) ** 2).sum(), d)
    np.testing.assert_allclose(function([d], g)(DENSE), 2 * DENSE)


def test_as_variable():
    """SciPy matrices become constants; what is not sparse is refused or made a tensor."""
    constant = as_sparse_variable(sparse("csr"))
    assert constant.type == SparseType("csr", "float64")
    assert str(constant) == "SparseConstant{csr,float64,shape=(3, 4),nnz=4}"
    assert tcore.as_variable(sparse("csc")).type == SparseType("csc", "float64")
    x = csc_matrix("x")
    assert as_sparse_variable(x) is x
    assert as_sparse_or_tensor_variable([[1.0, 2]]).type.ndim == 2
    for bad in (tt.dmatrix("d"), DENSE):
        with pytest.raises(TypeError):
            as_sparse_variable(bad)
    np.testing.assert_array_equal(function([], dense_from_sparse(constant))(), DENSE)


def test_shared():
    """A shared variable of the value's type; a copy unless borrowed; updates."""
    value = sparse("csr")
    s = shared(value, name="s")
    assert isinstance(s, SparseTensorSharedVariable)
    assert s.type == SparseType("csr", "float64")
    value.data[0] = 100
    assert s.get_value().toarray()[0, 1] == 1.5
    f = function([], dense_from_sparse(s), updates=[(s, s + s)])
    np.testing.assert_array_equal(f(), DENSE)
    np.testing.assert_array_equal(f(), 2 * DENSE)


@pytest.mark.parametrize("format", FORMATS)
def test_transpose(format):
    """In the other format; its gradient is transposed back."""
    x = matrix(format, "x", "float64")
    y = transpose(x)
    assert y.type.format != format
    found = function([x], y)(sparse(format))
    assert found.format == y.type.format
    np.testing.assert_array_equal(found.toarray(), DENSE.T)
    weights = np.arange(12.0).reshape(4, 3)
    g = tt.grad((dense_from_sparse(x.T) * weights).sum(), x)
    np.testing.assert_array_equal(function([x], g)(sparse(format)).toarray(), np.where(DENSE != 0, weights.T, 0))


def test_shape():
    """The shape of a variable, and what infer_shape says of products."""
    x = csr_matrix("x", dtype="float64")
    np.testing.assert_array_equal(function([x], x.shape)(sparse("csr")), (3, 4))
    f = function([x], structured_dot(x, W).shape)
    np.testing.assert_array_equal(f(sparse("csr")), (3, 2))
    assert not any("StructuredDot" in str(node.op) for node in f.maker.fgraph.toposort())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("product", [dot, structured_dot])
def test_product_with_dense(format, product):
    """From either side, with matrices and vectors, and with gradients for both operands."""
    x, w = matrix(format, "x", "float64"), tt.dmatrix("w")
    out = product(x, w)
    np.testing.assert_allclose(function([x, w], out)(sparse(format), W), DENSE @ W)
    left = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(function([w, x], product(w, x))(left, sparse(format)), left @ DENSE)
    v = tt.dvector("v")
    np.testing.assert_allclose(function([x, v], product(x, v))(sparse(format), W[:, 0]), DENSE @ W[:, 0])
    weights = np.array([[1.0, -2], [0.5, 3], [2, 1]])
    gx, gw = tt.grad((out * weights).sum() + (out**2).sum(), [x, w])
    found_x, found_w = function([x, w], [gx, gw])(sparse(format), W)

    def cost(x, w):
        y = x @ w
        return (y * weights).sum() + (y**2).sum()

    places = None if product is dot else DENSE != 0
    wanted = numeric_gradient(lambda a: cost(a, W), DENSE, places)
    assert sp.issparse(found_x) == (product is structured_dot)
    np.testing.assert_allclose(found_x.toarray() if sp.issparse(found_x) else found_x, wanted, atol=1e-5)
    np.testing.assert_allclose(found_w, numeric_gradient(lambda b: cost(DENSE, b), W), atol=1e-5)


@pytest.mark.parametrize("left", FORMATS)
@pytest.mark.parametrize("right", FORMATS)
def test_product_of_sparse(left, right):
    """Sparse by structured_dot and true_dot, dense by dot; structured gradients have the patterns of the operands."""
    x, y = matrix(left, "x", "float64"), matrix(right, "y", "float64")
    values = sparse(left), sparse(right, OTHER.T)
    for product in (structured_dot, true_dot):
        found = function([x, y], product(x, y))(*values)
        assert found.format == left
        np.testing.assert_allclose(found.toarray(), DENSE @ OTHER.T)
    np.testing.assert_allclose(function([x, y], dot(x, y))(*values), DENSE @ OTHER.T)
    gx, gy = function([x, y], tt.grad((dense_from_sparse(structured_dot(x, y)) ** 2).sum(), [x, y]))(*values)
    wanted = numeric_gradient(lambda a: ((a @ OTHER.T) ** 2).sum(), DENSE, DENSE != 0)
    np.testing.assert_allclose(gx.toarray(), wanted, atol=1e-5)
    wanted = numeric_gradient(lambda b: ((DENSE @ b) ** 2).sum(), OTHER.T.copy(), OTHER.T != 0)
    np.testing.assert_allclose(gy.toarray(), wanted, atol=1e-5)


def test_second_derivative():
    """The gradient of a structured gradient."""
    x, w = csr_matrix("x", dtype="float64"), tt.dmatrix("w")
    gx = tt.grad((structured_dot(x, w) ** 2).sum(), x)
    g = tt.grad((dense_from_sparse(gx) ** 2).sum(), w)

    def cost(w):
        return (np.where(DENSE != 0, 2 * (DENSE @ w) @ w.T, 0) ** 2).sum()

    np.testing.assert_allclose(function([x, w], g)(sparse("csr"), W), numeric_gradient(cost, W), rtol=1e-5)


def test_bad_products():
    """No sparse operand; shapes that do not fit."""
    for product in (dot, structured_dot, true_dot):
        with pytest.raises(TypeError, match="sparse operand"):
            product(tt.dmatrix("a"), tt.dmatrix("b"))
    x, w = csr_matrix("x", dtype="float64"), tt.dmatrix("w")
    with pytest.raises(ValueError, match="4 columns against 3 rows"):
        function([x, w], structured_dot(x, w))(sparse("csr"), W[:3])


def test_tensor_dot_hands_over():
    """tensor.dot of a sparse operand is the sparse product."""
    x = csr_matrix("x", dtype="float64")
    np.testing.assert_allclose(function([x], tt.dot(x, W))(sparse("csr")), DENSE @ W)


@pytest.mark.parametrize("left", FORMATS)
@pytest.mark.parametrize("right", FORMATS)
def test_sums_and_products(left, right):
    """Of two sparse matrices: sparse, in the format of the first; with gradients."""
    x, y = matrix(left, "x", "float64"), matrix(right, "y", "float64")
    values = sparse(left), sparse(right, OTHER)
    for out, wanted in ((add(x, y), DENSE + OTHER), (sub(x, y), DENSE - OTHER), (mul(x, y), DENSE * OTHER), (x + y, DENSE + OTHER), (-x, -DENSE)):
        found = function([x, y], out, on_unused_input="ignore")(*values)
        assert found.format == left
        np.testing.assert_allclose(found.toarray(), wanted)
    gx, gy = tt.grad((dense_from_sparse(x * y) ** 2).sum(), [x, y])
    found = function([x, y], [gx, gy])(*values)
    np.testing.assert_allclose(found[0].toarray(), 2 * DENSE * OTHER**2)
    np.testing.assert_allclose(found[1].toarray(), 2 * DENSE**2 * OTHER)


@pytest.mark.parametrize("format", FORMATS)
def test_with_dense(format):
    """A sum with a dense matrix is dense, a product sparse; vectors and scalars are broadcast."""
    x, d, v = matrix(format, "x", "float64"), tt.dmatrix("d"), tt.dvector("v")
    value = sparse(format)
    np.testing.assert_allclose(function([x, d], x + d)(value, OTHER), DENSE + OTHER)
    np.testing.assert_allclose(function([x, d], d - x)(value, OTHER), OTHER - DENSE)
    for other, given in ((d, OTHER), (v, W.reshape(-1)[:4]), (tt.dscalar("s"), 2.5)):
        out = mul(x, other)
        found = function([x, other], out)(value, given)
        assert found.format == format
        np.testing.assert_allclose(found.toarray(), DENSE * given)
        gx, g = function([x, other], tt.grad((dense_from_sparse(out) ** 2).sum(), [x, other]))(value, given)
        np.testing.assert_allclose(gx.toarray(), 2 * DENSE * np.asarray(given) ** 2)
        wanted = numeric_gradient(lambda b: ((DENSE * b) ** 2).sum(), np.asarray(given, "float64"))
        np.testing.assert_allclose(g, wanted, atol=1e-5)


def test_functions_of_entries():
    """Stored entries only, also where the result is 0; structured gradient; the documented example."""
    x = csc_matrix("x", dtype="float32")
    value = sp.csc_matrix(np.array([[0, 0, -1], [0, -2, 1], [3, 0, 0]], "float32"))
    found = function([x], structured_add(x, 2))(value)
    np.testing.assert_array_equal(found.toarray(), [[0, 0, 1], [0, 0, 3], [5, 0, 0]])
    assert found.nnz == 4
    y = csr_matrix("y", dtype="float64")
    np.testing.assert_allclose(function([y], structured_exp(y))(sparse("csr")).toarray(), np.where(DENSE != 0, np.exp(DENSE), 0))
    g = tt.grad(dense_from_sparse(sqr(y)).sum(), y)
    np.testing.assert_allclose(function([y], g)(sparse("csr")).toarray(), 2 * DENSE)
    assert function([y], cast(y, "float32"))(sparse("csr")).dtype == "float32"
    np.testing.assert_array_equal(function([y], sp_ones_like(y))(sparse("csr")).toarray(), DENSE != 0)
    zeros = function([y], sp_zeros_like(y))(sparse("csr"))
    assert (zeros.nnz, zeros.shape) == (0, (3, 4))


def test_empty():
    """Matrices without entries and without rows."""
    x, w = csr_matrix("x", dtype="float64"), tt.dmatrix("w")
    out = structured_dot(x, w)
    f = function([x, w], [out, *tt.grad(out.sum(), [x, w])])
    for shape in ((3, 4), (0, 4)):
        y, gx, gw = f(sp.csr_matrix(shape), W)
        np.testing.assert_array_equal(y, np.zeros((shape[0], 2)))
        assert gx.nnz == 0
        np.testing.assert_array_equal(gw, np.zeros((4, 2)))


def test_sparse_gradient_of_rows():
    """The gradient of taking rows with sparse_grad is a sparse matrix; duplicates add up."""
    table, values, i = tt.dmatrix("table"), tt.dmatrix("values"), tt.lvector("i")
    made = function([table, values, i], construct_sparse_from_list(table, values, i))(np.zeros((5, 2)), W[:3], [1, 1, -1])
    wanted = np.zeros((5, 2))
    np.add.at(wanted, [1, 1, -1], W[:3])
    np.testing.assert_array_equal(made.toarray(), wanted)
    rows = tt.AdvancedSubtensor1(sparse_grad=True)(table, i)
    g = tt.grad((rows**2).sum(), table)
    found = function([table, i], g)(np.ones((5, 2)), [1, 1, 3])
    assert sp.issparse(found)
    np.testing.assert_array_equal(found.toarray()[:, 0], [0, 4, 0, 2, 0])


def test_ops_are_listed():
    """``tcore ops`` has the ops of the plugin, under its name."""
    rows = json.loads(CliRunner().invoke(main, ["ops", "--json"]).output)
    assert {row["plugin"] for row in rows if row["module"] == "tcore_sparse.ops.dot" and row["name"] == "StructuredDot"} == {"sparse"}


def test_kinds_of_sparse_variables_L14539():
    """Both formats have variables, constants and shared variables of this package's classes."""
    for make, kind in ((csc_matrix, sp.csc_matrix), (csr_matrix, sp.csr_matrix)):
        x = make("x", dtype="float64")
        assert type(x).__name__ == "SparseVariable"
        assert type(x + x).__name__ == "SparseVariable"
        value = kind(np.eye(2))
        assert type(shared(value)).__name__ == "SparseTensorSharedVariable"
        assert isinstance(as_sparse_variable(value), tcore.Constant)
        assert isinstance(function([x], x + x, mode="FAST_COMPILE")(value), kind)


def test_sparse_grad_L26044():
    """``tcore.sparse_grad(x[i])`` has the values of ``x[i]`` and a sparse gradient for ``x``; it takes nothing else. (L26048)"""
    table, i = tt.dmatrix("table"), tt.lvector("i")
    rows = tcore.sparse_grad(table[i])
    value = np.arange(10.0).reshape(5, 2)
    found, gradient = function([table, i], [rows, tt.grad((rows**2).sum(), table)])(value, [3, 1, 3])
    np.testing.assert_array_equal(found, value[[3, 1, 3]])
    assert sp.issparse(gradient)
    wanted = np.zeros((5, 2))
    np.add.at(wanted, [3, 1, 3], 2 * value[[3, 1, 3]])
    np.testing.assert_array_equal(gradient.toarray(), wanted)
    for other in (table, table[1], table[1:], table[i, i], table.T):
        with pytest.raises(TypeError, match="rows that an integer vector picks"):
            tcore.sparse_grad(other)


def test_dot_of_the_top_level_L26027():
    """``tcore.dot`` takes dense and sparse operands in every combination."""
    a, b = np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[0.0, 4.0], [5.0, 0.0]])
    dense, x = tt.dmatrices("dense", "x")
    left, right = csr_matrix("left", dtype="float64"), csc_matrix("right", dtype="float64")
    kinds = {dense: a, x: b, left: sp.csr_matrix(a), right: sp.csc_matrix(b)}
    for first, second in ((dense, x), (left, x), (dense, right), (left, right)):
        found = function([first, second], tcore.dot(first, second))(kinds[first], kinds[second])
        np.testing.assert_array_equal(found.toarray() if sp.issparse(found) else found, a @ b)
