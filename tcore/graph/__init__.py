"""Graphs: Type, Variable, Constant, Apply, Op and FunctionGraph, and the walks over them."""

from importlib import import_module
from typing import TYPE_CHECKING

from tcore.finders import lazy_submodules
from tcore.graph.apply import Apply, NoParams
from tcore.graph.c_interface import CLinkerOp, CLinkerType
from tcore.graph.cloning import clone, clone_get_equiv, clone_replace
from tcore.graph.conversion import as_variable, register_converter
from tcore.graph.debugprint import debugprint
from tcore.graph.errors import (
    BadOptimization,
    DebugModeError,
    InconsistencyError,
    MethodNotDefined,
    MissingInputError,
)
from tcore.graph.features import (
    AlreadyThere,
    Bookkeeper,
    Feature,
    History,
    NodeFinder,
    PrintListener,
    ReplaceValidate,
    Validator,
)
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.node import Node
from tcore.graph.null_type import DisconnectedType, NullType
from tcore.graph.observers import nodes_constructed
from tcore.graph.op import FieldlessOp, Op, PureOp
from tcore.graph.params_type import Params, ParamsType
from tcore.graph.testvalues import get_test_value
from tcore.graph.text import as_string, default_node_formatter, op_as_string
from tcore.graph.traversal import (
    ancestors,
    general_toposort,
    inputs,
    io_connection_pattern,
    io_toposort,
    is_in_ancestors,
    list_of_nodes,
    ops,
    orphans,
    stack_search,
    variables,
    variables_and_orphans,
    view_roots,
)
from tcore.graph.type import Generic, PureType, SingletonType, Type, generic
from tcore.graph.variable import Constant, Variable

__all__ = [
    "AlreadyThere",
    "Apply",
    "BadOptimization",
    "Bookkeeper",
    "CDataType",
    "CEnumType",
    "CLinkerOp",
    "CLinkerType",
    "COp",
    "Constant",
    "DebugModeError",
    "DestroyHandler",
    "DisconnectedType",
    "EnumList",
    "EnumType",
    "Feature",
    "FieldlessOp",
    "FunctionGraph",
    "Generic",
    "History",
    "InconsistencyError",
    "MethodNotDefined",
    "MissingInputError",
    "NoParams",
    "Node",
    "NodeFinder",
    "NullType",
    "Op",
    "OpenMPOp",
    "Params",
    "ParamsType",
    "PrintListener",
    "PureOp",
    "PureType",
    "ReplaceValidate",
    "SingletonType",
    "Type",
    "Validator",
    "Variable",
    "ancestors",
    "as_string",
    "as_variable",
    "clone",
    "clone_get_equiv",
    "clone_replace",
    "debugprint",
    "default_node_formatter",
    "equal_computations",
    "fast_inplace_check",
    "general_toposort",
    "generic",
    "get_test_value",
    "inputs",
    "io_connection_pattern",
    "io_toposort",
    "is_in_ancestors",
    "is_same_graph",
    "list_of_nodes",
    "nodes_constructed",
    "op_as_string",
    "ops",
    "orphans",
    "register_converter",
    "stack_search",
    "variables",
    "variables_and_orphans",
    "view_roots",
]

if TYPE_CHECKING:
    from tcore.graph.cdata_type import CDataType
    from tcore.graph.comparison import equal_computations, is_same_graph
    from tcore.graph.destroyhandler import DestroyHandler, fast_inplace_check
    from tcore.graph.enum_type import CEnumType, EnumList, EnumType
    from tcore.graph.external_c import COp
    from tcore.graph.openmp import OpenMPOp
else:
    #: not at the top: they cost as much as all others, and only optimizations, tests and authors of ops with C code have such things
    _LATER = {
        "CDataType": "cdata_type",
        "CEnumType": "enum_type",
        "COp": "external_c",
        "DestroyHandler": "destroyhandler",
        "EnumList": "enum_type",
        "EnumType": "enum_type",
        "OpenMPOp": "openmp",
        "equal_computations": "comparison",
        "fast_inplace_check": "destroyhandler",
        "is_same_graph": "comparison",
    }

    _submodule = lazy_submodules(__name__)

    def __getattr__(name):  # noqa: ANN001, ANN202 - type checkers see the imports
        if name not in _LATER:
            return _submodule(name)
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)

    def __dir__():  # noqa: ANN202
        return sorted({*globals(), *_LATER})
