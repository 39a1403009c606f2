"""The columns: which library, in which of its modes, and how a process of it is set up."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from attrs import frozen

__all__ = ["LIBRARIES", "Library", "environment"]


def _torch_compile() -> Callable[[Any], Any]:
    import torch

    return torch.compile


@frozen
class Library:
    """One column.

    Attributes
    ----------
    name : str
        The column's.
    method : str
        The method of a row that has its program.
    distribution : str
        What pip calls it.
    modules : tuple of str
        What its users import; ``import`` rows time it, other rows begin after it.
    variant : callable or None
        Makes the second argument of the row's method: the mode.
    peer : bool
        Whether tcore is measured against it; NumPy is the reference for values and a column beside the peers.
    """

    name: str
    method: str
    distribution: str
    modules: tuple[str, ...]
    variant: Callable[[], Any] | None = None
    peer: bool = True

    @property
    def version(self) -> str | None:
        """None where it is not installed."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


LIBRARIES = (
    Library("numpy", "numpy", "numpy", ("numpy",), peer=False),  # first: its results are what the others are compared with
    Library("tcore", "tcore", "tcore", ("tcore", "tcore.tensor"), peer=False),
    Library("baseline", "baseline", "tcore", ("tcore", "tcore.tensor"), peer=False),
    Library("pytensor-c", "pytensor", "pytensor", ("pytensor", "pytensor.tensor"), lambda: "CVM"),
    Library("pytensor-numba", "pytensor", "pytensor", ("pytensor", "pytensor.tensor"), lambda: "NUMBA"),
    Library("jax", "jax", "jax", ("jax", "jax.numpy")),
    Library("torch", "torch", "torch", ("torch",), lambda: lambda function: function),
    Library("torch-compile", "torch", "torch", ("torch",), _torch_compile),
)

#: the routines of BLAS that PyTensor's code may call, without the letter of the dtype
_BLAS = (
    *("axpy", "copy", "scal", "swap", "dot", "dotu", "dotc", "nrm2", "asum"),
    *("gemv", "symv", "trmv", "trsv", "ger", "geru", "gerc", "syr"),
    *("gemm", "symm", "hemm", "syrk", "herk", "trmm", "trsm"),
)


def _scipy_blas() -> str:
    """Flags by which PyTensor's C code links the OpenBLAS that SciPy's wheel brings, under the names that it has there.

    Without any BLAS its matrix products run in slow loops, and the rows would compare nothing. Empty where SciPy brings none: then PyTensor looks itself.
    """
    spec = importlib.util.find_spec("scipy")
    folder = Path(spec.origin).parents[1] / "scipy.libs" if spec and spec.origin else Path()
    found = sorted(folder.glob("libscipy_openblas*.so"))
    if not found:
        return ""
    renamed = " ".join(f"-D{letter}{name}_=scipy_{letter}{name}_" for name in _BLAS for letter in "sdcz")
    return rf",blas__ldflags=-L{folder} -l:{found[0].name} -Wl\,-rpath\,{folder},gcc__cxxflags={renamed}"


def environment(library: Library, threads: int, store: Path) -> dict[str, str]:
    """Variables of a process: as many threads for all, and the folder in which it keeps what it compiles.

    Flags of the shell count for nothing, so that two runs measure the same.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TCORE", "PYTENSOR", "JAX", "XLA", "TORCH", "NUMBA", "OMP"))}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    folder = str(store / library.name)
    own = {
        "tcore": {"TCORE_FLAGS": f"base_compiledir={folder}"},
        "pytensor": {"PYTENSOR_FLAGS": f"base_compiledir={folder}{_scipy_blas()}", "NUMBA_CACHE_DIR": f"{folder}/numba"},
        "jax": {
            "JAX_PLATFORMS": "cpu",
            "JAX_ENABLE_X64": "1",
            "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
        "torch": {"TORCHINDUCTOR_CACHE_DIR": folder, "TORCHINDUCTOR_FX_GRAPH_CACHE": "1"},
    }
    return {**inherited, **counts, **own.get(library.distribution, {})}
