"""Ahead-of-time export: a compiled function as a shared library, a C header and a Python loader.

``collect.py`` says what a function consists of, or why it cannot stand alone; ``writing.py`` fills in the templates
``model.h``, ``model.c`` with its parts ``model_*.h``, and ``model.py``, and runs the compiler.
"""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcore_cpu.export.collect import collect
from tcore_cpu.export.writing import write

if TYPE_CHECKING:
    import os

__all__ = ["export_function"]

_LONGEST = 200  # names of files have at most 255, and what is around the name takes some


def export_function(
    function: Any,
    fgraph: Any,
    order: Sequence[Any],
    path: str | os.PathLike[str],
    *,
    march: str | None = None,
    blas: str | None = None,
) -> list[Path]:
    """Write ``lib<name>.so``, ``<name>.h`` and ``<name>.py``, where ``name`` is the last part of ``path``.

    Parameters
    ----------
    function : Function
    fgraph : FunctionGraph
        Its optimized graph.
    order : sequence of Apply
    path : path
        A folder and a name, which is the prefix of all names in C. (A library ``<name>.so`` would hide the loader: Python takes it
        for an extension module.)
    march : str, optional
        Processor that the code is for, as ``-march`` of the compiler takes it; ``"native"`` is fastest and runs on machines like
        this one. None runs on every machine of this architecture.
    blas : str, optional
        Link flags of a BLAS, for functions that multiply matrices. None takes those of the flag ``blas.ldflags``, where it names
        others than SciPy's; without any, the program that uses the library brings BLAS.

    Raises
    ------
    ExportError
        If parts of the function need Python or tcore.
    CompileError
        If there is no C compiler, or it fails.
    ValueError
        If the last part of ``path`` is no identifier, longer than 200 characters, or a word of Python; or if ``blas`` cannot be split
        into arguments.
    TypeError
        If ``march`` or ``blas`` is no text.
    """
    target = Path(path)
    for option, value, example in (("march", march, "native"), ("blas", blas, "-lopenblas")):
        if not isinstance(value, str | None):
            raise TypeError(f"{option} must be text, such as {example!r}, got {value!r}")
    try:
        shlex.split(blas or "")
    except ValueError as error:
        raise ValueError(f"blas must be link flags, such as '-lopenblas', got {blas!r}: {error}") from None
    if len(target.name) > _LONGEST:
        raise ValueError(f"the name of an exported function has at most {_LONGEST} characters, got {len(target.name)}: {target.name[:20]}...")
    if keyword.iskeyword(target.name):
        raise ValueError(f"{target.name!r} is a word of Python, so that nothing could import {target.name}.py: take another name")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", target.name):
        raise ValueError(f"{target.name!r} cannot start names in C: the last part of the path must be an identifier, such as 'model'")
    return write(collect(function, fgraph, order), target, march=march, blas=blas)
