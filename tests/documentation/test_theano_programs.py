"""``tcore.compat.theano.install()``: programs of the tutorial run unchanged, with ``import theano``; its lines in the names.

The texts in ``sessions/`` are the documentation's, those with prompts with what it prints. Of these, blanks, ``2.0`` for ``2.`` and the package's
name may differ: NumPy prints in another way today. A copy of a function returns what its source does, not a list; a constant is printed
as in the other texts of the documentation. All run in one fresh process, each with names of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSIONS = sorted(Path(__file__).with_name("sessions").glob("*.txt"))

PROGRAM = r"""
import contextlib, doctest, io, json, pathlib, re, sys, traceback
from tcore.compat import theano
theano.install()

class Checker(doctest.OutputChecker):
    @staticmethod
    def plain(text):
        text = re.sub(r"(\d)\.0(?!\d)", r"\1.", text.replace("theano", "tcore"))
        return re.sub(r"\s", "", re.sub(r"(\.\d*?[1-9])0+(?!\d)", r"\1", text))

    def check_output(self, want, got, flags):
        return self.plain(want) == self.plain(got) or super().check_output(want, got, flags)

def failure(path):
    text = path.read_text(encoding="utf-8")
    said = io.StringIO()
    try:
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
            doctest.DocTestRunner(Checker(), verbose=False, optionflags=doctest.ELLIPSIS).run(test, out=said.write)
        else:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
    except Exception:
        said.write(traceback.format_exc())
    return said.getvalue()

json.dump({name: failure(pathlib.Path(name)) for name in sys.argv[1:]}, sys.stdout)
"""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What went wrong in each session; empty where nothing did."""
    env = {key: value for key, value in os.environ.items() if key != "TCORE_FLAGS"}
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM, *map(str, SESSIONS)], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_session(path: Path, outcomes: dict[str, str]) -> None:
    """Nothing fails, and what is printed is what the documentation prints."""
    assert outcomes[str(path)] == ""
