"""Lowerings of the tensor ops to the loop IR, one file per family; :data:`LOWERINGS` lists them all."""

from __future__ import annotations

import tcore.compile  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.codegen.lowering import Lowering
from tcore.tensor.lowering import allocation, cumulative, elementwise, indexing, joins, random, reductions, rows, searching, views

__all__ = ["LOWERINGS"]

LOWERINGS: tuple[Lowering, ...] = (
    *elementwise.LOWERINGS,
    *views.LOWERINGS,
    *reductions.LOWERINGS,
    *rows.LOWERINGS,
    *indexing.LOWERINGS,
    *joins.LOWERINGS,
    *allocation.LOWERINGS,
    *cumulative.LOWERINGS,
    *searching.LOWERINGS,
    *random.LOWERINGS,
)
