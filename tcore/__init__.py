"""tcore: symbolic array graphs that differentiate themselves and run as fast native code, as a plugin framework.

``import tcore`` loads nothing: every name is imported when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from tcore import finders as _finders

if TYPE_CHECKING:
    from typing import Any

    from tcore.compile import FunctionMaker as FunctionMaker
    from tcore.compile import In as In
    from tcore.compile import Mode as Mode
    from tcore.compile import Out as Out
    from tcore.compile import Param as Param
    from tcore.compile import ProfileStats as ProfileStats
    from tcore.compile import SymbolicInput as SymbolicInput
    from tcore.compile import SymbolicOutput as SymbolicOutput
    from tcore.compile import as_op as as_op
    from tcore.compile import function as function  # type: ignore[no-redef]  # the package has a module of that name
    from tcore.compile import function_dump as function_dump
    from tcore.compile import predefined_linkers as predefined_linkers
    from tcore.compile import predefined_modes as predefined_modes
    from tcore.compile import predefined_optimizers as predefined_optimizers
    from tcore.compile import shared as shared
    from tcore.configuration import change_flags as change_flags
    from tcore.configuration import config as config
    from tcore.gradient import Lop as Lop
    from tcore.gradient import Rop as Rop
    from tcore.gradient import grad as grad
    from tcore.gradient import subgraph_grad as subgraph_grad
    from tcore.gradient.op_from_graph import OpFromGraph as OpFromGraph
    from tcore.graph import Apply as Apply
    from tcore.graph import Constant as Constant
    from tcore.graph import FunctionGraph as FunctionGraph
    from tcore.graph import Generic as Generic
    from tcore.graph import InconsistencyError as InconsistencyError
    from tcore.graph import Op as Op
    from tcore.graph import OpenMPOp as OpenMPOp
    from tcore.graph import Type as Type
    from tcore.graph import Variable as Variable
    from tcore.graph import as_variable as as_variable
    from tcore.graph import clone_replace as clone  # noqa: F401 - its documented name here
    from tcore.graph import generic as generic
    from tcore.link import Container as Container
    from tcore.link import Linker as Linker
    from tcore.link import LocalLinker as LocalLinker
    from tcore.link import PerformLinker as PerformLinker
    from tcore.printing import debugprint as debugprint
    from tcore.printing import pp as pp
    from tcore.printing import pprint as pprint
    from tcore.scan_module import OrderedUpdates as OrderedUpdates
    from tcore.scan_module import foldl as foldl
    from tcore.scan_module import foldr as foldr
    from tcore.scan_module import map as map
    from tcore.scan_module import reduce as reduce
    from tcore.scan_module import scan as scan  # type: ignore[no-redef]  # as above
    from tcore.scan_module import scan_checkpoints as scan_checkpoints
    from tcore.tensor import dot as dot  # type: ignore[no-redef]  # as above
    from tcore.tensor import get_scalar_constant_value as get_scalar_constant_value
    from tcore.tensor import sparse_grad as sparse_grad

__version__ = "1.0.0"

#: name -> module that has it, with the name there where that is another. Other names are submodules, mounted packages and documented paths.
_HOMES = {
    "config": "tcore.configuration",
    "change_flags": "tcore.configuration",
    # graphs
    "Apply": "tcore.graph",
    "Constant": "tcore.graph",
    "FunctionGraph": "tcore.graph",
    "Generic": "tcore.graph",
    "InconsistencyError": "tcore.graph",
    "Op": "tcore.graph",
    "OpenMPOp": "tcore.graph",
    "Type": "tcore.graph",
    "Variable": "tcore.graph",
    "as_variable": "tcore.graph",
    "clone": "tcore.graph:clone_replace",
    "generic": "tcore.graph",
    # linkers
    "Container": "tcore.link",
    "Linker": "tcore.link",
    "LocalLinker": "tcore.link",
    "PerformLinker": "tcore.link",
    # functions
    "FunctionMaker": "tcore.compile",
    "In": "tcore.compile",
    "Mode": "tcore.compile",
    "Out": "tcore.compile",
    "Param": "tcore.compile",
    "ProfileStats": "tcore.compile",
    "SymbolicInput": "tcore.compile",
    "SymbolicOutput": "tcore.compile",
    "as_op": "tcore.compile",
    "function": "tcore.compile",
    "function_dump": "tcore.compile",
    "predefined_linkers": "tcore.compile",
    "predefined_modes": "tcore.compile",
    "predefined_optimizers": "tcore.compile",
    "shared": "tcore.compile",
    # derivatives
    "Lop": "tcore.gradient",
    "OpFromGraph": "tcore.gradient.op_from_graph",
    "Rop": "tcore.gradient",
    "grad": "tcore.gradient",
    "subgraph_grad": "tcore.gradient",
    # texts
    "pp": "tcore.printing",
    "pprint": "tcore.printing",
    "debugprint": "tcore.printing",
    # tensors
    "dot": "tcore.tensor",
    "get_scalar_constant_value": "tcore.tensor",
    "sparse_grad": "tcore.tensor",
    # loops
    "OrderedUpdates": "tcore.scan_module",
    "foldl": "tcore.scan_module",
    "foldr": "tcore.scan_module",
    "map": "tcore.scan_module",
    "reduce": "tcore.scan_module",
    "scan": "tcore.scan_module",
    "scan_checkpoints": "tcore.scan_module",
}

#: what lower floors need of higher ones -> where that is, as above; :mod:`tcore.above` answers by it
_ABOVE = {
    "c_code_of_kernel": "tcore.tensor.kernel_c",
    "evaluate": "tcore.compile.evaluate",
    "function": "tcore.compile",
    "host_backend": "tcore.compile.backends",
    "Mode": "tcore.compile",
    "scalar_helpers": "tcore.codegen.scalar_text:helpers",
    "scalar_statements": "tcore.codegen.scalar_text:statements",
}

_finders.install(
    documented=lambda: _import_module("tcore.compat.paths").PATHS,
    mounted=lambda name: _import_module("tcore.plugins.process").manager().mounted(name),
)

if not TYPE_CHECKING:
    # what `from tcore import *` gives: without `map` and `compile`, which would hide Python's own
    __all__ = sorted({*_HOMES, "gof", "gradient", "printing", "scalar", "tensor"} - {"map"})  # noqa: PLE0605
    _submodule = _finders.lazy_submodules(__name__)

    def __getattr__(name: str) -> "Any":
        home = _HOMES.get(name)
        if home is None:
            return _submodule(name)
        module, _, own_name = home.partition(":")
        value = getattr(_import_module(module), own_name or name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
