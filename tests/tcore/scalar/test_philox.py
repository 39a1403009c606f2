"""Philox4x32-10 against the known answers that Random123 publishes (kat_vectors), and the kernels' rounds against it."""

import numpy as np
import pytest

from tcore.codegen.functions import FUNCTIONS
from tcore.scalar.philox import philox, philox_block

FULL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([FULL] * 4, [FULL] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_known_answers(counter, key, words):
    """And the 64 bits of a place are the first two words."""
    assert [int(word) for word in philox_block(counter, key)] == words

    def joined(low, high):
        return np.uint64(high << 32 | low)

    found = philox(joined(*key), joined(*counter[2:]), joined(*counter[:2]))
    assert int(found) == words[1] << 32 | words[0]


def test_places_broadcast():
    """Any places in any order."""
    places = np.arange(6, dtype="uint64").reshape(2, 3)
    table = philox(1, np.array([[0], [1]], "uint64"), places[0])
    assert table.shape == (2, 3)
    assert table[0, 2] == philox(1, 0, 2)
    assert len(np.unique(philox(7, 0, np.arange(1000, dtype="uint64")))) == 1000


def test_function_of_the_loop_ir():
    """The row of the table computes the same in NumPy."""
    args = np.array([3, 5, 7], "uint64")
    assert FUNCTIONS["philox"].numpy(*args) == philox(3, 5, 7)
