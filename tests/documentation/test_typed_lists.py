"""The documentation's page on typed lists; its lines in the names."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import typed_list
from tcore.typed_list import basic

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

NAMES = ["append", "count", "extend", "getitem", "insert", "length", "make_list", "remove", "reverse"]


def same(found, wanted):
    """Equal arrays of equal dtype, one by one."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_lists_go_in_and_come_out_L25837_L25853_L25859():
    """Nested lists of numbers go in, lists of arrays come out, of different lengths."""
    tl = typed_list.TypedListType(T.fvector)()
    v = T.fvector()
    f = tcore.function([tl, v], typed_list.append(tl, v))
    found = f([[1, 2, 3], [4, 5]], [2])
    assert type(found) is list
    same(found, [np.array(part, "float32") for part in ([1, 2, 3], [4, 5], [2])])


def test_lists_in_loops_L25866():
    """As something that every step sees, which it indexes."""
    a = typed_list.TypedListType(T.fvector)()
    length = typed_list.length(a)
    s, _ = tcore.scan(fn=lambda i, tl: tl[i].sum(), non_sequences=[a], sequences=[T.arange(length, dtype="int64")])
    f = tcore.function([a], s)
    np.testing.assert_array_equal(f([[1, 2, 3], [4, 5]]), np.array([6, 9], "float32"), strict=True)


def test_names_L25854_L25886():
    """The package has what its module ``basic`` has; each function is the op of a class."""
    assert importlib.import_module("tcore.typed_list") is tcore.typed_list
    for name in NAMES:
        function = getattr(basic, name)
        assert getattr(tcore.typed_list, name) is function
        assert type(function).__name__.lower() == name.replace("_", "")
        assert type(function) is getattr(basic, type(function).__name__)


def test_variables_and_constants_L25878_L25881_L25870():
    type_ = typed_list.TypedListType(T.dvector)
    variable, constant = basic.TypedListVariable(type_, name="x"), basic.TypedListConstant(type_, [[1, 2], [3]], name="c")
    i = T.lscalar("i")
    assert isinstance(type_(), basic.TypedListVariable)
    f = tcore.function([variable, i], [variable[i], constant[i], variable.append(constant[0]).count(constant[0])])
    same(f([[5.0], [1.0, 2.0]], 1), [np.array([1.0, 2]), np.array([3.0]), np.array(2)])


X, V = typed_list.TypedListType(T.dvector)("x"), T.dvector("v")
A, B, C = np.array([1.0, 2]), np.array([3.0]), np.array([4.0, 5, 6])


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        pytest.param(basic.append(X, V), [A, B, A, C], id="append_L25886"),
        pytest.param(basic.extend(X, X), [A, B, A, A, B, A], id="extend_L25908"),
        pytest.param(basic.getitem(X, 1), B, id="getitem_L25917"),
        pytest.param(basic.getitem(X, slice(1, None)), [B, A], id="getitem of a slice_L25917"),
        pytest.param(basic.insert(X, 1, V), [A, C, B, A], id="insert_L25926"),
        pytest.param(basic.length(X), np.array(3), id="length_L25936"),
        pytest.param(basic.make_list([V, V + 1]), [C, C + 1], id="make_list_L25941"),
        pytest.param(basic.make_list((V, V)), [C, C], id="make_list of a tuple_L25941"),
        pytest.param(basic.count(X, A), np.array(2), id="count of arrays_L25895"),
        pytest.param(basic.remove(X, A), [B, A], id="remove, the first alone_L25950"),
        pytest.param(basic.reverse(X), [A, B, A][::-1], id="reverse_L25962"),
    ],
)
def test_functions(output, wanted):
    found = tcore.function([X, V], output, on_unused_input="ignore", mode="FAST_COMPILE")([A, B, A], C)
    if isinstance(wanted, list):
        same(found, wanted)
    else:
        np.testing.assert_array_equal(found, wanted, strict=True)
