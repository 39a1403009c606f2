"""What nodes, graphs and features are there for, one promise of the documentation at a time; its lines in the names."""

from __future__ import annotations

import inspect
from collections import deque
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.gof import Apply, Constant, DestroyHandler, FunctionGraph, Variable
from tcore.gof.graph import equal_computations, general_toposort, io_toposort, is_same_graph, stack_search
from tcore.gof.toolbox import Feature, NodeFinder
from tcore.gof.type import CLinkerType, Generic, PureType, Type
from tcore.gpuarray.type import GpuArrayType
from tcore.graph.errors import BadOptimization
from tcore.tensor.inplace import exp_inplace
from tcore.tensor.sharedvar import TensorSharedVariable
from tcore.tensor.var import TensorConstant, TensorVariable

# ------------------------------------------------------------ nodes


class Noting(tcore.Op):
    """Writes down what asks for a node."""

    __props__ = ()
    calls = 0

    def make_node(self, x):
        type(self).calls += 1
        return Apply(self, [x], [x.type()])


def test_call_builds_the_node_L14406_L14402_L5459():
    """op(x) is make_node(x), whose only output comes back; a node holds op, inputs and outputs as given."""
    x = T.dvector("x")
    before = Noting.calls
    y = Noting()(x)
    assert Noting.calls == before + 1
    assert isinstance(y.owner.op, Noting)
    out = x.type("out")
    node = Apply(Noting(), [x], [out])
    assert (node.inputs, node.outputs) == ([x], [out])
    assert (out.owner, out.index) == (node, 0)
    for wrong in ((x, [out]), ([x], out), ([1], [x.type()])):
        with pytest.raises(TypeError):
            Apply(Noting(), *wrong)


def test_new_inputs_L14450():
    """They are the inputs of the new node, in their order; the old one keeps its own."""
    x, y, u, v = T.dmatrices("x", "y", "u", "v")
    node = (x - y).owner
    new = node.clone_with_new_inputs([u, v])
    assert new.inputs == [u, v]
    assert node.inputs == [x, y]
    assert new.outputs[0].owner is new
    assert new.outputs[0] is not node.outputs[0]


def test_fields_of_a_variable_L14519_L14527_L14528_L14529_L14530_L5521():
    """type, owner, index and name; the last is for people only. (L5523, L5525, L5527)"""
    kind = T.dmatrix
    x = Variable(kind, name="x")
    assert (x.type, x.owner, x.index, x.name) == (kind, None, None, "x")
    assert Variable(kind).name is None
    first, second = T.max_and_argmax(kind("m"), axis=0)
    assert first.owner is second.owner
    assert [v.owner.outputs[v.index] is v for v in (first, second)] == [True, True]
    same = kind("x"), kind("x")
    f = tcore.function(list(same), same[0] - same[1], mode="FAST_COMPILE")
    np.testing.assert_array_equal(f([[3.0]], [[1.0]]), [[2.0]])


def test_kinds_of_variables_L14534_L14539_L5517():
    """What each kind of value has for a variable."""
    assert type(T.dvector()) is type(T.dvector() + 1) is TensorVariable
    assert type(T.constant(1.5)) is TensorConstant
    assert type(tcore.shared(np.zeros(2))) is TensorSharedVariable
    assert type(Generic()("g")) is Variable
    assert type(Constant(Generic(), [1])) is Constant
    on_device = GpuArrayType("float32", (False,))("d")
    assert type(on_device).__name__ == "GpuArrayVariable"
    assert (on_device.ndim, on_device.dtype, (on_device + 1).type.ndim, on_device[1:].type.ndim) == (1, "float32", 1, 1)
    for cls in (TensorVariable, TensorConstant, TensorSharedVariable, Constant, type(on_device)):
        assert issubclass(cls, Variable)


def test_constants_have_names_L14489():
    """Constant(type, data, name): data through the filter, a name for people."""
    two = Constant(T.dscalar, 2, name="two")
    assert (two.type, two.name, two.owner) == (T.dscalar, "two", None)
    assert type(two.data) is np.ndarray
    with pytest.raises(TypeError):
        Constant(T.dscalar, [1, 2])


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_use_of_constants_L14493_L5535(tmp_path):
    """What constants alone decide is computed while compiling; round numbers are literals of the C code, others data that it reads."""
    x = T.dvector("x")
    for first, literal in ((4.0, True), (1.23456789, False)):
        with tcore.config.change_flags(**{"cpu.store": str(tmp_path / str(first)), "nocleanup": True}):
            f = tcore.function([x], x * (T.constant(first) + 2.5))
        (node,) = f.maker.fgraph.toposort()
        assert any(isinstance(v, Constant) and v.data.ravel().tolist() == [first + 2.5] for v in node.inputs)
        (text,) = map(Path.read_text, (tmp_path / str(first)).rglob("*.c"))
        assert ("6.5" in text) == literal
        np.testing.assert_array_equal(f([1.0, 2.0]), [first + 2.5, 2 * (first + 2.5)])


# ------------------------------------------------------------ walks


TREE = {"a": ["b", "c"], "b": ["d"], "c": ["d", "e"], "d": None, "e": []}


@pytest.mark.parametrize(("mode", "order"), [("bfs", ["a", "b", "c", "d", "e"]), ("dfs", ["a", "c", "e", "d", "b"])])
def test_modes_of_stack_search_L14838_L14837_L14830(mode, order):
    """Neighbours as a list, or None for none; level by level, or down one branch; on request with who led where."""
    assert stack_search(deque(["a"]), TREE.get, mode) == order
    found, inverse = stack_search(deque(["a"]), TREE.get, mode, build_inv=True)
    assert found == order
    assert {key: sorted(value) for key, value in inverse.items()} == {"b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["c"]}
    with pytest.raises(ValueError, match="'bfs' or 'dfs'"):
        stack_search(deque(["a"]), TREE.get, "best")


def test_cached_dependencies_L14707_L14708_L14721():
    """A function that fills a dict stands for deps: what the dict has is not asked again."""
    edges = {"out": ["b", "a"], "a": ["c"], "b": ["c"], "c": []}
    cache, asked = {}, []

    def compute(node):
        asked.append(node)
        cache[node] = edges[node]
        return cache[node]

    order = general_toposort(["out"], None, compute_deps_cache=compute, deps_cache=cache)
    assert order == general_toposort(["out"], edges.get)
    assert sorted(asked) == sorted(edges)
    assert cache == edges
    with pytest.raises(ValueError, match="deps_cache"):
        general_toposort(["out"], None, compute_deps_cache=compute)


def test_lists_or_tuples_L14743():
    """Inputs and outputs of io_toposort; outputs are variables."""
    x = T.dscalar("x")
    y = T.exp(-x)
    assert io_toposort((x,), (y,)) == io_toposort([x], [y]) == [y.owner.inputs[0].owner, y.owner]


def test_debug_of_is_same_graph_L14770_L14766():
    """There is one comparison, which takes every case, so that debug has nothing to refuse; givens change both sides."""
    x, y, z = T.dscalars("x", "y", "z")
    for debug in (False, True):
        assert is_same_graph(x + y, x + y, debug=debug)
        assert is_same_graph(x + y, z + y, givens={x: z}, debug=debug)
        assert is_same_graph(x * x + z, y * x + z, givens={y: x}, debug=debug)
        assert not is_same_graph(x + y, y + x, debug=debug)
        # an intermediate value may be given, too
        assert is_same_graph(T.exp(x), T.exp(y), givens=[(x, z), (y, z)], debug=debug)
    assert equal_computations([x + 1], [y + 1], [x], [y])


# ------------------------------------------------------------ FunctionGraph


def test_what_a_graph_holds_L14905_L14911_L14904_L14894():
    """Inputs and outputs are given, what stands between is found; constants are no inputs. The old name is gone."""
    x, y = T.dvectors("x", "y")
    inner = T.exp(x)
    out = inner * y + 2.0
    graph = FunctionGraph([x, y], [out, inner], clone=False)
    assert (graph.inputs, graph.outputs) == ([x, y], [out, inner])
    assert {str(node.op) for node in graph.apply_nodes} == {"Elemwise{exp,no_inplace}", "Elemwise{mul,no_inplace}", "InplaceDimShuffle{x}", "Elemwise{add,no_inplace}"}
    assert any(isinstance(v, Constant) for v in graph.variables)
    graph.disown()
    with pytest.raises(ValueError, match="has no owner"):
        FunctionGraph([inner, y], [out])
    assert not hasattr(gof, "Env")


def test_duties_of_a_graph_L14890():
    """Replacements fit in dtype and pattern; variables know their users."""
    x = T.dmatrix("x")
    graph = FunctionGraph([x], [T.exp(x) + x], clone=False)
    old = next(node for node in graph.apply_nodes if node.op == T.exp).outputs[0]
    for wrong in (T.fmatrix(), T.dvector(), T.dtensor3()):
        with pytest.raises(BadOptimization, match="the types differ"):
            graph.replace(old, T.sin(wrong))
    assert sorted(index for _, index in x.clients) == [0, 1]
    assert graph.outputs[0].clients == [("output", 0)]


def test_check_integrity_L14933_L14951():
    """What was changed behind the graph's back is found, by itself or before a copy is made."""
    x, y = T.dvectors("x", "y")
    graph = FunctionGraph([x, y], [T.exp(x) + y], clone=False)
    graph.check_integrity()
    graph.clone_get_equiv(check_integrity=True)
    graph.outputs[0].owner.inputs[1] = T.dvector("stranger")
    with pytest.raises(Exception, match=r"stranger|client|input"):
        graph.check_integrity()
    with pytest.raises(Exception, match=r"stranger|client|input"):
        graph.clone_get_equiv(check_integrity=True)


def test_replace_all_L14999():
    """Pairs, one after the other, each with the reason."""
    reasons = []

    class Watch(Feature):
        def on_change_input(self, function_graph, node, i, r, new_r, reason=None):
            reasons.append(reason)

    x, y = T.dvectors("x", "y")
    a, b = T.exp(x), T.log(y)
    graph = FunctionGraph([x, y], [a + b, a], features=[Watch()], clone=False)
    graph.replace_all([(a, T.sin(x)), (b, T.cos(y))], reason="why")
    assert {str(node.op) for node in graph.apply_nodes} == {f"Elemwise{{{name},no_inplace}}" for name in ("sin", "cos", "add")}
    assert reasons == ["why"] * 3


def test_destroy_handler_orders_readers_L14983_L15061_L8668_L8659():
    """The output is the value afterwards, the input the one before: its readers run first, in whatever order they were written."""
    x = T.dvector("x")
    middle = x * 2
    changed = exp_inplace(middle)
    for outputs in ([changed, T.log(middle)], [T.log(middle), changed]):
        graph = FunctionGraph([x], outputs, features=[DestroyHandler()])
        reader = next(node for node in graph.apply_nodes if node.op == T.log)
        destroyer = next(node for node in graph.apply_nodes if node.op.destroy_map)
        assert graph.orderings() == {destroyer: [reader]}
        assert graph.toposort().index(reader) < graph.toposort().index(destroyer)
    twice = FunctionGraph([x], [changed, exp_inplace(middle)], features=[DestroyHandler()])
    assert not twice.consistent()


def test_change_one_or_all_L7846_L7834():
    """A graph of types' variables and functions; one input of one node is changed, or a variable everywhere."""
    n, x = T.lscalar("n"), T.dmatrix("x")
    s = T.sin(x)
    graph = FunctionGraph([n, x], [T.log(s) * s * n], clone=False)
    log = next(node for node in graph.apply_nodes if node.op == T.log)
    graph.change_input(log, 0, T.cos(x))
    assert sum(node.op == T.sin for node in graph.apply_nodes) == 1
    graph.replace(s, T.tanh(x))
    assert not any(node.op == T.sin for node in graph.apply_nodes)
    assert sum(node.op == T.cos for node in graph.apply_nodes) == 1


def test_users_graph_stays_L5543():
    """What compilation does, it does to a copy."""
    x = T.dvector("x")
    y = T.exp(x) * 1 + T.exp(x)
    before = tcore.printing.debugprint(y, file="str")
    f = tcore.function([x], y, mode=tcore.Mode("py", "fast_run"))
    assert tcore.printing.debugprint(y, file="str") == before
    assert not set(f.maker.fgraph.variables) & {x, y}
    assert x.fgraph is None


def test_compiled_graph_L5586_L5561_L5545():
    """outputs, the order, and users: a list of pairs, empty for what nothing uses."""
    x, unused = T.dvectors("x", "unused")
    f = tcore.function([x, unused], [T.exp(x).sum(), T.exp(x)], mode=tcore.Mode("py", "fast_run"), on_unused_input="ignore")
    graph = f.maker.fgraph
    assert len(graph.outputs) == 2
    done = set(graph.inputs)
    for node in graph.toposort():
        assert all(v in done or isinstance(v, Constant) for v in node.inputs)
        done.update(node.outputs)
    assert graph.inputs[1].clients == []
    for variable in graph.variables:
        for user, index in variable.clients:
            assert (graph.outputs if user == "output" else user.inputs)[index] is variable


def test_bipartite_L5386_L5404():
    """Nodes have variables for neighbours, variables have nodes; nothing leads back to itself."""
    x, y = T.dvectors("x", "y")
    out = T.exp(x * y) + x
    order = io_toposort([x, y], [out])
    made = {x, y}
    for node in order:
        assert all(isinstance(v, Variable) and (v.owner is None or isinstance(v.owner, Apply)) for v in (*node.inputs, *node.outputs))
        assert set(node.inputs) <= made
        made.update(node.outputs)
    assert isinstance(out.owner.op, gof.Op)
    assert isinstance(out.type, gof.Type)


# ------------------------------------------------------------ Types


def test_bases_of_types_L15678_L15684_L15162_L8143():
    """Type is both interfaces; a class of Types is a family, an instance a set of constraints, a variable carries one."""
    assert issubclass(Type, PureType)
    assert issubclass(Type, CLinkerType)
    for cls in (Generic, T.TensorType):
        assert issubclass(cls, Type)
    family = [T.TensorType(dtype, flags) for dtype in ("float32", "int8") for flags in ((), (False,), (True, False))]
    assert len(set(family)) == 6
    assert all(kind("v").type is kind for kind in family)
    assert Generic().filter(anything := object()) is anything
    assert isinstance(T.dvector.filter([1, 2]), np.ndarray)


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("filter", "strict=False allow_downcast=None"), ("make_variable", "name=None"), ("__call__", "name=None"), ("values_eq", ""), ("values_eq_approx", ""),
        ("is_valid_value", ""), ("filter_variable", "allow_convert=True"),
    ],
)  # fmt: skip
def test_signatures_of_the_type_contract_L7914_L8018(method, signature):
    """Our own types keep the defaults of the interface; further arguments have some, too."""
    wanted = dict(pair.split("=") for pair in signature.split())
    for kind in (T.dvector, Generic(), gof.EnumList("A"), GpuArrayType("float32", ()), tcore.scalar.float64):
        if not hasattr(kind, method):
            continue
        parameters = inspect.signature(getattr(kind, method)).parameters
        for name, default in wanted.items():
            assert str(parameters[name].default) == default, (kind, name)
        required = [p for p in parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD and p.kind is not p.VAR_POSITIONAL]
        assert len(required) <= 2, (kind, required)


def test_float_types_tolerate_noise_L15655():
    """values_eq is exact, values_eq_approx is not, for floats."""
    a = np.array([1.0, np.nan, np.inf])
    noisy = a * (1 + 1e-9)
    assert not T.dvector.values_eq(np.array([1.0]), np.array([1.0 + 1e-9]))
    assert T.dvector.values_eq_approx(a, noisy)
    assert not T.dvector.values_eq_approx(a, a * 1.1)


def test_finder_and_handler_are_features_L15058():
    """Both are there to be attached, alone or together."""
    x = T.dvector("x")
    graph = FunctionGraph([x], [T.exp(x)])
    graph.attach_feature(gof.toolbox.ReplaceValidate())
    graph.attach_feature(DestroyHandler())
    graph.attach_feature(NodeFinder())
    assert graph.get_nodes(T.exp)
    graph.replace_validate(graph.outputs[0], T.sin(graph.inputs[0]))
    assert graph.consistent()
