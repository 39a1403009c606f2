"""Throw-away distributions: folders of metadata and modules that a fresh Python finds on its path."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


class Site:
    """A folder like site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def distribution(self, name: str, entry_points: str, version: str = "1.0", **files: str) -> None:
        """Install a distribution: its entry points, and modules given as ``package__module="source"``."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        for dotted, source in files.items():
            path = self.folder.joinpath(*dotted.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            init = path.parent / "__init__.py"
            if path.parent != self.folder and not init.exists():
                init.write_text("")
            path.write_text(textwrap.dedent(source))

    def plugin(self, name: str, source: str, *, api: str | None = "v1:v1", more: str = "", **files: str) -> None:
        """A distribution ``tcore-<name>`` with the plugin ``name`` in the package ``pk_<name>``."""
        points = f"[tcore.plugins]\n{name} = pk_{name}.plugin\n"
        if api is not None:
            points += f"[tcore.api]\n{name} = {api}\n"
        self.distribution(f"tcore-{name}", points + textwrap.dedent(more), **{f"pk_{name}__plugin": source}, **files)

    def run(self, program: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a fresh Python with this folder on its path.

        Its prelude makes ``m``, a manager that sees the distributions of this folder alone and no built-in plugins.
        """
        prelude = f"""
            import sys, warnings
            from tcore.configuration import config
            from tcore.plugins.core import Manager
            from tcore.plugins import PluginError, PluginLoadError, PluginWarning
            from tcore.plugins.discovery import scan
            m = Manager(config, builtins=(), scan=lambda: scan([{str(self.folder)!r}]))
        """
        source = textwrap.dedent(prelude) + textwrap.dedent(program)
        return self.python("-c", source, *arguments, **environ)

    def python(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a fresh Python with this folder on its path."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("TCORE")}
        env["PYTHONPATH"] = os.pathsep.join([str(self.folder), *filter(None, [env.get("PYTHONPATH", "")])])
        env.update({key.upper(): value for key, value in environ.items()})
        return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False)

    def output(self, program: str, *arguments: str, **environ: str) -> list[str]:
        """The lines that a program prints; fails where it fails."""
        done = self.run(program, *arguments, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")
