"""Symbolic tensors: types, variables, and the operations on them."""

from __future__ import annotations

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING as _TYPE_CHECKING

import tcore.graph
import tcore.scalar
from tcore.finders import lazy_submodules as _lazy_submodules

# the variable classes first: the modules below make constants
from tcore.tensor.var import *  # isort: skip
from tcore.tensor.alloc import *
from tcore.tensor.careduce import *
from tcore.tensor.constants import *
from tcore.tensor.constructors import *
from tcore.tensor.conversion import *
from tcore.tensor.dimshuffle import *
from tcore.tensor.dot import *
from tcore.tensor.elemwise import *
from tcore.tensor.errors import *
from tcore.tensor.join import *
from tcore.tensor.math import *
from tcore.tensor.rebroadcast import *
from tcore.tensor.reductions import *
from tcore.tensor.reshape import *
from tcore.tensor.scalars import *
from tcore.tensor.shape import *
from tcore.tensor.softmax import *
from tcore.tensor.transfer import *

import tcore.tensor.constant_rules  # noqa: F401 - adds rules  # isort: skip

# ruff: noqa: F403 - each family lists its names in __all__

#: documented names that live elsewhere: on floors above this one, or too seldom used to load at once
_ELSEWHERE = {
    **dict.fromkeys(("Assert", "assert_fitting", "assert_op"), "tcore.tensor.assertion"),
    **dict.fromkeys(("Argmax", "Argmin", "MaxAndArgmax"), "tcore.tensor.extremes"),
    **dict.fromkeys(("MaskIndices", "flatnonzero", "inc_subtensor", "index", "mask_indices"), "tcore.tensor.indexing"),
    **dict.fromkeys(("nonzero", "nonzero_values", "set_subtensor", "take"), "tcore.tensor.indexing"),
    **dict.fromkeys(("Subtensor", "get_idx_list", "index_list", "index_scalar"), "tcore.tensor.subtensor"),
    **dict.fromkeys(("AdvancedSubtensor", "AdvancedSubtensor1", "adv_index_result"), "tcore.tensor.advanced_subtensor"),
    **dict.fromkeys(("advanced_subtensor", "advanced_subtensor1", "sparse_grad"), "tcore.tensor.advanced_subtensor"),
    **dict.fromkeys(("AdvancedIncSubtensor", "AdvancedIncSubtensor1"), "tcore.tensor.advanced_incsubtensor"),
    **dict.fromkeys(("advanced_inc_subtensor", "advanced_inc_subtensor1"), "tcore.tensor.advanced_incsubtensor"),
    **dict.fromkeys(("CpuContiguous", "Repeat", "cpu_contiguous", "repeat", "roll", "tile"), "tcore.tensor.manipulation"),
    **dict.fromkeys(("ARange", "arange", "mgrid", "ogrid"), "tcore.tensor.ranges"),
    **dict.fromkeys(("MakeSlice", "NoneConst", "NoneTypeT", "SliceConstant", "SliceType"), "tcore.tensor.type_other"),
    **dict.fromkeys(("as_int_none_variable", "make_slice", "none_type_t", "slicetype"), "tcore.tensor.type_other"),
    "IncSubtensor": "tcore.tensor.incsubtensor",
    **dict.fromkeys(("choose", "compress"), "tcore.tensor.choosing"),
    **dict.fromkeys(("vectorize", "vectorize_graph"), "tcore.tensor.vectorizing"),
    **dict.fromkeys(("einsum", "matmul", "vecdot"), "tcore.tensor.contraction"),
    **dict.fromkeys(("CumOp", "LinearRecurrence", "cumprod", "cumsum"), "tcore.tensor.cumulative"),
    **dict.fromkeys(("AllocDiag", "ExtractDiag", "diag", "diagonal", "fill_diagonal", "fill_diagonal_offset", "trace"), "tcore.tensor.diagonals"),
    **dict.fromkeys(("bartlett", "diff", "to_one_hot"), "tcore.tensor.differences"),
    **dict.fromkeys(("RavelMultiIndex", "UnravelIndex", "ravel_multi_index", "unravel_index"), "tcore.tensor.index_tricks"),
    **dict.fromkeys(("BinCount", "SearchsortedOp", "Unique", "bincount", "searchsorted", "unique"), "tcore.tensor.searching"),
    **dict.fromkeys(("ArgSortOp", "SortOp", "argsort", "sort", "take_along_axis"), "tcore.tensor.sorting"),
    **dict.fromkeys(("chi2sf", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "gamma", "gammaln"), "tcore.tensor.special"),
    **dict.fromkeys(("i0", "i1", "j0", "j1", "polygamma", "psi", "tri_gamma"), "tcore.tensor.special"),
    **dict.fromkeys(("tri", "tril", "triu"), "tcore.tensor.triangles"),
    **dict.fromkeys(
        ("Dot22", "Dot22Scalar", "Gemm", "Gemv", "Ger", "blas_dtypes", "dot22", "dot22scalar"), "tcore.tensor.blas"
    ),
    **dict.fromkeys(("gemm_inplace", "gemm_no_inplace", "gemv_inplace", "gemv_no_inplace"), "tcore.tensor.blas"),
    **dict.fromkeys(("ger", "ger_destructive"), "tcore.tensor.blas"),
    "Constant": "tcore.graph",
    "Lop": "tcore.gradient",
    "MethodNotDefined": "tcore.graph.errors",
    "Rop": "tcore.gradient",
    "ScalarSharedVariable": "tcore.tensor.sharedvar",
    "TensorSharedVariable": "tcore.tensor.sharedvar",
    "Variable": "tcore.graph",
    "consider_constant": "tcore.gradient",
    "grad": "tcore.gradient",
    "hessian": "tcore.gradient",
    "jacobian": "tcore.gradient",
    "load": "tcore.tensor.io",
    "numeric_grad": "tcore.gradient",
    "verify_grad": "tcore.gradient",
}

__all__ = sorted(  # noqa: PLE0605 - what the families list
    {
        *_ELSEWHERE,
        *(name for name, value in globals().items() if not name.startswith("_") and not isinstance(value, _ModuleType) and name != "annotations"),
    }
)

if _TYPE_CHECKING:
    from tcore.tensor.advanced_incsubtensor import *
    from tcore.tensor.advanced_subtensor import *
    from tcore.tensor.assertion import *
    from tcore.tensor.blas import *
    from tcore.tensor.choosing import *
    from tcore.tensor.contraction import *
    from tcore.tensor.cumulative import *
    from tcore.tensor.diagonals import *
    from tcore.tensor.differences import *
    from tcore.tensor.extremes import *
    from tcore.tensor.incsubtensor import *
    from tcore.tensor.index_tricks import *
    from tcore.tensor.indexing import *
    from tcore.tensor.io import load as load
    from tcore.tensor.manipulation import *
    from tcore.tensor.ranges import *
    from tcore.tensor.searching import *
    from tcore.tensor.sorting import *
    from tcore.tensor.special import *
    from tcore.tensor.subtensor import *
    from tcore.tensor.triangles import *
    from tcore.tensor.type_other import *
else:
    _submodule = _lazy_submodules(__name__)

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        home = None if name.startswith("_") else _ELSEWHERE.get(name)
        if home is None:
            return _submodule(name)  # a module of ours or one that a plugin mounts: nnet, …
        value = getattr(_import_module(home), name)
        globals()[name] = value
        return value

    def __dir__():  # noqa: ANN202
        return sorted({*globals(), *_ELSEWHERE})
