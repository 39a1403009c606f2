"""What the tensor package registers, by the same hooks as everybody else."""

from __future__ import annotations

from tcore.plugins import RewriteGroup, TypeSpec, hookimpl

__all__ = ["tcore_optimizations", "tcore_types"]


@hookimpl
def tcore_types() -> list[TypeSpec]:
    """Arrays on the host."""
    return [TypeSpec("TensorType", "tcore.tensor.type:TensorType", "NumPy arrays of one dtype and broadcast pattern")]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Rewrites by family; each family is a file of :mod:`tcore.tensor.rewrites`."""
    return []
