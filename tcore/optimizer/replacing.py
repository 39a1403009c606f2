"""One rule, one node: try it, and put what it gives into the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.apply import Apply
from tcore.graph.errors import InconsistencyError
from tcore.graph.variable import Variable
from tcore.optimizer.tracing import inherit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tcore.graph.fgraph import FunctionGraph
    from tcore.optimizer.base import LocalOptimizer

__all__ = ["InplaceOrderError", "apply_rule", "first_change"]


class InplaceOrderError(ValueError):
    """An in-place op came into a graph that has no destroy handler, which would see whether that gives wrong results."""

    def __init__(self, node: Apply) -> None:
        super().__init__(
            f"{node} overwrites an input, and the graph has no DestroyHandler yet. Rewrites that work in place come after "
            "add_destroy_handler: register them at a position from 50 on with the tag 'inplace'; or apply them to a graph with "
            "fgraph.attach_feature(DestroyHandler())"
        )


def apply_rule(
    fgraph: FunctionGraph,
    node: Apply,
    rule: LocalOptimizer,
    on_error: Callable[[LocalOptimizer, Apply, Exception], None],
) -> bool:
    """Whether ``rule`` changed the graph at ``node``.

    Replacements are validated, and taken back where a feature objects. Whatever else goes wrong, in the rule or with
    what it returns, is given to ``on_error``.
    """
    return first_change(fgraph, node, (rule,), on_error) is not None


def first_change(
    fgraph: FunctionGraph,
    node: Apply,
    rules: Iterable[Any],
    on_error: Callable[[LocalOptimizer, Apply, Exception], None],
) -> Any:
    """The first of ``rules`` that changes the graph at ``node``, as :func:`apply_rule` says, or None.

    Most rules have nothing to do at most nodes, so that this loop is where optimization spends its time.
    """
    for rule in rules:
        try:
            result = rule.transform(node)
        except InconsistencyError:
            continue
        except Exception as error:  # a rule is anybody's code: whatever it raises must not stop the compilation
            on_error(rule, node, error)
            continue
        if result is not False and result is not None and _put(fgraph, node, rule, result, on_error):
            return rule
    return None


def _put(
    fgraph: FunctionGraph,
    node: Apply,
    rule: LocalOptimizer,
    result: Any,
    on_error: Callable[[LocalOptimizer, Apply, Exception], None],
) -> bool:
    try:
        pairs, remove = _replacements(node, result)
        if not pairs:
            return False
        for old, new in pairs:
            if new.owner is not None and new.owner.op.destroy_map and not hasattr(fgraph, "destroy_handler"):
                raise InplaceOrderError(new.owner)
            inherit(old, new)
        fgraph.replace_all_validate_remove(pairs, remove, reason=rule)
    except InconsistencyError:
        return False
    except Exception as error:  # as above: what a rule returns may be anything
        on_error(rule, node, error)
        return False
    merge = getattr(fgraph, "merge_feature", None)
    if merge is not None and merge.scheduled:
        merge.process(fgraph)
    return True


def _replacements(node: Apply, result: Any) -> tuple[list[tuple[Variable, Variable]], list[Apply]]:
    remove: list[Apply] = []
    if isinstance(result, dict):
        result = dict(result)
        listed = [each.owner if isinstance(each, Variable) else each for each in result.pop("remove", ())]
        remove = [each for each in listed if each is not None]
        pairs = []
        for old, new in result.items():
            if isinstance(old, Variable):
                pairs.append((old, new))
            elif isinstance(old, Apply):
                pairs.extend(zip(old.outputs, _per_output(old, new), strict=True))
            else:
                raise TypeError(
                    f"a rule's dict maps variables and nodes to replacements, and 'remove' to nodes; it has the key {old!r}"
                )
    else:
        pairs = list(zip(node.outputs, _per_output(node, result), strict=True))
    kept = []
    for old, new in pairs:
        if new is None:
            if old.fgraph is not None and old.fgraph.client_count(old):
                raise ValueError(f"a rule drops {old}, which is used")
        elif new is not old:
            if not isinstance(new, Variable):
                raise TypeError(f"a rule replaces {old} by {new!r}, which is no Variable")
            kept.append((old, new))
    return kept, remove


def _per_output(node: Apply, result: Any) -> list[Any]:
    if isinstance(result, Variable):
        result = [result]
    if not isinstance(result, (list, tuple)):
        raise TypeError(f"a rule returns False, a list or a dict, got {result!r}")
    if len(result) != len(node.outputs):
        raise ValueError(f"a rule gave {len(result)} replacements for a node with {len(node.outputs)} outputs")
    return list(result)
