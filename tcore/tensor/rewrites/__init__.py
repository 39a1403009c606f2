"""Rewrites of tensor ops, one family a file; :data:`GROUP` is what the tensor package declares."""

from __future__ import annotations

from tcore.optimizer.rewrite import GlobalRewrite, Rewrite
from tcore.tensor.rewrites import (
    arithmetic,
    canonizer,
    dimshuffles,
    dots,
    fills,
    fusion,
    inplace,
    reductions,
    shape_feature,
    stabilize,
    subtensors,
    useless,
)

__all__ = ["GROUP"]

#: all of them; the order is that in which rules of one stage are tried
GROUP: tuple[Rewrite | GlobalRewrite, ...] = tuple(
    each
    for family in (
        useless,
        shape_feature,
        fills,
        dimshuffles,
        subtensors,
        canonizer,
        arithmetic,
        reductions,
        stabilize,
        dots,
        fusion,
        inplace,
    )
    for each in family.REWRITES  # type: ignore[attr-defined]
)
