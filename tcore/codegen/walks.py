"""Walks over expressions: the flat list of what is below some roots, and replacement in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tcore.codegen.building import cast, imag, pair, real, select
from tcore.codegen.expr import Cast, Expr, Fn, Load, Select
from tcore.codegen.opaque import Opaque

__all__ = ["flatten", "rebuilt", "replace_whole", "substitute"]

_Args = tuple[Expr, ...]

#: of complex numbers: what takes them apart and puts them together finds what they were made of
_OF_PARTS: dict[str, Callable[..., Expr]] = {"complex": pair, "real": real, "imag": imag}


def _function(expr: Fn, args: _Args) -> Expr:
    of_parts = _OF_PARTS.get(expr.name)
    return Fn(expr.name, args, expr.dtype) if of_parts is None else of_parts(*args)


#: how an expression of each class that has operands is made of others
_MADE: dict[type[Expr], Callable[[Any, _Args], Expr]] = {
    Cast: lambda expr, args: cast(args[0], expr.dtype),
    Fn: _function,
    Load: lambda expr, args: Load(expr.buffer, args),
    Opaque: lambda expr, args: Opaque(expr.code, args, expr.output),
    Select: lambda expr, args: select(*args),
}


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


def rebuilt(expr: Expr, args: _Args) -> Expr:
    """The same operation on other operands, simplified where they allow it; ``expr`` itself where it has these."""
    return expr if all(map(_is, args, expr.args)) else _MADE[type(expr)](expr, args)


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
        made = rebuilt(expr, tuple([new[arg] for arg in expr.args]))
        found = find(made)
        new[expr] = made if found is None else found
    return [new[root] for root in roots]


def replace_whole(roots: Iterable[Expr], replace: Mapping[Any, Expr]) -> list[Expr]:
    """Each root with whole subexpressions replaced, as they stand there: nothing below a replaced one is."""
    roots = list(roots)
    new: dict[Expr, Expr] = dict(replace)
    for expr in flatten(roots):
        if expr not in new:
            new[expr] = rebuilt(expr, tuple([new[arg] for arg in expr.args]))
    return [new[root] for root in roots]


def _is(left: object, right: object) -> bool:
    return left is right
