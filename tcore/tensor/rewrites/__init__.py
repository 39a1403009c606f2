"""Rewrites of tensor ops, one family a file; :data:`GROUP` is what the tensor package declares."""

from __future__ import annotations

import tcore.compile
import tcore.optimizer  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite
from tcore.tensor.rewrites import (
    alloc_lengths,
    arithmetic,
    assertions,
    blas,
    canonizer,
    conditions,
    dimshuffles,
    fills,
    fusion,
    inplace,
    logsumexp,
    reductions,
    shape_feature,
    softmaxes,
    stabilize,
    subtensor,
    useless,
)

__all__ = ["GROUP"]

#: all of them; the order is that in which rules of one stage are tried
GROUP: tuple[Rewrite | GlobalRewrite, ...] = tuple(
    each
    for family in (
        useless,
        assertions,
        conditions,
        shape_feature,
        alloc_lengths,
        fills,
        dimshuffles,
        subtensor,
        canonizer,
        arithmetic,
        reductions,
        softmaxes,
        stabilize,
        logsumexp,
        blas,
        fusion,
        inplace,
    )
    for each in family.REWRITES  # type: ignore[attr-defined]
)
