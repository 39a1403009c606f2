"""Basic indexing and writing into parts."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.tensor.slices import get_canonical_form_slice, slice_length
from tcore.tensor.subtensor import Subtensor

A = np.arange(24.0).reshape(4, 6)

INDICES = [
    0, -1, slice(1, 3), slice(None), slice(None, None, -1), slice(None, None, -2), slice(3, None, -1), slice(-1, 0, -1),
    slice(10, None), slice(-10, 2), slice(2, 1), slice(None, -1), slice(5, -9, -3), slice(1, None, 2), Ellipsis, None, (),
    (0, 0), (slice(None), 0), (slice(1, 3), slice(None, None, -2)), (Ellipsis, 0), (0, Ellipsis), (None, 0), (0, None),
    (slice(None), None), (slice(None), None, slice(1, 4)), (Ellipsis, None), (None, slice(2), None, -1), (Ellipsis, 0, 1),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_index_agrees_with_numpy(evaluate, index):
    """Values and shapes are NumPy's."""
    x = tt.dmatrix("x")
    result = evaluate(x[index], {x: A})
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, A[index])


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_index_of_empty_array(evaluate, index):
    """Slices of an axis of length 0 are empty; an element of it is an IndexError."""
    x = tt.dmatrix("x")
    empty = np.zeros((0, 6))
    try:
        wanted = empty[index]
    except IndexError:
        with pytest.raises(IndexError):
            evaluate(x[index], {x: empty})
        return
    np.testing.assert_array_equal(evaluate(x[index], {x: empty}), wanted)


@pytest.mark.parametrize("start", [None, -7, -2, 0, 3, 9])
@pytest.mark.parametrize("stop", [None, -7, -2, 0, 3, 9])
@pytest.mark.parametrize("step", [None, 1, 2, -1, -3])
def test_symbolic_slice(evaluate, start, stop, step):
    """Symbolic bounds and steps, and the length that infer_shape gives for them."""
    parts = {name: tt.iscalar(name) for name, value in (("a", start), ("b", stop), ("c", step)) if value is not None}
    x = tt.dvector("x")
    values = dict(zip(parts.values(), [v for v in (start, stop, step) if v is not None], strict=True))
    for data in (np.arange(5.0), np.zeros(0)):
        result = evaluate(x[parts.get("a") : parts.get("b") : parts.get("c")], {x: data, **values})
        np.testing.assert_array_equal(result, data[start:stop:step])


@pytest.mark.parametrize("length", [0, 1, 5])
@pytest.mark.parametrize("part", [slice(None), slice(1, 4), slice(-3, None, 2), slice(None, None, -1), slice(3, 0, -2), slice(7, 2, -1)])
def test_canonical_slice(part, length):
    """The canonical slice and direction select the same elements, in the same order."""
    data = np.arange(length)
    canonical, direction = get_canonical_form_slice(part, length)
    np.testing.assert_array_equal(data[canonical][::direction], data[part])
    assert slice_length(part, length) == len(data[part])


def test_printed_forms():
    """Index lists print the dtypes of their parts."""
    x, i = tt.dmatrix("x"), tt.iscalar("i")
    assert str(x[0].owner.op) == "Subtensor{int64}"
    assert str(x[1:3].owner.op) == "Subtensor{int64:int64:}"
    assert str(x[:, 0].owner.op) == "Subtensor{::, int64}"
    assert str(x[::-1].owner.op) == "Subtensor{::int64}"
    assert str(x[i].owner.op) == "Subtensor{int32}"
    assert str(x[0].owner.inputs[1]) == "Constant{0}"
    assert str(x[i].owner.inputs[1].owner.op) == "ScalarFromTensor"
    assert str(tt.set_subtensor(x[0], 1).owner.op) == "IncSubtensor{Set;int64}"
    assert str(tt.inc_subtensor(x[1:3], 1).owner.op) == "IncSubtensor{Inc;int64:int64:}"
    assert str(tt.set_subtensor(x[0], 1, inplace=True).owner.op) == "IncSubtensor{InplaceSet;int64}"


def test_equal_and_hash_and_pickle():
    """Ops with equal index lists are equal, also after pickling."""
    x = tt.dmatrix("x")
    op = x[1:, 0].owner.op
    assert op == x[2:, 5].owner.op
    assert hash(op) == hash(x[2:, 5].owner.op)
    assert op != x[1:].owner.op
    assert pickle.loads(pickle.dumps(op)) == op
    assert Subtensor([0, slice(1, None)]) == x[0, 1:].owner.op


def test_broadcast_pattern():
    """A broadcastable axis stays so under a slice that takes its element."""
    r = tt.drow("r")
    assert r[0:1].broadcastable == (True, False)
    assert r[::-1].broadcastable == (True, False)
    assert r[1:].broadcastable == (False, False)
    assert r[:, 0:1].broadcastable == (True, False)
    assert r[0].broadcastable == (False,)


@pytest.mark.parametrize(
    ("index", "error"),
    [((0, 0, 0), IndexError), (1.0, TypeError), (True, TypeError), ("a", TypeError), (slice(0, 1.5), TypeError),
     ((Ellipsis, Ellipsis), IndexError), ([True, False, True, True], TypeError), (slice(None, None, 0), ValueError)],
    ids=str,
)  # fmt: skip
def test_bad_index(index, error):
    """What is no index is refused when the graph is built."""
    with pytest.raises(error):
        tt.dmatrix("x")[index]


def test_known_index_out_of_range():
    """An index outside an axis of known length is an error at once; it names index, axis and size."""
    with pytest.raises(IndexError, match=r"index 5 is out of bounds for axis 1 .* with size 1"):
        tt.dcol("x")[0, 5]


def test_run_time_index_out_of_range(evaluate):
    """At run time too."""
    x, i = tt.dmatrix("x"), tt.lscalar("i")
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        evaluate(x[i], {x: A, i: 4})


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_gradient(check_gradient, index):
    """The gradient of a part is increments of zeros."""
    check_gradient(lambda x: x[index], A[:, :6])


PLACES = [0, -1, slice(1, 3), slice(None), slice(None, None, -2), (slice(None), 2), (1, slice(2, None)), Ellipsis, (0, 1),
          (None, 1), (slice(1, 3), None, slice(None, None, 2))]  # fmt: skip


@pytest.mark.parametrize("set_", [True, False], ids=["set", "inc"])
@pytest.mark.parametrize("index", PLACES, ids=str)
def test_write(evaluate, check_gradient, index, set_):
    """Values of all shapes that broadcast, and the gradients for both arguments."""
    write = tt.set_subtensor if set_ else tt.inc_subtensor
    part = A[index]
    for value in (np.array(2.5), np.full(part.shape[-1:], 1.5), np.arange(1.0, part.size + 1).reshape(part.shape)):
        x, y = tt.dmatrix("x"), tt.TensorType("float64", (False,) * value.ndim)("y")
        wanted = A.copy()
        if set_:
            wanted[index] = value
        else:
            wanted[index] += value
        np.testing.assert_array_equal(evaluate(write(x[index], y), {x: A, y: value}), wanted)
    check_gradient(lambda x, y: write(x[index], y), A, part)
    check_gradient(lambda x, y: write(x[index], y), A, 3.0)


def test_write_in_place(evaluate):
    """In place the first input is overwritten, else it is left alone (which the interpreter checks)."""
    x = tt.dvector("x")
    data = np.arange(4.0)
    result = evaluate(tt.inc_subtensor(x[1:3], 10, inplace=True), {x: data})
    assert result is data
    np.testing.assert_array_equal(data, [0, 11, 12, 3])
    assert tt.inc_subtensor(x[1:3], 10, inplace=True).owner.op.destroy_map == {0: [0]}


def test_documented_examples(evaluate):
    """set_subtensor(r[10:], 5) and inc_subtensor(r[10:], 5) of an ivector."""
    r = tt.ivector("r")
    data = np.arange(12, dtype="int32")
    np.testing.assert_array_equal(evaluate(tt.set_subtensor(r[10:], 5), {r: data}), [*range(10), 5, 5])
    np.testing.assert_array_equal(evaluate(tt.inc_subtensor(r[10:], 5), {r: data}), [*range(10), 15, 16])
    assert tt.set_subtensor(r[10:], 5).dtype == "int32"


def test_python_number_keeps_dtype():
    """A Python float written into float32 stays float32, whatever dtype would hold it exactly."""
    x = tt.fvector("x")
    assert tt.set_subtensor(x[0], 0.1).dtype == "float32"
    with pytest.raises(TypeError, match="does not fit into"):
        tt.set_subtensor(tt.ivector("i")[0], 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tt.set_subtensor(tt.dvector("x"), 1), "result of indexing"),
        (lambda: tt.set_subtensor(tt.exp(tt.dvector("x")), 1), "result of indexing"),
        (lambda: tt.inc_subtensor(tt.dvector("x")[1:], tt.dmatrix("m")), "has 2 dimensions"),
        (lambda: tt.inc_subtensor(tt.fvector("x")[1:], tt.dvector("m")), "float64 does not fit"),
        (lambda: tt.dvector("x").__setitem__(0, 1), "set_subtensor"),
    ],
)
def test_bad_write(call, message):
    """Errors say what is wrong and what to do."""
    with pytest.raises(TypeError, match=message):
        call()


def test_integers_have_zero_gradients():
    """The gradient of integers is zeros of floatX."""
    x = tt.ivector("x")
    part = x[1:]
    (g, _) = part.owner.op.L_op(part.owner.inputs, [part], [tt.dvector("g")])
    assert g.dtype == "float64"


def test_directional_derivatives(evaluate):
    """R_op of reading and writing: both are linear."""
    x, y, dx, dy = tt.dvectors("x", "y", "dx", "dy")
    values = {x: np.arange(5.0), y: np.ones(2), dx: np.arange(5.0) + 1, dy: np.array([7.0, 8])}
    part = x[1:3]
    (moved,) = part.owner.op.R_op(part.owner.inputs, [dx, None, None])
    np.testing.assert_array_equal(evaluate(moved, values), [2, 3])
    written = tt.set_subtensor(part, y)
    (moved,) = written.owner.op.R_op(written.owner.inputs, [dx, dy, None, None])
    np.testing.assert_array_equal(evaluate(moved, values), [1, 7, 8, 4, 5])
    (moved,) = written.owner.op.R_op(written.owner.inputs, [None, dy, None, None])
    np.testing.assert_array_equal(evaluate(moved, values), [0, 7, 8, 0, 0])


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[::2], np.s_[1:4], np.s_[-2::-2]], ids=str)
def test_strided_view_of_a_sum(index, backend):
    """Steps over something that is computed, from two arrays, on every backend."""
    x, y = tt.dvectors("x", "y")
    f = tcore.function([x, y], [(x + y)[index], ((x + y)[index] * 2).sum()])
    a, b = np.arange(6.0), np.arange(6.0) ** 2
    for got, wanted in zip(f(a, b), ((a + b)[index], ((a + b)[index] * 2).sum()), strict=True):
        np.testing.assert_allclose(got, wanted)


def test_slices_as_values(evaluate):
    """Slice variables, None among them; what is no slice is refused by their Types."""
    x, n = tt.dmatrix("x"), tt.lscalar("n")
    value = np.arange(12.0).reshape(3, 4)
    part = tt.make_slice(n, None, None)
    np.testing.assert_array_equal(evaluate(x[part], {x: value, n: np.array(1)}), value[1:])
    np.testing.assert_array_equal(evaluate(x[tt.NoneConst, 1], {x: value, n: np.array(1)}), value[None, 1])
    np.testing.assert_array_equal(evaluate(x[tt.make_slice(slice(n, 3)), ::-1], {x: value, n: np.array(1)}), value[1:3, ::-1])
    changed = tcore.function([x, n], [tt.inc_subtensor(x[part][0], 1.0), x], mode="FAST_RUN")
    got, kept = changed(value, 1)
    np.testing.assert_array_equal(kept, value)
    np.testing.assert_array_equal(got, value[1:] + [[1.0], [0.0]])
    kind = tt.make_slice(0, 1).type
    assert str(kind) == "slice"
    assert kind.values_eq(slice(1, 2), slice(1, 2))
    with pytest.raises(TypeError, match="expected a slice, got 3 of int"):
        kind.filter(3)
    with pytest.raises(TypeError, match="expected None, got 3"):
        tt.NoneConst.type.filter(3)
    assert tt.make_slice(0, 1).owner.op == tt.make_slice(n, n).owner.op
