"""The chart: each library's time as a multiple of tcore's, one line for each row."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from runner import Result

__all__ = ["draw"]

MARKS = {
    "numpy": ("NumPy", "s", "#8a8a8a"),
    "pytensor-c": ("PyTensor, C", "v", "#3a7d44"),
    "pytensor-numba": ("PyTensor, Numba", "^", "#7ab55c"),
    "jax": ("JAX", "D", "#7b4fa3"),
    "torch": ("PyTorch", "o", "#e08e45"),
    "torch-compile": ("PyTorch, compiled", "P", "#b5482a"),
    "limit": ("limit of the machine", "|", "black"),
}


def draw(results: Sequence[Result], path: Path) -> bool:
    """Times divided by tcore's, on a logarithmic axis: right of 1 is slower than tcore. Rows without such a ratio are left out.

    False when there is nothing to draw, or nothing to draw with.
    """
    rows = [(result, ratios) for result in results if (ratios := times_over_ours(result))]
    if not rows or importlib.util.find_spec("matplotlib") is None:
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.36 * len(rows) + 1.6), layout="constrained")
    for name, (label, mark, colour) in MARKS.items():
        points = [(ratios[name], place) for place, (_, ratios) in enumerate(reversed(rows)) if name in ratios]
        if points:
            axes.scatter(*zip(*points, strict=True), marker=mark, color=colour, label=label, zorder=3, s=90 if mark == "|" else 32)
    axes.axvline(1, color="#2a6fb5", linewidth=1.5, label="tcore")
    axes.set_yticks(range(len(rows)), [result.row.name for result, _ in reversed(rows)])
    axes.set_xscale("log")
    axes.set_xlabel("time / time of tcore: right of the line is slower than tcore")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return True


def times_over_ours(result: Result) -> dict[str, float]:
    """For each column that is right, and the limit, the inverse of tcore's ratio to it."""
    found = {name: result.ratio(name) for name in MARKS if name == "limit" or name in result.columns}
    return {name: 1 / ratio for name, ratio in found.items() if ratio}
