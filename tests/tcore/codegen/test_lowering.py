"""How ops find their lowerings, and why some nodes have none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

import tcore.tensor as T
from tcore import scalar
from tcore.codegen.building import cast, select
from tcore.codegen.expr import Axis, Buffer, Const, const, extent, index_const, load
from tcore.codegen.functions import apply_function
from tcore.codegen.grouping import group
from tcore.codegen.lowering import Lowering, LoweringTable, NotLowered, lowers
from tcore.codegen.stages import Map
from tcore.graph import Generic
from tcore.graph.apply import Apply
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.op import Op
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.lowering import LOWERINGS

_spec = importlib.util.spec_from_file_location("codegen_graphs", Path(__file__).parent / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)

V = np.linspace(-1.5, 2, 6)


@frozen
class Odd(Op):
    """An op of anything, with outputs of given Types."""

    types: tuple[Any, ...]

    def make_node(self, *inputs: Any) -> Apply:
        return Apply(self, list(inputs), [kind() for kind in self.types])


@lowers(Odd)
def lower_odd(op: Any, out: Any, *inputs: Any) -> Map:
    """The sum of the last input, which must be a scalar, and the first."""
    *others, last = inputs
    element = others[0][out.axes] if others else const(1, out.dtype)
    return Map((out.buffer,), out.axes, (apply_function("add", (element, last.scalar()), out.dtype),))


class OfReals(scalar.UnaryScalarOp):
    """Says that it computes what complex numbers have no formula for."""

    loop_name = "lgamma"


def reasons(*outputs: Any, lowerings: Any = (*LOWERINGS, lower_odd)) -> list[str]:
    """Why nodes between the roots of a graph and ``outputs`` are in no kernel."""
    fgraph = FunctionGraph([], list(outputs), clone=False)
    return list(group(fgraph.toposort(), fgraph.outputs, LoweringTable.of(lowerings)).reasons.values())


def constants(*values: Any) -> list[Any]:
    return [T.constant(value) for value in values]


def test_reasons() -> None:
    """Each says what stands against a kernel."""
    vector, number, complex_vector = constants(V, 2.5, V * 1j)
    kind = Odd((T.dvector,))
    assert reasons(kind(vector, number)) == []
    assert reasons(kind(vector, vector)) == ["needs a scalar, got 1 axes"]
    assert reasons(kind(vector, Generic().make_constant("text"))) == ["input of type Generic is no array"]
    assert reasons(Odd((Generic(),))(vector, number)) == ["output of type Generic is no array"]
    assert reasons(T.exp(complex_vector)) == []
    assert reasons(T.arccos(complex_vector) ** complex_vector) == []
    (reason,) = reasons(Elemwise(OfReals(scalar.same_out))(complex_vector))
    assert reason == "lgamma has no form for complex numbers"
    (reason,) = reasons(Elemwise(scalar.Cast(scalar.float64))(complex_vector))
    assert reason == "NumPy warns of imaginary parts that are lost"
    assert reasons(kind(vector, number), lowerings=LOWERINGS) == ["Odd has no lowering"]


def test_scalar_ops_without_a_form() -> None:
    """Dtypes that kernels do not know, inside of a Composite as well; functions that a kind of numbers has not."""
    x, y = scalar.float64("x"), scalar.float64("y")
    (vector,) = constants(V)
    inside = Elemwise(scalar.Composite([x, y], [scalar.real(OfReals(scalar.same_out)(scalar.complex(x, y)))]))
    assert reasons(inside(vector, vector)) == ["lgamma has no form for complex numbers"]
    held = scalar.Composite([x], [scalar.real(scalar.mul(x, scalar.constant(2j)))])
    assert reasons(Elemwise(held)(vector)) == []
    whole, exponents = constants(np.array([3, -7]), np.array([2, 1]))
    (reason,) = reasons(whole**exponents)
    assert reason.startswith("integer powers are lowered for small constant exponents")
    assert reasons(Elemwise(scalar.TrueDiv(scalar.same_out))(whole, exponents)) == ["true division has a floating result"]
    truths = T.constant(np.array([True, False]))
    assert reasons(Elemwise(scalar.Neg(scalar.same_out))(truths)) == ["neg has no form for bool"]


def test_functions_that_do_not_exist() -> None:
    """For authors of lowerings."""
    with pytest.raises(KeyError, match="and of float64"):
        apply_function("and", (const(1.0, "float64"), const(2.0, "float64")), "float64")
    with pytest.raises(KeyError, match="frobnicate"):
        apply_function("frobnicate", (), "float64")


def test_classes_by_name() -> None:
    """A lowering may name the class of a package that is absent; a base class lends its own."""

    class Odder(Odd):
        pass

    named = Lowering(lower_odd.function, (f"{Odd.__module__}:Odd",))
    table = LoweringTable.of([named])
    assert table.find(Odd(())) is named
    assert table.find(Odder(())) is named
    assert table.find(T.neg) is None
    with pytest.raises(NotLowered, match="Elemwise has no lowering"):
        table.lower(T.neg(T.dscalar()).owner)
    with pytest.raises(ValueError, match=r"has two lowerings: .*lower_odd and .*lower_odd; disable one of the plugins"):
        LoweringTable.of([named, Lowering(lower_odd.function, (f"{Odd.__module__}:Odd", T.Elemwise))])


@frozen
class Diff(Op):
    """``out[i] = x[i + 1] - x[i]``."""

    def make_node(self, x: Any) -> Apply:
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = np.diff(inputs[0])


@lowers(Diff)
def lower_diff(op: Any, out: Any, x: Any) -> Map:
    """Two elements for each result."""
    (i,) = out.over((x.shape[0] - 1,))
    return Map((out.buffer,), (i,), (apply_function("sub", (x[i + 1], x[i]), out.dtype),))


def test_what_is_read_twice_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap values are computed at both places, expensive ones stored."""
    monkeypatch.setattr(graphs, "TABLE", LoweringTable.of([*LOWERINGS, lower_diff]))
    x = T.dvector("x")
    assert len(graphs.kernels(graphs.check([x], [Diff()(x * 2)], [V]))) == 1
    assert len(graphs.kernels(graphs.check([x], [Diff()(T.exp(x)) * 2], [V]))) == 2


def test_index_arithmetic() -> None:
    """Python's operators, from both sides; literals fold."""
    x = Buffer("x", "float64", (False,))
    i = Axis.fresh("i", extent(x, 0))
    assert [repr(each) for each in (2 + i, 5 - i, 3 * i, -i, i - 1)] == ["add(2, i)", "sub(5, i)", "mul(3, i)", "sub(0, i)", "sub(i, 1)"]
    assert [index_const(7) + 1, 1 + index_const(7), 9 - index_const(1), 2 * index_const(4)] == [index_const(8)] * 4
    assert 1 * i is i
    assert 0 + i is i
    assert i * 0 is index_const(0)
    positive = apply_function("gt", (load(x, (i,)), const(0, "float64")), "bool")
    chosen = select(positive, load(x, (i,)), const(0, "float64"))
    assert repr(chosen) == "(x[i] if gt(x[i], 0.0) else 0.0)"
    assert select(positive, i, i) is i
    assert select(const(True, "bool"), i, -i) is i
    assert select(const(False, "bool"), i, 1 + i) is 1 + i
    assert isinstance(cast(const(2, "int64"), "float32"), Const)
