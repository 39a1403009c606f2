"""What ``tcore doctor`` says about CUDA: the compiler, the driver, the devices."""

from __future__ import annotations

from tcore.plugins import ReportLine
from tcore_cuda import compiler, runtime

__all__ = ["report"]


def report() -> list[ReportLine]:
    """One line for NVRTC, and one for the driver or for each GPU."""
    lines = []
    reason = compiler.unavailable()
    if reason is None:
        text = ".".join(map(str, compiler.version()))
        lines.append(ReportLine("CUDA compiler", "ok", f"NVRTC {text}"))
    else:
        lines.append(ReportLine("CUDA compiler", "missing", "NVRTC was not found", "pip install nvidia-cuda-nvrtc"))
    reason = runtime.missing()
    if reason is None:
        for device in runtime.devices():
            gib = device.memory / 2**30
            lines.append(ReportLine("CUDA device", "ok", f"{device.name}: {device.description}, {gib:.0f} GiB", device=True))
    else:
        what, _, remedy = reason.partition(";")
        what, _, cause = what.partition(":")
        lines.append(ReportLine("CUDA device", "missing", what + (f" ({cause.strip()})" if cause else ""), remedy.strip() or "nvidia-smi"))
    return lines
