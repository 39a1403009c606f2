"""What holds for the checkout as a whole. Only for runs in the checkout."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")


def project(package: str) -> dict:
    return tomllib.loads((ROOT / package / "pyproject.toml").read_text())


def tracked(*patterns: str) -> list[Path]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("no git here: which files are tracked is unknown")
    return [ROOT / name for name in sorted(set(listing.stdout.split("\0"))) if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_versions_agree(package):
    """All six share one version, a release, and every requirement between them is a range of major versions."""
    settings = project(package)["project"]
    assert settings["version"] == project("tcore")["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", settings["version"])
    extras = settings.get("optional-dependencies", {}).values()
    ours = [r for group in (settings["dependencies"], *extras) for r in group if r.startswith("tcore")]
    for requirement in ours:
        assert re.fullmatch(r"tcore(-\w+)?>=1\.0,<2", requirement), requirement
    assert importlib.metadata.version(package.replace("_", "-")) == settings["version"]
    module = importlib.import_module(package)
    assert getattr(module, "__version__", settings["version"]) == settings["version"]


@pytest.mark.parametrize(("library", "pages"), [("NumPy", ("install", "porting")), ("SciPy", ("install",))])
def test_the_manual_has_the_versions_that_are_admitted(library, pages):
    """One lowest version in all packages, and what the manual says."""
    required = [requirement for package in PACKAGES for requirement in project(package)["project"]["dependencies"]]
    (lowest,) = {requirement.partition(">=")[2] for requirement in required if requirement.partition(">=")[0] == library.lower()}
    for page in pages:
        assert f"{library} {lowest} or later" in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_lists(package):
    """Every tracked file of a package matches a pattern of its wheel, or is known to stay out."""
    settings = project(package)["tool"]["hatch"]["build"]
    suffixes = {pattern.rpartition("*")[2] for pattern in settings["targets"]["wheel"]["include"] if "*." in pattern}
    left_out = {"pyproject.toml", "README.md", "hatch_build.py"}
    for path in tracked(package):
        if path.name not in left_out:
            assert path.suffix in suffixes or path.name == "py.typed", f"{path} is in no wheel: add its suffix to {package}/pyproject.toml"
    assert (ROOT / package / "py.typed").exists()


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_metadata_names_exist(package):
    """What a plugin's metadata names can be found, without being imported by the core."""
    points = project(package)["project"]["entry-points"]
    (plugin,) = points["tcore.plugins"]
    assert points["tcore.api"][plugin]
    for group in ("tcore.plugins", "tcore.backends", "tcore.devices", "tcore.commands", "tcore.modules"):
        for value in points.get(group, {}).values():
            assert importlib.util.find_spec(value), f"{package}: {group} names {value}, which does not exist"


def test_every_hook_is_documented():
    """The manual shows each hook with its docstring: the page includes the module, and each hook has an example or rules."""
    page = (ROOT / "docs" / "plugins.md").read_text()
    assert ".. automodule:: tcore.hookspecs\n   :members:" in page
    hookspecs = importlib.import_module("tcore.hookspecs")
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("tcore_") and callable(hook)}
    assert sorted(hooks) == sorted(hookspecs.__all__)
    assert len(hooks) == 10
    for name, hook in hooks.items():
        assert len(inspect.getdoc(hook) or "") > 40, f"{name} has no documentation"
        assert not inspect.signature(hook).parameters, f"{name}: hooks take no arguments"
        assert inspect.signature(hook).return_annotation is not inspect.Signature.empty, f"{name} does not say what it returns"


def test_every_extra_is_documented():
    """The installation page has a line for each extra."""
    page = (ROOT / "docs" / "install.md").read_text()
    for extra in project("tcore")["project"]["optional-dependencies"]:
        assert f"| `{extra}` |" in page


def test_readme_commands():
    """README shows the two commands, and .ci/run finds the second one."""
    lines = [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    prefix = "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox -s "
    assert [line.removeprefix(prefix) for line in lines if line.startswith(prefix)] == ["demo", "tests"]


def test_tests_that_sessions_name_exist():
    """By file and name: a test that moved would run where it must not."""
    words = [node.value for node in ast.walk(ast.parse((ROOT / "noxfile.py").read_text())) if isinstance(node, ast.Constant)]
    named = [word for word in words if isinstance(word, str) and re.fullmatch(r"(\w+/)*test_\w+\.py(::\w+)?", word) and ("/" in word or "::" in word)]
    assert len(named) > 10
    for name in named:
        path, _, test = name.removeprefix("tests/").partition("::")
        (found,) = (ROOT / "tests" / part / path for part in ("", "tcore_cpu") if (ROOT / "tests" / part / path).is_file())
        assert not test or f"def {test}(" in found.read_text(), name


def test_no_package_under_tests():
    """tests/tcore/__init__.py would be what `import tcore` finds."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK|TBD|[Nn]ot implemented yet|[Cc]oming soon|[Ll]orem ipsum)\b")


def test_no_placeholder_markers():
    """Finished or absent: product text holds no promises."""
    problems = []
    for path in tracked("*.py", "*.c", "*.h", "*.cu", "*.cl", "*.md", "*.toml", "*.css", "*.js"):
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = MARKERS.search(line)
            if found:
                problems.append(f"{path.relative_to(ROOT)}:{number}: {found.group()}")
    assert not problems, "\n".join(problems)


def test_files_are_of_readable_length():
    """Most files are at home between 80 and 300 lines; past 500 they hold two ideas, and 800 is where review stops."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked("*.py", "*.c", "*.h")}
    assert not {name: length for name, length in lengths.items() if length > 800}


def test_every_module_has_a_docstring_and_ends_with_a_newline():
    """The first line of a module says what it is for."""
    for path in tracked(*(f"{package}/**/*.py" for package in PACKAGES), *(f"{package}/*.py" for package in PACKAGES)):
        text = path.read_text()
        assert text.startswith(('"""', "'''", 'r"""', "#!")), f"{path.relative_to(ROOT)} does not begin with a docstring"
        assert text.endswith("\n"), f"{path.relative_to(ROOT)} does not end with a newline"
