"""What the documentation promises of indexing, operators, casts, comparison, functions, products and grids of tensors; its lines in the names.

Expected values are those of NumPy and SciPy.
"""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest
import scipy.special
import scipy.stats

import tcore.tensor as T
from tcore import function
from tcore.tensor import TensorType

rng = np.random.default_rng(8)
A = rng.normal(size=(4, 5, 6))
M = rng.normal(size=(4, 5))


def variable(a):
    """A variable for an array."""
    return TensorType(a.dtype.name, (False,) * a.ndim)()


def computed(build, *arrays):
    """``build`` of variables, computed at arrays."""
    arrays = [np.asarray(a) for a in arrays]
    xs = [variable(a) for a in arrays]
    result = build(*xs)
    several = isinstance(result, (list, tuple))
    found = function(xs, list(result) if several else result, mode="FAST_COMPILE", on_unused_input="ignore")(*arrays)
    return tuple(found) if several else found


# ------------------------------------------------------------------------------------------------------------ indexing

BASIC = [np.s_[1], np.s_[-1], np.s_[1:3], np.s_[::-1], np.s_[::2], np.s_[3:0:-1], np.s_[..., 1], np.s_[1, ..., 2:4], np.s_[None], np.s_[:, None, 2],
         np.s_[1:1], np.s_[-3:], np.s_[10:], np.s_[:, -2:, ::3], np.s_[...], np.s_[1, 2, 3], np.s_[:, None]]  # fmt: skip


@pytest.mark.parametrize("index", BASIC, ids=str)
def test_basic_indexing_L21515(index):
    """All that NumPy has."""
    np.testing.assert_array_equal(computed(lambda a: a[index], A), A[index])


I, J = np.array([[0, 2], [3, 1]]), np.array([1, 4])
ADVANCED = [(I,), (I, I), (slice(None), J), (J[:, None], J), (slice(1, 3), J), (J, slice(None), J), (..., J), (I, slice(None, None, -1)), (None, J - 1), (0, slice(None), J), (J - 5,)]


@pytest.mark.parametrize("index", ADVANCED, ids=str)
def test_advanced_indexing_L21515(index):
    """Integer arrays, and integer tensors, where NumPy puts their axes."""
    index = tuple(np.clip(each, -4, 3) if isinstance(each, np.ndarray) and k == 0 else each for k, each in enumerate(index))
    np.testing.assert_array_equal(computed(lambda a: a[index], A), A[index])
    arrays = [each for each in index if isinstance(each, np.ndarray)]

    def symbolic(a, *indices):
        rest = iter(indices)
        return a[tuple(next(rest) if isinstance(each, np.ndarray) else each for each in index)]

    np.testing.assert_array_equal(computed(symbolic, A, *arrays), A[index])


def test_boolean_indexing_L21515():
    """Arrays and tensors of truth values, of one axis or of several."""
    np.testing.assert_array_equal(computed(lambda a: a[a > 0], M), M[M > 0])
    np.testing.assert_array_equal(computed(lambda a: a[M > 0], M), M[M > 0])
    rows = np.array([True, False, True, False])
    np.testing.assert_array_equal(computed(lambda a, r: a[r], M, rows), M[rows])
    np.testing.assert_array_equal(computed(lambda a, r: a[r, 1:3], M, rows), M[rows, 1:3])
    np.testing.assert_array_equal(computed(lambda a, r: a[:, r], M.T, rows), M.T[:, rows])


def test_assignment_is_refused_L21517():
    """With the names of the functions to use."""
    x = T.dvector()
    with pytest.raises(TypeError, match="set_subtensor"):
        x[5] = 1
    with pytest.raises(TypeError, match="inc_subtensor"):
        x[5] += 1


@pytest.mark.parametrize("inplace", [False, True])
def test_parts_are_replaced_and_increased_L21519_L21531_L21538_L21552(inplace):
    """The whole of the base comes back."""
    r = T.ivector()
    a = np.arange(15, dtype="int32")
    replaced, increased = a.copy(), a.copy()
    replaced[10:] = 5
    increased[10:] += 5
    for result, wanted in (
        (T.set_subtensor(r[10:], 5), replaced), (T.inc_subtensor(r[10:], 5), increased), (T.inc_subtensor(r[10:], 5, set_instead_of_inc=True), replaced),
    ):  # fmt: skip
        np.testing.assert_array_equal(function([r], result, mode="FAST_COMPILE")(a), wanted)
    for make in (T.set_subtensor, T.inc_subtensor):  # L21546: the optimizer's argument
        assert make(r[10:], 5, inplace=inplace).owner.op.destroy_map == ({0: [0]} if inplace else {})


def test_overlapping_views_L21548():
    """They are right without working in place, whatever is tolerated."""
    x = T.dvector()
    a = np.arange(5.0)
    wanted = a.copy()
    wanted[1:] += a[:-1]
    for tolerate in (False, True):
        result = T.inc_subtensor(x[1:], x[:-1], tolerate_inplace_aliasing=tolerate)
        np.testing.assert_array_equal(function([x], result)(a), wanted)


# ----------------------------------------------------------------------------------------------------------- operators

ARITHMETIC = (operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow)


@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
def test_arithmetic_L21567(op):
    """Between tensors, and with numbers on both sides."""
    a, b = rng.uniform(1, 3, size=(2, 4))
    for build in (op, lambda x, y: op(x, 3), lambda x, y: op(2.2, y)):
        np.testing.assert_allclose(computed(build, a, b), build(a, b), rtol=1e-12)


def test_unary_operators_L20643():
    """abs, minus, inversion."""
    np.testing.assert_array_equal(computed(abs, M), abs(M))
    np.testing.assert_array_equal(computed(operator.neg, M), -M)
    k = rng.integers(-9, 9, size=5)
    np.testing.assert_array_equal(computed(operator.invert, k), ~k)


def test_dtypes_of_operators_L21564():
    """An int stays with an int; with a float it becomes one."""
    x = T.itensor3()
    assert (x + 3).type == T.itensor3
    assert (x * 3.5).dtype in ("float32", "float64")


@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor], ids=lambda op: op.__name__)
def test_bit_operators_L21579(op):
    """Of integers and of truth values."""
    k, n = rng.integers(0, 99, size=(2, 5))
    np.testing.assert_array_equal(computed(op, k, n), op(k, n))
    np.testing.assert_array_equal(computed(op, k > 50, n > 50), op(k > 50, n > 50))


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "neq"])
def test_comparisons_L21618(name):
    """As functions, and all but equality as operators; the result is bool."""
    a, b = rng.integers(0, 3, size=(2, 20)).astype("float64")
    plain = getattr(operator, {"neq": "ne"}.get(name, name))
    found = computed(getattr(T, name), a, b)
    assert found.dtype == "bool"
    np.testing.assert_array_equal(found, plain(a, b))
    if name not in ("eq", "neq"):
        np.testing.assert_array_equal(computed(plain, a, b), plain(a, b))


def test_augmented_assignment_L21588():
    """It makes a new expression of the name; nothing is changed in place."""
    x = T.dvector("x")
    y = x
    y += 1
    assert y is not x
    assert function([x], [x, y], mode="FAST_COMPILE")([1.0])[0].tolist() == [1]


# -------------------------------------------------------------------------------------- casts, conditions, bits


def test_cast_L21596_L21608():
    """Values are converted; complex to real is refused."""
    np.testing.assert_array_equal(computed(lambda a: T.cast(a, "int16"), M * 10), (M * 10).astype("int16"))
    assert computed(lambda a: T.cast(a, "float32"), M).dtype == "float32"
    with pytest.raises(TypeError, match=r"real|imag|abs|angle"):
        T.cast(T.zvector(), "float64")


def test_parts_of_real_tensors_L21610_L21614():
    """The tensor itself, and zeros."""
    x = T.dvector()
    assert T.real(x) is x
    np.testing.assert_array_equal(computed(T.imag, M), np.zeros_like(M))


def test_special_values_L21676():
    """NaN and infinities of both signs."""
    a = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0])
    np.testing.assert_array_equal(computed(T.isnan, a), np.isnan(a))
    np.testing.assert_array_equal(computed(T.isinf, a), np.isinf(a))


@pytest.mark.parametrize("equal_nan", [False, True])
def test_closeness_L21688(equal_nan):
    """As NumPy's, for infinities and NaN too."""
    values = np.array([0.0, 1e-9, 1.0, 1.0 + 1e-6, 2.0, np.inf, -np.inf, np.nan])
    p, q = (grid.ravel() for grid in np.meshgrid(values, values))
    np.testing.assert_array_equal(computed(lambda a, b: T.isclose(a, b, equal_nan=equal_nan), p, q), np.isclose(p, q, equal_nan=equal_nan))
    np.testing.assert_array_equal(computed(lambda a, b: T.isclose(a, b, rtol=0.1, atol=0.5), p, q), np.isclose(p, q, rtol=0.1, atol=0.5))
    for a, b in ((p, q), (values, values), (p[:3], p[:3])):
        assert computed(lambda x, y: T.allclose(x, y, equal_nan=equal_nan), a, b) == np.allclose(a, b, equal_nan=equal_nan)
    found = T.allclose(T.dvector(), T.dvector(), rtol=1e-05, atol=1e-08, equal_nan=False)  # L21702
    assert found.ndim == 0


def test_choice_and_limits_L21712_L21731_L21735():
    """switch, its alias where, and clip, which broadcast."""
    column, row = rng.normal(size=(4, 1)), rng.normal(size=(1, 5))
    c, r = T.col(dtype="float64"), T.row(dtype="float64")
    x = T.dmatrix()
    for choose in (T.switch, T.where):
        f = function([x, c, r], choose(x > 0, c, r), mode="FAST_COMPILE")
        np.testing.assert_array_equal(f(M, column, row), np.where(M > 0, column, row))
    g = function([x, c, r], T.clip(x, c, r), mode="FAST_COMPILE")
    np.testing.assert_array_equal(g(M, column, row), np.clip(M, column, row))


@pytest.mark.parametrize(("name", "alias"), [("and_", "bitwise_and"), ("or_", "bitwise_or"), ("xor", "bitwise_xor"), ("invert", "bitwise_not")])
def test_bits_L21743_L21755_L21793(name, alias):
    """Under both names; floats are refused."""
    k, n = rng.integers(0, 99, size=(2, 5))
    operands = (k,) if name == "invert" else (k, n)
    wanted = getattr(np, {"and_": "bitwise_and", "or_": "bitwise_or", "xor": "bitwise_xor", "invert": "invert"}[name])(*operands)
    for each in (name, alias):
        np.testing.assert_array_equal(computed(getattr(T, each), *operands), wanted)
    with pytest.raises(TypeError):
        getattr(T, name)(*[T.dvector() for _ in operands])


# ----------------------------------------------------------------------------------------------------------- functions

POSITIVE = rng.uniform(0.05, 0.95, size=(3, 4))
FUNCTIONS = {
    "abs_": np.abs, "angle": np.angle,
    "exp": np.exp,  # L21817
    "neg": np.negative, "inv": np.reciprocal,  # L21829
    "log": np.log, "log2": np.log2, "log10": np.log10,  # L21837
    "sgn": np.sign,  # L21841
    "ceil": np.ceil, "floor": np.floor,
    "sqr": np.square, "sqrt": np.sqrt,  # L21861
    "cos": np.cos, "sin": np.sin, "tan": np.tan,  # L21869
    "cosh": np.cosh, "sinh": np.sinh, "tanh": np.tanh,  # L21873
    "erf": scipy.special.erf, "erfc": scipy.special.erfc,  # L21877
    "erfinv": scipy.special.erfinv, "erfcinv": scipy.special.erfcinv,  # L21881
    "gamma": scipy.special.gamma, "gammaln": scipy.special.gammaln, "psi": scipy.special.psi,  # L21885
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_L21803(name):
    """As NumPy's and SciPy's."""
    np.testing.assert_allclose(computed(getattr(T, name), POSITIVE), FUNCTIONS[name](POSITIVE), rtol=1e-12)


def test_functions_of_complex_values_L21813():
    """Angles, magnitudes, exponentials."""
    z = M + 1j * M[::-1]
    for name in ("abs_", "angle", "exp", "log", "sqrt", "sqr", "sin", "cosh"):
        np.testing.assert_allclose(computed(getattr(T, name), z), FUNCTIONS[name](z), rtol=1e-12)


def test_extremes_of_two_L21821():
    """Elementwise, with NaN as NumPy has it."""
    a, b = np.array([1.0, np.nan, 3.0, -0.5]), np.array([2.0, 1.0, np.nan, -1.0])
    np.testing.assert_array_equal(computed(T.maximum, a, b), np.maximum(a, b))
    np.testing.assert_array_equal(computed(T.minimum, a, b), np.minimum(a, b))


def test_whole_numbers_L21845_L21853_L21857():
    """The documentation's examples of ceil and floor; both modes of round, and iround, which gives int64."""
    assert T.ceil(T.constant(2.1)).eval() == 3
    assert T.floor(T.constant(2.9)).eval() == 2
    half = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], "float32")
    away = np.array([-3.0, -2, -1, 1, 2, 3])
    for mode, wanted in (("half_away_from_zero", away), ("half_to_even", half.round())):
        found = computed(lambda a, m=mode: T.round(a, m), half)
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, wanted)
        rounded = computed(lambda a, m=mode: T.iround(a, m), half)
        assert rounded.dtype == "int64"
        np.testing.assert_array_equal(rounded, wanted)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_broadcast_L21905(name):
    """A function of a sum with a row works on the whole matrix; the flags of its argument stay."""
    m, r = rng.uniform(0.1, 0.4, size=(3, 4)), rng.uniform(0.1, 0.4, size=(1, 4))
    x, y = T.dmatrix(), T.drow()
    assert getattr(T, name)(y).broadcastable == (True, False)
    found = function([x, y], getattr(T, name)(x + y), mode="FAST_COMPILE")(m, r)
    np.testing.assert_allclose(found, FUNCTIONS[name](m + r), rtol=1e-12)


def test_chi_square_L21897():
    """The survival function."""
    x, df = rng.uniform(0.1, 20, size=20), rng.uniform(0.5, 12, size=20)
    np.testing.assert_allclose(computed(T.chi2sf, x, df), scipy.stats.chi2.sf(x, df), rtol=1e-10)


# ------------------------------------------------------------------------------------------------- products and grids


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((3, 4), (4, 2)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (5, 4, 2))], ids=str)
def test_dot_L21909(shapes):
    """The last axis meets the second to last; no conjugation."""
    a, b = (rng.normal(size=shape) for shape in shapes)
    np.testing.assert_allclose(computed(T.dot, a, b), np.dot(a, b))
    z = a + 1j * a
    np.testing.assert_allclose(computed(T.dot, z, b), np.dot(z, b))


def test_outer_L21922():
    """Of two vectors."""
    np.testing.assert_allclose(computed(T.outer, M[0], M[1]), np.outer(M[0], M[1]))


def test_tensordot_L21958():
    """The documentation's example, written out as a loop; no axes give the outer product; axes that do not fit are refused."""
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 6, 4, 3))
    found = computed(lambda x, y: T.tensordot(x, y, [[1, 2], [3, 2]]), a, b)
    assert found.shape == (2, 5, 6)
    wanted = np.zeros((2, 5, 6))
    for i, j, k, l, m in itertools.product(range(2), range(5), range(6), range(3), range(4)):
        wanted[i, j, k] += a[i, l, m] * b[j, k, m, l]
    np.testing.assert_allclose(found, wanted)
    assert computed(lambda x, y: T.tensordot(x, y, 0), a, b).shape == (2, 3, 4, 5, 6, 4, 3)
    for axes in (2, [[0], [1]], [[0, 1], [0]]):  # L21944
        with pytest.raises(ValueError):
            T.tensordot(T.dvector(), T.dvector(), axes)
    with pytest.raises(ValueError):
        computed(lambda x, y: T.tensordot(x, y, 2), a, b)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_number_of_axes_L21946(count):
    """The last axes of a with the first of b."""
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4, 2) if count == 2 else (4, 5))
    np.testing.assert_allclose(computed(lambda x, y: T.tensordot(x, y, count), a, b), np.tensordot(a, b, count))


def test_pairs_of_axes_L21952():
    """Second and third of a with third and first of b."""
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5, 3))
    axes = [[1, 2], [2, 0]]
    np.testing.assert_allclose(computed(lambda x, y: T.tensordot(x, y, axes), a, b), np.tensordot(a, b, axes))


def test_batches_L22006_L22030_L22045():
    """Item by item."""
    a, b = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4, 5))
    found = computed(T.batched_dot, a, b)
    assert found.shape == (3, 2, 5)
    np.testing.assert_allclose(found, [np.dot(p, q) for p, q in zip(a, b, strict=True)])
    c, d = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 3, 6, 4))
    axes = [[1, 2], [2, 4]]
    np.testing.assert_allclose(
        computed(lambda x, y: T.batched_tensordot(x, y, axes), c, d), [np.tensordot(p, q, [[0, 1], [1, 3]]) for p, q in zip(c, d, strict=True)]
    )
    np.testing.assert_allclose(computed(lambda x, y: T.batched_tensordot(x, y, 1), a, b), found)
    e = rng.normal(size=(2, 3, 4, 6))
    pairs = zip(c, e, strict=True)
    np.testing.assert_allclose(computed(T.batched_tensordot, c, e), [np.tensordot(p, q, 2) for p, q in pairs])  # two axes unless told


def test_grids_L22062_L22077():
    """The documentation's examples, and steps that are numbers or counts."""
    dense, sparse = T.mgrid[0:5, 0:3], T.ogrid[0:5, 0:3]
    for found, wanted in zip((*dense, *sparse), (*np.mgrid[0:5, 0:3], *np.ogrid[0:5, 0:3]), strict=True):
        np.testing.assert_array_equal(found.eval(), wanted)
    for index in (np.s_[0:1:5j, 0:3], np.s_[0:5:2, 1:4]):
        for found, wanted in zip(T.mgrid[index], np.mgrid[index], strict=True):
            np.testing.assert_allclose(found.eval(), wanted)
