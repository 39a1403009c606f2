"""The roofline chart: each row's rate over its operations per byte, under what the machine can do."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import Result

__all__ = ["draw_roofline"]


def draw_roofline(results: Sequence[Result], rates: Mapping[str, float], path: Path) -> bool:
    """Points of tcore and of the best peer on logarithmic axes; a dash is the row's own limit, which its exponentials may lower.

    False when there is nothing to draw, or nothing to draw with.
    """
    rows = [result for result in results if result.row.operations() and result.row.traffic() and result.time("tcore") is not None]
    if not rows or not {"copy", "gemm"} <= set(rates) or importlib.util.find_spec("matplotlib") is None:
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    low = min(result.row.operations() / result.row.traffic() for result in rows) / 2
    high = max(result.row.operations() / result.row.traffic() for result in rows) * 3
    ridge = rates["gemm"] / rates["copy"]
    axes.plot([low, ridge, max(high, 2 * ridge)], [low * rates["copy"] / 1e9, rates["gemm"] / 1e9, rates["gemm"] / 1e9], color="black", label="copied memory, matrix products")
    if "read" in rates:
        axes.plot([low, rates["gemm"] / rates["read"]], [low * rates["read"] / 1e9, rates["gemm"] / 1e9], color="black", linestyle=":", label="memory read only")
    labelled: list[tuple[float, float]] = []
    for number, result in enumerate(rows):
        work = result.row.operations() / 1e9
        at = result.row.operations() / result.row.traffic()
        own = work / result.time("tcore")
        axes.scatter(at, own, color="#2a6fb5", zorder=3, label="tcore" if not number else None)
        if peer := result.best_peer:
            axes.scatter(at, work / result.time(peer), facecolors="none", edgecolors="#b5482a", zorder=3, label="best peer" if not number else None)
        if result.limits:
            limit = work / sorted(result.limits)[len(result.limits) // 2]
            axes.scatter(at, limit, marker="_", color="black", s=120, label="limit of the row" if not number else None)
        near = sum(abs(math.log(at / x)) < 0.3 and abs(math.log(own / y)) < 0.1 for x, y in labelled)
        labelled.append((at, own))
        axes.annotate(result.row.name, (at, own), xytext=(6, -4 - 11 * near), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations for each byte of operands and results")
    axes.set_ylabel("10⁹ operations per second")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return True
