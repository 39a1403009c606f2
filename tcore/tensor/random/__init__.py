"""Random numbers: NumPy's generator as values of a graph, MRG31k3p, and Philox, which counts instead of remembering."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

import tcore.compile  # noqa: F401 - floors below load as wholes, before modules of theirs

#: what programs use -> the module that has it; loaded by need, since rewrites and lowerings look into this package
_HOMES = {
    "MRG_RandomStreams": "mrg_streams",
    "PhiloxRandomStreams": "philox",
    "RandomFunction": "function",
    "RandomStreams": "shared_streams",
    "RandomStreamsBase": "streams_base",
    "RandomVariable": "shared_streams",
    "permute_row_elements": "shuffling",
    "random_state_type": "state",
}

__all__ = [
    "MRG_RandomStreams",
    "PhiloxRandomStreams",
    "RandomFunction",
    "RandomStreams",
    "RandomStreamsBase",
    "RandomVariable",
    "permute_row_elements",
    "random_state_type",
]

if TYPE_CHECKING:
    from tcore.tensor.random.function import RandomFunction
    from tcore.tensor.random.mrg_streams import MRG_RandomStreams
    from tcore.tensor.random.philox import PhiloxRandomStreams
    from tcore.tensor.random.shared_streams import RandomStreams, RandomVariable
    from tcore.tensor.random.shuffling import permute_row_elements
    from tcore.tensor.random.state import random_state_type
    from tcore.tensor.random.streams_base import RandomStreamsBase
else:

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
