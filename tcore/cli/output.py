"""What commands do when their output cannot be written: a full disk, a device that refuses."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CheckedCommand", "CheckedGroup", "output_checked"]


@contextlib.contextmanager
def output_checked() -> Iterator[None]:
    """Write out all that was printed within; where that fails, end the program with one line on stderr and status 1.

    Errors about files, which have their name, are the command's own and go on.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise
        _forget_output()
        with contextlib.suppress(OSError):  # stderr may be gone as well
            print(f"tcore: the output cannot be written: {error.strerror or error}", file=sys.stderr, flush=True)
        sys.exit(1)


def _forget_output() -> None:
    """Send what is still buffered nowhere, else the interpreter tries once more at its end, and prints a traceback."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class CheckedCommand(click.Command):
    """A command that says in one line when its output is lost."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click's."""
        with output_checked():
            return super().main(*args, **extra)


class CheckedGroup(CheckedCommand, click.Group):
    """The same for a group of commands."""
