"""Rules made of rules, and of ops: LocalOptGroup, OpSub, OpRemove."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from tcore.graph.errors import InconsistencyError
from tcore.graph.trace import copy_trace
from tcore.optimizer.base import LocalOptimizer
from tcore.optimizer.failures import report_local_failure, rules_off
from tcore.optimizer.oscillation import Watch
from tcore.optimizer.rules import RuleIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = ["LocalOptGroup", "OpRemove", "OpSub"]

#: how often one rule may go on at its own results, at one node of the graph
_STEPS = 10_000


class LocalOptGroup(LocalOptimizer):
    """Several rules as one: the first that has something to do does it.

    Parameters
    ----------
    optimizers : LocalOptimizer
    apply_all_opts : bool
        True goes on with the result of each rule, until none has anything to do; for nodes with one output.
    """

    def __init__(self, *optimizers: Any, apply_all_opts: bool = False, profile: bool = False, name: str | None = None) -> None:
        if len(optimizers) == 1 and isinstance(optimizers[0], (list, tuple)):
            optimizers = tuple(optimizers[0])
        self.opts = list(optimizers)
        self.apply_all_opts = apply_all_opts
        self.profile = profile
        self.name = name or ",".join(str(rule) for rule in self.opts)
        self.reentrant = any(getattr(rule, "reentrant", True) for rule in self.opts)
        self.retains_inputs = all(getattr(rule, "retains_inputs", False) for rule in self.opts)
        self._index = RuleIndex(self.opts)

    @property
    def rules(self) -> list[Any]:
        """The rules."""
        return self.opts

    def tracks(self) -> Sequence[Op | type[Op]] | None:
        """What any of the rules tracks."""
        tracked: list[Op | type[Op]] = []
        for rule in self.opts:
            of_rule = rule.tracks()
            if of_rule is None:
                return None
            tracked.extend(each for each in of_rule if each not in tracked)
        return tracked

    def transform(self, node: Apply) -> Any:
        """The result of the first rule that has one. A rule that raises is reported, and off from then on."""
        off = rules_off()
        result: Any = False
        watch: Watch | None = None
        while True:
            for rule in self._index.rules_for(node.op):
                if off and rule in off:
                    continue
                new = self._result(rule, node)
                if new is False or new is None:
                    continue
                if not self.apply_all_opts or isinstance(new, dict) or len(new) != 1 or new[0].owner is None:
                    return new
                if new[0] is node.outputs[0] or (result and new[0] is result[0]):
                    continue
                result = list(new)
                watch = watch or Watch(self, _STEPS, ratio=1.0)
                if watch.note(rule, node, [new[0].owner], _STEPS):
                    return result
                node = new[0].owner
                break
            else:
                return result

    @staticmethod
    def _result(rule: Any, node: Apply) -> Any:
        try:
            return rule.transform(node)
        except InconsistencyError:
            return False
        except Exception as error:  # a rule is anybody's code: its failure must not silence the others
            report_local_failure(rule, node, error)
            return False

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Those of all rules."""
        for rule in self.opts:
            rule.add_requirements(fgraph)

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print the rules, too."""
        stream = stream or sys.stdout
        print(f"{' ' * level}LocalOptGroup ({len(self.opts)})", file=stream)
        if depth != 0:
            for rule in self.opts:
                rule.print_summary(stream, level=level + 2, depth=depth - 1)


class OpSub(LocalOptimizer):
    """``op1(x, …) -> op2(x, …)``: another op on the same inputs.

    Parameters
    ----------
    transfer_tags : bool
        Whether the notes of the old node and outputs go to the new ones.
    """

    reentrant = False
    retains_inputs = True

    def __init__(self, op1: Op, op2: Op, transfer_tags: bool = True) -> None:
        self.op1 = op1
        self.op2 = op2
        self.transfer_tags = transfer_tags
        self.name = f"{op1} -> {op2}"

    def op_key(self) -> Op:
        """The op to look for."""
        return self.op1

    def tracks(self) -> list[Op | type[Op]]:
        """The op to look for."""
        return [self.op1]

    def transform(self, node: Apply) -> list[Variable] | bool:
        """As the class says."""
        if node.op != self.op1:
            return False
        new = self.op2.make_node(*node.inputs)
        if self.transfer_tags:
            if node.has_tag():
                new.tag.update(node.tag)
            for old_output, new_output in zip(node.outputs, new.outputs, strict=True):
                if old_output.has_tag():
                    new_output.tag.update(old_output.tag)
        return new.outputs


class OpRemove(LocalOptimizer):
    """``op(x, y, …) -> x, y, …``: the i-th output is the i-th input. The op has as many inputs as outputs."""

    reentrant = False

    def __init__(self, op: Op) -> None:
        self.op = op
        self.name = f"{op}(x) -> x"

    def op_key(self) -> Op:
        """The op to look for."""
        return self.op

    def tracks(self) -> list[Op | type[Op]]:
        """The op to look for."""
        return [self.op]

    def transform(self, node: Apply) -> list[Variable] | bool:
        """As the class says."""
        if node.op != self.op:
            return False
        if len(node.inputs) != len(node.outputs):
            raise ValueError(f"OpRemove wants as many inputs as outputs; {node} has {node.nin} and {node.nout}")
        return [copy_trace(old, new) for old, new in zip(node.outputs, node.inputs, strict=True)]
