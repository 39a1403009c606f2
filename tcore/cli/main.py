"""The group of commands. Those of plugins are found in metadata and loaded when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any

import click

from tcore.cli.output import CheckedGroup

__all__ = ["main"]

#: our own subcommands: name -> module, each with a click command ``command``
_OWN = {
    "cache": "tcore.cli.cache",
    "config": "tcore.cli.config",
    "doctor": "tcore.cli.doctor",
    "ops": "tcore.cli.ops",
    "optimizations": "tcore.cli.optimizations",
    "plugins": "tcore.cli.plugins",
}


class _Commands(CheckedGroup):
    """Our subcommands and those that installed plugins claim."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from tcore.plugins import manager

        return sorted({*_OWN, *manager().names("commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OWN:
            found: Any = importlib.import_module(_OWN[cmd_name]).command
            return found  # type: ignore[no-any-return]
        from tcore.plugins import PluginError, manager
        from tcore.plugins.references import resolve

        if cmd_name not in manager().names("commands"):
            return None
        try:
            loaded = resolve(manager().command(cmd_name).load)
        except PluginError as error:
            raise click.ClickException(str(error)) from error
        if not isinstance(loaded, click.Command):
            raise click.ClickException(f"the command {cmd_name!r} is no click command but {type(loaded).__name__}")
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our commands with their summaries, plugins' by name: help loads no plugin."""
        from tcore.plugins import manager

        rows = [(name, importlib.import_module(module).command.get_short_help_str()) for name, module in sorted(_OWN.items())]
        rows += [(name, f"from plugin {candidates[0].name}") for name, candidates in sorted(manager().names("commands").items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tcore", message="tcore %(version)s")
def main() -> None:
    """Look at an installation of tcore: its plugins, its options, and what is missing."""
