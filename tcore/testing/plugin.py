"""pytest plugin: the option ``--backend``, the fixture ``backend``, a kernel store of the test run's own.

On with ``pytest_plugins = ["tcore.testing.plugin"]``; it is no ``pytest11`` entry point, which would import tcore in
every pytest run of every user, and before coverage starts.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tcore.testing.backends import BACKENDS, unavailable

if TYPE_CHECKING:
    from tcore.plugins import Manager

__all__ = ["backend", "plugin_manager"]

_store: pytest.StashKey[str] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--backend``."""
    parser.addoption(
        "--backend",
        action="append",
        metavar="NAME[,NAME]",
        help=f"backends for tests that use the fixture `backend`; may be given again. Default: {','.join(BACKENDS)}",
    )


def chosen_backends(config: pytest.Config) -> tuple[str, ...]:
    """The backends of this run, in the order given, each once."""
    given = [name.strip() for word in config.getoption("--backend") or () for name in word.split(",")]
    return tuple(dict.fromkeys(name for name in given if name)) or BACKENDS


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and give the run options and a kernel store of its own."""
    config.addinivalue_line("markers", "backends(*names): run a test that uses the fixture `backend` on these backends only")
    if not hasattr(config, "workerinput"):  # xdist's workers share the store of the process that started them
        config.stash[_store] = tempfile.mkdtemp(prefix="tcore-tests-")
        os.environ["TCORERC"] = os.devnull
        # a test means the code as it is: what was compiled before rewrites were patched, or edited, is of no use to it
        os.environ["TCORE_FLAGS"] = f"base_compiledir={config.stash[_store]},compilation_cache=False"
    # Tests that start processes pass the environment on; this process may have read its options already.
    from tcore.configuration import config as options

    options.cpu.store = str(Path(os.environ["TCORE_FLAGS"].partition("=")[2].partition(",")[0], "kernels"))
    options.compilation_cache = False


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the kernel store."""
    folder = config.stash.get(_store, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which backends run, and why others cannot."""
    lines = []
    for name in chosen_backends(config):
        reason = unavailable(name)
        lines.append(f"backend {name}: {'ready' if reason is None else f'skipped, {reason}'}")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses ``backend`` once per chosen backend."""
    if "backend" not in metafunc.fixturenames:
        return
    names = chosen_backends(metafunc.config)
    for marker in metafunc.definition.iter_markers("backends"):
        names = tuple(name for name in names if name in marker.args)
    metafunc.parametrize("backend", names, indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a backend, which is the one that functions are compiled for while the test runs."""
    from tcore.configuration import change_flags

    name: str = request.param
    reason = unavailable(name)
    if reason is not None:
        pytest.skip(f"backend {name}: {reason}")
    with change_flags(backend=name):
        yield name


@pytest.fixture
def plugin_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """A plugin manager of the test's own, over what it puts into ``tmp_path/site`` only."""
    from tcore.testing.plugins import isolated_manager

    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return isolated_manager(tmp_path / "site")


@functools.cache
def _first_line(reason: str) -> str:
    return reason.strip().splitlines()[0] if reason.strip() else "no reason given"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count skipped tests by reason, so that a missing device is seen and not guessed."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        counts[_first_line(reason.removeprefix("Skipped: "))] += 1
    if counts:
        terminalreporter.section("skipped, by reason")
        for reason, count in counts.most_common():
            terminalreporter.line(f"{count:5d}  {reason}")
