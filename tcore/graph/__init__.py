"""Graphs: Type, Variable, Constant, Apply, Op and FunctionGraph, and the walks over them."""

from tcore.graph.apply import Apply, NoParams
from tcore.graph.conversion import as_variable, register_converter
from tcore.graph.errors import InconsistencyError, MethodNotDefined, MissingInputError
from tcore.graph.op import Op, PureOp
from tcore.graph.type import Generic, Type, generic
from tcore.graph.variable import Constant, Variable

__all__ = [
    "Apply",
    "Constant",
    "Generic",
    "InconsistencyError",
    "MethodNotDefined",
    "MissingInputError",
    "NoParams",
    "Op",
    "PureOp",
    "Type",
    "Variable",
    "as_variable",
    "generic",
    "register_converter",
]
