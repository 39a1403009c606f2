"""PatternSub: a rule given as two patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.op import Op
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable
from tcore.optimizer.base import LocalOptimizer
from tcore.optimizer.commutative import is_commutative

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph.apply import Apply

__all__ = ["PatternSub"]

#: as many variables as patterns: each pattern takes one of them
_Group = tuple[tuple[Any, ...], tuple[Variable, ...]]
#: what is left to match, a linked list, and what the wildcards stand for so far
_Choice = tuple[Any, dict[str, Variable]]


class PatternSub(LocalOptimizer):
    """``in_pattern -> out_pattern``.

    A pattern is one of

    - a string: a wildcard. The same string stands for the same variable everywhere in both patterns;
    - a tuple ``(op, pattern, …)``: an application of an equal op. In ``out_pattern`` the first entry may be any callable;
    - a dict ``{"pattern": pattern, "constraint": function}``, in ``in_pattern``: the function gets the variable and says
      whether it will do;
    - a number or a Constant: a constant with that value in every element; in ``out_pattern`` the number itself;
    - in ``out_pattern``, a Variable: itself.

    The order of arguments counts: give one rule for each, or say ``commutative=True``.

    Parameters
    ----------
    in_pattern : tuple
    out_pattern : pattern
    allow_multiple_clients : bool
        Whether an inner node of the match may be used elsewhere, too; it would then be computed beside the replacement.
    skip_identities_fn : callable, optional
        ``fn(out_pattern, variable)``: when true, the match is left alone.
    name : str, optional
    tracks : sequence, optional
        Ops to look for in place of the outermost one of ``in_pattern``; then ``get_nodes`` tells from such a node which
        nodes to match.
    get_nodes : callable, optional
        ``get_nodes(node) -> list of nodes``.
    commutative : bool
        Whether the inputs of commutative ops, such as ``add`` and ``mul``, match in any order. The first order that fits counts, in
        the order of the inputs.
    """

    def __init__(
        self,
        in_pattern: Any,
        out_pattern: Any,
        allow_multiple_clients: bool = False,
        skip_identities_fn: Callable[[Any, Variable], bool] | None = None,
        name: str | None = None,
        pdb: bool = False,
        tracks: Sequence[Op | type[Op]] = (),
        get_nodes: Callable[[Apply], Sequence[Apply]] | None = None,
        values_eq_approx: Callable[[Any, Any], bool] | None = None,
        commutative: bool = False,
    ) -> None:
        self.commutative = commutative
        self.in_pattern = in_pattern
        self.out_pattern = out_pattern
        if isinstance(in_pattern, dict):
            self.op = in_pattern["pattern"][0]
        elif isinstance(in_pattern, (list, tuple)):
            self.op = in_pattern[0]
        else:
            raise TypeError(f"the pattern to look for starts with an op: a tuple (op, …), got {in_pattern!r}")
        self.allow_multiple_clients = allow_multiple_clients
        self.skip_identities_fn = skip_identities_fn
        self.pdb = pdb
        self._tracks = list(tracks)
        self.get_nodes = get_nodes
        self.values_eq_approx = values_eq_approx
        if tracks and get_nodes is None:
            raise ValueError("tracks needs get_nodes, which finds the nodes to match")
        self.name = name or f"{pattern_text(in_pattern)} -> {pattern_text(out_pattern)}"

    def op_key(self) -> Op:
        """The outermost op."""
        op: Op = self.op
        return op

    def tracks(self) -> list[Op | type[Op]]:
        """The outermost op, unless told otherwise."""
        return self._tracks or [self.op]

    def transform(self, node: Apply) -> Any:
        """As the class says."""
        if self.get_nodes is not None and self._tracks:
            for each in self.get_nodes(node):
                result = self._transform(each)
                if result and not isinstance(result, bool):
                    return dict(zip(each.outputs, result, strict=True))
            return False
        return self._transform(node)

    def _transform(self, node: Apply) -> list[Variable] | bool:
        if node.op != self.op:
            return False
        target = node.outputs[0] if len(node.outputs) == 1 else node.default_output()
        found = self._match(target)
        if found is None:
            return False
        if self.pdb:
            breakpoint()  # noqa: T100 - what the argument asks for
        result = _build(self.out_pattern, found)
        if not isinstance(result, Variable):
            result = of_type(target.type, "filter_variable")(result)
        if self.skip_identities_fn is not None and self.skip_identities_fn(self.out_pattern, target):
            return False
        if self.values_eq_approx is not None:
            result.tag.values_eq_approx = self.values_eq_approx
        if result.owner is not None and len(node.outputs) > 1:
            if [output.type for output in result.owner.outputs] != [output.type for output in node.outputs]:
                return False
            return list(result.owner.outputs)
        return [result] if len(node.outputs) == 1 and result.type == node.outputs[0].type else False

    def _match(self, root: Variable) -> dict[str, Variable] | None:
        """The variables that the wildcards stand for, or None.

        A walk with choices: ``pending`` is what is left to match, a linked list, so that each choice keeps its own cheaply.
        """
        choices: list[_Choice] = [((((self.in_pattern,), (root,)), None), {})]
        while choices:
            pending, found = choices.pop()
            while pending is not None:
                (patterns, variables), rest = pending
                # the first pattern takes any of the variables: where the order counts there is one
                for number in range(len(variables) - 1, 0, -1):
                    others = (*variables[:number], *variables[number + 1 :])
                    choices.append((((patterns[:1], (variables[number],)), ((patterns[1:], others), rest)), dict(found)))
                if len(patterns) > 1:
                    rest = ((patterns[1:], variables[1:]), rest)
                inner = self._match_one(patterns[0], variables[0], found, root)
                if inner is None:
                    break
                for group in reversed(inner):
                    rest = (group, rest)
                pending = rest
            else:
                return found
        return None

    def _match_one(self, pattern: Any, variable: Variable, found: dict[str, Variable], root: Variable) -> list[_Group] | None:
        """What is left to match once ``pattern`` is ``variable``, or None if it is not."""
        if isinstance(pattern, dict):
            constraint = pattern.get("constraint")
            if constraint is not None and not constraint(variable):
                return None
            pattern = pattern["pattern"]
        if isinstance(pattern, (list, tuple)):
            node = variable.owner
            if node is None or node.op != pattern[0] or len(node.inputs) != len(pattern) - 1:
                return None
            shared = variable is not root and variable.fgraph is not None and variable.fgraph.client_count(variable) > 1
            if shared and not self.allow_multiple_clients:
                return None
            if self.commutative and len(node.inputs) > 1 and is_commutative(node.op):
                return [(tuple(pattern[1:]), tuple(node.inputs))]
            return [((inner,), (each,)) for inner, each in zip(pattern[1:], node.inputs, strict=True)]
        if isinstance(pattern, str):
            fits = found.setdefault(pattern, variable) is variable
        elif isinstance(pattern, Constant):
            fits = pattern.equals(variable)
        elif isinstance(pattern, Variable):
            fits = pattern is variable
        else:
            fits = _has_value(variable, pattern)
        return [] if fits else None

    def __str__(self) -> str:
        return self.name or ""


def _has_value(variable: Variable, number: Any) -> bool:
    """Whether ``variable`` is a constant that holds ``number`` everywhere."""
    if not isinstance(variable, Constant):
        return False
    same = variable.data == number
    return bool(same.all()) and same.size > 0 if hasattr(same, "all") else bool(same)


def _build(pattern: Any, found: dict[str, Variable]) -> Any:
    if isinstance(pattern, (list, tuple)):
        return pattern[0](*[_build(each, found) for each in pattern[1:]])
    if isinstance(pattern, str):
        return found[pattern]
    return pattern


def pattern_text(pattern: Any) -> str:
    """A pattern in words: ``Op(x, y subject to <function>)``."""
    if isinstance(pattern, (list, tuple)):
        return f"{pattern[0]}({', '.join(map(pattern_text, pattern[1:]))})"
    if isinstance(pattern, dict):
        return f"{pattern_text(pattern['pattern'])} subject to {pattern.get('constraint', 'no conditions')}"
    return str(pattern)
