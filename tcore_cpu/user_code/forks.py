"""OpenMP of users' C code in processes that fork.

GCC's library keeps the threads of a parallel region for the next one. A forked child has none of them, and its first region would wait
for them for ever. (LLVM's library starts new ones by itself.)
"""

from __future__ import annotations

import ctypes
import os
from functools import partial

__all__ = ["prepare_for_forks"]

_SOFT = 1  # omp_pause_soft: settings stay
_prepared: list[ctypes.CDLL] = []


def prepare_for_forks() -> None:
    """From now on, a thread that forks ends its OpenMP threads before: it and the child start new ones when they need them.

    Called when a module was loaded, which may have brought the library. Of a library that cannot do that (of GCC 8), regions in children
    run on one thread.
    """
    if _prepared or not hasattr(os, "register_at_fork"):
        return
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    except OSError:  # nobody has loaded it
        return
    _prepared.append(library)
    if hasattr(library, "omp_pause_resource_all"):
        os.register_at_fork(before=partial(library.omp_pause_resource_all, _SOFT))
    else:
        os.register_at_fork(after_in_child=partial(library.omp_set_num_threads, 1))
