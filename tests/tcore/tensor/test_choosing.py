"""Elements of several arrays by number, and slices by truth."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(24)
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


@pytest.mark.parametrize("dtype", ["uint64", "int64"])
def test_choosing_by_numbers_beyond_int64(dtype, evaluate):
    """Out of range in any way: counted modulo the choices, or taken as the nearest."""
    numbers = np.array([0, 1, 4, np.iinfo(dtype).max], dtype)
    index = T.TensorType(dtype, (False,))()
    wrapped, clipped = ([int(number) % 3 for number in numbers], [0, 1, 2, 2])
    for choices in ([10, 20, 30], np.array([10, 20, 30])[:, None] * np.ones(4, int)):
        np.testing.assert_array_equal(evaluate(T.choose(index, choices, mode="wrap"), {index: numbers}), 10 * np.array(wrapped) + 10)
        np.testing.assert_array_equal(evaluate(T.choose(index, choices, mode="clip"), {index: numbers}), 10 * np.array(clipped) + 10)
