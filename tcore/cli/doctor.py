"""``tcore doctor``: compiler, BLAS, kernel store, plugins and devices, each with what to do where something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from attrs import asdict

from tcore.plugins.declarations import ReportLine

__all__ = ["checks", "command"]


def checks() -> Iterator[ReportLine]:
    """The lines of the core: everything but the plugins'."""
    yield ReportLine("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    yield from _distribution()
    yield from _compiler()
    yield from _blas()
    yield from _store()
    yield from _options()


def _distribution() -> Iterator[ReportLine]:
    """Whether the installed distribution called tcore is ours: a package index has a stranger of that name."""
    import tcore

    problem = stranger()
    if problem is not None:
        yield ReportLine(
            "tcore",
            "problem",
            problem,
            "python -m pip uninstall tcore, then install by path from a checkout (python -m pip install ./tcore)",
        )
    else:
        yield ReportLine("tcore", "ok", f"{tcore.__version__} at {Path(tcore.__file__).parent}")


def stranger() -> str | None:
    """What is wrong with the installed distribution ``tcore``, or None if it is ours."""
    from importlib_metadata import PackageNotFoundError, distribution

    import tcore

    try:
        found = distribution("tcore")
    except PackageNotFoundError:
        return "the package is imported from a folder, but no distribution tcore is installed"
    scripts = {point.value for point in found.entry_points if point.group == "console_scripts"}
    if "tcore.cli:main" not in scripts:
        return f"the installed distribution tcore {found.version} is a stranger's of the same name"
    if found.version != tcore.__version__:
        return f"the installed distribution is tcore {found.version}, but tcore {tcore.__version__} is imported"
    return None


def _compiler() -> Iterator[ReportLine]:
    import shutil

    from tcore.configuration import config

    compiler = shutil.which("gcc") or shutil.which("cc") or config.cxx
    if not compiler:
        yield ReportLine(
            "compiler",
            "missing",
            "no C compiler on PATH: functions run on the NumPy linker, slower",
            "Debian and Ubuntu: apt-get install gcc; Fedora: dnf install gcc; macOS: xcode-select --install",
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("int tc_probe(void) { return 42; }\n")
        command = [compiler, "-shared", "-fPIC", "-o", str(Path(folder) / "probe.so"), str(source)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            yield ReportLine("compiler", "problem", f"{compiler} cannot be run: {error}", "install gcc, or correct the option cxx")
            return
    if run.returncode:
        first = (run.stderr.strip().splitlines() or ["no message"])[0]
        yield ReportLine("compiler", "problem", f"{compiler} does not compile: {first}", "install gcc with its C library headers")
    else:
        version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, timeout=60, check=False).stdout.strip()
        yield ReportLine("compiler", "ok", f"{compiler} {version}".strip())


def _blas() -> Iterator[ReportLine]:
    from tcore.configuration import config

    if config.source("blas.ldflags") != "default":
        yield ReportLine("blas", "info", f"option blas.ldflags: {config.blas.ldflags or '(none)'}")
        return
    try:
        from scipy.linalg import cython_blas
    except ImportError as error:
        yield ReportLine("blas", "problem", f"SciPy's BLAS cannot be loaded: {error}", "python -m pip install --force-reinstall scipy")
        return
    import scipy

    build = scipy.__config__.show(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    name = " ".join(str(build[key]) for key in ("name", "version") if build.get(key))
    capsules = len(cython_blas.__pyx_capi__)
    yield ReportLine("blas", "ok", f"{name or 'BLAS'} inside SciPy {scipy.__version__}, {capsules} routines")


def _store() -> Iterator[ReportLine]:
    from tcore.configuration import config

    store = Path(config.cpu.store)
    existing = next((folder for folder in (store, *store.parents) if folder.exists()), None)
    remedy = f"make it writable, or choose another: TCORE_FLAGS=cpu.store={Path(tempfile.gettempdir()) / 'tcore-kernels'}"
    if existing is None or not existing.is_dir():
        yield ReportLine("store", "problem", f"{store} cannot be made", remedy)
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield ReportLine("store", "problem", f"{existing} is not writable: kernels are compiled in every process", remedy)
    elif existing is store:
        files = [entry for entry in store.rglob("*") if entry.is_file()]
        size = sum(entry.stat().st_size for entry in files)
        yield ReportLine("store", "ok", f"{store}, {len(files)} files, {size / 1e6:.1f} MB")
    else:
        yield ReportLine("store", "ok", f"{store}, empty so far")


def _options() -> Iterator[ReportLine]:
    from tcore.configuration import config

    for name in sorted(config.options):
        try:
            config.value(name)
        except ValueError as error:
            yield ReportLine("options", "problem", str(error), f"correct it in {_where(name)}")
    for given in config.unclaimed():
        near = config.nearest(given.name)
        hint = f"did you mean {near}?" if near else "if it belongs to a plugin, tcore config shows it"
        yield ReportLine("options", "info", f"{given.source} sets {given.name!r}, which the core does not have", hint)


def _where(name: str) -> str:
    from tcore.configuration import config

    given = config.given(name)
    return given.source if given is not None else "your program"


def _plugins() -> Iterator[ReportLine]:
    """Every plugin, and its own lines; they are made in a child process, which opens the devices."""
    from tcore.cli.plugins import collect_plugins

    for row in collect_plugins(report=True):
        title = f"plugin {row['name']}"
        source = f"{row['distribution']} {row['version']}"
        if row["status"] == "loaded":
            yield ReportLine(title, "ok", source)
        elif row["status"] == "disabled":
            yield ReportLine(title, "info", f"{source}: {row['reason']}", row["remedy"])
        else:
            yield ReportLine(title, "problem", f"{source} is off: {row['reason']}", row["remedy"])
        for line in row["reports"]:
            yield ReportLine(**line)


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check this installation: compiler, BLAS, store, plugins, devices. Ends with status 1 if there is a problem."""
    lines = [*checks(), *_plugins()]
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        from rich.console import Console
        from rich.text import Text

        console = Console()
        for line in lines:
            text = Text(f"{line.status:8}", style=_STYLES[line.status])
            text.append(f"{line.topic}: {line.text}", style="default")
            console.print(text, soft_wrap=True, highlight=False)
            if line.remedy:
                console.print(f"        -> {line.remedy}", soft_wrap=True, highlight=False, markup=False)
    if any(line.status == "problem" for line in lines):
        raise SystemExit(1)


_STYLES = {"ok": "green", "info": "cyan", "missing": "yellow", "problem": "red"}
