"""tcore: symbolic array graphs that differentiate themselves and run as fast native code, as a plugin framework.

``import tcore`` loads nothing: every name is imported when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from tcore.plugins import finders as _finders

if TYPE_CHECKING:
    from typing import Any

__version__ = "1.0.0"

#: name -> module that has it. Other names are submodules, mounted packages and documented paths.
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
    "Type": "tcore.graph",
    "Variable": "tcore.graph",
    "as_variable": "tcore.graph",
    "clone": "tcore.graph",
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
}

_finders.install(lambda: _import_module("tcore.compat.paths").PATHS)

if not TYPE_CHECKING:
    _submodule = _finders.lazy_submodules(__name__)

    def __getattr__(name: str) -> "Any":
        home = _HOMES.get(name)
        if home is None:
            return _submodule(name)
        value = getattr(_import_module(home), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
