"""How the ops of the tensor package look in :func:`~tcore.printing.pp`."""

from __future__ import annotations

from typing import Any

from tcore import scalar
from tcore.graph import Type, Variable
from tcore.printing.pretty import IgnorePrinter, OperatorPrinter, Parts, PatternPrinter, PPrinter, argument_parts
from tcore.scalar.op import snake_case
from tcore.tensor.alloc import Alloc
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.join import Join, MakeVector
from tcore.tensor.subtensor import Subtensor

__all__ = ["assign_tensor_notation"]

_OPERATORS: dict[str, OperatorPrinter | PatternPrinter | IgnorePrinter] = {
    "Add": OperatorPrinter("+", -2, "either"),
    "Mul": OperatorPrinter("*", -1, "either"),
    "Sub": OperatorPrinter("-", -2, "left"),
    "Neg": OperatorPrinter("-", 0, "either"),
    "TrueDiv": OperatorPrinter("/", -1, "left"),
    "IntDiv": OperatorPrinter("//", -1, "left"),
    "Pow": OperatorPrinter("**", 1, "right"),
    "Abs": PatternPrinter("|%(0)s|"),
    "Identity": IgnorePrinter(),
}
#: names in calls that are not the name of the scalar op
_NAMES = {"Second": "fill", "ScalarSigmoid": "sigmoid", "ScalarSoftplus": "softplus", "Sigmoid": "sigmoid"}


class _ElemwisePrinter:
    """Operators in infix form, other functions as calls with the name of the scalar op."""

    def parts(self, output: Variable) -> Parts:
        assert output.owner is not None
        op: Any = output.owner.op
        scalar_op = op.scalar_op
        kind = type(scalar_op).__name__
        printer = _OPERATORS.get(kind)
        if printer is not None:
            return printer.parts(output)
        if isinstance(scalar_op, scalar.Cast):
            name = scalar_op.o_type.dtype if hasattr(scalar_op, "o_type") else str(output.type.dtype)  # type: ignore[attr-defined]
        elif isinstance(scalar_op, scalar.Composite):
            name = str(op)
        else:
            name = _NAMES.get(kind) or getattr(scalar_op, "name", None) or snake_case(kind)
        return [name, *argument_parts(output.owner.inputs)]


class _DimShufflePrinter:
    """``x.T``; nothing where axes are only added in front, as broadcasting does by itself."""

    def parts(self, output: Variable) -> Parts:
        assert output.owner is not None
        op: Any = output.owner.op
        x = output.owner.inputs[0]
        order = tuple(op.new_order)
        ndim = x.type.ndim  # type: ignore[attr-defined]
        if order == (1, 0) and ndim == 2:
            return [x, ".T"]
        kept = [axis for axis in order if axis != "x"]
        leading = len(order) - len(kept)
        if kept == list(range(ndim)) and all(axis == "x" for axis in order[:leading]):
            return [x]
        return [f"DimShuffle{{{', '.join(map(str, order))}}}(", x, ")"]


class _SubtensorPrinter:
    """``x[i, :]``: single indices are printed, bounds of slices by their types."""

    def parts(self, output: Variable) -> Parts:
        assert output.owner is not None
        x, *given = output.owner.inputs
        left = iter(given)
        result: Parts = [x, "["]
        for position, entry in enumerate(output.owner.op.idx_list):  # type: ignore[attr-defined]
            if position:
                result.append(", ")
            if not isinstance(entry, slice):
                result.append(next(left) if isinstance(entry, Type) else str(entry))
                continue
            bounds = []
            for bound in (entry.start, entry.stop, entry.step):
                if isinstance(bound, Type):
                    next(left)
                bounds.append("" if bound is None else str(getattr(bound, "dtype", bound)))
            result.append(":".join(bounds if bounds[2] else bounds[:2]))
        return [*result, "]"]


class _CallPrinter:
    def __init__(self, name: str, opening: str = "(", closing: str = ")") -> None:
        self.name, self.opening, self.closing = name, opening, closing

    def parts(self, output: Variable) -> Parts:
        assert output.owner is not None
        return [self.name, self.opening, *argument_parts(output.owner.inputs)[1:-1], self.closing]


def assign_tensor_notation(printer: PPrinter) -> None:
    """Teach ``printer`` the notation of tensors."""
    printer.assign(Elemwise, _ElemwisePrinter())
    printer.assign(DimShuffle, _DimShufflePrinter())
    printer.assign(Subtensor, _SubtensorPrinter())
    printer.assign(Dot, OperatorPrinter("\\dot", -1, "left"))
    printer.assign(Join, _CallPrinter("join"))
    printer.assign(MakeVector, _CallPrinter("", "[", "]"))
    printer.assign(Alloc, _CallPrinter("alloc"))
