"""What the tensor package registers, by the same hooks as everybody else."""

from __future__ import annotations

from tcore.plugins import RewriteGroup, SharedSpec, TypeSpec, hookimpl

__all__ = ["tcore_optimizations", "tcore_types"]


@hookimpl
def tcore_types() -> list[TypeSpec | SharedSpec]:
    """Arrays on the host, and the shared variables that hold arrays and numbers."""
    return [
        TypeSpec("TensorType", "tcore.tensor.type:TensorType", "NumPy arrays of one dtype and broadcast pattern"),
        SharedSpec("numpy", "tcore.tensor.sharedvar:tensor_constructor"),
        SharedSpec("numpy", "tcore.tensor.sharedvar:scalar_constructor"),
        SharedSpec("builtins", "tcore.tensor.sharedvar:scalar_constructor"),
    ]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Rewrites by family; each family is a file of :mod:`tcore.tensor.rewrites`."""
    return []
