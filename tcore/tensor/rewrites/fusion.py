"""Elementwise fusion: a tree of elementwise ops as one Elemwise{Composite{…}}, visible in the graph."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from tcore.graph.errors import InconsistencyError
from tcore.graph.features import ReplaceValidate
from tcore.graph.trace import note_origins
from tcore.optimizer.base import FromFunctionLocalOptimizer, LocalOptimizer, Optimizer
from tcore.optimizer.database_kinds import SequenceDB
from tcore.optimizer.failures import report_local_failure
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, Rewrite
from tcore.optimizer.tracing import inherit
from tcore.scalar import Composite, get_scalar_type
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.rewrites.arithmetic import local_add_mul_fusion

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["REWRITES", "FusionOptimizer", "local_elemwise_fusion", "local_elemwise_fusion_op"]

# operations in one kernel: more would only make the compiler slow
_LARGEST = 256


def _most_inputs(node: Apply) -> int:
    """How many inputs a fused op may have: NumPy takes 32 operands, one of which is the result."""
    return 31


def local_elemwise_fusion_op(
    op_class: type, max_input_fct: Callable[[Apply], int] = _most_inputs, maker: Callable[[Apply, Any], Any] | None = None
) -> Callable[[Apply], Any]:
    """A rule that fuses nodes of ``op_class`` (Elemwise, or a device's form of it).

    Parameters
    ----------
    op_class : type
    max_input_fct : callable
        Gives the largest number of inputs that the fused node may have, from the node that is fused.
    maker : callable, optional
        ``maker(node, scalar_op)`` makes the fused op; by default ``op_class(scalar_op)``.
    """

    def fusable(node: Any) -> bool:
        return isinstance(node.op, op_class) and not node.op.inplace_pattern and len(node.outputs) == 1  # type: ignore[attr-defined]

    def local_fuse(node: Apply) -> Any:
        """f(g(x), y) -> composite(x, y), for elementwise ops of one shape whose inner results nobody else needs"""
        if not fusable(node):
            return False
        group, inputs = _grow(node, fusable, max_input_fct(node))
        if len(group) < 2:
            return False
        scalar_of: dict[Any, Any] = {v: get_scalar_type(v.type.dtype)() for v in inputs}
        scalar_inputs = [scalar_of[v] for v in inputs]
        for member in reversed(group):  # users come first in the group
            inner = member.op.scalar_op.make_node(*[scalar_of[v] for v in member.inputs])  # type: ignore[attr-defined]
            if inner.outputs[0].type.dtype != member.outputs[0].type.dtype:
                return False
            scalar_of[member.outputs[0]] = inner.outputs[0]
        composite = Composite(scalar_inputs, [scalar_of[node.outputs[0]]])
        new = (maker(node, composite) if maker is not None else op_class(composite))(*inputs)
        if new.type != node.outputs[0].type:
            return False
        note_origins([member.outputs[0] for member in reversed(group)], new)
        return [new]

    return local_fuse


def _grow(root: Apply, fusable: Callable[[Any], bool], most: int) -> tuple[list[Apply], list[Any]]:
    """The nodes to fuse with ``root``, users before producers, and the inputs that the fused node has then.

    A producer joins when all its users have.
    """
    flags = root.outputs[0].type.broadcastable  # type: ignore[attr-defined]
    group: dict[Apply, None] = {}
    users_inside: dict[Any, int] = {}
    inputs: dict[Any, None] = dict.fromkeys(root.inputs)
    size = _size(root)
    ready = [root]
    while ready:
        node = ready.pop()
        if node is not root:
            # the result is no input any more, what it is made of is
            out = node.outputs[0]
            more = [v for v in dict.fromkeys(node.inputs) if v not in inputs]
            if len(inputs) - 1 + len(more) > most or size + _size(node) > _LARGEST:
                continue
            size += _size(node)
            del inputs[out]
            inputs.update(dict.fromkeys(more))
        group[node] = None
        for variable in dict.fromkeys(node.inputs):
            producer = variable.owner
            if producer is None or not fusable(producer) or variable.type.broadcastable != flags:  # type: ignore[attr-defined]
                continue
            users_inside[variable] = users_inside.get(variable, 0) + node.inputs.count(variable)
            if variable.fgraph is not None and users_inside[variable] == variable.fgraph.client_count(variable):
                ready.append(producer)
    return list(group), _reading_order(root, group, inputs)


def _size(node: Apply) -> int:
    """The number of operations in a node."""
    return len(getattr(node.op.scalar_op, "steps", (None,)))  # type: ignore[attr-defined]


def _reading_order(root: Apply, group: dict[Apply, None], inputs: dict[Any, None]) -> list[Any]:
    """The inputs in the order in which a reader of the expression meets them."""
    order: dict[Any, None] = {}
    seen: set[Apply] = set()
    stack: list[Any] = [root.outputs[0]]
    while stack:
        variable = stack.pop()
        if variable in inputs:
            order[variable] = None
        elif variable.owner in group and variable.owner not in seen:
            seen.add(variable.owner)
            stack.extend(reversed(variable.owner.inputs))
    return list(order)


local_elemwise_fusion = FromFunctionLocalOptimizer(
    local_elemwise_fusion_op(Elemwise), [Elemwise], name="local_elemwise_fusion"
)


class FusionOptimizer(Optimizer):
    """Applies a rule for fusion from the outputs to the inputs: what it fuses is gone when its turn would come."""

    def __init__(self, local_optimizer: LocalOptimizer) -> None:
        self.optimizer = local_optimizer
        self.name = None

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Replacements that can be taken back."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Walk; gives what :meth:`print_profile` prints."""
        validate, callback = fgraph.validate_time, fgraph.execute_callbacks_time
        counts: dict[str, Any] = {"nb_iter": 0, "nb_replacement": 0, "nb_inconsistency_replace": 0}
        start = perf_counter()
        nodes = fgraph.toposort()
        counts["time_toposort"] = perf_counter() - start
        tracked = self.optimizer.tracks()
        classes = tuple(each if isinstance(each, type) else type(each) for each in tracked) if tracked else (object,)
        for node in reversed(nodes):
            if node.fgraph is not fgraph or not isinstance(node.op, classes):
                continue
            counts["nb_iter"] += 1
            try:
                new = self.optimizer.transform(node)
                while new:
                    inherit(node.outputs[0], new[0])
                    fgraph.replace_validate(node.outputs[0], new[0], reason=self.optimizer)
                    counts["nb_replacement"] += 1
                    node = new[0].owner
                    # rules for pairs find the next one at the result
                    new = self.optimizer.transform(node) if node is not None and node.fgraph is fgraph else False
            except InconsistencyError:
                counts["nb_inconsistency_replace"] += 1
            except Exception as error:
                report_local_failure(self.optimizer, node, error)
                break
        counts["validate_time"] = fgraph.validate_time - validate
        counts["callback_time"] = fgraph.execute_callbacks_time - callback
        return counts

    @staticmethod
    def merge_profile(prof1: Any, prof2: Any) -> Any:
        """Counts and times added up."""
        return {name: prof1[name] + prof2[name] for name in prof1}

    @staticmethod
    def print_profile(stream: Any, prof: Any, level: int = 0) -> None:
        """Print the counts."""
        blanc = "    " * level
        print(f"{blanc}FusionOptimizer", file=stream)
        for name in ("nb_iter", "nb_replacement", "nb_inconsistency_replace"):
            print(f"{blanc} {name} {prof[name]}", file=stream)
        for name in ("validate_time", "callback_time", "time_toposort"):
            print(f"{blanc} {name} {prof[name]}", file=stream)


def _fusion_db() -> SequenceDB:
    db = SequenceDB()
    db.name = "elemwise_fusion"
    exact = local_add_mul_fusion.exact
    assert exact is not None
    db.register(
        "local_add_mul_fusion",
        FusionOptimizer(local_add_mul_fusion.rule),
        0,
        "fast_run",
        "fusion",
        ASSUME_FINITE,
        without={ASSUME_FINITE: FusionOptimizer(exact)},
    )
    db.register(
        "composite_elemwise_fusion",
        FusionOptimizer(local_elemwise_fusion),
        1,
        "fast_run",
        "fusion",
        "local_elemwise_fusion",
        "FusionOptimizer",
    )
    return db


REWRITES: list[Rewrite | GlobalRewrite] = [
    GlobalRewrite(
        "elemwise_fusion",
        _fusion_db(),
        49,
        ("fast_run", "fusion", "local_elemwise_fusion", "FusionOptimizer"),
        after=("merge2",),
    ),
]
