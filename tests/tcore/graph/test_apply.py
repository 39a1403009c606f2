"""Nodes and types of undefined values: what they refuse, and what they tell."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, BadOptimization, Constant, FunctionGraph, Op
from tcore.graph.apply import NoParams
from tcore.graph.features import NodeFinder
from tcore.graph.null_type import NullTypeError, disconnected_type, grad_not_implemented, grad_undefined
from tcore.graph.scratchpad import Scratchpad
from tcore.scalar import add, exp, float32, float64, mul, neg


class Pair(Op):
    """x -> (x, x)."""

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = outputs[1][0] = inputs[0]


def test_what_a_node_holds():
    """Lists of variables, whose outputs are its own and no constants."""
    x = float64("x")
    with pytest.raises(TypeError, match="the inputs of an Apply are a list or a tuple, got ScalarVariable for neg"):
        Apply(neg, x, [float64()])
    with pytest.raises(TypeError, match=r"input 0 of neg is 3, of int: an Apply holds Variables only"):
        Apply(neg, [3], [float64()])
    with pytest.raises(ValueError, match="output 0 of neg is the constant"):
        Apply(neg, [x], [add(x, 2.0).owner.inputs[1]])
    with pytest.raises(ValueError, match="already belongs to exp"):
        Apply(neg, [x], [exp(x)])
    with pytest.raises(ValueError, match="output 1 of neg, twice, already belongs to neg"):
        Apply(neg, [x], [twice := float64("twice"), twice])
    node = add(x, x).owner
    assert (node.nin, node.nout, node.out) == (2, 1, node.outputs[0])


def test_default_output():
    """One of several must be chosen, by the op or by the caller."""
    x = float64("x")
    node = Pair().make_node(x)
    with pytest.raises(AttributeError, match="has 2 outputs and no default_output: choose one of .outputs"):
        node.default_output()
    node.op.default_output = 2
    with pytest.raises(AttributeError, match="default_output is 2, but there are 2 outputs"):
        node.default_output()
    node.op.default_output = 1
    assert node.default_output() is node.outputs[1]


def test_other_inputs():
    """As many as before; other types are converted, refused, or give other types; names and notes stay."""
    x, y, f = float64("x"), float64("y"), float32("f")
    node = add(x, y).owner
    node.tag.note = "node"
    node.outputs[0].name = "sum"
    node.outputs[0].tag.note = "output"
    with pytest.raises(TypeError, match="add has 2 inputs here, got 1"):
        node.clone_with_new_inputs([x])
    same = node.clone_with_new_inputs([y, x])
    assert same.outputs[0].type == node.outputs[0].type
    v, w = T.fvector("v"), T.dvector("w")
    wide = T.exp(v).owner
    wide.tag.note = "node"
    wide.outputs[0].name = "e"
    wide.outputs[0].tag.note = "output"
    other = wide.clone_with_new_inputs([w], strict=False)
    assert other.outputs[0].type == w.type
    assert (other.tag.note, other.outputs[0].name, other.outputs[0].tag.note) == ("node", "e", "output")
    with pytest.raises(TypeError):
        wide.clone_with_new_inputs([w])
    with tcore.config.change_flags({"traceback.limit": 0}):
        bare = T.exp(v).owner
    assert bare.clone_with_new_inputs([w], strict=False).outputs[0].type == w.type
    assert f.type != x.type


def test_no_params_is_one():
    """Also after a copy and a pickle."""
    assert repr(NoParams) == "NoParams"
    assert pickle.loads(pickle.dumps(NoParams)) is NoParams
    assert copy.deepcopy(NoParams) is NoParams


def test_undefined_values_are_refused():
    """By every door, with the reason."""
    x = float64("x")
    null = grad_undefined(neg, 0, x, "a comment")
    assert str(null.type) == "NullType"
    for call in (lambda: null.type.filter(1.0), lambda: null.type.filter_variable(x)):
        with pytest.raises(NullTypeError, match=r"with respect to input 0 \(x\) is mathematically undefined: a comment"):
            call()
    with pytest.raises(NullTypeError, match="cannot be compared"):
        null.type.values_eq(1, 1)
    assert "is not implemented" in grad_not_implemented(neg, 0, x).type.why_null
    assert str(disconnected_type) == "DisconnectedType"
    for call in (
        lambda: disconnected_type.filter(1.0),
        lambda: disconnected_type.filter_variable(x),
        lambda: disconnected_type.values_eq(1, 1),
    ):
        with pytest.raises(NullTypeError, match="disconnected_inputs='ignore'"):
            call()


def test_inputs_and_outputs_come_later():
    """Inputs are leaves, outputs bring their nodes; variables come in before something uses them."""
    x, y = float64("x"), float64("y")
    e = FunctionGraph([x], [neg(x)], clone=False)
    e.add_input(y)
    e.add_input(y)
    e.add_output(mul(x, y))
    assert str(e) == "[neg(x), mul(x, y)]"
    assert e.inputs == [x, y]
    waiting = exp(y)
    with pytest.raises(ValueError, match="an input has no owner"):
        e.add_input(exp(x))
    e.replace_all({e.outputs[0]: waiting})
    assert str(e) == "[exp(y), mul(x, y)]"
    other = FunctionGraph([float64("z")], [])
    with pytest.raises(ValueError, match="belongs to another FunctionGraph already"):
        other.add_input(x)
    e.check_integrity()


def test_a_finder_serves_one_graph():
    """It cannot be attached twice, nor be taken from a graph that it does not serve; detached, it is free again."""
    x = float64("x")
    e = FunctionGraph([x], [neg(x)])
    finder = NodeFinder()
    e.attach_feature(finder)
    other = FunctionGraph([x], [exp(x)])
    with pytest.raises(ValueError, match="serves one graph"):
        finder.on_attach(other)
    with pytest.raises(ValueError, match="attached to another graph"):
        finder.on_detach(other)
    e.remove_feature(finder)
    other.attach_feature(finder)
    assert [node.op for node in other.get_nodes(exp)] == [exp]
    assert not hasattr(e, "get_nodes")


def test_removal_is_checked():
    """``replace_all_validate_remove`` takes all back where a node stays."""
    from tcore.graph import InconsistencyError
    from tcore.graph.features import ReplaceValidate

    x = float64("x")
    inner = neg(x)
    e = FunctionGraph([x], [exp(inner), inner], clone=False)
    e.attach_feature(ReplaceValidate())
    with pytest.raises(InconsistencyError, match=r"a node that should have gone stays: neg\(x\) is still used after test"):
        e.replace_all_validate_remove({e.outputs[0]: mul(x, x)}, [inner.owner], reason="test")
    assert str(e) == "[exp(*1 -> neg(x)), *1]"
    assert isinstance(add(x, 2.0).owner.inputs[1], Constant)


class Doubled(Op):
    """Made by the default ``make_node``."""

    __props__ = ()
    itypes = [T.dscalar]
    otypes = [T.dscalar]
    default_output = 0


def test_default_make_node():
    """Converts what is no variable, and says which input has the wrong type."""
    doubled = Doubled()
    node = doubled.make_node(np.float64(2.5))
    assert (node.inputs[0].type, node.inputs[0].data) == (T.dscalar, 2.5)
    assert str(node.outputs[0]) == f"{doubled}.out"
    with pytest.raises(TypeError, match=r"input 0 is TensorType\(float64, vector\), needed TensorType\(float64, scalar\)"):
        doubled(T.dvector("v"))
    with pytest.raises(ValueError, match="takes 1 inputs, got 2: a, b"):
        doubled(T.dscalar("a"), T.dscalar("b"))


def test_names_and_tags_of_variables():
    """A name is text; a tag can be replaced, cleared and shown."""
    with pytest.raises(TypeError, match="the name of a variable is a string or None, got 3"):
        float64(3)
    x = float64("x")
    x.tag = Scratchpad()
    x.tag.note = 1
    assert repr(x.tag) == "Scratchpad(note=1)"
    with pytest.raises(AttributeError, match=r"the tag has no 'other'; it has \['note'\]"):
        x.tag.other
    x.tag.clear()
    assert not hasattr(x.tag, "note")
    x.tag = None
    assert not x.has_tag()


def test_eval_finds_the_compiler_itself():
    """With nothing imported but scalars."""
    code = "from tcore.scalar import float64\nx = float64('x')\nprint((x + 1).eval({x: 2}))"
    with_numpy = {**os.environ, "TCORE_FLAGS": f"{os.environ['TCORE_FLAGS']},backend=numpy"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=with_numpy, check=True)
    assert done.stdout == "3.0\n"


def test_what_a_bad_optimization_says():
    """The reason, the types, and what else is known."""
    x = float64("x")
    bare = BadOptimization(x, neg(x), None, None, "why")
    assert str(bare) == "BadOptimization: why replaced x by neg.0\n  types:  float64 and float64"
    whole = BadOptimization(x, neg(x), 1.0, 2.0, "why", old_graph="x", new_graph="neg(x)", details="they differ")
    assert str(whole).splitlines()[1:] == [
        "  they differ", "  types:  float64 and float64", "  values: 1.0 and 2.0", "  before:", "x", "  after:", "neg(x)"
    ]  # fmt: skip
