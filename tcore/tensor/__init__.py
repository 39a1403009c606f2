"""Symbolic tensors: types, variables, and the operations on them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# the variable classes first: the modules below make constants
from tcore.tensor.var import TensorConstant, TensorVariable, _tensor_py_operators  # isort: skip
from tcore.tensor.advanced_incsubtensor import *
from tcore.tensor.advanced_subtensor import *
from tcore.tensor.alloc import *
from tcore.tensor.blas import *
from tcore.tensor.careduce import All, CAReduce, CAReduceDtype, Prod, ProdWithoutZeros, Sum
from tcore.tensor.careduce import Any_ as Any_
from tcore.tensor.constants import *
from tcore.tensor.constructors import *
from tcore.tensor.conversion import *
from tcore.tensor.diagonals import *
from tcore.tensor.dimshuffle import *
from tcore.tensor.dot import *
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.errors import *
from tcore.tensor.extremes import *
from tcore.tensor.incsubtensor import *
from tcore.tensor.indexing import *
from tcore.tensor.join import *
from tcore.tensor.manipulation import *
from tcore.tensor.math import *
from tcore.tensor.ranges import *
from tcore.tensor.rebroadcast import *
from tcore.tensor.reductions import *
from tcore.tensor.reshape import *
from tcore.tensor.scalars import *
from tcore.tensor.shape import *
from tcore.tensor.softmax import *
from tcore.tensor.subtensor import *
from tcore.tensor.type_other import *

import tcore.tensor.constant_rules  # isort: skip

# ruff: noqa: F403, F405 - each family lists its names in __all__
