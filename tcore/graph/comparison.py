"""Whether two graphs do the same computation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.traversal import io_toposort
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcore.graph.op import Op

__all__ = ["equal_computations", "is_same_graph"]


def equal_computations(
    xs: Sequence[Any],
    ys: Sequence[Any],
    in_xs: Sequence[Variable] | None = None,
    in_ys: Sequence[Variable] | None = None,
) -> bool:
    """Whether ``xs[k]`` and ``ys[k]`` are the same computation for every ``k``, ``in_xs[j]`` standing for ``in_ys[j]``.

    Same means: equal ops on the same structure, equal constants, identical inputs otherwise. Entries that are no
    variables are compared as values.

    Raises
    ------
    ValueError
        If the lists that belong together differ in length.
    """
    in_xs = [] if in_xs is None else in_xs
    in_ys = [] if in_ys is None else in_ys
    if len(xs) != len(ys) or len(in_xs) != len(in_ys):
        raise ValueError(f"lists of equal length are needed, got {len(xs)} and {len(ys)}, {len(in_xs)} and {len(in_ys)}")
    # both graphs are numbered with one table: equal numbers mean equal computations
    numbers = _Numbers()
    of_x: dict[Variable, int] = {}
    of_y: dict[Variable, int] = {}
    for position, (x, y) in enumerate(zip(in_xs, in_ys, strict=True)):
        if x.type != y.type:
            return False
        of_x.setdefault(x, numbers.of("input", position))
        of_y.setdefault(y, of_x[x])
    for first, second in zip(xs, ys, strict=True):
        if isinstance(first, Variable) != isinstance(second, Variable):
            return False
        if not isinstance(first, Variable) and not _same_value(first, second):
            return False
    _number([x for x in xs if isinstance(x, Variable)], in_xs, of_x, numbers)
    _number([y for y in ys if isinstance(y, Variable)], in_ys, of_y, numbers)
    return all(of_x[x] == of_y[y] for x, y in zip(xs, ys, strict=True) if isinstance(x, Variable))


def _same_value(first: Any, second: Any) -> bool:
    if getattr(first, "shape", ()) != getattr(second, "shape", ()):
        return False  # where arrays would be broadcast
    same = first == second
    return bool(same.all()) if hasattr(same, "all") else bool(same)


class _Numbers:
    """One number for all keys that are equal."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._odd_ops: list[Op] = []  # those that cannot be hashed, each once

    def of(self, *key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def op(self, op: Op) -> Any:
        """What stands for ``op`` in a key."""
        try:
            hash(op)
        except TypeError:
            if op not in self._odd_ops:
                self._odd_ops.append(op)
            return "odd op", self._odd_ops.index(op)
        return op


def _number(outputs: Iterable[Variable], inputs: Iterable[Variable], found: dict[Variable, int], numbers: _Numbers) -> None:
    """Give each variable below ``outputs`` the number of its computation."""

    def leaf(variable: Variable) -> int:
        number = found.get(variable)
        if number is None:
            value = isinstance(variable, Constant)
            number = found[variable] = numbers.of("constant", variable.signature()) if value else numbers.of("leaf", variable)
        return number

    outputs = list(outputs)
    for node in io_toposort([*inputs, *found], outputs):
        key = (numbers.op(node.op), *[leaf(variable) for variable in node.inputs])
        for index, output in enumerate(node.outputs):
            if output not in found:
                found[output] = numbers.of("output", *key, index, output.type)
    for output in outputs:
        leaf(output)


def is_same_graph(
    var1: Variable,
    var2: Variable,
    givens: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]] | None = None,
    debug: bool = False,
) -> bool:
    """Whether two variables do the same computation over the same graph structure.

    ``x * (y * z)`` and ``(x * y) * z`` differ. ``givens`` are applied to both graphs, as in ``function(givens=…)``:
    ``is_same_graph(x + 1, y + 1, givens={x: y})`` is True. ``debug`` is accepted for the documented interface: there is
    one comparison, which serves every case.
    """
    pairs = [] if givens is None else list(givens.items()) if hasattr(givens, "items") else list(givens)
    if not pairs:
        return equal_computations([var1], [var2])
    from tcore.graph.cloning import clone_replace

    return equal_computations(
        [clone_replace(var1, pairs, strict=False)], [clone_replace(var2, pairs, strict=False)]
    )
