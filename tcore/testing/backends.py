"""The backends that a test run covers, and whether each can run here."""

from __future__ import annotations

import functools

__all__ = ["BACKENDS", "unavailable"]

#: what `--backend` stands for when it is not given; cuda-compile compiles every kernel with NVRTC and runs none
BACKENDS: tuple[str, ...] = ("numpy", "cpu", "opencl", "cuda-compile")


@functools.cache
def unavailable(name: str) -> str | None:
    """Why backend ``name`` cannot run on this machine, and what to do about it; None when it can."""
    from tcore.compile.backends import get_backend

    try:
        return get_backend(name).unavailable()
    except (LookupError, ImportError) as error:
        return " ".join(str(error).split())
