"""No import cycles between modules of one room; between rooms the contracts of import-linter decide."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")


def modules(package: str) -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_when_loading(path: Path, names: set[str]) -> set[str]:
    """Modules of ours that ``path`` imports while it is loaded: not in functions, not for types alone."""
    found: set[str] = set()
    pending: list[ast.stmt] = list(ast.parse(path.read_text()).body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                found.add(inner if inner in names else statement.module)
        elif isinstance(statement, (ast.If, ast.Try, ast.ClassDef, ast.With, ast.For, ast.While)):
            if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
                pending.extend(statement.orelse)
                continue
            for block in ("body", "orelse", "finalbody"):
                pending.extend(getattr(statement, block, ()))
            for handler in getattr(statement, "handlers", ()):
                pending.extend(handler.body)
    return found & names


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan, iterative)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found = []
    for root, first in edges.items():
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(sorted(first)))]
        while work:
            name, following = work[-1]
            step = next(following, None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    component = []
                    while True:
                        last = stack.pop()
                        on_stack.discard(last)
                        component.append(last)
                        if last == name:
                            break
                    if len(component) > 1:
                        found.append(sorted(component))
            elif step not in index:
                index[step] = low[step] = len(index)
                stack.append(step)
                on_stack.add(step)
                work.append((step, iter(sorted(edges[step]))))
            elif step in on_stack:
                low[name] = min(low[name], index[step])
    return found


def test_cycles_are_found():
    """The search sees a cycle of two and leaves a diamond alone."""
    assert cycles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_cycles(package):
    """While modules are loaded, none needs itself. A package's facade may import its own modules, which do not import it."""
    paths = modules(package)
    names = set(paths)
    edges = {name: imported_when_loading(path, names) - {name} for name, path in paths.items()}
    assert not cycles(edges)
