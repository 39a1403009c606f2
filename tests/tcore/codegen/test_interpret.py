"""The interpreter, by which lowerings are checked: what it computes, and what it refuses as a kernel would."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tcore.tensor as T
from tcore.codegen.expr import Axis, Buffer, Param, const, extent, index_const, load
from tcore.codegen.functions import apply_function
from tcore.codegen.interpret import Interpreter, run_kernel, run_stages
from tcore.codegen.opaque import Opaque, OpaqueCode
from tcore.codegen.stages import Map, Prefix
from tcore.scalar.op import ScalarOp
from tcore.tensor.elemwise import Elemwise

_spec = importlib.util.spec_from_file_location("codegen_graphs", Path(__file__).parent / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)

X = Buffer("x0", "float64", (False, False))
I, J = Axis.fresh("i", extent(X, 0)), Axis.fresh("j", extent(X, 1))
VALUE = np.arange(12.0).reshape(3, 4) - 5


def staged(variable: Any, *values: Any) -> Any:
    """The output of one node by its stages alone, as its lowering gives them."""
    node = variable.owner
    lowered = graphs.TABLE.lower(node)
    arrays = {o.buffer: np.asarray(v) for o, v in zip(lowered.inputs, values, strict=True) if o.buffer is not None}
    (out,) = lowered.outputs
    blank = np.zeros([3] * out.ndim, out.dtype)
    return run_stages(lowered.stages, {**arrays, out: blank})[out]


def test_demands() -> None:
    """What must hold of lengths is looked at first."""
    v, n = T.dvector(), T.lscalar()
    np.testing.assert_array_equal(staged(T.alloc(v, n), VALUE[:, 0], 3), VALUE[:, 0])
    with pytest.raises(ValueError, match=r"a node demands that eq\(x0.shape\[0\], x1\[\]\)"):
        staged(T.alloc(v, n), VALUE[:, 0], 4)


def test_ordered_axis() -> None:
    """Sums along the first axis, and along the last; of nothing nothing."""
    out = Buffer("z0", "float64", (False, False))
    carried = Param("carried", "float64")
    step = apply_function("add", (carried, load(X, (I, J))), "float64")
    for axis, ordered in ((0, I), (1, J)):
        stage = Prefix((out,), (I, J), ordered, (carried,), (const(0, "float64"),), (step,))
        for value in (VALUE, VALUE[:, ::-1], VALUE[:0], VALUE[:, :0]):
            np.testing.assert_array_equal(run_stages([stage], {X: value})[out], np.cumsum(value, axis=axis))


def test_axes_of_length_one() -> None:
    """Kernels have no axis where a type says that the length is 1; outputs have."""
    c, r = T.dcol(), T.drow()
    graphs.check([c, r], [T.exp(c), r.dimshuffle(1, 0) * 2, (c * r).sum(axis=1, keepdims=True)], [VALUE[:, :1], VALUE[:1]])


def test_indices_outside() -> None:
    """A load outside of its array is an error of the lowering, an index of a scatter one of the caller."""
    out = Buffer("z0", "float64", (False,))
    shifted = Map((out,), (I,), (load(X, (I + 1, 0)),))
    with pytest.raises(IndexError, match=r"index of x0\[add\(i, 1\), 0\] is outside of its 3 elements"):
        run_stages([shifted], {X: VALUE})
    v, i = T.dvector(), T.lvector()
    node = T.inc_subtensor(v[i], 1.0)
    np.testing.assert_array_equal(staged(node, VALUE[:, 0], 1.0, [0, -1, 0]), VALUE[:, 0] + [2, 0, 1])
    with pytest.raises(IndexError, match="index -4 is out of bounds for length 3"):
        staged(node, VALUE[:, 0], 1.0, [0, -4])


class Hypotenuse(ScalarOp):
    """In C alone."""

    nin = 2

    def output_types(self, types: Any) -> Any:
        return [types[0]]

    def impl(self, x: Any, y: Any) -> Any:
        return np.hypot(x, y)

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        return f"{outputs[0]} = sqrt({inputs[0]} * {inputs[0]} + {inputs[1]} * {inputs[1]});"


def test_user_code() -> None:
    """A function stands in for C text; without one it cannot be computed."""
    x, y = T.dvector(), T.dvector()
    _, grouping = graphs.grouped([x, y], [Elemwise(Hypotenuse(name="hypotenuse"))(x, y) * 2])
    (group,) = graphs.kernels(grouping)
    arguments = [VALUE[0], VALUE[1]]
    (found,) = run_kernel(group.kernel, arguments, opaque=lambda code, args: [np.hypot(*args)])
    np.testing.assert_array_equal(found, np.hypot(*arguments) * 2)
    with pytest.raises(TypeError, match=r"cannot evaluate hypotenuse\(x0\[i\], x1\[i\]\)"):
        run_kernel(group.kernel, arguments)


def test_what_has_no_value() -> None:
    """A parameter that nobody gave is named."""
    interpreter = Interpreter({X: VALUE})
    with pytest.raises(KeyError, match="no value for parameter scale"):
        interpreter.evaluate([Param("scale", "float64")], ())
    code = OpaqueCode("two", "tc_z0 = 2;", (), ("float64", "float64"))
    two = Interpreter({}, lambda code, args: (1.0, 2.0))
    assert [float(v) for v in two.evaluate([Opaque(code, (), 0), Opaque(code, (), 1)], ())] == [1, 2]
    assert interpreter.length(extent(X, 1) + index_const(2)) == 6
