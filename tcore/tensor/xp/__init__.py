"""The Python array API standard, version 2024.12, with its extensions ``linalg`` and ``fft``, for symbolic tensors: ``x.__array_namespace__()`` gives this module.

Programs that are written for any array library build graphs with it::

    def standardize(x):
        xp = x.__array_namespace__()
        return (x - xp.mean(x, axis=0)) / xp.std(x, axis=0)

The functions are those of :mod:`tcore.tensor` under the standard's names and with its arguments. Dtypes are names: ``xp.float32``
is ``"float32"``. What differs, because a graph has no values yet:

* ``from_dlpack`` makes a constant, which has its own copy; variables have no ``__dlpack__``.
* ``bool(x)``, ``int(x)``, ``float(x)``, ``complex(x)``, ``operator.index(x)`` and ``x[key] = value`` are refused where they need values;
  write ``where`` and ``tcore.tensor.set_subtensor``.
* ``x.shape`` is an integer vector of the graph. ``unstack`` and iteration need a length that is known while the graph is built.
* A number of Python's takes the dtype of the tensor beside it in functions, ``add(x, 2)``; operators, ``x + 2``, have the dtypes of all of tcore.
* Only axes whose length is *known* to be 1 are stretched to the length of others.
* The default floating dtype is ``config.floatX``.
"""

from math import e, inf, nan, pi

from tcore.tensor.xp import fft, linalg
from tcore.tensor.xp.creation import *
from tcore.tensor.xp.dtypes import *
from tcore.tensor.xp.elementwise import *
from tcore.tensor.xp.inspection import *
from tcore.tensor.xp.linalg import matmul, matrix_transpose, tensordot, vecdot
from tcore.tensor.xp.manipulation import *
from tcore.tensor.xp.searching import *
from tcore.tensor.xp.statistics import *

# ruff: noqa: F403, F401 - each file lists its names in __all__

__array_api_version__ = "2024.12"

newaxis = None
