"""Observers of plugins: told of compilations, calls and failures; a wrong one hurts nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGIN = """
from tcore.plugins import Observer, hookimpl

events = []

class Watch:
    def compiled(self, function): events.append(("compiled", function.name))
    def called(self, function, seconds): events.append(("called", function.name, seconds >= 0))
    def failed(self, function, error): events.append(("failed", function.name, type(error).__name__))

class Wrong:
    def called(self, function, seconds): raise RuntimeError("mine")

watch, wrong = Watch(), Wrong()

@hookimpl
def tcore_observers():
    return [Observer("watch", load="pk_watch:watch"), Observer("wrong", load="pk_watch:wrong"), Observer("gone", load="pk_watch:gone")]
"""

PROGRAM = """
import warnings
import tcore, tcore.tensor as tt
from tcore import plugins
x = tt.dscalar("x")
before = tcore.function([x], x + 1, name="before")
plugins.load("watch")
import pk_watch
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    f = tcore.function([x], x * 2, name="f")
    print(f(1.0), f(x=2.0), before(1.0))
    try:
        f(1.0, 2.0)
    except TypeError:
        pass
    a, b = tt.dvectors("a", "b")
    try:
        tcore.function([a, b], a * b, name="g")([1.0], [1.0, 2.0])
    except ValueError as error:
        print("Apply node that caused the error" in str(error))
    print(pk_watch.events)
    print([str(w.message).partition(":")[0] for w in caught if issubclass(w.category, plugins.PluginWarning)])
"""


def test_observers(tmp_path: Path, host: str) -> None:
    """compiled, called (with and without keywords) and failed reach the observer; functions made before are left alone."""
    info = tmp_path / "tcore_watch-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tcore-watch\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tcore.plugins]\nwatch = pk_watch\n[tcore.api]\nwatch = v1:v1\n")
    (tmp_path / "pk_watch.py").write_text(PLUGIN)
    env = dict(os.environ, PYTHONPATH=str(tmp_path), TCORE_FLAGS=f"{os.environ['TCORE_FLAGS']},backend={host}")
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    values, explained, events, warned = done.stdout.splitlines()
    assert values == "2.0 4.0 2.0"
    assert explained == "True"
    assert eval(events) == [
        ("compiled", "f"),
        ("called", "f", True),
        ("called", "f", True),
        ("failed", "f", "TypeError"),
        ("compiled", "g"),
        ("failed", "g", "ValueError"),
    ]
    assert "observer 'gone' of plugin 'watch'" in warned
    assert warned.count("raised RuntimeError") == 1
