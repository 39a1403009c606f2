"""No import cycles between modules; between rooms the contracts of import-linter decide as well.

A function-level import closes no circle while modules are loaded, but the two modules still need each other: those are counted, too.
"""

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


def imported(path: Path, names: set[str], *, in_functions: bool = False) -> set[str]:
    """Modules of ours that ``path`` imports, not for types alone: while it is loaded, or whenever one of its functions runs."""
    found: set[str] = set()
    pending: list[ast.AST] = list(ast.parse(path.read_text()).body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                found.add(inner if inner in names else statement.module)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            pending.extend(statement.orelse)
        elif in_functions or not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(statement))
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
    edges = {name: imported(path, names) - {name} for name, path in paths.items()}
    assert not cycles(edges)


def test_what_counts_as_an_import(tmp_path):
    """Statements at any depth of the module; those in functions apart; none that are for types alone."""
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nimport a\nif TYPE_CHECKING:\n    import types_only\nelse:\n    from p import b\n"
        "try:\n    import c\nexcept ImportError:\n    import d\n"
        "class K:\n    import e\n    def f(self):\n        from p import g\n        from q import name\n"
    )
    names = {"a", "p.b", "c", "d", "e", "p.g", "q", "types_only"}
    assert imported(path, names) == {"a", "p.b", "c", "d", "e"}
    assert imported(path, names, in_functions=True) == {"a", "p.b", "c", "d", "e", "p.g", "q"}


#: rooms whose modules need each other in functions, and why; a module of another room in a circle is an error
CIRCLES = {
    "tcore.graph": "conversion makes variables, whose pickles and test values convert",
    "tcore.plugins": "finders ask the manager that the process made, which lists what finders mount",
    "tcore.optimizer": "an optimizer added to another makes a sequence, which is an optimizer",
    "tcore.tensor": "an op's shapes and gradients are graphs of other ops of the vocabulary",
    "tcore.gpuarray.transfer": "a Type converts variables by the ops whose outputs have that Type",
    "tcore.gpuarray.type": "the same circle",
    "tcore_sparse.ops": "gradients of the parts of a matrix are made from dense ones, and those of dense ones from parts",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_circles_through_functions(package):
    """Modules that need each other only when functions run are those of the rooms that say why."""
    paths = modules(package)
    names = set(paths)
    edges = {name: imported(path, names, in_functions=True) - {name} for name, path in paths.items()}
    unknown = [circle for circle in cycles(edges) if not all(any(f"{name}.".startswith(f"{room}.") for room in CIRCLES) for name in circle)]
    assert not unknown
