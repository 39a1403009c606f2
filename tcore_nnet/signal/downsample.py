"""Deprecated: the old home of :mod:`tcore.tensor.signal.pool`."""

from __future__ import annotations

import warnings
from typing import Any

from tcore_nnet.signal import pool

__all__ = ["max_pool_2d", "max_pool_2d_same_size", "pool_2d", "pool_3d"]  # noqa: F822 - served by __getattr__

#: ``pool_2d`` under its name from when it had one mode
_RENAMED = {"max_pool_2d": "pool_2d"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _RENAMED.get(name, name)
    warnings.warn(f"tcore.tensor.signal.downsample is deprecated: use tcore.tensor.signal.pool.{new}", DeprecationWarning, stacklevel=2)
    return getattr(pool, new)


def __dir__() -> list[str]:
    return sorted(__all__)
