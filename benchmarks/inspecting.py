"""What tcore made of a row, as texts: asked for by ``--profile``, in the process that ran the row."""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["first_call_profile", "inspected"]


def inspected(make: Callable[[], Callable[[], Any]], seconds: float) -> dict[str, str]:
    """File names to texts: where nodes run, what memory they take, what the compiler did to the kernels, and the time of each node.

    ``make`` makes the row's call anew; it is called for the time of nodes, in a mode that runs them one by one, about ``seconds`` long.
    """
    functions = compiled_functions()
    texts = {
        "explain.txt": "\n\n".join(str(f.explain()) for f in functions),
        "memory.txt": "\n\n".join(str(f.memory_plan()) for f in functions),
        "vectorization.txt": "\n\n".join(map(vectorization, functions)),
        "kernels.c": "\n".join(unit.source for f in functions for unit in getattr(f.maker.linker, "units", ())),
    }
    return {**texts, "nodes.txt": node_times(make, seconds, functions)}


def compiled_functions() -> list[Any]:
    """All functions of this process, in the order in which they were made."""
    from tcore.compile.function_module import Function

    return [found for found in gc.get_objects() if isinstance(found, Function)]


def node_times(make: Callable[[], Callable[[], Any]], seconds: float, before: list[Any]) -> str:
    """The profile of the row's functions, whose nodes run one by one: kernels of several nodes are faster than their sum here."""
    import time

    import tcore

    with tcore.config.change_flags(profile=True):
        call = make()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        call()
    text = io.StringIO()
    for function in compiled_functions():
        if function not in before and function.profile:
            function.profile.summary(file=text)
    return text.getvalue()


def vectorization(function: Any) -> str:
    """What the compiler says of the loops of a function's kernels: which it made vectors of, and why not the others."""
    from tcore_cpu.compiling.compiler import compile_command, find_compiler

    compiler = find_compiler()
    if compiler is None:
        return "there is no C compiler"
    clang = "clang" in compiler.path
    wanted = ["-Rpass=loop-vectorize", "-Rpass-missed=loop-vectorize"] if clang else ["-fopt-info-vec-optimized", "-fopt-info-vec-missed"]
    said = []
    for unit in getattr(function.maker.linker, "units", ()):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "kernels.cpp" if unit.cplusplus else "kernels.c")
            source.write_text(unit.source, encoding="utf-8")
            command = [each for each in compile_command(compiler, unit, source, Path(folder, "kernels.so")) if each != "-w"]
            done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
            said.append((done.stdout + done.stderr).replace(folder, ""))
    return "\n".join(said) or "no kernels of its own"


def first_call_profile(make: Callable[[], Callable[[], Any]]) -> str:
    """Where the time to the first result goes, by Python's own profiler."""
    profile, text = cProfile.Profile(), io.StringIO()
    profile.runcall(lambda: make()())
    pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(60)
    return text.getvalue()
