"""``tcore-nose``: the documented command that runs tests, on pytest; targets may be written ``file.py:Class.method``."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import tcore
from tcore.cli.output import output_checked

__all__ = ["main", "node_id"]

_HELP = """\
usage: tcore-nose [--tcore] [OPTIONS] [folder | file.py | file.py:Class | file.py:Class.method] ...

Run the tests in folders, files, classes, or single ones; those of the current folder without arguments.

  --tcore     run tcore's own tests, in a checkout of its sources
  -s          show what tests print
  -h, --help  this text

Other options are pytest's: see pytest --help.
"""

_TARGET = re.compile(r"(?P<file>.+\.py):(?P<inside>[^:].*)")


def node_id(argument: str) -> str:
    """A target as pytest names it: ``file.py:Class.method`` becomes ``file.py::Class::method``."""
    match = _TARGET.fullmatch(argument)
    return argument if match is None else "::".join([match["file"], *match["inside"].split(".")])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests that the arguments name (those of the process by default); the exit status of pytest.

    Exit status 4, pytest's for wrong usage, where pytest or, for ``--tcore``, the sources are missing.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "-h" in given or "--help" in given:
        with output_checked():
            print(_HELP, end="")
        return 0
    try:
        import pytest  # an extra: the command is installed without it, too
    except ModuleNotFoundError:
        print('tcore-nose needs pytest: pip install "pytest>=8.3"', file=sys.stderr)
        return 4
    targets = [node_id(argument) for argument in given if argument != "--tcore"]
    if "--tcore" in given:
        own = Path(tcore.__file__).parent.parent / "tests"
        if not own.is_dir():
            print(f"tcore-nose --tcore needs a checkout of tcore's sources: {Path(tcore.__file__).parent} was installed without tests", file=sys.stderr)
            return 4
        targets.append(str(own))
    return int(pytest.main(targets))
