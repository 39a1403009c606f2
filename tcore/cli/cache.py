"""``tcore cache`` and ``tcore-cache``: what was compiled, and how to get rid of it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tcore.cli.output import CheckedGroup
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "command", "entries"]

_DAY = 24 * 60 * 60
#: seconds for which a compilation may be at work
_AT_WORK = 60 * 60


@frozen
class Entry:
    """One compiled library.

    Attributes
    ----------
    path : Path
    what : str
        ``kernels``, or ``C ops`` for users' C code.
    size : int
        In bytes.
    age : float
        In days.
    """

    path: Path
    what: str
    size: int
    age: float


def _store() -> Path:
    from tcore.configuration import config

    return Path(config.cpu.store).expanduser()


def _folders() -> list[Path]:
    """Whatever holds compiled code."""
    from tcore.configuration import config

    return list(dict.fromkeys((_store(), Path(config.compiledir).expanduser())))


def entries(root: Path) -> Iterator[Entry]:
    """The libraries in a kernel store, oldest first."""
    found = []
    for path in root.glob("*.so"):
        try:
            info = path.stat()
        except FileNotFoundError:  # cleared by somebody else
            continue
        what = "C ops" if path.name.startswith("node_") else "kernels"
        found.append(Entry(path, what, info.st_size, max(0.0, time.time() - info.st_mtime) / _DAY))
    yield from sorted(found, key=lambda entry: -entry.age)


def _remove(paths: Iterator[Path]) -> int:
    count = 0
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        count += 1
    return count


def _left_behind(root: Path) -> Iterator[Path]:
    """Private files and folders of compilations that ended early, and libraries without a record; others may use younger ones."""
    latest = time.time() - _AT_WORK
    for path in root.iterdir() if root.is_dir() else ():
        private = path.name.startswith((".work-", ".tmp-"))
        orphan = path.suffix == ".so" and not path.with_suffix(".record").exists()
        if (private or orphan) and path.lstat().st_mtime <= latest:
            yield path


@click.group("cache", cls=CheckedGroup, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show and clear what was compiled. Without a subcommand: where it is, and how much.

    Clearing is safe at any time: what is missing is compiled again, and running programs keep what they have loaded.
    """
    if ctx.invoked_subcommand is None:
        from tcore.configuration import config

        root = _store()
        found = list(entries(root))
        click.echo(f"compiled code:     {root} ({len(found)} libraries, {sum(entry.size for entry in found) / 1e6:.1f} MB)")
        click.echo(f"compile directory: {config.compiledir}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List compiled libraries, oldest first."""
    found = list(entries(_store()))
    if as_json:
        click.echo(json.dumps([{"path": str(e.path), "what": e.what, "size": e.size, "age": e.age} for e in found], indent=2))
        return
    for entry in found:
        click.echo(f"{entry.age:8.1f} days {entry.size:10d} bytes  {entry.what}  {entry.path.name}")
    click.echo(f"{len(found)} libraries")


@command.command()
def clear() -> None:
    """Remove everything that was compiled."""
    root = _store()
    count = len(list(entries(root)))
    _remove(path for pattern in ("*.so", "*.record", "*.program", "node_*.cpp") for path in root.glob(pattern))
    _remove(_left_behind(root))
    click.echo(f"removed {count} libraries from {root}")


@command.command()
def cleanup() -> None:
    """Remove what compilations that ended early left behind, and keep what is in use."""
    root = _store()
    click.echo(f"removed {_remove(_left_behind(root))} files and folders from {root}")


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(yes: bool) -> None:
    """Remove the folders of compiled code and the compile directory, with everything in them."""
    folders = [folder for folder in _folders() if folder.is_dir()]
    if not folders:
        click.echo("there is nothing to remove")
        return
    if not yes:
        click.confirm(f"remove {' and '.join(map(str, folders))}?", abort=True)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        click.echo(f"removed {folder}")


@command.command()
def unlock() -> None:
    """Take the lock on the compile directory from whoever has it (see tcore.gof.compilelock)."""
    from tcore.compile.compilelock import force_unlock

    force_unlock()
    click.echo("unlocked")
