"""Indexing by integer arrays and masks, and writing by them."""

import pickle

import numpy as np
import pytest

import tcore.tensor as tt

A = np.arange(60.0).reshape(3, 4, 5)
I1 = np.array([2, 0, 2, -1])
I2 = np.array([[1, 0], [3, 3]])
ROW = np.array([1, 2])

INDICES = [
    I1, [0, 2], I2 % 3, (slice(None), I1), (I1, slice(1, 3)), (Ellipsis, I1), (I1, I1), (slice(None), I1, I1), (I1[:, None] % 3, ROW),
    (I1[:2], slice(None), ROW), (0, ROW), (ROW, 0), (ROW, slice(None), 0), (None, ROW), (ROW, None), (slice(None), ROW, None, ROW),
    (slice(None, None, -1), I1, slice(0, 4, 2)), (I2 % 3, I2), ([], ), (I2 % 3, slice(None), I2), np.zeros((0, 2), int),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_index_agrees_with_numpy(evaluate, index):
    """Values, shapes and the place of new axes are NumPy's."""
    x = tt.dtensor3("x")
    wanted = A[tuple(np.array(e, int) if isinstance(e, list) else e for e in index) if isinstance(index, tuple) else np.array(index, int)]
    np.testing.assert_array_equal(evaluate(x[index], {x: A}), wanted)


@pytest.mark.parametrize("index", INDICES[:-4], ids=str)
def test_gradient(check_gradient, index):
    """A place that is taken twice gets both gradients."""
    check_gradient(lambda x: x[index], A[:, :, :])


def test_symbolic_index(evaluate):
    """Index vectors and slice bounds may be symbolic."""
    x, i, j, n = tt.dtensor3("x"), tt.lvector("i"), tt.imatrix("j"), tt.lscalar("n")
    values = {x: A, i: I1, j: I2, n: 2}
    np.testing.assert_array_equal(evaluate(x[i], values), A[I1])
    np.testing.assert_array_equal(evaluate(x[:n, j], values), A[:2, I2])
    np.testing.assert_array_equal(evaluate(x[i, n], values), A[I1, 2])
    assert str(x[i].owner.op) == "AdvancedSubtensor1"
    assert str(x[:, i].owner.op) == "AdvancedSubtensor"


MASKS = [
    A[:, 0, 0] > 10, A[:, :, 0] > 17, A > 30, (slice(None), A[0, :, 0] > 7), (A[:, 0, 0] > 10, slice(1, 3)),
    (slice(None), A[0] > 7), np.zeros(3, bool), (A[:, 0, 0] > 10, None), (0, A[0, :, 0] > 7),
]  # fmt: skip


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("index", MASKS, ids=lambda m: str(np.shape(m)) if not isinstance(m, tuple) else "tuple")
def test_mask(evaluate, index, symbolic):
    """Masks of one and several axes, alone and among other entries."""
    x = tt.dtensor3("x")
    values = {x: A}

    def variable(entry):
        if not (symbolic and isinstance(entry, np.ndarray)):
            return entry
        mask = tt.TensorType("bool", (False,) * entry.ndim)("mask")
        values[mask] = entry
        return mask

    key = tuple(map(variable, index)) if isinstance(index, tuple) else variable(index)
    np.testing.assert_array_equal(evaluate(x[key], values), A[index])
    wanted = A.copy()
    wanted[index] = -1
    np.testing.assert_array_equal(evaluate(tt.set_subtensor(x[key], -1), values), wanted)


def test_mask_of_wrong_length(evaluate):
    """A mask that does not have the shape of what it selects from is an IndexError, also when it is shorter."""
    x, mask = tt.dmatrix("x"), tt.TensorType("bool", (False,))("mask")
    for length in (2, 4):
        with pytest.raises(IndexError, match=f"axis 0 has length 3, the mask {length}"):
            evaluate(x[mask], {x: A[:, :, 0], mask: np.ones(length, bool)})


def test_mask_gradient(check_gradient):
    """The gradient goes to the places where the mask is true."""
    check_gradient(lambda x: x[x > 10.5] * 2, A[0])


@pytest.mark.parametrize("index", [np.array([0, 3]), np.array([-4, 0])])
def test_out_of_range(evaluate, index):
    """An index outside the axis is an IndexError that names index, axis and size."""
    x, i = tt.dmatrix("x"), tt.lvector("i")
    bad = index[np.abs(index) > 2][0]
    for expression in (x[i], x[i, i], tt.set_subtensor(x[i], 1), tt.inc_subtensor(x[i, i], 1)):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 3"):
            evaluate(expression, {x: A[:, :, 0], i: index})
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 1 with size 4"):
        evaluate(x[:, i], {x: A[:, :, 0], i: [4]})


def test_duplicates(evaluate):
    """Of values for one place the last is set, and all are added."""
    x, i = tt.dvector("x"), tt.lvector("i")
    y = tt.dvector("y")
    values = {x: np.zeros(3), i: [1, 1, 2, 1], y: [1.0, 2, 3, 4]}
    np.testing.assert_array_equal(evaluate(tt.set_subtensor(x[i], y), values), [0, 4, 3])
    np.testing.assert_array_equal(evaluate(tt.inc_subtensor(x[i], y), values), [0, 7, 3])
    m = tt.dmatrix("m")
    values[m] = np.zeros((2, 3))
    np.testing.assert_array_equal(evaluate(tt.inc_subtensor(m[:, i], y), values), [[0, 7, 3]] * 2)
    np.testing.assert_array_equal(evaluate(tt.set_subtensor(m[:, i], y), values), [[0, 4, 3]] * 2)


@pytest.mark.parametrize("set_", [True, False], ids=["set", "inc"])
@pytest.mark.parametrize("index", [I1[:2], (slice(None), ROW), (ROW, ROW), (ROW[:, None], ROW), (0, ROW), (Ellipsis, ROW)], ids=str)
def test_write(evaluate, check_gradient, index, set_):
    """Whole values and ones that are broadcast, with gradients for both arguments."""
    write = tt.set_subtensor if set_ else tt.inc_subtensor
    part = A[index]
    x = tt.dtensor3("x")
    for value in (np.array(2.0), part * 2, part[:1], part[..., :1]):
        y = tt.TensorType("float64", [n == 1 for n in value.shape])("y")
        wanted = A.copy()
        if set_:
            wanted[index] = value
        else:
            np.add.at(wanted, index, value)
        np.testing.assert_array_equal(evaluate(write(x[index], y), {x: A, y: value}), wanted)
    check_gradient(lambda x, y: write(x[index], y), A[:, :3, :3], A[:, :3, :3][index])
    check_gradient(lambda x, y: write(x[index], y), A[:, :3, :3], 3.0)


def test_printed_forms():
    """Ops print what they do."""
    x, i = tt.dmatrix("x"), tt.lvector("i")
    assert str(tt.inc_subtensor(x[i], 1).owner.op) == "AdvancedIncSubtensor1{no_inplace,inc}"
    assert str(tt.set_subtensor(x[i], 1, inplace=True).owner.op) == "AdvancedIncSubtensor1{inplace,set}"
    op = tt.inc_subtensor(x[:, i], 1).owner.op
    assert pickle.loads(pickle.dumps(op)) == op


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("indices", [2, [0, 2, 2], [[0, 1], [2, 2]]])
def test_take(evaluate, indices, axis, mode):
    """take agrees with NumPy along every axis, for indices of every number of axes."""
    x = tt.dtensor3("x")
    for shift in (0,) if mode == "raise" else (0, 4, -7):
        index = np.asarray(indices) + shift
        np.testing.assert_array_equal(evaluate(x.take(index, axis, mode), {x: A}), A.take(index, axis, mode=mode))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_take_out_of_range_names_the_axis(evaluate, axis):
    value, index = np.zeros((3, 4, 5)), tt.lvector("index")
    x, length = tt.dtensor3("x"), value.shape[axis]
    with pytest.raises(IndexError, match=f"index {length} is out of bounds for axis {axis % 3} with size {length}"):
        evaluate(x.take(index, axis), {x: value, index: np.array([0, length])})


def test_nonzero(evaluate):
    """Places per axis, as vectors or one matrix, and the elements there."""
    x = tt.dmatrix("x")
    data = np.array([[0.0, 1, 0], [2, 0, 3]])
    for found, wanted in zip(x.nonzero(), data.nonzero(), strict=True):
        np.testing.assert_array_equal(evaluate(found, {x: data}), wanted)
    np.testing.assert_array_equal(evaluate(x.nonzero(return_matrix=True), {x: data}), data.nonzero())
    for values in (tt.nonzero_values(x), x.nonzero_values(), x[x.nonzero()]):
        np.testing.assert_array_equal(evaluate(values, {x: data}), [1, 2, 3])
    np.testing.assert_array_equal(evaluate(tt.flatnonzero(x), {x: data}), np.flatnonzero(data))


@pytest.mark.parametrize("index", [ROW, (slice(None), ROW)], ids=["rows", "columns"])
def test_written_value_stretches_by_its_type_only(evaluate, index):
    """A length of 1 that no type tells is refused by every backend, as in basic indexing."""
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    for increment in (tt.set_subtensor, tt.inc_subtensor):
        with pytest.raises(ValueError, match="lengths must be equal, or 1 by the value's type"):
            evaluate(increment(x[index], y), {x: A[0], y: np.ones((1, 5) if isinstance(index, np.ndarray) else (4, 1))})


def test_bounds_of_an_axis_of_length_one(evaluate):
    """Indices count where the type says that there is one element, which can be read without them."""
    row, places = tt.drow("row"), tt.lvector("places")
    value = np.arange(3.0)[None]
    inside = {row: value, places: np.array([0, -1])}
    np.testing.assert_array_equal(evaluate(row[places], inside), value[[0, -1]])
    np.testing.assert_array_equal(evaluate(row[places, 1], inside), value[[0, -1], 1])
    np.testing.assert_array_equal(evaluate(row[[0, -1]], {row: value}), value[[0, -1]])
    for result in (row[places], row[places, 1]):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 1"):
            evaluate(result, {row: value, places: np.array([0, 2])})
