"""No import cycles between modules; between rooms the contracts of import-linter decide as well.

A function-level import closes no circle while modules are loaded, but the two modules still need each other: those are counted, too.

Python locks each module while it is loaded, so a circle is also where two threads that import at the same time wait for each other.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tcore.compat.paths import PATHS

ROOT = Path(__file__).parents[2]
PACKAGES = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")


def modules(package: str) -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, names: set[str], *, in_functions: bool = False) -> list[str]:
    """Modules of ours that ``path`` imports, in order, not for types alone: while it is loaded, or whenever one of its functions runs.

    ``from package import module`` needs the module; while modules are loaded, it waits for the whole package as well.
    """
    found: list[str] = []
    pending: list[ast.AST] = list(ast.parse(path.read_text()).body)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.Import):
            found.extend(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            inner = [f"{statement.module}.{alias.name}" for alias in statement.names]
            if not in_functions or not names.issuperset(inner):
                found.append(statement.module)
            found.extend(inner)
        elif isinstance(statement, ast.Call) and isinstance(statement.func, ast.Name) and statement.func.id == "siblings":
            package = ".".join(path.relative_to(ROOT).parts[:-1])
            found.extend(f"{package}.{name.value}" for name in statement.args[1:] if isinstance(name, ast.Constant))
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            pending[:0] = statement.orelse
        elif in_functions or not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending[:0] = ast.iter_child_nodes(statement)
    return [name for name in dict.fromkeys(found) if name in names]


def edges_of(paths: dict[str, Path], *, in_functions: bool = False) -> dict[str, set[str]]:
    return {name: set(imported(path, set(paths), in_functions=in_functions)) - {name} for name, path in paths.items()}


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
    assert not cycles(edges_of(modules(package)))


def above(name: str) -> list[str]:
    """The packages that hold a module, the outermost first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def entered_from_below(first: str, edges: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Pairs (package, module) of what ``import first`` asks for a module of a package that loads it, and that is not loaded yet.

    Python then locks the module, and the package after it; a thread that imports the package locks them in the other order.
    """
    found: set[tuple[str, str]] = set()
    loaded: set[str] = set()
    work = [iter([first])]
    while work:
        name = next(work[-1], None)
        if name is None:
            work.pop()
        elif name not in loaded:
            missing = [package for package in above(name) if package not in loaded and package in edges]
            if missing:
                if len(work) > 1:
                    found.update((package, name) for package in missing)
                work.append(iter([*missing, name]))
            else:
                loaded.add(name)
                work.append(iter(edges[name]))
    return found


def test_packages_load_before_their_modules():
    """Whichever package or documented module is imported first, what it needs of another floor begins with that floor's package.

    So any of them can be imported by several threads at once: each waits for those below only.
    """
    paths = {name: path for package in PACKAGES for name, path in modules(package).items()}
    ordered = {name: [other for other in imported(path, set(paths)) if other != name] for name, path in paths.items()}
    reached = {}
    for package in sorted(name for name, path in paths.items() if path.name == "__init__.py"):
        seen, pending = set(), [package]
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending.extend(ordered[name])
        reached[package] = seen
    documented = {name for target in PATHS.values() for name in ([target] if isinstance(target, str) else target)}
    entries = [name for name, path in paths.items() if path.name == "__init__.py" or name in documented]
    wrong = {pair for first in entries for pair in entered_from_below(first, ordered) if pair[1] in reached[pair[0]]}
    assert not wrong


def test_what_counts_as_an_import(tmp_path):
    """Statements at any depth of the module; those in functions apart; none that are for types alone."""
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nimport a\nif TYPE_CHECKING:\n    import types_only\nelse:\n    from p import b\n"
        "try:\n    import c\nexcept ImportError:\n    import d\n"
        "class K:\n    import e\n    def f(self):\n        from p import g\n        from q import name\n"
    )
    names = {"a", "p.b", "c", "d", "e", "p.g", "q", "types_only"}
    assert imported(path, names) == ["a", "p.b", "c", "d", "e"]
    assert imported(path, names, in_functions=True) == ["a", "p.b", "c", "d", "e", "p.g", "q"]
    assert imported(path, names | {"p"}) == ["a", "p", "p.b", "c", "d", "e"]
    assert imported(path, names | {"p"}, in_functions=True) == ["a", "p.b", "c", "d", "e", "p.g", "q"]


#: rooms whose modules need each other in functions, and why; a module of another room in a circle is an error
CIRCLES = {
    "tcore.graph": "conversion makes variables, whose pickles and test values convert",
    "tcore.optimizer": "an optimizer added to another makes a sequence, which is an optimizer",
    "tcore.tensor": "an op's shapes and gradients are graphs of other ops of the vocabulary",
    "tcore.gpuarray.transfer": "a Type converts variables by the ops whose outputs have that Type",
    "tcore.gpuarray.type": "the same circle",
    "tcore_sparse.ops": "gradients of the parts of a matrix are made from dense ones, and those of dense ones from parts",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_circles_through_functions(package):
    """Modules that need each other only when functions run are those of the rooms that say why."""
    circles = cycles(edges_of(modules(package), in_functions=True))
    unknown = [circle for circle in circles if not all(any(f"{name}.".startswith(f"{room}.") for room in CIRCLES) for name in circle)]
    assert not unknown
