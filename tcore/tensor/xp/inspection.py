"""What the namespace can do: ``__array_namespace_info__``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.scalar.dtypes import upcast
from tcore.tensor.xp.dtypes import isdtype

__all__ = ["__array_namespace_info__"]

_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


class __array_namespace_info__:
    """Capabilities, devices and dtypes."""

    def capabilities(self) -> dict[str, Any]:
        """Masks and lengths that depend on values are allowed; NumPy limits the number of axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Tensors are on the host unless they are transferred."""
        return "cpu"

    def default_dtypes(self, *, device: Any = None) -> dict[str, str]:
        """Floats follow ``config.floatX``."""
        return {"real floating": config.floatX, "complex floating": upcast(config.floatX, "complex64"), "integral": "int64", "indexing": "int64"}

    def devices(self) -> list[str]:
        """The host; further names are those that ``tcore.tensor.transfer`` takes."""
        return ["cpu"]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, str]:
        """The standard's dtypes, or those of a kind."""
        return {name: name for name in _DTYPES if kind is None or isdtype(np.dtype(name), kind)}
