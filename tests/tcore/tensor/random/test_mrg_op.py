"""The ops of MRG31k3p: every number and every next state against the recurrence, on every backend."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.tensor.random.mrg31k3p import M1, M2, seed_state, substreams
from tcore.tensor.random.mrg_op import MRGUniform, dot_modulo, mrg_steps, mrg_uniform
from tcore.testing import OpCase, check_op

STREAMS = 7
STATES = substreams(seed_state(12345), STREAMS)
PLAIN = Mode("py", None)


def fractions(z, dtype):
    z = np.array(z, "int64")
    return {"float64": z * 2.0**-31, "float32": ((z >> 8) * 2 + 1) * 2.0**-24, "float16": ((z >> 21) * 2 + 1) * 2.0**-11}[dtype].astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("used", [STREAMS, 3])
def test_numbers_and_states(backend, dtype, used, steps):
    """Number i is the next of stream i mod n; a stream moves by what it gave. Counts are symbolic: one compilation."""
    states, count = tcore.shared(STATES), tt.lscalar("count")
    f = tcore.function([count], mrg_uniform(states, count, used, dtype))
    for n in (0, 3, 7, 14, 45):
        following, numbers = f(n)
        assert numbers.shape == (n,)
        assert numbers.dtype == dtype
        for stream, state in enumerate(STATES):
            gave = len(range(stream, n, used)) if stream < used else 0
            z, after = steps(state, gave)
            if gave:
                np.testing.assert_array_equal(numbers[stream::used], fractions(z, dtype))
            assert following[stream].tolist() == after


def test_many_numbers(backend, steps):
    """Tables longer than a block, in one compilation with known counts."""
    following, numbers = tcore.function([], mrg_uniform(tcore.shared(STATES), 1000, 2, "float64"))()
    for stream in range(2):
        z, after = steps(STATES[stream], 500)
        np.testing.assert_array_equal(numbers[stream::2], fractions(z, "float64"))
        assert following[stream].tolist() == after


def test_natively():
    """With the CPU backend nothing but the table of a symbolic count is Python's."""
    f = tcore.function([], mrg_uniform(tcore.shared(STATES), 45, 7, "float64"))
    assert "runs in Python" not in str(f.explain())


def test_text():
    """The documented text."""
    following, numbers = mrg_uniform(tcore.shared(STATES), 5, 7, "float64")
    assert str(numbers) == "mrg_uniform{TensorType(float64, vector),no_inplace}.1"
    assert following.type == tt.imatrix


def test_refusals(backend):
    """States of fewer streams than there were when the graph was built, and wrong types."""
    states = tcore.shared(STATES)
    f = tcore.function([], mrg_uniform(states, 14, STREAMS, "float64"))
    states.set_value(STATES[:5])
    with pytest.raises(ValueError, match="7 streams.*5 streams"):
        f()
    with pytest.raises(TypeError, match="vector of floats"):
        MRGUniform(tt.lvector)
    with pytest.raises(TypeError, match="states is a matrix of int32"):
        mrg_uniform(tt.dmatrix(), 5, 1, "float64")


def test_wrong_tables():
    """Hand-made graphs that would read beyond a table are refused in Python and in kernels alike."""
    op = MRGUniform(tt.dvector)
    states, steps_ = tcore.shared(np.ascontiguousarray(STATES.T)), mrg_steps(8)
    for mode in (PLAIN, Mode("cvm", "fast_run")):
        for rows, rest, used in ((9, 0, 7), (1, 8, 7), (-1, 0, 7), (1, -1, 7)):
            with pytest.raises(ValueError, match="mrg_uniform"):
                tcore.function([], op(states, steps_, steps_[:4], used, rows, rest), mode=mode)()


def test_dot_modulo(backend):
    """Two products modulo two numbers, exact, as one vector."""
    A = np.array([[M1 - 1, 1, 2], [0, M1 - 2, 5], [1, 0, 0]])
    s, t = np.array([M1 - 1, 3, 4]), np.array([7, M2 - 1, M2 - 2])
    expected = [sum(int(a) * int(b) for a, b in zip(row, s, strict=True)) % M1 for row in A]
    expected += [sum(int(a) * int(b) for a, b in zip(row, t, strict=True)) % M2 for row in A]
    check_op(OpCase(dot_modulo, [A, s, np.int64(M1), A, t, np.int64(M2)], expected=lambda *_: np.array(expected), gradient=False))
    with pytest.raises(TypeError, match="s has 1 axes of integers"):
        dot_modulo(A, A, M1, A, t, M2)


def test_shapes_and_copies():
    """infer_shape, equality, pickles: the kit's checks."""
    state = np.ascontiguousarray(STATES.T)
    check_op(OpCase(lambda v: MRGUniform(tt.dvector)(v, mrg_steps(6), mrg_steps(6)[2:6], 7, 2, 3), [state], gradient=False))
    check_op(OpCase(mrg_steps, [np.int64(9)], gradient=False))
