"""What NumPy does about overflow, division by zero and the like while a function runs: the flags ``numpy.seterr_*``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tcore.configuration import config

__all__ = ["floating_point_errors"]


@lru_cache(maxsize=1)
def _settings() -> dict[str, str]:
    """Arguments for ``np.errstate``; the flags are frozen, so they are read once."""
    general = config.numpy.seterr_all
    settings = {} if general == "None" else {"all": general}
    for kind in ("divide", "over", "under", "invalid"):
        value = getattr(config.numpy, f"seterr_{kind}")
        if value != "None":
            settings[kind] = value
    return settings


def floating_point_errors() -> np.errstate:
    """A context in which the flags hold."""
    return np.errstate(**_settings())  # type: ignore[arg-type]
