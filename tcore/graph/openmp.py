"""Ops whose C code may use OpenMP: on or off for each op, and off where the compiler lacks it."""

from __future__ import annotations

import shlex
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.op import Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.apply import Apply

__all__ = ["OpenMPOp", "supports_openmp"]

_PROGRAM = '#include <omp.h>\n#include <stdio.h>\nint main() { printf("%d", omp_get_max_threads()); return 0; }\n'


@lru_cache(maxsize=16)
def supports_openmp(compiler: str) -> bool:
    """Whether ``compiler`` (a command, with arguments) makes a program that uses OpenMP; False for an empty command."""
    # what the test needs is loaded for those who ask for OpenMP
    import subprocess
    import tempfile
    from pathlib import Path

    words = shlex.split(compiler)
    if not words:
        return False
    with tempfile.TemporaryDirectory(prefix="tcore-openmp-") as folder:
        source = Path(folder, "test.cpp")
        source.write_text(_PROGRAM, encoding="ascii")
        try:
            run = subprocess.run([*words, "-fopenmp", str(source), "-o", str(Path(folder, "test"))], capture_output=True, check=False)
        except OSError:
            return False
    return run.returncode == 0


class OpenMPOp(Op):
    """Base of ops whose C code may use OpenMP.

    A subclass with an ``__init__`` of its own has a parameter ``openmp=None`` and calls ``super().__init__(openmp=openmp)``. Its
    C code asks ``self.openmp`` whether to write pragmas.

    Parameters
    ----------
    openmp : bool, optional
        Whether this op uses OpenMP; ``config.openmp`` where None.
    """

    #: whether it was asked for
    openmp_asked: bool = False

    def __init__(self, openmp: bool | None = None) -> None:
        self.openmp = config.openmp if openmp is None else bool(openmp)

    @property
    def openmp(self) -> bool:
        """Whether the op uses OpenMP: it was asked for, and ``config.cxx`` can do it."""
        return self.openmp_asked and supports_openmp(config.cxx)

    @openmp.setter
    def openmp(self, value: bool) -> None:
        self.openmp_asked = bool(value)

    def c_compile_args(self) -> Sequence[str]:
        """``-fopenmp`` where OpenMP is used."""
        return ["-fopenmp"] if self.openmp else []

    def c_headers(self) -> Sequence[str]:
        """``<omp.h>`` where OpenMP is used."""
        return ["<omp.h>"] if self.openmp else []

    def prepare_node(self, node: Apply, storage_map: Any, compute_map: Any, impl: str | None) -> None:
        """Warn where OpenMP was asked for and the compiler lacks it, so that the op does without."""
        if self.openmp_asked and not self.openmp and impl != "py" and config.cxx:
            warnings.warn(
                f"{self} runs on one thread: the compiler {config.cxx} does not support OpenMP; install its libgomp or libomp, or "
                f"give the op openmp=False",
                stacklevel=2,
            )
