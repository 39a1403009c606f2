"""Errors of the tensor floor."""

from __future__ import annotations

__all__ = ["ShapeError"]


class ShapeError(Exception):
    """``infer_shape`` cannot tell the shape of an output from those of the inputs: it must be computed."""
