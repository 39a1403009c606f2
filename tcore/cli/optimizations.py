"""``tcore optimizations``: what may be done to graphs, by which rules, and with which tags they are chosen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tcore.optimizer.catalogue import CatalogueEntry

__all__ = ["command"]


@click.command("optimizations")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag or name; give it again for more than one: all must be there.")
@click.option("--level", "level", metavar="LEVEL", help="Only those of a predefined optimizer: o1, o2, o3, o4, stabilization, unsafe.")
def command(as_json: bool, tags: tuple[str, ...], level: str | None) -> None:
    """List optimizations: name, before -> after, places, tags, levels and source, in the order in which they are applied."""
    from tcore.compile.optimizations import LEVELS, all_optimizations

    level = None if level is None else {"fast_compile": "o1", "fast_run": "o4", "stabilize": "stabilization"}.get(level.lower(), level.lower())
    if level is not None and level not in LEVELS:
        raise click.BadParameter(f"there is no level {level!r}; there are {', '.join(LEVELS)}", param_hint="--level")
    every = all_optimizations()
    known = {tag for entry in every for tag in (entry.name, *entry.tags)}
    for tag in tags:
        if tag not in known:
            raise click.BadParameter(f"nothing has the tag {tag!r}{_near(tag, known)}", param_hint="--tag")
    rows = [entry for entry in every if {entry.name, *entry.tags}.issuperset(tags) and (level is None or level in entry.levels)]
    if as_json:
        click.echo(json.dumps([entry.as_dict() for entry in rows], indent=2))
    else:
        _print(rows)


def _near(tag: str, known: set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(tag, known, 3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _print(rows: list[CatalogueEntry]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for entry in rows:
        console.print(entry.name, style="bold", markup=False)
        for heading, text in (
            ("", entry.rule),
            ("at", ", ".join(map(str, entry.places))),
            ("tags", ", ".join(entry.tags)),
            ("levels", ", ".join(entry.levels) or "none: asked for by tag or name"),
            ("source", f"{entry.module}, line {entry.line}" + ("" if entry.plugin == "tcore" else f" (plugin {entry.plugin})")),
        ):
            console.print(f"  {heading + ': ' if heading else ''}{text}", markup=False, soft_wrap=True)
    console.print(f"{len(rows)} optimizations", markup=False)
