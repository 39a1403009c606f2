"""The documentation's pages on graphs: nodes, walks, copies, comparisons, text; its lines in the names."""

from __future__ import annotations

import subprocess
import sys
from collections import deque

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.gof.fg import MissingInputError
from tcore.gof.graph import (
    Apply,
    Constant,
    Node,
    NoParams,
    Variable,
    ancestors,
    as_string,
    clone,
    clone_get_equiv,
    default_node_formatter,
    general_toposort,
    inputs,
    io_connection_pattern,
    io_toposort,
    is_in_ancestors,
    is_same_graph,
    list_of_nodes,
    nodes_constructed,
    op_as_string,
    ops,
    orphans,
    stack_search,
    variables,
    variables_and_orphans,
)
from tcore.gpuarray.basic_ops import host_from_gpu
from tcore.gpuarray.type import GpuArrayType
from tcore.graph import equal_computations
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.var import TensorVariable


@pytest.fixture
def xyz():
    return T.dmatrices("x", "y", "z")


# ------------------------------------------------------------ structure


def test_structure_L5388(xyz):
    """An addition: one Apply node between variables, linked both ways; inputs have no owner.

    (L14428, L14410, L14411, L14412, L5406, L5408, L5467, L5469, L5471)
    """
    x, y, _ = xyz
    z = x + y
    assert z.owner.op == T.add
    assert z.owner.inputs == [x, y]
    assert z.owner.outputs == [z]
    assert z.owner.outputs[z.index].owner is z.owner
    assert x.owner is None
    assert y.owner is None
    assert isinstance(z, Node)
    assert isinstance(z.owner, Node)


def test_traversing_L5414_L5438():
    """The scalar of ``x * 2.`` is brought to the rank of x by a DimShuffle of a constant. (L5420, L5442, L5435)"""
    x = T.dmatrix("x")
    y = x * 2.0
    assert type(y.owner) is gof.Apply
    assert y.owner.op.name == "Elemwise{mul,no_inplace}"
    assert len(y.owner.inputs) == 2
    assert repr(y.owner.inputs[0]) == "x"
    assert repr(y.owner.inputs[1]) == "InplaceDimShuffle{x,x}.0"
    assert type(y.owner.inputs[1]) is TensorVariable
    assert type(y.owner.inputs[1].owner) is Apply
    assert isinstance(y.owner.inputs[1].owner.op, DimShuffle)
    assert repr(y.owner.inputs[1].owner.inputs) == "[TensorConstant{2.0}]"


def test_types_of_variables_L5505_L5463_L5477():
    """A negation keeps the type; one op may stand in many nodes."""
    x = T.ivector()
    y = -x
    assert x.type == y.type == T.ivector
    assert y.owner.op == (-y).owner.op == T.neg
    assert y.owner is not (-x).owner


def test_irow_L5483():
    """A type is a set of constraints: int32, two axes, the first of length 1."""
    f = tcore.function([x := T.irow()], x + x, mode="FAST_COMPILE")
    np.testing.assert_array_equal(f(np.array([[1, 2, 3]], "int32")), [[2, 4, 6]])
    for wrong in (np.zeros((2, 3), "int32"), np.zeros((1, 3)), np.zeros(3, "int32")):
        with pytest.raises(TypeError):
            f(wrong)
    assert T.irow != T.dmatrix


def test_constant_L5533_L14503():
    """Data is set once, filtered by the type; a constant is no output, and no input of a function. (L14497, L14505, L14535, L5537)"""
    constant = T.constant(1.5)
    with pytest.raises(AttributeError, match="keeps its data"):
        constant.data = 2.0
    with pytest.raises(AttributeError):
        constant.value = 2.0
    assert constant.value == constant.data == 1.5
    assert gof.graph.Constant(T.dscalar, 3).data.dtype == "float64"
    with pytest.raises(ValueError, match="is the constant"):
        Apply(T.neg, [T.dscalar()], [constant])
    with pytest.raises(TypeError, match="cannot be an input"):
        tcore.function([constant], constant + 1)
    copied = constant.clone()
    assert copied is not constant
    assert copied.data is constant.data


def test_program_with_constants_L14560_L14572_L14575_L14588():
    """The constant carries its value; what is not given is missed; a constant cannot be given. (L14414, L14590)"""
    a = T.constant(1.5)
    b = T.fscalar()
    c = a + b
    (value,) = tcore.function([b], [c], mode="FAST_COMPILE")(2.5)
    assert value == 4.0
    with pytest.raises(MissingInputError):
        tcore.function([T.fscalar()], [c])
    with pytest.raises(TypeError):
        tcore.function([a, b], [c])
    assert all(isinstance(each, Variable) for each in (a, b, c))
    assert isinstance(a, Constant)


def test_default_value_of_an_input_L14583_L14578():
    """What stands for the old ``tensor.value``: an input with a default that a given value replaces."""
    d, b = T.fscalar("d"), T.fscalar("b")
    f = tcore.function([b, tcore.In(d, value=1.5)], d + b, mode="FAST_COMPILE")
    assert f(1.0) == 2.5
    assert f(1.0, 3.0) == 4.0


def test_clients_L5552_L5569_L5580():
    """Each use is a pair: a node and the index of its input, or "output" and the index of the output. (L14545, L5545, L5547, L5548, L5586)"""
    v = T.vector()
    f = tcore.function([v], (v + 1).sum(), mode=tcore.compile.mode.get_default_mode().excluding("fusion"))
    topo = f.maker.fgraph.toposort()
    (client,) = topo[0].outputs[0].clients
    assert str([client]) == "[(Sum{acc_dtype=float64}(Elemwise{add,no_inplace}.0), 0)]"
    assert type(client[0]) is Apply
    assert client[0].inputs[client[1]] is topo[0].outputs[0]
    assert topo[1].outputs[0].clients == [("output", 0)]
    assert f.maker.fgraph.outputs[0] is topo[1].outputs[0]
    with pytest.raises(AttributeError, match="no FunctionGraph"):
        v.clients


# ------------------------------------------------------------ nodes


def test_parents_are_a_copy_L14517(xyz):
    """Clearing the list leaves the graph as it is."""
    node = (xyz[0] + xyz[1]).owner
    parents = node.get_parents()
    parents.clear()
    assert node.inputs == [xyz[0], xyz[1]]
    assert node.outputs[0].get_parents() == [node]
    assert xyz[0].get_parents() == []


def test_owned_output_L14430(xyz):
    """An output of one node cannot become that of another."""
    x, y, _ = xyz
    with pytest.raises(ValueError, match="already belongs"):
        Apply(T.add, [x, y], [-x])


def test_clone_of_a_node_L14432_L14442(xyz):
    """Same class, op and inputs, fresh outputs, copied tag."""

    class OwnApply(Apply):
        pass

    x, y, _ = xyz
    node = OwnApply(T.add, [x, y], [T.dmatrix("out")])
    node.tag.note = "kept"
    copied = node.clone()
    assert type(copied) is OwnApply
    assert copied.op is node.op
    assert copied.inputs == node.inputs
    assert copied.inputs is not node.inputs
    assert copied.outputs[0] is not node.outputs[0]
    assert copied.outputs[0].owner is copied
    assert copied.tag.note == "kept"
    assert copied.tag is not node.tag


def test_clone_with_new_inputs_L14444_L14451():
    """Strict keeps the output types, by conversion where that is possible; otherwise types may change."""
    x, y = T.dmatrices("x", "y")
    node = (x + y).owner
    row = T.drow("row")
    strict = node.clone_with_new_inputs([row, y])
    assert strict.outputs[0].type == node.outputs[0].type
    assert strict.inputs[0].type == x.type
    with pytest.raises(TypeError):
        node.clone_with_new_inputs([T.fmatrix(), y])
    on_device = GpuArrayType("float64", (False, False))("g")
    transferred = node.clone_with_new_inputs([on_device, y])
    assert transferred.inputs[0].owner.op == host_from_gpu
    assert transferred.inputs[0].owner.inputs == [on_device]
    assert transferred.outputs[0].type == node.outputs[0].type
    loose = node.clone_with_new_inputs([T.fmatrix(), T.fmatrix()], strict=False)
    assert loose.outputs[0].type == T.fmatrix
    assert loose.op == node.op


class TwoOutputs(tcore.Op):
    __props__ = ("default_output",)

    def __init__(self, default_output=None):
        self.default_output = default_output

    def make_node(self, x):
        return Apply(self, [x], [x.type("first"), x.type("second")])


def test_default_output_L14457(xyz):
    """The only output, the op's choice, or an AttributeError. (L14467, L14469, L14473, L14477)"""
    x = xyz[0]
    single = (-x).owner
    assert single.default_output() is single.out is single.outputs[0]
    chosen = TwoOutputs(1).make_node(x)
    assert chosen.default_output() is chosen.out is chosen.outputs[1]
    assert (chosen.nin, chosen.nout) == (1, 2)
    with pytest.raises(AttributeError, match="2 outputs"):
        TwoOutputs(2).make_node(x).default_output()
    with pytest.raises(AttributeError, match="no default_output"):
        TwoOutputs().make_node(x).default_output()


def test_params_of_a_node_L14485_L14481_L14487(xyz):
    """Without params: a sentinel that nothing equals."""
    node = (-xyz[0]).owner
    assert node.params_type is None
    assert node.run_params() is NoParams
    assert NoParams != None  # noqa: E711 - it is no None in disguise


def test_clone_of_a_variable_L14592_L14602():
    """Same class and name, no owner, copied tag."""
    x = T.dmatrix("x")
    y = -x
    y.name = "y"
    y.tag.note = 1
    copied = y.clone()
    assert type(copied) is TensorVariable
    assert (copied.name, copied.owner, copied.index, copied.tag.note) == ("y", None, None, 1)


def test_eval_L14615_L14606_L14628(monkeypatch):
    """Values in, value out; compiled once for each set of inputs."""
    x, y = T.dscalars("x", "y")
    z = x + y
    assert np.allclose(z.eval({x: 16.3, y: 12.1}), 28.4)
    evaluate = sys.modules["tcore.compile.evaluate"]
    compiled = []
    real = evaluate.function
    monkeypatch.setattr(evaluate, "function", lambda *args, **kwargs: compiled.append(args) or real(*args, **kwargs))
    assert np.allclose(z.eval({x: 1.0, y: 2.0}), 3.0)
    assert np.allclose(z.eval({y: 5.0, x: 2.0}), 7.0)
    assert not compiled
    assert np.allclose((z * 2).eval({x: 1.0, y: 2.0}), 6.0)
    w = T.exp(x * 0) + y * 0
    assert np.allclose([w.eval({x: 1.0, y: 1.0}), w.eval({y: 1.0, x: 1.0})], 1.0)
    assert len(compiled) == 2
    with pytest.raises(MissingInputError):
        z.eval({x: 1.0})
    with pytest.raises(TypeError):
        z.eval({"x": 1.0})


# ------------------------------------------------------------ walks


def test_ancestors_and_inputs_L14632_L14634_L14723(xyz):
    """Left first, depth first, the given ones included; blockers end the walk and belong to the result."""
    x, y, z = xyz
    product = x * y
    total = T.add(product, z)
    assert ancestors([total]) == [total, product, x, y, z]
    assert inputs([total]) == [x, y, z]
    assert ancestors([total], blockers=[product]) == [total, product, z]
    assert inputs([total], blockers=[product]) == [z]


def test_stack_search_L14846_L14836():
    """Repeated starts count once; the start is empty afterwards."""
    start = deque(["n", "n", "m"])
    assert stack_search(start, lambda _: None) == ["n", "m"]
    assert len(start) == 0


def test_orphans_L14827_L14811_L14852_L14865(xyz):
    """``orphans([x], [(x+y).out])`` is ``[y]``; the set of variables has both ends."""
    x, y, z = xyz
    total = (x + y).owner.out
    assert orphans([x], [total]) == [y]
    assert variables([x, z], [total]) == {x, y, z, total}
    assert variables_and_orphans([x], [total])[1] == [y]


def test_ops_between_L14798_L14779_L14748(xyz):
    """Owners of the outputs and in between, not those of the inputs."""
    x, y, _ = xyz
    inner = x * y
    middle = -inner
    outer = T.exp(middle)
    assert ops([inner], [outer]) == {middle.owner, outer.owner}
    assert set(list_of_nodes([inner], [outer])) == {middle.owner, outer.owner}
    assert is_in_ancestors(outer.owner, inner.owner)
    assert not is_in_ancestors(inner.owner, outer.owner)


def test_connection_pattern_L14733(xyz):
    """One list for each input, one entry for each output."""
    x, y, _ = xyz
    assert io_connection_pattern([x, y], [x * 2, x + y]) == [[True, True], [False, True]]


def test_orderings_L14745_L14737_L14746(xyz):
    """An ordering of independent nodes decides; clients are filled in."""
    x, y, _ = xyz
    first, second = -x, T.exp(y)
    n1, n2 = first.owner, second.owner
    assert io_toposort([x, y], [first, second], orderings={n1: [n2]}) == [n2, n1]
    assert io_toposort([x, y], [first, second], orderings={n2: [n1]}) == [n1, n2]
    found = {}
    io_toposort([x, y], [first, second], clients=found)
    assert found[x] == [n1]
    assert found[n2] == [second]


def test_general_toposort_L14697_L14706_L14715_L14709():
    """Dependencies first, in the order of ``deps``, each asked once; clients are filled in."""
    edges = {"out": ["b", "a"], "a": ["c"], "b": ["c"], "c": []}
    asked, clients = [], {}
    order = general_toposort(["out"], lambda n: asked.append(n) or edges[n], clients=clients)
    assert order == ["c", "a", "b", "out"]
    assert sorted(asked) == sorted(edges)
    assert sorted(clients["c"]) == ["a", "b"]
    assert clients["out"] == []


def test_walks_need_no_recursion_L14752_L14760():
    """Every function of the page on a chain of 20,000 nodes."""
    x = T.dscalar("x")
    y = x
    for _ in range(20_000):
        y = T.neg(y)
    assert len(ancestors([y])) == 20_001
    assert inputs([y]) == orphans([], [y]) == [x]
    assert len(variables([x], [y])) == 20_001
    assert len(ops([x], [y])) == len(list_of_nodes([x], [y])) == 20_000
    assert is_in_ancestors(y.owner, ancestors([y])[-2].owner)
    assert io_connection_pattern([x], [y]) == [[True]]
    (new_x,), (new_y,) = clone([x], [y])
    assert is_same_graph(y, new_y, givens={x: new_x})
    assert equal_computations([y], [new_y], [x], [new_x])
    assert as_string([x], [y])[0].count("neg") == 20_000
    graph = gof.FunctionGraph([x], [y], clone=False)
    graph.replace(x, x + 1)
    assert len(graph.toposort()) == 20_001


# ------------------------------------------------------------ copies, comparisons, text


def test_clone_L14658_L14666_L14667_L14675(xyz):
    """Orphans follow ``copy_inputs`` unless ``copy_orphans`` says otherwise; a constant among the inputs is no orphan."""
    x = xyz[0]
    k = T.constant(np.ones((1, 1)), name="k")
    total = T.add(x, k)
    for copy_inputs, copy_orphans, new_x, new_k in [
        (True, None, True, True),
        (True, False, True, False),
        (False, None, False, False),
        (False, True, False, True),
    ]:
        (cloned,), (result,) = clone([x], [total], copy_inputs, copy_orphans)
        assert result is not total
        assert (cloned is not x) == (result.owner.inputs[0] is not x) == new_x
        assert (result.owner.inputs[1] is not k) == new_k
    (_, cloned_k), (result,) = clone([x, k], [total], copy_inputs=True, copy_orphans=False)
    assert result.owner.inputs[1] is cloned_k
    assert cloned_k is not k


def test_clone_get_equiv_L14680_L14692_L14694(xyz):
    """Every variable and node has its clone; a memo is taken over, filled and returned."""
    x, y, z = xyz
    product = x * y
    total = T.add(product, x)
    memo = {y: z}
    assert clone_get_equiv([x, y], [total], memo=memo) is memo
    assert memo[total].owner is memo[total.owner]
    assert memo[product].owner.inputs == [memo[x], z]
    kept = clone_get_equiv([x], [total], copy_inputs=False, copy_orphans=False)
    assert kept[total].owner.inputs[1] is x
    assert kept[product].owner.inputs[1] is y


def test_is_same_graph_L14775_L14758_L14776_L14777(xyz):
    """The table of the page, and association counts. (L14766)"""
    x, y, z = xyz
    assert is_same_graph(x + 1, x + 1, givens={})
    assert not is_same_graph(x + 1, y + 1, givens={})
    assert is_same_graph(x + 1, y + 1, givens={x: y}, debug=True)
    assert not is_same_graph(x * (y * z), (x * y) * z)


def test_as_string_L14654():
    """What is used twice is marked at its first place, and named at the second. (L14642, L14651, L14652, L14643, L14794)"""
    x = T.dscalar("x")
    g = T.add(x, x)
    assert as_string([x], [T.mul(g, g)]) == ["Elemwise{mul,no_inplace}(*1 -> Elemwise{add,no_inplace}(x, x), *1)"]
    assert op_as_string([x], g.owner) == "Elemwise{add,no_inplace}(x, x)"
    assert as_string([x], [g], leaf_formatter=lambda v: v.name * 2, node_formatter=lambda op, args: f"({' + '.join(args)})") == ["(xx + xx)"]
    assert default_node_formatter("op", ["a", "b"]) == "op(a, b)"


def test_nodes_constructed_L14785_L14787(xyz):
    """The list starts empty and fills while the block is active; blocks may be nested, and end with an exception, too."""
    x, y, _ = xyz
    observers = list(Variable.construction_observers)
    with nodes_constructed() as new_nodes:
        assert new_nodes == []
        z = x + y
        with nodes_constructed() as inner:
            w = -z
    later = -x
    assert z in new_nodes
    assert w in new_nodes
    assert inner == [w]
    assert later not in new_nodes
    with pytest.raises(KeyError), nodes_constructed():
        raise KeyError
    assert Variable.construction_observers == observers


def test_order_is_the_same_in_every_process_L14717():
    """Sorted nodes, walks and the compiled order do not depend on PYTHONHASHSEED or on addresses."""
    program = (
        "import tcore, tcore.tensor as T\n"
        "from tcore.gof.graph import ancestors, io_toposort, list_of_nodes\n"
        "x, y = T.dvectors('x', 'y')\n"
        "s = x * y; out = [T.exp(s).sum() + s.sum(), T.grad((T.tanh(s) * T.exp(x)).sum(), x)]\n"
        "print([str(v) for v in ancestors(out)], [str(n) for n in io_toposort([x, y], out)], [str(n) for n in list_of_nodes([x, y], out)])\n"
        "f = tcore.function([x, y], out, mode=tcore.compile.mode.Mode('vm', 'fast_run'))\n"
        "fg = f.maker.fgraph\n"
        "print([str(n) for n in fg.toposort()], [str(n) for n in fg.apply_nodes], [str(v.clients) for v in fg.variables])\n"
    )
    texts = {
        subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "77")
    }
    assert len(texts) == 1
