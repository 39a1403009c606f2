"""Built-in ops that bring no C code of their own answer for it with a call of their kernel, which is right in a node alone and under DebugMode."""

from __future__ import annotations

import functools

import pytest
from conformance_cases import CASES
from conformance_ops import OPS

import tcore
from tcore.graph import Apply, Constant, MethodNotDefined, Op
from tcore.graph.c_interface import CLinkerOp
from tcore.testing import conformance
from tcore_cpu.user_code.modules import objection

pytestmark = [
    pytest.mark.skipif(objection() is not None, reason=str(objection())),
    pytest.mark.usefixtures("backend"),
    pytest.mark.backends("cpu"),
]

GROUP = 20
"""So many nodes are one op: a compiler runs once for all of them."""

FAIL = {"fail": ";", "params": "params"}


class Several(Op):
    """Nodes side by side: a user's op whose C code is that of other ops, by the documented interface."""

    _f16_ok = True

    def __init__(self, nodes):
        self.nodes = nodes
        self.view_map, self.destroy_map = {}, {}
        for node, first_in, first_out in self._placed():
            for ours, theirs in ((self.view_map, node.op.view_map), (self.destroy_map, node.op.destroy_map)):
                ours.update({first_out + output: [first_in + k for k in inputs] for output, inputs in theirs.items()})

    def _placed(self):
        first_in = first_out = 0
        for node in self.nodes:
            yield node, first_in, first_out
            first_in, first_out = first_in + len(node.inputs), first_out + len(node.outputs)

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [v.type() for node in self.nodes for v in node.outputs])

    def perform(self, node, inputs, output_storage):
        for inner, first_in, first_out in self._placed():
            found = conformance.perform(inner, list(inputs[first_in : first_in + len(inner.inputs)]))
            for cell, value in zip(output_storage[first_out:], found, strict=False):
                cell[0] = value

    def c_code(self, node, name, inputs, outputs, sub):
        return "\n".join(
            inner.op.c_code(inner, name, inputs[i : i + len(inner.inputs)], outputs[o : o + len(inner.outputs)], sub) for inner, i, o in self._placed()
        )

    def c_code_cache_version(self):
        return (1,)


def _calls_its_kernel(node):
    if type(node.op).c_code is not CLinkerOp.c_code:
        return False  # it has C code of its own, or is a user's
    try:
        node.op.c_code(node, "name", [f"i{k}" for k, _ in enumerate(node.inputs)], [f"o{k}" for k, _ in enumerate(node.outputs)], FAIL)
    except MethodNotDefined:
        return False
    return True


@functools.cache
def found():
    """One node of each op on operands of each type, and values of its inputs."""
    nodes = {}
    for case in (*CASES, *OPS):
        try:
            for node, values in case.nodes():
                key = (str(node.op), *(v.type for v in node.inputs))
                if key not in nodes and _calls_its_kernel(node):
                    nodes[key] = (node, conformance.copies(values))
        except ImportError:
            continue  # the library for messages between processes
    return list(nodes.values())


@functools.cache
def group(number):
    """Inputs, values for them, and the results of the op of some nodes."""
    members = found()[number * GROUP : (number + 1) * GROUP]
    op = Several([node for node, _ in members])
    operands = [v if isinstance(v, Constant) else v.type() for node, _ in members for v in node.inputs]
    inputs = [v for v in operands if not isinstance(v, Constant)]
    values = [value for node, given in members for v, value in zip(node.inputs, given, strict=True) if not isinstance(v, Constant)]
    return inputs, values, op(*operands, return_list=True)


GROUPS = 5


def test_there_are_so_many():
    """The groups below are all."""
    assert GROUP * (GROUPS - 1) < len(found()) <= GROUP * GROUPS


@pytest.mark.parametrize("number", range(GROUPS))
def test_c_code(number):
    """As by ``perform``, also where memory of the call before is met; DebugMode finds no undeclared view or change."""
    inputs, values, outputs = group(number)
    node, given = outputs[0].owner, iter(conformance.copies(values))
    wanted = conformance.perform(node, [v.data if isinstance(v, Constant) else next(given) for v in node.inputs])
    checked = tcore.compile.DebugMode(optimizer=None, check_isfinite=False, check_preallocated_output="initial:previous:c_contiguous:strided:wrong_size")
    # without optimization for the text around the calls; an op that may work in the memory of an input need not
    with tcore.config.change_flags(cmodule__remove_gxx_opt=True, DebugMode__warn_input_not_reused=False):
        for mode in (tcore.Mode("c|py", None), checked):
            f = tcore.function([tcore.In(v, mutable=True) for v in inputs], outputs, mode=mode, accept_inplace=True)
            for _ in range(2):
                got = f(*conformance.copies(values))
                for inner, _, first in node.op._placed():
                    for k in range(len(inner.outputs)):
                        conformance.same_values(got[first + k], wanted[first + k], what=f"output {k} of {inner.op}")
