"""Sparse products in native code, and sums with products: the rewrites, their ops, and wrong parts; against SciPy."""

import numpy as np
import pytest
import scipy.sparse as sp

import tcore
import tcore.tensor as tt
from tcore import function
from tcore.optimizer.catalogue import rule_text
from tcore.sparse import dot, matrix, structured_dot
from tcore.testing import OpCase, check_op
from tcore_sparse.ops.compressed import StructuredDotParts, UsmmParts
from tcore_sparse.ops.dot import StructuredDotEntries
from tcore_sparse.ops.usmm import Usmm, usmm
from tcore_sparse.rewrites import GROUP

FORMATS = ["csc", "csr"]
both = pytest.mark.parametrize("format", FORMATS)
on_hosts = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


def random(format, rows, columns, dtype="float64", density=0.3):
    return sp.random(rows, columns, density, format, dtype=dtype, random_state=np.random.RandomState(rows + columns))


def ops(f):
    return [str(node.op) for node in f.maker.fgraph.toposort()]


def parts_of(value):
    return value.data, value.indices, value.indptr, np.array(value.shape)


class TestRewrites:
    pytestmark = on_hosts

    @both
    def test_local_structured_dot_L12155_L12157_L19643(self, format):
        """The product by our own algorithm, with a dense result, on operands in any order in memory; gradients as well."""
        x, w = matrix(format, "x", "float64"), tt.dmatrix("w")
        out = structured_dot(x, w)
        f = function([x, w], [out, *tt.grad((out**2).sum(), [x, w])])
        names = ops(f)
        assert f"StructuredDot{{{format}}}" in names
        assert "StructuredDot" not in names
        value = random(format, 9, 7)
        rng = np.random.default_rng(0)
        for width in (0, 1, 2, 5, 33):
            dense = rng.normal(size=(7, 2 * width))[:, ::2]
            for w_value in (dense, np.ascontiguousarray(dense), np.asfortranarray(dense), dense[:, ::-1]):
                found, gx, gw = f(value, w_value)
                product = value.toarray() @ w_value
                np.testing.assert_allclose(found, product)
                np.testing.assert_allclose(gx.toarray(), np.where(value.toarray() != 0, 2 * product @ w_value.T, 0), atol=1e-12)
                np.testing.assert_allclose(gw, 2 * value.toarray().T @ product)

    @pytest.mark.parametrize(
        ("format", "left", "right"),
        [("csr", "int8", "int8"), ("csc", "float32", "int16"), ("csr", "complex64", "float64"), ("csc", "float32", "float16")],
    )
    def test_dtypes(self, format, left, right):
        """Results have the common dtype and wrap around as NumPy's; what C++ has no arithmetic for stays with SciPy."""
        x, w = matrix(format, "x", left), tt.matrix("w", dtype=right)
        f = function([x, w], structured_dot(x, w))
        native = not {left, right} & {"complex64", "float16"}
        assert (f"StructuredDot{{{format}}}" in ops(f)) == native
        value = (random(format, 8, 6) * 100).astype(left)
        dense = (np.random.default_rng(1).normal(size=(6, 3)) * 50).astype(right)
        found = f(value, dense)
        wanted = value.toarray().astype(found.dtype) @ dense.astype(found.dtype)
        assert found.dtype == np.result_type(left, right)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

    @both
    def test_usmm_L10800_L19661_L19663(self, format):
        """z - alpha * dot(x, y) and z + alpha * dot(x, y), whichever factor comes first, in one op, in place where z is a temporary."""
        x, y, z, alpha = matrix(format, "x", "float64"), tt.dmatrix("y"), tt.dmatrix("z"), tt.dscalar("alpha")
        value, rng = random(format, 9, 7), np.random.default_rng(2)
        y_value, z_value = rng.normal(size=(7, 5)), rng.normal(size=(9, 5))
        product = value.toarray() @ y_value
        cases = [
            (z - alpha * dot(x, y), z_value - 1.5 * product, "no_inplace"),
            (z + dot(x, y) * alpha, z_value + 1.5 * product, "no_inplace"),
            (dot(x, y) * alpha + tt.exp(z), 1.5 * product + np.exp(z_value), "inplace"),
        ]
        for out, wanted, place in cases:
            f = function([x, y, z, alpha], out)
            assert f"Usmm{{{format},{place}}}" in ops(f)
            assert "SparseDot" not in ops(f)
            kept = z_value.copy()
            np.testing.assert_allclose(f(value, y_value, z_value, 1.5), wanted)
            np.testing.assert_array_equal(z_value, kept)
        f = function([x, y, z, alpha], cases[2][0], mode=tcore.compile.get_default_mode().excluding("cxx_only"))
        assert "Usmm{no_inplace}" in ops(f)
        np.testing.assert_allclose(f(value, y_value, z_value, 1.5), cases[2][1])

    def test_usmm_with_a_sparse_second_operand(self):
        """A dense x and a sparse y, or two sparse ones: one op, by SciPy."""
        x, y, z = tt.dmatrix("x"), matrix("csr", "y", "float64"), tt.dmatrix("z")
        value, dense, add = random("csr", 4, 3), np.arange(20.0).reshape(5, 4), np.ones((5, 3))
        f = function([x, y, z], z + 2 * dot(x, y))
        assert "Usmm{no_inplace}" in ops(f)
        np.testing.assert_allclose(f(dense, value, add), add + 2 * (dense @ value.toarray()))

    def test_near_misses(self):
        """No Usmm: alpha is a matrix, the product has another reader, alpha is an integer, z is a row that is spread, dtypes differ."""
        x, y, z, a = matrix("csr", "x", "float64"), tt.dmatrix("y"), tt.dmatrix("z"), tt.dmatrix("a")
        product = dot(x, y)
        row, integer, single = tt.drow("row"), tt.lscalar("i"), tt.fmatrix("single")
        cases = [([a], z - a * product), ([], [z - 2.0 * product, product]), ([integer], z - integer * product), ([row], row - 2.0 * product)]
        for more, out in cases:
            f = function([x, y, z, *more], out, on_unused_input="ignore")
            assert not any("Usmm" in name and "{cs" in name for name in ops(f)), out
        f = function([x, y, single], single + 2.0 * product)  # two dtypes: not the op in C
        assert "Usmm{no_inplace}" in ops(f)
        value = random("csr", 3, 4)
        found = f(value, np.ones((4, 2)), np.ones((3, 2), "float32"))
        np.testing.assert_allclose(found, 1 + 2 * value.toarray().sum(1, keepdims=True) * np.ones((1, 2)))

    def test_lengths_are_compared(self):
        """What does not fit is refused, on both ways of computing."""
        x, y, z = matrix("csr", "x", "float64"), tt.dmatrix("y"), tt.dmatrix("z")
        value = random("csr", 3, 4)
        with pytest.raises(ValueError, match="4 columns against 3 rows"):
            function([x, y], structured_dot(x, y))(value, np.ones((3, 2)))
        for mode in (tcore.compile.get_default_mode(), tcore.compile.get_default_mode().excluding("cxx_only")):
            f = function([x, y, z], z + 2 * dot(x, y), mode=mode)
            for shape in ((2, 2), (1, 2), (3, 1)):
                with pytest.raises(ValueError, match="cannot be added to shape"):
                    f(value, np.ones((4, 2)), np.ones(shape))


def test_rules_speak():
    """Each says what it does; the pattern is the documentation's."""
    texts = [rule_text(getattr(each, "rule", None) or each.optimizer) for each in GROUP]
    assert all("->" in text for text in texts)
    assert any(
        text.startswith("Elemwise{sub,no_inplace}(z, Elemwise{mul,no_inplace}(alpha subject to <function ")
        and text.endswith(", SparseDot(x, y))) -> Usmm{no_inplace}(Elemwise{neg,no_inplace}(alpha), x, y, z)")
        for text in texts
    )


class TestOps:
    pytestmark = on_hosts

    @both
    def test_kit(self, format):
        """perform, C, gradients, shapes, pickles: the kit of ops."""
        value, rng = random(format, 4, 3), np.random.default_rng(3)
        y, z = rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
        data, *places = parts_of(value)
        check_op(OpCase(lambda d, b: StructuredDotParts(format)(d, *places, b), [data, y]))
        check_op(OpCase(lambda g, b: StructuredDotEntries(format == "csr")(g, b, *places[:2]), [z, y]))
        check_op(OpCase(lambda a, d, b, c: UsmmParts(format)(a, d, *places, b, c), [np.array(2.0), data, y, z], gradient=False))

    @both
    def test_in_place(self, format):
        """In the memory of z, in C order or not; perform as well."""
        value, y = random(format, 4, 3), np.arange(6.0).reshape(3, 2)
        op, given = UsmmParts(format, inplace=True), [tt.dscalar(), tt.dvector(), tt.ivector(), tt.ivector(), tt.lvector(), tt.dmatrix(), tt.dmatrix()]
        assert op.destroy_map == {0: [6]}
        f = function([*given[:-1], tcore.In(given[-1], mutable=True)], tcore.Out(op(*given), borrow=True), accept_inplace=True)
        for z in (np.ones((4, 2)), np.ones((2, 4)).T, np.ones((8, 4))[::2, ::2]):
            stored = [None]
            own = z.copy()
            op.perform(op(*given).owner, [np.array(2.0), *parts_of(value), y, own], [stored])
            assert stored[0] is own
            f(2.0, *parts_of(value), y, z)
            for found in (own, z):
                np.testing.assert_allclose(found, 1 + 2 * (value.toarray() @ y))

    @both
    def test_wrong_parts_are_refused(self, format):
        """Places outside of the matrix, parts that do not belong together: an error, not a read of other memory."""
        data, indices, indptr, shape, w = tt.dvector("data"), tt.ivector("indices"), tt.ivector("indptr"), tt.lvector("shape"), tt.dmatrix("w")
        f = function([data, indices, indptr, shape, w], StructuredDotParts(format)(data, indices, indptr, shape, w))
        good = {"data": [1.0, 2], "indices": [0, 1], "indptr": [0, 1, 2], "shape": [2, 2], "w": np.eye(2)}
        np.testing.assert_array_equal(f(**good), np.diag([1.0, 2]))
        for wrong in ({"indices": [0, 2]}, {"indices": [-1, 0]}, {"indptr": [0, 1, 3]}, {"indptr": [0, 2, 1]}, {"indptr": [0, 2]}, {"indices": [0]}, {"shape": [2, 2, 2]}):
            with pytest.raises(ValueError, match=r"ind(ex|ices|ptr)|shape|rows|col"):
                f(**{**good, **wrong})

    def test_make_node(self):
        """Other inputs are refused by what they are."""
        x, v, m = matrix("csr", "x", "float64"), tt.lvector("v"), tt.dmatrix("m")
        with pytest.raises(TypeError, match="three integer vectors"):
            StructuredDotParts("csr")(tt.dvector(), tt.dvector(), v, v, m)
        with pytest.raises(TypeError, match="takes matrices"):
            StructuredDotParts("csr")(tt.dvector(), v, v, v, v)
        with pytest.raises(NotImplementedError, match="bsr"):
            UsmmParts("bsr")
        with pytest.raises(TypeError, match="one number as alpha"):
            usmm(m, x, m, m)
        with pytest.raises(TypeError, match="one number as alpha"):
            UsmmParts("csr")(v, tt.dvector(), v, v, v, m, m)
        with pytest.raises(TypeError, match="of one dtype"):
            UsmmParts("csr")(tt.fscalar(), tt.dvector(), v, v, v, m, m)
        assert Usmm()(tt.dscalar(), x, m, m).type == m.type

    def test_parts_are_not_copied(self):
        """The data of a matrix is its own array; a function that hands it out gives a copy, one that overwrites it leaves the matrix."""
        from tcore.sparse import csm_data

        x = matrix("csr", "x", "float64")
        value = random("csr", 4, 3)
        before = value.data.copy()
        out = function([x], csm_data(x))(value)
        assert not np.may_share_memory(out, value.data)
        for mode in (None, "DebugMode"):
            np.testing.assert_allclose(function([x], tt.exp(csm_data(x)) + 1, mode=mode)(value), np.exp(before) + 1)
        np.testing.assert_array_equal(value.data, before)

    def test_places_of_64_bits(self):
        """int64 places that fit are converted; SciPy's matrices have them where they are large."""
        x, w = matrix("csr", "x", "float64"), tt.dmatrix("w")
        value = random("csr", 4, 3)
        value.indices, value.indptr = value.indices.astype("int64"), value.indptr.astype("int64")
        np.testing.assert_allclose(function([x, w], structured_dot(x, w))(value, np.eye(3)), value.toarray())
