"""Before a call writes into memory that it did not allocate."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import tcore.tensor as T
from tcore import In, Mode, function, shared
from tcore.compile.overwriting import is_plain_memory, may_overwrite, own_copy
from tcore.graph import generic
from tcore.scalar import add
from tcore.tensor.elemwise import Elemwise

x, y = T.dvector("x"), T.dvector("y")
add_inplace = Elemwise(add, {0: 0})


def locked(array):
    array.flags.writeable = False
    return array


def unaligned(array):
    room = np.zeros(array.nbytes + 1, "u1")
    room[1:] = np.frombuffer(array.tobytes(), "u1")
    return room[1:].view(array.dtype)


LINE = np.arange(4.0)
ODD = {
    "read-only": lambda: locked(LINE.copy()),
    "zero stride": lambda: as_strided(np.ones(1), (4,), (0,)),
    "unaligned": lambda: unaligned(LINE),
    "byte order": lambda: LINE.astype(">f8"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_memory_is_no_target(what):
    value = ODD[what]()
    assert not is_plain_memory(value)
    twin = own_copy(value)
    assert is_plain_memory(twin)
    np.testing.assert_array_equal(twin, value)


def test_windows_and_views():
    """A sliding window shows elements twice; slices, transposes and reversed views do not."""
    line, square = np.arange(6.0), np.arange(12.0).reshape(3, 4)
    assert not is_plain_memory(as_strided(line, (4, 3), (8, 8)))
    for fine in (line[::2], line[::-1], square.T, square[:, 1:3], square[::-1, ::2].T, square[:, :1], line[:0]):
        assert is_plain_memory(fine)
    assert own_copy(square.T).flags.f_contiguous


@pytest.fixture
def add_to(host):
    """A function that overwrites its first argument, and the number of copies that it made."""
    return function([In(x, mutable=True), y], add_inplace(x, y), mode=Mode("cvm", None), accept_inplace=True)


@pytest.mark.parametrize("what", ODD)
def test_mutable_argument_of_odd_memory(add_to, what):
    """The result is right, the argument is left alone, and explain() counts one copy (what the conversion of arguments
    makes, of another byte order or alignment, is none of these)."""
    value = ODD[what]()
    before = value.copy()
    np.testing.assert_array_equal(add_to(value, np.ones(4)), before + 1)
    np.testing.assert_array_equal(value, before)
    if what not in ("byte order", "unaligned"):
        assert [(report.name, report.count) for report in add_to.explain().copies] == [("x", 1)]


def test_overlapping_arguments(add_to):
    """Two views of one array: the second is read as it was."""
    line = np.arange(5.0)
    np.testing.assert_array_equal(add_to(line[1:], line[:-1]), [1, 3, 5, 7])
    np.testing.assert_array_equal(line, np.arange(5.0))
    np.testing.assert_array_equal(add_to(line[:2], line[3:]), [3, 5])  # apart: written in place
    np.testing.assert_array_equal(line, [3, 5, 2, 3, 4])
    assert add_to.explain().copied_arguments == 1


def test_argument_that_is_a_constant_of_the_graph(host):
    """An array that the graph holds as a constant is not overwritten when it comes as an argument."""
    value = np.ones(3)
    constant = T.constant(value)
    f = function([In(x, mutable=True)], add_inplace(x, constant), mode=Mode("cvm", None), accept_inplace=True)
    for _ in range(2):
        np.testing.assert_array_equal(f(constant.data), 2)
    np.testing.assert_array_equal(constant.data, 1)


def test_read_only_file_as_shared_value(host, tmp_path):
    """A file mapped for reading is a legal value of a shared variable: copied once, when the first update replaces it."""
    np.save(tmp_path / "weights.npy", np.zeros(1000))
    mapped = np.load(tmp_path / "weights.npy", mmap_mode="r")
    w = shared(mapped, name="w", borrow=True)
    assert not w.get_value(borrow=True).flags.writeable
    f = function([], [], updates=[(w, w + 1)])
    for _ in range(3):
        f()
    np.testing.assert_array_equal(w.get_value(), 3)
    np.testing.assert_array_equal(np.load(tmp_path / "weights.npy"), 0)
    assert [(report.name, report.count) for report in f.explain().copies] == [("w", 1)]
    assert "1 value was copied" in str(f.explain())


def test_values_that_are_no_arrays():
    """May be overwritten unless they say that they cannot be, or are in use elsewhere; a copy is deep."""
    nested = [[1], 2]
    twin = own_copy(nested)
    assert twin == nested
    assert twin[0] is not nested[0]
    assert may_overwrite(generic, nested, [None, twin])
    assert not may_overwrite(generic, nested, [nested])
    assert not may_overwrite(generic, SimpleNamespace(flags=SimpleNamespace(writeable=False)), [])
