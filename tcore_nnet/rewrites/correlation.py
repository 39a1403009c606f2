"""Correlation in a dtype that products of matrices are fast in."""

from __future__ import annotations

from typing import Any

from tcore.graph import Apply
from tcore.optimizer.rewrite import Stage, rewrite
from tcore_nnet.correlation import Correlate

__all__ = ["REWRITES"]


@rewrite(Stage.SPECIALIZE, tracks=[Correlate])
def local_correlate_in_float32(node: Apply) -> Any:
    """correlate(x, filters) of float16 -> cast(correlate(cast(x, float32), cast(filters, float32)), float16), whose sums are rounded once."""
    if node.outputs[0].type.dtype != "float16":  # type: ignore[attr-defined]
        return None
    wide: Any = node.op(*[variable.astype("float32") for variable in node.inputs])  # type: ignore[attr-defined]
    return [wide.astype("float16")]


REWRITES = (local_correlate_in_float32,)
