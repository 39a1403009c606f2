"""Graphs as text and pictures."""

import tcore.compile
import tcore.graph
import tcore.tensor  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.graph.debugprint import debugprint
from tcore.printing.minimal import hex_digest, min_informative_str, var_descriptor
from tcore.printing.notation import assign_tensor_notation
from tcore.printing.picture import draw_graph
from tcore.printing.pretty import (
    DefaultPrinter,
    FunctionPrinter,
    IgnorePrinter,
    LeafPrinter,
    MemberPrinter,
    OperatorPrinter,
    PatternPrinter,
    PPrinter,
    PrinterState,
    pp,
    pprint,
)
from tcore.printing.print_op import Print
from tcore.printing.pydot import default_colorCodes, pydotprint

assign_tensor_notation(pprint)

__all__ = [
    "DefaultPrinter",
    "FunctionPrinter",
    "IgnorePrinter",
    "LeafPrinter",
    "MemberPrinter",
    "OperatorPrinter",
    "PPrinter",
    "PatternPrinter",
    "Print",
    "PrinterState",
    "assign_tensor_notation",
    "debugprint",
    "default_colorCodes",
    "draw_graph",
    "hex_digest",
    "min_informative_str",
    "pp",
    "pprint",
    "pydotprint",
    "var_descriptor",
]
