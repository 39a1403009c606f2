"""Walks over expressions: the flat list of what is below some roots, and replacement in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tcore.codegen.expr import Expr

__all__ = ["flatten", "substitute"]


def flatten(roots: Iterable[Expr]) -> list[Expr]:
    """All expressions below ``roots``, each once, operands before users (iterative)."""
    done: dict[Expr, None] = {}
    for root in roots:
        if root in done:
            continue
        stack: list[tuple[Expr, Iterator[Expr]]] = [(root, iter(root.args))]
        while stack:
            expr, rest = stack[-1]
            for arg in rest:
                if arg not in done:
                    stack.append((arg, iter(arg.args)))
                    break
            else:
                done[expr] = None
                stack.pop()
    return list(done)


def substitute(
    roots: Iterable[Expr],
    replace: Mapping[Expr, Expr] | Callable[[Expr], Expr | None],
) -> list[Expr]:
    """Each root with expressions replaced, bottom up.

    ``replace`` maps an expression, whose operands are already rewritten, to its replacement; a missing
    entry or None keeps it.  Replacements are not visited again.
    """
    roots = list(roots)
    find = replace.get if isinstance(replace, Mapping) else replace
    new: dict[Expr, Expr] = {}
    for expr in flatten(roots):
        args = expr.args
        mapped = tuple([new[arg] for arg in args])
        same = all(map(_is, args, mapped))
        rebuilt = expr if same else expr.rebuild(mapped)
        found = find(rebuilt)
        new[expr] = rebuilt if found is None else found
    return [new[root] for root in roots]


def _is(left: object, right: object) -> bool:
    return left is right
