"""The errors of native nodes.

A native failure is a record (code, Apply, operand, axis, lengths). Its report is made by computing the operands of the
node again from the inputs and letting ``perform`` raise what NumPy says about them, so that all backends give the same
errors; a message of our own stands in where ``perform`` finds nothing wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from tcore.graph import Constant
from tcore.graph.traversal import io_toposort
from tcore.link.errors import ThunkView, raise_with_op
from tcore_cpu.native.kept import DTYPES, Failure
from tcore_cpu.programs.draft import Draft

__all__ = ["BareErrors", "ErrorReports"]

_DTYPE_NAMES = {number: name for name, number in DTYPES.items()}


class ErrorReports:
    """Turns the records of failed native steps into exceptions; called by the runtime."""

    def __init__(self, fgraph: Any, draft: Draft, inputs: Sequence[Any] | None = None) -> None:
        self._inputs = inputs
        self.fgraph, self.applies, self.makers = fgraph, draft.applies, draft.makers
        self.kernels, self.buffers, self.dtypes = len(draft.kernels), draft.buffers, draft.dtypes

    def __call__(self, record: tuple[int, ...], values: tuple[Any, ...]) -> None:
        """Raise what ``record`` means, nothing for a doubt without reason; ``values`` are those of the program's inputs, or the lengths of an array without memory."""
        code, apply, operand, axis, left, right = record
        if code == Failure.MEMORY:
            self.no_memory(operand, left, values)
        if not 0 <= apply < len(self.applies):
            self.anonymous(record, values)
        node = self.applies[apply]
        operands = self.operands(node, values)
        try:
            self.perform(node, operands)
            if code == Failure.DOUBT:
                return
            if code == Failure.SHAPE:
                # lengths are compared across a kernel: the node that minds may be another of it
                self.replay(values)
            # operands may be overwritten by now, so that an op which has only one thing to say is asked for that
            refusal = getattr(node.op, "refusal", None)
            raise _own_error(Failure(code), operand, axis, left, right) if refusal is None else refusal()
        except _ReplayError as found:
            self.blame(found.node, ThunkView(found.operands, len(found.node.outputs)), found.info)
        except Exception:
            shown = [None if value is _LOST else value for value in operands]
            self.blame(node, ThunkView(shown, len(node.outputs)), sys.exc_info())

    def blame(self, node: Any, thunk: Any = None, exc_info: Any = None) -> NoReturn:
        """Raise an error with a report on its node."""
        raise_with_op(self.fgraph, node, thunk, exc_info)

    def no_memory(self, slot: int, size: int, shape: tuple[int, ...]) -> None:
        """Raise MemoryError with what was wanted, the node that it was for, and what the program keeps.

        ``size`` in bytes: 0 for what a node needs beside its output, negative where 64 bits are too few.
        """
        if slot < 0:
            wanted = "a call"
        elif size == 0:
            wanted = "a node's work on its operands"
        else:
            bytes_ = f"{size} bytes" if size > 0 else "more bytes than there are addresses"
            wanted = f"an array of shape {shape} and dtype {_DTYPE_NAMES[self.dtypes[slot]]}: {bytes_}"
        kept = f"{self.buffers} buffer{'s' * (self.buffers != 1)} for intermediate values"
        error = MemoryError(f"no memory for {wanted}; the program uses {self.kernels} kernels and {kept}")
        maker = self.makers.get(slot)
        if maker is None:
            raise error
        self.blame(self.applies[maker[0]], exc_info=(type(error), error, None))

    def anonymous(self, record: tuple[int, ...], values: tuple[Any, ...]) -> NoReturn:
        """Raise what a record without an Apply means: the first node that ``perform`` refuses has the blame."""
        code, _, operand, axis, left, right = record
        try:
            self.replay(values)
        except _ReplayError as found:
            self.blame(found.node, ThunkView(found.operands, len(found.node.outputs)), found.info)
        raise _own_error(Failure(code), operand, axis, left, right)

    def perform(self, node: Any, operands: Sequence[Any]) -> list[Any]:
        """The outputs of a node; nothing where an operand is lost. Operands are copied where the node destroys some."""
        if any(value is _LOST for value in operands):
            return [_LOST] * len(node.outputs)
        if getattr(node.op, "destroy_map", None):
            operands = [value.copy() if hasattr(value, "copy") else value for value in operands]
        cells: list[list[Any]] = [[None] for _ in node.outputs]
        node.op.perform(node, list(operands), cells)
        return [cell[0] for cell in cells]

    def replay(self, values: Sequence[Any]) -> None:
        """Run all nodes with ``perform`` until one fails: :class:`_ReplayError` says which."""
        known = dict(zip(self.inputs(values), values, strict=False))
        for node in self.applies:
            operands = [v.data if isinstance(v, Constant) else known.get(v, _LOST) for v in node.inputs]
            try:
                known.update(zip(node.outputs, self.perform(node, operands), strict=True))
            except Exception:
                raise _ReplayError(node, operands, sys.exc_info()) from None

    def inputs(self, values: Sequence[Any]) -> list[Any]:
        """The variables whose values the runtime gives."""
        if self._inputs is not None:
            return list(self._inputs)
        if len(self.applies) == 1:
            (node,) = self.applies
            own = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
            # the program of a whole graph takes the values in the order of the graph, that of a node in the node's
            if len(own) == len(values) and set(own) != set(self.fgraph.inputs):
                return own
        return list(self.fgraph.inputs)

    def operands(self, node: Any, values: Sequence[Any]) -> list[Any]:
        """The values of a node's inputs, computed again with ``perform`` where the program did not keep them."""
        known: dict[Any, Any] = dict(zip(self.inputs(values), values, strict=False))

        def value_of(variable: Any) -> Any:
            if isinstance(variable, Constant):
                return variable.data
            return known.get(variable, _LOST)

        wanted = [v for v in node.inputs if value_of(v) is _LOST]
        for ancestor in io_toposort(list(known), wanted) if wanted else ():
            arguments = [value_of(v) for v in ancestor.inputs]
            try:
                results = self.perform(ancestor, arguments)
            except Exception:  # noqa: S112 - the report goes on without this value
                continue
            known.update(zip(ancestor.outputs, results, strict=True))
        return [value_of(v) for v in node.inputs]


class BareErrors(ErrorReports):
    """The same without reports, for code around a node that adds one on itself."""

    def blame(self, node: Any, thunk: Any = None, exc_info: Any = None) -> NoReturn:
        """Raise an error as it is."""
        raise exc_info[1]


_LOST = object()


class _ReplayError(Exception):
    """A node failed when the graph was run again."""

    def __init__(self, node: Any, operands: Sequence[Any], info: Any) -> None:
        super().__init__(str(node))
        self.node, self.operands, self.info = node, operands, info


def _own_error(code: Failure, operand: int, axis: int, left: int, right: int) -> Exception:
    if code is Failure.SHAPE:
        return ValueError(
            f"Input dimension mis-match: input {operand} has length {left} along axis {axis}, where {right} is needed"
        )
    if code is Failure.INDEX:
        return IndexError(f"index {left} is out of bounds for an axis of length {right}")
    if code is Failure.DEMAND:
        return ValueError("the lengths or integers that this node is given do not fit together")
    if code is Failure.NEGATIVE:
        return ValueError(f"negative dimensions are not allowed: length {left} along axis {axis}")
    if code is Failure.RESHAPE:
        return ValueError(f"cannot reshape an array of {left} elements: {right} does not fit")
    if code is Failure.LINALG:
        return np.linalg.LinAlgError(
            f"LAPACK found no result: the matrix is singular, not positive definite or not finite, or an iteration did not converge ({left})"
        )
    return RuntimeError(f"native code failed: {code.name.lower()}")
