"""Learn to read handwritten digits: ``python examples/digits [--backend cpu|numpy|opencl] [--output FOLDER]``.

Trains the documentation's logistic regression and then a multilayer perceptron on scikit-learn's 1797 handwritten digits, prints
train and test error per epoch, final accuracy and the time of one step beside plain NumPy's, and writes a learning curve and a
picture of the compiled training graph.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from models import Model, logistic_regression, multilayer_perceptron
from report import draw_curves, draw_graph
from rich.console import Console
from rich.progress import Progress

import tcore

BATCH = 50
console = Console()


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (float64, 64 pixels in 0…1) and labels: three quarters to train on, the rest to test on."""
    from sklearn.datasets import load_digits as load

    data = load()
    order = np.random.default_rng(0).permutation(len(data.target))
    images, labels = data.data[order] / 16.0, data.target[order].astype(np.int64)
    cut = len(labels) * 3 // 4
    return images[:cut], labels[:cut], images[cut:], labels[cut:]


def error(model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that the model reads wrong."""
    return float(np.mean(np.asarray(model.predict(images)) != labels))


def train(model: Model, data: tuple[np.ndarray, ...], epochs: int) -> list[tuple[float, float]]:
    """Train by batches; the train and test error after each epoch."""
    images, labels, test_images, test_labels = data
    rng = np.random.default_rng(3)
    curve = []
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(model.name, total=epochs)
        for epoch in range(epochs):
            order = rng.permutation(len(labels))
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                model.step(images[rows], labels[rows])
            curve.append((error(model, images, labels), error(model, test_images, test_labels)))
            progress.advance(task)
            if epoch % 5 == 4 or epoch == epochs - 1:
                console.print(f"  epoch {epoch + 1:3d}   train error {curve[-1][0]:6.2%}   test error {curve[-1][1]:6.2%}")
    return curve


def microseconds_per_step(step: Any, images: np.ndarray, labels: np.ndarray, repeats: int = 300) -> float:
    """Median time of one step on a batch, in microseconds."""
    x, y = images[:BATCH], labels[:BATCH]
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step(x, y)
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e6


def run(backend: str, output: Path, epochs: int) -> dict[str, float]:
    """The whole demonstration; the test accuracy of each model."""
    output.mkdir(parents=True, exist_ok=True)
    data = load_digits()
    tcore.config.backend = backend
    console.print(f"backend [bold]{backend}[/]: {len(data[1])} digits to learn from, {len(data[3])} to test on")
    curves, accuracy = {}, {}
    for build, rate in ((logistic_regression, 0.5), (multilayer_perceptron, 0.5)):
        begin = time.perf_counter()
        model = build(data[0], data[1], rate)
        model.step(data[0][:BATCH], data[1][:BATCH])
        console.print(f"[bold]{model.name}[/]: compiled and first result in {time.perf_counter() - begin:.2f} s")
        curves[model.name] = train(model, data, epochs)
        accuracy[model.name] = 1 - curves[model.name][-1][1]
        ours = microseconds_per_step(model.step, data[0], data[1])
        numpys = microseconds_per_step(model.step_in_numpy, data[0], data[1])
        console.print(
            f"  test accuracy [bold]{accuracy[model.name]:.3f}[/]   one step of {BATCH} images: {ours:.0f} µs, "
            f"by hand in NumPy {numpys:.0f} µs"
        )
        draw_graph(model.step, output / f"graph-{model.name.replace(' ', '-')}.svg")
    draw_curves(curves, output / "learning-curve.png")
    console.print(f"pictures: {', '.join(sorted(str(p) for p in output.iterdir()))}")
    return accuracy


def main() -> None:
    """Parse the command line, run, and fail if a model learned too little."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="auto", help="auto (default), cpu, numpy or opencl")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for the pictures")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    accuracy = run(arguments.backend, arguments.output, arguments.epochs)
    wanted = {"logistic regression": 0.90, "multilayer perceptron": 0.95}
    missed = {name: value for name, value in accuracy.items() if value < wanted[name]}
    if missed:
        sys.exit(f"too little was learned: {missed}, wanted at least {wanted}")


if __name__ == "__main__":
    main()
