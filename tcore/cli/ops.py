"""``tcore ops``: the ops that are installed, which have a gradient, and which an ``R_op`` of their own."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click
from attrs import asdict

from tcore.records import frozen

__all__ = ["OpEntry", "all_ops", "command"]


@frozen
class OpEntry:
    """One class of ops.

    Attributes
    ----------
    name, module : str
    line : int
        Of its definition.
    plugin : str
        Who brings it; ``"tcore"`` for the core.
    summary : str
        The first sentence of its docstring.
    gradient : bool
        Whether it defines ``grad`` or ``L_op``.
    r_op : bool
        Whether it defines ``R_op``; ``Rop`` takes the others through their gradient.
    """

    name: str
    module: str
    line: int
    plugin: str
    summary: str
    gradient: bool
    r_op: bool


def all_ops() -> list[OpEntry]:
    """The ops of the core and of all installed plugins that work, by plugin, module and name."""
    from tcore.plugins import OpSpec
    from tcore.plugins.process import manager
    from tcore.plugins.references import resolve
    from tcore.testing.op_classes import core_ops

    plugins = manager()
    plugins.load_all()
    found = {resolve(spec.load): plugin for plugin, spec in plugins.tables.of(OpSpec)}
    found.update((cls, "tcore") for cls in core_ops() if found.get(cls) in (None, "tensor"))
    return sorted((_entry(cls, plugin) for cls, plugin in found.items()), key=lambda e: (e.plugin != "tcore", e.plugin, e.module, e.name))


def _entry(cls: Any, plugin: str) -> OpEntry:
    from tcore.graph.op import PureOp

    summary = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
    return OpEntry(
        name=cls.__qualname__,
        module=cls.__module__,
        line=inspect.getsourcelines(cls)[1],
        plugin="tcore" if plugin == "tensor" else plugin,
        summary=summary,
        gradient=cls.grad is not PureOp.grad or cls.L_op is not PureOp.L_op,
        r_op=cls.R_op is not PureOp.R_op,
    )


@click.command("ops")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--coverage", "as_coverage", is_flag=True, help="Of the core's ops: what there is of each, and why not where something is not.")
def command(as_json: bool, as_coverage: bool) -> None:
    """List ops: name, module, what they compute, whether they have a gradient and an R_op of their own."""
    if as_coverage:
        _print_coverage(as_json)
        return
    rows = all_ops()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        has = ", ".join(name for name, there in (("gradient", row.gradient), ("R_op", row.r_op)) if there) or "no gradient"
        click.echo(f"{row.module}.{row.name} ({has}): {row.summary}")
    click.echo(f"{len(rows)} ops")


def _print_coverage(as_json: bool) -> None:
    from tcore.testing.coverage import columns, coverage

    rows, headings = coverage(), columns()
    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows], indent=2))
        return
    name_width = max(len(f"{row.module}.{row.name}") for row in rows)
    widths = [max(len(heading), *(len(row.cells[heading]) for row in rows)) for heading in headings]
    click.echo("  ".join([" " * name_width, *(f"{heading:<{width}}" for heading, width in zip(headings, widths, strict=True))]).rstrip())
    for row in rows:
        cells = (f"{row.cells[heading] or '-':<{width}}" for heading, width in zip(headings, widths, strict=True))
        click.echo("  ".join([f"{row.module}.{row.name}".ljust(name_width), *cells]).rstrip())
        for reason, lacking in row.grouped_reasons().items():
            click.echo(f"    no {', '.join(lacking)}: {reason}")
    click.echo(f"{len(rows)} ops, {sum(bool(cell) for row in rows for cell in row.cells.values())} of {len(rows) * len(headings)} cells filled")
