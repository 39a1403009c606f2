"""Results as JSON (for programs), Markdown (for people) and PNG (for slides)."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measure import Result, readable

__all__ = ["write"]


def machine() -> dict[str, object]:
    """Where and with what the numbers were made."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    versions = {}
    for name in ("tcore", "tcore-cpu", "numpy", "scipy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions,
    }


def write(results: Sequence[Result], folder: Path) -> None:
    """Write results.json, results.md and results.png."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = machine()
    rows = [
        {
            "name": result.row.name,
            "summary": result.row.summary,
            "ours_seconds": result.ours,
            "reference_seconds": result.reference,
            "ratio": result.ratio,
            "ratio_limit": result.row.limit,
            "seconds_limit": result.row.seconds,
            "missed": result.missed,
            "note": result.note,
            "rounds": result.rounds,
        }
        for result in results
    ]
    (folder / "results.json").write_text(json.dumps({"machine": facts, "rows": rows}, indent=2) + "\n")
    (folder / "results.md").write_text(markdown(results, facts))
    draw(results, folder / "results.png")


def markdown(results: Sequence[Result], facts: dict[str, object]) -> str:
    """The table."""
    lines = [
        f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, {facts['time']}; "
        + ", ".join(f"{name} {number}" for name, number in dict(facts["versions"]).items()),
        "",
        "| row | what | tcore | reference | ratio | goal | |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for result in results:
        row = result.row
        goals = [] if row.limit is None else [f"ratio ≤ {row.limit:g}"]
        if row.seconds is not None:
            goals.append(f"≤ {readable(row.seconds)}")
        cells = [row.name, row.summary, readable(result.ours), readable(result.reference), f"{result.ratio:.3f}", ", ".join(goals)]
        lines.append(f"| {' | '.join(cells)} | {'missed' if result.missed else 'met' if goals else ''} |")
    return "\n".join(lines) + "\n"


def draw(results: Sequence[Result], path: Path) -> None:
    """Ratios as bars, with the goal of each row as a tick."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.5 * len(results) + 1.2), layout="constrained")
    names = [result.row.name for result in results][::-1]
    ratios = [result.ratio for result in results][::-1]
    axes.barh(names, ratios, color=["#b5482a" if result.missed else "#2a6fb5" for result in results][::-1])
    for position, result in enumerate(reversed(results)):
        if result.row.limit is not None:
            axes.plot([result.row.limit] * 2, [position - 0.4, position + 0.4], color="black")
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("time of tcore / time of the reference; black: the goal")
    figure.savefig(path, dpi=120)
    plt.close(figure)
