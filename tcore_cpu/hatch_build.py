"""Build hook of tcore-cpu: compiles the runtime into the wheel, or beside its sources for an editable install.

What is compiled, and how, stands in ``native/build.py``, which imports nothing of tcore. A machine without a C compiler
or without Python's headers gets the wheel without the runtime: it installs, and runs through cffi.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def missing() -> str | None:
    """What keeps this machine from building the runtime, and the package that has it; None when nothing does."""
    version = sysconfig.get_python_version()
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return f"Python.h is missing (Debian: apt install python{version}-dev, Fedora: dnf install python3-devel)"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "gcc")[0]
    if shutil.which(compiler) is None:
        return f"the C compiler {compiler!r} is missing (Debian: apt install gcc, Fedora: dnf install gcc)"
    return None


def recipe(folder: Path) -> ModuleType:
    """The module ``native/build.py`` of the sources in ``folder``, loaded by path."""
    spec = importlib.util.spec_from_file_location("runtime_build", folder / "native" / "build.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(folder / "native" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_extension(folder: Path, target: Path) -> list[Path]:
    """Compile the sources in ``folder`` to an extension module and the core's object in ``target``; returns the files."""
    import numpy as np
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    build = recipe(folder)
    core = build.build_object(target)
    extension = Extension(
        "_runtime",
        sources=[str(folder / build.EXTENSION_SOURCE)],
        extra_objects=[str(core)],
        include_dirs=[np.get_include(), str(folder)],
        define_macros=[("TC_SOURCE_HASH", f'"{build.source_hash()}"')],
        extra_compile_args=[*build.COMPILE_FLAGS, "-g0"],
        extra_link_args=list(build.LINK_FLAGS),
    )
    with tempfile.TemporaryDirectory() as scratch:
        command = build_ext(Distribution({"name": "tcore-cpu", "ext_modules": [extension]}))
        command.build_lib = scratch
        command.build_temp = str(Path(scratch, "objects"))
        command.ensure_finalized()
        command.run()
        built = Path(command.get_ext_fullpath("_runtime"))
        # under a name of its own first, so that a process that has the old file open keeps it
        private = target / f".{built.name}.{os.getpid()}"
        shutil.copy2(built, private)
        return [private.rename(target / built.name), core]


class RuntimeBuildHook(BuildHookInterface):
    """Adds the compiled runtime to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files of the wheel are collected."""
        if self.target_name != "wheel":
            return
        reason = missing()
        if reason is not None:
            self.app.display_warning(f"tcore-cpu: built without its native runtime: {reason}")
            return
        folder = Path(self.root)
        if version == "editable":
            build_extension(folder, folder)
            return
        self.scratch = Path(tempfile.mkdtemp(prefix="tcore-cpu-"))
        for built in build_extension(folder, self.scratch):
            # the bare name: `sources` of the wheel target puts the package's name in front of it
            build_data["force_include"][str(built)] = built.name
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the scratch folder once the wheel is written."""
        scratch = getattr(self, "scratch", None)
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
