"""From graphs to functions: ``function``, shared variables, inputs and outputs, modes."""

from typing import TYPE_CHECKING

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
from tcore.compile.debugmode import DebugMode
from tcore.compile.errors import AliasedMemoryError, UnusedInputError
from tcore.compile.evaluate import evaluate
from tcore.compile.function import function, function_dump
from tcore.compile.function_module import Function
from tcore.compile.io import In, Out, SymbolicInput, SymbolicOutput
from tcore.compile.maker import FunctionMaker
from tcore.compile.mode import (
    FAST_COMPILE,
    FAST_RUN,
    AddDestroyHandler,
    Mode,
    get_default_mode,
    get_mode,
    optdb,
    predefined_linkers,
    predefined_modes,
    predefined_optimizers,
    register_linker,
    register_mode,
    register_optimizer,
)
from tcore.compile.monitormode import MonitorMode
from tcore.compile.nanguardmode import NanGuardMode
from tcore.compile.profiling import ProfileStats
from tcore.compile.sharedvalue import SharedVariable, shared, shared_constructor
from tcore.plugins.finders import lazy_submodules as _lazy_submodules

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

if not TYPE_CHECKING:
    # documented paths below this one, such as ``ops``, are imported when they are used
    __getattr__ = _lazy_submodules(__name__)
