"""Compilers as children of this process: what they start ends with them, and they end with the call that waits for them."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Child", "CompileError", "check_written", "run"]


class CompileError(RuntimeError):
    """The compiler refused a translation unit; the message has its output."""


class Child:
    """A compiler at work, in a process group of its own: gcc is a driver, whose children do the work and would outlive it.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Where its temporary files go: they are swept up with the folder, even if this process is killed.
    cwd : Path, optional
        Where it runs, if not where this process does.

    Raises
    ------
    CompileError
        If it cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, cwd: Path | None = None) -> None:
        import subprocess  # here, because a process that finds all it needs in the store starts no program

        self.command = command
        try:
            self._process = subprocess.Popen(
                # in the language in which we look for reasons in what it says
                command, cwd=cwd, env={**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip
        except OSError as error:
            raise CompileError(f"the compiler cannot be started: {error}\ncommand: {shlex.join(command)}") from error

    def finish(self) -> tuple[int, str]:
        """Wait for its end: its exit status, and what it printed."""
        output, _ = self._process.communicate()
        # decoded here: a process that is opened as text loads the module of locales
        return self._process.returncode, output.decode("utf-8", "replace").replace("\r\n", "\n")

    def end(self) -> None:
        """Kill it, and all that it started, unless it has ended."""
        if self._process.returncode is None:
            import signal  # makes enums of all signals: a twentieth of a first result that a kept program gives

            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


def run(command: Sequence[str], folder: Path, cwd: Path | None = None) -> tuple[int, str]:
    """Run a compiler to its end, or until this call is interrupted: its exit status, and what it printed."""
    child = Child(command, folder, cwd)
    try:
        return child.finish()
    finally:
        child.end()


def check_written(target: Path, command: Sequence[str]) -> None:
    """Refuse what succeeds without making a library: a program that is no compiler, or one with another interface.

    Raises
    ------
    CompileError
    """
    if not target.exists():
        raise CompileError(
            f"{command[0]} said that it succeeded and wrote no library: is it a compiler with the interface of gcc (options cxx, CC)?\ncommand: {shlex.join(command)}"
        )
