"""Graphs as one line of mathematics: :func:`pp`, and the printers that ops may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tcore.graph import Constant, FunctionGraph, Op, Variable

__all__ = [
    "DefaultPrinter",
    "FunctionPrinter",
    "IgnorePrinter",
    "LeafPrinter",
    "MemberPrinter",
    "OperatorPrinter",
    "PPrinter",
    "Parts",
    "PatternPrinter",
    "PrinterState",
    "argument_parts",
    "pp",
    "pprint",
]

#: what a printer gives: texts, and variables whose texts come between them
Parts = list["str | Variable"]


class PrinterState:
    """What a printer with a method ``process(output, pstate)`` gets: ``pstate.pprinter.process(variable, pstate)``."""

    def __init__(self, pprinter: PPrinter, **props: Any) -> None:
        self.pprinter = pprinter
        self.__dict__.update(props)

    def clone(self, **props: Any) -> PrinterState:
        """The same with further attributes."""
        return PrinterState(**{**self.__dict__, **props})


class OperatorPrinter:
    """``(a + b)``: an operator between its operands, or before its only one.

    Parameters
    ----------
    operator : str
    precedence : int
        Of the operator; for printers that leave parentheses out.
    assoc : {"left", "right", "none"}
    """

    def __init__(self, operator: str, precedence: int = 0, assoc: str = "left") -> None:
        self.operator = operator
        self.precedence = precedence
        self.assoc = assoc

    def parts(self, output: Variable) -> Parts:
        """Operands and operators, in parentheses."""
        operands = _node(output).inputs
        if len(operands) == 1:
            return ["(", self.operator, operands[0], ")"]
        result: Parts = ["("]
        for position, operand in enumerate(operands):
            if position:
                result.append(f" {self.operator} ")
            result.append(operand)
        return [*result, ")"]


class FunctionPrinter:
    """``name(a, b)``.

    Parameters
    ----------
    names : str
        One name for each output of the op; the last serves the others.
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def parts(self, output: Variable) -> Parts:
        """The name of this output and the arguments."""
        index = output.index or 0
        return [self.names[min(index, len(self.names) - 1)], *argument_parts(_node(output).inputs)]


class PatternPrinter:
    """A text with places: ``PatternPrinter(("|%(0)s|", -1000))`` prints ``|x|``.

    Parameters
    ----------
    patterns : str or (str, precedence, …)
        One for each output; ``%(i)s`` stands for input ``i``.
    """

    def __init__(self, *patterns: Any) -> None:
        self.patterns = [pattern if isinstance(pattern, str) else pattern[0] for pattern in patterns]

    def parts(self, output: Variable) -> Parts:
        """The text with the inputs in their places."""
        inputs = _node(output).inputs
        pattern = self.patterns[min(output.index or 0, len(self.patterns) - 1)]
        result: Parts = []
        for position, piece in enumerate(pattern.split("%(")):
            if position == 0:
                result.append(piece)
                continue
            number, _, rest = piece.partition(")s")
            result += [inputs[int(number)], rest]
        return result


class MemberPrinter:
    """``x.T``."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def parts(self, output: Variable) -> Parts:
        """The first input, a dot and the name."""
        return [_node(output).inputs[0], f".{self.names[min(output.index or 0, len(self.names) - 1)]}"]


class IgnorePrinter:
    """The first input alone."""

    def parts(self, output: Variable) -> Parts:
        """The first input."""
        return [_node(output).inputs[0]]


class LeafPrinter:
    """The name of a variable, or its type; constants by value."""

    def parts(self, output: Variable) -> Parts:
        """One text."""
        if isinstance(output, Constant):
            name = output.name
            try:
                output.name = None  # the name of a constant says nothing about its value
                return [str(output)]
            finally:
                output.name = name
        return [output.name if output.name is not None else f"<{output.type}>"]


class DefaultPrinter:
    """``Op(a, b)``."""

    def parts(self, output: Variable) -> Parts:
        """The text of the op and the arguments."""
        node = _node(output)
        return [str(node.op), *argument_parts(node.inputs)]


def _node(output: Variable) -> Any:
    if output.owner is None:
        raise TypeError(f"{output} is computed by nothing: this printer is for results of ops")
    return output.owner


def argument_parts(inputs: list[Variable]) -> Parts:
    """The inputs in parentheses, separated by commas."""
    result: Parts = ["("]
    for position, variable in enumerate(inputs):
        if position:
            result.append(", ")
        result.append(variable)
    return [*result, ")"]


class PPrinter:
    """Prints graphs by asking, for each variable, the first printer whose condition holds; the newest is asked first."""

    def __init__(self) -> None:
        self._conditions: list[tuple[Callable[[Any, Variable], bool], Any]] = []
        self._ops: dict[Op, Any] = {}
        self._types: dict[type, Any] = {}
        self._leaf = LeafPrinter()
        self._default = DefaultPrinter()

    def assign(self, condition: Any, printer: Any) -> None:
        """Use ``printer`` where ``condition`` holds.

        Parameters
        ----------
        condition : Op, class of ops, or callable
            An op stands for nodes with an equal op, a class for nodes with an op of it; a callable is asked as
            ``condition(pstate, variable)``.
        printer : object
            With a method ``parts(variable)`` that gives texts and variables, or ``process(variable, pstate)`` that gives
            a text; or a function as the latter.
        """
        if isinstance(condition, Op):
            self._ops[condition] = printer
        elif isinstance(condition, type):
            self._types[condition] = printer
        elif callable(condition):
            self._conditions.insert(0, (condition, printer))
        else:
            raise TypeError(f"a printer is assigned to an op, a class of ops or a condition, got {condition!r}")

    def _printer_for(self, variable: Variable, state: PrinterState) -> Any:
        for condition, printer in self._conditions:
            if condition(state, variable):
                return printer
        if variable.owner is None:
            return self._leaf
        op = variable.owner.op
        try:
            printer = self._ops.get(op)
        except TypeError:  # an op that cannot be hashed
            printer = None
        if printer is not None:
            return printer
        for cls in type(op).__mro__:
            if cls in self._types:
                return self._types[cls]
        return self._default

    def process(self, r: Variable, pstate: PrinterState | None = None) -> str:
        """The text of ``r``; without recursion, so that chains of any length print."""
        state = pstate if pstate is not None else PrinterState(self)
        result: list[str] = []
        stack: list[str | Variable] = [r]
        while stack:
            part = stack.pop()
            if isinstance(part, str):
                result.append(part)
                continue
            printer = self._printer_for(part, state)
            parts = getattr(printer, "parts", None)
            if parts is not None:
                stack.extend(reversed(parts(part)))
            elif hasattr(printer, "process"):
                result.append(printer.process(part, state))
            else:
                result.append(printer(part, state))
        return "".join(result)

    def process_graph(self, inputs: Any, outputs: Any, updates: Any = None) -> str:
        """The inputs, then each output, as a small program."""
        inputs = [inputs] if isinstance(inputs, Variable) else list(inputs)
        outputs = [outputs] if isinstance(outputs, Variable) else list(outputs)
        lines = ["inputs: " + ", ".join(map(str, inputs))]
        lines += [f"output {i}: {self.process(output)}" for i, output in enumerate(outputs)]
        lines += [f"{target} <- {self.process(value)}" for target, value in dict(updates or {}).items()]
        return "\n".join(lines)

    def __call__(self, *args: Any) -> str:
        """The text of a variable, or of a FunctionGraph, or of inputs and outputs."""
        if len(args) == 1:
            (obj,) = args
            if isinstance(obj, FunctionGraph):
                return self.process_graph(obj.inputs, obj.outputs)
            fgraph = getattr(getattr(obj, "maker", None), "fgraph", None)
            if fgraph is not None:
                return self.process_graph(fgraph.inputs, fgraph.outputs)
            if not isinstance(obj, Variable):
                raise TypeError(f"pp prints variables, graphs and functions, got {obj!r}, of {type(obj).__name__}")
            return self.process(obj)
        if len(args) in (2, 3):
            return self.process_graph(*args)
        raise TypeError(f"pp takes a variable, or inputs, outputs and updates; got {len(args)} arguments")


pprint = PPrinter()


def pp(*args: Any) -> str:
    """``args`` as mathematics: a variable, a graph or a compiled function.

    >>> pp(x + y)
    '(x + y)'
    """
    return pprint(*args)
