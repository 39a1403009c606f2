"""The pictures: learning curves and the compiled graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tcore

__all__ = ["draw_curves", "draw_graph"]


def draw_curves(curves: dict[str, list[tuple[float, float]]], target: Path) -> None:
    """Train and test error over the epochs, one colour for each model, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, (name, curve) in enumerate(curves.items()):
        epochs = range(1, len(curve) + 1)
        axes.plot(epochs, [100 * train for train, _ in curve], "--", color=f"C{number}", label=f"{name}, train")
        axes.plot(epochs, [100 * test for _, test in curve], color=f"C{number}", label=f"{name}, test")
    axes.set(xlabel="epoch", ylabel="error (%)", yscale="log", title="Reading handwritten digits")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(target, dpi=150)
    plt.close(figure)


def draw_graph(function: Any, target: Path) -> None:
    """The compiled graph as an SVG: a picture that any browser enlarges."""
    tcore.printing.draw_graph(function, target)
