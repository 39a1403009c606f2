"""``tcore plugins``: what is installed, in what state, what it declares, and why it is off."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["collect_plugins", "command"]


def collect_plugins(report: bool) -> list[dict[str, Any]]:
    """One record per plugin: name, distribution, version, status, reason, remedy, declares, reports, claims, inactive."""
    import warnings

    from tcore.cli.probe import probe
    from tcore.plugins import PluginWarning, manager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the listing says it all
        plugins = manager()
        states = plugins.states()
    usable = [state.name for state in states if not state.off]
    answers = {answer["name"]: answer for answer in probe(usable, report=report)}
    rows = []
    for state in states:
        answer = answers.get(state.name) if not state.off else None
        if answer is None:
            answer = {"status": state.status, "reason": state.reason, "remedy": state.remedy, "declares": {}, "reports": []}
        row = {
            "name": state.name,
            "distribution": state.distribution,
            "version": state.version or _version(),
            "status": answer["status"],
            "reason": answer["reason"],
            "remedy": answer["remedy"],
            "declares": answer["declares"],
            "reports": answer["reports"],
            "device_found": any(line["device"] for line in answer["reports"]) if report else None,
        }
        rows.append(row)
    return rows


def _version() -> str:
    import tcore

    return tcore.__version__


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--devices/--no-devices", default=True, help="Open devices, in a process of their own, to see which are there.")
def command(as_json: bool, devices: bool) -> None:
    """List plugins: name, distribution, version, state, what they declare, and why they are off."""
    rows = collect_plugins(report=devices)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Plugins of tcore")
    for heading in ("name", "distribution", "version", "state", "declares"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["distribution"], row["version"], _state_text(row), _declares_text(row))
    console = Console()
    console.print(table)
    for row in rows:
        if row["reason"]:
            remedy = row["remedy"]
            console.print(f"{row['name']}: {row['reason']}. {remedy[:1].upper()}{remedy[1:]}", markup=False, highlight=False, soft_wrap=True)


def _state_text(row: dict[str, Any]) -> str:
    text = "loadable" if row["status"] == "loaded" else str(row["status"])
    if "devices" in row["declares"] and row["device_found"] is not None:
        text += ", device found" if row["device_found"] else ", no device"
    return text


def _declares_text(row: dict[str, Any]) -> str:
    parts = []
    for kind, labels in row["declares"].items():
        parts.append(f"{kind}: {', '.join(labels)}" if len(labels) <= 4 else f"{len(labels)} {kind}")
    return "; ".join(parts)
