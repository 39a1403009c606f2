"""Trying plugins in a child process: what crashes or exits there is reported here.

The child (``python -m tcore.cli.probe --answers=FILE NAME...``) loads one plugin after the other and writes one line of
JSON for each; what plugins print is dropped. If it dies at a plugin, another child goes on with the next.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["probe"]

_TIMEOUT_SECONDS = 120.0


def probe(names: Sequence[str], report: bool = False) -> Iterator[dict[str, Any]]:
    """Results of loading each plugin, in order: ``name``, ``status``, ``reason``, ``remedy``, ``declares``, ``reports``.

    Parameters
    ----------
    names : plugins that are neither disabled nor otherwise off
    report : bool
        Ask each for its ``tcore_report`` as well; those may open devices.
    """
    waiting = list(names)
    while waiting:
        done, end = _run_child(waiting, report)
        yield from done
        del waiting[: len(done)]
        if waiting:  # the child died at the first that has no answer
            yield {
                "name": waiting.pop(0),
                "status": "failed",
                "reason": f"the process that loaded it {end}",
                "remedy": "look at the libraries and drivers that it uses",
                "declares": {},
                "reports": [],
            }


def _run_child(names: list[str], report: bool) -> tuple[list[dict[str, Any]], str]:
    """The answers that a child gave, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers"
        answers.touch()
        flags = [f"--answers={answers}", *(["--report"] if report else [])]
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "tcore.cli.probe", *flags, *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            errors = child.communicate(timeout=_TIMEOUT_SECONDS)[1]
            end = _how_it_ended(child.returncode)
            last = errors.strip().splitlines()[-1:]
            end += f": {last[0]}" if last and child.returncode > 0 else ""
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            end = f"did not end within {_TIMEOUT_SECONDS:.0f} s"
        lines = answers.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")], end  # the last may be broken off


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _describe(name: str, report: bool) -> dict[str, Any]:
    """What the child says about one plugin."""
    from attrs import asdict

    from tcore.plugins import PluginError, manager

    plugins = manager()
    with contextlib.suppress(PluginError):
        plugins.load(name)
    state = plugins.state(name)
    answer: dict[str, Any] = {
        "name": name,
        "status": state.status,
        "reason": state.reason,
        "remedy": state.remedy,
        "declares": {},
        "reports": [],
    }
    declared = plugins.tables.declared_by(name)
    if declared is not None:
        listed: dict[str, list[str]] = {}
        for option in declared.options:
            listed.setdefault("options", []).append(option.name)
        for record in declared.records:
            listed.setdefault(_PLURALS.get(type(record).__name__, type(record).__name__), []).append(record.label)
        answer["declares"] = listed
        if report:
            answer["reports"] = [asdict(line) for line in plugins.report(name)]
    return answer


_PLURALS = {
    "BackendSpec": "backends",
    "CommandSpec": "commands",
    "ConverterSpec": "converters",
    "DeviceSpec": "devices",
    "LoweringGroup": "lowerings",
    "Observer": "observers",
    "OpSpec": "ops",
    "RewriteGroup": "rewrites",
    "SharedSpec": "shared constructors",
    "TransferSpec": "transfers",
    "TypeSpec": "types",
}


def _child(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    names = [argument for argument in arguments if not argument.startswith("--")]
    path = next(argument for argument in arguments if argument.startswith("--answers=")).partition("=")[2]
    with Path(path).open("w", encoding="utf-8") as answers:
        for name in names:
            answers.write(json.dumps(_describe(name, "--report" in arguments)) + "\n")
            answers.flush()


if __name__ == "__main__":
    _child(sys.argv[1:])
