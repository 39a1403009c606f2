"""Arrays on devices: what all device plugins share.

``type`` has the Type and its variables, ``array`` the values, ``contexts`` the devices by name; ``transfer`` moves values, ``lifting``
moves work; ``lowered`` and ``products`` are the ops, ``launching`` and ``linker`` run them; ``kernel``, ``c_calls`` and ``include/`` serve
ops that bring kernels of their own. A plugin supplies a :class:`~tcore.gpuarray.runtime.GpuContext` and a dialect.
"""

from typing import TYPE_CHECKING

import tcore.compile
import tcore.link
import tcore.tensor  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.finders import lazy_submodules as _lazy_submodules

if not TYPE_CHECKING:
    # documented paths below this one, such as ``blas``, are imported when they are used
    __getattr__ = _lazy_submodules(__name__)
