"""Results as JSON (for programs), Markdown (for people) and PNG."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chart import draw
from groups import GROUPS
from groups.roofline import BOUNDS
from roofline_chart import draw_roofline
from runner import LIMITS, Column, Result

__all__ = ["line", "machine", "markdown", "readable", "write"]

SYMBOLS = {"ok": "", "wrong": "wrong", "failed": "failed", "not built": "not built", "left out": "–", "missing": ""}
UNITS = {"copy": "GB/s copied", "read": "GB/s read", "gemm": "GFlop/s in matrix products", "exp": "10⁹ exponentials per second"}
DISTRIBUTIONS = ("tcore", "tcore-cpu", "numpy", "scipy", "pytensor", "numba", "jax", "jaxlib", "torch")


def write(results: Sequence[Result], facts: dict[str, Any], folder: Path) -> None:
    """Write results.json, results.md and, where matplotlib is installed, results.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps({"machine": facts, "rows": [as_json(result) for result in results]}, indent=2) + "\n")
    picture = draw(results, folder / "results.png")
    roof = not facts["tiny"] and draw_roofline(results, machine_rates(results), folder / "roofline.png")
    (folder / "results.md").write_text(markdown(results, facts, picture, roof))


def machine(cores: int, rounds: int, tiny: bool) -> dict[str, Any]:
    """Where and with what the numbers were made."""
    info = Path("/proc/cpuinfo")
    models = [text.partition(":")[2].strip() for text in info.read_text().splitlines() if text.startswith("model name")] if info.exists() else []
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processor": models[0] if models else platform.processor(),
        "threads": cores,
        "rounds": rounds,
        "tiny": tiny,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,  # that of others: it is asked before the run
        "versions": versions,
    }


def as_json(result: Result) -> dict[str, Any]:
    """All that was measured."""
    row, goal = result.row, result.row.goal
    return {
        "name": row.name,
        "summary": row.summary,
        "kind": row.kind,
        "bytes": row.bytes_moved() or row.bytes_read(),
        "flops": row.flops(),
        "exponentials": row.exponentials(),
        "operations": row.operations(),
        "traffic": row.traffic(),
        "columns": {
            name: {"status": column.status, "message": column.message, "first": column.first, "seconds": column.seconds, "rounds": column.rounds}
            for name, column in result.columns.items()
        },
        "limit_rounds": result.limits,
        "limit_bounds": result.bounds,
        "best_peer": result.best_peer,
        "ratios": {what: result.against(what) for what in ("peer", "numpy", "baseline", "limit")},
        "goal": {what: getattr(goal, what) for what in ("peer", "numpy", "baseline", "limit", "seconds")},
        "missed": result.missed,
    }


def readable(seconds: float) -> str:
    """Seconds with a unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def line(result: Result) -> str:
    """For the terminal: tcore's time, and its ratios."""
    ours = result.columns.get("tcore")
    parts = [f"{result.row.name:26s}"]
    if ours:
        parts.append(f"tcore {readable(ours.seconds):>8s}" if ours.status == "ok" and ours.seconds is not None else f"tcore {ours.status}: {ours.message}")
    for what, name in (("peer", result.best_peer), ("numpy", "numpy"), ("baseline", "baseline"), ("limit", "the limit")):
        ratio = result.against(what)
        if ratio is not None:
            parts.append(f"{ratio:.3g} × {name}")
    parts += [f"{name} {column.status}" for name, column in result.columns.items() if name != "tcore" and column.status in ("wrong", "failed")]
    if result.missed:
        parts.append(f"missed: {goal_text(result, result.missed)}")
    return "  ".join(parts)


def goal_text(result: Result, fields: Sequence[str] = ("peer", "numpy", "baseline", "limit", "seconds")) -> str:
    """The goal of a row, in words."""
    words = {"peer": "best peer", "numpy": "NumPy", "baseline": "baseline", "limit": "limit"}
    goals = [(what, getattr(result.row.goal, what)) for what in fields]
    return ", ".join(f"≤ {readable(goal)}" if what == "seconds" else f"≤ {goal:g} × {words[what]}" for what, goal in goals if goal is not None)


def machine_rates(results: Sequence[Result]) -> dict[str, float]:
    """What the machine can do in a second, for each bound that was measured."""
    by_name = {result.row.name: result for result in results}
    times = {name: by_name[name].time("numpy") for name in BOUNDS if name in by_name}
    return {name: LIMITS[name](BOUNDS[name]) / seconds for name, seconds in times.items() if seconds}


def markdown(results: Sequence[Result], facts: dict[str, Any], picture: bool = False, roof: bool = False) -> str:
    """The charts, if there are some, and a table for each group: times, then what tcore's is a multiple of."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if number != "missing")
    missing = [name for name, number in facts["versions"].items() if number == "missing"]
    lines = [f"{facts['processor']}, {facts['threads']} threads for every library, Python {facts['python']}, {facts['rounds']} rounds, {facts['time']}; {versions}."]
    if missing:
        lines += ["", f"Not installed, and left out: {', '.join(missing)}."]
    if facts["tiny"]:
        lines += ["", "**Tiny sizes: this run shows that the rows work, its times mean nothing.**"]
    by_name = {result.row.name: result for result in results}
    rates = machine_rates(results)
    if rates and not facts["tiny"]:
        lines += ["", f"Limits: {', '.join(f'{rates[name] / 1e9:.3g} {unit}' for name, unit in UNITS.items() if name in rates)}."]
    if picture:
        lines += ["", "![Times of each library as multiples of tcore's](results.png)"]
    for group, rows in GROUPS.items():
        chosen = [by_name[row.name] for row in rows if row.name in by_name]
        if chosen and group != "roofline":
            lines += ["", f"**{group.capitalize()}**", "", *table(chosen)]
    notes = [f"- {result.row.name}, {name}: {column.status}: {column.message}" for result in results for name, column in result.columns.items() if column.status not in ("ok", "missing")]
    if notes:
        lines += ["", "Columns without a time:", "", *notes]
    if roof:
        lines += ["", "**Roofline**", "", "![Rate of each row over its operations per byte, under the limits of the machine](roofline.png)"]
    return "\n".join(lines) + "\n"


def table(results: Sequence[Result]) -> list[str]:
    """The lines of one table; columns that no row has are left out."""
    names = list(dict.fromkeys(name for result in results for name, column in result.columns.items() if column.status != "missing"))
    names.sort(key=lambda name: (name != "tcore", name != "baseline"))
    ratios = [what for what in ("peer", "numpy", "baseline", "limit") if any(result.against(what) is not None for result in results)]
    titles = {"peer": "÷ best peer", "numpy": "÷ NumPy", "baseline": "÷ baseline", "limit": "÷ limit"}
    head = ["row", *names, *(titles[what] for what in ratios), "goal", ""]
    lines = [f"| {' | '.join(head)} |", f"| --- | {' | '.join(['---:'] * (len(names) + len(ratios)))} | --- | --- |"]
    for result in results:
        cells = [f"{result.row.summary} (`{result.row.name}`)"]
        cells += [time_cell(result.columns.get(name), name == result.best_peer) for name in names]
        cells += [ratio_cell(result, what) for what in ratios]
        lines.append(f"| {' | '.join(cells)} | {goal_text(result)} | {verdict(result)} |")
    return lines


def time_cell(column: Column | None, best: bool) -> str:
    """A time, in bold where it is the best peer's, or why there is none."""
    if column is None:
        return ""
    if column.status != "ok" or column.seconds is None:
        return SYMBOLS[column.status]
    return f"**{readable(column.seconds)}**" if best else readable(column.seconds)


def ratio_cell(result: Result, what: str) -> str:
    """A ratio; that to the limit names what limits."""
    ratio = result.against(what)
    if ratio is None:
        return ""
    return f"{ratio:.2f} ({statistics.mode(result.bounds)})" if what == "limit" and result.bounds else f"{ratio:.2f}"


def verdict(result: Result) -> str:
    """Whether the goal is met; a row that tcore cannot run has none."""
    ours = result.columns.get("tcore")
    if ours is None or not goal_text(result) or not result.judged:
        return ""
    if ours.status != "ok":
        return ours.status
    return "missed" if result.missed else "met"
