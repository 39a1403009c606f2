"""``tcore config``: all options, with the value in force and where it comes from."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("config")
@click.argument("names", nargs=-1)
@click.option("--changed", is_flag=True, help="Only options that do not have their default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(names: tuple[str, ...], changed: bool, as_json: bool) -> None:
    """Show options: value, where it comes from, what they mean. NAMES picks some; a section's name picks all of it."""
    from tcore.configuration import config
    from tcore.plugins import manager

    manager().load_all()  # their options count as well
    rows = []
    for name in sorted(config.options, key=str.lower):
        option = config.options[name]
        if names and not any(name == wanted or name.startswith(wanted + ".") for wanted in names):
            continue
        try:
            value, source = config.value(name), config.source(name)
        except ValueError as error:
            value, source = str(error), "error"
        if not changed or source != "default":
            rows.append({"name": name, "value": value, "source": source, "takes": option.takes, "doc": option.doc})
    unknown = [wanted for wanted in names if not any(row["name"] == wanted or row["name"].startswith(wanted + ".") for row in rows)]
    if unknown and not changed:
        near = config.nearest(unknown[0])
        raise click.ClickException(f"tcore has no option {unknown[0]!r}" + (f": did you mean {near}?" if near else ""))
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    for row in rows:
        click.echo(f"{row['name']} = {row['value']}    [{row['source']}]")
        click.echo(f"    {row['doc']} ({row['takes']})")
    for given in config.unclaimed():
        click.echo(f"{given.name} = {given.text}    [{given.source}] is no option of tcore or of a loaded plugin")
