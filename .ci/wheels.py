"""Checks of built wheels, for the nox session `build`: `python .ci/wheels.py contents|imports|smoke|compiler|aarch64|resolve [folders]`.

Standard library only, and run with the Python of the session, so that `imports` and `smoke` see what was installed.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlparse

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")
#: tracked files that stay out of the wheels
NOT_SHIPPED = ("pyproject.toml", "README.md", "hatch_build.py", ".gitignore")


def tracked(package: str) -> set[str]:
    """Files of a package that git tracks; all files but build products where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", package]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        names = [name for name in listing.stdout.split("\0") if name and (ROOT / name).exists()]
    else:
        names = [path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*") if path.is_file()]
        names = [name for name in names if "__pycache__" not in name and not name.endswith((".so", ".o", ".pyc"))]
    return {name for name in names if name.partition("/")[2] not in NOT_SHIPPED}


def contents(dist: str) -> None:
    """Each wheel holds exactly the tracked files of its package, and the compiled runtime: extension module and core."""
    problems = []
    for package in PACKAGES:
        (wheel,) = Path(dist).glob(f"{package}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            packed = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
        compiled = {name for pattern in ("_runtime.*", "_core-*.o") for name in fnmatch.filter(packed, f"tcore_cpu/{pattern}")}
        if package == "tcore_cpu" and len(compiled) < 2 and Path(sysconfig.get_path("include"), "Python.h").exists():
            problems.append(f"{wheel.name} holds no compiled runtime, though Python.h is here")
        wanted = tracked(package)
        problems += [f"{wheel.name} lacks the tracked file {name}" for name in sorted(wanted - packed)]
        problems += [f"{wheel.name} holds {name}, which is not tracked" for name in sorted(packed - compiled - wanted)]
        print(f"{wheel.name}: {len(packed)} files")
    if problems:
        sys.exit("\n".join(problems))


def imports() -> None:
    """Every module of every package can be imported from the installed wheels."""
    problems, count = [], 0
    for package in PACKAGES:
        try:
            module = importlib.import_module(package)
        except Exception as error:
            problems.append(f"{package}: {type(error).__name__}: {error}")
            continue
        if "site-packages" not in module.__file__:
            sys.exit(f"{package} was imported from the checkout: {module.__file__}")
        for found in pkgutil.walk_packages(module.__path__, f"{package}.", onerror=lambda name: problems.append(f"{name}: not importable")):
            if found.name.endswith(".__main__"):
                continue
            count += 1
            try:
                importlib.import_module(found.name)
            except Exception as error:
                problems.append(f"{found.name}: {type(error).__name__}: {error}")
    print(f"{count} modules imported")
    if problems:
        sys.exit("\n".join(problems))


SMOKE = """
import numpy as np, tcore, tcore.tensor as T
x = T.dvector("x")
y = T.sum(T.exp(-x) * x)
f = tcore.function([x], [y, tcore.grad(y, x)])
v = np.linspace(0.0, 2.0, 1001)
value, slope = f(v)
np.testing.assert_allclose(value, np.sum(np.exp(-v) * v), rtol=1e-12)
np.testing.assert_allclose(slope, np.exp(-v) * (1 - v), rtol=1e-9, atol=1e-12)
print(tcore.config.backend, "gives the right numbers")
"""


def smoke() -> None:
    """A program with a gradient gives the right numbers on every backend that the wheels bring."""
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("numpy", "cpu", "opencl"):
            flags = f"backend={backend},base_compiledir={folder}"
            command = [sys.executable, "-P", "-W", "error", "-c", SMOKE]
            subprocess.run(command, check=True, env={**_environment(), "TCORE_FLAGS": flags})


def compiler() -> None:
    """The same with no compiler but that of the package ziglang."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**_environment(), "TCORE_FLAGS": f"backend=cpu,base_compiledir={folder}", "PATH": folder}
        environment.pop("CC", None)
        subprocess.run([sys.executable, "-P", "-W", "error", "-c", SMOKE], check=True, env=environment)


def aarch64() -> None:
    """The runtime's core compiles without a warning for the other processor that is promised: by the package ziglang, which has the headers for it."""
    package = Path(str(find_spec("tcore_cpu").submodule_search_locations[0]))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "ziglang", "cc", "--target=aarch64-linux-gnu", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
        source = package / "native" / "runtime_core.c"
        subprocess.run([*command, f"-I{package}", "-c", str(source), "-o", str(Path(folder, "core.o"))], check=True)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TCORE", "PYTHON"))}


def resolve(dist: str, house: str) -> None:
    """`pip install 'tcore[cpu,opencl,sparse,nnet]'` by name, with no index, takes our files."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-index"]
        command += ["--find-links", dist, "--find-links", house, "--report", str(report), "tcore[cpu,opencl,sparse,nnet]"]
        subprocess.run(command, check=True)
        chosen = json.loads(report.read_text())["install"]
    ours = {item["metadata"]["name"]: item for item in chosen if item["metadata"]["name"].replace("-", "_") in PACKAGES}
    wanted = {"tcore", "tcore-cpu", "tcore-opencl", "tcore-sparse", "tcore-nnet"}
    if set(ours) != wanted:
        sys.exit(f"resolved to {sorted(ours)}, wanted {sorted(wanted)}")
    for name, item in ours.items():
        path = Path(unquote(urlparse(item["download_info"]["url"]).path))
        project = tomllib.loads((ROOT / name.replace("-", "_") / "pyproject.toml").read_text())["project"]
        if path.parent != Path(dist).resolve() or item["metadata"]["version"] != project["version"]:
            sys.exit(f"{name} resolved to {path}, version {item['metadata']['version']}, not to the wheel in {dist}")
        print(f"{name} -> {path.name}")


if __name__ == "__main__":
    {"aarch64": aarch64, "compiler": compiler, "contents": contents, "imports": imports, "smoke": smoke, "resolve": resolve}[sys.argv[1]](*sys.argv[2:])
