"""Ops on typed lists beside Python's own lists; memory; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import typed_list
from tcore.typed_list import TypedListType, make_list

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

VECTORS = TypedListType(T.dvector)
VALUE = [[1.0, 2.0], [], [3.0], [1.0, 2.0]]
MODES = ["FAST_COMPILE", "FAST_RUN", "DebugMode"]


def plain(result):
    return [element.tolist() for element in result]


@pytest.mark.parametrize("mode", MODES)
def test_as_pythons_lists(mode):
    """Each op gives a new list; the one given stays as it was."""
    x, v, i, j = VECTORS("x"), T.dvector("v"), T.lscalar("i"), T.iscalar("j")
    outputs = [x.append(v), x.extend(x), x.insert(i, v), x.insert(-9, v), x.remove(v), x.reverse(), x[i:j], x[::-2], x[:], make_list([v, v * 2])]
    f = tcore.function([x, v, i, j], [*outputs, x[i], x[j - 4], x.count(v), typed_list.length(x)], mode=mode)
    given = [np.array(element) for element in VALUE]
    *lists, at_i, at_j, number, length = f(given, [1.0, 2.0], 1, 3)
    v = [1.0, 2.0]
    wanted = [[*VALUE, v], VALUE * 2, [*VALUE[:1], v, *VALUE[1:]], [v, *VALUE], VALUE[1:], VALUE[::-1], VALUE[1:3], VALUE[::-2], VALUE, [v, [2.0, 4.0]]]
    assert list(map(plain, lists)) == wanted
    assert (at_i.tolist(), at_j.tolist(), number.item(), length.item()) == (VALUE[1], VALUE[3], 2, 4)
    assert (number.dtype, length.dtype) == ("int64", "int64")
    for result in lists:
        for element in result:
            element[...] = -1
    assert plain(given) == VALUE


@pytest.mark.parametrize("linker", ["vm", "c|py", "c|py_nogc", "cvm", "cvm_nogc"])
def test_results_are_the_callers(linker):
    """Elements that a function computed are not overwritten by its next call, nor by later nodes of the same call."""
    v, i = T.dvector("v"), T.lscalar("i")
    parts = make_list([T.exp(v), T.sin(v)])
    later = T.cumsum(T.cos(v) + v * 3) * 2
    f = tcore.function([v, i], [parts, parts[i] * 2 + later, later], mode=tcore.Mode(linker))
    x = np.linspace(0, 1, 40)
    first = f(x, 1)
    f(x * 2, 0)
    np.testing.assert_allclose(first[0], [np.exp(x), np.sin(x)])
    np.testing.assert_allclose(first[1], 2 * np.sin(x) + 2 * np.cumsum(np.cos(x) + x * 3))


def test_changes_in_place_reach_no_list():
    """An element is a view of the list: what would overwrite it works on a copy."""
    x = VECTORS("x")
    f = tcore.function([x], [T.set_subtensor(x[0][0], 5.0), T.inc_subtensor(x[0][1:], 1.0), x[0]], mode="FAST_RUN")
    given = [np.array([3.0, 1.0])]
    assert plain(f(given)) == [[5, 1], [3, 2], [3, 1]]
    assert plain(given) == [[3, 1]]


def test_constants():
    x = VECTORS.make_constant([[1, 2], [3]])
    v = T.dvector("v")
    assert x.equals(VECTORS.make_constant([[1, 2], [3]]))
    assert not x.equals(VECTORS.make_constant([[1, 2], [4]]))
    f = tcore.function([v], [x.append(v), x.append([7.0]), x[1], x.count([3])], mode="FAST_COMPILE")
    first, second, third, number = f([9])
    assert (plain(first), plain(second), third.tolist(), number.item()) == ([[1, 2], [3], [9]], [[1, 2], [3], [7]], [3], 1)


def test_elements_in_loops_with_gradients():
    """A loop over the elements: gradients reach what they are combined with."""
    x, w = VECTORS("x"), T.dscalar("w")
    sums, _ = tcore.scan(lambda i, x, w: (x[i] * w**2).sum(), sequences=T.arange(typed_list.length(x)), non_sequences=[x, w])
    f = tcore.function([x, w], [sums, tcore.grad(sums.sum(), w)], mode="FAST_RUN")
    values, slope = f([[1.0, 2.0], [], [3.0]], 2.0)
    assert values.tolist() == [12, 0, 12]
    assert slope == 2 * 2.0 * 6


class TestRefusals:
    x, v = VECTORS("x"), T.dvector("v")

    @pytest.mark.parametrize(
        ("build", "text"),
        [
            (lambda x, v: typed_list.append(v, v), r"Append takes a typed list, got v of type TensorType\(float64, vector\).*make_list"),
            (lambda x, v: typed_list.length([1.0]), r"Length takes a typed list, got \[1\.0\] of list"),
            (lambda x, v: x.append(T.dmatrix()), r"Append: x of type TypedList .*has no such elements"),
            (lambda x, v: x.extend(TypedListType(T.fvector)()), "where TypedList .*float64"),
            (lambda x, v: x[v], "an index of a list must be an integer"),
            (lambda x, v: x[1.5], "an index of a list must be an integer"),
            (lambda x, v: make_list([v, x]), r"element 0 has TensorType\(float64, vector\), element 1 has TypedList"),
            (lambda x, v: len(x), r"the length of x is not known.*typed_list\.length"),
            (lambda x, v: list(x), "cannot iterate over x.*use scan"),
            (lambda x, v: v in x, r"whether a value is in x is not known.*typed_list\.count"),
        ],
    )
    def test_while_building(self, build, text):
        with pytest.raises(TypeError, match=text):
            build(self.x, self.v)

    def test_empty_without_a_type(self):
        with pytest.raises(ValueError, match=r"needs an element, whose Type is that of the list"):
            make_list([])

    @pytest.mark.parametrize(
        ("output", "error", "text"),
        [
            (x[2], IndexError, r"(?s)index 2 is out of bounds for a list of 2 elements.*caused the error: GetItem"),
            (x[-3], IndexError, "index -3 is out of bounds for a list of 2 elements"),
            (x.remove([5.0]), ValueError, r"no element of this list of 2 equals array\(\[5\.\]\)"),
        ],
    )
    def test_while_running(self, output, error, text):
        with pytest.raises(error, match=text):
            tcore.function([self.x], output)([[1.0], [2.0]])

    def test_gradients(self):
        for cost, wrt in ((self.x[0].sum(), self.x), (make_list([self.v, self.v])[0].sum(), self.v)):
            with pytest.raises(TypeError, match="a list has no gradient. Put the elements into one array"):
                tcore.grad(cost, wrt)
        with pytest.raises(ValueError, match="not part of the computational graph|not connected|disconnected"):
            tcore.grad(T.cast(typed_list.length(self.x), "float64"), self.v)
