"""PatternSub: a rule given as two patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.op import Op
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable
from tcore.optimizer.base import LocalOptimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph.apply import Apply

__all__ = ["PatternSub"]


class PatternSub(LocalOptimizer):
    """``in_pattern -> out_pattern``.

    A pattern is one of

    - a string: a wildcard. The same string stands for the same variable everywhere in both patterns;
    - a tuple ``(op, pattern, …)``: an application of an equal op. In ``out_pattern`` the first entry may be any callable;
    - a dict ``{"pattern": pattern, "constraint": function}``, in ``in_pattern``: the function gets the variable and says
      whether it will do;
    - a number or a Constant: a constant with that value in every element; in ``out_pattern`` the number itself;
    - in ``out_pattern``, a Variable: itself.

    Nothing is known about commutativity: give one rule for each order of arguments.

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
    ) -> None:
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
        found: dict[str, Variable] = {}
        if not self._match(self.in_pattern, target, found, target):
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

    def _match(self, pattern: Any, variable: Variable, found: dict[str, Variable], root: Variable) -> bool:
        stack = [(pattern, variable)]
        while stack:
            pattern, variable = stack.pop()
            if isinstance(pattern, dict):
                constraint = pattern.get("constraint")
                if constraint is not None and not constraint(variable):
                    return False
                pattern = pattern["pattern"]
            if isinstance(pattern, (list, tuple)):
                node = variable.owner
                if node is None or node.op != pattern[0] or len(node.inputs) != len(pattern) - 1:
                    return False
                if variable is not root and not self.allow_multiple_clients and variable.fgraph is not None:
                    if variable.fgraph.client_count(variable) > 1:
                        return False
                stack.extend(zip(reversed(pattern[1:]), reversed(node.inputs), strict=True))
            elif isinstance(pattern, str):
                if found.setdefault(pattern, variable) is not variable:
                    return False
            elif isinstance(pattern, Constant):
                if not pattern.equals(variable):
                    return False
            elif isinstance(pattern, Variable):
                if pattern is not variable:
                    return False
            elif not _has_value(variable, pattern):
                return False
        return True

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
