"""Users' C code in processes that fork."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tcore.configuration import config
from tcore.graph.openmp import supports_openmp
from tcore_cpu.user_code.modules import objection

PROGRAM = """
import os, signal
import numpy as np
import tcore
import tcore.tensor as T
from tcore.graph import Apply, OpenMPOp

class Count(OpenMPOp):
    __props__ = ("threads",)

    def __init__(self, threads=""):
        super().__init__(openmp=True)
        self.threads = threads

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f'''
        int count = 0;
        #pragma omp parallel reduction(+:count) {self.threads}
        count += 1;
        Py_XDECREF({outputs[0]});
        {outputs[0]} = (PyArrayObject*) PyArray_NewCopy({inputs[0]}, NPY_CORDER);
        if (!{outputs[0]}) {{ {sub["fail"]} }}
        for (npy_intp k = 0; k < PyArray_SIZE({outputs[0]}); k++)
            ((double*) PyArray_DATA({outputs[0]}))[k] = count;
        '''

    def c_code_cache_version(self):
        return (1,)

x = T.dvector("x")
f = tcore.function([x], [Count()(x), Count("num_threads(2)")(x)], mode=tcore.Mode("cvm", None))
assert [r.tolist() for r in f(np.zeros(1))] == [[3.0], [2.0]]
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        os._exit(0 if all(r[0] >= 1 for r in f(np.zeros(1))) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [r.tolist() for r in f(np.zeros(1))] == [[3.0], [2.0]]
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.skipif(objection() is not None, reason=str(objection()))
def test_openmp_after_a_fork() -> None:
    """Parallel regions in a child, and in its parent afterwards: neither waits for threads that the other has."""
    if not supports_openmp(config.cxx):
        pytest.skip(f"{config.cxx} has no OpenMP")
    environment = {**os.environ, "TCORE_FLAGS": f"{os.environ['TCORE_FLAGS']},backend=cpu", "OMP_NUM_THREADS": "3", "OMP_DYNAMIC": "false"}
    found = subprocess.run([sys.executable, "-P", "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert (found.returncode, found.stdout) == (0, "done\n"), found.stderr
