"""Functions that are made and dropped leave nothing: no nodes, files, threads or mappings, and no memory that grows."""

from __future__ import annotations

import json
import subprocess
import sys

MAKE_AND_DROP = """
import gc, json, os
import numpy as np
import tcore, tcore.tensor as T
from tcore.compile import Function
from tcore.graph import Apply, Variable
from tcore.ifelse import ifelse

def functions():
    x, m, s = T.dvector(), T.dmatrix(), tcore.shared(np.ones(3))
    yield tcore.function([x], T.exp(x) * 2 + 1), [np.ones(3)]
    yield tcore.function([m, x], T.dot(m, x)), [np.ones((3, 3)), np.ones(3)]
    yield tcore.function([x], tcore.scan(lambda a: a * 2, sequences=[x])[0]), [np.ones(3)]
    yield tcore.function([x], ifelse(T.gt(x.sum(), 0), x + 1, x - 1)), [np.ones(3)]
    yield tcore.function([x], s.sum(), updates=[(s, s + x)]), [np.ones(3)]
    yield tcore.function([x], T.exp(x) * 2 + 1, mode=tcore.Mode("c", "fast_run")), [np.ones(3)]

def state():
    gc.collect()
    objects = gc.get_objects()
    live = [sum(isinstance(each, kind) for each in objects) for kind in (Apply, Variable, Function)]
    with open("/proc/self/maps") as maps:
        mappings = len(maps.readlines())
    with open("/proc/self/statm") as sizes:
        pages = int(sizes.read().split()[1])
    return live, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), mappings, pages

def rounds(count):
    for _ in range(count):
        for function, values in functions():
            function(*values)

rounds(3)
before = state()
rounds(20)
print(json.dumps([before, state()]))
"""


def test_made_and_dropped_functions() -> None:
    """After 120 functions there is what there was before: what stays is kept once, such as the caches of compiled kernels."""
    done = subprocess.run([sys.executable, "-P", "-c", MAKE_AND_DROP], capture_output=True, text=True, check=True)
    (live, files, threads, mappings, pages), (live_after, files_after, threads_after, mappings_after, pages_after) = json.loads(done.stdout)
    assert (live_after, files_after, threads_after) == (live, files, threads)
    assert mappings_after <= mappings + 4  # the allocator of C may cut its arenas
    assert pages_after <= pages + 512  # 2 MiB: less than 20 KiB a function
