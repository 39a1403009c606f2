"""Linear algebra; the documented modules ``tcore.tensor.nlinalg`` and ``tcore.tensor.slinalg`` have its names."""

import tcore.optimizer
from tcore.tensor.dot import matrix_dot
from tcore.tensor.linalg.cholesky import *
from tcore.tensor.linalg.determinant import *
from tcore.tensor.linalg.eigen import *
from tcore.tensor.linalg.exponential import *
from tcore.tensor.linalg.factorizations import *
from tcore.tensor.linalg.hints import *
from tcore.tensor.linalg.inverse import *
from tcore.tensor.linalg.least_squares import *
from tcore.tensor.linalg.products import *
from tcore.tensor.linalg.solve import *

# ruff: noqa: F403, F401 - each file lists its names in __all__
