"""Lines of ``tcore doctor`` about native code: what works, and what to do about the rest."""

from __future__ import annotations

import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tcore.configuration import config
from tcore.plugins import ReportLine

__all__ = ["lines"]


def lines() -> list[ReportLine]:
    """One line for each part; no part's failure hides another."""
    found = []
    for topic, part in (
        ("C compiler", _compiler),
        ("native runtime", _runtime),
        ("kernel store", _store),
        ("BLAS", _blas),
        ("vector mathematics", _vectors),
        ("users' C ops", _user_code),
    ):
        found.append(_safely(topic, part))
    return found


def _safely(topic: str, part: Callable[[str], ReportLine]) -> ReportLine:
    try:
        return part(topic)
    except Exception as error:
        return ReportLine(topic, "problem", f"{type(error).__name__}: {error}", "")


def _compiler(topic: str) -> ReportLine:
    from tcore_cpu.compiling.compiler import find_compiler

    compiler = find_compiler()
    if compiler is None:
        return ReportLine(topic, "missing", "no C compiler on the PATH", "apt install gcc g++, or pip install ziglang (or set CC)")
    fault = _trial(compiler.command, "test.c", "#include <math.h>\nint tc_test(int k) { return (int)floor(k / 2.0); }\n")
    if fault:
        return ReportLine(topic, "problem", fault, "apt install gcc libc6-dev, or pip install ziglang; CC names another compiler")
    version = subprocess.run([*compiler.command, "--version"], capture_output=True, text=True, check=False).stdout
    return ReportLine(topic, "ok", f"{compiler.path}: {version.partition(chr(10))[0]}")


def _trial(command: Sequence[str], name: str, text: str, *flags: str) -> str:
    """What is wrong with a compiler that cannot make a library of ``text``, a file ``name``; empty where it can."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, name), Path(folder, "test.so")
        source.write_text(text, encoding="utf-8")
        run = subprocess.run([*command, "-shared", "-fPIC", *flags, str(source), "-o", str(library)], capture_output=True, text=True, check=False)
        said = (run.stderr or run.stdout).strip().splitlines() or ["no message"]
        if run.returncode:
            return f"{shlex.join(command)} fails: {said[-1]}"
        return "" if library.exists() else f"{shlex.join(command)} says nothing and writes no library"


def _runtime(topic: str) -> ReportLine:
    from tcore_cpu.runtime.loading import RuntimeMissingError, runtime, runtime_kind

    headers = "install Python's headers (apt install python3-dev) and reinstall tcore-cpu"
    try:
        kind = runtime_kind()
    except RuntimeMissingError as error:
        return ReportLine(topic, "missing", str(error.__cause__), f"apt install gcc, or pip install ziglang; for faster calls {headers}")
    threads = runtime().set_threads(config.threads)
    if kind == "extension":
        return ReportLine(topic, "ok", f"extension module, {threads} threads")
    return ReportLine(topic, "info", f"through cffi (slower calls), {threads} threads", headers)


def _store(topic: str) -> ReportLine:
    from tcore_cpu.compiling.store import configured_store

    store = configured_store()
    if store.root != Path(config.cpu.store).expanduser():
        return ReportLine(topic, "problem", f"{config.cpu.store} cannot be used", "set the flag cpu.store to a folder of your own")
    above = f", above {', '.join(store.layers)}" if store.layers else ""
    return ReportLine(topic, "ok", f"{store.root}, {store.entries()} libraries{above}")


def _blas(topic: str) -> ReportLine:
    from tcore_cpu.runtime.blas import DEFAULT, BlasError, find_blas

    try:
        found = find_blas()
    except BlasError as error:
        return ReportLine(topic, "missing", str(error), "pip install scipy")
    if found is None:
        return ReportLine(topic, "info", "switched off by an empty blas.ldflags; products run on NumPy")
    origin = "SciPy's" if config.blas.ldflags.strip() == DEFAULT else f"from {config.blas.ldflags}"
    threads = "on tcore's threads" if found.threads is not None else "on threads of its own"
    return ReportLine(topic, "ok", f"{origin}, {len(found.routines)} routines, {threads}")


def _vectors(topic: str) -> ReportLine:
    from tcore_cpu.compiling.compiler import vector_math

    found = vector_math()
    if not found:
        return ReportLine(topic, "info", "this C library has none: exp, log and so on run one element at a time")
    return ReportLine(topic, "ok", f"libmvec, {len(found)} functions")


def _user_code(topic: str) -> ReportLine:
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        version = sysconfig.get_python_version()
        return ReportLine(topic, "missing", f"Python.h is not in {include}", f"apt install python{version}-dev")
    if not config.cxx:
        return ReportLine(topic, "missing", "no C++ compiler", "apt install g++, or pip install ziglang (or set the flag cxx)")
    text = '#include <Python.h>\nextern "C" int tc_test() { return PY_MAJOR_VERSION; }\n'
    fault = _trial(shlex.split(config.cxx), "test.cpp", text, f"-I{include}")
    if fault:
        return ReportLine(topic, "problem", fault, "check the compiler")
    return ReportLine(topic, "ok", f"{config.cxx} with Python's headers")
