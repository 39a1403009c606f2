"""Every code block of the manual runs, page by page; what a block prints after ``>>>`` is what it prints here."""

from __future__ import annotations

import doctest
import functools
import pkgutil
import re
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\{?[\w-]+\}?)(?P<words>[^\n]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
#: pages with programs that do something to the machine, or sketches of files; their text is checked by other tests
SKETCHES = {"plugins.md", "testing.md", "contributing.md", "architecture.md", "install.md", "changes.md", "optimizations_catalogue.md", "speed.md"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def pages():
    found = sorted((ROOT / "docs").glob("*.md"))
    return [page for page in found if page.name not in SKETCHES] + [ROOT / "README.md"]


def blocks(page):
    """The Python blocks of a page with the line that each starts in."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match["language"] in ("python", "pycon"):
            yield text.count("\n", 0, match.start()) + 2, match["text"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_page(page, tmp_path, monkeypatch):
    """The blocks of a page in order, in one namespace, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "manual"}
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    failures = []
    with tcore.config.change_flags(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line, text in blocks(page):
            if ">>> " in text:
                test = doctest.DocTestParser().get_doctest(text, names, f"{page.name}, line {line}", str(page), line - 1)
                runner.run(test, out=failures.append, clear_globs=False)
                names = test.globs
            else:
                exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)
    assert not failures, "".join(failures)


def test_pages_have_code():
    """A page that should show programs does; the pattern finds blocks."""
    counted = {page.name: len(list(blocks(page))) for page in pages()}
    assert all(counted.values()), counted


#: texts that stand between single backquotes
TOKEN = re.compile(r"`([^`\n]+)`")
PROSE = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*/README.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
#: of Python, and sections of a distribution's metadata
NOT_OURS = {"Python.h", *(f"tcore.{group}" for group in ("api", "modules", "backends", "devices", "commands", "values"))}


def tokens(page):
    return set(TOKEN.findall(FENCE.sub("", page.read_text(encoding="utf-8")))) - NOT_OURS


def has(name):
    """Whether a dotted name is a module, or an attribute of one."""
    try:
        pkgutil.resolve_name(name)
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page):
    """Files of the checkout, by the end of their path, and names of tcore."""
    ends = [token for token in tokens(page) if re.fullmatch(r"[\w./]*\w\.(py|h|md|toml)", token)]
    paths = [path.as_posix() for folder in ROOT.iterdir() if not folder.name.startswith((".", "dist")) for path in (folder.rglob("*.*") if folder.is_dir() else [folder])]
    assert not [end for end in ends if not any(f"/{path}".endswith(f"/{end}") for path in paths)]
    names = [match[1] for token in tokens(page) if (match := re.fullmatch(r"((?:tcore|T)(?:\.\w+)+)(\(.*\))?", token))]
    assert not [name for name in names if not has(re.sub(r"^T\b", "tcore.tensor", name))]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", FENCE.sub("", page.read_text(encoding="utf-8")))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_page_is_listed():
    """The index has all pages, each once."""
    contents = re.search(r"```\{toctree\}\n(?::.*\n)*\n(?P<pages>.*?)```", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    assert sorted(contents["pages"].split()) == sorted(page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index")


TOPICS = {
    "kinds_of_ops.md": {"Scalar, elementwise and reduction": 7015, "SciPy": 7016, "Sparse": 7017, "Random": 7018, "OpenMP": 7019, "Numba": 7020},
    "troubleshooting.md": {
        "It is slow, or takes much memory": 26057, "TypeError: object of type … has no len()": 26058, "Out of memory": 26059, "float64 out of float32 and integers": 26060,
        "Is the installation all right?": 26061, "BLAS": 26062, "NaN": 5248,
    },
}  # fmt: skip


@pytest.mark.parametrize(("page", "topic"), [pytest.param(page, topic, id=f"{topic}_L{line}") for page, topics in TOPICS.items() for topic, line in topics.items()])
def test_topics(page, topic):
    """What the documentation covers, the manual covers: a section each, with something in it. (L26052)"""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    sections = dict(part.partition("\n")[::2] for part in text.split("\n## ")[1:])
    assert len(sections[topic].strip()) > 100


def test_numba_L8856(monkeypatch):
    """The program of that section, with the form that Numba gives to functions and results: numbers of Python, not of NumPy."""

    def njit(function):
        def compiled(*arrays):
            return function(*arrays).item()

        return functools.update_wrapper(compiled, function)

    monkeypatch.setitem(sys.modules, "numba", types.SimpleNamespace(njit=njit))
    text = (ROOT / "docs" / "kinds_of_ops.md").read_text(encoding="utf-8").partition("\n## Numba")[2]
    names = {"np": np, "tcore": tcore, "T": T}
    exec(FENCE.search(text)["text"], names)
    x = T.dvector("x")
    assert tcore.function([x], names["longest_run"](x) + 1)([1.0, 2.0, 0.0, 1.0, 2.0, 1.0]) == 4


def test_manual_says_when_to_set_flags_L4443():
    """Flags are for the beginning of a program."""
    assert "not in the middle of a program" in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
