"""What tcore_cpu declares: the backend ``cpu``."""

from tcore.plugins import BackendSpec, hookimpl

__all__ = ["tcore_backends"]


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
