"""What tcore_cpu declares: the backend ``cpu`` and its lines for ``tcore doctor``."""

from tcore.plugins import BackendSpec, ReportLine, hookimpl

__all__ = ["tcore_backends", "tcore_report"]


@hookimpl
def tcore_backends() -> list[BackendSpec]:
    """The CPU backend."""
    return [
        BackendSpec(
            "cpu",
            load="tcore_cpu.backend:CpuBackend",
            summary="native code through a C compiler",
            linkers=("cvm", "cvm_nogc", "c", "c|py", "c|py_nogc"),
            languages=("c",),
        )
    ]


@hookimpl
def tcore_report() -> list[ReportLine]:
    """Compiler, runtime, BLAS, vector mathematics, kernel store, and what users' C ops need."""
    from tcore_cpu.report import lines

    return lines()
