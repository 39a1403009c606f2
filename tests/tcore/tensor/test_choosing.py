"""Elements of several arrays by number, slices by truth; differences, windows, one-hot rows; places as numbers; diagonals; triangles."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(24)

# ------------------------------------------------------------------------------------------------------------- choose

CHOICES = [rng.normal(size=(2, 3)) for _ in range(4)]


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize("form", ["list", "tensor"])
def test_choose_L21231(mode, form, evaluate):
    """As NumPy's for each mode, of a list and of one array of choices; as a method of the numbers."""
    a = rng.integers(0, 4, size=(2, 3)) if mode == "raise" else rng.integers(-6, 9, size=(2, 3))
    x = T.lmatrix()
    choices = [T.constant(c) for c in CHOICES] if form == "list" else T.constant(np.stack(CHOICES))
    np.testing.assert_array_equal(evaluate(T.choose(x, choices, mode=mode), {x: a}), np.choose(a, CHOICES, mode=mode))
    np.testing.assert_array_equal(evaluate(x.choose(choices, mode=mode), {x: a}), np.choose(a, CHOICES, mode=mode))


def test_choices_broadcast(evaluate):
    """Numbers and choices of different dimensions."""
    x, v = T.lmatrix(), T.lvector()
    a, b = rng.integers(0, 2, size=(4, 1)), rng.integers(0, 2, size=3)
    c = [rng.normal(size=3), rng.normal(size=3)]
    column = T.TensorType("int64", (False, True))()
    np.testing.assert_array_equal(evaluate(T.choose(column, [T.constant(k) for k in c]), {column: a}), np.choose(a, c))
    np.testing.assert_array_equal(evaluate(T.choose(column, T.constant(np.stack(c))), {column: a}), np.choose(a, c))
    wide = rng.normal(size=(2, 4, 3))
    np.testing.assert_array_equal(evaluate(T.choose(v, T.constant(wide)), {v: b}), np.choose(b, wide))
    np.testing.assert_array_equal(evaluate(T.choose(x, [1.0, 2.0]), {x: a}), np.choose(a, [1.0, 2.0]))


def test_choose_into_out(evaluate):
    """The result has the dtype of ``out``, which keeps its value; a shape that does not fit is refused."""
    x, out = T.lvector(), T.fvector()
    found = evaluate(T.choose(x, [T.constant([1.0, 2.0]), T.constant([3.0, 4.0])], out=out), {x: [1, 0], out: [9, 9]})
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, [3, 2])
    with pytest.raises(ValueError):
        evaluate(T.choose(x, [T.constant([1.0, 2.0]), T.constant([3.0, 4.0])], out=out), {x: [1, 0], out: [9, 9, 9]})
    with pytest.raises(ValueError, match="out has 2 dimensions, the result 1"):
        T.choose(x, [1.0, 2.0], out=T.dmatrix())


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("form", ["list", "tensor"])
def test_choose_raises_L21245(form):
    """A number that is none of the choices."""
    x = T.lvector()
    choices = [T.constant([1.0, 2.0]), T.constant([3.0, 4.0])] if form == "list" else T.constant([[1.0, 2.0], [3.0, 4.0]])
    f = tcore.function([x], T.choose(x, choices))
    for bad in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="a number is none of the choices"):
            f(bad)


def test_choose_gradient_and_refusals(check_grad):
    """Each choice has the gradient of the places where it was chosen."""
    numbers = T.constant([[0, 1, 1], [1, 0, 1]])
    check_grad(lambda a, b: T.choose(numbers, [a, b]), *CHOICES[:2])
    check_grad(lambda a: T.choose(numbers, a), np.stack(CHOICES[:2]))
    with pytest.raises(ValueError, match="mode is one of raise, wrap, clip, got 'loop'"):
        T.choose(numbers, [1.0, 2.0], mode="loop")
    with pytest.raises(ValueError, match="nothing to choose from"):
        T.choose(numbers, [])
    with pytest.raises(TypeError, match="integers to choose by"):
        T.choose(T.dvector(), [1.0, 2.0])


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_compress_L24706(axis, evaluate):
    """As NumPy's; a longer condition that is true outside raises."""
    a = rng.normal(size=(3, 4))
    c = np.array([1, 0, 1])
    x, y = T.lvector(), T.dmatrix()
    np.testing.assert_array_equal(evaluate(T.compress(x, y, axis), {x: c, y: a}), np.compress(c, a, axis))
    np.testing.assert_array_equal(evaluate(x.compress(y, axis), {x: c, y: a}), np.compress(c, a, axis))
    with pytest.raises(IndexError):
        evaluate(T.compress(x, y, axis), {x: np.ones(20, "int64"), y: a})
    with pytest.raises(ValueError, match="a vector of conditions"):
        T.compress(y, y)


# -------------------------------------------------------------------------------------------------------- differences


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_diff_L24751(axis, n, evaluate, check_grad):
    """As NumPy's, for n that leave nothing too."""
    a = rng.normal(size=(4, 3))
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(T.diff(x, n, axis), {x: a}), np.diff(a, n, axis))
    if n in (1, 2):
        check_grad(lambda v: T.diff(v, n, axis), a)


def test_diff_of_bools_and_refusals(evaluate):
    """Whether neighbours differ."""
    x = T.TensorType("bool", (False,))()
    np.testing.assert_array_equal(evaluate(T.diff(x), {x: [True, True, False]}), [False, True])
    with pytest.raises(ValueError, match="n is an int that is not negative, got -1"):
        T.diff(x, -1)
    with pytest.raises(ValueError, match="diff: axis 1 does not exist"):
        T.diff(x, axis=1)


def test_bartlett_L24679(evaluate):
    """As NumPy's; empty without points."""
    m = T.iscalar()
    window = T.bartlett(m)
    for count in (-1, 0, 1, 2, 3, 5, 10):
        found = evaluate(window, {m: count})
        assert found.dtype == "float64"
        np.testing.assert_allclose(found, np.bartlett(count), atol=1e-15)
    with pytest.raises(TypeError, match="M of bartlett must be an integer"):
        T.bartlett(2.5)


def test_one_hot_L24895(evaluate):
    """Rows of the identity; floatX by default; numbers outside raise."""
    y, n = T.lvector(), T.lscalar()
    found = evaluate(T.to_one_hot(y, n), {y: [2, 0, 3], n: 4})
    assert found.dtype == tcore.config.floatX
    np.testing.assert_array_equal(found, np.eye(4)[[2, 0, 3]])
    assert T.to_one_hot(y, 4, dtype="int8").dtype == "int8"
    with pytest.raises(IndexError):
        evaluate(T.to_one_hot(y, 3), {y: [3]})
    with pytest.raises(TypeError, match="a vector of integers"):
        T.to_one_hot(T.dvector(), 3)


# ----------------------------------------------------------------------------------------------------- places as numbers


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_places_and_back_L24800(order, shape, evaluate):
    """As NumPy's, there and back."""
    dims = (3, 4, 5)
    flat = rng.integers(0, 60, size=shape)
    x = T.TensorType("int64", (False,) * len(shape))()
    index = T.unravel_index(x, dims, order)
    assert isinstance(index, tuple)
    for got, want in zip(evaluate(list(index), {x: flat}), np.unravel_index(flat, dims, order), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index(index, dims, order=order), {x: flat}), flat)


def test_lengths_in_the_graph(evaluate):
    """Lengths may be variables, each or all together."""
    x, n, d = T.lvector(), T.lscalar(), T.lvector()
    np.testing.assert_array_equal(evaluate(list(T.unravel_index(x, (n, 4))), {x: [5, 6], n: 3}), np.unravel_index([5, 6], (3, 4)))
    np.testing.assert_array_equal(evaluate(list(T.unravel_index(x, d, ndim=2)), {x: [5, 6], d: [3, 4]}), np.unravel_index([5, 6], (3, 4)))
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index((x, x), d), {x: [1, 2], d: [3, 4]}), [5, 10])
    with pytest.raises(ValueError, match="give the number of axes as ndim"):
        T.unravel_index(x, d)
    with pytest.raises(ValueError, match="was told ndim=3, dims has 2 lengths"):
        evaluate(list(T.unravel_index(x, d, ndim=3)), {x: [5], d: [3, 4]})


@pytest.mark.parametrize("mode", ["wrap", "clip", ("clip", "wrap")])
def test_modes_of_places(mode, evaluate):
    """Indices outside, by mode, one for all or one for each axis."""
    x, y = T.lvector(), T.lvector()
    a, b = rng.integers(-9, 9, size=(2, 10))
    np.testing.assert_array_equal(evaluate(T.ravel_multi_index((x, y), (3, 4), mode), {x: a, y: b}), np.ravel_multi_index((a, b), (3, 4), mode))


def test_what_places_refuse(evaluate):
    """Places outside, floats, unknown modes and orders."""
    x = T.lvector()
    with pytest.raises(ValueError):
        evaluate(T.ravel_multi_index((x, x), (3, 4)), {x: [3]})
    with pytest.raises(ValueError):
        evaluate(list(T.unravel_index(x, (3, 4))), {x: [12]})
    with pytest.raises(TypeError, match="takes integers"):
        T.ravel_multi_index((T.dvector(),), (3,))
    with pytest.raises(ValueError, match="a mode is one of raise, wrap, clip, got 'loop'"):
        T.ravel_multi_index((x,), (3,), mode="loop")
    with pytest.raises(ValueError, match="2 modes for 1 axes"):
        T.ravel_multi_index((x,), (3,), mode=("wrap", "clip"))
    with pytest.raises(ValueError, match="'order' must be in"):
        T.unravel_index(x, (3,), order="K")


# ------------------------------------------------------------------------------------------------ diagonals, triangles


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (3, 3, 3), (0, 2)])
def test_filled_diagonals_L24767(shape, evaluate, check_grad):
    """Of rectangular matrices and of cubes; the rest stays, gradients too."""
    a = rng.normal(size=shape)
    x, v = T.TensorType("float64", (False,) * len(shape))(), T.dscalar()
    wanted = a.copy()
    steps = np.arange(min(shape))
    wanted[(steps,) * len(shape)] = 7
    np.testing.assert_array_equal(evaluate(T.fill_diagonal(x, v), {x: a, v: 7}), wanted)
    check_grad(T.fill_diagonal, a, np.array(2.0))


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5)])
@pytest.mark.parametrize("offset", [-7, -2, -1, 0, 1, 3, 9])
def test_filled_diagonals_beside_the_main_one_L24786(shape, offset, evaluate):
    """Positive above, negative below, none outside, never again in a tall matrix; the offset may be a variable."""
    a = rng.normal(size=shape)
    x, k = T.dmatrix(), T.lscalar()
    wanted = np.where(np.eye(*shape, k=offset, dtype=bool), 7, a)
    np.testing.assert_array_equal(evaluate(T.fill_diagonal_offset(x, 7, offset), {x: a}), wanted)
    np.testing.assert_array_equal(evaluate(T.fill_diagonal_offset(x, 7, k), {x: a, k: offset}), wanted)


def test_what_filling_refuses(evaluate):
    """Values of a wider dtype, values that are no scalar, cubes that are none."""
    with pytest.raises(TypeError, match="a value of dtype float64 does not fit"):
        T.fill_diagonal(T.lmatrix(), T.dscalar())
    with pytest.raises(TypeError, match="fills with a scalar"):
        T.fill_diagonal(T.dmatrix(), T.dvector())
    with pytest.raises(TypeError, match="two dimensions or more"):
        T.fill_diagonal(T.dvector(), 1.0)
    with pytest.raises(TypeError, match="takes a matrix"):
        T.fill_diagonal_offset(T.dtensor3(), 1.0, 0)
    x = T.dtensor3()
    with pytest.raises(ValueError, match="equally long"):
        evaluate(T.fill_diagonal(x, 1.0), {x: np.zeros((2, 2, 3))})


@pytest.mark.parametrize("k", [-2, 0, 1])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 4), (0, 2)])
def test_triangles(k, shape, evaluate, check_grad):
    """As NumPy's, of matrices and stacks of them; infinities outside do not matter."""
    a = rng.normal(size=shape)
    x = T.TensorType("float64", (False,) * len(shape))()
    np.testing.assert_array_equal(evaluate([T.tril(x, k), T.triu(x, k)], {x: a}), [np.tril(a, k), np.triu(a, k)])
    if len(shape) == 2 and shape[0]:
        check_grad(lambda v: T.tril(v, k) + 2 * T.triu(v, k), a)
        np.testing.assert_array_equal(evaluate(T.tri(*shape, k)), np.tri(*shape, k))
    with_infinity = np.where(np.triu(np.ones((3, 3)), 1), np.inf, 1.0)
    m = T.dmatrix()
    np.testing.assert_array_equal(evaluate(T.tril(m), {m: with_infinity}), np.tri(3))


def test_triangles_of_ones(evaluate):
    """Square without columns given, floatX by default; vectors have none."""
    n = T.lscalar()
    np.testing.assert_array_equal(evaluate(T.tri(n), {n: 3}), np.tri(3))
    assert T.tri(3).dtype == tcore.config.floatX
    assert T.tri(3, dtype="int8").dtype == "int8"
    with pytest.raises(ValueError, match="takes a matrix or a stack"):
        T.tril(T.dvector())


def test_row_major_copies_L24640(evaluate):
    """The input itself where it is in order, else a copy that is."""
    from tcore.tensor.extra_ops import CpuContiguous

    x = T.dmatrix()
    node = CpuContiguous()(x).owner
    for a in (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3))), np.ones((4, 6))[::2, ::2]):
        cell = [None]
        node.op.perform(node, [a], [cell])
        assert cell[0].flags.c_contiguous
        assert (cell[0] is a) == a.flags.c_contiguous
        np.testing.assert_array_equal(cell[0], a)


@pytest.mark.parametrize("dtype", ["uint64", "int64"])
def test_choosing_by_numbers_beyond_int64(dtype, evaluate):
    """Out of range in any way: counted modulo the choices, or taken as the nearest."""
    numbers = np.array([0, 1, 4, np.iinfo(dtype).max], dtype)
    index = T.TensorType(dtype, (False,))()
    wrapped, clipped = ([int(number) % 3 for number in numbers], [0, 1, 2, 2])
    for choices in ([10, 20, 30], np.array([10, 20, 30])[:, None] * np.ones(4, int)):
        np.testing.assert_array_equal(evaluate(T.choose(index, choices, mode="wrap"), {index: numbers}), 10 * np.array(wrapped) + 10)
        np.testing.assert_array_equal(evaluate(T.choose(index, choices, mode="clip"), {index: numbers}), 10 * np.array(clipped) + 10)


def test_one_hot_rows_of_numbers_that_are_none(evaluate):
    """Neither too large nor negative ones, which would count from the end."""
    y = T.lvector()
    rows = T.extra_ops.to_one_hot(y, 3)
    np.testing.assert_array_equal(evaluate(rows, {y: [2, 0]}), np.eye(3)[[2, 0]])
    for number in (3, -1):
        with pytest.raises(IndexError):
            evaluate(rows, {y: [0, number]})


@pytest.mark.parametrize("dims", [(3.5, 4), 3.0, (T.lscalar("n"), 4.5), ("3", 4)])
def test_lengths_that_are_no_integers(dims):
    """Refused, not cut off."""
    with pytest.raises(TypeError):
        T.unravel_index(5, dims)
    with pytest.raises(TypeError):
        T.ravel_multi_index([1, 2], dims)
