"""From graphs to functions: ``function``, shared variables, inputs and outputs, modes."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

import tcore.graph  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.compile.backends import BackendError, BackendWarning
from tcore.compile.copy_ops import (
    DeepCopyOp,
    FromFunctionOp,
    OutputGuard,
    ViewOp,
    as_op,
    deep_copy_op,
    register_deep_copy_op_c_code,
    register_view_op_c_code,
    view_op,
)
from tcore.compile.errors import AliasedMemoryError, UnusedInputError
from tcore.compile.evaluate import evaluate
from tcore.compile.function import function, function_dump
from tcore.compile.function_module import Function
from tcore.compile.io import In, Out, SymbolicInput, SymbolicOutput
from tcore.compile.maker import FunctionMaker
from tcore.compile.mode import (
    FAST_COMPILE,
    FAST_RUN,
    Mode,
    get_default_mode,
    get_mode,
    predefined_linkers,
    predefined_modes,
    register_linker,
    register_mode,
)
from tcore.compile.sharedvalue import SharedVariable, shared, shared_constructor
from tcore.finders import lazy_submodules as _lazy_submodules

#: the documented second name
Param = In

__all__ = [
    "FAST_COMPILE",
    "FAST_RUN",
    "AddDestroyHandler",
    "AliasedMemoryError",
    "BackendError",
    "BackendWarning",
    "DebugMode",
    "DeepCopyOp",
    "FromFunctionOp",
    "Function",
    "FunctionMaker",
    "In",
    "Mode",
    "MonitorMode",
    "NanGuardMode",
    "Out",
    "OutputGuard",
    "Param",
    "ProfileStats",
    "SharedVariable",
    "SymbolicInput",
    "SymbolicOutput",
    "UnusedInputError",
    "ViewOp",
    "as_op",
    "deep_copy_op",
    "evaluate",
    "function",
    "function_dump",
    "get_default_mode",
    "get_mode",
    "optdb",
    "predefined_linkers",
    "predefined_modes",
    "predefined_optimizers",
    "register_deep_copy_op_c_code",
    "register_linker",
    "register_mode",
    "register_optimizer",
    "register_view_op_c_code",
    "shared",
    "shared_constructor",
    "view_op",
]

#: what few programs use is imported when it is used
_SELDOM = {
    "AddDestroyHandler": "tcore.compile.optimizations",
    "DebugMode": "tcore.compile.debugmode",
    "MonitorMode": "tcore.compile.monitormode",
    "NanGuardMode": "tcore.compile.nanguardmode",
    "ProfileStats": "tcore.compile.profiling.stats",
    "optdb": "tcore.compile.optimizations",
    "predefined_optimizers": "tcore.compile.optimizations",
    "register_optimizer": "tcore.compile.optimizations",
}

if TYPE_CHECKING:
    from tcore.compile.debugmode import DebugMode
    from tcore.compile.monitormode import MonitorMode
    from tcore.compile.nanguardmode import NanGuardMode
    from tcore.compile.optimizations import AddDestroyHandler, optdb, predefined_optimizers, register_optimizer
    from tcore.compile.profiling.stats import ProfileStats
else:
    _submodule = _lazy_submodules(__name__)

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        home = _SELDOM.get(name)
        if home is None:
            return _submodule(name)  # a documented path below this one, such as ``ops``
        value = getattr(_import_module(home), name)
        globals()[name] = value
        return value

    def __dir__():  # noqa: ANN202
        return sorted({*globals(), *_SELDOM})
