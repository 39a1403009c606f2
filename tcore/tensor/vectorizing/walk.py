"""From the graph of one item to that of a batch, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tcore.graph import Variable, io_toposort
from tcore.optimizer.tracing import copy_stack_trace
from tcore.tensor.vectorizing.batch import Batch, Item, rule_of

__all__ = ["batched_items"]


def batched_items(wanted: Sequence[Variable], items: Mapping[Variable, Item], batch: Batch) -> list[Item]:
    """What stands for each of ``wanted``, where ``items`` stand for variables above them."""
    known = dict(items)
    for node in io_toposort(list(known), wanted):
        given = [known.get(variable) or Item(variable, batched=False) for variable in node.inputs]
        if any(item.batched for item in given):
            made = [result if isinstance(result, Item) else Item(result) for result in rule_of(node.op)(node.op, node, batch, given)]
        elif any(item.variable is not variable for item, variable in zip(given, node.inputs, strict=True)):
            made = [Item(output, batched=False) for output in node.clone_with_new_inputs([item.variable for item in given]).outputs]
        else:
            continue
        for output, item in zip(node.outputs, made, strict=True):
            if item.variable is not output:
                copy_stack_trace(output, item.variable)
            known.setdefault(output, item)
    return [known.get(variable) or Item(variable, batched=False) for variable in wanted]
