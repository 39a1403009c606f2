"""MRG31k3p: recurrence, jumps, seeds, streams."""

import itertools

import numpy as np
import pytest

from tcore.tensor.random.mrg31k3p import M1, M2, jump, mat_vec_mod, matVecModM, multMatVect, seed_state, step_rows, substreams


def test_published_jumps():
    """The matrices for streams and substreams that L'Ecuyer's packages list (SSJ, MRG31k3p)."""
    assert jump(2**72) == (
        ((1516919229, 758510237, 499121365), (1884998244, 1516919229, 335398200), (601897748, 1884998244, 358115744)),
        ((1228857673, 1496414766, 954677935), (1133297478, 1407477216, 1496414766), (2002613992, 1639496704, 1407477216)),
    )
    assert jump(2**134) == (
        ((1702500920, 1849582496, 1656874625), (828554832, 1702500920, 1512419905), (1143731069, 828554832, 102237247)),
        ((796789021, 1464208080, 607337906), (1241679051, 1431130166, 1464208080), (1401213391, 1178684362, 1431130166)),
    )


@pytest.mark.parametrize("count", [0, 1, 2, 5, 100])
def test_jump_is_steps(count, steps):
    """A jump of n is n steps."""
    first, second = jump(count)
    state = seed_state([1, 2, 3, 4, 5, M2 - 1])
    assert multMatVect(state, first, M1, second, M2).tolist() == steps(state, count)[1]


def test_products():
    """Exact where int64 would overflow."""
    big = [[M1 - 1] * 3] * 2
    assert matVecModM(big, [M1 - 1] * 3, M1).tolist() == [3 * (M1 - 1) ** 2 % M1] * 2
    v = np.arange(1, 7)
    assert multMatVect(v, np.eye(3, dtype=int), M1, 2 * np.eye(3, dtype=int), M2).tolist() == [1, 2, 3, 8, 10, 12]
    with pytest.raises(ValueError, match="two halves"):
        multMatVect([1, 2, 3], big, M1, big, M2)


def test_seeds():
    """An integer six times, or six of them, within their bounds."""
    assert seed_state(12345).tolist() == [12345] * 6
    assert seed_state(np.int32(7)).dtype == "int32"
    assert seed_state([0, 0, M1 - 1, 1, 0, M2 - 1]).tolist() == [0, 0, M1 - 1, 1, 0, M2 - 1]


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (0, ValueError, "not all 0"),
        (-1, ValueError, "at least 0"),
        (M2, ValueError, f"last three numbers of the seed must be at least 0, less than {M2}"),
        ([M1, 1, 1, 1, 1, 1], ValueError, f"first three .* less than {M1}"),
        ([1, 1, 1, 0, 0, 0], ValueError, "last three .* not all 0"),
        ([1, 2, 3], ValueError, "six of them, got 3"),
        ("seed", TypeError, "an integer or six of them"),
        (1.5, TypeError, "an integer or six of them"),
        (True, TypeError, "an integer or six of them"),
        ([1.5, 1, 1, 1, 1, 1], TypeError, "an integer or six of them"),
    ],
)
def test_refused_seeds(seed, error, message):
    """With the rule that is broken."""
    with pytest.raises(error, match=message):
        seed_state(seed)


def test_substreams():
    """Each begins 2**72 steps after the one before, the first at the state itself."""
    state = seed_state(12345)
    rows = substreams(state, 11)
    assert rows.dtype == "int32"
    assert rows.shape == (11, 6)
    np.testing.assert_array_equal(rows[0], state)
    for before, after in itertools.pairwise(rows):
        np.testing.assert_array_equal(after, mat_vec_mod(before, 72))


def test_step_rows(steps):
    """Row k + 2 gives the first numbers of both halves k steps later."""
    state = seed_state([5, 6, 7, 8, 9, 10])
    rows = step_rows(40)
    assert rows.shape == (40, 6)
    for k in range(1, 38):
        after = steps(state, k)[1]
        row = [int(v) for v in rows[k + 2]]
        assert sum(a * int(s) for a, s in zip(row[:3], state[:3], strict=True)) % M1 == after[0]
        assert sum(a * int(s) for a, s in zip(row[3:], state[3:], strict=True)) % M2 == after[3]
