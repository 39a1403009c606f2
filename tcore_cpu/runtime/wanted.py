"""Which of the libraries for linear algebra the nodes of a graph may call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["calls_blas", "calls_lapack", "wants_blas", "wants_lapack"]

#: where the ops stand that may call BLAS
_BLAS_MODULES = ("tcore.tensor.blas", "tcore.tensor.dot")
#: the package of those that may call LAPACK
_LAPACK_PACKAGE = "tcore.tensor.linalg."


def calls_blas(op: Any) -> bool:
    """Whether an op may call BLAS."""
    return type(op).__module__ in _BLAS_MODULES


def calls_lapack(op: Any) -> bool:
    """Whether an op may call LAPACK."""
    return type(op).__module__.startswith(_LAPACK_PACKAGE)


def _any(calls: Callable[[Any], bool], nodes: Sequence[Any]) -> bool:
    """Whether the op of any node does, or one of a graph inside of it."""
    waiting = list(nodes)
    for node in waiting:  # grows on the way
        if calls(node.op):
            return True
        waiting += getattr(getattr(node.op, "fgraph", None), "apply_nodes", ())
    return False


def wants_blas(nodes: Sequence[Any]) -> bool:
    """Whether any of the nodes may call BLAS."""
    return _any(calls_blas, nodes)


def wants_lapack(nodes: Sequence[Any]) -> bool:
    """Whether any of the nodes may call LAPACK."""
    return _any(calls_lapack, nodes)
