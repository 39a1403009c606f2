"""From a graph to a function, step by step: FunctionGraph, optimizer, linker, call; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.compile.mode import predefined_linkers

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]


@pytest.fixture
def graph():
    """sin(x) * log(y) of matrices."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    return x, y, T.sin(x) * T.log(y)


X, Y = np.array([[0.1, 0.2]]), np.array([[2.0, 3.0]])


def test_function_cuts_out_a_subgraph_L7838(graph):
    """Inputs and outputs say what is compiled: an intermediate variable may be an input."""
    x, y, out = graph
    sine, _ = out.owner.inputs
    np.testing.assert_allclose(tcore.function([x, y], out)(X, Y), np.sin(X) * np.log(Y))
    np.testing.assert_allclose(tcore.function([sine, y], out)(X, Y), X * np.log(Y))


def test_hooks_of_a_function_graph_L7842(graph):
    """Adding, removing and changing nodes is seen by features; one change or a replacement everywhere."""
    x, y, out = graph
    events = []

    class Watch(gof.toolbox.Feature):
        def on_import(self, fgraph, node, reason):
            events.append(("import", str(node.op)))

        def on_prune(self, fgraph, node, reason):
            events.append(("prune", str(node.op)))

        def on_change_input(self, fgraph, node, i, r, new_r, reason=None):
            events.append(("change", str(getattr(node, "op", node)), i))

    fgraph = gof.FunctionGraph([x, y], [out], clone=False)
    fgraph.attach_feature(Watch())
    mul = fgraph.outputs[0].owner
    log = mul.inputs[1]
    fgraph.change_input(mul, 1, T.exp(y))
    names = [event[0] for event in events]
    assert sorted(names) == ["change", "import", "prune"]
    assert log.owner not in fgraph.apply_nodes
    fgraph.replace(mul.inputs[0], T.cos(x), reason="test")
    assert [event[0] for event in events[3:]].count("change") == 1
    assert {str(node.op) for node in fgraph.toposort()} == {"Elemwise{mul,no_inplace}", "Elemwise{exp,no_inplace}", "Elemwise{cos,no_inplace}"}


def test_immutable_inputs_are_protected_L7848():
    """No optimization works in place on an input, unless it is declared mutable."""
    x = T.dvector("x")
    for mutable in (False, True):
        f = tcore.function([tcore.In(x, mutable=mutable, borrow=mutable)], T.exp(x) + 1)
        value = np.array([0.0, 1.0])
        np.testing.assert_allclose(f(value), np.exp([0.0, 1.0]) + 1)
        if not mutable:
            np.testing.assert_array_equal(value, [0.0, 1.0])
            fgraph = f.maker.fgraph
            destroyed = [node.inputs[i] for node in fgraph.toposort() for group in node.op.destroy_map.values() for i in group]
            assert not set(destroyed) & set(fgraph.inputs)


def test_mode_is_linker_and_optimizer_L7852(graph):
    """optimizer.optimize(fgraph) is all that is asked of an optimizer."""
    x, y, out = graph
    seen = []

    class Nothing(gof.Optimizer):
        def add_requirements(self, fgraph):
            pass

        def apply(self, fgraph):
            seen.append([str(node.op) for node in fgraph.toposort()])

    mode = tcore.Mode(linker="vm", optimizer=Nothing())
    assert isinstance(mode.linker, gof.Linker)
    f = tcore.function([x, y], out, mode=mode)
    np.testing.assert_allclose(f(X, Y), np.sin(X) * np.log(Y))
    assert len(seen) == 1
    assert len(seen[0]) == 3


def test_optdb_is_asked_for_an_optimizer_L7854(graph):
    x, y, out = graph
    from tcore.compile import optdb

    optimizer = optdb.query(gof.Query(include=["fast_run"]))
    fgraph = gof.FunctionGraph([x, y], [out * 1])
    optimizer.optimize(fgraph)
    assert not any(isinstance(v, gof.Constant) for node in fgraph.toposort() for v in node.inputs)


def test_thunk_and_containers_L7858(graph):
    """The linker gives a thunk without arguments and the containers of inputs and outputs, which cast."""
    x, y, out = graph
    total = T.dscalar("total")
    fgraph = gof.FunctionGraph([x, y, total], [out, total + out.sum()])
    linker = gof.PerformLinker().accept(fgraph)
    thunk, inputs, outputs = linker.make_thunk()
    assert all(isinstance(c, gof.Container) for c in (*inputs, *outputs))
    assert len(inputs) == 3
    assert len(outputs) == 2  # an update is one more output
    inputs[0].value, inputs[1].value, inputs[2].value = X.tolist(), Y.tolist(), 1
    assert inputs[0].value.dtype == np.float64
    assert inputs[2].value.shape == ()
    with pytest.raises(TypeError):
        inputs[0].value = [1.0, 2.0]
    assert thunk() is None
    np.testing.assert_allclose(outputs[0].value, np.sin(X) * np.log(Y))
    np.testing.assert_allclose(outputs[1].value, 1 + (np.sin(X) * np.log(Y)).sum())


def test_linear_order_L7860(graph):
    """Linkers run the nodes in the order of toposort."""
    x, y, out = graph
    fgraph = gof.FunctionGraph([x, y], [out])
    linker = gof.PerformLinker().accept(fgraph)
    thunk, _, _ = linker.make_thunk()
    assert list(thunk.nodes) == fgraph.toposort()


@pytest.mark.parametrize("name", ["py", "vm", "c|py", "cvm"])
def test_linkers_by_name_L7860(graph, name, backend):
    """One program for the whole graph or one thunk for each node: the same results."""
    x, y, out = graph
    assert name in predefined_linkers
    np.testing.assert_allclose(tcore.function([x, y], out, mode=tcore.Mode(name, None))(X, Y), np.sin(X) * np.log(Y))


def test_strict_input_L7862():
    """The container of a strict input checks the type and converts nothing."""
    x = T.dvector("x")
    strict, lenient = (tcore.function([tcore.In(x, strict=flag)], x + 1) for flag in (True, False))
    np.testing.assert_array_equal(lenient([1, 2]), [2, 3])
    np.testing.assert_array_equal(strict(np.array([1.0, 2.0])), [2, 3])
    for value in ([1, 2], np.array([1, 2])):
        with pytest.raises(TypeError):
            strict(value)


def test_borrowed_output_L7862():
    """Without borrow each call gives memory of its own; with borrow it may be used again."""
    x = T.dvector("x")
    f = tcore.function([x], T.exp(x))
    first = f([0.0, 1.0])
    second = f([2.0, 3.0])
    np.testing.assert_allclose(first, np.exp([0.0, 1.0]))
    np.testing.assert_allclose(second, np.exp([2.0, 3.0]))
    borrowed = tcore.function([x], tcore.Out(T.exp(x), borrow=True))
    np.testing.assert_allclose(borrowed([2.0, 3.0]), np.exp([2.0, 3.0]))


def test_no_recycling_empties_cells_L7862():
    """An output on the list of the linker starts from an empty cell, others may find their old value."""
    found = []

    class Watching(gof.Op):
        __props__ = ()

        def make_node(self, v):
            return gof.Apply(self, [v], [v.type()])

        def perform(self, node, inputs, output_storage):
            found.append(output_storage[0][0])
            output_storage[0][0] = inputs[0] + 1

    x = T.dvector("x")
    for recycled in (True, False):
        found.clear()
        fgraph = gof.FunctionGraph([x], [Watching()(x)])
        linker = gof.PerformLinker(allow_gc=False).accept(fgraph, no_recycling=[] if recycled else fgraph.outputs)
        thunk, (given,), _ = linker.make_thunk()
        given.value = [1.0]
        thunk()
        thunk()
        assert (found[1] is not None) is recycled


def test_call_hides_containers_L7876(graph):
    """Arguments in, results out."""
    x, y, out = graph
    f = tcore.function([x, y], [out, x])
    results = f(X, Y)
    assert isinstance(results, list)
    np.testing.assert_array_equal(results[1], X)
    assert callable(f)


def test_concepts_L7880():
    """Apply is a call, Variable local data, shared variables global data, Op the definition, Type the type."""
    counter = tcore.shared(0)
    x = T.lscalar("x")
    f = tcore.function([x], x + counter, updates=[(counter, counter + 1)])
    assert [int(f(10)) for _ in range(3)] == [10, 11, 12]
    node = (x + counter).owner
    assert isinstance(node, gof.Apply)
    assert isinstance(node.op, gof.Op)
    assert isinstance(node.outputs[0], gof.Variable)
    assert isinstance(node.outputs[0].type, gof.Type)
