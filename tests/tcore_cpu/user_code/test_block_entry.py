"""The native entry of functions whose graph is one block of users' C code."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from in_threads import together

import tcore
import tcore.tensor as tt
from tcore import scalar
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.graph import Apply, Op
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.runtime.loading import runtime_kind
from tcore_cpu.user_code.modules import objection

pytestmark = [
    pytest.mark.skipif(objection() is not None, reason=str(objection())),
    pytest.mark.skipif(runtime_kind() != "extension", reason="the cffi form has no entries"),
]


class Doubles(Op):
    """2 x of a vector without negative numbers, into memory that is there if it fits; ``inplace``: into x."""

    __props__ = ("inplace", "alone")

    def __init__(self, *, inplace: bool = False, alone: bool = False) -> None:
        self.inplace, self.alone, self.thread_safe = inplace, alone, not alone
        if inplace:
            self.destroy_map = {0: [0]}

    def make_node(self, x):
        x = tt.as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z,) = inputs, outputs
        into = f"Py_XDECREF({z}); {z} = {x}; Py_INCREF({z});"
        if not self.inplace:
            into = f"""
            if (!{z} || PyArray_DIM({z}, 0) != PyArray_DIM({x}, 0)) {{
                Py_XDECREF({z});
                {z} = (PyArrayObject*) PyArray_EMPTY(1, PyArray_DIMS({x}), NPY_FLOAT64, 0);
                if (!{z}) {{ {sub["fail"]} }}
            }}"""
        return f"""
        {into}
        for (npy_intp k = 0; k < PyArray_DIM({x}, 0); k++) {{
            double value = *(double*) PyArray_GETPTR1({x}, k);
            if (value < 0) {{ PyErr_SetString(PyExc_ValueError, "negative"); {sub["fail"]} }}
            *(double*) PyArray_GETPTR1({z}, k) = 2 * value;
        }}"""


def block_of(inputs, outputs, **options):
    """A function whose graph, as it stands, is one block."""
    f = function(inputs, outputs, mode=Mode(linker=CLinker(), optimizer=None), accept_inplace=True, **options)
    assert f.maker.linker._block is not None
    return f


def test_calls_run_no_python() -> None:
    """From the arguments to a result that is the caller's; a block and a kernel that it calls."""
    x = tt.dvector("x")
    f = block_of([x], [Doubles()(x), Doubles()(x).sum()])
    assert type(f._entry).__name__ == "CellsEntry"
    seen: list[str] = []
    value = np.arange(3.0)
    sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name) if event == "call" else None)
    try:
        first = f(value)
    finally:
        sys.setprofile(None)
    assert seen == ["__call__"]  # the function's own
    second = f(value + 1)
    assert first[0].tolist() == [0, 2, 4]
    assert first[1] == 6
    assert second[0].tolist() == [2, 4, 6]
    assert block_of([x], Doubles()(x))(value).tolist() == [0, 2, 4]


def test_arguments_of_other_forms() -> None:
    """Lists, numbers of other types, swapped and unaligned arrays take the general way; what fits in no form is named."""
    x = tt.dvector("x")
    f = block_of([x], Doubles()(x))
    unaligned = np.frombuffer(b"\0" + np.arange(2.0).tobytes(), np.float64, offset=1)
    assert not unaligned.flags.aligned
    for value in ([0, 1], np.arange(2), np.arange(2, dtype=">f8"), unaligned, np.arange(4.0)[::2] / 2):
        assert f(value).tolist() == [0, 2]
    assert f(x=[1.0]).tolist() == [2]
    with pytest.raises(TypeError, match="Missing required input: x"):
        f()
    with pytest.raises(TypeError, match="x"):
        f(np.zeros((2, 2)))


def test_byte_order_node_by_node() -> None:
    """C code that runs on the values of a function's cells as they are, has them in the machine's byte order."""
    x = tt.dvector("x")
    assert function([x], Doubles()(x), mode=Mode(linker="c|py", optimizer=None))(np.arange(2, dtype=">f8")).tolist() == [0, 2]


def test_shared_values_of_other_forms() -> None:
    """Nobody checks those at a call: the block runs again on what it can read, and says which it cannot."""
    x, total = tt.dvector("x"), tcore.shared(np.arange(2.0), "total")
    f = block_of([x], Doubles()(x + total))
    assert f(np.ones(2)).tolist() == [2, 4]
    total.container.storage[0] = np.arange(2, dtype=">f8")
    assert f(np.ones(2)).tolist() == [2, 4]
    assert total.container.storage[0].dtype == np.dtype(">f8")
    total.container.storage[0] = "text"
    with pytest.raises((TypeError, ValueError), match=r"total of type .* was given str"):
        f(np.ones(2))
    total.set_value(np.zeros(2))
    assert f(np.ones(2)).tolist() == [2, 2]


@pytest.mark.parametrize("alone", [False, True], ids=["at any time", "one at a time"])
def test_errors_and_updates(alone) -> None:
    """All updates or none; the error has the node and what it read; the next call is as if nothing had been."""
    x, total = tt.dvector("x"), tcore.shared(np.zeros(2), "total")
    y = Doubles(alone=alone)(x)
    f = block_of([x], y, updates=[(total, total + y)])
    assert f._entry is not None
    assert f(np.ones(2)).tolist() == [2, 2]
    with pytest.raises(ValueError, match=r"negative\nApply node that caused the error: Doubles(.|\n)*Inputs shapes: \[\(2,\)\]"):
        f(-np.ones(2))
    assert f.fn.nodes[f.fn.position_of_error].op == Doubles(alone=alone)
    assert f(np.ones(2)).tolist() == [2, 2]
    assert total.get_value().tolist() == [4, 4]


def test_values_that_are_overwritten() -> None:
    """An argument stays as it is unless its input is mutable; a shared value that was being overwritten is named when a call fails."""
    x, total = tt.dvector("x"), tcore.shared(np.ones(2), "total")
    value = np.ones(2)
    mutable = block_of([tcore.In(x, mutable=True)], Doubles(inplace=True)(x))
    assert mutable(value).tolist() == [2, 2]
    kept = np.broadcast_to(np.ones(1), (2,))  # may not be written to
    assert mutable(kept).tolist() == [2, 2]
    assert kept.tolist() == [1, 1]
    f = block_of([], [], updates=[(total, Doubles(inplace=True)(total))])
    f()
    assert total.get_value().tolist() == [2, 2]
    total.set_value(np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match="negative") as caught:
        f()
    assert any("total" in note and "in place" in note for note in caught.value.__notes__)


def test_numbers_take_the_general_way() -> None:
    """A Scalar is a number of NumPy for its C code, not an array."""
    x, y = tt.dvector("x"), scalar.float64("y")
    f = block_of([x, y], Doubles()(x * tt.tensor_from_scalar(y)))
    assert f._entry is None
    assert f(np.ones(2), 3.0).tolist() == [6, 6]


def test_many_threads() -> None:
    """While a call has the cells, others have some of their own."""
    x, total = tt.dvector("x"), tcore.shared(np.zeros(50))
    y = Doubles()(x)
    f = block_of([x], y, updates=[(total, total + y)])

    def work(k: int) -> None:
        for _ in range(20):
            np.testing.assert_array_equal(f(np.full(50, float(k))), np.full(50, 2.0 * k))

    together(work, 8)
    assert total.get_value()[0] == 20 * 2 * sum(range(8))
