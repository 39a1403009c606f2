"""What the documentation promises of attributes and methods of tensors, of Elemwise, of shapes, of new tensors and of reductions; its lines in the names.

Expected values are NumPy's.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function, scalar
from tcore.tensor import Elemwise, TensorType

rng = np.random.default_rng(7)
A = rng.normal(size=(2, 3, 4))
M = rng.normal(size=(3, 4))


def variable(a):
    """A variable for an array."""
    return TensorType(a.dtype.name, (False,) * a.ndim)()


def computed(build, *arrays):
    """``build`` of variables, computed at arrays."""
    xs = [variable(np.asarray(a)) for a in arrays]
    result = build(*xs)
    several = isinstance(result, (list, tuple))
    found = function(xs, list(result) if several else result, mode="FAST_COMPILE", on_unused_input="ignore")(*arrays)
    return tuple(found) if several else found


def same(build, *arrays):
    """The same expression of variables and of arrays."""
    np.testing.assert_allclose(computed(build, *arrays), build(*arrays), rtol=1e-12)


# ----------------------------------------------------------------------------------------------- attributes and methods


def test_attributes_of_the_type_L20543():
    """They are those of the type."""
    x = T.col("x", dtype="int16")
    assert (x.type, x.ndim, x.dtype, x.broadcastable) == (TensorType("int16", (False, True)), 2, "int16", (False, True))


def test_transpose_L20588():
    """A view; of a vector the vector."""
    same(lambda a: a.T, M)
    same(lambda a: a.T, M[0])
    x = T.zmatrix()
    assert (3 + 0.2j * x.T).dtype == "complex128"  # L20592
    z = M + 1j
    np.testing.assert_allclose(function([x], 3 + 0.2j * x.T, mode="FAST_COMPILE")(z), 3 + 0.2j * z.T)


def test_parts_L20719():
    """Real and imaginary, elementwise."""
    z = M + 2j * M[::-1]
    same(lambda a: a.real, z)
    same(lambda a: a.imag, z)


def test_reshape_method_L20555():
    """The shape is one argument; its length may have to be said."""
    same(lambda a: a.reshape((4, 3)), M)
    same(lambda a: a.reshape((-1,)), M)
    shape = T.lvector()
    x = T.dmatrix()
    with pytest.raises(ValueError):
        x.reshape(shape)
    assert function([x, shape], x.reshape(shape, ndim=3), mode="FAST_COMPILE")(M, [2, 2, 3]).shape == (2, 2, 3)
    with pytest.raises((TypeError, ValueError)):
        x.reshape(4, 3)


DIMSHUFFLES = [((), ("x",), (1,)), ((2, 3), (0, 1), (2, 3)), ((2, 3), (1, 0), (3, 2)), ((4,), ("x", 0), (1, 4)), ((4,), (0, "x"), (4, 1)),
               ((2, 3, 4), (2, 0, 1), (4, 2, 3)), ((2, 3), (0, "x", 1), (2, 1, 3)), ((2, 3), (1, "x", 0), (3, 1, 2))]  # fmt: skip


@pytest.mark.parametrize("case", DIMSHUFFLES, ids=str)
def test_dimshuffle_L20565(case):
    """The documentation's table, with the pattern as arguments and as a list."""
    shape, pattern, result = case
    a = rng.normal(size=shape)
    for build in (lambda v: v.dimshuffle(*pattern), lambda v: v.dimshuffle(list(pattern)), lambda v: v.dimshuffle(pattern)):
        found = computed(build, a)
        assert found.shape == result
        np.testing.assert_array_equal(found.ravel(), a.transpose([p for p in pattern if p != "x"]).ravel())


def test_dimshuffle_drops_and_views_L20693():
    """An axis of length 1 may go; the result is a view, and new axes are broadcastable."""
    row = T.drow()
    assert row.dimshuffle(1).broadcastable == (False,)
    assert T.dmatrix().dimshuffle([0, "x", 1]).broadcastable == (False, True, False)  # L20701
    assert row.dimshuffle(1).owner.op.view_map == {0: [0]}
    with pytest.raises(ValueError):
        T.dmatrix().dimshuffle(1)


def test_flatten_and_ravel_L20578_L20584():
    """The first ndim - 1 axes stay."""
    for ndim in (1, 2, 3):
        np.testing.assert_array_equal(computed(lambda a, n=ndim: a.flatten(n), A), A.reshape(*A.shape[: ndim - 1], -1))
    same(lambda a: a.ravel(), A)


AXES = [None, 0, 1, -1, [0, 2]]


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "min", "max", "any", "all"])
def test_reduction_methods_L20603_L20605_L21276(name, axis):
    """Over one axis, several, or all, with and without keeping them; as functions, too."""
    a = A > 0.5 if name in ("any", "all") else A
    over = tuple(axis) if isinstance(axis, list) else axis
    for keepdims in (False, True):
        wanted = getattr(np, name)(a, axis=over, keepdims=keepdims)
        np.testing.assert_allclose(computed(lambda v, k=keepdims: getattr(v, name)(axis=axis, keepdims=k), a), wanted, rtol=1e-12)
        np.testing.assert_allclose(computed(lambda v, k=keepdims: getattr(T, name)(v, axis=axis, keepdims=k), a), wanted, rtol=1e-12)


LISTED = {  # the functions with their arguments as the documentation lists them
    "max": "axis keepdims",  # L21272
    "argmax": "axis keepdims",  # L21282
    "min": "axis keepdims",  # L21307
    "argmin": "axis keepdims",  # L21323
    "sum": "axis dtype keepdims acc_dtype",
    "prod": "axis dtype keepdims acc_dtype no_zeros_in_input",  # L21369
    "mean": "axis dtype keepdims acc_dtype",
    "all": "axis keepdims",  # L21469
    "any": "axis keepdims",  # L21487
}


@pytest.mark.parametrize("name", LISTED)
def test_arguments_of_reductions_L21272(name):
    """In this order, and what is left out is the whole tensor, its own dtype, no kept axis."""
    wanted = LISTED[name].split()
    parameters = inspect.signature(getattr(T, name)).parameters
    assert list(parameters)[1 : len(wanted) + 1] == wanted
    assert all(parameters[key].default is ({"keepdims": False, "no_zeros_in_input": False}.get(key)) for key in wanted)
    method = list(inspect.signature(getattr(T.dvector(), name)).parameters)
    assert method[: len(wanted)] == [key for key in wanted if key in method]


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["argmin", "argmax"])
def test_places_of_extremes_L20607_L21282_L21323(name, axis):
    """int64; without an axis in the flattened tensor."""
    found = computed(lambda v: getattr(v, name)(axis=axis), A)
    assert found.dtype == "int64"
    np.testing.assert_array_equal(found, getattr(np, name)(A, axis=axis))
    np.testing.assert_array_equal(computed(lambda v: getattr(T, name)(v, axis, keepdims=True), A), getattr(np, name)(A, axis=axis, keepdims=True))


def test_variance_L20879_L21433_L21451():
    """Of the functions, too; ``ddof`` as in NumPy, ``corrected`` for the error of the mean."""
    for name in ("var", "std"):
        np.testing.assert_allclose(computed(lambda a, n=name: getattr(a, n)(axis=0, ddof=1), M), getattr(M, name)(axis=0, ddof=1))
        np.testing.assert_allclose(computed(lambda a, n=name: getattr(T, n)(a, axis=[0, 1], keepdims=True), M), getattr(M, name)(keepdims=True))
        np.testing.assert_allclose(computed(lambda a, n=name: getattr(a, n)(axis=0, corrected=True), M), getattr(M, name)(axis=0), rtol=1e-12)
        assert list(inspect.signature(getattr(T.dvector(), name)).parameters) == ["axis", "ddof", "keepdims", "corrected"]


def test_diagonal_and_trace_L20609_L20635():
    """As NumPy's."""
    same(lambda a: a.diagonal(), M)
    same(lambda a: a.diagonal(1), M)
    same(lambda a: a.diagonal(-1, 1, 2), A)
    same(lambda a: a.trace(), M)


def test_astype_L20611():
    """To a dtype by name."""
    assert computed(lambda a: a.astype("int32"), M * 10).dtype == "int32"
    np.testing.assert_array_equal(computed(lambda a: a.astype("int32"), M * 10), (M * 10).astype("int32"))


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_take_L20613(axis, mode):
    """Indices of any shape; what lies outside by mode."""
    index = np.array([[0, 2], [1, 1]]) if mode == "raise" else np.array([[-9, 2], [17, 1]])
    np.testing.assert_array_equal(computed(lambda a, i: a.take(i, axis=axis, mode=mode), M, index), M.take(index, axis, mode=mode))


def test_copy_L20687():
    """A symbolic copy with its own name and tag."""
    x = T.dvector("x")
    x.tag.note = "mine"
    y = x.copy("y")
    assert (y.name, y.type) == ("y", x.type)
    assert not hasattr(y.tag, "note")
    assert x.copy().name is None
    same(lambda a: a.copy(), M)


@pytest.mark.parametrize("order", [1, 2, 3, np.inf, -np.inf])
def test_norm_L20617(order):
    """Of vectors as NumPy's."""
    np.testing.assert_allclose(computed(lambda a: a.norm(order, axis=1), M), np.linalg.norm(M, order, axis=1))


def test_nonzero_L20619():
    """Indices, as a tuple or as a matrix, and the elements."""
    a = np.where(M > 0, M, 0)
    for got, want in zip(computed(lambda v: v.nonzero(), a), a.nonzero(), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(computed(lambda v: v.nonzero(return_matrix=True), a), np.array(a.nonzero()))
    np.testing.assert_array_equal(computed(lambda v: v.nonzero_values(), a), a[a.nonzero()])


def test_elementwise_methods_L20627_L20629_L20633_L20639_L20641_L20679_L20715():
    """clip, conj, conjugate, conf, round, fill, zeros_like; as NumPy has them."""
    z = M + 1j * M[::-1]
    same(lambda a: a.clip(-0.5, 0.5), M)
    for name in ("conj", "conjugate", "conf"):
        np.testing.assert_array_equal(computed(lambda a, n=name: getattr(a, n)(), z), z.conj())
    np.testing.assert_array_equal(computed(lambda a: a.fill(3.0), M), np.full_like(M, 3))
    np.testing.assert_array_equal(computed(lambda a: a.zeros_like(dtype="int8"), M), np.zeros_like(M, "int8"))
    assert T.fmatrix().zeros_like().dtype == "float32"
    half = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    np.testing.assert_array_equal(computed(lambda a: a.round(), half), half.round())
    np.testing.assert_array_equal(computed(lambda a: a.round(mode="half_away_from_zero"), half), [-3, -2, -1, 1, 2, 3])
    np.testing.assert_array_equal(computed(lambda a: a.round(mode="half_to_even"), half), half.round())


def test_other_methods_L20625_L20631_L20781_L20858_L20870():
    """repeat, ptp, swapaxes, transpose, squeeze, sort, argsort."""
    same(lambda a: a.repeat(2, axis=1), M)
    same(lambda a: a.repeat(3), M)
    np.testing.assert_allclose(computed(lambda a: a.ptp(axis=1), M), np.ptp(M, axis=1))
    same(lambda a: a.swapaxes(0, 2), A)
    np.testing.assert_array_equal(computed(lambda a: a.swapaxes(0, 1), M), M.T)
    same(lambda a: a.transpose(), A)
    same(lambda a: a.transpose(2, 0, 1), A)
    same(lambda a: a.transpose((2, 0, 1)), A)
    np.testing.assert_array_equal(computed(lambda a: a.sort(axis=0), M), np.sort(M, axis=0))
    np.testing.assert_array_equal(computed(lambda a: a.argsort(), M), np.argsort(M))
    assert list(inspect.signature(T.dvector().argsort).parameters) == ["axis", "kind", "order"]
    np.testing.assert_array_equal(computed(lambda a: a.argsort(0, "mergesort", None), M), np.argsort(M, 0))


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
def test_choose_method_L20667(mode):
    """The tensor says which of the choices."""
    index = np.array([[0, 1], [1, 0]]) if mode == "raise" else np.array([[-3, 1], [7, 0]])
    p, q = M[:2, :2], M[:2, 2:]
    np.testing.assert_array_equal(computed(lambda i, a, b: i.choose([a, b], mode=mode), index, p, q), np.choose(index, [p, q], mode=mode))
    np.testing.assert_array_equal(computed(lambda i, a: i.choose(a, mode=mode), index, A[:, :2, :2]), np.choose(index, A[:, :2, :2], mode=mode))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_compress_method_L20675(axis):
    """The chosen slices only; the tensor says which, as in ``choose``."""
    chosen = np.array([True, False, True])
    np.testing.assert_array_equal(computed(lambda c, a: c.compress(a, axis=axis), chosen, M), M.compress(chosen, axis))


def test_squeeze_L20844():
    """Axes that are known to have length 1 go, no others; a tensor without any is itself."""
    x = TensorType("float64", (True, False, True))()
    assert x.squeeze().broadcastable == (False,)
    y = T.dmatrix()
    assert function([y], y.squeeze(), mode="FAST_COMPILE")(np.ones((1, 3))).shape == (1, 3)


def test_constants_tell_their_value_L20637():
    """Those that are known."""
    assert (T.constant(2.0) * T.constant(3.0)).get_scalar_constant_value() == 6
    with pytest.raises(T.NotScalarConstantError):
        T.dscalar().get_scalar_constant_value()


def test_transfer_L20864():
    """To the host, where a tensor is already."""
    x = T.dvector()
    assert x.transfer("cpu").type == x.type
    with pytest.raises(ValueError):
        x.transfer("nowhere")


def test_eval_L21141():
    """With values for inputs, and without any."""
    x = T.dvector()
    assert (x * 2).eval({x: [1.0, 2.0]}).tolist() == [2, 4]
    assert (T.constant(2.0) + 1).eval() == 3


# ------------------------------------------------------------------------------------------------------------ Elemwise


def test_elemwise_L20723_L20725():
    """A scalar op on tensors; lengths are equal, or 1 where the type says so."""
    add = Elemwise(scalar.add)
    x, y = T.dmatrix(), T.drow()
    f = function([x, y], add(x, y), mode="FAST_COMPILE")
    np.testing.assert_array_equal(f(M, M[:1]), M + M[:1])
    z = T.dmatrix()
    with pytest.raises(ValueError):
        function([x, z], add(x, z), mode="FAST_COMPILE")(M, M[:1])


def test_elemwise_in_place_L20727_L20732_L20737():
    """The pattern names the input whose memory is used, which must have the dtype of the output."""
    a, b = np.ones(3), np.full(3, 2.0)
    for pattern, changed in (({}, None), ({0: 0}, 0), ({0: 1}, 1)):
        op = Elemwise(scalar.add, pattern)
        assert op.inplace_pattern == pattern
        operands = [a.copy(), b.copy()]
        node = op(T.dvector(), T.dvector()).owner
        cell = [None]
        node.op.perform(node, operands, [cell])
        np.testing.assert_array_equal(cell[0], 3)
        assert [np.shares_memory(cell[0], operand) for operand in operands] == [changed == 0, changed == 1]
    with pytest.raises(TypeError):
        Elemwise(scalar.add, {0: 0})(T.lvector(), T.dvector())


def test_elemwise_with_a_numpy_function_L20733():
    """Name, number of inputs and of outputs."""
    op = Elemwise(scalar.add, nfunc_spec=("add", 2, 1))
    assert op.nfunc_spec == ("add", 2, 1)
    x = T.dvector()
    assert function([x], op(x, x), mode="FAST_COMPILE")([1.0, 2.0]).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("op", "shapes", "result"),
    [(scalar.mul, ((10, 5), (1, 5)), (10, 5)), (scalar.true_div, ((10, 5), (10, 1)), (10, 5)), (scalar.int_div, ((1, 5), (10, 1)), (10, 5)), (scalar.log, ((3, 4, 5),), (3, 4, 5))],
    ids=["mul", "true_div", "int_div", "log"],
)
def test_shapes_of_elemwise_L20743(op, shapes, result):
    """The documentation's examples."""
    arrays = [rng.uniform(1, 9, size=shape) for shape in shapes]
    xs = [TensorType("float64", tuple(n == 1 for n in a.shape))() for a in arrays]
    assert function(xs, Elemwise(op)(*xs), mode="FAST_COMPILE")(*arrays).shape == result


# -------------------------------------------------------------------------------------------------------------- shapes


def test_shape_and_reshape_L20887_L20891_L20903():
    """int64 vectors; the rank of the result is inferred where it can be."""
    x = T.dtensor3()
    assert T.shape(x).type == T.lvector
    assert computed(T.shape, A).tolist() == [2, 3, 4]
    assert T.reshape(x, (x.shape[0], -1)).ndim == 2
    assert T.reshape(x, T.stack([x.shape[0], x.shape[1] * x.shape[2]])).ndim == 2
    with pytest.raises(ValueError, match="ndim"):
        T.reshape(x, T.lvector())
    told = T.reshape(T.ftensor3(), T.lvector(), ndim=2)
    assert told.type == T.fmatrix


def test_padding_L20907_L20913_L20919_L20930():
    """Axes of length 1 in front, behind, or anywhere."""
    x = T.tensor3()
    assert T.shape_padleft(x, 2).broadcastable == (True, True, False, False, False)
    assert T.shape_padright(x).broadcastable == (False, False, False, True)
    assert T.shape_padright(x, n_ones=2).broadcastable == (False, False, False, True, True)
    printed = [str(T.shape_padaxis(x, axis)) for axis in (0, 1, 3, -1)]
    assert printed == ["InplaceDimShuffle{x,0,1,2}.0", "InplaceDimShuffle{0,x,1,2}.0", "InplaceDimShuffle{0,1,2,x}.0", "InplaceDimShuffle{0,1,2,x}.0"]


def test_flags_of_broadcasting_L20942_L20963_L20980():
    """Set and cleared; what is set is checked when the function runs."""
    x = T.dmatrix()
    assert T.addbroadcast(x, 0).broadcastable == (True, False)
    assert T.unbroadcast(T.drow(), 0).broadcastable == (False, False)
    assert T.patternbroadcast(x, (True, False)).broadcastable == (True, False)
    assert T.unbroadcast(T.addbroadcast(x, 0), 0) is x  # L20948, L20969, L20986: what changes nothing leaves no node
    assert T.unbroadcast(x, 0, 1) is x
    assert T.addbroadcast(T.drow(), 0).owner is None
    assert T.patternbroadcast(x, (False, False)) is x
    for build in (lambda v: T.addbroadcast(v, 0), lambda v: T.patternbroadcast(v, (True, False))):
        f = function([x], build(x), mode="FAST_COMPILE")
        assert f(M[:1]).shape == (1, 4)
        with pytest.raises(ValueError):
            f(M)


def test_flatten_L20997():
    """The documentation's example."""
    assert computed(lambda a: T.flatten(a, ndim=2), np.ones((2, 3, 4, 5))).shape == (2, 60)  # L21010


def test_tile_L21012():
    """As NumPy's."""
    np.testing.assert_array_equal(computed(lambda a: T.tile(a, (2, 3)), M), np.tile(M, (2, 3)))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_roll_L21024(axis):
    """By a number or a variable."""
    for shift in (-1, 0, 2, 9):
        np.testing.assert_array_equal(computed(lambda a, s=shift: T.roll(a, s, axis), M), np.roll(M, shift, axis))
        np.testing.assert_array_equal(computed(lambda a, s: T.roll(a, s, axis), M, np.array(shift)), np.roll(M, shift, axis))


# --------------------------------------------------------------------------------------------------------- new tensors


def test_zeros_and_ones_L21042_L21051():
    """Like others, or of a shape that may be symbolic."""
    for name in ("zeros_like", "ones_like"):
        assert computed(lambda a, n=name: getattr(T, n)(a), M.astype("float32")).dtype == "float32"
        np.testing.assert_array_equal(computed(lambda a, n=name: getattr(T, n)(a, dtype="int8"), M), getattr(np, name)(M, "int8"))
    n = T.lscalar()
    for name in ("zeros", "ones"):
        f = function([n], getattr(T, name)((n, 3)), mode="FAST_COMPILE")
        assert f(2).dtype == tcore.config.floatX
        np.testing.assert_array_equal(f(2), getattr(np, name)((2, 3)))


def test_fill_and_alloc_L21079_L21088():
    """A value in a shape."""
    np.testing.assert_array_equal(computed(lambda a: T.fill(a, 2.0), M), np.full_like(M, 2))
    np.testing.assert_array_equal(computed(lambda a, n: T.alloc(a, n, 3, 4), M, np.array(2)), np.broadcast_to(M, (2, 3, 4)))


@pytest.mark.parametrize("args", [(3,), (3, 4), (3, 4, 1), (3, 4, -2), (4, 3, 1)], ids=str)
def test_eye_L21097(args):
    """With numbers and with variables."""
    assert T.eye(*args).dtype == tcore.config.floatX
    np.testing.assert_array_equal(T.eye(*args).eval(), np.eye(*args))
    xs = [T.lscalar() for _ in args]
    np.testing.assert_array_equal(function(xs, T.eye(*xs), mode="FAST_COMPILE")(*args), np.eye(*args))


def test_identity_like_L21107():
    """Shape and dtype of the model."""
    found = computed(T.identity_like, M.astype("float32"))
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, np.eye(3, 4))


def test_stack_L21113_L21128_L21163():
    """The documentation's examples; the form without a list is deprecated."""
    a, b, c = T.scalars("abc")
    assert T.stack([a, b, c]).ndim == 1
    with pytest.warns(DeprecationWarning):
        old = T.stack(a, b, c)
    assert function([a, b, c], old, mode="FAST_COMPILE")(1, 2, 3).tolist() == [1, 2, 3]
    d = np.zeros((2, 2, 2, 2))
    for axis, shape in ((0, (3, 2, 2, 2, 2)), (3, (2, 2, 2, 3, 2)), (-2, (2, 2, 2, 3, 2))):
        found = computed(lambda x, y, z, k=axis: T.stack([x, y, z], axis=k), d, d, d)
        assert found.ndim == 5
        assert found.shape == shape


def test_concatenate_L21184_L21191():
    """The documentation's example; the axis may be a variable."""
    x, y, v = T.fmatrix(), T.ftensor3(), T.fvector()
    assert T.concatenate([x, y[0], T.shape_padright(v)], axis=1).ndim == 2
    axis = T.lscalar()
    p, q = T.dmatrix(), T.dmatrix()
    f = function([p, q, axis], T.concatenate([p, q], axis=axis), mode="FAST_COMPILE")
    for k in (0, 1):
        np.testing.assert_array_equal(f(M, M, k), np.concatenate([M, M], axis=k))


def test_stacklists_L21200_L21208():
    """The documentation's examples."""
    a, b, c, d = T.scalars("abcd")
    f = function([a, b, c, d], T.stacklists([[a, b], [c, d]]), mode="FAST_COMPILE")
    assert f(1, 2, 3, 4).tolist() == [[1, 2], [3, 4]]
    w, x, y, z = T.matrices("wxyz")
    ones = np.ones((4, 4), tcore.config.floatX)
    g = function([w, x, y, z], T.stacklists([[w, x], [y, z]]), mode="FAST_COMPILE")
    assert g(ones, ones, ones, ones).shape == (2, 2, 4, 4)
    assert T.stacklists([[[a], [b]], [[c], [d]]]).ndim == 3
    assert T.stacklists(a) is a


def test_choose_L21252_L21262():
    """From a sequence or from the first axis of one array; ``out`` receives; what does not broadcast is refused."""
    p, q, target = np.arange(4.0), -np.ones((3, 4)), np.zeros((3, 4), "float32")
    column, x, y, out = T.lcol(), T.dvector(), T.dmatrix(), T.fmatrix()
    index = np.array([[0], [1], [1]])
    for result, given in ((T.choose(column, [x, y]), []), (T.choose(column, [x, y], out=out), [out])):
        found = function([column, x, y, *given], result, mode="FAST_COMPILE")(index, p, q, *([target] if given else []))
        np.testing.assert_array_equal(found, np.choose(index, [p, q]))
        assert found.dtype == ("float32" if given else "float64")
    np.testing.assert_array_equal(computed(T.choose, np.array([1, 0, 1, 1]), A[:, 0]), np.choose(np.array([1, 0, 1, 1]), A[:, 0]))
    i, v, w = T.lvector(), T.dvector(), T.dvector()
    f = function([i, v, w], T.choose(i, [v, w]), mode="FAST_COMPILE")
    with pytest.raises(ValueError):
        f([0, 1], [1.0, 2.0], [1.0, 2.0, 3.0])


# ---------------------------------------------------------------------------------------------------------- reductions


def test_kept_axes_broadcast_L21272():
    """Against the input."""
    x = T.dmatrix()
    assert T.max(x, axis=1, keepdims=True).broadcastable == (False, True)
    same(lambda a: a - a.mean(axis=1, keepdims=True), M)


def test_max_and_argmax_L21294():
    """Both at once."""
    for axis in (None, 0, 1):
        largest, place = computed(lambda a, k=axis: T.max_and_argmax(a, axis=k), M)
        np.testing.assert_array_equal(largest, M.max(axis))
        np.testing.assert_array_equal(place, M.argmax(axis))


SUMS = {"int8": "int64", "int32": "int64", "int64": "int64", "uint8": "uint64", "uint32": "uint64", "float16": "float16", "float32": "float32", "float64": "float64", "complex64": "complex64"}


@pytest.mark.parametrize("dtype", SUMS)
def test_dtypes_of_sums_and_products_L21336(dtype):
    """Small integers become large ones, floats stay; the accumulator is at least as wide as the widest of the kind."""
    x = TensorType(dtype, (False,))()
    widest = {"i": "int64", "u": "uint64", "f": "float64", "c": "complex128"}[np.dtype(dtype).kind]
    for reduce in (T.sum, T.prod):
        assert reduce(x).dtype == SUMS[dtype]
        assert reduce(x, dtype="float64" if "complex" not in dtype else "complex128").dtype.endswith(("64", "128"))
        node = reduce(x).owner
        assert node.op.acc_dtype == widest
    a = np.array([100, 100, 100]).astype(dtype)
    assert computed(T.sum, a) == 300


def test_accumulator_of_float32_L21354():
    """Sums of float32 are exact to the last bit where float32 additions would not be."""
    a = np.full(10**5, 0.1, "float32")
    assert computed(T.sum, a) == np.float32(a.astype("float64").sum())


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_gradient_of_products_L21395(zeros):
    """Without zeros, with one, with more."""
    a = np.array([2.0, 3.0, 4.0])
    a[:zeros] = 0
    x = T.dvector()
    found = function([x], T.grad(T.prod(x), x), mode="FAST_COMPILE")(a)
    np.testing.assert_allclose(found, [np.prod(np.delete(a, k)) for k in range(3)])


def test_products_without_zeros_L21399():
    """A promise that makes a second derivative possible."""
    x = T.dvector()
    first = T.grad(T.prod(x, no_zeros_in_input=True), x)
    second = function([x], T.grad(first[0], x), mode="FAST_COMPILE")([2.0, 3.0, 4.0])
    np.testing.assert_allclose(second, [0, 4, 3])


def test_mean_L21411():
    """float32 stays, accumulated in float64; integers give floats."""
    assert T.mean(T.fvector()).dtype == "float32"
    assert T.mean(T.bvector()).dtype == "float64"
    a = np.full(10**5, 0.1, "float32")
    assert computed(T.mean, a) == np.float32(a.astype("float64").mean())


def test_ptp_L21503():
    """Of an axis, or of all."""
    np.testing.assert_allclose(computed(T.ptp, M), np.ptp(M))
    np.testing.assert_allclose(computed(lambda a: T.ptp(a, axis=0), M), np.ptp(M, axis=0))
