"""The backends that a test run covers, and whether each can run here."""

from __future__ import annotations

import functools

__all__ = ["BACKENDS", "unavailable"]

#: what `--backend` stands for when it is not given; cuda-compile compiles every kernel with NVRTC and runs none
BACKENDS: tuple[str, ...] = ("numpy", "cpu", "opencl", "cuda-compile")


@functools.cache
def unavailable(name: str) -> str | None:
    """Why backend ``name`` cannot run on this machine, and what to do about it; None when it can."""
    if name == "numpy":
        return None
    from tcore.configuration import config
    from tcore.plugins import PluginError, manager
    from tcore.plugins.references import resolve

    if name == "opencl" and config.force_device and config.device == "cpu":
        return "devices are switched off by the flags force_device=True and device=cpu"
    try:
        reason: str | None = resolve(manager().backend(name).load)().unavailable()
    except (PluginError, ImportError) as error:
        reason = str(error)
    return None if reason is None else " ".join(reason.split())
