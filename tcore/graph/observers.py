"""Watching which variables are made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tcore.graph.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["nodes_constructed"]


@contextmanager
def nodes_constructed() -> Iterator[list[Variable]]:
    """A context whose value is a list that fills with the variables made inside it; contexts may be nested."""
    new_nodes: list[Variable] = []
    observer = new_nodes.append
    Variable.construction_observers.append(observer)
    try:
        yield new_nodes
    finally:
        # by identity: bound methods of two equal lists compare equal
        observers = Variable.construction_observers
        del observers[next(i for i, each in enumerate(observers) if each is observer)]
