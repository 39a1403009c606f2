"""Factors of matrices that several equations of a program share: those of a solution, and of its gradient with the transpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tcore.records import define
from tcore.tensor.linalg import Solve
from tcore.tensor.linalg.hints import is_transpose

__all__ = ["Factor", "Factors"]


@define(eq=False)
class Factor:
    """Where the factor of a matrix is: the slots of triangles and pivots, and the buffers that hold them."""

    slots: tuple[int, int]
    buffers: tuple[int, int]
    turned: bool
    """Whether it is that of the transpose."""
    node: Any
    """The first that uses it, at the moment ``first``."""
    first: int


def _base(matrix: Any) -> tuple[Any, bool]:
    """The matrix, or the one whose transpose it is, and whether it is that."""
    if matrix.owner is not None and is_transpose(matrix.owner):
        return matrix.owner.inputs[0], True
    return matrix, False


def _is_general(node: Any) -> bool:
    return isinstance(node.op, Solve) and node.op.A_structure == "general" and not node.op.destroy_map


class Factors:
    """The equations of a program by their matrices.

    Parameters
    ----------
    nodes : iterable of Apply
        All of the program.
    """

    def __init__(self, nodes: Iterable[Any]) -> None:
        self._left = Counter(_base(node.inputs[0])[0] for node in nodes if _is_general(node))
        self._made: dict[Any, Factor] = {}

    def shared(self, node: Any) -> bool:
        """Whether other equations have the same matrix: a factor is there, or will be needed again."""
        matrix = _base(node.inputs[0])[0]
        return _is_general(node) and (matrix in self._made or self._left[matrix] > 1)

    def find(self, node: Any) -> Factor | None:
        """The factor for the equations of a node, if it was made."""
        return self._made.get(_base(node.inputs[0])[0])

    def keep(self, node: Any, slots: tuple[int, int], buffers: tuple[int, int], moment: int) -> Factor:
        """Note the factor of a node's matrix, made at a moment."""
        matrix, turned = _base(node.inputs[0])
        self._made[matrix] = factor = Factor(slots, buffers, turned, node, moment)
        return factor

    def used(self, node: Any) -> bool:
        """Note that a node has used its factor; whether it was the last one."""
        matrix = _base(node.inputs[0])[0]
        self._left[matrix] -= 1
        return self._left[matrix] == 0

    @staticmethod
    def option(node: Any, factor: Factor) -> int:
        """1 where the factor is that of the transpose of a node's matrix."""
        return int(_base(node.inputs[0])[1] != factor.turned)
