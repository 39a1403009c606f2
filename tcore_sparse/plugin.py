"""What tcore_sparse declares."""

from tcore.plugins import ConverterSpec, SharedSpec, hookimpl

__all__ = ["tcore_types"]


@hookimpl
def tcore_types() -> list[ConverterSpec | SharedSpec]:
    """Variables and shared variables of SciPy's sparse matrices."""
    return [
        ConverterSpec("scipy.sparse", load="tcore_sparse.conversion:convert"),
        SharedSpec("scipy.sparse", load="tcore_sparse.sharedvar:sparse_constructor"),
    ]
