"""In place: results in the memory of inputs that nobody needs afterwards. All this comes after ``add_destroy_handler``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore.graph.destroyhandler import DestroyHandler, fast_inplace_check
from tcore.graph.errors import InconsistencyError
from tcore.graph.features import ReplaceValidate
from tcore.optimizer.base import Optimizer
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, rewrite
from tcore.optimizer.tracing import inherit
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.random.function import RandomFunction

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["REWRITES", "InplaceElemwiseOptimizer"]


class InplaceElemwiseOptimizer(Optimizer):
    """``f(x, y) -> f(x, y)`` in the memory of ``x`` or ``y``, where that has the type of the result and no later reader.

    Greedy: for each node in topological order, the first input that will do. ``x + y + z`` becomes ``x += y += z``;
    of ``(x + y) * (x * y)`` only one inner op can have the memory of ``x``.

    Parameters
    ----------
    op_class : type
        Elemwise, or a device's form of it.
    """

    def __init__(self, op_class: type) -> None:
        self.op_class = op_class
        self.name = "inplace_elemwise_optimizer"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Validation of in-place ops."""
        fgraph.attach_feature(ReplaceValidate())
        fgraph.attach_feature(DestroyHandler())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Walk the graph once."""
        nodes = fgraph.toposort()
        place = {node: number for number, node in enumerate(nodes)}
        for node in nodes:
            op: Any = node.op
            if not isinstance(op, self.op_class) or op.inplace_pattern or node.fgraph is not fgraph:  # type: ignore[attr-defined]
                continue
            self._visit(fgraph, node, place)

    def _visit(self, fgraph: FunctionGraph, node: Apply, place: dict[Any, int]) -> None:
        pattern: dict[int, int] = {}
        current = node
        for number, out in enumerate(node.outputs):
            candidates = [
                i
                for i, x in enumerate(current.inputs)
                if x.type == out.type and i not in pattern.values() and self._read_last(fgraph, x, current, place)
            ]
            free = set(fast_inplace_check([current.inputs[i] for i in candidates])) if candidates else set()
            for i in candidates:
                if current.inputs[i] not in free:
                    continue
                wanted = {**pattern, number: i}
                new = self._in_place(current.op, wanted).make_node(*current.inputs)
                for old_out, new_out in zip(current.outputs, new.outputs, strict=True):
                    inherit(old_out, new_out)
                try:
                    fgraph.replace_all_validate(
                        list(zip(current.outputs, new.outputs, strict=True)), reason="inplace_elemwise_optimizer"
                    )
                except InconsistencyError:
                    continue
                place[new] = place[current]
                current, pattern = new, wanted
                break

    @staticmethod
    def _read_last(fgraph: FunctionGraph, x: Any, node: Apply, place: dict[Any, int]) -> bool:
        """Whether no other reader of ``x`` comes after ``node``: the order that is there can then stay."""
        here = place[node]
        count = 0
        for client, _ in fgraph.clients(x):
            if client is node:
                count += 1
            elif client == "output" or place.get(client, here) >= here:
                return False
        return count == 1

    def _in_place(self, op: Any, pattern: dict[int, int]) -> Any:
        make = getattr(op, "with_inplace_pattern", None)
        return make(pattern) if make is not None else self.op_class(op.scalar_op, pattern)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        """Print the name."""
        print(f"{' ' * level}{type(self).__name__} ({self.op_class.__name__})", file=stream)


@rewrite(tracks=[IncSubtensor], tags=("inplace",))
def local_inplace_setsubtensor(node: Apply) -> Any:
    """set_subtensor(x[i], y) -> the same in the memory of x"""
    op: Any = node.op
    if op.inplace:
        return False
    # values that are a view of x are read before x is written where NumPy does so: it copies overlapping operands
    return [evolve(op, inplace=True)(*node.inputs)]


@rewrite(tracks=[AdvancedIncSubtensor1], tags=("inplace",))
def local_inplace_incsubtensor1(node: Apply) -> Any:
    """inc_subtensor(x[vector], y) -> the same in the memory of x"""
    op: Any = node.op
    return False if op.inplace else [evolve(op, inplace=True)(*node.inputs)]


@rewrite(tracks=[AdvancedIncSubtensor], tags=("inplace",))
def local_inplace_AdvancedIncSubtensor(node: Apply) -> Any:
    """inc_subtensor(x[arrays], y) -> the same in the memory of x"""
    op: Any = node.op
    return False if op.inplace else [evolve(op, inplace=True)(*node.inputs)]


@rewrite(tracks=[RandomFunction], tags=("inplace",))
def random_make_inplace(node: Apply) -> Any:
    """a draw -> the same from the given generator itself, where nobody else needs the state it was in"""
    op: Any = node.op
    return False if op.inplace else list(evolve(op, inplace=True).make_node(*node.inputs).outputs)


REWRITES: list[Rewrite | GlobalRewrite] = [
    GlobalRewrite(
        "local_inplace_setsubtensor", in2out(local_inplace_setsubtensor.rule), 60, ("fast_run", "inplace")
    ),
    GlobalRewrite(
        "local_inplace_incsubtensor1", in2out(local_inplace_incsubtensor1.rule), 60, ("fast_run", "inplace")
    ),
    GlobalRewrite(
        "local_inplace_AdvancedIncSubtensor",
        in2out(local_inplace_AdvancedIncSubtensor.rule),
        60,
        ("fast_run", "inplace"),
    ),
    GlobalRewrite(
        "inplace_elemwise_opt",
        InplaceElemwiseOptimizer(Elemwise),
        75,
        ("inplace_opt", "inplace_elemwise_optimizer", "fast_run", "inplace"),
    ),
    GlobalRewrite("random_make_inplace", in2out(random_make_inplace.rule, ignore_newtrees=True), 99, ("fast_run", "inplace", "inplace_random")),
]
